"""Renewals, scenarios and the close room over the API. Money is text in major units."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Body, Field, Query, Router, Schema

from closedwon.base.money import format_major
from closedwon.forecast.actions import closing, scenarios
from closedwon.forecast.actions import renewals as renewing
from closedwon.people.acting import api_actor

router = Router()


class RenewalsAsked(Schema):
    """Which renewals: the first period, how many following ones, the moment and the grouping."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4 or 2017-10; by default the quarter of the as-of")
    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    by: str = Field("all", description="all, segment, region or owner")
    ahead: int = Field(4, ge=0, le=60, description="How many following periods")
    org: str = "as-was"
    rates: str = "plan"
    currency: str = ""
    node: str | None = None


class RenewalsRow(Schema):
    """A period's renewals: atr = early + on_time + late + auto_renewed + downgraded + churned + open; rates are empty where there is no base."""

    period: str
    group: str
    as_of: date
    frozen_on: date
    contracts: int
    without_deal: int
    atr: str
    early: str
    on_time: str
    late: str
    auto_renewed: str
    downgraded: str
    churned: str
    open: str
    open_at_risk: str
    uplift: str
    base: str
    expansion: str
    renewal_rate: str
    gross_retention: str
    net_retention: str
    currency: str


@router.get("/renewals", response=list[RenewalsRow], summary="What is available to renew, and what became of it")
def show_renewals(request: HttpRequest, asked: Query[RenewalsAsked]) -> Any:
    """By period and group within what the caller may see; the last row of a period is its total."""
    words = {**asked.dict(), "by_dim": asked.by}
    words.pop("by")
    return renewing.renewals(by=api_actor(request), **words).rows()


class ContractsAsked(Schema):
    """Which contracts of a period."""

    part: str = Field("atr", description="atr, early, on_time, late, auto_renewed, downgraded, churned, open, open_at_risk or without_deal")
    period: str | None = None
    as_of: str | None = None
    org: str = "as-was"
    rates: str = "plan"
    currency: str = ""
    node: str | None = None
    skip: int = Field(0, ge=0, le=10_000_000)
    take: int = Field(50, ge=1, le=1000)


class ContractRow(Schema):
    """A contract with what became of it, its notice date, and why it is at risk."""

    contract: str
    account: str
    end: date
    notice_by: str
    auto_renew: str
    outcome: str
    atr: str
    kept: str
    downgraded: str
    uplift: str
    at_risk: str
    decided_on: str
    deal: str
    category: str
    reasons: str


class ContractsOut(Schema):
    """One page of contracts, the largest first."""

    count: int
    total: str
    rows: list[ContractRow]


@router.get("/contracts", response=ContractsOut, summary="The contracts behind a number of the renewals")
def show_contracts(request: HttpRequest, asked: Query[ContractsAsked]) -> Any:
    """The largest first."""
    found = renewing.contracts_behind(by=api_actor(request), **asked.dict())
    return {"count": found.count, "total": format_major(found.total_minor, found.ask.currency), "rows": renewing.contract_rows(found)}


class ChangeIn(Schema):
    """One change of a scenario."""

    kind: str = Field(description="remove, delay, probability, conversion, new_business, coverage or hire")
    subject: str = Field("", description="A deal's or contract's id, or biggest; of conversion a stage")
    factor: str | None = Field(None, description="Of conversion, new_business and coverage, as in 0.9 or 90%")
    chance: str | None = Field(None, description="Of probability, as in 0.4 or 40%")
    on: date | None = Field(None, description="Of delay and hire")
    count: int | None = Field(None, description="Of hire: how many people; negative for those who leave")
    ramp_days: int | None = None

    def plain(self) -> dict[str, Any]:
        """Without what was not given."""
        return {key: value for key, value in self.dict().items() if value not in (None, "")}


class ScenarioIn(Schema):
    """A scenario: its changes, and for which period."""

    changes: list[ChangeIn] = Field(max_length=200)
    period: str | None = None
    as_of: str | None = None
    type: str | None = None
    currency: str = ""
    node: str | None = None


class ScenarioRow(Schema):
    """The base, a cause or the scenario; expected of base plus all causes is expected of the scenario."""

    period: str
    row: str = Field(description="base, cause or scenario")
    what: str
    expected: str
    median: str
    low: str
    high: str
    new_business: str
    renewals: str
    quota_chance: str
    currency: str


class ScenarioOut(Schema):
    """A scenario beside the base, for the period and its fiscal year."""

    name: str
    as_of: date
    type: str
    notes: list[str]
    refusal: str
    rows: list[ScenarioRow]


def _told(found: scenarios.Comparison) -> dict[str, Any]:
    return {
        "name": found.name, "as_of": found.ask.day, "type": found.ask.type.name, "notes": list(found.notes), "refusal": found.refusal,
        "rows": found.rows(),
    }  # fmt: skip


