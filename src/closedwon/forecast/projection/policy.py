"""The projection policy: from how much history a projection is made, what it refuses, and what its cases come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from closedwon.base.policytext import Percent, PolicyModel, Version
from closedwon.forecast.projection.outlook import Setting

Grouping = Literal["order_type", "segment", "region"]


class Least(PolicyModel):
    """What history a projection takes at least; below it there is none, with the reason."""

    days: int = Field(default=28, ge=1, le=3650)
    """On how many days outcomes must have been on record."""
    won: int = Field(default=30, ge=1, le=100_000)
    """How many deals must have been won on record, all groups together."""
    share: int = Field(default=4, ge=1, le=100)
    """The horizon may be so many times as long as the time with outcomes on record."""


class ProjectionPolicy(Version):
    """`projection.toml`: how open deals and last year's births become a projection with an interval."""

    group_by: list[Grouping] = ["order_type", "segment"]
    """The groups with curves of their own, from the widest to the narrowest; each leans on the one before where few deals were at risk."""
    renewals: list[str] = ["renewal", "Renewal"]
    """Order types that are no matter of a deal's age: they come from contract ends and are left out here."""
    history_weeks: int = Field(104, ge=26, le=520)
    """Over how many weeks back the curves are counted."""
    birth_weeks: int = Field(52, ge=4, le=260)
    """Over how many weeks back new deals are counted; 52, so that every season counts once."""
    look_backs: int = Field(8, ge=0, le=40)
    """How often the method looks at what it would have said earlier, a quarter apart."""
    prior_miss: Percent = 100_000
    """The miss that is expected before any look back: the spread of what all deals share."""
    prior_level: Percent = 50_000
    """How far off the curves are thought to be on the whole, before any look back: the less, the slower the level follows past misses."""
    prior_look_backs: int = Field(4, ge=1, le=100)
    """As how many look backs that counts."""
    draws: int = Field(4000, ge=200, le=100_000)
    """How many outcomes are drawn for median and interval."""
    singles: int = Field(400, ge=0, le=5000)
    """How many of the largest deals are drawn one by one; the others are drawn as one sum."""
    seed: int = Field(2027, ge=0, le=2**31)
    """Where the draws begin: the same seed and facts give the same interval."""
    least: Least = Least()

    @property
    def setting(self) -> Setting:
        """The numbers that the method takes."""
        return Setting(
            window_weeks=self.history_weeks, birth_weeks=self.birth_weeks, replays=self.look_backs, prior_miss=self.prior_miss / 1_000_000,
            prior_level=self.prior_level / 1_000_000,
            prior_replays=self.prior_look_backs, draws=self.draws, singles=self.singles,
        )  # fmt: skip

    def refusal(self, observed: int, won: int, horizon: int) -> str:
        """Why there is no projection; empty where there is one."""
        least = self.least
        if won < least.won:
            return f"Only {won:,} deals were won on record; a projection takes {least.won:,}."
        if observed < least.days:
            return f"Outcomes are on record for {observed:,} days only; a projection takes {least.days:,}."
        if horizon > least.share * observed:
            return f"Outcomes are on record for {observed:,} days; that is too short to look {horizon:,} days ahead."
        return ""


def run_case(policy: ProjectionPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """A case's steps: curves of a few deals (`deals`), what past misses say (`misses`), or what is refused (`observed`, `won`, `horizon`)."""
    made: dict[str, Any] = {}
    if "deals" in given:
        made |= _curve(given["deals"])
    if "misses" in given:
        made |= _misses(policy, given["misses"])
    if "observed" in given:
        made["refusal"] = policy.refusal(int(given["observed"]), int(given["won"]), int(given["horizon"]))
    return made


def _curve(deals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each day with an ending: deals at risk, and the shares won, lost and open by then."""
    import numpy as np

    from closedwon.forecast.projection.curves import cumulative_incidence

    end = np.array([int(one["days"]) for one in deals], dtype=np.int64)
    entry = np.array([int(one.get("from", -1)) for one in deals], dtype=np.int64)
    ends = [str(one["end"]) for one in deals]
    found = cumulative_incidence(entry, end, np.array([one == "won" for one in ends]), np.array([one == "lost" for one in ends]))
    made = {}
    for at in np.flatnonzero(found.won + found.lost):
        shares = " ".join(f"{part[at]:.4f}" for part in (found.share_won, found.share_lost, found.share_open))
        made[f"day {at}"] = f"{found.at_risk[at]} at risk, won lost open {shares}"
    return made


def _misses(policy: ProjectionPolicy, looks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    from closedwon.forecast.projection.outlook import level_and_shock

    setting = policy.setting
    level, shock = level_and_shock(
        [float(one["expected"]) for one in looks], [float(one["came"]) for one in looks], [float(one["own"]) for one in looks], setting
    )
    return {"level": f"{level:.4f}", "shock": f"{shock:.4f}"}
