"""The funnel of a large company: from action call to metrics, against a bare hand-written DuckDB query that counts the same over the same Parquet.

    python benchmarks/bench_funnel.py [--opportunities 1000000] [--data DIR] [--keep DIR]

Prints the table that stands in docs/field/funnel.md. `--data` takes a folder that `closedwon generate` wrote.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from bench_forecast import prepare, side_by_side

BARE = """
WITH g AS (SELECT * FROM (VALUES
    ('0-Pending Acceptance', 'open', 1), ('1-Discovery', 'open', 2), ('2-Scoping', 'open', 3), ('3-Technical Evaluation', 'open', 4),
    ('4-Proposal', 'open', 5), ('5-Negotiating', 'open', 6), ('6-Awaiting Signature', 'open', 7), ('Closed Won', 'won', 8), ('8-Closed Lost', 'lost', 9)
  ) AS t(stage, status, place)),
s0 AS (
  SELECT s.opportunity_id AS id, s.valid_from AS f, s.valid_until AS u, COALESCE(g.status, 'open') AS st, COALESCE(g.place, 0) AS pl, s.stage,
    s.close_date AS due, COALESCE(s.net_arr_minor, s.amount_minor) AS amt, s.currency AS cur, s.order_type AS ot, s.created_at AS born,
    s.closed_at, s.is_deleted AS del, LOWER(s.loss_reason) AS why{more}
  FROM read_parquet({states}) s LEFT JOIN g ON g.stage = s.stage{join} WHERE s.valid_from < {cutoff}),
l AS (
  SELECT id, st, stage, born, closed_at, due, why, {segment} AS seg, COALESCE(CAST(ROUND(amt::DECIMAL(38,0) * r.num / r.den) AS BIGINT), 0) AS amt
  FROM s0 LEFT JOIN rates r ON r.currency = COALESCE(cur, 'USD')
  WHERE u >= {cutoff} AND NOT COALESCE(del, FALSE) AND (born IS NULL OR born < {cutoff}) AND COALESCE(ot, '') NOT IN ('renewal', 'Renewal')
    AND NOT (st = 'lost' AND COALESCE(why, '') IN ('merged into another opportunity', 'duplicate'))),
s AS (SELECT s0.*, CASE st WHEN 'open' THEN stage WHEN 'won' THEN '=won' ELSE '=lost' END AS k FROM s0 WHERE id IN (SELECT id FROM l)),
t0 AS (SELECT *, LAG(k) OVER w AS kb FROM s WINDOW w AS (PARTITION BY id ORDER BY f)),
t AS (SELECT id, f, st, pl, k, amt, cur, kb IS NULL AS first, LEAD(f) OVER (PARTITION BY id ORDER BY f) AS nxt FROM t0 WHERE kb IS NULL OR kb <> k),
r0 AS (SELECT *, CASE WHEN st = 'open' THEN pl WHEN st = 'won' AND nxt IS NULL THEN 99 ELSE -1 END AS reach FROM t),
r1 AS (SELECT *, MAX(reach) OVER (PARTITION BY id ORDER BY f ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS rb FROM r0),
c AS (SELECT id, f, st, k, LEAD(f) OVER (PARTITION BY id ORDER BY f) AS fwd FROM r1 WHERE reach >= 0 AND (rb IS NULL OR reach > rb)),
e AS (SELECT t.id, CASE WHEN first THEN COALESCE(l.closed_at, l.due::TIMESTAMPTZ, f) ELSE f END AS ended FROM t JOIN l USING (id) WHERE nxt IS NULL AND t.st <> 'open'),
o AS (SELECT t.*, ROW_NUMBER() OVER (PARTITION BY id ORDER BY f) AS no, pl >= 2 OR pl = 0 AS piped FROM t WHERE st = 'open'),
v AS (SELECT id, COALESCE(CAST(ROUND(amt::DECIMAL(38,0) * r.num / r.den) AS BIGINT), 0) AS amt FROM o LEFT JOIN rates r ON r.currency = COALESCE(cur, 'USD') WHERE no = 1),
m AS (SELECT id, f, COALESCE(CAST(ROUND(amt::DECIMAL(38,0) * r.num / r.den) AS BIGINT), 0) AS amt
  FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY f) AS n2 FROM o WHERE piped) LEFT JOIN rates r ON r.currency = COALESCE(cur, 'USD') WHERE n2 = 1),
b AS (SELECT id, COALESCE(CAST(ROUND(amt::DECIMAL(38,0) * r.num / r.den) AS BIGINT), 0) AS amt FROM s LEFT JOIN rates r ON r.currency = COALESCE(cur, 'USD')
  WHERE f < {begin} AND u >= {begin} AND st = 'open' AND due >= {first} AND due < {last}),
