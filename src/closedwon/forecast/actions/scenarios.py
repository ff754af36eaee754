"""Scenarios: the quarter and the year with some things otherwise, beside the base; stored ones, private or shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.calendar import Period
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.base.money import format_major
from closedwon.facts.engine import run
from closedwon.forecast import inputs, rules
from closedwon.forecast.actions.projection import base_for
from closedwon.forecast.actions.renewal_outlook import JOINS, parts_of
from closedwon.forecast.actions.rollups import When, rolled, seen_by, visible_nodes
from closedwon.forecast.models_scenarios import Scenario
from closedwon.forecast.projection import reading
from closedwon.forecast.projection.base import Base
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, ground, organisation
from closedwon.forecast.scenarios import changes as words
from closedwon.forecast.scenarios.changes import BIGGEST, Change
from closedwon.forecast.scenarios.compute import NEW, OPEN, RENEWAL, Cause, Told, World, causes, draw, singles_of, told
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED
from closedwon.people.visibility import Scope, visible_deals


@dataclass(frozen=True)
class Horizon:
    """The quarter or the year: base and scenario, and what each change does to what is expected."""

    label: str
    base: Told
    scenario: Told
    causes: Sequence[Cause]
    quota: int | None

    @property
    def difference(self) -> int:
        """Scenario less base, expected; the causes add up to it."""
        return self.scenario.expected - self.base.expected


@dataclass(frozen=True)
class Comparison:
    """A scenario beside the base, for the quarter and the year."""

    name: str
    ask: Ask
    changes: Sequence[Change]
    horizons: Sequence[Horizon]
    names: Mapping[str, str]
    notes: Sequence[str] = ()
    refusal: str = ""
    stored: Scenario | None = None

    def rows(self) -> list[dict[str, Any]]:
        """As the contract has them: for each horizon the base, every cause, and the scenario; expected adds up, amounts in major units."""
        unit = self.ask.currency
        made = []
        for one in self.horizons:
            made.append(_told_row(one.label, "base", one.base, one.base.expected, unit))
            made += [
                {**_told_row(one.label, "cause", None, cause.difference, unit), "what": cause.change.words(self.names)}
                for cause in one.causes
            ]
            made.append(_told_row(one.label, "scenario", one.scenario, one.scenario.expected, unit))
        return made


def _told_row(label: str, row: str, found: Told | None, expected: int, unit: str) -> dict[str, Any]:
    def money(minor: int | None) -> str:
        return "" if minor is None else format_major(minor, unit)

    return {
        "period": label, "row": row, "what": "", "expected": money(expected), "median": money(found.median if found else None), "low": money(found.low if found else None),
        "high": money(found.high if found else None), "new_business": money(found.new_expected if found else None),
        "renewals": money(found.renewals_expected if found else None),
        "quota_chance": "" if found is None or found.quota_chance is None else f"{found.quota_chance:.4f}", "currency": unit,
    }  # fmt: skip


def compare(
    *,
    by: Actor,
    changes: Sequence[Mapping[str, Any]],
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    currency: str = "",
    node: str | None = None,
    name: str = "",
    strict: bool = True,
) -> Comparison:
    """The projection with and without some changes, for a period and its fiscal year, on the same random numbers.

    Deals and contracts out of the actor's sight raise NotFound; where not `strict`, changes of them are left out with a note.
    """
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, currency=currency)
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    places = None if seen.everything and not node else nodes
    if refusal := reading.unfit(ask):
        return Comparison(name, ask, (), (), {}, refusal=refusal)
    asked = words.read(changes)
    bases = []
    for one in _horizons(ask):
        base = base_for(on, one)
        if base.refusal:
            return Comparison(name, ask, asked, (), {}, refusal=base.refusal)
        bases.append((one, base, _world(on, one, base, seen, places, node)))
    kept, names, notes = _known(on, ask, seen, places, _resolved(asked, bases[0][1], bases[0][2]), strict=strict)
    horizons = [_horizon(one, world, kept) for one, _, world in bases]
    notes += _idle(kept, [world for _, _, world in bases], names)
    return Comparison(name, ask, kept, horizons, names, notes)


def _horizons(ask: Ask) -> list[Ask]:
    if ask.period.kind == "all":
        raise Invalid("A scenario looks at a period.", mend="Choose a quarter, a month or a year.")
    year = calendar().period_of(ask.period.start, "year")
    return [ask] if year.label == ask.period.label else [ask, replace(ask, period=year)]


def _world(on: Ground, ask: Ask, base: Base, seen: Scope, places: frozenset[str] | None, node: str | None) -> World:
    found = rolled(on, ask, seen, node=node)
    line = next((one for one in found.lines if one.node == node), found.total) if node else found.total
    parts, mine, _ = base.parts(places)
    contracts, kept, value, chance, own = [], 0, np.zeros(0), np.zeros(0), 0.0
    if ask.type.measure[0] in JOINS and ask.type.sign > 0:
        ended, open_ones, drawn = parts_of(on, ask, places)
        if not open_ones.refusal:
            contracts, own = [one.row["contract_id"] for one in open_ones.open], open_ones.shock
            kept, chance, value = sum(one.kept_minor for one in ended), drawn.chance, drawn.value
    reps, per_day = _productivity(on, ask, seen, places, node)
    return World(
        ask.period.start, ask.period.last, ask.day, line["closed"], kept, line.quota,
        np.concatenate([np.full(len(mine), OPEN), np.full(len(parts.count), NEW), np.full(len(contracts), RENEWAL)]).astype(np.int64),
        [*(base.open_ids[at] for at in mine), *(f"new {at}" for at in range(len(parts.count))), *contracts],
        [*(base.open_stage[at] for at in mine), *([""] * (len(parts.count) + len(contracts)))],
        np.concatenate([parts.chance, parts.count, chance]), np.concatenate([parts.value, parts.worth, value]),
        (base.shock / base.give, own), reps, per_day,
    )  # fmt: skip


def _productivity(on: Ground, ask: Ask, seen: Scope, places: frozenset[str] | None, node: str | None) -> tuple[int, float]:
    """How many seats manage nobody, and what one of them won a day over the last four quarters."""
    tree, seats = organisation(on, ask).tree, set(organisation(on, ask).seat_of.values())
    leaves = [one for one in seats if one != UNASSIGNED and not tree.children.get(one) and (places is None or one in places)]
    won, quarter = 0, calendar().period_of(ask.day, "quarter")
    first = quarter
    for _ in range(4):
        first = calendar().next(first, -1)
        total = rolled(on, replace(ask, period=first), seen, node=node)
        won += (next((one for one in total.lines if one.node == node), total.total) if node else total.total)["closed"]
    return len(leaves), won / max(1, len(leaves)) / max(1, (quarter.start - first.start).days)


def _resolved(asked: Sequence[Change], base: Base, world: World) -> list[Change]:
    """The changes with the biggest deal by its id."""
    if not any(one.subject == BIGGEST for one in asked):
        return list(asked)
    found = biggest(base, world)
    if found is None:
        raise Invalid("There is no open deal in sight.", mend="Choose another period, or name a deal by its id.")
    return [replace(one, subject=found) if one.subject == BIGGEST else one for one in asked]


def biggest(base: Base, world: World) -> str | None:
    """The largest open deal whose close date lies in the days that count; without one, the largest open deal."""
    due = dict(zip(base.open_ids, base.open_due, strict=True))
    at = np.flatnonzero((world.kind == OPEN) & (world.chance > 0)).tolist()
    inside = [one for one in at if due.get(world.ids[one]) == "inside"] or at
    return world.ids[max(inside, key=lambda one: (world.value[one], world.ids[one]))] if inside else None


def _known(
    on: Ground, ask: Ask, seen: Scope, places: frozenset[str] | None, asked: Sequence[Change], *, strict: bool
) -> tuple[list[Change], dict[str, str], list[str]]:
    """The changes of what is in sight, the names of deals and contracts, and what was left out."""
    wanted = {one.subject for one in asked if one.kind in ("remove", "delay", "probability")}
    sight = visible_deals(seen, cutoff=ask.cutoff, release=on.release)
    names = _deal_names(on, ask, {one for one in wanted if sight is None or one in sight})
    for contract in parts_of(on, ask, places)[0] if wanted - set(names) else ():
        number = contract.row["contract_id"]
        if number in wanted:
            names[number] = f"the renewal of {contract.row['account_name'] or number}"
    hidden = sorted(wanted - set(names))
    if hidden and strict:
        raise NotFound(f"There is no deal or contract {hidden[0]}, or you may not see it.", mend="Check the id in the list of deals.")
    kept = [one for one in asked if one.subject not in hidden]
    left = len(asked) - len(kept)
    stages = {one.name for one in on.pipeline.stages}
    for one in kept:
        if one.kind == "conversion" and one.subject and one.subject not in stages:
            raise Invalid(f"There is no stage {one.subject!r}.", mend=f"Stages are: {', '.join(sorted(stages))}.")
    return kept, names, [f"{left} {'change' if left == 1 else 'changes'} of deals that you may not see were left out."] if left else []


def _deal_names(on: Ground, ask: Ask, wanted: set[str]) -> dict[str, str]:
    if not wanted:
        return {}
    given = {
        "deal_states": on.deals(ask), "accounts": on.source("accounts"), "users": on.source("users"), "stages": inputs.stage_rows(on.pipeline),
        "subjects": [{"opportunity_id": one} for one in sorted(wanted)], "params": [{"cutoff": ask.cutoff}],
    }  # fmt: skip
    return {row["opportunity_id"]: row["name"] or row["opportunity_id"] for row in run(rules.CARDS, given).to_pylist()}


def _horizon(ask: Ask, world: World, asked: Sequence[Change]) -> Horizon:
    setting = reading.policy_in_force()
    after, made = causes(world, asked)
    singles = singles_of(world, after, setting.singles)
    before = told(world, draw(world, singles, setting.draws, setting.seed))
    return Horizon(ask.period.label, before, told(after, draw(after, singles, setting.draws, setting.seed)), made, world.quota)


def _idle(asked: Sequence[Change], worlds: Sequence[World], names: Mapping[str, str]) -> list[str]:
    there = {one for world in worlds for one in world.ids}
    return [f"{names.get(one.subject, one.subject)} is not open in these periods; nothing changes." for one in asked
            if one.kind in ("remove", "delay", "probability") and one.subject not in there]  # fmt: skip


# stored ones


def scenarios(*, by: Actor) -> list[Scenario]:
    """The scenarios that somebody made or that are shared with those who see the forecast."""
    on = ground()
    seen_by(by, ask_for(on), on)
    return list(Scenario.objects.filter(owner=by.name) | Scenario.objects.filter(is_shared=True))


def scenario(number: int, *, by: Actor) -> Scenario:
    """One of them. Raises NotFound for one that is another's own."""
    found = next((one for one in scenarios(by=by) if one.pk == number), None)
    if found is None:
        raise NotFound(f"There is no scenario {number}, or it is not shared with you.", mend="List them with: closedwon forecast scenarios")
    return found


