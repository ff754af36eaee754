"""The language: examples of every function, types and units, messages, blanks, exact numbers, explanation, cases, commands."""

import os
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from closedwon.base.errors import Invalid
from closedwon.facts import duck
from closedwon.facts.engine import spark_rows
from closedwon.facts.testing import spark_missing
from closedwon.formula.cases import Run, read
from closedwon.formula.formula import compile, sql_of, types_for  # noqa: A004
from closedwon.formula.functions import TABLE
from closedwon.formula.reference import EXAMPLE_ROW, EXAMPLE_TYPES, page
from closedwon.formula.types import type_of
from closedwon.formula.values import shown
from closedwon.site.cli import app

PUBLIC = [one for one in TABLE.values() if one.group]
needs_spark = pytest.mark.skipif(bool(spark_missing()), reason=spark_missing() or "Spark is here")
ROOT = Path(__file__).parents[4]
CASES = Path(os.environ.get("CLOSEDWON_FORMULA_CASES", ROOT.parent / "shared/data/formula/cases.jsonl"))


def value(text, row=None, types=None, blank="blank"):
    formula = compile(text, types if types is not None else types_for(row or {}))
    assert not formula.problems, formula.report()
    return formula.evaluate(row or {}, blank=blank)


def problems(text, types):
    return [str(one) for one in compile(text, types).problems]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda one: one.name)
def test_every_example_holds_on_both_engines(function):
    formula = compile(function.example, EXAMPLE_TYPES)
    assert not formula.problems, formula.report()
    outcome = formula.evaluate(EXAMPLE_ROW)
    assert (outcome.error, shown(outcome.value, formula.type)) == (None, function.shows)
    rows = (
        "SELECT [{'net': 10::DECIMAL(18,4), 'kind': 'new'}, {'net': 20, 'kind': 'new'}, {'net': 30, 'kind': 'renewal'}] AS lines, "
        "DATE '2026-03-31' AS \"TODAY()\", TIMESTAMP '2026-03-31 12:00:00' AS \"NOW()\""
    )
    with duck.cursor() as cursor:
        found, error = cursor.execute(f"WITH rows AS ({rows}) {formula.sql()}").fetchone()
    assert error is None
    assert shown(found, formula.type) == function.shows


@pytest.mark.spark
@needs_spark
@pytest.mark.parametrize("part", range(8))
def test_every_example_holds_on_spark(part):
    functions = PUBLIC[part::8]
    formulas = {one.name.lower(): compile(one.example, EXAMPLE_TYPES) for one in functions}
    lines = ", ".join(
        f"named_struct('net', CAST({net} AS DECIMAL(18,4)), 'kind', '{kind}')" for net, kind in ((10, "new"), (20, "new"), (30, "renewal"))
    )
    rows = f"(SELECT array({lines}) AS lines, DATE '2026-03-31' AS `TODAY()`, TIMESTAMP_NTZ '2026-03-31 12:00:00' AS `NOW()`)"
    found = spark_rows(sql_of(formulas, "spark", rows))[0]
    for function, value, error in zip(functions, found[::2], found[1::2], strict=True):
        kind = formulas[function.name.lower()].type
        given = (datetime.min + timedelta(milliseconds=value)).time() if kind.kind == "time" else value
        assert (error, shown(given, kind)) == (None, function.shows), function.name


