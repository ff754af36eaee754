"""The pages of the weekly summary and the scorecard: what they say, their files, the calls behind them, and what was sent."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from closedwon.base.errors import Invalid
from closedwon.forecast import showing
from closedwon.forecast.actions import scorecard as cards
from closedwon.forecast.actions import summary as summaries
from closedwon.forecast.actions import summary_files as files
from closedwon.forecast.actions import summary_sending as sending
from closedwon.forecast.summary.scorecard import Scorecard
from closedwon.forecast.summary.text import Figure, Sentence, Summary
from closedwon.forecast.summary.week import CALLED
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.alone import part_of
from closedwon.ui.context import View
from closedwon.ui.tables import Col, DataTable

TYPES = {"html": "text/html", "md": "text/markdown", "pdf": "application/pdf", "json": "application/json"}
STATES = {"sent": ("sent", "good"), "failed": ("given up", "bad"), "waiting": ("waits", "warn")}


def _asked(request: HttpRequest, view: View) -> dict[str, Any]:
    return {
        "as_of": view.as_of, "period": view.period, "type": request.GET.get("type") or None, "org": view.org, "rates": view.rates,
        "currency": view.currency, "node": view.scope or None,
    }  # fmt: skip


def _url(request: HttpRequest, view: View, to: str, **more: Any) -> str:
    kept = {"type": request.GET.get("type")} if request.GET.get("type") else {}
    return view.url(f"/forecast/{to}", **{**kept, **more})


@require_GET
def summary(request: HttpRequest) -> HttpResponse:
    """The summary: its frame at once, what it says as soon as it is made."""
    by, view = web_actor(request), View.of(request)
    context: dict[str, Any] = {
        "view": view, "title": "Weekly summary", "types": showing.types(request.get_full_path()), "body": _url(request, view, "summary/body"),
        "downloads": [(name, _url(request, view, "summary/file", form=form)) for name, form in (("PDF", "pdf"), ("Markdown", "md"), ("Mail", "html"))],
        "may_send": by.has(*sending.SENDERS), "send": _url(request, view, "summary/send"), "sees_sent": by.has(*sending.READERS),
        "lead": f"The week to {fmt.day(view.day, year=True)} on one page: what is called, what moved, what is at risk, and who does what.",
    }  # fmt: skip
    if by.has(*sending.READERS):
        policy = summaries.policy_in_force()
        table = _sent(request, view, by)
        if (answer := table.answer()) is not None:
            return answer
        context |= {
            "table": table, "failing": sending.failing(by=by), "when": f"{policy.weekly.day.capitalize()}s at {policy.weekly.at:%H:%M}" if policy.weekly.send else "",
            "people": [user.email for user in sending.receivers(policy.weekly_to)], "channels": [one.name for one in policy.slack],
        }  # fmt: skip
    return render(request, "forecast/summary.html", context)


@require_GET
@part_of("forecast:summary")
def body(request: HttpRequest) -> HttpResponse:
    """What the summary says, with a link behind every figure."""
    by, view = web_actor(request), View.of(request)
    found = summaries.summary(by=by, **_asked(request, view))
    return render(request, "forecast/part_summary.html", shown(found))


def shown(found: Summary) -> dict[str, Any]:
    """A summary for the page: each sentence as parts with their addresses, and the numbers of its sources."""

    def said(sentence: Sentence) -> dict[str, Any]:
        return {"parts": [_part(part) for part in sentence.parts], "marks": found.notes_of(sentence)}

    tiles = [
        {
            "label": tile.label, "value": _part(tile.figure) if tile.figure else None, "small": said(tile.small)["parts"] if tile.small else [],
            "tone": next((part.tone for part in (tile.small.figures if tile.small else []) if part.tone), ""),
        }
        for tile in found.tiles
    ]  # fmt: skip
    sections = [
        {"name": one.name, "title": one.title, "opening": [said(line) for line in one.opening], "items": [said(line) for line in one.items]}
        for one in found.sections
    ]
    sources = [{"page": one.page, "filter": one.filter, "path": one.path, "as_of": one.as_of} for one in found.sources]
    return {
        "found": found, "headline": said(found.headline), "tiles": tiles, "sections": sections, "sources": sources, "notes": found.notes,
        "who": found.scope, "type": found.type,
    }  # fmt: skip


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": part, "kind": "words", "path": "", "hint": ""}
    if isinstance(part, Figure):
        return {"text": part.text, "kind": "figure", "path": part.source.path, "hint": f"{part.source.label}, close of {part.source.as_of}"}
    return {"text": part.text, "kind": "name", "path": part.path, "hint": ""}


@require_GET
def file(request: HttpRequest) -> HttpResponse:
    """The summary as a file to keep: PDF, Markdown, HTML for mail, or its figures as JSON."""
    by, view = web_actor(request), View.of(request)
    form = request.GET.get("form") or "pdf"
    if form not in TYPES:
        raise Invalid(f"There is no form {form!r}.", mend=f"Use one of {', '.join(TYPES)}.")
    found = summaries.summary(by=by, **_asked(request, view))
    answer = HttpResponse(files.written(found, form), content_type=TYPES[form])
    name = f"forecast-{found.period}-{found.as_of.isoformat()}.{form}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_GET
def calls(request: HttpRequest) -> HttpResponse:
    """The calls behind the summary: what each seat in sight calls, beside a week before."""
    by, view = web_actor(request), View.of(request)
    rows = summaries.calls_of_week(by=by, **_asked(request, view))
    unit = view.currency
    columns = [Col("name", "Seat", sub="who"), *_call_columns(unit)]
    table = DataTable(
        request, "forecast:summary-calls", columns, rows, title="Calls as they stand", unit=unit, page=100, name="calls",
        note="each beside the call of a week before", empty=("No calls", "Nobody in sight has called this period yet."),
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    context = {
        "view": view, "title": "Calls of the week", "table": table, "types": showing.types(request.get_full_path()),
        "lead": "The last call of each seat, as the weekly summary counts it.", "back": _url(request, view, "summary"),
    }  # fmt: skip
    return render(request, "forecast/summary_calls.html", context)


def _call_columns(unit: str) -> list[Col]:
    labels = {"commit": "Commit", "most_likely": "Most likely", "best_case": "Best case"}
    made = [Col(name, labels[name], "money", currency=unit, places=0, phone="big" if name == "most_likely" else "line") for name in CALLED]
    changes = [
        Col(f"{name}_change", f"{labels[name]}, in the week", "change", currency=unit, places=0, hidden=name != "most_likely")
        for name in CALLED
    ]
    return [*made, *changes, Col("note", "Note", sort=False, phone="hide")]


def _sent(request: HttpRequest, view: View, by: Any) -> DataTable:
    rows = [
        {
            "id": row.pk, "what": row.run.get_kind_display(), "as_of": row.run.as_of, "to": row.to, "channel": row.get_channel_display(),
            "state": STATES[row.state], "at": row.sent_at or row.given_up_at or row.next_at, "tries": row.attempts, "error": row.last_error,
            "subject": row.run.subject,
        }
        for row in sending.sent(by=by, take=200)
    ]  # fmt: skip
    columns = [
        Col("what", "What", href=lambda row: view.url("/forecast/summary/message", id=row["id"]), drawer=True), Col("as_of", "Close of", "date"),
        Col("to", "To", phone="title"), Col("channel", "By"), Col("state", "State", "status", sort=False), Col("at", "At", "instant"),
        Col("tries", "Tries", "number"), Col("error", "Why not", sort=False),
    ]  # fmt: skip
    return DataTable(
        request, "forecast:summary-sent", columns, rows, title="What was sent", page=10, prefix="sent_", name="summaries-sent",
        empty=("Nothing was sent yet", "The first round goes out when it is due, or when you send it now."), search=False,
    )  # fmt: skip


@require_GET
def message(request: HttpRequest) -> HttpResponse:
    """One message: what it said, to whom, and how it ended; a failed one can be sent again."""
    by, view = web_actor(request), View.of(request)
    row = sending.find(request.GET.get("id") or "", by=by)
    context = {
        "title": row.run.subject, "row": row, "view": view, "state": STATES[row.state], "may_send": by.has(*sending.SENDERS),
        "again": _url(request, view, "summary/again"),
    }  # fmt: skip
    return render(request, "forecast/summary_message.html", context)


@require_POST
def send(request: HttpRequest) -> HttpResponse:
    """Make the round at once and send it; for sales ops."""
    by, view = web_actor(request), View.of(request)
    kind = request.POST.get("kind") or "weekly"
    words = {"as_of": view.as_of.isoformat() if view.as_of else "", "period": view.period.label, "type": request.GET.get("type") or ""}
    made = sending.send_now(kind, by=by, **words)
    messages.success(request, f"It is being made and sent; follow it under Admin, Jobs, as job {made.pk}.")
    return redirect(_url(request, view, "summary" if kind == "weekly" else "scorecard"))


@require_POST
def again(request: HttpRequest) -> HttpResponse:
    """Try a failed message again; for sales ops."""
    by, view = web_actor(request), View.of(request)
    row = sending.send_again(int(request.POST.get("id") or 0) if (request.POST.get("id") or "").isdigit() else 0, by=by)
    if row.sent_at:
        messages.success(request, f"Sent to {row.to}.")
    else:
        messages.error(request, f"It failed again: {row.last_error}")
    return redirect(_url(request, view, "summary"))


@require_GET
def scorecard(request: HttpRequest) -> HttpResponse:
    """Each manager's people: flags by money, late calls, coverage and pace."""
    by, view = web_actor(request), View.of(request)
    found = cards.scorecard(by=by, **_asked(request, view))
    table = _scores(request, view, found)
    if (answer := table.answer()) is not None:
        return answer
    policy = summaries.policy_in_force()
    context = {
        "view": view, "title": "Scorecard", "table": table, "types": showing.types(request.get_full_path()), "notes": found.notes,
        "may_send": by.has(*sending.SENDERS), "send": _url(request, view, "summary/send"),
        "lead": f"Hygiene and pace of each manager’s people in {found.period}, the most flagged money first."
        + (f" Mailed to managers on {policy.scorecard.day.capitalize()}s at {policy.scorecard.at:%H:%M}." if policy.scorecard.send else ""),
    }  # fmt: skip
    return render(request, "forecast/scorecard.html", context)


