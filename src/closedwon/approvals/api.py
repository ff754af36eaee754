"""Approvals over the API: preview, submit, decide, delegate. Money is text in major units."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import File, Query, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from closedwon.approvals.actions import adding, deciding, exemptions, files, looking, standing, submitting
from closedwon.approvals.actions.common import need
from closedwon.approvals.actions.people import names
from closedwon.approvals.api_history import router as history
from closedwon.approvals.download import download
from closedwon.approvals.showing import exemption_json, file_json, inbox_json, request_json
from closedwon.base.errors import Invalid
from closedwon.people.acting import api_actor

router = Router()
router.add_router("", history)


class RequestIn(Schema):
    """What is asked for."""

    kind: str = "deal"
    title: str = Field("", max_length=200)
    id: str = Field("", max_length=100)
    currency: str = ""
    submitter: str = ""
    owner: str = ""
    region: str = ""
    amount: str | None = Field(None, description="In major units; what limits, delegations and step-ups look at.")
    earners: list[str] = []
    fields: dict[str, Any] = Field({}, description="What the policies read; percentages as text with their sign.")
    lines: list[dict[str, Any]] | None = None
    adhoc: list[dict[str, str]] = []

    def content(self) -> dict[str, Any]:
        """The request as the rules read it."""
        return {name: value for name, value in self.dict().items() if value not in (None, "", [])}


class SubmitIn(RequestIn):
    """A request to submit."""

    key: str = Field("", max_length=100, description="The same key again gives the request that it made.")
    note: str = Field("", max_length=500)


class ReviseIn(RequestIn):
    """A new version."""

    seen: int | None = Field(None, description="The version that the author started from.")
    note: str = Field("", max_length=500)


class DecideIn(Schema):
    """A decision on the content that was seen."""

    verb: str = Field(description="approve, condition or reject")
    content_hash: str
    comment: str = ""
    required_change: str = Field("", description="With reject: what must change.")
    condition: str = ""
    condition_formula: str = ""
    key: str = Field("", max_length=100, description="The same key again gives the decision that it made.")


class OverrideIn(Schema):
    """A step that is overridden, and why."""

    step: int
    reason: str
    content_hash: str


class WordsIn(Schema):
    """Words."""

    text: str = ""


class MeetIn(Schema):
    """A condition that is met."""

    decision: int
    note: str = ""


class AdhocIn(Schema):
    """Who is asked in addition, and why."""

    person: str = Field(description="An id or a mail address.")
    reason: str


class ExceptionIn(Schema):
    """What an approved request allows beyond itself."""

    scope: str = Field(description="quote, customer or term")
    subject_id: str = Field(max_length=100, description="The quote, customer or contract.")
    what: str = Field(max_length=500)
    fields: dict[str, Any] = {}
    since: date | None = None
    until: date | None = Field(None, description="The first day after it.")
    uses: int | None = None


class ExceptionsQuery(Schema):
    """Whose exceptions."""

    of: list[str] = []
    day: date | None = None
    all: bool = Field(False, description="Ended and used up ones too.")


class DelegateIn(Schema):
    """Who decides in somebody's place."""

    to: str
    since: datetime
    until: datetime
    giver: str = ""
    kinds: list[str] = []
    limit: Decimal | None = None
    reason: str = ""


class AwayIn(Schema):
    """Who is out of office."""

    since: datetime
    until: datetime
    person: str = ""


class HolderIn(Schema):
    """Who holds an approver role."""

    role: str
    person: str
    region: str = ""
    limit: Decimal | None = None
    reason: str = ""


class HolderOut(Schema):
    """A holder of an approver role."""

    id: int
    role: str
    person: str
    name: str
    region: str
    limit: str | None


class ListQuery(Schema):
    """What to list."""

    state: str = ""
    kind: str = ""
    find: str = ""
    mine: bool = False
    page: int = Field(1, ge=1, le=100_000)
    size: int = Field(50, ge=1, le=500)


Number = int


def zoned(at: datetime) -> datetime:
    """The instant in UTC; one without a zone is the company's. Raises Invalid for what no calendar has."""
    from datetime import UTC

    from django.utils import timezone

    try:
        return (at if timezone.is_aware(at) else timezone.make_aware(at)).astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise Invalid(f"{at} is out of range.", mend="Give a day of this century.") from error


@router.post("/preview", response=dict, summary="What a request would need, without submitting it")
def preview(request: HttpRequest, given: RequestIn) -> dict[str, Any]:
    """Steps in order with role, person, reason and tested fields, or why it needs nobody; and the cheapest way round."""
    return submitting.preview(given.content(), by=api_actor(request)).as_dict()


