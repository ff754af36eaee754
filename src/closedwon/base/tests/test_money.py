"""Money: two kernels, exact and rounded once; amounts in and out by the currency's digits; rates in force on a day."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.errors import Invalid, NotFound
from closedwon.base.money import LARGEST, digits, format_major, muldiv, parts, share, to_major, to_minor
from closedwon.base.rates import Rates, convert

amounts = st.integers(-LARGEST, LARGEST)
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("steady")


def by_decimal(amount, num, den):
    with localcontext() as exact:
        exact.prec = 80
        return int((Decimal(amount) * num / den).quantize(Decimal(1), ROUND_HALF_UP))


@given(amounts, st.integers(-(10**12), 10**12), st.integers(1, 10**12))
def test_muldiv_rounds_half_away_from_zero(amount, num, den):
    # an exact tie or a quotient of up to 80 digits: Decimal agrees
    assert muldiv(amount, num, den) == by_decimal(amount, num, den)
    assert muldiv(amount, num, -den) == -muldiv(amount, num, den)


def test_the_ties():
    assert [muldiv(n, 1, 2) for n in (1, -1, 3, -3)] == [1, -1, 2, -2]
    assert share(50, 10_000) == 1  # 0.5
    assert share(-50, 10_000) == -1
    with pytest.raises(ZeroDivisionError):
        muldiv(1, 1, 0)


@given(amounts, st.lists(st.integers(0, 1_000_000), min_size=1, max_size=6))
def test_parts_add_up(amount, shares):
    assert sum(parts(amount, shares)) == share(amount, sum(shares))
    assert sum(parts(amount, [*shares, 1_000_000 - sum(shares)])) == amount


def test_digits_of_currencies():
    assert [digits(code) for code in ("JPY", "USD", "INR", "KWD", "CLF", "KRW", "BHD", "UYW", "ISK")] == [0, 2, 2, 3, 4, 0, 3, 4, 0]


@given(amounts, st.sampled_from(["JPY", "USD", "KWD", "CLF"]))
def test_amounts_round_trip_as_text(amount, currency):
    text = format_major(amount, currency)
    assert to_minor(text, currency) == amount
    assert to_major(amount, currency) == Decimal(text)
    assert len(text.partition(".")[2]) == digits(currency)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "1.001", "1e30", "--1"])
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(Invalid):
        to_minor(text, "USD")


def test_conversion_between_unlike_digits():
    assert convert(10_000, "JPY", "USD", 6_700_000) == 6_700  # 10,000 JPY at 0.0067 are 67.00 USD
    assert convert(1_000, "KWD", "JPY", 500 * 10**9) == 500  # 1 KWD at 500
    assert convert(10_000, "CLF", "USD", 40 * 10**9) == 4_000  # 1.0000 CLF at 40
    assert convert(123, "USD", "USD", 0) == 123
    assert convert(-10_000, "JPY", "USD", 6_700_000) == -6_700


def test_the_rate_in_force():
    rates = Rates(
        [
            {"kind": "plan", "currency": "EUR", "to_currency": "USD", "since": date(2026, 2, 1), "until": None, "rate_ppb": 1_100_000_000},
            {"kind": "plan", "currency": "EUR", "to_currency": "USD", "since": date(2025, 2, 1), "until": None, "rate_ppb": 1_050_000_000},
            {
                "kind": "plan",
                "currency": "GBP",
                "to_currency": "USD",
                "since": date(2025, 2, 1),
                "until": date(2025, 8, 1),
                "rate_ppb": 1_250_000_000,
            },
            {"kind": "market", "currency": "EUR", "to_currency": "USD", "since": date(2026, 3, 1), "rate_ppb": 1_200_000_000},
        ]
    )
    assert rates.rate("plan", "EUR", "USD", date(2026, 1, 31)) == 1_050_000_000
    assert rates.rate("plan", "EUR", "USD", date(2026, 2, 1)) == 1_100_000_000
    assert rates.convert(100_00, "EUR", "USD", "market", date(2026, 3, 1)) == 120_00
    assert rates.convert(100_00, "USD", "USD", "none such", date(1990, 1, 1)) == 100_00
    assert rates.find("plan", "GBP", "USD", date(2025, 8, 1)) is None
    assert [row["currency"] for row in rates.in_force("plan", "USD", date(2025, 3, 1))] == ["EUR", "GBP", "USD"]
    assert [row["currency"] for row in rates.in_force("plan", "USD", date(2025, 9, 1))] == ["EUR", "USD"]
    with pytest.raises(NotFound, match="no plan rate from EUR to USD on 2024-01-01"):
        rates.rate("plan", "EUR", "USD", date(2024, 1, 1))
