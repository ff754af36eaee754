"""What Django needs to know of this part."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


class SiteConfig(AppConfig):
    """Settings, addresses, navigation, the API root and the command-line root."""

    name = "closedwon.site"
    label = "site"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {
        "workspace": "system",
        "/palette/": "deal",
        "/design/": "system",
        "/about/": "system",
        "/undo/": "system",
    }
    nav = (
        NavItem("Today", "Today", "site:home", order=0, words="home start"),
        NavItem("Admin", "Components", "site:design", roles=frozenset({"admin"}), order=99, words="design gallery"),
    )
