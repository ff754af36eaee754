"""How long a million entries take to verify, and that one changed byte among them is found: `python benchmarks/bench_audit.py [--entries N]`.

SQLite by default; PostgreSQL with CLOSEDWON_DATABASE_URL.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from closedwon.workspace import settings as workspace

BAR_SECONDS = 60


def fill(count: int) -> None:
    from closedwon.audit.actions import digest_of
    from closedwon.audit.canonical import START
    from closedwon.audit.models import Entry, Head

    previous, at, rows = START, datetime(2026, 1, 1, tzinfo=UTC), []
    for n in range(1, count + 1):
        detail = json.dumps({"amount": str(n * 100), "deal": f"006{n:015}", "note": "moved to commit"}, separators=(",", ":"))
        entry = Entry(sequence=n, at=at + timedelta(microseconds=n * 1_000_003), actor="ann@example.com", channel="web", verb="call.submitted",
                      subject=f"seat:{n % 500}", detail=detail, person="", sealed="", previous=previous)  # fmt: skip
        entry.digest = previous = digest_of(entry)
        rows.append(entry)
        if len(rows) == 20_000 or n == count:
            Entry.objects.bulk_create(rows, batch_size=2000)
            rows = []
    Head.objects.update_or_create(pk=1, defaults={"sequence": count, "digest": previous})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    count = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as folder:
        workspace.use(workspace.create(Path(folder) / "ws", 'company = "Benchmark"\n'))
        from closedwon.workspace.boot import boot

        boot()
        from django.core.management import call_command
        from django.db import connection

        from closedwon.audit import triggers
        from closedwon.audit.models import Entry
        from closedwon.audit.verify import verify

        call_command("migrate", verbosity=0)
        start = time.perf_counter()
        fill(count)
        print(f"{count:,} entries written in {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        verdict = verify()
        assert verdict.holds, verdict.faults
        print(f"verified in {time.perf_counter() - start:.1f} s (bar {BAR_SECONDS} s)")
        at = random.Random(7).randint(count // 2, count)
        entry = Entry.objects.get(sequence=at)
        changed = entry.detail.replace("commit", "commis")
        triggers.remove(connection)
        Entry.objects.filter(sequence=at).update(detail=changed)
        triggers.install(connection)
        start = time.perf_counter()
        faults = verify().faults
        assert len(faults) == 1, faults
        assert f"entry {at} " in faults[0], faults
        print(f"one changed byte in entry {at:,} found in {time.perf_counter() - start:.1f} s: {faults[0]}")
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    main()
