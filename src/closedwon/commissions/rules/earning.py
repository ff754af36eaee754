"""What a component earns: credits become lines, step by step, so that lines add up to the rounded total of their interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.calendar import Period, add_months, whole_months
from closedwon.base.errors import Invalid
from closedwon.base.money import PPM
from closedwon.commissions.policy import Bonus, Commission, Curve, Mbo, Part
from closedwon.commissions.rules.credits import Credited, Formulas, minor_of, outcome, rounded
from closedwon.commissions.rules.results import Line
from closedwon.commissions.rules.standing import Person, anchor_of, decimal_of, interval_of, measured, ratio, steps_of, values_of
from closedwon.commissions.rules.tiers import Slice, curve_at, curve_pays, sliced, table_of

Team = Mapping[str, Fraction]


@dataclass
class Component:
    """One component of one person: what it is given, and the lines that it makes."""

    person: Person
    at: int
    part: Any
    credits: Mapping[str, Sequence[Credited]]
    formulas: Formulas
    until: date
    before: date = date.max
    """Where the next version of the plan begins."""
    team: Callable[[Period, date], Team] = lambda _interval, _end: {}
    originals: dict[tuple[str, str], tuple[Fraction, int, date]] = field(default_factory=dict)
    """What each order earned, exact, what it was worth and when: for what is taken back at the rates that were paid."""

    def formula(self, *place: str | int) -> Any:
        """The compiled formula of this component at a place."""
        return self.formulas.get("component", self.at, *place)

    def lines(self) -> list[Line]:
        """Every line until the day, with its caps and floors."""
        made: list[Line] = []
        for interval in self.intervals():
            raw = self.of_interval(interval)
            made += self._floored(interval, raw)
        return self._capped(made)

    def intervals(self) -> list[Period]:
        """The intervals in which something may be earned, oldest first."""
        kind, calendar = self.part.interval, self.person.calendar
        days = [one.day for one in self.credits.get(getattr(self.part, "measure", ""), ())]
        for measure in {getattr(self.part, "quota", "")} - {""}:
            days += [row["period_start"] for row in self.person.quotas.get(measure, ())]
        if isinstance(self.part, Mbo):
            days += [one.since for one in self.person.held if one.since > date.min]
            days += [calendar.period(row["period"]).start for row in self.person.inputs["scores"] if row["payee"] == self.person.payee]
        first = min(days, default=None)
        made: list[Period] = []
        day = first
        while day is not None and day < self.until:
            made.append(interval_of(calendar, day, kind))
            day = made[-1].end
        return [one for one in made if self._touches(one)]

    def _touches(self, interval: Period) -> bool:
        mine = any(
            one.day in interval for one in self.credits.get(getattr(self.part, "measure", ""), ()) if one.since == self.person.plan.since
        )
        within = self.person.plan.since < interval.end and interval.start < self.before
        return mine or (within and any(one.since < interval.end and one.until > interval.start for one in self.person.held))

    def of_interval(self, interval: Period) -> list[Line]:
        """The lines of one interval."""
        part = self.part
        if isinstance(part, Commission):
            return self._commission(interval)
        if isinstance(part, Curve):
            return self._curve(interval)
        if isinstance(part, Bonus):
            return self._bonus(interval)
        return self._mbo(interval)

    def standing(self, interval: Period, end: date) -> dict[str, Any]:
        """What gates and modifiers may ask at the end of a step."""
        return values_of(self.person, self.credits, interval, end, self.team(interval, end))

    def gate(self, values: Mapping[str, Any]) -> bool:
        """Whether the gate is open."""
        test = self.formula("gate")
        return test is None or bool(outcome(test, values, f"The gate of {self.part.name}"))

    def factor(self, values: Mapping[str, Any]) -> Fraction:
        """The product of the modifiers."""
        made = Fraction(1)
        for at, one in enumerate(self.part.modifier):
            found = outcome(self.formula("modifier", at, "factor"), values, f"The modifier {one.name}")
            made *= Fraction(1) if found is None else Fraction(Decimal(str(found)))
        return made

    def line(self, interval: Period, period: Period, kind: str, earning: int, **more: Any) -> Line:
        """A line of this component."""
        plan = self.person.plan
        return Line(
            self.person.payee, self.person.held[0].plan, plan.since, self.part.name, kind, period.label, period.start, interval.label, earning,
            plan.currency, clause=self.part.clause, **more,
        )  # fmt: skip

    # commissions

    def _commission(self, interval: Period) -> list[Line]:
        part, made = self.part, []
        segments = self.person.segments(interval)
        if len(segments) > 1 and not part.on_change:
            raise Invalid(
                f"{self.person.payee} changes within {interval.label}, and {part.name} does not say what becomes of attainment.",
                mend='Write on_change = "reset", "carry" or "blend" into the component.',
            )
        begun = self.person.plan.since
        earlier = [one for one in self.credits.get(part.measure, ()) if one.since != begun and one.day in interval]
        if earlier and not part.on_change:
            raise Invalid(
                f"The plan changes within {interval.label}, and {part.name} does not say what becomes of attainment.",
                mend='Write on_change = "reset", "carry" or "blend" into the component.',
            )
        spans = [(max(one.since, interval.start), min(one.until, interval.end)) for one in segments]
        if earlier and part.on_change == "reset":
            spans = [(max(start, begun), end) for start, end in spans if end > begun]
        if part.on_change != "reset" or (len(segments) < 2 and not earlier):
            spans = [(interval.start, interval.end)]
        for start, end in spans:
            made += self._span(interval, start, end)
        return made

    def _span(self, interval: Period, start: date, end: date) -> list[Line]:
        """One run of attainment: the whole interval, or what of it one assignment holds."""
        mine = [one for one in self.credits.get(self.part.measure, ()) if start <= one.day < end]
        if self.part.on_change == "reset":
            mine = [one for one in mine if one.since == self.person.plan.since]
        mine.sort(key=lambda one: one.order)
        made: list[Line] = []
        posted = 0
        for step, period in steps_of(self.person.calendar, interval, self.part.interval, self.person.plan.pays):
            if step.start >= self.until or step.end <= start or step.start >= end:
                continue
            known = [one for one in mine if one.day < step.end]
            values = self.standing(interval, step.end)
            run = Run(self, interval, start, end, step, values)
            runs = run.all(known)
            before = sum((one.exact for one in runs if one.credit.day < step.start), Fraction(0))
            if (late := rounded(before) - posted) != 0:
                made.append(self.line(interval, period, "true-up", late, reason=f"earlier credits of {interval.label}, as it stands now"))
                posted += late
            for earned in runs:
                if earned.credit.day < step.start or earned.credit.since != self.person.plan.since:
                    continue
                found, before, posted = earned.lines(self, interval, period, before, posted)
                made += found
        return made

    # curves

    def _curve(self, interval: Period) -> list[Line]:
        part, made, posted = self.part, [], 0
        steps = steps_of(self.person.calendar, interval, part.interval, self.person.plan.pays)
        for step, period in steps:
            last = step.end == interval.end
            if step.start >= self.until or (part.pays == "at-end" and not (last and step.end <= self.until)):
                continue
            values = self.standing(interval, step.end)
            end = step.end if part.quota_basis == "to-date" else interval.end
            quota = self.quota(interval, interval.start, end, step.end - timedelta(days=1))
            got = measured(self.credits.get(part.measure, ()), interval.start, step.end)
            attainment = ratio(got, quota) or Fraction(0)
            share = curve_pays(part, attainment) if self.gate(values) else Fraction(0)
            if part.on_change == "blend":
                target = self.person.blended_target(interval.start, end)
            else:
                target = self.person.target(interval.start, end, step.end - timedelta(days=1))
            exact = target * Fraction(part.weight, PPM) * share * self.factor(values)
            earning = rounded(exact) - posted
            posted += earning
            moved = any(one.day in step for one in self.credits.get(part.measure, ()))
            if earning or last or moved:
                made.append(
                    self.line(
                        interval,
                        period,
                        "curve",
                        earning,
                        measure=part.measure,
                        quota=quota,
                        before=Fraction(0),
                        after=got,
                        rate=share,
                        credit=rounded(target * Fraction(part.weight, PPM)),
                        factor=self.factor(values),
                        exact=exact,
                    )
                )
        return made

    def quota(self, interval: Period, start: date, end: date, day: date) -> Fraction:
        """The quota of a span, by the plan's way. Raises Invalid where there is none."""
        part = self.part
        blend = getattr(part, "on_change", "") == "blend" and len(self.person.segments(interval)) > 1
        found = (
            self.person.blended(part.quota, start, end)
            if blend
            else self.person.quota(part.quota, start, end, anchor_of(self.person.plan, interval, day))
        )
        if found is None:
            raise Invalid(
                f"{self.person.payee} has no quota for {part.quota} in {interval.label}, which {part.name} stands on.",
                mend="Add it to the quotas, or end the assignment.",
            )
        return found * self.person.ramped(getattr(part, "ramp", ()), start, end)

    # bonuses and scores

    def _bonus(self, interval: Period) -> list[Line]:
        part, made, count = self.part, [], 0
        found = sorted((one for one in self.credits.get(part.measure, ()) if one.day in interval), key=lambda one: one.order)
        most = {"every": None, "first": part.first, "once": 1}[part.times]
        for one in found:
            test = self.formula("when")
            if one.day >= self.until or (test is not None and not outcome(test, self.seen(one), f"The bonus {part.name}")):
                continue
            period = interval_of(self.person.calendar, one.day, self.person.plan.pays)
            values = self.standing(interval, period.end)
            if not self.gate(values) or (most is not None and count >= most):
                continue
            count += 1
            amount = minor_of(outcome(self.formula("amount"), self.seen(one), f"The bonus {part.name}"), self.person.plan.currency)
            exact = amount * one.share * self.factor(values)
            made.append(
                self.line(
                    interval,
                    period,
                    "bonus",
                    rounded(exact),
                    order_id=one.order_id,
                    line=one.line,
                    credit_date=one.day,
                    measure=part.measure,
                    credit=one.pay,
                    quota_credit=one.quota,
                    factor=self.factor(values),
                    exact=exact,
                    reason=f"{count} of {interval.label}",
                )
            )
        return made

    def _mbo(self, interval: Period) -> list[Line]:
        part = self.part
        if interval.end > self.until:
            return []
        rows = [
            row for row in self.person.inputs["scores"]
            if (row["payee"], row["component"]) == (self.person.payee, part.name) and self.person.calendar.period(row["period"]).start == interval.start
        ]  # fmt: skip
        if not rows:
            return []
        score = Fraction(min(rows[-1]["score"], part.most), PPM)
        values = {**self.standing(interval, interval.end), "score": decimal_of(score)}
        share = (curve_at(part.point, score, "up") if part.point else score) if self.gate(values) else Fraction(0)
        target = self.person.target(interval.start, interval.end, interval.last)
        exact = target * Fraction(part.weight, PPM) * share * self.factor(values)
        period = interval_of(self.person.calendar, interval.last, self.person.plan.pays)
        return [
            self.line(
                interval,
                period,
                "mbo",
                rounded(exact),
                rate=share,
                credit=rounded(target * Fraction(part.weight, PPM)),
                factor=self.factor(values),
                exact=exact,
                reason=f"score {decimal_of(score * 100).normalize():f} %",
            )
        ]

    def seen(self, credit: Credited) -> dict[str, Any]:
        """A credit as formulas see it."""
        from closedwon.base.money import to_major

        currency = self.person.plan.currency
        held = self.person.assignment_on(credit.day)
        return {
            **credit.row, "credit": to_major(credit.pay, currency), "quota_credit": to_major(credit.quota, currency),
            "share": decimal_of(credit.share), "payee": credit.payee, "role": held.role if held else "", "credit_date": credit.day,
        }  # fmt: skip

    # limits

    def _floored(self, interval: Period, lines: list[Line]) -> list[Line]:
        floor = self.part.floor
        if floor is None or interval.end > self.until:
            return lines
        missing = floor.minor - sum(one.earning for one in lines)
        if missing <= 0:
            return lines
        period = interval_of(self.person.calendar, interval.last, self.person.plan.pays)
        return [*lines, self.line(interval, period, "floor", missing, reason=f"the least of {interval.label}")]

    def _capped(self, lines: list[Line]) -> list[Line]:
        cap = self.part.cap
        if cap is None or (cap.period is None and cap.interval is None):
            return lines
        return capped(lines, cap, lambda first, amount, reason: replace(_bare(first), kind="cap", earning=amount, reason=reason))


