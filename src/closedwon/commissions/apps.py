"""What Django needs to know of compensation, and the policy that it brings."""

from django.apps import AppConfig


class CommissionsConfig(AppConfig):
    """Plans, credits, earnings and pay."""

    name = "closedwon.commissions"
    label = "commissions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the kind of policy known."""
        from closedwon.commissions.kind import KIND
        from closedwon.policies.registry import register

        register(KIND)
