"""Compensation plans: what is credited to whom, what is measured, how it is paid, and every date that a lookup goes by.

A plan is `policies/plans/NAME.toml` with its versions. Its parts are a closed set; whatever could be meant in two ways (a boundary, the
order of split and commission, the basis of a quota) is a key of the plan, and those that change pay have no default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from closedwon.base.policytext import Money, Percent, PolicyModel, Version, in_order
from closedwon.formula.decisions.field import TableField
from closedwon.formula.field import FormulaText, mistakes, refuse
from closedwon.formula.formula import Formula, compile  # noqa: A004 - the language's own word
from closedwon.formula.types import types_of

Word = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z][a-z0-9_-]*$")]
"""A key: small letters, digits, hyphens and underscores."""
Interval = Literal["month", "quarter", "half", "year"]
OptionalFormula = Annotated[str, Field(max_length=4000, json_schema_extra={"format": "formula"})]


class Dates(PolicyModel):
    """Which date every lookup goes by; silence is refused, and the statement prints them."""

    credit: Word
    """The date of a transaction that puts its credits into a period, such as booked_on, invoiced_on, paid_on or live_on."""
    plan: Word
    """The date whose version of the plan holds: credit, or another date of the transaction, such as signed_on."""
    assignment: Word
    """The date on which a person must hold the plan: credit, or another date of the transaction."""
    hierarchy: Word
    """The date whose line of managers rolls up: credit, or another date of the transaction."""
    quota: Literal["period_start", "period_end", "credit"]
    """Which row of a quota that was changed counts: the one in force at the start of the interval, at the end of each pay period, or on the day
    of each credit."""
    rate: Word
    """The date of the exchange rate: credit, period_start, or another date of the transaction."""


class Rollup(PolicyModel):
    """Who above the earner is credited too."""

    levels: int = Field(1, ge=1, le=20)
    """How many managers up."""
    roles: list[str] = []
    """Only managers with one of these roles; empty: all."""
    share: Percent = 1_000_000
    """The share of the order that each is credited. A manager gets an order once, and never more than 100 %."""


class Credit(PolicyModel):
    """A rule of crediting: which transactions, to whom, how much, for which measure."""

    name: Word
    """Its key."""
    measure: Word
    """The measure it adds to."""
    when: OptionalFormula = ""
    """The formula that says for which transactions; empty: for all."""
    amount: FormulaText
    """What is credited for pay, such as net_arr, or tcv / term_months * 12."""
    quota_amount: OptionalFormula = ""
    """What retires quota, where it is something else; "0" pays without retiring, and an amount of 0 retires without paying."""
    to: Literal["owner", "split", "team", "rollup", "named"] = "owner"
    """owner: the deal's owner; split: each by the shares of a kind of split; team: each of a role in the team; rollup: managers above those
    whom another rule credits; named: by a relationship in the facts."""
    split_type: str = ""
    """Of splits: the kind, such as revenue or overlay."""
    split_order: Literal["", "base-first", "commission-first"] = ""
    """base-first: the credited amount is split, and tiers see the share; commission-first: tiers see the whole, and the earning is split."""
    role: str = ""
    """Of a team or a named relationship: the role."""
    of: str = ""
    """Of a roll-up: the crediting rule whose people it stands on."""
    rollup: Rollup | None = None
    """Of a roll-up: how far, and how much."""
    at_most: Money | None = None
    """The most that one order credits by this rule, all people together."""
    holdover_days: int = Field(0, ge=0, le=3650)
    """How long after leaving the plan a person is still credited for open deals."""

    @model_validator(mode="after")
    def _whole(self) -> Credit:
        if (self.to == "split") != bool(self.split_type):
            raise ValueError("splits name their split_type, and only they do")
        if (self.to == "split") != bool(self.split_order):
            raise ValueError("splits say split_order: base-first or commission-first, and only they do")
        if (self.to == "rollup") != bool(self.of) or (self.to == "rollup") != (self.rollup is not None):
            raise ValueError("a roll-up names the rule it stands on and its [rollup], and only it does")
        if (self.to in {"team", "named"}) != bool(self.role):
            raise ValueError("a team or a named relationship names the role, and only they do")
        return self


class Tier(PolicyModel):
    """A step of a rate table: from where it holds, and what it pays. It ends where the next begins; the last is open."""

    at: str = Field(alias="from")
    """Where it begins: a percentage of quota, an amount, or a count, as the axis says."""
    rate: Percent | None = None
    """Paid on the credit."""
    multiplier: str = ""
    """In place of a rate: how many times the base rate, such as "1.5"."""
    each: Money | None = None
    """In place of a rate: an amount for each unit."""
    amount: Money | None = None
    """Of an interpolated table: what the whole step earns; half of the step earns half of it."""

    model_config = PolicyModel.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _whole(self) -> Tier:
        if sum(one not in (None, "") for one in (self.rate, self.multiplier, self.each, self.amount)) > 1:
            raise ValueError("a tier pays one of rate, multiplier, each and amount")
        return self


class Cap(PolicyModel):
    """A limit, and what becomes of what lies above it."""

    line: Money | None = None
    """The most that one credit earns."""
    period: Money | None = None
    """The most that one pay period earns."""
    interval: Money | None = None
    """The most that one measuring interval earns."""
    attainment: Percent | None = None
    """Attainment above this earns nothing."""
    excess: Literal["forfeit", "carry"]
    """forfeit: what lies above is lost; carry: it is earned in later periods, as far as their caps leave room."""


class Release(PolicyModel):
    """When a part of an earning may be paid."""

    share: Percent
    """How much of it."""
    event: Word
    """The event that releases it: booking, invoice, payment, go-live, date …; a partial event releases its share."""
    after_days: int = Field(0, ge=0, le=3650)
    """Days after the event."""


class Clawback(PolicyModel):
    """What a refund or a loss takes back."""

    when: FormulaText
    """Which transactions take back, such as kind = "churn"."""
    how: Literal["original", "today", "prorated"]
    """original: at the rates that were paid; today: at the present position, as a negative credit; prorated: original, by the time left."""
    within_months: int = Field(0, ge=0, le=240)
    """Only this long after the original was credited; 0: always."""
    lowers_attainment: bool
    """Whether quota comes back too."""


class Modifier(PolicyModel):
    """A factor on the earnings of a component, from another measure."""

    name: Word
    """Its key."""
    factor: FormulaText
    """The factor, such as IF(attainment.margin >= 100%, 1.25, 1)."""


class Ramp(PolicyModel):
    """A month of a new person's ramp."""

    month: int = Field(ge=1, le=60)
    """Which month since the assignment began."""
    quota: Percent | None = None
    """The share of the quota of that month."""
    multiplier: str = ""
    """How many times the rate in that month, such as "2"."""


