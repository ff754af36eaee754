"""The page of scenarios: what to have otherwise, the quarter and the year beside the base, and the stored ones."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from closedwon.base.errors import Invalid
from closedwon.forecast import showing
from closedwon.forecast.actions import scenarios
from closedwon.forecast.scenarios.changes import BIGGEST, KINDS, from_words, to_words
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.charts import Bar, Waterfall
from closedwon.ui.context import View
from closedwon.ui.parts import Tile

LABELS = {
    "remove": "Lose a deal", "delay": "Delay a deal", "probability": "Chance of a deal", "conversion": "Rate of winning", "new_business": "New business",
    "coverage": "Open pipeline", "hire": "People who start or leave",
}  # fmt: skip
HINTS = {
    "delay": "2027-02-15",
    "probability": "40%",
    "conversion": "110%",
    "new_business": "80%",
    "coverage": "120%",
    "hire": "3@2027-01-01",
}


def _asked(request: HttpRequest, view: View) -> dict[str, Any]:
    return {
        "as_of": view.as_of, "period": view.period, "type": request.GET.get("type") or None, "currency": view.currency, "node": view.scope or None,
    }  # fmt: skip


def _address(request: HttpRequest, view: View, words: list[str], **more: Any) -> str:
    kept = {"type": request.GET.get("type")} if request.GET.get("type") else {}
    start = view.url("/forecast/scenarios", **kept, **more)
    if not words:
        return start
    from urllib.parse import urlencode

    return start + ("&" if "?" in start else "?") + urlencode([("c", word) for word in words])


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The scenario of the address, or a stored one, beside the base."""
    by, view = web_actor(request), View.of(request)
    number = request.GET.get("stored")
    words = request.GET.getlist("c")
    added = _added(request)
    if added:
        return redirect(_address(request, view, [*words, added]))
    if number:
        if not number.isdigit():
            raise Invalid(f"{number!r} is no scenario.", mend="Choose one of the list.")
        found = scenarios.run_stored(int(number), by=by, **{**_asked(request, view), "type": request.GET.get("type") or None})
        words = [to_words(one.plain()) for one in found.changes]
    else:
        found = scenarios.compare(by=by, changes=from_words(words), **_asked(request, view))
    offered = None if found.refusal else scenarios.offered(by=by, **_asked(request, view))
    shown = [
        {"words": one.words(found.names), "drop": _address(request, view, [word for place, word in enumerate(words) if place != at])}
        for at, one in enumerate(found.changes)
    ]  # fmt: skip
    unit = found.ask.currency
    return render(
        request, "forecast/scenarios.html",
        {
            "view": view, "title": found.name or "Scenarios", "lead": _lead(found), "types": showing.types(request.get_full_path()), "found": found,
            "changes": shown, "words": words, "unit": unit, "tiles": _tiles(found), "falls": [_fall(one, found) for one in found.horizons if one.causes],
            "rows": _rows(found), "offered": offered, "kinds": [(kind, LABELS[kind], HINTS.get(kind, "")) for kind in KINDS],
            "biggest": _address(request, view, [*words, f"remove:{BIGGEST}"]), "clear": _address(request, view, []),
            "stored": [
                {"one": one, "href": _address(request, view, [], stored=one.pk), "mine": one.owner == by.name, "on": found.stored is not None and found.stored.pk == one.pk}
                for one in scenarios.scenarios(by=by)
            ],
            "hidden": [(key, value) for key, value in request.GET.items() if key not in ("c", "kind", "deal", "stage", "value", "stored")],
        },
    )  # fmt: skip


def _added(request: HttpRequest) -> str:
    """The change that the form adds, as a word of the address."""
    kind, value = request.GET.get("kind") or "", (request.GET.get("value") or "").strip()
    if kind not in KINDS:
        return ""
    deal, stage = request.GET.get("deal") or "", request.GET.get("stage") or ""
    if kind == "remove":
        return f"remove:{deal or BIGGEST}"
    if kind in ("delay", "probability"):
        return f"{kind}:{deal or BIGGEST}={value}"
    return f"{kind}:{stage}={value}" if kind == "conversion" and stage else f"{kind}:{value}"


def _lead(found: scenarios.Comparison) -> str:
    unit = found.ask.currency
    if not found.horizons:
        return found.refusal
    if not found.changes:
        return f"{found.ask.period.label} and its year as they are expected; add what should be otherwise, or lose the biggest deal in one click."
    parts = [f"{one.label} {fmt.compact(one.difference, unit)} {unit}" for one in found.horizons]
    return (
        f"Expected against the base: {' and '.join(parts)}. Base and scenario share their luck, so the difference is the scenario’s alone."
    )


def _tiles(found: scenarios.Comparison) -> list[Tile]:
    unit, made = found.ask.currency, []
    for one in found.horizons:
        made.append(
            Tile.money(
                f"{one.label} base", one.base.median, unit, small=f"{fmt.compact(one.base.low, unit)} to {fmt.compact(one.base.high, unit)}"
            )
        )
        made.append(
            Tile.money(
                f"{one.label} scenario", one.scenario.median, unit, change=one.scenario.median - one.base.median, since="against the base"
            )
        )
        if one.base.quota_chance is not None and one.scenario.quota_chance is not None:
            text = f"base {fmt.percent(one.base.quota_chance)}"
            made.append(
                Tile(
                    f"{one.label} reaches quota",
                    fmt.percent(one.scenario.quota_chance),
                    text,
                    hint="In how many of the drawn outcomes new business reaches the quota",
                )
            )
    return made


def _fall(one: scenarios.Horizon, found: scenarios.Comparison) -> Waterfall:
    unit = found.ask.currency
    bars = [Bar(LABELS[cause.change.kind], cause.difference, "up" if cause.difference > 0 else "down") for cause in one.causes]
    bars.append(Bar("Difference", one.difference, "total"))
    return Waterfall(
        f"{one.label}: {fmt.compact(one.difference, unit)} against the base, by cause", bars, currency=unit, key=f"scenario-{one.label}"
    )


def _rows(found: scenarios.Comparison) -> list[dict[str, Any]]:
    made = []
    for one in found.horizons:
        made.append({"period": one.label, "what": "Base", "told": one.base, "expected": one.base.expected, "strong": True})
        made += [
            {"period": one.label, "what": cause.change.words(found.names), "told": None, "expected": cause.difference}
            for cause in one.causes
        ]
        made.append({"period": one.label, "what": "Scenario", "told": one.scenario, "expected": one.scenario.expected, "strong": True})
    return made


@require_POST
def store(request: HttpRequest) -> HttpResponse:
    """Store the scenario of the form."""
    by, view = web_actor(request), View.of(request)
    words = request.POST.getlist("c")
    made = scenarios.save(
        by=by, name=request.POST.get("name") or "", changes=from_words(words), shared=request.POST.get("shared") == "on",
        type=request.GET.get("type") or None, note=request.POST.get("note") or "",
    )  # fmt: skip
    messages.success(request, f"Stored as {made.name}.")
    return redirect(_address(request, view, [], stored=made.pk))


@require_POST
def remove(request: HttpRequest, number: int) -> HttpResponse:
    """Throw a stored scenario away."""
    by, view = web_actor(request), View.of(request)
    scenarios.remove(number, by=by)
    messages.success(request, "The scenario is gone.")
    return redirect(_address(request, view, []))


paths = [
    path("scenarios", page, name="scenarios"),
    path("scenarios/store", store, name="scenario-store"),
    path("scenarios/<int:number>/remove", remove, name="scenario-remove"),
]
