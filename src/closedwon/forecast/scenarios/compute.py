"""A projection's pieces with changes applied one after the other, and outcomes on common random numbers. Pure: numpy alone.

Common random numbers: each deal's luck is drawn from a generator keyed by the deal itself, and shocks, small deals and new business from
generators keyed by the day. So base and scenario differ by what was changed and by nothing else, and no change gives no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from closedwon.forecast.projection.history import Floats, Ints
from closedwon.forecast.projection.simulate import HIGH, LOW
from closedwon.forecast.scenarios.changes import Change

_GRID = 41
OPEN, NEW, RENEWAL = 0, 1, 2


@dataclass(frozen=True)
class World:
    """What a horizon is made of: won already, and pieces that may still come.

    A piece of kind OPEN or RENEWAL comes with `chance` at `value`; one of kind NEW comes `chance` times on average at `value` each. `stage` is an
    open deal's. `closed` and `kept` are minor units that stand already; `sigmas` are the shared shocks of new business and of renewals.
    """

    first: date
    last: date
    day: date
    closed: int
    kept: int
    quota: int | None
    kind: Ints
    ids: Sequence[str]
    stage: Sequence[str]
    chance: Floats
    value: Floats
    sigmas: tuple[float, float]
    reps: int = 0
    per_day: float = 0.0
    """What a ramped person brings a day, in minor units."""

    @property
    def expected(self) -> float:
        """Everything that is expected."""
        return self.closed + self.kept + float((self.chance * self.value).sum())

    def parts(self) -> tuple[float, float]:
        """What is expected of new business and of renewals, with what stands already."""
        each = self.chance * self.value
        old = self.kind == RENEWAL
        return self.closed + float(each[~old].sum()), self.kept + float(each[old].sum())


def changed(world: World, change: Change) -> World:
    """The world with one change."""
    chance = world.chance.copy()
    mine = np.array([one == change.subject for one in world.ids], dtype=bool) if change.subject else np.zeros(len(chance), dtype=bool)
    is_open, is_new = world.kind == OPEN, world.kind == NEW
    if change.kind == "remove":
        chance[mine & ~is_new] = 0.0
    elif change.kind == "delay" and change.on is not None:
        if not world.first <= change.on <= world.last:
            chance[mine & is_open] = 0.0
    elif change.kind == "probability":
        chance[mine & ~is_new] = change.chance
    elif change.kind == "conversion":
        at = is_open if not change.subject else is_open & np.array([one == change.subject for one in world.stage], dtype=bool)
        chance[at] = 1.0 - (1.0 - np.clip(chance[at], 0.0, 1.0)) ** change.factor
        if not change.subject:
            chance[is_new] = chance[is_new] * change.factor
    elif change.kind == "new_business":
        chance[is_new] = chance[is_new] * change.factor
    elif change.kind == "coverage":
        return _coverage(world, change.factor)
    elif change.kind == "hire" and change.on is not None:
        return _hire(world, change)
    return replace(world, chance=chance)


def _coverage(world: World, factor: float) -> World:
    """Less pipeline thins the open deals; more adds deals like them, which may be won more than once."""
    at = world.kind == OPEN
    if factor <= 1.0:
        chance = world.chance.copy()
        chance[at] = chance[at] * factor
        return replace(world, chance=chance)
    return _with_new(
        world, [f"more:{one}" for one in np.array(world.ids, dtype=object)[at].tolist()], world.chance[at] * (factor - 1.0), world.value[at]
    )


def _hire(world: World, change: Change) -> World:
    """People who start bring what others bring, ramping up in a straight line; people who leave take their share of new business away."""
    start = max(change.on.toordinal() if change.on else 0, world.day.toordinal() + 1, world.first.toordinal())
    end = world.last.toordinal()
    if start > end:
        return world
    days = np.arange(start, end + 1)
    if change.count < 0:
        total = max(1, end - max(world.day.toordinal() + 1, world.first.toordinal()) + 1)
        share = min(1.0, -change.count / max(1, world.reps)) * len(days) / total
        chance = world.chance.copy()
        chance[world.kind == NEW] = chance[world.kind == NEW] * (1.0 - share)
        return replace(world, chance=chance)
    begun = change.on.toordinal() if change.on else start
    ramp = np.minimum(1.0, (days - begun + 1) / change.ramp_days) if change.ramp_days else np.ones(len(days))
    brought = float(ramp.sum()) * change.count * world.per_day
    worth = _typical(world)
    return _with_new(world, [f"hire:{begun}"], np.array([brought / worth if worth else 0.0]), np.array([worth]))


def _typical(world: World) -> float:
    """What a new deal is worth on average."""
    at = world.kind == NEW
    count = float(world.chance[at].sum())
    return float((world.chance[at] * world.value[at]).sum()) / count if count > 0 else 0.0


def _with_new(world: World, ids: Sequence[str], count: Floats, value: Floats) -> World:
    return replace(
        world, kind=np.concatenate([world.kind, np.full(len(ids), NEW)]), ids=[*world.ids, *ids], stage=[*world.stage, *([""] * len(ids))],
        chance=np.concatenate([world.chance, count]), value=np.concatenate([world.value, value]),
    )  # fmt: skip


@dataclass(frozen=True)
class Cause:
    """What one change does to what is expected, in minor units, after the changes before it."""

    change: Change
    difference: int


def causes(world: World, changes: Sequence[Change]) -> tuple[World, list[Cause]]:
    """The world with all changes, and what each does: differences of rounded totals, so that they add up to the whole."""
    made, before = [], round(world.expected)
    for change in changes:
        world = changed(world, change)
        after = round(world.expected)
        made.append(Cause(change, after - before))
        before = after
    return world, made


@dataclass(frozen=True)
class Told:
    """What the outcomes of a world tell, in minor units; the chance to reach the quota is None where there is none."""

    expected: int
    median: int
    low: int
    high: int
    new_expected: int
    renewals_expected: int
    quota_chance: float | None


def told(world: World, totals: Floats) -> Told:
    """Median, interval and the chance to reach the quota by new business."""
    low, median, high = np.quantile(totals.sum(axis=0), [LOW, 0.5, HIGH], method="median_unbiased")
    new, old = world.parts()
    chance = None if world.quota is None else float((totals[0] >= world.quota).mean())
    return Told(round(world.expected), round(median), round(low), round(high), round(new), round(old), chance)


def singles_of(base: World, changed_: World, most: int) -> frozenset[str]:
    """The deals that are drawn one by one in both worlds: the largest of the base, and every one whose chance was changed by itself."""
    at = np.flatnonzero(base.kind != NEW)
    order = at[np.argsort(-np.abs(base.value[at]), kind="stable")][:most].tolist()
    moved = [base.ids[one] for one in at.tolist() if changed_.chance[one] != base.chance[one]]
    return frozenset(base.ids[one] for one in order) | (frozenset(moved) if len(moved) <= most else frozenset())


def draw(world: World, singles: frozenset[str], draws: int, seed: int) -> Floats:
    """Outcomes of new business (row 0) and renewals (row 1), with what stands already; the same seed gives the same luck."""
    day = world.day.toordinal()
    shock = _normal(seed, f"shock {day}", draws)
    totals = np.stack([np.full(draws, float(world.closed)), np.full(draws, float(world.kept))])
    factors = [np.exp(sigma * shock - sigma**2 / 2) for sigma in world.sigmas]
    alone = np.array([one in singles for one in world.ids], dtype=bool) & (world.kind != NEW)
    for at in np.flatnonzero(alone).tolist():
        row = 1 if world.kind[at] == RENEWAL else 0
        if world.chance[at] > 0:
            lost = np.log(max(1e-300, 1.0 - world.chance[at]))
            totals[row] += world.value[at] * (_uniform(seed, f"deal {world.ids[at]}", draws) < 1.0 - np.exp(factors[row] * lost))
    for row, kind in ((0, OPEN), (1, RENEWAL)):
        small = (world.kind == kind) & ~alone
        totals[row] += _many(world.chance[small], world.value[small], factors[row], _normal(seed, f"small {kind} {day}", draws))
    new = world.kind == NEW
    mean, square = float((world.chance[new] * world.value[new]).sum()), float((world.chance[new] * world.value[new] ** 2).sum())
    totals[0] += mean * factors[0] + np.sqrt(square * factors[0]) * _normal(seed, f"new {day}", draws)
    return totals


def _many(chance: Floats, value: Floats, factor: Floats, luck: Floats) -> Floats:
    """Many small deals as one sum: exact mean and variance under each shock."""
    if not len(chance):
        return np.zeros(len(factor))
    lost = np.log(np.clip(1.0 - chance, 1e-300, 1.0))
    grid = np.linspace(factor.min(), factor.max(), _GRID)
    won = [1.0 - np.exp(one * lost) for one in grid]
    mean = np.interp(factor, grid, [float((p * value).sum()) for p in won])
    spread = np.interp(factor, grid, [float(np.sqrt((p * (1 - p) * value**2).sum())) for p in won])
    return np.asarray(mean + spread * luck, dtype=np.float64)


def _generator(seed: int, word: str) -> np.random.Generator:
    key = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.Philox(key=[seed, key]))


def _normal(seed: int, word: str, draws: int) -> Floats:
    return np.asarray(_generator(seed, word).standard_normal(draws), dtype=np.float64)


def _uniform(seed: int, word: str, draws: int) -> Floats:
    return np.asarray(_generator(seed, word).random(draws), dtype=np.float64)