class Part(PolicyModel):
    """What every component of a plan has."""

    name: Word
    """Its key."""
    title: str = ""
    """As people read it."""
    clause: str = ""
    """Where the plan document says so."""
    gate: OptionalFormula = ""
    """The formula that must hold for it to pay, over attainment.MEASURE, measured.MEASURE and quota.MEASURE of the interval so far."""
    gate_holds: Literal["earning", "accelerator"] = "earning"
    """What a closed gate holds back: all of it, or only tiers above the first."""
    modifier: list[Modifier] = []
    """Factors on what it earns."""
    cap: Cap | None = None
    """Limits."""
    floor: Money | None = None
    """The least that an interval earns, at its end."""
    release: list[Release] = []
    """When earnings may be paid; empty: at once."""
    clawback: Clawback | None = None
    """What is taken back."""
    draw_category: bool = True
    """Whether its earnings pay back draws."""

    @model_validator(mode="after")
    def _released(self) -> Part:
        if self.release and sum(one.share for one in self.release) != 1_000_000:
            raise ValueError("the shares of release must add up to 100%")
        return self

    @property
    def label(self) -> str:
        """As people read it."""
        return self.title or self.name.replace("-", " ").replace("_", " ").capitalize()


class Commission(Part):
    """Pays a rate on credits, by how far the measure has come."""

    type: Literal["commission"]
    measure: Word
    """The measure whose credits it pays."""
    when: OptionalFormula = ""
    """Which credits of the measure it pays; they all count to the measure."""
    interval: Interval
    """How long the measure runs before it begins again."""
    quota: str = ""
    """The measure whose quota attainment is had by; empty where tiers stand on amounts."""
    quota_basis: Literal["interval", "to-date"] = "interval"
    """interval: against the quota of the whole interval; to-date: against the quota up to the pay period, trued up each period."""
    axis: Literal["attainment", "amount", "units"]
    """What tiers stand on."""
    accumulate: Literal["interval", "transaction", "group"]
    """interval: credits add up over the interval; transaction: each by its own size; group: those of one group together."""
    group_by: Word | None = None
    """Of groups: the column, such as order_id or x_campaign."""
    mode: Literal["marginal", "whole", "interpolated"]
    """marginal: each slice at its own rate; whole: all of it at the rate reached; interpolated: pro rata inside the tier."""
    boundary: Literal["up", "down"]
    """Whether a value on a boundary belongs to the tier above or below it."""
    tier: list[Tier] = Field(min_length=1)
    """The rate table."""
    base_rate: Literal["", "derived"] | Percent = ""
    """What multipliers stand on: a percentage, or derived from target variable × weight ÷ quota."""
    weight: Percent = 1_000_000
    """The share of the target variable that this component stands for."""
    kicker: OptionalFormula = ""
    """A factor for each credit, such as IF(term_months >= 36, 1.2, 1)."""
    rate_table: TableField | None = None
    """In place of tiers' rates: a decision table over columns of the credit and attainment.MEASURE that gives `rate`."""
    ramp: list[Ramp] = []
    """What is different in the first months."""
    on_change: Literal["", "reset", "carry", "blend"] = ""
    """What becomes of attainment when a person's assignment changes within an interval."""

    @model_validator(mode="after")
    def _fits(self) -> Commission:
        if (self.axis == "attainment") != bool(self.quota):
            raise ValueError("tiers on attainment need the quota, and only they do")
        if (self.accumulate == "group") != (self.group_by is not None):
            raise ValueError("groups need group_by, and only they do")
        if (self.mode == "interpolated") != any(one.amount for one in self.tier):
            raise ValueError("an interpolated table gives the amount of each tier, and only it does")
        if any(one.multiplier for one in self.tier) != (self.base_rate != ""):
            raise ValueError("multipliers need a base_rate, and only they do")
        if self.base_rate == "derived" and not self.quota:
            raise ValueError("a derived base rate needs the quota")
        if self.accumulate != "interval" and self.quota_basis == "to-date":
            raise ValueError("a quota to date needs credits that add up over the interval")
        if self.tier[0].at.strip().rstrip("%").strip() not in {"0", "0.0", "0.00"}:
            raise ValueError('the first tier begins at 0; write from = "0%" or from = "0"')
        return self


