"""The Delta store: what is read is what was declared, merges change only what changed, a killed writer leaves the old version."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from closedwon.base.errors import Conflict, Invalid, NotFound
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table, schema
from closedwon.facts.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(str(tmp_path / "facts"))


def accounts(*rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    return rows_to_table(list(rows), [c for c in map(table("accounts").column, names) if c])


def test_a_table_without_files_reads_as_no_rows(store):
    assert store.read("accounts").schema.names == list(table("accounts").names)
    assert store.read("accounts").num_rows == 0
    assert store.version("accounts") is None
    assert store.tables() == {}
    with pytest.raises(NotFound, match="accounts"):
        store.read("account")


def test_read_gives_the_declared_schema_and_custom_columns(store):
    rows = pa.table({"id": ["b", "a"], "employees": pa.array([7, None], pa.int32()), "x_tier": ["gold", None], "x_score": [1.5, 2.5]})
    store.replace("accounts", rows)
    read = store.read("accounts")
    assert read.column("id").to_pylist() == ["a", "b"]
    assert read.schema.field("employees").type == pa.int64()
    assert read.schema.field("x_score").type == pa.float64()
    assert read.column("name").null_count == 2
    assert read.schema.names[: len(table("accounts").names)] == list(table("accounts").names)
    assert store.read("accounts", columns=["id", "x_tier"]).to_pylist() == [{"id": "a", "x_tier": None}, {"id": "b", "x_tier": "gold"}]


def test_every_type_survives(store):
    row = {
        "id": "l1",
        "quantity": Decimal("1.500000"),
        "amount_minor": 9_000_000_000_000_000,
        "start_date": date(2099, 12, 31),
        "currency": "JPY",
    }
    store.replace("line_items", rows_to_table([row], table("line_items").columns))
    assert {k: v for k, v in store.read("line_items").to_pylist()[0].items() if v is not None} == row
    at = datetime(2026, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    store.replace("activities", rows_to_table([{"id": "a", "at": at}], table("activities").columns))
    assert store.read("activities").to_pylist()[0]["at"] == at


def test_names_that_are_not_declared_are_refused(store):
    with pytest.raises(Invalid, match="no column shoe_size"):
        store.replace("accounts", pa.table({"id": ["a"], "shoe_size": [42]}))
    with pytest.raises(Invalid, match="cannot be read as int"):
        store.replace("accounts", pa.table({"id": ["a"], "employees": ["many"]}))
    assert store.version("accounts") is None


def test_merge_counts_and_leaves_what_it_does_not_bring(store):
    first = store.merge("accounts", accounts({"id": "a", "name": "A", "industry": "x"}, {"id": "b", "name": "B", "industry": "y"}))
    assert (first.inserted, first.updated, first.unchanged) == (2, 0, 0)
    again = store.merge("accounts", accounts({"id": "a", "name": "A"}, {"id": "b", "name": "B"}))
    assert (again.inserted, again.updated, again.unchanged, again.version) == (0, 0, 2, first.version)
    assert store.version("accounts") == first.version
    second = store.merge("accounts", accounts({"id": "b", "name": "B2"}, {"id": "c", "name": None}), follow=("name", "industry"))
    assert (second.inserted, second.updated, second.unchanged) == (1, 1, 0)
    assert second.changes.to_pylist() == [{"id": "b", "field": "name", "old_value": "B", "new_value": "B2"}]
    assert [(row["id"], row["name"], row["industry"]) for row in store.read("accounts").to_pylist()] == [
        ("a", "A", "x"),
        ("b", "B2", "y"),
        ("c", None, None),
    ]
    assert store.read("accounts", version=first.version).num_rows == 2  # a version stays readable


def test_merge_of_custom_columns(store):
    store.merge("accounts", pa.table({"id": ["a"], "x_score": pa.array([1], pa.int64())}))
    assert not store.merge("accounts", pa.table({"id": ["a"], "x_score": pa.array([1], pa.int64())})).changed
    store.merge("accounts", pa.table({"id": ["b"], "x_tier": ["gold"]}))
    assert [(r["id"], r["x_score"], r["x_tier"]) for r in store.read("accounts").to_pylist()] == [("a", 1, None), ("b", None, "gold")]
    store.merge("accounts", pa.table({"id": ["b"], "x_score": ["high"]}))  # the source changed its mind: text from now on
    assert [(r["id"], r["x_score"]) for r in store.read("accounts").to_pylist()] == [("a", "1"), ("b", "high")]


def test_merge_refuses_a_key_that_stands_twice_or_is_missing(store):
    with pytest.raises(Invalid, match="same id more than once: a"):
        store.merge("accounts", accounts({"id": "a", "name": "1"}, {"id": "a", "name": "2"}))
    with pytest.raises(Invalid, match="no id, which is part of its key"):
        store.merge("accounts", accounts({"name": "1"}))
    assert store.version("accounts") is None


def test_a_complete_merge_drops_what_is_gone_and_a_dry_run_only_counts(store):
    store.merge("accounts", accounts({"id": "a"}, {"id": "b"}))
    dry = store.merge("accounts", accounts({"id": "b"}, {"id": "c"}), complete=True, dry_run=True)
    assert (dry.inserted, dry.updated, dry.unchanged) == (1, 1, 1)
    assert store.version("accounts") == 0
    store.merge("accounts", accounts({"id": "b"}, {"id": "c"}), complete=True)
    assert store.read("accounts").column("id").to_pylist() == ["b", "c"]


def test_a_retried_write_has_one_effect(store):
    one = accounts({"id": "a"})
    assert store.append("accounts", one, txn="job-1") == 0
    assert store.append("accounts", one, txn="job-1") == 0
    assert store.replace("accounts", accounts({"id": "b"}), txn="job-1") == 0
    assert not store.merge("accounts", accounts({"id": "b"}), txn="job-1").changed
    assert store.append("accounts", one, txn="job-2") == 1
    assert store.count("accounts") == 2
    assert store.has("accounts", "job-2")
    assert [v["version"] for v in store.versions("accounts")] == [1, 0]


def test_streams_are_taken_in_batches(store):
    shape = schema(table("campaigns").columns[:2])
    batches = (pa.record_batch({"id": [f"{n}-{i}" for i in range(1000)], "name": ["x"] * 1000}, schema=shape) for n in range(5))
    store.replace("campaigns", pa.RecordBatchReader.from_batches(shape, batches))
    assert store.count("campaigns") == 5000


def test_writers_of_one_table_wait_for_each_other(tmp_path):
    failed = []

    def work(n):
        try:
            Store(str(tmp_path / "facts")).merge("accounts", accounts(*({"id": f"{n}-{i}"} for i in range(50))))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert Store(str(tmp_path / "facts")).count("accounts") == 200


def test_a_merge_that_meets_a_foreign_commit_starts_again(store, monkeypatch):
    """A writer on another machine, which does not know our lock, gets in between."""
    store.merge("accounts", accounts({"id": "a", "name": "A"}))
    other = Store(store.url, locks=Path(store.url) / "other-locks")
    commit, once = Store._commit, []

    def meet(self, name, *rest):
        if self is store and not once:
            once.append(True)
            other.merge("accounts", accounts({"id": "b", "name": "B"}))
            raise Conflict("as the log would say")
        return commit(self, name, *rest)

    monkeypatch.setattr(Store, "_commit", meet)
    merged = store.merge("accounts", accounts({"id": "a", "name": "A2"}))
    assert (merged.inserted, merged.updated) == (0, 1)
    assert [(r["id"], r["name"]) for r in store.read("accounts").to_pylist()] == [("a", "A2"), ("b", "B")]


def test_tidying_keeps_the_rows(store):
    for n in range(4):
        store.append("accounts", accounts({"id": str(n)}))
    store.tidy("accounts", keep_days=0)
    assert store.read("accounts").column("id").to_pylist() == ["0", "1", "2", "3"]
    assert len(store.source("accounts").files) == 1


def test_an_exchanged_folder_is_noticed(store, tmp_path):
    store.replace("accounts", accounts({"id": "a"}))
    assert store.read("accounts", version=0).num_rows == 1
    (tmp_path / "facts").rename(tmp_path / "old")
    store.replace("accounts", accounts({"id": "b"}, {"id": "c"}))
    assert store.read("accounts", version=0).num_rows == 2


KILLED = """
import sys, os
from closedwon.facts import store as module
from closedwon.facts.store import Store
import pyarrow as pa

