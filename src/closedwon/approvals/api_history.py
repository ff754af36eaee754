"""Looking back over approvals through the API: back-test, how they went."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from closedwon.approvals.actions.analytics import look_back
from closedwon.approvals.actions.backtest import backtest, summary
from closedwon.approvals.actions.drafts import policies_of_text
from closedwon.people.acting import api_actor

router = Router()


class Span(Schema):
    """A span of days and a kind of request."""

    since: date = Field(alias="from", description="The first day on which requests were submitted.")
    until: date = Field(alias="to", description="The first day after the last.")
    kind: str = Field("", max_length=40, description="Only requests of this kind, such as deal.")


class BacktestIn(Schema):
    """What is tried over which span."""

    since: date = Field(alias="from", description="The first day on which requests were submitted.")
    until: date = Field(alias="to", description="The first day after the last.")
    kind: str = Field("", max_length=40)
    document: str = Field(
        "", max_length=80, description="The document that the text stands in for; left out, the policies in force are tried."
    )
    text: str = Field("", max_length=400_000, description="The text of a policy, in place of the one in force.")
    offset: int = Field(0, ge=0, le=100_000_000)
    limit: int = Field(500, ge=0, le=5_000)


@router.post("/backtest", response=dict, summary="What past requests would have needed, and for how long")
def try_it(request: HttpRequest, given: BacktestIn) -> dict[str, Any]:
    """Under the policies in force, or with a text in place of one of them; the summary, and a page of requests in the order of submission."""
    by = api_actor(request)
    used = policies_of_text(given.document, given.text, by=by) if given.text else None
    found = backtest(given.since, given.until, by=by, given=used, kind=given.kind)
    rows = [one.as_dict() for one in found.part(given.offset, given.limit)]
    return {"summary": summary(found), "policies": [dict(one) for one in found.policies], "count": len(found), "requests": rows}


@router.get("/analytics", response=dict, summary="How approvals went")
def went(request: HttpRequest, span: Query[Span], by: str = Query("role", description="role, region, step or month")) -> dict[str, Any]:
    """How many needed nobody, how long steps took in business hours, rework, and where the most hours go by."""
    return look_back(span.since, span.until, by=api_actor(request), kind=span.kind, dimension=by).as_dict()
