"""The pages of pacing and of pipeline generation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from closedwon.base.errors import NotFound
from closedwon.forecast import moments, showing
from closedwon.forecast import showing_pace as words
from closedwon.forecast.actions import generation as generating
from closedwon.forecast.actions import pacing as pace
from closedwon.forecast.pages_accuracy import asked, deal_table, link
from closedwon.forecast.reading import ground
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.context import View
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable

GROUPS = {
    "manager": "Manager", "rep": "Rep", "segment": "Segment", "region": "Region", "product": "Product", "type": "Order type", "source": "Source",
    "industry": "Industry", "territory": "Territory",
}  # fmt: skip
CREATED = {"source": "Source", "segment": "Segment", "region": "Region", "industry": "Industry", "owner": "Rep", "manager": "Manager"}


def _chips(request: HttpRequest, view: View, to: str, names: dict[str, str], chosen: str) -> list[tuple[str, str, bool]]:
    return [(label, link(request, view, to, by=name), name == chosen) for name, label in names.items()]


@require_GET
def pacing(request: HttpRequest) -> HttpResponse:
    """This quarter against the same day of earlier ones."""
    by, view = web_actor(request), View.of(request)
    group_by = request.GET.get("by") or "manager"
    found = pace.pacing(by=by, period=view.period, by_dim=group_by, **asked(request, view))
    table = _groups(request, view, found)
    if (answer := table.answer()) is not None:
        return answer
    return render(
        request, "forecast/pacing.html",
        {
            "view": view, "title": "Pacing", "types": showing.types(request.get_full_path()), "notes": found.notes, "alarms": (),
            "lead": f"Are we where we should be? {found.period.label} against the same day of {len(found.past)} quarters before.",
            "tiles": _tiles(request, view, found), "curve": words.curve(found), "months": words.month_chart(found),
            "required": words.required_words(found), "table": table, "measured": words.measured_pacing(found),
            "chips": _chips(request, view, "pacing", GROUPS, group_by), "accuracy": link(request, view, "accuracy"),
        },
    )  # fmt: skip


def _tiles(request: HttpRequest, view: View, found: pace.Pacing) -> list[Tile]:
    one, unit = found.total.pace, found.currency
    mean = one.mean("booked")
    opened = one.mean("open")

    def behind(bucket: str) -> str:
        return link(request, view, "pacing/deals", of=found.period.label, bucket=bucket)

    made = [
        Tile.money(
            "Booked", one.now.booked, unit, change=None if mean is None else one.now.booked - mean, since="to the same day before", href=behind("closed")
        ),
        Tile.money(
            "Open in the quarter", one.now.open, unit, change=None if opened is None else one.now.open - opened, since="to the same day before",
            href=behind("open"),
        ),
        Tile.money("Commit", one.now.commit, unit, small=f"{fmt.compact(one.mean('commit'), unit)} on the same day before", href=behind("commit")),
        Tile(
            "Coverage of the rest", fmt.ratio(one.now.coverage_of_rest), f"{fmt.ratio(one.required)} required at the usual yield",
            hint="Open deals over what is left of the quota",
        ),
    ]  # fmt: skip
    if one.projected is not None:
        made.append(Tile.money("At the usual pace", one.projected, unit, small="booked ÷ the share that is usually booked by now"))
    return made


def _groups(request: HttpRequest, view: View, found: pace.Pacing) -> DataTable:
    unit = found.currency

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, **more)

    by_seat = found.ask.by in ("manager", "rep")
    columns = [
        Col("name", "Group", href=lambda row: link(request, view, "pacing/group", group=row["id"]), drawer=True, sub="note" if by_seat else ""),
        money("booked", "Booked", phone="big"), Col("change", "To the same day", "change", currency=unit, places=0),
        money("open", "Open"), money("open_before", "Open before", hidden=True, hint="Mean of the same day before"), money("commit", "Commit"),
        money("quota", "Quota"), Col("coverage", "Coverage", "ratio", hint="Open over quota"),
        Col("won", "Yield", "percent", hint="Of the pipeline open on this day, won in the quarter; pooled"),
        Col("n", "n", "number", hidden=True, hint="Quarters with open pipeline on this day"),
        Col("low", "Yield, lowest", "percent", hidden=True), Col("high", "Yield, highest", "percent", hidden=True),
        Col("required", "Required", "ratio", hint="1 ÷ yield"),
        money("spare", "Spare", tone=lambda row: "warn" if (row["spare"] or 0) < 0 else "", hint="Open less what the rest of the quota takes"),
        money("projected", "At the usual pace", hidden=True), money("undated", "Undated", hidden=True),
    ]  # fmt: skip
    return DataTable(
        request, "forecast:pacing", columns, words.pace_rows(found), title="Group by group", unit=unit, sort="", name="pacing", page=25,
        note=f"{fmt.percent(found.elapsed, 0)} of {found.period.label} is over",
    )  # fmt: skip


@require_GET
def group(request: HttpRequest) -> HttpResponse:
    """The drawer behind a group: the same day of each quarter."""
    by, view = web_actor(request), View.of(request)
    key = request.GET.get("group") or pace.TOTAL
    found = pace.pacing(by=by, period=view.period, by_dim=request.GET.get("by") or "manager", **asked(request, view))
    chosen = next((one for one in found.groups if one.key == key), None)
    if chosen is None:
        raise NotFound(f"There is no group {key!r}, or you may not see it.")
    unit = found.currency

    def money(name: str, label: str, **more: Any) -> Col:
        return Col(name, label, "money", currency=unit, places=0, sort=False, **more)

    columns = [
        Col("period", "Quarter", sort=False), Col("day", "Day", "date", sort=False), money("booked", "Booked by then", phone="big"),
        Col("share", "Of the final", "percent", sort=False), money("open", "Open", phone="line"), money("commit", "Commit"),
        Col("yield", "Yield", "percent", sort=False), money("final", "Final"), money("later", "From new deals", hint="Booked later from deals not open then"),
        Col("coverage", "Coverage", "ratio", sort=False), Col("gini", "Gini", "ratio", sort=False, hint="0 is even over the quarter", hidden=True),
    ]  # fmt: skip
    rows = [
        {
            "period": one.period, "day": one.day, "booked": one.booked, "share": one.share_booked, "open": one.open, "commit": one.commit,
            "yield": one.won_share, "final": one.final, "later": one.later, "coverage": one.coverage,
            "gini": chosen.lines[one.period].gini if one.period in chosen.lines else None,
        }
        for one in (chosen.pace.now, *chosen.pace.past)
    ]  # fmt: skip
    table = DataTable(
        request, "forecast:pacing-group", columns, rows, title="The same day", unit=unit, search=False, page=30, name="pacing-group"
    )
    if (answer := table.answer()) is not None:
        return answer
    alone = pace.Pacing([chosen], found.ask, found.period, found.past, found.days)
    context = {
        "title": chosen.name,
        "words": words.required_words(alone),
        "table": table,
        "view": view,
        "facts": words.measured_pacing(found),
    }
    return render(request, "forecast/number.html", context)


@require_GET
def pace_deals(request: HttpRequest) -> HttpResponse:
    """The drawer behind a number of pacing: its deals on that day."""
    by, view = web_actor(request), View.of(request)
    bucket, of = request.GET.get("bucket") or "open", request.GET.get("of") or view.period.label
    page = pace.pace_deals(by=by, of=of, bucket=bucket, period=view.period, take=500, **asked(request, view))
    table = deal_table(request, view, page, "forecast:pacing-deals")
    if (answer := table.answer()) is not None:
        return answer
    label = {"open": "Open in the quarter", "all_open": "Open, undated too", "closed": "Closed"}.get(bucket, showing.category(bucket))
    told = f"{page.count:,} deals, {fmt.compact(page.total_minor, page.currency)} {page.currency}."
    context = {
        "title": f"{label}, {of}",
        "words": told,
        "facts": showing.facts(view, request.GET.get("type")),
        "table": table,
        "view": view,
    }
    return render(request, "forecast/number.html", context)


@require_GET
def generation(request: HttpRequest) -> HttpResponse:
    """Whether enough pipeline is created, this quarter and for the next."""
    by, view = web_actor(request), View.of(request)
    group_by = request.GET.get("by") or "source"
    found = generating.generation(by=by, period=view.period, by_dim=group_by, **asked(request, view))
    table = _created(request, view, found)
    if (answer := table.answer()) is not None:
        return answer
    coming = _coming(request, view, found)
    if (answer := coming.answer()) is not None:
        return answer
    return render(
        request, "forecast/generation.html",
        {
            "view": view, "title": "Pipeline generation", "types": showing.types(request.get_full_path()), "notes": found.notes, "alarms": (),
            "lead": f"Is enough pipeline created? {found.ask.period.label} against its target, and what {found.next.label} has so far.",
            "tiles": _created_tiles(found), "chart": words.created_chart(found), "table": table, "coming": coming,
            "cover": words.required_words(found.cover), "cover_next": words.required_words(found.cover_next), "next": found.next.label,
            "period": found.ask.period.label, "measured": words.measured_generation(found, moments.tracks_acceptance(ground())),
            "chips": _chips(request, view, "generation", CREATED, group_by), "pacing": link(request, view, "pacing"),
        },
    )  # fmt: skip


def _created_tiles(found: generating.Generated) -> list[Tile]:
    one, unit = found.total.made, found.currency
    made = [
        Tile.money("Created", one.now.created, unit, small=f"{one.now.deals:,} deals"),
        Tile.money(
            "Target", one.target, unit, small=f"{fmt.percent(one.attained, 0)} attained" if one.attained is not None else "no target"
        ),
    ]
    if one.expected is not None:
        made.append(
            Tile.money(
                "To the pace of the target",
                one.ahead,
                unit,
                small=f"{fmt.compact(one.expected, unit)} by now",
                tone="" if (one.ahead or 0) >= 0 else "warn",
            )
        )
    if one.mean is not None:
        made.append(Tile.money("Same day before", one.mean, unit, small=f"mean of {len(one.past)} quarters"))
    there = found.cover_next.total.pace
    made.append(
        Tile.money(
            f"Open for {found.next.label}", there.now.open, unit, small=f"{fmt.compact(there.mean('open'), unit)} on the same day before"
        )
    )
    return made


def _created(request: HttpRequest, view: View, found: generating.Generated) -> DataTable:
    unit, period = found.currency, found.ask.period.label

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, **more)

    columns = [
        Col(
            "name", "Group", href=lambda row: link(request, view, "generation/deals", group=row["id"], of=period), drawer=True,
            sub="note" if found.by in ("owner", "manager") else "",
        ),
        money("created", "Created", phone="big"), money("target", "Target"), Col("attained", "Attained", "percent"),
        Col("ahead", "To the pace", "change", currency=unit, places=0, hint="Created less what the target asks for by this day"),
        Col("deals", "Deals", "number"), money("mean", "Same day before", hint="Mean of the quarters before"),
        money("closes_in", "Closes in it", hint="By the close date on the day it was created"), money("closes_next", "In the next"),
        money("later", "Later", phone="hide"), money("projected", "At the usual pace", hidden=True), Col("from", "Target from", hidden=True),
    ]  # fmt: skip
    return DataTable(
        request, "forecast:generation", columns, words.generation_rows(found.groups), title=f"{period}, group by group", unit=unit, name="generation",
        page=30, empty=("Nothing created", "Deals count once they are accepted as pipeline."),
    )  # fmt: skip


def _coming(request: HttpRequest, view: View, found: generating.Generated) -> DataTable:
    unit, period = found.currency, found.ask.period.label

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, **more)

    columns = [
        Col("name", "Group", href=lambda row: link(request, view, "generation/deals", group=row["id"], of=period), drawer=True),
        money("target", "Target", phone="big"),
        money("early", f"Created in {period} for it", hint="Pipeline of this quarter whose close date then was in the next"),
        Col("share", "Of the target", "percent"), money("created", "Created in it", hidden=True), Col("from", "Target from", hidden=True),
    ]  # fmt: skip
    return DataTable(
        request, "forecast:generation-next", columns, words.coming_rows(found), title=f"{found.next.label}, to come", unit=unit,
        name="generation-next", page=30, prefix="n-",
    )  # fmt: skip


@require_GET
def created_deals(request: HttpRequest) -> HttpResponse:
    """The drawer behind created pipeline: its deals."""
    by, view = web_actor(request), View.of(request)
    key, group_by = request.GET.get("group") or pace.TOTAL, request.GET.get("by") or "source"
    period = request.GET.get("of") or view.period
    page = generating.created_deals(by=by, period=period, by_dim=group_by, group=key, take=500, **asked(request, view))
    unit = page.currency
    columns = [
        Col("name", "Deal", href=lambda row: view.url(f"/pipeline/deals/{row['opportunity_id']}"), sub="account_name", sort=False),
        Col("amount_in_minor", "Amount then", "money", currency=unit, places=0, phone="big", total=True, sort=False),
        Col("day", "Became pipeline", "date", sort=False), Col("stage", "Stage now", sort=False), Col("owner_name", "Owner now", sort=False),
    ]  # fmt: skip
    table = DataTable(
        request, "forecast:generation-deals", columns, list(page.rows), title="Deals", unit=unit, search=False, page=50, name="generation-deals",
        note=f"{len(page.rows):,} of {page.count:,}, the largest first",
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    told = f"{page.count:,} deals became pipeline, {fmt.compact(page.total_minor, unit)} {unit} at the close of that day."
    title = (
        "Pipeline created"
        if key == pace.TOTAL
        else f"Pipeline created: {key}"
        if group_by not in ("owner", "manager")
        else "Pipeline created by the seat"
    )
    context = {"title": title, "words": told, "facts": showing.facts(view, request.GET.get("type")), "table": table, "view": view}
    return render(request, "forecast/number.html", context)


paths = [
    path("pacing", pacing, name="pacing"),
    path("pacing/group", group, name="pacing-group"),
    path("pacing/deals", pace_deals, name="pacing-deals"),
    path("generation", generation, name="generation"),
    path("generation/deals", created_deals, name="generation-deals"),
]
