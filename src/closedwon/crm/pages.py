"""The pages of the pipeline: deals, accounts, import, data quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from django.views.decorators.http import require_GET

from closedwon.crm import actions, importing
from closedwon.crm.beside import cards
from closedwon.crm.funnel import pages as funnel
from closedwon.crm.refused import sees_cells
from closedwon.facts.releases import latest, source
from closedwon.people.acting import web_actor
from closedwon.people.visibility import seating_at
from closedwon.ui import format as fmt
from closedwon.ui.context import View
from closedwon.ui.parts import Event, Tile
from closedwon.ui.tables import Col, DataTable, Query, Rows
from closedwon.workspace import current

SORTABLE = {"name", "account", "owner", "stage", "amount_minor", "close_date", "created_at", "order_type", "category"}
TONES = {"won": "good", "lost": "bad"}
ASKS = ("rep", "manager", "se", "csm", "overlay", "partner-manager", "deal-desk", "sales-ops", "executive")
"""Roles that may ask for sign-off on a deal."""


def _link(prefix: str, key: str = "id") -> Any:
    return lambda row: f"{prefix}{row[key]}" if row.get(key) else None


def _deal_columns() -> list[Col]:
    release = latest()
    custom = [column.name for column in source("opportunities", release).columns if column.name.startswith("x_")]
    return [
        Col("name", "Deal", href=_link("/pipeline/deals/"), phone="title"),
        Col("account", "Account", href=_link("/pipeline/accounts/", "account_id")),
        Col("amount_minor", "Amount", "money", currency="currency", places=0, phone="big", total=True),
        Col("currency", "Currency", sort=False, phone="hide"),
        Col("stage", "Stage", filter=True),
        Col("category", "Category", filter=True, value=lambda row: row["category"].replace("_", " ").capitalize()),
        Col("close_date", "Closes", "date"),
        Col("owner", "Owner"),
        Col("order_type", "Type", filter=True, hidden=True),
        Col("status", "Status", sort=False, filter=True, hidden=True),
        Col("segment", "Segment", sort=False, filter=True, hidden=True),
        Col("region", "Region", sort=False, filter=True),
        Col("created_at", "Created", "date", hidden=True),
        Col("next_step", "Next step", sort=False, hidden=True),
        Col("id", "Id", sort=False, hidden=True),
        *(Col(name, name.removeprefix("x_").replace("_", " ").capitalize(), sort=False, hidden=True, filter=True) for name in custom),
    ]


@require_GET
def deals(request: HttpRequest) -> HttpResponse:
    """Every deal that one may see, as it stood."""
    by, view = web_actor(request), View.of(request)
    columns = _deal_columns()
    chips = [column.key for column in columns if column.filter]
    offered: dict[str, list[str]] = {}

    def rows(query: Query) -> Rows:
        where = {name: values for name, values in query.filters.items() if values}
        if not where and not query.search:
            where["status"] = ("open",)
        where |= _in_scope(view)
        sort = {"amount_minor": "amount"}.get(query.sort, query.sort) if query.sort in SORTABLE else "close_date"
        size = max(1, query.limit)
        asked = actions.DealQuery(
            where,
            query.search,
            *_in_period(request, view),
            sort=sort,
            descending=query.descending,
            page=query.offset // size + 1,
            size=min(size, 10_000),
        )
        found = actions.deals(by, asked, as_of=view.as_of, org=view.org, choices=() if offered else chips)
        offered.update(found.choices)
        return Rows(found.rows, found.total, {"amount_minor": found.amount_minor}, offered)

    table = DataTable(
        request, "crm:deals", columns, rows, title="Deals", sort="close_date", name="deals",
        empty=("No deals", "No deal matches. Clear the filters, or bring deals in under Pipeline, Import."),
    )  # fmt: skip
    answer = table.answer()
    what = "Deals as filtered." if table.filtered else "Open deals; choose a status to see those that are won or lost."
    lead = f"{what} {f'Closing in {view.period.label}. ' if request.GET.get('period') else ''}{_stands(view)}"
    return answer or render(request, "crm/list.html", {"table": table, "title": "Deals", "lead": lead, "view": view})


def _in_period(request: HttpRequest, view: View) -> tuple[Any, Any]:
    """The closing dates that the top bar's period asks for, where the address names one."""
    return (view.period.start, view.period.end) if request.GET.get("period") else (None, None)


