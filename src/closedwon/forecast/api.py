"""The forecast over the API. Money is text in major units."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.base.money import format_major
from closedwon.forecast import actions, api_calls, api_optimize, api_outlook, api_pace, api_projection, api_summary
from closedwon.forecast.reading import book_in_force
from closedwon.forecast.results import RollUp
from closedwon.people.acting import api_actor
from closedwon.policies.actions import READERS

router = Router()
router.add_router("", api_projection.router)
router.add_router("", api_pace.router)
router.add_router("", api_optimize.router)
router.add_router("", api_outlook.router)
router.add_router("", api_summary.router)
router.add_router("", api_calls.router)


class Asked(Schema):
    """Which numbers: the period, the moment, the type, the grouping, the organisation and the rates."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4, 2017-10, 2017 or all; by default the quarter of the as-of")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    by: str = Field("manager", description="manager, rep, segment, region, product, type, source, industry or territory")
    type: str | None = Field(None, description="A forecast type of the policy")
    org: str = Field("as-was", description="as-was or as-is")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""
    known_as_of: str | None = None
    node: str | None = Field(None, description="Only this node and what is below it")

    def words(self) -> dict[str, Any]:
        """As the actions take it."""
        return {**{key: value for key, value in self.dict().items() if key not in ("by", *_OWN)}, "by_dim": self.by}


class Paged(Asked):
    """The same, and which rows."""

    skip: int = Field(0, ge=0, le=10_000_000)
    take: int = Field(50, ge=1, le=1000)


class Between(Asked):
    """The same, between two days."""

    begin: str = Field(..., alias="from", description="The begin: the close of this day")
    end: str | None = Field(None, alias="to", description="The end: the close of this day; by default now")

    def words(self) -> dict[str, Any]:
        """As the actions take it: two days stand instead of the as-of."""
        return {key: value for key, value in super().words().items() if key != "as_of"}


class BetweenPaged(Between):
    """The same, and which rows of which bar."""

    bucket: str
    skip: int = Field(0, ge=0, le=10_000_000)
    take: int = Field(50, ge=1, le=1000)


_OWN = ("begin", "end", "bucket", "skip", "take")


class Node(Schema):
    """One node of a roll-up; the last row is the total."""

    node: str
    name: str
    parent: str
    quota: str | None
    closed: str
    booked: str
    commit: str
    best_case: str
    most_likely: str
    pipeline: str
    omitted: str
    undated: str
    total_open: str


class Shown(Schema):
    """A roll-up and what it stands on."""

    type: str
    period: str
    as_of: date
    org: str
    rates: str
    currency: str
    alarms: list[str]
    notes: list[str]
    rows: list[Node]


def _shown(found: RollUp) -> dict[str, Any]:
    rows = [{**row, "quota": row["quota"] or None} for row in found.rows()]
    return {**_head(found), "as_of": found.day, "rows": rows}


def _head(found: Any) -> dict[str, Any]:
    return {
        "type": found.type.name, "period": found.period.label, "org": found.org, "rates": found.rates, "currency": found.currency,
        "alarms": list(found.alarms), "notes": list(found.notes),
    }  # fmt: skip


@router.get("/show", response=Shown, summary="The forecast of a period, node by node")
def show(request: HttpRequest, asked: Query[Asked]) -> Any:
    """The forecast of a period as it stood; the last row is the total."""
    return _shown(actions.roll_up(by=api_actor(request), **asked.words()))


class FlowOut(Schema):
    """One node of a waterfall under one parent; the last row is the total."""

    node: str
    name: str
    parent: str
    begin: str
    new: str
    transferred_in: str
    pulled_in: str
    reopened: str
    increased: str
    decreased: str
    pushed_out: str
    won: str
    lost: str
    deleted: str
    transferred_out: str
    fx: str
    end: str


class FallOut(Schema):
    """A waterfall and what it stands on."""

    type: str
    period: str
    begin: date = Field(..., serialization_alias="from")
    end: date = Field(..., serialization_alias="to")
    org: str
    rates: str
    currency: str
    alarms: list[str]
    notes: list[str]
    rows: list[FlowOut]


@router.get("/waterfall", response=FallOut, summary="What moved the pipeline of a period between two days", by_alias=True)
def waterfall(request: HttpRequest, asked: Query[Between]) -> Any:
    """Begin, every movement, end; to the cent, node by node."""
    found = actions.waterfall(by=api_actor(request), begin=asked.begin, end=asked.end, **asked.words())
    return {**_head(found), "begin": found.begin, "end": found.end, "rows": found.rows()}


