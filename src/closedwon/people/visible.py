"""Who sits where on a day, and which deals a scope opens: values and a rule over the named tables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table

LAST = date(9999, 12, 31)
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
    """One day of the organisation: who sits in which seats, the seats right below each seat, and whose deals belong to which seat."""

    holders: Mapping[str, frozenset[str]]
    children: Mapping[str, tuple[str, ...]]
    owner_seat: Mapping[str, str]
    region: Mapping[str, str]

    def held_by(self, person: str) -> frozenset[str]:
        """The seats that a person sits in."""
        return self.holders.get(person, frozenset())

    def below(self, seats: Iterable[str]) -> frozenset[str]:
        """These seats and every seat below them; a loop in the tree ends the walk."""
        found: set[str] = set()
        todo = list(seats)
        while todo:
            seat = todo.pop()
            if seat not in found:
                found.add(seat)
                todo.extend(self.children.get(seat, ()))
        return frozenset(found)

    def of_region(self, region: str) -> frozenset[str]:
        """The seats of a region."""
        return frozenset(seat for seat, name in self.region.items() if name == region)

    def owners(self, seats: frozenset[str]) -> frozenset[str]:
        """The persons whose deals belong to one of these seats."""
        return frozenset(person for person, seat in self.owner_seat.items() if seat in seats)


def seating(tables: Mapping[str, Sequence[Mapping[str, Any]]], day: date, kind: str = "sales") -> Seating:
    """One day of the organisation. Without seats in the facts, every person is a seat under that of the manager."""
    if not tables["positions"]:
        return _from_managers(tables["users"])
    holders: dict[str, set[str]] = {}
    for row in _on(tables["position_holders"], day):
        holders.setdefault(row["user_id"], set()).add(row["position_id"])
    children: dict[str, list[str]] = {}
    for row in _on(tables["hierarchy"], day):
        if row["kind"] == kind and row["parent_id"]:
            children.setdefault(row["parent_id"], []).append(row["position_id"])
    owned = _on(tables["owner_seats"], day) or sorted(_on(tables["position_holders"], day), key=_first_seat, reverse=True)
    owner_seat = {row["user_id"]: row["position_id"] for row in owned}
    return Seating(
        {person: frozenset(seats) for person, seats in holders.items()},
        {parent: tuple(sorted(seats)) for parent, seats in children.items()},
        owner_seat,
        {row["id"]: row["region"] for row in tables["positions"] if row["region"]},
    )


def _first_seat(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The order in which one of several seats is a person's own: not interim, the larger share, the longer held, the smaller id."""
    return (bool(row["is_interim"]), -(row["share_ppm"] or 0), row["since"], row["position_id"])


def _from_managers(users: Sequence[Mapping[str, Any]]) -> Seating:
    children: dict[str, list[str]] = {}
    for row in users:
        if row["manager_id"]:
            children.setdefault(row["manager_id"], []).append(row["id"])
    return Seating(
        {row["id"]: frozenset({row["id"]}) for row in users},
        {parent: tuple(sorted(seats)) for parent, seats in children.items()},
        {row["id"]: row["id"] for row in users},
        {row["id"]: row["region"] for row in users if row["region"]},
    )


def _on(rows: Iterable[Mapping[str, Any]], day: date) -> list[Mapping[str, Any]]:
    return [row for row in rows if row["since"] <= day < (row["until"] or LAST)]
