"""What Django needs to know of this part."""

from django.apps import AppConfig


class ForecastConfig(AppConfig):
    """The weekly forecast: types, roll-up, waterfall, inspection."""

    name = "closedwon.forecast"
    label = "forecast"
    default_auto_field = "django.db.models.BigAutoField"
