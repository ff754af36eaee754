"""Decision tables: the cases of DMN 1.4, SQL equal to the interpreter, round trips, and a linter equal to brute force."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.errors import Problem
from closedwon.formula.decisions import build, dmn, grids, lint, parse_cell, sql, values

DATA = tomllib.loads((Path(__file__).parent / "dmn.cases.toml").read_text())
TABLES = {name: build(text)[0] for name, text in DATA["tables"].items()}


def typed(table, given):
    kinds = {column.name: column.kind for column in table.inputs}
    return {name: values.parse_value(text, kinds[name]) for name, text in given.items()}


@pytest.mark.parametrize("case", DATA["case"], ids=lambda case: f"{case['table']}: {case['name']}")
def test_case_of_the_specification(case):
    table = TABLES[case["table"]]
    outcome = table.evaluate(typed(table, case["given"]))
    assert list(outcome.rows) == case["rows"]
    assert outcome.error == case.get("error")
    if "expect" in case:
        assert {name: str(value) for name, value in outcome.value.items()} == case["expect"]
    elif "expect_list" in case:
        assert [row["out"] for row in outcome.value] == case["expect_list"]
    elif "number" in case:
        assert outcome.value == Decimal(case["number"])
    elif table.hit != "COLLECT" or table.aggregate != "list":
        assert outcome.value is None


def test_every_table_round_trips_through_toml_csv_excel_and_dmn():
    for name, table in TABLES.items():
        assert build(tomllib.loads(grids.to_toml(table)))[0] == table, name
        assert grids.from_csv(grids.to_csv(table))[0] == table, name
        assert grids.from_xlsx(grids.to_xlsx(table))[0] == table, name
        back, problems = dmn.from_dmn(dmn.to_dmn(table))
        assert problems == [], name
        assert back == table, name


def test_a_foreign_dmn_file_is_read():
    text = """<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="d" namespace="x">
      <decision name="Discount"><decisionTable hitPolicy="COLLECT" aggregation="MAX">
        <input label="Customer"><inputExpression typeRef="string"><text>customer</text></inputExpression></input>
        <input><inputExpression typeRef="feel:number"><text>size</text></inputExpression></input>
        <output name="discount" typeRef="number"/>
        <rule><inputEntry><text>"Business"</text></inputEntry><inputEntry><text>&lt; 10</text></inputEntry>
              <outputEntry><text>0.10</text></outputEntry><annotationEntry><text>small</text></annotationEntry></rule>
        <rule><inputEntry><text>"Business"</text></inputEntry><inputEntry><text>>= 10</text></inputEntry>
              <outputEntry><text>0.15</text></outputEntry></rule>
      </decisionTable></decision></definitions>"""
    table, problems = dmn.from_dmn(text)
    assert problems == []
    assert table.evaluate({"customer": "Business", "size": Decimal(10)}).value == Decimal("0.15")
    assert table.rows[0].note == "small"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("US", "text", "'US' is not a text"),
        ('> "US"', "text", "> needs values with an order, and text has none"),
        ("[5..3]", "number", "the range is empty: its low end is above its high end"),
        ("(3..3]", "number", "the range is empty: it excludes its only value"),
        ("[1..", "number", "a value was expected, not 'the end'"),
        ("1 2", "number", "'2' was not expected here"),
        ("2026-02-31", "date", "'2026-02-31' is not a date"),
        ("!= 3", "number", "write not(...) instead of !="),
        ("not(1", "number", "expected ')' but found 'the end'"),
        ("9" * 41, "number", f"'{'9' * 41}' is not a number"),
    ],
)
def test_a_wrong_cell_says_what_is_wrong(text, kind, message):
    found = parse_cell(text, kind)
    assert isinstance(found, Problem)
    assert found.message == message


def test_a_table_reports_every_mistake_at_once():
    text = {
        "table": "t",
        "hit": "UNIQUE",
        "inputs": [{"name": "a", "type": "number"}],
        "outputs": [{"name": "o", "type": "picklist", "values": ["x"]}],
        "rows": [["abc", "x"], ["> 1", "y"], ["1"]],
    }
    assert [p.row for p in build(text)[1]] == [3]
    text["rows"].pop()
    assert [(p.row, p.field) for p in build(text)[1]] == [(1, "a"), (2, "o")]


def test_the_hole_at_exactly_five_percent_is_found():
    table, _ = build(
        {
            "table": "discount",
            "hit": "UNIQUE",
            "inputs": [{"name": "discount", "type": "percent"}],
            "outputs": [
                {"name": "approver", "type": "picklist", "values": ["CFO", "VP", "Manager", "nobody"], "monotone": {"discount": "up"}}
            ],
            "rows": [["< 5%", "nobody"], ["(5%..20%]", "Manager"], ["> 20%", "CFO"]],
        }
    )
    assert [(f.finding, f.message) for f in lint(table)] == [
        ("gap", "no row covers discount exactly 5%"),
        ("cliff", 'approver jumps from "Manager" to "CFO" with discount going from exactly 20% to above 20%'),
    ]


cells = st.sampled_from(
    [
        "-",
        "< 1",
        "<= 1",
        "> 2",
        ">= 2",
        "1",
        "2",
        "[0..1]",
        "(0..2)",
        "[1..3)",
        "(1..2]",
        "not(1)",
        "not(> 1, 0)",
        "null",
        "not(null)",
        "0, 3",
    ]
)
words = st.sampled_from(["-", '"a"', '"b"', '"a","b"', 'not("a")', "null", 'not("b", null)'])


@st.composite
def tables(draw):
    hit = draw(st.sampled_from(["UNIQUE", "ANY", "FIRST", "PRIORITY", "COLLECT"]))
    aggregate = draw(st.sampled_from(["sum", "min", "max", "count"])) if hit == "COLLECT" else "list"
    output = {"name": "o", "type": "number", "values": ["1", "2", "3"]}
    if draw(st.booleans()) and hit != "COLLECT":
        output["default"] = "9"
    rows = [[draw(cells), draw(words), draw(st.sampled_from(["1", "2", "3"]))] for _ in range(draw(st.integers(1, 5)))]
    text = {"table": "t", "hit": hit, "aggregate": aggregate, "outputs": [output], "rows": rows}
    text["inputs"] = [{"name": "x", "type": "number", "nullable": True}, {"name": "w", "type": "text", "nullable": True}]
    made, problems = build(text)
    assert problems == []
    return made


SAMPLES = [
    {"x": x, "w": w} for x, w in product([None, *map(Decimal, ["-1", "0", "0.5", "1", "1.5", "2", "2.5", "3", "4"])], [None, "a", "b", "c"])
]


@settings(max_examples=150, deadline=None)
@given(tables())
def test_sql_equals_the_interpreter(table):
    import duckdb

    con = duckdb.connect()
    con.execute("CREATE TABLE t (n INT, x DECIMAL(10,2), w TEXT)")
    con.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, row["x"], row["w"]) for n, row in enumerate(SAMPLES)])
    parts = sql.single_hit(table)
    found = con.execute(f"SELECT {parts['o']}, {parts['hit_row']}, {parts['hit_error']} FROM t ORDER BY n").fetchall()
    for record, (value, _row, error) in zip(SAMPLES, found, strict=True):
        want = table.evaluate(record)
        assert (error is None) == (want.error is None)
        if want.error is None:
            wanted = want.value["o"] if isinstance(want.value, dict) else want.value
            assert value == wanted, (record, value, wanted)


@settings(max_examples=150, deadline=None)
@given(tables())
def test_the_linter_equals_brute_force(table):
    table = replace(table, hit="UNIQUE", aggregate="list", outputs=(replace(table.outputs[0], default=None),))
    found = lint(table)
    hits = [[row.number for row in table.hits(record)] for record in SAMPLES]
    assert any(f.finding == "gap" for f in found) == any(not row for row in hits)
    pairs = {(a, b) for row in hits for a in row for b in row if a < b}
    assert {f.rows for f in found if f.finding == "overlap"} == pairs
    dead = {row.number for row in table.rows} - {number for row in hits for number in row}
    assert {f.rows[0] for f in found if f.finding == "unreachable"} == dead


@settings(max_examples=100, deadline=None)
@given(tables())
def test_rows_that_never_decide_under_first_are_found(table):
    table = replace(table, hit="FIRST", aggregate="list")
    dead = {row.number for row in table.rows} - {table.hits(record)[0].number for record in SAMPLES if table.hits(record)}
    assert {f.rows[0] for f in lint(table) if f.finding == "unreachable"} == dead


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.sampled_from(values.KINDS))
def test_no_text_of_a_cell_crashes_or_reaches_sql_unparsed(text, kind):
    found = parse_cell(text, kind)
    if not isinstance(found, Problem):
        assert parse_cell(str(found), kind) == found
