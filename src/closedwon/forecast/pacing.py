"""Rules of pacing: a quarter against the same day of earlier ones, how evenly it is booked, and the coverage that its yield asks for.

The same day is the day at the same share of the quarter, so that quarters of 13 and 14 weeks compare. Amounts are minor units, shares
fractions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from closedwon.base.calendar import Period

WEEKS = 13
"""A quarter is cut into so many parts of the same length for linearity, whatever its weeks."""


def same_day(period: Period, day: date, other: Period) -> date:
    """The day of another period at the same share of it: half a day is rounded up. Before the period, as many days before the other one."""
    if day < period.start:
        return other.start - (period.start - day)
    if day >= period.last:
        return other.last
    count = (2 * period.day_of(day) * other.days + period.days) // (2 * period.days)
    return other.start + timedelta(days=max(1, min(other.days, count)) - 1)


def elapsed(period: Period, day: date) -> float:
    """The share of a period that is over at the close of a day, 0 to 1."""
    return max(0, min(period.days, period.day_of(day))) / period.days


@dataclass(frozen=True)
class Point:
    """One group on one day of one period. `final` and `came` are None while the period is not over."""

    period: str
    day: date
    closed: int = 0
    booked: int = 0
    open: int = 0
    undated: int = 0
    commit: int = 0
    most_likely: int = 0
    best_case: int = 0
    pipeline: int = 0
    quota: int | None = None
    final: int | None = None
    came: int | None = None

    @property
    def all_open(self) -> int:
        """What could be won: open deals dated in the period, and those without a date."""
        return self.open + self.undated

    @property
    def coverage(self) -> float | None:
        """Open deals of the period over the quota."""
        return self.open / self.quota if self.quota else None

    @property
    def rest(self) -> int | None:
        """What is left of the quota after what is booked."""
        return None if self.quota is None else max(0, self.quota - self.booked)

    @property
    def coverage_of_rest(self) -> float | None:
        """Open deals of the period over what is left of the quota."""
        return self.open / self.rest if self.rest else None

    @property
    def share_booked(self) -> float | None:
        """What was booked by that day, of all that was booked in the period."""
        return self.booked / self.final if self.final is not None and self.final > 0 else None

    @property
    def won_share(self) -> float | None:
        """Yield: what of the open pipeline of that day was won in the period, at the amount it was won with."""
        return self.came / self.all_open if self.came is not None and self.all_open > 0 else None

    @property
    def later(self) -> int | None:
        """What was booked afterwards from deals that were not in this pipeline on that day."""
        return None if self.final is None or self.came is None else self.final - self.booked - self.came


@dataclass(frozen=True)
class Span:
    """A number from several quarters: pooled (sum over sum), the lowest and highest of them, and how many there are."""

    value: float
    low: float
    high: float
    n: int


def pooled(pairs: Iterable[tuple[int, int]]) -> Span | None:
    """Σ a ÷ Σ b with the range of a ÷ b; pairs whose b is not above 0 do not count. None without any."""
    kept = [(a, b) for a, b in pairs if b > 0]
    if not kept:
        return None
    each = [a / b for a, b in kept]
    return Span(sum(a for a, _ in kept) / sum(b for _, b in kept), min(each), max(each), len(kept))


@dataclass(frozen=True)
class Pace:
    """One group: its day in this period, and the same day in earlier ones."""

    now: Point
    past: Sequence[Point]

    @property
    def share(self) -> Span | None:
        """What earlier quarters had booked by this day, of all that they booked."""
        return pooled((one.booked, one.final) for one in self.past if one.final is not None)

    @property
    def won_share(self) -> Span | None:
        """What earlier quarters won of the pipeline that was open on this day."""
        return pooled((one.came, one.all_open) for one in self.past if one.came is not None)

    @property
    def projected(self) -> int | None:
        """What this quarter comes to if it goes on as earlier ones did: booked over their share."""
        found = self.share
        return round(self.now.booked / found.value) if found and found.value > 0 else None

    @property
    def required(self) -> float | None:
        """Required coverage: 1 over the yield, so much open pipeline for each unit of the quota that is left."""
        found = self.won_share
        return 1 / found.value if found and found.value > 0 else None

    @property
    def needed(self) -> int | None:
        """Open pipeline that the rest of the quota takes at that yield."""
        if self.required is None or self.now.rest is None:
            return None
        return round(self.now.rest * self.required)

    @property
    def spare(self) -> int | None:
        """Open pipeline less what is needed; below 0 it is missing."""
        return None if self.needed is None else self.now.all_open - self.needed

    def mean(self, name: str) -> int | None:
        """The mean of an amount on this day of earlier quarters."""
        values = [value for one in self.past if (value := getattr(one, name)) is not None]
        return round(sum(values) / len(values)) if values else None


@dataclass(frozen=True)
class Linearity:
    """How a period is booked: the share of each month, the running share by each thirteenth, and how unevenly."""

    months: Sequence[float]
    weeks: Sequence[float]
    """The share of all that is booked by the end of each thirteenth, running."""
    last_week: float
    gini: float | None
    """0 where every thirteenth brings the same, near 1 where one brings all; None where a thirteenth is below 0."""


def part_of(period: Period, day: date, parts: int = WEEKS) -> int:
    """Which of so many equal parts of the period a day belongs to, from 0: the part in which it ends."""
    return min(parts - 1, (period.day_of(day) * parts - 1) // period.days)


def linearity(period: Period, booked: Mapping[date, int], month_ends: Sequence[date]) -> Linearity | None:
    """How evenly a period was booked, from what was booked each day; `month_ends` are the first days after each month. None without bookings."""
    total = sum(booked.values())
    if total <= 0:
        return None
    parts = [0] * WEEKS
    months = [0] * len(month_ends)
    for day, amount in booked.items():
        parts[part_of(period, day)] += amount
        months[next((at for at, end in enumerate(month_ends) if day < end), len(month_ends) - 1)] += amount
    last = sum(amount for day, amount in booked.items() if (period.last - day).days < 7)
    running, at = [], 0
    for amount in parts:
        at += amount
        running.append(at / total)
    return Linearity([amount / total for amount in months], running, last / total, gini(parts))


def gini(values: Sequence[int]) -> float | None:
    """The Gini coefficient of some amounts: the mean difference of two of them over twice their mean. None where one is below 0 or all are 0."""
    total, count = sum(values), len(values)
    if total <= 0 or min(values) < 0:
        return None
    ordered = sorted(values)
    return 2 * sum((at + 1) * value for at, value in enumerate(ordered)) / (count * total) - (count + 1) / count
