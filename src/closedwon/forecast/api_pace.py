"""Accuracy, pacing and pipeline generation over the API. Money is text in major units; shares are numbers, 1 being the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from closedwon.base.errors import Invalid
from closedwon.forecast.actions import accuracy as scoring
from closedwon.forecast.actions import generation as generating
from closedwon.forecast.actions import pacing as pace
from closedwon.people.acting import api_actor

router = Router()


class PaceAsked(Schema):
    """Which numbers: the moment, the type, the organisation, the rates and the node."""

    as_of: str | None = Field(None, description="A day (its close), an instant, or now")
    type: str | None = Field(None, description="A forecast type of the policy")
    org: str = Field("as-was", description="as-was or as-is")
    rates: str = Field("plan", description="plan or as-reported")
    currency: str = ""
    node: str | None = Field(None, description="Only this seat and what is below it")


class AccuracyAsked(PaceAsked):
    """The same, over which past quarters and on which days before their end."""

    periods: str | None = Field(None, description="How many past quarters, or their labels with commas; by default the policy's number")
    days: str = Field("", description="Days before a period's last day with commas, such as 90,30,7; by default the policy's")
    category: str = Field("", description="Only commit, most_likely or best_case")
    level: str = Field("", description="Only rep, manager, director, vp, executive or company")
    callers_only: bool = Field(False, description="Leave out seats that never called")
    skip: int = Field(0, ge=0, le=10_000_000)
    take: int = Field(1000, ge=1, le=10_000)


class AccuracyLine(Schema):
    """What was called on a day against what came; `all` stands where lines were summed. Errors are of the call, or of the roll-up without one."""

    period: str
    seat: str
    name: str
    level: str
    category: str
    day_n: int = Field(description="Days before the period's last day")
    day: date | None
    call: str | None
    rollup: str | None
    children: str | None = Field(description="What the seats right below called, or their roll-up where they did not")
    run_rate: str | None
    machine: str | None
    actual: str
    error: str | None
    abs_error: str | None
    bias: float | None
    wape: float | None
    wape_rollup: float | None
    wape_children: float | None
    wape_run_rate: float | None
    wape_machine: float | None
    fva: float | None = Field(description="WAPE of the roll-up less the call's: above 0 the call was closer")
    fva_children: float | None
    fva_run_rate: float | None
    fva_machine: float | None
    deals: int
    deals_won: int
    amount: str
    amount_won: str
    hit_rate: float | None
    hit_rate_value: float | None
    lines: int
    calls: int
    call_at: str | None
    called_by: str | None


class HabitOut(Schema):
    """How a seat calls: `sandbags`, `optimistic` or neither; the middle of its quarters' biases, and how many agree."""

    seat: str
    name: str
    holder: str
    verdict: str
    bias: float
    agreeing: int
    periods: int


class LateOut(Schema):
    """In how many weeks a seat's first call came after the deadline."""

    seat: str
    name: str
    holder: str
    late: int
    weeks: int


class AccuracyOut(Schema):
    """Calls of past quarters against what came."""

    type: str
    as_of: date
    currency: str
    periods: list[str]
    notes: list[str]
    count: int
    rows: list[AccuracyLine]
    habits: list[HabitOut]
    late: list[LateOut]


@router.get("/accuracy", response=AccuracyOut, summary="Calls against what came, by day before the end")
def accuracy(request: HttpRequest, asked: Query[AccuracyAsked]) -> Any:
    """WAPE, signed bias, forecast value added and hit rates: lines first, then their sums. A manager gets the own sub-tree, a rep the own seat."""
    words = {key: value for key, value in asked.dict().items() if key not in ("skip", "take", "days")}
    found = scoring.accuracy(by=api_actor(request), days=_days(asked.days), **words)
    every = [*found.lines, *found.sums]
    kept = found.rows(every[asked.skip : asked.skip + asked.take])

    def who(seat: str) -> dict[str, str]:
        return {"seat": seat, "name": found.names.get(seat, seat), "holder": found.notes_of.get(seat, "")}

    return {
        "type": found.ask.type.name, "as_of": found.ask.day, "currency": found.currency, "periods": [one.label for one in found.periods],
        "notes": list(found.notes), "count": len(every), "rows": _plain(kept),
        "habits": [
            {**who(one.seat), "verdict": one.verdict, "bias": round(one.bias, 4), "agreeing": one.agreeing, "periods": one.periods}
            for one in found.habits
        ],
        "late": [{**who(one.seat), "late": one.late, "weeks": one.weeks} for one in found.late],
    }  # fmt: skip


