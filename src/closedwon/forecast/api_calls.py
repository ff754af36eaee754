"""Calls, overrides and locks over the API. Money is text in major units."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.base.money import format_major
from closedwon.forecast.actions import calls as actions
from closedwon.forecast.actions import overrides as placing
from closedwon.forecast.actions import weekly
from closedwon.forecast.calls import Override
from closedwon.forecast.showing_calls import call_lines
from closedwon.people.acting import api_actor

router = Router()


class Which(Schema):
    """Which calls: period, type, moment and currency."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4, 2017-10; by default the running quarter")
    type: str | None = Field(None, description="A forecast type of the policy")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    org: str = Field("as-was", description="as-was or as-is")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""


class CallsAsked(Which):
    """The same, of which seat, and whether every call or only what stands."""

    seat: str = Field("", description="One seat; by default every seat in sight")
    history: bool = Field(False, description="Every call instead of the last one of each seat")


class CallRow(Schema):
    """A seat's number of one category: what stands below, what is called, and what moved since."""

    seat: str
    name: str
    category: str
    at: str
    call: str
    rollup: str
    below: str
    delta: str
    by: str
    on_behalf_of: str
    note: str
    state: str = ""
    moved: str = ""
    changed_since: str = ""
    step: str = ""
    machine: str = ""
    late: str = ""
    source: str = ""


class CallsOut(Schema):
    """Calls and what they are about."""

    period: str
    type: str
    currency: str
    rows: list[CallRow]


@router.get("/calls", response=CallsOut, summary="What is called, beside what stands below")
def calls(request: HttpRequest, asked: Query[CallsAsked]) -> Any:
    """Each seat in sight with its roll-up, the calls below and its own call; with `history`, every call."""
    words = asked.dict()
    seat, history = words.pop("seat"), words.pop("history")
    board = actions.call_board(by=api_actor(request), **words)
    ask = board.book.ask
    return {
        "period": board.book.period, "type": ask.type.name, "currency": ask.currency, "rows": call_lines(board, seat=seat, history=history)
    }  # fmt: skip


class CallIn(Schema):
    """A call; with `loss`, what the type's loss comes to as well. `expected` is the instant of the call that you saw last, "" for none."""

    commit: str
    most_likely: str
    best_case: str
    loss: dict[str, str] | None = None
    period: str | None = None
    type: str | None = None
    currency: str = ""
    note: str = ""
    expected: str | None = None


class Called(Schema):
    """A call as it was kept."""

    seat: str
    type: str
    period: str
    at: datetime
    commit: str
    most_likely: str
    best_case: str
    currency: str
    on_behalf_of: str
    note: str


@router.post("/calls/{seat}", response=Called, summary="Call for a seat")
def submit(request: HttpRequest, seat: str, given: CallIn) -> Any:
    """Immutable once made. A note is asked for where it differs from what stands below by more than the policy allows."""
    words = given.dict()
    amounts = {name: words.pop(name) for name in ("commit", "most_likely", "best_case")}
    made = actions.submit(by=api_actor(request), seat=seat, amounts=amounts, **words)
    told = {name: format_major(amount, made.currency) for name, amount in made.amounts.items()}
    return {**{name: getattr(made, name) for name in ("seat", "type", "period", "at", "currency", "on_behalf_of", "note")}, **told}


class WaitedOut(Schema):
    """A seat whose call is due, missing or late."""

    seat: str
    name: str
    holder: str
    state: str
    due: datetime
    last: datetime | None
    type: str
    period: str


@router.get("/calls-waiting", response=list[WaitedOut], summary="Who has not called this week")
def waiting(request: HttpRequest, period: str | None = None, type: str | None = None) -> Any:  # noqa: A002 - the field's own word
    """Missing ones first, then those that are due, then those that came late."""
    return weekly.waited(by=api_actor(request), period=period, type=type)


class OverrideIn(Schema):
    """A value in the place of a deal's, or of the call of a seat right below."""

    seat: str = Field(..., description="The seat that judges so")
    field: str = Field(..., description="category, amount or close_date of a deal; commit, most_likely or best_case of a seat")
    value: str
    note: str
    deal: str = ""
    about: str = ""
    period: str | None = None
    type: str | None = None
    currency: str = ""


class OverrideOut(Schema):
    """An override; `fact` is what stood there when it was made."""

    id: int
    seat: str
    type: str
    period: str
    deal: str
    about: str
    field: str
    value: str
    currency: str
    fact: str
    note: str
    author: str
    at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str


@router.get("/overrides", response=list[OverrideOut], summary="The overrides in force")
def overrides(request: HttpRequest, asked: Query[Which], deal: str = "") -> Any:
    """Of the seats whose judgment is in sight."""
    return placing.overrides(by=api_actor(request), deal=deal, **asked.dict())


@router.post("/overrides", response=OverrideOut, summary="Override a deal or a call below, for the forecast only")
def override(request: HttpRequest, given: OverrideIn) -> Override:
    """The fact stays what it is; a note is required."""
    return placing.override(by=api_actor(request), **given.dict())


class NoteIn(Schema):
    """Why."""

    note: str = ""


@router.post("/overrides/{number}/withdraw", response=OverrideOut, summary="End an override")
def withdraw(request: HttpRequest, number: int, given: NoteIn) -> Override:
    """The fact counts again from now on; the history keeps what was."""
    return placing.withdraw(by=api_actor(request), number=number, note=given.note)


class LockOut(Schema):
    """A period's lock."""

    period: str
    is_locked: bool
    author: str
    note: str
    at: datetime


@router.post("/periods/{period}/lock", response=LockOut, summary="Close a period's calls")
def lock(request: HttpRequest, period: str, given: NoteIn) -> Any:
    """Nobody calls or overrides in it until it is unlocked."""
    return weekly.lock(by=api_actor(request), period=period, note=given.note)


@router.post("/periods/{period}/unlock", response=LockOut, summary="Open a period's calls again")
def unlock(request: HttpRequest, period: str, given: NoteIn) -> Any:
    """With who and why in the trail."""
    return weekly.lock(by=api_actor(request), period=period, note=given.note, is_locked=False)
