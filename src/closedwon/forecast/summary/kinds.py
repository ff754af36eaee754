"""The summary's kind of policy, made known when Django starts."""

from __future__ import annotations

from closedwon.forecast.summary.policy import SummaryPolicy, run_case
from closedwon.policies.registry import PolicyKind, register


def register_summary() -> None:
    """Make the kind known."""
    register(
        PolicyKind(
            "summary", "forecast-summary.toml", SummaryPolicy, "Weekly summary", "What the weekly summary tells, who gets it and the scorecard, and when",
            "closedwon.forecast.summary", "default/summary.toml", run_case=run_case,
        )
    )  # fmt: skip
