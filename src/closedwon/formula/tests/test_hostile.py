"""No text costs much to refuse, none ends in anything but a value or a reported problem, and none reaches SQL as text."""

import os
import time

import pytest
from hypothesis import HealthCheck, given, seed, settings
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
    "long list": "name IN (" + ",".join(f'"k{at}"' for at in range(1000)) + ")",
    "longest list": "amount NOT IN (" + ",".join(str(at) for at in range(1480)) + ")",
    "list in list": "amount IN (" * 50 + "1" + ", 2)" * 50,
    "nested tests": "IF(" * 55 + "TRUE" + ", TRUE, FALSE)" * 55,
    "nested joins": 'IF(amount > 1, name & "' * 50 + '"' + '", "")' * 50,
    "nested errors": "IFERROR(1 / (" * 25 + "amount" + "), 0)" * 25,
    "nested quotients": "(1 / " * 55 + "amount" + ")" * 55,
    "nested rounding": "ROUND(" * 28 + "amount" + " / 7, amount)" * 28,
    "nested remainders": "MOD(" * 50 + "amount" + ", 7.123)" * 50,
    "nested percentages": "amount * (1 + " * 28 + "5%" + ")" * 28,
    "powers in powers": "amount ^ (" * 28 + "2" + ")" * 28,
    "wide power": "(amount * amount) ^ 8 * (amount * amount) ^ 8",
    "tiny numbers": " * ".join(["1e-30"] * 700),
    "large numbers": " * ".join(["1e37"] * 700),
    "huge exponents": "+".join(["1e999"] * 700),
    "leading zeros": "0" * 9000 + "1",
    "digits of a text": 'VALUE("' + "9" * 9000 + '")',
    "exponent of a text": 'VALUE("1e999") + VALUE("1e-999")',
    "padded paddings": "LPAD(" * 30 + '"a"' + ', 99999, "ab")' * 30,
    "padding doubled": " & ".join(['LPAD("", 99999, "x")'] * 200),
    "texts doubled": "SUBSTITUTE(" * 15 + 'LPAD("a", 99999, "a")' + ', "a", "aa")' * 15,
    "replaced and replaced": "SUBSTITUTE(" * 50 + 'RPAD(name, 99999, "ab")' + ', "ab", "ba")' * 50,
    "found again": "+".join(['FIND("b", RPAD("", 99999, "a"))'] * 100),
    "far dates": "ADDMONTHS(" * 28 + "day" + ", 1000000000)" * 28,
    "far moments": "NOW() + 1e30",
    "far days": "day - 99999999999999999999 + (day - DATE(1, 1, 1))",
    "unknown functions": "+".join(f"SUMM{at}(1)" for at in range(700)),
    "regex alternatives": 'REGEX("' + "a" * 2000 + '", "' + "(a|b|" * 200 + "c" + ")*" * 200 + '")',
    "regex repeated": 'REGEX(name, "' + "a{1000}" * 300 + '")',
    "regex of the data": 'REGEX(RPAD("", 99999, "a"), "(.*)(.*)(.*)(.*)(.*)[^a]")',
    "regex classes": 'REGEX(name, "[' + "a-z" * 2000 + ']+")',
    "like of the data": 'LIKE(RPAD("", 99999, "a"), "%a%a%a%a%a%a%a%a%a%b")',
    "split values": 'INCLUDES("' + ";" * 9000 + '", "a")',
    "combining marks": '"' + "e\u0301" * 3000 + '" = name',
    "joined emoji": '"' + "\U0001f469\u200d" * 3000 + '" & name',
    "zero width": "am\u200bount > 5",
    "soft hyphen": "am\u00adount",
    "full width": "ＩＦ(amount > 5, 1, 2)",
    "dotted capital": "ıf(amount > 5, 1, 2)",
    "Kelvin": "\u212a7 = name",
    "ligature": "ﬁnd(name)",
    "right-to-left name": "שם > 5",
    "half of a pair": '"\udfff" & name',
    "line ends": "\n" * 9000 + "amnt",
    "columns": " " * 9000 + "amnt",
    "comments": "/**/" * 2400 + "1",
    "injection": 'amount"; DROP TABLE x; --',
    "nothing": "",
}  # fmt: skip


def used(text):
    """The seconds of this process until a text is refused or is SQL; then it is evaluated as well."""
    start = time.process_time()
    formula = compile(text, TYPES)
    spent = time.process_time() - start
    if formula.problems:
        formula.report()
        return spent
    outcome = formula.evaluate({"amount": 5, "name": "k7", "TODAY()": "2026-01-01", "NOW()": "2026-01-01 00:00:00"})
    assert outcome.error is None or isinstance(outcome.error, str)
    try:
        sql = formula.sql()
    except ClosedwonError:
        return time.process_time() - start
    spent = time.process_time() - start
    try:
        formula.sql("spark")
    except ClosedwonError as refused:
        assert refused.mend or refused.problems
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
FUZZ = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.slow
def test_fuzzing_finds_no_crash():
    until, turn = time.monotonic() + min(SECONDS, 600), 0
    while time.monotonic() < until:
        turn += 1
        FUZZ(
            seed(turn)(
                given(st.one_of(st.lists(PIECES, max_size=25).map(" ".join), st.text(max_size=60)))(lambda text: used(text) and None)
            )
        )()
