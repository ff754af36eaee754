"""Rate tables: where a credit lands, what each slice of it earns, and how a curve pays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from closedwon.base.errors import Invalid
from closedwon.base.money import PPM, digits
from closedwon.commissions.policy import Commission, Curve, Point, Tier

INFINITE = None


@dataclass(frozen=True)
class Slice:
    """A part of a credit within one tier: from where to where on the axis, its rate, and what it earns, exact."""

    tier: int
    start: Fraction
    end: Fraction
    amount: Fraction
    rate: Fraction | None
    earning: Fraction


@dataclass(frozen=True)
class Tiers:
    """A rate table on an axis in one unit: thresholds, and for each tier its rate, exact."""

    thresholds: tuple[Fraction, ...]
    rates: tuple[Fraction, ...]
    boundary: str
    amounts: tuple[Fraction, ...] = ()
    """Of an interpolated table: what each whole tier earns; the last is level."""

    def tier_at(self, position: Fraction) -> int:
        """The tier in which a position lies; on a boundary, the one above or below."""
        found = 0
        for at, threshold in enumerate(self.thresholds):
            if position > threshold or (position == threshold and (self.boundary == "up" or at == 0)):
                found = at
        return found

    def earned(self, position: Fraction) -> Fraction:
        """F of a marginal or interpolated table: what everything up to a position earns; below zero the first tier holds."""
        total = Fraction(0)
        for at, threshold in enumerate(self.thresholds):
            end = self.thresholds[at + 1] if at + 1 < len(self.thresholds) else None
            if at > 0 and position <= threshold:
                break
            within = (position if end is None else min(position, end)) - threshold
            if self.amounts:
                total += self.amounts[at] * within / (end - threshold) if end is not None else 0
            else:
                total += self.rates[at] * within
        return total

    def slices(self, before: Fraction, after: Fraction) -> Iterator[tuple[int, Fraction, Fraction]]:
        """The tiers between two positions, in the order in which they are passed: tier, from, to. Refunds pass them backwards."""
        low, high = min(before, after), max(before, after)
        found = []
        for at, threshold in enumerate(self.thresholds):
            end = self.thresholds[at + 1] if at + 1 < len(self.thresholds) else None
            start = low if at == 0 else max(low, threshold)
            stop = high if end is None else min(high, end)
            if stop > start:
                found.append((at, start, stop))
        yield from found if after >= before else [(at, stop, start) for at, start, stop in reversed(found)]


def threshold_of(tier: Tier, component: Commission, currency: str, quota: Fraction | None) -> Fraction:
    """Where a tier begins on the axis: minor units of the measure for attainment and amounts, a count for units."""
    text = tier.at.strip()
    try:
        if component.axis == "attainment":
            if not text.endswith("%"):
                raise ValueError
            return Fraction(Decimal(text.removesuffix("%").strip())) / 100 * (quota or 0)
        value = text.removesuffix(currency).removeprefix(currency).strip().replace(",", "")
        exact = Fraction(Decimal(value))
        return exact if component.axis == "units" else exact * 10 ** digits(currency)
    except (ValueError, ArithmeticError) as error:
        wanted = {
            "attainment": 'a percentage, such as "50%"',
            "amount": f'an amount, such as "50,000 {currency}"',
            "units": 'a count, such as "10"',
        }
        raise Invalid(
            f"The tier from {tier.at!r} of {component.name} is not understood.", mend=f"Write {wanted[component.axis]}."
        ) from error


def table_of(component: Commission, currency: str, quota: Fraction | None, base: Fraction | None) -> Tiers:
    """The component's rate table. Rates of `each` are minor units for a unit; a table on attainment needs a quota above zero."""
    thresholds, rates, amounts = [], [], []
    for tier in component.tier:
        thresholds.append(threshold_of(tier, component, currency, quota))
        amounts.append(Fraction(tier.amount.minor) if tier.amount else Fraction(0))
        if tier.multiplier:
            rates.append((base or Fraction(0)) * Fraction(Decimal(tier.multiplier)))
        elif tier.each is not None:
            rates.append(Fraction(tier.each.minor))
        else:
            rates.append(Fraction(tier.rate or 0, PPM))
    return Tiers(tuple(thresholds), tuple(rates), component.boundary, tuple(amounts) if component.mode == "interpolated" else ())


def sliced(tiers: Tiers, before: Fraction, after: Fraction, pay: Fraction, open_tier: Callable[[int], int]) -> list[Slice]:
    """What one credit earns that moves the position from before to after and is worth `pay`; whole mode is not sliced.

    Where pay and movement differ, each slice earns on its share of the movement; a credit that moves nothing earns at the present tier.
    """
    moved = after - before
    if tiers.amounts:
        return [
            Slice(at, start, stop, stop - start, None, tiers.earned(stop) - tiers.earned(start))
            for at, start, stop in tiers.slices(before, after)
        ]
    if moved == 0:
        at = open_tier(tiers.tier_at(before))
        return [Slice(at, before, before, pay, tiers.rates[at], pay * tiers.rates[at])] if pay else []
    made = []
    for at, start, stop in tiers.slices(before, after):
        counted, part = open_tier(at), (stop - start) / moved * pay
        made.append(Slice(counted, start, stop, part, tiers.rates[counted], part * tiers.rates[counted]))
    return made


def curve_at(points: Sequence[Point], attainment: Fraction, boundary: str) -> Fraction:
    """The share of the target that a curve pays: straight between points, level before the first and after the last."""
    at = [(Fraction(one.at, PPM), Fraction(one.pays, PPM)) for one in points]
    same = [pays for x, pays in at if x == attainment]
    if same:
        return same[-1] if boundary == "up" else same[0]
    if attainment < at[0][0]:
        return at[0][1]
    for (x0, y0), (x1, y1) in itertools.pairwise(at):
        if x0 < attainment < x1:
            return y0 + (y1 - y0) * (attainment - x0) / (x1 - x0)
    return at[-1][1]


def curve_pays(component: Curve, attainment: Fraction) -> Fraction:
    """The share of the target that a component's curve pays at an attainment."""
    return curve_at(component.point, attainment, component.boundary)
