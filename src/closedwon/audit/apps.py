"""What Django needs to know of this part."""

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


class AuditConfig(AppConfig):
    """The append-only, hash-chained trail of every decision."""

    name = "closedwon.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
    nav = [NavItem("Admin", "Audit trail", "audit:trail", frozenset({"admin", "auditor"}), 20, words="history log changes verify")]
