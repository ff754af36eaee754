"""How long the first import of a company takes and how much memory: `python benchmarks/bench_import.py [--opportunities N] [--write]`.

The bar is 1,000,000 opportunities with five years of history in under 90 seconds and 1.5 GB on two cores that do nothing else. `--write` puts the
table into `docs/field/import.md`.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

BAR_SECONDS, BAR_MEMORY = 90, 1500
FEW = 20
"""How many deals the last import changes."""
PAGE = Path(__file__).parents[1] / "docs/field/import.md"


def run(*words: object) -> tuple[float, float, float]:
    """Run a command of closedwon: seconds by the clock, seconds of processors, peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "closedwon", *map(str, words)], stdout=subprocess.DEVNULL)
    _pid, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"closedwon {words} failed")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def few(company: Path, folder: Path) -> Path:
    """A folder with some deals of a company, taken from all over it, of which the next step is another one."""
    folder.mkdir()
    deals = pq.read_table(company / "opportunities.parquet")
    chosen = deals.take(list(range(0, deals.num_rows, max(1, deals.num_rows // FEW)))[:FEW])
    at = chosen.schema.get_field_index("next_step")
    text = pa.array([f"Call again about {n}" for n in range(chosen.num_rows)], chosen.schema.field(at).type)
    pq.write_table(chosen.set_column(at, "next_step", text), folder / "opportunities.parquet")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opportunities", type=int, default=1_000_000)
    parser.add_argument("--reps", type=int, default=460)
    parser.add_argument("--company", type=Path, help="a folder that closedwon generate wrote")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        company, workspace = chosen.company or Path(folder, "company"), Path(folder, "ws")
        if not chosen.company:
            run("generate", "--opportunities", chosen.opportunities, "--reps", chosen.reps, "--years", 5, "--seed", 1, "--out", company)
        run("init", workspace)
        lines = [("first import", run("-w", workspace, "import", company)), ("the same again", run("-w", workspace, "import", company))]
        lines.append((f"{FEW} changed deals", run("-w", workspace, "import", few(company, Path(folder, "few")))))
    table = "| 1,000,000 opportunities | seconds | seconds of processors | peak memory, MB |\n|---|---:|---:|---:|\n".replace(
        "1,000,000", f"{chosen.opportunities:,}"
    )
    table += "".join(f"| {name} | {clock:.0f} | {cpu:.0f} | {memory:,.0f} |\n" for name, (clock, cpu, memory) in lines)
    print(table + f"The bar: {BAR_SECONDS} s and {BAR_MEMORY} MB on {os.cpu_count()} cores that do nothing else.")
    if chosen.write:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(
            re.sub(r"(<!-- bench -->\n).*?(<!-- /bench -->)", lambda m: m[1] + table + m[2], text, flags=re.DOTALL), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
