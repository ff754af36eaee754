"""The board: a period as it stands, beside last week, a year ago and the next two periods; and the job that keeps its numbers ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.forecast.actions.rollups import When, rolled, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, compute_cells, ground, mart_rows, organisation
from closedwon.forecast.results import Line, RollUp
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_cutoff

WEEK = timedelta(days=7)
MANY = 150
"""Up to so many seats the board lists every one; above, seats that manage nobody show on their manager's board."""


@dataclass(frozen=True)
class Board:
    """A period as it stands, the same a week before, the period a year before at the same day, and the next two periods.

    `head` is the line that the tiles show: the chosen node's, else the total. `own` is the node's own deals alone, `parent` the node above
    where it is in sight. `plans` are the company's targets of the period by plan.
    """

    now: RollUp
    week: RollUp
    year: RollUp
    coming: Sequence[RollUp]
    head: Line
    own: Line | None
    parent: Line | None
    path: Sequence[tuple[str, str]]
    plans: dict[str, int]
    node: str

    @property
    def lines(self) -> list[Line]:
        """The lines at and below the chosen node, else all."""
        if not self.node:
            return list(self.now.lines)
        inside, made = {self.node}, []
        for line in self.now.lines:
            if line.node in inside or line.parent in inside:
                inside.add(line.node)
                made.append(line)
        return made

    def before(self, line: Line) -> Line | None:
        """The same node a week before."""
        return _same(self.week, line)

    def year_before(self, line: Line) -> Line | None:
        """The same node in the period a year before, at the same day of it."""
        return _same(self.year, line)


def _same(there: RollUp, line: Line) -> Line | None:
    if line.node == "total":
        return there.total
    return next((one for one in there.lines if one.node == line.node), None)


def year_before(period: Period) -> Period:
    """The same period a year before."""
    steps = {"quarter": -4, "month": -12, "year": -1, "week": -52}.get(period.kind, 0)
    return calendar().next(period, steps)


def _asks(ask: Ask) -> tuple[Ask, Ask, Ask, list[Ask]]:
    """The board's questions: now, a week before, a year before at the same day, the next two periods."""
    week = replace(ask, cutoff=closing_cutoff(ask.day - WEEK))
    before = year_before(ask.period)
    same = (
        date.min + timedelta(max(1, (before.start - date.min).days + (ask.day - ask.period.start).days))
        if before != ask.period
        else ask.day
    )
    year = replace(ask, period=before, cutoff=closing_cutoff(same)) if before != ask.period else ask
    coming = [replace(ask, period=calendar().next(ask.period, step)) for step in (1, 2)] if ask.period.kind != "all" else []
    return ask, week, year, coming


def board(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str = "",
) -> Board:
    """The forecast board within what the actor may see, for all of it or below one node."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    seen = seen_by(by, ask, on)
    now_ask, week_ask, year_ask, coming_asks = _asks(ask)
    visible_nodes(organisation(on, ask).tree, seen, node or None)
    tree = organisation(on, ask).tree
    everyone = len(tree.below({node}) if node else visible_nodes(tree, seen)) <= MANY
    now, week, year = (rolled(on, one, seen, every_seat=everyone) for one in (now_ask, week_ask, year_ask))
    coming = [rolled(on, one, seen, every_seat=everyone) for one in coming_asks]
    by_node = {line.node: line for line in now.lines}
    head = by_node.get(node) or now.total
    path = [(name, by_node[name].name) for name in tree.path(node) if name in by_node] if node else []
    parent = by_node.get(tree.parents.get(node) or "") if node else None
    own = next((line for line in rolled(on, replace(ask, by="rep"), seen, node=node).lines if line.node == node), None) if node else None
    return Board(now, week, year, coming, head, own, parent, path, plans(on, ask) if seen.everything and not node else {}, node)


def plans(on: Ground, ask: Ask) -> dict[str, int]:
    """The company's targets of the period, by plan, in the question's currency; none where it is of another one."""
    made: dict[str, int] = {}
    newest: dict[tuple[str, date], Any] = {}
    for row in on.rows("targets"):
        inside = row["period_start"] >= ask.period.start and (row["period_end"] or row["period_start"]) <= ask.period.end
        if row["scope_kind"] == "company" and row["measure"] == ask.type.quota_measure and inside and row["currency"] == ask.currency:
            key = (row["plan"], row["period_start"])
            if key not in newest or (row["version"] or 0) > (newest[key]["version"] or 0):
                newest[key] = row
    for (plan, _), row in newest.items():
        made[plan] = made.get(plan, 0) + row["amount_minor"]
    return made


def board_asks(on: Ground) -> list[Ask]:
    """Every question that boards ask by default: each type, this quarter and the next two, now, a week and a year before."""
    made: list[Ask] = []
    for kind in on.policy.types:
        ask = ask_for(on, type=kind.name)
        first, week, year, coming = _asks(ask)
        made += [first, week, year, *coming]
        for one in coming:
            _, later_week, later_year, further = _asks(one)
            made += [later_week, later_year, *further]
    unique = {(one.type.name, one.period.label, one.cutoff): one for one in made}
    return list(unique.values())


def is_ready(on: Ground) -> bool:
    """Whether the mart holds the board's numbers for these facts and policies."""
    from closedwon.forecast.reading import ready_count

    return ready_count(on) > 0


def refresh(heard: Callable[[int, int, str], None] = lambda *_: None) -> dict[str, Any]:
    """Fill the mart `forecast_cells` for the board; does nothing where it stands on the latest facts and policies already."""
    on = ground()
    if is_ready(on):
        return {"questions": 0, "already": True}
    asks = board_asks(on)
    rows: list[dict[str, Any]] = []
    for at, ask in enumerate(asks):
        heard(at, len(asks), f"{ask.type.label}, {ask.period.label}")
        rows += mart_rows(on, ask, compute_cells(on, ask))
    version = store().replace("forecast_cells", rows_to_table(rows, table("forecast_cells").columns))
    publish({"forecast_cells": version}, note="forecast: the board's numbers")
    heard(len(asks), len(asks), "done")
    return {"questions": len(asks), "rows": len(rows)}
