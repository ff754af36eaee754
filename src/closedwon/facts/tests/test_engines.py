"""The kernels give the same on Python, DuckDB and Spark; the lint and the output check refuse what the engines do differently."""

import os
import random
import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from closedwon.base.calendar import whole_months
from closedwon.base.errors import Invalid, NotReady
from closedwon.base.money import digits, muldiv, share
from closedwon.base.rates import convert
from closedwon.base.rule import Rule
from closedwon.base.tables import columns, table
from closedwon.facts.dialects import duckdb_text, problems
from closedwon.facts.duck import cursor, failures
from closedwon.facts.engine import DuckEngine, SparkEngine, query_rows
from closedwon.facts.store import Store
from closedwon.facts.testing import check_snapshot, run_both, spark_missing

INPUT = columns("n:int amount_minor ppm:int num:int den:int currency to_currency rate_ppb since until")
RULE = Rule(
    "kernels",
    "closedwon.facts",
    "tests/kernels.sql",
    {"given": INPUT},
    columns("n:int share_minor ratio_minor units:int converted_minor months:int"),
    ("n",),
)
needs_spark = pytest.mark.skipif(spark_missing() != "", reason=spark_missing())


class Text(Rule):
    """A rule whose text stands in the test."""

    def __new__(cls, sql, inputs, outputs, order_by=()):
        rule = Rule("text", "closedwon.facts", "none.sql", inputs, columns(outputs), order_by)
        rule.__dict__["sql"] = sql
        return rule


def rows(count):
    rng = random.Random(7)
    sizes = [0, 1, -1, 2, 499_999, 500_000, -500_000, 999_999, 1_000_000, 9_000_000_000_000_000, -9_000_000_000_000_000]
    made = []
    for n in range(count):
        den = rng.choice([1, 2, 3, 7, 365, 10**9, 10**13, -2, -365])
        made.append(
            {
                "n": n,
                "amount_minor": rng.choice(sizes) if n % 3 == 0 else rng.randint(-(10**12), 10**12),
                "ppm": rng.randint(-2_500_000, 2_500_000),
                "num": rng.randint(-3 * abs(den), 3 * abs(den)) if n % 2 else den,
                "den": den,
                "currency": rng.choice(["USD", "JPY", "KWD", "CLF"]),
                "to_currency": rng.choice(["USD", "EUR", "JPY", "KWD", "CLF"]),
                "rate_ppb": rng.randint(1, 200 * 10**9) if n % 5 else rng.randint(1, 10**7),
                "since": date(2020, rng.randint(1, 12), rng.randint(1, 28)) if n % 3 else date(2024, rng.choice([1, 3, 5]), 31),
                "until": date(rng.randint(2018, 2026), rng.randint(1, 12), rng.randint(1, 28)) if n % 4 else date(2024, 2, 29),
            }
        )
    return [row for row in made if abs(convert(row["amount_minor"], row["currency"], row["to_currency"], row["rate_ppb"])) < 2**63]


def check(result, given):
    assert result.num_rows == len(given)
    for row, g in zip(result.to_pylist(), given, strict=True):
        assert row["share_minor"] == share(g["amount_minor"], g["ppm"]), g
        assert row["ratio_minor"] == muldiv(g["amount_minor"], g["num"], g["den"]), g
        assert row["units"] == 10 ** digits(g["currency"])
        assert row["converted_minor"] == convert(g["amount_minor"], g["currency"], g["to_currency"], g["rate_ppb"]), g
        assert row["months"] == whole_months(g["since"], g["until"]), g


def test_the_kernels_are_the_same_in_python_and_sql():
    given = rows(20_000)
    check(DuckEngine().run(RULE, {"given": given}), given)
    nothing = DuckEngine().run(RULE, {"given": [{"n": 1}, {"n": 2, "amount_minor": 1, "num": 1, "den": 0}]}).to_pylist()
    assert {row["ratio_minor"] for row in nothing} == {None}
    assert nothing[0]["share_minor"] is None


@pytest.mark.spark
@needs_spark
def test_the_kernels_are_the_same_on_spark():
    given = rows(2_000)
    check(run_both(RULE, {"given": given}), given)


@pytest.mark.spark
@needs_spark
def test_spark_reads_tables_and_writes_them(tmp_path):
    store = Store(str(tmp_path / "facts"))
    store.append("accounts", pa.table({"id": ["a", "b"], "name": ["A", "B"]}))
    store.append("accounts", pa.table({"id": ["c"], "domain": ["c.test"]}))
    rule = Text("SELECT id, name, domain FROM accounts", {"accounts": table("accounts").columns}, "id name domain", ("id",))
    assert run_both(rule, {"accounts": store.source("accounts")}).num_rows == 3
    assert run_both(rule, {"accounts": store.source("accounts", 0)}).num_rows == 2
    assert run_both(rule, {"accounts": Store(str(tmp_path / "none")).source("accounts")}).num_rows == 0
    to = Text("SELECT id, name FROM accounts", {"accounts": table("accounts").columns}, "id name", ("id",))
    SparkEngine().write(to, {"accounts": store.source("accounts")}, store, "territories")
    assert store.read("territories", columns=["id", "name"]).to_pylist()[2] == {"id": "c", "name": None}
    with pytest.raises(Invalid, match="on Spark: amount_minor is a whole number but comes as decimal"):
        SparkEngine().run(
            Text("SELECT id, CAST(1 AS DECIMAL(9, 2)) AS amount_minor FROM accounts", to.inputs, "id amount_minor"), {"accounts": []}
        )


