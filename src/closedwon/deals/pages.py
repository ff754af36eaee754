"""The pages of requests on deals: the list, writing one with its preview, one with its sign-off and its booking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import include, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.approvals.actions.common import today
from closedwon.approvals.actions.looking import values_of
from closedwon.approvals.actions.people import called, names
from closedwon.approvals.pages import STATE_WORDS, TONES
from closedwon.approvals.rules.reading import request_of
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Preview
from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.deals.actions import desk, gate
from closedwon.deals.actions import requests as actions
from closedwon.deals.desk_pages import urlpatterns as desk_urls
from closedwon.deals.models import DealRequest
from closedwon.deals.sheets import promise_row, promised
from closedwon.people.acting import web_actor
from closedwon.ui.tables import Col, DataTable, Query, Rows
from closedwon.workspace import current

HIDDEN = ("opportunity_id", "account_id", "order_type", "segment", "region")
"""What the form does not ask for: the facts know it."""
BLANK_LINES = 2


def _state(found: DealRequest) -> tuple[str, str]:
    if found.order is not None:
        words = {
            "approved": "booking checked",
            "pending": "in booking check",
            "rejected": "booking refused",
            "conditional": "booking waits",
            "recalled": "booking taken back",
        }
        return words[found.order.state], TONES[found.order.state]
    if found.approval is not None:
        return STATE_WORDS[found.approval.state], TONES[found.approval.state]
    return "draft", "warn"


def _columns() -> list[Col]:
    return [
        Col("title", "Request", href=lambda row: reverse("deals:request", args=[row["pk"]]), phone="title"),
        Col("number", "Number", sort=False),
        Col("state", "State", "status", sort=False, filter=True),
        Col("discount", "Discount", sort=False, phone="big"),
        Col("waits", "Waits for", sort=False, phone="wide"),
        Col("by", "Asked by", sort=False),
        Col("updated_at", "Changed", "instant"),
        Col("deal", "Deal", href=lambda row: f"/pipeline/deals/{row['deal']}", sort=False, hidden=True),
    ]


@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Every request that the person may see."""
    by = web_actor(request)

    def rows(query: Query) -> Rows:
        found = actions.visible(by).select_related("approval", "order")
        if query.search:
            found = found.filter(title__icontains=query.search)
        states = query.filters.get("state") or ()
        listed = list(found.order_by("updated_at" if query.sort == "updated_at" and not query.descending else "-updated_at"))
        listed = [one for one in listed if not states or _state(one)[0] in states]
        known = names({one.person_id for one in listed if one.person_id})
        page = listed[query.offset : query.offset + query.limit]
        return Rows([_row(one, known) for one in page], len(listed), choices={"state": sorted({_state(one)[0] for one in listed})})

    table = DataTable(
        request, "deals:requests", _columns(), rows, title="Requests", sort="-updated_at", name="deal-requests",
        empty=("No request yet", "Open a deal and press Ask for sign-off: the preview says whom it needs, often nobody."),
    )  # fmt: skip
    return table.answer() or render(request, "deals/requests.html", {"table": table})


