"""The pages of the projection: what a period will come to, and the back-test."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from closedwon.base.errors import Invalid
from closedwon.forecast import showing
from closedwon.forecast import showing_projection as words
from closedwon.forecast.actions import backtest, projection
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.context import View
from closedwon.ui.tables import Col, DataTable

EVERY = {"month": "every end of a month", "week": "every Sunday"}
_KEPT = ("type", "mode")


def _asked(request: HttpRequest, view: View) -> dict[str, Any]:
    return {
        "as_of": view.as_of, "period": view.period, "type": request.GET.get("type") or None, "org": view.org, "rates": view.rates,
        "currency": view.currency,
    }  # fmt: skip


def _url(request: HttpRequest, view: View, to: str, **more: Any) -> str:
    kept = {key: request.GET.get(key) for key in _KEPT if request.GET.get(key)}
    return view.url(f"/forecast/{to}", **{**kept, **more})


def _polls(request: HttpRequest) -> bool:
    """Whether a waiting page asks if the work is done."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Target", "") == "waits"


def _anew() -> HttpResponse:
    """Have the waiting page load itself anew: what it waited for is there."""
    answer = HttpResponse(status=200)
    answer["HX-Refresh"] = "true"
    return answer


@require_GET
def outlook(request: HttpRequest) -> HttpResponse:
    """What the period will come to: won so far, open deals, new business, and the curves behind."""
    by, view = web_actor(request), View.of(request)
    head: dict[str, Any] = {
        "view": view, "title": "Projection", "types": showing.types(request.get_full_path()), "back": _url(request, view, "projection/backtest"),
        "board": _url(request, view, ""),
    }  # fmt: skip
    waiting = projection.waiting(by=by, node=view.scope or None, **_asked(request, view))
    if waiting is not None:
        return render(request, "forecast/projection_wait.html", {**head, "job": waiting, "url": request.get_full_path()})
    if _polls(request):
        return _anew()
    found = projection.projection(by=by, node=view.scope or None, take=200, **_asked(request, view))
    head |= {"made": found, "lead": words.lead(found), "unit": found.ask.currency, "notes": found.notes}
    if found.refusal:
        return render(request, "forecast/projection.html", head)
    table = _deals(request, view, found)
    if table is not None and (answer := table.answer()) is not None:
        return answer
    contracts = _contracts(request, view, found)
    if contracts is not None and (answer := contracts.answer()) is not None:
        return answer
    curve = next((one for one in found.curves if one.name == request.GET.get("curve")), found.curves[0] if found.curves else None)
    names = [(one.name, _url(request, view, "projection", curve=one.name) + "#chart-curve", one is curve) for one in found.curves]
    return render(
        request, "forecast/projection.html",
        {
            **head, "tiles": words.tiles(found, head["board"]), "steps": words.steps(found), "outcomes": words.outcomes(found), "table": table,
            "curve": words.curve_chart(curve) if curve else None, "curve_rows": words.curve_rows(curve) if curve else [], "curves": names,
            "looks": words.look_rows(found), "factors": words.factor_rows(found), "correction": words.correction_words(found),
            "joint": words.joint_rows(found), "contracts": contracts, "chances": found.renewals.lines if found.renewals and found.sees_all else [],
        },
    )  # fmt: skip


def _deals(request: HttpRequest, view: View, found: projection.Projection) -> DataTable | None:
    if not found.deals:
        return None
    unit = found.ask.currency
    columns = [
        Col("name", "Deal", href=lambda row: view.url(f"/pipeline/deals/{row['id']}"), drawer=True, sort=False),
        Col("expected", "Expected", "money", currency=unit, places=0, phone="big", sort=False, hint="Chance times value"),
        Col(
            "chance", "Chance", "percent", sort=False, hint="To be won in the days that count, by curves, close date, size and past misses"
        ),
        Col("value", "Value if won", "money", currency=unit, places=0, sort=False),
        Col("stage", "Stage", sort=False),
        Col("due", "Close date", sort=False, hint="Where it lies against the days that count"),
        Col("owner", "Owner", sort=False, phone="hide"),
    ]
    rows = [
        {
            "id": one.opportunity_id, "name": card.get("name") or one.opportunity_id, "owner": card.get("owner_name"), "stage": one.stage,
            "due": words.DUES[one.due], "value": one.value_minor, "chance": one.chance, "expected": one.expected_minor,
        }
        for one, card in projection.with_cards(found)
    ]  # fmt: skip
    return DataTable(
        request, "forecast:projection", columns, rows, title="The deals that matter most", unit=unit, search=False, page=15, name="projection-deals",
        note=f"{len(rows):,} of {found.deal_count:,} open deals, by what they are expected to bring",
    )  # fmt: skip


def _contracts(request: HttpRequest, view: View, found: projection.Projection) -> DataTable | None:
    if found.renewals is None or not found.renewals.contracts:
        return None
    unit, part = found.ask.currency, found.renewals
    columns = [
        Col("account", "Contract of", href=lambda row: view.url(f"/pipeline/accounts/{row['account_id']}"), drawer=True, sort=False),
        Col("expected", "Expected", "money", currency=unit, places=0, phone="big", sort=False, hint="Chance times what goes on if renewed"),
        Col("chance", "Chance", "percent", sort=False, hint="To be renewed, by days to the end, segment and size"),
        Col("atr", "Available to renew", "money", currency=unit, places=0, sort=False),
        Col("end", "Term ends", "date", sort=False),
        Col("deal", "Deal", sort=False, phone="hide"),
    ]
    rows = [
        {
            "account": one.contract.row["account_name"] or one.contract.row["contract_id"], "account_id": one.contract.row["account_id"],
            "expected": one.expected_minor, "chance": one.chance, "atr": one.contract.atr_minor, "end": one.contract.row["end_date"],
            "deal": one.contract.row["deal_name"] or "none yet",
        }
        for one in part.contracts
    ]  # fmt: skip
    return DataTable(
        request, "forecast:projection", columns, rows, title="The contracts that matter most", unit=unit, search=False, page=15, prefix="c-",
        name="projection-contracts", note=f"{len(rows):,} of {part.count:,} open contracts, by what they are expected to keep",
    )  # fmt: skip


