"""Crediting: transactions become credits, direct and indirect; portions add up to what they are portions of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.base.money import PPB, PPM, digits, muldiv, parts, to_major
from closedwon.commissions.policy import MONEY, Credit, Plan, PlanBook, Rollup
from closedwon.commissions.rules.inputs import FOREVER, Inputs, Row
from closedwon.formula.formula import Formula


@dataclass(frozen=True)
class Credited:
    """What one person is credited for one transaction, in minor units of the plan's currency."""

    payee: str
    plan: str
    since: date
    rule: str
    measure: str
    order_id: str
    line: str
    day: date
    pay: int
    quota: int
    share: Fraction = Fraction(1)
    """What of the earning is the person's: 1, except where the earning is split after the commission."""
    units: Fraction = Fraction(1)
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)
    seq: int = 0
    levels: int = 0
    """How many managers above the earner: 0 is direct."""
    rate_ppb: int = PPB
    """The exchange rate into the plan's currency."""
    rate_day: date | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """The total order of credits of a person's component."""
        return (self.day, self.order_id, self.line, self.seq, self.rule)


@dataclass(frozen=True)
class Held:
    """A person's assignment to a plan."""

    payee: str
    plan: str
    since: date
    until: date
    role: str = ""
    target: int = 0
    currency: str = ""
    pay_currency: str = ""
    row: Mapping[str, Any] = field(default_factory=dict, compare=False)


def assignments(inputs: Inputs) -> dict[str, list[Held]]:
    """Everybody's assignments, oldest first."""
    made: dict[str, list[Held]] = defaultdict(list)
    for row in inputs["assignments"]:
        held = Held(
            row["payee"], row["plan"], row.get("since") or date.min, row.get("until") or FOREVER, row.get("role", ""), row.get("target_variable", 0),
            row.get("currency", ""), row.get("pay_currency", ""), row,
        )  # fmt: skip
        made[held.payee].append(held)
    return {payee: sorted(rows, key=lambda one: (one.since, one.plan)) for payee, rows in made.items()}


def outcome(formula: Formula, row: Mapping[str, Any], what: str) -> Any:
    """What a formula gives for a row. Raises Invalid where it cannot be had."""
    found = formula.evaluate(row)
    if found.error is not None:
        raise Invalid(f"{what}: {found.error}.", mend=f"The formula is {formula.text}")
    return found.value


class Formulas:
    """The compiled formulas of a plan by place."""

    def __init__(self, plan: Plan) -> None:
        self.by_place = {place: formula for place, _, formula in plan.formulas()}

    def get(self, *place: str | int) -> Formula | None:
        """The formula at a place; None where the text is empty."""
        return self.by_place.get(place)


def convert(minor: int, currency: str, to: str, ppb: int) -> int:
    """An amount in another currency's minor units, rounded once."""
    if currency == to:
        return minor
    return muldiv(minor, ppb * 10 ** digits(to), PPB * 10 ** digits(currency))


def _day_of(row: Row, name: str, credit: str, what: str) -> date:
    key = credit if name == "credit" else name
    found = row.get(key)
    if not isinstance(found, date):
        raise Invalid(f"{what} has no {key}, which the plan goes by.", mend=f"Give the column {key}, or change [dates] of the plan.")
    return found


@dataclass(frozen=True)
class Prepared:
    """A transaction in the plan's currency, with its days."""

    row: dict[str, Any]
    values: dict[str, Any]
    day: date
    assigned: date
    above: date
    planned: date
    ppb: int
    rate_day: date


def prepared(plan: Plan, row: Row, inputs: Inputs) -> Prepared | None:
    """The transaction as formulas of a plan see it; None before its credit date is known, as with money that was not yet paid."""
    name = f"Transaction {row.get('order_id')}"
    if row.get(plan.dates.credit) is None and plan.dates.credit != "credit_date":
        return None
    day = _day_of(row, plan.dates.credit, plan.dates.credit, name)
    rate_day = day.replace(day=1) if plan.dates.rate == "period_start" else _day_of(row, plan.dates.rate, plan.dates.credit, name)
    currency = row.get("currency") or plan.currency
    ppb = inputs.rate(plan.measure_rates, currency, plan.currency, rate_day)
    values: dict[str, Any] = {}
    for key, value in row.items():
        if key in MONEY and isinstance(value, int):
            values[key] = to_major(convert(value, currency, plan.currency, ppb), plan.currency)
        elif key != "seq":
            values[key] = custom(plan, key, value, name)
    return Prepared(
        dict(row), values, day, _day_of(row, plan.dates.assignment, plan.dates.credit, name),
        _day_of(row, plan.dates.hierarchy, plan.dates.credit, name),
        _day_of(row, plan.dates.plan, plan.dates.credit, name), ppb, rate_day,
    )  # fmt: skip


