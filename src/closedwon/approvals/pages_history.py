"""The pages of the past: what requests would have needed under another policy, and how approvals went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from closedwon.approvals import showing_history as showing
from closedwon.approvals.actions import reading_back
from closedwon.approvals.actions.analytics import look_back
from closedwon.approvals.actions.backtest import READERS, Backtest, summary
from closedwon.approvals.actions.drafts import documents, policies_of_text
from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.ui.tables import Col, DataTable, Query, Rows

PASTED = "approvals_backtest"
"""Where a session keeps a text that somebody tries."""


def _span(request: HttpRequest, usual: int) -> tuple[date, date, list[tuple[str, date, date]]]:
    """The span that the address asks for, else the usual one of those offered. Raises Invalid."""
    offered = reading_back.spans()
    given = request.GET.get("from", ""), request.GET.get("to", "")
    if not any(given):
        return offered[usual][1], offered[usual][2], offered
    try:
        return date.fromisoformat(given[0]), date.fromisoformat(given[1]), offered
    except ValueError as error:
        raise Invalid("A day cannot be read.", mend="Choose the first day and the day after the last.") from error


def _chosen(request: HttpRequest, by: Actor) -> tuple[reading_back.Choice, list[reading_back.Choice]]:
    offered = reading_back.choices(by=by, pasted=request.session.get(PASTED))
    key = request.GET.get("policy", "")
    return next((one for one in offered if one.key == key), offered[0]), offered


@require_http_methods(["GET", "POST"])
def backtest(request: HttpRequest) -> HttpResponse:
    """What the requests of a span would have needed under a policy; a text that is sent is tried in place of a document."""
    by = web_actor(request)
    by.need(*READERS, to="look back over requests")
    if request.method == "POST":
        return _pasted(request, by)
    choice, offered = _chosen(request, by)
    context: dict[str, Any] = {
        "choices": offered,
        "choice": choice,
        "documents": documents(by=by),
        "pasted": request.session.get(PASTED, {}),
    }
    try:
        start, end, spans = _span(request, 0)
        found = reading_back.looked(choice, start, end, by=by, kind=request.GET.get("kind", ""))
    except ClosedwonError as error:
        start, end, spans = *reading_back.spans()[0][1:], reading_back.spans()
        return render(
            request,
            "approvals/backtest.html",
            {**context, "failed": error, "start": start, "end": end, "spans": _links(request, spans, start, end)},
        )
    told = summary(found)
    table = _requests(request, found, {"from": start.isoformat(), "to": end.isoformat(), "policy": choice.key})
    roles = showing.roles_table(request, told)
    answer = table.answer() or roles.answer()
    if answer:
        return answer
    context |= {
        "start": start, "end": end, "spans": _links(request, spans, start, end), "tiles": showing.backtest_tiles(told), "sentence": showing.sentence(told),
        "table": table, "roles": roles, "chart": showing.roles_chart(told) if told["roles"] else None, "count": told["requests"], "kind": request.GET.get("kind", ""),
    }  # fmt: skip
    return render(request, "approvals/backtest.html", context)


def _pasted(request: HttpRequest, by: Actor) -> HttpResponse:
    """Keep a text for this session and try it."""
    file = request.FILES.get("file")
    text = request.POST.get("text", "")
    try:
        if file is not None:
            text = file.read(500_000).decode("utf-8-sig")
        policies_of_text(request.POST.get("document", ""), text, by=by)
    except UnicodeDecodeError:
        messages.error(request, "The file is no text in UTF-8.")
        return redirect("approvals:backtest")
    except ClosedwonError as error:
        for problem in error.problems[:5]:
            messages.error(request, str(problem))
        if not error.problems:
            messages.error(request, str(error))
        request.session[PASTED] = {"document": request.POST.get("document", ""), "text": text[:400_000], "wrong": True}
        return redirect(f"{reverse('approvals:backtest')}#try")
    request.session[PASTED] = {"document": request.POST.get("document", ""), "text": text}
    given = {"policy": "pasted", "from": request.POST.get("from", ""), "to": request.POST.get("to", "")}
    return redirect(f"{reverse('approvals:backtest')}?{urlencode(given)}")


def _links(request: HttpRequest, spans: list[tuple[str, date, date]], start: date, end: date) -> list[tuple[str, str, bool]]:
    """The spans offered, as addresses that keep the rest."""
    kept = {name: value for name, value in request.GET.items() if name in ("policy", "kind", "by")}
    return [
        (name, f"?{urlencode({**kept, 'from': since.isoformat(), 'to': until.isoformat()})}", (since, until) == (start, end))
        for name, since, until in spans
    ]


def _requests(request: HttpRequest, found: Backtest, kept: Mapping[str, str]) -> DataTable:
    """The requests behind the numbers, those that change first."""

    def rows(query: Query) -> Rows:
        made, count = reading_back.page_of(
            found, sort=query.sort, descending=query.descending, search=query.search, changes=query.filters.get("change", ()),
            offset=query.offset, limit=query.limit,
        )  # fmt: skip
        return Rows(
            [showing.request_row(row, found.titles) for row in made], count, choices={"change": list(reading_back.CHANGES.values())}
        )

    def drawer(row: Mapping[str, Any]) -> str:
        return f"{reverse('approvals:backtest-request')}?{urlencode({**kept, 'id': row['id']})}"

    columns = [
        Col("number", "Request", href=drawer, drawer=True, phone="title"), Col("submitted_on", "Submitted", "date"),
        Col("amount", "Amount", "money", currency="currency", places=0, phone="big"),
        Col("currency", "Currency", sort=False, phone="hide"), Col("change", "Change", "status", filter=True, sort=False),
        Col("then", "Asked then", sort=False), Col("now", "Would be asked", sort=False), Col("took", "Took, hours", "number", places=1, hint="Business hours from submission to decision"),
        Col("expected", "Expected, hours", "number", places=1, hint="Business hours: each role at its median of this span"), Col("ended", "Ended", sort=False, hidden=True),
    ]  # fmt: skip
    return DataTable(
        request, "approvals:backtest", columns, rows, title="Requests", name="approval-backtest",
        empty=("No request", "Nobody asked for anything in that span. Choose a longer one."),
    )  # fmt: skip


@require_GET
def backtest_request(request: HttpRequest) -> HttpResponse:
    """One past request: its values, its steps then, and why the policy would ask whom."""
    by = web_actor(request)
    choice, _ = _chosen(request, by)
    start, end, _ = _span(request, 0)
    found = reading_back.past_request(request.GET.get("id", ""), choice, start, end, by=by)
    return render(request, "approvals/backtest_request.html", showing.request_context(found, choice.title))


@require_GET
def analytics(request: HttpRequest) -> HttpResponse:
    """How approvals went: how many need nobody, how long steps take, rework, and where the hours go."""
    by = web_actor(request)
    by.need(*READERS, to="see how approvals went")
    dimension = request.GET.get("by", "role")
    start, end, spans = _span(request, 3)
    found = look_back(start, end, by=by, dimension=dimension)
    steps, regions = showing.steps_table(request, found), showing.regions_table(request, found)
    answer = steps.answer() or regions.answer()
    if answer:
        return answer
    kept = {"from": start.isoformat(), "to": end.isoformat()}
    context = {
        "found": found, "start": start, "end": end, "spans": _links(request, spans, start, end), "tiles": showing.analytics_tiles(found), "steps": steps,
        "regions": regions, "charts": showing.analytics_charts(found), "by": dimension,
        "dimensions": [(word.capitalize(), f"?{urlencode({**kept, 'by': word})}", word == dimension) for word in ("role", "region", "step", "month")],
    }  # fmt: skip
    return render(request, "approvals/analytics.html", context)


routes = [
    path("backtest/", backtest, name="backtest"),
    path("backtest/request/", backtest_request, name="backtest-request"),
    path("analytics/", analytics, name="analytics"),
]
