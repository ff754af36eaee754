"""What Django needs to know of this part."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem

KEEPERS = frozenset({"admin", "sales-ops", "auditor"})
READERS = frozenset({"admin", "sales-ops", "executive", "manager", "auditor", "finance", "enablement"})
DECIDERS = frozenset({"admin", "sales-ops", "executive", "manager", "auditor"})


class PeopleConfig(AppConfig):
    """People, seats, roles and what each may see."""

    name = "closedwon.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {
        "user": "people",
        "token": "people",
        "identity": "people",
        "identities": "people",
        "seats": "people",
        "seat-correction": "people",
        "person": "people",
        "/people/": "people",
        "/admin/people/": "people",
        "/settings/tokens/": "people",
        "/api/v1/people/": "people",
    }
    nav = [
        NavItem("Admin", "People", "people:people", KEEPERS, 10, words="users roles grants invite"),
        NavItem("Plan", "People and seats", "people:staff", READERS, 10, words="who works here seats leave history"),
        NavItem("Admin", "Identity map", "people:identities", KEEPERS | {"comp-admin"}, 20, words="employee number payee crm user"),
        NavItem("Admin", "Seats", "people:seats", DECIDERS, 30, words="hierarchy holders corrections re-org"),
    ]
