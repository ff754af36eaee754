"""The pages of the forecast: the board, the waterfall, deals to look at, and the drawers behind their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from django.views.decorators.http import require_GET

from closedwon.base.errors import Invalid
from closedwon.forecast import (
    actions,
    pages_accuracy,
    pages_calls,
    pages_closing,
    pages_flags,
    pages_optimize,
    pages_pacing,
    pages_projection,
    pages_renewals,
    pages_scenarios,
    pages_summary,
    showing,
)
from closedwon.forecast.actions import calls, projection
from closedwon.forecast.actions.board import Board
from closedwon.forecast.actions.projection import Machine
from closedwon.forecast.results import Line
from closedwon.forecast.rules import BUCKETS
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies.actions import READERS
from closedwon.ui import cells
from closedwon.ui import format as fmt
from closedwon.ui.alone import part_of
from closedwon.ui.context import View
from closedwon.ui.parts import Bullet, Mark, Step, Tile
from closedwon.ui.tables import Col, DataTable, Query, Rows
from closedwon.ui.trees import TreeTable

MODES = ("cumulative", "single")


def _asked(request: HttpRequest, view: View) -> dict[str, Any]:
    """What the address asks of the forecast."""
    return {
        "as_of": view.as_of, "period": view.period, "type": request.GET.get("type") or None, "org": view.org, "rates": view.rates,
        "currency": view.currency,
    }  # fmt: skip


def _mode(request: HttpRequest) -> str:
    mode = request.GET.get("mode") or MODES[0]
    if mode not in MODES:
        raise Invalid(f"There is no way of adding up called {mode!r}.", mend="Use cumulative or single.")
    return mode


def _url(request: HttpRequest, view: View, to: str, **more: Any) -> str:
    """An address of the forecast that keeps the view, the type and the way of adding up."""
    kept = {key: request.GET.get(key) for key in ("type", "mode") if request.GET.get(key)}
    scope = more.pop("scope", None)
    at = view if scope is None else View(view.period, view.as_of, view.org, view.currency, view.rates, scope)
    return at.url(f"/forecast/{to}", **{**kept, **more})


class _Links:
    """Addresses of the same view for many cells: the view is written once."""

    def __init__(self, request: HttpRequest, view: View, to: str, **more: Any) -> None:
        start = _url(request, view, to, scope="", **more)
        self.start = start + ("&" if "?" in start else "?")

    def __call__(self, scope: str, **more: Any) -> str:
        """The address for a node, with further parameters."""
        return self.start + urlencode({"scope": scope, **more})


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The forecast board: tiles, the tree of seats, what moved, deals to talk about."""
    by, view, mode = web_actor(request), View.of(request), _mode(request)
    made = actions.board(by=by, node=view.scope, **_asked(request, view))
    machine = projection.machine(by=by, node=view.scope or None, **_asked(request, view))
    called = calls.call_board(by=by, **_asked(request, view)) if view.period.kind != "all" else None
    tree = _tree(request, view, made, mode, machine, called)
    if (answer := tree.answer()) is not None:
        return answer
    context = {
        "view": view, "made": made, "tree": tree, "tiles": _tiles(request, view, made, mode, machine), "bullet": _bullet(made, machine),
        "coming": _coming(view, made, mode, None if machine is None else _machines(request, view, by, made)), "mode": mode, "modes": _modes(request, view), "types": showing.types(request.get_full_path()),
        "title": f"Forecast, {made.now.type.label}", "lead": showing.lead(made), "views": _views(request, view, made, mode),
        "moves": _url(request, view, "moves"), "talk": _url(request, view, "talk"), "behind": _url(request, view, "open"),
        "export": _url(request, view, "waterfall"), "unit": made.now.currency, "alarms": made.now.alarms, "notes": made.now.notes,
        "call": pages_calls.board_card(request, view, by, called), "calls_page": _url(request, view, "calls/"),
    }  # fmt: skip
    return render(request, "forecast/board.html", context)


def _modes(request: HttpRequest, view: View) -> list[tuple[str, str]]:
    at = {key: request.GET.get(key) for key in ("type",) if request.GET.get(key)}
    return [(mode, view.url("/forecast/", **at, mode=mode if mode != MODES[0] else "")) for mode in MODES]


def _number(line: Line, bucket: str, mode: str) -> int:
    return line.cumulative(bucket) if mode == "cumulative" and bucket in showing.STEPS else line[bucket]


