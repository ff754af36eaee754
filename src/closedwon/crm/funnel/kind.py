"""The funnel's kind of policy, made known when Django starts."""

from __future__ import annotations

from closedwon.crm.funnel.casework import run_case
from closedwon.crm.funnel.policy import FunnelPolicy
from closedwon.policies.registry import PolicyKind, register


def register_funnel() -> None:
    """Make the kind known."""
    register(
        PolicyKind(
            "funnel", "funnel.toml", FunnelPolicy, "Funnel", "Which deals the funnel's metrics count, and what they are measured against",
            "closedwon.crm.funnel", "default/funnel.toml", run_case=run_case,
        )
    )  # fmt: skip
