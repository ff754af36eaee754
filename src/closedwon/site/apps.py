"""What Django needs to know of this part."""

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Settings, addresses, navigation, the API root and the command-line root."""

    name = "closedwon.site"
    label = "site"
    default_auto_field = "django.db.models.BigAutoField"
