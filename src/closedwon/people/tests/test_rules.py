"""Seats without holes, trees without loops."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from closedwon.people.rules import FIRST, LAST, UNASSIGNED, Tree, owner_seat_rows, owner_seats, seat_on, seats_on, tree_at

D = date(2026, 1, 1)


def held(user, seat, since, until=None, share=1_000_000, interim=False):
    return {
        "user_id": user,
        "position_id": seat,
        "since": D + timedelta(since),
        "until": None if until is None else D + timedelta(until),
        "share_ppm": share,
        "is_interim": interim,
    }


def test_a_person_without_seats_is_a_seat():
    seats = owner_seats([{"id": "ann"}], [], [])
    assert seat_on(seats, "ann", D) == "ann"
    assert seat_on(seats, "stranger", D) == UNASSIGNED
    assert owner_seat_rows(seats) == [{"user_id": "ann", "since": FIRST, "until": None, "position_id": "ann"}]


def test_the_seat_before_a_hole_keeps_the_deals_and_the_first_one_has_them_from_the_start():
    seats = owner_seats([{"id": "ann"}, {"id": "new"}], [{"id": "s1"}], [held("ann", "s1", 10, 20), held("ann", "s2", 30)])
    assert [seat_on(seats, "ann", D + timedelta(n)) for n in (0, 15, 25, 40)] == ["s1", "s1", "s1", "s2"]
    assert seats_on(seats, D)["new"] == UNASSIGNED


def test_of_two_seats_the_one_that_is_not_interim_then_the_larger_share():
    users = [{"id": "ann"}]
    seats = owner_seats(
        users, [{"id": "x"}], [held("ann", "a", 0, interim=True), held("ann", "b", 5, share=400_000), held("ann", "c", 9, share=600_000)]
    )
    assert [seat_on(seats, "ann", D + timedelta(n)) for n in (0, 6, 10)] == ["a", "b", "c"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 50), st.integers(1, 30), st.booleans()), max_size=6))
def test_there_is_never_a_hole(rows):
    seats = owner_seats([{"id": "ann"}], [{"id": "a"}], [held("ann", s, at, at + n, interim=i) for s, at, n, i in rows])["ann"]
    assert seats[0].since == FIRST
    assert seats[-1].until == LAST
    assert all(a.until == b.since and a.position_id != b.position_id for a, b in zip(seats, seats[1:], strict=False))


def test_a_loop_is_cut_and_reported():
    tree = Tree.of({"a": "b", "b": "c", "c": "b", "d": None, "e": "gone"})
    assert tree.problems
    assert "loop" in tree.problems[0].message
    assert tree.roots == ("b", "d", "gone")
    assert tree.path("c") == ("b", "c")
    assert tree.path("e") == ("gone", "e")
    assert ("b", "a", 1) in tree.closure()
    assert tree.below({"b"}) == {"a", "b", "c"}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.one_of(st.none(), st.sampled_from("abcdefgh"))))
def test_every_node_has_one_path_whatever_the_rows_say(parents):
    tree = Tree.of(parents)
    assert set(tree.paths) >= set(parents)
    assert all(path[-1] == node and tree.parents[path[0]] is None for node, path in tree.paths.items())


def test_the_tree_of_a_day_follows_the_dated_rows():
    rows = [
        {"kind": "sales", "position_id": "r", "since": D, "until": D + timedelta(5), "parent_id": "m1"},
        {"kind": "sales", "position_id": "r", "since": D + timedelta(5), "until": None, "parent_id": "m2"},
    ]
    seats = [{"id": "r"}, {"id": "m1"}, {"id": "m2"}]
    at = lambda n, kind="sales": tree_at([], seats, rows, D + timedelta(n), kind).parents["r"]  # noqa: E731
    assert [at(-3), at(4), at(5), at(5, "renewals")] == ["m1", "m1", "m2", "m2"]