@router.post("/requests", response=dict, summary="Submit a request")
def submit(request: HttpRequest, given: SubmitIn) -> dict[str, Any]:
    """Its steps are asked at once, or it is approved because it needs nobody."""
    by = api_actor(request)
    content = {name: value for name, value in given.content().items() if name not in ("key", "note")}
    return request_json(submitting.submit(content, by=by, key=given.key, note=given.note), by=by)


@router.get("/requests", response=dict, summary="Requests that one may see")
def listed(request: HttpRequest, asked: Query[ListQuery]) -> dict[str, Any]:
    """The newest first."""
    rows = looking.requests(by=api_actor(request), state=asked.state, kind=asked.kind, find=asked.find, mine_only=asked.mine)
    start = (asked.page - 1) * asked.size
    return {
        "total": rows.count(),
        "rows": [
            {
                "id": one.pk, "kind": one.kind, "subject_id": one.subject_id, "title": one.title, "state": one.state, "version": one.number,
                "content_hash": one.content_hash, "submitter": one.submitter, "submitted_at": one.submitted_at.isoformat(),
            }
            for one in rows[start : start + asked.size]
        ],
    }  # fmt: skip


@router.get("/inbox", response=list[dict], summary="What waits for the caller")
def inbox(request: HttpRequest, kind: str = "") -> list[dict[str, Any]]:
    """The most urgent first."""
    return [inbox_json(row) for row in looking.inbox(by=api_actor(request), kind=kind)]


