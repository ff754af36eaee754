"""The laws of calls: parts add up, no order matters, an as-of does not move; overrides take the roll-up's own way, on both engines."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.calendar import Period
from closedwon.base.tables import table
from closedwon.facts.engine import run
from closedwon.facts.testing import check_snapshot, run_both
from closedwon.forecast import calls, inputs, override_rules, rules
from closedwon.forecast.calls import CALLS, Basis, Call, Override, Part
from closedwon.forecast.rhythm import Deadline
from closedwon.forecast.tests.worlds import KIND, PIPELINE, POLICY
from closedwon.people.rules import Tree

AT = datetime(2026, 10, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
SNAPSHOTS = Path(__file__).parent / "snapshots"
AMOUNTS = st.fixed_dictionaries({name: st.integers(-(10**12), 10**12) for name in CALLS})
SEATS = ["a", "b", "c", "d", "e", "f"]


@given(AMOUNTS, st.lists(AMOUNTS, min_size=1, max_size=6), st.randoms())
def test_what_stands_below_is_the_sum_of_its_parts_in_any_order(own, below, shuffle):
    parts = [Part(f"s{at}", "call", one) for at, one in enumerate(below)]
    made = Basis(calls.zero(), own, tuple(parts)).below
    assert made == {name: own[name] + sum(one[name] for one in below) for name in CALLS}
    shuffle.shuffle(parts)
    assert Basis(calls.zero(), own, tuple(parts)).below == made


@given(AMOUNTS, AMOUNTS)
def test_a_basis_survives_being_kept_and_a_delta_leads_back_to_the_call(own, call):
    basis = Basis(own, own, (Part("x", "call", call, "k"),), call)
    again = Basis.of(basis.as_dict())
    assert again == basis
    assert {name: again.below[name] + again.delta(call)[name] for name in CALLS} == call
    assert not calls.since(again, basis).is_changed


@given(AMOUNTS, AMOUNTS)
def test_the_net_of_two_ordered_calls_is_ordered(gross, loss):
    up = dict(zip(CALLS, sorted(gross.values()), strict=True))
    down = dict(zip(CALLS, sorted(-abs(value) for value in loss.values()), strict=True))
    assert calls.order_problem(up) == calls.order_problem(down, -1) == calls.order_problem(calls.net(up, down)) == ""


@given(st.dictionaries(st.sampled_from(["closed", *CALLS, "pipeline", "omitted"]), st.integers(0, 10**12)))
def test_a_roll_up_is_always_an_ordered_call(buckets):
    made = calls.cumulative(buckets)
    assert calls.order_problem(made) == ""
    assert made["best_case"] == sum(buckets.get(name, 0) for name in ("closed", *CALLS))


@given(AMOUNTS, AMOUNTS, st.integers(0, 10**6))
def test_a_note_is_needed_exactly_beyond_the_share(call, below, share):
    far = any(abs(call[name] - below[name]) > abs(below[name]) * share / 10**6 for name in CALLS)
    if max(map(abs, [*call.values(), *below.values()])) < 2**40:
        assert calls.needs_note(call, below, share) == far


INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001 - made UTC at once


@given(st.lists(st.tuples(st.sampled_from(SEATS), INSTANTS, AMOUNTS), max_size=20), INSTANTS, st.randoms())
def test_an_as_of_does_not_move_with_what_came_later_nor_with_the_order(rows, cutoff, shuffle):
    found = [Call(seat, "t", "p", at, amounts, "USD") for seat, at, amounts in {(s, a): (s, a, m) for s, a, m in rows}.values()]
    made = calls.latest(found, cutoff)
    before = [one for one in found if one.at < cutoff]
    shuffle.shuffle(before)
    assert calls.latest(before, cutoff) == made
    assert all(one.at < cutoff for one in made.values())


@given(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)), st.integers(0, 6), st.sampled_from(["monday", "wednesday", "sunday"]))  # noqa: DTZ001
def test_every_moment_has_one_deadline_and_weeks_do_not_overlap(at, opens, weekday):
    deadline = Deadline(weekday=weekday, opens_days=opens)
    due = deadline.due(at)
    opened = due - timedelta(days=opens)
    assert opened <= at < opened + timedelta(days=7)
    assert deadline.due(opened) == due
    assert deadline.due(opened - timedelta(microseconds=1)) == due - timedelta(days=7)


def over(number, seat, deal, field, value, *, amount=None, at=AT, about=""):
    return Override(number, seat, "amount", "p", deal, about, field, value, amount, "USD", "n", "x", at)


TREE = Tree.of({"top": None, "left": "top", "right": "top", "rep": "left"})


@given(
    st.lists(
        st.tuples(st.sampled_from(["top", "left", "right", "rep"]), st.sampled_from(["d1", "d2"]), st.sampled_from(["category", "amount"])),
        max_size=12,
    ),
    st.randoms(),
)
def test_the_nearest_seat_at_or_below_decides_in_any_order(rows, shuffle):
    found = [over(at, seat, deal, field, str(at), at=AT + timedelta(minutes=at)) for at, (seat, deal, field) in enumerate(rows)]
    made = {node: calls.of_deals(calls.standing(found, FOREVER), TREE, node) for node in TREE.parents}
    shuffle.shuffle(found)
    assert {node: calls.of_deals(calls.standing(found, FOREVER), TREE, node) for node in TREE.parents} == made
    for node, deals in made.items():
        for fields in deals.values():
            for one in fields.values():
                assert node in TREE.path(one.seat)
                nearer = [other for other in found if (other.deal, other.field) == (one.deal, one.field) and node in TREE.path(other.seat)]
                assert len(TREE.path(one.seat)) == min(len(TREE.path(other.seat)) for other in nearer)


PERIOD = Period(date(2026, 10, 1), date(2027, 1, 1), "P", "quarter")
CUTOFF = datetime(2026, 11, 1, tzinfo=UTC)


def state(number, owner, stage, amount, close, **more):
    return dict.fromkeys(table("deal_states").names) | {
        "opportunity_id": f"d{number}", "valid_from": AT, "valid_until": FOREVER, "owner_id": owner, "stage": stage, "amount_minor": amount, "currency": "USD",
        "close_date": close, "is_deleted": False, "is_reconstructed": False, **more,
    }  # fmt: skip


def base():
    return {
        "order_types": [], "stages": inputs.stage_rows(PIPELINE), "categories": inputs.category_rows(POLICY), "rates": [{"currency": "USD", "num": 1, "den": 1}],
        "seats": [{"user_id": name, "place": name} for name in ("rep", "left", "right")],
        "params": inputs.rollup_params(KIND, PERIOD, "USD", CUTOFF, date(2026, 10, 31)),
    }  # fmt: skip


STATES = [
    state(1, "rep", "Late", 100_00, date(2026, 12, 1)), state(2, "rep", "Middle", 50_01, date(2026, 12, 1)), state(3, "right", "Late", 70_00, date(2027, 2, 1)),
    state(4, "right", "Won", 10_00, date(2026, 10, 10)),
]  # fmt: skip
SPLITS = [
    {"opportunity_id": "d2", "user_id": name, "split_type": "revenue", "since": date(2026, 1, 1), "until": None, "share_ppm": share, "is_overlay": False}
    for name, share in (("rep", 333_333), ("left", 666_667))
]  # fmt: skip
SETS = [
    {"d1": {"category": over(1, "rep", "d1", "category", "best_case")}},
    {"d1": {"category": over(1, "rep", "d1", "category", "best_case")}, "d2": {"amount": over(2, "left", "d2", "amount", "20.00", amount=20_00)}},
    {"d3": {"close_date": over(3, "right", "d3", "close_date", "2026-12-30")}, "d2": {"close_date": over(4, "top", "d2", "close_date", "2027-03-01")}},
]  # fmt: skip


def test_overrides_take_the_roll_ups_own_way_on_both_engines():
    made, shared = override_rules.variants(STATES, SPLITS, SETS, KIND)
    rule = rules.rollup_parts(inputs.shape_of(KIND))
    given_rows = {**base(), "deal_states": made, "opportunity_splits": shared}
    found = override_rules.effects(run_both(rule, given_rows).to_pylist(), SETS)
    told = [{(cell["place"], cell["bucket"]): cell["amount_minor"] for cell in one if cell["amount_minor"]} for one in found]
    assert told[0] == {("rep", "commit"): -100_00, ("rep", "best_case"): 100_00}
    assert told[1] == {("rep", "commit"): -100_00, ("rep", "best_case"): 100_00 - 10_00, ("left", "best_case"): -20_01}
    assert told[2] == {("rep", "best_case"): -16_67, ("left", "best_case"): -33_34, ("right", "commit"): 70_00}


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SETS), st.randoms())
def test_facts_and_effect_add_up_to_the_roll_up_of_the_changed_deals(chosen, shuffle):
    """The facts' cells and the effect together are the roll-up of the deals with the overrides in them."""
    changed = [
        override_rules.changed(one, chosen[one["opportunity_id"]], KIND) if one["opportunity_id"] in chosen else one for one in STATES
    ]
    rule = rules.rollup(inputs.shape_of(KIND))

    def cells(states):
        rows = list(states)
        shuffle.shuffle(rows)
        found = run(rule, {**base(), "deal_states": rows, "opportunity_splits": SPLITS}).to_pylist()
        return {(row["place"], row["bucket"]): row["amount_minor"] for row in found}

    made, shared = override_rules.variants(STATES, SPLITS, [chosen], KIND)
    parts = run(rules.rollup_parts(inputs.shape_of(KIND)), {**base(), "deal_states": made, "opportunity_splits": shared}).to_pylist()
    (effect,) = override_rules.effects(parts, [chosen])
    total = cells(STATES)
    for cell in effect:
        key = (cell["place"], cell["bucket"])
        total[key] = total.get(key, 0) + cell["amount_minor"]
    assert {key: amount for key, amount in total.items() if amount} == {key: amount for key, amount in cells(changed).items() if amount}


