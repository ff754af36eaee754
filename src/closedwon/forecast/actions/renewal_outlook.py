"""Renewals in the projection: what the contracts that end in a period will keep, and the same on past days beside what they kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

import numpy as np

from closedwon.base.calendar import Period
from closedwon.forecast.projection import reading as projecting
from closedwon.forecast.projection.history import Floats
from closedwon.forecast.projection.simulate import Outcome, Parts, elasticity, told, totals
from closedwon.forecast.reading import Ask, Ground, calendar
from closedwon.forecast.renewals import reading
from closedwon.forecast.renewals.decide import Decided
from closedwon.forecast.renewals.outlook import SETTLED, Chance, Outlook, outlook
from closedwon.people.visibility import closing_day

JOINS = ("net_arr", "amount")
"""Measures that renewals can be added to: what is recurring in a year."""


@dataclass(frozen=True)
class OpenContract:
    """An open contract in a projection: its chance to be renewed, what goes on then, and what that comes to."""

    contract: Decided
    chance: float
    value_minor: int
    expected_minor: int


@dataclass(frozen=True)
class RenewalPart:
    """What the renewals of a period come to, in minor units: kept so far, expected of the open contracts, median and interval."""

    atr: int
    kept: int
    lost: int
    open: int
    expected_open: int
    refusal: str = ""
    median: int | None = None
    low: int | None = None
    high: int | None = None
    contracts: Sequence[OpenContract] = ()
    count: int = 0
    lines: Sequence[Chance] = ()
    ended: int = 0
    outcome: Outcome | None = None

    @property
    def expected(self) -> int:
        """Kept so far and what is expected of the open contracts."""
        return self.kept + self.expected_open


def quarters_of(period: Period) -> list[Period]:
    """The quarters of a year; any other period itself."""
    if period.kind != "year":
        return [period]
    made = [calendar().period_of(period.start, "quarter")]
    while made[-1].end < period.end:
        made.append(calendar().next(made[-1]))
    return made


def parts_of(on: Ground, ask: Ask, places: frozenset[str] | None) -> tuple[list[Decided], Outlook, Parts]:
    """The contracts of a question's period within some seats (None: all), the outlook of the open ones, and these as parts to draw."""
    found, seen = _outlook(on, replace(ask, by="manager"), projecting.basis_of(on) + reading.policy_in_force().model_dump_json())
    mine = [one for one in found if places is None or one.row["place"] in places]
    at = np.array([places is None or one.row["place"] in places for one in seen.open], dtype=bool)
    kept = Outlook(
        [one for one, inside in zip(seen.open, at, strict=True) if inside],
        seen.chance[at],
        seen.value[at],
        seen.lines,
        seen.ended,
        seen.refusal,
        seen.shock,
    )
    return mine, kept, Parts(kept.chance, kept.value, np.zeros(0), np.zeros(0))


@lru_cache(maxsize=64)
def _outlook(on: Ground, ask: Ask, _basis: str) -> tuple[list[Decided], Outlook]:
    policy = reading.policy_in_force()
    over = [reading.Window(one, min(ask.day, one.start + timedelta(days=policy.freeze_day - 1))) for one in quarters_of(ask.period)]
    found = reading.contracts(on, ask, over, policy)
    ended = reading.contracts(on, ask, reading.back(ask.day, policy.history_weeks, policy), policy)
    return found, outlook(found, ended, ask.day, policy)


def renewal_part(on: Ground, ask: Ask, places: frozenset[str] | None, take: int) -> tuple[RenewalPart | None, Floats, Parts]:
    """What the renewals of a question's period come to, with the sum of each outcome; None where no contract ends in it."""
    found, seen, parts = parts_of(on, ask, places)
    if not found:
        return None, np.zeros(0), parts
    kept = sum(one.kept_minor for one in found)
    head = RenewalPart(
        sum(one.atr_minor for one in found), kept, sum(one.downgraded_minor + (one.atr_minor if one.outcome == "churned" else 0) for one in found),
        sum(one.atr_minor for one in seen.open), 0, seen.refusal, count=len(seen.open), lines=seen.lines, ended=seen.ended,
    )  # fmt: skip
    if seen.refusal:
        return head, np.zeros(0), parts
    sums = outcomes(ask, parts, seen.shock, kept)
    outcome = told(sums, parts)
    expected = seen.chance * seen.value
    order = np.lexsort((np.arange(len(expected)), -np.abs(expected)))[:take]
    rows = [OpenContract(seen.open[at], float(seen.chance[at]), round(seen.value[at]), round(expected[at])) for at in order]
    made = replace(
        head, expected_open=round(seen.expected), median=outcome.median, low=outcome.low, high=outcome.high, contracts=rows, outcome=outcome
    )
    return made, sums, parts


