"""The flash: what was signed and booked hour by hour around the end of a quarter, beside the same hours of the quarters before. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Track:
    """A quarter by hour: `hours` counts from its end (negative before), `signed` and `booked` are what there was by then in minor units."""

    period: str
    ends_at: datetime
    hours: Sequence[int]
    signed: Sequence[int | None]
    booked: Sequence[int | None]
    final_signed: int
    final_booked: int
    is_running: bool = False


def track(
    period: str,
    ends_at: datetime,
    won: Iterable[Mapping[str, Any]],
    orders: Iterable[Mapping[str, Any]],
    until: datetime,
    before: int,
    after: int,
) -> Track:
    """A quarter's track from `before` hours before its end to `after` hours after it; hours that `until` has not reached are None."""
    signed = _running((row["signed_at"], row["amount_minor"]) for row in won if row["period"] == period)
    booked = _running((row["accepted_at"], row["amount_minor"]) for row in orders if row["period"] == period)
    hours = list(range(-before, after + 1))
    at = [ends_at + hour * HOUR for hour in hours]
    return Track(
        period, ends_at, hours, [_by(signed, one) if one <= until else None for one in at], [_by(booked, one) if one <= until else None for one in at],
        signed[1][-1] if signed[1] else 0, booked[1][-1] if booked[1] else 0, until < ends_at + after * HOUR,
    )  # fmt: skip


def _running(pairs: Iterable[tuple[datetime, int]]) -> tuple[list[datetime], list[int]]:
    times, sums, total = [], [], 0
    for at, amount in sorted(pairs):
        total += amount
        times.append(at)
        sums.append(total)
    return times, sums


def _by(found: tuple[list[datetime], list[int]], at: datetime) -> int:
    """What there was before an instant."""
    place = bisect_right(found[0], at)
    return found[1][place - 1] if place else 0
