"""Approvers who decide at once in processes that are killed: none lost, doubled or out of order. Small here, large in benchmarks/."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_approvals.py"
DATABASE = "closedwon_at_once"


@pytest.fixture
def database():
    """The address of an empty database of the kind that is tested; empty for SQLite in the workspace."""
    url = os.environ.get("CLOSEDWON_TEST_DATABASE_URL", "")
    if not url:
        yield ""
        return
    import psycopg

    def run(words):
        with psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as connection:
            connection.execute(words)

    run(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    run(f"CREATE DATABASE {DATABASE}")
    yield f"{url.rpartition('/')[0]}/{DATABASE}"
    run(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_no_decision_is_lost_or_doubled_when_processes_are_killed(database):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CLOSEDWON_") and key != "DJANGO_SETTINGS_MODULE"}
    words = [sys.executable, str(SCRIPT), "--approvers", "6", "--requests", "2", "--kills", "5", "--web", "0"]
    made = subprocess.run(
        words, capture_output=True, text=True, timeout=240, check=False,
        env={**kept, "CLOSEDWON_DATABASE_URL": database, "PYTHONPATH": str(Path(__file__).parents[1] / "src")},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr[-3000:]
    assert "14 decisions" in made.stdout
    assert ("postgresql" if database else "sqlite") in made.stdout
