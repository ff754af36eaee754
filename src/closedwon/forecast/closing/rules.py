"""Rules of the close room: won deals and accepted orders of some periods, as they stood at a cutoff."""

from __future__ import annotations

from functools import lru_cache

from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table
from closedwon.forecast.rules import ORDER_TYPES, RATES, STAGES, Shape, TypeRule

PERIODS = columns("period starts:date ends:date", ("period", "starts", "ends"))
PARAMS = columns("cutoff:instant currency sign:int named:bool untyped:bool every_kind:bool")
WON = columns(
    "period opportunity_id name account_name owner_id close_date currency own_minor amount_minor signed_at check_status check_reason checked_at"
)
ORDERS = columns(
    "order_id line opportunity_id name kind reverses owner_id signed_at accepted_at booked_on currency own_minor amount_minor period deal_period "
    "deal_status is_counted:bool"
)
_PACKAGE = "closedwon.forecast.closing"
_COMMON = {
    "deal_states": table("deal_states").columns, "stages": STAGES, "order_types": ORDER_TYPES, "rates": RATES, "periods": PERIODS, "params": PARAMS,
}  # fmt: skip


@lru_cache(maxsize=32)
def won(shape: Shape) -> Rule:
    """Deals won at a cutoff with their close date in some periods."""
    inputs = {**_COMMON, "accounts": table("accounts").columns, "booking_checks": table("booking_checks").columns}
    order = ("period", "opportunity_id")
    return TypeRule(f"close_won_{'_'.join(shape.measure)}", _PACKAGE, "sql/won.sql", inputs, WON, order, words=shape.words("day"))


@lru_cache(maxsize=32)
def orders(shape: Shape) -> Rule:
    """Order lines accepted by a cutoff, booked in some periods or of deals that closed in them."""
    inputs = {**_COMMON, "bookings": table("bookings").columns, "booking_kinds": columns("kind", ("kind",))}
    order = ("order_id", "line")
    return TypeRule(f"close_orders_{'_'.join(shape.measure)}", _PACKAGE, "sql/orders.sql", inputs, ORDERS, order, words=shape.words("day"))
