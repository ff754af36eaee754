"""The weekly summary and the scorecard over the API. Money is text in major units; figures carry their exact values and sources."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.forecast.actions import scorecard as cards
from closedwon.forecast.actions import summary as summaries
from closedwon.forecast.actions import summary_files as files
from closedwon.forecast.actions import summary_sending as sending
from closedwon.people.acting import api_actor

router = Router()


class SummaryAsked(Schema):
    """Which week: the period, the day that ends it, the type, the organisation, the rates and the seat."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4, 2017-10 or 2017; by default the quarter of the as-of")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    type: str | None = Field(None, description="A forecast type of the policy")
    org: str = Field("as-was", description="as-was or as-is")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""
    node: str | None = Field(None, description="Only this seat and what is below it")


class SummaryTile(Schema):
    """A number on top."""

    label: str
    text: str
    small: str


class SummaryPart(Schema):
    """A part of the page: its opening and its items, sentence by sentence."""

    name: str
    title: str
    opening: list[str]
    items: list[str]


class SummaryFigure(Schema):
    """A figure of the text: its exact value (minor units of a currency, parts per million, a count, a day) and the number of its source."""

    key: str
    text: str
    value: int | str
    unit: str
    source: int
    sentence: str


class SummarySource(Schema):
    """Where figures come from: the page, its filters, and the day whose close it shows."""

    number: int
    page: str
    filter: str
    as_of: date
    path: str


class SummaryOut(Schema):
    """The week on one page, as far as the asker may see."""

    company: str
    scope: str
    type: str
    period: str
    as_of: date
    since: date
    currency: str
    headline: str
    tiles: list[SummaryTile]
    sections: list[SummaryPart]
    notes: list[str]
    figures: list[SummaryFigure]
    sources: list[SummarySource]


@router.get("/summary", response=SummaryOut, summary="The weekly summary with every figure and its source")
def summary(request: HttpRequest, asked: Query[SummaryAsked]) -> Any:
    """Every sentence is made from figures; each names the source that shows it."""
    return summaries.summary(by=api_actor(request), **asked.dict()).as_dict()


class SummaryTexts(Schema):
    """The summary written out: HTML for mail, Markdown, and the message for a Slack webhook."""

    html: str
    markdown: str
    slack: dict[str, Any]


@router.get("/summary/texts", response=SummaryTexts, summary="The weekly summary as mail, Markdown and Slack message")
def texts(request: HttpRequest, asked: Query[SummaryAsked]) -> Any:
    """The same summary in the forms in which it is sent."""
    found = summaries.summary(by=api_actor(request), **asked.dict())
    return {"html": files.as_html(found), "markdown": files.as_markdown(found), "slack": files.as_slack(found)}


class ScorecardOut(Schema):
    """The scorecard: a row for each seat under its manager; the columns of flags follow the summary policy."""

    type: str
    period: str
    as_of: date
    currency: str
    notes: list[str]
    rows: list[dict[str, str | int]]


@router.get("/scorecard", response=ScorecardOut, summary="The hygiene and pace of each manager's people")
def scorecard(request: HttpRequest, asked: Query[SummaryAsked]) -> Any:
    """Flags by money, overdue and pushed deals, late calls, coverage and pace."""
    found = cards.scorecard(by=api_actor(request), **asked.dict())
    return {
        "type": found.type, "period": found.period, "as_of": found.as_of, "currency": found.currency, "notes": list(found.notes),
        "rows": found.as_rows(),
    }  # fmt: skip


class MessageOut(Schema):
    """A message that was sent, waits, or was given up."""

    id: int
    kind: str
    subject: str
    as_of: date
    period: str
    channel: str
    to: str
    state: str
    attempts: int
    sent_at: datetime | None
    last_error: str


def _message(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk, "kind": row.run.kind, "subject": row.run.subject, "as_of": row.run.as_of, "period": row.run.period, "channel": row.channel,
        "to": row.to, "state": row.state, "attempts": row.attempts, "sent_at": row.sent_at, "last_error": row.last_error,
    }  # fmt: skip


@router.get("/summary/messages", response=list[MessageOut], summary="What was sent, and how it ended")
def sent(request: HttpRequest, take: int = Query(50, ge=1, le=500)) -> Any:
    """The latest first; for sales ops and auditors."""
    return [_message(row) for row in sending.sent(by=api_actor(request), take=take)]


class SendAsked(Schema):
    """What is sent at once: the weekly summary or the scorecard, of which day and period."""

    kind: str = Field("weekly", description="weekly or scorecard")
    as_of: str = ""
    period: str = ""
    type: str = ""


class SendOut(Schema):
    """The job that makes and sends it."""

    job: int
    status: str


@router.post("/summary/send", response={202: SendOut}, summary="Make and send the summary now")
def send(request: HttpRequest, asked: SendAsked) -> Any:
    """To those whom the summary policy names, each with what they may see; for sales ops."""
    words = asked.dict()
    made = sending.send_now(words.pop("kind"), by=api_actor(request), **words)
    return 202, {"job": made.pk, "status": made.status}


@router.post("/summary/messages/{number}/again", response=MessageOut, summary="Try a message again")
def again(request: HttpRequest, number: int) -> Any:
    """One that was given up or waits; for sales ops."""
    return _message(sending.send_again(number, by=api_actor(request)))
