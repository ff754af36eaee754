"""From earnings to pay: holds and releases, draws and guarantees, their recovery, and what is carried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from closedwon.base.calendar import Calendar, Period, add_months
from closedwon.base.money import PPM, muldiv
from closedwon.commissions.policy import Draw, Plan, Release
from closedwon.commissions.rules.credits import Held, convert, rounded
from closedwon.commissions.rules.inputs import FOREVER, Inputs, Row
from closedwon.commissions.rules.results import Line, Statement
from closedwon.commissions.rules.standing import interval_of


@dataclass(frozen=True)
class Released:
    """A part of an earning that may be paid from a day on."""

    day: date
    amount: int
    funds_draws: bool


def releases(line: Line, how: Sequence[Release], events: Sequence[Row], funds_draws: bool) -> list[Released]:
    """When the parts of a line may be paid; parts are differences of rounded running totals, so they never exceed the line.

    A partial event (with a share) releases that share of its part. What no event has released yet is held.
    """
    if not how or not line.order_id:
        return [Released(line.period_start, line.earning, funds_draws)]
    dated: list[tuple[date, Fraction]] = []
    for one in how:
        part = Fraction(one.share, PPM)
        if one.event == "booking":
            dated.append(((line.credit_date or line.period_start) + timedelta(days=one.after_days), part))
            continue
        left = Fraction(1)
        for event in events:
            if event["event"] != one.event or (event.get("line") and line.line and event["line"] != line.line):
                continue
            share = min(Fraction(event.get("share", PPM), PPM), left)
            left -= share
            if share:
                dated.append((event["at"] + timedelta(days=one.after_days), part * share))
    made, total, before = [], Fraction(0), 0
    for day, share in sorted(dated):
        total += share
        after = rounded(line.earning * total)
        made.append(Released(max(day, line.period_start), after - before, funds_draws))
        before = after
    return made


@dataclass
class Balances:
    """What is carried from period to period."""

    carried: int = 0
    held: int = 0
    draws: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Payout:
    """One person's pay under one version of a plan, period by period."""

    def __init__(self, plan: Plan, inputs: Inputs, calendar: Calendar, held: Sequence[Held], balances: Balances) -> None:
        self.plan, self.inputs, self.calendar, self.held, self.balances = plan, inputs, calendar, held, balances
        self.events: dict[str, list[Row]] = defaultdict(list)
        for row in sorted(inputs["events"], key=lambda one: (one["at"], one["seq"])):
            self.events[row["order_id"]].append(row)

    def statements(self, lines: Sequence[Line], until: date) -> list[Statement]:
        """What each pay period comes to, from the first earning, release or draw until the day."""
        parts = {one.name: one for one in self.plan.component}
        earned: dict[date, int] = defaultdict(int)
        released: dict[date, list[Released]] = defaultdict(list)
        for line in lines:
            part = parts.get(line.component)
            earned[line.period_start] += line.earning
            how = part.release if part else ()
            for one in releases(line, how, self.events.get(line.order_id, ()), part.draw_category if part else True):
                released[interval_of(self.calendar, one.day, self.plan.pays).start].append(one)
        return [
            self._one(period, earned.get(period.start, 0), released.get(period.start, []))
            for period in self._periods([*earned, *released], until)
        ]

    def _periods(self, known: Iterable[date], until: date) -> list[Period]:
        starts = list(known)
        if self.plan.draw:
            starts += [one.since for one in self.held if one.since > date.min]
        if not starts or not self.held:
            return []
        made, day, last = [], min(starts), max([*(one.until for one in self.held), *known])
        while day < min(until, last if last != FOREVER else until) or day in known:
            if day >= until:
                break
            made.append(interval_of(self.calendar, day, self.plan.pays))
            day = made[-1].end
        return made

    def _one(self, period: Period, earned: int, released: Sequence[Released]) -> Statement:
        free = sum(one.amount for one in released)
        funding = sum(one.amount for one in released if one.funds_draws)
        self.balances.held += earned - free
        carried_in = self.balances.carried
        draw = recovered = forgiven = 0
        for one in self.plan.draw:
            month = self._month(period)
            running = month is not None and month <= one.months
            advance = self._advance(one, free, period) if running else 0
            draw += advance
            if one.kind == "recoverable":
                self.balances.draws[one.name] += advance
                if month is not None and month > one.recover_after and not (running and one.style == "on-top" and one.recover_after != 0):
                    took = self._recovery(one, funding, free - recovered, running, advance)
                    self.balances.draws[one.name] -= took
                    recovered += took
                if one.forgive_after and month is not None and month > one.forgive_after:
                    forgiven += self.balances.draws[one.name]
                    self.balances.draws[one.name] = 0
        pay = free + draw - recovered + carried_in
        paid = pay if pay >= 0 or self.plan.negative == "pay" else 0
        self.balances.carried = pay - paid if self.plan.negative == "carry" else 0
        return self._statement(period, earned, free, draw, recovered, forgiven, carried_in, paid)

    def _statement(
        self, period: Period, earned: int, free: int, draw: int, recovered: int, forgiven: int, carried_in: int, paid: int
    ) -> Statement:
        held = next((one for one in reversed(self.held) if one.since < period.end), self.held[0])
        currency = held.pay_currency if self.plan.pay_rates and held.pay_currency else self.plan.currency
        ppb = self.inputs.rate(self.plan.pay_rates, self.plan.currency, currency, period.last) if currency != self.plan.currency else None

        def pay(amount: int) -> int:
            return amount if ppb is None else convert(amount, self.plan.currency, currency, ppb)

        return Statement(
            held.payee, held.plan, period.label, period.start, currency, pay(earned), pay(earned - free), pay(free), pay(draw), pay(recovered), pay(forgiven),
            pay(carried_in), pay(paid), pay(self.balances.carried), pay(sum(self.balances.draws.values())), pay(self.balances.held), self.plan.currency, ppb,
        )  # fmt: skip

    def _month(self, period: Period) -> int | None:
        """Which month since the first assignment the period's last is; None before."""
        begun = self.held[0].since
        if begun == date.min or begun >= period.end:
            return None
        month = 1
        while add_months(begun, month) < period.end:
            month += 1
        return month

    def _advance(self, draw: Draw, free: int, period: Period) -> int:
        """What the draw pays this period, shrunk where the assignment began or ended within it."""
        days = sum(max((min(one.until, period.end) - max(one.since, period.start)).days, 0) for one in self.held)
        amount = muldiv(draw.amount.minor, min(days, period.days), period.days)
        return amount if draw.style == "on-top" else max(amount - max(free, 0), 0)

    def _recovery(self, draw: Draw, funding: int, free: int, running: bool, advance: int) -> int:
        """What of a period's earnings goes back: the part above the minimum, at most the balance."""
        if advance and draw.style == "shortfall":
            return 0
        least = draw.amount.minor if running and draw.style == "shortfall" else 0
        least = max(least, draw.keep.minor if draw.keep else 0)
        above = max(min(funding, free) - least, 0)
        return min(self.balances.draws[draw.name], muldiv(above, draw.recover_share, PPM))


def opening(inputs: Inputs, payee: str) -> Balances:
    """Balances with which a person begins."""
    made = Balances()
    for row in inputs["opening"]:
        if row["payee"] != payee:
            continue
        if row["kind"] == "draw":
            made.draws[str(row.get("name", "draw"))] += row["amount"]
        elif row["kind"] == "carried":
            made.carried += row["amount"]
        elif row["kind"] == "held":
            made.held += row["amount"]
    return made
