"""The deal desk's policy: kinds of cases and their clocks, templates of answers, the booking checklist, the clocks of a quarter's end."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from closedwon.approvals.policy import Hours
from closedwon.base.policytext import Percent, PolicyModel

Paper = Literal["standard", "customer"]


class CaseKind(PolicyModel):
    """A kind of question to the deal desk, and how soon it is answered."""

    name: str = Field(min_length=1, max_length=40, pattern="^[a-z0-9-]+$")
    """Its key, in small letters."""
    title: str = Field(min_length=1, max_length=80)
    """As people read it."""
    about: str = ""
    """What belongs here."""
    first_response: int = Field(gt=0, le=400)
    """Business hours until the first answer is due."""
    resolution: int = Field(gt=0, le=4000)
    """Business hours until it is solved."""


class Urgent(PolicyModel):
    """The last days of a quarter, in which first answers are due sooner."""

    last_days: int = Field(default=0, ge=0, le=31)
    """How many days before the quarter ends; 0 switches it off."""
    first_response: int = Field(default=2, gt=0)
    """Business hours until the first answer is due in those days."""


class Template(PolicyModel):
    """A text to start an answer from."""

    name: str = Field(min_length=1, max_length=80)
    """What it is called in the list."""
    kind: str = ""
    """The kind of case it is offered for; empty: all."""
    text: str = Field(min_length=1, max_length=10_000)
    """The text; {deal}, {account}, {owner}, {request} and {me} are filled in."""


class Item(PolicyModel):
    """One thing that a booking must have."""

    item: str = Field(min_length=1, max_length=200)
    """What must be true, as a sentence."""
    about: str = ""
    """How to see it."""
    paper: Paper | Literal["any"] = "any"
    """Only for orders on our paper (standard) or the customer's; any: both."""
    required: bool = True
    """Whether a booking waits for it."""


def _clock(value: Any) -> Any:
    """A time of day as people write it, "23:59"."""
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError:
            raise ValueError('write a time in quotes, such as "23:59"') from None
    return value


def _zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError('write a time zone as in "America/Los_Angeles"') from None
    return value


class Clocks(PolicyModel):
    """When an order still books into its period, when a renewal is late, and when a month is locked."""

    zone: Annotated[str, BeforeValidator(_zone)]
    """The time zone of these clocks."""
    submit_by: Annotated[time, BeforeValidator(_clock)] = time(23, 59)
    """An order submitted by this minute of the period's last day books into the period, though it is reviewed later."""
    start_within_days: int = Field(default=30, ge=0)
    """How many days after its start an order may be submitted."""
    late_renewal_days: int = Field(default=15, ge=0)
    """A renewal is late when it is submitted more than so many days after the contract's end."""
    very_late_renewal_days: int = Field(default=180, ge=0)
    """A renewal is very late, and a new business, when it is submitted more than so many days after the contract's end."""
    month_locks_on: int = Field(default=5, ge=1, le=28)
    """The day of the next month from which a month is locked."""
    exception: list[str] = []
    """The roles that must all agree to book into a locked month."""

    @model_validator(mode="after")
    def _ordered(self) -> Clocks:
        if self.very_late_renewal_days < self.late_renewal_days:
            raise ValueError("very_late_renewal_days is below late_renewal_days")
        return self

    def local(self, at: datetime) -> datetime:
        """An instant on these clocks."""
        return at.astimezone(ZoneInfo(self.zone))

    def locked_from(self, day: date) -> date:
        """The day from which the month of `day` is locked."""
        return date(day.year + (day.month == 12), day.month % 12 + 1, self.month_locks_on)

    def deadline(self, last_day: date) -> datetime:
        """The end of the minute by which an order must be submitted on a period's last day."""
        minute = datetime.combine(last_day, self.submit_by, ZoneInfo(self.zone))
        return minute + timedelta(minutes=1)


class Goals(PolicyModel):
    """What the desk measures itself by."""

    satisfaction: Percent = 920_000
    """The share of answers that people were content with."""
    approval_hours: int = Field(default=24, gt=0)
    """Business hours from submission to decision."""
    without_sign_off: Percent = 500_000
    """The share of requests that need nobody."""


class DealDeskPolicy(PolicyModel):
    """`deal-desk.toml`."""

    reference: str = Field(min_length=1)
    """Where it comes from: a handbook, a decision, a mail."""
    cases: list[CaseKind] = Field(min_length=1)
    """The kinds of questions, in the order in which they are offered."""
    urgent: Urgent = Urgent()
    templates: list[Template] = []
    """Texts to start answers from."""
    checklist: list[Item] = []
    """What a booking must have."""
    clocks: Clocks
    goals: Goals = Goals()
    hours: dict[str, Hours] = Field(min_length=1)
    """Business hours by region; `default` holds for the others."""

    @model_validator(mode="after")
    def _whole(self) -> DealDeskPolicy:
        names = [case.name for case in self.cases]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the kind of case {', '.join(twice)} stands twice")
        if strange := sorted({t.kind for t in self.templates if t.kind and t.kind not in names}):
            raise ValueError(f"a template is for the unknown kind of case {', '.join(strange)}")
        if "default" not in self.hours:
            raise ValueError("the hours need a calendar named default")
        return self

    def case(self, name: str) -> CaseKind | None:
        """The kind of that name."""
        return next((case for case in self.cases if case.name == name), None)

    def items(self, paper: str) -> list[Item]:
        """What a booking on that paper must have."""
        return [item for item in self.checklist if item.paper in ("any", paper)]
