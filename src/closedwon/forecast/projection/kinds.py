"""The projection's kind of policy, made known when Django starts."""

from __future__ import annotations

from closedwon.forecast.projection.policy import ProjectionPolicy, run_case
from closedwon.policies.registry import PolicyKind, register


def register_projection() -> None:
    """Make the kind known."""
    register(
        PolicyKind(
            "projection", "projection.toml", ProjectionPolicy, "Projection", "From how much history the forecast is projected",
            "closedwon.forecast.projection", "default/projection.toml", run_case=run_case,
        )
    )  # fmt: skip
