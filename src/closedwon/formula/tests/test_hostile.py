"""No text costs much to refuse, none ends in anything but a value or a reported problem, and none reaches SQL as text."""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.errors import ClosedwonError
from closedwon.facts import duck
from closedwon.formula.formula import compile  # noqa: A004
from closedwon.formula.types import types_of

TYPES = types_of(
    {
        "amount": "money USD",
        "name": "text",
        "day": "date",
        "lines": {"rows": {"net": "money"}},
        "rates": {"keys": {"k": "text"}, "value": "percent", "rows": [[f"k{at}", 0.1] for at in range(900)]},
    }
)
HOSTILE = {
    "parentheses": "(" * 9000,
    "closed parentheses": "(" * 4000 + "1" + ")" * 4000,
    "minus": "-" * 9000 + "1",
    "not": "!" * 9000 + "TRUE",
    "calls": "IF(" * 3000,
    "nested calls": "ABS(" * 1500 + "1" + ")" * 1500,
    "sum": "+".join(["1"] * 1499),
    "joined": "&".join(["name"] * 1400),
    "power": "^".join(["9"] * 1400),
    "powers of powers": "(" * 40 + "amount" + "^8)" * 40,
    "huge number": "9" * 9000,
    "huge exponent": "1e999999999",
    "many numbers": " ".join(["1"] * 4900),
    "unclosed text": '"' + "a" * 9000,
    "unclosed comment": "/*" + "*" * 9000,
    "slashes": "/*/" * 3000,
    "backslashes": '"' + "\\" * 9000,
    "unknown names": ",".join(f"MAX(amounu{at}" for at in range(700)),
    "long name": "a" * 9999,
    "long unknown function": "A" * 9990 + "(1)",
    "many arguments": "MAX(" + ",".join(["amount"] * 1490) + ")",
    "many cases": "CASE(name," + ",".join(f'"{at}",{at}' for at in range(700)) + ",0)",
    "many tiers": "TIER_SLAB(amount," + ",".join(f"{at},{at}%" for at in range(700)) + ")",
    "many steps": "INTERPOLATE(amount," + ",".join(f"{at},{at}" for at in range(700)) + ")",
    "many lookups": "+".join(["LOOKUP(rates,name)"] * 400),
    "nested lookups": "LOOKUP(rates," * 50 + "name" + ")" * 50,
    "regex": 'REGEX("' + "a" * 3000 + '", "(a*)*(a*)*(a|aa)+b")',
    "regex size": 'REGEX("a", "((a{900}){900}){900}")',
    "like": 'LIKE("' + "a" * 3000 + '", "' + "%a" * 2000 + 'b")',
    "padding": 'LPAD("a", 999999999999)',
    "growing": "SUBSTITUTE(" * 30 + '"aaaaaaaaaa"' + ', "a", "aaaaaaaaaaaaaaaaaaaa")' * 30,
    "rows in rows": "SUM(SUM(lines.net))",
    "right to left": "amount \u202e> 5",
    "zero": "amount\x00",
    "surrogate": '"\ud800"',
    "look-alike": "аmount > 5",
    "digits": "\u0663 + 1",
    "injection": 'amount"; DROP TABLE x; --',
    "nothing": "",
}  # fmt: skip


def used(text):
    start = time.perf_counter()
    formula = compile(text, TYPES)
    spent = time.perf_counter() - start
    if formula.problems:
        formula.report()
        return spent
    outcome = formula.evaluate({"amount": 5, "name": "k7", "TODAY()": "2026-01-01", "NOW()": "2026-01-01 00:00:00"})
    assert outcome.error is None or isinstance(outcome.error, str)
    try:
        sql = formula.sql()
    except ClosedwonError:
        return time.perf_counter() - start
    spent = time.perf_counter() - start
    with duck.cursor() as cursor:
        cursor.execute(
            f"WITH rows AS (SELECT 5::DECIMAL(18,4) AS amount, 'k7' AS name, DATE '2026-01-01' AS day, DATE '2026-01-01' AS \"TODAY()\", TIMESTAMP '2026-01-01' AS \"NOW()\", [{{'net': 5::DECIMAL(18,4)}}] AS lines) {sql}"
        ).fetchall()
    return spent


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_or_used_at_once(name):
    used(HOSTILE[name])  # benchmarks/bench_hostile.py measures it


def test_a_text_is_only_ever_a_literal():
    text = "x'); DROP TABLE deals; --"
    formula = compile(f'"{text}" & name', TYPES)
    assert formula.evaluate({"name": "'"}).value == text + "'"
    with duck.cursor() as cursor:
        assert cursor.execute(f"WITH rows AS (SELECT '''' AS name) {formula.sql()}").fetchone() == (text + "'", None)


def test_a_field_is_only_ever_an_identifier():
    formula = compile("a + 1", {"a": {"type": "number", "column": 'x" + (SELECT 1) + "y'}})
    assert '"x"" + (SELECT 1) + ""y"' in formula.sql()


PIECES = st.sampled_from(
    ["amount", "name", "day", "lines.net", "lines", "rates", "IF(", "SUM(", "WHERE", "LOOKUP(", "TEXT(", "DATE(", "REGEX(", "CASE(", "MONTHS_BETWEEN(", "TIER_SLAB(", "IN (", "NOT", "NULL", "TRUE",
     ")", ")", ")", ",", ",", "+", "-", "*", "/", "^", "&", "&&", "||", "!", "=", "<>", "<", ">=", "%", '"a"', "'b'", '"', "\\", "1", "2.5", "1e9", "1e-30", "40%", ".", "(", "/*", "*/", ";", "$", "\u202e", "é", "\n"]
)  # fmt: skip
SECONDS = float(os.environ.get("CLOSEDWON_FUZZ_SECONDS", "5"))


@settings(max_examples=100_000 if SECONDS > 5 else 4000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(st.one_of(st.lists(PIECES, max_size=25).map(" ".join), st.text(max_size=60)))
def _one(text):
    if time.monotonic() < _one.until:
        used(text)


def test_fuzzing_finds_no_crash():
    _one.until = time.monotonic() + min(SECONDS, 600)
    _one()
