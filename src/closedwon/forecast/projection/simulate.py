"""Outcomes drawn: the largest deals one by one, the others as one sum, all under one shared shock. Pure: the generator is passed in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedwon.forecast.projection.history import Floats, Ints
from closedwon.forecast.projection.outlook import Correction, Setting

LOW, HIGH = 0.1, 0.9
"""The ends of the 80 % interval."""
_GRID = 41


@dataclass(frozen=True)
class Parts:
    """What may still be won: open deals (`chance` each) and new business (`count` wins expected each), with what each is worth."""

    chance: Floats
    value: Floats
    count: Floats
    worth: Floats

    @property
    def total(self) -> float:
        """What is expected in all."""
        return float((self.chance * self.value).sum() + (self.count * self.worth).sum())


@dataclass(frozen=True)
class Outcome:
    """The expected open and new parts, which add up over nodes; and median, interval and bins of the outcomes, which do not. Minor units."""

    open_expected: float
    new_expected: float
    median: int
    low: int
    high: int
    bins: Ints
    edges: Ints

    @property
    def expected(self) -> float:
        """What is expected in all."""
        return self.open_expected + self.new_expected


def elasticity(parts: Parts) -> float:
    """By how many per cent the total grows when every rate of winning grows by one: a deal that is nearly sure cannot grow."""
    if parts.total <= 0:
        return 1.0
    rest = np.clip(1.0 - parts.chance, 1e-12, 1.0)
    moved = (-rest * np.log(rest) * parts.value).sum() + (parts.count * parts.worth).sum()
    return float(max(0.2, min(1.0, moved / parts.total)))


def levelled(parts: Parts, level: float, give: float) -> Parts:
    """The parts with every rate of winning multiplied so that the total comes to `level` times itself; `give` is the elasticity."""
    factor = level ** (1.0 / give)
    return Parts(1.0 - (1.0 - parts.chance) ** factor, parts.value, parts.count * factor, parts.worth)


def simulate(parts: Parts, shock: float, give: float, setting: Setting, draws: np.random.Generator, won: int = 0) -> Outcome:
    """Draw outcomes of parts that are levelled already. A shock g multiplies every rate of winning: a deal's chance is 1 − (1 − p)^g.

    `won` is what stands already; median, interval and bins have it in them.
    """
    return told(totals(parts, shock, give, setting, draws, draws, won), parts)


def totals(
    parts: Parts, shock: float, give: float, setting: Setting, draws: np.random.Generator, rest: np.random.Generator, won: int = 0
) -> Floats:
    """The sum of each outcome. `draws` gives the shocks, `rest` what is each deal's own: parts that share `draws` share the shocks."""
    sigma = shock / give
    factor = np.exp(sigma * draws.standard_normal(setting.draws) - sigma**2 / 2)
    total = won + _open(parts.chance, parts.value, factor, setting.singles, rest)
    return np.asarray(total + _new(parts.count, parts.worth, factor, setting.singles, rest), dtype=np.float64)


def told(total: Floats, parts: Parts) -> Outcome:
    """What the sums of outcomes tell."""
    low, median, high = np.quantile(total, [LOW, 0.5, HIGH], method="median_unbiased")
    edges = _nice_edges(*np.quantile(total, [0.002, 0.998]))
    bins, _ = np.histogram(np.clip(total, edges[0], edges[-1]), bins=edges)
    return Outcome(
        float((parts.chance * parts.value).sum()), float((parts.count * parts.worth).sum()), round(median), round(low), round(high),
        bins.astype(np.int64), np.rint(edges).astype(np.int64),
    )  # fmt: skip


def _nice_edges(low: float, high: float, about: int = 18) -> Floats:
    """Edges of equal bins at round numbers: steps of 1, 2 or 5 times a power of ten."""
    rough = max(1.0, (high - low) / about)
    power = 10.0 ** np.floor(np.log10(rough))
    step = power * next(factor for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough)
    return np.asarray(np.arange(np.floor(low / step), np.ceil(high / step) + 1.5) * step, dtype=np.float64)


def _split(worth: Floats, singles: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The largest ones, and the others; of equal ones the earlier is larger."""
    order = np.argsort(-np.abs(worth), kind="stable")
    return np.sort(order[:singles]), np.sort(order[singles:])


def _open(chance: Floats, value: Floats, factor: Floats, singles: int, draws: np.random.Generator) -> Floats:
    large, small = _split(value, singles)
    lost = np.log(np.clip(1.0 - chance, 1e-300, 1.0))
    total = np.zeros(len(factor))
    for at in large:
        total += value[at] * (draws.random(len(factor)) < 1.0 - np.exp(factor * lost[at]))
    if len(small):
        grid = np.linspace(factor.min(), factor.max(), _GRID)
        won = [1.0 - np.exp(one * lost[small]) for one in grid]
        mean = np.interp(factor, grid, [float((p * value[small]).sum()) for p in won])
        spread = np.interp(factor, grid, [float(np.sqrt((p * (1 - p) * value[small] ** 2).sum())) for p in won])
        total += mean + spread * draws.standard_normal(len(factor))
    return total


def _new(count: Floats, worth: Floats, factor: Floats, singles: int, draws: np.random.Generator) -> Floats:
    large, small = _split(worth, singles)
    total = np.zeros(len(factor))
    for at in large:
        if count[at] > 0:
            total += worth[at] * draws.poisson(count[at] * factor)
    mean, square = float((count[small] * worth[small]).sum()), float((count[small] * worth[small] ** 2).sum())
    return total + mean * factor + np.sqrt(square * factor) * draws.standard_normal(len(factor))


def corrected(parts: Parts, found: Correction) -> tuple[Parts, float]:
    """The parts at the level that past misses say, and their elasticity."""
    give = elasticity(parts)
    return levelled(parts, found.level, give), give
