"""What a company's deals did, as arrays: born, stage by stage, ended; counted by week, group, stage and age. Pure: numpy alone.

Days are whole numbers (proleptic ordinals); a deal's state on a day is the one at the close of that day. So what came and went within one
day is one step, and a deal moves at most once a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NEVER = 10_000_000
"""A day that does not come: an open deal's end, an unknown birth."""
WON, LOST, STAYS, NOT_SEEN = -1, -2, -3, -4
"""Where a visit of a stage leads besides other stages: won, lost, or nowhere yet; and a first day that nobody saw."""
WEEK = 7
EDGES = np.array([*range(0, 26 * WEEK, WEEK), *range(26 * WEEK, 106 * WEEK, 4 * WEEK)], dtype=np.int64)
"""Where the bands of age begin, in days: by the week for half a year, by four weeks until two years, then one band without an end."""
OLDEST = int(EDGES[-1])
BANDS = len(EDGES)
BAND_OF = np.searchsorted(EDGES, np.arange(OLDEST + 1), side="right") - 1
"""The band of each age in days; above the last edge everything is in the last band."""
WIDTHS = np.append(np.diff(EDGES), 26 * WEEK)
"""How many days each band is long; the last one counts as half a year."""


@dataclass(frozen=True)
class Deals:
    """Deals in the order of their ids. Amounts are minor units; `amount` is the last one while open, `won_at` what it was won at."""

    ids: NDArray[Any]
    born: Ints
    ended: Ints
    won: Flags
    group: Ints
    amount: Ints
    won_at: Ints

    def __len__(self) -> int:
        return len(self.born)


@dataclass(frozen=True)
class Visits:
    """Visits of open stages: which deal, which stage, the day it was there first and the day it was elsewhere first, and where."""

    deal: Ints
    stage: Ints
    entered: Ints
    left: Ints
    to: Ints


@dataclass(frozen=True)
class Dates:
    """The close dates that open deals were given, in the order of deal and day: since `set_on` it is `due` (NEVER: none)."""

    deal: Ints
    set_on: Ints
    due: Ints

    def on(self, deals: Ints, day: int) -> Ints:
        """The close date of each of these deals at the close of a day; NEVER where it has none."""
        if not len(self.deal):
            return np.full(len(deals), NEVER, dtype=np.int64)
        key = self.deal * (2 * NEVER) + self.set_on
        at = np.searchsorted(key, deals * (2 * NEVER) + day, side="right") - 1
        found = (at >= 0) & (self.deal[at] == deals)
        return np.where(found, self.due[at], NEVER)


def by_day(deal: Ints, state: Ints, entered: Ints) -> Visits:
    """Steps in the order of deal and time to visits between closes of days: of several steps on a day the last one counts.

    `state` is the number of an open stage, or WON or LOST; `entered` is the day of the step.
    """
    last = np.ones(len(deal), dtype=bool)
    last[:-1] = (deal[:-1] != deal[1:]) | (entered[:-1] != entered[1:])
    deal, state, entered = deal[last], state[last], entered[last]
    fresh = np.ones(len(deal), dtype=bool)
    fresh[1:] = (deal[1:] != deal[:-1]) | (state[1:] != state[:-1])
    deal, state, entered = deal[fresh], state[fresh], entered[fresh]
    more = np.zeros(len(deal), dtype=bool)
    more[:-1] = deal[:-1] == deal[1:]
    left = np.where(more, np.append(entered[1:], NEVER), NEVER)
    to = np.where(more, np.append(state[1:], STAYS), STAYS)
    is_open = state >= 0
    return Visits(deal[is_open], state[is_open], entered[is_open], left[is_open], to[is_open])


@dataclass(frozen=True)
class History:
    """Counts by week back from the as-of day: week 0 ends with it.

    `risk[week, group, stage, band]` are days at risk, `moves[week, group, stage, band, to]` what happened (stages, then won, then lost);
    `first_state[deal]` is a deal's state at the close of its first day: a stage, then won, then lost. `wins[day]` counts the wins back from the as-of day. `since` is the first day on which an outcome is on record: nobody could be
    seen to end before it.
    """

    deals: Deals
    visits: Visits
    dates: Dates
    today: int
    weeks: int
    groups: int
    stages: int
    since: int
    risk: Ints
    moves: Ints
    first_state: Ints
    wins: Ints

    @property
    def observed(self) -> int:
        """On how many days outcomes could be seen."""
        return max(0, self.today - self.since + 1)


