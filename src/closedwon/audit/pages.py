"""The pages of the trail: read it, narrow it, open an entry, verify it, take it out."""

from __future__ import annotations

import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import include, path, reverse
from django.views.decorators.http import require_GET, require_POST

from closedwon.audit import actions
from closedwon.audit.export import csv_lines, end, export
from closedwon.audit.reading import Seen, Trail
from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.people.acting import web_actor
from closedwon.ui.tables import Col, DataTable, Query, Rows

COLUMNS = [
    Col("sequence", "Entry", "number", href=lambda row: reverse("audit:entry", args=[row["sequence"]]), drawer=True),
    Col("at", "When", "instant", sort=False),
    Col("actor", "Who", sort=False, sub="channel"),
    Col("verb", "Did", sort=False, filter=True),
    Col("subject", "To what", sort=False),
    Col("words", "Detail", sort=False, phone="hide"),
]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Write it as 2026-02-01.") from error


def narrowed(request: HttpRequest, by: Any) -> Trail:
    """The entries that the address asks for."""
    given = request.GET
    words = {name: given.get(name, "").strip()[:200] for name in ("actor", "subject")}
    return actions.entries(by=by, since=_day(given.get("since", "")), until=_day(given.get("until", "")), **words)


def in_short(detail: str) -> str:
    """The detail of an entry as a few words."""
    try:
        found = json.loads(detail)
    except ValueError:
        return detail[:120]
    text = ", ".join(
        f"{key}: {value if not isinstance(value, dict | list) else '…'}" for key, value in found.items() if value not in (None, "")
    )
    return text if len(text) <= 120 else text[:119] + "…"


@require_GET
def trail(request: HttpRequest) -> HttpResponse:
    """The trail, newest first, with its filters."""
    by = web_actor(request)
    base = narrowed(request, by)

    def ask(query: Query) -> Rows:
        verbs: dict[str, Any] = {"verb__in": query.filters["verb"]} if query.filters.get("verb") else {}
        found = base.narrow(text=query.search, **verbs)
        if query.sort == "sequence" and not query.descending:
            found = found.oldest_first()
        rows = [
            {
                "sequence": e.sequence, "at": e.at, "actor": e.actor, "channel": e.channel, "verb": e.verb, "subject": e.subject,
                "words": e.hidden or in_short(e.detail),
            }
            for e in found[query.offset : query.offset + query.limit]
        ]  # fmt: skip
        return Rows(rows, found.count(), choices={"verb": actions.verbs(by=by)})

    table = DataTable(
        request, "audit", COLUMNS, ask, title="Entries", sort="-sequence", name="audit",
        empty=("Nothing decided yet", "Every change that somebody makes appears here, and never goes away."),
    )  # fmt: skip
    if answer := table.answer():
        return answer
    last, digest = end()
    given = {name: request.GET.get(name, "") for name in ("actor", "subject", "since", "until")}
    checked = actions.last_check(by=by)
    verifies = by.has(*actions.VERIFIERS)
    context = {
        "table": table, "last": last, "digest": digest if base.sight.everything else "", "given": given, "checked": checked, "verdict": _verdict(checked),
        "verifies": verifies, "hides": not base.sight.everything,
    }  # fmt: skip
    return render(request, "audit/trail.html", context)


def _verdict(checked: Any) -> dict[str, Any]:
    try:
        return dict(json.loads(checked.detail)) if checked else {}
    except ValueError:
        return {}


@require_GET
def entry(request: HttpRequest, sequence: int) -> HttpResponse:
    """One entry with everything that its hash covers."""
    by = web_actor(request)
    found, holds = actions.find(sequence, by=by)
    personal = actions.personal_of(found) if by.has("auditor") else None
    context = {"entry": found, "detail": found.hidden or _at_length(found), "holds": holds, "personal": personal}
    return render(request, "audit/entry.html", context)


def _at_length(found: Seen) -> str:
    try:
        return json.dumps(json.loads(found.detail), indent=1, ensure_ascii=False)
    except ValueError:
        return found.detail


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Start the verification as a job."""
    from closedwon.jobs.actions import start

    by = web_actor(request)
    try:
        made = start("audit.verify", by=by)
    except ClosedwonError as error:
        messages.error(request, str(error))
        return redirect("audit:trail")
    return redirect("jobs:job", pk=made.pk)


@require_POST
def take_out(request: HttpRequest, ending: str) -> HttpResponseBase:
    """The trail as a file: `zip` for an auditor, with how to verify it, or `csv` of what is in view."""
    by = web_actor(request)
    if ending == "csv":
        rows = narrowed(request, by)
        actions.record(by=by.name, channel=by.channel, verb="audit.exported", subject="file:audit.csv", detail={"rows": rows.count()})
        answer = StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return answer
    if ending != "zip":
        raise Http404
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "audit.zip"
        export(file, by=by)
        handle = file.open("rb")  # the file's data outlives its name
    return FileResponse(handle, as_attachment=True, filename="audit.zip")


urlpatterns = [
    path(
        "admin/audit/",
        include(
            (
                [
                    path("", trail, name="trail"),
                    path("verify/", verify, name="verify"),
                    path("export/<slug:ending>/", take_out, name="export"),
                    path("<int:sequence>/", entry, name="entry"),
                ],
                "audit",
            )
        ),
    )
]
