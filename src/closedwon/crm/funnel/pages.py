"""The pages of the funnel: the overview, and one page per metric with its formula, population, curve and rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from closedwon.base.calendar import Period
from closedwon.base.errors import NotFound
from closedwon.crm.funnel import actions, showing
from closedwon.crm.funnel.catalogue import METRICS, metric_of
from closedwon.crm.funnel.measuring import ALL
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.context import View
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable, Query, Rows

OFFERED = ("segment", "region", "product", "order_type", "source", "manager", "owner", "industry")
"""What the page offers to split by; the address takes any dimension."""


def _asked(request: HttpRequest, view: View) -> dict[str, Any]:
    return {
        "as_of": view.as_of, "period": view.period, "org": view.org, "rates": view.rates, "currency": view.currency, "node": view.scope,
        "by_dim": request.GET.get("by", ""),
    }  # fmt: skip


def _link(request: HttpRequest, view: View) -> Callable[..., str]:
    """Addresses of metric pages that keep the view and the split."""
    by = request.GET.get("by", "")

    def link(name: str, **more: Any) -> str:
        return view.url(f"/pipeline/funnel/metrics/{name}", by=by, **more)

    return link


def _choices(request: HttpRequest, view: View) -> list[dict[str, Any]]:
    """What to split by, each with its address."""
    on = request.GET.get("by", "")
    names = ["", *OFFERED, *([on] if on and on not in OFFERED else [])]
    return [{"label": name.replace("_", " ") or "nothing", "href": view.url(request.path, by=name), "on": name == on} for name in names]


def _before(period: Period) -> Period | None:
    return None if period.kind == "all" else actions.previous(period)


def _context(request: HttpRequest, view: View) -> tuple[actions.Shown, actions.Comparison | None, dict[str, Any]]:
    by, before = web_actor(request), _before(view.period)
    compared = actions.compare(by, other=before, **_asked(request, view)) if before else None
    made = compared.now if compared else actions.show(by, **_asked(request, view))
    head = {
        "view": view,
        "by": request.GET.get("by", ""),
        "choices": _choices(request, view),
        "made": made,
        "other": before,
        "unit": made.ask.currency,
    }
    return made, compared, head


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The funnel of a period: conversion and duration by stage, every metric, what changed."""
    view = View.of(request)
    made, compared, head = _context(request, view)
    link = _link(request, view)
    metrics = _metrics(request, view, made, compared)
    segments = _segments(request, view, made, compared) if head["by"] else None
    for table in (metrics, segments):
        if table is not None and (answer := table.answer()) is not None:
            return answer
    head |= {
        "title": "Funnel", "lead": _lead(made, compared), "tiles": showing.tiles(made, compared, link), "stages": showing.picture(made, compared, link),
        "metrics": metrics, "segments": segments, "wins": _signal(request, view),
    }  # fmt: skip
    return render(request, "crm/funnel/overview.html", head)


def _signal(request: HttpRequest, view: View) -> Any:
    from closedwon.crm.funnel.signal_action import signal

    return signal(web_actor(request), **{**_asked(request, view), "by_dim": ""})


def _lead(made: actions.Shown, compared: actions.Comparison | None) -> str:
    stands = f"{'All periods' if made.ask.period.kind == 'all' else made.ask.period.label}, as known at the close of {fmt.day(made.ask.day, year=True)}."
    return f"{stands} {showing.sentence(compared)}" if compared else stands


def _columns(first: Col, other: str) -> list[Col]:
    return [
        first,
        Col("value", "Value", sort=False, phone="big"),
        Col("interval", "Interval", sort=False, hint="How sure, by the policy: 95 % by default"),
        Col("n", "n", "number", sort=False, hint="Deals in the population"),
        Col("censored", "Censored", "number", sort=False, hint="Deals without an end that the metric knows of"),
        *([Col("before", other, sort=False), Col("change", "Change", sort=False, tone=lambda row: {"up": "good", "down": "bad"}.get(row["tone"], ""))] if other else []),
    ]  # fmt: skip


def _metrics(request: HttpRequest, view: View, made: actions.Shown, compared: actions.Comparison | None) -> DataTable:
    link = _link(request, view)
    rows = showing.table_rows([one for one in made.found if one.segment == ALL], compared, made.ask.currency)
    first = Col("metric", "Metric", href=lambda row: link(row["name"]), drawer=True, sort=False, phone="title", sub="group")
    columns = _columns(first, compared.other.label if compared else "")
    return DataTable(
        request, "crm:funnel", columns, rows, title="Every metric", page=100, search=False, name="funnel", prefix="m-",
        note="open one for its formula, its population and its rows", empty=("No deals in this period", "Choose another period in the bar above."),
    )  # fmt: skip


