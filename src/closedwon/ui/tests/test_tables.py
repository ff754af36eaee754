import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from closedwon.base.errors import Invalid
from closedwon.ui import export, grids
from closedwon.ui.cells import Flag
from closedwon.ui.tables import Col, DataTable, Rows
from closedwon.ui.trees import TreeTable

COLUMNS = [
    Col("name", "Deal"),
    Col("stage", "Stage", filter=True),
    Col("amount", "Amount", "money", currency="unit", total=True),
    Col("close", "Close", "date"),
    Col("flags", "Flags", "flags"),
    Col("owner", "Owner", hidden=True),
]
ROWS = [
    {
        "name": "Bravo",
        "stage": "Won",
        "amount": 2_00,
        "unit": "USD",
        "close": date(2027, 3, 1),
        "flags": [Flag("late", "bad")],
        "owner": "Ann",
    },
    {"name": "alpha", "stage": "Open", "amount": None, "unit": "USD", "close": None, "flags": [], "owner": "Bo"},
    {"name": "Carol", "stage": "Open", "amount": 1_50, "unit": "USD", "close": date(2027, 1, 1), "flags": None, "owner": ""},
]


def ask(query="", rows=ROWS, **more):
    request = RequestFactory().get(f"/deals/?{query}")
    request.user = AnonymousUser()
    return DataTable(request, "test:deals", COLUMNS, rows, **more)


def names(table):
    return [line["cells"][0].text for line in table.lines]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Bravo", "alpha", "Carol"]),
        ("sort=name", ["alpha", "Bravo", "Carol"]),
        ("sort=-amount", ["Bravo", "Carol", "alpha"]),
        ("sort=amount", ["Carol", "Bravo", "alpha"]),
        ("sort=close", ["Carol", "Bravo", "alpha"]),
        ("f.stage=Open", ["alpha", "Carol"]),
        ("f.stage=Open&f.stage=Won&q=BR", ["Bravo"]),
        ("sort=nonsense&page=x", ["Bravo", "alpha", "Carol"]),
        ("page=99999999999", ["Bravo", "alpha", "Carol"]),
        ("page=2", []),
    ],
)
def test_sort_filter_search_and_page(ws, query, found):
    assert names(ask(query)) == found


def test_totals_columns_chips_and_addresses(ws):
    table = ask("f.stage=Open&x=1")
    assert [cell.text if cell else None for cell in table.totals] == [None, None, "1.50", None, None]
    assert [column.key for column in table.shown] == ["name", "stage", "amount", "close", "flags"]
    assert [column.key for column in ask("cols=owner,name").shown] == ["name", "owner"]
    chip = table.chips[0]
    assert [(one["label"], one["on"]) for one in chip["options"]] == [("Open", True), ("Won", False)]
    assert chip["clear"] == "/deals/?x=1"
    assert table.heads[2]["href"].endswith("sort=-amount")


def test_amounts_of_several_currencies_are_not_added(ws):
    rows = [*ROWS, {**ROWS[0], "unit": "EUR"}]
    assert ask("", rows).totals[2].text == "–"


def test_ten_thousand_rows_come_page_by_page(ws):
    asked = []

    def source(query):
        asked.append(query)
        rows = [{**ROWS[0], "name": f"deal {n}"} for n in range(query.offset, min(query.offset + query.limit, 12_000))]
        return Rows(rows, 12_000, {"amount": 24_000_00}, {"stage": ["Won"]})

    table = ask("page=3&sort=-amount", source)
    assert names(table)[0] == "deal 100"
    assert len(asked) == 1
    assert (asked[0].sort, asked[0].descending, asked[0].offset, asked[0].limit) == ("amount", True, 100, 50)
    assert (table.pages, table.first, table.last) == (240, 101, 150)
    assert table.totals[2].text == "24,000.00"
    assert sum(1 for _ in table.every()) == 12_000


def test_two_tables_do_not_mix_their_parameters(ws):
    assert names(ask("b-q=alpha", prefix="b-")) == ["alpha"]
    assert len(names(ask("b-q=alpha"))) == 3


def test_page_renders_with_hostile_values(ws, client, person):
    client.force_login(person("ann@example.test", "admin"))
    page = client.get("/design/?q=<script>alert(1)</script>&f.category=<img src=x>&sort=%00&view=9")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.content.decode()
    assert "<img src=x>" not in page.content.decode()


def test_only_an_admin_sees_the_gallery(ws, client, person):
    client.force_login(person("rep@example.test", "rep"))
    assert client.get("/design/").status_code == 404


