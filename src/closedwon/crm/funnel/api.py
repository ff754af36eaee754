"""The funnel over the API. Money is text in major units, shares are numbers between 0 and 1 as text."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.base.money import format_major
from closedwon.crm.funnel import actions
from closedwon.crm.funnel.catalogue import METRICS
from closedwon.crm.funnel.signal_action import signal
from closedwon.people.acting import api_actor

router = Router()


class FunnelAsked(Schema):
    """Which funnel: the period, the moment, what to split by."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4, 2017-10, 2017 or all; by default the quarter of the as-of")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    by: str = Field("", description="A dimension of deals or accounts, a custom column with or without its x_")
    org: str = Field("as-was", description="as-was or as-is")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""
    node: str = Field("", description="Only deals of this seat and those below it")


def _words(asked: FunnelAsked) -> dict[str, Any]:
    given = asked.dict()
    return {
        "period": given["period"], "as_of": given["as_of"], "by_dim": given["by"], "org": given["org"], "rates": given["rates"],
        "currency": given["currency"], "node": given["node"],
    }  # fmt: skip


class MetricLine(Schema):
    """A metric of a segment; `all` is every deal together. An empty text is a number that is not known."""

    metric: str
    segment: str
    value: str
    n: int
    censored: int
    low: str
    high: str


class FunnelOut(Schema):
    """The funnel of a period."""

    period: str
    as_of: date
    by: str
    currency: str
    rows: list[MetricLine]


@router.get("", response=FunnelOut, summary="The funnel of a period: every metric with n, censoring and interval")
def show(request: HttpRequest, asked: Query[FunnelAsked]) -> Any:
    """Every metric of all deals in sight, then of each segment."""
    found = actions.show(api_actor(request), **_words(asked))
    return {"period": found.ask.period.label, "as_of": found.ask.day, "by": asked.by, "currency": found.ask.currency, "rows": found.rows()}


class CompareAsked(FunnelAsked):
    """Which funnel, and with which other period."""

    other: str = Field(..., alias="with", description="The other period")


class ComparedLine(Schema):
    """A metric of a segment in both periods, and what the segment did to the change of the whole by its mix and its rate."""

    metric: str
    segment: str
    value: str
    n: int | str
    censored: int | str
    low: str
    high: str
    with_value: str
    with_n: int | str
    with_censored: int | str
    with_low: str
    with_high: str
    change: str
    mix: str
    rate: str
    rest: str
    velocity: str


class ComparisonOut(Schema):
    """Two periods side by side."""

    period: str
    other: str
    as_of: date
    by: str
    currency: str
    rows: list[ComparedLine]


@router.get("/compare", response=ComparisonOut, summary="Two periods of the funnel: the change and what contributed to it")
def compare(request: HttpRequest, asked: Query[CompareAsked]) -> Any:
    """Every metric in both periods; mix and rate add up to the change."""
    found = actions.compare(api_actor(request), other=asked.other, **_words(asked))
    return {
        "period": found.ask.period.label, "other": found.other.label, "as_of": found.ask.day, "by": asked.by, "currency": found.ask.currency, "rows": found.rows(),
    }  # fmt: skip


class MetricOut(Schema):
    """A metric of the catalogue."""

    key: str
    label: str
    unit: str
    formula: str
    population: str
    staged: bool
    naive: bool


@router.get("/metrics", response=list[MetricOut], summary="Every metric with its formula and population")
def catalogue(request: HttpRequest) -> Any:
    """The catalogue."""
    api_actor(request)
    return [
        {"key": m.key, "label": m.label, "unit": m.unit, "formula": m.formula, "population": m.population, "staged": m.staged, "naive": m.naive} for m in METRICS
    ]  # fmt: skip


class SignalOut(Schema):
    """Whether the data carries a win signal."""

    auc: float
    low: float
    high: float
    deals: int
    usable: bool
    sentence: str


@router.get("/signal", response=SignalOut | None, summary="Whether what is known when deals begin tells won from lost")
def win_signal(request: HttpRequest, as_of: str | None = None) -> Any:
    """The cross-validated AUC of a small model over the closed deals in sight; nothing where there are too few."""
    found = signal(api_actor(request), as_of=as_of)
    if found is None:
        return None
    return {
        "auc": round(found.auc, 4), "low": round(found.low, 4), "high": round(found.high, 4), "deals": found.deals, "usable": found.usable, "sentence": found.sentence,
    }  # fmt: skip


class BehindAsked(FunnelAsked):
    """Which rows."""

    segment: str = ""
    outcome: str = Field("", description="Such as won, lost, open, forward, slipped")
    skip: int = Field(0, ge=0, le=10_000_000)
    take: int = Field(50, ge=1, le=1000)


class BehindRow(Schema):
    """A deal (or lead) behind a metric."""

    id: str
    name: str | None
    segment: str
    stage_entered: str
    outcome: str
    days: int | None
    amount: str
    amount_at_entry: str


class BehindOut(Schema):
    """A page of the rows behind a metric."""

    total: int
    rows: list[BehindRow]


@router.get("/metrics/{path:name}/rows", response=BehindOut, summary="The deals behind a metric")
def behind(request: HttpRequest, name: str, asked: Query[BehindAsked]) -> Any:
    """The deals behind a metric that the caller may see, largest first."""
    found = actions.behind(
        api_actor(request), name, segment=asked.segment, outcome=asked.outcome, skip=asked.skip, take=asked.take, **_words(asked)
    )  # fmt: skip
    from closedwon.workspace import current

    unit = (asked.currency or current().settings.currency).upper()
    rows = [
        {
            "id": row["id"], "name": row.get("name"), "segment": row["segment"], "stage_entered": row.get("entered", ""),
            "outcome": row["outcome"], "days": row["days"], "amount": format_major(row["amount_minor"], unit),
            "amount_at_entry": format_major(row["entry_minor"], unit),
        }
        for row in found.rows
    ]  # fmt: skip
    return {"total": found.total, "rows": rows}
