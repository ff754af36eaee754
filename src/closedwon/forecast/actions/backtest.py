"""The back-test: what the projection would have said on past days, from what was known then, beside what came and what simpler rules say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid, Refused
from closedwon.base.money import format_major
from closedwon.forecast.actions.renewal_outlook import renewal_look
from closedwon.forecast.actions.rollups import seen_by
from closedwon.forecast.projection import reading
from closedwon.forecast.projection.arrays import EPOCH
from closedwon.forecast.projection.history import NEVER, Flags, Ints
from closedwon.forecast.projection.project import project
from closedwon.forecast.projection.simulate import simulate
from closedwon.forecast.reading import Ask, Ground, ask_for, ground
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_cutoff

RUN_DAYS = 90
"""The run-rate is what was won in so many days, carried on."""
MOST = 400
"""The most days that one back-test looks at."""


@dataclass(frozen=True)
class Look:
    """One past day, in minor units: the projection with its interval, what came, and two simple rules; None where there is none."""

    day: date
    projection: int | None
    low: int | None
    high: int | None
    actual: int | None
    run_rate: int
    open_x_win_rate: int
    refusal: str = ""

    @property
    def is_inside(self) -> bool | None:
        """Whether what came lies in the interval."""
        if self.actual is None or self.low is None or self.high is None:
            return None
        return self.low <= self.actual <= self.high


@dataclass(frozen=True)
class BackTest:
    """Past days with what the projection would have said."""

    looks: Sequence[Look]
    horizon: int
    currency: str
    type: str

    def rows(self) -> list[dict[str, str | None]]:
        """The days as the contract has them, amounts in major units as text, null where there is none."""
        names = ("projection", "low", "high", "actual", "run_rate", "open_x_win_rate")
        return [
            {"as_of": look.day.isoformat(), **{name: _major(getattr(look, name), self.currency) for name in names}} for look in self.looks
        ]

    def wape(self, name: str) -> float | None:
        """Σ |said − came| ÷ Σ came, over the days that have both."""
        return _ratio([(abs(said - came), came) for said, came in self._pairs(name)])

    def bias(self, name: str) -> float | None:
        """Σ (said − came) ÷ Σ came."""
        return _ratio([(said - came, came) for said, came in self._pairs(name)])

    @property
    def covered(self) -> tuple[int, int]:
        """In how many days of how many what came lies in the interval."""
        inside = [look.is_inside for look in self.looks if look.is_inside is not None]
        return sum(inside), len(inside)

    def _pairs(self, name: str) -> list[tuple[int, int]]:
        return [
            (getattr(look, name), look.actual)
            for look in self.looks
            if look.actual is not None and look.projection is not None and getattr(look, name) is not None
        ]


def _major(minor: int | None, currency: str) -> str | None:
    return None if minor is None else format_major(minor, currency)


def _ratio(pairs: Sequence[tuple[int, int]]) -> float | None:
    below = sum(came for _, came in pairs)
    return sum(off for off, _ in pairs) / below if below else None


def backtest(
    *,
    by: Actor,
    days: Sequence[date],
    horizon: int = 90,
    type: str | None = None,  # noqa: A002 - the field's own word
    currency: str = "",
    heard: Callable[[int, int, str], None] = lambda *_: None,
) -> BackTest:
    """Project the `horizon` days after each day from what was known at its close. Raises Refused for those who do not see the whole company."""
    if not 1 <= horizon <= 366:
        raise Invalid(f"{horizon} days are no horizon.", mend="Use 1 to 366 days, such as 90.")
    if not days or len(days) > MOST:
        raise Invalid("A back-test takes some days.", mend=f"Give up to {MOST} days, such as 2017-03-31,2017-04-30.")
    on = ground()
    ask = ask_for(on, type=type, currency=currency)
    _checked(by, ask, on)
    made = []
    for at, day in enumerate(sorted(set(days))):
        heard(at, len(days), day.isoformat())
        made.append(_look(on, _ask_of(ask, day, horizon), horizon))
    return BackTest(made, horizon, ask.currency, ask.type.name)


def _checked(by: Actor, ask: Ask, on: Ground) -> None:
    if not seen_by(by, ask, on).everything:
        raise Refused("A back-test is of the whole company.", mend="Ask somebody who sees all of it, such as sales ops.")
    if ask.type.period_date != "renewal_due" and (refusal := reading.unfit(ask)):
        raise Invalid(refusal, mend="Choose a forecast type whose deals count by their close date.")


def _ask_of(ask: Ask, day: date, horizon: int) -> Ask:
    first = day + timedelta(days=1)
    cutoff = closing_cutoff(day)
    period = Period(first, first + timedelta(days=horizon), f"{horizon} days", "quarter")
    return replace(ask, cutoff=cutoff, known_cutoff=cutoff, period=period, by="manager")


def _look(on: Ground, ask: Ask, horizon: int) -> Look:
    if ask.type.period_date == "renewal_due":
        said = renewal_look(on, ask)
        return Look(ask.day, said.median, said.low, said.high, said.actual, said.run_rate, said.open_x_rate, said.refusal)
    policy, today = reading.policy_in_force(), ask.day.toordinal()
    found = reading.rows(on, ask, policy, places=False)
    loaded = reading.loaded(found, policy)
    made = project(loaded, today, 0, horizon, reading.phase_of, policy)
    closes, won = closings(found["deals"])
    open_deals = (loaded.status == "open") & (loaded.deals.born < NEVER)
    look = Look(
        ask.day, None, None, None, _came(on, ask, horizon),
        round(int(found_value(found["deals"], won & (closes > today - RUN_DAYS) & (closes <= today))) * horizon / RUN_DAYS),
        open_times_rate(found["deals"], won, open_deals), made.refusal,
    )  # fmt: skip
    if made.refusal:
        return look
    draws = np.random.Generator(np.random.Philox(key=[policy.seed, today]))
    outcome = simulate(made.parts, made.correction.shock, made.give, policy.setting, draws)
    return replace(look, projection=outcome.median, low=outcome.low, high=outcome.high)


def closings(deals: pa.Table) -> tuple[Ints, Flags]:
    """Each deal's close date as an ordinal (0 without one), and whether it is won."""
    due = np.asarray(deals["close_date"].combine_chunks().cast(pa.int32()).fill_null(-EPOCH)).astype(np.int64) + EPOCH
    return due, np.asarray(pc.equal(deals["status"].combine_chunks(), "won")).astype(bool)


