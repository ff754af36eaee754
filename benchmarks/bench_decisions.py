"""A decision table of 200 rows over 10 million records in DuckDB, against the same decision written by hand:
`python benchmarks/bench_decisions.py [--rows N] [--table-rows N] [--write]`. With --write the table of docs/field/decision-tables.md is renewed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import duckdb

from closedwon.formula.decisions import build, parse_cell
from closedwon.formula.decisions.sql import select
from closedwon.formula.decisions.table import Row

BAR = 3.0
COUNTRIES = [f"C{n:02}" for n in range(20)]
BOUNDS = [Decimal(n) / 20 for n in range(11)]


def table(hit: str, count: int):
    """One row per country and band of discount; they never overlap."""
    rows = []
    for country in COUNTRIES:
        for at, (low, high) in enumerate(pairwise(BOUNDS)):
            low_text, high_text = f"{low * 100:f}%", f"{high * 100:f}%"
            end = "]" if at == len(BOUNDS) - 2 else ")"
            rows.append([f'"{country}"', f"[{low_text}..{high_text}{end}", f"L{at}", str(at * 3)])
    inputs = [{"name": "country", "type": "text"}, {"name": "discount", "type": "percent"}]
    values = [f"L{n}" for n in range(9, -1, -1)]
    made, problems = build(
        {"table": "t", "hit": hit, "inputs": inputs, "outputs": [{"name": "level", "type": "picklist", "values": values},
         {"name": "days", "type": "number", "values": [str(n * 3) for n in range(9, -1, -1)]}], "rows": rows[:count]}
    )  # fmt: skip
    assert made, problems
    return made


def by_hand(count: int) -> str:
    """What an analyst would write: one CASE per output."""
    arms = {"level": [], "days": []}
    for country in COUNTRIES:
        for at, (low, high) in enumerate(pairwise(BOUNDS)):
            top = "<=" if at == len(BOUNDS) - 2 else "<"
            test = f"country = '{country}' AND discount >= {low} AND discount {top} {high}"
            arms["level"].append(f"WHEN {test} THEN 'L{at}'")
            arms["days"].append(f"WHEN {test} THEN {at * 3}")
    shown = ", ".join(f"CASE {' '.join(items[:count])} END AS {name}" for name, items in arms.items())
    return f"SELECT records.*, {shown} FROM records"


def timed(con, query: str, runs: int):
    """The best of some runs that look at every result, and what the results add up to."""
    best = []
    for _ in range(runs):
        start = time.perf_counter()
        found = con.execute(f"SELECT count(level), sum(days), sum(id * days) FROM ({query})").fetchall()
        best.append(time.perf_counter() - start)
    return min(best), found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--table-rows", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    con = duckdb.connect()
    con.execute(
        f"CREATE TABLE records AS SELECT range AS id, 'C' || lpad((range % 20)::TEXT, 2, '0') AS country, "
        f"CAST(((range * 7919) % 5001) / 10000.0 AS DECIMAL(9, 4)) AS discount FROM range({given.rows})"
    )
    hand, lines = by_hand(given.table_rows), []
    base, wanted = timed(con, hand, given.runs)
    lines.append(f"| written by hand, one CASE per output | {base:.2f} | 1.0 |")
    worst = 0.0
    for hit in ("FIRST", "UNIQUE", "PRIORITY", "UNIQUE, overlaps to be found"):
        made = table(hit.partition(",")[0], given.table_rows)
        if "," in hit:  # one more row that could hit together with others, and never does in these records
            made = replace(made, rows=(*made.rows, Row(len(made.rows) + 1, (parse_cell("-", "text"), parse_cell("> 900%", "percent")), ("L0", Decimal(0))),
                                       Row(len(made.rows) + 2, (parse_cell("-", "text"), parse_cell("> 950%", "percent")), ("L0", Decimal(0)))))  # fmt: skip
        query = select(made, "records")
        took, got = timed(con, query, given.runs)
        assert got == wanted, (hit, got, wanted)
        worst = max(worst, took / base)
        lines.append(f"| {hit} | {took:.2f} | {took / base:.1f} |")
    head = f"{given.table_rows} rows, two inputs, two outputs, {given.rows:,} records, {con.execute('SELECT current_setting($$threads$$)').fetchone()[0]} threads."
    text = f"{head}\n\n| decision | seconds | times by hand |\n|---|---:|---:|\n" + "\n".join(lines) + "\n"
    print(text)
    if given.write:
        page = Path(__file__).resolve().parents[1] / "docs/field/decision-tables.md"
        before, _, rest = page.read_text().partition("<!-- benchmark -->\n")
        page.write_text(before + "<!-- benchmark -->\n" + text + "<!-- end -->" + rest.partition("<!-- end -->")[2])
    raise SystemExit(worst > BAR)


if __name__ == "__main__":
    main()
