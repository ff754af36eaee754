"""What Django needs to know of approvals, and the policy that they bring."""

from typing import Any, ClassVar

from django.apps import AppConfig

from closedwon.ui.nav import NavItem


def _waiting(by: Any) -> int:
    from closedwon.approvals.actions.looking import waiting_count

    return waiting_count(by)


LOOKS_BACK = frozenset({"deal-desk", "finance", "sales-ops", "executive", "auditor"})
"""Roles that look back over requests."""


class ApprovalsConfig(AppConfig):
    """Who must agree to what, and what was decided."""

    name = "closedwon.approvals"
    label = "approvals"
    default_auto_field = "django.db.models.BigAutoField"
    audited: ClassVar[dict[str, str]] = {"approval": "deal", "/approvals/": "deal", "/api/v1/approvals/": "deal"}
    nav: ClassVar[list[NavItem]] = [
        NavItem("Deals", "Approvals", "approvals:inbox", order=10, badge=_waiting, words="inbox approve sign-off decide"),
        NavItem("Deals", "All approvals", "approvals:every", order=15, words="all requests sign-off decided"),
        NavItem("Deals", "Exceptions", "approvals:exceptions", order=18, words="exemptions price hold promises customer"),
        NavItem("Deals", "Who stands in", "approvals:arrange", order=30, words="delegate away absence out of office"),
        NavItem(
            "Deals", "Approval times", "approvals:analytics", LOOKS_BACK, 26, words="analytics turnaround bottleneck cycle time rework"
        ),
        NavItem("Deals", "Back-test", "approvals:backtest", LOOKS_BACK, 27, words="approvals policy what if past requests matrix"),
        NavItem("Admin", "Approver roles", "approvals:holders", frozenset({"admin", "sales-ops"}), 45, words="holders cfo legal vp"),
    ]

    def ready(self) -> None:
        """Make the kind of policy known."""
        from closedwon.approvals.home import cards
        from closedwon.approvals.kind import KIND
        from closedwon.policies.registry import register
        from closedwon.ui import today

        register(KIND)
        today.register(cards)
