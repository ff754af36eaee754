"""The hygiene and rep scorecard of each manager: flags by money, lateness of calls, coverage and pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from closedwon.base.calendar import Period
from closedwon.forecast.actions.deals import _cards
from closedwon.forecast.actions.flags import all_marked, open_deals
from closedwon.forecast.actions.rollups import When, rolled, seat_names, seat_notes
from closedwon.forecast.actions.summary import Sight, policy_in_force, sight_of
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, ground, organisation
from closedwon.forecast.showing import plain_label
from closedwon.forecast.summary.calls import CallBook
from closedwon.forecast.summary.policy import SummaryPolicy
from closedwon.forecast.summary.scorecard import Marks, Row, Scorecard, in_order
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED
from closedwon.people.visibility import ALL, closing_cutoff
from closedwon.workspace import current

PAST = 4
"""From how many past periods the expected share is taken."""


def scorecard(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
) -> Scorecard:
    """The scorecard of every manager in sight, at or below one node where it is given."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    sight = sight_of(on, ask, by, node)
    policy = policy_in_force()
    share = expected_share(on, replace(ask, by="manager"))
    rows = in_order(_rows(on, ask, sight, policy, share), sight.tree.order)
    flags = [(name, _label(on, name)) for name in policy.scorecard_flags if on.book and on.book.policy.flag(name)]
    kept = {"period": ask.period.label, "as_of": ask.day.isoformat(), "scope": node or ""}
    notes = []
    if share:
        notes.append(
            f"Pace: closed against what is closed by this day on the way to the quota; in the last periods {share:.0%} of a period was closed by then."
        )
    notes.append("Flagged: open deals of the period with a heavy flag, by their owner; cover: open deals over what is left of the quota.")
    return Scorecard(
        current().settings.company, ask.type.label, ask.period.label, ask.day, ask.currency, rows, flags, share, notes,
        f"/forecast/scorecard?{urlencode({key: value for key, value in kept.items() if value})}",
        sight.tops,
    )  # fmt: skip


def _label(on: Ground, name: str) -> str:
    flag = on.book.policy.flag(name) if on.book else None
    found = plain_label(flag.label) if flag else name.replace("_", " ")
    return found[:1].upper() + found[1:]


@lru_cache(maxsize=64)
def expected_share(on: Ground, ask: Ask) -> float | None:
    """The share of a period's closed amount that stood by the same part of it, over the last periods of the whole company together."""
    if ask.period.kind == "all":
        return None
    through = min(1.0, max(0.0, ((ask.day - ask.period.start).days + 1) / ask.period.days))
    by_then = final = 0
    for step in range(1, PAST + 1):
        past = calendar().next(ask.period, -step)
        day = past.start + timedelta(days=max(0, round(past.days * through) - 1))
        end = rolled(on, replace(ask, period=past, cutoff=min(ask.cutoff, closing_cutoff(past.last))), ALL).total["closed"]
        if end > 0:
            final += end
            by_then += rolled(on, replace(ask, period=past, cutoff=closing_cutoff(day)), ALL).total["closed"]
    return by_then / final if final > 0 and by_then > 0 else None


def _rows(on: Ground, ask: Ask, sight: Sight, policy: SummaryPolicy, share: float | None) -> list[Row]:
    names, holders = seat_names(on, ask), seat_notes(on, ask)
    lines = {line.node: line for line in rolled(on, ask, sight.seen, every_seat=True).lines}
    heavy, marks = _marks(on, ask, sight, policy.scorecard_flags)
    calls = CallBook.of(on, ask, sight)
    late, dues = calls.lateness(), calls.dues
    made = []
    for node in sorted(sight.nodes - {UNASSIGNED}):
        line = lines.get(node)
        manager = sight.tree.parents.get(node) or ""
        if line is None or (line.is_empty and node not in heavy):
            continue
        if manager not in sight.nodes and not line.is_leaf:
            continue  # the head of what is in sight has nobody above it here
        made.append(
            Row(
                manager if manager in sight.nodes else "", names.get(manager, manager) if manager in sight.nodes else "", node, names.get(node, node),
                holders.get(node, ""), line.quota, line["closed"], line.open_in_period, heavy.get(node, Marks()), marks.get(node, {}),
                late.get(node), len(dues), share, line.is_leaf,
            )
        )  # fmt: skip
    return made


def _marks(on: Ground, ask: Ask, sight: Sight, wanted: Sequence[str]) -> tuple[dict[str, Marks], dict[str, dict[str, Marks]]]:
    """For each node, its own and all below: deals with a heavy flag, and deals with each wanted flag."""
    heavy: dict[str, Marks] = {}
    marks: dict[str, dict[str, Marks]] = {}
    if on.book is None:
        return heavy, marks
    plain = replace(ask, by="manager")
    raised = all_marked(on, plain, on.book).raised
    rows = [row for row in open_deals(on, plain, None if sight.seen.everything else sight.nodes, ()) if row["opportunity_id"] in raised]
    owners: Mapping[str, Any] = {row["opportunity_id"]: row["owner_id"] for row in _cards(on, ask, [row["opportunity_id"] for row in rows])}
    seat_of = organisation(on, ask).seat_of
    for row in rows:
        path = sight.tree.path(seat_of.get(owners.get(row["opportunity_id"]) or "", UNASSIGNED))
        flags = raised[row["opportunity_id"]]
        for node in path:
            if node not in sight.nodes:
                continue
            if any(one.severity == "high" for one in flags):
                heavy[node] = heavy.get(node, Marks()).plus(row["amount_minor"])
            for one in flags:
                if one.name in wanted:
                    mine = marks.setdefault(node, {})
                    mine[one.name] = mine.get(one.name, Marks()).plus(row["amount_minor"])
    return heavy, marks
