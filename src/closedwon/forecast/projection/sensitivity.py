"""What a little more would bring: the projection's own model with one thing changed at a time. Pure: numpy alone.

For each stage and group: one point more of conversion moves so much of the daily rate of being lost to the rates of going on that the share that
goes on is a hundredth higher; one day less makes every way out of the stage so much faster that a visit is a day shorter; one more birth a
week is what such a birth brings, of the deals that were born lately. Everything else stays as it is, and the difference is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp

import numpy as np

from closedwon.forecast.projection import outlook
from closedwon.forecast.projection.arrays import Loaded
from closedwon.forecast.projection.curves import Hazards, chances
from closedwon.forecast.projection.history import NOT_SEEN, WEEK, Floats, History, Ints, history
from closedwon.forecast.projection.outlook import Expected, Stand
from closedwon.forecast.projection.policy import ProjectionPolicy

Z80 = 1.2816
"""Eight of ten outcomes lie within so many standard errors."""
POINT = 0.01
LEAST_EXITS = 20
"""A stage and group with fewer endings on record is told nothing of."""


@dataclass(frozen=True)
class Worth:
    """What a change brings in the days that count, in minor units, with an 80 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Sensitivity:
    """One stage of a group: conversion and mean days now, open deals and what they are expected to bring, and what changes are worth.

    `more` is of a group's line without a stage: one more birth a week.
    """

    group: tuple[str, ...]
    stage: str
    open_deals: int
    expected: float
    conversion: float | None = None
    days: float | None = None
    point: Worth | None = None
    faster: Worth | None = None
    more: Worth | None = None


def sensitivities(
    loaded: Loaded, today: int, skip: int, days: int, phase_of: Callable[[int], int], policy: ProjectionPolicy, order: Sequence[str]
) -> list[Sensitivity]:
    """Every stage and group with enough endings on record, then each group's births. `order` are the open stages as deals go through them."""
    setting, deals = policy.setting, loaded.deals
    weeks = setting.window_weeks + setting.replays * outlook.step_weeks(days)
    past = history(deals, loaded.visits, loaded.dates, today, weeks=max(1, weeks), groups=len(loaded.groups), stages=len(loaded.stages))
    behind = np.array([phase_of(today - back) for back in range(past.weeks * WEEK)], dtype=np.int64)

    def ahead(day: int) -> Ints:
        return np.array([phase_of(day + 1 + at) for at in range(days)], dtype=np.int64)

    at = outlook.stand(past, loaded.levels, 0, ahead(today), behind, setting, skip)
    step = outlook.step_weeks(days) * WEEK
    coming = [ahead(today - step * k) for k in range(1, setting.replays + 1)]
    replays = outlook.replay(past, loaded.levels, coming, behind, setting, skip, policy.least.days)
    factors = outlook.factors_of(replays, past.groups, past.stages, setting)
    said = outlook.correction(replays, factors, setting)
    season = at.season[ahead(today)]

    def expected(rates: Hazards) -> Floats:
        """What each group brings with these rates."""
        moved = replace(at, chances=chances(rates, season, skip))
        return said.level * by_group(past, outlook.adjusted(outlook.expect(past, moved, skip), factors))

    plain = outlook.adjusted(outlook.expect(past, at, skip), factors)
    base = said.level * by_group(past, plain)
    seen = counted(
        past, setting.window_weeks, [order.index(name) if name in order else len(order) + n for n, name in enumerate(loaded.stages)]
    )
    wins = np.maximum(1.0, past.moves[: setting.window_weeks, :, :, :, past.stages].sum(axis=(0, 2, 3)))
    spread = np.sqrt(said.shock**2 + 1.0 / wins)
    made: list[Sensitivity] = []
    for stage in sorted(range(past.stages), key=lambda n: seen.place[n]):
        point, faster = (expected(rates) - base for rates in (more_point(at.rates, seen, stage), day_less(at.rates, seen, stage)))
        for group, key in enumerate(loaded.groups):
            exits = float(seen.forward[group, stage] + seen.lost[group, stage])
            if exits < LEAST_EXITS:
                continue
            inside = (plain.group == group) & (plain.stage == stage)
            worth = said.level * float((plain.chance[inside] * plain.value[inside]).sum())
            share, length = seen.conversion[group, stage], seen.length[group, stage]
            made.append(Sensitivity(
                key, loaded.stages[stage], int(inside.sum()), worth, float(share), float(length),
                _worth(float(point[group]), float(spread[group])) if share < 1 - POINT else None,
                _worth(float(faster[group]), float(spread[group])) if length > 2 else None,
            ))  # fmt: skip
    births = said.level * births_worth(past, at, plain)
    for group, key in enumerate(loaded.groups):
        if births[group] > 0 and wins[group] >= LEAST_EXITS:
            made.append(
                Sensitivity(
                    key, "", int((plain.group == group).sum()), float(base[group]), more=_worth(float(births[group]), float(spread[group]))
                )
            )
    return made


