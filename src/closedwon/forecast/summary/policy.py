"""The summary policy: what is worth telling, who gets the weekly summary and the Monday scorecard, and when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from closedwon.base.money import share
from closedwon.base.policytext import Percent, PolicyModel, Referenced
from closedwon.people.actor import ROLES

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _time(value: Any) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError('write a time of the day in quotes, such as "08:00"') from error


def _role(value: str) -> str:
    if value not in ROLES:
        raise ValueError(f"there is no role {value!r}; there are {', '.join(ROLES)}")
    return value


def _variable(value: str) -> str:
    if not value.startswith("CLOSEDWON_") or not value.replace("_", "").isalnum() or not value.isupper():
        raise ValueError("name a variable of the environment that begins with CLOSEDWON_, such as CLOSEDWON_SLACK_WEBHOOK")
    return value


TimeOfDay = Annotated[time, BeforeValidator(_time)]


class Told(PolicyModel):
    """What is worth telling."""

    least: Percent = 5_000
    """Amounts below this share of the quota (without a quota: of the period's open pipeline) are not told."""
    deals: int = Field(default=5, ge=1, le=12)
    """How many deals that moved are named, the largest first."""
    risks: int = Field(default=4, ge=1, le=10)
    """How many risks are told, the most money first."""
    asks: int = Field(default=5, ge=1, le=12)
    """How many asks are made, the most money first."""
    late: int = Field(default=6, ge=1, le=30)
    """How many late callers are named; the others are counted."""
    coverage_below: Percent = 3_000_000
    """Coverage of what is left of the quota is told as a risk below this."""
    one_deal: Percent = 200_000
    """A deal is told as a risk where it alone is this share of the open commit."""
    asks_due: Weekday = "thursday"
    """The day until which what is asked for is due."""


class When(PolicyModel):
    """When something is sent, in the company's time zone."""

    send: bool = True
    """Off: it is made when somebody asks for it, and never sent by itself."""
    day: Weekday = "monday"
    """On which day of the week."""
    at: TimeOfDay = time(8)
    """At what time."""


class Receiver(PolicyModel):
    """Who gets it by mail: everybody with one of these roles, and these addresses. Each gets what they themselves may see."""

    roles: list[Annotated[str, AfterValidator(_role)]] = []
    """Roles whose holders get it."""
    emails: list[str] = []
    """Further people, by the address with which they sign in."""


class SlackChannel(PolicyModel):
    """A Slack channel, through an incoming webhook whose address stands in the environment, with what one person may see."""

    name: str = Field(min_length=1, max_length=60)
    """What the channel is called on pages."""
    webhook: Annotated[str, AfterValidator(_variable)] = "CLOSEDWON_SLACK_WEBHOOK"
    """The variable of the environment that holds the webhook's address."""
    seen_by: str = Field(min_length=3)
    """The address of the person whose sight the message has."""


class SummaryPolicy(Referenced):
    """`forecast-summary.toml`: what the weekly summary tells, to whom it and the Monday scorecard go, and when."""

    types: list[str] = []
    """The forecast types that are summed up, each on a page of its own; blank is the default type alone."""
    tell: Told = Told()
    weekly: When = When(day="tuesday", at=time(8))
    weekly_to: Receiver = Receiver()
    scorecard: When = When(day="monday", at=time(7))
    scorecard_to: Receiver = Receiver()
    scorecard_flags: list[str] = Field(default=["past_close_date", "no_next_step", "pushed"], max_length=6)
    """The flags with a column of their own, by their names in the inspection policy."""
    slack: list[SlackChannel] = []

    def threshold(self, quota: int | None, open_minor: int) -> int:
        """The least amount that is told, in minor units."""
        return abs(share(quota or abs(open_minor), self.tell.least))


def run_case(policy: SummaryPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """A case's steps: the headline, every sentence of each part and the tiles, from the numbers of a week in major units."""
    from closedwon.forecast.summary.cases import week_of
    from closedwon.forecast.summary.sentences import write

    made = write(week_of(given), policy)
    steps = {"headline": made.headline.plain}
    for tile in made.tiles:
        steps[tile.label] = (tile.figure.text if tile.figure else "–") + (f"; {tile.small.plain}" if tile.small else "")
    for section in made.sections:
        steps[section.name] = " | ".join(sentence.plain for sentence in section)
    if made.notes:
        steps["notes"] = " | ".join(made.notes)
    wanted = given.get("show")
    return {key: value for key, value in steps.items() if not wanted or key in wanted}


def due_day(day: date, weekday: str) -> date:
    """The first such weekday after a day."""
    ahead = (DAYS.index(weekday) - day.weekday() - 1) % 7 + 1
    return date.fromordinal(day.toordinal() + ahead)
