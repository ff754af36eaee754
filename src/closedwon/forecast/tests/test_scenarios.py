"""Scenarios: common random numbers, causes that add up, and who may see and keep what."""

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.errors import Invalid
from closedwon.crm.tests.shown import check_shown
from closedwon.forecast.scenarios.changes import Change, from_words, read, to_words
from closedwon.forecast.scenarios.compute import NEW, OPEN, RENEWAL, World, causes, changed, draw, singles_of, told

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE.parent / "cases/scenarios.cases.toml").read_text(encoding="utf-8"))["case"]
FIRST, LAST, DAY = date(2026, 10, 1), date(2026, 12, 31), date(2026, 11, 30)


def world(pieces, *, closed=0, kept=0, quota=None, reps=10, per_day=1_00.0, sigmas=(0.1, 0.02)):
    """Pieces are (kind, id, stage, chance, value in whole units)."""
    rows = sorted(pieces, key=lambda one: one[0])
    return World(
        FIRST, LAST, DAY, closed * 100, kept * 100, None if quota is None else quota * 100, np.array([one[0] for one in rows], dtype=np.int64), [one[1] for one in rows],
        [one[2] for one in rows], np.array([one[3] for one in rows], dtype=np.float64), np.array([one[4] * 100 for one in rows], dtype=np.float64), sigmas, reps, per_day,
    )  # fmt: skip


