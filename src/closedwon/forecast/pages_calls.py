"""The pages of calls: who has called, a seat's calls and their history, editing in place, overrides, the agenda of a one-to-one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.forecast import showing
from closedwon.forecast.actions import agenda as talks
from closedwon.forecast.actions import calls as actions
from closedwon.forecast.actions import overrides as placing
from closedwon.forecast.actions import weekly
from closedwon.forecast.actions.calls import SeatCalls, Told
from closedwon.forecast.actions.rights import KEEPERS, why_locked
from closedwon.forecast.calls import CALLS, LABELS, Amounts
from closedwon.forecast.rules import BUCKETS, SIGNS
from closedwon.forecast.showing_calls import STATES
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.alone import is_alone
from closedwon.ui.context import View
from closedwon.ui.parts import Event
from closedwon.ui.tables import Col, DataTable

SHORT = {"commit": "Commit call", "most_likely": "Likely call", "best_case": "Best call"}
"""Heads of the board's columns of calls."""


def asked(request: HttpRequest, view: View) -> dict[str, Any]:
    """What the address asks of calls."""
    return {
        "as_of": view.as_of, "period": view.period, "type": request.GET.get("type") or None, "org": view.org, "rates": view.rates,
        "currency": view.currency,
    }  # fmt: skip


def url(request: HttpRequest, view: View, to: str, **more: Any) -> str:
    """An address of the forecast that keeps the view and the type."""
    kept = {key: request.GET.get(key) for key in ("type", "mode") if request.GET.get(key)}
    return view.url(f"/forecast/{to}", **{**kept, **more})


def seat_url(request: HttpRequest, view: View, seat: str, to: str = "", **more: Any) -> str:
    """An address of a seat's calls."""
    return url(request, view, f"calls/{quote(seat, safe='')}/{to}", **more)


def back(request: HttpRequest, fallback: str) -> str:
    """Where a form leads back to: its `next`, if that is an address of this site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else fallback


def done(request: HttpRequest, text: str, to: str) -> HttpResponse:
    """After a change: the words, and the page again; htmx follows with the whole page."""
    messages.success(request, text)
    if request.headers.get("HX-Request") == "true":
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = to
        return answer
    return redirect(to)


def moment(state: str, at: Any) -> tuple[str, str]:
    """A call's state in words and its tone: when it came where it is in."""
    label, tone = STATES[state]
    if state in ("in", "late") and at is not None:
        local = weekly.in_company_time(at)
        return (f"{local:%a %H:%M}" + (" late" if state == "late" else ""), tone)
    return (label, tone) if label else (f"{fmt.day(weekly.in_company_time(at).date())}" if at is not None else "", "")