z AS (SELECT id, st, due FROM s WHERE f < {seen} AND u >= {seen}),
d AS (SELECT id, f, due, st, LAG(due) OVER (PARTITION BY id ORDER BY f) AS was FROM s),
x AS (
  SELECT 'stage' AS m, seg, k, CASE WHEN fwd IS NOT NULL THEN 'forward' WHEN l.st = 'lost' THEN 'lost' ELSE 'open' END AS o,
    (CASE WHEN fwd IS NOT NULL THEN {fwd} WHEN l.st = 'lost' THEN {ended} ELSE {day} END) - {cf} AS days, 0 AS a, 0 AS y
  FROM c JOIN l USING (id) LEFT JOIN e USING (id) WHERE c.st = 'open' AND c.f >= {begin} AND c.f < {end}
  UNION ALL SELECT 'visit', seg, k, CASE WHEN nxt IS NULL THEN 'open' ELSE 'left' END, (CASE WHEN nxt IS NULL THEN {day} ELSE {nxt} END) - {tf}, 0, 0
  FROM t JOIN l USING (id) WHERE t.st = 'open' AND t.f >= {begin} AND t.f < {end}
  UNION ALL SELECT 'cohort', seg, '', l.st, (CASE WHEN l.st = 'open' THEN {day} ELSE {ended} END) - {born}, CASE WHEN l.st = 'won' THEN l.amt ELSE 0 END, 0
  FROM l LEFT JOIN e USING (id) WHERE born >= {begin} AND born < {end}
  UNION ALL SELECT 'closed', seg, '', CASE WHEN l.st = 'won' THEN 'won' WHEN why IN ('no decision', 'no budget', 'project cancelled') THEN 'no_decision' ELSE 'lost' END,
    CASE WHEN born IS NOT NULL THEN {ended} - {born} END, l.amt, COALESCE(v.amt, l.amt)
  FROM l JOIN e USING (id) LEFT JOIN v USING (id) WHERE l.st <> 'open' AND COALESCE(l.due, {ended}) >= {first} AND COALESCE(l.due, {ended}) < {last}
  UNION ALL SELECT 'due', seg, '', 'open', NULL, 0, 0 FROM l WHERE st = 'open' AND due >= {first} AND due < {last}
  UNION ALL SELECT 'made', seg, '', l.st, NULL, m.amt, 0 FROM m JOIN l USING (id) WHERE m.f >= {begin} AND m.f < {end} AND m.amt > 0
  UNION ALL SELECT 'slip', seg, '', CASE WHEN z.st <> 'open' THEN 'closed' WHEN z.due >= {first} AND z.due < {last} AND {cutoff} < {end} THEN 'open' ELSE 'slipped' END, NULL, b.amt, 0
  FROM b JOIN l USING (id) JOIN z USING (id)
  UNION ALL SELECT 'push', seg, '', 'pushed', d.due - was, 0, 0 FROM d JOIN l USING (id)
  WHERE d.st = 'open' AND was IS NOT NULL AND d.due >= date_trunc('quarter', was) + INTERVAL 3 MONTH AND d.f >= {begin} AND d.f < {end}
  UNION ALL SELECT 'worked', seg, '', 'open', NULL, 0, 0 FROM (
    SELECT DISTINCT id, seg FROM t JOIN l USING (id) WHERE t.st = 'open' AND t.f < {end} AND (nxt IS NULL OR nxt > {begin}))
  UNION ALL SELECT 'exit', seg, c.k, CASE WHEN q.close_date IS NOT NULL AND (c.k = '0-Pending Acceptance' OR COALESCE(q.amount_minor, 0) <> 0)
      AND (c.k <> '4-Proposal' OR COALESCE(q.forecast_category, '') <> '') THEN 'kept' ELSE 'missing' END, NULL, 0, 0
  FROM c JOIN l USING (id) JOIN read_parquet({states}) q ON q.opportunity_id = c.id AND q.valid_from = c.fwd
  WHERE c.st = 'open' AND c.k IN ('0-Pending Acceptance', '2-Scoping', '4-Proposal') AND c.fwd >= {begin} AND c.fwd < {end})