def _segments(request: HttpRequest, view: View, made: actions.Shown, compared: actions.Comparison | None) -> DataTable:
    """One metric by segment, with what each did to the change of the whole."""
    name = request.GET.get("metric") or "close_rate"
    link = _link(request, view)
    rows = showing.table_rows([one for one in made.found if one.name == name and one.segment != ALL], compared, made.ask.currency)
    first = Col(
        "segment",
        (request.GET.get("by") or "").replace("_", " ").capitalize(),
        sort=False,
        phone="title",
        href=lambda row: link(row["name"], segment=row["segment"]),
        drawer=True,
    )
    columns = _columns(first, compared.other.label if compared else "")
    if compared:
        columns += [
            Col("mix", "By mix", sort=False, hint="What the segment's weight did to the change of the whole"),
            Col("rate", "By rate", sort=False, hint="What the segment's own number did to the change of the whole"),
        ]
    found = metric_of(name)
    label = f"{found[0].label}{f': {found[1]}' if found and found[1] else ''}" if found else name
    return DataTable(
        request, "crm:funnel-segments", columns, rows, title=f"{label} by {(request.GET.get('by') or '').replace('_', ' ')}", page=50, search=False,
        name="funnel-segments", prefix="s-", note="mix and rate add up to the change of the whole" if compared else "",
    )  # fmt: skip


@require_GET
def metric(request: HttpRequest, name: str) -> HttpResponse:
    """One metric: formula, population, as-of, the number with its interval, its curve, its segments, and the rows behind."""
    view = View.of(request)
    known = metric_of(name)
    if known is None:
        raise NotFound(f"The funnel has no metric {name!r}.", mend=f"There are: {', '.join(one.key for one in METRICS)}.")
    found, detail = known
    segment = request.GET.get("segment", "")
    rows = _rows(request, view, name, segment)
    answer = rows.answer()
    if answer is not None:
        return answer
    made, compared, head = _context(request, view)
    one = next((item for item in made.found if item.name == name and item.segment == (segment or ALL)), None)
    line = (
        next((item for item in compared.found if item.either.name == name and item.either.segment == (segment or ALL)), None)
        if compared
        else None
    )
    unit = made.ask.currency
    text, tone = showing.change(line, unit)
    suffix = f" {showing.UNITS[found.unit]}" if showing.UNITS[found.unit] else ""
    tiles = [
        Tile(found.label, (showing.value(one.value, found, unit) + suffix) if one else fmt.MISSING, showing.interval(one, unit) if one else "nothing here"),
        Tile("n", f"{one.n:,}" if one else "0", "in the population"),
        Tile("Censored", f"{one.censored:,}" if one else "0", "no end yet"),
        *([Tile(f"In {compared.other.label}", showing.value(line.before.value, found, unit) if line and line.before else fmt.MISSING, text, tone)] if compared else []),
    ]  # fmt: skip
    curve = actions.curve_of(web_actor(request), name, segment=segment, **_asked(request, view))
    segments = _metric_segments(request, view, made, compared, name) if head["by"] and not segment else None
    if segments is not None and (answer := segments.answer()) is not None:
        return answer
    title = f"{found.label}{f': {detail}' if detail else ''}{f', {segment}' if segment and segment != ALL else ''}"
    head |= {
        "title": title, "metric": found, "detail": detail, "segment": segment, "tiles": tiles, "rows": rows, "segments": segments, "one": one,
        "facts": _facts(view, found, made, segment), "chart": showing.curve_chart(curve, found, unit, _curve_title(found)) if curve and len(curve.points) > 1 else None,
        "points": showing.thinned(curve, 12) if curve else [], "full": _link(request, view)(name, segment=segment), "back": view.url("/pipeline/funnel/", by=head["by"]),
    }  # fmt: skip
    return render(request, "crm/funnel/metric.html", head)


def _curve_title(found: Any) -> str:
    return {
        "stage_conversion": "How many moved on, and when", "stage_duration": "How many are still there", "cycle_median": "How many deals are still open",
        "win_rate_at": "How many are won, by age", "lead_conversion": "How many leads are converted, by age", "lead_response_median": "How many wait for an answer",
    }.get(found.key, found.label)  # fmt: skip