def _worth(value: float, spread: float) -> Worth:
    """The interval: what all deals share, and how sure the group's wins are, on the scale of factors."""
    wide = exp(Z80 * spread)
    ends = sorted((value / wide, value * wide))
    return Worth(value, ends[0], ends[1])


def by_group(past: History, found: Expected) -> Floats:
    """What open deals and births are expected to bring, by group."""
    opened = np.bincount(found.group, weights=found.chance * found.value, minlength=past.groups)
    born = np.bincount(past.deals.group[found.new_deal], weights=found.new_count * found.new_worth, minlength=past.groups)
    return np.asarray(opened + born, dtype=np.float64)


@dataclass(frozen=True)
class Seen:
    """What was seen of each group and stage: endings forward and lost, days at risk; and each stage's place in the order."""

    forward: Floats
    lost: Floats
    risk: Floats
    place: Sequence[int]
    ahead: Floats
    """`ahead[from, to]` is 1 where `to` lies further (won does)."""

    @property
    def conversion(self) -> Floats:
        """The share of endings that went on."""
        return np.asarray(self.forward / np.maximum(1.0, self.forward + self.lost))

    @property
    def length(self) -> Floats:
        """Mean days in the stage, open visits counted: days at risk per ending."""
        return np.asarray(self.risk / np.maximum(1.0, self.forward + self.lost))


def counted(past: History, weeks: int, place: Sequence[int]) -> Seen:
    """Endings by group and stage over the last weeks."""
    stages = past.stages
    ahead = np.zeros((stages, stages + 2))
    for one in range(stages):
        ahead[one, stages] = 1.0
        for two in range(stages):
            ahead[one, two] = float(place[two] > place[one])
    moves = past.moves[:weeks].sum(axis=(0, 3))
    return Seen(
        (moves * ahead[None]).sum(axis=-1),
        moves[..., stages + 1].astype(float),
        past.risk[:weeks].sum(axis=(0, 3)).astype(float),
        place,
        ahead,
    )


def more_point(rates: Hazards, seen: Seen, stage: int) -> Hazards:
    """The rates with a hundredth more of the endings of a stage going on instead of being lost."""
    daily = rates.daily.copy()
    share = np.clip(seen.conversion[:, stage], POINT, 1 - 2 * POINT)
    on = seen.ahead[stage] > 0
    daily[:, stage][..., on] *= ((share + POINT) / share)[:, None, None]
    daily[:, stage, :, -1] *= ((1 - share - POINT) / (1 - share))[:, None]
    return replace(rates, daily=daily)


def day_less(rates: Hazards, seen: Seen, stage: int) -> Hazards:
    """The rates with every way out of a stage so much faster that a visit is a day shorter."""
    daily = rates.daily.copy()
    length = np.maximum(2.0, seen.length[:, stage])
    on = seen.ahead[stage] > 0
    on[-1] = True
    daily[:, stage][..., on] *= (length / (length - 1))[:, None, None]
    return replace(rates, daily=np.minimum(daily, 1.0))


def births_worth(past: History, at: Stand, found: Expected) -> Floats:
    """What one more birth a week until the end brings, by group: as the deals that were born lately."""
    recent = np.flatnonzero((past.first_state > NOT_SEEN) & (past.deals.born <= at.day) & (past.deals.born > at.day - at.birth_days))
    group = past.deals.group[recent]
    brought = np.bincount(group, weights=found.new_count * found.new_worth * at.birth_days, minlength=past.groups)
    return np.asarray(brought / np.maximum(1, np.bincount(group, minlength=past.groups)) / WEEK)
