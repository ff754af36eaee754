"""The curves against brute force: what is counted, what is estimated, what is multiplied forward, and that nothing later is seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.forecast.projection import curves, outlook
from closedwon.forecast.projection.curves import Hazards, chances, cumulative_incidence
from closedwon.forecast.projection.history import BAND_OF, BANDS, LOST, NEVER, OLDEST, STAYS, WON, Dates, Deals, by_day, history, standing
from closedwon.forecast.projection.outlook import Setting
from closedwon.forecast.projection.simulate import Parts, corrected, elasticity, simulate

TODAY = 5_000


def array(*values, kind=np.int64):
    return np.array(values, dtype=kind)


@st.composite
def companies(draw, stages=3, groups=2):
    """Deals with visits in random order of stages, some of them ended, some born on the day they ended."""
    deals, steps = [], []
    for number in range(draw(st.integers(1, 14))):
        born = draw(st.integers(TODAY - 400, TODAY))
        day, state = born, draw(st.integers(0, stages - 1))
        path = [(born, state)]
        for _ in range(draw(st.integers(0, 4))):
            day += draw(st.integers(0, 90))
            state = draw(st.integers(-2, stages - 1))
            if day > TODAY:
                break
            path.append((day, state))
            if state < 0:
                break
        steps += [(number, state, day) for day, state in path]
        ended = path[-1][0] if path[-1][1] < 0 else NEVER
        amount = draw(st.integers(1, 10_000))
        deals.append((born, ended, path[-1][1] == WON, draw(st.integers(0, groups - 1)), amount, amount * 2 if path[-1][1] == WON else 0))
    born, ended, won, group, amount, won_at = (np.array(part) for part in zip(*deals, strict=True))
    ids = np.array([f"d{at:03}" for at in range(len(deals))], dtype=object)
    made = Deals(ids, born.astype(np.int64), ended.astype(np.int64), won.astype(bool), group.astype(np.int64), amount, won_at)
    number, state, day = (np.array(part, dtype=np.int64) for part in zip(*steps, strict=True))
    return made, by_day(number, state, day), steps


NO_DATES = Dates(array(), array(), array())


def counted(deals, visits, weeks=70):
    return history(deals, visits, NO_DATES, TODAY, weeks=weeks, groups=2, stages=3)


def closes(steps):
    """Each deal's state at the close of each day on which it has one, by a plain walk."""
    made = {}
    for number, state, day in steps:
        made.setdefault(number, {})[day] = state
    return made


@settings(max_examples=80, deadline=None)
@given(companies())
def test_days_at_risk_and_moves_are_those_of_a_walk_day_by_day(company):
    deals, visits, steps = company
    found = counted(deals, visits)
    risk, moves = np.zeros_like(found.risk), np.zeros_like(found.moves)
    for number, changes in closes(steps).items():
        born, state = int(deals.born[number]), changes[int(deals.born[number])]
        for day in range(born + 1, TODAY + 1):
            if state < 0:
                break
            week, band = (TODAY - day) // 7, BAND_OF[min(day - born, OLDEST)]
            after = changes.get(day, state)
            if day >= found.since and week < found.weeks:
                risk[week, deals.group[number], state, band] += 1
                if after != state:
                    moves[week, deals.group[number], state, band, {WON: 3, LOST: 4}.get(after, after)] += 1
            state = after
    assert (found.risk == risk).all()
    assert (found.moves == moves).all()
    assert found.wins.sum() == moves[..., 3].sum()


@settings(max_examples=60, deadline=None)
@given(companies(), st.integers(0, 300))
def test_who_stands_open_on_a_day_is_who_a_walk_finds(company, back):
    deals, visits, steps = company
    day = TODAY - back
    want = {}
    for number, changes in closes(steps).items():
        seen = [changes[at] for at in sorted(changes) if at <= day]
        if seen and seen[-1] >= 0:
            want[number] = seen[-1]
    deal, stage = standing(counted(deals, visits), day)
    assert dict(zip(deal.tolist(), stage.tolist(), strict=True)) == want


def test_of_several_steps_on_a_day_the_last_one_counts():
    found = by_day(array(0, 0, 0, 0, 1), array(0, 1, 2, WON, 0), array(10, 10, 15, 15, 10))
    assert found.stage.tolist() == [1, 0]
    assert (found.entered.tolist(), found.left.tolist(), found.to.tolist()) == ([10, 10], [15, NEVER], [WON, STAYS])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["won", "lost", "open"])), min_size=1, max_size=30))
