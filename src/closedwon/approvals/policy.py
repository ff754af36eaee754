"""Approval policies: what a request carries, which rules ask which roles, in which order, and by when.

Every document of `approvals/*.toml` has the same shape, and each part may be left out; the documents of one subject are taken together
(`closedwon.approvals.rules.united`), so that roles stand in one file and rules in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from closedwon.base.policytext import Money, PolicyModel, Version, in_order, version_on
from closedwon.formula.decisions.field import TableField
from closedwon.formula.field import FormulaText

Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9-]*$")]
"""The key of a role or a chain: small letters, digits, hyphens."""
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class FieldText(PolicyModel):
    """What a request carries under a name: its type, and how two values of it compare."""

    type: str = ""
    """money, percent, number, date, text, picklist, yes/no, …; left out for rows."""
    label: str = ""
    """As people read it."""
    worse: Literal["higher", "lower", "change", ""] | list[str] = ""
    """Which way is worse for an approver: higher, lower, any change, or the values of a picklist from best to worst. Empty: never compared."""
    tolerance: str = ""
    """How much worse than approved needs no new approval, in the field's own unit, such as "2%"."""
    step: str = ""
    """The smallest change that a person would make, such as "0.1%"; left out, no change of it is proposed."""
    values: list[str] = []
    """The values of a picklist."""
    tested_by: list[str] = []
    """Roles for whom any change of it counts, whatever their rules test: free text and clauses."""
    rows: dict[str, FieldText] = {}
    """The columns of lines."""

    @field_validator("rows", mode="before")
    @classmethod
    def _columns(cls, value: Any) -> Any:
        return _fields(value)

    @model_validator(mode="after")
    def _whole(self) -> FieldText:
        if bool(self.type) == bool(self.rows):
            raise ValueError("a field has a type, or the columns of its rows")
        if self.rows and (self.worse or self.tolerance or self.step):
            raise ValueError("rows are compared by their columns; give `worse` there")
        return self


def _fields(value: Any) -> Any:
    """Fields written as a type alone, `term = "number"`, become tables."""
    return {name: {"type": one} if isinstance(one, str) else one for name, one in value.items()} if isinstance(value, dict) else value


class Compute(PolicyModel):
    """A value that is computed from the request, and may be tested like a field."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """How formulas call it."""
    formula: FormulaText
    """What it is, from fields and other computed values."""
    type: str = "number"
    """Its type."""
    label: str = ""
    """As people read it."""
    worse: Literal["higher", "lower", "change", ""] = ""
    """Which way is worse for an approver."""
    tolerance: str = ""
    """How much worse than approved needs no new approval."""
    step: str = ""
    """Not proposed itself: what it is computed from is."""


class Role(PolicyModel):
    """Somebody who may have to agree: who that is, how many of them, and by when."""

    name: Word
    """Its key."""
    title: str = ""
    """As people read it."""
    side: str = ""
    """Sales, finance, legal, …: nobody decides for both sales and finance on one request."""
    who: Literal["holders", "manager", "person"] = "holders"
    """holders: those who hold the role; manager: up the owner's line of managers; person: the people named."""
    people: list[str] = []
    """Of a named person: ids or mail addresses."""
    by: Literal["", "region"] = ""
    """region: holders of the request's region first, then those without one."""
    mode: Literal["one", "any", "all", "quorum"] = "one"
    """one: one of them is asked; any: all are asked and the first decides; all: each must agree; quorum: so many must."""
    quorum: int = Field(0, ge=0, le=50)
    """How many must agree in a quorum."""
    of: Literal["owner", "submitter"] = "owner"
    """Whose manager."""
    limit_on: str = ""
    """Of a manager: the field that the person's own limit must cover; without one, the first manager."""
    climb: Literal["least", "each"] = "least"
    """least: only the first manager whose limit suffices; each: everyone on the way up too."""
    sla_hours: int = Field(0, ge=0, le=2000)
    """Business hours to decide; 0: no clock."""
    remind_hours: int = Field(0, ge=0, le=2000)
    """Business hours before the end at which a reminder goes out."""
    escalate_to: str = ""
    """What happens when it is late: another role, `manager` (the approver's), or `queue` (any holder may take it)."""
    backup: str = ""
    """The role that is asked when nobody may decide."""
    auto: bool = False
    """Whether this rung needs nobody, such as what a rep may do alone."""
    step_up: Money | None = None
    """Above this amount a decision takes the web app and a strong sign-in."""
    bulk: bool = True
    """Whether several may be decided at once."""
    inherits_from: list[str] = []
    """Roles whose agreement counts for this one too."""

    @model_validator(mode="after")
    def _whole(self) -> Role:
        if (self.mode == "quorum") != bool(self.quorum):
            raise ValueError("a quorum needs how many, and only a quorum")
        if (self.who == "person") != bool(self.people):
            raise ValueError("a role of named people names them, and only such a role")
        if self.limit_on and self.who != "manager":
            raise ValueError("a limit is looked at on the way up the managers only")
        return self

    @property
    def label(self) -> str:
        """As people read it."""
        return self.title or self.name.replace("-", " ").capitalize()


class Chain(PolicyModel):
    """Roles in sequence; those of an inner list are asked at once."""

    name: str = Field(min_length=1, max_length=60)
    """What it is called."""
    steps: list[str | list[str]] = Field(min_length=1)
    """Roles in the order in which they are asked; a list within asks its roles at the same time."""
    mode: Literal["each", "highest"] = "each"
    """each: every role that a rule asks for; highest: only the last of them."""

    @property
    def groups(self) -> list[list[str]]:
        """The roles of each place in the sequence."""
        return [[one] if isinstance(one, str) else list(one) for one in self.steps]


