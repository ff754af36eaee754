"""What open renewals will come to: by days to the contract's end, segment and size, from contracts that ended before. Pure: numpy alone.

A landmark estimate: of the ended contracts that were not decided yet at the same distance from their end, the share that was renewed. The age
of a deal plays no part, and neither does what people say of it, except where a deal asks for less than what is available to renew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from closedwon.forecast.projection.outlook import Setting, level_and_shock
from closedwon.forecast.renewals.decide import Decided
from closedwon.forecast.renewals.policy import RenewalsPolicy

Floats = NDArray[np.float64]
LEAN = 20
"""How many contracts the wider group counts as: with so many of its own, a group is half itself."""
QUARTER = 91
PRIOR_MISS = 0.03
"""The shared spread that is expected of renewals before any quarter was seen: they differ much less than new business."""
SETTLED = 45
"""Contracts count as history from so many days after their end: before, those that are decided are not like the others."""
BANDS = (-30, 0, 30, 60, 90, 120, 180)
"""Days to the end at which the bands of distance begin; what is further out is one band, what is longer overdue too."""


@dataclass(frozen=True)
class Chance:
    """A line of the estimate: a group at a distance, how many ended contracts were open there, how many of them renewed, and the chance."""

    group: str
    band: str
    contracts: int
    renewed: int
    chance: float
    kept: float
    """What of the ARR goes on where a contract is renewed."""


@dataclass(frozen=True)
class Outlook:
    """The open contracts with their chances: `value` is what goes on if renewed, in minor units; `refusal` where there is too little history."""

    open: Sequence[Decided]
    chance: Floats
    value: Floats
    lines: Sequence[Chance]
    ended: int
    refusal: str = ""
    shock: float = 0.0
    """The spread of what all contracts share, from how the quarters of the history differed beyond chance."""

    @property
    def expected(self) -> float:
        """What the open contracts are expected to keep."""
        return float((self.chance * self.value).sum())


def band_of(days: int) -> int:
    """The band of a distance to the end, 0 for the longest overdue."""
    return int(np.searchsorted(np.array(BANDS), days, side="right"))


def band_words(band: int) -> str:
    """A band in words."""
    if band == 0:
        return f"ended more than {-BANDS[0]} days ago"
    if band == len(BANDS):
        return f"{BANDS[-1]} days or more to go"
    low, high = BANDS[band - 1], BANDS[band] - 1
    if high < 0:
        return f"ended {-high} to {-low} days ago"
    return f"{low} to {high} days to go"


def outlook(found: Sequence[Decided], ended: Sequence[Decided], day: date, policy: RenewalsPolicy) -> Outlook:
    """Chances of the open ones of `found`, from the decided ones of `ended`, as of a day."""
    first, last = day - timedelta(weeks=policy.history_weeks), day - timedelta(days=SETTLED)
    past = [one for one in ended if one.decided_on is not None and one.atr_minor > 0 and first < one.row["end_date"] <= last]
    wanted = [one for one in found if one.outcome == "open"]
    if len(past) < policy.least_contracts:
        text = f"Only {len(past):,} contracts ended and were decided on record; a projection of renewals takes {policy.least_contracts:,}."
        return Outlook(wanted, np.zeros(len(wanted)), np.zeros(len(wanted)), (), len(past), text)
    middle = float(np.median([one.atr_minor for one in past]))
    tables = _Tables(past, middle)
    chances, values = [], []
    for one in wanted:
        chance, kept = tables.of(_group(one, middle), (one.row["end_date"] - day).days)
        asked = one.row.get("deal_minor")
        if asked is not None and 0 < asked < one.atr_minor:
            kept = asked / one.atr_minor
        chances.append(chance)
        values.append(one.atr_minor * kept)
    return Outlook(wanted, np.array(chances), np.array(values), tables.lines(), len(past), shock=tables.shock(first))


def _group(one: Decided, middle: float) -> tuple[str, str]:
    return str(one.row.get("segment") or "none"), "large" if one.atr_minor > 2 * middle else "small"


class _Tables:
    """Ended contracts by group, with the day of decision against the end."""

    def __init__(self, past: Sequence[Decided], middle: float) -> None:
        self.lead = np.array([(one.decided_on - one.row["end_date"]).days for one in past if one.decided_on], dtype=np.int64)
        self.ends = np.array([one.row["end_date"].toordinal() for one in past], dtype=np.int64)
        self.renewed = np.array([one.outcome != "churned" for one in past])
        self.atr = np.array([one.atr_minor for one in past], dtype=np.float64)
        self.kept = np.array([one.kept_minor for one in past], dtype=np.float64)
        groups = [_group(one, middle) for one in past]
        self.segment = np.array([group[0] for group in groups], dtype=object)
        self.size = np.array([group[1] for group in groups], dtype=object)
        self.made: dict[tuple[str, str, int], tuple[float, float]] = {}

    def of(self, group: tuple[str, str], days: int) -> tuple[float, float]:
        """The chance to be renewed and what goes on then, of a group so many days before the end."""
        key = (*group, band_of(days))
        if key not in self.made:
            later = self.lead > -_landmark(key[2])  # still open at that distance
            everything = np.ones(len(later), dtype=bool)
            chance, kept = _leaned(self, everything, everything, 1.0, 1.0, 0)  # all contracts, whenever decided
            for inside in (everything, self.segment == group[0], (self.segment == group[0]) & (self.size == group[1])):
                chance, kept = _leaned(self, later & inside, inside, chance, kept, LEAN)
            self.made[key] = (chance, kept)
        return self.made[key]

    def shock(self, first: date) -> float:
        """The shared spread: quarters of the history against what their contracts were to keep by group, as past misses of the projection."""
        number = (self.ends - first.toordinal()) // QUARTER
        expected, came, own = [], [], []
        share = {key: self.whole(key) for key in {*zip(self.segment.tolist(), self.size.tolist(), strict=True)}}
        pairs = np.array([share[key] for key in zip(self.segment.tolist(), self.size.tolist(), strict=True)]).reshape(-1, 2)
        for quarter in np.unique(number):
            at = number == quarter
            value = self.atr[at] * pairs[at, 1]
            mean, got = float((pairs[at, 0] * value).sum()), float(self.kept[at].sum())
            if mean > 0 and got > 0 and at.sum() >= LEAN:
                expected.append(mean)
                came.append(got)
                own.append(float(np.sqrt((pairs[at, 0] * (1 - pairs[at, 0]) * value**2).sum())) / mean)
        return level_and_shock(expected, came, own, Setting(prior_miss=PRIOR_MISS))[1] if expected else PRIOR_MISS

    def whole(self, group: tuple[str, str]) -> tuple[float, float]:
        """The chance of a group whenever decided, and what goes on then."""
        everything = np.ones(len(self.lead), dtype=bool)
        chance, kept = _leaned(self, everything, everything, 1.0, 1.0, 0)
        for inside in (self.segment == group[0], (self.segment == group[0]) & (self.size == group[1])):
            chance, kept = _leaned(self, inside, inside, chance, kept, LEAN)
        return chance, kept

    def lines(self) -> list[Chance]:
        """Every group at every distance that was asked for."""
        made = []
        for (segment, size, band), (chance, kept) in sorted(self.made.items(), key=lambda item: (item[0][:2], -item[0][2])):
            open_there = (self.lead > -_landmark(band)) & (self.segment == segment) & (self.size == size)
            made.append(
                Chance(f"{segment}, {size}", band_words(band), int(open_there.sum()), int(self.renewed[open_there].sum()), chance, kept)
            )
        return made


def _landmark(band: int) -> int:
    """The distance at which a band is looked at: its middle."""
    if band == 0:
        return BANDS[0] - 15
    if band == len(BANDS):
        return BANDS[-1] + 60
    return (BANDS[band - 1] + BANDS[band]) // 2


def _leaned(
    tables: _Tables, inside: NDArray[np.bool_], whole: NDArray[np.bool_], chance: float, kept: float, lean: int
) -> tuple[float, float]:
    """(renewed + lean · wider) ÷ (contracts + lean), and the same for what goes on, weighted by ARR."""
    count = int(inside.sum())
    renewed = int((inside & tables.renewed).sum())
    of_renewed = whole & tables.renewed
    atr, goes_on, number = float(tables.atr[of_renewed].sum()), float(tables.kept[of_renewed].sum()), int(of_renewed.sum())
    share = goes_on / atr if atr > 0 else kept
    return (
        (renewed + lean * chance) / (count + lean) if count + lean else chance,
        (number * share + lean * kept) / (number + lean) if number + lean else kept,
    )