def _days(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise Invalid(f"{text!r} is no list of days.", mend="Write days before the period's last day, such as 90,30,7.") from error


def _plain(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows with null for what is missing."""
    return [{key: None if value == "" and key not in ("name", "parent") else value for key, value in row.items()} for row in rows]


class PacingAsked(PaceAsked):
    """The same, of which period, grouped how, against how many before."""

    period: str | None = Field(None, description="FY27-Q2, 2017-Q4, 2017-10 or 2017; by default the quarter of the as-of")
    by: str = Field("manager", description="manager, rep, segment, region, product, type, source, industry or territory")
    quarters: int = Field(0, ge=0, le=20, description="With how many periods before; 0 is the policy's number")

    def words(self) -> dict[str, Any]:
        """As the actions take it."""
        return {**{key: value for key, value in self.dict().items() if key != "by"}, "by_dim": self.by}


class PaceRow(Schema):
    """A group on a day of a period: now, the same day of an earlier one (past), or what those come to together (typical)."""

    group: str
    name: str
    kind: str = Field(description="now, past or typical")
    period: str | None
    day: date | None
    elapsed: float
    closed: str | None
    booked: str | None
    open: str | None
    undated: str | None
    commit: str | None
    most_likely: str | None
    best_case: str | None
    pipeline: str | None
    quota: str | None
    coverage: float | None
    coverage_of_rest: float | None
    final: str | None
    share_booked: float | None
    came: str | None
    won_share: float | None = Field(alias="yield", description="What of the open pipeline of that day was won in the period")
    later: str | None
    month_1: float | None
    month_2: float | None
    month_3: float | None
    last_week: float | None
    gini: float | None
    n: int | None
    share_low: float | None
    share_high: float | None
    yield_low: float | None
    yield_high: float | None
    required_coverage: float | None
    required_low: float | None
    required_high: float | None
    needed: str | None
    spare: str | None
    projected: str | None
    projected_low: str | None
    projected_high: str | None


class WeekShare(Schema):
    """The share of a period's bookings by the end of each thirteenth of it."""

    period: str
    shares: list[float]


class PacingOut(Schema):
    """A period against the same day of earlier ones."""

    type: str
    period: str
    as_of: date
    elapsed: float
    currency: str
    notes: list[str]
    rows: list[PaceRow]
    linearity: list[WeekShare]


@router.get("/pacing", response=PacingOut, by_alias=True, summary="A quarter against the same day of earlier ones")
def pacing(request: HttpRequest, asked: Query[PacingAsked]) -> Any:
    """Booked, open, commit, coverage, linearity, and the coverage that the yield asks for, with n and range; the total is the last group."""
    found = pace.pacing(by=api_actor(request), **asked.words())
    weeks = [{"period": label, "shares": [round(value, 4) for value in line.weeks]} for label, line in found.total.lines.items()]
    return {
        "type": found.ask.type.name, "period": found.period.label, "as_of": found.ask.day, "elapsed": round(found.elapsed, 4),
        "currency": found.currency, "notes": list(found.notes), "rows": _plain(found.rows()), "linearity": weeks,
    }  # fmt: skip


class GenerationAsked(PacingAsked):
    """The same, of pipeline created."""

    by: str = Field("source", description="source, segment, region, industry, product, type, owner or manager")


class GenerationRow(Schema):
    """Pipeline that a group created in a period, against its target and the same day of earlier periods."""

    period: str
    group: str
    name: str
    target: str | None
    target_from: str | None = Field(description="targets, policy or quota")
    created: str
    deals: int
    average: str | None
    attained: float | None
    elapsed: float
    expected: str | None
    ahead: str | None
    projected: str | None
    closes_in: str
    closes_next: str
    closes_later: str
    undated: str
    same_day_mean: str | None
    share_by_day: float | None
    share_low: float | None
    share_high: float | None
    n: int


class GenerationOut(Schema):
    """Pipeline generation of a period and of the next one."""

    type: str
    period: str
    next: str
    as_of: date
    currency: str
    notes: list[str]
    rows: list[GenerationRow]


@router.get("/generation", response=GenerationOut, summary="Pipeline created against target")
def generation(request: HttpRequest, asked: Query[GenerationAsked]) -> Any:
    """Pipeline created by source, segment or owner against target, this period and the next."""
    found = generating.generation(by=api_actor(request), **asked.words())
    return {
        "type": found.ask.type.name, "period": found.ask.period.label, "next": found.next.label, "as_of": found.ask.day, "currency": found.currency,
        "notes": list(found.notes), "rows": _plain(found.rows()),
    }  # fmt: skip
