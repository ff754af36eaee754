"""What Django needs to know of customers and deals, and the policy that it brings."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    """Customers and deals: import, history, snapshots, data quality."""

    name = "closedwon.crm"
    label = "crm"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make the pipeline policy known."""
        from closedwon.crm.policy import PipelinePolicy
        from closedwon.policies.registry import PolicyKind, register

        register(
            PolicyKind(
                "pipeline",
                "pipeline.toml",
                PipelinePolicy,
                "Pipeline",
                "Stages, order types and where bookings come from",
                "closedwon.crm",
                "default/pipeline.toml",
            )
        )
