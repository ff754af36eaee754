"""Many moments asked of the facts at once: what stood at each, what was booked by day, what pipeline was created."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import Period
from closedwon.facts.engine import run
from closedwon.forecast import inputs, pace_rules
from closedwon.forecast.reading import Ask, Ground, books_orders, organisation, rates_of
from closedwon.people.visibility import closing_cutoff, closing_day

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Moment:
    """One look: the period that it is about, the day at whose close the deals are seen, and that close (or the as-of, where it is earlier)."""

    period: Period
    day: date
    cutoff: datetime


def moment(ask: Ask, period: Period, day: date) -> Moment:
    """A look at a period at the close of a day, and never beyond the question's as-of."""
    return Moment(period, min(day, ask.day), min(closing_cutoff(day), ask.cutoff))


def at(ask: Ask, look: Moment) -> Ask:
    """The question as it was asked at a moment."""
    return replace(ask, period=look.period, cutoff=look.cutoff)


def place_of(on: Ground, ask: Ask, look: Moment) -> Any:
    """The organisation of a moment: of its day, or today's."""
    return organisation(on, at(ask, look))


def _given(on: Ground, ask: Ask, looks: Sequence[Moment], tables: Sequence[str]) -> dict[str, Any]:
    """All inputs of the rules over moments; moments are numbered from 0."""
    seats = [
        {"moment": number, "user_id": person, "place": seat}
        for number, look in enumerate(looks)
        for person, seat in sorted(place_of(on, ask, look).seat_of.items())
    ]
    periods = {look.period.label: look.period for look in looks}
    rates = [
        {"period": label, **row}
        for label, period in periods.items()
        for row in rates_of(on, replace(ask, period=period), min(period.last, ask.day))
    ]
    kind = ask.type
    params = inputs.rollup_params(kind, ask.period, ask.currency, ask.cutoff, ask.day)[0]
    names = [column.name for column in pace_rules.PARAMS if column.name not in ("as_of_at", "tracks_acceptance")]
    return {
        **{name: on.source(name) for name in (*tables, *ask.shape.tables)},
        "deal_states": on.deals(ask),
        "stages": inputs.stage_rows(on.pipeline), "categories": inputs.category_rows(on.policy), "order_types": inputs.order_type_rows(kind),
        "moments": [
            {
                "moment": number, "period": look.period.label, "day": look.day, "cutoff": look.cutoff, "period_start": look.period.start,
                "period_end": look.period.end,
            }
            for number, look in enumerate(looks)
        ],
        "seats": seats, "rates": rates,
        "params": [{**{name: params[name] for name in names}, "as_of_at": ask.cutoff, "tracks_acceptance": tracks_acceptance(on)}],
    }  # fmt: skip


def cells(on: Ground, ask: Ask, looks: Sequence[Moment]) -> list[Rows]:
    """Each moment's cells, as the roll-up of that moment gives them, with what of them was won in the period by the as-of."""
    return _by_moment(_cells(on, _plain(ask), tuple(looks)), len(looks))


@lru_cache(maxsize=16)
def _cells(on: Ground, ask: Ask, looks: tuple[Moment, ...]) -> Rows:
    return run(pace_rules.moment_cells(ask.shape), _given(on, ask, looks, ("opportunity_splits",))).to_pylist() if looks else []


def booked(on: Ground, ask: Ask, periods: Sequence[Period]) -> list[Rows]:
    """Each period's booked actuals by day, known by the as-of, with the organisation of the period's last day (or of the as-of, before it)."""
    return _by_moment(_booked(on, _plain(ask), tuple(periods)), len(periods))


@lru_cache(maxsize=16)
def _booked(on: Ground, ask: Ask, periods: tuple[Period, ...]) -> Rows:
    looks = [moment(ask, period, period.last) for period in periods]
    if not looks:
        return []
    if books_orders(on):
        given = _given(on, ask, looks, ("opportunity_splits", "bookings"))
        return run(
            pace_rules.booked_days(ask.shape),
            {name: rows for name, rows in given.items() if name not in ("stages", "categories")}
            | {"booking_kinds": [{"kind": kind} for kind in ask.type.booking_kinds]},
        ).to_pylist()
    late = [replace(look, cutoff=ask.cutoff) for look in looks]  # won deals as they are known by the as-of
    return run(pace_rules.moment_won(ask.shape), _given(on, ask, late, ("opportunity_splits",))).to_pylist()


def created(on: Ground, ask: Ask, periods: Sequence[Period], closings: Sequence[Period]) -> list[Rows]:
    """Each period's created pipeline by day, and by which of `closings` its close date was in then."""
    return _by_moment(_created(on, _plain(ask), tuple(periods), tuple(closings)), len(periods))


@lru_cache(maxsize=16)
def _created(on: Ground, ask: Ask, periods: tuple[Period, ...], closings: tuple[Period, ...]) -> Rows:
    if not periods:
        return []
    given = created_inputs(on, ask, periods)
    spans = [{"period": one.label, "period_start": one.start, "period_end": one.end} for one in closings]
    return run(pace_rules.created_cells(ask.shape), {**given, "closings": spans}).to_pylist()


def created_inputs(on: Ground, ask: Ask, periods: Sequence[Period]) -> dict[str, Any]:
    """The inputs of the rules of created pipeline, without what only one of them reads."""
    looks = [moment(ask, period, period.last) for period in periods]
    given = _given(on, ask, looks, ())
    days: Rows = []
    for number, period in enumerate(periods):
        opens = closing_cutoff(period.start - timedelta(days=1))
        for step in range(period.days):
            day = period.start + timedelta(days=step)
            closes = closing_cutoff(day)
            if opens < ask.cutoff:
                days.append({"moment": number, "day": day, "opens_at": opens, "closes_at": min(closes, ask.cutoff)})
            opens = closes
    return {**given, "days": days}


def deals_inputs(on: Ground, ask: Ask, look: Moment) -> dict[str, Any]:
    """The inputs of one moment's page of deals, without the page."""
    return _given(on, _plain(ask), [look], ("opportunity_splits",))


def tracks_acceptance(on: Ground) -> bool:
    """Whether the company stamps the day on which a deal is accepted as pipeline."""
    version = (on.release.tables if on.release else {}).get("opportunities")
    return version is not None and _tracks(on)


@lru_cache(maxsize=16)
def _tracks(on: Ground) -> bool:
    import pyarrow.compute as pc

    from closedwon.facts.store import store

    version = on.release.tables["opportunities"] if on.release else None
    stamps = store().read("opportunities", version=version)["sales_accepted_at"]
    return bool(pc.sum(pc.is_valid(stamps)).as_py())


def _plain(ask: Ask) -> Ask:
    return replace(ask, by=ask.dimension or "manager")


def _by_moment(rows: Rows, count: int) -> list[Rows]:
    made: list[Rows] = [[] for _ in range(count)]
    for row in rows:
        made[row["moment"]].append(row)
    return made


__all__ = ["Moment", "at", "booked", "cells", "closing_day", "created", "created_inputs", "deals_inputs", "moment", "place_of"]