class Asking(PolicyModel):
    """What rules and tables have in common."""

    reason: str = ""
    """Why, as a sentence; {discount} shows the value."""
    tests: list[str] = []
    """The fields that its approvers look at; left out: those with `worse` that it uses. `lines.discount` compares line by line."""


class Rule(Asking):
    """Asks roles when a formula holds."""

    name: str = Field(min_length=1, max_length=80)
    """What it is called."""
    when: FormulaText
    """The formula: yes or no."""
    ask: list[str] = []
    """The roles that must agree."""
    forbid: bool = False
    """Whether such a request cannot be submitted at all; the reason says how to mend it."""

    @model_validator(mode="after")
    def _whole(self) -> Rule:
        if bool(self.ask) == self.forbid:
            raise ValueError("a rule asks roles, or it forbids")
        return self


class Table(Asking):
    """Asks the roles that a decision table names in its output `ask`."""

    when: str = Field("", max_length=4000, json_schema_extra={"format": "formula"})
    """The formula that says for which requests the table is; empty: for all."""
    on_gap: str = ""
    """The role that is asked where no row covers a request; left out, the floor's `otherwise`."""
    table: TableField
    """The table. Its output `ask` names a role, several joined with a semicolon, or none; an output `reason` may say why."""

    @model_validator(mode="after")
    def _whole(self) -> Table:
        if "ask" not in [output.name for output in self.table.outputs]:
            raise ValueError("the table needs an output named ask")
        return self


class Floor(PolicyModel):
    """What goes through without anybody, logged with its reason."""

    when: FormulaText
    """The formula: yes or no."""
    reason: str = Field(min_length=1)
    """Why, as a sentence."""
    otherwise: str = Field(min_length=1)
    """The role that is asked where no rule asks and the floor does not hold."""


class Explanation(PolicyModel):
    """What must be written down when a formula holds."""

    when: FormulaText
    """The formula: yes or no."""
    require: list[str] = Field(min_length=1)
    """The fields that must not be empty then."""


def _clock(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return time.fromisoformat(value)
        except ValueError:
            raise ValueError('write a time in quotes, such as "09:00"') from None
    return value


def _zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError('write a time zone, such as "Europe/Berlin"') from None
    return value


class Hours(PolicyModel):
    """Business hours of a region."""

    zone: Annotated[str, BeforeValidator(_zone)]
    """Its time zone."""
    days: str = "Mon-Fri"
    """The working days: "Mon-Fri", or "Sun,Mon,Tue,Wed,Thu"."""
    opens: Annotated[time, BeforeValidator(_clock)] = time(9)
    """When the day begins."""
    closes: Annotated[time, BeforeValidator(_clock)] = time(18)
    """When the day ends."""
    holidays: list[date] = []
    """Days off."""

    @field_validator("days")
    @classmethod
    def _known(cls, value: str) -> str:
        weekdays(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> Hours:
        if self.closes <= self.opens:
            raise ValueError("the day ends before it begins")
        return self

    @property
    def weekdays(self) -> frozenset[int]:
        """The working days as numbers; 0 is Monday."""
        return weekdays(self.days)


def weekdays(text: str) -> frozenset[int]:
    """The days that a text such as "Mon-Fri" or "Mon,Wed" names; 0 is Monday. Raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = (one.strip().capitalize()[:3] for one in part.partition("-"))
        if first not in DAYS or (last and last not in DAYS):
            raise ValueError('write days as "Mon-Fri" or "Mon,Wed,Fri"')
        start, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % 7 for day in range(start, (end if end >= start else end + 7) + 1)}
    return frozenset(found)


class MatrixVersion(Version):
    """What holds from a day on."""

    currency: str = Field("", pattern=r"^([A-Z]{3})?$")
    """The currency of amounts in formulas and tables. A request in another one is converted before anything is compared."""
    fields: dict[str, FieldText] = {}
    """What a request carries."""
    compute: list[Compute] = []
    """Values computed from it."""
    role: list[Role] = []
    """Who may have to agree."""
    chain: list[Chain] = []
    """In which order."""
    rule: list[Rule] = []
    """Formulas that ask roles, or forbid."""
    table: list[Table] = []
    """Decision tables that ask roles."""
    floor: Floor | None = None
    """What goes through without anybody."""
    explanation: list[Explanation] = []
    """What must be written down."""
    hours: dict[str, Hours] = {}
    """Business hours by region; `default` for the others."""

    @field_validator("fields", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return _fields(value)


class Matrix(PolicyModel):
    """One document of `approvals/*.toml`."""

    title: str = Field(min_length=1, max_length=120)
    """What it is called."""
    about: str = ""
    """What it is for, in a sentence."""
    subject: str = Field("deal", min_length=1, max_length=40, pattern=r"^[a-z][a-z-]*$")
    """The kind of request: deal, order, quote, plan, …"""
    version: list[MatrixVersion] = Field(min_length=1)
    """What holds from which day on."""

    @field_validator("version")
    @classmethod
    def _ordered(cls, value: Sequence[MatrixVersion]) -> Sequence[MatrixVersion]:
        return in_order(value)

    def on(self, day: date) -> MatrixVersion | None:
        """The version that holds on a day, None where none does yet."""
        return version_on(self.version, day)
