"""Lines show amounts in the digits of their own currency, whole or not."""

from datetime import date
from fractions import Fraction

import pytest

from closedwon.commissions.rules.results import Line


@pytest.mark.parametrize(
    ("currency", "minor", "shown"),
    [
        ("USD", Fraction(12_345), "123.45"), ("USD", Fraction(1, 2), "0.005"), ("JPY", Fraction(12_345), "12345"),
        ("JPY", Fraction(24_691, 2), "12345.5"), ("KWD", Fraction(1, 2), "0.0005"),
    ],
)  # fmt: skip
def test_amounts_have_the_digits_of_the_currency(currency, minor, shown):
    line = Line("ann", "ae", date(2026, 1, 1), "arr", "credit", "2026-01", date(2026, 1, 1), "2026", 0, currency, slice_amount=minor)
    assert line.as_dict()["slice_amount"] == shown