class Point(PolicyModel):
    """A point of a pay curve."""

    at: Percent
    """Attainment."""
    pays: Percent
    """The share of the target that it pays."""


class Curve(Part):
    """Pays a share of the target variable by attainment, along straight lines between points."""

    type: Literal["curve"]
    measure: Word
    """The measure."""
    quota: Word
    """The measure whose quota attainment is had by."""
    interval: Interval
    """How long the measure runs."""
    quota_basis: Literal["interval", "to-date"]
    """interval: pays by the attainment of the whole interval so far; to-date: against the quota to date."""
    weight: Percent
    """The share of the target variable that this component stands for."""
    point: list[Point] = Field(min_length=2)
    """The curve; two points with the same attainment are a jump. Before the first and after the last it is level."""
    boundary: Literal["up", "down"]
    """At a jump: whether attainment on it pays the higher or the lower value."""
    pays: Literal["as-earned", "at-end"]
    """as-earned: every period, what the curve says so far less what it paid; at-end: when the interval is over."""
    on_change: Literal["", "reset", "carry", "blend"] = ""
    """What becomes of attainment when a person's assignment changes within an interval."""

    @model_validator(mode="after")
    def _rises(self) -> Curve:
        if any(after.at < before.at for before, after in zip(self.point, self.point[1:], strict=False)):
            raise ValueError("the points of a curve stand in the order of attainment")
        return self


