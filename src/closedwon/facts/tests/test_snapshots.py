"""Snapshots fold back to what was taken, on any day, on both engines."""

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from closedwon.base.errors import Conflict, Invalid
from closedwon.base.tables import table
from closedwon.facts import snapshots
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.store import Store
from closedwon.facts.testing import check_snapshot, run_both, spark_missing

NAME = "opportunity_snapshots"
START = date(2026, 1, 1)


def state(rows):
    return rows_to_table(rows, [c for c in table(NAME).columns if c.name not in snapshots.STAMPS])


def close_of(day):
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=1)


def history(days):
    """What stood on each day: deals appear, change, are deleted in the source and vanish altogether."""
    rng, deals, made = random.Random(11), {}, []
    for n in range(days):
        for _ in range(rng.randint(0, 3)):
            key = f"d{rng.randint(0, 30):02d}"
            deals.setdefault(key, {"opportunity_id": key})
            deals[key] |= {"amount_minor": rng.randint(1, 9), "stage": rng.choice("abc"), "deleted_at": None}
        if deals and rng.random() < 0.3:
            deals[rng.choice(sorted(deals))]["deleted_at"] = close_of(START)
        if deals and rng.random() < 0.3:
            del deals[rng.choice(sorted(deals))]
        made.append((START + timedelta(days=n), [dict(deals[key]) for key in sorted(deals)]))
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Every working day taken, once for all tests."""
    folder = tmp_path_factory.mktemp("snapshots")
    days = [(day, rows) for day, rows in history(25) if day.weekday() != 6]  # nobody works on Sundays
    for day, rows in days:
        snapshots.take(Store(str(folder)), NAME, state(rows), day, closed_at=close_of(day))
    return folder, days


@pytest.fixture
def taken(whole, tmp_path, ws):
    folder, days = whole
    shutil.copytree(folder, tmp_path / "facts")
    return Store(str(tmp_path / "facts")), days


def shown(rows):
    return [(r["opportunity_id"], r["amount_minor"], r["stage"]) for r in rows if not r["deleted_at"]]


def test_a_fold_is_what_was_taken(taken):
    store, days = taken
    source = store.source(NAME)
    for day, rows in days:
        folded = snapshots.fold(source, day).to_pylist()
        assert shown(folded) == shown([{"deleted_at": None} | row for row in rows]), day
        # by brute force: of each deal the newest row up to that day
        newest = {}
        for row in sorted(store.read(NAME).to_pylist(), key=lambda r: r["snapshot_date"]):
            if row["snapshot_date"] <= day:
                newest[row["opportunity_id"]] = row
        assert shown(folded) == shown([newest[key] for key in sorted(newest)])
    sunday = next(START + timedelta(days=n) for n in range(25) if (START + timedelta(days=n)).weekday() == 6)
    assert snapshots.fold(source, sunday).equals(snapshots.fold(source, sunday - timedelta(days=1)))
    assert snapshots.fold(source, START - timedelta(days=1)).num_rows == 0


def test_only_what_changed_is_written_and_a_full_set_weekly(taken):
    store, days = taken
    full = [day for day, is_full in snapshots.days(store.source(NAME)) if is_full]
    assert all(timedelta(7) <= b - a <= timedelta(9) for a, b in zip(full, full[1:], strict=False))
    daily = [row for row in store.read(NAME).to_pylist() if not row["is_full"]]
    assert 0 < len(daily) < 4 * len(days)


def test_a_day_is_taken_once_and_in_order(taken):
    store, days = taken
    day, rows = days[-1]
    version = store.version(NAME)
    again = snapshots.take(store, NAME, state(rows[:1]), day, closed_at=close_of(day))
    assert (again.new, again.rows, store.version(NAME)) == (False, 0, version)
    with pytest.raises(Conflict, match="in the order of days"):
        snapshots.take(store, NAME, state(rows), date(2026, 1, 4), closed_at=close_of(day))
    # before the first full set there is room for days that were rebuilt from history
    old = [{"opportunity_id": "p"}, {"opportunity_id": "q"}]
    first = snapshots.take(store, NAME, state(old), date(2025, 12, 1), closed_at=close_of(day), reconstructed=True)
    assert first.is_full
    second = snapshots.take(store, NAME, state(old[:1]), date(2025, 12, 2), closed_at=close_of(day), reconstructed=True)
    assert (second.is_full, second.rows) == (False, 1)  # the tombstone of the deal that is gone
    assert len(shown(snapshots.fold(store.source(NAME), date(2025, 12, 31)).to_pylist())) == 1
    assert shown(snapshots.fold(store.source(NAME), day).to_pylist()) == shown([{"deleted_at": None} | row for row in rows])


def test_custom_columns_travel_along(tmp_path, ws):
    store = Store(str(tmp_path / "facts"))
    for n, tier in enumerate(["gold", "gold", "tin"]):
        day = START + timedelta(days=n)
        given = pa.table({"opportunity_id": ["a", "b"], "x_tier": [tier, "tin"]})
        assert snapshots.take(store, NAME, given, day, closed_at=close_of(day)).rows == [2, 0, 1][n]
    assert snapshots.fold(store.source(NAME), START + timedelta(days=2)).column("x_tier").to_pylist() == ["tin", "tin"]
    with pytest.raises(Invalid, match="more than once: a"):
        snapshots.take(store, NAME, pa.table({"opportunity_id": ["a", "a"]}), date(2026, 3, 1), closed_at=close_of(START))
    with pytest.raises(Invalid, match="not a table of daily snapshots"):
        snapshots.take(store, "accounts", pa.table({"id": ["a"]}), START, closed_at=close_of(START))


def test_the_spark_text_is_reviewed():
    check_snapshot(snapshots.fold_rule(NAME, table(NAME).columns), Path(__file__).parent / "snapshots")


@pytest.mark.spark
@pytest.mark.skipif(spark_missing() != "", reason=spark_missing())
def test_both_engines_fold_alike(taken):
    store, days = taken
    source = store.source(NAME)
    inputs = {"snapshots": snapshots._keyed(source), "wanted": [{"snapshot_date": days[20][0]}]}
    assert run_both(snapshots.fold_rule(NAME, source.columns), inputs).num_rows > 5
