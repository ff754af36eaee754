"""What Django needs to know of customers and deals, and the policy that it brings."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem

SEES = frozenset({"admin", "sales-ops", "auditor"})
DEALS = frozenset(
    {"sales-ops", "executive", "manager", "rep", "se", "csm", "overlay", "partner-manager", "deal-desk", "finance", "auditor"}
)


class CrmConfig(AppConfig):
    """Customers and deals: import, history, snapshots, data quality."""

    name = "closedwon.crm"
    label = "crm"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {
        "import": "system",
        "release": "system",
        "day": "system",
        "/pipeline/": "deal",
        "/systems/data-quality/": "deal",
        "/api/v1/crm/": "deal",
    }
    nav = [
        NavItem("Pipeline", "Funnel", "crm:funnel", DEALS, 10, words="conversion win rate velocity duration slip cohort censored stages"),
        NavItem("Pipeline", "Deals", "crm:deals", DEALS, 20, words="opportunities"),
        NavItem("Pipeline", "Accounts", "crm:accounts", DEALS, 30, words="customers companies"),
        NavItem("Pipeline", "Import", "crm:imports", SEES, 80, words="upload csv excel mapping"),
        NavItem("Systems", "Data quality", "crm:quality", SEES | {"executive", "salesforce-admin"}, 40, words="dirt duplicates quarantine"),
    ]

    def ready(self) -> None:
        """Make the pipeline policy, and what the palette finds, known."""
        from closedwon.crm.beside import open_deals
        from closedwon.crm.finding import register_search
        from closedwon.crm.funnel.kind import register_funnel
        from closedwon.crm.home import cards
        from closedwon.crm.policy import PipelinePolicy
        from closedwon.crm.preview import effect, run_case, stages_preview
        from closedwon.people import beside
        from closedwon.policies.registry import PolicyKind, register
        from closedwon.ui.today import register as register_cards

        register_search()
        beside.register(open_deals)
        register_cards(cards)
        register(
            PolicyKind(
                "pipeline",
                "pipeline.toml",
                PipelinePolicy,
                "Pipeline",
                "Stages, order types and where bookings come from",
                "closedwon.crm",
                "default/pipeline.toml",
                run_case=run_case,
                preview=stages_preview,
                effect=effect,
            )
        )
        register_funnel()
