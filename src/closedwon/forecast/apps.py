"""What Django needs to know of the forecast, and the policy that it brings."""

from importlib import import_module
from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem

SEES = frozenset({"sales-ops", "executive", "manager", "rep", "se", "csm", "overlay", "partner-manager", "deal-desk", "finance", "auditor"})
"""Roles that have deals in sight."""
FLAGS = frozenset({"admin", "sales-ops", "executive", "auditor", "finance", "deal-desk"})
"""Roles that may read policies."""


class ForecastConfig(AppConfig):
    """The weekly forecast: types, roll-up, waterfall, inspection."""

    name = "closedwon.forecast"
    label = "forecast"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("call", "override", "period", "scenario", "seat", "summary"), "deal"),
        "/forecast/": "deal",
        "/api/v1/forecast/": "deal",
    }
    nav: ClassVar[list[NavItem]] = [
        NavItem("Forecast", "Board", "forecast:board", SEES, 10, words="roll-up quota commit gap coverage"),
        NavItem("Forecast", "Calls", "forecast:calls", SEES, 12, words="submit commit best case history late lock override"),
        NavItem("Forecast", "One-to-one", "forecast:agenda", SEES, 35, words="agenda actions talk rhythm"),
        NavItem("Forecast", "Waterfall", "forecast:waterfall", SEES, 20, words="pipeline moved pushed new flow"),
        NavItem("Forecast", "Projection", "forecast:projection", SEES, 15, words="machine interval curves back-test accuracy median"),
        NavItem("Forecast", "Renewals", "forecast:renewals", SEES, 16, words="atr churn retention notice contracts gross net"),
        NavItem("Forecast", "Scenarios", "forecast:scenarios", SEES, 17, words="what if biggest deal hire delay probability"),
        NavItem("Forecast", "Quarter end", "forecast:close", SEES, 18, words="close room booked flash tie-out finance restatements lock"),
        NavItem("Forecast", "Summary", "forecast:summary", SEES, 12, words="weekly mail risks asks late send pdf slack"),
        NavItem("Forecast", "Scorecard", "forecast:scorecard", SEES, 35, words="hygiene rep pace overdue next step late calls"),
        NavItem("Forecast", "Pacing", "forecast:pacing", SEES, 22, words="same day linearity coverage yield required pace"),
        NavItem("Forecast", "Accuracy", "forecast:accuracy", SEES, 24, words="wape bias sandbag optimistic hit rate value added calls"),
        NavItem(
            "Pipeline", "What a point is worth", "forecast:optimize", SEES, 12, words="optimize sensitivity conversion day opportunity week"
        ),
        NavItem("Pipeline", "Generation", "forecast:generation", SEES, 30, words="pipeline created target source pace"),
        NavItem("Forecast", "Inspection flags", "forecast:flags", FLAGS, 40, words="flags formulas rules risk"),
        NavItem("Forecast", "Deal inspection", "forecast:deals", SEES, 30, words="flags risk pushed stale"),
    ]

    def import_models(self) -> None:
        """The tables of the summary stand in a file of their own."""
        super().import_models()
        import_module("closedwon.forecast.models_summary")
        import_module("closedwon.forecast.models_scenarios")

    def ready(self) -> None:
        """Make the forecast policy, the scopes, the currencies and the numbers of Today known."""
        from closedwon.forecast import flag_kind, policy_kind
        from closedwon.forecast.flags import InspectionPolicy, decide
        from closedwon.forecast.home import calls_to_make, cards, currencies, scopes
        from closedwon.forecast.pace_kind import register_pace
        from closedwon.forecast.policy import ForecastPolicy
        from closedwon.forecast.projection.kinds import register_projection
        from closedwon.forecast.renewals.kinds import register_renewals
        from closedwon.forecast.rhythm import RhythmPolicy
        from closedwon.forecast.rhythm import run_case as rhythm_case
        from closedwon.forecast.summary.kinds import register_summary
        from closedwon.policies.registry import PolicyKind, register
        from closedwon.ui import context, today

        register(
            PolicyKind(
                "forecast",
                "forecast.toml",
                ForecastPolicy,
                "Forecast",
                "Forecast types and categories",
                "closedwon.forecast",
                "default/forecast.toml",
                run_case=policy_kind.run_case,
                preview=policy_kind.preview,
                effect=policy_kind.effect,
            )
        )
        register(
            PolicyKind(
                "inspection",
                "inspection.toml",
                InspectionPolicy,
                "Deal inspection",
                "Which open deals deserve a look: flags as formulas",
                "closedwon.forecast",
                "default/inspection.toml",
                run_case=decide,
                preview=flag_kind.preview,
                lint=flag_kind.look,
                effect=flag_kind.effect,
                names=flag_kind.names,
            )
        )
        register(
            PolicyKind(
                "rhythm",
                "forecast-rhythm.toml",
                RhythmPolicy,
                "Forecast rhythm",
                "When calls are due, who calls, when a note is needed, and what each month is for",
                "closedwon.forecast",
                "default/forecast-rhythm.toml",
                run_case=rhythm_case,
            )
        )
        register_projection()
        register_pace()
        register_summary()
        register_renewals()
        context.register_scopes(scopes)
        context.register_currencies(currencies)
        today.register(cards)
        today.register(calls_to_make)