def test_the_incidence_is_the_textbooks_and_adds_up_to_one(deals):
    end = np.array([day for day, _ in deals])
    ends = [what for _, what in deals]
    won, lost = np.array([one == "won" for one in ends]), np.array([one == "lost" for one in ends])
    found = cumulative_incidence(np.full(len(end), -1), end, won, lost)
    stays, share = 1.0, {"won": 0.0, "lost": 0.0}
    for day in range(int(end.max()) + 1):
        at_risk = int((end >= day).sum())
        assert found.at_risk[day] == at_risk
        for name, flags in (("won", won), ("lost", lost)):
            share[name] += stays * int((flags & (end == day)).sum()) / max(1, at_risk)
        stays *= 1 - int(((won | lost) & (end == day)).sum()) / max(1, at_risk)
        assert found.share_won[day] == pytest.approx(share["won"])
        assert found.share_lost[day] == pytest.approx(share["lost"])
        assert found.share_open[day] == pytest.approx(stays)
    if not any(what == "open" for what in ends):
        assert found.share_won[-1] == pytest.approx(won.mean())


def test_a_deal_that_comes_late_is_not_at_risk_before():
    found = cumulative_incidence(array(-1, 15), array(10, 20), array(False, True, kind=bool), array(True, False, kind=bool))
    assert (found.at_risk[10], found.at_risk[15], found.at_risk[20]) == (1, 0, 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 10))
def test_chances_are_those_of_a_walk_forward(seed, days, skip):
    draw = np.random.Generator(np.random.Philox(seed))
    daily = draw.random((2, 2, BANDS, 4)) * 0.08
    for stage in range(2):
        daily[:, stage, :, stage] = 0.0
    season = 0.5 + draw.random(days)
    found = chances(Hazards(daily, np.zeros((2, 2, BANDS))), season, min(skip, days))

    def walk(group, stage, age, first):
        """The chance of a win on the days `first` to the end that count, from the state at the close of the day before."""
        share, won = np.eye(2)[stage], 0.0
        for day in range(first, days):
            age += 1
            rates = daily[group, :, BAND_OF[min(age, OLDEST)]]
            win = np.minimum(1 - np.minimum(rates[:, 3] + rates[:, :2].sum(axis=1), 1.0), rates[:, 2] * season[day])
            won += float((share * win).sum()) if day >= skip else 0.0
            share = share * (1 - win - rates[:, 3] - rates[:, :2].sum(axis=1)) + share @ rates[:, :2]
        return won

    for group, stage, age in ((0, 0, 0), (1, 1, 13), (0, 1, 200)):
        assert found.standing[group, stage, age] == pytest.approx(walk(group, stage, age, 0), abs=1e-12)
        assert found.newborn[days // 2, group, stage] == pytest.approx(walk(group, stage, 0, days - days // 2), abs=1e-12)


def test_a_thin_group_leans_on_its_family_and_a_thick_one_stands_alone():
    risk = np.zeros((1, 3, 1, BANDS), dtype=np.int64)
    moves = np.zeros((1, 3, 1, BANDS, 3), dtype=np.int64)
    risk[0, :, 0, 0] = (7_000_000, 7, 7_000_000)
    moves[0, :, 0, 0, 1] = (70_000, 7, 140_000)
    past = type("Past", (), {"risk": risk, "moves": moves, "groups": 3, "stages": 1})
    levels = [array(0, 0, 0), array(0, 0, 1), array(0, 1, 2)]
    rate = curves.hazards(past, levels, 0, 1).daily[:, 0, 0, 1]
    assert rate[0] == pytest.approx(0.01, rel=1e-3)
    assert rate[2] == pytest.approx(0.02, rel=1e-3)
    m = curves.PARENT_DEALS * 7
    assert rate[1] == pytest.approx((7 + m * rate[0]) / (7 + m), rel=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(1, 1e9), st.integers(0, 4)), min_size=1, max_size=40))
def test_factors_make_up_for_what_was_won_and_lean_where_little_was_seen(rows):
    lost = np.log1p(-np.clip(np.array([chance for chance, _, _ in rows]), 0, 0.999))
    code = np.array([code for _, _, code in rows])
    won = (np.arange(len(rows)) % 2).astype(float)
    made = outlook._factors(lost, won, code, np.ones(5))
    assert ((made > 0) & (made <= 20)).all()
    assert all(made[at] == pytest.approx(1.0, abs=1e-3) for at in range(5) if at not in code)


def test_past_misses_move_level_and_shock_as_they_should():
    setting = Setting()
    assert outlook.level_and_shock([], [], [], setting) == (1.0, pytest.approx(setting.prior_miss))
    sure, _ = outlook.level_and_shock([100.0] * 8, [120.0] * 8, [0.01] * 8, setting)
    vague, _ = outlook.level_and_shock([100.0] * 8, [120.0] * 8, [0.50] * 8, setting)
    assert 1.1 < sure < 1.2
    assert 1.0 < vague < sure
    _, calm = outlook.level_and_shock([100.0] * 8, [101.0, 99.0] * 4, [0.02] * 8, setting)
    _, wild = outlook.level_and_shock([100.0] * 8, [150.0, 60.0] * 4, [0.02] * 8, setting)
    assert calm < setting.prior_miss < wild