def _bare(line: Line) -> Line:
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


@dataclass(frozen=True)
class Earned:
    """What one credit earned in a run, exact, by slices; `taken` marks what was taken back."""

    credit: Credited
    slices: list[Slice]
    exact: Fraction
    before: Fraction
    after: Fraction
    factor: Fraction
    quota: Fraction | None
    money: bool
    kind: str = "credit"
    reason: str = ""

    def lines(self, of: Component, interval: Period, period: Period, before: Fraction, posted: int) -> tuple[list[Line], Fraction, int]:
        """Its lines as differences of the rounded running total; gives the running total after it, exact and rounded."""
        credit, made, slices = self.credit, [], self.slices or [Slice(0, self.before, self.after, Fraction(0), None, Fraction(0))]
        total = sum((one.earning for one in slices), Fraction(0))
        scale = self.exact / total if total else Fraction(0)
        for one in slices:
            after = before + one.earning * scale
            earning = rounded(after) - posted
            made.append(
                of.line(
                    interval,
                    period,
                    self.kind,
                    earning,
                    order_id=credit.order_id,
                    line=credit.line,
                    credit_date=credit.day,
                    measure=credit.measure,
                    credit=credit.pay,
                    quota_credit=credit.quota,
                    share=credit.share,
                    quota=self.quota,
                    before=self.before,
                    after=self.after,
                    tier=one.tier,
                    slice_from=one.start,
                    slice_to=one.end,
                    slice_amount=one.amount,
                    rate=one.rate,
                    factor=self.factor,
                    exact=one.earning * scale,
                    fx_ppb=credit.rate_ppb,
                    axis_is_money=self.money,
                    reason=self.reason,
                )
            )
            before, posted = after, posted + earning
        return made, before, posted