@router.get("/requests/{number}", response=dict, summary="One request whole")
def shown(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Its steps, who is asked, what was decided, what changed since the caller last decided."""
    by = api_actor(request)
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/versions", response=dict, summary="Submit a new version")
def revise(request: HttpRequest, number: Number, given: ReviseIn) -> dict[str, Any]:
    """Approvals hold where nothing that their approver looks at is worse."""
    by = api_actor(request)
    content = {name: value for name, value in given.content().items() if name not in ("seen", "note")}
    return request_json(submitting.revise(number, content, by=by, seen=given.seen, note=given.note), by=by)


@router.post("/requests/{number}/decisions", response=dict, summary="Decide")
def decide(request: HttpRequest, number: Number, given: DecideIn) -> dict[str, Any]:
    """Approve, approve on a condition, or reject with the change that is wanted."""
    by = api_actor(request)
    deciding.decide(
        number, given.verb, content_hash=given.content_hash, by=by, comment=given.comment, required_change=given.required_change,
        condition=given.condition, condition_formula=given.condition_formula, key=given.key, strength="token" if by.scopes is not None else "session",
    )  # fmt: skip
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/recall", response=dict, summary="Take a request back")
def recall(request: HttpRequest, number: Number, given: WordsIn) -> dict[str, Any]:
    """By its submitter or owner."""
    by = api_actor(request)
    return request_json(submitting.recall(number, by=by, reason=given.text), by=by)


@router.post("/requests/{number}/override", response=dict, summary="Override a step with a reason")
def override(request: HttpRequest, number: Number, given: OverrideIn) -> dict[str, Any]:
    """For executives; never on what they submitted or earn on."""
    by = api_actor(request)
    deciding.override(
        number, given.step, given.reason, content_hash=given.content_hash, by=by, strength="token" if by.scopes is not None else "session"
    )
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/met", response=dict, summary="Say that a condition is met")
def meet(request: HttpRequest, number: Number, given: MeetIn) -> dict[str, Any]:
    """By whoever set it, or another holder of the role."""
    by = api_actor(request)
    deciding.meet(number, given.decision, given.note, by=by)
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/comments", response=dict, summary="Say something")
def comment(request: HttpRequest, number: Number, given: WordsIn) -> dict[str, Any]:
    """Visible to everybody who sees the request."""
    by = api_actor(request)
    deciding.comment(number, given.text, by=by)
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/steps/{order}/take", response=dict, summary="Take a step on oneself")
def take(request: HttpRequest, number: Number, order: int) -> dict[str, Any]:
    """So that the others who could decide know."""
    by = api_actor(request)
    deciding.take(number, order, by=by)
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/asked", response=dict, summary="Ask somebody in addition")
def ask(request: HttpRequest, number: Number, given: AdhocIn) -> dict[str, Any]:
    """By the submitter, the owner or whoever is asked; one more step, which later versions keep."""
    by = api_actor(request)
    adding.add_adhoc(number, given.person, given.reason, by=by)
    return request_json(need(number, by=by), by=by)


@router.post("/requests/{number}/files", response=dict, summary="Add a file")
def attach(request: HttpRequest, number: Number, file: File[UploadedFile]) -> dict[str, Any]:
    """PDF, Office, picture or text, up to 20 MB; visible to everybody who sees the request."""
    by = api_actor(request)
    data = file.read(files.LARGEST + 1)
    return file_json(files.attach(number, file.name or "file", data, by=by))


@router.get("/files/{number}", response=bytes, summary="Download a file")
def fetch(request: HttpRequest, number: Number) -> HttpResponse:
    """Its bytes as they were added, as a download only."""
    row, data = files.fetch(number, by=api_actor(request))
    return download(row.name, data)


@router.post("/requests/{number}/exceptions", response=dict, summary="Note an exception that a request grants")
def except_(request: HttpRequest, number: Number, given: ExceptionIn) -> dict[str, Any]:
    """By the deal desk or finance, once the request is approved."""
    made = exemptions.except_(
        number, given.scope, given.subject_id, given.what, by=api_actor(request), fields=given.fields, since=given.since, until=given.until,
        uses=given.uses,
    )  # fmt: skip
    return exemption_json(made)


@router.get("/exceptions", response=list[dict], summary="Exceptions that hold")
def exceptions(request: HttpRequest, asked: Query[ExceptionsQuery]) -> list[dict[str, Any]]:
    """Of some quotes, customers or contracts, as far as the caller sees the requests that granted them."""
    rows = exemptions.exceptions(by=api_actor(request), subject_ids=asked.of, day=asked.day, all_=asked.all)
    return [exemption_json(row) for row in rows]


@router.post("/exceptions/{number}/use", response=dict, summary="Use an exception once")
def use(request: HttpRequest, number: Number, given: WordsIn) -> dict[str, Any]:
    """The text says what for; the last use ends it."""
    return exemption_json(exemptions.use(number, given.text, by=api_actor(request)))


@router.post("/exceptions/{number}/revoke", response=dict, summary="Revoke an exception")
def revoke(request: HttpRequest, number: Number, given: WordsIn) -> dict[str, Any]:
    """By the deal desk or finance; the text says why."""
    return exemption_json(exemptions.revoke(number, given.text, by=api_actor(request)))


@router.post("/delegations", response=dict, summary="Let somebody decide in one's place")
def delegate(request: HttpRequest, given: DelegateIn) -> dict[str, Any]:
    """Dated, for some kinds and up to an amount if wanted; never in a loop."""
    made = standing.delegate(
        given.to, zoned(given.since), zoned(given.until), by=api_actor(request), giver=given.giver, kinds=given.kinds, limit=given.limit,
        reason=given.reason,
    )  # fmt: skip
    return {"id": made.pk, "giver": made.giver, "taker": made.taker}


@router.delete("/delegations/{number}", response=dict, summary="End a delegation")
def undelegate(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Now."""
    return {"id": standing.end_delegation(number, by=api_actor(request)).pk}


@router.post("/absences", response=dict, summary="Note that somebody is away")
def away(request: HttpRequest, given: AwayIn) -> dict[str, Any]:
    """One's own, or for sales ops anybody's."""
    made = standing.set_absence(zoned(given.since), zoned(given.until), by=api_actor(request), person=given.person)
    return {"id": made.pk, "person": made.person}


@router.delete("/absences/{number}", response=dict, summary="Note that somebody is back")
def back(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Now."""
    return {"id": standing.end_absence(number, by=api_actor(request)).pk}


@router.get("/arrangements", response=dict, summary="Delegations and absences that are still to end")
def arrangements(request: HttpRequest) -> dict[str, Any]:
    """One's own; for sales ops and auditors everybody's."""
    found = standing.arrangements(by=api_actor(request))
    return {
        "delegations": [
            {
                "id": one.pk,
                "giver": one.giver,
                "taker": one.taker,
                "since": one.since.isoformat(),
                "until": one.until.isoformat(),
                "kinds": one.kinds,
            }
            for one in found["delegations"]
        ],
        "absences": [
            {"id": one.pk, "person": one.person, "since": one.since.isoformat(), "until": one.until.isoformat()}
            for one in found["absences"]
        ],
    }


@router.get("/holders", response=list[HolderOut], summary="Who holds which approver role")
def holders(request: HttpRequest) -> list[dict[str, Any]]:
    """Now."""
    rows = standing.holders(by=api_actor(request))
    known = names({row.person for row in rows})
    return [
        {
            "id": row.pk,
            "role": row.role,
            "person": row.person,
            "name": known[row.person],
            "region": row.region,
            "limit": None if row.limit is None else f"{row.limit:f}",
        }
        for row in rows
    ]


@router.post("/holders", response=dict, summary="Make somebody a holder of an approver role")
def grant(request: HttpRequest, given: HolderIn) -> dict[str, Any]:
    """For sales ops; never oneself."""
    made = standing.grant_holder(
        given.role, given.person, by=api_actor(request), region=given.region, limit=given.limit, reason=given.reason
    )
    return {"id": made.pk}


@router.delete("/holders/{number}", response=dict, summary="Take an approver role from somebody")
def ungrant(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Now."""
    return {"id": standing.end_holder(number, by=api_actor(request)).pk}
