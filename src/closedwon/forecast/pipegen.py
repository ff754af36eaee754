"""Rules of pipeline generation: what was created against its target, and against the same day of earlier quarters. Amounts are minor units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from closedwon.base.money import share
from closedwon.forecast.pacing import Span, pooled


@dataclass(frozen=True)
class Made:
    """Pipeline that one group created in one period: by the day looked at, by the end (None while the period is not over), and for when."""

    period: str
    day: date
    created: int = 0
    deals: int = 0
    final: int | None = None
    closes_in: int = 0
    closes_next: int = 0
    closes_later: int = 0
    undated: int = 0

    @property
    def average(self) -> int | None:
        """The mean amount of a deal."""
        return round(self.created / self.deals) if self.deals else None


@dataclass(frozen=True)
class Generation:
    """One group: its period, the same day of earlier ones, and its target with where that comes from."""

    now: Made
    past: Sequence[Made]
    target: int | None
    target_from: str = ""
    """`targets` (the table), `policy` (a share of the company's target), `quota` (so many times the quota), or empty."""
    paced_by: Sequence[Made] = ()
    """Whose earlier quarters tell the pace, where the own ones are too thin: a seat goes by all seats together."""

    @property
    def share(self) -> Span | None:
        """What earlier quarters had created by this day, of all that they created."""
        return pooled((one.created, one.final) for one in self.paced_by or self.past if one.final is not None)

    @property
    def attained(self) -> float | None:
        """Created over the target."""
        return self.now.created / self.target if self.target else None

    @property
    def expected(self) -> int | None:
        """What the target asks for by this day: the target times what earlier quarters had by then."""
        found = self.share
        return round(self.target * found.value) if self.target is not None and found else None

    @property
    def ahead(self) -> int | None:
        """Created less expected; below 0 it is behind."""
        return None if self.expected is None else self.now.created - self.expected

    @property
    def projected(self) -> int | None:
        """What the quarter comes to if it goes on as earlier ones did."""
        found = self.share
        return round(self.now.created / found.value) if found and found.value > 0 else None

    @property
    def mean(self) -> int | None:
        """The mean of what earlier quarters had created by this day."""
        return round(sum(one.created for one in self.past) / len(self.past)) if self.past else None


def targets_of(rows: Iterable[Mapping[str, Any]], plan: str, measure: str, start: date, end: date) -> dict[tuple[str, str], int]:
    """Targets of a period by (kind of scope, scope): rows inside the period add up, of each the newest version counts."""
    newest: dict[tuple[str, str, date], Mapping[str, Any]] = {}
    for row in rows:
        if (
            row["plan"] != plan
            or row["measure"] != measure
            or row["period_start"] < start
            or (row["period_end"] or row["period_start"]) > end
        ):
            continue
        key = (row["scope_kind"], row["scope_id"], row["period_start"])
        if key not in newest or (row["version"] or 0) > (newest[key]["version"] or 0):
            newest[key] = row
    made: dict[tuple[str, str], int] = {}
    for (kind, scope, _), row in newest.items():
        made[kind, scope] = made.get((kind, scope), 0) + row["amount_minor"]
    return made


def times(amount: int, factor: Decimal) -> int:
    """An amount times a factor of the policy, rounded half away from zero once."""
    return int((amount * factor).quantize(Decimal(1), ROUND_HALF_UP))


def part(amount: int, ppm: int) -> int:
    """A share of the company's target."""
    return share(amount, ppm)
