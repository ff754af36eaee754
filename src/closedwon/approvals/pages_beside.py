"""The pages beside requests: files, exceptions that outlive a request, who stands in, who holds which role."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.approvals.actions import exemptions, files, standing
from closedwon.approvals.actions.common import may_see, policies, today
from closedwon.approvals.actions.people import called, names, people, person_of
from closedwon.approvals.actions.subjects import subject_of
from closedwon.approvals.download import download
from closedwon.approvals.models import Absence, Delegation
from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.ui import undo
from closedwon.workspace import current


@require_POST
def attach(request: HttpRequest, number: int) -> HttpResponse:
    """Add files to a request."""
    by, added = web_actor(request), 0
    for given in request.FILES.getlist("file"):
        try:
            files.attach(number, given.name or "file", given.read(files.LARGEST + 1), by=by)
            added += 1
        except Invalid as error:
            messages.error(request, str(error))
    if added:
        messages.success(request, "The file is added." if added == 1 else f"{added} files are added.")
    elif not request.FILES:
        messages.error(request, "Choose a file first.")
    return redirect("approvals:one", number=number)


@require_GET
def file(request: HttpRequest, number: int) -> HttpResponse:
    """A file of a request, as a download."""
    row, data = files.fetch(number, by=web_actor(request))
    return download(row.name, data)


STATE_TONES = {"holds": "good", "begins later": "info", "revoked": "bad", "not approved any more": "bad"}


@require_GET
def exceptions(request: HttpRequest) -> HttpResponse:
    """The exceptions that requests granted: for whom, what, until when; those that ended too, if asked for."""
    by, every = web_actor(request), request.GET.get("all") == "1"
    day = today(timezone.now())
    found = exemptions.exceptions(by=by, all_=every)
    known = called({row.by for row in found} | {row.ended_by for row in found if row.ended_by})
    rows = [
        _exception(row, day, known, by) for row in sorted(found, key=lambda row: (exemptions.state_of(row, day) != "holds", -row.pk))[:500]
    ]
    context = {"rows": rows, "every": every, "may_revoke": by.has(*exemptions.KEEPERS), "day": day}
    return render(request, "approvals/exceptions.html", context)


def _exception(row: Any, day: date, known: Mapping[str, str], by: Actor) -> dict[str, Any]:
    state = exemptions.state_of(row, day)
    return {
        "row": row, "state": state, "tone": STATE_TONES.get(state, ""), "whom": subject_of(row.request.kind).named(row.scope, row.subject_id),
        "soon": bool(state == "holds" and row.until is not None and (row.until - day).days <= 30), "holds": state in ("holds", "begins later"), "by": known[row.by], "seen": may_see(by, row.request), "ended_by": known.get(row.ended_by, ""),
    }  # fmt: skip


@require_POST
def except_(request: HttpRequest, number: int) -> HttpResponse:
    """Note an exception that an approved request grants."""
    given = request.POST
    try:
        uses = given.get("uses", "").strip()
        exemptions.except_(
            number, given.get("scope", ""), given.get("subject_id", ""), given.get("what", ""), by=web_actor(request),
            until=date.fromisoformat(given["until"]) if given.get("until") else None, uses=int(uses) if uses else None,
        )  # fmt: skip
        messages.success(request, "The exception is noted. It is shown beside the customer's next requests.")
    except ClosedwonError as error:
        messages.error(request, str(error))
    except ValueError:
        messages.error(request, "The last day or the count cannot be read: choose a day, and write a whole number.")
    return redirect("approvals:one", number=number)


@require_POST
def exception_act(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Use an exception once, or revoke it."""
    by, words = web_actor(request), request.POST.get("words", "")
    try:
        if verb == "use":
            left = exemptions.use(number, words, by=by).uses_left
            messages.success(request, "Used." if left is None else f"Used; {left} left.")
        elif verb == "revoke":
            exemptions.revoke(number, words, by=by)
            messages.success(request, "Revoked. It is shown no more beside new requests; the trail keeps it.")
    except ClosedwonError as error:
        messages.error(request, str(error))
    return redirect("approvals:exceptions")


def _moment(text: str, what: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), current().zone)
    except ValueError as error:
        raise Invalid(f"{what} is missing.", mend="Choose a day.") from error


@require_http_methods(["GET", "POST"])
def arrange(request: HttpRequest) -> HttpResponse:
    """Who is away, and who decides in whose place."""
    by = web_actor(request)
    failed: ClosedwonError | None = None
    if request.method == "POST":
        try:
            _arranged(request, by)
            return redirect("approvals:arrange")
        except ClosedwonError as error:
            failed = error
    found = standing.arrangements(by=by)
    ids = (
        {one.giver for one in found["delegations"]}
        | {one.taker for one in found["delegations"]}
        | {one.person for one in found["absences"]}
    )
    context = {
        **found, "names": names(ids), "may_others": by.has(*standing.KEEPERS), "me": person_of(by), "failed": failed, "given": request.POST,
        "people": _choices(), "delegation_rows": [
            {"row": one, "giver": names({one.giver})[one.giver], "taker": names({one.taker})[one.taker]} for one in found["delegations"]
        ], "absence_rows": [{"row": one, "person": names({one.person})[one.person]} for one in found["absences"]],
    }  # fmt: skip
    return render(request, "approvals/arrange.html", context, status=failed.status if failed else 200)


