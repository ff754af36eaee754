"""The commands that are a contract, run as processes on a new workspace with Maven's data: their columns, their sums, their words."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("CLOSEDWON_TEST_DATA") or ROOT.parent / "shared" / "data") / "maven_crm"
SHOW = ["node", "name", "parent", "quota", "closed", "booked", "commit", "best_case", "most_likely", "pipeline", "omitted", "undated", "total_open"]  # fmt: skip
WATERFALL = ["node", "name", "parent", "begin", "new", "transferred_in", "pulled_in", "reopened", "increased", "decreased", "pushed_out", "won", "lost", "deleted", "transferred_out", "fx", "end"]  # fmt: skip
WORDS = ("node", "name", "parent")
PLUS = ("begin", "new", "transferred_in", "pulled_in", "reopened", "increased", "fx")
MINUS = ("decreased", "pushed_out", "won", "lost", "deleted", "transferred_out")
FORECAST = ("forecast", "show", "--as-of", "2017-10-02", "--period", "2017-Q4", "--by", "manager")
FALL = ("pipeline", "waterfall", "--from", "2017-10-02", "--to", "2017-11-06", "--period", "2017-Q4", "--by", "manager")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.is_dir() and not os.environ.get("CI"),
        reason=f"needs Maven's data in {DATA}; CLOSEDWON_TEST_DATA names the folder above it",
    ),
]


def closedwon(*words: str, workspace: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as its own process, free of the variables of this one."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON_", "DJANGO_"))}
    before = ["--workspace", str(workspace)] if workspace else []
    kept |= {"PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "closedwon", *before, *words], capture_output=True, text=True, env=kept, cwd=ROOT, timeout=180, check=False
    )


def done(*words: str, workspace: Path | None = None) -> str:
    """The output of a command that must succeed."""
    ended = closedwon(*words, workspace=workspace)
    assert ended.returncode == 0, f"{' '.join(words)} ended with {ended.returncode}: {ended.stderr}{ended.stdout}"
    return ended.stdout


@pytest.fixture(scope="module")
def maven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace made and filled by the contract's own commands."""
    folder = tmp_path_factory.mktemp("contract") / "ws"
    done("init", str(folder))
    said = done("import", str(DATA), "--mapping", "example/maven.toml", "--dry-run", workspace=folder)
    assert said.startswith("Would import")
    assert "8,800" in said
    assert "8,800" in done("import", str(DATA), "--mapping", "example/maven.toml", workspace=folder)
    return folder


