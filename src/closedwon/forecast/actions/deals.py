"""The deals behind a number, and the flags that say which of them deserve a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import ALL, Period
from closedwon.base.errors import Invalid
from closedwon.facts.engine import query_rows, run
from closedwon.forecast import inputs, rules
from closedwon.forecast.actions.flows import nodes_of, two_asks
from closedwon.forecast.actions.rollups import When, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, ground, organisation, rollup_inputs, waterfall_inputs
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED


@dataclass(frozen=True)
class DealPage:
    """One page of the deals behind a number: rows with what a list shows, how many there are, and what they add up to."""

    rows: Sequence[Mapping[str, Any]]
    count: int
    total_minor: int
    currency: str


def deals_behind(
    *,
    by: Actor,
    buckets: Sequence[str],
    node: str | None = None,
    dimension: str | None = None,
    as_of: When = None,
    period: str | Period | None = None,
    by_dim: str = "manager",
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    known_as_of: When = None,
    skip: int = 0,
    take: int = 50,
) -> DealPage:
    """The deals behind a number of the roll-up, the largest first, each with its flags."""
    on = ground()
    ask = ask_for(
        on, as_of=as_of, period=period, by_dim=by_dim, type=type, org=org, rates=rates, currency=currency, known_as_of=known_as_of
    )
    there = organisation(on, ask)
    nodes = visible_nodes(there.tree, seen_by(by, ask, on), node)
    return _page(on, ask, nodes, buckets, dimension, skip, take)


def _page(on: Ground, ask: Ask, nodes: frozenset[str], buckets: Sequence[str], dimension: str | None, skip: int, take: int) -> DealPage:
    given = {
        **rollup_inputs(on, ask),
        "wanted_places": [{"place": name} for name in sorted(nodes)],
        "wanted_buckets": [{"bucket": name} for name in dict.fromkeys(buckets)],
        "page": [{"dimension": dimension, "bucket": None, "skip": max(0, skip), "take": max(0, min(take, MOST))}],
    }
    found = run(rules.rollup_deals(ask.shape), given).to_pylist()
    return _carded(on, ask, found)


MOST = 100_000
"""The most deals that one page may hold."""


def _carded(on: Ground, ask: Ask, found: Sequence[Mapping[str, Any]]) -> DealPage:
    count, total = (found[0]["total_count"], found[0]["total_minor"]) if found else (0, 0)
    return DealPage(_shown(on, ask, found, flags_of(on, ask, found)), count, total, ask.currency)


def _shown(on: Ground, ask: Ask, found: Sequence[Mapping[str, Any]], raised: Mapping[str, tuple[Raised, ...]]) -> list[dict[str, Any]]:
    cards = {row["opportunity_id"]: row for row in _cards(on, ask, [row["opportunity_id"] for row in found])}
    return [
        {
            **cards.get(row["opportunity_id"], {}), "opportunity_id": row["opportunity_id"], "category": row.get("bucket"),
            "amount_in_minor": row["amount_minor"], "flags": raised.get(row["opportunity_id"], ()),
        }
        for row in found
    ]  # fmt: skip


def _cards(on: Ground, ask: Ask, ids: Sequence[str]) -> list[dict[str, Any]]:
    if not ids:
        return []
    given = {
        "deal_states": on.deals(ask), "accounts": on.source("accounts"), "users": on.source("users"),
        "stages": inputs.stage_rows(on.pipeline), "subjects": [{"opportunity_id": one} for one in ids], "params": [{"cutoff": ask.cutoff}],
    }  # fmt: skip
    return run(rules.CARDS, given).to_pylist()


def bar_deals(
    *,
    by: Actor,
    begin: When,
    bucket: str,
    end: When = None,
    node: str | None = None,
    dimension: str | None = None,
    period: str | Period | None = None,
    by_dim: str = "manager",
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    known_as_of: When = None,
    skip: int = 0,
    take: int = 50,
) -> DealPage:
    """The deals behind a bar of the waterfall, the largest first."""
    if bucket not in rules.BUCKETS:
        raise Invalid(f"A waterfall has no bar {bucket!r}.", mend=f"Use one of {', '.join(rules.BUCKETS)}.")
    on = ground()
    first, last = two_asks(on, begin, end, period, by_dim, type, org, rates, currency, known_as_of)
    seen = seen_by(by, last, on)
    given, paths = waterfall_inputs(on, first, last)
    before, after = organisation(on, first).tree, organisation(on, last).tree
    nodes = visible_nodes(after, seen, node) | (before.below({node}) & nodes_of(before, seen) if node else frozenset())
    if node:
        wanted = [place for place, path in paths.items() if node in path and path[-1] in nodes]
    else:
        wanted = [place for place, path in paths.items() if seen.everything or path[-1] in nodes]
    given |= {
        "wanted_places": [{"place": place} for place in sorted(wanted)],
        "page": [{"dimension": dimension, "bucket": bucket, "skip": max(0, skip), "take": max(0, min(take, MOST))}],
    }
    found = run(rules.waterfall_deals(last.shape), given).to_pylist()
    then = {row["opportunity_id"]: row for row in _cards(on, first, [row["opportunity_id"] for row in found])}
    page = _carded(on, last, found)
    rows = [{**row, "before": then.get(row["opportunity_id"], {})} for row in page.rows]
    return replace(page, rows=rows)


@dataclass(frozen=True)
class Raised:
    """A flag on a deal: the rule, its words, how heavy it weighs, and the reason."""

    rule: str
    label: str
    weight: str
    reason: str


@lru_cache(maxsize=8)
def _stage_ages(on: Ground, share_ppm: int, least: int) -> list[dict[str, Any]]:
    given = {
        "deal_states": on.source("deal_states"), "stages": inputs.stage_rows(on.pipeline),
        "params": [{"cutoff": on.now, "share_ppm": share_ppm, "least": least}],
    }  # fmt: skip
    return run(rules.STAGE_AGES, given).to_pylist()


@lru_cache(maxsize=8)
def _tracked(on: Ground) -> dict[str, bool]:
    """Which of activities, contacts and next steps the company keeps at all."""

    def any_row(name: str, where: str) -> bool:
        return bool(query_rows(f"SELECT 1 AS one FROM {name} WHERE {where} LIMIT 1", {name: on.source(name)}))

    return {
        "tracks_activity": any_row("activities", "opportunity_id IS NOT NULL") or any_row("deal_states", "last_activity_at IS NOT NULL"),
        "tracks_contacts": any_row("opportunity_contacts", "contact_id IS NOT NULL"),
        "tracks_next_step": any_row("deal_states", "next_step IS NOT NULL AND next_step <> ''"),
    }


def flags_of(on: Ground, ask: Ask, deals: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Raised, ...]]:
    """The inspection flags of open deals, heavy ones first; deals name their category as `bucket`."""
    opens = [
        {"opportunity_id": row["opportunity_id"], "category": row["bucket"]}
        for row in deals
        if row.get("bucket") not in (None, "closed", "booked")
    ]
    if not opens or not on.policy.flags:
        return {}
    old = next((flag for flag in on.policy.flags if flag.rule == "old_in_stage"), None)
    given = {
        "deal_states": on.deals(ask), "activities": on.source("activities"), "opportunity_contacts": on.source("opportunity_contacts"),
        "subjects": opens, "params": [{"cutoff": ask.cutoff, "day": ask.day, "period_end": ask.period.end, **_tracked(on)}],
        "rules": [
            {"rule": flag.rule, "days": flag.days, "times": flag.times, "contacts": flag.contacts, "percent_ppm": flag.percent_ppm}
            for flag in on.policy.flags
        ],
        "rule_categories": [{"rule": flag.rule, "category": name} for flag in on.policy.flags for name in flag.categories],
        "stage_ages": _stage_ages(on, old.percent_ppm, old.least) if old else [],
        "quarters": inputs.quarter_rows(ask.day),
    }  # fmt: skip
    order = {flag.rule: (flag.weight != "high", at) for at, flag in enumerate(on.policy.flags)}
    by_rule = {flag.rule: flag for flag in on.policy.flags}
    made: dict[str, list[Raised]] = {}
    for row in sorted(run(rules.flags(rules.Shape(tuple(ask.type.measure))), given).to_pylist(), key=lambda row: order[row["rule"]]):
        flag = by_rule[row["rule"]]
        label, reason = rules.reason(flag.rule, flag.label, row["value"], row["other_value"])
        made.setdefault(row["opportunity_id"], []).append(Raised(flag.rule, label, flag.weight, reason))
    return {deal: tuple(found) for deal, found in made.items()}


def inspection(
    *,
    by: Actor,
    node: str | None = None,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    flag: str = "",
) -> DealPage:
    """Open deals that deserve a look, the most urgent first: those of the period, undated ones, and those that close later than their category says."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    if flag and flag not in {item.rule for item in on.policy.flags}:
        raise Invalid(f"There is no flag {flag!r}.", mend=f"There are: {', '.join(item.rule for item in on.policy.flags)}.")
    nodes = visible_nodes(organisation(on, ask).tree, seen_by(by, ask, on), node)
    return inspected(on, ask, nodes, flag)