def _tiles(request: HttpRequest, view: View, made: Board, mode: str, machine: Machine | None) -> list[Tile]:
    head, unit, before = made.head, made.now.currency, made.before(made.head)

    def opened(bucket: str) -> str:
        return _url(request, view, "number", bucket=bucket)

    def moved(bucket: str) -> dict[str, Any]:
        change = None if before is None else _number(head, bucket, mode) - _number(before, bucket, mode)
        return {"change": change, "since": "in a week", "href": opened(bucket)}

    plans = ", ".join(f"{plan} {fmt.compact(made.plans[plan], unit)}" for plan in ("operating", "board") if plan in made.plans)
    over = head.over_assigned
    small = plans or (f"over-assigned by {fmt.compact(over, unit)}" if over and over > 0 else "" if head.quota is None else "of the period")
    tiles = [Tile.money("Quota", head.quota, unit, small=small, href=opened("quota"))]
    tiles.append(Tile.money("Closed", head["closed"], unit, small=f"booked {fmt.compact(head['booked'], unit)}", href=opened("closed")))
    tiles += [Tile.money(label, _number(head, name, mode), unit, **moved(name)) for name, label in showing.STEPS.items()]
    if machine is None:
        tiles.append(Tile.money("Machine", head["machine"], unit, small="stage-weighted", href=opened("machine")))
    else:
        interval = f"{fmt.compact(machine.low, unit)} to {fmt.compact(machine.high, unit)}"
        tiles.append(Tile.money("Machine", machine.median, unit, small=interval, href=_url(request, view, "machine")))
    cover = f"cover {fmt.ratio(head.coverage)}, rest {fmt.ratio(head.coverage_of_rest)}" if head.quota else "no quota"
    gap_tone = "warn" if head.gap and head.gap > 0 else ""
    tiles.append(Tile("Gap to quota", fmt.compact(head.gap, unit), cover, gap_tone, opened("gap")))
    return tiles


def _bullet(made: Board, machine: Machine | None) -> Bullet:
    head, before = made.head, made.before(made.head)
    steps = [Step("closed", head["closed"], "won"), Step("commit", head.cumulative("commit"), "commit")]
    steps += [Step("most likely", head.cumulative("most_likely"), "likely"), Step("best case", head.cumulative("best_case"), "best")]
    marks = [Mark("machine", head["machine"]) if machine is None else Mark("machine", machine.median, low=machine.low, high=machine.high)]
    if before is not None and before.cumulative("commit") != head.cumulative("commit"):
        marks.append(Mark("commit a week ago", before.cumulative("commit")))
    return Bullet(steps, target=head.quota, marks=marks, currency=made.now.currency)


def _machines(request: HttpRequest, view: View, by: Actor, made: Board) -> dict[str, int | None]:
    """The projection of this period and the next two, for those that are kept ready."""
    found = {}
    for one in (made.now, *made.coming):
        machine = projection.machine(by=by, node=view.scope or None, **{**_asked(request, view), "period": one.period})
        found[one.period.label] = machine.median if machine else None
    return found


def _coming(view: View, made: Board, mode: str, machines: Mapping[str, int | None] | None) -> list[dict[str, Any]]:
    """This period and the next two, side by side, each with its address."""
    rows = []
    for found in (made.now, *made.coming):
        line = found.total if not made.node else next((one for one in found.lines if one.node == made.node), Line(made.node, "", "", {}))
        rows.append(
            {
                "label": found.period.label, "days": f"{fmt.day(found.period.start)} to {fmt.day(found.period.last)}", "line": line,
                "href": View(found.period, view.as_of, view.org, view.currency, view.rates, view.scope).url("/forecast/"),
                "numbers": [(label, _number(line, name, mode)) for name, label in showing.STEPS.items()],
                "open": line.open_in_period, "closed": line["closed"], "quota": line.quota, "coverage": line.coverage,
                "machine": line["machine"] if machines is None else machines[found.period.label],
            }
        )  # fmt: skip
    return rows


