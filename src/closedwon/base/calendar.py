"""Fiscal calendars as data: months from any start, 4-4-5, 4-5-4, 5-4-4, and years of 52 or 53 weeks.

Fiscal labels are FY27, FY27-Q2, FY27-M03 and FY27-W05 (also FY2027); 2017, 2017-Q4 and 2017-10 are calendar periods; `all` is everything.
Periods are half-open: `start` is inside, `end` is the first day after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal

from closedwon.base.errors import Invalid

Kind = Literal["year", "quarter", "month", "week", "all"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PATTERNS = {"4-4-5": (4, 4, 5), "4-5-4": (4, 5, 4), "5-4-4": (5, 4, 4)}


@dataclass(frozen=True, order=True)
class Period:
    """A half-open span of days with its label."""

    start: date
    end: date
    label: str
    kind: Kind

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        """Its last day."""
        return self.end - timedelta(days=1)

    def day_of(self, day: date) -> int:
        """Which day of the period `day` is: 1 for the first; below 1 before it, above `days` after it."""
        return (day - self.start).days + 1

    def normalised(self, day: date, length: int = 90) -> int:
        """The day of the period on a scale of `length` days, so that quarters of unlike length compare; clipped to 0 and `length`."""
        return max(0, min(length, round(self.day_of(day) * length / self.days)))


ALL = Period(date(1, 1, 1), date(9999, 12, 31), "all", "all")

_FISCAL = re.compile(r"FY(\d{4}|\d{2})(?:-(Q[1-4]|M\d{1,2}|W\d{1,2}))?", re.IGNORECASE)
_PLAIN = re.compile(r"(\d{4})(?:-(Q[1-4]|\d{1,2}))?", re.IGNORECASE)
_MONTHS = 12
_FIRST_YEAR, _LAST_YEAR = 3, 9990


def add_months(day: date, count: int) -> date:
    """The same day `count` months later, or the month's last day."""
    at = day.year * _MONTHS + day.month - 1 + count
    year, month = divmod(at, _MONTHS)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def whole_months(start: date, end: date) -> int:
    """How many whole months lie between two days; a month's last day completes it, and the count is negative where `end` comes first."""
    if end < start:
        return -whole_months(end, start)
    count = (end.year - start.year) * _MONTHS + end.month - start.month
    return count - (end.day < start.day and (end + timedelta(days=1)).day != 1)


_MONTHS_SQL = (
    "(EXTRACT(YEAR FROM {b}) * 12 + EXTRACT(MONTH FROM {b}) - EXTRACT(YEAR FROM {a}) * 12 - EXTRACT(MONTH FROM {a})"
    " - CASE WHEN EXTRACT(DAY FROM {b}) < EXTRACT(DAY FROM {a}) AND {b} <> LAST_DAY({b}) THEN 1 ELSE 0 END)"
)
WHOLE_MONTHS_SQL = (
    "CAST(CASE WHEN from_day <= to_day"
    f" THEN {_MONTHS_SQL.format(a='from_day', b='to_day')} ELSE -{_MONTHS_SQL.format(a='to_day', b='from_day')} END AS BIGINT)"
)
"""`whole_months(from_day, to_day)` for the engines, which count months differently by themselves."""


