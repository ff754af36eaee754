"""The pace policy: on which days accuracy is measured, with how many quarters a day is compared, and what pipeline is to be created."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field, field_validator

from closedwon.base.policytext import Percent, PolicyModel, Referenced


class Accuracy(PolicyModel):
    """How calls are held against what came."""

    days: list[int] = [90, 75, 60, 45, 30, 14, 7, 1]
    """How many days before a period's last day the call in force is looked at, at the close of that day."""
    periods: int = Field(default=6, ge=1, le=40)
    """Over how many quarters that are over."""
    category: Literal["commit", "most_likely", "best_case"] = "most_likely"
    """The call that habits are read from."""
    habit: Percent = 80_000
    """A middle miss of so much of what came, and to the same side, is a habit."""
    habit_periods: int = Field(default=3, ge=2, le=40)
    """From so many quarters with calls."""
    late: Percent = 500_000
    """Late in so many of the weeks in which a call was made is a habit too."""

    @field_validator("days")
    @classmethod
    def _days(cls, value: list[int]) -> list[int]:
        if not value or len(value) > 20 or any(not 0 <= day <= 366 for day in value):
            raise ValueError("give 1 to 20 days, each from 0 (the last day) to 366")
        return sorted(set(value), reverse=True)


class Pacing(PolicyModel):
    """How a quarter is held against earlier ones."""

    quarters: int = Field(default=4, ge=1, le=20)
    """With how many quarters before; four, so that every season counts once."""


class Share(PolicyModel):
    """A group's part of the company's target."""

    by: Literal["source", "segment", "region"]
    """What the group is one of."""
    group: str = Field(min_length=1, max_length=200)
    """The source, segment or region, as the deals have it."""
    share: Percent
    """Its part of the company's target of the quarter."""


class Generation(PolicyModel):
    """What pipeline is to be created. Rows of the table `targets` with this measure come first; without one, the rule of thumb counts."""

    measure: str = Field(default="pipeline_created", min_length=1)
    """The measure of the targets."""
    plan: str = Field(default="operating", min_length=1)
    """The plan of the targets."""
    times_quota: Decimal = Field(default=Decimal("3.0"), gt=0, le=100)
    """Without a target, a seat is to create so many times its quota of the quarter; the company the sum of it."""
    shares: list[Share] = []
    """Parts of the company's target by source, segment or region, where the table has none of their own."""


class PacePolicy(Referenced):
    """`forecast-pace.toml`: accuracy, pacing and pipeline generation."""

    accuracy: Accuracy = Accuracy()
    pacing: Pacing = Pacing()
    generation: Generation = Generation()
