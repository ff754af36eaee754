"""The pipeline policy: what the company's stages, order types and bookings mean."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from closedwon.base.policytext import Percent, PolicyModel, Referenced

Status = Literal["open", "won", "lost"]


class Stage(PolicyModel):
    """One stage: open, won or lost, the forecast category it stands for when a deal names none, and its probability."""

    name: str = Field(min_length=1, max_length=120)
    """As the CRM writes it."""
    status: Status = "open"
    """Whether a deal in it is open, won or lost."""
    category: str = ""
    """The forecast category of a deal that names none itself: omitted, pipeline, best_case, most_likely, commit or closed."""
    probability: Percent = 0
    """Of winning, for the stage-weighted number."""
    exit: str = ""
    """What must be true to leave the stage, in words."""

    @property
    def default_category(self) -> str:
        """The category of a deal that names none."""
        return self.category or {"open": "pipeline", "won": "closed", "lost": "omitted"}[self.status]


class Bookings(PolicyModel):
    """Where booked actuals come from: the orders table, or won deals where there is no order system; `auto` is orders where there are any."""

    source: Literal["auto", "orders", "won"] = "auto"
    """orders: the table of accepted orders; won: won deals; auto: orders where there are any."""


class PipelinePolicy(Referenced):
    """`pipeline.toml`: stages in order, order types, segments, and where bookings come from."""

    stages: list[Stage] = Field(min_length=1)
    """In order, as a deal goes through them. A stage of the data that stands nowhere here raises an alarm."""
    order_types: list[str] = []
    """The kinds of business, as the CRM writes them."""
    segments: list[str] = []
    """The segments of customers, as the CRM writes them."""
    bookings: Bookings = Bookings()

    @model_validator(mode="after")
    def _whole(self) -> PipelinePolicy:
        names = [stage.name for stage in self.stages]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the stage {', '.join(twice)} stands twice")
        for status in ("open", "won", "lost"):
            if not any(stage.status == status for stage in self.stages):
                raise ValueError(f"no stage is {status}")
        return self

    def stage(self, name: str | None) -> Stage | None:
        """The stage of that name, None where the policy does not know it."""
        return next((stage for stage in self.stages if stage.name == name), None)
