"""Curves and intervals from counted outcomes. Pure: the standard library alone.

Kaplan and Meier (JASA 53, 1958) for one way out, Aalen and Johansen (Scandinavian Journal of Statistics 5, 1978) for several. Intervals:
Wilson (JASA 22, 1927) for shares; for curves Wilson's with as many deals as the curve's own variance is worth (Greenwood's for one way
out, the delta method of Marubini and Valsecchi, Analysing Survival Data, 1995, section 10.2, for several); Brookmeyer and Crowley
(Biometrics 38, 1982) for the median of a curve; ranks for the median of numbers that are all known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, floor, log, sqrt

Span = tuple[float | None, float | None]
"""A low and a high end; None where there is none."""


@dataclass(frozen=True)
class Point:
    """A day of a curve: how many were at risk at its begin, how many went each way, what shares went by its end, how many dropped out."""

    day: int
    at_risk: int
    first: int
    other: int
    censored: int
    share_first: float
    share_other: float
    share_still: float


@dataclass(frozen=True)
class Curve:
    """A curve of two ways out; `entries` began, `censored` of them are still without an end."""

    points: tuple[Point, ...]
    entries: int
    censored: int
    variances: tuple[float, ...] = ()

    def at(self, day: int) -> Point | None:
        """The last point by a day; None before the first."""
        found = None
        for point in self.points:
            if point.day > day:
                break
            found = point
        return found

    @property
    def seen_until(self) -> int:
        """The last day on which anybody was at risk."""
        return self.points[-1].day if self.points else -1


def curve(first: Mapping[int, int], other: Mapping[int, int], still: Mapping[int, int]) -> Curve:
    """The Aalen–Johansen curve of deals that went the first way, another way, or were still there after so many days.

    share_first(t) = Σ_u still(u−) · first(u) ÷ at_risk(u). Who drops out on a day is at risk on it. Without another way out this is one
    minus Kaplan and Meier's curve.
    """
    entries = sum(first.values()) + sum(other.values()) + sum(still.values())
    at_risk, stays, share_first, share_other = entries, 1.0, 0.0, 0.0
    points: list[Point] = []
    for day in sorted({*first, *other, *still}):
        one, two, out = first.get(day, 0), other.get(day, 0), still.get(day, 0)
        share_first += stays * one / at_risk
        share_other += stays * two / at_risk
        stays *= 1.0 - (one + two) / at_risk
        points.append(Point(day, at_risk, one, two, out, share_first, share_other, stays))
        at_risk -= one + two + out
    return Curve(tuple(points), entries, sum(still.values()), _variances(points))


def _variances(points: Sequence[Point]) -> tuple[float, ...]:
    """The variance of `share_first` at each point, from running sums of the delta method's three terms."""
    made, stays = [], 1.0
    whole = linear = square = direct = cross = cross_linear = 0.0
    for point in points:
        n, gone = point.at_risk, point.first + point.other
        share = point.share_first
        if gone and n > gone:
            weight = gone / (n * (n - gone))
            whole, linear, square = whole + weight, linear + weight * share, square + weight * share * share
        if point.first:
            direct += stays * stays * point.first * (n - point.first) / n**3
            step = stays * point.first / n**2
            cross, cross_linear = cross + step, cross_linear + step * share
        stays = point.share_still
        made.append(max(0.0, share * share * whole - 2 * share * linear + square + direct - 2 * (share * cross - cross_linear)))
    return tuple(made)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share that was seen in `n` cases."""
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(max(0.0, share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, middle - half), min(1.0, middle + half)


def share_span(found: Curve, at: int, z: float) -> tuple[float, float]:
    """The interval of `share_first` at a point: Wilson's with as many deals as its variance is worth."""
    share, variance = found.points[at].share_first, found.variances[at]
    ended = sum(point.first + point.other for point in found.points[: at + 1])
    worth = share * (1 - share) / variance if variance > 1e-15 and 0 < share < 1 else float(max(1, ended))
    return wilson(min(1.0, max(0.0, share)), max(1.0, min(worth, float(found.entries))), z)


def median(found: Curve, z: float, part: float = 0.5) -> tuple[float | None, Span]:
    """When the first way out has taken the part of all who began (with one way out: the median), and its interval by the log–log band.

    None where the curve does not come so far.
    """
    value: int | None = None
    low: int | None = None
    high: int | None = None
    greenwood = 0.0
    for point in found.points:
        if point.first and point.at_risk > point.first:
            greenwood += point.first / (point.at_risk * (point.at_risk - point.first))
        still = 1.0 - point.share_first
        if not point.first:
            continue
        lower, upper = _band(still, greenwood, z)
        value = point.day if value is None and still <= 1 - part + 1e-12 else value
        low = point.day if low is None and lower <= 1 - part else low
        high = point.day if high is None and upper <= 1 - part else high
    return (None if value is None else float(value)), (None if low is None else float(low), None if high is None else float(high))


def _band(still: float, greenwood: float, z: float) -> tuple[float, float]:
    if still >= 1.0:
        return 1.0, 1.0
    if still <= 1e-12:
        return 0.0, 0.0
    spread = z * sqrt(greenwood) / abs(log(still))
    return still ** exp(spread), still ** exp(-spread)


def middle(numbers: Iterable[tuple[float, int]], z: float) -> tuple[float | None, Span]:
    """The median of numbers with their counts, all of them known, and its interval by ranks."""
    ordered = sorted(numbers)
    n = sum(count for _, count in ordered)
    if not n:
        return None, (None, None)
    low, high = floor((n - z * sqrt(n)) / 2), floor((n + z * sqrt(n)) / 2) + 1
    value = (_ranked(ordered, (n + 1) // 2) + _ranked(ordered, n // 2 + 1)) / 2
    return value, (_ranked(ordered, low) if low >= 1 else None, _ranked(ordered, high) if high <= n else None)


def _ranked(ordered: Sequence[tuple[float, int]], rank: int) -> float:
    seen = 0
    for number, count in ordered:
        seen += count
        if seen >= rank:
            return number
    return ordered[-1][0]


def poisson(count: float, z: float) -> tuple[float, float]:
    """Byar's interval of a count of independent events."""
    low = 0.0 if count <= 0 else count * (1 - 1 / (9 * count) - z / (3 * sqrt(count))) ** 3
    more = count + 1
    return max(0.0, low), more * (1 - 1 / (9 * more) + z / (3 * sqrt(more))) ** 3
