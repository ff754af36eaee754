"""The projection itself: open deals by their curves, new business by last year's births, and what its own past misses say. Pure: numpy alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedwon.forecast.projection.curves import Chances, Hazards, chances, hazards
from closedwon.forecast.projection.history import NEVER, NOT_SEEN, OLDEST, WEEK, Flags, Floats, History, Ints, standing, won_between

PHASES = 13
"""Weeks of a quarter, counted from its end."""
SEASON_WINS = 20
"""How many wins the plain curve counts as, in the seasonal factor of a week of the quarter."""
FACTOR_WINS = 10
"""How many wins the plain curve counts as, in a factor of close date or size."""
SIZES = 4
"""Bands of a deal's value against the median of its group: below half, to the median, to twice it, above."""
DUES = ("past", "inside", "soon after", "later", "none")
"""Where a deal's close date lies: before the as-of, in the horizon, within a quarter after it, later, or nowhere."""
SEASON_WEEKS = 52
"""A seasonal factor needs so many weeks of outcomes: four whole quarters."""


@dataclass(frozen=True)
class Setting:
    """The few numbers of the method; the policy says why each is what it is."""

    window_weeks: int = 104
    birth_weeks: int = 52
    replays: int = 8
    prior_miss: float = 0.10
    prior_level: float = 0.05
    prior_replays: int = 4
    draws: int = 4000
    singles: int = 400


@dataclass(frozen=True)
class Stand:
    """What the curves say at one day: chances, rates, seasonal factors, what is won per amount while open, days of counted births."""

    day: int
    chances: Chances
    rates: Hazards
    season: Floats
    value: float
    birth_days: int