def _views(request: HttpRequest, view: View, made: Board, mode: str) -> list[dict[str, Any]]:
    """The chosen node three ways: its own deals, with everything below, and the node above."""
    if not made.node:
        return []
    ways = [("Own deals", made.own, ""), ("With everything below", made.head, "")]
    if made.parent is not None:
        ways.append((f"Parent: {made.parent.name}", made.parent, _url(request, view, "", scope=made.parent.node)))
    return [
        {"label": label, "href": href, "closed": line["closed"], "open": line["total_open"], "quota": line.quota,
         "numbers": [_number(line, name, mode) for name in showing.STEPS]}
        for label, line, href in ways if line is not None
    ]  # fmt: skip


def _tree(request: HttpRequest, view: View, made: Board, mode: str, machine: Machine | None, called: calls.CallBoard | None) -> TreeTable:
    unit = made.now.currency

    numbers, boards = _Links(request, view, "number"), _Links(request, view, "")

    def opened(bucket: str) -> Any:
        return lambda row: numbers(row["id"], bucket=bucket) if row["id"] != "total" else None

    def money(key: str, label: str, **more: Any) -> Col:
        return Col(key, label, "money", currency=unit, places=0, href=opened(key), drawer=True, **{"phone": "hide", **more})

    columns = [
        Col("name", "Seat", href=lambda row: boards(row["id"])),
        money("quota", "Quota", hint="The seat's own, else the sum of the seats below; over is what those carry more", sub="over"),
        money("closed", "Closed", phone="line"),
        *(money(name, label, phone="line" if name != "best_case" else "hide") for name, label in showing.STEPS.items()),
        *(pages_calls.board_columns(request, view, unit) if called is not None else ()),
        Col("gap", "Gap", "money", currency=unit, places=0, phone="hide", hint="Quota less closed, commit and most likely"),
        Col("coverage", "Cover", "ratio", phone="hide", hint="Open deals of the period over the quota"),
        Col("week", "Week", "change", currency=unit, places=0, phone="line", hint="Change of closed, commit and most likely in a week"),
        _machine_column(request, view, money, unit, machine),
        money("pipeline", "Pipeline"),
        Col("rest", "Cover of rest", "ratio", phone="hide", hint="Open deals of the period over what is left of the quota after closed"),
        money("booked", "Booked"),
        Col(
            "year",
            "Year",
            "change",
            currency=unit,
            places=0,
            phone="hide",
            hint="Closed against the same day of the same period a year before",
        ),
    ]
    rows = [_tree_row(made, line, mode, machine) | pages_calls.board_cells(called, line.node) for line in made.lines]
    return TreeTable(
        "board", columns, rows, request=request, title="By seat", unit=unit, note="a number opens its deals, a name its own board",
        open_levels=2, totals=None if made.node else _tree_row(made, made.now.total, mode, machine) | pages_calls.board_cells(None, "total"), name=f"forecast-{made.now.period.label}",
        empty_title="No seats yet", empty_text="Import users with their managers, or seats, to see the forecast by seat.",
    )  # fmt: skip


def _machine_column(request: HttpRequest, view: View, money: Any, unit: str, machine: Machine | None) -> Col:
    if machine is None:
        found: Col = money("machine", "Machine", hint="Stage-weighted roll-up")
        return found
    links = _Links(request, view, "machine")
    hint = "What the projection expects: won so far, open deals, new business. Expected values add up; medians do not"
    return Col(
        "machine", "Machine", "money", currency=unit, places=0, phone="hide", hint=hint, drawer=True,
        href=lambda row: links(row["id"]) if row["id"] != "total" else None,
    )  # fmt: skip


def _tree_row(made: Board, line: Line, mode: str, machine: Machine | None) -> dict[str, Any]:
    week, year = made.before(line), made.year_before(line)
    amounts = {name: _number(line, name, mode) for name in (*showing.STEPS, "pipeline")}
    over = line.over_assigned or 0
    return {
        "id": line.node, "parent": line.parent, "name": line.name, "note": line.note, "quota": line.quota, "rest": line.coverage_of_rest, "booked": line["booked"],
        "over": f"over {fmt.compact(over, made.now.currency)}" if over > 0 else "", "closed": line["closed"], **amounts,
        "machine": line["machine"] if machine is None else machine.of(line), "gap": line.gap, "coverage": line.coverage,
        "week": None if week is None else line.cumulative("most_likely") - week.cumulative("most_likely"),
        "year": None if year is None or not (year["closed"] or line["closed"]) else line["closed"] - year["closed"],
    }  # fmt: skip