def _in_scope(view: View) -> dict[str, tuple[str, ...]]:
    """The owners below the node that the top bar's scope names."""
    if not view.scope:
        return {}
    seating = seating_at(view.day)
    return {"owner_id": tuple(sorted(seating.owners(seating.below([view.scope])))) or ("",)}


def _stands(view: View) -> str:
    return f"As they stood at the close of {fmt.day(view.as_of, year=True)}." if view.as_of else "As they stand now."


FIELD_WORDS = {
    "amount_minor": "Amount", "net_arr_minor": "Net new ARR", "tcv_minor": "TCV", "close_date": "Close date", "owner_id": "Owner",
    "forecast_category": "Forecast category", "renewal_base_minor": "Renewal base", "services_minor": "Services", "deleted_at": "Deleted",
}  # fmt: skip


def _events(made: Mapping[str, Any]) -> list[Event]:
    """A deal's changes, those of one instant as one event."""
    grouped: dict[Any, list[Mapping[str, Any]]] = {}
    for change in made["changes"]:
        grouped.setdefault((change["at"], change["changed_by"]), []).append(change)
    events = [Event(at, "; ".join(_said(c, made["currency"]) for c in changes), who or "") for (at, who), changes in grouped.items()]
    if made["created_at"]:
        events.append(Event(made["created_at"], "Created", ""))
    return events


def _said(change: Mapping[str, Any], currency: str) -> str:
    name = change["field"]
    word = FIELD_WORDS.get(name, name.removeprefix("x_").replace("_", " ").capitalize())
    before, after = (_value(name, change[key], currency) for key in ("old_value", "new_value"))
    return f"{word}: {before} → {after}"


def _value(name: str, value: str | None, currency: str) -> str:
    if value is None or value == "":
        return fmt.MISSING
    if name.endswith("_minor"):
        return fmt.money(int(value), currency)
    if name == "forecast_category":
        return value.replace("_", " ").capitalize()
    return fmt.day(value, year=True) if name.endswith("_date") else value


@require_GET
def deal(request: HttpRequest, deal_id: str) -> HttpResponse:
    """One deal: what it is, who works on it, and every change."""
    by, view = web_actor(request), View.of(request)
    made = actions.deal(by, deal_id, as_of=view.as_of, org=view.org)
    currency = made["currency"] or current().settings.currency
    record = made["record"]
    tiles = [
        Tile.money("Amount", made["amount_minor"], currency, small=currency),
        Tile("Stage", made["stage"] or fmt.MISSING, made["status"]),
        Tile("Forecast category", made["category"].replace("_", " ").capitalize()),
        Tile("Closes", fmt.day(made["close_date"], year=True) if made["close_date"] else fmt.MISSING),
        Tile.money("TCV", record.get("tcv_minor"), currency, small=f"{record['term_months']} months" if record.get("term_months") else ""),
    ]
    context = {"deal": made, "tiles": tiles, "events": _events(made), "view": view, "title": made["name"], "currency": currency}
    context["beside"] = cards(by, deal_id)
    context["may_ask"] = not by.has("auditor") and by.has(*ASKS)
    return render(request, "crm/deal.html", context)