@require_GET
def calls(request: HttpRequest) -> HttpResponse:
    """Every seat in sight: who has called, what, how far from what stands below, and what moved since."""
    by, view = web_actor(request), View.of(request)
    board = actions.call_board(by=by, **asked(request, view))
    book, unit = board.book, board.book.ask.currency
    rows = _rows(board, request.GET.get("only", ""))

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, **{"phone": "hide", **more})

    columns = [
        Col("name", "Seat", href=lambda row: seat_url(request, view, row["seat"]), drawer=True, sub="holder"),
        Col("state", "Call", "status", filter=False),
        money("call_commit", "Commit"),
        money("call_most_likely", "Most likely", phone="big"),
        money("call_best_case", "Best case"),
        Col(
            "delta",
            "From below",
            "change",
            currency=unit,
            places=0,
            hint="The most likely call less what the seats below and the own deals come to",
        ),
        money(
            "below",
            "Calls below",
            hint="Most likely: the calls of the seats right below, their roll-up where they have none, and own deals",
        ),
        money("deals", "Deal roll-up", hint="Most likely: closed, commit and most likely, with overrides"),
        Col("since", "Since then", "flags"),
    ]
    table = DataTable(
        request, "forecast:calls", columns, rows, title="Calls", unit=unit, note="a seat opens its history", name=f"calls-{book.period}",
        empty=("Nobody has called yet", "Managers are asked for their call every week; the first one appears here."),
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    counts = {name: sum(1 for row in rows if row["mark"] == name) for name in ("in", "late", "missing", "due")}
    closed = why_locked(book) if book.ask.period.kind != "all" else ""
    context = {
        "view": view, "table": table, "types": showing.types(request.get_full_path()), "title": "Calls", "counts": counts, "closed": closed,
        "lead": _lead(book, counts), "may_lock": by.has(*KEEPERS) and book.ask.period.kind != "all", "period": book.period,
        "focus": _focus(book), "here": request.get_full_path(),
    }  # fmt: skip
    return render(request, "forecast/calls.html", context)


def _rows(board: actions.CallBoard, only: str) -> list[dict[str, Any]]:
    book = board.book
    names, notes = actions.seat_names(book.on, book.ask), actions.seat_notes(book.on, book.ask)
    made = []
    for seat in book.tree.order:
        found = board.standing(seat)
        if found is None or not (found.call or found.expected) or (only and found.state != only):
            continue
        call, below = found.amounts, found.basis.below
        changed = [f"{len(found.since.seats)} below called again"] if found.since and found.since.is_changed else []
        made.append({
            "seat": seat, "name": names.get(seat, seat), "holder": notes.get(seat, ""), "mark": found.state,
            "state": moment(found.state, found.call.at if found.call else None), "below": below["most_likely"],
            "deals": found.basis.deals["most_likely"], "since": changed, "delta": None if call is None else call["most_likely"] - below["most_likely"],
            **{f"call_{name}": None if call is None else call[name] for name in CALLS},
        })  # fmt: skip
    return made


def board_columns(request: HttpRequest, view: View, unit: str) -> list[Col]:
    """The columns of a seat's call on the board: its numbers open the form in place of the row, the state its history."""
    query = url(request, view, "calls/").partition("?")[2]
    after = "?" + (query + "&" if query else "") + urlencode({"next": url(request, view, "", scope=view.scope)})

    def address(row: Mapping[str, Any], to: str = "") -> str | None:
        return f"/forecast/calls/{quote(row['id'], safe='')}/{to}{after}" if row["callable"] else None

    def form(row: Mapping[str, Any]) -> str | None:
        return address(row, "edit") if view.as_of is None else None

    made = [
        Col(
            f"call_{name}", SHORT[name], "money", currency=unit, places=0, href=form, swap=True, hint="The seat's own call; e edits it",
            phone="line" if name == "most_likely" else "hide",
        )
        for name in CALLS
    ]  # fmt: skip
    hint = "When the week's call came, or that it is late or missing; opens its history"
    submitted = Col(
        "submitted", "Submitted", href=address, drawer=True, tone=lambda row: row["submitted_tone"], sub="below_since", hint=hint
    )
    return [*made, submitted]


def board_cells(board: actions.CallBoard | None, seat: str) -> dict[str, Any]:
    """What a row of the board says of a seat's call."""
    found = board.standing(seat) if board is not None and seat in board.book.tree.parents else None
    if found is None:
        return {"callable": False, "submitted": None, "submitted_tone": "", "below_since": "", **{f"call_{name}": None for name in CALLS}}
    text, tone = moment(found.state, found.call.at if found.call else None)
    return {
        "callable": True, "submitted": text or None, "submitted_tone": {"info": "", "good": "good"}.get(tone, tone),
        "below_since": "basis changed" if found.since and found.since.is_changed else "",
        **{f"call_{name}": None if found.amounts is None else found.amounts[name] for name in CALLS},
    }  # fmt: skip


def board_card(request: HttpRequest, view: View, by: Any, board: actions.CallBoard | None) -> dict[str, Any] | None:
    """The call of the board's own seat as a card; None where the reader has no seat to call for."""
    seat_id = actions.own_seat(by, board, view.scope) if board is not None else ""
    if not seat_id or board is None:
        return None
    return seat_context(request, view, actions.seat_calls_of(by, board.book, seat_id), url(request, view, "", scope=view.scope))


def override_cells(request: HttpRequest, view: View, by: Any) -> Any:
    """A function that adds to a deal's row what is overridden, and where it is overridden; rows stay as they are for all periods."""
    if view.period.kind == "all":
        return lambda rows: rows
    words = asked(request, view)
    board = actions.call_board(by=by, **words)
    mine = actions.own_seat(by, board, view.scope)
    found = [one for one in board.book.overrides if one.deal and one.seat in board.judged]
    page = url(request, view, request.GET.get("at", ""), scope=view.scope)

    def add(rows: Any) -> list[dict[str, Any]]:
        made = []
        for row in placing.shown_of(rows, found, showing.category):
            texts: dict[str, str] = {}
            for one in row["over"]:
                texts[f"over_{one['field']}"] = f"forecast: {one['text']}"
            to = seat_url(request, view, mine, "override", deal=row["opportunity_id"], next=page) if mine and view.as_of is None else None
            made.append({**row, **texts, "override_href": to})
        return made

    return add


def _lead(book: Any, counts: Mapping[str, int]) -> str:
    due = weekly.in_company_time(book.due)
    parts = [
        f"{counts[name]} {word}"
        for name, word in (("in", "in"), ("late", "late"), ("missing", "missing"), ("due", "still due"))
        if counts[name]
    ]
    head = f"The week's calls are due {due:%A, %d %B at %H:%M}"
    return f"{head}: {', '.join(parts)}." if parts else f"{head}."


def _focus(book: Any) -> str:
    """What the month of the quarter is for."""
    from closedwon.base.calendar import whole_months

    day = weekly.in_company_time(book.at).date()
    period = book.ask.period
    if period.kind != "quarter" or day not in period:
        return ""
    found = book.rhythm.focus_of(whole_months(period.start, day) + 1)
    week = (period.day_of(day) - 1) // 7 + 1
    review = f" Business review week: {book.rhythm.review.about}" if week in book.rhythm.review.weeks else ""
    return (found.about if found else "") + review


@require_GET
def seat(request: HttpRequest, name: str) -> HttpResponse:
    """A seat's calls of a period: the three numbers side by side, the history, the overrides."""
    by, view = web_actor(request), View.of(request)
    found = actions.seat_calls(by=by, seat=name, **asked(request, view))
    return render(request, "forecast/calls_seat.html", seat_context(request, view, found))


def seat_context(request: HttpRequest, view: View, found: SeatCalls, to: str = "") -> dict[str, Any]:
    """What the page and the card of a seat's calls show; its form leads back to `to`, else to this page."""
    unit = found.ask.currency
    may = found.right.may and view.as_of is None
    why = (
        found.right.why
        if not found.right.may
        else ""
        if view.as_of is None
        else "The past is not called again; leave the day in the top bar."
    )
    return {
        "view": view, "found": found, "title": f"Calls of {found.name}", "unit": unit, "rows": numbers(found), "may": may, "why": why,
        "lead": f"{found.ask.type.label} of {found.ask.period.label}, {found.holder or 'vacant'}.", "events": [_event(one, unit) for one in found.told],
        "state": moment(found.standing.state, found.standing.call.at if found.standing.call else None), "nets": _nets(found),
        "edit": seat_url(request, view, found.seat, "edit", **{"as": "card", "next": to or request.get_full_path()}), "page": seat_url(request, view, found.seat), "agenda": url(request, view, "agenda", scope=found.seat),
        "parts": _parts(request, view, found), "overrides": [_over(one) for one in found.overrides], "since": since_words(found), "here": request.get_full_path(),
    }  # fmt: skip


def numbers(found: SeatCalls) -> list[dict[str, Any]]:
    """Category by category: deal roll-up, the same with overrides, calls below, own call, delta."""
    basis, call = found.standing.basis, found.standing.amounts
    below = basis.below
    return [
        {
            "name": name, "label": LABELS[name], "rollup": basis.rollup[name], "adjusted": None if basis.adjusted is None else basis.adjusted[name],
            "below": below[name], "call": None if call is None else call[name], "delta": None if call is None else call[name] - below[name],
        }
        for name in CALLS
    ]  # fmt: skip


def _nets(found: SeatCalls) -> dict[str, Any] | None:
    if found.net is None or found.loss is None:
        return None
    gross, lost, whole = found.standing.amounts, found.loss.standing.amounts, found.net_amounts
    return {
        "label": found.net.label, "gross_label": found.ask.type.label, "loss_label": found.loss.ask.type.label,
        "rows": [
            {"label": LABELS[name], "gross": gross and gross[name], "loss": lost and lost[name], "net": whole and whole[name]} for name in CALLS
        ],
    }  # fmt: skip


def since_words(found: SeatCalls) -> str:
    """What moved below the call after it was made, in a sentence."""
    since = found.standing.since
    if since is None or not since.is_changed:
        return ""
    who = ", ".join(found.names.get(one, one) for one in since.seats[:4]) + (
        f" and {len(since.seats) - 4} more" if len(since.seats) > 4 else ""
    )
    arrow, text, _ = fmt.change(since.below["most_likely"], found.ask.currency)
    return (
        f"Basis changed since this call: {who} called again; most likely below moved {arrow} {text}."
        if arrow
        else f"Basis changed since this call: {who} called again."
    )


def _parts(request: HttpRequest, view: View, found: SeatCalls) -> list[dict[str, Any]]:
    words = {"call": "call", "roll-up": "no call: roll-up", "override": "overridden"}
    return [
        {
            "seat": part.seat, "name": found.names.get(part.seat, part.seat), "kind": words[part.kind], "tone": "" if part.kind == "call" else "warn",
            "numbers": [part.amounts[name] for name in CALLS], "called": [part.called[name] for name in CALLS] if part.called else None,
            "href": seat_url(request, view, part.seat), "override": seat_url(request, view, found.seat, "override", about=part.seat),
        }
        for part in found.standing.basis.parts
    ]  # fmt: skip


def _event(one: Told, unit: str) -> Event:
    said = (
        ", ".join(f"{LABELS[name].lower()} {fmt.compact(one.amounts[name], unit)}" for name in CALLS)
        if one.amounts
        else "in a currency without a rate"
    )
    parts = []
    if one.step and any(one.step.values()):
        parts.append("against the call before: " + _steps(one.step, unit))
    if one.delta and any(one.delta.values()):
        parts.append("from what stood below: " + _steps(one.delta, one.call.currency))
    if one.call.machine.get("median") is not None:
        parts.append(f"machine then {fmt.compact(one.call.machine['median'], one.call.currency)}")
    if one.call.note:
        parts.append(f"“{one.call.note}”")
    who = one.user + (f" on behalf of {one.behalf}" if one.behalf else "")
    return Event(
        one.call.at, ("Late: " if one.is_late else "") + said[:1].upper() + said[1:], who, "; ".join(parts), "warn" if one.is_late else ""
    )


def _steps(amounts: Amounts, unit: str) -> str:
    return ", ".join(f"{LABELS[name].lower()} {fmt.compact(amount, unit, sign=True)}" for name, amount in amounts.items() if amount)


def _over(one: Any) -> dict[str, Any]:
    value = showing.category(one.value) if one.field == "category" else placing.words_of(one)
    fact = showing.category(one.fact) if one.field == "category" and one.fact else one.fact
    return {
        "id": one.id, "what": one.deal or one.about, "field": LABELS.get(one.field, one.field.replace("_", " ")), "value": value, "fact": fact, "note": one.note,
        "author": one.author, "at": one.at, "ended": one.withdrawn_at, "ended_by": one.withdrawn_by, "deal": one.deal,
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """A seat's call in place of its row or card: the form, and what it is sent to."""
    by, view = web_actor(request), View.of(request)
    words = asked(request, view)
    board = url(request, view, "", scope=view.scope)
    if request.method == "POST":
        given = {one: request.POST.get(one, "") for one in CALLS}
        loss = (
            {one: request.POST.get(f"loss_{one}", "") for one in CALLS} if any(request.POST.get(f"loss_{one}") for one in CALLS) else None
        )
        made = actions.submit(
            by=by, seat=name, amounts=given, loss=loss, period=words["period"], type=words["type"], note=request.POST.get("note", ""),
            currency=words["currency"], expected=request.POST.get("expected"),
        )  # fmt: skip
        return done(
            request,
            f"Called {fmt.compact(made.amounts['most_likely'], made.currency)} most likely for {made.period}.",
            back(request, board),
        )
    found = actions.seat_calls(by=by, seat=name, **words)
    if not found.right.may:
        raise Invalid(found.right.why, mend=found.right.mend)
    if view.as_of is not None:
        raise Invalid("The past is not called again.", mend="Leave the day in the top bar, then call.")
    context = seat_context(request, view, found) | {
        "fields": _fields(found), "losses": _fields(found.loss) if found.loss else [], "expected": found.standing.call.key if found.standing.call else "",
        "action": request.get_full_path(), "next": back(request, board), "share": fmt.ppm(actions_share()), "is_row": request.GET.get("as") != "card",
        "behalf": found.holder or "a vacant seat" if found.right.behalf else "",
    }  # fmt: skip
    if is_alone(request):
        return render(
            request,
            "forecast/form_alone.html",
            context | {"form": "forecast/call_form.html", "is_row": False, "title": f"Call: {found.name}"},
        )
    return render(request, "forecast/call_form.html", context)


def actions_share() -> int:
    """The share that goes without a note."""
    from closedwon.forecast.actions.standing import rhythm

    return rhythm().note.share


def _fields(found: SeatCalls) -> list[dict[str, Any]]:
    sign = found.ask.type.sign
    start = found.standing.amounts or found.standing.basis.below
    return [
        {"name": row["name"], "label": row["label"], "value": format_major(start[row["name"]] * sign, found.ask.currency).removesuffix(".00"), "below": row["below"] * sign,
         "rollup": row["rollup"] * sign}
        for row in numbers(found)
    ]  # fmt: skip


@require_http_methods(["GET", "POST"])
def override(request: HttpRequest, name: str) -> HttpResponse:
    """An override of a deal or of a call below, as the seat judges it: the form, and what it is sent to."""
    by, view = web_actor(request), View.of(request)
    words = asked(request, view)
    deal, about = request.GET.get("deal", ""), request.GET.get("about", "")
    page = back(request, seat_url(request, view, name))
    if request.method == "POST":
        made = [
            placing.override(
                by=by, seat=name, deal=deal, about=about, field=field, value=request.POST[field], note=request.POST.get("note", ""), period=words["period"],
                type=words["type"], currency=words["currency"],
            )
            for field in _changed(request, bool(deal))
        ]  # fmt: skip
        if not made:
            raise Invalid("Nothing is different.", mend="Change a value, or leave the row.")
        return done(request, f"Overridden for {made[0].period}; the fact stays as it is.", page)
    if view.as_of is not None:
        raise Invalid("The past is not overridden.", mend="Leave the day in the top bar.")
    context = talks.override_form(by=by, seat=name, deal=deal, about=about, **words)
    context |= {
        "view": view, "action": request.get_full_path(), "next": page, "is_deal": bool(deal), "seat": name,
        "categories": [(one, showing.category(one)) for one in [*showing.policy().open_categories, "omitted"]], "labels": LABELS,
    }  # fmt: skip
    if is_alone(request):
        alone = {"form": "forecast/override_form.html", "is_row_form": True, "title": "Override"}
        return render(request, "forecast/form_alone.html", context | alone)
    return render(request, "forecast/override_form.html", context)


def _changed(request: HttpRequest, is_deal: bool) -> list[str]:
    names = ("category", "amount", "close_date") if is_deal else CALLS
    return [
        name
        for name in names
        if request.POST.get(name, "").strip() and request.POST.get(name, "").strip() != request.POST.get(f"was_{name}", "").strip()
    ]


@require_POST
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """End an override."""
    by = web_actor(request)
    made = placing.withdraw(by=by, number=number, note=request.POST.get("note", ""))
    return done(
        request,
        f"The override is withdrawn; {made.fact or 'the fact'} counts again.",
        back(request, f"/forecast/calls/{quote(made.seat, safe='')}/"),
    )


@require_POST
def lock(request: HttpRequest) -> HttpResponse:
    """Close or open a period's calls."""
    by = web_actor(request)
    made = weekly.lock(
        by=by, period=request.POST.get("period", ""), note=request.POST.get("note", ""), is_locked=request.POST.get("verb") != "unlock"
    )
    return done(request, f"{made.period} is {'locked' if made.is_locked else 'open'}.", back(request, "/forecast/calls/"))


@require_http_methods(["GET", "POST"])
def agenda(request: HttpRequest) -> HttpResponse:
    """The agenda of a one-to-one: what changed, flagged deals, coverage, what was agreed; a new action is sent here."""
    by, view = web_actor(request), View.of(request)
    if request.method == "POST":
        talks.agree(
            by=by, seat=request.POST.get("seat", ""), text=request.POST.get("text", ""), owner=request.POST.get("owner", ""), due=_day(request.POST.get("due", "")),
            deal=request.POST.get("deal", ""),
        )  # fmt: skip
        return done(request, "Agreed; it comes back next week until it is done.", back(request, request.get_full_path()))
    seats = talks.talked(by=by, **asked(request, view))
    chosen = view.scope or (seats[0][0] if seats else "")
    made = talks.agenda(by=by, seat=chosen, **asked(request, view)) if chosen else None
    context: dict[str, Any] = {
        "view": view, "title": "One-to-one", "types": showing.types(request.get_full_path()), "seats": [(one, name, url(request, view, "agenda", scope=one)) for one, name in seats],
        "chosen": chosen, "made": made, "here": request.get_full_path(),
        "lead": "What changed since the last call, which deals need a word, what is missing, and what was agreed.",
    }  # fmt: skip
    if made is not None:
        context |= {
            "unit": made.calls.ask.currency,
            "rows": numbers(made.calls),
            "since": since_words(made.calls),
            "page": seat_url(request, view, chosen),
        }
        book = actions.call_board(by=by, **asked(request, view)).book
        context |= {
            "focus": _focus(book),
            "quota": made.line.quota,
            "cover": made.line.coverage_of_rest,
            "gap": made.gap,
            "moved": _moved(made.moved),
        }
        context["flagged"] = [
            {**row, "href": view.url(f"/pipeline/deals/{row['opportunity_id']}"), "label": showing.category(row["category"])}
            for row in made.flagged
        ]
    return render(request, "forecast/agenda.html", context)


def _moved(found: Any) -> list[tuple[str, int]]:
    """What moved, bar by bar with its sign; bars that are nothing are left out."""
    if found is None:
        return []
    return [(showing.BARS[name], found.total[name] * SIGNS[name]) for name in BUCKETS if found.total[name] or name in ("begin", "end")]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Choose until when it is to be done.") from error


@require_POST
def agreed(request: HttpRequest, number: int) -> HttpResponse:
    """An agreed action done, or open again."""
    by = web_actor(request)
    made = talks.finish(by=by, number=number, is_done=request.POST.get("verb") != "reopen")
    return done(request, "Done." if made.done_at else "Open again.", back(request, f"/forecast/agenda?scope={quote(made.seat, safe='')}"))


paths = [
    path("calls/", calls, name="calls"),
    path("calls/lock", lock, name="calls-lock"),
    path("calls/withdraw/<int:number>", withdraw, name="withdraw"),
    path("calls/<str:name>/", seat, name="seat-calls"),
    path("calls/<str:name>/edit", edit, name="call-edit"),
    path("calls/<str:name>/override", override, name="override"),
    path("agenda", agenda, name="agenda"),
    path("agenda/<int:number>", agreed, name="agreed"),
]
