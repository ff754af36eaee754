"""What a call is, what stands below it, and what follows from it: order, net, note, what changed since, overrides. Pure.

Amounts are minor units as the roll-up counts them: cumulative (closed and every surer category are in them), with the type's sign. A loss
is negative, so that the same order holds for gains and losses: commit is the smallest, best case the largest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from closedwon.base.money import muldiv
from closedwon.people.rules import Tree

CALLS = ("commit", "most_likely", "best_case")
"""What is called, from the surest on."""
LABELS = {"commit": "Commit", "most_likely": "Most likely", "best_case": "Best case"}
FIELDS = ("category", "amount", "close_date")
"""What of a deal may be overridden, for the forecast only."""
SHARE = 1_000_000

Amounts = Mapping[str, int]


def zero() -> dict[str, int]:
    """Nothing called."""
    return dict.fromkeys(CALLS, 0)


def added(many: Iterable[Amounts]) -> dict[str, int]:
    """The sum of several, category by category; no order matters."""
    made = zero()
    for one in many:
        for name in CALLS:
            made[name] += one.get(name, 0)
    return made


def net(gross: Amounts, loss: Amounts) -> dict[str, int]:
    """Gross and loss together; a loss is negative, so the commit of the net is gross commit less loss commit."""
    return added((gross, loss))


def cumulative(buckets: Mapping[str, int]) -> dict[str, int]:
    """A roll-up's columns as calls are made: closed, and every category from commit down to this one."""
    made, total = {}, buckets.get("closed", 0)
    for name in CALLS:
        total += buckets.get(name, 0)
        made[name] = total
    return made


def order_problem(amounts: Amounts, sign: int = 1) -> str:
    """What is wrong with the order of a call; empty where nothing is."""
    for low, high in (("commit", "most_likely"), ("most_likely", "best_case")):
        if amounts[low] > amounts[high]:
            if sign < 0:
                return f"The loss in {LABELS[high].lower()} is larger than in {LABELS[low].lower()}; a better case loses less."
            return f"{LABELS[low]} is larger than {LABELS[high].lower()}; a surer number is never the larger one."
    return ""


@dataclass(frozen=True)
class Part:
    """What a seat right below brings: its call, its own roll-up where it has none, or what the seat above put in its place."""

    seat: str
    kind: str
    amounts: Amounts
    call: str = ""
    """Which call: its key, empty without one."""
    called: Amounts | None = None
    """The seat's own call where another number stands in its place."""

    def as_dict(self) -> dict[str, Any]:
        """As it is kept."""
        return {"seat": self.seat, "kind": self.kind, "amounts": dict(self.amounts), "call": self.call}


@dataclass(frozen=True)
class Basis:
    """What a call stands on: the deal roll-up, the same with overrides, the seat's own deals, and the seats right below."""

    rollup: Amounts
    own: Amounts
    parts: tuple[Part, ...] = ()
    adjusted: Amounts | None = None

    @property
    def below(self) -> dict[str, int]:
        """What stands below: the seat's own deals and what each seat below brings; the roll-up of deals where there is nobody."""
        return added([self.own, *(part.amounts for part in self.parts)]) if self.parts else dict(self.deals)

    @property
    def deals(self) -> Amounts:
        """The deal roll-up, with overrides where there are any."""
        return self.rollup if self.adjusted is None else self.adjusted

    def delta(self, call: Amounts) -> dict[str, int]:
        """How far a call is from what stands below."""
        below = self.below
        return {name: call[name] - below[name] for name in CALLS}

    def as_dict(self) -> dict[str, Any]:
        """As it is kept."""
        made: dict[str, Any] = {"rollup": dict(self.rollup), "own": dict(self.own), "parts": [part.as_dict() for part in self.parts]}
        return made | ({} if self.adjusted is None else {"adjusted": dict(self.adjusted)})

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Basis:
        """As it was kept."""
        parts = tuple(Part(one["seat"], one["kind"], one["amounts"], one.get("call", "")) for one in kept.get("parts", ()))
        return cls(kept["rollup"], kept["own"], parts, kept.get("adjusted"))


def needs_note(call: Amounts, below: Amounts, share_ppm: int) -> bool:
    """Whether a call is further from what stands below than the share of it that goes without a note."""
    return any(abs(call[name] - below.get(name, 0)) * SHARE > abs(below.get(name, 0)) * share_ppm for name in CALLS)


