"""Metrics and comparisons as rows of text: shares as fractions, money in major units, days and hours as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from closedwon.base.money import digits
from closedwon.crm.funnel.catalogue import BY_KEY, Metric
from closedwon.crm.funnel.comparing import Compared, rounded
from closedwon.crm.funnel.measuring import ALL, Measured

PLACES = {"share": 6, "days": 2, "count": 0, "pushes": 6, "hours": 2, "ratio": 4}
HEAD = ("metric", "segment", "value", "n", "censored", "low", "high")


def places(metric: Metric, currency: str) -> int:
    """How many decimals a metric is written with."""
    return digits(currency) if metric.unit in ("money", "per_day") else PLACES[metric.unit]


def step(metric: Metric) -> Fraction:
    """The smallest difference that is written, in the metric's own unit (minor units for money)."""
    return Fraction(1) if metric.unit in ("money", "per_day") else Fraction(1, 10 ** PLACES[metric.unit])


def text(value: float | Fraction | None, metric: Metric, currency: str) -> str:
    """A number as text; nothing for what is missing."""
    if value is None:
        return ""
    size = Fraction(1, 10 ** digits(currency)) if metric.unit in ("money", "per_day") else Fraction(1)
    exact = Fraction(value) * size
    shown = places(metric, currency)
    whole = round(exact * 10**shown)
    return f"{Decimal(whole).scaleb(-shown):.{shown}f}"


def row(one: Measured, currency: str) -> dict[str, Any]:
    """One line: metric, segment, value, n, censored, low, high."""
    shown = [text(number, one.metric, currency) for number in (one.value, one.low, one.high)]
    return dict(zip(HEAD, (one.name, one.segment, shown[0], one.n, one.censored, shown[1], shown[2]), strict=True))


def rows(found: Sequence[Measured], currency: str) -> list[dict[str, Any]]:
    """The lines of a funnel."""
    return [row(one, currency) for one in found]


def compared_rows(found: Sequence[Compared], currency: str) -> list[dict[str, Any]]:
    """The lines of a comparison: both periods, the change, and what each segment did to the change of the whole, adding up as written."""
    steps, velocity = _steps(found), _velocity(found)
    made = []
    for at, line in enumerate(found):
        one = line.either
        blank: dict[str, Any] = dict.fromkeys(HEAD[2:], "")
        now = {key: value for key, value in row(line.now, currency).items() if key in blank} if line.now else blank
        before = {key: value for key, value in row(line.before, currency).items() if key in blank} if line.before else blank
        shown = {key: text(value, one.metric, currency) for key, value in steps[at].items()}
        told = text(velocity[at], BY_KEY["velocity"], currency) if at in velocity else ""
        made.append(
            {
                "metric": one.name,
                "segment": one.segment,
                **now,
                **{f"with_{key}": value for key, value in before.items()},
                **shown,
                "velocity": told,
            }
        )
    return made


def _velocity(found: Sequence[Compared]) -> dict[int, Fraction]:
    """What each part of velocity did to its change, in whole steps that add up to it."""
    made: dict[int, Fraction] = {}
    for at, line in enumerate(found):
        if line.either.metric.key != "velocity" or line.velocity is None:
            continue
        made[at] = Fraction(
            round(Fraction(line.now.value or 0 if line.now else 0)) - round(Fraction(line.before.value or 0 if line.before else 0))
        )
        parts = [n for n, one in enumerate(found) if one.either.segment == line.either.segment and one.velocity is not None and n != at]
        made |= dict(zip(parts, rounded([found[n].velocity or Fraction(0) for n in parts], made[at], Fraction(1)), strict=True))
    return made


def _steps(found: Sequence[Compared]) -> dict[int, dict[str, Fraction | None]]:
    """Change, mix, rate and rest of each line, rounded so that they add up: over the segments, and to the whole's change."""
    made: dict[int, dict[str, Fraction | None]] = {}
    lines: dict[str, list[int]] = {}
    for at, line in enumerate(found):
        lines.setdefault(line.either.name, []).append(at)
    for places_of in lines.values():
        whole = next((at for at in places_of if found[at].either.segment == ALL), None)
        for at in places_of:
            line = found[at]
            change = _rounded_change(line)
            made[at] = {"change": change, "mix": line.mix, "rate": line.rate, "rest": line.rest}
        if whole is None or found[whole].mix is None or found[whole].rest is None:
            for at in places_of:
                made[at] |= {name: _nearest(getattr(found[at], name), found[at].either.metric) for name in ("mix", "rate", "rest")}
            continue
        _spread(found, places_of, whole, made)
    return made


def _spread(found: Sequence[Compared], lines: Sequence[int], whole: int, made: dict[int, dict[str, Fraction | None]]) -> None:
    total = found[whole]
    size = step(total.either.metric)
    change = made[whole]["change"] or Fraction(0)
    mix, rate, rest = rounded([total.mix or Fraction(0), total.rate or Fraction(0), total.rest or Fraction(0)], change, size)
    if total.rest == 0 and rest:
        rate, rest = rate + rest, Fraction(0)
    made[whole] |= {"mix": mix, "rate": rate, "rest": rest}
    parts = [at for at in lines if at != whole and found[at].mix is not None]
    for name, amount in (("mix", mix), ("rate", rate)):
        for at, piece in zip(parts, rounded([getattr(found[at], name) for at in parts], amount, size), strict=True):
            made[at][name] = piece


def _nearest(value: Fraction | None, metric: Metric) -> Fraction | None:
    return None if value is None else round(value / step(metric)) * step(metric)


def _rounded_change(line: Compared) -> Fraction | None:
    """The difference of what is written for both periods."""
    if line.change is None:
        return None
    metric = line.either.metric
    ends = [None if one is None or one.value is None else _nearest(Fraction(one.value), metric) for one in (line.now, line.before)]
    return (ends[0] or Fraction(0)) - (ends[1] or Fraction(0))
