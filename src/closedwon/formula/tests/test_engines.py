"""Generated formulas over generated rows: the interpreter, DuckDB and Spark give the same value or all an error."""

import json
import os
import random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.errors import ClosedwonError
from closedwon.facts import duck
from closedwon.facts.engine import spark_rows
from closedwon.facts.testing import spark_missing
from closedwon.formula.formula import BadFormula, compile, sql_of  # noqa: A004
from closedwon.formula.tests import generated
from closedwon.formula.types import types_of

KNOWN = types_of(generated.TYPES)
EXAMPLES = int(os.environ.get("CLOSEDWON_FORMULA_EXAMPLES", "120"))
SECONDS = os.environ.get("CLOSEDWON_FUZZ_SECONDS", "")
needs_spark = pytest.mark.skipif(bool(spark_missing()), reason=spark_missing() or "Spark is here")


def on_duckdb(formulas, rows, blank):
    named = {str(at): one for at, one in enumerate(formulas)}
    with duck.cursor() as cursor:
        cursor.register("rows_", generated.table(rows))
        return cursor.execute(sql_of(named, "duckdb", "rows_", ("_row",), blank=blank)).fetchall()


def on_spark(formulas, rows, blank):
    named = {str(at): one for at, one in enumerate(formulas)}
    return spark_rows(sql_of(named, "spark", "rows_", ("_row",), blank=blank), {"rows_": generated.table(rows)})


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(generated.language(2), st.integers(0, 2**32), st.sampled_from(["blank", "zero"]))
def test_interpreter_and_duckdb_agree(text, seed, blank):
    formula = compile(text, KNOWN)
    if formula.problems:  # products of too many decimals are refused at compile time
        assert all("decimals" in str(one) or "currenc" in str(one) for one in formula.problems), formula.report()
        return
    chance = random.Random(seed)
    rows = [generated.row(chance) for _ in range(4)]
    assert generated.disagreements([formula], rows, blank, on_duckdb([formula], rows, blank)) == []
    json.dumps(formula.explain(rows[0], blank=blank).as_dict())


def batch(chance, count, dialect):
    """So many formulas that compile, each different."""
    made = []
    while len(made) < count:
        formula = compile(generated.formula(chance), KNOWN)
        try:
            formula.sql(dialect)
        except (BadFormula, ClosedwonError):
            continue
        made.append(formula)
    return made