def inspected(on: Ground, ask: Ask, nodes: frozenset[str], flag: str = "") -> DealPage:
    """The flagged deals of some nodes; with `flag`, those with that flag only."""
    raised = _all_flags(on, replace(ask, by="manager"))
    found = [row for row in _open_deals(on, replace(ask, by="manager"), nodes) if row["opportunity_id"] in raised]
    if flag:
        found = [row for row in found if any(item.rule == flag for item in raised[row["opportunity_id"]])]
    found.sort(key=lambda row: (*_urgency(raised[row["opportunity_id"]]), -abs(row["amount_minor"]), row["opportunity_id"]))
    total = sum(row["amount_minor"] for row in found)
    shown = [{**row, "total_count": len(found), "total_minor": total} for row in found]
    return DealPage(_shown(on, ask, shown, raised), len(found), total, ask.currency)


def _urgency(raised: Sequence[Raised]) -> tuple[int, int]:
    heavy = sum(1 for item in raised if item.weight == "high")
    return (-heavy, -len(raised))


@lru_cache(maxsize=8)
def _all_flags(on: Ground, ask: Ask) -> dict[str, tuple[Raised, ...]]:
    """The flags of every open deal that a question is about."""
    return flags_of(on, ask, _open_deals(on, ask, None))


@lru_cache(maxsize=32)
def _open_deals(on: Ground, ask: Ask, nodes: frozenset[str] | None) -> tuple[dict[str, Any], ...]:
    """Open deals of some nodes (None: all): dated before the period's end, undated, or in a category that has no business later."""
    there = organisation(on, ask)
    everywhere = replace(ask, period=ALL)
    buckets = [*on.policy.open_categories, "unmapped", "undated"]
    wanted = frozenset(there.tree.parents) | {UNASSIGNED} if nodes is None else nodes
    given = {
        **rollup_inputs(on, everywhere),
        "wanted_places": [{"place": name} for name in sorted(wanted)],
        "wanted_buckets": [{"bucket": name} for name in buckets],
        "page": [{"dimension": None, "bucket": None, "skip": 0, "take": MOST}],
    }
    found = run(rules.rollup_deals(ask.shape), given).to_pylist()
    if ask.period.kind == "all":
        return tuple(found)
    later = set(run(rules.rollup_deals(ask.shape), {**given, **_after(on, ask)}).column("opportunity_id").to_pylist())
    watched = {name for flag in on.policy.flags if flag.rule == "closes_beyond_period" for name in flag.categories}
    return tuple(row for row in found if row["opportunity_id"] not in later or row["bucket"] in watched)


def _after(on: Ground, ask: Ask) -> dict[str, Any]:
    """The same question for what is dated after the period."""
    rest = replace(ask, period=Period(ask.period.end, ALL.end, "later", "quarter"))
    return {
        "params": inputs.rollup_params(rest.type, rest.period, rest.currency, rest.cutoff, rest.day),
        "wanted_buckets": [{"bucket": name} for name in (*on.policy.open_categories, "unmapped")],
    }
