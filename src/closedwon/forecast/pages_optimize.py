"""The page of what a little more is worth: a point of conversion, a day less, one more opportunity a week."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from closedwon.base.errors import Refused
from closedwon.forecast import showing
from closedwon.forecast.actions import optimize as worth
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.context import View
from closedwon.ui.tables import Col, DataTable


@require_GET
def optimize(request: HttpRequest) -> HttpResponse:
    """For each stage and group what a change of it brings in the period, by default the next quarter."""
    by, view = web_actor(request), View.of(request)
    period = view.period if request.GET.get("period") else None
    head: dict[str, Any] = {
        "view": view,
        "title": "What a point is worth",
        "types": showing.types(request.get_full_path()),
        "board": view.url("/pipeline/funnel/"),
    }
    if not worth.is_at_hand():
        return render(
            request,
            "forecast/optimize.html",
            {**head, "refusal": "So many deals take minutes. On the command line: closedwon forecast optimize"},
        )
    try:
        found = worth.optimize(
            by=by, as_of=view.as_of, period=period, type=request.GET.get("type") or None, rates=view.rates, currency=view.currency
        )
    except Refused as error:
        return render(request, "forecast/optimize.html", {**head, "refusal": error.message})
    unit = found.ask.currency
    stages, births = _stages(request, found, unit), _births(request, found, unit)
    for table in (stages, births):
        if (answer := table.answer()) is not None:
            return answer
    return render(
        request, "forecast/optimize.html", {**head, "refusal": found.refusal, "stages": stages, "births": births, "lead": lead(found), "made": found, "unit": unit}
    )  # fmt: skip


def lead(found: worth.Optimized) -> str:
    """The dearest change of each kind, in one sentence."""
    unit, period = found.ask.currency, found.ask.period.label
    if found.refusal:
        return f"{found.ask.type.label} of {period}."
    points = [one for one in found.lines if one.point]
    days = [one for one in found.lines if one.faster]
    if not points:
        return f"{found.ask.type.label} of {period}: no stage has enough endings on record."
    best = max(points, key=lambda one: one.point.value if one.point else 0)
    said = f"In {period} one point of conversion is worth most in {best.stage} ({worth.named(best.group)}): {fmt.compact(round(best.point.value if best.point else 0), unit)} {unit}"
    if days:
        fast = max(days, key=lambda one: one.faster.value if one.faster else 0)
        said += f"; a day less most in {fast.stage} ({worth.named(fast.group)}): {fmt.compact(round(fast.faster.value if fast.faster else 0), unit)}"
    return f"{said}."


def _span(one: Any, unit: str) -> str:
    return fmt.MISSING if one is None else f"{fmt.compact(round(one.low), unit)} – {fmt.compact(round(one.high), unit)}"


def _stages(request: HttpRequest, found: worth.Optimized, unit: str) -> DataTable:
    rows = [
        {
            "stage": one.stage, "group": worth.named(one.group), "open": one.open_deals, "conversion": one.conversion, "days": one.days,
            "point": round(one.point.value) if one.point else None, "point_span": _span(one.point, unit),
            "faster": round(one.faster.value) if one.faster else None, "faster_span": _span(one.faster, unit), "expected": round(one.expected),
        }
        for one in found.lines if one.stage
    ]  # fmt: skip
    columns = [
        Col("stage", "Stage", filter=True, phone="title", sub="group"),
        Col(
            "point",
            "One point more",
            "money",
            currency=unit,
            places=0,
            phone="big",
            hint="A hundredth more of the endings goes on instead of being lost",
        ),
        Col("point_span", "Eight of ten", sort=False),
        Col("faster", "One day less", "money", currency=unit, places=0, hint="Every way out so much faster that a visit is a day shorter"),
        Col("faster_span", "Eight of ten", sort=False),
        Col("conversion", "Goes on now", "percent"),
        Col("days", "Days now", "number", places=1, hint="Days at risk per ending"),
        Col("open", "Open deals", "number"),
        Col("expected", "Expected of them", "money", currency=unit, places=0),
        Col("group", "Group", filter=True, hidden=True),
    ]
    return DataTable(
        request,
        "forecast:worth",
        columns,
        rows,
        title="By stage",
        sort="-point",
        unit=unit,
        search=False,
        page=50,
        name="worth",
        prefix="w-",
    )


def _births(request: HttpRequest, found: worth.Optimized, unit: str) -> DataTable:
    rows = [
        {"group": worth.named(one.group), "more": round(one.more.value) if one.more else None, "span": _span(one.more, unit), "expected": round(one.expected)}
        for one in found.lines if not one.stage
    ]  # fmt: skip
    columns = [
        Col("group", "Group", phone="title"),
        Col(
            "more",
            "One more opportunity a week",
            "money",
            currency=unit,
            places=0,
            phone="big",
            hint="From now until the end, as those that were born lately",
        ),
        Col("span", "Eight of ten", sort=False),
        Col("expected", "Expected of the group", "money", currency=unit, places=0, hint="In the period, open deals and new business"),
    ]
    return DataTable(
        request,
        "forecast:births",
        columns,
        rows,
        title="One more opportunity a week",
        sort="-more",
        unit=unit,
        search=False,
        page=50,
        name="births",
        prefix="b-",
    )


paths = [path("optimize", optimize, name="optimize")]