def named(name: str, *, by: Actor) -> Scenario:
    """The scenario of that name: one's own before a shared one. Raises NotFound."""
    found = sorted((one for one in scenarios(by=by) if one.name == name), key=lambda one: (one.owner != by.name, one.pk))
    if not found:
        raise NotFound(f"There is no scenario {name!r}.", mend="List them with: closedwon forecast scenarios")
    return found[0]


def save(
    *,
    by: Actor,
    name: str,
    changes: Sequence[Mapping[str, Any]],
    shared: bool = False,
    type: str | None = None,  # noqa: A002 - the field's own word
    note: str = "",
) -> Scenario:
    """Store a scenario under a name, in the place of one's own of the same name. Only deals in sight go in."""
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise Invalid("A scenario has a name of up to 100 characters.", mend="Give it a short one.")
    found = compare(by=by, changes=changes, type=type)
    if found.refusal:
        raise Invalid(found.refusal, mend="Choose a forecast type that can be projected.")
    plain = [
        {**one.plain(), **({"subject": BIGGEST} if given.subject == BIGGEST else {})}
        for one, given in zip(found.changes, words.read(changes), strict=True)
    ]
    try:
        with transaction.atomic():
            made, is_new = Scenario.objects.select_for_update().get_or_create(owner=by.name, name=name)
            made.changes, made.is_shared, made.type, made.note, made.changed_at = plain, shared, type or "", note[:500], timezone.now()
            made.save()
            record(
                by=by.name, verb="forecast.scenario_made" if is_new else "forecast.scenario_changed", subject=f"scenario:{made.pk}",
                detail={"name": name, "shared": shared, "changes": len(plain)}, channel=by.channel,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict(f"There is a scenario {name!r} by now.", mend="Try again.") from error
    return made


def remove(number: int, *, by: Actor) -> None:
    """Throw a scenario of one's own away."""
    found = scenario(number, by=by)
    if found.owner != by.name:
        raise Refused(f"{by.name} may not remove the scenario of {found.owner}.", mend="Only who made it may.")
    with transaction.atomic():
        Scenario.objects.filter(pk=found.pk).delete()
        record(by=by.name, verb="forecast.scenario_removed", subject=f"scenario:{number}", detail={"name": found.name}, channel=by.channel)


def run_stored(number: int, *, by: Actor, **asked: Any) -> Comparison:
    """A stored scenario, within what the actor may see."""
    found = scenario(number, by=by)
    made = compare(by=by, changes=found.changes, name=found.name, strict=False, **{"type": found.type or None, **asked})
    return replace(made, stored=found)


def shown_changes(found: Scenario, *, by: Actor) -> list[dict[str, Any]]:
    """A stored scenario's changes without those of deals that the actor may not see."""
    if found.owner == by.name:
        return list(found.changes)
    on = ground()
    ask = ask_for(on)
    sight = visible_deals(seen_by(by, ask, on), cutoff=ask.cutoff, release=on.release)
    about = ("remove", "delay", "probability")
    return [one for one in found.changes if sight is None or one["kind"] not in about or one.get("subject") in (*sight, BIGGEST)]


def next_quarter(ask: Ask) -> date:
    """A day in the quarter after the question's period, for a delay in one click."""
    return calendar().next(ask.period).start + timedelta(days=30) if ask.period.kind != "all" else ask.day


@dataclass
class Offered:
    """What the page offers: the deals that matter most, and the stages."""

    deals: list[tuple[str, str, int]] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)


def offered(*, by: Actor, take: int = 40, **asked: Any) -> Offered:
    """The open deals that bring most, as choices, and the stages of open deals."""
    from closedwon.forecast.actions.projection import projection

    found = projection(by=by, take=take, **asked)
    on = ground()
    names = _deal_names(on, found.ask, {one.opportunity_id for one in found.deals})
    deals = [(one.opportunity_id, names.get(one.opportunity_id, one.opportunity_id), one.value_minor) for one in found.deals]
    return Offered(deals, [one.name for one in on.pipeline.stages if one.status == "open"])
