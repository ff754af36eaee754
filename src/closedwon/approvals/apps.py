"""What Django needs to know of approvals, and the policy that they bring."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Who must agree to what, and what was decided."""

    name = "closedwon.approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the kind of policy known."""
        from closedwon.approvals.kind import KIND
        from closedwon.policies.registry import register

        register(KIND)