class Bonus(Part):
    """Pays an amount for each credit of a kind: a SPIFF."""

    type: Literal["bonus"]
    measure: Word
    """The measure whose credits it looks at."""
    when: OptionalFormula = ""
    """Which of them."""
    amount: FormulaText
    """What each pays."""
    times: Literal["every", "first", "once"]
    """every: each time; first: the first so many of an interval; once: once in an interval."""
    first: int = Field(0, ge=0, le=100_000)
    """How many."""
    interval: Interval
    """In which they are counted."""

    @model_validator(mode="after")
    def _counted(self) -> Bonus:
        if (self.times == "first") != bool(self.first):
            raise ValueError('say how many with first, and only for times = "first"')
        return self


class Mbo(Part):
    """Pays a share of the target variable by a score that somebody gives."""

    type: Literal["mbo"]
    interval: Interval
    """What is scored."""
    weight: Percent
    """The share of the target variable."""
    point: list[Point] = []
    """How a score pays; empty: as it is."""
    most: Percent = 1_000_000
    """The highest score that counts."""


class Contest(Part):
    """Pays prizes by rank among the people of the plan."""

    type: Literal["contest"]
    measure: Word
    """What is ranked, highest first."""
    interval: Interval
    """How long it runs; it pays in the last period."""
    prize: list[Money] = Field(min_length=1)
    """What each place wins."""
    ties: Literal["share", "same", "first"]
    """share: the prizes of the tied places in equal parts; same: each wins the higher, and places after are skipped; first: who got there
    first wins the higher."""
    least: Money | None = None
    """The least that must be reached."""


class Pool(Part):
    """Shares an amount among those who qualify."""

    type: Literal["pool"]
    interval: Interval
    """How long it runs; it pays in the last period."""
    amount: FormulaText
    """What is shared, such as 50000, or team.arr * 1%."""
    qualifies: OptionalFormula = ""
    """Who takes part; empty: everybody of the plan."""
    split: Literal["equal", "proportional"]
    """Into equal parts, or by a measure."""
    by: str = ""
    """Of a proportional pool: the measure."""

    @model_validator(mode="after")
    def _by(self) -> Pool:
        if (self.split == "proportional") != bool(self.by):
            raise ValueError("a proportional pool says by which measure, and only it does")
        return self


Component = Annotated[Commission | Curve | Bonus | Mbo | Contest | Pool, Field(discriminator="type")]


class Draw(PolicyModel):
    """Money paid ahead of earnings, or a guarantee."""

    name: Word
    """Its key."""
    kind: Literal["recoverable", "non-recoverable"]
    """Whether it is paid back from later earnings."""
    style: Literal["on-top", "shortfall"]
    """on-top: paid beside earnings; shortfall: only what earnings lack to the amount, a guarantee."""
    amount: Money
    """For each pay period."""
    months: int = Field(ge=1, le=120)
    """For how many months since the assignment began."""
    recover_after: int = Field(0, ge=0, le=120)
    """In which month since the assignment began recovery begins; 0: at once."""
    recover_share: Percent = 1_000_000
    """How much of the earnings above the minimum goes into recovery."""
    keep: Money | None = None
    """What a period's pay never falls below by recovery."""
    forgive_after: int = Field(0, ge=0, le=240)
    """After how many months what is left is forgiven; 0: never."""


