"""What the forecast policy brings to the policy kit: its cases run by the roll-up itself, the company's numbers as it would count them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from closedwon.base.calendar import ALL, Period
from closedwon.base.errors import Invalid
from closedwon.base.money import format_major, to_minor
from closedwon.base.policytext import digest
from closedwon.facts.engine import run
from closedwon.forecast import inputs, rules
from closedwon.forecast.actions.rollups import seen_by, visible_nodes
from closedwon.forecast.policy import ForecastPolicy, ForecastType
from closedwon.forecast.reading import ask_for, calendar, cells, ground, organisation
from closedwon.people.actor import Actor
from closedwon.ui.format import compact
from closedwon.workspace import current

OWNER = "owner"
AT, FOREVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
DAY = date(2100, 1, 1)
GIVEN = {
    "type",
    "period",
    "deals",
    "status",
    "stage_category",
    "category",
    "order_type",
    "close_date",
    "start_date",
    "contract_end",
    *rules.MEASURES,
}
"""What a case of the forecast policy may give; of each deal, or of the only one."""


def run_case(policy: ForecastPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of deals: of the only one its category, whether it counts, measure, date, amount and column; of several the columns.

    `status` and `stage_category` are what the pipeline policy says of the stage. The column and the amounts are told by the roll-up's own
    rule. Raises Invalid for a key that a case cannot give.
    """
    strange = sorted({name for deal in (given, *given.get("deals", ())) for name in deal} - GIVEN)
    if strange:
        raise Invalid(f"A case cannot give {strange[0]!r}.", mend=f"It can give: {', '.join(sorted(GIVEN))}.")
    kind = inputs.the_type(policy, given.get("type"))
    period = calendar().period(str(given["period"])) if "period" in given else ALL
    deals = [dict(deal) for deal in given.get("deals") or [given]]
    currency = current().settings.currency
    told = {row["opportunity_id"]: row for row in _rolled(policy, kind, period, deals, currency)}
    columns: dict[str, int] = {}
    for row in told.values():
        columns[row["bucket"]] = columns.get(row["bucket"], 0) + row["amount_minor"]
    made: dict[str, Any] = {"columns": {name: _plain(amount, currency) for name, amount in sorted(columns.items())}, "deals": len(told)}
    return made | (_steps(policy, kind, deals[0], told.get("d0"), currency) if "deals" not in given else {})


def _plain(amount: int, currency: str) -> str:
    return format_major(amount, currency)


def _steps(
    policy: ForecastPolicy, kind: ForecastType, deal: Mapping[str, Any], row: Mapping[str, Any] | None, currency: str
) -> dict[str, Any]:
    measure = kind.measure_of(deal)
    return {
        "category": policy.category_of(deal.get("category"), deal.get("stage_category", "pipeline"), deal.get("status", "open")),
        "counts": kind.counts(deal.get("order_type")), "measure": measure, "date": kind.date_of(deal), "column": row["bucket"] if row else "",
        "amount": _plain(row["amount_minor"], currency) if row else "",
    }  # fmt: skip


def _rolled(policy: ForecastPolicy, kind: ForecastType, period: Period, deals: list[dict[str, Any]], currency: str) -> list[dict[str, Any]]:
    """The deals through the roll-up's rule, alone in the world and all of one owner."""
    states, stages, contracts, splits = [], [], [], []
    for at, deal in enumerate(deals):
        name = f"d{at}"
        amounts = {f"{one}_minor": to_minor(Decimal(str(deal[one])), currency) for one in rules.MEASURES if one in deal}
        states.append(
            {
                "opportunity_id": name, "valid_from": AT, "valid_until": FOREVER, "owner_id": OWNER, "stage": name, "contract_id": name,
                "forecast_category": deal.get("category"), "order_type": deal.get("order_type"), "currency": currency, "is_deleted": False,
                "close_date": deal.get("close_date"), "start_date": deal.get("start_date"), **amounts,
            }
        )  # fmt: skip
        status = deal.get("status", "open")
        usual = {"won": "closed", "lost": "omitted"}.get(status, deal.get("stage_category", "pipeline"))
        stages.append({"stage": name, "status": status, "category": usual, "probability_ppm": 0})
        contracts.append({"id": name, "end_date": deal.get("contract_end")})
        splits.append(
            {"opportunity_id": name, "user_id": OWNER, "split_type": kind.split, "since": date(2000, 1, 1), "share_ppm": 1_000_000}
        )
    buckets = [*policy.open_categories, "closed", "omitted", "unmapped", "undated"]
    given = {
        "deal_states": states, "opportunity_splits": splits, "contracts": contracts, "accounts": [], "account_territories": [], "stages": stages,
        "categories": inputs.category_rows(policy), "order_types": inputs.order_type_rows(kind), "seats": [{"user_id": OWNER, "place": OWNER}],
        "rates": [{"currency": currency, "num": 1, "den": 1}], "wanted_places": [{"place": OWNER}],
        "wanted_buckets": [{"bucket": name} for name in buckets], "page": [{"dimension": None, "bucket": None, "skip": 0, "take": len(deals)}],
        "params": inputs.rollup_params(kind, period, currency, datetime.combine(DAY, datetime.min.time(), UTC) + timedelta(days=1), DAY),
    }  # fmt: skip
    return run(rules.rollup_deals(inputs.shape_of(kind)), given).to_pylist()


def _totals(policy: ForecastPolicy, by: Actor) -> tuple[str, str, dict[str, int]]:
    """The period, the currency and what stands in each column of the default type, as far as the actor sees it."""
    on = ground()
    there = replace(on, policy=policy, basis=f"{on.basis} {digest(policy.model_dump_json())}")
    ask = ask_for(there)
    nodes = visible_nodes(organisation(there, ask).tree, seen_by(by, ask, there))
    made: dict[str, int] = {}
    for cell in cells(there, ask):
        if cell["place"] in nodes and cell["bucket"] != "booked":
            made[cell["bucket"]] = made.get(cell["bucket"], 0) + cell["amount_minor"]
    return ask.period.label, ask.currency, made


def preview(policy: ForecastPolicy, by: Actor) -> list[dict[str, Any]]:
    """What stands in each column of this period as the policy would count it, in the default type."""
    period, currency, made = _totals(policy, by)
    named = {item.name: item.label for item in policy.categories} | {"undated": "Undated", "unmapped": "Unmapped"}
    return [{"column": label, f"{currency}, {period}": compact(made[name], currency)} for name, label in named.items() if name in made]


def effect(old: ForecastPolicy | None, new: ForecastPolicy | None, by: Actor) -> Iterator[str]:
    """Which columns of this period a change moves, and by how much."""
    if new is None:
        return
    period, currency, after = _totals(new, by)
    before = _totals(old, by)[2] if old else {}
    moved = [name for name in dict.fromkeys([*before, *after]) if before.get(name, 0) != after.get(name, 0)]
    for name in moved:
        yield f"{name} of {period} goes from {compact(before.get(name, 0), currency)} to {compact(after.get(name, 0), currency)} {currency}."
    if not moved:
        yield f"No column of {period} moves."
