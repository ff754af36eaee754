"""Rules of where the sign-off of each deal stands: from the facts of open deals, past requests and the policy. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from closedwon.approvals.rules.measures import every, inputs
from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table

SLACK_PPM = 500
"""How much deeper than approved a deal's discount may be before its sign-off holds no longer: what rounding of prices makes."""
TOLD = columns(
    "id kind subject_id title owner_id region currency amount_minor rate_ppb state submitted_on:date discount_ppm list_minor net_minor net_arr_minor "
    "term_months:decimal payment_terms payment_schedule renewal_base_minor renewal_net_minor order_type segment account_id"
)
AS_REQUESTS = Rule(
    "deal_as_request", "closedwon.deals", "sql/deal_as_request.sql",
    {**{name: table(name).columns for name in ("opportunities", "line_items", "exchange_rates")}, "params": columns("day:date currency")},
    TOLD, ("id",),
)  # fmt: skip
"""Open deals in the columns of past requests."""


@dataclass(frozen=True, eq=False)
class StandingRule(Rule):
    """The latest request of each deal beside what the policy asks for it."""

    @cached_property
    def sql(self) -> str:
        """The text over published and live requests."""
        return super().sql.replace("every_request", every("every_request"))


STANDING = StandingRule(
    "deal_standing", "closedwon.deals", "sql/deal_standing.sql",
    {**inputs("every_request"), "params": columns("slack_ppm:int"), "needs": columns("id roles discount_ppm:int")},
    table("deal_approvals").columns, ("opportunity_id",),
)  # fmt: skip
"""A row of `deal_approvals` for each deal that somebody asked for, or for which the policy asks somebody."""
