"""The rhythm policy: when calls are due, who calls what, when a note is needed, who sees whose judgment, and what each week is for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as Clock  # noqa: N812 - a field is called time
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from closedwon.base.money import format_major, to_minor
from closedwon.base.policytext import Percent, PolicyModel, Referenced
from closedwon.forecast import calls as rules
from closedwon.forecast.policy import Slug

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Kind = Literal["week", "month", "quarter", "year"]


class Deadline(PolicyModel):
    """When the week's calls are due, in the company's time zone."""

    weekday: Weekday = "monday"
    """The day of the week."""
    time: Clock = Clock(18)
    """The time of that day."""
    opens_days: int = Field(default=3, ge=0, le=6)
    """How many days before the deadline a call counts for it; an earlier one is a late call of the week before."""
    remind_hours: list[int] = [24, 3]
    """How many hours before the deadline whoever has not called is reminded."""
    remind_late: bool = True
    """Whether they are told once more when it has passed."""

    def due(self, local: datetime) -> datetime:
        """The deadline of the week that a moment of the company's clock falls into."""
        base = datetime.combine(local.date(), self.time, local.tzinfo)
        due = base + timedelta(days=(DAYS.index(self.weekday) - local.weekday()) % 7)
        while due - timedelta(days=self.opens_days) > local:
            due -= timedelta(days=7)
        return due


class Note(PolicyModel):
    """When a call takes a note."""

    share: Percent = 20_000
    """A call may differ from what stands below it by so much of it without a note."""


class Judgment(PolicyModel):
    """Who sees whose calls, besides those above."""

    below: bool = False
    """Whether people see the calls of the seats above their own."""


class Lock(PolicyModel):
    """When a period's calls are closed."""

    days: int = Field(default=5, ge=0, le=366)
    """A period locks by itself so many days after its end; before and after that people lock and unlock it."""


class Caller(PolicyModel):
    """Which seats call which forecast types, and whether they are waited for."""

    seats: Literal["managers", "reps", "everyone"] = "everyone"
    """Seats with others below them, seats without, or both."""
    types: list[Slug] = []
    """The forecast types; blank is every type."""
    periods: list[Kind] = ["quarter", "month"]
    """For which kinds of period."""
    expected: bool = False
    """Whether a missing call of the running quarter is asked for."""
    expected_type: str = ""
    """The type that is waited for; blank is the forecast's default."""

    def fits(self, *, leads: bool, type: str, period: str) -> bool:  # noqa: A002 - the field's own word
        """Whether such a seat may call this type for this kind of period."""
        who = self.seats == "everyone" or (self.seats == "managers") == leads
        return who and (not self.types or type in self.types) and period in self.periods


class Net(PolicyModel):
    """A number that nobody types: what is called gross less what is called lost."""

    name: Slug
    """Its name."""
    label: str = Field(min_length=1, max_length=60)
    """What people read."""
    gross: Slug
    """The forecast type that adds."""
    loss: Slug
    """The forecast type that reduces; its sign is -1."""


class Focus(PolicyModel):
    """What a month of the quarter is for."""

    month: int = Field(ge=1, le=12)
    """The month of the quarter, from 1."""
    periods_ahead: int = Field(0, ge=0, le=4)
    """0 is the running quarter, 1 the next one."""
    about: str = Field(min_length=1)
    """What the talk is about."""


class Review(PolicyModel):
    """The quarterly business review."""

    weeks: list[int] = [1, 2]
    """In which weeks of the quarter, from 1."""
    about: str = "Lessons of the last quarter, this quarter's forecast, the plan ahead, and asks."
    """What it is about."""


class RhythmPolicy(Referenced):
    """`forecast-rhythm.toml`: the week of the forecast."""

    deadline: Deadline = Deadline()
    note: Note = Note()
    judgment: Judgment = Judgment()
    lock: Lock = Lock()
    callers: list[Caller] = Field(min_length=1)
    """Who calls; the first that fits counts."""
    nets: list[Net] = []
    """Gross less loss."""
    focus: list[Focus] = []
    """What each month of a quarter is for."""
    review: Review = Review()

    @model_validator(mode="after")
    def _whole(self) -> RhythmPolicy:
        for what, names in (("net", [one.name for one in self.nets]), ("month", [str(one.month) for one in self.focus])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"the {what} {', '.join(twice)} stands twice")
        wrong = [hours for hours in self.deadline.remind_hours if not 1 <= hours <= 168]
        if wrong:
            raise ValueError(f"a reminder {wrong[0]} hours before makes no sense; write 1 to 168")
        return self

    def caller(self, *, leads: bool, type: str, period: str) -> Caller | None:  # noqa: A002 - the field's own word
        """The first line that lets such a seat call this; None where none does."""
        return next((one for one in self.callers if one.fits(leads=leads, type=type, period=period)), None)

    def focus_of(self, month: int) -> Focus | None:
        """What that month of a quarter is for."""
        return next((one for one in self.focus if one.month == month), None)

    def locks_on(self, end: date) -> date:
        """The day from which a period that ends before `end` is locked by itself."""
        return end + timedelta(days=self.lock.days)


UNIT = "USD"


def run_case(policy: RhythmPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """A case's steps: a moment's deadline (`at`), a call against what stands below (`call`, `deals`, `children`), a net (`gross`, `loss`)."""
    made: dict[str, Any] = {}
    if "at" in given:
        at = datetime.fromisoformat(str(given["at"]))
        due = policy.deadline.due(at)
        made |= {"due": f"{due:%A %d %B, %H:%M}", "late": at > due}
    if "month" in given:
        focus = policy.focus_of(int(given["month"]))
        made["focus"] = "" if focus is None else f"{focus.periods_ahead} ahead: {focus.about}"
    if "week" in given:
        made["review"] = int(given["week"]) in policy.review.weeks
    if "gross" in given:
        made["net"] = _written(rules.net(_read(given["gross"]), {k: -v for k, v in _read(given["loss"]).items()}))
    if "deals" in given or "children" in given:
        made |= _basis(policy, given)
    elif "call" in given:
        made["problem"] = rules.order_problem(_read(given["call"]), int(given.get("sign", 1)))
    return made


def _basis(policy: RhythmPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    parts = []
    for at, child in enumerate(given.get("children", ())):
        kind = next(name for name in ("override", "call", "roll_up") if name in child)
        parts.append(rules.Part(f"child {at + 1}", {"override": "override", "call": "call"}.get(kind, "roll-up"), _read(child[kind])))
    basis = rules.Basis(_read(given.get("deals", {})), _read(given.get("own", {})), tuple(parts))
    made: dict[str, Any] = {"below": _written(basis.below), "marked": [part.seat for part in parts if part.kind != "call"]}
    if "call" in given:
        call = _read(given["call"])
        made |= {
            "delta": _written(basis.delta(call)), "problem": rules.order_problem(call, int(given.get("sign", 1))),
            "note": "needed" if rules.needs_note(call, basis.below, policy.note.share) else "not needed",
        }  # fmt: skip
    return made


def _read(given: Mapping[str, Any]) -> dict[str, int]:
    return {name: to_minor(Decimal(str(given.get(name, 0))), UNIT) for name in rules.CALLS}


def _written(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: format_major(amounts[name], UNIT) for name in rules.CALLS}


def week_numbers(weeks: Sequence[int]) -> str:
    """Weeks as people say them."""
    return " and ".join(str(week) for week in weeks)
