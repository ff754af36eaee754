"""The page of accuracy: how close calls come, who calls too low or too high, who is late, and how often commit is won."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from closedwon.base.errors import Invalid, NotFound
from closedwon.forecast import showing
from closedwon.forecast import showing_pace as words
from closedwon.forecast.actions import accuracy as scoring
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.context import View
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable

LABELS = {"commit": "Commit", "most_likely": "Most likely", "best_case": "Best case"}


def asked(request: HttpRequest, view: View) -> dict[str, Any]:
    """The question of the address, as the actions take it."""
    return {
        "as_of": view.as_of, "type": request.GET.get("type") or None, "org": view.org, "rates": view.rates, "currency": view.currency,
        "node": view.scope or None,
    }  # fmt: skip


def link(request: HttpRequest, view: View, to: str, **more: Any) -> str:
    """An address of the forecast with the type and the choices kept."""
    kept = {key: request.GET.get(key) for key in ("type", "category", "by") if request.GET.get(key)}
    return view.url(f"/forecast/{to}", **{**kept, **more})


def _category(request: HttpRequest) -> str:
    found = request.GET.get("category") or scoring.pace_policy().accuracy.category
    if found not in LABELS:
        raise Invalid(f"Nobody calls {found!r}.", mend=f"Use {', '.join(LABELS)}.")
    return found


@require_GET
def accuracy(request: HttpRequest) -> HttpResponse:
    """How close calls come, by day before the end and by seat."""
    by, view, category = web_actor(request), View.of(request), _category(request)
    found = scoring.accuracy(by=by, callers_only=True, **asked(request, view))
    if not found.has_calls:
        found = scoring.accuracy(by=by, **asked(request, view))
    table = _seats(request, view, found, category)
    if (answer := table.answer()) is not None:
        return answer
    top = words.top_level(found)
    chips = [(label, link(request, view, "accuracy", category=name), name == category) for name, label in LABELS.items()]
    return render(
        request, "forecast/accuracy.html",
        {
            "view": view, "title": "Accuracy", "types": showing.types(request.get_full_path()), "notes": found.notes, "alarms": (), "chips": chips,
            "lead": words.accuracy_lead(found), "tiles": _tiles(request, view, found, category, top), "unit": found.currency,
            "closeness": words.closeness(found, category, top), "habits": words.habit_chart(found), "told": words.habit_words(found),
            "hits": words.hit_chart(found, top), "table": table, "measured": words.measured_accuracy(found, view),
            "pacing": link(request, view, "pacing"),
        },
    )  # fmt: skip


def _tiles(request: HttpRequest, view: View, found: scoring.Accuracy, category: str, top: str) -> list[Tile]:
    line = words.level_line(found, top, category, 30)
    if line is None:
        return []
    said = line.call or line.bases.get("rollup")
    rollup = line.bases.get("rollup")
    commit = words.level_line(found, top, "commit", 30)
    who = "Call" if line.call else "Roll-up"
    made = [
        Tile(
            f"{who}, 30 days before", fmt.percent(said.wape if said else None), "off on average (WAPE)", hint="Σ |said − came| ÷ Σ |came|"
        ),
        Tile("To which side", fmt.percent(said.bias if said else None, sign=True), "below 0 is too low", hint="Σ (said − came) ÷ Σ |came|"),
    ]
    if line.call and rollup:
        added = rollup.value_added
        made.append(
            Tile(
                "Value added by calling", fmt.percent(added, sign=True), "against the roll-up of deals", "up" if (added or 0) > 0 else "down",
                hint="WAPE of the roll-up less the call’s",
            )
        )  # fmt: skip
    if commit is not None:
        made.append(
            Tile(
                "Commit won", fmt.percent(commit.hits.rate), f"{commit.hits.won:,} of {commit.hits.deals:,} deals, 30 days before",
                href=link(request, view, "accuracy/deals", period=found.periods[-1].label, day_n=30, category="commit"),
            )
        )  # fmt: skip
    return made


def _seats(request: HttpRequest, view: View, found: scoring.Accuracy, category: str) -> DataTable:
    columns = [
        Col("name", "Seat", href=lambda row: link(request, view, "accuracy/seat", seat=row["seat"], category=category), drawer=True, sub="holder"),
        Col("verdict", "Habit", filter=True, tone=lambda row: "warn" if row["verdict"] else "", hint="A middle miss to the same side in four of five quarters"),
        Col("bias", "Bias", "percent", phone="big", hint="The middle of the quarters’ biases; below 0 calls too low"),
        Col("periods", "Quarters", "number", hint="With a call, and over"),
        Col("wape", "Off, 30 days before", "percent", hint="WAPE of the call 30 days before the end"),
        Col("rollup", "Roll-up off", "percent", phone="hide", hint="WAPE of the deals below on that day"),
        Col("fva", "Value added", "percent", tone=lambda row: "warn" if (row["fva"] or 0) < 0 else "", hint="Against the roll-up: above 0 is closer"),
        Col("late", "Late weeks", "percent", phone="line", hint="Of the weeks with a call"),
        Col("level", "Level", filter=True),
    ]  # fmt: skip
    rows = words.seat_rows(found, category)
    return DataTable(
        request, "forecast:accuracy", columns, rows, title="Seat by seat", unit="", sort="bias", name="accuracy", page=25,
        note=f"{LABELS[category]}, {len(rows):,} seats",
        empty=("Nobody called", "Calls come from the board or from an import into forecast_calls."),
    )  # fmt: skip


@require_GET
def seat(request: HttpRequest) -> HttpResponse:
    """The drawer behind a seat: each quarter's calls by day before the end, against what came."""
    by, view, category = web_actor(request), View.of(request), _category(request)
    name = request.GET.get("seat") or ""
    found = scoring.accuracy(by=by, category=category, **{**asked(request, view), "node": name})
    mine = [line for line in found.lines if line.seat == name]
    if not mine:
        raise NotFound(f"The seat {name!r} has nothing to show.")
    unit = found.currency

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, sort=False, **more)

    columns = [
        Col("period", "Quarter", sort=False), Col("day_n", "Days before", "number", sort=False), money("call", "Call", phone="big"),
        money("rollup", "Roll-up"), money("children", "Calls below"), money("run_rate", "Run-rate", phone="hide"), money("actual", "Came"),
        Col("bias", "Miss", "percent", sort=False, hint="(call − came) ÷ came"),
    ]  # fmt: skip
    rows = [
        {
            "period": line.period, "day_n": line.day_n, "call": line.call.said if line.call else None, "actual": line.actual,
            **{key: line.bases[key].said if key in line.bases else None for key in ("rollup", "children", "run_rate")},
            "bias": line.call.bias if line.call else None,
        }
        for line in reversed(mine)
    ]  # fmt: skip
    table = DataTable(
        request, "forecast:accuracy-seat", columns, rows, title="Quarter by quarter", unit=unit, search=False, page=60, name="accuracy-seat"
    )
    if (answer := table.answer()) is not None:
        return answer
    context = {
        "title": found.names.get(name, name), "words": words.seat_words(found, name), "table": table, "view": view,
        "facts": [("Sits there", found.notes_of.get(name, "") or "–"), ("Call", LABELS[category]), *words.basis(found, view)],
    }  # fmt: skip
    return render(request, "forecast/number.html", context)


