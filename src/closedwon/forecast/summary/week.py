"""The numbers of a week, as sentences are made from them: what the forecast's own actions say, and where each is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from closedwon.forecast.summary.text import Source

CALLED = ("commit", "most_likely", "best_case")
"""What is called, from the surest."""


@dataclass(frozen=True)
class Call:
    """A call of a seat for the period, in minor units by category; a category that was not called is missing."""

    seat: str
    name: str
    who: str
    now: Mapping[str, int]
    before: Mapping[str, int] = field(default_factory=dict)
    """The call that stood at the begin of the week."""
    note: str = ""
    rollup: int | None = None
    """What the seat's deals add up to as most likely."""
    machine: int | None = None
    """What the machine expects of the seat."""
    quota: int | None = None


@dataclass(frozen=True)
class Move:
    """A deal that moved the period's open pipeline, under its bar of the waterfall; the amount is the bar's."""

    deal: str
    name: str
    account: str
    bucket: str
    amount: int
    owner: str = ""
    close_before: date | None = None
    close_after: date | None = None
    amount_after: int | None = None
    left_out: bool = False
    """Whether it left because it was omitted, its date being in the period still."""
    reason: str = ""
    """Why it was lost, as the CRM says."""
    pushes: int = 0
    """How often its close date was pushed into a later period by now."""


@dataclass(frozen=True)
class Risk:
    """A flag with the forecast money that carries it, and the part of the team with most of it."""

    flag: str
    label: str
    deals: int
    amount: int
    most_name: str = ""
    most_amount: int = 0
    heavy: bool = True
    only: str = ""
    """The deal, where it is one alone."""


@dataclass(frozen=True)
class Ask:
    """What somebody is asked to do about a deal."""

    deal: str
    name: str
    owner: str
    amount: int
    label: str
    help: str


@dataclass(frozen=True)
class Late:
    """A seat whose call is missing, or came after it was due."""

    seat: str
    name: str
    who: str
    at: str = ""
    """When it came, as people write it; empty where it did not."""


@dataclass(frozen=True)
class Machine:
    """The projection: median and 80 % interval in minor units, or why there is none."""

    median: int | None = None
    low: int | None = None
    high: int | None = None
    refusal: str = ""


@dataclass(frozen=True)
class Week:
    """Everything that a summary is made of, in minor units of one currency. A number that there is not is None, never nought."""

    company: str
    scope: str
    type: str
    period: str
    currency: str
    day: date
    since: date
    days_left: int
    sources: Mapping[str, Source]
    """Where figures are shown: board, waterfall, calls, machine, deals, flags, policy, year."""
    quota: int | None = None
    closed: int = 0
    closed_before: int | None = None
    """What was closed a week before, in the same period; None before the period began."""
    rollup: Mapping[str, int] = field(default_factory=dict)
    rollup_before: Mapping[str, int] = field(default_factory=dict)
    open: int = 0
    open_commit: int = 0
    """Open deals in commit."""
    coverage_year: float | None = None
    """Coverage of what was left of the quota a year before, on the same day of the period."""
    call: Call | None = None
    called_by: int = 0
    """How many seats at the top the call is the sum of."""
    calls_known: bool = False
    """Whether there are calls on record that the reader may see."""
    below: Sequence[Call] = ()
    machine: Machine = Machine()
    flow: Mapping[str, int] = field(default_factory=dict)
    moves: Sequence[Move] = ()
    flagged: int = 0
    """The forecast money that carries at least one heavy flag."""
    forecasted: int = 0
    """The open forecast money: commit, most likely and best case."""
    risks: Sequence[Risk] = ()
    largest: tuple[str, str, int] | None = None
    """The largest open deal in commit: id, name, amount."""
    asks: Sequence[Ask] = ()
    due: date | None = None
    """Until when what is asked for is due."""
    late: Sequence[Late] = ()
    expected: int = 0
    """How many seats were to call this week."""
    calls_due: str = ""
    """When calls were due, as people write it; empty where none is due yet."""
    alarms: Sequence[str] = ()
