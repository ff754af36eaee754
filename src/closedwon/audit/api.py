"""The trail over the API: read it, verify it, take it out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router, Schema, Status

from closedwon.audit import actions
from closedwon.audit.export import exported, lines
from closedwon.people.acting import api_actor

router = Router()


class EntryOut(Schema):
    """An entry with everything that its hash covers; `detail` is JSON as text.

    `hidden` says why the detail is empty. The hashes are for those who read everything, because a detail could be guessed from them.
    """

    sequence: int
    at: datetime
    actor: str
    channel: str
    verb: str
    subject: str
    detail: str
    person: str
    sealed: str
    previous: str
    digest: str
    hidden: str = ""


class VerdictJob(Schema):
    """The job that verifies; look at it under /jobs/{id}."""

    job: int
    status: str


class ErasureIn(Schema):
    """Whose data in the trail shall no longer be readable, and why."""

    person: str
    reason: str


class ErasureOut(Schema):
    """How many entries can no longer be read in full."""

    entries: int


@router.get("/entries", response=list[EntryOut], summary="The trail, newest first")
def list_entries(
    request: HttpRequest,
    verb: str = "",
    actor: str = "",
    subject: str = "",
    text: str = "",
    since: date | None = None,
    until: date | None = None,
    limit: int = Query(100, ge=1, le=1000),
    before: int | None = Query(None, description="Only entries with a smaller number; give the last one of the page before."),
) -> Any:
    """List entries that match. A text is looked for in what the caller may read, and nowhere else."""
    rows = actions.entries(by=api_actor(request), verb=verb, actor=actor, subject=subject, text=text, since=since, until=until)
    return (rows.narrow(sequence__lt=before) if before else rows)[:limit]


@router.get("/entries/{int:sequence}", response=EntryOut, summary="One entry")
def get_entry(request: HttpRequest, sequence: int) -> Any:
    """Give one entry."""
    return actions.find(sequence, by=api_actor(request))[0]


@router.post("/verify", response={202: VerdictJob}, summary="Verify the chain")
def verify(request: HttpRequest) -> Status:
    """Start the verification in the worker."""
    from closedwon.jobs.actions import start

    made = start("audit.verify", by=api_actor(request))
    return Status(202, {"job": made.pk, "status": made.status})


@router.post("/export", response={200: None}, summary="The whole trail as JSON lines")
def export(request: HttpRequest) -> Any:
    """Stream the trail; the export is itself its last entry."""
    by = api_actor(request)
    _made, rows = exported(by, "api")
    return StreamingHttpResponse((line + "\n" for line in lines(rows)), content_type="application/x-ndjson")


@router.post("/erasures", response=ErasureOut, summary="Erase a person from the trail")
def erase(request: HttpRequest, given: ErasureIn) -> dict[str, int]:
    """Destroy the person's key; the chain still verifies."""
    return {"entries": actions.erase(given.person, by=api_actor(request), reason=given.reason)}
