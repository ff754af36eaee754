"""How long the generator takes and how much memory: `python benchmarks/bench_generate.py [--opportunities N] [--reps N]`.

The bar is 1,000,000 opportunities with five years of history in under two minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

from closedwon.generate.company import generate
from closedwon.generate.settings import load

BAR_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--opportunities", type=int, default=1_000_000)
    parser.add_argument("--reps", type=int, default=500)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = chosen.out or Path(folder)
        start = time.perf_counter()
        rows = generate(load(opportunities=chosen.opportunities, reps=chosen.reps, years=chosen.years), out)
        seconds = time.perf_counter() - start
        size = sum(file.stat().st_size for file in out.iterdir()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{chosen.opportunities:,} opportunities, {sum(rows.values()):,} rows, {size:,.0f} MB of Parquet")
    print(f"{seconds:.1f} s on {os.cpu_count()} cores (bar {BAR_SECONDS} s), peak memory {peak:,.0f} MB")


if __name__ == "__main__":
    main()