def custom(plan: Plan, key: str, value: Any, what: str) -> Any:
    """A custom column's value by the type that the plan gives it. Raises Invalid."""
    kind = plan.columns.get(key, "").split(" ")[0].split("(")[0]
    if not kind or not isinstance(value, str):
        return value
    text = value.strip()
    try:
        if kind == "percent":
            return Decimal(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
        if kind in {"number", "money", "quantity"}:
            return Decimal(text.replace(",", ""))
        if kind == "date":
            return date.fromisoformat(text[:10])
        if kind == "yes/no":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
    except (ArithmeticError, ValueError, KeyError) as error:
        raise Invalid(
            f"{what} has {key} {value!r}, which is no {kind}.", mend=f"The plan's columns say {key} = {plan.columns[key]!r}."
        ) from error
    return value


def minor_of(value: Any, currency: str) -> int:
    """A formula's amount in minor units, half away from zero; blank is 0."""
    exact = Fraction(Decimal(str(value or 0))) * 10 ** digits(currency)
    return rounded(exact)


def rounded(value: Fraction) -> int:
    """Half away from zero."""
    return muldiv(1, value.numerator, value.denominator)


class Crediting:
    """Credits of one plan's version from all transactions."""

    def __init__(self, name: str, plan: Plan, inputs: Inputs, held: Mapping[str, Sequence[Held]], until: date) -> None:
        self.name, self.plan, self.inputs, self.held, self.until = name, plan, inputs, held, until
        self.formulas = Formulas(plan)
        self.by_order: dict[str, dict[str, list[Row]]] = {"splits": defaultdict(list), "team": defaultdict(list)}
        for kind, found in self.by_order.items():
            for row in inputs[kind]:
                found[row["order_id"]].append(row)

    def all(self) -> list[Credited]:
        """Every credit of those who hold the plan."""
        made: list[Credited] = []
        for row in self.inputs["transactions"]:
            ready = prepared(self.plan, row, self.inputs)
            if ready is None or not self.plan.since <= ready.planned < self.until:
                continue
            direct: dict[str, list[Credited]] = {}
            for at, rule in enumerate(self.plan.credit):
                found = list(self._of_rule(at, rule, ready, direct))
                direct[rule.name] = found
                made += found
        return [one for one in made if self._belongs(one)]

    def _belongs(self, credit: Credited) -> bool:
        rule = next(one for one in self.plan.credit if one.name == credit.rule)
        day = credit.row["assigned_on"]
        for one in self.held.get(credit.payee, ()):
            if one.plan == self.name and one.since <= day < _later(one.until, rule.holdover_days):
                return True
        return False

    def _of_rule(self, at: int, rule: Credit, ready: Prepared, before: Mapping[str, list[Credited]]) -> Iterator[Credited]:
        test = self.formulas.get("credit", at, "when")
        name = f"The rule {rule.name} on {ready.row.get('order_id')}"
        if test is not None and not outcome(test, ready.values, name):
            return
        amount = self.formulas.by_place["credit", at, "amount"]
        pay = minor_of(outcome(amount, ready.values, name), self.plan.currency)
        other = self.formulas.get("credit", at, "quota_amount")
        quota = pay if other is None else minor_of(outcome(other, ready.values, name), self.plan.currency)
        found = list(self._people(rule, ready, pay, quota, before))
        if rule.at_most is not None and sum(abs(one.pay) for one in found) > rule.at_most.minor:
            found = _capped(found, rule.at_most.minor)
        yield from found

    def _people(self, rule: Credit, ready: Prepared, pay: int, quota: int, before: Mapping[str, list[Credited]]) -> Iterator[Credited]:
        base = self._credit(rule, ready, "", pay, quota)
        row = ready.row
        if rule.to == "owner":
            if row.get("payee") or row.get("owner"):
                yield replace(base, payee=str(row.get("payee") or row.get("owner")))
        elif rule.to == "split":
            yield from self._splits(rule, base)
        elif rule.to == "team":
            for one in self.by_order["team"][base.order_id]:
                if one["role"] == rule.role:
                    yield replace(base, payee=one["payee"])
        elif rule.to == "named":
            direct = row.get("payee") or row.get("owner")
            for one in self.inputs["relations"]:
                if one["role"] == rule.role and one["of"] == direct and _holds(one, ready.above):
                    yield replace(base, payee=one["payee"])
        else:
            yield from self._managers(rule, ready, base, before.get(rule.of, []))

    def _splits(self, rule: Credit, base: Credited) -> Iterator[Credited]:
        rows = [one for one in self.by_order["splits"][base.order_id] if one["split_type"] == rule.split_type and _holds(one, base.day)]
        rows.sort(key=lambda one: one["payee"])
        shares = [one["share"] for one in rows]
        if rule.split_order == "commission-first":
            for one in rows:
                yield replace(base, payee=one["payee"], share=Fraction(one["share"], PPM))
            return
        for one, pay, quota in zip(rows, parts(base.pay, shares), parts(base.quota, shares), strict=True):
            yield replace(base, payee=one["payee"], pay=pay, quota=quota)

    def _managers(self, rule: Credit, ready: Prepared, base: Credited, below: Sequence[Credited]) -> Iterator[Credited]:
        """Each manager once per order, at the sum of the shares below, never above the whole."""
        how = rule.rollup or Rollup(levels=1)
        reached: dict[str, tuple[int, Fraction, Fraction]] = {}
        for one in sorted(below, key=lambda credit: credit.payee):
            if not one.pay and not one.quota:
                continue
            above: str | None = one.payee
            passed: set[str] = {one.payee}
            for level in range(1, how.levels + 1):
                above = self.inputs.manager_of(above, ready.above) if above else None
                if above is None or above in passed:
                    break
                passed.add(above)
                first, pay, quota = reached.get(above, (level, Fraction(0), Fraction(0)))
                reached[above] = (min(first, level), pay + one.pay * one.share, quota + one.quota * one.share)
        for payee, (level, pay, quota) in reached.items():
            if how.roles and not self._has_role(payee, ready.assigned, how.roles):
                continue
            share = Fraction(how.share, PPM)
            most_pay, most_quota = _nearer(pay, base.pay), _nearer(quota, base.quota)
            yield replace(base, payee=payee, pay=rounded(most_pay * share), quota=rounded(most_quota * share), levels=level)

    def _has_role(self, payee: str, day: date, roles: Sequence[str]) -> bool:
        return any(one.role in roles and one.since <= day < one.until for one in self.held.get(payee, ()))

    def _credit(self, rule: Credit, ready: Prepared, payee: str, pay: int, quota: int) -> Credited:
        row = ready.row
        values = {**ready.values, "assigned_on": ready.assigned, "credit_date": ready.day}
        return Credited(
            payee, self.name, self.plan.since, rule.name, rule.measure, str(row["order_id"]), str(row.get("line", "")), ready.day, pay, quota,
            units=Fraction(row.get("units", 1)), row=values, seq=int(row.get("seq", 0)), rate_ppb=ready.ppb, rate_day=ready.rate_day,
        )  # fmt: skip


def given_credits(name: str, plan: Plan, inputs: Inputs, held: Mapping[str, Sequence[Held]], until: date) -> list[Credited]:
    """Credits that came in as they are, for those who hold the plan on the credit's day."""
    made = []
    for row in inputs["credits"]:
        day = row["credit_date"]
        planned = row.get(plan.dates.plan, day)
        if not plan.since <= planned < until or not any(
            one.plan == name and one.since <= day < one.until for one in held.get(row["payee"], ())
        ):
            continue
        currency = row.get("currency") or plan.currency
        rate_day = row.get(plan.dates.rate) if plan.dates.rate not in ("credit", "period_start") else day
        ppb = inputs.rate(plan.measure_rates, currency, plan.currency, rate_day or day)
        name_of = f"Credit {row['seq'] + 1} of {row['payee']}"
        values = {
            key: to_major(convert(value, currency, plan.currency, ppb), plan.currency)
            if key in MONEY and isinstance(value, int)
            else custom(plan, key, value, name_of)
            for key, value in row.items()
            if key != "seq"
        }
        pay = convert(row["amount"], currency, plan.currency, ppb)
        quota = convert(row["quota_amount"], currency, plan.currency, ppb) if "quota_amount" in row else pay
        made.append(
            Credited(
                payee=row["payee"],
                plan=name,
                since=plan.since,
                rule="",
                measure=row["measure"],
                order_id=str(row.get("order_id", f"credit-{row['seq'] + 1}")),
                line=str(row.get("line", "")),
                day=day,
                pay=pay,
                quota=quota,
                units=Fraction(row.get("units", 1)),
                row=values | {"assigned_on": day},
                seq=row["seq"],
                rate_ppb=ppb,
                rate_day=rate_day or day,
            )
        )
    return made


def versions(book: PlanBook) -> Iterator[tuple[Plan, date]]:
    """Each version with the day on which the next begins."""
    for at, plan in enumerate(book.version):
        yield plan, book.version[at + 1].since if at + 1 < len(book.version) else FOREVER


def _later(day: date, days: int) -> date:
    return day if day == FOREVER else day + timedelta(days=days)


def _holds(row: Row, day: date) -> bool:
    return (row.get("since") or date.min) <= day < (row.get("until") or FOREVER)


def _nearer(value: Fraction, most: int) -> Fraction:
    """The value, but no further from zero than the whole."""
    return value if abs(value) <= abs(most) else Fraction(most)


def _capped(found: Sequence[Credited], most: int) -> list[Credited]:
    """The credits cut in proportion, so that all together are the most."""
    total = sum(abs(one.pay) for one in found)
    made, done, before = [], 0, 0
    for one in found:
        done += abs(one.pay)
        after = muldiv(most, done, total)
        pay = (after - before) * (1 if one.pay >= 0 else -1)
        made.append(replace(one, pay=pay, quota=muldiv(one.quota, pay, one.pay) if one.pay else 0))
        before = after
    return made
