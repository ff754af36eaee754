"""The page of renewals: what is available to renew, what became of it, and the contracts behind each number."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from closedwon.forecast.actions import renewals as renewing
from closedwon.forecast.renewals.decide import Sums
from closedwon.people.acting import web_actor
from closedwon.ui import format as fmt
from closedwon.ui.charts import Bar, Chart, Waterfall
from closedwon.ui.context import View
from closedwon.ui.parts import Tile
from closedwon.ui.tables import Col, DataTable, Query, Rows

LABELS = {
    "atr": "Available to renew", "early": "Early", "on_time": "On time", "late": "Late", "auto_renewed": "By itself", "downgraded": "Downgraded",
    "churned": "Churned", "open": "Open", "open_at_risk": "At risk", "without_deal": "Without a deal",
}  # fmt: skip
MEANING = {
    "atr": "The ARR of every contract whose term ends in the period, with or without a deal, as it stood on the freezing day of the period.",
    "early": "Renewed before the period in which the term ends; what goes on of the available to renew.",
    "on_time": "Renewed in the period by the end of the term; what goes on of the available to renew.",
    "late": "Renewed after the end of the term; what goes on of the available to renew.",
    "auto_renewed": "Went on by itself, without a deal.",
    "downgraded": "Given up by customers who renewed for less.",
    "churned": "Lost: the deal was lost, the contract was cancelled, or it lapsed.",
    "open": "Not decided yet.",
    "open_at_risk": "Open, with a reason to worry: all of the contract, or only what a smaller deal gives up.",
    "without_deal": "Contracts that nobody has opened a renewal deal for.",
}


def _asked(view: View) -> dict[str, Any]:
    return {
        "as_of": view.as_of, "period": view.period, "org": view.org, "rates": view.rates, "currency": view.currency, "node": view.scope or None,
    }  # fmt: skip


def _url(view: View, to: str, **more: Any) -> str:
    return view.url(f"/forecast/{to}", **more)


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Renewals of the period and four more: tiles, what became of them, by period, by group, and the contracts at risk."""
    by, view = web_actor(request), View.of(request)
    by_dim = request.GET.get("by") if request.GET.get("by") in renewing.GROUPS[1:] else "segment"
    found = renewing.renewals(by=by, by_dim=str(by_dim), **_asked(view))
    unit, here = found.ask.currency, found.totals.get(found.ask.period.label, Sums())
    periods, groups, risks = _periods(request, view, found), _groups(request, view, found), _risks(request, view, by)
    for table in (periods, groups, risks):
        if (answer := table.answer()) is not None:
            return answer
    chips = [(name.capitalize(), _url(view, "renewals", by=name), name == by_dim) for name in renewing.GROUPS[1:]]
    return render(
        request, "forecast/renewals.html",
        {
            "view": view, "title": "Renewals", "lead": _lead(found, here), "tiles": _tiles(view, found, here), "fall": _fall(view, found, here),
            "chart": _chart(found), "periods": periods, "groups": groups, "risks": risks, "chips": chips, "unit": unit, "frozen": found.windows[0].frozen_on,
            "policy": found.policy, "evergreen": found.evergreen, "projection": _url(view, "projection", type="renewals"), "day": found.ask.day,
        },
    )  # fmt: skip


def _lead(found: renewing.Renewals, here: Sums) -> str:
    unit, label = found.ask.currency, found.ask.period.label
    if not here.contracts:
        return f"No contract in sight ends in {label}."
    decided = here["atr"] - here["open"]
    said = f"Of {fmt.compact(here['atr'], unit)} {unit} available to renew in {label}, {fmt.compact(decided, unit)} is decided"
    if here.renewal_rate is not None:
        said += f" and {fmt.percent(here.renewal_rate)} of that goes on"
    return f"{said}; {fmt.compact(here['open_at_risk'], unit)} of what is open is at risk."


