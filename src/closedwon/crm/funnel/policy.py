"""The funnel policy: which deals its metrics count, what a deal's amount is, and what is asked of follow-up and of leaving a stage."""

from __future__ import annotations

from decimal import Decimal
from statistics import NormalDist
from typing import Literal

from pydantic import Field, model_validator

from closedwon.base.policytext import Percent, PolicyModel, Referenced

Measure = Literal["amount", "net_arr", "renewal_base", "tcv", "services"]
Checked = Literal[
    "amount", "net_arr", "close_date", "next_step", "order_type", "segment", "region", "account_id", "owner_id", "forecast_category",
    "product_family", "source", "start_date", "term_months", "probability",
]  # fmt: skip


class Counts(PolicyModel):
    """Which deals count: the population of every metric."""

    order_types: list[str] = []
    """Only these kinds of order; empty: every kind but the excepted ones."""
    except_order_types: list[str] = []
    """Kinds of order that do not count, such as renewals."""
    untyped: bool = True
    """Whether deals without a kind of order count."""
    except_sources: list[str] = []
    """Sources whose deals do not count, such as a web shop."""
    except_loss_reasons: list[str] = []
    """Reasons for a loss that is none: merged, duplicate."""
    no_decision: list[str] = []
    """Reasons for a loss to nobody: these count in the broad win rate and not in the close rate."""

    @model_validator(mode="after")
    def _one_way(self) -> Counts:
        if self.order_types and self.except_order_types:
            raise ValueError("name the order types that count, or those that do not; both together contradict each other")
        both = sorted({name.lower() for name in self.except_loss_reasons} & {name.lower() for name in self.no_decision})
        if both:
            raise ValueError(f"the reason {both[0]} cannot both be left out and be no decision")
        return self


class Dimension(PolicyModel):
    """A name for a column by which the funnel may be split, besides the columns' own names."""

    name: str = Field(min_length=1, max_length=60)
    """What people call it, as in `--by sector`."""
    column: str = Field(min_length=1, max_length=60)
    """The column of deals or accounts, as in `industry`, `region` or `x_office`."""


class FollowUp(PolicyModel):
    """How fast a new lead is answered."""

    hours: int = Field(default=24, ge=1, le=2000)
    """Within how many hours of its creation."""
    target: Percent = 900_000
    """What share of leads should be answered in time."""
    dead: list[str] = ["disqualified", "unqualified", "Unqualified", "Disqualified", "Closed - Not Converted"]
    """The statuses of leads that will not be converted."""


class Exit(PolicyModel):
    """What a deal must carry when it leaves a stage forward."""

    stage: str = Field(min_length=1, max_length=120)
    """The stage, as the CRM writes it."""
    fields: list[Checked] = Field(min_length=1)
    """The columns that may not be empty then."""


class FunnelPolicy(Referenced):
    """`funnel.toml`: what the funnel counts, and what it is measured against."""

    measure: list[Measure] = Field(default=["net_arr", "amount"], min_length=1)
    """What a deal's amount is: of these the first that the deal has."""
    pipeline_from: str = ""
    """The open stage from which a deal is pipeline; empty: the first that is not omitted from the forecast."""
    value_from: str = ""
    """The open stage at whose entry the value win rate takes a deal's amount; empty: the first of all."""
    ages: list[int] = Field(default=[30, 60, 90, 180, 365], min_length=1, max_length=12)
    """The ages in days at which the win-rate curve is told."""
    confidence: Percent = 950_000
    """How sure the intervals are."""
    least_auc: Decimal = Field(default=Decimal("0.60"), gt=Decimal("0.5"), lt=1)
    """Below this AUC what is known of a deal at its start says nothing usable of its end."""
    counts: Counts = Counts()
    dimensions: list[Dimension] = []
    """Further names for columns to split by."""
    follow_up: FollowUp = FollowUp()
    exits: list[Exit] = []
    """What a deal must carry when it leaves a stage; an empty list asks nothing."""

    @model_validator(mode="after")
    def _whole(self) -> FunnelPolicy:
        if not 500_000 <= self.confidence < 1_000_000:
            raise ValueError("confidence lies between 50% and 99.9999%")
        if sorted(set(self.ages)) != self.ages or self.ages[0] < 1 or self.ages[-1] > 3650:
            raise ValueError("ages are days from 1 to 3650 in rising order")
        names = [one.name.lower() for one in self.dimensions]
        if len(set(names)) < len(names):
            raise ValueError("a dimension's name stands twice")
        return self

    @property
    def z(self) -> float:
        """How many standard errors an interval reaches to each side."""
        return NormalDist().inv_cdf(0.5 + self.confidence / 2_000_000)