class Plan(Version):
    """A plan from a day on."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """The currency of its measures, quotas and amounts."""
    pays: Interval
    """How often it pays."""
    dates: Dates
    """Which date every lookup goes by."""
    measure_rates: str = ""
    """The kind of exchange rate that brings credits into the plan's currency, such as plan-FY27."""
    pay_rates: str = ""
    """The kind of exchange rate that brings earnings into the payee's currency; empty: they are paid in the plan's."""
    proration: Literal["", "months", "days"] = ""
    """How quotas and targets shrink for those who were there for a part of an interval; empty: not."""
    columns: dict[str, str] = {}
    """Custom columns of transactions and their types, such as x_margin = "percent"."""
    credit: list[Credit] = []
    """How transactions become credits; empty where credits come in as they are."""
    component: list[Component] = Field(min_length=1)
    """What it pays."""
    draw: list[Draw] = []
    """Draws and guarantees."""
    cap: Cap | None = None
    """Limits on the plan as a whole."""
    negative: Literal["carry", "pay", "forgive"]
    """A balance below zero is carried into the next period, charged, or forgiven."""

    @model_validator(mode="after")
    def _formulas(self) -> Plan:
        wrong: list[Any] = []
        for place, _, formula in self.formulas():
            wrong += mistakes(place, formula)
        if wrong:
            refuse("plan", wrong)
        names = [one.name for one in self.component]
        if len(set(names)) < len(names):
            raise ValueError("two components have the same name")
        rules = [one.name for one in self.credit]
        for one in self.credit:
            if one.of and one.of not in rules:
                raise ValueError(f"there is no crediting rule {one.of!r}")
        return self

    @property
    def measures(self) -> list[str]:
        """Every measure that it names."""
        named = {one.measure for one in self.credit} | {getattr(one, "measure", "") for one in self.component}
        named |= {getattr(one, "quota", "") for one in self.component} | {getattr(one, "by", "") for one in self.component}
        return sorted(named - {""})

    def credit_types(self) -> dict[str, Any]:
        """What formulas over a transaction or a credit may name."""
        money = f"money {self.currency}"
        known = dict.fromkeys(MONEY, money) | dict.fromkeys(NUMBERS, "number") | dict.fromkeys(TEXTS, "text")
        known |= dict.fromkeys(DAYS, "date") | {"share": "percent", "credit": money, "quota_credit": money}
        return known | self.columns | self.standing_types()

    def standing_types(self) -> dict[str, Any]:
        """What formulas over a person's interval may name."""
        money = f"money {self.currency}"
        made: dict[str, Any] = {}
        for name in self.measures:
            made |= {f"attainment.{name}": "percent", f"measured.{name}": money, f"quota.{name}": money, f"team.{name}": money}
        return made | {"score": "percent", "months_in_role": "number"}

    def formulas(self) -> list[tuple[tuple[str | int, ...], str, Formula]]:
        """Every formula: its place, its key, and compiled."""
        rows, standing = types_of(self.credit_types()), types_of(self.standing_types())
        found: list[tuple[tuple[str | int, ...], str, dict[str, Any], str | None]] = []
        for at, rule in enumerate(self.credit):
            found.append((("credit", at, "when"), rule.when, rows, "yes/no"))
            found.append((("credit", at, "amount"), rule.amount, rows, None))
            found.append((("credit", at, "quota_amount"), rule.quota_amount, rows, None))
        for at, one in enumerate(self.component):
            base = ("component", at)
            found.append(((*base, "gate"), one.gate, standing, "yes/no"))
            found += [((*base, "modifier", n, "factor"), each.factor, standing, None) for n, each in enumerate(one.modifier)]
            if one.clawback:
                found.append(((*base, "clawback", "when"), one.clawback.when, rows, "yes/no"))
            if isinstance(one, Commission | Bonus):
                found.append(((*base, "when"), one.when, rows, "yes/no"))
            if isinstance(one, Commission):
                found.append(((*base, "kicker"), one.kicker, rows, None))
            if isinstance(one, Bonus):
                found.append(((*base, "amount"), one.amount, rows, None))
            if isinstance(one, Pool):
                found += [((*base, "amount"), one.amount, standing, None), ((*base, "qualifies"), one.qualifies, standing, "yes/no")]
        return [(place, text, compile(text, types, expects=gives)) for place, text, types, gives in found if text]


MONEY = (
    "net_arr", "first_year", "exit_arr", "tcv", "acv", "one_time", "renewal_base", "services", "margin", "amount", "invoiced", "paid",
)  # fmt: skip
NUMBERS = ("term_months", "units", "year_no")
TEXTS = (
    "order_id", "line", "opportunity_id", "account_id", "kind", "order_type", "product", "family", "segment", "region", "source", "payee", "role",
    "payment_terms", "currency", "measure", "reverses",
)  # fmt: skip
DAYS = ("booked_on", "signed_on", "invoiced_on", "paid_on", "live_on", "effective_start", "effective_end", "credit_date")


class PlanBook(PolicyModel):
    """A compensation plan and its versions."""

    title: str = Field(min_length=1)
    """What it is called."""
    about: str = ""
    """Whom it is for."""
    version: list[Plan] = Field(min_length=1)
    """What holds from which day on."""

    @field_validator("version")
    @classmethod
    def _dated(cls, value: Sequence[Plan]) -> Sequence[Plan]:
        return in_order(value)
