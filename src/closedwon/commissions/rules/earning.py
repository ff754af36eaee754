"""What a component earns: credits become lines, step by step, so that lines add up to the rounded total of their interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.money import PPM
from closedwon.commissions.policy import Bonus, Commission, Curve, Mbo
from closedwon.commissions.rules.credits import Credited, Formulas, minor_of, outcome, rounded
from closedwon.commissions.rules.limits import bare, capped
from closedwon.commissions.rules.results import Line
from closedwon.commissions.rules.running import Run
from closedwon.commissions.rules.standing import Person, anchor_of, decimal_of, interval_of, measured, ratio, steps_of, values_of
from closedwon.commissions.rules.tiers import curve_at, curve_pays

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
        return capped(lines, cap, lambda first, amount, reason: replace(bare(first), kind="cap", earning=amount, reason=reason))
