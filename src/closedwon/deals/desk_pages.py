"""The pages of the deal desk: the queue, one case, how it goes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError
from closedwon.deals.actions import desk
from closedwon.deals.actions.requests import desk_policy
from closedwon.deals.actions.requests import visible as visible_requests
from closedwon.deals.models import DeskCase
from closedwon.people.acting import web_actor
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable, Query, Rows

TONES = {"open": "info", "waiting": "warn", "solved": "good"}
WORDS = {"open": "open", "waiting": "waits for the asker", "solved": "solved"}


def _columns() -> list[Col]:
    return [
        Col("title", "Case", href=lambda row: reverse("desk:case", args=[row["pk"]]), phone="title"),
        Col("kind", "Kind", filter=True),
        Col("state", "State", "status", filter=True),
        Col("due", "Due", "instant", hint="The first answer, then the solution"),
        Col("clock", "Clock", "status", sort=False),
        Col("by", "Asked by", sort=False),
        Col("assignee", "Works on it", filter=True),
        Col("opened_at", "Opened", "instant", hidden=True),
    ]


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """The queue, the most urgent first."""
    by = web_actor(request)
    titles = {one.name: one.title for one in desk_policy().cases}

    def rows(query: Query) -> Rows:
        found = list(desk.cases(by=by).select_related("request"))
        states = query.filters.get("state") or (() if query.search else ("open", "waits for the asker"))
        known = desk.who(found)
        made = [_row(one, titles, known) for one in found]
        chosen = [
            row for row in made
            if (not states or row["state"][0] in states) and (not query.filters.get("kind") or row["kind"] in query.filters["kind"])
            and (not query.filters.get("assignee") or row["assignee"] in query.filters["assignee"]) and query.search.lower() in row["title"].lower()
        ]  # fmt: skip
        key = query.sort if query.sort in ("title", "kind", "due", "opened_at", "assignee") else "due"
        chosen.sort(key=lambda row: (row[key] is None, row[key]), reverse=query.descending)
        choices = {
            "state": list(WORDS.values()),
            "kind": list(titles.values()),
            "assignee": sorted({row["assignee"] for row in made if row["assignee"]}),
        }
        return Rows(chosen[query.offset : query.offset + query.limit], len(chosen), choices=choices)

    table = DataTable(
        request, "desk:queue", _columns(), rows, title="Cases", sort="due", name="desk-cases",
        empty=("Nothing waits", "Questions to the deal desk appear here, the most urgent first. Choose a state to see those that are solved."),
    )  # fmt: skip
    mine = list(visible_requests(by).order_by("-updated_at")[:50])
    context = {
        "table": table,
        "kinds": desk_policy().cases,
        "requests": mine,
        "is_desk": by.has(*desk.DESK),
        "may_ask": by.has(*desk.ASKERS) and not by.has("auditor"),
    }
    return table.answer() or render(request, "deals/queue.html", context)


def _row(one: DeskCase, titles: dict[str, str], known: dict[str, str]) -> dict[str, Any]:
    at = timezone.now()
    due = one.respond_by if one.responded_at is None else one.solve_by
    clock = (
        ("kept", "good")
        if one.state == "solved" and one.solved_at and one.solved_at <= one.solve_by
        else ("late", "bad")
        if due < at and one.state != "solved"
        else ("missed", "bad")
        if one.state == "solved"
        else ("first answer due" if one.responded_at is None else "solution due", "")
    )
    return {
        "pk": one.pk, "title": one.title, "kind": titles.get(one.kind, one.kind), "state": (WORDS[one.state], TONES[one.state]), "due": due if one.state != "solved" else None,
        "clock": clock, "by": known.get(one.opened_by_person, one.opened_by), "assignee": one.assignee or None, "opened_at": one.opened_at,
    }  # fmt: skip


@require_POST
def ask(request: HttpRequest) -> HttpResponse:
    """Ask the desk."""
    by, given = web_actor(request), request.POST
    number = given.get("request", "")
    made = desk.open_case(
        given.get("kind", ""),
        given.get("title", ""),
        given.get("text", ""),
        by=by,
        opportunity_id=given.get("deal", ""),
        request_id=int(number) if number.isdigit() else None,
    )
    messages.success(request, "Asked. The desk has it in its queue.")
    return redirect("desk:case", number=made.pk)


@require_GET
def case(request: HttpRequest, number: int) -> HttpResponse:
    """One case with its messages and clocks."""
    by = web_actor(request)
    found = desk.case(number, by=by)
    policy = desk_policy()
    templates = [one for one in policy.templates if one.kind in ("", found.kind)]
    chosen = request.GET.get("template", "")
    context = {
        "found": found, "messages_": desk.messages_of(found, by=by), "is_desk": by.has(*desk.DESK), "word": WORDS[found.state], "tone": TONES[found.state],
        "templates": templates, "text": desk.template_text(chosen, found, by=by) if chosen and by.has(*desk.DESK) else "", "kind": policy.case(found.kind),
        "may_rate": found.opened_by == by.name and found.state == "solved" and found.content_with is None, "now": timezone.now(),
        "may_write": by.has(*desk.DESK) or found.opened_by == by.name, "may_judge": by.has(*desk.DESK) and found.state == "solved" and found.assignee != by.name,
    }  # fmt: skip
    return render(request, "deals/case.html", context)


@require_POST
def act(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Answer, take, rate, look over."""
    by, given = web_actor(request), request.POST
    try:
        if verb == "say":
            desk.say(number, given.get("text", ""), by=by, internal=given.get("how") == "internal", solved=given.get("how") == "solved")
        elif verb == "take":
            desk.take(number, by=by)
        elif verb == "rate":
            desk.rate(number, given.get("content") == "yes", by=by, feedback=given.get("feedback", ""))
            messages.success(request, "Thank you.")
        elif verb == "judge":
            desk.judge(number, given.get("correct") == "yes", by=by)
    except ClosedwonError as error:
        if error.status == 404:
            raise
        messages.error(request, str(error))
    return redirect("desk:case", number=number)


