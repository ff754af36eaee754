"""Requests on deals and the deal desk over the API. Money is text in major units."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from closedwon.approvals.api import zoned
from closedwon.deals.actions import desk, gate, requests
from closedwon.deals.showing import case_json, request_json
from closedwon.people.acting import api_actor

router = Router()


class BeginIn(Schema):
    """The deal that a request is about."""

    opportunity_id: str = Field(max_length=64)


class DraftIn(Schema):
    """What a draft says; `seen` is the digest of the draft that it was written from."""

    content: dict[str, Any]
    seen: str = ""


class NoteIn(Schema):
    """A note to those who decide."""

    note: str = Field("", max_length=500)


class SignIn(Schema):
    """On whose paper it was signed, and when."""

    paper: str = Field(description="standard or customer")
    signed_at: datetime


class CheckIn(Schema):
    """An item of the booking checklist."""

    item: str
    state: str = Field(description="done or missing")
    note: str = ""


class CaseIn(Schema):
    """A question to the deal desk."""

    kind: str
    title: str = Field(max_length=200)
    text: str
    opportunity_id: str = ""
    request: int | None = None


class SayIn(Schema):
    """An answer."""

    text: str
    internal: bool = False
    solved: bool = False


class RateIn(Schema):
    """Whether it helped."""

    content: bool
    feedback: str = ""


@router.get("/requests", response=list[dict], summary="Requests on deals")
def listed(request: HttpRequest, deal: str = "") -> list[dict[str, Any]]:
    """Those that the caller may see, newest first, at most 500."""
    rows = requests.visible(api_actor(request)).select_related("approval", "order")
    return [request_json(one) for one in (rows.filter(opportunity_id=deal) if deal else rows).order_by("-updated_at")[:500]]


@router.post("/requests", response=dict, summary="Begin a request on a deal")
def begin(request: HttpRequest, given: BeginIn) -> dict[str, Any]:
    """A draft with what the facts know; an own draft is taken up again."""
    return request_json(requests.begin(given.opportunity_id, by=api_actor(request)))


@router.get("/requests/{number}", response=dict, summary="One request")
def shown(request: HttpRequest, number: int) -> dict[str, Any]:
    """With its draft, its sign-off and where it books."""
    by = api_actor(request)
    found = requests.find(number, by=by)
    where = gate.where_it_books(found)
    return request_json(found) | {
        "books": None if where is None else {"on": where["day"].isoformat(), "why": where["why"], "locked": where["locked"]}
    }


@router.put("/requests/{number}", response=dict, summary="Write a draft")
def save(request: HttpRequest, number: int, given: DraftIn) -> dict[str, Any]:
    """Nobody is asked before it is submitted."""
    return request_json(requests.save(number, given.content, by=api_actor(request), seen=given.seen))


@router.post("/requests/{number}/preview", response=dict, summary="What a draft would need")
def preview(request: HttpRequest, number: int, given: DraftIn) -> dict[str, Any]:
    """With what was approved before; nothing is kept."""
    by = api_actor(request)
    return requests.preview(requests.find(number, by=by), given.content, by=by).as_dict()


@router.post("/requests/{number}/submit", response=dict, summary="Submit the draft")
def submit(request: HttpRequest, number: int, given: NoteIn) -> dict[str, Any]:
    """A first version, or the next one."""
    return request_json(requests.submit(number, by=api_actor(request), note=given.note))


@router.post("/requests/{number}/sign", response=dict, summary="Note the signature")
def sign(request: HttpRequest, number: int, given: SignIn) -> dict[str, Any]:
    """Opens the booking check."""
    signed = zoned(given.signed_at)
    return request_json(gate.sign(number, given.paper, signed, by=api_actor(request)))


@router.post("/requests/{number}/checks", response=dict, summary="Tick an item of the booking checklist")
def check(request: HttpRequest, number: int, given: CheckIn) -> dict[str, Any]:
    """For the deal desk and finance."""
    made = desk.mark(number, given.item, given.state, by=api_actor(request), note=given.note)
    return {"id": made.pk, "item": made.item, "state": made.state}


@router.post("/requests/{number}/book", response=dict, summary="Book a signed order")
def book(request: HttpRequest, number: int) -> dict[str, Any]:
    """Its check is through and every required item is done."""
    return request_json(desk.book(number, by=api_actor(request)))


@router.get("/cases", response=list[dict], summary="Cases of the deal desk")
def cases(request: HttpRequest, state: str = "") -> list[dict[str, Any]]:
    """The most urgent first, at most 500."""
    return [case_json(one) for one in desk.cases(by=api_actor(request), state=state)[:500]]


@router.post("/cases", response=dict, summary="Ask the deal desk")
def ask(request: HttpRequest, given: CaseIn) -> dict[str, Any]:
    """Its clocks begin now."""
    by = api_actor(request)
    made = desk.open_case(given.kind, given.title, given.text, by=by, opportunity_id=given.opportunity_id, request_id=given.request)
    return case_json(made, desk.messages_of(made, by=by))


@router.get("/cases/{number}", response=dict, summary="One case")
def case(request: HttpRequest, number: int) -> dict[str, Any]:
    """With its messages."""
    by = api_actor(request)
    found = desk.case(number, by=by)
    return case_json(found, desk.messages_of(found, by=by))


@router.post("/cases/{number}/messages", response=dict, summary="Answer")
def say(request: HttpRequest, number: int, given: SayIn) -> dict[str, Any]:
    """The desk's first open answer stops the first clock."""
    by = api_actor(request)
    found = desk.say(number, given.text, by=by, internal=given.internal, solved=given.solved)
    return case_json(found, desk.messages_of(found, by=by))


@router.post("/cases/{number}/take", response=dict, summary="Take a case on oneself")
def take(request: HttpRequest, number: int) -> dict[str, Any]:
    """For the desk."""
    return case_json(desk.take(number, by=api_actor(request)))


@router.post("/cases/{number}/rate", response=dict, summary="Say whether it helped")
def rate(request: HttpRequest, number: int, given: RateIn) -> dict[str, Any]:
    """By who asked."""
    return case_json(desk.rate(number, given.content, by=api_actor(request), feedback=given.feedback))
