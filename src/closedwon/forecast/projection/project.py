"""One projection from rows to numbers: history, curves, look backs, correction. Pure: the draws come later, from a generator passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedwon.forecast.projection import outlook
from closedwon.forecast.projection.arrays import Loaded
from closedwon.forecast.projection.curves import Incidence, cumulative_incidence
from closedwon.forecast.projection.history import NEVER, WEEK, Ints, history
from closedwon.forecast.projection.outlook import Correction, Expected, Factors
from closedwon.forecast.projection.policy import ProjectionPolicy
from closedwon.forecast.projection.simulate import Parts, corrected


@dataclass(frozen=True)
class Curve:
    """The curve of a group from birth, by age: its name, how many deals, and the shares won, lost and open with the deals at risk."""

    name: str
    deals: int
    curve: Incidence


@dataclass(frozen=True)
class Projected:
    """A projection of a company, without draws: what is still open and still to be born, and what stands behind it."""

    refusal: str
    found: Expected
    parts: Parts
    give: float
    correction: Correction
    factors: Factors
    season: Sequence[float]
    curves: Sequence[Curve]
    observed: int
    won: int
    births: int
    birth_days: int


def project(loaded: Loaded, today: int, skip: int, days: int, phase_of: Callable[[int], int], policy: ProjectionPolicy) -> Projected:
    """Project the days `skip` + 1 to `days` after today. `phase_of(day)` is the week of the quarter, counted from its end, of a day."""
    setting, deals = policy.setting, loaded.deals
    weeks = setting.window_weeks + setting.replays * outlook.step_weeks(days)
    weeks = min(weeks, (today - int(min(deals.born.min(initial=today), deals.ended.min(initial=today)))) // WEEK + 2)
    past = history(deals, loaded.visits, loaded.dates, today, weeks=max(1, weeks), groups=len(loaded.groups), stages=len(loaded.stages))
    won = int((deals.won & (deals.ended <= today)).sum())
    refusal = policy.refusal(past.observed if past.since < NEVER else 0, won, days)
    behind = np.array([phase_of(today - back) for back in range(past.weeks * WEEK)], dtype=np.int64)

    def ahead(day: int) -> Ints:
        return np.array([phase_of(day + 1 + at) for at in range(days)], dtype=np.int64)

    at = outlook.stand(past, loaded.levels, 0, ahead(today), behind, setting, skip)
    plain = outlook.expect(past, at, skip)
    step = outlook.step_weeks(days) * WEEK
    coming = [ahead(today - step * k) for k in range(1, setting.replays + 1)]
    replays = outlook.replay(past, loaded.levels, coming, behind, setting, skip, policy.least.days)
    factors = outlook.factors_of(replays, past.groups, past.stages, setting)
    said = outlook.correction(replays, factors, setting)
    found = outlook.adjusted(plain, factors)
    parts, give = corrected(Parts(found.chance, found.value, found.new_count, found.new_worth), said)
    curves = curves_of(loaded, today, past.since, setting.window_weeks)
    return Projected(
        refusal,
        found,
        parts,
        give,
        said,
        factors,
        [float(one) for one in at.season],
        curves,
        past.observed,
        won,
        len(found.new_deal),
        at.birth_days,
    )


def curves_of(loaded: Loaded, today: int, since: int, weeks: int) -> list[Curve]:
    """The curves from birth: of all deals, and of each family and group; deals enter when outcomes are on record, and after the window began."""
    deals = loaded.deals
    first = max(since, today - weeks * WEEK + 1)
    end = np.minimum(deals.ended, today) - deals.born
    entry = np.maximum(first - 1 - deals.born, -1)
    watched = (deals.born <= today) & (end > entry)
    ended = deals.ended <= today
    made: list[Curve] = []
    before = 0
    for level, family in enumerate(loaded.levels):
        if int(family.max(initial=0)) + 1 == before:
            continue  # the same families as the level above
        before = int(family.max(initial=0)) + 1
        for number in range(int(family.max(initial=0)) + 1):
            key = next((key for key, one in zip(loaded.groups, family, strict=True) if one == number), ())[:level]
            inside = watched & (family[deals.group] == number)
            if inside.any():
                curve = cumulative_incidence(entry[inside], end[inside], (deals.won & ended)[inside], (~deals.won & ended)[inside])
                made.append(Curve(", ".join(part or "none" for part in key) or "All deals", int(inside.sum()), curve))
    return made