def outcomes(ask: Ask, parts: Parts, shock: float, won: int) -> Floats:
    """The sum of each outcome of renewals, under the shocks that every projection of that day shares; each contract's luck is its own."""
    setting = projecting.policy_in_force()
    key = [setting.seed, ask.day.toordinal()]
    shared, own = np.random.Generator(np.random.Philox(key=key)), np.random.Generator(np.random.Philox(key=[key[0] + 1, key[1]]))
    return totals(parts, shock, elasticity(parts), setting.setting, shared, own, won)


def together(ask: Ask, first: Parts, shock: float, give: float, won: int, renewals: Floats, second: Parts) -> Outcome:
    """New business and renewals, outcome by outcome: what is a good quarter for one is one for the other."""
    setting = projecting.policy_in_force()
    draws = np.random.Generator(np.random.Philox(key=[setting.seed, ask.day.toordinal()]))
    both = Parts(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in ("chance", "value", "count", "worth")))
    return told(totals(first, shock, give, setting.setting, draws, draws, won) + renewals, both)


@dataclass(frozen=True)
class RenewalLook:
    """One past day: what the open contracts that end in the days after it were said to keep, and what they kept; None where there is none.

    `run_rate` is what is available to renew times the share kept of contracts that ended in the last 90 days; `open_x_rate` takes the
    whole history's share.
    """

    median: int | None
    low: int | None
    high: int | None
    actual: int | None
    run_rate: int
    open_x_rate: int
    refusal: str = ""


def renewal_look(on: Ground, ask: Ask) -> RenewalLook:
    """What would have been said at the question's cutoff of the contracts that end in its period, beside what they kept as known now."""
    policy = reading.policy_in_force()
    over = (reading.Window(ask.period, ask.day),)
    found = reading.contracts(on, ask, over, policy)
    ended = reading.contracts(on, ask, reading.back(ask.day, policy.history_weeks, policy), policy)
    seen = outlook(found, ended, ask.day, policy)
    kept, atr = sum(one.kept_minor for one in found), sum(one.atr_minor for one in found)
    lately = [one for one in ended if one.decided_on and ask.day - timedelta(days=90) < one.row["end_date"] <= ask.day]
    whole = [one for one in ended if one.decided_on and one.row["end_date"] <= ask.day]
    run_rate, open_x_rate = round(atr * _share(lately)), round(atr * _share(whole))
    actual = _kept_now(on, ask, over)
    if seen.refusal:
        return RenewalLook(None, None, None, actual, run_rate, open_x_rate, seen.refusal)
    parts = Parts(seen.chance, seen.value, np.zeros(0), np.zeros(0))
    outcome = told(outcomes(ask, parts, seen.shock, kept), parts)
    return RenewalLook(outcome.median, outcome.low, outcome.high, actual, run_rate, open_x_rate)


def _share(found: Sequence[Decided]) -> float:
    atr = sum(one.atr_minor for one in found)
    return sum(one.kept_minor for one in found) / atr if atr else 0.0


def _kept_now(on: Ground, ask: Ask, over: tuple[reading.Window, ...]) -> int | None:
    """What the contracts kept, as known now, of the ARR frozen on the asked day; None until all of them have ended and are settled."""
    if ask.period.end + timedelta(days=SETTLED) > closing_day(on.now):
        return None
    now = replace(ask, cutoff=on.now, known_cutoff=None)
    return sum(one.kept_minor for one in reading.contracts(on, now, over, reading.policy_in_force()))
