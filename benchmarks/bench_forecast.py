"""Roll-up and waterfall of a large company: from action call to rows, against a bare hand-written DuckDB query over the same Parquet.

    python benchmarks/bench_forecast.py [--opportunities 1000000] [--data DIR] [--keep DIR]

Prints the table that stands in docs/field/forecast.md. `--data` takes a folder that `closedwon generate` wrote.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

TABLES = (
    "opportunities", "opportunity_changes", "opportunity_splits", "users", "positions", "position_holders", "hierarchy", "exchange_rates",
    "quotas", "targets", "accounts", "contracts",
)  # fmt: skip


def prepare(folder: Path, data: Path) -> None:
    """A workspace with the generated facts and their deal states, published as one release."""
    import pyarrow.parquet as pq

    from closedwon.crm.rules import DEAL_STATES
    from closedwon.facts.engine import DuckEngine
    from closedwon.facts.releases import latest, publish
    from closedwon.facts.store import store
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply_defaults

    apply_defaults(cli_actor())
    if latest() is not None:
        return
    at, versions = store(), {}
    for name in TABLES:
        file = pq.ParquetFile(data / f"{name}.parquet")
        versions[name] = at.replace(name, _reader(file))
    from datetime import UTC, datetime

    given = {name: at.source(name) for name in ("opportunities", "opportunity_changes")}
    params = {name: datetime(9998, 1, 1, tzinfo=UTC) for name in (c.name for c in DEAL_STATES.inputs["params"])}
    versions["deal_states"] = DuckEngine().write(DEAL_STATES, {**given, "params": [params]}, at, "deal_states")
    publish(versions, note="benchmark")


def _reader(file: Any) -> Any:
    import pyarrow as pa

    return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(100_000))


def middle(work: Callable[[], Any], times: int = 5) -> float:
    """The median of some runs in milliseconds, after one that warms up."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    return statistics.median(taken)


def side_by_side(ours: Callable[[], Any], bare: Callable[[], Any], times: int = 9) -> tuple[float, float]:
    """The medians of both in milliseconds, run in turns, so that whatever else the machine does weighs on both alike."""
    taken: dict[int, list[float]] = {0: [], 1: []}
    ours(), bare()
    for _ in range(times):
        for at, work in enumerate((ours, bare)):
            start = time.perf_counter()
            work()
            taken[at].append((time.perf_counter() - start) * 1000)
    return statistics.median(taken[0]), statistics.median(taken[1])


BARE_STATE = """
  SELECT s.opportunity_id, s.owner_id, s.currency, COALESCE(s.net_arr_minor, s.amount_minor) AS amount, s.close_date AS due,
    s.stage, s.forecast_category AS raw, s.is_deleted, s.order_type
  FROM read_parquet({files}) s
  WHERE s.valid_from < {cutoff} AND s.valid_until >= {cutoff}"""

BARE_ROLLUP = """
WITH d AS (
  SELECT * FROM ({state}) WHERE NOT is_deleted AND (order_type IS NULL OR order_type NOT IN ('renewal', 'Renewal', 'services', 'Services'))
    AND (due IS NULL OR (due >= {start} AND due < {end}))),
v AS (
  SELECT d.opportunity_id, d.owner_id,
    CASE WHEN g.status = 'won' THEN 'closed' WHEN g.status = 'lost' THEN NULL WHEN g.stage IS NULL THEN 'unmapped'
      WHEN COALESCE(d.raw, g.category) = 'omitted' THEN 'omitted' WHEN due IS NULL THEN 'undated'
      WHEN d.raw IS NULL THEN g.category ELSE d.raw END AS bucket,
    CAST((ABS(CAST(d.amount AS HUGEINT)) * r.num * 2 + r.den) // (CAST(r.den AS HUGEINT) * 2) AS BIGINT) * SIGN(d.amount)::BIGINT AS amount
  FROM d LEFT JOIN stages g ON g.stage = d.stage LEFT JOIN rates r ON r.currency = d.currency),
sp AS (
  SELECT x.opportunity_id, w.place, SUM(x.share_ppm) AS ppm FROM read_parquet({splits}) x JOIN seats w ON w.user_id = x.user_id
  WHERE x.split_type = 'revenue' AND x.since <= {day} AND (x.until IS NULL OR x.until > {day}) GROUP BY ALL),
ru AS (SELECT *, SUM(ppm) OVER (PARTITION BY opportunity_id ORDER BY place) AS upto FROM sp),
p AS (
  SELECT COALESCE(ru.place, w.place, 'unassigned') AS place, bucket,
    CASE WHEN ru.place IS NULL THEN amount ELSE (amount * upto + 500000) // 1000000 - (amount * (upto - ppm) + 500000) // 1000000 END AS amount
  FROM v LEFT JOIN ru USING (opportunity_id) LEFT JOIN seats w ON w.user_id = v.owner_id WHERE bucket IS NOT NULL)
SELECT c.node, p.bucket, SUM(p.amount)::BIGINT AS amount FROM p JOIN closure c ON c.place = p.place GROUP BY ALL"""

