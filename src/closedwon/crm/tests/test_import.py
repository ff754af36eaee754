"""Importing: real data with its dirt reported, hostile files without a traceback, the same again changes nothing."""

import csv
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from closedwon.base.errors import ClosedwonError, Invalid, NotFound, Refused
from closedwon.crm.actions import import_source
from closedwon.crm.imports import read_mapping
from closedwon.facts.releases import latest
from closedwon.facts.store import store
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies.actions import apply_defaults

DATA = Path(os.environ.get("CLOSEDWON_TEST_DATA", "../shared/data"))
ROOT = Path(__file__).parents[4]
maven = pytest.mark.skipif(not DATA.exists() and not os.environ.get("CI"), reason=f"the folder {DATA} does not exist")


@pytest.fixture
def company(ws):
    apply_defaults(SYSTEM)
    return ws


MAPPING = """
currency = "USD"
date_formats = ["%Y-%m-%d", "%d/%m/%Y"]
[[map]]
table = "opportunities"
from = "deals.csv"
[map.columns]
id = { from = "Id", required = true }
name = "Name"
stage = "Stage"
amount = "Amount"
currency = "Currency"
close_date = "Close"
x_note = "Note"
"""
HEADER = ["Id", "Name", "Stage", "Amount", "Currency", "Close", "Note"]


def write(folder, rows, mapping=MAPPING, encoding="utf-8", raw=None):
    folder.mkdir(exist_ok=True)
    if raw is not None:
        (folder / "deals.csv").write_bytes(raw)
    else:
        with (folder / "deals.csv").open("w", encoding=encoding, newline="") as handle:
            csv.writer(handle).writerows([HEADER, *rows])
    (folder / "mapping.toml").write_text(mapping)
    return folder / "deals.csv", folder / "mapping.toml"


def run(folder, rows, **more):
    source, mapping = write(folder, rows, **more)
    return import_source(source, by=SYSTEM, mapping=mapping)


def deals():
    return {row["id"]: row for row in store().read("opportunities").to_pylist()}


