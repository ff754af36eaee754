"""An import or snapshot that is killed loses nothing and repeats nothing; two imports at once take turns. Real processes, real kills."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
MAPPING = """
currency = "USD"
[[map]]
table = "opportunities"
from = "deals.csv"
columns = { id = "Id", name = "Name", stage = "Stage", amount = "Amount", close_date = "Close" }
"""
DEALS = 3000


def environment():
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CLOSEDWON_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}


def start(*words):
    return subprocess.Popen(
        [sys.executable, "-m", "closedwon", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )


def run(*words):
    process = start(*words)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def write(folder, stage, amount):
    folder.mkdir(exist_ok=True)
    with (folder / "deals.csv").open("w", newline="") as handle:
        out = csv.writer(handle)
        out.writerow(["Id", "Name", "Stage", "Amount", "Close"])
        out.writerows([[f"d{n}", f"Deal {n}", stage, amount + n, "2026-12-31"] for n in range(DEALS)])
    (folder / "mapping.toml").write_text(MAPPING)
    return folder / "deals.csv", "--mapping", folder / "mapping.toml"


READ = """
import json, sys
from closedwon.workspace import load, use
use(load(sys.argv[1]))
from closedwon.workspace.boot import boot
boot()
from closedwon.facts.releases import latest, read
from closedwon.audit.models import Entry
release, clocks = latest(), {"at", "known_at", "valid_from", "valid_until"}
tables = ("opportunities", "opportunity_changes", "deal_states")
rows = {}
for name in tables:
    found = read(name, release)
    rows[name] = found.select([column for column in found.column_names if column not in clocks]).to_pylist()
print(json.dumps({"rows": rows, "imports": Entry.objects.filter(verb="facts.imported").count()}, default=str))
"""


def state(workspace):
    found = subprocess.run([sys.executable, "-c", READ, str(workspace)], capture_output=True, text=True, env=environment(), check=False)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def fresh(folder):
    workspace = folder / "ws"
    run("init", workspace)
    run("-w", workspace, "import", *write(folder / "first", "1-Discovery", 100))
    return workspace


def test_an_import_killed_at_any_moment_ends_as_if_it_had_not_been(tmp_path):
    for name in ("calm", "killed"):
        (tmp_path / name).mkdir()
    calm, killed = fresh(tmp_path / "calm"), fresh(tmp_path / "killed")
    second = write(tmp_path / "second", "2-Scoping", 900)
    run("-w", calm, "import", *second)
    wanted = state(calm)
    rng = random.Random(11)
    began = time.monotonic()
    run("-w", calm, "import", *second)
    lasts = time.monotonic() - began
    for _ in range(3):
        process = start("-w", killed, "import", *second)
        time.sleep(lasts * rng.uniform(0.35, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen = state(killed)["rows"]  # whatever was published before the kill is whole
        assert len(seen["opportunities"]) == DEALS
        assert len({row["stage"] for row in seen["opportunities"]}) == 1
    run("-w", killed, "import", *second)
    assert state(killed)["rows"] == wanted["rows"]
    assert "holds" in run("-w", killed, "audit", "verify")


def test_two_imports_at_once_both_land(tmp_path):
    workspace = fresh(tmp_path)
    jobs = [start("-w", workspace, "import", *write(tmp_path / f"n{n}", "2-Scoping", 500)) for n in range(2)]
    ended = [job.communicate(timeout=120) for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], ended
    found = state(workspace)
    assert len(found["rows"]["opportunities"]) == DEALS
    assert len(found["rows"]["opportunity_changes"]) == 2 * DEALS  # stage and amount, once each
    assert "holds" in run("-w", workspace, "audit", "verify")


def test_a_snapshot_killed_at_any_moment_is_taken_once(tmp_path):
    workspace = fresh(tmp_path)
    began = time.monotonic()
    run("-w", workspace, "snapshot", "--date", "2026-01-01")
    lasts = time.monotonic() - began
    rng = random.Random(5)
    for _ in range(4):
        process = start("-w", workspace, "snapshot", "--date", "2026-02-01")
        time.sleep(lasts * rng.uniform(0.4, 1.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run("-w", workspace, "snapshot", "--date", "2026-02-01")
    again = run("-w", workspace, "snapshot", "--date", "2026-02-01")
    assert "kept before" in again
    code = READ.replace('("opportunities", "opportunity_changes", "deal_states")', '("opportunity_snapshots",)')
    found = subprocess.run([sys.executable, "-c", code, str(workspace)], capture_output=True, text=True, env=environment(), check=False)
    assert found.returncode == 0, found.stderr
    rows = json.loads(found.stdout)["rows"]["opportunity_snapshots"]
    keys = [(row["snapshot_date"], row["opportunity_id"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert {day for day, _ in keys} == {"2026-01-01", "2026-02-01"}
