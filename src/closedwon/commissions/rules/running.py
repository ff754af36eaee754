"""All credits of one run of attainment, in their order: what each earns, slice by slice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from closedwon.base.calendar import Period, add_months, whole_months
from closedwon.base.errors import Invalid
from closedwon.base.money import PPM
from closedwon.commissions.rules.credits import Credited, outcome, rounded
from closedwon.commissions.rules.results import Line
from closedwon.commissions.rules.standing import decimal_of
from closedwon.commissions.rules.tiers import Slice, sliced, table_of

if TYPE_CHECKING:
    from closedwon.commissions.rules.earning import Component


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
