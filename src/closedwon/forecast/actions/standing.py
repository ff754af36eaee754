"""What stands at each seat: the deal roll-up, the same with overrides, the calls below, and the seat's own call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from closedwon.base.errors import NotReady
from closedwon.facts.engine import run
from closedwon.forecast import calls as pure
from closedwon.forecast import history, override_rules, rules
from closedwon.forecast.calls import CALLS, Amounts, Basis, Call, Override, Part, Since
from closedwon.forecast.reading import Ask, Ground, cells, organisation, rates_of, rollup_inputs
from closedwon.forecast.rhythm import RhythmPolicy
from closedwon.people.rules import UNASSIGNED, Tree
from closedwon.policies.actions import applied, in_force
from closedwon.workspace import current


def rhythm() -> RhythmPolicy:
    """The rhythm policy in force; as shipped where none was ever applied."""
    version = in_force("rhythm")
    if version is None:
        return _shipped()
    found: RhythmPolicy = applied("rhythm")
    return found


@lru_cache(maxsize=1)
def _shipped() -> RhythmPolicy:
    from closedwon.base.policytext import load_text
    from closedwon.policies.registry import kind

    made, problems = load_text(kind("rhythm").default_text() or "", RhythmPolicy)
    if made is None:
        raise NotReady("The shipped rhythm policy cannot be read.", problems=problems)
    return made


@dataclass(frozen=True)
class Standing:
    """One seat: what its call stands on, its last call, when that was due, and what moved since."""

    seat: str
    basis: Basis
    call: Call | None
    amounts: Amounts | None
    """The call in the question's currency."""
    since: Since | None
    expected: bool
    state: str
    """in, late, missing (past the deadline), due (before it), or empty where nobody waits for a call."""