@require_GET
@part_of("forecast:board")
def moves(request: HttpRequest) -> HttpResponse:
    """The week's waterfall, as a part of the board."""
    by, view = web_actor(request), View.of(request)
    asked = _asked(request, view)
    begin = (view.as_of or view.day) - timedelta(days=7)
    made = actions.waterfall(by=by, begin=begin, end=asked.pop("as_of"), node=view.scope or None, **asked)
    chart = showing.chart(made.total, made, lambda bucket: _url(request, view, "waterfall/bar", bucket=bucket, begin=begin.isoformat()))
    return render(request, "forecast/part_chart.html", {"chart": chart, "view": view})


@require_GET
@part_of("forecast:board")
def talk(request: HttpRequest) -> HttpResponse:
    """Five deals to talk about: flagged deals in the surer categories, as a part of the board."""
    by, view = web_actor(request), View.of(request)
    page = actions.inspection(by=by, node=view.scope or None, **_asked(request, view))
    sure = [row for row in page.rows if row["category"] in ("commit", "most_likely", "best_case")] or list(page.rows)
    sure.sort(key=lambda row: (not any(flag.severity == "high" for flag in row["flags"]), -abs(row["amount_in_minor"])))
    context = {
        "rows": [_shown(view, row, request.GET.get("type", "")) for row in sure[:5]],
        "count": len(sure),
        "unit": page.currency,
        "all": _url(request, view, "deals"),
        "view": view,
    }
    return render(request, "forecast/part_talk.html", context)


