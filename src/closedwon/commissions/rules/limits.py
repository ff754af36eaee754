"""What a cap takes from pay periods, and gives back later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from typing import Any

from closedwon.commissions.rules.results import Line


def bare(line: Line) -> Line:
    """A line of the same place without a credit."""
    return Line(
        line.payee, line.plan, line.version, line.component, line.kind, line.period, line.period_start, line.interval, 0, line.currency, clause=line.clause
    )  # fmt: skip


def capped(lines: list[Line], cap: Any, make: Callable[[Line, int, str], Line]) -> list[Line]:
    """The lines with what a cap takes from each pay period, or gives back of what was carried."""
    by_period: dict[date, list[Line]] = defaultdict(list)
    for one in lines:
        by_period[one.period_start].append(one)
    made: list[Line] = []
    carried = 0
    spent: dict[str, int] = defaultdict(int)
    for start in sorted(by_period):
        found = by_period[start]
        raw = sum(one.earning for one in found)
        interval = found[-1].interval
        room = [
            limit
            for limit in (cap.period.minor if cap.period else None, cap.interval.minor - spent[interval] if cap.interval else None)
            if limit is not None
        ]
        allowed = min([raw + carried, *(max(one, 0) for one in room)]) if raw + carried > 0 else raw + carried
        made += found
        if allowed != raw:
            made.append(make(found[-1], allowed - raw, "above the cap" if allowed < raw else "carried from above the cap"))
        carried = raw + carried - allowed if cap.excess == "carry" else 0
        spent[interval] += allowed
    return made