def test_sparks_text_is_reviewed():
    check_snapshot(RULE, Path(__file__).parent / "snapshots")


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT a / b FROM t", "float"),
        ("SELECT AVG(a) FROM t", "float"),
        ("SELECT * FROM t ASOF JOIN u ON t.a >= u.a", "ASOF"),
        ("SELECT date_diff('month', a, b) FROM t", "date_diff"),
        ("SELECT list(a) FROM t", "array_agg"),
        ("SELECT [1, 2]", "array"),
        ("SELECT string_agg(a, ',') FROM t", "group_concat"),
        ("SELECT any_value(a) FROM t", "any_value"),
        ("SELECT now()", "now"),
        ("SELECT a FROM t LIMIT 3", "LIMIT without ORDER BY"),
        ("SELECT ROW_NUMBER() OVER (PARTITION BY a) FROM t", "ORDER BY in its window"),
        ("SELECT * FROM read_csv('x.csv')", "read_csv"),
        ("SELECT a FROM t USING SAMPLE 3", "sample"),
        ("DELETE FROM t", "not one SELECT"),
        ("SELECT 1; SELECT 2", "not one SELECT"),
        ("SELECT (", "cannot be parsed"),
    ],
)
def test_the_lint_refuses_what_engines_do_differently(sql, word):
    assert any(word in problem for problem in problems(sql)), problems(sql)


def test_named_windows_and_ordered_limits_are_clean():
    assert problems("SELECT LEAD(a) OVER w FROM t WINDOW w AS (ORDER BY a)") == []
    assert problems("SELECT a // 2 AS a, SUM(b) FILTER (a > 1) FROM t GROUP BY a ORDER BY a LIMIT 3") == []


def test_a_rule_reads_its_inputs_only():
    with pytest.raises(Invalid, match="reads /etc/passwd, which is not an input"):
        duckdb_text(Text("SELECT a FROM t JOIN '/etc/passwd' p ON TRUE", {"t": columns("a")}, "a"))
    with pytest.raises(Invalid, match="needs the tables given"):
        DuckEngine().run(RULE, {})


@pytest.mark.parametrize("cell", ["1.5", "CAST(1 AS DOUBLE)", "'1'", "CAST(amount_minor AS DECIMAL(18, 2))"])
def test_money_that_is_no_whole_number_is_refused_before_it_is_cast(cell):
    rule = Text(f"SELECT {cell} AS amount_minor FROM t", {"t": columns("amount_minor")}, "amount_minor")
    with pytest.raises(Invalid, match="amount_minor is a whole number but comes as"):
        DuckEngine().run(rule, {"t": [{"amount_minor": 1}]})


def test_sums_come_back_as_int64_and_missing_columns_are_named():
    rule = Text("SELECT SUM(amount_minor) AS amount_minor FROM t", {"t": columns("amount_minor currency")}, "amount_minor")
    result = DuckEngine().run(rule, {"t": pa.table({"amount_minor": [1, 2]})})  # currency is filled with null
    assert result.schema.field("amount_minor").type == pa.int64()
    assert result.to_pylist() == [{"amount_minor": 3}]
    with pytest.raises(Invalid, match="the column currency is missing"):
        DuckEngine().run(Text(rule.sql, rule.inputs, "amount_minor currency"), {"t": []})
    huge = {"t": pa.table({"amount_minor": [2**62] * 4})}
    with pytest.raises(Invalid, match="out of range"):
        DuckEngine().run(rule, huge)
    with pytest.raises(NotReady, match="too little memory for x"), failures("x"):
        raise OSError("Out of Memory Error: failed to allocate")


def test_results_do_not_depend_on_the_order_of_rows():
    rule = Text("SELECT id, amount_minor FROM t", {"t": columns("id amount_minor")}, "id amount_minor", ("amount_minor", "id"))
    given = [{"id": str(n), "amount_minor": n % 7 or None} for n in range(5_000)]
    random.Random(3).shuffle(given)
    first = DuckEngine().run(rule, {"t": given})
    assert first.equals(DuckEngine().run(rule, {"t": given[::-1]}))
    assert first.to_pylist()[0]["amount_minor"] is None  # nulls come first


def test_running_a_rule_adds_little_to_the_query(tmp_path):
    store = Store(str(tmp_path / "facts"))
    store.replace("accounts", pa.table({"id": [str(n) for n in range(1000)]}))
    rule = Text("SELECT COUNT(*) AS n FROM accounts", {"accounts": table("accounts").columns}, "n:int")
    file = store.source("accounts", 0).files[0]

    def best(work):
        times = []
        for _ in range(10):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        return min(times)

    def bare():
        with cursor() as con:
            con.sql(f"SELECT COUNT(*) FROM read_parquet('{file}')").to_arrow_table()

    assert best(lambda: DuckEngine().run(rule, {"accounts": store.source("accounts", 0)})) - best(bare) < 0.02


def test_a_forked_process_has_an_engine_of_its_own():
    assert query_rows("SELECT 1 AS a", {}) == [{"a": 1}]
    child = os.fork()
    if child == 0:
        os._exit(0 if query_rows("SELECT SUM(i) AS a FROM range(1000) t(i)", {}) == [{"a": 499_500}] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
