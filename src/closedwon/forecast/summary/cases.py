"""Numbers of a week out of a case: amounts in major units, everything that a case leaves out as nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.base.money import to_minor
from closedwon.forecast.summary.text import Source
from closedwon.forecast.summary.week import Ask, Call, Late, Machine, Move, Risk, Week

UNIT = "USD"
DAY = date(2026, 11, 25)
PAGES = {
    "board": ("Board", "/forecast/?period=FY27-Q4"), "week": ("Board a week before", "/forecast/?as_of=2026-11-18"), "year": ("Board a year before", "/forecast/?period=FY26-Q4"),
    "waterfall": ("Waterfall", "/forecast/waterfall?begin=2026-11-18"), "calls": ("Calls", "/forecast/?period=FY27-Q4&calls=1"),
    "machine": ("Projection", "/forecast/projection?period=FY27-Q4"), "deals": ("Deals", "/forecast/deals?period=FY27-Q4&all=1"),
    "flags": ("Deal inspection", "/forecast/deals?period=FY27-Q4"), "policy": ("Policy", "/policies/summary/"),
}  # fmt: skip
KNOWN = {
    "scope", "period", "day", "since", "days_left", "quota", "closed", "closed_before", "rollup", "rollup_before", "open", "open_commit",
    "coverage_year", "call", "calls_known", "below", "machine", "flow", "moves", "flagged", "forecasted", "risks", "largest", "asks", "due", "late",
    "expected", "calls_due", "show",
}  # fmt: skip


def _minor(value: Any) -> int | None:
    return None if value is None else to_minor(Decimal(str(value)), UNIT)


def _amount(value: Any) -> int:
    return _minor(value) or 0


def _amounts(given: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: _amount(value) for name, value in (given or {}).items()}


def _call(given: Mapping[str, Any]) -> Call:
    return Call(
        str(given.get("seat", "S0")), str(given.get("name", "Team")), str(given.get("who", "Ann Lee")), _amounts(given.get("now")),
        _amounts(given.get("before")), str(given.get("note", "")), machine=_minor(given.get("machine")), quota=_minor(given.get("quota")),
    )  # fmt: skip


def _move(given: Mapping[str, Any]) -> Move:
    return Move(
        str(given["deal"]), str(given.get("name", given["deal"])), str(given.get("account", "")), str(given["bucket"]), _amount(given["amount"]),
        str(given.get("owner", "")), given.get("from"), given.get("to"), _minor(given.get("after")), bool(given.get("left_out", False)), str(given.get("reason", "")), int(given.get("pushes", 0)),
    )  # fmt: skip


def _machine(given: Any) -> Machine:
    if isinstance(given, str):
        return Machine(refusal=given)
    return Machine(_minor(given["median"]), _minor(given["low"]), _minor(given["high"])) if given else Machine()


def week_of(given: Mapping[str, Any]) -> Week:
    """The week that a case describes. Raises Invalid for a name that a week does not have."""
    if strange := sorted(set(given) - KNOWN):
        raise Invalid(f"A week has no {', '.join(strange)}.", mend=f"It has {', '.join(sorted(KNOWN))}.")
    sources = {name: Source(page, "", given.get("day", DAY), path) for name, (page, path) in PAGES.items()}
    largest = given.get("largest")
    return Week(
        company="Example", scope=str(given.get("scope", "Example")), type="Net new ARR", period=str(given.get("period", "FY27-Q4")), currency=UNIT,
        day=given.get("day", DAY), since=given.get("since", date(2026, 11, 18)), days_left=int(given.get("days_left", 68)), sources=sources,
        quota=_minor(given.get("quota")), closed=_amount(given.get("closed")), closed_before=_minor(given.get("closed_before")),
        rollup=_amounts(given.get("rollup")), rollup_before=_amounts(given.get("rollup_before")), open=_amount(given.get("open")),
        open_commit=_amount(given.get("open_commit")),
        coverage_year=None if given.get("coverage_year") is None else float(given["coverage_year"]),
        call=_call(given["call"]) if given.get("call") else None, called_by=1, calls_known=bool(given.get("calls_known", given.get("call") is not None)),
        below=[_call(one) for one in given.get("below", [])],
        machine=_machine(given.get("machine")),
        flow=_amounts(given.get("flow")), moves=[_move(one) for one in given.get("moves", [])], flagged=_amount(given.get("flagged")),
        forecasted=_amount(given.get("forecasted")),
        risks=[
            Risk(one["flag"], one.get("label", one["flag"]), int(one["deals"]), _amount(one["amount"]), one.get("most_name", ""), _amount(one.get("most")), one.get("heavy", True), one.get("only", ""))
            for one in given.get("risks", [])
        ],
        largest=None if not largest else (largest["deal"], largest.get("name", largest["deal"]), _amount(largest["amount"])),
        asks=[
            Ask(one["deal"], one.get("name", one["deal"]), one.get("owner", ""), _amount(one["amount"]), one.get("label", ""), one.get("help", ""))
            for one in given.get("asks", [])
        ],
        due=given.get("due"), late=[Late(one["seat"], one.get("name", one["seat"]), one.get("who", ""), one.get("at", "")) for one in given.get("late", [])],
        expected=int(given.get("expected", 0)), calls_due=str(given.get("calls_due", "")),
    )  # fmt: skip