@maven
def test_maven_comes_in_whole_with_its_dirt_reported_line_by_line(company):
    report = import_source(DATA / "maven_crm", by=SYSTEM, mapping=ROOT / "example/maven.toml")
    assert {name: item.inserted for name, item in report.tables.items()} == {
        "users": 41, "accounts": 85, "products": 7, "price_book_entries": 7, "opportunities": 8800, "line_items": 8800, "opportunity_changes": 17660,
    }  # fmt: skip
    assert report.quarantined_total == 0
    assert report.alarms == []
    notices = {item["text"]: item["count"] for item in report.notices}
    assert notices["product 'GTXPro' was read as 'GTX Pro'"] == 1480
    assert notices["deals have no account"] == 1425
    assert notices["sector 'technolgy' was read as 'technology'"] == 12
    with (DATA / "maven_crm/sales_pipeline.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    first = [n for n, row in enumerate(rows, 1) if row["product"] == "GTXPro"][:200]
    assert next(item["rows"] for item in report.notices if "GTXPro" in item["text"]) == first
    got = deals()
    assert sum(row["amount_minor"] for row in got.values() if row["stage"] == "Won") == sum(
        int(r["close_value"]) * 100 for r in rows if r["deal_stage"] == "Won"
    )


@maven
def test_the_same_again_changes_nothing(company):
    import_source(DATA / "maven_crm", by=SYSTEM, mapping=ROOT / "example/maven.toml")
    before = (latest().pk, store().tables())
    report = import_source(DATA / "maven_crm", by=SYSTEM, mapping=ROOT / "example/maven.toml")
    assert not report.changed
    assert (latest().pk, store().tables()) == before


def test_a_dry_run_reports_the_same_and_writes_nothing(company, tmp_path):
    source, mapping = write(
        tmp_path / "a", [["1", "A", "1-Discovery", "10", "USD", "2026-01-31", ""], ["2", "B", "x", "bad", "USD", "", ""]]
    )
    dry = import_source(source, by=SYSTEM, mapping=mapping, dry_run=True)
    assert latest() is None
    assert store().tables() == {}
    real = import_source(source, by=SYSTEM, mapping=mapping)
    assert (dry.tables, dry.quarantined, dry.alarms) == (real.tables, real.quarantined, real.alarms)


def test_a_changed_file_merges_by_id_and_its_changes_become_history(company, tmp_path):
    run(tmp_path / "a", [["1", "A", "1-Discovery", "10.50", "USD", "2026-01-31", "n"], ["2", "B", "2-Scoping", "5", "USD", "", ""]])
    report = run(tmp_path / "a", [["1", "A", "2-Scoping", "12", "USD", "31/03/2026", "n"], ["3", "C", "2-Scoping", "1", "USD", "", ""]])
    assert (report.tables["opportunities"].inserted, report.tables["opportunities"].updated) == (1, 1)
    assert set(deals()) == {"1", "2", "3"}
    log = {row["field"]: (row["old_value"], row["new_value"]) for row in store().read("opportunity_changes").to_pylist()}
    assert log == {"stage": ("1-Discovery", "2-Scoping"), "amount_minor": ("1050", "1200"), "close_date": ("2026-01-31", "2026-03-31")}
    states = [row for row in store().read("deal_states").to_pylist() if row["opportunity_id"] == "1"]
    assert [row["amount_minor"] for row in sorted(states, key=lambda r: r["valid_from"])] == [1050, 1200]


def test_an_unknown_stage_is_an_alarm_and_the_deal_stays(company, tmp_path):
    report = run(tmp_path / "a", [["1", "A", "Legal Review", "10", "USD", "", ""]])
    assert report.alarms == ["1 deal is in the stage 'Legal Review', which the pipeline policy does not know"]
    assert deals()["1"]["stage"] == "Legal Review"


HOSTILE = [
    (["", "no id", "x", "1", "USD", "", ""], "Id is empty"),
    (["a", "31/02", "x", "1", "USD", "31/02/2026", ""], "'31/02/2026' is not a date"),
    (["b", "nan", "x", "NaN1", "USD", "", ""], "'NaN1' is not an amount"),
    (["c", "inf", "x", "inf", "USD", "", ""], "'inf' is not an amount"),
    (["d", "exp", "x", "1e5", "USD", "", ""], "'1e5' is not an amount"),
    (["e", "big", "x", "99999999999999999", "USD", "", ""], "is too large"),
    (["f", "cents", "x", "1.005", "USD", "", ""], "has more decimals than USD allows"),
    (["g", "yen", "x", "1.5", "JPY", "", ""], "has more decimals than JPY allows"),
    (["h", "money", "x", "1", "DOLLARS", "", ""], "'DOLLARS' is not a currency"),
    (["i", "year", "x", "1", "USD", "0001-01-01", ""], "'0001-01-01' is not a date"),
]


def test_hostile_cells_are_quarantined_with_their_reason_and_the_rest_comes_in(company, tmp_path):
    good = ["ok", '💥 \x00émoji, "quoted"\nnext line', "1-Discovery", "1,234.50", "EUR", "2026-01-31", '=HYPERLINK("http://x")']
    report = run(tmp_path / "a", [*(row for row, _ in HOSTILE), good, ["ok", "twice", "x", "1", "USD", "", ""]])
    assert set(deals()) == {"ok"}
    assert deals()["ok"]["amount_minor"] == 123450
    assert "💥" in deals()["ok"]["name"]
    reasons = {bad["row"]: bad["reason"] for bad in report.quarantined}
    for number, (_, reason) in enumerate(HOSTILE, 1):
        assert reason.removeprefix("'") in reasons[number].removeprefix("'"), (number, reasons[number])
    assert reasons[len(HOSTILE) + 2] == "its key stands a second time"
    assert report.quarantined_total == len(HOSTILE) + 1
    assert store().count("quarantine") == len(HOSTILE) + 1


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (b"\x00\x01\x02\xff\xfe\x80" * 50, ""),
        (b"PK\x03\x04 not a zip", ""),
        (b"Id,Id,Name\n1,2,3\n", "two columns named Id"),
        (b"Nothing,Fits\n1,2\n", "has no column 'Id'"),
        ("Id,Name,Stage,Amount,Currency,Close,Note\n1,Müller,x,1,USD,,\n".encode("utf-16"), None),
        ("Id,Name,Stage,Amount,Currency,Close,Note\n1,Müller,x,1,USD,,\n".encode("cp1252"), None),
        (b"Id;Name;Stage;Amount;Currency;Close;Note\n1;a;x;1;USD;;\n", None),
        (b'Id,Name,Stage,Amount,Currency,Close,Note\n1,"never closed,x,1,USD,,\n', None),
        (b"Id,Name,Stage,Amount,Currency,Close,Note\n1,a,x,1,USD,,,,,too,many\n2,b,x,1,USD,,\n", None),
    ],
)
def test_hostile_files_give_a_message_and_no_traceback(company, tmp_path, raw, words):
    try:
        report = run(tmp_path / "a", [], raw=raw)
    except ClosedwonError as error:
        assert words is not None, error
        assert words in str(error)
    else:
        assert words is None
        assert report.tables["opportunities"].inserted == 1