def test_the_reference_page_is_current():
    assert (ROOT / "docs/reference/formulas.md").read_text(encoding="utf-8") == page() + "\n"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1/3*3", 1), ("2/3", Decimal("0.666666666666666667")), ("-2/3", Decimal("-0.666666666666666667")), ("0.1+0.2=0.3", True), ("1-0.9=0.1", True),
        ("100*(1-45%)", 55), ("-2^2", -4), ("2^10", 1024), ("7-2-1", 4), ("2+3*4", 14), ("1e3", 1000), ('"a" & "b" & 1', "ab1"), ("5 IN (1, 5)", True),
        ("5 NOT IN (1, 5)", False), ("!FALSE && TRUE", True), ('/* why */ "x"', "x"), ('"a\\"b"', 'a"b'), ("'it'", "it"), ("IF(NULL > 1, 1, 2)", 2),
        ("DATE(2026,1,31) + 1", date(2026, 2, 1)), ("DATE(2026,3,1) - DATE(2026,2,1)", 28), ('TIMEVALUE("01:00:00.000") - TIMEVALUE("23:00:00.000")', 7_200_000),
        ("ROUND(-2.5, 0)", -3), ("ROUND(1250, -2)", 1300), ("99999999999999999999 * 99999999999999999", Decimal(9999999999999999899900000000000000001)),
        ('PRORATE(1200, DATE(2026,1,1), DATE(2026,4,1), "month")', 300), ('MONTHS_BETWEEN(DATE(2026,1,31), DATE(2026,2,28), "whole")', 1),
        ('MONTHS_BETWEEN(DATE(2026,1,15), DATE(2026,2,1), "30/360")', Decimal("0.533333333333333333")), ("TIER_SLAB(50, 0, 10%, 100, 20%)", 5), ("INTERPOLATE(5, 10, 1, 20, 2)", 1),
        ("TEXT(1/4)", "0.25"), ("TEXT(-0.5)", "-0.5"), ("TEXT(DATE(2013,12,31))", "2013-12-31"), ("LOG(1000)", 3.0),
    ],
)  # fmt: skip
def test_values(text, result):
    assert value(text).value == result


def test_names_paths_and_capital_letters():
    row = {"Amount": 5, "Account": {"Industry": "Energy", "Owner": {"Name": "Ann"}}}
    assert value('IF(AMOUNT > 3, account.industry & " " & Account.Owner.name, "")', row).value == "Energy Ann"


def test_blanks_in_both_treatments():
    types = {"a": "number", "t": "text", "d": "date"}
    assert value("a + 1", {}, types).value is None
    assert value("a + 1", {}, types, "zero").value == 1
    assert value("a > 1", {}, types).value is False
    assert value("NOT(a > 1)", {}, types).value is False
    assert value("ISBLANK(a)", {}, types).value is True
    assert value("ISBLANK(a)", {}, types, "zero").value is False
    assert value('t = ""', {}, types, "zero").value is True
    assert value('BLANKVALUE(t, "none")', {"t": ""}, types).value == "none"
    with pytest.raises(Invalid):
        value("a", {}, types, "maybe")


@pytest.mark.parametrize(
    ("text", "error"),
    [("1 / 0", "division by zero"), ("MOD(1, 0)", "division by zero"), ("DATE(2026, 2, 30)", "there is no such day"), ('VALUE("x")', "the text is no number"),
     ('REGEX("a", "(")', "the regular expression is not valid"), ("(10^30) * 10000000000", "the number has more than 38 digits"), ("SQRT(-1)", "the value is outside what the function takes"),
     ("99999999999999999999 * 99999999999999999999", "the number has more than 38 digits"), ("2 ^ 0.5", "the exponent is not a whole number")],
)  # fmt: skip
def test_errors_are_values_on_both_engines(text, error):
    assert value(text).error == error
    with duck.cursor() as cursor:
        assert cursor.execute(f"WITH rows AS (SELECT 1 AS one) {compile(text).sql()}").fetchone() == (None, error)


