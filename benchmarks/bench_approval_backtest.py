"""A back-test of an approval matrix over a million past requests in DuckDB, against the same decision written by hand:
`python benchmarks/bench_approval_backtest.py [--rows N] [--write]`. With --write the table of docs/field/approvals.md is renewed.

The matrix: a decision table of 200 rows, six rules, an auto-approve floor, five roles in a chain.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb

from closedwon.approvals.deciding import Policies
from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.backtest import backtest_rule
from closedwon.base.policytext import load_text
from closedwon.base.tables import table
from closedwon.facts.dialects import duckdb_text

BAR = 2.0
SEGMENTS = [f"S{n:02}" for n in range(20)]
BOUNDS = [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 100]
ASK = [
    "none",
    "none",
    "none",
    "manager",
    "manager",
    "manager;desk",
    "manager;desk",
    "manager;desk;vp",
    "manager;desk;vp",
    "manager;desk;vp;cfo",
]
TAKES = {"manager": 480, "desk": 480, "vp": 960, "finance": 960, "cfo": 1440}
RULES = {
    "finance": [
        ("payment_terms IN ('Net 45', 'Net 60', 'Net 90')", 'payment_terms IN ("Net 45", "Net 60", "Net 90")'),
        ("free_months >= 3", "free_months >= 3"),
    ],
    "desk": [
        ("term_months < 12", "term_months < 12"),
        ("renewal_net_minor < renewal_base_minor", "renewal_net < renewal_base"),
        ("price_lock", "price_lock"),
    ],
    "cfo": [("net_minor > 50000000 AND discount_ppm > 300000", "net > 500000 AND discount > 30%")],
}
KINDS = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "instant": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "bool": "BOOLEAN",
    "decimal": "DECIMAL(18,6)",
}


def rows() -> list[tuple[str, int, int, str]]:
    """Segment, from, below, whom: 200 rows that never overlap."""
    return [(segment, low, high, ASK[at]) for segment in SEGMENTS for at, (low, high) in enumerate(pairwise(BOUNDS))]


def matrix() -> Policies:
    """The matrix as policy text."""
    cells = ",\n".join(
        f"""  ['"{segment}"', "[{low}%..{high}%{"]" if high == 100 else ")"}", "{ask}"]""" for segment, low, high, ask in rows()
    )
    roles = "\n".join(f'[[version.role]]\nname = "{name}"\nsla_hours = {takes // 60}' for name, takes in TAKES.items())
    rules = "\n".join(
        f"[[version.rule]]\nname = \"{role} {at}\"\nwhen = '{formula}'\nask = [\"{role}\"]" for role, found in RULES.items() for at, (_, formula) in enumerate(found)
    )  # fmt: skip
    text = f"""
title = "Bench"
[[version]]
since = 2020-01-01
reference = "bench"
currency = "USD"
[version.fields]
discount = "percent"
net = "money"
renewal_base = "money"
renewal_net = "money"
term_months = "number"
free_months = "number"
payment_terms = "text"
price_lock = "yes/no"
segment = "text"
{roles}
[[version.chain]]
name = "all"
steps = ["manager", "desk", ["vp", "finance"], "cfo"]
{rules}
[version.floor]
when = "net <= 500000"
reason = "small"
otherwise = "desk"
[[version.table]]
[version.table.table]
table = "ladder"
hit = "UNIQUE"
inputs = [{{ name = "segment", type = "text" }}, {{ name = "discount", type = "percent" }}]
outputs = [{{ name = "ask", type = "text" }}]
rows = [
{cells}
]
"""
    value, problems = load_text(text, Matrix, "bench.toml")
    assert value is not None, problems
    return Policies({"bench": value})


def by_hand() -> str:
    """What an analyst would write: one CASE for the table, then the rules, the floor, the roles as text and the time."""
    arms = " ".join(
        f"WHEN segment = '{segment}' AND discount_ppm >= {low * 10_000} AND discount_ppm {'<=' if high == 100 else '<'} {high * 10_000} THEN '{ask}'"
        for segment, low, high, ask in rows()
    )
    tests = {role: " OR ".join(f"COALESCE({test}, FALSE)" for test, _ in found) for role, found in RULES.items()}
    marks = ", ".join(
        f"(CASE WHEN ladder IS NULL THEN FALSE ELSE contains(';' || ladder || ';', ';{role};') END OR {tests.get(role, 'FALSE')}) AS {role}" for role in TAKES
    )  # fmt: skip
    listed = " || ".join(f"CASE WHEN {role} THEN ';{role}' ELSE '' END" for role in ("manager", "desk", "vp", "finance", "cfo"))
    takes = {role: f"CASE WHEN {role} THEN {minutes} ELSE 0 END" for role, minutes in TAKES.items()}
    return f"""
SELECT id, CASE WHEN manager OR desk OR vp OR finance OR cfo THEN 'needs-approval' ELSE 'auto-approved' END AS outcome, substr({listed}, 2) AS roles,
  {takes["manager"]} + {takes["desk"]} + greatest({takes["vp"]}, {takes["finance"]}) + {takes["cfo"]} AS minutes,
  CASE WHEN COALESCE(auto_reason, '') <> '' THEN 'auto-approved' ELSE state END AS then_outcome, COALESCE(asked_roles, '') AS then_roles, then_minutes