KIND = {"open": OPEN, "new": NEW, "renewal": RENEWAL}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_has_its_causes(case):
    base = world([(KIND[kind], *rest) for kind, *rest in case["pieces"]], closed=case.get("closed", 0))
    after, made = causes(base, read(from_words(case["changes"])))
    assert [one.difference // 100 for one in made] == case["causes"]
    assert (round(base.expected) // 100, round(after.expected) // 100) == (case["base"], case["scenario"])


def test_the_documentation_shows_the_cases():
    lines = ["| what is otherwise | base | causes | scenario |", "|---|---|---|---|"]
    lines += [
        f"| {case['name']} | {case['base']:,} | {', '.join(f'{one:+,}' for one in case['causes'])} | {case['scenario']:,} |"
        for case in CASES
    ]
    check_shown("scenarios.md", "cases", "\n".join(lines))


PIECES = st.lists(
    st.tuples(st.sampled_from([OPEN, NEW, RENEWAL]), st.integers(0, 30).map(lambda n: f"d{n}"), st.sampled_from(["Early", "Late"]), st.floats(0, 1), st.integers(0, 100_000)),
    max_size=12, unique_by=lambda one: one[1],
)  # fmt: skip
IDS = st.integers(0, 30).map(lambda n: f"d{n}")
CHANGES = st.lists(
    st.one_of(
        st.builds(lambda who: {"kind": "remove", "subject": who}, IDS),
        st.builds(lambda who, on: {"kind": "delay", "subject": who, "on": on}, IDS, st.dates(date(2026, 10, 1), date(2027, 6, 1))),
        st.builds(lambda who, chance: {"kind": "probability", "subject": who, "chance": round(chance, 4)}, IDS, st.floats(0, 1)),
        st.builds(lambda stage, factor: {"kind": "conversion", "subject": stage, "factor": round(factor, 4)}, st.sampled_from(["", "Early", "Late"]), st.floats(0, 3)),
        st.builds(lambda kind, factor: {"kind": kind, "factor": round(factor, 4)}, st.sampled_from(["new_business", "coverage"]), st.floats(0, 3)),
        st.builds(lambda count, on: {"kind": "hire", "count": count, "on": on}, st.integers(-20, 20).filter(bool), st.dates(date(2026, 9, 1), date(2027, 2, 1))),
    ),
    max_size=6,
)  # fmt: skip


@settings(deadline=None)
@given(PIECES, CHANGES)
def test_causes_add_up_to_the_difference(pieces, changes):
    base = world(pieces, closed=500, kept=70)
    after, made = causes(base, read(changes))
    assert round(base.expected) + sum(one.difference for one in made) == round(after.expected)
    assert (after.closed, after.kept) == (base.closed, base.kept)
    assert np.all(after.chance >= 0)
    assert np.all(after.chance[after.kind != NEW] <= 1 + 1e-9)


@settings(deadline=None, max_examples=40)
@given(PIECES, st.randoms(use_true_random=False))
def test_the_order_of_deals_does_not_matter_and_the_same_world_has_the_same_outcomes(pieces, shuffled):
    base = world(pieces, closed=500)
    mixed = list(pieces)
    shuffled.shuffle(mixed)
    singles = singles_of(base, base, 5)
    one, two = draw(base, singles, 300, 7), draw(world(mixed, closed=500), singles, 300, 7)
    assert np.allclose(one, two)
    assert np.array_equal(one, draw(base, singles, 300, 7))


def test_the_difference_is_the_scenarios_alone():
    """Losing a deal takes exactly that deal out of exactly the outcomes in which it was won; every other deal's luck stays."""
    pieces = [(OPEN, f"d{n}", "Late", 0.5, 100 * (n + 1)) for n in range(30)] + [(NEW, "n", "", 2.0, 50), (RENEWAL, "c", "", 0.9, 500)]
    base = world(pieces, closed=1000)
    after = changed(base, Change("remove", "d29"))
    singles = singles_of(base, after, 10)
    before, then = draw(base, singles, 2000, 7), draw(after, singles, 2000, 7)
    lost = before[0] - then[0]
    assert set(np.round(lost).astype(int).tolist()) == {0, 3000_00}
    assert 0.45 < (lost > 0).mean() < 0.55
    assert np.array_equal(before[1], then[1])
    assert told(base, before) == told(base, draw(changed(base, Change("remove", "nobody")), singles, 2000, 7))


def test_outcomes_agree_with_what_is_expected_and_the_shock_widens_them():
    pieces = [(OPEN, f"d{n}", "Late", 0.3, 100) for n in range(200)] + [(NEW, f"n{n}", "", 0.2, 100) for n in range(50)]
    calm, shaken = (world(pieces, quota=7000, sigmas=(sigma, 0.0)) for sigma in (0.0001, 0.3))
    widths = []
    for one in (calm, shaken):
        found = told(one, draw(one, singles_of(one, one, 20), 8000, 3))
        assert abs(found.median - found.expected) < 0.05 * found.expected  # a shared shock makes the upper end longer
        widths.append(found.high - found.low)
        assert 0 < found.quota_chance < 1
    assert widths[1] > 2 * widths[0]


def test_hiring_counts_from_the_day_with_a_ramp():
    base = world([(NEW, "n", "", 1.0, 100)], per_day=10_00.0)
    ready = changed(base, Change("hire", on=date(2026, 12, 22), count=2, ramp_days=0))
    assert round(ready.expected - base.expected) == 10 * 2 * 10_00  # ten days, two people, ten a day
    ramping = changed(base, Change("hire", on=date(2026, 12, 22), count=2, ramp_days=10))
    assert round(ramping.expected - base.expected) == round(5.5 * 2 * 10_00)
    assert changed(base, Change("hire", on=date(2027, 1, 1), count=2)).expected == base.expected
    leaving = changed(replace(base, reps=10), Change("hire", on=date(2026, 12, 1), count=-5))
    assert round(leaving.expected) == round(base.expected / 2)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([{"kind": "wish"}], "no change 'wish'"), ([{"kind": "remove"}], "needs a deal"), ([{"kind": "delay", "subject": "d"}], "needs a day"),
        ([{"kind": "hire", "on": "2026-12-01"}], "number of people"), ([{"kind": "probability", "subject": "d", "chance": "140%"}], "out of range"),
        ([{"kind": "conversion", "factor": "much"}], "no number"), ([{"kind": "delay", "subject": "d", "on": "soon"}], "no day"),
        ([{"kind": "remove", "subject": "d", "why": "x"}], "has no 'why'"), ([{"kind": "coverage", "factor": "nan"}], "out of range"), (["remove"], "no set of words"),
    ],
)  # fmt: skip
def test_bad_changes_say_how_to_mend_them(rows, match):
    with pytest.raises(Invalid, match=match):
        read(rows)


@given(CHANGES)
def test_an_address_says_the_same_as_the_changes(changes):
    plain = [one.plain() for one in read(changes)]
    assert [one.plain() for one in read(from_words([to_words(one) for one in plain]))] == plain
