"""Rules of overrides: the given deals as they stood, with and without what somebody put in the place of a fact, through the roll-up's own rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from closedwon.base.tables import columns, table
from closedwon.forecast.calls import Override
from closedwon.forecast.policy import ForecastType
from closedwon.forecast.rules import TypeRule

SUBJECTS = columns("opportunity_id", ("opportunity_id",))
STATES_OF = TypeRule(
    "states_of", "closedwon.forecast", "sql/states_of.sql",
    {"deal_states": table("deal_states").columns, "subjects": SUBJECTS, "params": columns("cutoff:instant")}, table("deal_states").columns,
    ("opportunity_id",), words={"state_columns": ", ".join(f"s.{name}" for name in table("deal_states").names)},
)  # fmt: skip
"""The given deals as they stood at a cutoff."""
SPLITS_OF = TypeRule(
    "splits_of", "closedwon.forecast", "sql/splits_of.sql",
    {"opportunity_splits": table("opportunity_splits").columns, "subjects": SUBJECTS}, table("opportunity_splits").columns,
    ("opportunity_id", "user_id", "split_type", "since"),
    words={"split_columns": ", ".join(f"s.{name}" for name in table("opportunity_splits").names)},
)  # fmt: skip
"""The splits of the given deals."""


def changed(state: Mapping[str, Any], fields: Mapping[str, Override], kind: ForecastType) -> dict[str, Any]:
    """A deal's state with overridden fields in place of the facts; the fact itself stays what it is."""
    made = dict(state)
    if "category" in fields:
        made["forecast_category"] = fields["category"].value
    if "close_date" in fields:
        day = date.fromisoformat(fields["close_date"].value)
        made["close_date"] = day
        if kind.period_date == "renewal_due":
            made["contract_id"] = None
        elif kind.period_date == "effective_start":
            made["start_date"] = day
    if "amount" in fields:
        made |= {f"{kind.measure[0]}_minor": fields["amount"].amount, "currency": fields["amount"].currency}
    return made


def variants(
    states: Iterable[Mapping[str, Any]], splits: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Mapping[str, Override]]], kind: ForecastType
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:  # fmt: skip
    """States and splits for one run: each deal as it is, under its own id, and once more for each set of overrides, as `id<newline>number`."""
    made, shared = [], []
    by_deal: dict[str, list[Mapping[str, Any]]] = {}
    for row in splits:
        by_deal.setdefault(row["opportunity_id"], []).append(row)
    for state in states:
        deal = state["opportunity_id"]
        versions = [(deal, dict(state))]
        versions += [(f"{deal}\n{at}", changed(state, one[deal], kind)) for at, one in enumerate(wanted) if deal in one]
        for name, row in versions:
            made.append({**row, "opportunity_id": name})
            shared += [{**split, "opportunity_id": name} for split in by_deal.get(deal, ())]
    return made, shared


def effects(parts: Iterable[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    """What each set of overrides adds to the roll-up, as cells: the parts of its deals with the overrides less those without them."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in parts:
        found.setdefault(row["opportunity_id"], []).append(row)
    return [_effect(found, at, deals) for at, deals in enumerate(wanted)]


def _effect(found: Mapping[str, list[Mapping[str, Any]]], at: int, deals: Iterable[str]) -> list[dict[str, Any]]:
    cells: dict[tuple[str, str], list[int]] = {}
    for deal in deals:
        for sign, name in ((1, f"{deal}\n{at}"), (-1, deal)):
            for row in found.get(name, ()):
                into = cells.setdefault((row["place"], row["bucket"]), [0, 0])
                into[0] += sign * row["amount_minor"]
                into[1] += sign * row["weighted_minor"]
    return [
        {"place": place, "bucket": bucket, "amount_minor": amount, "weighted_minor": weighted}
        for (place, bucket), (amount, weighted) in sorted(cells.items())
    ]