BARE_WATERFALL = """
WITH b AS ({begin}), e AS ({finish}),
nb AS (SELECT b.*, COALESCE(g.status, 'open') AS status,
    NOT is_deleted AND (order_type IS NULL OR order_type NOT IN ('renewal', 'Renewal', 'services', 'Services')) AND COALESCE(g.status, 'open') = 'open'
    AND due >= {start} AND due < {end} AND COALESCE(raw, g.category, '') <> 'omitted' AS inside FROM b LEFT JOIN stages g ON g.stage = b.stage),
ne AS (SELECT e.*, COALESCE(g.status, 'open') AS status,
    NOT is_deleted AND (order_type IS NULL OR order_type NOT IN ('renewal', 'Renewal', 'services', 'Services')) AS typed,
    due >= {start} AND due < {end} AS dated, COALESCE(raw, g.category, '') AS category FROM e LEFT JOIN stages g ON g.stage = e.stage),
m AS (
  SELECT COALESCE(nb.opportunity_id, ne.opportunity_id) AS id, nb.opportunity_id IS NULL AS unborn, nb.is_deleted AS del0, nb.status AS s0,
    nb.due AS due0, COALESCE(nb.inside, FALSE) AS in0, nb.owner_id AS o0, nb.amount AS a0, nb.currency AS c0, COALESCE(ne.is_deleted, TRUE) AS del1,
    ne.status AS s1, COALESCE(typed AND ne.status = 'open' AND dated AND category <> 'omitted', FALSE) AS in1, ne.owner_id AS o1, ne.amount AS a1,
    ne.currency AS c1, COALESCE(typed AND ne.status <> 'open' AND dated, FALSE) AS done
  FROM nb FULL JOIN ne ON ne.opportunity_id = nb.opportunity_id),
k AS (
  SELECT m.*, NOT in0 AND done AND (unborn OR (s0 = 'open' AND due0 IS NULL AND NOT del0 AND s1 = 'won')) AS flow,
    CAST((CAST(a0 AS HUGEINT) * r0.num * 2 + r0.den) // (CAST(r0.den AS HUGEINT) * 2) AS BIGINT) AS v0,
    CAST((CAST(a1 AS HUGEINT) * r1.num * 2 + r1.den) // (CAST(r1.den AS HUGEINT) * 2) AS BIGINT) AS v1
  FROM m LEFT JOIN rates r0 ON r0.currency = c0 LEFT JOIN rates r1 ON r1.currency = c1
  WHERE in0 OR in1 OR done),
sp AS (
  SELECT x.opportunity_id AS id, n.first, w.place, SUM(x.share_ppm) AS ppm
  FROM read_parquet({splits}) x JOIN (VALUES (TRUE, {day0}), (FALSE, {day1})) n(first, day) ON x.since <= n.day AND (x.until IS NULL OR x.until > n.day)
  JOIN places w ON w.user_id = x.user_id AND w.is_begin = n.first WHERE x.split_type = 'revenue' AND x.opportunity_id IN (SELECT id FROM k) GROUP BY ALL),
ru AS (SELECT *, SUM(ppm) OVER (PARTITION BY id, first ORDER BY place) - ppm AS below FROM sp),
u0 AS (SELECT k.id, COALESCE(ru.place, w.place, 'unassigned') AS place, COALESCE(below, 0) AS c, COALESCE(ppm, 1000000) AS p
  FROM k LEFT JOIN ru ON ru.id = k.id AND ru.first LEFT JOIN places w ON w.user_id = o0 AND w.is_begin WHERE in0),
u1 AS (SELECT k.id, COALESCE(ru.place, w.place, 'unassigned') AS place, COALESCE(below, 0) AS c, COALESCE(ppm, 1000000) AS p
  FROM k LEFT JOIN ru ON ru.id = k.id AND NOT ru.first LEFT JOIN places w ON w.user_id = o1 AND NOT w.is_begin WHERE in1 OR flow),
u AS (SELECT COALESCE(u0.id, u1.id) AS id, COALESCE(u0.place, u1.place) AS place, u0.p IS NOT NULL AS x0, u1.p IS NOT NULL AS x1,
    u0.c AS c0, u0.p AS p0, u1.c AS c1, u1.p AS p1, LEAST(u0.p, u1.p) AS kept FROM u0 FULL JOIN u1 ON u1.id = u0.id AND u1.place = u0.place),
z AS (
  SELECT u.place, k.*, x0, x1,
    CASE WHEN x0 THEN (v0 * (u.c0 + p0) + 500000) // 1000000 - (v0 * u.c0 + 500000) // 1000000 ELSE 0 END AS a,
    CASE WHEN x1 THEN (v1 * (u.c1 + p1) + 500000) // 1000000 - (v1 * u.c1 + 500000) // 1000000 ELSE 0 END AS b,
    CASE WHEN x0 THEN (v1 * (u.c0 + p0) + 500000) // 1000000 - (v1 * u.c0 + 500000) // 1000000 ELSE 0 END AS won,
    CASE WHEN x0 AND x1 THEN (v0 * (u.c0 + kept) + 500000) // 1000000 - (v0 * u.c0 + 500000) // 1000000 ELSE 0 END AS ka,
    CASE WHEN x0 AND x1 THEN (v1 * (u.c1 + kept) + 500000) // 1000000 - (v1 * u.c1 + 500000) // 1000000 ELSE 0 END AS kb
  FROM u JOIN k ON k.id = u.id),
y AS (
  SELECT *, x0 AND NOT x1 AND NOT del1 AND s1 = 'won' AS w,
    CASE WHEN x0 AND x1 THEN kb - ka WHEN x0 AND NOT del1 AND s1 = 'won' THEN won - a ELSE 0 END AS moved FROM z)
SELECT c.node,
  SUM(a)::BIGINT AS begin,
  SUM(CASE WHEN NOT x0 AND ((NOT flow AND (unborn OR del0)) OR (flow AND unborn)) THEN b ELSE 0 END)::BIGINT AS new,
  SUM(CASE WHEN x0 AND x1 THEN b - kb WHEN NOT x0 AND NOT flow AND in0 THEN b ELSE 0 END)::BIGINT AS transferred_in,
  SUM(CASE WHEN NOT x0 AND ((flow AND NOT unborn) OR (NOT flow AND NOT unborn AND NOT del0 AND s0 = 'open' AND NOT in0)) THEN b ELSE 0 END)::BIGINT AS pulled_in,
  SUM(CASE WHEN NOT x0 AND NOT flow AND NOT unborn AND NOT del0 AND s0 <> 'open' THEN b ELSE 0 END)::BIGINT AS reopened,
  SUM(GREATEST(moved, 0))::BIGINT AS increased, SUM(GREATEST(-moved, 0))::BIGINT AS decreased,
  SUM(CASE WHEN x0 AND NOT x1 AND NOT del1 AND s1 = 'open' AND NOT in1 THEN a ELSE 0 END)::BIGINT AS pushed_out,
  SUM(CASE WHEN w THEN won WHEN NOT x0 AND flow AND s1 = 'won' THEN b ELSE 0 END)::BIGINT AS won,
  SUM(CASE WHEN x0 AND NOT x1 AND NOT del1 AND s1 = 'lost' THEN a WHEN NOT x0 AND flow AND s1 = 'lost' THEN b ELSE 0 END)::BIGINT AS lost,
  SUM(CASE WHEN x0 AND NOT x1 AND del1 THEN a ELSE 0 END)::BIGINT AS deleted,
  SUM(CASE WHEN x0 AND x1 THEN a - ka WHEN x0 AND NOT del1 AND s1 = 'open' AND in1 THEN a ELSE 0 END)::BIGINT AS transferred_out,
  SUM(CASE WHEN x1 AND NOT flow THEN b ELSE 0 END)::BIGINT AS end
FROM y JOIN closure c ON c.place = y.place GROUP BY ALL"""


