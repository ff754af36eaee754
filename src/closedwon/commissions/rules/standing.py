"""Where a person stands: the intervals and pay periods, quotas, targets, months in the role, and what formulas may ask of them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.calendar import Calendar, Period, add_months, whole_months
from closedwon.base.money import to_major
from closedwon.commissions.policy import Plan, Ramp
from closedwon.commissions.rules.credits import Credited, Held, convert, rounded
from closedwon.commissions.rules.inputs import FOREVER, Inputs, Row

MONTHS = {"month": 1, "quarter": 3, "half": 6, "year": 12}
_NINE = Decimal("0.000000001")


def interval_of(calendar: Calendar, day: date, kind: str) -> Period:
    """The month, quarter, half or year that holds a day."""
    if kind == "half":
        year = calendar.year_of(day)
        quarters = calendar.quarters(year)
        first = quarters[:2] if day < quarters[2].start else quarters[2:]
        label = f"{year:04d}" if plain(calendar) else calendar.year(year).label
        return Period(first[0].start, first[1].end, f"{label}-H{1 if first[0] == quarters[0] else 2}", "all")
    found = calendar.period_of(day, kind)  # type: ignore[arg-type]
    if not plain(calendar):
        return found
    ends = {"year": "", "quarter": f"-Q{(found.start.month + 2) // 3}", "month": f"-{found.start.month:02d}"}
    return Period(found.start, found.end, f"{found.start.year:04d}{ends[kind]}", found.kind)


def plain(calendar: Calendar) -> bool:
    """Whether the fiscal year is the calendar year, so that periods read 2026-03."""
    return calendar.kind == "months" and calendar.start_month == 1


def steps_of(calendar: Calendar, interval: Period, kind: str, pays: str) -> list[tuple[Period, Period]]:
    """The steps at which an interval is reckoned, each with the pay period that its lines stand in."""
    finer = min(kind, pays, key=lambda one: MONTHS[one])
    made, day = [], interval.start
    while day < interval.end:
        step = interval_of(calendar, day, finer)
        made.append((step, interval_of(calendar, day, pays)))
        day = step.end
    return made


def months_between(start: date, end: date) -> Fraction:
    """How many months a half-open span has: whole months, and the rest by the days of the month it ends in."""
    whole = whole_months(start, end)
    begun = add_months(start, whole)
    rest = (end - begun).days
    return Fraction(whole) + (Fraction(rest, (add_months(start, whole + 1) - begun).days) if rest else 0)


def overlap(start: date, end: date, other_start: date, other_end: date) -> tuple[date, date] | None:
    """What two half-open spans have in common; None where nothing."""
    low, high = max(start, other_start), min(end, other_end)
    return (low, high) if low < high else None


@dataclass(frozen=True)
class Person:
    """One person under one version of a plan."""

    payee: str
    plan: Plan
    held: tuple[Held, ...]
    inputs: Inputs
    calendar: Calendar
    quotas: Mapping[str, Sequence[Row]]

    def assignment_on(self, day: date) -> Held | None:
        """The assignment that holds on a day; else the last before it."""
        before = [one for one in self.held if one.since <= day]
        return next((one for one in before if day < one.until), before[-1] if before else (self.held[0] if self.held else None))

    def segments(self, interval: Period) -> list[Held]:
        """The assignments that touch an interval; neighbours that say the same count as one."""
        made: list[Held] = []
        for one in self.held:
            if overlap(one.since, one.until, interval.start, interval.end) is None:
                continue
            if made and (made[-1].role, made[-1].target, made[-1].until) == (one.role, one.target, one.since):
                made[-1] = Held(
                    one.payee, one.plan, made[-1].since, one.until, one.role, one.target, one.currency, one.pay_currency, one.row
                )
            else:
                made.append(one)
        return made

    def active(self, start: date, end: date) -> Fraction:
        """The part of a span for which the plan was held, by the plan's proration; 1 where it has none."""
        spans = [found for one in self.held if (found := overlap(one.since, one.until, start, end))]
        if not self.plan.proration or not spans:
            return Fraction(1)
        if self.plan.proration == "days":
            return Fraction(sum((high - low).days for low, high in spans), (end - start).days)
        months = held = 0
        for month in self.calendar.periods_between(start, end, "month"):
            months += 1
            days = sum((high - low).days for low, high in (overlap(*span, month.start, month.end) or (end, end) for span in spans))
            held += 2 * days >= month.days
        return Fraction(held, months)

    def quota(self, measure: str, start: date, end: date, anchor: date, *, prorate: bool = True) -> Fraction | None:
        """The quota of a span as in force on the anchor, in the plan's minor units; None where there is none."""
        total, found = Fraction(0), False
        for row in self.quotas.get(measure, ()):
            if not (row.get("since") or date.min) <= anchor < (row.get("until") or FOREVER):
                continue
            common = overlap(row["period_start"], row["period_end"], start, end)
            if common is None:
                continue
            found = True
            whole = (row["period_start"], row["period_end"])
            part = Fraction(1) if common == whole else months_between(*common) / months_between(*whole)
            currency = row.get("currency") or self.plan.currency
            ppb = self.inputs.rate(self.plan.measure_rates, currency, self.plan.currency, row["period_start"])
            total += convert(row["amount"], currency, self.plan.currency, ppb) * part
        if not found:
            return None
        return total * (self.active(start, end) if prorate else 1)

    def blended(self, measure: str, start: date, end: date) -> Fraction | None:
        """The quota of a span of which every part counts as it was in force in it, by days."""
        cuts = {start, end}
        for row in self.quotas.get(measure, ()):
            cuts |= {day for day in (row.get("since"), row.get("until")) if day and start < day < end}
        for one in self.held:
            cuts |= {day for day in (one.since, one.until) if start < day < end}
        days, total, found = sorted(cuts), Fraction(0), False
        for low, high in itertools.pairwise(days):
            part = self.quota(measure, start, end, low, prorate=False)
            if part is not None:
                found = True
                total += part * Fraction((high - low).days, (end - start).days)
        return total if found else None

    def target(self, start: date, end: date, day: date) -> Fraction:
        """The target variable of a span in the plan's minor units: the year's by months, for the part that the plan was held."""
        one = self.assignment_on(day)
        if one is None:
            return Fraction(0)
        currency = one.currency or self.plan.currency
        ppb = self.inputs.rate(self.plan.measure_rates, currency, self.plan.currency, start)
        return convert(one.target, currency, self.plan.currency, ppb) * months_between(start, end) / 12 * self.active(start, end)

    def blended_target(self, start: date, end: date) -> Fraction:
        """The target variable of a span of which every part counts as it was assigned in it, by days."""
        cuts = sorted({start, end} | {day for one in self.held for day in (one.since, one.until) if start < day < end})
        return sum(
            (self.target(start, end, low) * Fraction((high - low).days, (end - start).days) for low, high in itertools.pairwise(cuts)), Fraction(0)
        )  # fmt: skip

    def month_in_role(self, day: date) -> int:
        """Which month since the assignment began: 1 is the first."""
        one = self.assignment_on(day)
        return whole_months(one.since, day + timedelta(days=1)) + 1 if one and one.since > date.min and one.since <= day else 1_000

    def ramped(self, ramp: Sequence[Ramp], start: date, end: date) -> Fraction:
        """The part of a span's quota that a ramp leaves, month by month."""
        shares = {one.month: Fraction(one.quota, 1_000_000) for one in ramp if one.quota is not None}
        if not shares:
            return Fraction(1)
        months = self.calendar.periods_between(start, end, "month")
        return sum((shares.get(self.month_in_role(month.start), Fraction(1)) for month in months), Fraction(0)) / len(months)


