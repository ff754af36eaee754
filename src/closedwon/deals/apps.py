"""What Django needs to know of deals, and the policy that they bring."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem

SEES = frozenset({"rep", "manager", "se", "csm", "overlay", "partner-manager", "deal-desk", "finance", "sales-ops", "executive", "auditor"})
"""Roles that see requests on deals."""


class DealsConfig(AppConfig):
    """Requests on deals, and the deal desk."""

    name = "closedwon.deals"
    label = "deals"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {"deal-request": "deal", "case": "deal", "/deals/": "deal", "/api/v1/deals/": "deal"}
    nav: ClassVar[list[NavItem]] = [
        NavItem("Deals", "Requests", "deals:requests", SEES, 5, words="discount terms sign-off ask"),
        NavItem("Deals", "Deal desk", "desk:queue", SEES, 20, words="cases questions answers booking check"),
        NavItem(
            "Deals",
            "How sign-off goes",
            "desk:measures",
            frozenset({"deal-desk", "sales-ops", "finance", "executive", "auditor"}),
            25,
            words="cycle time discounts",
        ),
    ]

    def ready(self) -> None:
        """Make the policy and the kinds of request known."""
        from closedwon.approvals.actions.subjects import Subject, register_subject
        from closedwon.deals.actions.requests import behind, seen_by, stands_on_a_deal
        from closedwon.deals.policy import DealDeskPolicy
        from closedwon.deals.sheets import named, sheets, usable
        from closedwon.policies.registry import PolicyKind, register

        register(
            PolicyKind(
                "deal-desk",
                "deal-desk.toml",
                DealDeskPolicy,
                "Deal desk",
                "Cases and their clocks, answers, the booking checklist, the clocks of a quarter's end",
                "closedwon.deals",
                "default/deal-desk.toml",
            )
        )
        from closedwon.crm import beside
        from closedwon.deals.home import beside_deal

        beside.register(beside_deal)
        register_subject(
            Subject("deal", "Deal", visible=seen_by, facts=behind, grounded=stands_on_a_deal, sheets=sheets, named=named, usable=usable)
        )
        register_subject(
            Subject("order", "Booking", visible=seen_by, facts=behind, grounded=stands_on_a_deal, sheets=sheets, named=named, usable=usable)
        )