@dataclass(frozen=True)
class Calendar:
    """A company's fiscal calendar.

    `kind` is "months", or a week pattern "4-4-5", "4-5-4", "5-4-4". `start_month` is the month in which the fiscal year begins; with weeks,
    the year ends on the `week_ends` weekday that is the last one of the month before (`anchor` "last") or the one nearest to that month's
    end ("nearest"). `year_label` names the year by the calendar year of its end or its start.
    """

    kind: str = "months"
    start_month: int = 1
    year_label: str = "end"
    week_ends: str = "saturday"
    anchor: str = "last"

    def __post_init__(self) -> None:
        if self.kind != "months" and self.kind not in PATTERNS:
            raise Invalid(f"Unknown calendar {self.kind!r}.", mend="Use months, 4-4-5, 4-5-4 or 5-4-4.")
        if self.week_ends not in WEEKDAYS or self.anchor not in {"last", "nearest"} or self.year_label not in {"end", "start"}:
            raise Invalid("The calendar's week_ends is a weekday, its anchor last or nearest, its year_label end or start.")

    @classmethod
    def from_settings(cls, settings: Any) -> Calendar:
        """The calendar that a workspace's settings describe."""
        return cls(settings.kind, settings.start_month, settings.year_label, settings.week_ends, settings.anchor)

    @lru_cache(maxsize=512)  # noqa: B019 - calendars are few and live as long as the process
    def year(self, label: int) -> Period:
        """The fiscal year that the number names, as in 2027."""
        if not _FIRST_YEAR <= label <= _LAST_YEAR:
            raise Invalid(f"The year {label} is out of range.", mend=f"Years go from {_FIRST_YEAR} to {_LAST_YEAR}.")
        begins = label if self.start_month == 1 or self.year_label == "start" else label - 1
        name = f"FY{label % 100:02d}" if label // 100 == 20 else f"FY{label:04d}"
        return Period(self._year_start(begins), self._year_start(begins + 1), name, "year")

    def _year_start(self, calendar_year: int) -> date:
        first = date(calendar_year, self.start_month, 1)
        if self.kind == "months":
            return first
        last = first - timedelta(days=1)
        back = (last.weekday() - WEEKDAYS.index(self.week_ends)) % 7
        ends = last - timedelta(days=back)
        if self.anchor == "nearest" and back > 3:
            ends += timedelta(days=7)
        return ends + timedelta(days=1)

    def months(self, label: int) -> list[Period]:
        """The twelve fiscal months of a year; a 53rd week belongs to the last."""
        year = self.year(label)
        if self.kind == "months":
            starts = [add_months(year.start, n) for n in range(_MONTHS)]
        else:
            starts, at = [], year.start
            for weeks in PATTERNS[self.kind] * 4:
                starts.append(at)
                at += timedelta(weeks=weeks)
        ends = [*starts[1:], year.end]
        return [Period(a, b, f"{year.label}-M{n:02d}", "month") for n, (a, b) in enumerate(zip(starts, ends, strict=True), 1)]

    def quarters(self, label: int) -> list[Period]:
        """The four fiscal quarters of a year."""
        months = self.months(label)
        return [Period(months[3 * n].start, months[3 * n + 2].end, f"{self.year(label).label}-Q{n + 1}", "quarter") for n in range(4)]

    def weeks(self, label: int) -> list[Period]:
        """The weeks of a fiscal year: seven days each from its first day; the last takes the days that are left."""
        year = self.year(label)
        count = max(1, year.days // 7)
        starts = [year.start + timedelta(weeks=n) for n in range(count)]
        ends = [*starts[1:], year.end]
        return [Period(a, b, f"{year.label}-W{n:02d}", "week") for n, (a, b) in enumerate(zip(starts, ends, strict=True), 1)]

    @lru_cache(maxsize=512)  # noqa: B019 - calendars are few and live as long as the process
    def of_year(self, label: int, kind: Kind) -> tuple[Period, ...]:
        """A year's periods of one kind, in order."""
        if kind == "year":
            return (self.year(label),)
        return tuple({"quarter": self.quarters, "month": self.months, "week": self.weeks}[kind](label))

    def year_of(self, day: date) -> int:
        """The number of the fiscal year that holds `day`."""
        guess = max(day.year - 1, _FIRST_YEAR)
        while self.year(guess).end <= day:
            guess += 1
        return guess

    def period_of(self, day: date, kind: Kind = "quarter") -> Period:
        """The fiscal period of that kind that holds `day`."""
        if kind == "all":
            return ALL
        found = next((period for period in self.of_year(self.year_of(day), kind) if day in period), None)
        if found is None:
            raise Invalid(f"{day} is before the first fiscal year.")
        return found

    def next(self, period: Period, count: int = 1) -> Period:
        """The period `count` after this one (before it, if negative), of the same kind and family."""
        if period.kind == "all":
            return period
        fiscal = period.label.upper().startswith("FY")
        calendar = self if fiscal else Calendar()
        found = period
        for _ in range(abs(count)):
            day = found.end if count > 0 else found.start - timedelta(days=1)
            found = calendar.period_of(day, found.kind)
        return found if fiscal else _plain_label(found)

    def periods_between(self, start: date, end: date, kind: Kind) -> list[Period]:
        """The fiscal periods of that kind that touch the half-open span."""
        made, at = [], start
        while at < end:
            made.append(self.period_of(at, kind))
            at = made[-1].end
        return made

    def period(self, label: str) -> Period:
        """The period that a label names. Raises Invalid with the forms that are understood."""
        text = label.strip()
        if text.lower() == "all":
            return ALL
        found = _FISCAL.fullmatch(text)
        if found:
            number = int(found[1])
            return self._pick(number + 2000 if number < 100 else number, found[2], label)
        found = _PLAIN.fullmatch(text)
        if found:
            part = found[2]
            part = f"M{part}" if part and part.isdigit() else part
            return _plain_label(Calendar()._pick(int(found[1]), part, label))  # noqa: SLF001
        raise Invalid(f"{label!r} is not a period.", mend="Write FY27-Q2, FY27-M03, FY27-W05, FY27, 2017-Q4, 2017-10, 2017 or all.")

    def _pick(self, year: int, part: str | None, label: str) -> Period:
        if part is None:
            return self.year(year)
        kind: Kind = {"Q": "quarter", "M": "month", "W": "week"}[part[0].upper()]  # type: ignore[assignment]
        periods = self.of_year(year, kind)
        number = int(part[1:])
        if not 1 <= number <= len(periods):
            raise Invalid(f"{label!r} is not a period: the year has {len(periods)} {kind}s.")
        return periods[number - 1]


def _plain_label(period: Period) -> Period:
    """A calendar period under its plain label: 2017, 2017-Q4, 2017-10."""
    start = period.start
    label = {
        "year": f"{start.year:04d}",
        "quarter": f"{start.year:04d}-Q{(start.month + 2) // 3}",
        "month": f"{start.year:04d}-{start.month:02d}",
    }[period.kind]
    return Period(start, period.end, label, period.kind)
