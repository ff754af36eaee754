"""Contracts at a question: the policy in force, the periods looked at, and the rows of the rules, each with its seat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.policytext import load_text
from closedwon.facts.engine import run
from closedwon.forecast import inputs
from closedwon.forecast.reading import Ask, Ground, calendar, organisation, rates_of
from closedwon.forecast.renewals import rules
from closedwon.forecast.renewals.decide import Decided, decided
from closedwon.forecast.renewals.policy import RenewalsPolicy
from closedwon.people.rules import UNASSIGNED
from closedwon.policies.actions import applied, in_force
from closedwon.policies.registry import kind
from closedwon.workspace import current

MOST_PERIODS = 60


def policy_in_force() -> RenewalsPolicy:
    """The renewals policy in force; the shipped one in a workspace that has none yet."""
    if in_force("renewals") is not None:
        found: RenewalsPolicy = applied("renewals")
        return found
    shipped, _ = load_text(kind("renewals").default_text() or "", RenewalsPolicy)
    if shipped is None:
        raise Invalid("The shipped renewals policy cannot be read.")
    return shipped


@dataclass(frozen=True)
class Window:
    """A period in which terms end, with the day on which its available to renew is frozen."""

    period: Period
    frozen_on: date


def windows(first: Period, ahead: int, day: date, policy: RenewalsPolicy) -> list[Window]:
    """A period and the following ones. Raises Invalid where there is no next one."""
    if first.kind == "all":
        raise Invalid("Renewals are told by period.", mend="Choose a quarter, a month or a year.")
    if not 0 <= ahead <= MOST_PERIODS:
        raise Invalid(f"{ahead} periods are out of range.", mend=f"Look 0 to {MOST_PERIODS} periods ahead.")
    made = [first]
    for _ in range(ahead):
        made.append(calendar().next(made[-1]))
    return [Window(one, min(day, one.start + timedelta(days=policy.freeze_day - 1))) for one in made]


def back(day: date, weeks: int, policy: RenewalsPolicy) -> list[Window]:
    """The quarters of the last weeks before a day, the running one too."""
    found = [calendar().period_of(day, "quarter")]
    while found[0].start > day - timedelta(weeks=weeks):
        found.insert(0, calendar().next(found[0], -1))
    return [Window(one, min(day, one.start + timedelta(days=policy.freeze_day - 1))) for one in found]


@dataclass(frozen=True)
class _Held:
    """A policy that a cache can hold: two with the same text are the same."""

    policy: RenewalsPolicy = field(compare=False)
    text: str


def contracts(on: Ground, ask: Ask, over: Sequence[Window], policy: RenewalsPolicy) -> list[Decided]:
    """What became of each contract that ends in the windows, as known at the question's cutoff; each row has its `place`."""
    return _contracts(on, replace(ask, by="manager"), tuple(over), _Held(policy, policy.model_dump_json()))


@lru_cache(maxsize=32)
def _contracts(on: Ground, ask: Ask, over: tuple[Window, ...], held: _Held) -> list[Decided]:
    policy = held.policy
    rows = run(rules.ENDING, _given(on, ask, over, policy)).to_pylist()
    seats, zone, aliases = organisation(on, ask).seat_of, current().zone, on.policy.aliases
    stages = {one.name: one.default_category for one in on.pipeline.stages}
    made = []
    for row in rows:
        touched = row["last_activity_at"]
        row["place"] = seats.get(row["owner_id"] or "", UNASSIGNED)
        row["last_touch"] = touched.astimezone(zone).date() if touched is not None else None
        raw = row["forecast_category"]
        row["forecast_category"] = aliases.get(raw, raw) if raw else stages.get(row["stage"])
        made.append(decided(policy, row, ask.day))
    return made


def bases(on: Ground, ask: Ask, over: Sequence[Window], policy: RenewalsPolicy) -> list[Mapping[str, Any]]:
    """The ARR in force when each window began, by owner, segment and region; each row has its `place`."""
    return _bases(on, replace(ask, by="manager"), tuple(over), _Held(policy, policy.model_dump_json()))


@lru_cache(maxsize=32)
def _bases(on: Ground, ask: Ask, over: tuple[Window, ...], held: _Held) -> list[Mapping[str, Any]]:
    policy = held.policy
    seats = organisation(on, ask).seat_of
    rows = run(rules.RUNNING, _given(on, ask, over, policy)).to_pylist()
    return [{**row, "place": seats.get(row["owner_id"], UNASSIGNED)} for row in rows]


def _given(on: Ground, ask: Ask, over: Sequence[Window], policy: RenewalsPolicy) -> dict[str, Any]:
    return {
        **{name: on.source(name) for name in ("contracts", "contract_snapshots", "accounts")},
        "deal_states": on.deals(ask),
        "stages": inputs.stage_rows(on.pipeline),
        "renewal_types": [{"order_type": name} for name in policy.order_types],
        "rates": rates_of(on, ask),
        "periods": [
            {"period": one.period.label, "starts": one.period.start, "ends": one.period.end, "frozen_on": one.frozen_on} for one in over
        ],
        "params": [
            {
                "cutoff": ask.cutoff, "now_cutoff": on.now, "day": ask.day, "currency": ask.currency, "is_now": ask.cutoff >= on.now,
                "grown": policy.expansions_in_contract,
            }
        ],
    }  # fmt: skip
