"""Clocks in business hours: when something is due that was opened at an instant and may take so many hours. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from closedwon.approvals.policy import Hours

LONGEST = 4000
"""Days that are looked at: a calendar without a working day has no end."""


def _span(hours: Hours, day: date) -> tuple[datetime, datetime] | None:
    """The business hours of a day in UTC, None for a day off."""
    if day.weekday() not in hours.weekdays or day in hours.holidays:
        return None
    zone = ZoneInfo(hours.zone)
    start, end = (datetime.combine(day, at, zone).astimezone(UTC) for at in (hours.opens, hours.closes))
    return start, end


def due(opened_at: datetime, business_hours: int, hours: Hours | None) -> datetime:
    """The instant at which so many business hours have passed; without a calendar every hour counts."""
    if hours is None:
        return opened_at + timedelta(hours=business_hours)
    left = timedelta(hours=business_hours)
    at = opened_at.astimezone(UTC)
    day = at.astimezone(ZoneInfo(hours.zone)).date()
    for _ in range(LONGEST):
        span = _span(hours, day)
        if span is not None and at < span[1]:
            begin = max(at, span[0])
            if span[1] - begin >= left:
                return begin + left
            left -= span[1] - begin
        day += timedelta(days=1)
    return at + timedelta(days=LONGEST)


def spent(opened_at: datetime, until: datetime, hours: Hours | None) -> timedelta:
    """How much business time lies between two instants; never negative."""
    if until <= opened_at:
        return timedelta(0)
    if hours is None:
        return until - opened_at
    total = timedelta(0)
    zone = ZoneInfo(hours.zone)
    day, last = opened_at.astimezone(zone).date(), until.astimezone(zone).date()
    while day <= last:
        span = _span(hours, day)
        if span is not None:
            total += max(timedelta(0), min(until, span[1]) - max(opened_at, span[0]))
        day += timedelta(days=1)
    return total
