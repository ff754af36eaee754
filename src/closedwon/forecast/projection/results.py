"""A projection written out: amounts in major units as text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from closedwon.base.money import format_major

if TYPE_CHECKING:
    from closedwon.forecast.actions.projection import Projection


def head_row(found: Projection) -> dict[str, Any]:
    """The projection's numbers; None where there is none."""
    unit = found.ask.currency

    def money(minor: int | None) -> str | None:
        return None if minor is None else format_major(minor, unit)

    is_made = found.median is not None
    return {
        "type": found.ask.type.name, "period": found.ask.period.label, "as_of": found.ask.day.isoformat(), "node": found.node, "currency": unit,
        "days": found.days, "closed": money(found.closed), "open": money(found.open if is_made else None),
        "new": money(found.new if is_made else None), "expected": money(found.total if is_made else None), "median": money(found.median),
        "low": money(found.low), "high": money(found.high), "refusal": found.refusal, **_renewals(found, money),
    }  # fmt: skip


def _renewals(found: Projection, money: Callable[[int | None], str | None]) -> dict[str, Any]:
    """Renewals beside new business, and both together; None where there is none."""
    part, joint = found.renewals, found.joint
    made = {
        "atr": None if part is None else part.atr, "renewals_kept": None if part is None else part.kept,
        "renewals_open": None if part is None or part.median is None else part.expected_open,
        "renewals_expected": None if part is None or part.median is None else part.expected, "renewals_median": part.median if part else None,
        "renewals_low": part.low if part else None, "renewals_high": part.high if part else None, "total_expected": found.joint_expected,
        "total_median": joint.median if joint else None, "total_low": joint.low if joint else None, "total_high": joint.high if joint else None,
    }  # fmt: skip
    return {name: money(amount) for name, amount in made.items()}


def contract_rows(found: Projection) -> list[dict[str, Any]]:
    """The open contracts that matter most; chances as shares of one."""
    unit = found.ask.currency
    return [
        {
            "contract": one.contract.row["contract_id"], "account": one.contract.row["account_name"] or "",
            "end": one.contract.row["end_date"].isoformat(), "atr": format_major(one.contract.atr_minor, unit), "chance": f"{one.chance:.3f}",
            "expected": format_major(one.expected_minor, unit),
        }
        for one in (found.renewals.contracts if found.renewals else ())
    ]  # fmt: skip


def deal_rows(found: Projection) -> list[dict[str, Any]]:
    """The open deals that matter most; chances as shares of one."""
    unit = found.ask.currency
    return [
        {
            "deal": one.opportunity_id, "stage": one.stage, "close_date": one.due, "value": format_major(one.value_minor, unit),
            "chance": f"{one.chance:.3f}", "expected": format_major(one.expected_minor, unit),
        }
        for one in found.deals
    ]  # fmt: skip
