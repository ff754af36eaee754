"""What Django needs to know of this part."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


class AuditConfig(AppConfig):
    """The append-only, hash-chained trail of every decision."""

    name = "closedwon.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
    nav: ClassVar[list[NavItem]] = [
        NavItem(
            "Admin",
            "Audit trail",
            "audit:trail",
            frozenset({"admin", "sales-ops", "comp-admin", "finance", "auditor"}),
            20,
            words="history log changes verify",
        )
    ]
    audited: ClassVar[dict[str, str]] = {
        "audit": "system",
        "file": "system",
        "api": "system",
        "/api/v1/audit/": "system",
        "/admin/audit/": "system",
    }
