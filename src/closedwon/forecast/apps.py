"""What Django needs to know of the forecast, and the policy that it brings."""

from typing import ClassVar

from django.apps import AppConfig


class ForecastConfig(AppConfig):
    """The weekly forecast: types, roll-up, waterfall, inspection."""

    name = "closedwon.forecast"
    label = "forecast"
    default_auto_field = "django.db.models.BigAutoField"
    nav: ClassVar[list[object]] = []

    def ready(self) -> None:
        """Make the forecast policy and the refresh job known."""
        from closedwon.forecast.policy import ForecastPolicy
        from closedwon.policies.registry import PolicyKind, register

        register(
            PolicyKind(
                "forecast",
                "forecast.toml",
                ForecastPolicy,
                "Forecast",
                "Forecast types, categories and inspection flags",
                "closedwon.forecast",
                "default/forecast.toml",
            )
        )