def _choices() -> list[tuple[str, str]]:
    everybody = people(timezone.now()).by_id.values()
    return sorted(((one.id, one.name or one.id) for one in everybody if one.active), key=lambda pair: pair[1])


def _arranged(request: HttpRequest, by: Actor) -> None:
    given = request.POST
    verb = given.get("verb", "")
    if verb == "delegate":
        limit = _limit(given.get("limit", ""))
        kinds = [word.strip() for word in given.get("kinds", "").split(",") if word.strip()]
        made = standing.delegate(
            given.get("to", ""), _moment(given.get("since", ""), "The first day"), _moment(given.get("until", ""), "The last day"), by=by,
            giver=given.get("giver", ""), kinds=kinds, limit=limit, reason=given.get("reason", ""),
        )  # fmt: skip
        undo.said(request, "Delegated.", "approvals.undelegate", number=made.pk)
    elif verb == "away":
        away = standing.set_absence(
            _moment(given.get("since", ""), "The first day"),
            _moment(given.get("until", ""), "The day of return"),
            by=by,
            person=given.get("person", ""),
        )
        undo.said(request, "Noted. New requests go to whoever stands in.", "approvals.back", number=away.pk)
    elif verb == "undelegate":
        ended = standing.end_delegation(int(given.get("id") or 0), by=by)
        undo.said(request, "Ended.", "approvals.delegate", number=ended.pk)
    elif verb == "back":
        over = standing.end_absence(int(given.get("id") or 0), by=by)
        undo.said(request, "Welcome back.", "approvals.away", number=over.pk)


@undo.register("approvals.undelegate")
def _undelegated(request: HttpRequest, number: int) -> None:
    standing.end_delegation(number, by=web_actor(request))


@undo.register("approvals.back")
def _not_away(request: HttpRequest, number: int) -> None:
    standing.end_absence(number, by=web_actor(request))


@undo.register("approvals.delegate")
def _delegated_again(request: HttpRequest, number: int) -> None:
    """The same delegation once more, as one of its own; the action asks who may."""
    was = Delegation.objects.get(pk=number)
    standing.delegate(
        was.taker, was.since, was.until, by=web_actor(request), giver=was.giver, kinds=was.kinds, limit=was.limit, reason=was.reason
    )


@undo.register("approvals.away")
def _away_again(request: HttpRequest, number: int) -> None:
    was = Absence.objects.get(pk=number)
    standing.set_absence(was.since, was.until, by=web_actor(request), person=was.person)


def _limit(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", "")) if text.strip() else None
    except InvalidOperation as error:
        raise Invalid(f"{text!r} is no amount.", mend="Write digits, such as 50000.") from error


@require_http_methods(["GET", "POST"])
def holders(request: HttpRequest) -> HttpResponse:
    """Who holds which approver role."""
    by = web_actor(request)
    failed: ClosedwonError | None = None
    if request.method == "POST":
        try:
            if request.POST.get("verb") == "end":
                standing.end_holder(int(request.POST.get("id") or 0), by=by)
            else:
                given = request.POST
                standing.grant_holder(
                    given.get("role", ""), given.get("person", ""), by=by, region=given.get("region", ""), limit=_limit(given.get("limit", "")),
                    reason=given.get("reason", ""),
                )  # fmt: skip
            return redirect("approvals:holders")
        except ClosedwonError as error:
            failed = error
    rows = standing.holders(by=by)
    known = names({row.person for row in rows})
    roles: dict[str, str] = {}
    for kind in {document.subject for document in policies().documents.values()}:
        for name, role in policies().on(kind, date.max).roles.items():
            if role.who == "holders" and not role.auto:
                roles.setdefault(name, role.label)
    held = {row.role for row in rows}
    context = {
        "rows": [{"row": row, "who": known[row.person], "label": roles.get(row.role, row.role)} for row in rows], "roles": sorted(roles.items()),
        "vacant": [label for name, label in sorted(roles.items()) if name not in held], "may_change": by.has(*standing.KEEPERS), "failed": failed,
        "people": _choices() if by.has(*standing.KEEPERS) else [], "given": request.POST,
    }  # fmt: skip
    return render(request, "approvals/holders.html", context, status=failed.status if failed else 200)


routes = [
    path("standing/", arrange, name="arrange"),
    path("holders/", holders, name="holders"),
    path("exceptions/", exceptions, name="exceptions"),
    path("exceptions/<int:number>/<str:verb>/", exception_act, name="exception-act"),
    path("files/<int:number>/", file, name="file"),
    path("<int:number>/attach/", attach, name="attach"),
    path("<int:number>/except/", except_, name="except"),
]
