"""Who sits where on a day, and which deals a scope opens: values and a rule over the named tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table
from closedwon.people.rules import LAST, Tree, owner_seats, seats_on, tree_at

PARAMS = columns("cutoff:instant day:date region", ("cutoff", "day", "region"))
"""The instant before which a state must have begun, the day it closes, and the region in scope or an empty text."""

visible_deals_rule = Rule(
    name="visible_deals",
    package="closedwon.people",
    file="sql/visible_deals.sql",
    inputs={
        "deal_states": table("deal_states").columns,
        "opportunity_splits": table("opportunity_splits").columns,
        "opportunity_team": table("opportunity_team").columns,
        "account_team": table("account_team").columns,
        "scope_people": columns("user_id", ("user_id",)),
        "params": PARAMS,
    },
    outputs=columns("opportunity_id", ("opportunity_id",)),
    order_by=("opportunity_id",),
)


@dataclass(frozen=True)
class Seating:
    """One day of the organisation: the seats each person sits in, the tree, whose deals belong to which seat, each seat's region."""

    holders: Mapping[str, frozenset[str]]
    tree: Tree
    owner_seat: Mapping[str, str]
    region: Mapping[str, str]

    def held_by(self, person: str) -> frozenset[str]:
        """The seats that a person sits in."""
        return self.holders.get(person, frozenset())

    def below(self, seats: Iterable[str]) -> frozenset[str]:
        """These seats and every seat below them."""
        return self.tree.below(seats)

    def of_region(self, region: str) -> frozenset[str]:
        """The seats of a region."""
        return frozenset(seat for seat, name in self.region.items() if name == region)

    def owners(self, seats: frozenset[str]) -> frozenset[str]:
        """The persons whose deals belong to one of these seats."""
        return frozenset(person for person, seat in self.owner_seat.items() if seat in seats)


def seating(tables: Mapping[str, Sequence[Mapping[str, Any]]], day: date) -> Seating:
    """One day of the organisation. Without seats in the facts, every person is a seat under that of the manager."""
    users, positions = tables["users"], tables["positions"]
    holders: dict[str, set[str]] = {}
    for row in tables["position_holders"]:
        if row["since"] <= day < (row["until"] or LAST):
            holders.setdefault(row["user_id"], set()).add(row["position_id"])
    if not positions:
        holders = {row["id"]: {row["id"]} for row in users}
    return Seating(
        {person: frozenset(seats) for person, seats in holders.items()},
        tree_at(users, positions, tables["hierarchy"], day),
        seats_on(owner_seats(users, positions, tables["position_holders"]), day),
        {row["id"]: row["region"] for row in positions or users if row["region"]},
    )