def test_the_given_deals_as_they_stood_on_both_engines():
    later = state(1, "left", "Late", 1, date(2026, 12, 1), valid_from=CUTOFF, valid_until=FOREVER)
    rows = [{**STATES[0], "valid_until": CUTOFF}, later, STATES[1]]
    given_rows = {"deal_states": rows, "subjects": [{"opportunity_id": "d1"}], "params": [{"cutoff": CUTOFF}]}
    (found,) = run_both(override_rules.STATES_OF, given_rows).to_pylist()
    assert (found["owner_id"], found["amount_minor"]) == ("rep", 100_00)
    splits = run_both(override_rules.SPLITS_OF, {"opportunity_splits": SPLITS, "subjects": [{"opportunity_id": "d2"}]}).to_pylist()
    assert [row["user_id"] for row in splits] == ["left", "rep"]


@pytest.mark.parametrize(
    "rule", [override_rules.STATES_OF, override_rules.SPLITS_OF, rules.rollup_parts(inputs.shape_of(KIND))], ids=lambda rule: rule.name
)
def test_the_text_for_spark(rule):
    check_snapshot(rule, SNAPSHOTS)


def test_nobody_is_moved_by_an_override_of_others():
    rows = [over(1, "left", "d1", "category", "omitted")]
    assert [calls.of_deals(rows, TREE, node) != {} for node in ("top", "left", "right", "rep")] == [True, True, False, False]
