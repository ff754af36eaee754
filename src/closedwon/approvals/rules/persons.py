"""Who decides for a role on a request: holders, managers, delegates, backups; and who may not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from closedwon.approvals.policy import Role
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Approved, People, Person, Request


@dataclass(frozen=True)
class Found:
    """Who is asked for a role: one list per ask in sequence, how many must agree, and how they were found."""

    role: Role
    asked: tuple[tuple[str, ...], ...]
    mode: str
    quorum: int
    via: str
    stands_for: Mapping[str, str] = field(default_factory=dict)
    queue: tuple[str, ...] = ()
    problem: str = ""


def barred(request: Request) -> dict[str, str]:
    """Who may not decide on a request at all, and why: the submitter, the owner, direct earners."""
    made = {one: "earns on this deal" for one in request.earners if one}
    if request.owner:
        made[request.owner] = "owns the deal"
    if request.submitter:
        made[request.submitter] = "submitted the request"
    return made


@dataclass
class Resolver:
    """Finds persons role by role; remembers who decides for which side, since nobody decides for two."""

    united: United
    request: Request
    people: People
    at: datetime
    values: Mapping[str, Any]
    approved: tuple[Approved, ...] = ()
    sides: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.not_these = {self._id(word): why for word, why in barred(self.request).items()}

    def _id(self, word: str) -> str:
        found = self.people.find(word)
        return found.id if found else word

    def why_not(self, person: Person, role: Role) -> str:
        """Why a person may not decide in a role on this request; empty where the person may."""
        if not person.active:
            return "has left"
        if person.id in self.not_these:
            return self.not_these[person.id]
        side = self.sides.get(person.id, "")
        return f"decides for {side} already" if side and role.side and side != role.side else ""

    def find(self, role: Role, seen: frozenset[str] = frozenset()) -> Found:
        """Who is asked for a role; its backup where nobody may decide."""
        found = self._managers(role) if role.who == "manager" else self._held(role)
        if not found.problem:
            self._note(found)
            return found
        backup = self.united.roles.get(role.backup)
        if backup is not None and backup.name not in seen | {role.name}:
            instead = self.find(backup, seen | {role.name})
            if not instead.problem:
                via = f"backup of {role.label}" if instead.via == "holder" else f"backup of {role.label}, {instead.via}"
                return Found(backup, instead.asked, instead.mode, instead.quorum, via, instead.stands_for, instead.queue)
        return found

    def _note(self, found: Found) -> None:
        for ask in found.asked:
            for one in ask if found.mode != "any" or len(ask) == 1 else ():
                if found.role.side:
                    self.sides.setdefault(one, found.role.side)

    def _held(self, role: Role) -> Found:
        chosen = self._holders(role)
        free, stands, ways = self._present(role, chosen)
        if role.mode in ("any", "one") and any(one not in stands for one in free):
            free = [one for one in free if one not in stands]
        if not free:
            return self._queue(role, chosen)
        if role.mode == "quorum" and len(free) < role.quorum:
            return Found(role, (), role.mode, role.quorum, "", problem=f"{len(free)} may decide for {role.label}, and {role.quorum} must")
        if role.mode == "all" and len(free) < len([one for one in chosen if not self.why_not(one, role)]):
            away = [one.name or one.id for one in chosen if one.id not in free and one.id not in stands.values()]
            return Found(
                role, (), role.mode, 0, "", problem=f"{', '.join(away)} must agree as {role.label}, is away, and has nobody in place"
            )
        asked = free[:1] if role.mode == "one" else free
        used = {one: who for one, who in stands.items() if one in asked}
        via = ways[asked[0]] if len(asked) == 1 else "person" if role.who == "person" else "holder"
        return Found(role, (tuple(asked),), role.mode, role.quorum, via, used)

    def _holders(self, role: Role) -> list[Person]:
        """Everybody who holds a role for the request's region, those who approved before first."""
        if role.who == "person":
            named = [self.people.find(word) for word in role.people]
            return [one for one in named if one is not None]
        held = self.people.holders(role.name)
        region = self.request.region
        if role.by == "region":
            held = [one for one in held if not one.regions(role.name) or region in one.regions(role.name)]
        before = {one.person for one in self.approved if role.name in one.roles}
        near = {one.id: 0 if region and region in one.regions(role.name) else 1 for one in held} if role.by == "region" else {}
        return sorted(held, key=lambda one: (one.id not in before, near.get(one.id, 0), one.open_asks, one.id))

    def _present(self, role: Role, chosen: list[Person]) -> tuple[list[str], dict[str, str], dict[str, str]]:
        """Those of them who can decide now, each in person or through whoever stands in: ids, for whom, and how they were found."""
        free: list[str] = []
        stands: dict[str, str] = {}
        ways: dict[str, str] = {}
        for person in chosen:
            if self.why_not(person, role):
                continue
            other, via = self.in_place_of(person, role)
            if other is None or other.id in free:
                continue
            free.append(other.id)
            ways[other.id] = via or ("person" if role.who == "person" else "holder")
            if other.id != person.id:
                stands[other.id] = person.id
        return free, stands, ways

    def in_place_of(self, person: Person, role: Role) -> tuple[Person | None, str]:
        """Who decides in a person's place: the person, else a delegate, else a manager; None where all are away or may not."""
        told = person.name or person.id
        delegate = self._delegate(person, role, {person.id})
        if delegate is not None:
            return delegate, f"delegate of {told}"
        if not person.is_away(self.at):
            return person, ""
        for manager in self.people.managers(person.id):
            if not manager.is_away(self.at) and not self.why_not(manager, role):
                return manager, f"manager of absent {told}"
        return None, ""

    def _delegate(self, person: Person, role: Role, seen: set[str]) -> Person | None:
        """The end of the line of delegates that are in force; loops, absent and barred ones lead nowhere."""
        for delegation in person.delegates:
            if not delegation.holds(self.at, self.request.kind, self._worth()) or delegation.to in seen:
                continue
            other = self.people.by_id.get(delegation.to)
            if other is None or self.why_not(other, role):
                continue
            further = self._delegate(other, role, seen | {other.id})
            if further is not None:
                return further
            if not other.is_away(self.at):
                return other
        return None

    def _worth(self) -> Decimal | None:
        """What the request is worth in the policy's currency."""
        return self.request.in_currency(self.request.amount, self.united.currency)

    def _queue(self, role: Role, chosen: list[Person]) -> Found:
        """All holders are away: whoever comes back first takes it from the queue."""
        waiting = tuple(one.id for one in chosen if not self.why_not(one, role))
        if waiting:
            return Found(role, (waiting,), "any", 0, "queue", queue=waiting)
        if not chosen:
            return Found(role, (), role.mode, role.quorum, "", problem=f"nobody holds the role {role.label}")
        why = "; ".join(f"{one.name or one.id} {self.why_not(one, role)}" for one in chosen)
        return Found(role, (), role.mode, role.quorum, "", problem=f"nobody may decide as {role.label}: {why}")

    def _managers(self, role: Role) -> Found:
        """Up the line of managers of the owner or the submitter, as far as the limit asks."""
        start = self._id(self.request.owner if role.of == "owner" else self.request.submitter)
        line = [one for one in self.people.managers(start) if not self.why_not(one, role)]
        if not line:
            return Found(role, (), "one", 0, "", problem=f"there is no manager above {self._named(start)} who may decide")
        way: list[Person] = line[:1]
        if role.limit_on:
            amount = self.values.get(role.limit_on)
            enough = next((at for at, one in enumerate(line) if _covers(one.limit, amount)), None)
            if enough is None:
                text = f"no manager above {self._named(start)} may approve this amount"
                return Found(role, (), "one", 0, "", problem=text)
            way = line[: enough + 1] if role.climb == "each" else [line[enough]]
        asked: list[tuple[str, ...]] = []
        stands: dict[str, str] = {}
        via = "manager"
        for person in way:
            other, how = self.in_place_of(person, role)
            if other is None:
                return Found(role, ((person.id,),), "any", 0, "queue", queue=(person.id,))
            if (other.id,) not in asked:
                asked.append((other.id,))
            if other.id != person.id:
                stands[other.id], via = person.id, how
        return Found(role, tuple(asked), "one", 0, via, stands)

    def _named(self, person_id: str) -> str:
        found = self.people.by_id.get(person_id)
        return (found.name or found.id) if found else person_id or "nobody"


def _covers(limit: Decimal | None, amount: Any) -> bool:
    """Whether a person's limit covers an amount; an unknown amount is covered by no limit."""
    return limit is not None and amount is not None and abs(amount) <= limit