def quotas_by_payee(inputs: Inputs) -> dict[str, dict[str, list[Row]]]:
    """Quota rows by person and measure."""
    made: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in inputs["quotas"]:
        made[row["payee"]][row["measure"]].append(row)
    return made


def measured(found: Iterable[Credited], start: date, end: date) -> Fraction:
    """What retires quota in a span."""
    return sum((one.quota * one.share for one in found if start <= one.day < end), Fraction(0))


def ratio(top: Fraction, bottom: Fraction | None) -> Fraction | None:
    """A quotient; None without a divisor."""
    return None if not bottom else top / bottom


def values_of(person: Person, found: Mapping[str, Sequence[Credited]], interval: Period, end: date, team: Mapping[str, Fraction]) -> dict[str, Any]:  # fmt: skip
    """What gates, modifiers and pools may ask: attainment, measured and quota of every measure in the interval so far."""
    made: dict[str, Any] = {}
    for name in person.plan.measures:
        got = measured(found.get(name, ()), interval.start, end)
        quota = person.quota(name, interval.start, interval.end, anchor_of(person.plan, interval, end - timedelta(days=1)))
        reached = ratio(got, quota)
        made[f"measured.{name}"] = to_major(rounded(got), person.plan.currency)
        made[f"quota.{name}"] = None if quota is None else to_major(rounded(quota), person.plan.currency)
        made[f"attainment.{name}"] = None if reached is None else decimal_of(reached)
        made[f"team.{name}"] = to_major(rounded(team.get(name, Fraction(0))), person.plan.currency)
    made["months_in_role"] = person.month_in_role(end - timedelta(days=1))
    return made


def decimal_of(value: Fraction) -> Decimal:
    """A ratio to nine decimals, half away from zero."""
    return (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_NINE, ROUND_HALF_UP)


def anchor_of(plan: Plan, interval: Period, day: date) -> date:
    """The day whose quota row counts; `day` is that of the credit, or the last of the pay period."""
    return interval.start if plan.dates.quota == "period_start" else day
