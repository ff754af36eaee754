"""Dated exchange rates of several kinds (plan, market, crm, ...), and converting money at one.

`rate_ppb` is parts per billion per major unit: JPY to USD at 0.0067 is 6,700,000. A conversion rounds once, half away from zero, whatever
the currencies' minor digits are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from closedwon.base.errors import NotFound
from closedwon.base.money import PPB, digits, muldiv

CONVERT_SQL = (
    "CASE WHEN from_currency = to_currency THEN CAST(amount AS BIGINT) ELSE muldiv(amount, "
    "CAST(rate_ppb AS HUGEINT) * minor_units(to_currency), CAST(1000000000 AS HUGEINT) * minor_units(from_currency)) END"
)
"""`convert_minor(amount, from_currency, to_currency, rate_ppb)`: the SQL of `convert`; null where the rate is missing."""


def convert(amount: int, currency: str, to_currency: str, rate_ppb: int) -> int:
    """`amount` in minor units of `currency` as minor units of `to_currency`; the same currency needs no rate."""
    if currency == to_currency:
        return amount
    return muldiv(amount, rate_ppb * 10 ** digits(to_currency), PPB * 10 ** digits(currency))


class Rates:
    """The rows of `exchange_rates`, asked for the rate in force on a day."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._dated: dict[tuple[str, str, str], list[tuple[date, date | None, int]]] = {}
        for row in rows:
            pair = (row["kind"], row["currency"], row["to_currency"])
            self._dated.setdefault(pair, []).append((row["since"], row.get("until"), row["rate_ppb"]))
        for dated in self._dated.values():
            dated.sort(key=lambda item: item[0], reverse=True)

    def find(self, kind: str, currency: str, to_currency: str, on: date) -> int | None:
        """The rate in parts per billion in force on a day: the latest that began by then and has not ended; None where there is none."""
        if currency == to_currency:
            return PPB
        for since, until, rate in self._dated.get((kind, currency, to_currency), ()):
            if since <= on:
                return rate if until is None or on < until else None
        return None

    def rate(self, kind: str, currency: str, to_currency: str, on: date) -> int:
        """The rate in force on a day. Raises NotFound with what to add."""
        found = self.find(kind, currency, to_currency, on)
        if found is None:
            raise NotFound(
                f"There is no {kind} rate from {currency} to {to_currency} on {on}.",
                mend=f"Add a row to exchange_rates: kind {kind}, currency {currency}, to_currency {to_currency}, since {on} or before.",
            )
        return found

    def convert(self, amount: int, currency: str, to_currency: str, kind: str, on: date) -> int:
        """`amount` converted at the rate in force on a day. Raises NotFound where there is none."""
        return convert(amount, currency, to_currency, self.rate(kind, currency, to_currency, on))

    def in_force(self, kind: str, to_currency: str, on: date) -> list[dict[str, Any]]:
        """One row per currency that has a rate into `to_currency` on a day, itself included: an input table for a rule."""
        known = {currency for of, currency, to in self._dated if of == kind and to == to_currency} | {to_currency}
        rows = [(currency, self.find(kind, currency, to_currency, on)) for currency in sorted(known)]
        return [{"currency": currency, "to_currency": to_currency, "rate_ppb": rate} for currency, rate in rows if rate is not None]


def ratios(rates: Iterable[Mapping[str, Any]], kind: str, day: date, company: str, currency: str = "") -> list[dict[str, Any]]:
    """Each currency to `currency` (by default the company's) at the rates of that kind in force on a day, as a ratio of minor units.

    Rates go to the company's currency; another one is reached through it. Before the first rate, the first counts; a kind with a suffix
    (`plan-FY27`) belongs to the kind before the dash.
    """
    wanted = currency or company
    best: dict[str, Mapping[str, Any]] = {}
    for row in rates:
        if row["to_currency"] != company or row["currency"] == company or not _is_kind(row["kind"], kind) or not row["rate_ppb"]:
            continue
        other = best.get(row["currency"])
        if other is None or _rank(row, day) > _rank(other, day):
            best[row["currency"]] = row
    values = {company: PPB, **{name: row["rate_ppb"] for name, row in sorted(best.items())}}
    made: list[dict[str, Any]] = [{"currency": wanted, "num": 1, "den": 1}]
    if wanted in values:
        made += [
            {"currency": name, "num": value * 10 ** digits(wanted), "den": values[wanted] * 10 ** digits(name)}
            for name, value in values.items()
            if name != wanted
        ]
    return made


def _is_kind(given: str | None, wanted: str) -> bool:
    return given == wanted or (given or "").startswith(f"{wanted}-")


def _rank(row: Mapping[str, Any], day: date) -> tuple[int, int]:
    """Rates in force before those that ended, those before future ones; then the latest begun, or the first to come."""
    if row["since"] > day:
        return (0, -row["since"].toordinal())
    return (2 if day < (row.get("until") or date.max) else 1, row["since"].toordinal())