def _tiles(view: View, found: renewing.Renewals, here: Sums) -> list[Tile]:
    unit = found.ask.currency

    def opened(part: str) -> str:
        return _url(view, "renewals/contracts", part=part)

    return [
        Tile.money("Available to renew", here["atr"], unit, small=f"{here.contracts:,} contracts, {here.without_deal:,} without a deal", href=opened("atr")),
        Tile.money("Kept so far", here.kept, unit, small=f"{fmt.percent(here.renewal_rate)} of what is decided" if here.renewal_rate is not None else "nothing decided yet"),
        Tile.money("Downgraded", here["downgraded"], unit, small="given up on renewal", href=opened("downgraded")),
        Tile.money("Churned", here["churned"], unit, small="lost, cancelled or lapsed", href=opened("churned")),
        Tile.money("Open", here["open"], unit, small=f"{fmt.compact(here['open_at_risk'], unit)} at risk", tone="warn" if here["open_at_risk"] else "", href=opened("open_at_risk")),
        Tile("Gross retention", fmt.percent(here.gross_retention, 1) if here.gross_retention is not None else fmt.MISSING, "of the ARR at the period’s start", hint="(base − downgraded − churned) ÷ base, so far"),
        Tile("Net retention", fmt.percent(here.net_retention, 1) if here.net_retention is not None else fmt.MISSING, "with uplift and expansion", hint="(base + uplift + expansion − downgraded − churned) ÷ base, so far"),
    ]  # fmt: skip


def _fall(view: View, found: renewing.Renewals, here: Sums) -> Waterfall:
    unit, label = found.ask.currency, found.ask.period.label
    signs = {"churned": ("down", -1), "downgraded": ("down", -1), "open": ("up", -1)}
    bars = [Bar("Available", here["atr"], "total", href=_url(view, "renewals/contracts", part="atr"))]
    bars += [
        Bar(LABELS[name], sign * here[name], kind, href=_url(view, "renewals/contracts", part=name)) for name, (kind, sign) in signs.items()
    ]
    bars.append(Bar("Kept", here.kept, "total"))
    gone = here["churned"] + here["downgraded"]
    return Waterfall(
        f"{label}: {fmt.compact(here.kept, unit)} kept, {fmt.compact(gone, unit)} given up, {fmt.compact(here['open'], unit)} open",
        bars,
        currency=unit,
        key="renewals",
    )


def _chart(found: renewing.Renewals) -> Chart:
    unit = found.ask.currency
    rows = [
        {"x": label, "y": found.totals[label][name] if label in found.totals else 0, "series": words}
        for label in (window.period.label for window in found.windows)
        for name, words in (("atr", "Available to renew"), ("open_at_risk", "At risk"))
    ]
    last = found.windows[-1].period.label
    return Chart(
        f"What comes up for renewal until {last}",
        rows,
        "Period",
        f"ARR, {unit}",
        kind="bar",
        x_kind="text",
        currency=unit,
        key="renewals-ahead",
    )


def _columns(view: View, unit: str, first: Col, linked: bool) -> list[Col]:
    def money(name: str, **more: Any) -> Col:
        href = (lambda row: _url(view, "renewals/contracts", part=name, of=row["period"])) if linked else None
        return Col(name, LABELS[name], "money", currency=unit, places=0, sort=False, href=href, drawer=linked, **more)

    return [
        first, Col("contracts", "Contracts", "number", sort=False, phone="hide"), money("atr", phone="big"), money("early"), money("on_time"), money("late"),
        money("auto_renewed"), money("downgraded"), money("churned"), money("open"), money("open_at_risk"),
        Col("renewal_rate", "Renewal rate", "percent", sort=False, hint="Kept of what is decided"),
        Col("gross_retention", "GRR", "percent", sort=False, hint="(base − downgraded − churned) ÷ base"),
        Col("net_retention", "NRR", "percent", sort=False, hint="(base + uplift + expansion − downgraded − churned) ÷ base"),
        Col("uplift", "Uplift", "money", currency=unit, places=0, sort=False, hidden=True), Col("base", "Base", "money", currency=unit, places=0, sort=False, hidden=True),
        Col("expansion", "Expansion", "money", currency=unit, places=0, sort=False, hidden=True),
    ]  # fmt: skip


def _row(sums: Sums, **head: Any) -> dict[str, Any]:
    return {
        **head, **sums.amounts, "contracts": sums.contracts, "renewal_rate": sums.renewal_rate, "gross_retention": sums.gross_retention,
        "net_retention": sums.net_retention,
    }  # fmt: skip


def _periods(request: HttpRequest, view: View, found: renewing.Renewals) -> DataTable:
    rows = [_row(found.totals.get(one.period.label, Sums()), period=one.period.label) for one in found.windows]
    columns = _columns(view, found.ask.currency, Col("period", "Period", sort=False, phone="title"), linked=True)
    return DataTable(
        request, "forecast:renewals", columns, rows, title="By period", unit=found.ask.currency, search=False, name="renewals-periods",
        note="a number opens its contracts",
    )  # fmt: skip