class Run:
    """All credits of a run in their order, reckoned as things stand at the end of a step."""

    def __init__(self, of: Component, interval: Period, start: date, end: date, step: Period, values: Mapping[str, Any]) -> None:
        self.of, self.part, self.interval, self.start, self.end, self.step, self.values = of, of.part, interval, start, end, step, values
        self.open = of.gate(values)
        self.factor = of.factor(values)
        self.positions: dict[str, Fraction] = defaultdict(Fraction)
        self.weights: dict[str, Fraction] = defaultdict(Fraction)
        self.wholes: dict[str, Fraction] = defaultdict(Fraction)
        self._tables: dict[Any, Any] = {}

    def all(self, given: Sequence[Credited]) -> list[Earned]:
        """What each earned."""
        made = []
        for credit in given:
            earned = self._one(credit)
            made.append(earned)
            if earned.kind == "credit":
                key = (credit.order_id, credit.line)
                exact, worth, day = self.of.originals.get(key, (Fraction(0), 0, credit.day))
                if credit.day >= self.step.start:
                    self.of.originals[key] = (exact + earned.exact, worth + credit.pay, day)
        return made

    def table(self, credit: Credited) -> tuple[Any, Fraction | None]:
        """The rate table for a credit, and the quota that it stands on."""
        part, person = self.part, self.of.person
        day = credit.day if person.plan.dates.quota == "credit" else self.step.end - timedelta(days=1)
        key = day if person.plan.dates.quota == "credit" else None
        if key not in self._tables:
            quota = base = None
            if part.quota:
                end = min(self.step.end, self.end) if part.quota_basis == "to-date" else self.end
                quota = self.of.quota(self.interval, self.start, end, day)
                if quota <= 0:
                    raise Invalid(
                        f"The quota of {person.payee} for {part.quota} in {self.interval.label} is {quota}.", mend="It must be above zero."
                    )
                if part.base_rate == "derived":
                    base = person.target(self.start, end, day) * Fraction(part.weight, PPM) / quota
            if part.base_rate and part.base_rate != "derived":
                base = Fraction(part.base_rate, PPM)
            self._tables[key] = (table_of(part, person.plan.currency, quota, base), quota)
        found: tuple[Any, Fraction | None] = self._tables[key]
        return found

    def _one(self, credit: Credited) -> Earned:
        part = self.part
        tiers, quota = self.table(credit)
        group = {"interval": "", "transaction": str(id(credit)), "group": str(credit.row.get(part.group_by or "", credit.order_id))}[
            part.accumulate
        ]
        moves = credit.units if part.axis == "units" else Fraction(credit.quota)
        before = self.positions[group]
        back = self._taken_back(credit)
        if back is not None:
            after = before + (moves if part.clawback and part.clawback.lowers_attainment else 0)
            self.positions[group] = after
            if part.mode == "whole":
                self.wholes[group] += back
            return Earned(
                credit,
                [Slice(0, before, after, Fraction(credit.pay), None, back)],
                back,
                before,
                after,
                Fraction(1),
                quota,
                part.axis != "units",
                "clawback",
                self._why(credit),
            )
        after = before + moves
        self.positions[group] = after
        if not self._paid(credit):
            return Earned(
                credit,
                [],
                Fraction(0),
                before,
                after,
                Fraction(1),
                quota,
                part.axis != "units",
                "credit",
                "counts to the measure, is not paid",
            )
        by_unit = any(one.each is not None for one in part.tier)
        pay = (credit.units if by_unit else Fraction(credit.pay)) * self._kicker(credit)
        ramp = self._ramp(credit)
        slices = self._slices(credit, tiers, group, before, after, pay)
        slices = self._limited(slices, quota)
        factor = self.factor * ramp * credit.share * (1 if self.open or part.gate_holds == "accelerator" else 0)
        exact = sum((one.earning for one in slices), Fraction(0)) * factor
        if part.cap is not None and part.cap.line is not None and exact > part.cap.line.minor:
            exact = Fraction(part.cap.line.minor)
        return Earned(credit, slices, exact, before, after, factor, quota, part.axis != "units")

    def _slices(self, credit: Credited, tiers: Any, group: str, before: Fraction, after: Fraction, pay: Fraction) -> list[Slice]:
        part = self.part
        if part.rate_table is not None:
            rate = self._table_rate(credit, after)
            return [Slice(0, before, after, pay, rate, pay * rate)]

        def opened(tier: int) -> int:
            return 0 if not self.open and part.gate_holds == "accelerator" else tier

        if part.mode == "whole":
            earned = self.weights[group]
            self.weights[group] += pay
            at = opened(tiers.tier_at(after))
            total = self.weights[group] * tiers.rates[at] + self.wholes[group]
            old = opened(tiers.tier_at(before))
            was = earned * tiers.rates[old] + self.wholes[group] if earned else self.wholes[group]
            return [Slice(at, before, after, pay, tiers.rates[at], total - was)]
        return sliced(tiers, before, after, pay, opened)

    def _table_rate(self, credit: Credited, after: Fraction) -> Fraction:
        table = self.part.rate_table
        seen = {**self.of.seen(credit), **self.values}
        quota = self.table(credit)[1]
        if quota:
            seen[f"attainment.{self.part.quota}"] = decimal_of(after / quota)
        given = {column.name: seen.get(column.name) for column in table.inputs}
        found = table.evaluate(given)
        if found.error or not found.value:
            raise Invalid(f"The rate table of {self.part.name} gives nothing for {credit.order_id}.", mend="Add a row that covers it.")
        value = found.value["rate"] if isinstance(found.value, dict) else found.value
        return Fraction(Decimal(str(value)))

    def _limited(self, slices: list[Slice], quota: Fraction | None) -> list[Slice]:
        """The slices without what lies above the capped attainment."""
        cap = self.part.cap
        if cap is None or cap.attainment is None or quota is None:
            return slices
        most = quota * Fraction(cap.attainment, PPM)
        made = []
        for one in slices:
            low, high = min(one.start, one.end), max(one.start, one.end)
            kept = Fraction(1) if high <= most else Fraction(0) if low >= most else (most - low) / (high - low)
            made.append(replace(one, earning=one.earning * kept))
        return made

    def _paid(self, credit: Credited) -> bool:
        if credit.since != self.of.person.plan.since:
            return False
        test = self.of.formula("when")
        return test is None or bool(outcome(test, self.of.seen(credit), f"{self.part.name} on {credit.order_id}"))

    def _kicker(self, credit: Credited) -> Fraction:
        formula = self.of.formula("kicker")
        if formula is None:
            return Fraction(1)
        found = outcome(formula, self.of.seen(credit), f"The kicker of {self.part.name} on {credit.order_id}")
        return Fraction(1) if found is None else Fraction(Decimal(str(found)))

    def _ramp(self, credit: Credited) -> Fraction:
        month = self.of.person.month_in_role(credit.day)
        return next((Fraction(Decimal(one.multiplier)) for one in self.part.ramp if one.month == month and one.multiplier), Fraction(1))

    def _taken_back(self, credit: Credited) -> Fraction | None:
        """What a transaction takes back at the rates that were paid; None where it is an ordinary credit."""
        claw = self.part.clawback
        if claw is None or claw.how == "today":
            return None
        if not outcome(self.of.formula("clawback", "when"), self.of.seen(credit), f"The clawback of {self.part.name}"):
            return None
        key = (str(credit.row.get("reverses") or ""), credit.line)
        if key not in self.of.originals:
            key = next((one for one in self.of.originals if one[0] == key[0]), key)
        exact, worth, day = self.of.originals.get(key, (Fraction(0), 0, credit.day))
        if not worth or (claw.within_months and credit.day >= add_months(day, claw.within_months)):
            return Fraction(0)
        part = min(Fraction(abs(credit.pay), abs(worth)), Fraction(1))
        if claw.how == "prorated":
            served = whole_months(day, credit.day)
            part *= Fraction(max(claw.within_months - served, 0), claw.within_months or 1)
        return -exact * part

    def _why(self, credit: Credited) -> str:
        original = credit.row.get("reverses") or ""
        known = any(key[0] == original for key in self.of.originals)
        return f"takes back {original}" if known else f"takes back nothing: {original or 'no order'} earned nothing here"


__all__ = ["Component", "Earned", "Part", "Run", "capped"]
