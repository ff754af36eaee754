"""The answers of the forecast as values: lines of a roll-up, lines of a waterfall, and how they are written out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.money import format_major
from closedwon.forecast.policy import ForecastType
from closedwon.forecast.rules import BUCKETS, total_open

SHOWN = ("closed", "booked", "commit", "best_case", "most_likely", "pipeline", "omitted", "undated")
"""The amounts of `forecast show`, in its order; `total_open` follows."""
STEPS = ("commit", "most_likely", "best_case", "pipeline")
"""Categories from the surest: the cumulative view adds them to closed one after the other."""


@dataclass(frozen=True)
class Line:
    """One node of a roll-up: its own and everything below, in minor units; quota is None where there is none."""

    node: str
    name: str
    parent: str
    amounts: Mapping[str, int]
    quota: int | None = None
    quota_below: int | None = None
    note: str = ""
    is_leaf: bool = False

    def __getitem__(self, bucket: str) -> int:
        return total_open(self.amounts) if bucket == "total_open" else self.amounts.get(bucket, 0)

    def cumulative(self, bucket: str) -> int:
        """Closed, plus every category from commit down to this one."""
        if bucket not in STEPS:
            return self[bucket]
        return self["closed"] + sum(self[name] for name in STEPS[: STEPS.index(bucket) + 1])

    @property
    def open_in_period(self) -> int:
        """Open deals of the period."""
        return self["total_open"] - self["undated"]

    @property
    def gap(self) -> int | None:
        """Quota less closed, commit and most likely."""
        return None if self.quota is None else self.quota - self.cumulative("most_likely")

    @property
    def coverage(self) -> float | None:
        """Open deals of the period over the quota."""
        return self.open_in_period / self.quota if self.quota else None

    @property
    def coverage_of_rest(self) -> float | None:
        """Open deals of the period over what is left of the quota after closed."""
        rest = (self.quota or 0) - self["closed"]
        return self.open_in_period / rest if rest > 0 else None

    @property
    def over_assigned(self) -> int | None:
        """What the seats below carry above the node's own quota."""
        return None if self.quota is None or self.quota_below is None else self.quota_below - self.quota

    @property
    def is_empty(self) -> bool:
        """Whether it has no amount and no quota."""
        return self.quota is None and not any(self.amounts.values())


@dataclass(frozen=True)
class RollUp:
    """A roll-up: its lines in the order of the tree, the total, and what a reader must know of it."""

    lines: Sequence[Line]
    total: Line
    type: ForecastType
    period: Period
    day: date
    currency: str
    by: str
    org: str
    rates: str
    alarms: Sequence[str] = ()
    notes: Sequence[str] = ()
    others: Sequence[str] = field(default=())

    def rows(self) -> list[dict[str, Any]]:
        """The lines as the contract has them, amounts in major units as text; the last row is the total."""
        return [self._row(line) for line in (*self.lines, self.total)]

    def _row(self, line: Line) -> dict[str, Any]:
        amounts = {name: format_major(line[name], self.currency) for name in (*SHOWN, "total_open")}
        quota = "" if line.quota is None else format_major(line.quota, self.currency)
        return {"node": line.node, "name": line.name, "parent": line.parent, "quota": quota, **amounts}


@dataclass(frozen=True)
class Flow:
    """One (node, parent) of a waterfall with its buckets in minor units."""

    node: str
    name: str
    parent: str
    amounts: Mapping[str, int]

    def __getitem__(self, bucket: str) -> int:
        return self.amounts.get(bucket, 0)


@dataclass(frozen=True)
class Fall:
    """A waterfall between two days: its lines, the total, and what a reader must know of it."""

    lines: Sequence[Flow]
    total: Flow
    type: ForecastType
    period: Period
    begin: date
    end: date
    currency: str
    by: str
    org: str
    rates: str
    alarms: Sequence[str] = ()
    notes: Sequence[str] = ()

    def rows(self) -> list[dict[str, Any]]:
        """The lines as the contract has them, amounts in major units as text; the last row is the total."""
        return [
            {"node": line.node, "name": line.name, "parent": line.parent}
            | {name: format_major(line[name], self.currency) for name in BUCKETS}
            for line in (*self.lines, self.total)
        ]


def write(rows: Sequence[Mapping[str, Any]], form: str, **head: Any) -> str:
    """Rows as CSV or JSON text; JSON has the head's values beside `rows`, and null for what is missing."""
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _safe(value) for key, value in row.items()} for row in rows)
        return out.getvalue().rstrip("\n")
    made = [{key: None if value == "" and key == "quota" else value for key, value in row.items()} for row in rows]
    return json.dumps({**head, "rows": made}, ensure_ascii=False, indent=1)


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay."""
    if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t", "\r", "-") and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
