"""How numbers are written in sentences: plain English by itself; pages and mails put the company's own way in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from closedwon.base.money import to_major


def money(minor: int, currency: str) -> str:
    """A short amount, as in 4.2 M USD; without a sign."""
    size = abs(to_major(minor, currency))
    for divisor, word in ((10**9, " B"), (10**6, " M"), (10**3, " K")):
        if size >= divisor:
            scaled = size / divisor
            places = Decimal(1) if scaled >= 100 else Decimal("0.1")
            return f"{scaled.quantize(places, rounding=ROUND_HALF_UP):f}{word} {currency}"
    return f"{size.quantize(Decimal(1), rounding=ROUND_HALF_UP):f} {currency}"


def percent(ppm: int) -> str:
    """A share in whole percent, as in 37 %."""
    return f"{(Decimal(ppm) / 10_000).quantize(Decimal(1), rounding=ROUND_HALF_UP):f} %"


def day(value: date) -> str:
    """A day, as in Mon 23 Nov."""
    return f"{value:%a} {value.day} {value:%b}"


def ratio(ppm: int) -> str:
    """A multiple, as in 2.4×."""
    return f"{(Decimal(ppm) / 1_000_000).quantize(Decimal('0.1'), rounding=ROUND_HALF_UP):f}×"


@dataclass(frozen=True)
class Say:
    """The ways in which amounts, shares, days and multiples are written."""

    money: Callable[[int, str], str] = money
    percent: Callable[[int], str] = percent
    day: Callable[[date], str] = day
    ratio: Callable[[int], str] = ratio


PLAIN = Say()