def compare() -> list[tuple[str, float, float]]:
    """Action against bare query, both checked to give the same numbers."""
    import duckdb
    import pyarrow as pa

    from closedwon.forecast import actions, inputs, reading, rules
    from closedwon.forecast.reading import ask_for, ground, organisation, rates_of
    from closedwon.people.acting import cli_actor

    by, on = cli_actor(), ground()
    last = ask_for(on)
    day = last.day
    begin = day - timedelta(days=35)
    first = ask_for(on, as_of=begin, period=last.period)
    con = duckdb.connect(config={"threads": os.cpu_count() or 2})
    con.execute("SET TimeZone = 'UTC'")
    there = organisation(on, last)
    found = rules.places(organisation(on, first), there)
    small = {
        "stages": inputs.stage_rows(on.pipeline), "rates": rates_of(on, last), "seats": inputs.seat_rows(there), "places": list(found.rows),
        "closure": [{"node": above, "place": place} for place, path in found.paths.items() for above in path]
        + [{"node": above, "place": seat} for above, seat, _ in there.tree.closure() if seat not in found.paths],
    }  # fmt: skip
    for name, rows in small.items():
        con.register(f"{name}_", pa.Table.from_pylist(rows))
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_")
    files = {name: "[" + ", ".join(f"'{file}'" for file in on.source(name).files) + "]" for name in ("deal_states", "opportunity_splits")}
    period = {"start": f"DATE '{last.period.start}'", "end": f"DATE '{last.period.end}'"}
    state = {
        "files": files["deal_states"],
        "cutoff": f"TIMESTAMPTZ '{last.cutoff.isoformat()}'",
    }
    rollup_sql = BARE_ROLLUP.format(state=BARE_STATE.format(**state), splits=files["opportunity_splits"], day=f"DATE '{day}'", **period)
    waterfall_sql = BARE_WATERFALL.format(
        begin=BARE_STATE.format(**{**state, "cutoff": f"TIMESTAMPTZ '{first.cutoff.isoformat()}'"}), finish=BARE_STATE.format(**state),
        splits=files["opportunity_splits"], day0=f"DATE '{begin}'", day1=f"DATE '{day}'", **period,
    )  # fmt: skip

    def forget() -> None:
        for part in (reading._cells, reading._moved):  # noqa: SLF001 - the answers kept in the process would make it a memory test
            part.cache_clear()

    reading._ready = lambda _on: {}  # noqa: SLF001 - nor may the mart answer

    def rolled() -> Any:
        forget()
        return actions.roll_up(by=by, every_seat=True)

    def fell() -> Any:
        forget()
        return actions.waterfall(by=by, begin=begin, every_seat=True)

    want: dict[str, dict[str, int]] = {}
    for node, bucket, amount in con.execute(rollup_sql).fetchall():
        want.setdefault(node, {})[bucket] = amount
    for line in rolled().lines:
        got = {name: amount for name, amount in line.amounts.items() if name not in ("machine", "booked") and amount}
        assert got == {name: amount for name, amount in want.get(line.node, {}).items() if amount}, (line.node, got, want.get(line.node))
    rows = con.execute(waterfall_sql)
    names = [part[0] for part in rows.description[1:]]
    bare = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows.fetchall()}
    by_node: dict[str, dict[str, int]] = {}
    for flow in fell().lines:
        into = by_node.setdefault(flow.node, dict.fromkeys(names, 0))
        for name in names:
            into[name] += flow[name]
    for node, amounts in by_node.items():
        assert amounts == bare.get(node, dict.fromkeys(names, 0)), (node, amounts, bare.get(node))
    return [
        ("roll-up", *side_by_side(rolled, lambda: con.execute(rollup_sql).fetchall())),
        ("waterfall", *side_by_side(fell, lambda: con.execute(waterfall_sql).fetchall())),
    ]


