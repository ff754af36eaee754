"""Ten realistic policies over generated records on three engines, every record compared:
`python benchmarks/bench_formula_agreement.py [--rows N] [--interpreter N] [--whole POLICY ...] [--folder DIR] [--write]`.

DuckDB and Spark write their results as Parquet and every cell is compared. The interpreter evaluates the first `--interpreter` records (all by
default, and of the policies after --whole) of every policy in as many processes as there are cores, and is compared with DuckDB's. With --write the table of docs/field/formulas.md is renewed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from formula_policies import POLICIES, TYPES, records

from closedwon.formula.formula import compile, sql_of  # noqa: A004

BATCH = 25_000
NAMES = {f"p{at}": name for at, name in enumerate(POLICIES)}


@lru_cache
def compiled():
    made = {short: compile(POLICIES[name], TYPES) for short, name in NAMES.items()}
    assert not any(one.problems for one in made.values()), [one.report() for one in made.values()]
    return made


def on_duckdb(folder: Path, rows: int) -> float:
    con = duckdb.connect()
    con.execute(f"COPY ({records(rows)}) TO '{folder}/records.parquet' (ROW_GROUP_SIZE {BATCH * 4})")
    start = time.perf_counter()
    con.execute(
        f"COPY ({sql_of(compiled(), 'duckdb', f'(SELECT * FROM read_parquet($${folder}/records.parquet$$))', ('id',))})"
        f" TO '{folder}/duckdb.parquet' (ROW_GROUP_SIZE {BATCH * 4})"
    )
    return time.perf_counter() - start


def on_spark(folder: Path) -> None:
    """Runs in a process of its own, so that Spark's memory is given back."""
    from closedwon.facts.engine import spark_rows

    spark_rows("SELECT 1")
    from pyspark.sql import SparkSession

    spark = SparkSession.getActiveSession()
    spark.read.parquet(f"{folder}/records.parquet").createOrReplaceTempView("records")
    start = time.perf_counter()
    for short, formula in compiled().items():
        spark.sql(sql_of({short: formula}, "spark", "records", ("id",))).write.mode("overwrite").parquet(f"{folder}/spark-{short}.parquet")
    print(json.dumps(time.perf_counter() - start))


def compared(folder: Path) -> dict[str, int]:
    """Per policy, how many records differ between DuckDB and Spark in value or in having an error."""
    con = duckdb.connect()
    made = {}
    for short in NAMES:
        unlike = f"a.{short} IS DISTINCT FROM b.{short} OR (a.{short}_error IS NULL) <> (b.{short}_error IS NULL)"
        count, left, right, made[short] = con.execute(
            f"SELECT count(*), count(a.id), count(b.id), count(*) FILTER (WHERE {unlike}) FROM read_parquet('{folder}/duckdb.parquet') a "
            f"FULL JOIN read_parquet('{folder}/spark-{short}.parquet/*.parquet') b ON a.id = b.id"
        ).fetchall()[0]
        assert count == left == right, (short, count, left, right)
    return made


def interpreted(task: tuple[str, str, int, int]) -> tuple[str, int, int, float]:
    """One policy over some row groups: how many records, how many differ from DuckDB, and the seconds of the interpreter alone."""
    folder, short, first, last = task
    formula = compiled()[short]
    given, found = pq.ParquetFile(f"{folder}/records.parquet"), pq.ParquetFile(f"{folder}/duckdb.parquet")
    count = wrong = 0
    spent = 0.0
    for group in range(first, last):
        rows = given.read_row_group(group, columns=["id", *formula.fields]).to_pylist()
        results = found.read_row_group(group, columns=["id", short, f"{short}_error"]).to_pylist()
        start = time.perf_counter()
        outcomes = [formula.evaluate(row) for row in rows]
        spent += time.perf_counter() - start
        for row, outcome, result in zip(rows, outcomes, results, strict=True):
            assert row["id"] == result["id"]
            if (outcome.error is None) != (result[f"{short}_error"] is None) or (outcome.error is None and outcome.value != result[short]):
                wrong += 1
                if wrong == 1:
                    print("DIFFERS", NAMES[short], row, outcome, result, file=sys.stderr)
        count += len(rows)
    return short, count, wrong, spent


def interpreter(folder: Path, most: dict[str, int]) -> dict[str, tuple[int, int, float]]:
    groups = pq.ParquetFile(f"{folder}/records.parquet").metadata
    sizes = [groups.row_group(at).num_rows for at in range(groups.num_row_groups)]
    tasks = []
    for short, count in most.items():
        wanted = next((at + 1 for at in range(len(sizes)) if sum(sizes[: at + 1]) >= count), len(sizes))
        tasks += [(str(folder), short, at, min(at + 4, wanted)) for at in range(0, wanted, 4)]
    made = dict.fromkeys(NAMES, (0, 0, 0.0))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, (short, count, wrong, spent) in enumerate(pool.map(interpreted, tasks), 1):
            made[short] = tuple(a + b for a, b in zip(made[short], (count, wrong, spent), strict=True))
            if done % 50 == 0:
                print(f"interpreter: {done} of {len(tasks)} parts", file=sys.stderr, flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--interpreter", type=int, default=0, help="records for the interpreter, all by default")
    parser.add_argument(
        "--whole", nargs="*", default=[], choices=list(POLICIES), help="policies for which the interpreter reads every record"
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--spark-only", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.spark_only:
        on_spark(given.spark_only)
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="closedwon-agreement-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        report(given, folder)
    finally:
        if not given.folder:
            shutil.rmtree(folder, ignore_errors=True)


def report(given: argparse.Namespace, folder: Path) -> None:
    duck = on_duckdb(folder, given.rows)
    print(f"DuckDB {duck:.1f} s", file=sys.stderr, flush=True)
    told = subprocess.run([sys.executable, __file__, "--spark-only", str(folder)], stdout=subprocess.PIPE, check=True, text=True)
    spark = json.loads(told.stdout.strip().splitlines()[-1])
    differ = compared(folder)
    print(f"Spark {spark:.1f} s; records that differ: {differ}", file=sys.stderr, flush=True)
    sample = given.interpreter or given.rows
    read = interpreter(folder, {short: given.rows if name in given.whole else sample for short, name in NAMES.items()})
    lines = [
        f"| {name} | {given.rows:,} | {differ[short]:,} | {read[short][0]:,} | {read[short][1]:,} | {read[short][0] / read[short][2]:,.0f} |"
        for short, name in NAMES.items()
    ]
    text = (
        f"All ten policies, Parquet to Parquet, {os.cpu_count()} cores: DuckDB {duck:.0f} s in one SELECT, Spark {spark:.0f} s in ten.\n\n"
        "| policy | records on DuckDB and Spark | differ | of them on the interpreter | differ | interpreter, records a second and process |\n"
        "|---|---:|---:|---:|---:|---:|\n" + "\n".join(lines) + "\n"
    )
    print(text)
    if given.write:
        page = Path(__file__).resolve().parents[1] / "docs/field/formulas.md"
        before, _, rest = page.read_text(encoding="utf-8").partition("<!-- agreement -->\n")
        page.write_text(before + "<!-- agreement -->\n" + text + "<!-- end -->" + rest.partition("<!-- end -->")[2], encoding="utf-8")
    raise SystemExit(any(differ.values()) or any(one[1] for one in read.values()))


if __name__ == "__main__":
    main()