def _scores(request: HttpRequest, view: View, found: Scorecard) -> DataTable:
    unit = found.currency
    rows = [_score(row, found) for row in found.rows]
    columns = [
        Col("name", "Who", sub="seat_name", href=lambda row: view.url("/forecast/deals", scope=row["seat"]), phone="title"),
        Col("manager", "Manager", filter=True), Col("flagged", "Flagged", "money", currency=unit, places=0, phone="big"),
        Col("flagged_deals", "Deals", "number", hint="Deals with a heavy flag"),
    ]  # fmt: skip
    for name, label in found.flags:
        columns.append(Col(name, label, "money", currency=unit, places=0))
        columns.append(Col(f"{name}_deals", f"{label}, deals", "number", hidden=True))
    columns += [
        Col("late", "Calls late", "number", hint="Of the calls due in the period so far"), Col("due", "Calls due", "number", hidden=True),
        Col("quota", "Quota", "money", currency=unit, places=0, hidden=True), Col("closed", "Closed", "money", currency=unit, places=0, hidden=True),
        Col("open", "Open", "money", currency=unit, places=0, hidden=True),
        Col("coverage", "Cover", "ratio", hint="Open deals over what is left of the quota"),
        Col("pace", "Pace", "percent", places=0, hint="Closed against what is closed by this day on the way to the quota"),
    ]  # fmt: skip
    return DataTable(
        request, "forecast:scorecard", columns, rows, title="Scorecard", unit=unit, page=50, name="scorecard",
        empty=("Nobody to score", "No seat below you has a quota or deals in this period."),
    )  # fmt: skip


def _score(row: Any, found: Scorecard) -> dict[str, Any]:
    made = {
        "seat": row.seat, "name": row.who or row.name, "seat_name": row.name if row.who else "", "manager": row.manager_name, "flagged": row.flagged.amount,
        "flagged_deals": row.flagged.deals, "late": row.calls_late, "due": row.calls_due if row.calls_late is not None else None, "quota": row.quota,
        "closed": row.closed, "open": row.open, "coverage": row.coverage, "pace": row.pace,
    }  # fmt: skip
    for name, _ in found.flags:
        marks = row.flags.get(name)
        made |= {name: marks.amount if marks else None, f"{name}_deals": marks.deals if marks else None}
    return made


paths = [
    path("summary", summary, name="summary"),
    path("summary/body", body, name="summary-body"),
    path("summary/file", file, name="summary-file"),
    path("summary/calls", calls, name="summary-calls"),
    path("summary/message", message, name="summary-message"),
    path("summary/send", send, name="summary-send"),
    path("summary/again", again, name="summary-again"),
    path("scorecard", scorecard, name="scorecard"),
]
