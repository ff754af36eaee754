"""Rules of customers and deals: tables in, tables out."""

from __future__ import annotations

from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table

PARAMS = columns("known_cutoff:instant")

DEAL_STATES = Rule(
    "deal_states",
    "closedwon.crm",
    "sql/deal_states.sql",
    {
        "opportunities": table("opportunities").columns,
        "opportunity_changes": table("opportunity_changes").columns,
        "params": PARAMS,
    },
    table("deal_states").columns,
    ("opportunity_id", "valid_from"),
)
"""`opportunities` and `opportunity_changes` to `deal_states`: one row per deal and state, as known before `params.known_cutoff`."""
