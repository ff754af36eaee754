"""How a pipeline policy would read the company's own deals, and how a case of it is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.crm.policy import PipelinePolicy
from closedwon.people.actor import Actor


def run_case(policy: PipelinePolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of one deal: its status, category and probability; `given` names its stage and, where it has one, its own category."""
    stage = policy.stage(given.get("stage"))
    category = given.get("category") or None
    if stage is None:
        return {"known": False, "status": "open", "category": category or "unmapped", "probability": "0%"}
    decided = stage.default_category if stage.status != "open" else category or stage.default_category
    shown = f"{stage.probability / 10_000:g}%"
    return {"known": True, "status": stage.status, "category": decided, "probability": shown}


def stages_preview(policy: PipelinePolicy, by: Actor) -> list[dict[str, Any]]:
    """Each stage with its number of deals now, as far as `by` may see them; stages that the policy does not know stand last.

    Nothing for someone who sees no deal.
    """
    counts = deals_by_stage(by)
    if not counts:
        return []
    rows = [
        {"stage": stage.name, "status": stage.status, "category": stage.default_category, "deals": counts.pop(stage.name, 0)}
        for stage in policy.stages
    ]
    return rows + [
        {"stage": name or "(none)", "status": "unknown", "category": "unmapped", "deals": count}
        for name, count in sorted(counts.items())
        if count
    ]


def deals_by_stage(by: Actor) -> dict[str, int]:
    """How many deals stand in each stage now, as far as `by` may see them."""
    from closedwon.crm import deals as asked
    from closedwon.facts.engine import query_rows
    from closedwon.facts.releases import latest, source

    release, cutoff = latest(), asked.cutoff_of(None)
    allowed, extra = asked.visible_condition(by, cutoff, release)
    at = f"TIMESTAMPTZ {asked.text_literal(cutoff.isoformat())}"
    rows = query_rows(
        "SELECT COALESCE(d.stage, '') AS stage, COUNT(*) AS deals FROM deal_states d "
        f"WHERE d.valid_from < {at} AND d.valid_until >= {at} AND NOT d.is_deleted AND {allowed} GROUP BY 1",
        {"deal_states": source("deal_states", release), **extra},
    )
    return {row["stage"]: row["deals"] for row in rows}