@dataclass(frozen=True)
class Since:
    """What moved below a call after it was made: which seats called again, how far the sum of the seats moved, and the deals."""

    seats: tuple[str, ...]
    below: Amounts
    deals: Amounts

    @property
    def is_changed(self) -> bool:
        """Whether a seat below called again, or another number stands in its place."""
        return bool(self.seats)


def since(then: Basis, now: Basis) -> Since:
    """What is different below a call by now. The call itself never moves."""
    before = {part.seat: part for part in then.parts}
    after = {part.seat: part for part in now.parts}
    moved = [
        seat
        for seat in dict.fromkeys([*before, *after])
        if (before.get(seat) is None) != (after.get(seat) is None)
        or (seat in before and (before[seat].kind, before[seat].call) != (after[seat].kind, after[seat].call))
    ]
    return Since(
        tuple(moved), {name: now.below[name] - then.below[name] for name in CALLS}, {name: now.deals[name] - then.deals[name] for name in CALLS}
    )  # fmt: skip


@dataclass(frozen=True)
class Call:
    """A call as it was made; it never changes. `user` is who made it, `on_behalf_of` for whom; `key` names it among all."""

    seat: str
    type: str
    period: str
    at: datetime
    amounts: Amounts
    currency: str
    user: str = ""
    author: str = ""
    on_behalf_of: str = ""
    note: str = ""
    source: str = ""
    basis: Basis | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    release: int | None = None

    @property
    def key(self) -> str:
        """Its name among all calls of the seat, type and period."""
        return self.at.isoformat()

    def among(self, ratio: Mapping[str, Mapping[str, Any]], currency: str) -> Amounts | None:
        """Its amounts in another currency at rates as ratios of minor units, each rounded once; None where there is no rate."""
        rate = ratio.get(self.currency or currency)
        return None if rate is None else {name: turned(amount, rate) for name, amount in self.amounts.items()}


def turned(amount: int, rate: Mapping[str, Any]) -> int:
    """An amount at a rate row's ratio, rounded once."""
    return amount if rate["num"] == rate["den"] else muldiv(amount, rate["num"], rate["den"])


def latest(calls: Iterable[Call], cutoff: datetime) -> dict[tuple[str, str, str], Call]:
    """The last call of each seat, type and period before an instant; what came later does not change it."""
    made: dict[tuple[str, str, str], Call] = {}
    for one in calls:
        key = (one.seat, one.type, one.period)
        if one.at < cutoff and (key not in made or one.at > made[key].at):
            made[key] = one
    return made


@dataclass(frozen=True)
class Override:
    """A number or word that a seat puts in the place of another for the forecast: of a deal, or of a seat right below."""

    id: int
    seat: str
    type: str
    period: str
    deal: str
    about: str
    field: str
    value: str
    amount: int | None
    currency: str
    note: str
    author: str
    at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str = ""
    fact: str = ""

    def stands(self, cutoff: datetime) -> bool:
        """Whether it held just before an instant."""
        return self.at < cutoff and (self.withdrawn_at is None or self.withdrawn_at >= cutoff)


def standing(overrides: Iterable[Override], cutoff: datetime) -> list[Override]:
    """The overrides in force before an instant: the last of each seat, deal or seat below, and field."""
    made: dict[tuple[str, ...], Override] = {}
    for one in sorted((one for one in overrides if one.stands(cutoff)), key=lambda one: (one.at, one.id)):
        made[one.seat, one.type, one.period, one.deal, one.about, one.field] = one
    return list(made.values())


def of_deals(overrides: Sequence[Override], tree: Tree, node: str) -> dict[str, dict[str, Override]]:
    """What holds of deals at a node: deal to field to the override of the nearest seat at or below it."""
    best: dict[tuple[str, str], tuple[tuple[int, float, int], Override]] = {}
    for one in overrides:
        path = tree.path(one.seat)
        if one.deal and node in path:
            rank = (-(len(path) - path.index(node)), one.at.timestamp(), one.id)
            if (one.deal, one.field) not in best or rank > best[one.deal, one.field][0]:
                best[one.deal, one.field] = (rank, one)
    made: dict[str, dict[str, Override]] = {}
    for (deal, name), (_, one) in sorted(best.items()):
        made.setdefault(deal, {})[name] = one
    return made


def of_seats(overrides: Iterable[Override], seat: str) -> dict[str, dict[str, Override]]:
    """What a seat put in the place of calls right below it: seat below to category to override."""
    made: dict[str, dict[str, Override]] = {}
    for one in overrides:
        if one.about and one.seat == seat:
            made.setdefault(one.about, {})[one.field] = one
    return made
