"""Money: integer minor units, two kernels, and the currencies' minor digits.

`share` multiplies by parts per million, `muldiv` by a ratio; both round half away from zero, once. Each stands here as Python and as the
SQL that the engines expand into a rule's tree; a property test holds them equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from closedwon.base.errors import Invalid

PPM = 1_000_000
PPB = 1_000_000_000
LARGEST = 9_000_000_000_000_000
"""The largest amount in minor units: larger ones are refused at the door, so that sums stay inside int64."""

_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DIGITS: dict[str, int] = {code: digits for digits, codes in _DIGITS.items() for code in codes.split()}
"""Minor digits of the currencies that do not have two (ISO 4217)."""


def digits(currency: str) -> int:
    """How many decimals a currency's amounts have: 0 to 4, mostly 2."""
    return DIGITS.get(currency, 2)


def share(amount: int, ppm: int) -> int:
    """`amount` × `ppm` ÷ 1,000,000, rounded half away from zero."""
    return muldiv(amount, ppm, PPM)


def muldiv(amount: int, num: int, den: int) -> int:
    """`amount` × `num` ÷ `den`, exact inside and rounded once, half away from zero. Raises ZeroDivisionError for den 0."""
    top = amount * num
    if den < 0:
        top, den = -top, -den
    whole = (abs(top) * 2 + den) // (den * 2)
    return whole if top >= 0 else -whole


def parts(amount: int, shares_ppm: Iterable[int]) -> list[int]:
    """The amount cut by shares as differences of rounded running totals, so that shares of 100 % add up to the amount."""
    made, before, total = [], 0, 0
    for ppm in shares_ppm:
        total += ppm
        after = share(amount, total)
        made.append(after - before)
        before = after
    return made


def to_major(minor: int, currency: str) -> Decimal:
    """The amount in major units, exact."""
    return Decimal(minor).scaleb(-digits(currency))


def to_minor(value: str | int | Decimal, currency: str) -> int:
    """An amount in major units as minor units. Raises Invalid where it is no number, has too many decimals or is too large."""
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise Invalid(f"{value!r} is not an amount.", mend="Write a number such as 1234.50.") from error
    if not exact.is_finite():
        raise Invalid(f"{value!r} is not an amount.", mend="Write a number such as 1234.50.")
    scaled = exact.scaleb(digits(currency))
    whole = scaled.to_integral_value(rounding=ROUND_HALF_UP)
    if whole != scaled:
        raise Invalid(f"{value} has more decimals than {currency} allows ({digits(currency)}).", mend="Round it in the source.")
    if abs(whole) > LARGEST:
        raise Invalid(
            f"{value} {currency} is too large to be an amount.", mend="Check the source; the limit is nine quadrillion minor units."
        )
    return int(whole)


def format_major(minor: int | None, currency: str) -> str:
    """The amount in major units with the currency's digits, as in "1234.50"; empty for None."""
    return "" if minor is None else f"{to_major(minor, currency):.{digits(currency)}f}"


SHARE_SQL = (
    "(CASE WHEN (amount < 0) <> (ppm < 0) THEN -1 ELSE 1 END * "
    "((ABS(CAST(amount AS BIGINT)) // 1000000) * ABS(CAST(ppm AS BIGINT))"
    " + ((ABS(CAST(amount AS BIGINT)) % 1000000) * ABS(CAST(ppm AS BIGINT)) + 500000) // 1000000))"
)
"""`share(amount, ppm)`: whole millions and the rest are multiplied apart, so that nothing overflows."""

MULDIV_SQL = (
    "CAST(CASE WHEN ((amount < 0) <> (num < 0)) <> (den < 0) THEN -1 ELSE 1 END * "
    "((ABS(CAST(amount AS HUGEINT)) * ABS(CAST(num AS HUGEINT)) * 2 + ABS(CAST(den AS HUGEINT)))"
    " // NULLIF(ABS(CAST(den AS HUGEINT)) * 2, 0)) AS BIGINT)"
)
"""`muldiv(amount, num, den)` in 128 bits; null for den 0, where Python raises."""

MINOR_UNITS_SQL = (
    "CASE "
    + " ".join(
        f"WHEN currency IN ({', '.join(repr(code) for code in codes.split())}) THEN {10**count}" for count, codes in sorted(_DIGITS.items())
    )
    + " ELSE 100 END"
)
"""`minor_units(currency)`: how many minor units make a major one."""
