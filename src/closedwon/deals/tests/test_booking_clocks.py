"""On which day an order books, whether its month is locked, how late a renewal is: cases at below, at and above each clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from closedwon.base.calendar import Calendar
from closedwon.base.policytext import load_text
from closedwon.deals.policy import Clocks, DealDeskPolicy
from closedwon.deals.rules import booking, closing_countdown, in_last_days, lateness

PACIFIC = ZoneInfo("America/Los_Angeles")
CLOCKS = Clocks(zone="America/Los_Angeles", late_renewal_days=15, very_late_renewal_days=180)
CALENDAR = Calendar(start_month=2)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PACIFIC).astimezone(UTC)


@pytest.mark.parametrize(
    ("signed", "submitted", "reviewed", "day", "back_dated", "locked"),
    [
        # signed at 23:40 on the last day, submitted in the last minute, reviewed two days later: it books on the day it was signed
        ("2026-10-31T23:40", "2026-10-31T23:59", "2026-11-02T09:00", date(2026, 10, 31), True, False),
        ("2026-10-31T23:40", "2026-11-01T00:00", "2026-11-02T09:00", date(2026, 11, 1), True, False),
        ("2026-09-10T12:00", "2026-10-31T10:00", "2026-10-31T11:00", date(2026, 9, 10), True, True),
        ("2026-10-15T12:00", "2026-10-15T12:30", "2026-10-15T13:00", date(2026, 10, 15), False, False),
        ("2026-10-31T12:00", "2026-10-31T12:30", "2026-11-04T23:59", date(2026, 10, 31), True, False),
        ("2026-10-31T12:00", "2026-10-31T12:30", "2026-11-05T00:00", date(2026, 10, 31), True, True),
    ],
)
def test_where_an_order_books(signed: str, submitted: str, reviewed: str, day: date, back_dated: bool, locked: bool) -> None:
    found = booking(at(signed), at(submitted), at(reviewed), CALENDAR, CLOCKS)
    assert (found.day, found.back_dated, found.locked) == (day, back_dated, locked)
    assert ("exception" in found.why) is locked


@pytest.mark.parametrize(
    ("days", "word"),
    [(-120, "on time"), (0, "on time"), (1, "within grace"), (15, "within grace"), (16, "late"), (180, "late"), (181, "very late")],
)
def test_how_late_a_renewal_is(days: int, word: str) -> None:
    end = date(2026, 3, 31)
    assert lateness(end, end + timedelta(days=days), CLOCKS) == (word, days)


def test_the_countdown_ends_with_the_minute_of_the_deadline() -> None:
    assert closing_countdown(at("2026-10-31T23:59"), CALENDAR, CLOCKS) == timedelta(minutes=1)
    assert closing_countdown(at("2026-11-01T00:00"), CALENDAR, CLOCKS) > timedelta(days=80)
    assert in_last_days(at("2026-10-27T12:00"), CALENDAR, CLOCKS, 5)
    assert not in_last_days(at("2026-10-26T12:00"), CALENDAR, CLOCKS, 5)


def test_the_shipped_policy_reads_and_mistakes_name_their_line() -> None:
    from importlib import resources

    text = resources.files("closedwon.deals").joinpath("default/deal-desk.toml").read_text(encoding="utf-8")
    found, problems = load_text(text, DealDeskPolicy, "deal-desk.toml")
    assert found is not None
    assert not problems
    assert [item.item for item in found.items("standard")] != [item.item for item in found.items("customer")]
    _, problems = load_text(text.replace('kind = "booking"', 'kind = "bookings"'), DealDeskPolicy, "deal-desk.toml")
    assert "unknown kind of case bookings" in str(problems[0])
    _, problems = load_text(text.replace('"23:59"', '"late"'), DealDeskPolicy, "deal-desk.toml")
    assert problems[0].line
    assert "write a time" in str(problems[0])
