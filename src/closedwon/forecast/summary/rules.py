"""The deals behind the movements of a week, as a table."""

from __future__ import annotations

from functools import lru_cache

from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table
from closedwon.forecast.rules import Shape, TypeRule, waterfall_deals

MOVES = columns("opportunity_id bucket amount_minor place_no:int")
WANTED = columns("bucket", ("bucket",))


REASONS = Rule(
    "summary_reasons", "closedwon.forecast.summary", "sql/reasons.sql",
    {"deal_states": table("deal_states").columns, "subjects": columns("opportunity_id", ("opportunity_id",)), "params": columns("cutoff:instant")},
    columns("opportunity_id loss_reason push_count:int"), ("opportunity_id",),
)  # fmt: skip
"""Why deals were lost, and how often they were pushed, at a cutoff."""


@lru_cache(maxsize=32)
def moves(shape: Shape) -> Rule:
    """Two dates to the deals that moved most, each under its bar."""
    inputs = {**waterfall_deals(shape).inputs, "wanted_buckets": WANTED}
    return TypeRule(
        f"summary_moves_{shape.name}", "closedwon.forecast", "summary/sql/moves.sql", inputs, MOVES, ("place_no",),
        before=("sql/movements.sql",), words=shape.words("end_day"),
    )  # fmt: skip
