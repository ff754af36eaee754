"""Rules of renewals: contracts with their deals, and the base that they are held against."""

from __future__ import annotations

from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table
from closedwon.forecast.rules import RATES, STAGES, TypeRule

PERIODS = columns("period starts:date ends:date frozen_on:date", ("period", "starts", "ends", "frozen_on"))
PARAMS = columns("cutoff:instant now_cutoff:instant day:date currency is_now:bool grown:bool")
RENEWAL_TYPES = columns("order_type", ("order_type",))
CONTRACTS = columns(
    "contract_id account_id account_name owner_id segment region period starts:date frozen_on:date start_date end_date notice_by auto_renew "
    "is_cancelled:bool currency own_minor atr_minor opportunity_id deal_name status stage forecast_category close_date push_count "
    "last_activity_at deal_minor followed_on:date followed_minor"
)
BASE = columns("period segment region owner_id base_minor expansion_minor")
_INPUTS = {
    **{name: table(name).columns for name in ("contracts", "contract_snapshots", "deal_states", "accounts")},
    "stages": STAGES, "renewal_types": RENEWAL_TYPES, "rates": RATES, "periods": PERIODS, "params": PARAMS,
}  # fmt: skip
_PACKAGE = "closedwon.forecast"


def _rule(name: str, outputs: tuple[object, ...], order: tuple[str, ...]) -> Rule:
    return TypeRule(f"renewals_{name}", _PACKAGE, f"renewals/sql/{name}.sql", _INPUTS, outputs, order, before=("renewals/sql/known.sql",))  # type: ignore[arg-type]


ENDING: Rule = _rule("contracts", CONTRACTS, ("contract_id",))
"""Contracts whose term ends in some periods, with their renewal deals as they stood at a cutoff."""
RUNNING: Rule = _rule("base", BASE, ("period", "segment", "region", "owner_id"))
"""The ARR in force when each period began, with the expansions won in it."""
