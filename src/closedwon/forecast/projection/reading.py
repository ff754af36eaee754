"""A projection's facts and policies: which question, at which ground, and the rows of deals as they were known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from closedwon.base.calendar import ALL
from closedwon.base.errors import Invalid
from closedwon.base.policytext import load_text
from closedwon.facts.engine import run
from closedwon.forecast import inputs
from closedwon.forecast.projection import rules
from closedwon.forecast.projection.arrays import Loaded, load
from closedwon.forecast.projection.outlook import PHASES
from closedwon.forecast.projection.policy import ProjectionPolicy
from closedwon.forecast.reading import Ask, Ground, calendar, organisation, rates_of
from closedwon.people.visibility import closing_cutoff
from closedwon.policies.actions import applied, in_force
from closedwon.policies.registry import kind
from closedwon.workspace import current


def policy_in_force() -> ProjectionPolicy:
    """The projection policy in force; the shipped one in a workspace that has none yet."""
    if in_force("projection") is not None:
        found: ProjectionPolicy = applied("projection")
        return found
    shipped, _ = load_text(kind("projection").default_text() or "", ProjectionPolicy)
    if shipped is None:
        raise Invalid("The shipped projection policy cannot be read.")
    return shipped


def basis_of(on: Ground) -> str:
    """What a projection stands on: facts and policies, the projection's too."""
    return hashlib.sha256(f"{on.basis} {policy_in_force().model_dump_json()}".encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Span:
    """The days that a projection counts: days `skip` + 1 to `days` after the as-of day."""

    skip: int
    days: int


def span_of(ask: Ask) -> Span:
    """The rest of the question's period after its day. Raises Invalid where there is no end to look to."""
    if ask.period.kind == "all":
        raise Invalid("A projection looks to the end of a period.", mend="Choose a quarter, a month or a year.")
    return Span(max(0, (ask.period.start - ask.day).days - 1), max(0, (ask.period.last - ask.day).days))


def unfit(ask: Ask) -> str:
    """Why a forecast type has no projection by age; empty where it has one."""
    if ask.type.period_date == "renewal_due":
        return "Renewals come due with their contracts, not with the age of a deal; this projection leaves them out."
    if ask.type.period_date != "close":
        return f"{ask.type.label} counts by the day the work starts; the curves know when deals are won."
    return ""


def left_out(ask: Ask, policy: ProjectionPolicy) -> list[str]:
    """The order types that a projection of this type leaves out although the type counts them: renewals."""
    named, excepted = set(ask.type.order_types), set(ask.type.except_order_types)
    return [name for name in policy.renewals if name not in excepted and (not named or name in named)]


def rows(on: Ground, ask: Ask, policy: ProjectionPolicy, *, places: bool = True) -> dict[str, pa.Table]:
    """The rows of the projection's rules at the question's cutoff, as known at its known cutoff."""
    given = _given(on, ask, policy.renewals, policy.birth_weeks)
    made = {name: run(rule(ask.shape), given) for name, rule in (("deals", rules.deals), ("visits", rules.visits), ("dates", rules.dates))}
    if places:
        given |= {"opportunity_splits": on.source("opportunity_splits"), "seats": inputs.seat_rows(organisation(on, ask))}
        made["places"] = run(rules.places(ask.shape), given)
    return made


def deals_now(on: Ground, ask: Ask, policy: ProjectionPolicy) -> pa.Table:
    """The deals as they stand at the last sync, in the currency and at the rates of the question's period."""
    rates = tuple((row["currency"], row["num"], row["den"]) for row in rates_of(on, ask))
    return _deals(on, replace(ask, period=ALL, cutoff=on.now, known_cutoff=None), tuple(policy.renewals), rates)


@lru_cache(maxsize=4)
def _deals(on: Ground, ask: Ask, renewals: tuple[str, ...], rates: tuple[tuple[str, int, int], ...]) -> pa.Table:
    given = _given(on, ask, renewals)
    given["rates"] = [dict(zip(("currency", "num", "den"), row, strict=True)) for row in rates]
    return run(rules.deals(ask.shape), given)


def _given(on: Ground, ask: Ask, renewals: Sequence[str], birth_weeks: int = 52) -> dict[str, Any]:
    births_from = closing_cutoff(ask.day - timedelta(weeks=birth_weeks))
    known = inputs.type_params(ask.type, ask.period, ask.currency)
    params = {name: known[name] for name in ("currency", "sign", "named", "untyped", "split", "owner_counts")}
    return {
        "deal_states": on.deals(ask), "stages": inputs.stage_rows(on.pipeline), "order_types": inputs.order_type_rows(ask.type),
        "left_out": [{"order_type": name} for name in renewals], "rates": rates_of(on, ask),
        "params": [{**params, "cutoff": ask.cutoff, "day": ask.day, "births_from": births_from}],
    }  # fmt: skip


def loaded(found: dict[str, pa.Table], policy: ProjectionPolicy) -> Loaded:
    """The rows as arrays."""
    return load(found["deals"], found["visits"], found["dates"], current().zone, policy.group_by)


def phase_of(day: int) -> int:
    """The week of the fiscal quarter, counted from its end, of a day."""
    return _phase_of(calendar(), day)


@lru_cache(maxsize=50_000)
def _phase_of(fiscal: object, day: int) -> int:
    period = fiscal.period_of(date.fromordinal(day), "quarter")  # type: ignore[attr-defined]
    return min(PHASES - 1, int((period.last.toordinal() - day) // 7))
