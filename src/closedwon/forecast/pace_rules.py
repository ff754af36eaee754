"""Rules that look at many moments at once: what stood at each, what came of it, what was booked by day, and what pipeline was created."""

from __future__ import annotations

from functools import lru_cache

from closedwon.base.rule import Rule
from closedwon.base.tables import Column, columns, table
from closedwon.forecast.rules import CATEGORIES, ORDER_TYPES, PAGE, PLACES, STAGES, Shape, TypeRule

MOMENTS = columns("moment:int period day:date cutoff:instant period_start period_end", ("moment",))
"""Moments: each looks at one period; `day` is the day of the organisation and of the splits, `cutoff` the instant of the deals."""
SEATS = columns("moment:int user_id place", ("moment", "user_id", "place"))
RATES = columns("period currency num:int den:int", ("period", "currency", "num", "den"))
DAYS = columns("moment:int day:date opens_at:instant closes_at:instant", ("moment", "day"))
CLOSINGS = columns("period period_start period_end")
PARAMS = columns(
    "as_of_at:instant day:date currency sign:int split owner_counts:bool named:bool untyped:bool every_kind:bool tracks_acceptance:bool"
)
CELLS = columns("moment:int place dimension bucket amount_minor weighted_minor won_minor came_minor deals:int won_deals:int")
BY_DAY = columns("moment:int place dimension day:date amount_minor")
CREATED = columns("moment:int place dimension day:date closes_in amount_minor deals:int")


def _inputs(shape: Shape, *names: str) -> dict[str, tuple[Column, ...]]:
    tables = {name: table(name).columns for name in ("deal_states", *names, *shape.tables)}
    given = {"order_types": ORDER_TYPES, "stages": STAGES, "categories": CATEGORIES}
    return {**tables, **given, "moments": MOMENTS, "seats": SEATS, "rates": RATES, "params": PARAMS}


@lru_cache(maxsize=64)
def moment_cells(shape: Shape) -> Rule:
    """Moments to cells: place × dimension × bucket, with what of it was won in the period by the as-of, then and at last."""
    return TypeRule(
        f"moment_cells_{shape.name}", "closedwon.forecast", "sql/moment_cells.sql", _inputs(shape, "opportunity_splits"), CELLS,
        ("moment", "place", "dimension", "bucket"), before=("sql/moments.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=64)
def moment_won(shape: Shape) -> Rule:
    """What was won in each moment's period, by the day of its date."""
    return TypeRule(
        f"moment_won_{shape.name}", "closedwon.forecast", "sql/moment_won.sql", _inputs(shape, "opportunity_splits"), BY_DAY,
        ("moment", "place", "dimension", "day"), before=("sql/moments.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=64)
def moment_deals(shape: Shape) -> Rule:
    """The deals behind a number of one moment, one page of them, with what became of each."""
    given = {
        **_inputs(shape, "opportunity_splits"),
        "page": PAGE,
        "wanted_places": PLACES,
        "wanted_buckets": columns("bucket", ("bucket",)),
    }
    outputs = columns("opportunity_id bucket is_won amount_minor came_minor place_no:int total_count:int total_minor")
    return TypeRule(
        f"moment_deals_{shape.name}", "closedwon.forecast", "sql/moment_deals.sql", given, outputs, ("place_no",),
        before=("sql/moments.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=64)
def booked_days(shape: Shape) -> Rule:
    """Accepted orders of each moment's period by the day they were booked."""
    given = {name: kind for name, kind in _inputs(shape, "opportunity_splits", "bookings").items() if name not in ("stages", "categories")}
    return TypeRule(
        f"booked_days_{shape.name}", "closedwon.forecast", "sql/booked_days.sql", {**given, "booking_kinds": columns("kind", ("kind",))}, BY_DAY,
        ("moment", "place", "dimension", "day"), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=64)
def created_cells(shape: Shape) -> Rule:
    """Pipeline created in each moment's period, by day and by the period of its close date then."""
    return TypeRule(
        f"created_cells_{shape.name}", "closedwon.forecast", "sql/created_cells.sql", {**_inputs(shape), "days": DAYS, "closings": CLOSINGS}, CREATED,
        ("moment", "place", "dimension", "day", "closes_in"), before=("sql/created.sql",), words=shape.words("day"),
    )  # fmt: skip


@lru_cache(maxsize=64)
def created_deals(shape: Shape) -> Rule:
    """The deals behind pipeline that was created, one page of them."""
    given = {**_inputs(shape), "days": DAYS, "page": PAGE, "wanted_places": PLACES}
    outputs = columns("opportunity_id day:date amount_minor place_no:int total_count:int total_minor")
    return TypeRule(
        f"created_deals_{shape.name}", "closedwon.forecast", "sql/created_deals.sql", given, outputs, ("place_no",),
        before=("sql/created.sql",), words=shape.words("day"),
    )  # fmt: skip