def board_time() -> tuple[float, float]:
    """How long the board's page takes from the mart, and how long filling the mart took, in milliseconds."""
    from django.test import Client

    from closedwon.forecast.actions import refresh
    from closedwon.people.models import RoleGrant, User

    start = time.perf_counter()
    refresh()
    filled = (time.perf_counter() - start) * 1000
    user = User.objects.filter(email="bench@example.test").first() or User.objects.create_user(
        email="bench@example.test", password="x" * 20
    )
    if not RoleGrant.objects.filter(user=user).exists():
        RoleGrant.objects.create(user=user, role="executive", granted_by="bench")
    client = Client()
    client.force_login(user)

    def page() -> None:
        assert client.get("/forecast/", HTTP_HOST="localhost").status_code == 200

    return middle(page), filled


def main() -> None:
    """Generate, load, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opportunities", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep", type=Path)
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
        file = folder / "ws" / "closedwon.toml"
        file.write_text('company = "Bench"\ncurrency = "USD"\n\n[calendar]\nstart_month = 2\n')
    os.environ["CLOSEDWON_WORKSPACE"] = str(folder / "ws")
    from closedwon.workspace.boot import boot

    boot()
    prepare(folder, data)
    from closedwon.facts.store import store
    from closedwon.forecast import reading

    deals, states = store().count("opportunities"), store().count("deal_states")
    print(
        f"{deals:,} opportunities, {store().count('opportunity_changes'):,} changes, {states:,} states, {store().count('positions')} seats\n"
    )
    print("| question | action, ms | bare query, ms | ratio |\n|---|---|---|---|")
    worst = 0.0
    ready = reading._ready  # noqa: SLF001
    for name, ours, bare in compare():
        worst = max(worst, ours / bare)
        print(f"| {name} | {ours:.0f} | {bare:.0f} | {ours / bare:.2f} |")
    reading._ready = ready  # noqa: SLF001
    page, filled = board_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\nBoard page from the mart: {page:.0f} ms (mart filled in {filled / 1000:.1f} s). Peak memory of this process: {memory:.0f} MB."
    )
    if worst > 1.5 or page > 300:
        sys.exit(f"Too slow: ratio {worst:.2f} (at most 1.5), page {page:.0f} ms (at most 300).")


if __name__ == "__main__":
    main()
