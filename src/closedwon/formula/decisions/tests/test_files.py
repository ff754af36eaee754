"""Decision tables in files and in policies: read, linted, evaluated, compiled and converted; every mistake at its line."""

import json
from decimal import Decimal
from itertools import product

import duckdb
import pytest
from typer.testing import CliRunner

from closedwon.base.errors import Invalid
from closedwon.base.policytext import PolicyModel, load_text
from closedwon.formula.decisions import build, sql
from closedwon.formula.decisions.commands import table_app
from closedwon.formula.decisions.field import TableField, findings
from closedwon.formula.decisions.files import read_bytes, read_file, write_bytes
from closedwon.formula.decisions.records import record_of

TEXT = """table = "discount"
hit = "UNIQUE"
inputs = [{ name = "discount", type = "percent" }]
outputs = [{ name = "approver", type = "text" }]
rows = [
  ["< 5%", "nobody"],
  [">= 5%", "Manager"],
]
"""
RUN = CliRunner()


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "discount.toml"
    made.write_text(TEXT)
    return made


def test_the_commands_check_lint_evaluate_compile_and_convert(file, tmp_path):
    assert "right; 2 rows, UNIQUE" in RUN.invoke(table_app, ["check", str(file)]).output
    assert "0 errors, 0 warnings" in RUN.invoke(table_app, ["lint", str(file)]).output
    said = RUN.invoke(table_app, ["eval", str(file), "--row", '{"discount": "12%"}'])
    assert json.loads(said.output) == {"value": {"approver": "Manager"}, "rows": [2], "error": None}
    query = RUN.invoke(table_app, ["sql", str(file)]).output
    con = duckdb.connect()
    con.execute("CREATE TABLE rows AS SELECT 0.049::DECIMAL(5,3) AS discount UNION ALL SELECT 0.05")
    assert {row[-1] for row in con.execute(query).fetchall()} == {"nobody", "Manager"}
    for ending in ("csv", "xlsx", "dmn", "toml"):
        target = tmp_path / f"out.{ending}"
        assert RUN.invoke(table_app, ["convert", str(file), str(target)]).exit_code == 0
        assert read_file(target) == read_file(file)


def test_a_gap_is_an_error_and_ends_with_one(file):
    file.write_text(TEXT.replace("< 5%", "< 4%"))
    for verb in ("check", "lint"):
        said = RUN.invoke(table_app, [verb, str(file)])
        assert said.exit_code == 1
        assert "gap: no row covers discount one of: exactly 4%, between 4% and 5%" in said.output + said.stderr


def test_bad_files_are_refused_with_the_mend(file, tmp_path):
    with pytest.raises(Invalid) as caught:
        file.write_text(TEXT.replace('"< 5%"', '"< x%"'))
        read_file(file)
    assert caught.value.problems[0].line == 6
    assert read_bytes(b"\xff", "x.csv")[1][0].mend == "Save it as UTF-8"
    assert read_bytes(b"", "x.pdf")[0] is None
    assert read_bytes(b"not a workbook", "x.xlsx")[0] is None
    assert "Name one of: none" in str(read_bytes(b"a = 1", "x.toml")[1][0])
    with pytest.raises(Invalid, match=r"no known ending"):
        write_bytes(
            build({"table": "t", "inputs": [{"name": "a", "type": "text"}], "outputs": [{"name": "b", "type": "text"}], "rows": []})[0],
            "x.doc",
        )


def test_a_record_is_made_exact_or_refused(file):
    table = read_file(file)
    assert record_of(table, {"discount": Decimal("0.12")}) == {"discount": Decimal("0.12")}
    assert record_of(table, {}) == {"discount": None}
    with pytest.raises(Invalid) as caught:
        record_of(table, {"discont": 1, "discount": "many"})
    assert [str(item) for item in caught.value.problems] == [
        "discont: unknown input 'discont'. Did you mean 'discount'?", "discount: 'many' is not a percent. Write a percentage such as 30%",
    ]  # fmt: skip


class Sign(PolicyModel):
    name: str
    approvers: TableField


def _policy(cell="< 5%"):
    return 'name = "x"\n[approvers]\n' + TEXT.replace("< 5%", cell)


def test_a_table_within_a_policy_is_read_and_its_mistakes_have_lines():
    made, problems = load_text(_policy(), Sign)
    assert problems == []
    assert made.approvers.evaluate({"discount": Decimal("0.5")}).value == {"approver": "Manager"}
    assert findings(made) == []
    _, problems = load_text(_policy("< x%"), Sign)
    assert [(p.line, p.field, p.message, p.mend) for p in problems] == [
        (8, "approvers.rows.0.0", "'x%' is not a percent", "Write a percentage such as 30%")
    ]
    gap, problems = load_text(_policy("< 4%"), Sign)
    assert problems == []
    assert [(place, found.finding) for place, _, found in findings(gap)] == [(("approvers",), "gap")]
    assert load_text('name = "x"\napprovers = 3\n', Sign)[1][0].line == 2


@pytest.mark.parametrize("hit", ["UNIQUE", "ANY", "FIRST", "PRIORITY"])
@pytest.mark.parametrize(
    "rows", [[["< 1", "-", "1"], [">= 1", 'not("a")', "2"]], [["< 2", "-", "1"], ["> 0", '"a"', "2"], ["-", "null", "1"]]]
)
def test_the_select_equals_the_interpreter(hit, rows):
    inputs = [{"name": "x", "type": "number"}, {"name": "w", "type": "text"}]
    table, problems = build({"table": "t", "hit": hit, "inputs": inputs, "outputs": [{"name": "o", "type": "number", "values": ["2", "1"], "default": "9"}], "rows": rows})  # fmt: skip
    assert problems == []
    con = duckdb.connect()
    con.execute("CREATE TABLE r (x DECIMAL(9,2), w TEXT)")
    samples = list(product([None, Decimal(0), Decimal(1), Decimal(3)], [None, "a", "b"]))
    con.executemany("INSERT INTO r VALUES (?, ?)", samples)
    for x, w, hit_row, error, o in con.execute(f"SELECT x, w, hit_row, hit_error, o FROM ({sql.select(table, 'r')})").fetchall():
        want = table.evaluate({"x": x, "w": w})
        assert (error is not None) == (want.error is not None), (x, w)
        assert o == (want.value["o"] if want.value else None)
        if want.error is None and want.rows:
            assert hit_row in want.rows


def test_rows_that_may_meet_only_in_null_or_an_undeclared_value_are_counted():
    text = {"table": "t", "hit": "UNIQUE", "inputs": [{"name": "w", "type": "picklist", "values": ["A", "B"]}]}
    text |= {"outputs": [{"name": "o", "type": "number"}], "rows": [['not("A")', "1"], ['not("B")', "2"]]}
    assert "more than one row hits" in sql.select(build(text)[0], "r")
    text["rows"] = [['"A"', "1"], ['"B"', "2"]]
    assert "more than one row hits" not in sql.select(build(text)[0], "r")


def test_thousands_of_rows_compile():
    text = {"table": "t", "hit": "UNIQUE", "inputs": [{"name": "x", "type": "number"}], "outputs": [{"name": "o", "type": "number"}]}
    table, _ = build({**text, "rows": [[str(n), str(n)] for n in range(3000)]})
    con = duckdb.connect()
    con.execute("CREATE TABLE r AS SELECT 2999::DECIMAL(9,0) AS x")
    assert con.execute(sql.select(table, "r")).fetchone()[-1] == 2999