UNITS = {
    "usd": "money USD",
    "eur": "money EUR",
    "rate": "percent",
    "qty": "quantity",
    "stage": {"type": "picklist", "values": ["Open", "Won"]},
    "name": "text",
    "day": "date",
    "discount": "percent",
    "ok": "yes/no",
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [("usd * rate", "money USD"), ("usd / usd", "number"), ("usd / qty", "money USD"), ("usd + 5", "money USD"), ("usd * qty", "money USD"), ("rate + 5%", "percent"), ("day + 1", "date"), ("day - day", "number"),
     ("IF(ok, usd, 0)", "money USD"), ("MAX(usd, 0)", "money USD"), ("ROUND(usd, 2)", "money USD"), ("SQRT(usd)", "number"), ("usd > 5", "yes/no"), ("stage", "picklist"), ("stage & name", "text")],
)  # fmt: skip
def test_units(text, kind):
    assert str(compile(text, UNITS).type) == kind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("discont", ["1:1: unknown field `discont`. Did you mean `discount`?"]),
        ("usd + eur", ["1:5: USD and EUR money cannot be added. Convert one of them first."]),
        ("usd > eur", ["1:5: USD and EUR money cannot be compared. Convert one of them first."]),
        ('usd > "5"', ["1:5: USD money cannot be compared with a text. Use VALUE(text) or TEXT(number)."]),
        ('IF(ok, 1, "x")', ["1:11: the values are of different types: number and text. Bring them to one type, for example with TEXT(...)."]),
        ('stage = "Wom"', ["1:9: 'Wom' is not a value of stage. Did you mean 'Won'?"]),
        ("ROUNDD(1)", ["1:1: unknown function ROUNDD. Did you mean ROUND?"]),
        ("LEFT(name)", ["1:1: LEFT is given 1 argument. Write LEFT(text, count)."]),
        ("(1 + 2", ["1:7: a ) is missing. Close the parenthesis that opens at column 1."]),
        ("1 + 2)", ["1:6: unexpected ). There is one ) too many."]),
        ("IF(ok; 1; 2)", ["1:6: unexpected ;. Arguments are separated by commas."]),
        ('"abc', ['1:1: the text has no closing quote. Close it with ".']),
        ("name + 1", ["1:6: a text stands where a number is needed. Use VALUE(text) or TEXT(number)."]),
        ("usd +\n  nme * discont", ["2:3: unknown field `nme`. Did you mean `name`?", "2:9: unknown field `discont`. Did you mean `discount`?"]),
        ("", ["1:1: the formula is empty. Write for example IF(amount > 1000, 5%, 0)."]),
    ],
)  # fmt: skip
def test_every_mistake_has_its_place_and_mend(text, expected):
    assert problems(text, UNITS) == expected


def test_the_caret_stands_below_the_place():
    assert compile("usd +\n  nme", UNITS).report().splitlines()[1:] == ["      nme", "      ^"]


def test_the_explanation_shows_every_part():
    formula = compile("ROUND(amount * (1 - discount), 2)", {"amount": "money USD", "discount": "percent"})
    assert formula.explain({"amount": "99.99", "discount": "12.5%"}).lines() == [
        "ROUND(amount * (1 - discount), 2) = 87.49",
        "  amount * (1 - discount) = 87.49125",
        "    amount = 99.99",
        "    (1 - discount) = 0.875",
        "      discount = 0.125",
    ]


def test_a_row_that_does_not_fit_is_refused():
    with pytest.raises(Invalid, match="decimals"):
        value("a", {"a": "1.005"}, {"a": "number(5,2)"})
    with pytest.raises(Invalid, match="is no date"):
        value("d", {"d": "2026-02-30"}, {"d": "date"})


def test_columns_stored_as_minor_units_and_ppm():
    types = {
        "amount": {"type": "money", "currency": "USD", "stored": "minor", "column": "amount_minor"},
        "rate": {"type": "percent", "stored": "ppm", "column": "rate_ppm"},
    }
    with duck.cursor() as cursor:
        sql = compile("ROUND(amount * rate, 2)", types).sql()
        assert cursor.execute(f"WITH rows AS (SELECT 12345::BIGINT AS amount_minor, 333333::BIGINT AS rate_ppm) {sql}").fetchone() == (
            Decimal("41.15"),
            None,
        )


def test_a_wrong_type_names_the_right_one():
    with pytest.raises(Invalid, match="unknown") as caught:
        type_of("mony USD", "amount")
    assert caught.value.mend == "Did you mean money?"


@pytest.mark.skipif(not CASES.exists() and not os.environ.get("CI"), reason="needs the cases of Salesforce's formula engine")
def test_cases_of_the_salesforce_engine():
    with duck.cursor() as cursor:
        run = Run(lambda sql: cursor.execute(sql).fetchall())
        for case in read(CASES.read_text(encoding="utf-8").split("\n")):
            run.case(case)
    assert {name for name, tally in run.tallies.items() if tally.passed * 100 < 99 * (tally.passed + tally.failed)} == set()
    assert sum(tally.passed for tally in run.tallies.values()) >= 10_660