@require_GET
def accounts(request: HttpRequest) -> HttpResponse:
    """Accounts with their open and won deals."""
    by, view = web_actor(request), View.of(request)

    def rows(query: Query) -> Rows:
        size = max(1, min(query.limit, 10_000))
        found = actions.accounts(by, find=query.search, page=query.offset // size + 1, size=size, as_of=view.as_of, org=view.org)
        return Rows(found.rows, found.total)

    columns = [
        Col("name", "Account", href=_link("/pipeline/accounts/"), phone="title", sort=False),
        Col("open_deals", "Open deals", "number", sort=False, phone="big"),
        Col("won_deals", "Won deals", "number", sort=False),
        Col("last_won", "Last won", "date", sort=False),
        Col("owner", "Owner", sort=False),
        Col("industry", "Industry", sort=False),
        Col("segment", "Segment", sort=False),
        Col("region", "Region", sort=False),
        Col("country", "Country", sort=False, hidden=True),
        Col("employees", "Employees", "number", sort=False, hidden=True),
        Col("parent", "Parent", sort=False, hidden=True),
    ]
    table = DataTable(
        request, "crm:accounts", columns, rows, title="Accounts", name="accounts", empty=("No accounts", "No account matches.")
    )
    lead = "Those with the most open deals first."
    return table.answer() or render(request, "crm/list.html", {"table": table, "title": "Accounts", "lead": lead, "view": view})


@require_GET
def account(request: HttpRequest, account_id: str) -> HttpResponse:
    """One account: its deals, contracts and place in the family."""
    by, view = web_actor(request), View.of(request)
    made = actions.account(by, account_id, as_of=view.as_of, org=view.org)
    table = DataTable(
        request, "crm:account", _deal_columns()[:8], made["deals"], title="Deals", sort="-close_date", name="account-deals", search=False
    )
    contracts = DataTable(
        request,
        "crm:contracts",
        [
            Col("id", "Contract", phone="title"),
            Col("arr_at_end_minor", "ARR at end", "money", currency="currency", places=0, phone="big"),
            Col("currency", "Currency", sort=False, phone="hide"),
            Col("start_date", "Starts", "date"),
            Col("end_date", "Ends", "date"),
            Col("notice_by", "Notice by", "date"),
            Col("auto_renew", "Renews itself", "bool"),
        ],
        made["contracts"], title="Contracts", prefix="c-", name="contracts", search=False, empty=("No contracts", "This account has none yet."),
    )  # fmt: skip
    answer = table.answer() or contracts.answer()
    return answer or render(
        request, "crm/account.html", {"account": made, "table": table, "contracts": contracts, "view": view, "title": made["name"]}
    )


# data quality


@require_GET
def quality(request: HttpRequest) -> HttpResponse:
    """What is dirty, worst first, each with its rows."""
    by, view = web_actor(request), View.of(request)
    key = request.GET.get("check", "")
    if key:
        return _check(request, key)
    checks = actions.quality(by, today=view.day)
    rows = [
        {"key": c.key, "title": c.title, "count": c.count, "why": c.why, "reasons": "; ".join(f"{n:,} × {r}" for r, n in c.reasons.items())}
        for c in checks
    ]
    columns = [
        Col("title", "Check", href=lambda row: f"?check={row['key']}" if row["count"] else None, phone="title", sub="reasons"),
        Col("count", "Rows", "number", phone="big"),
        Col("why", "Why it matters", sort=False),
    ]
    listed = DataTable(request, "crm:quality", columns, rows, title="Checks", sort="-count", search=False, name="data-quality")
    lead = "What would mislead a forecast, worst first. Open a line for its rows."
    return listed.answer() or render(request, "crm/list.html", {"table": listed, "title": "Data quality", "lead": lead, "view": view})


def _check(request: HttpRequest, key: str) -> HttpResponse:
    """The rows behind one check."""
    by, view = web_actor(request), View.of(request)
    title, why = actions.check_words(key)

    def rows(query: Query) -> Rows:
        size = max(1, query.limit)
        found = actions.quality_rows(by, key, today=view.day, page=query.offset // size + 1, size=size)
        return Rows(found.rows, found.total)

    columns = {
        "quarantine": [
            Col("file", "File", sort=False, phone="title"),
            Col("row", "Row", "number", sort=False),
            Col("table_name", "Table", sort=False),
            Col("field", "Column", sort=False),
            Col("reason", "Reason", sort=False, phone="big"),
            *([Col("raw", "Held", sort=False)] if sees_cells(by) else []),
        ],
        "duplicate-accounts": [
            Col("name", "Account", href=_link("/pipeline/accounts/"), sort=False, phone="title"),
            Col("parent", "Parent", href=_link("/pipeline/accounts/", "parent_id"), sort=False),
            Col("id", "Id", sort=False),
        ],
    }.get(key) or [replace(column, sort=False, filter=False) for column in _deal_columns()[:8]]
    table = DataTable(request, f"crm:quality-{key}", columns, rows, title=title, name=key, search=False)
    return table.answer() or render(request, "crm/list.html", {"table": table, "title": title, "lead": why, "view": view})


urlpatterns = [
    path(
        "",
        include(
            (
                [
                    path("pipeline/deals/", deals, name="deals"),
                    path("pipeline/deals/<path:deal_id>", deal, name="deal"),
                    path("pipeline/accounts/", accounts, name="accounts"),
                    path("pipeline/accounts/<path:account_id>", account, name="account"),
                    *importing.routes,
                    *funnel.routes,
                    path("systems/data-quality/", quality, name="quality"),
                ],
                "crm",
            )
        ),
    )
]
