"""Fiscal calendars: periods tile time, labels round trip, and known retail years come out right."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.calendar import ALL, PATTERNS, WEEKDAYS, Calendar, add_months, whole_months
from closedwon.base.errors import Invalid

settings.register_profile("steady", derandomize=True, deadline=None, max_examples=120)
settings.load_profile("steady")
calendars = st.builds(
    Calendar,
    kind=st.sampled_from(["months", *PATTERNS]),
    start_month=st.integers(1, 12),
    year_label=st.sampled_from(["end", "start"]),
    week_ends=st.sampled_from(WEEKDAYS),
    anchor=st.sampled_from(["last", "nearest"]),
)
years = st.integers(1950, 2150)
dates = st.dates(date(1950, 1, 1), date(2150, 12, 31))
KINDS = ("year", "quarter", "month", "week")
RETAIL = Calendar("4-5-4", 2, "start", "saturday", "nearest")


@given(calendars, years)
def test_periods_tile_time_without_gaps(calendar, label):
    year = calendar.year(label)
    assert calendar.year(label + 1).start == year.end
    for kind in KINDS:
        periods = calendar.of_year(label, kind)
        assert periods[0].start == year.start
        assert periods[-1].end == year.end
        assert all(a.end == b.start for a, b in zip(periods, periods[1:], strict=False))
        assert all(p.start < p.end for p in periods)
        assert len(periods) == {"year": 1, "quarter": 4, "month": 12}.get(kind, len(periods))
    if calendar.kind != "months":
        assert year.days in {364, 371}
        assert (year.end - timedelta(days=1)).weekday() == WEEKDAYS.index(calendar.week_ends)
        assert all(week.days == 7 for week in calendar.weeks(label))
        assert {p.days for p in calendar.months(label)[:11]} == {28, 35}


@given(calendars, dates, st.sampled_from(KINDS))
def test_labels_round_trip(calendar, day, kind):
    period = calendar.period_of(day, kind)
    assert day in period
    assert calendar.period(period.label) == period
    assert calendar.period(period.label.lower()) == period
    assert calendar.next(calendar.next(period), -1) == period
    assert calendar.next(period).start == period.end


@given(calendars, years)
def test_the_last_week_is_anchored(calendar, label):
    """A week year ends on the last such weekday of the month before its start month, or on the one nearest to that month's end."""
    if calendar.kind == "months":
        return
    end = calendar.year(label).last
    start_of = calendar.year(label + 1).start.year + (1 if calendar.start_month == 1 and calendar.year(label + 1).start.month == 12 else 0)
    month_end = date(start_of, calendar.start_month, 1) - timedelta(days=1)
    low, high = (-6, 0) if calendar.anchor == "last" else (-3, 3)
    assert low <= (end - month_end).days <= high


@pytest.mark.parametrize(
    ("year", "first", "last", "weeks"),
    [
        # the National Retail Federation's 4-5-4 calendar
        (2012, "2012-01-29", "2013-02-02", 53),
        (2016, "2016-01-31", "2017-01-28", 52),
        (2017, "2017-01-29", "2018-02-03", 53),
        (2018, "2018-02-04", "2019-02-02", 52),
        (2022, "2022-01-30", "2023-01-28", 52),
        (2023, "2023-01-29", "2024-02-03", 53),
        (2024, "2024-02-04", "2025-02-01", 52),
        (2025, "2025-02-02", "2026-01-31", 52),
    ],
)
def test_retail_years(year, first, last, weeks):
    period = RETAIL.year(year)
    assert (period.start.isoformat(), period.last.isoformat()) == (first, last)
    assert len(RETAIL.weeks(year)) == weeks


def test_a_retail_quarter():
    assert [p.days // 7 for p in RETAIL.months(2024)] == [4, 5, 4] * 4
    assert [p.days // 7 for p in RETAIL.months(2023)] == [4, 5, 4] * 3 + [4, 5, 5]
    assert RETAIL.period("FY24-Q2").start == date(2024, 5, 5)


def test_labels():
    february = Calendar(start_month=2)
    assert february.period("FY27").start == date(2026, 2, 1)
    assert february.period("FY27-Q2") == february.period("FY2027-q2")
    assert (february.period("FY27-Q2").start, february.period("FY27-Q2").end) == (date(2026, 5, 1), date(2026, 8, 1))
    assert february.period("FY27-M12").end == date(2027, 2, 1)
    assert february.period("2017-Q4").start == date(2017, 10, 1)
    assert february.period("2017-10").label == "2017-10"
    assert february.period("2017").days == 365
    assert february.period("all") is ALL
    assert february.next(february.period("2017-Q4")).label == "2018-Q1"
    assert february.next(february.period("2017-12"), 2).label == "2018-02"
    assert february.next(ALL) is ALL
    assert Calendar().year(1999).label == "FY1999"
    assert len(february.periods_between(date(2026, 2, 1), date(2027, 2, 1), "month")) == 12


@pytest.mark.parametrize(
    "text", ["", "FY27-Q5", "FY27-M13", "FY27-W60", "2017-13", "2017-Q0", "Q4", "FY1", "0000", "9999", "2017-10-02", "FY9999"]
)
def test_what_is_no_period_is_refused(text):
    with pytest.raises(Invalid):
        Calendar().period(text)


def test_days_of_a_period():
    quarter = Calendar().period("2017-Q4")
    assert [quarter.day_of(day) for day in (date(2017, 9, 30), date(2017, 10, 1), date(2017, 12, 31), date(2018, 1, 1))] == [0, 1, 92, 93]
    assert quarter.normalised(date(2017, 12, 31)) == 90
    assert quarter.normalised(date(2016, 1, 1)) == 0
    assert date(2018, 1, 1) not in quarter


def test_unlikely_days_do_not_break():
    for day in (date(9998, 1, 1), date(9999, 12, 31), date(1, 1, 1)):
        with pytest.raises(Invalid):
            Calendar(start_month=2).period_of(day)


@given(st.dates(date(1990, 1, 1), date(2040, 12, 31)), st.integers(0, 400))
def test_whole_months_undo_added_months(day, count):
    later = add_months(day, count)
    assert whole_months(day, later) == count
    assert whole_months(day, later + timedelta(days=1)) >= count
    if later.day == day.day and count:
        assert whole_months(day, later - timedelta(days=1)) == count - 1
    assert whole_months(later, day) == -count


def test_settings_make_a_calendar(tmp_path):
    from closedwon.workspace.settings import CalendarSettings

    assert Calendar.from_settings(CalendarSettings(kind="4-4-5", start_month=2)) == Calendar("4-4-5", 2)
    with pytest.raises(Invalid):
        Calendar(kind="13-periods")
