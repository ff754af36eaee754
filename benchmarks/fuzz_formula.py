"""Coverage-guided fuzzing of the formula language with atheris: `python benchmarks/fuzz_formula.py -max_total_time=600`.

A text ends in a value, a reported problem or a ClosedwonError, within a second; what compiles is evaluated, explained and written as SQL
for both dialects, and every few inputs run on DuckDB, where they may give an error column and never fail.
"""

import sys
import time

import atheris

with atheris.instrument_imports(include=["closedwon.formula"]):
    from closedwon.formula.formula import compile  # noqa: A004

from closedwon.base.errors import ClosedwonError
from closedwon.formula.functions import TABLE
from closedwon.formula.tests.test_hostile import TYPES, used

WORDS = [
    "amount", "name", "day", "lines.net", "lines", "rates", " WHERE ", "NULL", "TRUE", "(", ")", ")", ",", ",", "+", "-", "*", "/", "^", "&", " AND ", " OR ", "NOT ", " IN (", "=", "<>", "<", ">=", "%", '"a"', "'b'", '"', "\\", "1", "2.5",
    "1e9", "1e-30", "99999999999999999999", "40%", ".", "/*", "*/", ";", "$", "\u202e", "é", "\n", *(f"{one.name}(" for one in TABLE.values() if one.group), *(one.example for one in TABLE.values() if one.group),
]  # fmt: skip
ROW = {
    "amount": 5,
    "name": "k7",
    "day": "2026-01-01",
    "lines": [{"net": 3}, {"net": None}],
    "TODAY()": "2026-01-01",
    "NOW()": "2026-01-01 00:00:00",
}
COUNT = [0]


def text_of(data: bytes) -> str:
    """Bytes as a formula: as they are, or each as a word."""
    if data[:1] and data[0] % 4 == 0:
        return data[1:].decode("utf-8", "surrogateescape")
    return "".join(WORDS[byte % len(WORDS)] for byte in data[1:120])


def one(data: bytes) -> None:
    """One input."""
    text = text_of(data)
    start = time.process_time()
    formula = compile(text, TYPES)
    if formula.problems:
        formula.report()
    else:
        formula.evaluate(ROW)
        formula.evaluate({"TODAY()": "2026-01-01", "NOW()": "2026-01-01 00:00:00"}, blank="zero")
        formula.explain(ROW).lines()
        for dialect in ("duckdb", "spark"):
            try:
                formula.sql(dialect)
            except ClosedwonError as refused:
                if not (refused.mend or refused.problems):
                    raise AssertionError(text) from refused
        COUNT[0] += 1
        if COUNT[0] % 20 == 0:
            used(text)
    spent = time.process_time() - start
    assert spent < 2, (spent, text)  # instrumented code is some ten times slower


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
