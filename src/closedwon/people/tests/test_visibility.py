"""Visibility against a second reading of the same rules: one deal and one person at a time, in plain Python."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.errors import NotFound
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.people.actor import SYSTEM, Actor
from closedwon.people.visibility import ALL, NONE, closing_cutoff, need_deal, scope, visible_deals
from closedwon.people.visible import visible_deals_rule

LAST = date(9999, 12, 31)
DAY = date(2026, 3, 15)
SEATS = [f"S{n}" for n in range(7)]
PEOPLE = [f"u{n}" for n in range(7)]
DEALS = [f"d{n}" for n in range(8)]


def write(**tables):
    versions = {name: store().replace(name, rows_to_table(rows, table(name).columns)) for name, rows in tables.items()}
    return publish(versions)


def instant(day):
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


days = st.integers(0, 6).map(lambda n: DAY + timedelta(days=n - 3))
spans = (
    st.tuples(days, st.none() | days)
    .map(lambda pair: {"since": pair[0], "until": pair[1]})
    .filter(lambda s: s["until"] is None or s["until"] > s["since"])
)


@st.composite
def companies(draw):
    """A small company: a dated tree, holders, owner seats, deals with several states, splits and teams."""
    parents = {seat: draw(st.none() | st.sampled_from(SEATS[:n])) if n else None for n, seat in enumerate(SEATS)}
    hierarchy = [
        {"kind": "sales", "position_id": seat, "parent_id": parent, "since": date(2020, 1, 1), "until": None}
        for seat, parent in parents.items()
    ]
    moved = draw(st.sampled_from(SEATS[1:]))
    cut = draw(days)
    for row in hierarchy:
        if row["position_id"] == moved:
            row["until"] = cut
    hierarchy.append({"kind": "sales", "position_id": moved, "parent_id": SEATS[0], "since": cut, "until": None})
    holders = []
    for person in PEOPLE:
        first, change, last = sorted(draw(st.lists(days, min_size=3, max_size=3, unique=True)))
        for since, until in ((first, change), (change, draw(st.none() | st.just(last)))):
            holders.append({
                "position_id": draw(st.sampled_from(SEATS)), "user_id": person, "share_ppm": 1_000_000, "is_interim": False,
                "since": since, "until": until,
            })  # fmt: skip
    states = []
    for deal in DEALS:
        at = [instant(draw(days)), instant(draw(days)) + timedelta(hours=30), datetime(9999, 12, 31, tzinfo=UTC)]
        at.sort()
        for begin, end in pairwise(at):
            states.append({
                "opportunity_id": deal, "valid_from": begin, "valid_until": end, "owner_id": draw(st.sampled_from(PEOPLE)),
                "account_id": draw(st.sampled_from(["a1", "a2", "a3"])), "region": draw(st.sampled_from(["EMEA", "AMER", None])), "is_deleted": False,
            })  # fmt: skip
    states = [row for row in states if row["valid_from"] < row["valid_until"]]

    def dated(key, ids):
        return [
            {key: draw(st.sampled_from(ids)), "user_id": draw(st.sampled_from(PEOPLE)), **draw(spans)}
            for _ in range(draw(st.integers(0, 4)))
        ]

    splits = [{**row, "split_type": "revenue", "share_ppm": 1} for row in dated("opportunity_id", DEALS)]
    regions = [{"id": seat, "name": seat, "region": draw(st.sampled_from(["EMEA", "AMER", None]))} for seat in SEATS]
    return {
        "users": [{"id": person, "name": person} for person in PEOPLE],
        "positions": regions,
        "position_holders": holders,
        "hierarchy": hierarchy,
        "deal_states": states,
        "opportunity_splits": splits,
        "opportunity_team": dated("opportunity_id", DEALS),
        "account_team": dated("account_id", ["a1", "a2", "a3"]),
    }


def holds(row, day):
    return row["since"] <= day and (row["until"] is None or day < row["until"])


def may_see(company, role, person, region, deal, day):
    """Whether one person may see one deal, walking up from the deal; deals not yet or no longer there are seen by nobody."""
    cutoff = instant(day + timedelta(days=1))
    state = next(
        (row for row in company["deal_states"] if row["opportunity_id"] == deal and row["valid_from"] < cutoff <= row["valid_until"]), None
    )
    if state is None:
        return False
    workers = {state["owner_id"]}
    workers |= {
        row["user_id"]
        for name in ("opportunity_splits", "opportunity_team")
        for row in company[name]
        if row["opportunity_id"] == deal and holds(row, day)
    }
    workers |= {row["user_id"] for row in company["account_team"] if row["account_id"] == state["account_id"] and holds(row, day)}
    if role != "sales-ops" and person in workers:
        return True
    if role == "sales-ops" and state["region"] == region:
        return True
    mine = {row["position_id"] for row in company["position_holders"] if row["user_id"] == person and holds(row, day)}
    if role == "sales-ops":
        mine = {row["id"] for row in company["positions"] if row["region"] == region}
    for worker in workers:
        early, late = (row for row in company["position_holders"] if row["user_id"] == worker)  # no holes: kept before and after
        seat = (early if day < late["since"] else late)["position_id"]
        if role == "rep" and seat in mine:
            return True
        seen = set()
        while role != "rep" and seat is not None and seat not in seen:
            if seat in mine:
                return True
            seen.add(seat)
            seat = next((row["parent_id"] for row in company["hierarchy"] if row["position_id"] == seat and holds(row, day)), None)
    return False


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], derandomize=True
)
@given(company=companies(), person=st.sampled_from(PEOPLE), role=st.sampled_from(["rep", "manager", "sales-ops"]), day=days)
def test_visibility_is_what_a_walk_up_the_tree_says(ws, company, person, role, day):
    release = write(**company)
    region = "EMEA" if role == "sales-ops" else ""
    by = Actor("x", person_id="" if region else person, roles=frozenset({role}), region=region)
    cutoff = closing_cutoff(day)
    seen = visible_deals(scope(by, cutoff=cutoff, release=release), cutoff=cutoff, release=release)
    assert seen == {deal for deal in DEALS if may_see(company, role, person, region, deal, day)}


SMALL = {
    "users": [{"id": "boss", "name": "Boss"}, {"id": "rep", "name": "Rep", "manager_id": "boss"}, {"id": "other", "name": "Other"}],
    "deal_states": [
        {"opportunity_id": f"of-{who}", "valid_from": instant(DAY), "valid_until": instant(LAST), "owner_id": who}
        for who in ("boss", "rep", "other")
    ],
}


@pytest.mark.parametrize(
    ("roles", "person", "expected"),
    [
        ({"manager"}, "boss", {"of-boss", "of-rep"}),
        ({"rep"}, "rep", {"of-rep"}),
        ({"rep"}, "boss", {"of-boss"}),
        ({"manager"}, "", set()),
        ({"admin"}, "boss", set()),
        ({"comp-admin"}, "boss", set()),
        (set(), "boss", set()),
        ({"executive"}, "", None),
        ({"finance"}, "", None),
        ({"deal-desk"}, "", None),
        ({"auditor"}, "", None),
        ({"sales-ops"}, "", None),
    ],
)
def test_without_seats_the_managers_make_the_tree(ws, roles, person, expected):
    release = write(**SMALL)
    seen = visible_deals(scope(Actor("x", person_id=person, roles=frozenset(roles)), release=release), release=release)
    assert seen == expected


def test_a_deal_out_of_scope_is_not_there(ws):
    write(**SMALL)
    by = Actor("x", person_id="rep", roles=frozenset({"rep"}))
    need_deal(by, "of-rep")
    with pytest.raises(NotFound):
        need_deal(by, "of-boss")


def test_a_region_nobody_has_opens_nothing_of_others(ws):
    write(**SMALL)
    by = Actor("x", roles=frozenset({"sales-ops"}), region="APJ")
    assert visible_deals(scope(by)) == set()
    assert scope(by) != ALL


def test_today_and_the_past_tree(ws):
    company = {
        "users": [{"id": who, "name": who} for who in ("boss", "next", "rep")],
        "positions": [{"id": seat} for seat in ("B", "N", "R")],
        "position_holders": [
            {"position_id": seat, "user_id": who, "since": date(2020, 1, 1)} for seat, who in (("B", "boss"), ("N", "next"), ("R", "rep"))
        ],
        "hierarchy": [
            {"kind": "sales", "position_id": "R", "parent_id": "B", "since": date(2020, 1, 1), "until": DAY},
            {"kind": "sales", "position_id": "R", "parent_id": "N", "since": DAY},
        ],
        "deal_states": [{"opportunity_id": "d", "valid_from": instant(date(2020, 1, 1)), "valid_until": instant(LAST), "owner_id": "rep"}],
    }
    write(**company)
    before = closing_cutoff(DAY - timedelta(days=1))

    def sees(who, org):
        return bool(visible_deals(scope(Actor(who, person_id=who, roles=frozenset({"manager"})), cutoff=before, org=org), cutoff=before))

    assert (sees("boss", "as-was"), sees("next", "as-was")) == (True, False)
    assert (sees("boss", "as-is"), sees("next", "as-is")) == (False, True)


def test_the_product_itself_sees_everything(ws):
    assert scope(SYSTEM) == ALL
    assert NONE.nothing


def test_the_rule_orders_its_rows(ws):
    inputs = {name: [] for name in visible_deals_rule.inputs}
    assert DuckEngine().run(visible_deals_rule, inputs).num_rows == 0


SOME = {
    "deal_states": [
        {"opportunity_id": deal, "valid_from": instant(DAY), "valid_until": instant(LAST), "owner_id": owner, "account_id": account, "region": region}
        for deal, owner, account, region in (("d1", "u1", "a1", None), ("d2", "u2", "a2", "EMEA"), ("d3", "u3", "a3", None), ("d4", "u3", "a4", None), ("d5", "u3", "a5", None))
    ],
    "opportunity_splits": [{"opportunity_id": "d3", "user_id": "u1", "split_type": "revenue", "since": date(2020, 1, 1)}],
    "opportunity_team": [{"opportunity_id": "d4", "user_id": "u1", "since": date(2020, 1, 1), "until": DAY}],
    "account_team": [{"account_id": "a5", "user_id": "u1", "since": DAY}],
    "scope_people": [{"user_id": "u1"}],
    "params": [{"cutoff": instant(DAY + timedelta(days=1)), "day": DAY, "region": "EMEA"}],
}  # fmt: skip


def test_each_way_to_see_a_deal():
    assert DuckEngine().run(visible_deals_rule, SOME).column("opportunity_id").to_pylist() == ["d1", "d2", "d3", "d5"]


def test_the_text_for_spark_is_the_reviewed_one():
    check_snapshot(visible_deals_rule, Path(__file__).parent / "snapshots")


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason="Spark is not here")
def test_spark_gives_the_same_deals():
    assert run_both(visible_deals_rule, SOME).num_rows == 4
