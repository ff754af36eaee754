"""Competing-risk curves: won, lost or still open by age, stage and group, from days at risk. Pure: numpy alone.

The estimator is Aalen and Johansen's (Scandinavian Journal of Statistics 5, 1978) in discrete days. `cumulative_incidence` is it for one
way out of many, day by day; `hazards` are daily rates by band of age for each stage and group, drawn to those of the parent group where few
deals were at risk; `chances` multiplies them forward from every stage and age.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from closedwon.forecast.projection.history import BAND_OF, BANDS, OLDEST, WIDTHS, Flags, Floats, History, Ints

PARENT_DEALS = 10
"""How many deals the parent group counts as: with so many at risk of its own, a group is half itself."""
YOUNGER_DEALS = 5
"""How many deals the next younger age counts as, among all deals together: it speaks where hardly anybody was that old."""


@dataclass(frozen=True)
class Incidence:
    """A cumulative incidence curve: at each age the deals at risk, who was won and lost, and the shares won, lost and still open by then."""

    age: Ints
    at_risk: Ints
    won: Ints
    lost: Ints
    share_won: Floats
    share_lost: Floats
    share_open: Floats


def cumulative_incidence(entry: Ints, end: Ints, won: Flags, lost: Flags) -> Incidence:
    """The curve of deals that were watched from the age `entry` (exclusive) to the age `end` (inclusive), where some were won or lost.

    CIF_won(t) = Σ_u S(u−1) · won(u) ÷ at_risk(u), with S(u) = S(u−1) · (1 − (won(u) + lost(u)) ÷ at_risk(u)).
    """
    top = int(end.max(initial=0)) + 1
    into = np.bincount(entry + 1, minlength=top + 2)[: top + 2]
    out = np.bincount(end + 1, minlength=top + 2)[: top + 2]
    at_risk = (np.cumsum(into) - np.cumsum(out))[: top + 1]
    wins, losses = np.bincount(end[won], minlength=top + 1)[: top + 1], np.bincount(end[lost], minlength=top + 1)[: top + 1]
    safe = np.maximum(at_risk, 1)
    stays = np.cumprod(1.0 - (wins + losses) / safe)
    before = np.concatenate([[1.0], stays[:-1]])
    share_won, share_lost = np.cumsum(before * wins / safe), np.cumsum(before * losses / safe)
    return Incidence(np.arange(top + 1), at_risk, wins, losses, share_won, share_lost, 1.0 - share_won - share_lost)


@dataclass(frozen=True)
class Hazards:
    """Daily rates `daily[group, stage, band, to]` (stages, then won, then lost), and the deals at risk `at_risk[group, stage, band]`."""

    daily: Floats
    at_risk: Floats


def hazards(past: History, levels: Sequence[Ints], newest: int, weeks: int) -> Hazards:
    """Daily rates from the weeks `newest` to `newest + weeks`.

    `levels` lead each group to its family, from all deals together down to the groups themselves. A rate of a family is
    (moves + m · parent's rate) ÷ (days at risk + m), m being PARENT_DEALS deals for as long as the band lasts.
    """
    stages = past.stages
    risk = past.risk[newest : newest + weeks].sum(axis=0)
    moves = past.moves[newest : newest + weeks].sum(axis=0)
    rate = _of_all(risk.sum(axis=0), moves.sum(axis=0))[None]
    weight = (PARENT_DEALS * WIDTHS)[None, None, :, None]
    above = np.zeros(past.groups, dtype=np.int64)
    for family in levels[1:]:
        count = int(family.max(initial=0)) + 1
        days = np.zeros((count, stages, BANDS))
        seen = np.zeros((count, stages, BANDS, stages + 2))
        np.add.at(days, family, risk)
        np.add.at(seen, family, moves)
        parent = np.zeros(count, dtype=np.int64)
        parent[family] = above
        rate = (seen + weight * rate[parent]) / (days[..., None] + weight)
        above = family
    return Hazards(rate[above], risk / WIDTHS)


def _of_all(risk: Ints, moves: Ints) -> Floats:
    """Rates of all deals together, each band leaning a little on the one before; the first band on the stage's mean."""
    total = np.maximum(risk.sum(axis=1), 1)
    before = moves.sum(axis=1) / total[:, None]
    made = np.zeros(moves.shape, dtype=np.float64)
    for band in range(BANDS):
        weight = YOUNGER_DEALS * WIDTHS[band]
        before = (moves[:, band] + weight * before) / (risk[:, band, None] + weight)
        made[:, band] = before
    return made


@dataclass(frozen=True)
class Chances:
    """The chance to be won within the horizon.

    `standing[group, stage, age]` is that of deals that are open now, `newborn[days left, group, stage]` that of deals
    that are in their first day with so many days left (stages, then won at once, then lost at once).
    """

    standing: Floats
    newborn: Floats


def chances(rates: Hazards, season: Floats, skip: int = 0) -> Chances:
    """Multiply the daily rates forward over the horizon, which has as many days as `season`; wins on the first `skip` days do not count.

    `season[d]` multiplies the rate of winning on the d-th day from now; 0 is tomorrow.
    """
    groups, stages = rates.daily.shape[:2]
    daily = rates.daily[:, :, BAND_OF]  # group, stage, age in days, to
    win, move = daily[..., stages], daily[..., :stages]
    others = daily[..., stages + 1] + move.sum(axis=-1)
    pairs = [(a, b) for a in range(stages) for b in range(stages) if a != b and move[:, a, :, b].any()]
    standing = np.zeros((groups, stages, OLDEST + 1))
    newborn = np.zeros((len(season) + 1, groups, stages + 2))
    newborn[: len(season) - skip, :, stages] = 1.0  # won on the first day, with so many days left after it
    for left in range(1, len(season) + 1):
        chance = np.minimum(1.0 - np.minimum(others, 1.0), win * season[len(season) - left])
        counts = len(season) - left >= skip
        now = chance * counts + np.maximum(0.0, 1.0 - others - chance) * standing
        for a, b in pairs:
            now[:, a] += move[:, a, :, b] * standing[:, b]
        standing = np.concatenate([now[..., 1:], now[..., -1:]], axis=-1)  # who is so old today is a day older tomorrow
        newborn[left, :, :stages] = standing[..., 0]
    return Chances(standing, newborn)
