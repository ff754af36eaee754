"""The whole: every person of every plan, from transactions to statements; no result depends on the order of rows or of people."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.calendar import Calendar, Period
from closedwon.base.errors import Invalid, Problem
from closedwon.base.money import muldiv
from closedwon.commissions.policy import Contest, Plan, PlanBook, Pool
from closedwon.commissions.rules.credits import Credited, Crediting, Formulas, Held, assignments, given_credits, minor_of, outcome, versions
from closedwon.commissions.rules.earning import Component
from closedwon.commissions.rules.inputs import FOREVER, Inputs
from closedwon.commissions.rules.limits import bare, capped
from closedwon.commissions.rules.payout import Payout, opening
from closedwon.commissions.rules.results import Line, Result
from closedwon.commissions.rules.standing import Person, interval_of, measured, quotas_by_payee, values_of

LAST = date(9000, 1, 1)


def calculate(
    plans: Mapping[str, PlanBook], inputs: Inputs, calendar: Calendar, *, until: date | None = None, payees: Sequence[str] | None = None
) -> Result:
    """Lines and statements until a day (exclusive; by default the end of the month of the last row). `payees` limits what is given back.

    What cannot be told for a person (no quota, no rate) is a problem with the person's name, and that component earns nothing.
    """
    held = assignments(inputs)
    end = until or _end(inputs, calendar)
    lines: list[Line] = []
    statements, problems, standing = [], [], []
    unknown = sorted({one.plan for rows in held.values() for one in rows} - set(plans))
    problems += [
        Problem(f"there is no plan {name!r}, which assignments name", "assignments.csv", mend=f"Known are {', '.join(sorted(plans))}.")
        for name in unknown
    ]
    for name in sorted(plans):
        earlier: list[Credited] = []
        for plan, before in versions(plans[name]):
            made = _Version(name, plan, min(before, FOREVER), inputs, calendar, held, end, earlier)
            earlier = made.found
            made.run(payees)
            lines += made.lines
            statements += made.statements
            problems += made.problems
            standing += made.standing
    order: Callable[[Line], Any] = lambda one: (one.payee, one.plan, one.period_start, one.component, one.credit_date or one.period_start)  # noqa: E731
    return Result(sorted(lines, key=order), sorted(statements, key=lambda one: (one.payee, one.plan, one.period_start)), standing, problems)


def _end(inputs: Inputs, calendar: Calendar) -> date:
    days = [
        row[key]
        for name in ("transactions", "credits", "events", "quotas")
        for row in inputs[name]
        for key in ("credit_date", "booked_on", "paid_on", "invoiced_on", "live_on", "at")
        if isinstance(row.get(key), date)
    ]
    days += [calendar.period(row["period"]).last for row in inputs["scores"]]
    return calendar.period_of(max(days), "month").end if days else date(2000, 1, 1)


class _Version:
    """One version of one plan: its people, their credits, lines and pay."""

    def __init__(
        self,
        name: str,
        plan: Plan,
        before: date,
        inputs: Inputs,
        calendar: Calendar,
        held: Mapping[str, Sequence[Held]],
        end: date,
        earlier: Sequence[Credited] = (),
    ) -> None:
        self.name, self.plan, self.inputs, self.calendar, self.end, self.before = name, plan, inputs, calendar, end, before
        self.formulas = Formulas(plan)
        quotas = quotas_by_payee(inputs)
        self.people: dict[str, Person] = {}
        for payee in sorted(held):
            mine = tuple(one for one in held[payee] if one.plan == name and one.since < before and one.until > plan.since)
            if mine:
                self.people[payee] = Person(payee, plan, mine, inputs, calendar, quotas.get(payee, {}))
        found = [*earlier, *Crediting(name, plan, inputs, held, before).all(), *given_credits(name, plan, inputs, held, before)]
        self.found = found
        self.credits: dict[str, dict[str, list[Credited]]] = defaultdict(lambda: defaultdict(list))
        for one in found:
            if one.day < end:
                self.credits[one.payee][one.measure].append(one)
        self.lines: list[Line] = []
        self.statements: list[Any] = []
        self.problems: list[Problem] = []
        self.standing: list[Mapping[str, Any]] = []

    def team(self, interval: Period, end: date) -> dict[str, Fraction]:
        """What all people of the plan have measured in an interval so far."""
        made: dict[str, Fraction] = defaultdict(Fraction)
        for measures in self.credits.values():
            for name, found in measures.items():
                made[name] += measured(found, interval.start, end)
        return made

    def run(self, payees: Sequence[str] | None) -> None:
        """Everybody's lines and statements."""
        shared = self._shared()
        for payee, person in self.people.items():
            if payees is not None and payee not in payees:
                continue
            mine: list[Line] = []
            for at, part in enumerate(self.plan.component):
                if isinstance(part, Contest | Pool):
                    mine += shared.get((payee, part.name), [])
                    continue
                component = Component(person, at, part, self.credits[payee], self.formulas, self.end, self.before, self.team)
                try:
                    mine += component.lines()
                except Invalid as error:
                    said = error.message.rstrip(".")
                    self.problems.append(Problem(said if payee in said else f"{payee}: {said}", self.name, mend=error.mend))
            mine = self._plan_cap(mine)
            self.lines += mine
            pay = Payout(self.plan, self.inputs, self.calendar, person.held, opening(self.inputs, payee))
            self.statements += pay.statements(mine, self.end)

    def _plan_cap(self, lines: list[Line]) -> list[Line]:
        cap = self.plan.cap
        if cap is None or not lines:
            return lines
        ordered = sorted(lines, key=lambda one: one.period_start)
        return capped(
            ordered, cap, lambda first, amount, reason: replace(bare(first), component="plan", kind="cap", earning=amount, reason=reason)
        )

    def _shared(self) -> dict[tuple[str, str], list[Line]]:
        """Contests and pools, which take everybody."""
        made: dict[tuple[str, str], list[Line]] = defaultdict(list)
        for at, part in enumerate(self.plan.component):
            if not isinstance(part, Contest | Pool):
                continue
            for interval in self._ended(part.interval):
                try:
                    won = self._contest(part, interval) if isinstance(part, Contest) else self._pool(at, part, interval)
                except Invalid as error:
                    self.problems.append(Problem(f"{part.name}: {error.message.rstrip('.')}", self.name, mend=error.mend))
                    continue
                for payee, (amount, got, reason) in won.items():
                    made[payee, part.name].append(self._shared_line(payee, part, interval, amount, got, reason))
        return made

    def _shared_line(self, payee: str, part: Contest | Pool, interval: Period, amount: int, got: Fraction, reason: str) -> Line:
        period = interval_of(self.calendar, interval.last, self.plan.pays)
        return Line(
            payee, self.name, self.plan.since, part.name, part.type, period.label, period.start, interval.label, amount, self.plan.currency,
            measure=getattr(part, "measure", "") or getattr(part, "by", ""), after=got, exact=Fraction(amount), clause=part.clause, reason=reason,
        )  # fmt: skip

    def _ended(self, kind: str) -> list[Period]:
        days = [one.day for measures in self.credits.values() for found in measures.values() for one in found]
        made: list[Period] = []
        day = min(days, default=LAST)
        while day < min(self.end, self.before):
            interval = interval_of(self.calendar, day, kind)
            if interval.end <= min(self.end, self.before):
                made.append(interval)
            day = interval.end
        return made

    def _contest(self, part: Contest, interval: Period) -> dict[str, tuple[int, Fraction, str]]:
        """Prizes by rank; ties as the plan says."""
        got: dict[str, tuple[Fraction, Any]] = {}
        for payee in self.people:
            found = sorted((one for one in self.credits[payee].get(part.measure, ()) if one.day in interval), key=lambda one: one.order)
            total, reached = Fraction(0), (date.max,)
            for one in found:
                total += one.quota * one.share
                reached = one.order  # type: ignore[assignment]
            if found and total > 0 and (part.least is None or total >= part.least.minor):
                got[payee] = (total, reached)
        ranked = sorted(got, key=lambda payee: (-got[payee][0], got[payee][1] if part.ties == "first" else (), payee))
        prizes = [one.minor for one in part.prize]
        made: dict[str, tuple[int, Fraction, str]] = {}
        at = 0
        while at < len(ranked) and at < len(prizes):
            tied = [ranked[at]] if part.ties == "first" else [payee for payee in ranked[at:] if got[payee][0] == got[ranked[at]][0]]
            pot = prizes[at : at + len(tied)]
            shares = _equal(sum(pot), len(tied)) if part.ties == "share" else [prizes[at]] * len(tied)
            for payee, amount in zip(tied, shares, strict=True):
                made[payee] = (amount, got[payee][0], f"place {at + 1}" + (f", tied with {len(tied) - 1}" if len(tied) > 1 else ""))
            at += len(tied)
        return made

    def _pool(self, at: int, part: Pool, interval: Period) -> dict[str, tuple[int, Fraction, str]]:
        """The pool's parts among those who qualify; cents go to the first in the order of people, so that parts add up."""
        team = self.team(interval, interval.end)
        takes: dict[str, Fraction] = {}
        values: dict[str, Any] = {}
        test = self.formulas.get("component", at, "qualifies")
        for payee, person in self.people.items():
            if not any(one.since < interval.end and one.until > interval.start for one in person.held):
                continue
            values = values_of(person, self.credits[payee], interval, interval.end, team)
            if test is None or outcome(test, values, f"The pool {part.name} for {payee}"):
                takes[payee] = measured(self.credits[payee].get(part.by, ()), interval.start, interval.end) if part.by else Fraction(1)
        if not takes:
            return {}
        amount = minor_of(outcome(self.formulas.by_place["component", at, "amount"], values, f"The pool {part.name}"), self.plan.currency)
        total = sum(takes.values(), Fraction(0))
        if total <= 0:
            return {}
        made, before, running = {}, 0, Fraction(0)
        for payee, weight in takes.items():
            running += weight
            share = running / total
            after = muldiv(amount, share.numerator, share.denominator)
            part_of = decimal(weight / total * 100)
            made[payee] = (after - before, weight, f"{part_of} % of {len(takes)} people's pool")
            before = after
        return made


def decimal(value: Fraction) -> str:
    """A ratio to two decimals as text."""
    return f"{Decimal(value.numerator) / Decimal(value.denominator):.2f}"


def _equal(amount: int, count: int) -> list[int]:
    """An amount in equal parts that add up to it."""
    marks = [muldiv(amount, at, count) for at in range(count + 1)]
    return [after - before for before, after in itertools.pairwise(marks)]
