"""What Django needs to know of this part."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Theme, components, formatting, charts and export."""

    name = "closedwon.ui"
    label = "ui"
    default_auto_field = "django.db.models.BigAutoField"
