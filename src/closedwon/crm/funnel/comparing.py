"""Two periods side by side, and what each segment did to the change: mix and rate, which add up exactly. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, log

from closedwon.crm.funnel.catalogue import Metric
from closedwon.crm.funnel.measuring import ALL, Measured

Effect = tuple[Fraction, Fraction]
"""What a segment did to the whole's change: by its weight (mix), and by its own number (rate)."""
VELOCITY_PARTS = {"velocity_deals": 1, "velocity_win_rate": 1, "velocity_price": 1, "velocity_cycle": -1}
"""The parts of velocity and the power of each."""


@dataclass(frozen=True)
class Compared:
    """A metric of a segment in both periods. `mix` and `rate` are its part in the change of the whole; `rest` is what pooling leaves.

    On the line of all deals together they add up to the change, and so do the segments' parts to that line's. None where the parts of a
    metric do not add up, as those of a median. `velocity` is what a part of velocity did to its change.
    """

    now: Measured | None
    before: Measured | None
    change: Fraction | None = None
    mix: Fraction | None = None
    rate: Fraction | None = None
    rest: Fraction | None = None
    velocity: Fraction | None = None

    @property
    def either(self) -> Measured:
        """The metric of the period that has it."""
        found = self.now or self.before
        if found is None:
            raise ValueError("a comparison of nothing")
        return found


def effects(now: Mapping[str, tuple[Fraction, Fraction]], before: Mapping[str, tuple[Fraction, Fraction]], adds: str) -> dict[str, Effect]:
    """Each segment's mix and rate from (value, weight) in both periods; empty where one period has no weight.

    Of a ratio: mix = (w1 − w0) · (r̄ − R̄), rate = w̄ · (r1 − r0), with w the share of the weight, r̄ and w̄ the means of both periods and
    R̄ that of the whole (the symmetric form of Kitagawa, JASA 50, 1955). Of a sum: mix = (n1 − n0) · s̄, rate = n̄ · (s1 − s0), with n the
    number and s the size. A segment that is missing in one period has its number of the other.
    """
    sums = [sum((weight for _, weight in side.values()), Fraction(0)) for side in (now, before)]
    if not all(sums) and adds != "sum":
        return {}
    scale = (Fraction(1), Fraction(1)) if adds == "sum" else (sums[0], sums[1])
    rows = {}
    for name in dict.fromkeys([*now, *before]):
        one, two = now.get(name), before.get(name)
        value = [side[0] for side in (one or two, two or one) if side is not None]
        weight = [(side[1] / of if side else Fraction(0)) for side, of in ((one, scale[0]), (two, scale[1]))]
        rows[name] = (value[0], value[1], weight[0], weight[1])
    whole = Fraction(0) if adds == "sum" else sum((r1 * w1 + r0 * w0 for r1, r0, w1, w0 in rows.values()), Fraction(0)) / 2
    return {name: ((w1 - w0) * ((r1 + r0) / 2 - whole), (w1 + w0) / 2 * (r1 - r0)) for name, (r1, r0, w1, w0) in rows.items()}


def _given(one: Measured) -> tuple[Fraction, Fraction]:
    """Value and weight of a segment."""
    if one.metric.adds in ("ratio", "sum") and one.den:
        return Fraction(one.num, one.den), Fraction(one.den)
    return Fraction(one.value or 0), Fraction(one.n)


def compared(now: Sequence[Measured], before: Sequence[Measured], split: bool) -> list[Compared]:
    """Every metric of either period; where there is no split, all deals are the one segment."""
    sides = [{(one.name, one.segment): one for one in side} for side in (now, before)]
    names = list(dict.fromkeys(one.name for one in (*now, *before)))
    segments = list(dict.fromkeys(one.segment for one in (*now, *before)))
    found: dict[tuple[str, str], Compared] = {}
    for name in names:
        for line in _lines(name, segments, sides, split):
            found[name, line.either.segment] = line
    velocity = _velocity(sides)
    order = [(name, segment) for segment in segments for name in names if (name, segment) in found]
    return [replace(found[key], velocity=velocity.get(key)) for key in order]


