"""What Django needs to know of this part."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The append-only, hash-chained trail of every decision."""

    name = "closedwon.audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"
