"""The tables that a projection reads: deals and the stages they went through, as they were known at a cutoff."""

from __future__ import annotations

from functools import lru_cache

from closedwon.base.rule import Rule
from closedwon.base.tables import Column, columns, table
from closedwon.forecast.rules import ORDER_TYPES, RATES, SEATS, STAGES, Shape, TypeRule

PARAMS = columns("cutoff:instant day:date births_from:instant currency sign:int named:bool untyped:bool split owner_counts:bool")
VISITS = columns("deal_no:int status stage entered_at:instant")
DEALS = columns("deal_no:int opportunity_id order_type segment region status stage created_at:instant close_date:date open_minor won_minor")
DATES = columns("deal_no:int set_at:instant close_date:date")
PLACES = columns("deal_no:int place share_ppm")
_PACKAGE = "closedwon.forecast.projection"


def _rule(name: str, shape: Shape, outputs: tuple[Column, ...], order: tuple[str, ...], **more: tuple[Column, ...]) -> Rule:
    given = {"deal_states": table("deal_states").columns, "stages": STAGES, "order_types": ORDER_TYPES, "left_out": ORDER_TYPES}
    inputs = {**given, "rates": RATES, "params": PARAMS, **more}
    words = shape.words("day")
    return TypeRule(
        f"projection_{name}_{'_'.join(shape.measure)}",
        _PACKAGE,
        f"sql/{name}.sql",
        inputs,
        outputs,
        order,
        before=("sql/paths.sql",),
        words=words,
    )


@lru_cache(maxsize=32)
def visits(shape: Shape) -> Rule:
    """Deal states before a cutoff to visits of stages, endings too; deals are numbered as in `deals`."""
    return _rule("visits", shape, VISITS, ("deal_no", "entered_at"))


@lru_cache(maxsize=32)
def deals(shape: Shape) -> Rule:
    """Deal states before a cutoff to one row per deal: status, amount while it was open last, amount won."""
    return _rule("deals", shape, DEALS, ("deal_no",))


@lru_cache(maxsize=32)
def dates(shape: Shape) -> Rule:
    """Deal states before a cutoff to the close dates that open deals were given, in turn; deals are numbered as in `deals`."""
    return _rule("dates", shape, DATES, ("deal_no", "set_at"))


@lru_cache(maxsize=32)
def places(shape: Shape) -> Rule:
    """Deal states at a cutoff to the shares of seats in open deals and in deals born lately; deals are numbered as in `deals`."""
    return _rule("places", shape, PLACES, ("deal_no", "place"), opportunity_splits=table("opportunity_splits").columns, seats=SEATS)