PARTS = Parts(np.array([0.1, 0.5, 0.9]), np.array([1e6, 2e6, 3e6]), np.array([0.2, 0.01]), np.array([5e5, 9e6]))


def draws(seed=1):
    return np.random.Generator(np.random.Philox(seed))


def test_the_same_generator_gives_the_same_outcome_and_the_ends_stand_around_the_middle():
    setting = Setting()
    one, two = (simulate(PARTS, 0.1, 0.8, setting, draws()) for _ in range(2))
    assert (one.median, one.low, one.high, one.bins.tolist()) == (two.median, two.low, two.high, two.bins.tolist())
    assert one.low <= one.median <= one.high
    assert one.expected == pytest.approx(PARTS.total)
    assert simulate(PARTS, 0.1, 0.8, setting, draws(2)).bins.tolist() != one.bins.tolist()
    moved = simulate(PARTS, 0.1, 0.8, setting, draws(), won=1_000_000)
    assert (moved.median - one.median, moved.low - one.low) == (1_000_000, 1_000_000)
    assert one.bins.sum() == setting.draws


def test_singly_or_as_one_sum_the_outcomes_are_alike():
    many = Parts(np.full(3000, 0.3), np.full(3000, 1000.0), np.full(2000, 0.1), np.full(2000, 700.0))
    single, summed = (simulate(many, 0.08, 0.8, Setting(draws=6000, singles=count), draws()) for count in (5000, 50))
    for name in ("median", "low", "high"):
        assert getattr(summed, name) == pytest.approx(getattr(single, name), rel=0.01)
    assert single.median == pytest.approx(many.total, rel=0.02)


def test_a_wider_shock_widens_the_interval_and_a_level_moves_the_total_as_asked():
    narrow, wide = (simulate(PARTS, shock, 0.8, Setting(), draws()) for shock in (0.01, 0.5))
    assert wide.high - wide.low > narrow.high - narrow.low
    many = Parts(np.full(50, 0.2), np.full(50, 100.0), np.array([3.0]), np.array([100.0]))
    said = outlook.Correction(1.1, 0.1, ())
    after, give = corrected(many, said)
    assert after.total == pytest.approx(many.total * 1.1, rel=0.01)
    assert give == elasticity(many)
    assert 0.2 <= give <= 1.0


@settings(max_examples=30, deadline=None)
@given(companies(), st.integers(10, 120))
def test_a_look_back_sees_nothing_of_what_came_after_its_day(company, days):
    """The same deals cut off at the earlier day give the very same curves there, bit for bit."""
    deals, visits, _ = company
    weeks, setting = 120, Setting(window_weeks=60, birth_weeks=52)
    back = 13
    day = TODAY - back * 7
    phases = np.zeros((weeks + back) * 7, dtype=np.int64)
    levels = [array(0, 0), array(0, 1)]
    whole = history(deals, visits, NO_DATES, TODAY, weeks=weeks, groups=2, stages=3)
    if whole.since > day:
        return
    known = np.flatnonzero(deals.born <= day)
    place = np.full(len(deals), -1)
    place[known] = np.arange(len(known))
    cut = Deals(
        deals.ids[known], deals.born[known], np.where(deals.ended[known] <= day, deals.ended[known], NEVER),
        deals.won[known] & (deals.ended[known] <= day), deals.group[known], deals.amount[known], np.where(deals.ended[known] <= day, deals.won_at[known], 0),
    )  # fmt: skip
    seen = np.flatnonzero((visits.entered <= day) & (place[visits.deal] >= 0))
    left = np.where(visits.left[seen] <= day, visits.left[seen], NEVER)
    shown = type(visits)(
        place[visits.deal[seen]], visits.stage[seen], visits.entered[seen], left, np.where(left < NEVER, visits.to[seen], STAYS)
    )
    then = history(cut, shown, NO_DATES, day, weeks=weeks - back, groups=2, stages=3)
    ahead = np.zeros(days, dtype=np.int64)
    a = outlook.stand(whole, levels, back, ahead, phases, setting)
    b = outlook.stand(then, levels, 0, ahead, phases, setting)
    assert (a.chances.standing == b.chances.standing).all()
    assert (a.chances.newborn == b.chances.newborn).all()
    found, same = outlook.expect(whole, a), outlook.expect(then, b)
    assert (found.chance == same.chance).all()
    assert (found.new_count.sum(), a.value) == (same.new_count.sum(), b.value)