def _groups(request: HttpRequest, view: View, found: renewing.Renewals) -> DataTable:
    label = found.ask.period.label
    rows = [_row(sums, group=found.names.get(group, group)) for (period, group), sums in found.groups.items() if period == label]
    columns = _columns(view, found.ask.currency, Col("group", found.by.capitalize(), sort=False, phone="title"), linked=False)
    return DataTable(
        request, "forecast:renewals", columns, rows, title=f"{label} by {found.by}", unit=found.ask.currency, search=False, prefix="g-",
        name="renewals-groups", empty=("No contract ends in this period", "Choose another period above."),
    )  # fmt: skip


def _contract_columns(view: View, unit: str, part: str) -> list[Col]:
    return [
        Col("account", "Contract of", href=lambda row: view.url(f"/pipeline/accounts/{row['account_id']}"), drawer=True, sort=False, sub="contract"),
        Col("amount", LABELS[part], "money", currency=unit, places=0, phone="big", sort=False),
        Col("end", "Term ends", "date", sort=False), Col("notice", "Notice by", "date", sort=False),
        Col("outcome", "Outcome", "status", sort=False), Col("reasons", "Why at risk", "flags", sort=False, phone="wide"),
        Col("deal", "Deal", href=lambda row: view.url(f"/pipeline/deals/{row['deal_id']}") if row["deal_id"] else None, drawer=True, sort=False),
        Col("atr", "Available to renew", "money", currency=unit, places=0, sort=False, hidden=part == "atr"),
        Col("kept", "Kept", "money", currency=unit, places=0, sort=False, hidden=True), Col("uplift", "Uplift", "money", currency=unit, places=0, sort=False, hidden=True),
    ]  # fmt: skip


_TONES = {"early": "good", "on_time": "good", "late": "warn", "auto_renewed": "good", "churned": "bad", "open": "info"}


def _contract_table(
    request: HttpRequest, view: View, by: Any, part: str, title: str, *, period: Any = None, prefix: str = "", page_size: int = 15
) -> DataTable:
    asked = {**_asked(view), **({"period": period} if period else {})}

    def source(query: Query) -> Rows:
        found = renewing.contracts_behind(by=by, part=part, skip=query.offset, take=min(1000, query.limit or 1000), **asked)
        rows = [
            {
                "account": one.row["account_name"] or one.row["contract_id"], "account_id": one.row["account_id"], "contract": one.row["contract_id"],
                "amount": renewing.amount_of(one, part), "end": one.row["end_date"], "notice": one.row["notice_by"],
                "outcome": (LABELS[one.outcome].lower(), _TONES[one.outcome]), "reasons": list(one.reasons), "deal": one.row["deal_name"] or "none",
                "deal_id": one.row["opportunity_id"], "atr": one.atr_minor, "kept": one.kept_minor, "uplift": one.uplift_minor,
            }
            for one in found.rows
        ]  # fmt: skip
        return Rows(rows, found.count, {"amount": found.total_minor})

    return DataTable(
        request, "forecast:renewals", _contract_columns(view, view.currency, part), source, title=title, unit=view.currency, search=False, prefix=prefix,
        page=page_size, name=f"renewals-{part}", empty=("No contract", "Nothing in this number for what you may see."), note="the largest first",
    )  # fmt: skip


def _risks(request: HttpRequest, view: View, by: Any) -> DataTable:
    return _contract_table(request, view, by, "open_at_risk", "Contracts at risk", prefix="r-")


@require_GET
def contracts(request: HttpRequest) -> HttpResponse:
    """The drawer behind a number: what it means, what it stands on, and its contracts."""
    by, view = web_actor(request), View.of(request)
    part = request.GET.get("part") or "atr"
    period = request.GET.get("of") or None
    found = renewing.contracts_behind(by=by, part=part, take=1, **{**_asked(view), **({"period": period} if period else {})})
    table = _contract_table(request, view, by, part, LABELS[part], period=period, page_size=25)
    if (answer := table.answer()) is not None:
        return answer
    facts = [
        ("As of", fmt.day(found.ask.day, year=True)), ("Period", found.ask.period.label), ("Contracts", f"{found.count:,}"),
        ("Sum", f"{fmt.money(found.total_minor, found.ask.currency)} {found.ask.currency}"),
        ("Which contracts", f"the term ends from {fmt.day(found.ask.period.start)} to {fmt.day(found.ask.period.last, year=True)}"),
    ]  # fmt: skip
    return render(
        request, "forecast/number.html", {"title": LABELS[part], "words": MEANING[part], "facts": facts, "table": table, "view": view}
    )


paths = [path("renewals", page, name="renewals"), path("renewals/contracts", contracts, name="contracts")]
