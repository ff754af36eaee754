"""Who may call for a seat, and whose calls a person may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

from django.utils import timezone

from closedwon.base.errors import Refused
from closedwon.forecast import history
from closedwon.forecast.actions.standing import Book
from closedwon.forecast.reading import Ground
from closedwon.people.actor import Actor
from closedwon.people.rules import LAST, UNASSIGNED
from closedwon.people.visibility import OWN, Scope, closing_day, seating_at
from closedwon.workspace import current

OPERATORS = ("sales-ops",)
"""Roles that call for others."""
KEEPERS = ("sales-ops", "finance")
"""Roles that lock and unlock a period."""
VACANT = "vacant"


@dataclass(frozen=True)
class Right:
    """Whether somebody may call for a seat; `behalf` says that it is for its holder, `why` and `mend` say why not."""

    may: bool
    behalf: bool = False
    why: str = ""
    mend: str = ""


def holders(on: Ground, day: date) -> dict[str, list[str]]:
    """The persons in each seat on a day."""
    if not on.rows("positions"):
        return {row["id"]: [row["id"]] for row in on.rows("users")}
    made: dict[str, list[str]] = {}
    for row in on.rows("position_holders"):
        if row["since"] <= day < (row["until"] or LAST):
            made.setdefault(row["position_id"], []).append(row["user_id"])
    return {seat: sorted(found) for seat, found in made.items()}


def right_to_call(by: Actor, book: Book, seat: str) -> Right:
    """Whether the actor may call for the seat, for whom, and why not."""
    kind, period = book.ask.type, book.ask.period
    if period.kind == "all" or seat == UNASSIGNED:
        return Right(False, why="There is no call for this.", mend="Choose a quarter or a month, and a seat.")
    if book.rhythm.caller(leads=book.leads(seat), type=kind.name, period=period.kind) is None:
        return Right(
            False, why=f"Such a seat makes no call of {kind.label} for a {period.kind}.", mend="Who calls what stands in the rhythm policy."
        )
    closed = why_locked(book)
    if closed:
        return Right(False, why=f"The calls of {period.label} are closed: {closed}.", mend="Sales ops or finance can unlock the period.")
    return _by_role(by, book, seat)


def _by_role(by: Actor, book: Book, seat: str) -> Right:
    held = seating_at(closing_day(None), book.on.release).held_by(by.person_id) if by.person_id else frozenset()
    if seat in held and by.has("manager", "executive", *OWN, *OPERATORS):
        return Right(True)
    if by.has(*OPERATORS):
        return Right(True, behalf=True)
    if by.has("manager", "executive") and held and seat in book.tree.below(held):
        return Right(True, behalf=True)
    return Right(
        False, why=f"{by.name} may not call for this seat.", mend="Its holder, a manager above it and sales ops may; an admin grants roles."
    )


def why_locked(book: Book) -> str:
    """Why the period's calls are closed now; empty where they are open. Looked up once per book."""
    if book.closed is None:
        book.closed = _why_locked(book)
    return book.closed


def _why_locked(book: Book) -> str:
    period = book.ask.period
    locks_at = datetime.combine(book.rhythm.locks_on(period.end), time(), current().zone)
    return history.locked(book.on, period, timezone.now(), locks_at)


def need_right(by: Actor, book: Book, seat: str) -> Right:
    """The right to call for a seat. Raises Refused with the reason."""
    found = right_to_call(by, book, seat)
    if not found.may:
        raise Refused(found.why, mend=found.mend)
    return found


def judged(by: Actor, book: Book, seen: Scope) -> frozenset[str]:
    """The seats whose calls and overrides the actor may see: those in sight, and those above where the policy says so."""
    tree = book.tree
    if seen.everything:
        return frozenset(tree.parents)
    made = frozenset(seen.seats)
    if book.rhythm.judgment.below and by.person_id:
        held = seating_at(closing_day(None), book.on.release).held_by(by.person_id)
        made |= {above for seat in held for above in tree.path(seat)}
    return made
