"""Business hours: by hand at changes of the clock, holidays and week-ends, and as laws."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.approvals.hours import due, spent
from closedwon.approvals.policy import Hours


def hours(zone: str = "UTC", opens: str = "09:00", closes: str = "18:00", holidays: tuple[date, ...] = (), days: str = "Mon-Fri") -> Hours:
    return Hours.model_validate({"zone": zone, "days": days, "opens": opens, "closes": closes, "holidays": list(holidays)})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


BERLIN, NEW_YORK = hours("Europe/Berlin"), hours("America/New_York", holidays=(date(2026, 11, 26), date(2026, 12, 25)))


@pytest.mark.parametrize(
    ("opened", "business", "calendar", "expected"),
    [
        ("2026-11-25T10:00", 4, hours(), "2026-11-25T14:00"),
        ("2026-11-25T17:00", 4, hours(), "2026-11-26T12:00"),
        ("2026-11-27T17:00", 4, hours(), "2026-11-30T12:00"),
        ("2026-11-28T03:00", 1, hours(), "2026-11-30T10:00"),
        ("2026-11-25T18:00", 1, hours(), "2026-11-26T10:00"),
        ("2026-11-25T17:00", 1, hours(), "2026-11-25T18:00"),
        ("2026-11-25T22:00", 4, NEW_YORK, "2026-11-27T17:00"),  # 17:00 there; Thanksgiving between
        ("2026-03-27T16:00", 2, BERLIN, "2026-03-30T08:00"),  # summer time begins over the week-end: Monday 10:00 is 08:00 UTC
        ("2026-10-23T15:00", 2, BERLIN, "2026-10-26T09:00"),  # and ends: Monday 10:00 is 09:00 UTC
        ("2026-11-25T10:00", 24, None, "2026-11-26T10:00"),
    ],
)
def test_due_by_hand(opened: str, business: int, calendar: Hours | None, expected: str) -> None:
    assert due(at(opened), business, calendar) == at(expected)


def test_a_night_with_a_changed_clock_counts_the_hours_that_passed() -> None:
    """Round the clock on the Sunday on which 02:00 becomes 03:00: the day has 23 hours."""
    always = hours("Europe/Berlin", "00:00", "23:00", days="Mon-Sun")
    assert due(at("2026-03-28T23:00"), 22, always) == at("2026-03-29T21:00")
    assert due(at("2026-03-28T23:00"), 23, always) == at("2026-03-29T23:00")


def test_a_calendar_without_a_working_day_ends_some_day() -> None:
    assert due(at("2026-01-01T00:00"), 1, hours(days="Mon", holidays=tuple(date(2026, 1, 5) + timedelta(7 * n) for n in range(600)))) > at(
        "2030-01-01T00:00"
    )


INSTANTS = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda one: one.replace(tzinfo=UTC))
CALENDARS = st.builds(
    hours,
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.sampled_from(["08:00", "09:30"]),
    st.sampled_from(["17:00", "18:45"]),
    st.lists(st.dates(date(2025, 1, 1), date(2028, 3, 1)), max_size=8).map(tuple),
    st.sampled_from(["Mon-Fri", "Sun-Thu", "Mon-Sun"]),
)


@settings(max_examples=150, deadline=None)
@given(INSTANTS, st.integers(1, 60), CALENDARS)
def test_what_is_spent_until_due_is_what_was_given(opened: datetime, business: int, calendar: Hours) -> None:
    end = due(opened, business, calendar)
    assert end > opened
    assert spent(opened, end, calendar) == timedelta(hours=business)


@settings(max_examples=100, deadline=None)
@given(INSTANTS, st.integers(0, 500), st.integers(1, 30), st.integers(0, 30), CALENDARS)
def test_later_or_longer_is_never_due_earlier(opened: datetime, minutes: int, business: int, more: int, calendar: Hours) -> None:
    first = due(opened, business, calendar)
    assert due(opened + timedelta(minutes=minutes), business, calendar) >= first
    assert due(opened, business + more, calendar) >= first
    assert due(first, more, calendar) == due(opened, business + more, calendar) if more else True


@settings(max_examples=100, deadline=None)
@given(INSTANTS, st.integers(1, 60), CALENDARS)
def test_due_lies_within_business_hours(opened: datetime, business: int, calendar: Hours) -> None:
    from zoneinfo import ZoneInfo

    local = due(opened, business, calendar).astimezone(ZoneInfo(calendar.zone))
    assert local.date() not in calendar.holidays
    assert local.weekday() in calendar.weekdays
    assert calendar.opens < local.time() <= calendar.closes
