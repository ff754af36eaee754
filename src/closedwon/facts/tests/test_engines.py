"""The kernels give the same on Python, DuckDB and Spark; the lint refuses what the engines do differently."""

import random
from pathlib import Path

import pytest

from closedwon.base.money import digits, muldiv, share
from closedwon.base.rule import Rule
from closedwon.base.tables import columns
from closedwon.facts.dialects import problems
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import run_both, spark_missing

INPUT = columns("amount_minor ppm:int num:int den:int currency")
RULE = Rule(
    "kernels",
    "closedwon.facts",
    "tests/kernels.sql",
    {"given": INPUT},
    columns("amount_minor ppm:int num:int den:int currency share_minor ratio_minor units:int"),
    ("amount_minor", "ppm", "num", "den", "currency"),
)


def rows(count):
    rng = random.Random(7)
    sizes = [0, 1, -1, 2, 499_999, 500_000, -500_000, 999_999, 1_000_000, 9_000_000_000_000_000, -9_000_000_000_000_000]
    made = []
    for n in range(count):
        amount = rng.choice(sizes) if n % 3 == 0 else rng.randint(-(10**12), 10**12)
        den = rng.choice([1, 2, 3, 7, 365, 10**9, 10**13])
        num = rng.randint(0, 3 * den) if n % 2 else den
        made.append(
            {
                "amount_minor": amount,
                "ppm": rng.randint(0, 2_500_000),
                "num": num,
                "den": den,
                "currency": rng.choice(["USD", "JPY", "KWD", "CLF"]),
            }
        )
    return made


def check(result):
    for row in result.to_pylist():
        assert row["share_minor"] == share(row["amount_minor"], row["ppm"]), row
        assert row["ratio_minor"] == muldiv(row["amount_minor"], row["num"], row["den"]), row
        assert row["units"] == 10 ** digits(row["currency"])


def test_the_kernels_are_the_same_in_python_and_sql():
    check(DuckEngine().run(RULE, {"given": rows(20_000)}))


@pytest.mark.spark
@pytest.mark.skipif(spark_missing() != "", reason=spark_missing())
def test_the_kernels_are_the_same_on_spark():
    check(run_both(RULE, {"given": rows(2_000)}))


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT a / b FROM t", "float"),
        ("SELECT AVG(a) FROM t", "float"),
        ("SELECT * FROM t ASOF JOIN u ON t.a >= u.a", "ASOF"),
        ("SELECT date_diff('month', a, b) FROM t", "date_diff"),
        ("SELECT list(a) FROM t", "engines"),
    ],
)
def test_the_lint_refuses_what_engines_do_differently(sql, word):
    assert any(word in problem for problem in problems(sql)), problems(sql)


def test_the_texts_lie_beside_the_test():
    assert (Path(__file__).parent / "kernels.sql").exists()
