"""The states of deals against an oracle that walks each deal's changes by hand, on DuckDB and on Spark."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from closedwon.base.tables import table
from closedwon.crm.refresh import FEEDS, write_states
from closedwon.crm.rules import DEAL_STATES
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.store import Store
from closedwon.facts.testing import check_snapshot, run_both, spark_missing

START = datetime(2025, 1, 1, tzinfo=UTC)
EVER = datetime(9998, 1, 1, tzinfo=UTC)
FIELDS = {
    "stage": ["A", "B", "Won", None],
    "amount_minor": ["1", "250", "-3", None],
    "owner_id": ["u1", "u2", None],
    "close_date": ["2025-03-01", None],
}
CAST = {"amount_minor": int, "close_date": lambda v: datetime.fromisoformat(v).date()}


def hours(low, high):
    return st.integers(low, high).map(lambda n: START + timedelta(hours=n))


@st.composite
def companies(draw):
    deals, changes = [], []
    for n in range(draw(st.integers(1, 4))):
        created = draw(st.none() | hours(0, 50))
        deal = {"id": f"d{n}", "name": f"Deal {n}", "created_at": created, "currency": "USD"}
        deal |= {
            field: (value if value is None else CAST.get(field, str)(value))
            for field, values in FIELDS.items()
            for value in [draw(st.sampled_from(values))]
        }
        deal["deleted_at"] = draw(st.none() | hours(60, 90))
        deal["known_at"] = draw(st.none() | hours(0, 40))
        deals.append(deal)
        seen = set()
        for _ in range(draw(st.integers(0, 6))):
            field = draw(st.sampled_from(sorted(FIELDS)))
            at, seq = draw(hours(-5, 100)), draw(st.integers(0, 2))
            if (field, at, seq) in seen:
                continue
            seen.add((field, at, seq))
            values = FIELDS[field]
            changes.append({"id": f"d{n}", "at": at, "field": field, "seq": seq, "old_value": draw(st.sampled_from(values)),
                            "new_value": draw(st.sampled_from(values)), "known_at": draw(st.none() | hours(-5, 120))})  # fmt: skip
    return deals, changes


def oracle(deals, changes, known, instant):
    """Each deal's fields just before `instant`, walked by hand; None for a deal that did not exist or was not known."""
    made = {}
    for deal in deals:
        start = deal["created_at"] or datetime(1, 1, 1, tzinfo=UTC)
        if start >= instant or (deal["known_at"] and deal["known_at"] >= known):
            continue
        state = {"is_deleted": bool(deal["deleted_at"] and max(deal["deleted_at"], start) < instant)}
        for field in FIELDS:
            log = sorted((c for c in changes if c["id"] == deal["id"] and c["field"] == field), key=lambda c: (c["at"], c["seq"]))
            value = deal[field] if not log else log[0]["old_value"]
            for change in log:
                if max(change["at"], start) < instant and (change["known_at"] or change["at"]) < known:
                    value = change["new_value"]
            state[field] = value if value is None or not log else CAST.get(field, str)(value)
        made[deal["id"]] = state
    return made


def inputs(deals, changes, known):
    return {"opportunities": deals, "opportunity_changes": changes, "params": [{"known_cutoff": known}]}


def check(rows, deals, changes, known):
    points = sorted(
        {c["at"] for c in changes}
        | {d["created_at"] for d in deals if d["created_at"]}
        | {d["deleted_at"] for d in deals if d["deleted_at"]}
    )
    for instant in [START - timedelta(days=9), *points, *(p + timedelta(seconds=1) for p in points), START + timedelta(days=90)]:
        at = {r["opportunity_id"]: r for r in rows if r["valid_from"] < instant <= r["valid_until"]}
        wanted = oracle(deals, changes, known, instant)
        assert set(at) == set(wanted), instant
        for key, state in wanted.items():
            assert {field: at[key][field] for field in state} == state, (key, instant)
    for deal in deals:  # no hole, no overlap
        own = sorted((r["valid_from"], r["valid_until"]) for r in rows if r["opportunity_id"] == deal["id"])
        assert all(a[1] == b[0] for a, b in zip(own, own[1:]))


@settings(max_examples=40, deadline=None)
@given(companies(), st.sampled_from([EVER, START + timedelta(hours=30)]))
def test_states_equal_the_oracle(company, known):
    deals, changes = company
    check(DuckEngine().run(DEAL_STATES, inputs(deals, changes, known)).to_pylist(), deals, changes, known)


@pytest.mark.spark
@pytest.mark.skipif(spark_missing() != "", reason=spark_missing())
@settings(max_examples=2, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.lists(companies(), min_size=12, max_size=12))
def test_states_are_the_same_on_spark(parts):
    deals = [deal | {"id": f"{n}-{deal['id']}"} for n, (own, _) in enumerate(parts) for deal in own]
    changes = [change | {"id": f"{n}-{change['id']}"} for n, (_, own) in enumerate(parts) for change in own]
    run_both(DEAL_STATES, inputs(deals, changes, EVER))


def test_the_text_for_spark_is_reviewed():
    check_snapshot(DEAL_STATES, Path(__file__).parent / "snapshots")


def test_a_change_to_nothing_is_a_change():
    deals = [{"id": "d", "created_at": START, "owner_id": None}]
    changes = [{"id": "d", "at": START + timedelta(hours=5), "field": "owner_id", "seq": 0, "old_value": "u1", "new_value": None}]
    rows = DuckEngine().run(DEAL_STATES, inputs(deals, changes, EVER)).to_pylist()
    assert [(r["owner_id"], r["valid_from"].hour) for r in sorted(rows, key=lambda r: r["valid_from"])] == [("u1", 0), (None, 5)]


def test_of_changes_at_one_instant_the_last_known_one_holds():
    deals = [{"id": "d", "created_at": START, "stage": "C"}]
    at = START + timedelta(hours=5)
    changes = [
        {"id": "d", "at": at, "field": "stage", "seq": 0, "old_value": "A", "new_value": "B", "known_at": at},
        {"id": "d", "at": at, "field": "stage", "seq": 1, "old_value": "B", "new_value": "C", "known_at": at + timedelta(days=9)},
    ]
    rows = DuckEngine().run(DEAL_STATES, inputs(deals, changes, at + timedelta(days=1))).to_pylist()
    assert [r["stage"] for r in sorted(rows, key=lambda r: r["valid_from"])] == ["A", "B"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(companies(), min_size=1, max_size=4), st.integers(1, 6), st.randoms(use_true_random=False))
def test_ranges_of_deals_in_any_order_give_the_states_of_one_piece(tmp_path, parts, size, rng):
    deals = [deal | {"id": f"{n}'é-{deal['id']}"} for n, (own, _) in enumerate(parts) for deal in own]
    changes = [change | {"id": f"{n}'é-{change['id']}"} for n, (_, own) in enumerate(parts) for change in own]
    whole = DuckEngine().run(DEAL_STATES, inputs(deals, changes, EVER))
    at = Store(str(tmp_path / uuid4().hex))
    for name, rows in (("opportunities", deals), ("opportunity_changes", changes)):
        rng.shuffle(rows)
        at.replace(name, rows_to_table(rows, table(name).columns))
    write_states(at, {name: at.source(name) for name in FEEDS}, size)
    assert at.read("deal_states").to_pylist() == whole.to_pylist()
    assert at.version("deal_states") == 0, "one commit"
