from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from closedwon.ui import format as fmt


@pytest.fixture(autouse=True)
def _locale(ws):
    yield
    fmt.use_locale("")


@pytest.mark.parametrize(
    ("locale", "money", "short", "share", "day"),
    [
        ("en", "−1,234,567,890.12", "€4.2 M", "87.3 %", "30 Jun 2017"),
        ("en-US", "−1,234,567,890.12", "€4.2 M", "87.3 %", "Jun 30, 2017"),
        ("en-IN", "−1,23,45,67,890.12", "€42.0 L", "87.3 %", "30 Jun 2017"),
        ("de", "−1.234.567.890,12", "4,2 Mio. €", "87,3 %", "30. Juni 2017"),
        ("de-CH", "−1’234’567’890.12", "EUR 4.2 Mio.", "87.3 %", "30. Juni 2017"),
        ("fr", "−1 234 567 890,12", "4,2 M €", "87,3 %", "30 juin 2017"),
        ("ja", "−1,234,567,890.12", "€420万", "87.3%", "2017年6月30日"),
    ],
)
def test_locales(locale, money, short, share, day):
    fmt.use_locale(locale)
    flat = lambda text: text.replace("\u00a0", " ").replace("\u202f", " ")  # noqa: E731
    assert flat(fmt.money(-123_456_789_012, "EUR")) == flat(money)
    assert flat(fmt.compact(420_000_000, "EUR", symbol=True)) == short
    assert flat(fmt.percent("0.8731")) == share
    assert flat(fmt.day("2017-06-30")) == day


def test_an_unknown_locale_is_english():
    fmt.use_locale("xx-nonsense!")
    assert fmt.number(1234) == "1,234"


def test_missing_is_a_dash_and_never_zero():
    for written in (fmt.money(None), fmt.compact(None), fmt.number(None), fmt.percent(None), fmt.ppm(None), fmt.ratio(None), fmt.day(None),
                    fmt.instant(None), fmt.ago(None), fmt.short(""), fmt.number(float("nan"))):  # fmt: skip
        assert written == "–"
    assert fmt.change(None) == ("", "–", "")
    assert fmt.money(0) == "0.00"


def test_currencies_have_their_own_digits():
    assert fmt.money(1234, "JPY") == "1,234"
    assert fmt.money(1234, "KWD") == "1.234"
    assert fmt.money(1234, "CLF") == "0.1234"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (999.5, "1,000"), (1000, "1.0 K"), (12_345, "12.3 K"), (999_960, "1.0 M"), (132_400_000, "132 M"), (-4_200_000, "−4.2 M"),
     (5_000_000_000_000, "5.0 T"), (7 * 10**18, "7,000,000 T")],
)  # fmt: skip
def test_short_numbers(value, text):
    assert fmt.short(value).replace("\u00a0", " ") == text


def test_changes_carry_arrow_sign_and_tone():
    assert [part.replace("\u00a0", " ") for part in fmt.change(-40_000_000)] == ["▼", "−400 K", "down"]
    assert fmt.change(10_000, short_form=False) == ("▲", "+100.00", "up")
    assert fmt.change(0) == ("", "unchanged", "")


def test_days_leave_out_this_year_and_instants_are_in_the_company_zone(ws_with):
    ws_with(time_zone="America/Los_Angeles")
    this = timezone.now().year
    assert fmt.day(date(this, 6, 15)) == "15 Jun"
    assert fmt.instant(datetime(2017, 1, 1, 3, 30, tzinfo=UTC)) == "31 Dec 2016 19:30"
    assert fmt.as_date(datetime(2017, 1, 1, 3, 30, tzinfo=UTC)) == date(2016, 12, 31)


def test_ago():
    now = timezone.now()
    assert fmt.ago(now) == "just now"
    assert fmt.ago(now - timedelta(minutes=4)) == "4 min ago"
    assert fmt.ago(now - timedelta(days=2)) == "2 days ago"