@pytest.mark.parametrize(
    ("text", "place", "mend"),
    [
        ('CONCATENATE(name, "x")', (1, 1), "Join texts with &"), ('VLOOKUP(name, "a")', (1, 1), "LOOKUP(table, key)"), ("amount => 5", (1, 9), "Write >=."), ("amount ** 2", (1, 9), "Write ^."), ("amount is null", (1, 8), "ISBLANK"),
        ("amount BETWEEN 1 AND 5", (1, 8), "value >= 1 AND value <= 5"), ('name LIKE "a%"', (1, 6), "LIKE(text"), ("if amount > 5 then 1 else 2", (1, 4), "IF(test, then, otherwise)"), ("amount > 5 ? 1 : 2", (1, 12), "IF(test, then, otherwise)"),
        ("1,000 + amount", (1, 2), "as in 1000"), ("amount > 1_000", (1, 11), "as in 1000"), ("amount IN 1, 2", (1, 8), "value IN (a, b)"), ("5 > amount > 3", (1, 12), "two comparisons"), ("lines.net + 1", (1, 1), "SUM(lines.net)"),
        ("-day", (1, 2), "YEAR, MONTH or DAY"), ("IF(TRUE, 1, 2) 3", (1, 16), "operator or a comma"), ("amount\n  + amuont", (2, 5), "Did you mean `amount`?"),
    ],
)  # fmt: skip
def test_habits_of_other_tools_get_the_right_mend(text, place, mend):
    formula = compile(text, {"amount": "money USD", "name": "text", "day": "date", "lines": {"rows": {"net": "money USD"}}})
    found = formula.problems[0]
    assert (found.line, found.column) == place
    assert mend in found.mend
    assert formula.report().split("\n")[2].index("^") == place[1] - 1 + 4


@pytest.mark.spark
@needs_spark
@pytest.mark.skipif(not CASES.exists() and not os.environ.get("CI"), reason="needs the cases of Salesforce's formula engine")
def test_a_sample_of_the_cases_of_the_salesforce_engine_on_spark():
    run = Run(spark_rows, "spark")
    for at, case in enumerate(read(CASES.read_text(encoding="utf-8").split("\n"))):
        if at % 25 == 4 and "LIKE(" not in case["formula"]:
            run.case(case)
    by_interpreter = {
        (blank, line.partition(": ")[2]) for (name, blank), one in run.tallies.items() if name == "interpreter" for line in one.failures
    }
    assert {
        (blank, line.partition(": ")[2]) for (name, blank), one in run.tallies.items() if name == "spark" for line in one.failures
    } == by_interpreter
    assert run.tallies["spark", "blank"].passed > 90


def test_commands(tmp_path):
    types = tmp_path / "types.toml"
    types.write_text('amount = "money USD"\n', encoding="utf-8")
    cli = CliRunner()
    text = 'IF(amount > 100000, "VP", "Manager")'
    assert cli.invoke(app, ["formula", "eval", text, "--row", '{"amount": 120000}']).output == "VP\n"
    assert cli.invoke(app, ["formula", "eval", "1/0"]).exit_code == 1
    assert (
        "amount = 120000"
        in cli.invoke(app, ["formula", "eval", text, "--row", '{"amount": 120000}', "--types", str(types), "--explain"]).output
    )
    assert "SELECT" in cli.invoke(app, ["formula", "sql", text, "--types", str(types), "--dialect", "spark"]).output
    assert cli.invoke(app, ["formula", "check", text, "--types", str(types)]).output == "fine: gives text, reads amount\n"
    assert "^" in cli.invoke(app, ["formula", "check", "amnt", "--types", str(types)]).exception.message


def test_and_or_not_may_stand_between_values():
    types = {"a": "yes/no", "b": "yes/no", "n": "number", "x": "text"}
    row = {"a": True, "b": False, "n": 5, "x": "q"}
    for text, same in {
        "a AND b OR n = 5": "OR(AND(a, b), n = 5)",
        "a or (b and n > 1)": "OR(a, AND(b, n > 1))",
        "NOT n = 5": "NOT(n = 5)",
        "n >= 3 AND NOT b": "AND(n >= 3, NOT(b))",
        'NOT x IN ("q") AND a': 'AND(NOT(x IN ("q")), a)',
        "NOT(b) AND a": "AND(NOT(b), a)",
    }.items():
        assert compile(text, types).evaluate(row) == compile(same, types).evaluate(row), text
    assert [compile(text, types).problems[0].column for text in ("a AND", "AND a", "a AND x")] == [6, 5, 7]
