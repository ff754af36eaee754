"""The renewals policy: when the available to renew is frozen, what counts as early, late and lost, and what makes a renewal a risk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field

from closedwon.base.policytext import Percent, PolicyModel, Version


class RiskPolicy(PolicyModel):
    """From when an open renewal is at risk; each reason can be switched off by 0."""

    no_deal_days: int = Field(default=120, ge=0, le=730)
    """A contract that ends within so many days and has no renewal deal."""
    notice_days: int = Field(default=30, ge=0, le=365)
    """The last day of notice is so many days ahead at most, and the deal is not in commit."""
    quiet_days: int = Field(default=75, ge=0, le=365)
    """Nobody was in touch for so many days, with the end 120 days ahead or less."""
    pushes: int = Field(default=2, ge=0, le=50)
    """The close date was pushed so often."""
    smaller: Percent = 50_000
    """The deal is so much smaller than what is available to renew; then only the difference is at risk."""


class RenewalsPolicy(Version):
    """`renewals.toml`: what is available to renew, and what its words mean."""

    order_types: list[str] = ["renewal", "Renewal"]
    """Order types of renewal deals."""
    freeze_day: int = Field(default=8, ge=1, le=28)
    """On which day of its period a contract's ARR is frozen as available to renew."""
    grace_days: int = Field(default=0, ge=0, le=120)
    """A renewal is on time until so many days after the end of the term."""
    lapse_days: int = Field(default=90, ge=1, le=730)
    """A contract that ended without a renewal and without an open deal is churned after so many days."""
    expansions_in_contract: bool = True
    """Whether a contract's ARR in the source grows with each expansion that is won on it; then later ones are taken off for the past."""
    risk: RiskPolicy = RiskPolicy()
    history_weeks: int = Field(default=104, ge=26, le=520)
    """Over how many weeks back the projection of renewals counts contracts that ended."""
    least_contracts: int = Field(default=30, ge=5, le=10_000)
    """How many ended contracts a projection of renewals takes at least."""


def run_case(policy: RenewalsPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """A contract in words to what became of it, in whole units."""
    from closedwon.forecast.renewals.decide import decided

    row = {key: value for key, value in given.items() if key != "as_of"}
    day = given["as_of"]
    if not isinstance(day, date):
        raise TypeError("as_of is a day")
    told = decided(policy, words_of(row), day)
    return {
        "outcome": told.outcome, "kept": told.kept_minor // 100, "downgraded": told.downgraded_minor // 100, "uplift": told.uplift_minor // 100,
        "at_risk": told.at_risk_minor // 100, "reasons": ", ".join(told.reasons),
    }  # fmt: skip


_NAMES = {
    "arr": "atr_minor", "deal_arr": "deal_minor", "follows_at": "followed_minor", "end": "end_date", "period_start": "starts", "deal": "status",
    "closes": "close_date", "notice": "notice_by", "follows_on": "followed_on", "cancelled": "is_cancelled", "category": "forecast_category",
    "pushes": "push_count", "last_touch": "last_touch", "auto_renew": "auto_renew",
}  # fmt: skip


def words_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """A case's words as the columns of a contract; amounts in whole units become minor ones. Raises ValueError for an unknown word."""
    from closedwon.base.errors import Invalid

    made: dict[str, Any] = {
        "contract_id": "C", "opportunity_id": "D" if "deal" in given else None, "auto_renew": False, "is_cancelled": False, "push_count": 0,
    }  # fmt: skip
    for word, value in given.items():
        if word not in _NAMES:
            raise Invalid(f"A case of renewals has no {word!r}.", mend=f"It has: {', '.join(sorted(_NAMES))}, as_of.")
        name = _NAMES[word]
        made[name] = int(value) * 100 if name.endswith("_minor") else value
    return made
