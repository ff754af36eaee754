"""The gallery of components, with invented figures: what pages are made of, at /design/."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest

from closedwon.ui.cells import Flag
from closedwon.ui.charts import Bar, Chart, Waterfall
from closedwon.ui.context import View, today
from closedwon.ui.parts import Bullet, Change, Event, Mark, Step, Tile
from closedwon.ui.tables import Col, DataTable
from closedwon.ui.trees import TreeTable

M = 100_000_000
"""A million in minor units."""
SEATS = (
    ("emea", "", "EMEA", "seat: VP EMEA", 120, 41, 96, 108, 132, -4, ("call in, Mon 08:40", "good")),
    ("dach", "emea", "DACH", "seat: Director", 40, 16, 33, 37, 44, -2, ("call in, Mon 09:12", "good")),
    ("north", "dach", "Enterprise North", "", 14, 6, 12, 13, 15, 1, ("call in", "good")),
    ("south", "dach", "Enterprise South", "interim", 12, 5, 9, 11, 13, -3, ("basis changed since", "warn")),
    ("mid", "dach", "Mid-market", "", 14, 5, 12, 13, 16, 0, ("call in", "good")),
    ("uki", "emea", "UK & Ireland", "seat: Director", 36, 12, 29, 32, 40, 2, ("call in, Mon 08:55", "good")),
    ("london", "uki", "London", "", 20, 7, 16, 18, 22, 1, ("call in", "good")),
    ("france", "emea", "France", "seat: Director", 26, 9, 20, 23, 28, -3, ("late, due 09:00", "bad")),
    ("nordics", "emea", "Nordics", "vacant, covered by VP", 18, 4, 14, 16, None, -1, ("call in by sales ops", "good")),
)
DEALS = (
    ("Hollis Freight, platform", "Hollis Freight", 19, "Commit", 20, (("pushed 3×", "bad"), ("single contact", "warn"))),
    ("Arbor Bank, expansion", "Arbor Bank", 8, "Commit", 18, (("no next step", "warn"),)),
    ("Vantage Rail, new", "Vantage Rail", 6, "Best case", -12, (("close date passed", "bad"),)),
    ("Nordlys Energy, renewal", "Nordlys Energy", 5, "Commit", 9, (("notice date in 6 days", "warn"),)),
    ("Quill Health, new", "Quill Health", 4, "Best case", 22, (("stage older than p90", "warn"),)),
    ("Østby Marine, new", "Østby Marine", None, "Pipeline", 41, ()),
)


def _board(request: HttpRequest) -> TreeTable:
    names = ("id", "parent", "name", "note", "quota", "closed", "commit", "likely", "best", "week", "call")
    tenths = ("quota", "closed", "commit", "likely", "best", "week")
    rows: list[dict[str, Any]] = [dict(zip(names, seat, strict=True)) for seat in SEATS]
    for row in rows:
        row |= {key: None if row[key] is None else row[key] * M // 10 for key in tenths}
        row["gap"] = row["quota"] - row["likely"]
        row["coverage"] = row["best"] and row["best"] / row["gap"] / 5
    columns = [
        Col("name", "Seat", href=lambda r: f"/design/?node={r['id']}", drawer=True),
        Col("quota", "Quota", "money", places=0, phone="hide"),
        Col("closed", "Closed", "money", places=0),
        Col("commit", "Commit", "money", places=0, phone="big"),
        Col("likely", "Most likely", "money", places=0, phone="big"),
        Col("best", "Best case", "money", places=0, phone="hide"),
        Col("gap", "Gap", "money", places=0, phone="hide", hint="Quota less most likely"),
        Col("coverage", "Coverage", "ratio", phone="hide"),
        Col("week", "Week", "change", places=0),
        Col("call", "Call", "status", phone="wide"),
    ]
    return TreeTable(
        "board", columns, rows, request=request, title="Calls by seat", unit="EUR", note="j and k move, arrows open", open_levels=2
    )


def _deals(request: HttpRequest) -> DataTable:
    day = today()
    rows = [
        {"name": f"{name} {n}" if n else name, "account": account, "amount": None if amount is None else amount * M // 10 - n * 12345600,
         "category": category, "close": day + timedelta(days=days + n), "flags": [Flag(a, b, "from the inspection policy") for a, b in flags],
         "owner": ("Ann", "Bo", "Chidi")[n % 3]}
        for n in range(20)
        for name, account, amount, category, days, flags in DEALS
    ]  # fmt: skip
    columns = [
        Col("name", "Deal", href=lambda r: f"/design/?deal={r['name']}", drawer=True),
        Col("account", "Account", phone="hide"),
        Col("amount", "Amount", "money", places=0, total=True, phone="big"),
        Col("category", "Category", filter=True),
        Col("close", "Close", "date"),
        Col("owner", "Owner", filter=True, hidden=True),
        Col("flags", "Why", "flags", sort=False),
    ]
    return DataTable(request, "design:deals", columns, rows, title="Deals to talk about", unit="EUR", sort="-amount", page=12)


def parts(request: HttpRequest) -> dict[str, Any]:
    """Everything that the gallery shows."""
    moves = (("New", 11), ("Pulled in", 6), ("Increased", 2), ("Decreased", -4), ("Pushed out", -19), ("Won", -9), ("Lost", -7))
    bars = [Bar("Begin", 182 * M // 10, "total")]
    bars += [Bar(name, size * M // 10, "won" if name == "Won" else "", href=f"/design/?bar={name}") for name, size in moves]
    bars.append(Bar("End", 162 * M // 10, "total"))
    now = datetime.now(tz=UTC)
    weeks = [today() - timedelta(weeks=12 - n) for n in range(13)]
    commit = (62, 64, 71, 70, 78, 81, 84, 88, 95, 97, 100, 99, 96)
    closed = (2, 4, 6, 9, 11, 15, 19, 22, 25, 29, 33, 37, 41)
    rows = [{"x": day, "y": y * M // 10, "series": "commit"} for day, y in zip(weeks, commit, strict=True)]
    rows += [{"x": day, "y": y * M // 10, "series": "closed"} for day, y in zip(weeks, closed, strict=True)]
    return {
        "view": View.of(request),
        "tiles": [
            Tile.money("Quota", 120 * M // 10, small="operating plan 11.6 M"),
            Tile.money("Closed", 41 * M // 10, small="booked 3.9 M", href="/design/?tile=closed"),
            Tile.money("Commit", 96 * M // 10, change=-4 * M // 10, since="since Monday", href="/design/?tile=commit"),
            Tile.money("Most likely", 108 * M // 10, change=M // 10, since="since Monday"),
            Tile.money("Best case", 132 * M // 10, change=0),
            Tile.money("Stage-weighted", None, small="no history yet"),
            Tile.money("Gap to quota", 12 * M // 10, small="cover 2.4× of 2.7×", tone="warn"),
        ],
        "bullet": Bullet(
            [Step("closed", 41 * M // 10, "won"), Step("commit", 96 * M // 10, "commit"), Step("most likely", 108 * M // 10, "likely"),
             Step("best case", 132 * M // 10, "best")],
            target=120 * M // 10, marks=[Mark("machine", 102 * M // 10, low=91 * M // 10, high=114 * M // 10)],
        ),
        "tree": _board(request),
        "table": _deals(request),
        "waterfall": Waterfall("The quarter lost 2.0 M in a week, mostly pushed deals", bars, note="16 May to 23 May"),
        "chart": Chart("Commit fell for two weeks while closed kept its pace", rows, "Week", "EUR", key="commit"),
        "columns": Chart("Enterprise carries most of the quarter", [{"x": x, "y": y * M // 10} for x, y in
                         (("Enterprise", 74), ("Mid-market", 41), ("Small business", 17))], "Segment", "EUR", kind="bar", x_kind="text", key="segments"),
        "spark": commit,
        "events": [
            Event(now - timedelta(hours=1), "Close date 30 Jun → 15 Jul", "Ann Berg", "third push in this quarter", "bad"),
            Event(now - timedelta(days=1), "Category best case → commit", "Bo Lind", "", "info"),
            Event(now - timedelta(days=9), "Amount 1.6 M → 1.9 M", "Ann Berg", "two more sites", "good"),
        ],
        "changes": [
            Change("DACH, FY27-Q2", "quota", "4,000,000.00", "4,200,000.00"),
            Change("France, FY27-Q2", "quota", None, "2,600,000.00"),
            Change("Nordics, FY27-Q2", "quota", "1,800,000.00", "1,x", "is no amount; write 1,800,000.00"),
        ],
        "job": {"title": "Import of opportunities", "text": "row 61,200 of 88,000", "percent": 70, "finished": False},
    }  # fmt: skip