def season_factors(past: History, rates: Hazards, phases: Ints, newest: int, weeks: int) -> Floats:
    """How many times more is won in each week of the quarter than the curves expect: (won + m) ÷ (expected + m), m being SEASON_WINS.

    `phases[d]` is the week of the quarter of the day d days before the as-of day.
    """
    seen = min(weeks, (past.today - newest * WEEK - past.since + 1) // WEEK)
    if seen < SEASON_WEEKS:
        return np.ones(PHASES)
    weekly = np.einsum("wgsb,gsb->w", past.risk[newest : newest + seen], rates.daily[..., past.stages], optimize=True)
    days = slice(newest * WEEK, (newest + seen) * WEEK)
    top = np.bincount(phases[days], weights=past.wins[days], minlength=PHASES)
    below = np.bincount(phases[days], weights=np.repeat(weekly / WEEK, WEEK), minlength=PHASES)
    return (top + SEASON_WINS) / (below + SEASON_WINS)


def value_ratio(past: History, newest: int, weeks: int) -> float:
    """What deals are won at, per amount while they were open; 1 without any."""
    deals, until = past.deals, past.today - newest * WEEK
    inside = deals.won & (deals.ended <= until) & (deals.ended > until - weeks * WEEK)
    asked = float(deals.amount[inside].sum())
    return float(deals.won_at[inside].sum()) / asked if asked > 0 else 1.0


def stand(past: History, levels: Sequence[Ints], newest: int, ahead: Ints, behind: Ints, setting: Setting, skip: int = 0) -> Stand:
    """What the curves say `newest` weeks ago, from what was known then.

    `ahead` is the week of the quarter of each day of the horizon, `behind` that of each day back from the as-of day; wins on the first
    `skip` days of the horizon do not count.
    """
    rates = hazards(past, levels, newest, setting.window_weeks)
    season = season_factors(past, rates, behind, newest, setting.window_weeks)
    made = chances(rates, season[ahead], skip)
    day = past.today - newest * WEEK
    known = past.deals.born[past.deals.born <= day]
    first = int(known.min()) if len(known) else day
    days = max(1, min(setting.birth_weeks * WEEK, day - first + 1))
    return Stand(day, made, rates, season, value_ratio(past, newest, setting.window_weeks), days)


@dataclass(frozen=True)
class Expected:
    """What is expected without correction, in minor units.

    Each open deal has its stage, where its close date lies (a place in DUES), how large it is (of SIZES), chance and value. Each deal that was
    born lately stands for `new_count` wins of the same value. Values are minor units.
    """

    deal: Ints
    group: Ints
    stage: Ints
    due: Ints
    size: Ints
    chance: Floats
    value: Floats
    new_deal: Ints
    new_count: Floats
    new_worth: Floats

    @property
    def open_value(self) -> float:
        """The open deals' values times their chances."""
        return float((self.chance * self.value).sum())

    @property
    def new_value(self) -> float:
        """New business still to come."""
        return float((self.new_count * self.new_worth).sum())

    @property
    def total(self) -> float:
        """Open deals and new business."""
        return self.open_value + self.new_value

    @property
    def own_spread(self) -> float:
        """The relative spread of deals that share nothing: their own luck alone."""
        variance = (self.chance * (1 - self.chance) * self.value**2).sum() + (self.new_count * self.new_worth**2).sum()
        return float(np.sqrt(variance)) / self.total if self.total > 0 else 0.0


def expect(past: History, at: Stand, skip: int = 0) -> Expected:
    """Open deals at that day by their curves; new business by the deals that were born lately, each as often as the days ahead ask for."""
    deals = past.deals
    deal, stage = standing(past, at.day)
    age = np.minimum(at.day - deals.born[deal], OLDEST)
    chance = at.chances.standing[deals.group[deal], stage, age]
    days = at.chances.newborn.shape[0] - 1
    ahead = at.chances.newborn[:days].sum(axis=0)  # born tomorrow: days − 1 are left after the first; born on the last day: none
    recent = np.flatnonzero((past.first_state > NOT_SEEN) & (deals.born <= at.day) & (deals.born > at.day - at.birth_days))
    state = past.first_state[recent]
    count = ahead[deals.group[recent], state] / at.birth_days
    worth = np.where(state == past.stages, deals.won_at[recent], deals.amount[recent] * at.value)
    value = np.asarray(deals.amount[deal] * at.value, dtype=np.float64)
    return Expected(
        deal,
        deals.group[deal],
        stage,
        due_of(past, deal, at.day, skip, days),
        size_of(past, deal, at.day),
        chance,
        value,
        recent,
        count,
        worth,
    )


def due_of(past: History, deal: Ints, day: int, skip: int, days: int) -> Ints:
    """Where each deal's close date, as it stood at the close of a day, lies against the days that count, as a place in DUES."""
    due = past.dates.on(deal, day)
    ends = np.array([day + skip, day + days, day + days + 92, NEVER - 1])
    return np.searchsorted(ends, due, side="left").astype(np.int64)


def size_of(past: History, deal: Ints, day: int) -> Ints:
    """How large each deal is against the median of the deals of its group that were born by a day, as a band of SIZES."""
    deals = past.deals
    known = np.flatnonzero(deals.born <= day)
    order = known[np.lexsort((deals.amount[known], deals.group[known]))]
    begin = np.searchsorted(deals.group[order], np.arange(past.groups + 1))
    middle = np.array([deals.amount[order[(a + b) // 2]] if b > a else 1 for a, b in itertools.pairwise(begin)], dtype=np.float64)
    share = deals.amount[deal] / np.maximum(1.0, middle[deals.group[deal]])
    return np.searchsorted(np.array([0.5, 1.0, 2.0]), share, side="left").astype(np.int64)


@dataclass(frozen=True)
class Replay:
    """One look back: on a day, what the same curves would have expected from what was known then, which deals were won, and what came."""

    day: int
    found: Expected
    won: Flags
    came: float


def replay(
    past: History, levels: Sequence[Ints], ahead: Sequence[Ints], behind: Ints, setting: Setting, skip: int, least: int
) -> list[Replay]:
    """The same curves at earlier days, `step_weeks` apart, as far back as outcomes reach: what they would have said, and what came.

    `ahead[k]` is the week of the quarter of each day of the horizon of the k-th look back; `least` is on how many days outcomes must have
    been on record.
    """
    made = []
    for k, coming in enumerate(ahead, start=1):
        newest, days = k * step_weeks(len(coming)), len(coming)
        day = past.today - newest * WEEK
        if day - past.since + 1 < least or newest >= past.weeks:
            break
        at = stand(past, levels, newest, coming, behind, setting, skip)
        found = expect(past, at, skip)
        came = won_between(past.deals, day + skip, day + days)
        if found.total > 0 and came > 0:
            ended, won = past.deals.ended[found.deal], past.deals.won[found.deal]
            made.append(Replay(day, found, won & (ended > day + skip) & (ended <= day + days), float(came)))
    return made


def step_weeks(days: int) -> int:
    """How many weeks lie between look backs: whole quarters, so many that horizons of `days` days do not overlap."""
    return 13 * max(1, -(-days // 91))


@dataclass(frozen=True)
class Factors:
    """What changes a deal's rate of winning besides age, stage and group: `dates[group, stage, due]` and `sizes[band]`.

    `of_all[due]` is what a close date changes for all groups and stages together.
    """

    dates: Floats
    sizes: Floats
    of_all: Floats


def factors_of(replays: Sequence[Replay], groups: int, stages: int, setting: Setting) -> Factors:
    """The factors from the deals of the look backs: f at which Σ 1 − (1 − p)^f + m · f ÷ g is what was won + m.

    p are the curves' chances, m is FACTOR_WINS, g the factor leaned on: 1 for all deals together, theirs for a stage, the stage's for a group.
    Of what all deals have in common, so much is taken out first as few look backs cannot tell from chance: prior_replays in prior_replays + n.
    """
    dues = len(DUES)
    if not replays:
        return Factors(np.ones((groups, stages, dues)), np.ones(SIZES), np.ones(dues))
    founds = [one.found for one in replays]
    lost = np.log1p(-np.clip(np.concatenate([one.chance for one in founds]), 0.0, 1.0 - 1e-12))
    won = np.concatenate([one.won for one in replays]).astype(np.float64)
    group, stage, due, size = (np.concatenate([getattr(one, name) for one in founds]) for name in ("group", "stage", "due", "size"))
    common = float(-np.expm1(lost).sum()) / max(1.0, won.sum())
    won = won * common ** (setting.prior_replays / (setting.prior_replays + len(replays)))
    of_all = _factors(lost, won, due, np.ones(dues))
    of_stages = _factors(lost, won, stage * dues + due, np.tile(of_all, stages))
    dates = _factors(lost, won, (group * stages + stage) * dues + due, np.tile(of_stages, groups)).reshape(groups, stages, dues)
    sizes = _factors(lost * dates[group, stage, due], won, size, np.ones(SIZES))
    return Factors(dates, sizes, of_all)


def _factors(lost: Floats, won: Floats, code: Ints, leaned: Floats) -> Floats:
    """One factor for each code, by halving between 0.01 and 20 all at once."""
    codes = len(leaned)
    seen = np.bincount(code, minlength=codes)
    wanted = np.minimum(np.bincount(code, weights=won, minlength=codes), 0.99 * seen) + FACTOR_WINS
    low, high = np.full(codes, 0.01), np.full(codes, 20.0)
    for _ in range(30):
        middle = np.sqrt(low * high)
        got = np.bincount(code, weights=-np.expm1(middle[code] * lost), minlength=codes) + FACTOR_WINS * middle / leaned
        low, high = np.where(got < wanted, middle, low), np.where(got < wanted, high, middle)
    return np.asarray(np.sqrt(low * high), dtype=np.float64)


def adjusted(found: Expected, factors: Factors) -> Expected:
    """The same with each open deal's rate of winning times its factors."""
    factor = factors.dates[found.group, found.stage, found.due] * factors.sizes[found.size]
    return replace(found, chance=-np.expm1(factor * np.log1p(-np.clip(found.chance, 0.0, 1.0 - 1e-12))))


@dataclass(frozen=True)
class Correction:
    """What past misses say: the level (1 is none), the spread of what all deals share, and each miss as (day, expected, came)."""

    level: float
    shock: float
    looks: Sequence[tuple[int, float, float]]


def correction(replays: Sequence[Replay], factors: Factors, setting: Setting) -> Correction:
    """Level and shared shock from past misses, miss = ln(came ÷ expected), each counting by how little it owes to chance.

    shock² = max(0, m · prior_miss² + Σ (miss − ln level)² − own spread²) ÷ (m + n), m being prior_replays; with weights w = 1 ÷ (own spread² + shock²)
    ln level = Σ w · miss ÷ (Σ w + 1 ÷ prior_level²).
    """
    founds = [adjusted(one.found, factors) for one in replays]
    looks = [(one.day, found.total, one.came) for one, found in zip(replays, founds, strict=True)]
    level, shock = level_and_shock(
        [found.total for found in founds], [one.came for one in replays], [found.own_spread for found in founds], setting
    )
    return Correction(level, shock, looks)


def level_and_shock(expected: Sequence[float], came: Sequence[float], own: Sequence[float], setting: Setting) -> tuple[float, float]:
    """The two numbers of `correction` from what was expected and came at each look back, and the deals' own spread there."""
    misses, chance = np.log(np.array(came) / np.array(expected)), np.array(own)
    prior, count = setting.prior_replays, setting.prior_replays + len(misses)
    level, shock = 0.0, setting.prior_miss
    for _ in range(3):
        weights = 1.0 / (chance**2 + shock**2)
        level = float((weights * misses).sum() / (weights.sum() + setting.prior_level**-2))
        beyond = float(((misses - level) ** 2 - chance**2).sum())
        shock = max(0.01, float(np.sqrt(max(0.0, prior * setting.prior_miss**2 + beyond) / count)))
    return float(np.exp(level)), shock
