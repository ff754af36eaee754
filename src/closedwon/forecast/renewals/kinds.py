"""The kind of policy that renewals bring, made known when Django starts."""

from __future__ import annotations

from closedwon.forecast.renewals.policy import RenewalsPolicy, run_case
from closedwon.policies.registry import PolicyKind, register


def register_renewals() -> None:
    """Make the kind known."""
    register(
        PolicyKind(
            "renewals", "renewals.toml", RenewalsPolicy, "Renewals", "What is available to renew, and what makes a renewal a risk",
            "closedwon.forecast.renewals", "default/renewals.toml", run_case=run_case,
        )
    )  # fmt: skip