@pytest.mark.parametrize("blank", ["blank", "zero"])
@pytest.mark.parametrize("seed", range(EXAMPLES // 15))
def test_deep_formulas_agree_on_duckdb(seed, blank):
    chance = random.Random(seed)
    formulas, rows = batch(chance, 25, "duckdb"), [generated.row(chance) for _ in range(20)]
    assert generated.disagreements(formulas, rows, blank, on_duckdb(formulas, rows, blank)) == []


@pytest.mark.spark
@needs_spark
@pytest.mark.parametrize("blank", ["blank", "zero"])
@pytest.mark.parametrize("seed", range(EXAMPLES // 24))
def test_deep_formulas_agree_on_spark(seed, blank):
    chance = random.Random(1000 + seed)
    formulas, rows = batch(chance, 12, "spark"), [generated.row(chance) for _ in range(20)]
    assert generated.disagreements(formulas, rows, blank, on_spark(formulas, rows, blank)) == []


EDGES = [  # where Spark rounds, wraps or gives NULL when it is left to itself
    "v / w", "w / v", "y / 3", "v / 7", "1 / v", "-v", "ABS(v)", "v - w", "v + 1", "y * y", "w * n", "y * 999999999999999999", "ROUND(v, 5)", "ROUNDUP(v, 17)", "MFLOOR(v)", "ROUND(v, n)", "MOD(v, w)", "MOD(y, 7)",
    "SUM(big)", "SUM(lines.big / net)", "MAX(lines.big)", "TEXT(v)", "VALUE(TEXT(v))", "v > w", "MIN(v, y)", "MROUND(v, 0.05)", "y / 0.000000000000000001", "v * 0.000000000000000001", "c / q", "c * q", "(c / 3) * 3", "y ^ 2",
]  # fmt: skip


@pytest.mark.spark
@needs_spark
@pytest.mark.parametrize("careful", [True, False], ids=["ansi", "legacy"])
def test_large_numbers_are_exact_on_spark_whatever_its_session_says(careful):
    from pyspark.sql import SparkSession

    spark_rows("SELECT 1")
    conf = SparkSession.getActiveSession().conf
    kept = {name: conf.get(name) for name in ("spark.sql.ansi.enabled", "spark.sql.decimalOperations.allowPrecisionLoss")}
    chance = random.Random(7)
    formulas, rows = [compile(text, KNOWN) for text in EDGES], [generated.row(chance) for _ in range(60)]
    try:
        conf.set("spark.sql.ansi.enabled", str(careful).lower())
        conf.set("spark.sql.decimalOperations.allowPrecisionLoss", str(not careful).lower())
        for part in (formulas[:16], formulas[16:]):
            assert generated.disagreements(part, rows, "blank", on_spark(part, rows, "blank")) == []
    finally:
        for name, value in kept.items():
            conf.set(name, value)


APPROXIMATE = ["SQRT(n)", "EXP(p)", "LN(m)", "LOG(m)", "SIN(n)", "COS(p)", "TAN(p)", "ATAN(n)", "ATAN2(n, p)", "n ^ -1", "p ^ k", "n ^ 2.5", "SQRT(n) * n", "ASIN(p)", "ACOS(p)"]  # fmt: skip


def test_a_row_that_does_not_fit_its_types_is_an_error_in_every_formula():
    types = {"n": "number(4,1)", "k": "number(3,0)"}
    formulas = {"sum": compile("n + k", types), "caught": compile("IFERROR(n, 0)", types), "other": compile("k > 1", types)}
    with duck.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE r AS SELECT * FROM (VALUES (12345.6::DECIMAL(9,1), 5), (99.9, 7)) AS v(n, k)")
        found = cursor.execute(sql_of(formulas, "duckdb", "r")).fetchall()
    misfit = "the value does not fit its type"
    assert found[0] == (None, misfit, None, misfit, True, None)
    assert [str(cell) for cell in found[1]] == ["106.9", "None", "99.9", "None", "True", "None"]


@pytest.mark.spark
@needs_spark
def test_approximate_functions_agree_to_12_digits_on_spark():
    chance = random.Random(3)
    formulas, rows = [compile(text, KNOWN) for text in APPROXIMATE], [generated.row(chance) for _ in range(40)]
    assert generated.disagreements(formulas, rows, "blank", on_spark(formulas, rows, "blank")) == []


LETTERS = ["UPPER(t)", "LOWER(t)", "INITCAP(t)", "TRIM(t)", 'REGEX(t, "\\\\w+ .*")', 'REGEX(t, "a\\\\S+b\\\\s.{2}")', 'REGEX(t, "[^\\\\s]+ [^x]*$")', 'LIKE(t, "a_b%__")', 't < "aĀ"']  # fmt: skip


def letters(until):
    rows = [{"t": f"a{chr(code)}b {chr(code)}{chr(code)}"} for code in range(1, until) if not 0xD800 <= code < 0xE000]
    return rows, pa.table({"_row": range(len(rows)), "t": [row["t"] for row in rows]})


def unlike(formulas, rows, found):
    wanted = {(at, row["t"]): one.evaluate(row).value for row in rows for at, one in enumerate(formulas)}
    return [
        (formulas[at].text, row["t"], wanted[at, row["t"]], cells[2 * at])
        for row, (_, *cells) in zip(rows, sorted(found), strict=True)
        for at in range(len(formulas))
        if wanted[at, row["t"]] != cells[2 * at]
    ]


def test_every_letter_is_the_same_on_duckdb():
    rows, table = letters(0x20000 if SECONDS else 0x3000)
    formulas = [compile(text, {"t": "text"}) for text in LETTERS]
    with duck.cursor() as cursor:
        cursor.register("letters", table)
        found = cursor.execute(sql_of({str(at): one for at, one in enumerate(formulas)}, "duckdb", "letters", ("_row",))).fetchall()
    assert unlike(formulas, rows, found) == []


@pytest.mark.spark
@needs_spark
def test_european_letters_are_the_same_on_spark():
    rows, table = letters(0x3000)
    known = {chr(code) for code in (0x19B, 0x264, 0x1C89, 0x1C8A)}  # letters whose other form came after the Unicode of Python 3.11
    formulas = [compile(text, {"t": "text"}) for text in LETTERS if not text.startswith("INITCAP")]
    found = spark_rows(sql_of({str(at): one for at, one in enumerate(formulas)}, "spark", "letters", ("_row",)), {"letters": table})
    assert [one for one in unlike(formulas, rows, found) if one[1][1] not in known] == []


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("REGEX(t, u)", "REGEX on Spark needs a pattern in quotes", 10),
        ('1 + IF(REGEX(t, "(a|b)*c"), 1, 2)', "REGEX on Spark cannot repeat a group that has alternatives or repeats itself", 17),
        ('REGEX(t, "(a+)+b")', "REGEX on Spark cannot repeat a group that has alternatives or repeats itself", 10),
        ('REGEX(t, "(?i)a")', "REGEX on Spark cannot take '(?i)a' as DuckDB does", 10),
        ('REGEX(t, "[[:alpha:]]")', "REGEX on Spark cannot take", 10),
        ("LIKE(t, u)", "LIKE on Spark needs a pattern in quotes", 9),
        ("fine * 2", "Spark cannot read a field of 20 decimals without loss", 1),
    ],
)
def test_what_spark_cannot_do_is_refused_with_its_place(text, message, column):
    formula = compile(text, {**generated.TYPES, "fine": "number(30,20)"})
    assert not formula.problems
    formula.sql("duckdb")
    with pytest.raises(BadFormula) as caught:
        formula.sql("spark")
    found = caught.value.problems[0]
    assert found.message.startswith(message)
    assert (found.line, found.column) == (1, column)
    assert found.mend
    assert "^" in caught.value.message


def test_a_quotient_stays_short():
    text = compile("m / n * p", KNOWN).sql("spark")
    assert text.count("SELECT") <= 8
    assert len(text) < 3000


def test_what_needs_too_many_steps_for_spark_is_refused():
    text = "(" * 20 + "m" + " / n + 1)" * 20
    with pytest.raises(ClosedwonError, match="steps inside each other"):
        compile(text, KNOWN).sql("spark")