def _facts(view: View, found: Any, made: actions.Shown, segment: str) -> list[tuple[str, str]]:
    period = (
        "all time"
        if view.period.kind == "all"
        else f"{view.period.label}, {fmt.day(view.period.start, year=True)} to {fmt.day(view.period.last, year=True)}"
    )
    stands = [
        ("Formula", found.formula), ("Population", found.population), ("Period", period),
        ("As of", f"the close of {fmt.day(made.ask.day, year=True)}; nothing later is read" if view.as_of else f"now, with the facts of {fmt.day(made.ask.day, year=True)}"),
    ]  # fmt: skip
    if segment:
        stands.append(((made.ask.by.name or "Segment").replace("_", " ").capitalize(), segment))
    if found.naive:
        stands.append(("Naive", "It treats deals without an end as if they had one, or leaves them out; it stands here to be compared."))
    stands.append(("In sight", "Only deals that you may see are counted."))
    return stands


def _metric_segments(request: HttpRequest, view: View, made: actions.Shown, compared: actions.Comparison | None, name: str) -> DataTable:
    link = _link(request, view)
    rows = showing.table_rows([one for one in made.found if one.name == name and one.segment != ALL], compared, made.ask.currency)
    first = Col(
        "segment",
        (request.GET.get("by") or "").replace("_", " ").capitalize(),
        sort=False,
        phone="title",
        href=lambda row: link(name, segment=row["segment"]),
        drawer=True,
    )
    columns = _columns(first, compared.other.label if compared else "")
    if compared:
        columns += [Col("mix", "By mix", sort=False), Col("rate", "By rate", sort=False)]
    return DataTable(
        request,
        "crm:funnel-by",
        columns,
        rows,
        title="By segment",
        page=50,
        search=False,
        name="funnel-by",
        prefix="s-",
        note="mix and rate add up to the change",
    )


def _rows(request: HttpRequest, view: View, name: str, segment: str) -> DataTable:
    """The rows behind a metric, paged where they lie."""
    by = web_actor(request)
    found = metric_of(name)
    of_leads = found is not None and found[0].measure in ("lead", "response")

    def rows(query: Query) -> Rows:
        wanted = query.filters.get("outcome", ())
        made = actions.behind(
            by, name, segment=segment, outcome=wanted[0] if wanted else "", skip=query.offset, take=max(1, min(query.limit, 10_000)), **_asked(request, view)
        )  # fmt: skip
        return Rows(made.rows, made.total, {}, {"outcome": made.metric.within or OUTCOMES.get(made.metric.measure, ())})

    unit = view.currency
    columns = [
        Col("name", "Lead" if of_leads else "Deal", href=lambda row: None if of_leads else view.url(f"/pipeline/deals/{row['id']}"), drawer=not of_leads, sort=False, phone="title", value=lambda row: row.get("name") or row["id"]),
        Col("outcome", "Outcome", sort=False, filter=True, value=lambda row: row["outcome"].replace("_", " ")),
        Col("days", "Hours" if found and found[0].measure == "response" else "Days", "number", sort=False),
        *([] if of_leads else [
            Col("amount_minor", "Amount", "money", currency=unit, sort=False, phone="big"), Col("account", "Account", sort=False), Col("owner", "Owner", sort=False),
            Col("stage", "Stage", sort=False), Col("close_date", "Closes", "date", sort=False), Col("entry_minor", "Amount at entry", "money", currency=unit, sort=False, hidden=True),
        ]),
        Col("segment", "Segment", sort=False, hidden=True), Col("id", "Id", sort=False, hidden=True),
    ]  # fmt: skip
    return DataTable(
        request, "crm:funnel-rows", columns, rows, title="Leads behind it" if of_leads else "Deals behind it", unit=unit, search=False, page=25, name=f"funnel-{name.split(':', maxsplit=1)[0]}",
        prefix="r-", empty=("No rows", "Nothing of this period is in the population."),
    )  # fmt: skip


OUTCOMES = {
    "closed": ("won", "lost", "no_decision"), "cohort": ("won", "lost", "open"), "stage": ("forward", "lost", "open"), "visit": ("left", "open"),
    "made": ("won", "lost", "open"), "slip": ("slipped", "closed", "open"), "push": ("pushed",), "exit": ("kept", "missing"),
    "lead": ("converted", "dead", "open"), "response": ("in time", "late", "running", "unanswered"),
}  # fmt: skip


routes = [path("pipeline/funnel/", overview, name="funnel"), path("pipeline/funnel/metrics/<path:name>", metric, name="funnel-metric")]