def _row(one: DealRequest, known: Mapping[str, str]) -> dict[str, Any]:
    waiting = one.order if one.order is not None else one.approval
    steps = waiting.steps.filter(state="open", version__number=waiting.number) if waiting is not None else ()
    return {
        "pk": one.pk, "title": one.title, "number": one.number, "state": _state(one), "discount": one.content.get("fields", {}).get("discount"),
        "waits": ", ".join(step.title for step in steps) or None, "by": known.get(one.person_id, one.created_by), "updated_at": one.updated_at,
        "deal": one.opportunity_id,
    }  # fmt: skip


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin a request on a deal."""
    made = actions.begin(request.POST.get("deal", ""), by=web_actor(request))
    return redirect("deals:edit", number=made.pk)


def _inputs(united: United, content: Mapping[str, Any], needed: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """The form: numbers and choices, long texts, lines; what must still be written is marked."""
    fields = content.get("fields", {})
    short: list[dict[str, Any]] = []
    long: list[dict[str, Any]] = []
    grids: list[dict[str, Any]] = []
    for name, text in united.fields.items():
        kind = united.types.get(name)
        if kind is None or name in HIDDEN or "." in name:
            continue
        value = fields.get(name)
        if kind.kind == "rows":
            grids.append(_grid(united, name, value if isinstance(value, list) else []))
            continue
        choices = list(text.values) or (list(text.worse) if isinstance(text.worse, list) else [])
        one = {
            "name": name, "label": united.labels[name], "value": "" if value is None else value, "kind": kind.kind, "choices": choices,
            "needed": name in needed, "hint": "such as 12.5%" if kind.kind == "percent" else content.get("currency", "") if kind.kind == "money" else "",
            "checked": value in (True, "true", "yes"),
        }  # fmt: skip
        (long if kind.kind == "text" and name != "bill_to" else short).append(one)
    return {"short": short, "long": sorted(long, key=lambda one: not one["needed"]), "grids": grids}


def _grid(united: United, name: str, rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    parts = list(united.types[name].fields)
    labels = [united.labels.get(f"{name}.{part}", part).rpartition(": ")[2].replace("_", " ").capitalize() for part in parts]
    made = [
        [{"name": f"{name}.{at}.{part}", "value": row.get(part, ""), "label": label} for part, label in zip(parts, labels, strict=True)]
        for at, row in enumerate([*rows, *({} for _ in range(BLANK_LINES))])
    ]
    return {"name": name, "label": united.labels[name], "labels": labels, "rows": made, "open": bool(rows)}


def _content(found: DealRequest, united: United, post: QueryDict) -> dict[str, Any]:
    """The draft that a form holds; what the form does not show stays."""
    fields = dict(found.content.get("fields", {}))
    for name in united.fields:
        kind = united.types.get(name)
        if kind is None or name in HIDDEN or "." in name:
            continue
        if kind.kind == "rows":
            fields[name] = _posted_rows(name, list(kind.fields), post)
        elif kind.kind == "yes/no":
            fields[name] = post.get(name) == "on"
        elif name in post:
            value = post.get(name, "").strip()
            fields[name] = (
                f"{value}%"
                if kind.kind == "percent" and value and not value.endswith("%")
                else value.replace(",", "")
                if kind.numeric
                else value
            )
    made = {name: value for name, value in fields.items() if value not in ("", None, [])}
    return {**found.content, "title": post.get("title", found.title).strip() or found.title, "fields": made}


def _posted_rows(name: str, parts: list[str], post: QueryDict) -> list[dict[str, str]]:
    rows = []
    for at in range(1000):
        if f"{name}.{at}.{parts[0]}" not in post:
            break
        row = {part: post.get(f"{name}.{at}.{part}", "").strip() for part in parts}
        if any(row.values()):
            if "id" in row and not row["id"]:
                row["id"] = f"n{at + 1}"
            rows.append({part: value for part, value in row.items() if value})
    return rows


def promises(content: Mapping[str, Any]) -> list[Any]:
    """The exceptions that hold for the customer of a request."""
    fields, day = content.get("fields", {}), today(timezone.now())
    return [promise_row(one, day) for one in promised(str(fields.get("account_id") or ""), str(fields.get("opportunity_id") or ""))]


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """Write a request; the preview follows."""
    by = web_actor(request)
    found, united = actions.find(number, by=by), actions.united_now()
    content, failed = found.content, None
    if request.method == "POST":
        content = _content(found, united, request.POST)
        try:
            found = actions.save(number, content, by=by, seen=request.POST.get("seen", ""))
            if request.POST.get("verb") == "submit":
                found = actions.submit(number, by=by, note=request.POST.get("note", ""))
                state = found.approval.state if found.approval else ""
                messages.success(
                    request, "Approved: it needs nobody." if state == "approved" else "Submitted. Those who are asked know it."
                )
                return redirect("deals:request", number=number)
            messages.success(request, "The draft is kept.")
            return redirect("deals:edit", number=number)
        except ClosedwonError as error:
            failed = error
    told = actions.preview(found, content, by=by)
    context = {
        "promises": promises(content), "known": [content.get("fields", {}).get(name) for name in ("order_type", "segment", "region") if content.get("fields", {}).get(name)],
        "found": found, "content": content, "inputs": _inputs(united, content, told.missing), "told": told, "failed": failed, "deal": found.opportunity_id,
        "seen": found.digest, "labels": united.labels, **_told(united, told),
    }  # fmt: skip
    return render(request, "deals/edit.html", context, status=failed.status if failed else 200)


def _told(united: United, told: Preview) -> dict[str, Any]:
    """What must still be written, and what cannot be read, by the labels of the form."""
    problems = [
        ("" if united.labels.get(one.field or "", "") in one.message else united.labels.get(one.field or "", ""), one)
        for one in told.problems
    ]
    return {"missing": [united.labels.get(name, name) for name in told.missing], "problems": problems}


@require_POST
def live(request: HttpRequest, number: int) -> HttpResponse:
    """The preview of what stands in the form now; nothing is kept."""
    by = web_actor(request)
    found, united = actions.find(number, by=by), actions.united_now()
    told = actions.preview(found, _content(found, united, request.POST), by=by)
    return render(request, "deals/_preview.html", {"told": told, **_told(united, told)})


@require_GET
def one(request: HttpRequest, number: int) -> HttpResponse:
    """One request: where its sign-off stands, its versions, and its booking."""
    by = web_actor(request)
    found = actions.find(number, by=by)
    versions = list(found.approval.versions.order_by("-number")) if found.approval else []
    known = called({version.created_by for version in versions})
    for version in versions:
        version.who = known[version.created_by]
    content = versions[0].content if versions else found.content
    values = values_of(actions.united_now(), request_of(content))
    context = {
        "found": found, "shorts": [row for row in values if not row["long"]], "longs": [row for row in values if row["long"]], "state": _state(found), "versions": versions, "where": gate.where_it_books(found),
        "content": content, "now": timezone.now().astimezone(current().zone),
        "promises": promises(content),
        "checks": desk.checklist(number, by=by) if found.signed_at else [], "may_check": by.has(*desk.CHECKERS),
        "may_sign": gate.may_sign(found), "apart": gate.is_apart(found),
    }  # fmt: skip
    return render(request, "deals/request.html", context)


@require_POST
def act(request: HttpRequest, number: int, verb: str) -> HttpResponse:
    """Drop a draft, or note the signature."""
    by = web_actor(request)
    if verb == "drop":
        actions.drop(number, by=by)
        messages.success(request, "The draft is thrown away.")
        return redirect("deals:requests")
    if verb == "sign":
        try:
            text = request.POST.get("signed_at", "")
            signed = datetime.fromisoformat(text).replace(tzinfo=current().zone) if text else timezone.now()
            gate.sign(number, request.POST.get("paper", ""), signed, by=by)
            messages.success(request, "Noted. The booking check has begun.")
        except ValueError:
            messages.error(request, "The instant of the signature cannot be read.")
        except Invalid as error:
            messages.error(request, str(error))
    return redirect("deals:request", number=number)


routes = [
    path("", requests, name="requests"),
    path("begin/", begin, name="begin"),
    path("<int:number>/", one, name="request"),
    path("<int:number>/edit/", edit, name="edit"),
    path("<int:number>/preview/", live, name="live"),
    path("<int:number>/<str:verb>/", act, name="act"),
]
urlpatterns = [path("deals/requests/", include((routes, "deals"))), *desk_urls]
