"""`closedwon commissions calculate` and `closedwon policy test` on files, without a workspace."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
CREDITS = "payee,measure,order_id,credit_date,amount,currency\nann,arr,D1,2026-02-03,40000,USD\nann,arr,D2,2026-03-10,20000,USD\n"


@pytest.fixture
def run():
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON_", "DJANGO_"))}

    def call(*words):
        return subprocess.run(
            [sys.executable, "-m", "closedwon", *map(str, words)], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
        )

    return call


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "credits.csv").write_text(CREDITS)
    (tmp_path / "quotas.csv").write_text("payee,measure,period,amount,currency\nann,arr,FY27,100000,USD\n")
    (tmp_path / "events.csv").write_text("order_id,event,at\nD1,payment,2026-03-20\n")
    return tmp_path


def test_lines_statements_and_json_say_the_same(run, folder):
    words = ("commissions", "calculate", "--plan", "example/plans/ae.toml", "--input", folder, "--fiscal-start", 2)
    lines = list(csv.DictReader(io.StringIO(run(*words, "--format", "csv").stdout)))
    assert [(row["order_id"], row["tier"], row["slice_amount"], row["rate"], row["earning"]) for row in lines] == [
        ("D1", "1", "40000.00", "0.08", "3200.00"), ("D2", "1", "10000.00", "0.08", "800.00"), ("D2", "2", "10000.00", "0.1", "1000.00"),
    ]  # fmt: skip
    told = json.loads(run(*words, "--format", "json").stdout)
    assert told["lines"] == lines
    statements = list(csv.DictReader(io.StringIO(run(*words, "--format", "statements", "--period", "2026-03").stdout)))
    assert [(row["earned"], row["held"], row["paid"], row["held_balance"]) for row in statements] == [
        ("1800.00", "-700.00", "2500.00", "900.00")
    ]


def test_mistakes_are_told_with_file_and_line(run, folder):
    (folder / "credits.csv").write_text(CREDITS.replace("2026-03-10,20000", "31/02/2026,x"))
    told = run("commissions", "calculate", "--plan", "example/plans/ae.toml", "--input", folder)
    assert told.returncode != 0
    assert "credits.csv:3" in told.stderr
    assert "Traceback" not in told.stderr
    (folder / "credits.csv").write_text(CREDITS.replace("ann,arr,D1", "eve,arr,D1"))
    told = run("commissions", "calculate", "--plan", "example/plans/ae.toml", "--input", folder, "--fiscal-start", 2)
    assert (told.returncode, "eve has no quota for arr" in told.stderr) == (1, True)


def test_the_plans_of_the_example_company_stand_alone(run):
    told = run("policy", "test", "example/plans")
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.strip().endswith(" passed, 0 failed")
    checked = run("policy", "check", "example/plans")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "pay jumps by 9000.00 USD at a quota of 1,000,000 where renewed reaches 90%" in " ".join(checked.stderr.split())