@router.post("/scenario", response=ScenarioOut, summary="The quarter and the year with some things otherwise")
def ask_scenario(request: HttpRequest, asked: Body[ScenarioIn]) -> Any:
    """On the same random numbers as the base; nothing is stored."""
    words = {**asked.dict(), "changes": [one.plain() for one in asked.changes]}
    return _told(scenarios.compare(by=api_actor(request), **words))


class StoreIn(Schema):
    """A scenario to store."""

    name: str = Field(max_length=100)
    changes: list[ChangeIn] = Field(max_length=200)
    shared: bool = False
    type: str | None = None
    note: str = Field("", max_length=500)


class Stored(Schema):
    """A stored scenario."""

    id: int
    name: str
    owner: str
    shared: bool
    note: str
    changes: list[dict[str, Any]]
    changed_at: datetime


def _stored(one: Any) -> dict[str, Any]:
    return {
        "id": one.pk, "name": one.name, "owner": one.owner, "shared": one.is_shared, "note": one.note, "changes": one.changes,
        "changed_at": one.changed_at,
    }  # fmt: skip


@router.get("/scenarios", response=list[Stored], summary="One's own stored scenarios and the shared ones")
def list_scenarios(request: HttpRequest) -> Any:
    """By name. Changes of deals out of the caller's sight are not shown."""
    by = api_actor(request)
    return [{**_stored(one), "changes": scenarios.shown_changes(one, by=by)} for one in scenarios.scenarios(by=by)]


@router.post("/scenarios", response=Stored, summary="Store a scenario under a name")
def store_scenario(request: HttpRequest, asked: Body[StoreIn]) -> Any:
    """In the place of one's own of the same name; deals that the caller may not see are refused."""
    words = {**asked.dict(), "changes": [one.plain() for one in asked.changes]}
    return _stored(scenarios.save(by=api_actor(request), **words))


@router.get("/scenarios/{number}", response=ScenarioOut, summary="A stored scenario beside the base")
def run_scenario(request: HttpRequest, number: int, period: str | None = None, as_of: str | None = None, currency: str = "") -> Any:
    """Within what the caller may see; changes of other deals are left out, with a note."""
    return _told(scenarios.run_stored(number, by=api_actor(request), period=period, as_of=as_of, currency=currency))


@router.delete("/scenarios/{number}", response={204: None}, summary="Throw one's own scenario away")
def remove_scenario(request: HttpRequest, number: int) -> Any:
    """Only who made it may."""
    scenarios.remove(number, by=api_actor(request))
    return 204, None


class CloseAsked(Schema):
    """Which close: the period, the moment, the type."""

    period: str | None = None
    as_of: str | None = None
    type: str | None = None
    rates: str = "plan"
    currency: str = ""
    node: str | None = None


class CloseRow(Schema):
    """A state, a late booking, a step of the tie-out, or a difference of it."""

    period: str
    section: str = Field(description="state, late, tie-out or difference")
    item: str
    amount: str
    count: str
    deal: str
    order: str
    detail: str
    currency: str


class FlashRow(Schema):
    """A quarter at the same hour before or after its end; the final amounts are null while it runs."""

    period: str
    hour: int
    at: datetime
    signed: str | None
    booked: str | None
    final_signed: str | None
    final_booked: str | None


class CloseOut(Schema):
    """The close of a period; the tie-out only for those who see the whole company."""

    period: str
    as_of: date
    currency: str
    locked_at: datetime | None
    finance: str
    rows: list[CloseRow]
    flash: list[FlashRow]


@router.get("/close", response=CloseOut, summary="The close of a period: states, late bookings, tie-out, flash")
def show_close(request: HttpRequest, asked: Query[CloseAsked]) -> Any:
    """Finance rows are those of the table finance_bookings; a file is held against it by page and command."""
    found = closing.close_room(by=api_actor(request), **asked.dict())
    unit = found.ask.currency
    money = ("signed", "booked", "final_signed", "final_booked")
    flash = [
        {**row, **{name: None if row[name] is None else format_major(row[name], unit) for name in money}}
        for row in closing.flash_rows(found.tracks)
    ]
    rows = [{**row, "count": str(row["count"])} for row in found.rows()]
    return {
        "period": found.ask.period.label, "as_of": found.ask.day, "currency": unit, "locked_at": found.locked_at, "finance": found.finance, "rows": rows,
        "flash": flash,
    }  # fmt: skip


class RestatementsAsked(Schema):
    """Which locked periods."""

    period: str | None = None
    periods: int = Field(4, ge=1, le=40)
    type: str | None = None
    currency: str = ""


class RestatementRow(Schema):
    """What a locked period came to at the lock, a change after it with its cause, or what it comes to now."""

    period: str
    locked_at: datetime
    side: str = Field(description="crm or booked")
    row: str
    cause: str
    amount: str
    deal: str
    order: str
    name: str
    detail: str


@router.get("/restatements", response=list[RestatementRow], summary="What changed in locked periods after their lock")
def show_restatements(request: HttpRequest, asked: Query[RestatementsAsked]) -> Any:
    """The newest period first."""
    found, ask = closing.restatements(by=api_actor(request), **asked.dict())
    return closing.restatement_rows(found, ask.currency)
