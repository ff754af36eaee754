"""The discount rule over 10 million records: generated DuckDB SQL against the same rule written by hand, both in turns.
`python benchmarks/bench_formula.py [--rows N] [--runs N] [--write]`. With --write the table of docs/field/formulas.md is renewed.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import duckdb

from closedwon.formula.formula import compile  # noqa: A004

BAR = 3.0
TYPES = {"discount": "percent(5,4)", "pay": "text", "qty": "quantity(9,0)", "price": "money(12,2)"}
APPROVER = (
    'IF(discount > 40% OR (pay = "NET60" AND qty * price > 100000), "CFO", IF(discount > 25%, "VP", IF(discount > 10%, "Manager", "none")))'
)
NET = "ROUND(qty * price * (1 - discount), 2)"
PART = "ROUND(qty * price * (1 - discount) / 12, 2)"
BY_HAND = {
    "who approves": "CASE WHEN discount > 0.40 OR (pay = 'NET60' AND qty * price > 100000) THEN 'CFO' WHEN discount > 0.25 THEN 'VP' WHEN discount > 0.10 THEN 'Manager' ELSE 'none' END",
    "net amount": "round(qty * price * (1 - discount), 2)",
    "net amount ÷ 12 (by hand in floating point)": "round(CAST(qty AS DOUBLE) * price * (1 - discount) / 12, 2)",
}  # fmt: skip
FORMULAS = dict(zip(BY_HAND, (APPROVER, NET, PART), strict=True))
RECORDS = """CREATE TABLE records AS SELECT range AS id, CAST(hash(range) % 6001 AS DECIMAL(18,0)) * 0.0001::DECIMAL(4,4) AS fraction, CAST(fraction AS DECIMAL(5,4)) AS discount,
    ['NET30', 'NET45', 'NET60'][1 + CAST(hash(range + 7) % 3 AS INTEGER)] AS pay, CAST(hash(range + 9) % 500 AS DECIMAL(9,0)) AS qty,
    CAST(CAST(hash(range + 11) % 100000 AS DECIMAL(18,0)) * 0.01::DECIMAL(2,2) AS DECIMAL(12,2)) AS price FROM range({rows})"""


def timed(con, value: str, source: str):
    """The seconds of a query that looks at every result, and what it found."""
    start = time.perf_counter()
    found = con.execute(f"SELECT count(value), count(DISTINCT value) FROM (SELECT {value} AS value FROM {source})").fetchall()
    return time.perf_counter() - start, found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    con = duckdb.connect()
    con.execute(RECORDS.format(rows=given.rows))
    best: dict[tuple[str, str], float] = {}
    for _ in range(given.runs):  # in turns, so that a busy minute of the machine meets both
        for name, hand in BY_HAND.items():
            generated = compile(FORMULAS[name], TYPES).sql(source="records")
            seen = {}
            for kind, value, source in (("hand", hand, "records"), ("formula", "value", f"({generated})")):
                took, seen[kind] = timed(con, value, source)
                best[name, kind] = min(took, best.get((name, kind), took))
            assert seen["hand"] == seen["formula"] or "floating" in name, (name, seen)
    lines = [
        f"| {name} | `{FORMULAS[name]}` | {best[name, 'hand']:.2f} | {best[name, 'formula']:.2f} | {best[name, 'formula'] / best[name, 'hand']:.1f} |"
        for name in BY_HAND
    ]
    threads = con.execute("SELECT current_setting($$threads$$)").fetchall()[0][0]
    text = (
        f"{given.rows:,} records, DuckDB, {threads} threads, best of {given.runs}.\n\n"
        "| rule | formula | by hand, s | formula, s | times |\n|---|---|---:|---:|---:|\n" + "\n".join(lines) + "\n"
    )
    print(text)
    if given.write:
        page = Path(__file__).resolve().parents[1] / "docs/field/formulas.md"
        before, _, rest = page.read_text(encoding="utf-8").partition("<!-- speed -->\n")
        page.write_text(before + "<!-- speed -->\n" + text + "<!-- end -->" + rest.partition("<!-- end -->")[2], encoding="utf-8")
    raise SystemExit(best["who approves", "formula"] / best["who approves", "hand"] > BAR)


if __name__ == "__main__":
    main()