def _choice(request: HttpRequest, view: View) -> tuple[list[date], int, str, int]:
    """The past days that the address asks for, the horizon, how far apart they lie, and how many."""
    given = request.POST if request.method == "POST" else request.GET
    try:
        horizon, count = int(given.get("horizon") or 90), int(given.get("count") or 12)
    except ValueError as error:
        raise Invalid("Horizon and count are whole numbers.", mend="Write 90 and 12.") from error
    every = given.get("every") or "month"
    if every not in EVERY or not 1 <= horizon <= 366 or not 1 <= count <= 104:
        raise Invalid("There is no such back-test.", mend="Look 1 to 366 days ahead, at up to 104 months or weeks.")
    days = words.month_ends(view, count, horizon) if every == "month" else words.week_ends(view, count, horizon)
    return days, horizon, every, count


@require_http_methods(["GET", "POST"])
def look_back(request: HttpRequest) -> HttpResponse:
    """Past days replayed with only what was known then: as a job, whose result stays."""
    by, view = web_actor(request), View.of(request)
    days, horizon, every, count = _choice(request, view)
    wanted: dict[str, Any] = {"days": days, "horizon": horizon, "type": request.GET.get("type") or None, "currency": view.currency}
    if request.method == "POST":
        backtest.start_backtest(by=by, **wanted)
        return redirect(_url(request, view, "projection/backtest", horizon=horizon, every=every, count=count))
    job = backtest.find_backtest(by=by, **wanted)
    context: dict[str, Any] = {
        "view": view, "title": "Back-test", "types": showing.types(request.get_full_path()), "horizon": horizon, "every": every, "count": count,
        "choices": EVERY.items(), "job": job, "url": request.get_full_path(), "projection": _url(request, view, "projection"), "first": days[0],
        "last": days[-1], "action": _url(request, view, "projection/backtest"), "unit": view.currency,
    }  # fmt: skip
    if job is not None and job.finished and _polls(request):
        return _anew()
    if job is not None and job.status == "done":
        looks = backtest.looks_of(job)
        made = backtest.BackTest(looks, horizon, view.currency, wanted["type"] or "")
        rows = [vars(look) for look in looks]
        table = _looks(request, view, looks)
        if (answer := table.answer()) is not None:
            return answer
        names = (("projection", "Projection"), ("run_rate", "Run-rate"), ("open_x_win_rate", "Open × win rate"))
        context |= {
            "table": table, "covered": made.covered, "chart": words.backtest_chart([{**row, "as_of": row["day"]} for row in rows], view.currency),
            "scores": [(label, made.wape(name), made.bias(name)) for name, label in names], "told": any(look.actual is not None for look in looks),
        }  # fmt: skip
    return render(request, "forecast/backtest.html", context)


def _looks(request: HttpRequest, view: View, looks: Any) -> DataTable:
    unit = view.currency

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, sort=False, **more)

    columns = [
        Col("day", "As of", "date", sort=False),
        money("projection", "Projection", phone="big"), money("low", "Low"), money("high", "High"), money("actual", "Came"),
        Col("inside", "In the interval", "status", sort=False),
        money("run_rate", "Run-rate", phone="hide", hint="What was won in the 90 days before, carried on"),
        money("open_x_win_rate", "Open × win rate", phone="hide", hint="Open amounts times won of closed deals"),
        Col("refusal", "Why not", sort=False, hidden=True),
    ]  # fmt: skip
    said = {True: ("yes", "good"), False: ("no", "bad"), None: None}
    rows = [{**vars(look), "inside": said[look.is_inside]} for look in reversed(looks)]
    return DataTable(
        request,
        "forecast:backtest",
        columns,
        rows,
        title="Day by day",
        unit=unit,
        search=False,
        page=60,
        name="backtest",
        note="the latest first",
    )


@require_GET
def machine(request: HttpRequest) -> HttpResponse:
    """The drawer behind the machine's number: what it is made of, and the deals that bring most of it."""
    by, view = web_actor(request), View.of(request)
    found = projection.projection(by=by, node=view.scope or None, take=25, **_asked(request, view))
    unit = found.ask.currency
    table = None if found.refusal else _deals(request, view, found)
    if table is not None and (answer := table.answer()) is not None:
        return answer
    parts = [("Won so far", found.closed), ("Open deals", found.open), ("New business", found.new), ("Expected", found.total)]
    numbers = [(label, f"{fmt.money(amount, unit)} {unit}") for label, amount in parts]
    if found.median is not None:
        numbers.append(
            (
                "Median",
                f"{fmt.money(found.median, unit)} {unit}, eight of ten outcomes from {fmt.compact(found.low, unit)} to {fmt.compact(found.high, unit)}",
            )
        )
    context = {
        "title": "Machine", "words": found.refusal or MEANING, "table": table, "view": view,
        "facts": [*numbers, *showing.facts(view, request.GET.get("type"))],
    }  # fmt: skip
    return render(request, "forecast/number.html", context)


MEANING = (
    "What the period comes to by the company’s own curves: won so far, each open deal times its chance, and new business still to come. "
    "Expected values add up over seats; medians and intervals do not."
)
paths = [
    path("machine", machine, name="machine"),
    path("projection", outlook, name="projection"),
    path("projection/backtest", look_back, name="backtest"),
]
