"""The pace policy's kind, made known when Django starts, and what its cases come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.forecast.pace_policy import PacePolicy
from closedwon.policies.registry import PolicyKind, register


def register_pace() -> None:
    """Make the kind known."""
    register(
        PolicyKind(
            "forecast-pace", "forecast-pace.toml", PacePolicy, "Accuracy and pacing", "How calls are scored, days compared, pipeline planned",
            "closedwon.forecast", "default/forecast-pace.toml", run_case=run_case,
        )
    )  # fmt: skip


def run_case(policy: PacePolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """A case's steps: calls against what came (`calls`), a quarter against earlier ones (`pacing`), or pipeline against its target (`created`)."""
    from closedwon.forecast import pace_cases

    made: dict[str, Any] = {}
    says = (("lines", pace_cases.scored), ("quarters", pace_cases.habit), ("pacing", pace_cases.paced), ("created", pace_cases.generated))
    for name, say in says:
        if name in given:
            made |= say(policy, given)
    if "seats" in given:
        made |= pace_cases.tree_levels(given["seats"])
    return made
