"""The projection over the API. Money is text in major units; shares are numbers between 0 and 1."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.forecast.actions.backtest import backtest
from closedwon.forecast.actions.projection import projection
from closedwon.forecast.projection.results import contract_rows, head_row
from closedwon.people.acting import api_actor

router = Router()


class ProjectionAsked(Schema):
    """Which projection: the period, the moment, the type, the organisation, the rates and the node."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4, 2017-10 or 2017; by default the quarter of the as-of")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    type: str | None = Field(None, description="A forecast type of the policy")
    org: str = Field("as-was", description="as-was or as-is")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""
    node: str | None = Field(None, description="Only this node and what is below it")
    take: int = Field(25, ge=0, le=1000, description="How many of the deals that matter most")


class ProjectedDeal(Schema):
    """An open deal in a projection: the node's part of its value, its chance in the days that count, and what that comes to."""

    opportunity_id: str
    stage: str
    close_date_lies: str = Field(description="Against the days that count: past, inside, soon after, later or none")
    value: str
    chance: float
    expected: str


class ProjectedContract(Schema):
    """An open contract in a projection: what is available to renew, its chance to be renewed, and what that comes to."""

    contract: str
    account: str
    end: date
    atr: str
    chance: float
    expected: str


class CurvePoint(Schema):
    """A point of a curve: the age in days, the deals at risk there, and the shares won, lost and still open by then."""

    age: int
    at_risk: int
    won: float
    lost: float
    open: float


class CurveOut(Schema):
    """A group's curve from birth."""

    name: str
    deals: int
    points: list[CurvePoint]


class PastLook(Schema):
    """What the same method would have expected on a past day, and what came."""

    as_of: date
    expected: str
    came: str


class ProjectionOut(Schema):
    """What a period will come to; with a refusal there is no number but what was won."""

    type: str
    period: str
    as_of: date
    node: str
    currency: str
    days: int
    closed: str
    open: str | None
    new: str | None
    expected: str | None
    median: str | None
    low: str | None
    high: str | None
    refusal: str
    atr: str | None = Field(description="ARR of the contracts that end in the period; null where none does")
    renewals_kept: str | None = Field(description="What of it goes on already")
    renewals_open: str | None = Field(description="What the open contracts are expected to keep")
    renewals_expected: str | None
    renewals_median: str | None
    renewals_low: str | None
    renewals_high: str | None
    total_expected: str | None = Field(description="New business and renewals together")
    total_median: str | None
    total_low: str | None
    total_high: str | None
    notes: list[str]
    level: float
    shock: float
    deals: list[ProjectedDeal]
    contracts: list[ProjectedContract]
    curves: list[CurveOut]
    looks: list[PastLook]


@router.get("/projection", response=ProjectionOut, summary="What a period will come to, with an 80 % interval")
def show(request: HttpRequest, asked: Query[ProjectionAsked]) -> Any:
    """Won so far, open deals by their curves, new business; curves and past looks only for those who see the whole company."""
    found = projection(by=api_actor(request), **asked.dict())
    unit = found.ask.currency
    deals = [
        {
            "opportunity_id": one.opportunity_id, "stage": one.stage, "close_date_lies": one.due, "chance": round(one.chance, 4),
            "value": format_major(one.value_minor, unit), "expected": format_major(one.expected_minor, unit),
        }
        for one in found.deals
    ]  # fmt: skip
    looks = [
        {"as_of": date.fromordinal(day), "expected": format_major(round(expected), unit), "came": format_major(round(came), unit)}
        for day, expected, came in found.looks
    ]
    curves = [{"name": one.name, "deals": one.deals, "points": [vars(point) for point in one.points]} for one in found.curves]
    return {
        **head_row(found), "notes": list(found.notes), "level": round(found.level, 4), "shock": round(found.shock, 4), "deals": deals,
        "contracts": contract_rows(found), "curves": curves, "looks": looks,
    }  # fmt: skip


class BackTestAsked(Schema):
    """Which past days, and how far each looks ahead."""

    as_of: str = Field(description="Past days with commas between them, each meaning its close")
    horizon_days: int = Field(90, ge=1, le=366)
    type: str | None = None
    currency: str = ""


class LookOut(Schema):
    """One past day: the projection with its interval, what came, and two simple rules."""

    as_of: date
    projection: str | None
    low: str | None
    high: str | None
    actual: str | None
    run_rate: str
    open_x_win_rate: str


@router.get("/backtest", response=list[LookOut], summary="What the projection would have said on past days")
def looks(request: HttpRequest, asked: Query[BackTestAsked]) -> Any:
    """From what was known at the close of each day; for those who see the whole company. Up to 24 days; more are a job of the page."""
    try:
        days = [date.fromisoformat(part.strip()) for part in asked.as_of.split(",") if part.strip()]
    except ValueError as error:
        raise Invalid(f"{asked.as_of!r} is no list of days.", mend="Write 2017-03-31,2017-04-30.") from error
    if len(days) > 24:
        raise Invalid(f"{len(days)} days are too many for one answer.", mend="Ask for up to 24 days at a time.")
    return backtest(by=api_actor(request), days=days, horizon=asked.horizon_days, type=asked.type, currency=asked.currency).rows()
