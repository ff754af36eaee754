"""A person's time in the company: stays, seats, assignments, leave; never pay."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from closedwon.base.errors import NotFound, Refused
from closedwon.people.actor import Actor
from closedwon.people.facts import facts_rows
from closedwon.people.visibility import closing_day, seating_at

SEES = ("admin", "sales-ops", "executive", "auditor", "finance", "enablement")
"""Roles that may read everybody's; a manager those of the sub-tree, everybody one's own."""
SHOWN = ("role", "segment", "region", "ramp_id", "fte_ppm", "leave_kind")
"""What of an assignment is shown: nothing of pay."""


@dataclass(frozen=True)
class Stay:
    """A dated thing of a person: what it is, from when to when, with a note."""

    since: date
    until: date | None
    kind: str
    what: str
    note: str = ""


def seen(by: Actor) -> frozenset[str] | None:
    """The persons whose time in the company an actor may read; None for everybody."""
    limited = by.has("sales-ops") and by.region and not by.has("admin", "executive", "auditor")
    if by.has(*SEES) and not limited:
        return None
    seating = seating_at(closing_day(None))
    below: frozenset[str] = frozenset()
    if limited:
        below = seating.below(seating.of_region(by.region))
    elif by.has("manager") and by.person_id:
        below = seating.below(seating.held_by(by.person_id))
    sitting = {person for person, seats in seating.holders.items() if below & seats}
    return seating.owners(below) | sitting | ({by.person_id} if by.person_id else set())


def people_seen(*, by: Actor) -> list[dict[str, Any]]:
    """Everybody whom the actor may read about, with the seats held today."""
    if not (by.has(*SEES, "manager") or by.person_id):
        raise Refused("You may not look at people.", mend="An admin can grant a role.")
    mine, day = seen(by), closing_day(None)
    seating, names = seating_at(day), {row["id"]: row["name"] for row in facts_rows("positions", ("id", "name"))}
    held: dict[str, list[str]] = {person: sorted(names.get(seat) or seat for seat in seats) for person, seats in seating.holders.items()}
    now = _now(day)
    return [
        {
            "id": row["id"], "name": row["name"] or row["id"], "role": now.get(row["id"], {}).get("role") or row["role"], "region": now.get(row["id"], {}).get("region") or row["region"],
            "segment": now.get(row["id"], {}).get("segment") or row["segment"], "seats": ", ".join(held.get(row["id"], [])) or None,
            "state": _state(row, now.get(row["id"]), day), "hire_date": row["hire_date"], "end_date": row["end_date"],
        }
        for row in facts_rows("users")
        if mine is None or row["id"] in mine
    ]  # fmt: skip


def _now(day: date) -> dict[str, dict[str, Any]]:
    """The assignment of each person on a day."""
    return {
        row["user_id"]: row for row in facts_rows("assignments") if row["since"] <= day and (row["until"] is None or day < row["until"])
    }


def _state(row: dict[str, Any], now: dict[str, Any] | None, day: date) -> str:
    if row["active"] is False or (row["end_date"] and row["end_date"] <= day):
        return "left"
    return f"{now['leave_kind']} leave" if now and now.get("leave_kind") else "here"


def story(person_id: str, *, by: Actor) -> dict[str, Any]:
    """One person: who it is, and every stay, seat and assignment in order. Raises NotFound where the actor may not read it."""
    row = next((one for one in facts_rows("users") if one["id"] == person_id), None)
    allowed = seen(by)
    if row is None or (allowed is not None and person_id not in allowed):
        raise NotFound(f"There is no person {person_id}, or you may not see them.")
    day = closing_day(None)
    seats = {one["id"]: one for one in facts_rows("positions")}
    names = {one["id"]: one["name"] for one in facts_rows("users", ("id", "name"))}
    stays = [*_seats(person_id, seats), *_assigned(person_id)]
    seating = seating_at(day)
    mine = seating.held_by(person_id)
    above = {parent for seat in mine if (parent := seating.tree.parents.get(seat))}
    managers = sorted(names.get(who) or who for who, held in seating.holders.items() if held & above)
    below = seating.below(mine) - mine
    return {
        "person": {name: row[name] for name in ("id", "name", "email", "country", "region", "segment", "role", "title", "hire_date", "end_date")},
        "state": _state(row, _now(day).get(person_id), day), "stays": sorted(stays, key=lambda one: (one.since, one.kind), reverse=True),
        "managers": managers, "leads": len(below), "vacant": sorted(seats[seat]["name"] or seat for seat in below if seat in seats and not any(seat in held for held in seating.holders.values())),
    }  # fmt: skip


def _seats(person_id: str, seats: dict[str, dict[str, Any]]) -> list[Stay]:
    made = []
    for row in facts_rows("position_holders"):
        if row["user_id"] == person_id:
            seat = seats.get(row["position_id"], {})
            share = f"{row['share_ppm'] // 10_000} % of it" if row["share_ppm"] not in (None, 1_000_000) else ""
            note = ", ".join(
                part
                for part in ("interim" if row["is_interim"] else "", share, seat.get("segment") or "", seat.get("region") or "")
                if part
            )
            made.append(Stay(row["since"], row["until"], "seat", str(seat.get("name") or row["position_id"]), note))
    return made


def _assigned(person_id: str) -> list[Stay]:
    made = []
    for row in facts_rows("assignments"):
        if row["user_id"] == person_id:
            full = row["fte_ppm"] in (None, 1_000_000)
            what = f"{row['leave_kind']} leave" if row["leave_kind"] else str(row["role"] or "assignment")
            parts = [
                row["segment"],
                row["region"],
                f"ramp {row['ramp_id']}" if row["ramp_id"] else "",
                "" if full else f"{row['fte_ppm'] // 10_000} % of full time",
            ]
            made.append(
                Stay(
                    row["since"],
                    row["until"],
                    "leave" if row["leave_kind"] else "assignment",
                    what,
                    ", ".join(part for part in parts if part),
                )
            )
    return made
