"""Whether a value is worse for an approver than the one that the person approved. Pure.

When in doubt it is worse: a value that was blank, a new line, another currency, a text that changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from closedwon.approvals.rules.facts import Values, show
from closedwon.approvals.rules.united import Tested, United


def worse_value(tested: Tested, before: Any, now: Any) -> bool:
    """Whether `now` is worse than `before` beyond the tolerance; exactly at the tolerance it is not."""
    if before in (None, "") and now in (None, ""):
        return False
    if before == now:
        return False
    if before in (None, "") or now in (None, "") or tested.worse == "change":
        return True
    if isinstance(tested.worse, tuple):
        order = tested.worse
        place = [order.index(one) if one in order else len(order) for one in (before, now)]
        return place[1] > place[0] or (place[0] == place[1] == len(order))
    gap = now - before if tested.worse == "higher" else before - now
    return bool(gap > _allowed(tested.tolerance, before))


def _allowed(tolerance: Decimal, like: Any) -> Any:
    return timedelta(days=int(tolerance)) if isinstance(like, date | datetime) else tolerance


def worse(united: United, names: Iterable[str], before: Values, now: Values) -> list[tuple[str, str]]:
    """The tested fields that are worse now than they were, each with a sentence; `lines.discount` is compared line by line."""
    found: list[tuple[str, str]] = []
    for name in dict.fromkeys(names):
        tested = united.tested.get(name)
        if tested is None:
            continue
        rows, _, part = name.rpartition(".")
        if rows and united.types.get(rows) is not None and united.types[rows].kind == "rows":
            found += [(name, text) for text in _lines(united, tested, rows, part, before, now)]
        elif worse_value(tested, before.get(name), now.get(name)):
            a, b = (show(united, name, side.get(name)) for side in (before, now))
            found.append((name, f"{tested.label} goes from {_short(a)} to {_short(b)}"))
    return found


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"


def _lines(united: United, tested: Tested, rows: str, part: str, before: Values, now: Values) -> list[str]:
    old, new = (list(side.get(rows) or []) for side in (before, now))
    if not all(row["id"] for row in [*old, *new]):
        return [] if _bag(old, part) == _bag(new, part) else [f"{tested.label}: the lines have no ids and are not the same"]
    known: dict[str, Mapping[str, Any]] = {row["id"]: row for row in old}
    made = []
    for row in new:
        if row["id"] not in known:
            if row.get(part) not in (None, ""):
                made.append(f"{tested.label}: line {row['id']} is new, with {show(united, tested.name, row.get(part))}")
        elif worse_value(tested, known[row["id"]].get(part), row.get(part)):
            a, b = (show(united, tested.name, one.get(part)) for one in (known[row["id"]], row))
            made.append(f"{tested.label} of line {row['id']} goes from {_short(a)} to {_short(b)}")
    return made


def _bag(rows: list[Mapping[str, Any]], part: str) -> list[str]:
    return sorted(str(row.get(part)) for row in rows)
