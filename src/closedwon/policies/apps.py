"""What Django needs to know of this part."""

from typing import ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


class PoliciesConfig(AppConfig):
    """Stored versions of policies: check, plan, apply, history."""

    name = "closedwon.policies"
    label = "policies"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {"policy": "policy", "/policies/": "policy", "/api/v1/policies/": "policy"}
    nav = [
        NavItem(
            "Policies", "Policies", "policies:policies", frozenset({"admin", "sales-ops", "executive", "auditor", "finance", "deal-desk"}), 10,
            words="rules stages forecast types plans text",
        )
    ]  # fmt: skip

    def ready(self) -> None:
        """Let the palette find policies."""
        from closedwon.policies.finding import find_policies
        from closedwon.ui.search import register

        register(find_policies)