class Book:
    """Every call and override of one question, as they stood at its moment; asked once per page."""

    def __init__(self, on: Ground, ask: Ask) -> None:
        self.on, self.ask, self.rhythm = on, replace(ask, by="manager"), rhythm()
        self.at = history.now_of(on, ask)
        self.period = history.label_of(ask.period)
        self.closed: str | None = None
        """Why the period's calls are closed, once that was looked up."""

    @cached_property
    def tree(self) -> Tree:
        """The tree of seats."""
        return organisation(self.on, self.ask).tree

    @cached_property
    def sums(self) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
        """The roll-up of deals: each node with everything below, and in its own name."""
        return rules.roll_up(cells(self.on, self.ask), self.tree)

    @cached_property
    def history(self) -> list[Call]:
        """Every call of the type and period up to the moment."""
        found = history.calls(self.on, period=self.period, type=self.ask.type.name)
        return [one for one in found if one.at < self.at]

    @cached_property
    def last(self) -> dict[str, Call]:
        """The last call of each seat."""
        return {seat: one for (seat, _, _), one in pure.latest(self.history, self.at).items()}

    @cached_property
    def by_seat(self) -> dict[str, list[Call]]:
        """Each seat's calls in the order of time."""
        made: dict[str, list[Call]] = {}
        for one in self.history:
            made.setdefault(one.seat, []).append(one)
        return made

    @cached_property
    def ratio(self) -> Mapping[str, Mapping[str, Any]]:
        """Rates to the question's currency."""
        return {row["currency"]: row for row in rates_of(self.on, self.ask)}

    @cached_property
    def overrides(self) -> list[Override]:
        """The overrides in force at the moment."""
        return pure.standing(history.overrides(period=self.period, type=self.ask.type.name), self.at)

    @cached_property
    def by_node(self) -> dict[str, dict[str, dict[str, Override]]]:
        """For each node with overridden deals at or below it: deal to field to what holds there."""
        nodes = {node for one in self.overrides if one.deal for node in self.tree.path(one.seat)}
        return {node: pure.of_deals(self.overrides, self.tree, node) for node in sorted(nodes)}

    @cached_property
    def effect(self) -> dict[str, dict[str, int]]:
        """What the overrides add to each node's roll-up, by column."""
        sets: dict[str, dict[str, dict[str, Override]]] = {}
        named = {
            node: str(sorted((d, f, o.id) for d, fields in found.items() for f, o in fields.items()))
            for node, found in self.by_node.items()
        }
        for node, name in named.items():
            sets.setdefault(name, self.by_node[node])
        told = dict(zip(sets, _effects(self.on, self.ask, tuple(sets.values())), strict=True))
        made: dict[str, dict[str, int]] = {}
        for node, name in named.items():
            for cell in told[name]:
                if node in self.tree.path(cell["place"]):
                    into = made.setdefault(node, {})
                    into[cell["bucket"]] = into.get(cell["bucket"], 0) + cell["amount_minor"]
        return made

    def amounts(self, one: Call | None) -> Amounts | None:
        """A call in the question's currency."""
        return None if one is None else one.among(self.ratio, self.ask.currency)

    def basis(self, seat: str) -> Basis:
        """What a call of the seat stands on."""
        whole, own = self.sums
        rollup = pure.cumulative(whole.get(seat, {}))
        effect = self.effect.get(seat)
        adjusted = None if not effect else pure.added((rollup, pure.cumulative(effect)))
        placed = pure.of_seats(self.overrides, seat)
        parts = tuple(self._part(child, placed.get(child, {})) for child in self.tree.children.get(seat, ()) if self._counts(child))
        return Basis(rollup, pure.cumulative(own.get(seat, {})), parts, adjusted)

    def _counts(self, seat: str) -> bool:
        return seat in self.last or bool(self.sums[0].get(seat))

    def _part(self, seat: str, placed: Mapping[str, Override]) -> Part:
        call = self.last.get(seat)
        amounts = self.amounts(call)
        kind = "roll-up" if amounts is None else "call"
        if amounts is None:
            amounts = pure.added((pure.cumulative(self.sums[0].get(seat, {})), pure.cumulative(self.effect.get(seat, {}))))
        key = call.key if call is not None and kind == "call" else ""
        if not placed:
            return Part(seat, kind, amounts, key)
        values = {name: self._value(placed[name]) if name in placed else amounts[name] for name in CALLS}
        marks = ",".join(str(one.id) for one in placed.values())
        return Part(seat, "override", values, f"{key}#{marks}", amounts)

    def _value(self, one: Override) -> int:
        rate = self.ratio.get(one.currency)
        return pure.turned(one.amount or 0, rate) if rate else one.amount or 0

    def leads(self, seat: str) -> bool:
        """Whether others are below a seat, or its kind says so."""
        return bool(self.tree.children.get(seat)) or self.kinds.get(seat) == "manager"

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Each seat's kind."""
        return {row["id"]: row["kind"] or "" for row in self.on.rows("positions")}

    @cached_property
    def due(self) -> datetime:
        """The deadline of the week of the moment."""
        return self.rhythm.deadline.due(self.at.astimezone(current().zone))

    def expects(self, seat: str) -> bool:
        """Whether a call of the seat is waited for in this type and period."""
        day = self.at.astimezone(current().zone).date()
        if seat == UNASSIGNED or day not in self.ask.period or self.ask.period.kind != "quarter":
            return False
        found = self.rhythm.caller(leads=self.leads(seat), type=self.ask.type.name, period=self.ask.period.kind)
        return found is not None and found.expected and self.ask.type.name == (found.expected_type or self.on.policy.default)

    def state(self, seat: str) -> str:
        """Whether the week's call is in, came late, is missing, or is due."""
        call = self.last.get(seat)
        zone = current().zone
        if call is not None and self.rhythm.deadline.due(call.at.astimezone(zone)) == self.due:
            first = min(
                one.at for one in self.history if one.seat == seat and self.rhythm.deadline.due(one.at.astimezone(zone)) == self.due
            )
            return "late" if first > self.due else "in"
        return "" if not self.expects(seat) else "missing" if self.at > self.due else "due"

    def is_late(self, seat: str, at: datetime) -> bool:
        """Whether a call of the seat at an instant is its week's first one, and after the deadline."""
        zone, due = current().zone, self.rhythm.deadline.due
        when = due(at.astimezone(zone))
        return at > when and not any(one.at < at and due(one.at.astimezone(zone)) == when for one in self.by_seat.get(seat, ()))

    def standing(self, seat: str) -> Standing:
        """Everything of one seat."""
        basis, call = self.basis(seat), self.last.get(seat)
        since = pure.since(call.basis, basis) if call is not None and call.basis is not None else self._since_imported(call, basis)
        return Standing(seat, basis, call, self.amounts(call), since, self.expects(seat), self.state(seat))

    def _since_imported(self, call: Call | None, basis: Basis) -> Since | None:
        """For a call that came without what it stood on: which seats below called again after it."""
        if call is None:
            return None
        later = tuple(part.seat for part in basis.parts if part.seat in self.last and self.last[part.seat].at > call.at)
        then = {part.seat: self._before(part.seat, call.at) for part in basis.parts if part.seat in later}
        moved = [
            {name: now.amounts[name] - (then[now.seat] or now.amounts)[name] for name in CALLS} for now in basis.parts if now.seat in later
        ]
        return Since(later, pure.added(moved), pure.zero())

    def _before(self, seat: str, at: datetime) -> Amounts | None:
        found = [one for one in self.by_seat.get(seat, ()) if one.at <= at]
        return self.amounts(found[-1]) if found else None


def _effects(on: Ground, ask: Ask, sets: Sequence[Mapping[str, Mapping[str, Override]]]) -> list[list[dict[str, Any]]]:
    """What each set of overrides adds, as cells; one run for all of them, kept in this process."""
    if not sets:
        return []
    key = tuple(tuple(sorted((deal, name, one.id) for deal, fields in found.items() for name, one in fields.items())) for found in sets)
    kept = (on.basis, ask, key)
    if kept not in _KEPT:
        if len(_KEPT) > 64:
            _KEPT.clear()
        _KEPT[kept] = _run(on, ask, sets)
    return _KEPT[kept]


_KEPT: dict[Any, list[list[dict[str, Any]]]] = {}


def _run(on: Ground, ask: Ask, sets: Sequence[Mapping[str, Mapping[str, Override]]]) -> list[list[dict[str, Any]]]:
    subjects = [{"opportunity_id": deal} for deal in sorted({deal for found in sets for deal in found})]
    states = run(
        override_rules.STATES_OF, {"deal_states": on.deals(ask), "subjects": subjects, "params": [{"cutoff": ask.cutoff}]}
    ).to_pylist()
    splits = run(override_rules.SPLITS_OF, {"opportunity_splits": on.source("opportunity_splits"), "subjects": subjects}).to_pylist()
    made, shared = override_rules.variants(states, splits, sets, ask.type)
    given = {**rollup_inputs(on, ask), "deal_states": made, "opportunity_splits": shared}
    return override_rules.effects(run(rules.rollup_parts(ask.shape), given).to_pylist(), sets)