@require_GET
def measures(request: HttpRequest) -> HttpResponse:
    """How the desk and the sign-off go."""
    by = web_actor(request)
    found = desk.measures(by=by)
    tiles = [
        Tile("Requests in 90 days", str(found["requests"]), f"{_percent(found['alone'])} needed nobody"),
        Tile("Sign-off takes", _hours(found["cycle_hours"]), f"goal {found['goals'].approval_hours} h"),
        Tile("First answer", _hours(found["first_hours"]), f"in time {_percent(found['first_kept'])}"),
        Tile("Solved", _hours(found["solve_hours"]), f"in time {_percent(found['solved_kept'])}"),
        Tile("Content", _percent(found["content"]), f"goal {found['goals'].satisfaction // 10_000} %"),
        Tile("Open cases", str(found["open"]), f"{found['late']} late"),
    ]
    steps = DataTable(
        request, "desk:steps",
        [Col("title", "Step", phone="title"), Col("count", "Asked", "number"), Col("hours", "Business hours, median", "number"), Col("late", "Late", "number"), Col("waiting", "Waiting now", "number", phone="big")],
        found["steps"], title="Where requests wait", search=False, name="desk-steps", empty=("No step yet", "Submit a request first."),
    )  # fmt: skip
    discounts = DataTable(
        request, "desk:discounts", [Col("label", "Discount", phone="title", sort=False), Col("count", "Asked for", "number"), Col("approved", "Approved", "number")],
        found["discounts"], title="Discounts asked for", search=False, prefix="d-", name="desk-discounts", empty=("No discount yet", "Requests with a discount appear here."),
    )  # fmt: skip
    load = DataTable(
        request, "desk:load", [Col("who", "Who", phone="title", sort=False), Col("open", "Open", "number"), Col("solved", "Solved", "number")],
        found["workload"], title="Who works on what", search=False, prefix="w-", name="desk-load", empty=("No case yet", "Questions to the desk appear here."),
    )  # fmt: skip
    answer = steps.answer() or discounts.answer() or load.answer()
    return answer or render(
        request, "deals/measures.html", {"found": found, "tiles": tiles, "steps": steps, "discounts": discounts, "load": load}
    )


def _percent(share: tuple[int, int]) -> str:
    part, whole = share
    return f"{round(100 * part / whole)} %" if whole else "–"


def _hours(value: float | None) -> str:
    return f"{value:g} h" if value is not None else "–"


@require_http_methods(["POST"])
def check(request: HttpRequest, number: int) -> HttpResponse:
    """Tick an item of the booking checklist, or book."""
    by, given = web_actor(request), request.POST
    try:
        if given.get("verb") == "book":
            desk.book(number, by=by)
            messages.success(request, "Booked.")
        else:
            desk.mark(number, given.get("item", ""), given.get("state", ""), by=by, note=given.get("note", ""))
    except ClosedwonError as error:
        if error.status == 404:
            raise
        messages.error(request, str(error))
    return redirect("deals:request", number=number)


routes = [
    path("", queue, name="queue"),
    path("ask/", ask, name="ask"),
    path("measures/", measures, name="measures"),
    path("check/<int:number>/", check, name="check"),
    path("<int:number>/", case, name="case"),
    path("<int:number>/<str:verb>/", act, name="act"),
]
urlpatterns = [path("deals/desk/", include((routes, "desk")))]
