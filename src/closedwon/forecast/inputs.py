"""From policies and dated rows to the small tables that the rules read. Pure: the caller brings rows and days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from closedwon.base.calendar import Calendar, Period
from closedwon.base.errors import Invalid
from closedwon.base.money import PPB, digits
from closedwon.crm.policy import PipelinePolicy
from closedwon.forecast.policy import ForecastPolicy, ForecastType
from closedwon.forecast.rules import Organisation, Shape
from closedwon.people.rules import LAST, owner_seats, seats_on, tree_at

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]


def shape_of(kind: ForecastType, dimension: str = "") -> Shape:
    """What of the type goes into the rules' text."""
    return Shape(tuple(kind.measure), kind.period_date, dimension)


def stage_rows(pipeline: PipelinePolicy) -> Rows:
    """The stages with status, category and probability."""
    return [
        {"stage": item.name, "status": item.status, "category": item.default_category, "probability_ppm": item.probability}
        for item in pipeline.stages
    ]


def category_rows(policy: ForecastPolicy) -> Rows:
    """Every way of writing a category."""
    return [{"raw": raw, "category": name} for raw, name in sorted(policy.aliases.items())]


def order_type_rows(kind: ForecastType) -> Rows:
    """The order types that the type names, or excepts."""
    return [{"order_type": name} for name in sorted({*kind.order_types, *kind.except_order_types})]


def type_params(kind: ForecastType, period: Period, currency: str) -> dict[str, Any]:
    """What the rules must know of the type and the period."""
    return {
        "period_start": period.start,
        "period_end": period.end,
        "every_date": period.kind == "all",
        "currency": currency,
        "sign": kind.sign,
        "split": kind.split.lower(),
        "owner_counts": kind.split in ("revenue", "owner"),
        "named": bool(kind.order_types),
        "untyped": kind.untyped,
    }


def rollup_params(kind: ForecastType, period: Period, currency: str, cutoff: datetime, day: date) -> Rows:
    """The roll-up's one row of parameters."""
    return [{**type_params(kind, period, currency), "cutoff": cutoff, "day": day, "every_kind": not kind.booking_kinds}]


def waterfall_params(kind: ForecastType, period: Period, currency: str, begin: tuple[datetime, date], end: tuple[datetime, date]) -> Rows:
    """The waterfall's one row of parameters; each end is its cutoff and its day."""
    made = {"begin_cutoff": begin[0], "begin_day": begin[1], "end_cutoff": end[0], "end_day": end[1]}
    return [{**type_params(kind, period, currency), **made}]


def rate_rows(rates: Iterable[Row], kind: str, day: date, company: str, currency: str = "") -> Rows:
    """Each currency to `currency` (by default the company's) at the rates of that kind in force on a day, as a ratio of minor units.

    Rates go to the company's currency; another one is reached through it. Before the first rate, the first counts; a kind with a suffix
    (`plan-FY27`) belongs to the kind before the dash.
    """
    wanted = currency or company
    best: dict[str, Row] = {}
    for row in rates:
        if row["to_currency"] != company or row["currency"] == company or not _is_kind(row["kind"], kind) or not row["rate_ppb"]:
            continue
        other = best.get(row["currency"])
        if other is None or _rank(row, day) > _rank(other, day):
            best[row["currency"]] = row
    values = {company: PPB, **{name: row["rate_ppb"] for name, row in sorted(best.items())}}
    made: Rows = [{"currency": wanted, "num": 1, "den": 1}]
    if wanted in values:
        made += [
            {"currency": name, "num": value * 10 ** digits(wanted), "den": values[wanted] * 10 ** digits(name)}
            for name, value in values.items()
            if name != wanted
        ]
    return made


def _is_kind(given: str | None, wanted: str) -> bool:
    return given == wanted or (given or "").startswith(f"{wanted}-")


def _rank(row: Row, day: date) -> tuple[int, int]:
    """Rates in force before those that ended, those before future ones; then the latest begun, or the first to come."""
    if row["since"] > day:
        return (0, -row["since"].toordinal())
    return (2 if day < (row["until"] or LAST) else 1, row["since"].toordinal())


def organisation(tables: Mapping[str, Sequence[Row]], day: date, kind: str) -> Organisation:
    """Seats and their tree on a day, for a kind of hierarchy."""
    seats = owner_seats(tables["users"], tables["positions"], tables["position_holders"])
    tree = tree_at(tables["users"], tables["positions"], tables["hierarchy"], day, kind)
    return Organisation(seats_on(seats, day), tree)


def seat_rows(there: Organisation) -> Rows:
    """Person to seat."""
    return [{"user_id": person, "place": seat} for person, seat in sorted(there.seat_of.items())]


def the_type(policy: ForecastPolicy, name: str | None) -> ForecastType:
    """The forecast type of that name. Raises Invalid with the names there are."""
    found = policy.type(name)
    if found is None:
        raise Invalid(f"There is no forecast type {name!r}.", mend=f"There are: {', '.join(item.name for item in policy.types)}.")
    return found


def quarter_rows(day: date, years: int = 12) -> Rows:
    """Calendar quarters around a day: a push is a move of the close date into a later one."""
    calendar = Calendar()
    spans = [span for year in range(day.year - years, day.year + years + 1) for span in calendar.quarters(year)]
    return [{"starts": span.start, "ends": span.end} for span in spans]
