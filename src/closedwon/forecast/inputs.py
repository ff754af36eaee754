"""From policies and dated rows to the small tables that the rules read. Pure: the caller brings rows and days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from closedwon.base.calendar import Calendar, Period
from closedwon.base.errors import Invalid
from closedwon.base.rates import ratios
from closedwon.crm.policy import PipelinePolicy
from closedwon.forecast.policy import ForecastPolicy, ForecastType
from closedwon.forecast.rules import Organisation, Shape
from closedwon.people.rules import owner_seats, seats_on, tree_at

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


rate_rows = ratios
"""Each currency to another one as a ratio of minor units, at the rates of a kind in force on a day."""


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
