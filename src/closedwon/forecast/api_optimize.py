"""What a little more is worth, over the API. Money is text in major units."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.forecast.actions.optimize import optimize
from closedwon.people.acting import api_actor

router = Router()


class WorthAsked(Schema):
    """Which period and type."""

    period: str | None = Field(None, description="By default the quarter after the as-of")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    type: str | None = Field(None, description="A forecast type of the policy")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""


class WorthLine(Schema):
    """What a change of a stage of a group brings; without a stage it is one more opportunity a week."""

    stage: str
    group: str
    change: str
    value: str
    low: str
    high: str


class WorthOut(Schema):
    """What changes are worth, or why there is no number."""

    period: str
    as_of: date
    currency: str
    refusal: str
    rows: list[WorthLine]


@router.get("/optimize", response=WorthOut, summary="What a point of conversion, a day less, one more opportunity a week is worth")
def show(request: HttpRequest, asked: Query[WorthAsked]) -> Any:
    """By stage and group, with an 80 % interval, through the projection's own model; for those who see the whole company."""
    found = optimize(by=api_actor(request), **asked.dict())
    return {
        "period": found.ask.period.label,
        "as_of": found.ask.day,
        "currency": found.ask.currency,
        "refusal": found.refusal,
        "rows": found.rows(),
    }
