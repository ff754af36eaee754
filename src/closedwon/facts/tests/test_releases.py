"""Releases hold the versions that belong together; quarantined rows are counted by reason."""

import threading

import pyarrow as pa
import pytest

from closedwon.base.tables import table
from closedwon.facts import quarantine, releases
from closedwon.facts.models import Release
from closedwon.facts.quarantine import Bad
from closedwon.facts.store import store


def test_a_reader_of_a_release_does_not_see_later_writes(ws):
    assert releases.latest() is None
    assert releases.read("accounts", None).num_rows == 0
    first = releases.publish({"accounts": store().replace("accounts", pa.table({"id": ["a"]})), "users": None}, note="first")
    assert first.tables == {"accounts": 0}
    store().append("accounts", pa.table({"id": ["b"]}))
    assert releases.read("accounts", first).column("id").to_pylist() == ["a"]
    second = releases.publish({"accounts": 1})
    assert releases.latest() == second
    assert releases.read("accounts", second, ["id"]).to_pylist() == [{"id": "a"}, {"id": "b"}]
    assert releases.source("users", second).files == ()


def test_a_job_publishes_once_and_never_back(ws):
    for n in range(3):
        store().append("accounts", pa.table({"id": [str(n)]}))
    late = releases.publish({"accounts": 2}, job="import-2")
    assert releases.publish({"accounts": 2}, job="import-2") == late
    assert releases.publish({"accounts": 2}) == late
    early = releases.publish({"accounts": 1, "users": 0}, job="import-1")
    assert early.tables == {"accounts": 2, "users": 0}


def test_a_rebuilt_store_may_start_again(ws):
    releases.publish({"accounts": 9})
    assert releases.publish({"accounts": store().replace("accounts", pa.table({"id": ["a"]}))}).tables == {"accounts": 0}


def test_publishing_at_once_loses_nothing(django_db_setup, django_db_blocker):
    """With real commits, from several connections; the audit trail's guard does not let a test empty the whole database after it."""
    from django.db import connection

    if connection.vendor != "postgresql":
        pytest.skip("SQLite's database for tests is in memory, where writers do not wait for each other as they do on a file")
    names = ["accounts", "users", "contacts", "leads"]

    def work(name):
        try:
            releases.publish({name: 1})
        finally:
            connection.close()

    with django_db_blocker.unblock():
        try:
            threads = [threading.Thread(target=work, args=(name,)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert releases.latest().tables == dict.fromkeys(sorted(names), 1)
        finally:
            Release.objects.all().delete()
            connection.close()


def test_quarantined_rows_are_counted_by_reason(ws):
    at = store()
    assert quarantine.put(at, "7", []) is None
    bad = [
        Bad("a.csv", 3, "accounts", "id is empty"),
        Bad("a.csv", 3, "accounts", "the date does not exist", "close_date", '{"close_date": "31/02"}'),
        Bad("a.csv", 9, "accounts", "id is empty", raw="x" * 10_000),
        Bad("a.csv", 9, "users", "id is empty"),
    ]
    quarantine.put(at, "7", bad, txn="import-7-quarantine")
    quarantine.put(at, "7", bad, txn="import-7-quarantine")
    quarantine.put(at, "8", bad[:1])
    source = at.source("quarantine")
    assert quarantine.counts(source, "7") == {"id is empty": 3, "the date does not exist": 1}
    assert quarantine.counts(source) == {"id is empty": 4, "the date does not exist": 1}
    rows, total = quarantine.page(source, "7", limit=2, offset=1)
    assert total == 3
    assert [(row["row"], row["table_name"]) for row in rows] == [(9, "accounts"), (9, "users")]
    assert len(rows[0]["raw"]) == quarantine.RAW
    assert set(rows[0]) == set(table("quarantine").names)