def test_a_line_beyond_the_limit_is_left_out_in_bounded_memory(company, tmp_path, monkeypatch):
    from closedwon.connectors.files import read

    monkeypatch.setattr(read, "LONGEST_LINE", 10_000)
    raw = b"Id,Name,Stage,Amount,Currency,Close,Note\n1," + b"x" * 50_000 + b",x,1,USD,,\n2,b,x,1,USD,,\n"
    report = run(tmp_path / "a", [], raw=raw)
    assert set(deals()) == {"2"}
    assert "longer than" in report.quarantined[0]["reason"]


def test_a_mapping_with_mistakes_names_them_all():
    with pytest.raises(Invalid) as caught:
        read_mapping('currency = "dollars"\n[[map]]\ntable = "opportunitys"\nfrom = "x.csv"\ncolumns = { id = "a" }\nwhen = 3\n')
    assert {p.message for p in caught.value.problems} >= {"unknown key 'when'"}


def test_what_is_not_there_is_said(company, tmp_path):
    with pytest.raises(NotFound, match="does not exist"):
        import_source(tmp_path / "nowhere", by=SYSTEM)
    source, _ = write(tmp_path / "a", [])
    with pytest.raises(NotFound, match="mapping"):
        import_source(source, by=SYSTEM, mapping=tmp_path / "none.toml")


def test_a_rep_may_not_import_and_nothing_happens(company, tmp_path):
    source, mapping = write(tmp_path / "a", [["1", "A", "x", "1", "USD", "", ""]])
    with pytest.raises(Refused):
        import_source(source, by=Actor("rep", roles=frozenset({"rep"})), mapping=mapping)
    assert store().tables() == {}


def test_named_tables_come_in_as_they_are_and_bad_rows_are_refused(company, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path / "named"
    folder.mkdir()
    pq.write_table(
        pa.table({"id": ["a", "b", "b", None], "name": ["A", "B", "B2", "N"], "x_tier": [1, 2, 3, 4]}), folder / "accounts.parquet"
    )
    (folder / "users.csv").write_text("id,name,active\nu1,Ann,yes\n")
    report = import_source(folder, by=SYSTEM)
    assert {row["id"]: row["name"] for row in store().read("accounts").to_pylist()} == {"a": "A", "b": "B"}
    assert report.tables["accounts"].quarantined == 2
    assert store().read("users").to_pylist()[0]["active"] is True


def test_a_killed_import_is_taken_up_and_ends_like_one_that_was_not(company, tmp_path):
    """Killed at several moments; the table, its history and the audit trail end as after one import."""
    rows = [[str(n), f"Deal {n}", "1-Discovery", str(n), "USD", "2026-01-31", ""] for n in range(4000)]
    source, mapping = write(tmp_path / "a", rows)
    import_source(source, by=SYSTEM, mapping=mapping)
    changed = [[row[0], row[1], "2-Scoping", *row[3:]] for row in rows]
    source, mapping = write(tmp_path / "a", changed)
    from django.conf import settings
    from django.db import connection

    if connection.vendor == "sqlite":  # a test's transaction is not seen by another process: the child works on facts alone
        code = (
            "from closedwon.facts.store import Store; import pyarrow as pa, sys;"
            "s = Store(sys.argv[1]); r = s.read('opportunities');"
            "r = r.set_column(r.column_names.index('stage'), 'stage', pa.array(['2-Scoping'] * r.num_rows));"
            "print('go', flush=True); s.merge('opportunities', r, txn='job-1')"
        )
        for wait in (0.0, 0.02, 0.05, 0.1):
            child = subprocess.Popen(
                [sys.executable, "-c", code, str(store().url)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "src"}
            )
            child.stdout.readline()
            time.sleep(wait)
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert len(deals()) == 4000
            assert {row["stage"] for row in deals().values()} in ({"1-Discovery"}, {"2-Scoping"})
    assert settings.configured
    import_source(source, by=SYSTEM, mapping=mapping)
    assert {row["stage"] for row in deals().values()} == {"2-Scoping"}
    assert len(deals()) == 4000


def test_dates_are_read_in_the_company_s_day(company, tmp_path):
    run(tmp_path / "a", [["1", "A", "x", "1", "USD", "2026-01-31", ""]])
    assert deals()["1"]["close_date"] == date(2026, 1, 31)
    assert datetime.now(UTC).tzinfo is UTC