at, step = Store(sys.argv[1]), sys.argv[2]
rows = pa.table({"id": [f"n{n:06d}" for n in range(200_000)], "name": ["new"] * 200_000})
real = module.write_deltalake

def write(path, reader, **rest):
    def slow():
        for n, batch in enumerate(reader):
            if n == 0 or step == "before":
                print("writing", flush=True)
            yield batch
            if step == "before":
                import time; time.sleep(60)
    real(path, pa.RecordBatchReader.from_batches(reader.schema, slow()), **rest)
    print("written", flush=True)
    if step == "after":
        import time; time.sleep(60)

module.write_deltalake = write
print(at.merge("accounts", rows, txn="import-7").inserted, flush=True)
"""


@pytest.mark.parametrize("step", ["before", "after"])
def test_kill_in_the_middle_of_a_merge(store, step):
    """Killed while it writes: the old version stands, and a retry does all of it once. Killed right after: the retry does nothing."""
    store.merge("accounts", accounts({"id": "n000001", "name": "old"}, {"id": "z", "name": "other"}))
    env = os.environ | {"PYTHONPATH": "src"}
    child = subprocess.Popen([sys.executable, "-c", KILLED, store.url, step], stdout=subprocess.PIPE, text=True, env=env)
    wanted = {"before": "writing", "after": "written"}[step]
    for line in child.stdout:
        if line.strip() == wanted:
            break
    if step == "before":
        time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    read = store.read("accounts")
    assert read.num_rows == (2 if step == "before" else 200_001)
    rows = pa.table({"id": [f"n{n:06d}" for n in range(200_000)], "name": ["new"] * 200_000})
    merged = store.merge("accounts", rows, txn="import-7")  # the lock of the dead process is gone
    assert merged.inserted == (199_999 if step == "before" else 0)
    assert store.version("accounts") == 1
    assert store.count("accounts") == 200_001
    assert not store.merge("accounts", rows, txn="import-8").changed


def test_the_shared_lock_is_held_by_one(ws):
    """On PostgreSQL the lock holds across machines, which do not see each other's files; on SQLite there is one machine."""
    from django.db import connection

    from closedwon.facts.locks import database_lock

    if connection.vendor != "postgresql":
        with database_lock("accounts"), database_lock("accounts"):
            return
    order, entered = [], threading.Event()

    def wait():
        entered.set()
        with database_lock("accounts"):
            order.append("second")

    with database_lock("accounts"), database_lock("users"):
        thread = threading.Thread(target=wait)
        thread.start()
        entered.wait(5)
        time.sleep(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
