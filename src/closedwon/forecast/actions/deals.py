"""The deals behind a number, and the flags that say which of them deserve a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.facts.engine import run
from closedwon.forecast import inputs, rules
from closedwon.forecast.actions.flags import MOST, Raised, all_marked, flags_of, need_book, open_deals
from closedwon.forecast.actions.flows import nodes_of, two_asks
from closedwon.forecast.actions.rollups import When, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, ground, organisation, rollup_inputs, waterfall_inputs
from closedwon.people.actor import Actor


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
    known = [item.name for item in need_book(on).policy.active]
    if flag and flag not in known:
        raise Invalid(f"There is no flag {flag!r}.", mend=f"There are: {', '.join(known)}.")
    nodes = visible_nodes(organisation(on, ask).tree, seen_by(by, ask, on), node)
    return inspected(on, ask, nodes, flag)


def inspected(on: Ground, ask: Ask, nodes: frozenset[str], flag: str = "") -> DealPage:
    """The flagged deals of some nodes; with `flag`, those with that flag only."""
    book = need_book(on)
    plain = replace(ask, by="manager")
    raised = all_marked(on, plain, book).raised
    found = [row for row in open_deals(on, plain, nodes, tuple(book.policy.later)) if row["opportunity_id"] in raised]
    if flag:
        found = [row for row in found if any(item.name == flag for item in raised[row["opportunity_id"]])]
    found.sort(key=lambda row: (*_urgency(raised[row["opportunity_id"]]), -abs(row["amount_minor"]), row["opportunity_id"]))
    total = sum(row["amount_minor"] for row in found)
    shown = [{**row, "total_count": len(found), "total_minor": total} for row in found]
    return DealPage(_shown(on, ask, shown, raised), len(found), total, ask.currency)


def _urgency(raised: Sequence[Raised]) -> tuple[int, int]:
    heavy = sum(1 for item in raised if item.severity == "high")
    return (-heavy, -len(raised))