def rows_of(text: str) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a CSV."""
    read = csv.DictReader(io.StringIO(text))
    rows = list(read)
    return list(read.fieldnames or []), rows


def amount(text: str | None) -> Decimal:
    """An amount in major units; missing is nothing."""
    assert text == "" or text is None or (text.count(".") == 1 and len(text.rpartition(".")[2]) == 2), (
        f"{text!r} is not in major units with two digits"
    )
    return Decimal(text or 0)


def adds_up(rows: list[dict[str, str]], columns: list[str]) -> None:
    """The last row is the total, the sum of the roots."""
    *nodes, total = rows
    assert total["node"] == "total"
    assert len(nodes) > 5
    assert "total" not in {row["node"] for row in nodes}
    for column in columns:
        if column not in WORDS:
            assert amount(total[column]) == sum(amount(row[column]) for row in nodes if not row["parent"]), column


def test_import_again_changes_nothing(maven):
    assert "Nothing changed" in done("import", str(DATA), "--mapping", "example/maven.toml", workspace=maven)


def test_forecast_as_csv(maven):
    header, rows = rows_of(done(*FORECAST, "--format", "csv", workspace=maven))
    assert header == SHOW
    adds_up(rows, header)
    assert amount(rows[-1]["undated"]) > 0, "open deals of Maven have no close date"
    assert {row["name"] for row in rows} >= {"Melvin Marxen", "Dustin Brinkmann", "Total"}


def test_forecast_as_json_has_money_as_text(maven):
    header, wanted = rows_of(done(*FORECAST, "--format", "csv", workspace=maven))
    made = json.loads(done(*FORECAST, "--format", "json", workspace=maven))
    assert made["period"] == "2017-Q4" or "2017" in made["period"]
    assert [list(row) for row in made["rows"]] == [header] * len(wanted)
    for row, plain in zip(made["rows"], wanted, strict=True):
        assert all(value is None or isinstance(value, str) for value in row.values())
        assert {key: value or "" for key, value in row.items()} == plain


def test_the_week_on_one_page(maven, tmp_path):
    """Maven has neither quotas nor calls: one line says so, and what is left stands on what the waterfall says."""
    done("forecast", "summarize", "--as-of", "2017-09-30", "--out", str(tmp_path), workspace=maven)
    assert {file.suffix for file in tmp_path.glob("summary.*")} == {".html", ".md", ".pdf", ".json"}
    told = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert told["notes"] == ["No calls are on record here, and no quota; the numbers are those of the deals."]
    found = {one["key"]: one for one in told["figures"]}
    _, rows = rows_of(done("pipeline", "waterfall", "--from", "2017-09-23", "--to", "2017-09-30", "--format", "csv", workspace=maven))
    assert found["flow.won"]["value"] == amount(rows[-1]["won"]) * 100
    assert "quota" not in found
    _, scores = rows_of(done("forecast", "scorecard", "--as-of", "2017-09-30", "--format", "csv", workspace=maven))
    assert {"Melvin Marxen"} <= {row["manager_name"] for row in scores}


def test_forecast_as_table(maven):
    said = done(*FORECAST, "--format", "table", workspace=maven)
    assert "Total" in said.splitlines()[-1]
    assert "Melvin Marxen" in said


def test_forecast_of_all_periods(maven):
    _, rows = rows_of(done("forecast", "show", "--as-of", "2017-10-02", "--period", "all", "--format", "csv", workspace=maven))
    adds_up(rows, SHOW)


def test_waterfall_as_csv_and_json(maven):
    header, rows = rows_of(done(*FALL, "--format", "csv", workspace=maven))
    assert header == WATERFALL
    adds_up(rows, header)
    for row in rows:
        assert sum(amount(row[name]) for name in PLUS) - sum(amount(row[name]) for name in MINUS) == amount(row["end"]), row["name"]
        assert all(amount(row[name]) >= 0 for name in (*PLUS[:-1], *MINUS))
    made = json.loads(done(*FALL, "--format", "json", workspace=maven))
    assert [{key: value or "" for key, value in row.items()} for row in made["rows"]] == rows


def test_snapshot_audit_and_policy(maven):
    assert "rows kept" in done("snapshot", workspace=maven)
    assert "nothing changed" in done("snapshot", workspace=maven)
    said = done("audit", "verify", workspace=maven)
    assert "entr" in said
    assert done("policy", "check", str(ROOT / "src/closedwon/crm/default/pipeline.toml"), workspace=maven)


BAD = [
    ("a period", ("forecast", "show", "--period", "2017-Q9"), "2017-Q"),
    ("a word as period", ("forecast", "show", "--period", "soon"), "2017"),
    ("a day", ("forecast", "show", "--as-of", "31/02/2017"), "20"),
    ("a day of no month", ("forecast", "show", "--as-of", "2017-02-30"), "20"),
    ("the begin", ("pipeline", "waterfall", "--from", "yesterday"), "20"),
    ("begin after end", ("pipeline", "waterfall", "--from", "2017-11-06", "--to", "2017-10-02"), "--from"),
    ("a node", ("forecast", "show", "--node", "Nobody At All"), "closedwon forecast show"),
    ("a grouping", ("forecast", "show", "--by", "weather"), "manager"),
    ("a type", ("forecast", "show", "--type", "dreams"), ""),
    ("a currency", ("forecast", "show", "--currency", "XYZ"), ""),
    ("an organisation", ("forecast", "show", "--org", "as-wished"), "as-was"),
    ("rates", ("forecast", "show", "--rates", "lucky"), "plan"),
    ("a format", ("forecast", "show", "--format", "xml"), "csv"),
    ("a flag", ("forecast", "inspect", "--flag", "ugly"), "There are"),
    ("a bar", ("pipeline", "deals", "--from", "2017-10-02", "--bucket", "sideways"), "Use"),
    ("a source", ("import", "/no/such/folder"), ""),
    ("a mapping", ("import", str(DATA), "--mapping", "/no/such/file.toml"), ""),
    ("a mapping that is none", ("import", str(DATA), "--mapping", "pyproject.toml"), ""),
    ("a policy", ("policy", "history", "nonsense"), ""),
    ("a person", ("--as", "nobody@example.com", "forecast", "show"), "people list"),
]


@pytest.mark.parametrize(("words", "mend"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_is_wrong_is_said_with_its_mend(maven, words, mend):
    ended = closedwon(*words, workspace=maven)
    assert ended.returncode not in (0, 1, 70), (
        f"{' '.join(words)} ended with {ended.returncode}: {ended.stdout[-300:]}{ended.stderr[-300:]}"
    )
    assert "Traceback" not in ended.stderr + ended.stdout
    assert len(ended.stderr.strip().splitlines()) >= 2, f"no mend is said: {ended.stderr}"
    assert mend in ended.stderr


def test_without_a_workspace_it_says_how_to_make_one(tmp_path):
    for words in (FORECAST, ("snapshot",), ("audit", "verify"), ("forecast", "refresh"), ("import", "x")):
        ended = closedwon(*words, workspace=tmp_path / "nowhere")
        assert ended.returncode not in (0, 1, 70), ended.stderr
        assert "Traceback" not in ended.stderr
        assert "closedwon init" in ended.stderr