# exports
RISKS = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("text", RISKS)
def test_cells_that_would_run_are_made_harmless(ws, text):
    rows = [{**ROWS[0], "name": text, "amount": -5_00}]
    lines = list(csv.reader(io.StringIO("".join(export.csv_lines(COLUMNS, rows)).lstrip("\ufeff"))))
    assert lines[1][0] == f"'{text}"
    assert lines[1][2] == "-5.00"
    target = io.BytesIO()
    export.write_xlsx(target, COLUMNS, rows)
    sheet = load_workbook(target).active
    assert sheet["A2"].data_type == "s"
    assert str(sheet["A2"].value).startswith("'")
    assert sheet["C2"].value == -5


@given(st.text(max_size=40))
def test_no_text_becomes_a_formula(text):
    made = export.harmless(text)
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_csv_and_xlsx_answers(ws):
    answer = ask("export=csv").answer()
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="test-deals-')
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert text.splitlines()[0] == "Deal,Stage,Amount,Close,Flags,Owner"
    assert text.splitlines()[1] == "Bravo,Won,2.00,2027-03-01,late,Ann"
    assert text.splitlines()[2] == "alpha,Open,,,,Bo"
    book = load_workbook(io.BytesIO(b"".join(ask("export=xlsx&f.stage=Won").answer().streaming_content)))
    assert [cell.value for cell in book.active[2]][:3] == ["Bravo", "Won", 2]
    assert book.active.max_row == 2
    with pytest.raises(Invalid):
        ask("export=exe").answer()
    assert ask("").answer() is None


def test_xlsx_keeps_large_amounts_and_drops_what_it_cannot_hold(ws):
    rows = [{**ROWS[0], "name": "a\x00b\x07", "amount": 9_000_000_000_000_000_00}, {**ROWS[0], "amount": 0}]
    target = io.BytesIO()
    export.write_xlsx(target, COLUMNS, rows)
    sheet = load_workbook(target).active
    assert sheet["A2"].value == "ab"
    assert Decimal(str(sheet["C2"].value)) == Decimal("9000000000000000.00")
    assert sheet["C3"].value == 0


# grids
GRID = [Col("name", "Name"), Col("quota", "Quota", "money", currency="USD"), Col("share", "Share", "ppm"), Col("since", "Since", "date")]
SEATS = [
    {"id": "s1", "name": "=DACH", "quota": 400_000_00, "share": 250_000, "since": date(2027, 2, 1)},
    {"id": "s2", "name": "France", "quota": None, "share": None, "since": None},
]


def grid(change, rows=SEATS, now=None, **more):
    target = io.BytesIO()
    grids.write(target, GRID, rows)
    book = load_workbook(target)
    change(book.active)
    back = io.BytesIO()
    book.save(back)
    return [(c.key, c.column, c.before, c.after, bool(c.problem)) for c in grids.read(back, GRID, now or rows, **more)]


def put(**cells):
    return lambda sheet: [sheet.__setitem__(place, value) for place, value in cells.items()]


def test_an_untouched_grid_changes_nothing(ws):
    assert grid(lambda sheet: None) == []


def test_a_grid_comes_back_as_changes(ws):
    found = grid(put(C2=420000.5, C3="1,x", D3=0.5, E2="2027-03-01"))
    assert found == [
        ("s1", "quota", 400_000_00, 420_000_50, False),
        ("s1", "since", date(2027, 2, 1), date(2027, 3, 1), False),
        ("s2", "quota", None, "1,x", True),
        ("s2", "share", None, 500_000, False),
    ]


def test_a_grid_tells_what_cannot_be_taken(ws):
    assert grid(put(C3="=1+1"))[0][4]
    assert grid(put(A3="s9")) == [("s9", "", None, None, True)]
    assert grid(put(A3="s1"))[-1] == ("s1", "", None, None, True)
    moved = [{**SEATS[0], "quota": 1_00}, SEATS[1]]
    assert grid(put(C2=5), now=moved) == [("s1", "quota", 1_00, 5_00, True)]
    assert grid(put(B3="Spain"), editable=["quota"]) == [("s2", "name", "France", "Spain", True)]
    with pytest.raises(Invalid):
        grids.read(io.BytesIO(b"not a workbook"), GRID, SEATS)
    with pytest.raises(Invalid):
        grid(put(A1="other"))


# trees
def test_a_tree_walks_from_the_top_and_survives_loops_and_orphans(ws):
    rows = [{"id": "b", "parent": "a", "name": "B"}, {"id": "a", "parent": "", "name": "A"}, {"id": "c", "parent": "gone", "name": "C"},
            {"id": "d", "parent": "d", "name": "D"}, {"id": "b", "parent": "a", "name": "twice"}]  # fmt: skip
    tree = TreeTable("t", [Col("name", "Seat")], rows)
    assert [(line["id"], line["level"], line["opens"]) for line in tree.lines] == [
        ("a", 1, True),
        ("b", 2, False),
        ("c", 1, False),
        ("d", 1, False),
    ]