class FlagOut(Schema):
    """A flag on a deal and its reason."""

    name: str
    label: str
    severity: str
    reason: str


class DealOut(Schema):
    """A deal behind a number."""

    opportunity_id: str
    name: str | None = None
    account_id: str | None = None
    account_name: str | None = None
    owner_id: str | None = None
    owner_name: str | None = None
    stage: str | None = None
    category: str | None = None
    close_date: date | None = None
    amount: str
    flags: list[FlagOut]


class DealsOut(Schema):
    """A page of deals: how many there are, and what all of them add up to."""

    count: int
    total: str
    currency: str
    rows: list[DealOut]


def _deals(page: actions.DealPage, rows: Any = None) -> dict[str, Any]:
    made = [
        {**row, "amount": format_major(row["amount_in_minor"], page.currency), "flags": [flag.as_dict() for flag in row["flags"]]}
        for row in (page.rows if rows is None else rows)
    ]
    return {"count": page.count, "total": format_major(page.total_minor, page.currency), "currency": page.currency, "rows": made}


@router.get("/deals", response=DealsOut, summary="The deals behind a number of the forecast")
def deals(request: HttpRequest, asked: Query[Paged], bucket: str = "commit") -> Any:
    """The largest first, each with its flags."""
    return _deals(actions.deals_behind(by=api_actor(request), buckets=[bucket], skip=asked.skip, take=asked.take, **asked.words()))


@router.get("/waterfall/deals", response=DealsOut, summary="The deals behind a bar of the waterfall")
def bar(request: HttpRequest, asked: Query[BetweenPaged]) -> Any:
    """The largest first."""
    page = actions.bar_deals(
        by=api_actor(request), begin=asked.begin, end=asked.end, bucket=asked.bucket, skip=asked.skip, take=asked.take, **asked.words()
    )
    return _deals(page)


@router.get("/inspection", response=DealsOut, summary="Open deals that deserve a look")
def inspection(request: HttpRequest, asked: Query[Paged], flag: str = "") -> Any:
    """The most urgent first, with the reasons."""
    words = {key: value for key, value in asked.words().items() if key not in ("by_dim", "known_as_of")}
    page = actions.inspection(by=api_actor(request), flag=flag, **words)
    return _deals(page, page.rows[asked.skip : asked.skip + asked.take])


class FlagRuleOut(Schema):
    """A flag of the inspection policy in force."""

    name: str
    label: str
    when: str
    severity: str
    why: str
    help: str


@router.get("/flags", response=list[FlagRuleOut], summary="The inspection flags in force")
def flags(request: HttpRequest) -> Any:
    """The flags that are on, in the order of the policy, each with its formula."""
    api_actor(request).need(*READERS, to="read policies")
    book = book_in_force()
    return list(book.policy.active) if book else []


class SeenOut(Schema):
    """A value that a formula saw."""

    name: str
    value: str
    about: str


class WhyOut(Schema):
    """Why a deal has a flag: what its formula saw, the value of every part, and since when."""

    deal: str
    flag: str
    raised: bool
    label: str
    reason: str
    error: str
    when: str
    since: date | None
    since_is_exact: bool
    saw: list[SeenOut]
    steps: dict[str, Any]


@router.get("/deals/{deal}/flags/{flag}", response=WhyOut, summary="Why a deal has a flag")
def why(request: HttpRequest, deal: str, flag: str, asked: Query[Asked]) -> Any:
    """The formula, the values that it saw and those of all its parts; `since` is the first day of the unbroken run of days."""
    words = {key: value for key, value in asked.words().items() if key not in ("by_dim", "known_as_of", "node")}
    found = actions.why(by=api_actor(request), deal=deal, flag=flag, **words)
    return {
        "deal": found.deal, "flag": found.flag.name, "raised": found.raised, "label": found.label, "reason": found.reason, "error": found.error,
        "when": found.flag.when, "since": found.since, "since_is_exact": found.since_is_exact, "saw": [vars(one) for one in found.saw],
        "steps": found.steps.as_dict(),
    }  # fmt: skip


class TypeOut(Schema):
    """A forecast type of the policy."""

    name: str
    label: str
    about: str


@router.get("/types", response=list[TypeOut], summary="The forecast types")
def types(request: HttpRequest) -> Any:
    """The types of the policy in force, the default first."""
    api_actor(request)
    from closedwon.forecast.showing import policy

    found = policy()
    return sorted(found.types, key=lambda item: item.name != found.default)
