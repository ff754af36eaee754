"""How a pipeline policy would read the company's own deals, and how a case of it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from closedwon.crm.policy import PipelinePolicy
from closedwon.people.actor import Actor
from closedwon.ui import format  # noqa: A004


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


def effect(old: PipelinePolicy | None, new: PipelinePolicy | None, by: Actor) -> Iterator[str | Mapping[str, Any]]:
    """Which of the deals that `by` may see would have another status, category or probability, by stage, with their amounts."""
    moved: dict[tuple[str, str, str], dict[str, int]] = {}
    counts: dict[tuple[str, str, str], int] = {}
    for group in deal_groups(by) if old and new else ():
        before, after = (_words(policy, group) for policy in (old, new) if policy)
        if before != after:
            key = (group["stage"] or "(none)", before, after)
            counts[key] = counts.get(key, 0) + group["deals"]
            amounts = moved.setdefault(key, {})
            amounts[group["currency"]] = amounts.get(group["currency"], 0) + (group["amount_minor"] or 0)
    if not counts:
        yield "No deal counts differently."
        return
    deals, stages = sum(counts.values()), len({key[0] for key in counts})
    yield f"{deals:,} deal{'' if deals == 1 else 's'} in {stages} stage{'' if stages == 1 else 's'} count{'s' if deals == 1 else ''} differently."
    for key, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        amount = " + ".join(
            f"{format.money(minor, currency)} {currency}".strip() for currency, minor in sorted(moved[key].items()) if minor
        )
        yield {"stage": key[0], "before": key[1], "after": key[2], "deals": count, "amount": amount or None}


def _words(policy: PipelinePolicy, group: Mapping[str, Any]) -> str:
    said = run_case(policy, {"stage": group["stage"], "category": group["own"]})
    return f"{said['status']}, {said['category']}, {said['probability']}"


def deals_by_stage(by: Actor) -> dict[str, int]:
    """How many deals stand in each stage now, as far as `by` may see them."""
    counts: dict[str, int] = {}
    for row in deal_groups(by):
        counts[row["stage"]] = counts.get(row["stage"], 0) + row["deals"]
    return counts


def deal_groups(by: Actor) -> list[dict[str, Any]]:
    """Deals now by stage, the category that they name themselves and currency, counted and added up, as far as `by` may see them."""
    from closedwon.crm import deals as asked
    from closedwon.facts.engine import query_rows
    from closedwon.facts.releases import latest, source

    release, cutoff = latest(), asked.cutoff_of(None)
    allowed, extra = asked.visible_condition(by, cutoff, release)
    at = f"TIMESTAMPTZ {asked.text_literal(cutoff.isoformat())}"
    return query_rows(
        "SELECT COALESCE(d.stage, '') AS stage, COALESCE(d.forecast_category, '') AS own, COALESCE(d.currency, '') AS currency, "
        "COUNT(*) AS deals, CAST(SUM(COALESCE(d.net_arr_minor, d.amount_minor)) AS BIGINT) AS amount_minor FROM deal_states d "
        f"WHERE d.valid_from < {at} AND d.valid_until >= {at} AND NOT d.is_deleted AND {allowed} GROUP BY ALL",
        {"deal_states": source("deal_states", release), **extra},
    )