@require_GET
def deals(request: HttpRequest) -> HttpResponse:
    """The drawer behind a hit rate: the deals that stood in a category on that day, and which of them were won."""
    by, view, category = web_actor(request), View.of(request), _category(request)
    try:
        day_n = int(request.GET.get("day_n") or 30)
    except ValueError as error:
        raise Invalid("A day is a whole number of days before the end.", mend="Write day_n=30.") from error
    label = request.GET.get("period") or scoring.past_quarters(scoring.asked_of(view.as_of), 1)[0].label
    page = scoring.hit_deals(by=by, period=label, day_n=day_n, category=category, take=500, **asked(request, view))
    table = deal_table(request, view, page, "forecast:accuracy-deals")
    if (answer := table.answer()) is not None:
        return answer
    won = sum(1 for row in page.rows if row["is_won"])
    told = f"{won:,} of {len(page.rows):,} were won in {label}" + (
        "." if page.count <= len(page.rows) else f", of the {len(page.rows):,} largest."
    )
    facts = [
        ("Quarter", label),
        ("Seen", f"{day_n} days before its last day"),
        ("Category", LABELS[category]),
        *showing.facts(view, request.GET.get("type"))[2:],
    ]
    context = {
        "title": f"{LABELS[category]} {day_n} days before the end of {label}",
        "words": told,
        "facts": facts,
        "table": table,
        "view": view,
    }
    return render(request, "forecast/number.html", context)


def deal_table(request: HttpRequest, view: View, page: Any, key: str) -> DataTable:
    """A page of deals as they stood on a past day, with what became of them."""
    unit = page.currency
    columns = [
        Col("name", "Deal", href=lambda row: view.url(f"/pipeline/deals/{row['opportunity_id']}"), sub="account_name", sort=False),
        Col("amount_in_minor", "Amount then", "money", currency=unit, places=0, phone="big", sort=False, total=True),
        Col("came_minor", "Won at", "money", currency=unit, places=0, sort=False, total=True, hint="Won in the period, at this amount"),
        Col("became", "Became", "status", sort=False), Col("stage", "Stage then", sort=False, phone="hide"), Col("owner_name", "Owner", sort=False),
    ]  # fmt: skip
    rows = [{**row, "became": ("won", "good") if row["is_won"] else ("not in the period", "warn")} for row in page.rows]
    return DataTable(
        request, key, columns, rows, title="Deals", unit=unit, search=False, page=50, name=key.rpartition(":")[2],
        note=f"{len(rows):,} of {page.count:,}, the largest first",
    )  # fmt: skip


paths = [
    path("accuracy", accuracy, name="accuracy"),
    path("accuracy/seat", seat, name="accuracy-seat"),
    path("accuracy/deals", deals, name="accuracy-deals"),
]
