"""What Django needs to know of this part."""

from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    """Stored versions of policies: check, plan, apply, history."""

    name = "closedwon.policies"
    label = "policies"
    default_auto_field = "django.db.models.BigAutoField"
