"""The kind of policy that compensation brings: plans with their cases, and what the linter says of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.calendar import Calendar, Period
from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.commissions.lint import look
from closedwon.commissions.policy import PlanBook
from closedwon.commissions.rules import calculate, read_rows
from closedwon.commissions.rules.inputs import FILES
from closedwon.commissions.rules.results import Line, Result
from closedwon.commissions.rules.standing import interval_of
from closedwon.policies.registry import PolicyKind

REP, THIS = "rep", "this"


def run_case(policy: PlanBook, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A case: rows of every input in short, and the steps that they come to.

    Rows may leave out `payee` (rep), the plan (this), the currency (the plan's) and the measure, where the plan has one. A quota and a
    score name their `period`. `fiscal_start` is the month in which the year begins, `until` the day up to which is reckoned.
    """
    calendar = Calendar(start_month=int(given.get("fiscal_start", 1)))
    currency = str(given.get("currency", policy.version[-1].currency))
    inputs = read_rows(rows_of(policy, given, calendar), currency)
    until = given.get("until")
    result = calculate({THIS: policy}, inputs, calendar, until=until if isinstance(until, date) else None)
    return steps_of(result)


def rows_of(policy: PlanBook, given: Mapping[str, Any], calendar: Calendar) -> dict[str, list[dict[str, Any]]]:
    """The rows of a case with what they leave out. Raises Invalid for a key that is no input."""
    known = {*FILES, "fiscal_start", "until", "currency"}
    if extra := sorted(set(given) - known):
        raise Invalid(f"A case does not know {extra[0]!r}.", mend=f"It knows {', '.join(sorted(known))}.")
    made: dict[str, list[dict[str, Any]]] = {}
    for name in FILES:
        rows = given.get(name, [])
        made[name] = [_row(policy, name, dict(row), calendar) for row in rows]
    people = sorted({row["payee"] for name in ("credits", "quotas", "scores") for row in made[name]} or {REP})
    if not made["assignments"]:
        made["assignments"] = [{"payee": payee, "plan": THIS} for payee in people]
    return {name: rows for name, rows in made.items() if rows}


def _row(policy: PlanBook, name: str, row: dict[str, Any], calendar: Calendar) -> dict[str, Any]:
    measures = policy.version[-1].measures
    if "payee" in FILES[name]:
        row.setdefault("payee", REP)
    if name == "assignments":
        row.setdefault("plan", THIS)
    if "measure" in FILES[name] and len(measures) == 1:
        row.setdefault("measure", measures[0])
    if name == "quotas" and "period" in row:
        period = period_of(calendar, str(row.pop("period")))
        row |= {"period_start": period.start, "period_end": period.end}
    if name == "credits" and "on" in row:
        row["credit_date"] = row.pop("on")
    if "order" in row:
        row["order_id"] = row.pop("order")
    return row


def period_of(calendar: Calendar, label: str) -> Period:
    """The period of a label, halves too: FY27-H1, 2026-H2."""
    if "-H" in label.upper():
        year = calendar.period(label.upper().split("-H")[0])
        wanted = 1 if label.endswith("1") else 2
        first = interval_of(calendar, year.start, "half")
        return first if wanted == 1 else interval_of(calendar, first.end, "half")
    return calendar.period(label)


def steps_of(result: Result) -> dict[str, Any]:
    """The named steps: `earned`, `earned PAYEE`, `… COMPONENT`, `… PERIOD`; `paid`, `held`, `draw`, `recovered` … of a period; lines in words."""
    made: dict[str, Any] = {"problems": [str(one) for one in result.problems]}
    currency = result.lines[0].currency if result.lines else "USD"
    sums: dict[str, int] = {"earned": 0}
    texts: dict[str, list[str]] = {}
    for one in result.lines:
        for key in _keys(one):
            sums[key] = sums.get(key, 0) + one.earning
        for key in (f"lines {one.payee}", f"lines {one.payee} {one.component}", f"lines {one.component}"):
            texts.setdefault(key, []).append(in_words(one))
        if one.order_id:
            sums[f"earned {one.order_id}"] = sums.get(f"earned {one.order_id}", 0) + one.earning
    made |= {key: format_major(value, currency) for key, value in sums.items()} | texts
    for statement in result.statements:
        shown = statement.as_dict()
        for name in (
            "earned",
            "held",
            "released",
            "draw",
            "recovered",
            "forgiven",
            "carried_in",
            "paid",
            "carried_out",
            "draw_balance",
            "held_balance",
        ):
            if name != "earned":
                made[f"{name} {statement.payee} {statement.period}"] = shown[name]
                made.setdefault(f"{name} {statement.period}", shown[name])
    return made


def _keys(line: Line) -> list[str]:
    return [
        "earned", f"earned {line.payee}", f"earned {line.component}", f"earned {line.period}", f"earned {line.payee} {line.component}",
        f"earned {line.payee} {line.period}", f"earned {line.component} {line.period}", f"earned {line.payee} {line.component} {line.period}",
    ]  # fmt: skip


def in_words(line: Line) -> str:
    """A line as people check it: `D1: tier 2, 10,000.00 × 10% = 1,000.00`."""
    what = line.order_id or line.kind
    said = f"{_grouped(line.earning, line.currency)}"
    if line.rate is None or line.slice_amount is None:
        return f"{what}: {line.kind + ' ' if line.order_id and line.kind != 'credit' else ''}{said}"
    amount = _grouped(line.slice_amount, line.currency) if line.axis_is_money else f"{_short(line.slice_amount)}"
    factor = f" × {_short(line.factor)}" if line.factor != 1 else ""
    rate = f"{_short(line.rate * 100)}%" if line.rate < 10 else _grouped(line.rate, line.currency)
    return f"{what}: tier {(line.tier or 0) + 1}, {amount} × {rate}{factor} = {said}"


def _short(value: Fraction) -> str:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return f"{exact.quantize(Decimal('0.000001')).normalize():f}"


def _grouped(minor: int | Fraction, currency: str) -> str:
    exact = Fraction(minor)
    whole = exact.numerator if exact.denominator == 1 else round(exact)
    text = format_major(whole, currency)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    head, _, tail = digits.partition(".")
    return f"{sign}{int(head):,}{'.' + tail if tail else ''}"


KIND = PolicyKind(
    "plans",
    "plans/*.toml",
    PlanBook,
    "Compensation plans",
    "Who is credited for what, and what it pays",
    package="closedwon.commissions",
    run_case=run_case,
    lint=look,
)
