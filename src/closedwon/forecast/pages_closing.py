"""The pages of the close room: where each signed deal stands, the flash by hour, the tie-out, and what changed after the lock."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods

from closedwon.base.errors import Invalid
from closedwon.forecast import showing
from closedwon.forecast.actions import closing
from closedwon.forecast.closing.tieout import CRM_CAUSES, FINANCE_CAUSES
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.charts import Bar, Chart, Waterfall
from closedwon.ui.context import View
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable
from closedwon.workspace import current

TONES = {"signed": "warn", "in_check": "info", "rejected": "bad", "booked": "good", "debooked": "bad"}
LARGEST_UPLOAD = 20_000_000


def _asked(request: HttpRequest, view: View) -> dict[str, Any]:
    return {
        "as_of": view.as_of, "period": view.period, "type": request.GET.get("type") or None, "rates": view.rates, "currency": view.currency,
        "node": view.scope or None,
    }  # fmt: skip


def _url(request: HttpRequest, view: View, to: str, **more: Any) -> str:
    kept = {"type": request.GET.get("type")} if request.GET.get("type") else {}
    return view.url(f"/forecast/{to}", **{**kept, **more})


@require_http_methods(["GET", "POST"])
def room(request: HttpRequest) -> HttpResponse:
    """The close of the period; a posted finance file is held against it and not kept."""
    by, view = web_actor(request), View.of(request)
    found = _with_file(request, by, view) if request.method == "POST" else closing.close_room(by=by, **_asked(request, view))
    deals, late, differences = _deals(request, view, found), _late(request, view, found), _differences(request, view, found)
    for table in (deals, late, differences):
        if table is not None and (answer := table.answer()) is not None:
            return answer
    unit = found.ask.currency
    return render(
        request, "forecast/close.html",
        {
            "view": view, "title": "Quarter end", "lead": _lead(found), "types": showing.types(request.get_full_path()), "found": found, "unit": unit,
            "tiles": _tiles(found), "deals": deals, "late": late if found.late else None, "differences": differences, "flash": _flash(found),
            "flash_rows": closing.flash_rows(found.tracks), "tie": _tie(found), "causes": _causes(found), "day": found.ask.day,
            "restatements": _url(request, view, "close/restatements"), "action": _url(request, view, "close"),
        },
    )  # fmt: skip


def _with_file(request: HttpRequest, by: Any, view: View) -> closing.CloseRoom:
    given: Any = request.FILES.get("file")
    if given is None:
        raise Invalid("No file was chosen.", mend="Choose a CSV or Excel file with order_id and amount.")
    if given.size > LARGEST_UPLOAD:
        raise Invalid("The file is too large.", mend="Give the rows of one period, 20 MB at most.")
    suffix = Path(given.name or "").suffix.lower()
    if suffix not in (".csv", ".xlsx", ".tsv"):
        raise Invalid(f"{given.name} is not a file that can be read.", mend="Choose a CSV or Excel file.")
    with tempfile.TemporaryDirectory(prefix="closedwon-finance-") as folder:
        file = Path(folder) / f"finance{suffix}"
        with file.open("wb") as out:
            for chunk in given.chunks():
                out.write(chunk)
        return closing.close_room(by=by, finance=file, **_asked(request, view))


def _lead(found: closing.CloseRoom) -> str:
    unit, sums = found.ask.currency, found.sums()
    waits = sum(sums[name][0] for name in ("signed", "in_check", "rejected"))
    count = sum(sums[name][1] for name in ("signed", "in_check", "rejected"))
    label = found.ask.period.label
    locked = f"locked since {fmt.instant(found.locked_at)}" if found.locked_at else "not locked yet"
    if not found.books_orders:
        return f"{label}: there is no order system, so a won deal counts as booked; {locked}."
    if not count:
        return f"{label}: every signed deal is booked; {locked}."
    return f"{label}: {count:,} signed deals worth {fmt.compact(waits, unit)} {unit} wait to be booked; {locked}."


def _tiles(found: closing.CloseRoom) -> list[Tile]:
    unit = found.ask.currency
    made = [
        Tile.money(
            closing.STATES[name],
            total,
            unit,
            small=f"{count:,} deal{'' if count == 1 else 's'}",
            tone="warn" if name == "rejected" and count else "",
        )
        for name, (total, count) in found.sums().items()
        if name != "debooked" or count
    ]
    late = sum(one.amount_minor for one in found.late)
    made.append(
        Tile.money(
            "Late bookings",
            late,
            unit,
            small=f"{len(found.late):,} after the end",
            hint="Accepted after the end of the period and dated into it",
        )
    )
    if found.tie is not None and found.tie.finance is not None:
        made.append(Tile.money("Finance less booked", found.tie.finance - found.tie.booked, unit, small="explained by cause below"))
    return made


def _deals(request: HttpRequest, view: View, found: closing.CloseRoom) -> DataTable:
    unit = found.ask.currency
    order = list(closing.STATES)
    columns = [
        Col("name", "Deal", href=lambda row: view.url(f"/pipeline/deals/{row['id']}"), drawer=True, sub="account"),
        Col("amount", "Amount", "money", currency=unit, places=0, phone="big", total=True),
        Col("state", "Stands", filter=True, tone=lambda row: TONES[row["key"]]), Col("signed", "Signed", "instant"), Col("booked", "Booked", "instant"),
        Col("order", "Order", phone="hide"), Col("why", "Why", phone="wide"), Col("owner", "Owner", phone="hide", filter=True),
    ]  # fmt: skip
    rows = [
        {
            "id": one.row["opportunity_id"], "name": one.row["name"] or one.row["opportunity_id"], "account": one.row["account_name"], "key": one.state,
            "amount": one.row["amount_minor"], "state": closing.STATES[one.state], "signed": one.row["signed_at"], "booked": one.booked_at,
            "order": ", ".join(one.order_ids), "why": one.reason or one.late, "owner": found.names.get(one.row["owner_id"] or "", one.row["owner_id"]),
        }
        for one in sorted(found.deals, key=lambda one: (order.index(one.state), -one.row["amount_minor"], one.row["opportunity_id"]))
    ]  # fmt: skip
    return DataTable(
        request, "forecast:close", columns, rows, title="Signed deals", unit=unit, page=12, name="close-deals", note="what waits comes first",
        empty=("Nothing is signed", "No deal of this period is won yet."),
    )  # fmt: skip


def _difference_columns(view: View, unit: str) -> list[Col]:
    return [
        Col("name", "Deal or order", href=lambda row: view.url(f"/pipeline/deals/{row['deal']}") if row["deal"] else None, drawer=True, sub="order"),
        Col("amount", "Difference", "money", currency=unit, phone="big", total=True), Col("cause", "Cause", filter=True),
        Col("side", "Between", filter=True), Col("detail", "Detail", phone="wide"),
    ]  # fmt: skip


def _difference_rows(found: Any) -> list[dict[str, Any]]:
    sides = {"crm": "CRM and orders", "finance": "orders and finance", "late": "late", "booked": "orders"}
    return [
        {"name": one.name or one.opportunity_id or one.order_id, "deal": one.opportunity_id, "order": one.order_id, "amount": one.amount_minor, "cause": one.cause,
         "side": sides[one.side], "detail": one.detail}
        for one in found
    ]  # fmt: skip


def _late(request: HttpRequest, view: View, found: closing.CloseRoom) -> DataTable:
    return DataTable(
        request, "forecast:close", _difference_columns(view, found.ask.currency), _difference_rows(found.late), title="Late bookings", unit=found.ask.currency,
        search=False, prefix="l-", name="close-late", note="dated into the period, accepted after its end; after the lock they restate it",
    )  # fmt: skip


def _differences(request: HttpRequest, view: View, found: closing.CloseRoom) -> DataTable | None:
    if found.tie is None:
        return None
    return DataTable(
        request, "forecast:close", _difference_columns(view, found.ask.currency), _difference_rows(found.tie.differences), title="Every difference", unit=found.ask.currency,
        prefix="d-", page=12, name="close-differences", empty=("No difference", "CRM, orders and finance agree."),
    )  # fmt: skip


def _flash(found: closing.CloseRoom) -> Chart | None:
    unit = found.ask.currency
    step = 3 if not found.tracks or len(found.tracks[-1].hours) < 200 else 24
    rows = [
        {"x": hour, "y": amount, "series": one.period}
        for one in found.tracks
        for hour, amount in zip(one.hours, one.booked, strict=True)
        if amount is not None and hour % step == 0
    ]
    if not rows:
        return None
    told = [row for row in closing.flash_rows(found.tracks) if row["booked"] is not None]
    last = told[-1] if told else None
    title = (
        f"{last['period']} has {fmt.compact(last['booked'], unit)} booked at hour {last['hour']:+d} from its end"
        if last
        else "Booked by hour around the end"
    )
    return Chart(
        title,
        rows,
        "Hours from the end of the quarter",
        f"Booked, {unit}",
        x_kind="number",
        currency=unit,
        key="flash",
        series_label="Quarter",
    )


def _tie(found: closing.CloseRoom) -> Waterfall | None:
    if found.tie is None:
        return None
    unit, tie = found.ask.currency, found.tie
    bars = [
        Bar("CRM won", tie.crm, "total"),
        *(Bar(cause.capitalize(), amount, "up" if amount > 0 else "down") for cause, (amount, _) in tie.causes("crm").items()),
    ]
    bars.append(Bar("Booked", tie.booked, "total"))
    if tie.finance is not None:
        bars += [Bar(cause.capitalize(), amount, "up" if amount > 0 else "down") for cause, (amount, _) in tie.causes("finance").items()]
        bars.append(Bar("Finance", tie.finance, "total"))
    gap = tie.booked - tie.crm
    return Waterfall(
        f"From the CRM to the orders{' to finance' if tie.finance is not None else ''}: {fmt.compact(gap, unit)} between won and booked",
        bars,
        currency=unit,
        key="tie-out",
        width=1180,
    )


def _causes(found: closing.CloseRoom) -> list[dict[str, Any]]:
    if found.tie is None:
        return []
    meaning = {**CRM_CAUSES, **FINANCE_CAUSES}
    made: list[dict[str, Any]] = [{"what": "CRM won", "amount": found.tie.crm, "count": len(found.deals), "strong": True}]
    for side, label, total in (("crm", "Booked", found.tie.booked), ("finance", "Finance file", found.tie.finance)):
        if total is not None:
            made += [
                {"what": cause, "meaning": meaning[cause], "amount": amount, "count": count}
                for cause, (amount, count) in found.tie.causes(side).items()
            ]
            made.append({"what": label, "amount": total, "count": None, "strong": True})
    return made


@require_GET
def restated(request: HttpRequest) -> HttpResponse:
    """What changed in locked periods after their lock."""
    by, view = web_actor(request), View.of(request)
    found, ask = closing.restatements(by=by, type=request.GET.get("type") or None, currency=view.currency)
    rows = [row for one in found for row in [{**change, "period": one.period} for change in _difference_rows(one.changes)]]
    unit = ask.currency
    columns = [Col("period", "Period", filter=True), *_difference_columns(view, unit)]
    table = DataTable(
        request, "forecast:restatements", [columns[1], columns[0], *columns[2:]], rows, title="Every change after a lock", unit=unit, name="restatements",
        empty=("Nothing was restated", "No locked period changed after its lock."),
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    periods = [
        {"period": one.period, "locked": one.locked_at.astimezone(current().zone), "crm_then": one.crm_then, "crm_now": one.crm_now, "booked_then": one.booked_then,
         "booked_now": one.booked_now, "crm": one.crm_now - one.crm_then, "booked": one.booked_now - one.booked_then, "count": len(one.changes)}
        for one in found
    ]  # fmt: skip
    changed = sum(1 for one in periods if one["count"])
    return render(
        request, "forecast/restatements.html",
        {
            "view": view, "title": "Restatements", "table": table, "periods": periods, "unit": unit, "types": showing.types(request.get_full_path()),
            "lead": f"{changed} of the last {len(periods)} locked periods changed after their lock. What is locked is not rewritten in silence: every change stands here with its cause.",
            "room": _url(request, view, "close"),
        },
    )  # fmt: skip


paths = [path("close", room, name="close"), path("close/restatements", restated, name="restatements")]