def found_value(deals: pa.Table, chosen: Flags) -> int:
    """What the chosen deals were won at."""
    return int(np.asarray(deals["won_minor"].combine_chunks())[chosen].sum())


def open_times_rate(deals: pa.Table, won: Flags, open_deals: Flags) -> int:
    """Open amounts × won ÷ closed deals × what was won per amount while open: the textbook's rule."""
    amount = np.asarray(deals["open_minor"].combine_chunks()).astype(np.int64)
    closed = int(np.asarray(pc.not_equal(deals["status"].combine_chunks(), "open")).astype(bool).sum())
    asked = int(amount[won].sum())
    if not closed or not asked:
        return 0
    return round(int(amount[open_deals].sum()) * int(won.sum()) / closed * found_value(deals, won) / asked)


def _came(on: Ground, ask: Ask, horizon: int) -> int | None:
    """What was won with a close date in the horizon, as far as is known now; None while the horizon is not over."""
    last = ask.day + timedelta(days=horizon)
    if closing_cutoff(last) > on.now:
        return None
    policy = reading.policy_in_force()
    deals = reading.deals_now(on, ask, policy)
    closes, won = closings(deals)
    return found_value(deals, won & (closes > ask.day.toordinal()) & (closes <= last.toordinal()))


ROLES = ("admin", "sales-ops", "executive", "finance", "deal-desk", "auditor")
"""Who may start a back-test; whether they see the whole company is asked again by the work itself."""


def _job_key(on: Ground, days: Sequence[date], horizon: int, kind: str | None, currency: str) -> str:
    told = hashlib.sha256(" ".join(day.isoformat() for day in days).encode()).hexdigest()[:16]
    return f"backtest {reading.basis_of(on)} {kind or on.policy.default} {horizon} {currency} {told}"[:200]


def start_backtest(*, by: Actor, days: Sequence[date], horizon: int, type: str | None, currency: str) -> Any:  # noqa: A002 - the field's own word
    """Have a back-test made in the background; the same one on the same facts is made once. Raises Refused as the back-test itself."""
    from closedwon.jobs.actions import start

    on = ground()
    _checked(by, ask_for(on, type=type, currency=currency), on)
    params = {"days": [day.isoformat() for day in days], "horizon": horizon, "type": type, "currency": currency}
    title = f"Back-test of {len(days)} days, {horizon} days ahead"
    return start("forecast.backtest", params, by=by, key=_job_key(on, days, horizon, type, currency), title=title)


def find_backtest(*, by: Actor, days: Sequence[date], horizon: int, type: str | None, currency: str) -> Any:  # noqa: A002 - the field's own word
    """The job of a back-test on the present facts, whoever asked for it; None where nobody did."""
    from closedwon.jobs.models import Job

    on = ground()
    _checked(by, ask_for(on, type=type, currency=currency), on)
    return Job.objects.filter(key=_job_key(on, days, horizon, type, currency)).first()


def looks_of(job: Any) -> list[Look]:
    """The days of a back-test that is done."""
    return [Look(**{**row, "day": date.fromisoformat(row["day"])}) for row in job.result["looks"]]