def _shown(view: View, row: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {
        **row,
        "href": view.url(f"/pipeline/deals/{row['opportunity_id']}"),
        "label": showing.category(row["category"]),
        "marks": _marks(view, row, kind),
    }


def _marks(view: View, row: Mapping[str, Any], kind: str) -> list[cells.Flag]:
    return [
        cells.Flag(
            flag.label, "bad" if flag.severity == "high" else "warn", flag.reason,
            view.url(f"/forecast/deals/{quote(row['opportunity_id'], safe='')}/flags/{flag.name}", type=kind),
        )
        for flag in row["flags"]
    ]  # fmt: skip


def _deal_columns(view: View, unit: str, kind: str = "", *, flags: bool = True) -> list[Col]:
    columns = [
        Col("name", "Deal", href=lambda row: view.url(f"/pipeline/deals/{row['opportunity_id']}"), drawer=True, sort=False),
        Col(
            "amount_in_minor",
            "Amount",
            "money",
            currency=unit,
            places=0,
            phone="big",
            sort=False,
            total=True,
            href=_override,
            swap=True,
            sub="over_amount",
        ),
        Col("close_date", "Close", "date", sort=False, href=_override, swap=True, sub="over_close_date"),
        Col(
            "category",
            "Category",
            value=lambda row: showing.category(row["category"]),
            sort=False,
            href=_override,
            swap=True,
            sub="over_category",
        ),
    ]
    if flags:
        columns.append(Col("flags", "Flags", "flags", value=lambda row: _marks(view, row, kind), phone="wide", sort=False))
    return [
        *columns,
        Col("stage", "Stage", sort=False),
        Col("owner_name", "Owner", sort=False),
        Col("account_name", "Account", sort=False, hidden=True),
        Col("next_step", "Next step", sort=False, hidden=True),
        Col("last_activity_at", "Last activity", "date", sort=False, hidden=True),
    ]


def _override(row: Mapping[str, Any]) -> str | None:
    """Where a deal's values are overridden for the forecast, by those who may."""
    return row.get("override_href")


def _paged(ask: Any, add: Any = None) -> Any:
    """Rows of a table from an action that takes `skip` and `take`; `add` puts more into each row."""

    def rows(query: Query) -> Rows:
        page = ask(query.offset, query.limit)
        return Rows(add(page.rows) if add else page.rows, page.count, {"amount_in_minor": page.total_minor})

    return rows


@require_GET
@part_of("forecast:board")
def opened(request: HttpRequest) -> HttpResponse:
    """The open deals of the chosen node, as a part of the board."""
    by, view = web_actor(request), View.of(request)
    asked = _asked(request, view)
    names = showing.open_buckets()

    def ask(skip: int, take: int) -> actions.DealPage:
        return actions.deals_behind(by=by, buckets=names, node=view.scope or None, skip=skip, take=take, **asked)

    table = DataTable(
        request, "forecast:open", _deal_columns(view, view.currency, request.GET.get("type", "")),
        _paged(ask, pages_calls.override_cells(request, view, by)), title="Open deals of the period", unit=view.currency,
        note="the largest first, undated ones too", search=False, page=20, name="open-deals",
        empty=("No open deals", "Nothing is open in this period here."),
    )  # fmt: skip
    return table.answer() or render(request, "forecast/part_table.html", {"table": table, "view": view})


@require_GET
def number(request: HttpRequest) -> HttpResponse:
    """What a number means, and the deals behind it."""
    by, view = web_actor(request), View.of(request)
    bucket, asked = request.GET.get("bucket", ""), _asked(request, view)
    words = showing.definition(bucket, _mode(request))
    buckets = showing.buckets_of(bucket, _mode(request))
    table = None
    if buckets:

        def ask(skip: int, take: int) -> actions.DealPage:
            return actions.deals_behind(by=by, buckets=buckets, node=view.scope or None, skip=skip, take=take, **asked)

        table = DataTable(
            request, "forecast:number", _deal_columns(view, view.currency, request.GET.get("type", "")), _paged(ask), unit=view.currency, search=False, page=25,
            name=f"forecast-{bucket}", empty=("No deals", "No deal stands behind this number."),
        )  # fmt: skip
        if (answer := table.answer()) is not None:
            return answer
    else:
        actions.roll_up(by=by, node=view.scope or None, **asked)  # the same door: who may not see the number learns nothing of it
    context = {
        "title": showing.label(bucket),
        "words": words,
        "table": table,
        "view": view,
        "facts": showing.facts(view, request.GET.get("type")),
    }
    return render(request, "forecast/number.html", context)


def _day(request: HttpRequest, name: str, default: date) -> date:
    text = request.GET.get(name, "")
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Write it as 2026-11-23.") from error


def _bar_column(name: str, unit: str, bar: Any) -> Col:
    def href(row: Mapping[str, Any]) -> str | None:
        return bar(name, row["node"]) if row.get("node") != "total" and row[name] else None

    phone = "line" if name in ("begin", "end") else "hide"
    return Col(
        name, showing.BARS[name], "money", currency=unit, places=0, href=href, drawer=True, phone=phone, hint=showing.BAR_WORDS[name]
    )


@require_GET
def waterfall(request: HttpRequest) -> HttpResponse:
    """What moved the pipeline between two days: the chart, and each node below."""
    by, view = web_actor(request), View.of(request)
    asked = _asked(request, view)
    end = asked.pop("as_of")
    begin = _day(request, "begin", (end or view.day) - timedelta(days=7))
    made = actions.waterfall(by=by, begin=begin, end=end, node=view.scope or None, every_seat=bool(view.scope), **asked)

    bars, falls = (
        _Links(request, view, "waterfall/bar", begin=begin.isoformat()),
        _Links(request, view, "waterfall", begin=begin.isoformat()),
    )

    def bar(bucket: str, scope: str = view.scope) -> str:
        return bars(scope, bucket=bucket)

    columns = [Col("name", "Seat", href=lambda row: falls(row["node"]))]
    columns += [_bar_column(name, made.currency, bar) for name in BUCKETS if name != "fx" or made.rates == "as-reported"]
    rows = [
        {**line.amounts, "id": f"{line.node}\n{line.parent}", "node": line.node, "parent": line.parent, "name": line.name}
        for line in made.lines
    ]
    first_row = {row["node"]: row["id"] for row in reversed(rows)}
    tree = TreeTable(
        "waterfall", columns, [{**row, "parent": first_row.get(row["parent"], "")} for row in rows], request=request, title="By seat",
        unit=made.currency, note="a number opens its deals", totals={**made.total.amounts, "node": "total", "name": "Total"},
        name=f"waterfall-{made.period.label}",
    )  # fmt: skip
    if (answer := tree.answer()) is not None:
        return answer
    chart = showing.chart(made.total, made, bar, width=980)
    context = {
        "view": view, "made": made, "tree": tree, "chart": chart, "begin": begin, "title": "Waterfall", "types": showing.types(request.get_full_path()),
        "lead": f"{made.type.label} of {made.period.label}, from the close of {fmt.day(made.begin, year=True)} to the close of {fmt.day(made.end, year=True)}.",
        "alarms": made.alarms, "notes": made.notes,
        "kept": [(key, value) for key, value in request.GET.items() if key not in ("begin", "as_of")],
    }  # fmt: skip
    return render(request, "forecast/waterfall.html", context)


@require_GET
def bar(request: HttpRequest) -> HttpResponse:
    """The deals behind a bar of the waterfall."""
    by, view = web_actor(request), View.of(request)
    asked = _asked(request, view)
    end, bucket = asked.pop("as_of"), request.GET.get("bucket", "")
    begin = _day(request, "begin", (end or view.day) - timedelta(days=7))

    def ask(skip: int, take: int) -> actions.DealPage:
        return actions.bar_deals(by=by, begin=begin, end=end, bucket=bucket, node=view.scope or None, skip=skip, take=take, **asked)

    columns = _deal_columns(view, view.currency, flags=False)
    columns[2:] = [
        Col("stage_before", "Stage before", value=lambda row: row["before"].get("stage"), sort=False, phone="hide"),
        Col("stage", "Stage after", sort=False),
        Col("close_before", "Close before", "date", value=lambda row: row["before"].get("close_date"), sort=False, phone="hide"),
        Col("close_date", "Close after", "date", sort=False),
        Col("owner_name", "Owner", sort=False),
    ]
    table = DataTable(
        request, "forecast:bar", columns, _paged(ask), unit=view.currency, search=False, page=25, name=f"waterfall-{bucket}",
        empty=("No deals", "No deal stands behind this bar."),
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    context = {
        "title": showing.BARS.get(bucket, bucket), "words": showing.BAR_WORDS.get(bucket, ""), "table": table, "view": view,
        "facts": [("From", f"close of {fmt.day(begin, year=True)}"), ("To", f"close of {fmt.day(view.day, year=True)}"), *showing.facts(view, request.GET.get("type"))[1:]],
    }  # fmt: skip
    return render(request, "forecast/number.html", context)


@require_GET
def deals(request: HttpRequest) -> HttpResponse:
    """Deals that deserve a look, the most urgent first."""
    by, view = web_actor(request), View.of(request)
    flag = request.GET.get("flag", "")
    page = actions.inspection(by=by, node=view.scope or None, **_asked(request, view))
    counts = showing.flag_counts(page.rows)
    rows: Sequence[Mapping[str, Any]] = [row for row in page.rows if not flag or any(item.name == flag for item in row["flags"])]
    columns = _deal_columns(view, page.currency, request.GET.get("type", ""))
    table = DataTable(
        request, "forecast:inspection", [_sortable(col) for col in columns], rows, title="Deals to look at", unit=page.currency,
        note="the most urgent first", name="deal-inspection",
        empty=("Nothing stands out", "No open deal of this period has a flag."),
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    chips = [
        {"label": label, "count": count, "on": rule == flag, "href": _url(request, view, "deals", flag="" if rule == flag else rule)}
        for rule, label, count in counts
    ]
    context = {
        "view": view, "table": table, "chips": chips, "may_read": by.has(*READERS), "types": showing.types(request.get_full_path()), "title": "Deal inspection",
        "lead": f"{page.count:,} open deals of {view.period.label} have at least one flag; they are worth {fmt.compact(page.total_minor, page.currency)} {page.currency}.",
    }  # fmt: skip
    return render(request, "forecast/deals.html", context)


def _sortable(col: Col) -> Col:
    from dataclasses import replace

    return replace(col, sort=True, filter=col.key in ("category", "stage", "owner_name"))


urlpatterns = [
    path(
        "forecast/",
        include(
            (
                [
                    path("", board, name="board"),
                    path("moves", moves, name="moves"),
                    path("talk", talk, name="talk"),
                    path("open", opened, name="open"),
                    path("number", number, name="number"),
                    path("waterfall", waterfall, name="waterfall"),
                    path("waterfall/bar", bar, name="bar"),
                    path("deals", deals, name="deals"),
                    *pages_calls.paths,
                    *pages_flags.paths,
                    *pages_projection.paths,
                    *pages_optimize.paths,
                    *pages_renewals.paths,
                    *pages_scenarios.paths,
                    *pages_closing.paths,
                    *pages_accuracy.paths,
                    *pages_pacing.paths,
                    *pages_summary.paths,
                ],
                "forecast",
            )
        ),
    )
]
