"""From the rows of deals and visits to arrays: days in the company's time zone, stages, groups and their parents. Pure: numpy and Arrow alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from closedwon.forecast.projection.history import LOST, NEVER, WON, Dates, Deals, Ints, Visits, by_day

DAY_US = 86_400_000_000
EPOCH = 719_163
"""The ordinal of 1970-01-01."""
_OLD = -5_000_000_000_000_000
"""Instants before 1811 are no births: the table writes "always" so."""


def days_of(instants: pa.ChunkedArray | pa.Array, zone: ZoneInfo) -> Ints:
    """The days on which instants fall in a time zone, as ordinals; NEVER for null."""
    flat = instants.combine_chunks() if isinstance(instants, pa.ChunkedArray) else instants
    missing = np.asarray(pc.is_null(flat))
    us = np.asarray(flat.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).fill_null(0))
    made = (us + _offsets(us[~missing], us, zone)) // DAY_US + EPOCH
    return np.where(missing | (us < _OLD), NEVER, made).astype(np.int64)


def _offsets(known: Ints, us: Ints, zone: ZoneInfo) -> Ints:
    """How far the zone is ahead of UTC at each instant, in microseconds."""
    inside = known[known >= _OLD]
    if not len(inside):
        return np.zeros_like(us)
    first, last = int(inside.min()) // DAY_US - 1, int(inside.max()) // DAY_US + 2
    turns, values = [first * DAY_US], [_offset(first * DAY_US, zone)]
    for day in range(first, last):
        after = _offset((day + 1) * DAY_US, zone)
        if after != values[-1]:
            turns.append(_turn(day * DAY_US, (day + 1) * DAY_US, zone))
            values.append(after)
    return np.array(values, dtype=np.int64)[np.clip(np.searchsorted(turns, us, side="right") - 1, 0, None)]


def _offset(us: int, zone: ZoneInfo) -> int:
    shift = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(zone).utcoffset() or timedelta()
    return int(shift / timedelta(microseconds=1))


def _turn(low: int, high: int, zone: ZoneInfo) -> int:
    """The first second of a day at which the zone's offset is that of the day's end."""
    after = _offset(high, zone)
    while high - low > 1_000_000:
        middle = (low + high) // 2
        low, high = (low, middle) if _offset(middle, zone) == after else (middle, high)
    return high


@dataclass(frozen=True)
class Loaded:
    """Arrays with their names: stages, the groups' keys, and the levels that lead each group to its family."""

    deals: Deals
    visits: Visits
    dates: Dates
    stages: Sequence[str]
    groups: Sequence[tuple[str, ...]]
    levels: Sequence[Ints]
    status: NDArray[Any]


def load(deals: pa.Table, visits: pa.Table, dates: pa.Table, zone: ZoneInfo, group_by: Sequence[str]) -> Loaded:
    """Arrays from the rows of the rules `deals`, `visits` and `dates`."""
    born = days_of(deals["created_at"], zone)
    group, keys = _groups([deals[name] for name in group_by], len(born))
    number = np.asarray(visits["deal_no"].combine_chunks()).astype(np.int64) - 1
    entered = days_of(visits["entered_at"], zone)
    entered = np.where(entered >= NEVER, 0, entered)
    state, stages = _states(visits)
    last = np.ones(len(number), dtype=bool)
    last[:-1] = number[1:] != number[:-1]
    over = last & (state < 0)
    ended = np.full(len(born), NEVER, dtype=np.int64)
    ended[number[over]] = entered[over]
    status = deals["status"].combine_chunks()
    won = np.asarray(pc.equal(status, "won")).astype(bool)
    ids = deals["opportunity_id"].to_numpy()
    amount, won_at = (np.asarray(deals[name].combine_chunks()).astype(np.int64) for name in ("open_minor", "won_minor"))
    made = Deals(ids, np.minimum(born, ended), ended, won, group, amount, won_at)
    made = Deals(ids, np.where(born >= NEVER, NEVER, made.born), ended, won, group, amount, won_at)
    return Loaded(
        made,
        by_day(number, state, entered),
        _dates(dates, zone),
        stages,
        keys,
        _levels(keys, len(group_by)),
        status.to_numpy(zero_copy_only=False),
    )


def _dates(dates: pa.Table, zone: ZoneInfo) -> Dates:
    set_on = days_of(dates["set_at"], zone)
    due = dates["close_date"].combine_chunks()
    day = np.asarray(due.cast(pa.int32()).fill_null(0)).astype(np.int64) + EPOCH
    number = np.asarray(dates["deal_no"].combine_chunks()).astype(np.int64) - 1
    return Dates(number, np.where(set_on >= NEVER, 0, set_on), np.where(np.asarray(pc.is_null(due)), NEVER, day))


def _states(visits: pa.Table) -> tuple[Ints, list[str]]:
    status = visits["status"].combine_chunks().dictionary_encode()
    stage = visits["stage"].combine_chunks().dictionary_encode()
    words = status.dictionary.to_pylist()
    kind = np.asarray(status.indices)
    names, code = stage.dictionary.to_pylist(), np.asarray(stage.indices)
    open_at = words.index("open") if "open" in words else -1
    used = sorted({names[at] for at in np.unique(code[kind == open_at])})
    number = np.array([used.index(name) if name in used else 0 for name in names] or [0], dtype=np.int64)
    ends = np.array([WON if word == "won" else LOST for word in words] or [LOST], dtype=np.int64)
    return np.where(kind == open_at, number[code], ends[kind]), used or [""]


def _groups(columns: Sequence[pa.ChunkedArray], count: int) -> tuple[Ints, list[tuple[str, ...]]]:
    """Each row's group, and the groups' keys in order."""
    if not columns:
        return np.zeros(count, dtype=np.int64), [()]
    codes, names = [], []
    for column in columns:
        coded = column.combine_chunks().dictionary_encode()
        codes.append(np.asarray(coded.indices).astype(np.int64))
        names.append(coded.dictionary.to_pylist())
    joint = np.zeros(count, dtype=np.int64)
    for code, words in zip(codes, names, strict=True):
        joint = joint * max(1, len(words)) + code
    distinct, first = np.unique(joint, return_index=True)
    keys = [tuple(words[code[at]] for code, words in zip(codes, names, strict=True)) for at in first]
    order = sorted(range(len(keys)), key=lambda at: keys[at])
    place = np.empty(len(keys), dtype=np.int64)
    place[order] = np.arange(len(keys))
    return place[np.searchsorted(distinct, joint)], [keys[at] for at in order] or [()]


def _levels(keys: Sequence[tuple[str, ...]], depth: int) -> list[Ints]:
    levels = []
    for length in range(depth + 1):
        known = sorted({key[:length] for key in keys})
        levels.append(np.array([known.index(key[:length]) for key in keys], dtype=np.int64))
    return levels
