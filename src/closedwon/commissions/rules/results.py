"""What a calculation gives: lines with every step, what each period comes to, and what could not be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.errors import Problem
from closedwon.base.money import digits, format_major
from closedwon.commissions.rules.standing import decimal_of


@dataclass(frozen=True)
class Line:
    """One slice of one credit, or another part of an earning, with everything that led to it; amounts in minor units."""

    payee: str
    plan: str
    version: date
    component: str
    kind: str
    period: str
    period_start: date
    interval: str
    earning: int
    currency: str
    order_id: str = ""
    line: str = ""
    credit_date: date | None = None
    measure: str = ""
    credit: int | None = None
    quota_credit: int | None = None
    share: Fraction | None = None
    quota: Fraction | None = None
    before: Fraction | None = None
    after: Fraction | None = None
    tier: int | None = None
    slice_from: Fraction | None = None
    slice_to: Fraction | None = None
    slice_amount: Fraction | None = None
    rate: Fraction | None = None
    factor: Fraction = Fraction(1)
    exact: Fraction = Fraction(0)
    fx_ppb: int | None = None
    clause: str = ""
    reason: str = ""
    axis_is_money: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The line with amounts in major units as texts."""
        money, axis = self._money, self._money if self.axis_is_money else _plain
        share = None if self.quota in (None, 0) else self.quota
        return {
            "payee": self.payee, "plan": self.plan, "version": self.version.isoformat(), "component": self.component, "kind": self.kind,
            "period": self.period, "interval": self.interval, "order_id": self.order_id, "line": self.line,
            "credit_date": self.credit_date.isoformat() if self.credit_date else "", "measure": self.measure, "credit": money(self.credit),
            "quota_credit": money(self.quota_credit), "share": _plain(self.share), "quota": money(self.quota), "before": axis(self.before),
            "after": axis(self.after), "attainment_before": _plain(self.before / share) if share and self.before is not None else "",
            "attainment_after": _plain(self.after / share) if share and self.after is not None else "",
            "tier": "" if self.tier is None else str(self.tier + 1), "slice_from": axis(self.slice_from), "slice_to": axis(self.slice_to),
            "slice_amount": axis(self.slice_amount), "rate": _plain(self.rate), "factor": _plain(self.factor), "earning": money(self.earning),
            "currency": self.currency, "fx_rate": _plain(Fraction(self.fx_ppb, 10**9)) if self.fx_ppb is not None else "", "clause": self.clause,
            "reason": self.reason,
        }  # fmt: skip

    def _money(self, value: int | Fraction | None) -> str:
        if value is None:
            return ""
        exact = Fraction(value)
        if exact.denominator == 1:
            return format_major(exact.numerator, self.currency)
        return f"{decimal_of(exact / 10 ** digits(self.currency)).normalize():f}"


def _plain(value: Fraction | None) -> str:
    if value is None:
        return ""
    made: Decimal = decimal_of(value).normalize()
    return f"{made:f}"


COLUMNS = tuple(
    Line("", "", date.min, "", "", "", date.min, "", 0, "USD").as_dict(),
)
"""The columns of statement lines, in order."""


@dataclass(frozen=True)
class Statement:
    """What a person's pay period comes to, in minor units of the currency of pay."""

    payee: str
    plan: str
    period: str
    period_start: date
    currency: str
    earned: int
    held: int
    released: int
    draw: int
    recovered: int
    forgiven: int
    carried_in: int
    paid: int
    carried_out: int
    draw_balance: int
    held_balance: int
    plan_currency: str = ""
    fx_ppb: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """The statement with amounts in major units as texts."""
        names = (
            "earned", "held", "released", "draw", "recovered", "forgiven", "carried_in", "paid", "carried_out", "draw_balance", "held_balance",
        )  # fmt: skip
        return {
            "payee": self.payee, "plan": self.plan, "period": self.period, "currency": self.currency,
            **{name: format_major(getattr(self, name), self.currency) for name in names},
        }  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Everything that a calculation gives."""

    lines: list[Line]
    statements: list[Statement]
    attainments: list[Mapping[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def total(self, payee: str = "", component: str = "", period: str = "") -> int:
        """Earnings in minor units of those lines."""
        return sum(
            one.earning
            for one in self.lines
            if payee in ("", one.payee) and component in ("", one.component) and period in ("", one.period)
        )