def history(deals: Deals, visits: Visits, dates: Dates, today: int, *, weeks: int, groups: int, stages: int) -> History:
    """Count what happened in the last `weeks` weeks up to and with `today`."""
    ends = np.concatenate([deals.ended[deals.ended < NEVER], np.array([NEVER])])
    since = int(ends.min())
    first = max(since, today - weeks * WEEK + 1)
    risk = np.zeros((weeks, groups, stages, BANDS), dtype=np.int64)
    moves = np.zeros((weeks, groups, stages, BANDS, stages + 2), dtype=np.int64)
    known = deals.born[visits.deal] < NEVER
    for part in _chunks(np.flatnonzero(known & (visits.left >= first))):
        _count(deals, visits, part, today, first, risk, moves)
    closing = known & (visits.to == WON) & (visits.left >= first) & (visits.left <= today)
    wins = np.bincount(today - visits.left[closing], minlength=weeks * WEEK)
    return History(deals, visits, dates, today, weeks, groups, stages, since, risk, moves, first_states(deals, visits, stages), wins)


def _chunks(rows: NDArray[np.intp], size: int = 200_000) -> list[NDArray[np.intp]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _count(deals: Deals, visits: Visits, part: NDArray[np.intp], today: int, first: int, risk: Ints, moves: Ints) -> None:
    """Add the days at risk and the moves of some visits: a visit is cut at weeks, and each piece at the bands of age."""
    _, groups, stages, bands = risk.shape
    born, entered = deals.born[visits.deal[part]], visits.entered[part]
    begin = np.maximum(entered + 1, first)  # the first day at risk
    end = np.minimum(visits.left[part], today)
    part, born, begin, end = (array[end >= begin] for array in (part, born, begin, end))
    if not len(part):
        return
    cell = deals.group[visits.deal[part]] * stages + visits.stage[part]
    oldest, newest = (today - begin) // WEEK, (today - end) // WEEK
    pieces = oldest - newest + 1
    row = np.repeat(np.arange(len(part)), pieces)
    week = newest[row] + (np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
    low = np.maximum(begin[row], today - (week + 1) * WEEK + 1)
    high = np.minimum(end[row], today - week * WEEK)
    age_low, age_high = np.minimum(low - born[row], OLDEST), np.minimum(high - born[row], OLDEST)
    band_low, band_high = BAND_OF[age_low], BAND_OF[age_high]
    days = high - low + 1
    over = np.where(band_high > band_low, high - born[row] - EDGES[band_high] + 1, 0)  # bands are a week or longer: at most two
    flat, size = (week * groups * stages + cell[row]) * bands, risk.size
    risk.ravel()[:] += np.bincount(flat + band_low, weights=days - over, minlength=size).astype(np.int64)
    risk.ravel()[:] += np.bincount(flat + band_high, weights=over, minlength=size).astype(np.int64)
    gone = (visits.left[part] <= today) & (visits.left[part] >= first)
    to = visits.to[part][gone]
    to = np.where(to == WON, stages, np.where(to == LOST, stages + 1, to))
    left = visits.left[part][gone]
    band = BAND_OF[np.minimum(left - born[gone], OLDEST)]
    at = (((today - left) // WEEK * groups * stages + cell[gone]) * bands + band) * (stages + 2) + to
    moves.ravel()[:] += np.bincount(at, minlength=moves.size)


def first_states(deals: Deals, visits: Visits, stages: int) -> Ints:
    """Each deal's state at the close of its first day: a stage, `stages` where it was won at once, one more where it was lost at once."""
    state = np.full(len(deals), NOT_SEEN, dtype=np.int64)
    at_once = (deals.ended == deals.born) & (deals.born < NEVER)
    state[at_once] = np.where(deals.won[at_once], stages, stages + 1)
    at_birth = visits.entered == deals.born[visits.deal]
    state[visits.deal[at_birth]] = visits.stage[at_birth]
    return state


def standing(past: History, day: int) -> tuple[Ints, Ints]:
    """The deals of known birth that were open at the close of a day, and the stage of each."""
    there = (past.visits.entered <= day) & (past.visits.left > day) & (past.deals.born[past.visits.deal] <= day)
    return past.visits.deal[there], past.visits.stage[there]


def won_between(deals: Deals, after: int, until: int) -> int:
    """What was won on days after one and up to and with another, in minor units."""
    inside = deals.won & (deals.ended > after) & (deals.ended <= until)
    return int(deals.won_at[inside].sum())