SELECT m, seg, k, o, days, a, y, COUNT(*) FROM x GROUP BY ALL"""


def compare(period: str) -> list[tuple[str, float, float]]:
    """Action against bare query, both checked to count the same."""
    import duckdb
    import pyarrow as pa

    from closedwon.crm.funnel import actions, reading, rules
    from closedwon.facts.engine import run
    from closedwon.people.acting import cli_actor

    by, made = cli_actor(), []
    for label, dim, segment, more, join in (
        ("a year, no split", "", "''", "", ""), ("a year, by segment", "segment", "COALESCE(NULLIF(sg, ''), 'none')", ", COALESCE(NULLIF(s.segment, ''), a.segment) AS sg", " LEFT JOIN read_parquet({accounts}) a ON a.id = s.account_id"),
    ):  # fmt: skip
        ask = reading.ask_for(period=period, by_dim=dim)
        on = reading.ground(by, ask)
        given = reading.given(on, ask)
        files = {
            name: "[" + ", ".join(f"'{file}'" for file in (on.release and reading.source(name, on.release).files) or ()) + "]"
            for name in ("deal_states", "accounts")
        }
        minutes = reading.zone_minutes(ask.day)
        start, end = reading.bounds(ask.period)

        def instant(moment: Any) -> str:
            return f"TIMESTAMPTZ '{moment.isoformat()}'"

        def day(column: str, minutes: int = minutes) -> str:
            return f"CAST({column} + INTERVAL '{minutes}' MINUTE AS DATE)" if minutes else f"CAST({column} AS DATE)"

        sql = BARE.format(
            states=files["deal_states"], cutoff=instant(ask.cutoff), begin=instant(start), end=instant(end), seen=instant(min(end, ask.cutoff)), first=f"DATE '{ask.period.start}'",
            last=f"DATE '{ask.period.end}'", day=f"DATE '{ask.day}'", segment=segment, more=more, join=join.format(accounts=files["accounts"]), fwd=day("fwd"), ended=day("e.ended"), cf=day("c.f"), nxt=day("nxt"),
            tf=day("t.f"), born=day("l.born"),
        )  # fmt: skip
        con = duckdb.connect(config={"threads": os.cpu_count() or 2})
        con.execute("SET TimeZone = 'UTC'")
        con.register("rates_", pa.Table.from_pylist(given["rates"]))
        con.execute("CREATE TABLE rates AS SELECT * FROM rates_")
        _same(run(rules.counted(reading.shape_of(ask, reading.funnel_policy())), given).to_pylist(), con.execute(sql).fetchall())

        def ours(dim: str = dim) -> Any:
            reading.counted.cache_clear()
            return actions.show(by, period=period, by_dim=dim)

        made.append((label, *side_by_side(ours, lambda con=con, sql=sql: con.sql(sql).to_arrow_table(), 5)))
    return made


def _same(ours: list[dict[str, Any]], bare: list[tuple[Any, ...]]) -> None:
    left = {(r["measure"], r["segment"], r["stage"], r["outcome"], r["days"], r["amount_minor"], r["entry_minor"]): r["n"] for r in ours}
    right = {tuple(row[:-1]): row[-1] for row in bare}
    if left != right:
        odd = [key for key in {*left, *right} if left.get(key) != right.get(key)][:5]
        sys.exit(f"The action and the bare query do not count the same: {[(key, left.get(key), right.get(key)) for key in odd]}")


def main() -> None:
    """Generate, load, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opportunities", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--period", default="FY26")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="closedwon-bench-"))
    data = given.data or folder / "data"
    if not data.exists():
        words = [
            "generate",
            "--opportunities",
            str(given.opportunities),
            "--reps",
            "430",
            "--years",
            "5",
            "--seed",
            "7",
            "--out",
            str(data),
        ]
        subprocess.run([sys.executable, "-m", "closedwon", *words], check=True, stdout=subprocess.DEVNULL)
    if not (folder / "ws").exists():
        subprocess.run([sys.executable, "-m", "closedwon", "init", str(folder / "ws")], check=True, stdout=subprocess.DEVNULL)
        (folder / "ws" / "closedwon.toml").write_text('company = "Bench"\ncurrency = "USD"\n\n[calendar]\nstart_month = 2\n')
    os.environ["CLOSEDWON_WORKSPACE"] = str(folder / "ws")
    from closedwon.workspace.boot import boot

    boot()
    start = time.perf_counter()
    prepare(folder, data)
    from closedwon.facts.store import store

    print(
        f"{store().count('opportunities'):,} opportunities, {store().count('deal_states'):,} states (made ready in {time.perf_counter() - start:.0f} s)\n"
    )
    print("| question | action, ms | bare query, ms | ratio |\n|---|---|---|---|")
    worst = 0.0
    for name, ours, bare in compare(given.period):
        worst = max(worst, ours / bare)
        print(f"| {name} | {ours:.0f} | {bare:.0f} | {ours / bare:.2f} |")
    print(f"\nPeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB.")
    if worst > 1.5:
        sys.exit(f"Too slow: ratio {worst:.2f} (at most 1.5).")


if __name__ == "__main__":
    main()