def _lines(name: str, segments: Sequence[str], sides: Sequence[Mapping[tuple[str, str], Measured]], split: bool) -> list[Compared]:
    pairs = {segment: (sides[0].get((name, segment)), sides[1].get((name, segment))) for segment in segments}
    pairs = {segment: pair for segment, pair in pairs.items() if any(pair)}
    metric = next(one.metric for pair in pairs.values() for one in pair if one)
    parts = [segment for segment in pairs if segment != ALL] if split else [ALL]
    given = [
        {segment: _given(one) for segment in parts if (one := pairs.get(segment, (None, None))[side]) and one.value is not None}
        for side in (0, 1)
    ]
    each = effects(given[0], given[1], metric.adds) if metric.adds in ("ratio", "sum", "curve") else {}
    made = []
    for segment, (one, two) in pairs.items():
        change = _change(one, two, metric)
        if segment != ALL:
            mix, rate = each.get(segment, (None, None))
            made.append(Compared(one, two, change, mix, rate))
        elif each and change is not None:
            mix, rate = (sum((effect[at] for effect in each.values()), Fraction(0)) for at in (0, 1))
            made.append(Compared(one, two, change, mix, rate, change - mix - rate))
        else:
            made.append(Compared(one, two, change))
    return made


def _change(one: Measured | None, two: Measured | None, metric: Metric) -> Fraction | None:
    exact = [None if side is None or side.value is None else _exact(side) for side in (one, two)]
    if metric.adds == "sum":
        exact = [value if value is not None else Fraction(0) for value in exact]
    return None if exact[0] is None or exact[1] is None else exact[0] - exact[1]


def _exact(one: Measured) -> Fraction:
    if one.metric.adds == "sum":
        return Fraction(one.num)
    return Fraction(one.num, one.den) if one.metric.adds == "ratio" and one.den else Fraction(one.value or 0)


def _velocity(sides: Sequence[Mapping[tuple[str, str], Measured]]) -> dict[tuple[str, str], Fraction]:
    """What each of the four parts did to velocity's change: logarithmic means (Ang, Energy Policy 32, 2004), which leave nothing over."""
    made: dict[tuple[str, str], Fraction] = {}
    for (name, segment), one in sides[0].items():
        two = sides[1].get((name, segment))
        if name != "velocity" or two is None or not one.value or not two.value:
            continue
        mean = one.value if one.value == two.value else (one.value - two.value) / log(one.value / two.value)
        steps: dict[str, Fraction] = {}
        for part, power in VELOCITY_PARTS.items():
            ends = [side[part, segment].value or 0.0 if (part, segment) in side else 0.0 for side in sides]
            if all(ends):
                steps[part] = Fraction(power * mean * log(ends[0] / ends[1]))
        if len(steps) < len(VELOCITY_PARTS):
            continue
        change = Fraction(one.value) - Fraction(two.value)
        steps[max(steps, key=lambda part: abs(steps[part]))] += change - sum(steps.values(), Fraction(0))  # what floats leave
        made |= {(part, segment): step for part, step in steps.items()} | {("velocity", segment): change}
    return made


def rounded(parts: Sequence[Fraction], total: Fraction, step: Fraction) -> list[Fraction]:
    """The parts in whole steps, which add up to the total in whole steps: what rounding leaves goes to the parts nearest to the next step."""
    down = [Fraction(floor(part / step)) for part in parts]
    missing = int(total / step) - int(sum(down))
    if parts and missing:
        order = sorted(range(len(parts)), key=lambda at: (parts[at] / step - down[at], -at), reverse=missing > 0)
        for turn in range(abs(missing)):
            down[order[turn % len(parts)]] += 1 if missing > 0 else -1
    return [part * step for part in down]