FROM (
  SELECT m.* REPLACE (desk OR (NOT (manager OR desk OR vp OR finance OR cfo) AND ladder IS NULL) OR (NOT (manager OR desk OR vp OR finance OR cfo) AND net_minor > 50000000) AS desk)
  FROM (
    SELECT id, auto_reason, state, asked_roles, net_minor, ladder, minutes AS then_minutes, {marks}
    FROM (SELECT *, CASE {arms} END AS ladder FROM approval_requests WHERE kind = 'deal' AND submitted_on >= DATE '2025-05-01' AND submitted_on < DATE '2026-11-25')
  ) AS m
)"""


def timed(con: duckdb.DuckDBPyConnection, query: str) -> tuple[float, list[tuple[object, ...]]]:
    """How long a query takes that looks at every result, and what the results come to."""
    start = time.perf_counter()
    found = con.execute(
        f"SELECT outcome, COUNT(*), SUM(minutes), SUM(length(roles)), SUM(then_minutes), MIN(roles), MAX(roles) FROM ({query}) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return time.perf_counter() - start, found


def requests(con: duckdb.DuckDBPyConnection, count: int) -> None:
    """So many past requests of 18 months."""
    told = {
        "id": "'R' || range", "kind": "'deal'", "currency": "'USD'", "state": "'approved'", "auto_reason": "CASE WHEN range % 2 = 0 THEN 'alone' ELSE '' END",
        "submitted_on": "DATE '2025-05-01' + CAST(range % 570 AS INTEGER)", "submitted_at": "TIMESTAMPTZ '2025-05-01 10:00:00+00' + INTERVAL (range % 570) DAY",
        "asked_roles": "CASE WHEN range % 2 = 0 THEN '' ELSE 'manager' END", "minutes": "(range * 7919) % 2000", "discount_ppm": "((range * 7919) % 50001) * 10",
        "list_minor": "(range * 104729) % 90000000", "net_minor": "(range * 104723) % 80000000", "term_months": "6 + (range * 31) % 36",
        "payment_terms": "['Net 30', 'Net 30', 'Net 30', 'Net 45', 'Net 60'][1 + range % 5]", "free_months": "(range * 13) % 5",
        "renewal_base_minor": "CASE WHEN range % 3 = 0 THEN (range * 7) % 1000000 END", "renewal_net_minor": "CASE WHEN range % 3 = 0 THEN (range * 11) % 1000000 END",
        "price_lock": "range % 17 = 0", "segment": "'S' || lpad(((range * 17) % 20)::TEXT, 2, '0')",
        "fields": """'{"discount":"' || (range % 50) || '%","term_months":"12","executive_summary":"Three-year commitment with room to grow"}'""",
    }  # fmt: skip
    cells = ", ".join(
        f"CAST({told.get(column.name, 'NULL')} AS {KINDS[column.type]}) AS {column.name}" for column in table("approval_requests").columns
    )
    con.execute(f"CREATE TABLE approval_requests AS SELECT {cells} FROM range({count})")
    con.execute("CREATE TABLE live_approval_requests AS SELECT * FROM approval_requests WHERE FALSE")
    con.execute("CREATE TABLE live_ids (id VARCHAR)")
    con.execute("CREATE TABLE params AS SELECT 'deal' AS kind, '' AS region, DATE '2025-05-01' AS start, DATE '2026-11-25' AS stop")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    requests(con, given.rows)
    united = matrix().on("deal", date(2026, 11, 1))
    assert not united.problems, united.problems
    queries = {"written by hand": by_hand(), "compiled from the policy": duckdb_text(backtest_rule(united))}
    best: dict[str, float] = {}
    wanted = None
    for _ in range(given.runs):  # in turns, so that a busy minute of the machine meets both
        for name, query in queries.items():
            took, found = timed(con, query)
            wanted = wanted or found
            assert found == wanted, (name, found, wanted)
            best[name] = min(took, best.get(name, took))
    base = best["written by hand"]
    threads = con.execute("SELECT current_setting('threads')").fetchall()[0][0]
    lines = [f"| {name} | {took:.2f} | {took / base:.1f} |" for name, took in best.items()]
    head = f"{given.rows:,} past requests, a decision table of 200 rows, six rules and a floor, {threads} threads."
    text = f"{head}\n\n| back-test | seconds | times by hand |\n|---|---:|---:|\n" + "\n".join(lines) + "\n"
    print(text)
    if given.write:
        page = Path(__file__).resolve().parents[1] / "docs/field/approvals.md"
        before, _, rest = page.read_text().partition("<!-- benchmark -->\n")
        page.write_text(before + "<!-- benchmark -->\n" + text + "<!-- end -->" + rest.partition("<!-- end -->")[2])
    raise SystemExit(best["compiled from the policy"] / base > BAR)


if __name__ == "__main__":
    main()
