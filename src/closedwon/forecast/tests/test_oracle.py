"""Roll-up and waterfall against the walk deal by deal, for every node, bucket, date pair and period, on random companies."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import run_both, spark_missing
from closedwon.forecast import rules
from closedwon.forecast.tests import oracle
from closedwon.forecast.tests.worlds import rollup_inputs, waterfall_inputs, world

START = date(2026, 1, 1)
DAYS = 120
SPANS = ((date(2026, 1, 1), date(2026, 4, 1)), (date(2026, 4, 1), date(2026, 7, 1)), None)
SEATS = ("top", "left", "right", "s1", "s2", "s3")
PEOPLE = ("ann", "bob", "cat", "dan")
day = st.integers(0, DAYS).map(lambda n: START + timedelta(n))
instant = st.integers(0, DAYS * 4).map(lambda n: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=6 * n))
amount = st.one_of(st.none(), st.integers(0, 99_999_999), st.integers(1, 99))
close = st.one_of(st.none(), st.integers(0, 200).map(lambda n: START + timedelta(n)))
stage = st.sampled_from(["Early", "Middle", "Late", "Parked", "Won", "Lost", "Unheard of"])
category = st.sampled_from([None, None, "commit", "best_case", "omitted", "Made up"])
currency = st.sampled_from(["USD", "EUR", "JPY", "KWD", None])
FIELDS = {
    "amount_minor": amount,
    "close_date": close,
    "stage": stage,
    "forecast_category": category,
    "currency": currency,
    "owner_id": st.sampled_from([*PEOPLE, "stranger"]),
}


@st.composite
def companies(draw):
    deals, events = [], defaultdict(list)
    for n in range(draw(st.integers(1, 8))):
        deal = {
            "id": f"d{n}",
            "name": f"Deal {n}",
            "created_at": draw(st.one_of(st.none(), instant)),
            **{name: draw(values) for name, values in FIELDS.items()},
        }
        deal["deleted_at"] = draw(st.one_of(st.none(), st.none(), st.none(), instant))
        now = dict(deal)
        for at in sorted(draw(st.lists(instant, max_size=6, unique=True))):
            if deal["created_at"] is None or at > deal["created_at"]:
                name = draw(st.sampled_from(sorted(FIELDS)))
                new = draw(FIELDS[name])
                events[deal["id"]].append((at, name, now[name], new))
                now[name] = new
        deal.update({name: now[name] for name in FIELDS})
        deals.append(deal)
    holders = []
    for person in PEOPLE:
        at = START - timedelta(draw(st.integers(-30, 30)))
        for _ in range(draw(st.integers(0, 3))):
            until = at + timedelta(draw(st.integers(5, 60)))
            holders.append(
                {
                    "user_id": person,
                    "position_id": draw(st.sampled_from(SEATS)),
                    "since": at,
                    "until": draw(st.sampled_from([until, None])),
                    "share_ppm": 1_000_000,
                    "is_interim": draw(st.booleans()),
                }
            )
            at = until + timedelta(draw(st.sampled_from([0, 0, 10])))
    hierarchy = [
        {"kind": "sales", "position_id": s, "since": START - timedelta(400), "until": None, "parent_id": "top"} for s in ("left", "right")
    ]
    for seat in ("s1", "s2", "s3"):
        moves = sorted(draw(st.lists(st.integers(1, DAYS), max_size=2, unique=True)))
        bounds = [START - timedelta(400), *(START + timedelta(m) for m in moves), None]
        for since, until in zip(bounds, bounds[1:]):
            hierarchy.append(
                {
                    "kind": "sales",
                    "position_id": seat,
                    "since": since,
                    "until": until,
                    "parent_id": draw(st.sampled_from(["left", "right", "top"])),
                }
            )
    splits = []
    for deal in deals:
        if draw(st.booleans()):
            change = START + timedelta(draw(st.integers(0, DAYS)))
            for since, until in ((START - timedelta(500), change), (change, None)):
                left = 1_000_000
                for person in draw(st.lists(st.sampled_from(PEOPLE), max_size=3, unique=True)):
                    share = draw(st.sampled_from([left, left // 3, left // 2, 1]))
                    splits.append(
                        {
                            "opportunity_id": deal["id"],
                            "user_id": person,
                            "split_type": "revenue",
                            "since": since,
                            "until": until,
                            "share_ppm": share,
                        }
                    )
                    left -= share
    rates = [
        {
            "kind": kind,
            "currency": c,
            "since": START - timedelta(300) + timedelta(n * 30),
            "rate_ppb": draw(st.integers(1_000_000, 3_500_000_000)),
        }
        for kind in ("plan", "market")
        for c in ("EUR", "JPY", "KWD")
        for n in range(0, 15, 7 if kind == "plan" else 3)
    ]
    has_seats = draw(st.booleans()) or bool(holders)
    users = [{"id": p, "name": p, "manager_id": {"bob": "ann", "cat": "ann", "dan": "cat"}.get(p)} for p in PEOPLE]
    return world(
        deals=deals,
        events=events,
        users=users,
        positions=[{"id": s} for s in SEATS] if has_seats else [],
        holders=holders if has_seats else [],
        hierarchy=hierarchy if has_seats else [],
        splits=splits,
        rates=rates,
    )


def compare(got, want):
    empty = {}
    for node in {*got, *want}:
        a = {k: v for k, v in got.get(node, empty).items() if v and k != "machine"}
        b = {k: v for k, v in want.get(node, empty).items() if v}
        assert a == b, (node, a, b)


def check_rollup(w, at, span, run):
    rule, tables, there = rollup_inputs(w, at, span, START)
    whole, own = rules.roll_up(run(rule, tables).to_pylist(), there.tree)
    compare(whole, oracle.rollup(w, at, span, START))
    for node, amounts in whole.items():
        below = defaultdict(int, dict(own.get(node, {}).items()))
        for child in there.tree.children.get(node, ()):
            for name, value in whole.get(child, {}).items():
                below[name] += value
        assert {k: v for k, v in amounts.items() if v} == {k: v for k, v in below.items() if v}


def check_waterfall(w, b, e, span, run, **how):
    rule, tables, found = waterfall_inputs(w, b, e, span, START, **how)
    moved = run(rule, tables).to_pylist()
    got = rules.flow_up(moved, found.paths)
    compare(got, oracle.waterfall(w, b, e, span, START, **how))
    for (node, _), amounts in got.items():
        assert rules.residue(amounts) == 0, (node, amounts)
        assert all(amounts[name] >= 0 for name in rules.BUCKETS if name != "fx"), amounts
        assert how.get("reported") or amounts["fx"] == 0


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(companies(), day, st.sampled_from(SPANS))
def test_rollup_is_the_walk_deal_by_deal(w, at, span):
    check_rollup(w, at, span, DuckEngine().run)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(companies(), day, day, st.sampled_from(SPANS), st.sampled_from(["as-was", "as-is"]), st.booleans())
def test_waterfall_is_the_walk_deal_by_deal(w, one, two, span, org, reported):
    check_waterfall(w, min(one, two), max(one, two), span, DuckEngine().run, org=org, reported=reported, today=START + timedelta(DAYS))


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing())
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(companies(), day, day)
def test_spark_gives_the_same_rows(w, one, two):
    check_rollup(w, one, SPANS[0], run_both)
    check_waterfall(w, min(one, two), max(one, two), SPANS[0], run_both, org="as-was", reported=True, today=START)
