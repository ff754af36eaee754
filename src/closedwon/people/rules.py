"""Seats and trees from dated rows: the seat that a person's deals belong to, and the tree of seats on a day. Pure.

An organisation that only knows people and managers gets one seat per person, named as the person; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any

from closedwon.base.errors import Problem

FIRST = date(1, 1, 1)
LAST = date(9999, 12, 31)
UNASSIGNED = "unassigned"
"""The node of deals whose owner never had a seat: a root of its own, so that nothing is dropped."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A seat of a person from `since` (inclusive) until `until` (exclusive)."""

    since: date
    until: date
    position_id: str


def owner_seats(users: Iterable[Row], positions: Sequence[Row], holders: Iterable[Row]) -> dict[str, tuple[Span, ...]]:
    """The seat that each person's deals belong to, without holes from the first day to the last.

    Of several seats held at once it is the one that is not interim, then of the largest share, then held longest. While a person holds
    none it is the seat held last before, else the first one after; a person who never holds one is unassigned.
    """
    if not positions:
        return {row["id"]: (Span(FIRST, LAST, row["id"]),) for row in users}
    held: dict[str, list[Row]] = {}
    for row in holders:
        held.setdefault(row["user_id"], []).append(row)
    people = dict.fromkeys([*(row["id"] for row in users), *held])
    return {person: _without_holes(held.get(person, [])) for person in people}


def _without_holes(held: Sequence[Row]) -> tuple[Span, ...]:
    bounds = sorted({FIRST, LAST, *(row["since"] for row in held), *((row["until"] or LAST) for row in held)})
    chosen = []
    for since, until in pairwise(bounds):
        now = [row for row in held if row["since"] <= since < (row["until"] or LAST)]
        chosen.append((since, until, min(now, key=_preferred)["position_id"] if now else None))
    later = next((seat for _, _, seat in chosen if seat is not None), UNASSIGNED)
    spans: list[Span] = []
    for since, until, seat in chosen:
        later = seat or (spans[-1].position_id if spans else later)
        if spans and spans[-1].position_id == later:
            spans[-1] = Span(spans[-1].since, until, later)
        else:
            spans.append(Span(since, until, later))
    return tuple(spans)


def _preferred(row: Row) -> tuple[Any, ...]:
    return (bool(row.get("is_interim")), -(row.get("share_ppm") or 0), row["since"], row["position_id"])


def owner_seat_rows(seats: Mapping[str, Sequence[Span]]) -> list[dict[str, Any]]:
    """The same as rows of the table `owner_seats`; the last span is open."""
    return [
        {"user_id": person, "since": span.since, "until": None if span.until == LAST else span.until, "position_id": span.position_id}
        for person, spans in sorted(seats.items())
        for span in spans
    ]


def seat_on(seats: Mapping[str, Sequence[Span]], person: str | None, day: date) -> str:
    """The seat of a person on a day; unassigned for a stranger."""
    spans = seats.get(person or "", ())
    return next((span.position_id for span in spans if span.since <= day < span.until), UNASSIGNED)


def seats_on(seats: Mapping[str, Sequence[Span]], day: date) -> dict[str, str]:
    """Person to seat on a day."""
    return {person: seat_on(seats, person, day) for person in seats}


@dataclass(frozen=True)
class Tree:
    """A tree of nodes: each node's parent, None for a root. Build it with `Tree.of`, which mends loops and reports them."""

    parents: Mapping[str, str | None]
    problems: tuple[Problem, ...] = field(default=())

    @classmethod
    def of(cls, parents: Mapping[str, str | None]) -> Tree:
        """A tree from parents. A parent that is no node becomes a root; a loop is cut above its smallest node and reported."""
        known: dict[str, str | None] = {node: parents[node] for node in sorted(parents)}
        for parent in sorted({parent for parent in parents.values() if parent is not None} - set(parents)):
            known[parent] = None
        problems: list[Problem] = []
        settled: set[str] = set()
        for start in list(known):
            trail: dict[str, None] = {}
            at: str | None = start
            while at is not None and at not in settled and at not in trail:
                trail[at] = None
                at = known[at]
            if at is not None and at in trail:
                names = list(trail)
                loop = names[names.index(at) :]
                known[min(loop)] = None
                mend = "Correct who reports to whom; until then the first of them stands at the top."
                problems.append(Problem(f"{' → '.join([*loop, at])} is a loop in the hierarchy", mend=mend))
            settled.update(trail)
        return cls(known, tuple(problems))

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """The nodes right below each node, in order; a leaf has none."""
        made: dict[str, list[str]] = {node: [] for node in self.parents}
        for node, parent in sorted(self.parents.items()):
            if parent is not None:
                made[parent].append(node)
        return {node: tuple(below) for node, below in made.items()}

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The nodes at the top, in order."""
        return tuple(sorted(node for node, parent in self.parents.items() if parent is None))

    @cached_property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Each node's way from its root down to itself."""
        made: dict[str, tuple[str, ...]] = {}
        todo: list[tuple[str, tuple[str, ...]]] = [(root, ()) for root in reversed(self.roots)]
        while todo:
            node, above = todo.pop()
            made[node] = (*above, node)
            todo.extend((child, made[node]) for child in reversed(self.children[node]))
        return made

    def path(self, node: str) -> tuple[str, ...]:
        """The way from the root down to a node; a stranger is a root of its own."""
        return self.paths.get(node, (node,))

    def closure(self) -> list[tuple[str, str, int]]:
        """Every (ancestor, node, depth between them), each node its own ancestor at depth 0."""
        return [(above, node, len(path) - 1 - depth) for node, path in sorted(self.paths.items()) for depth, above in enumerate(path)]

    def below(self, nodes: Iterable[str]) -> frozenset[str]:
        """These nodes and everything under them."""
        wanted = set(nodes)
        return frozenset(node for node, path in self.paths.items() if wanted.intersection(path))

    @property
    def order(self) -> tuple[str, ...]:
        """Every node, parents before children."""
        return tuple(self.paths)


def tree_at(users: Iterable[Row], positions: Sequence[Row], hierarchy: Iterable[Row], day: date, kind: str = "sales") -> Tree:
    """The tree of seats on a day. Without seats, each person under the manager.

    A seat without a parent row on that day stands where it stood last, else where it stands first after; one that has none at all is a
    root. A kind without rows of its own takes those of `sales`.
    """
    if not positions:
        return Tree.of({row["id"]: row.get("manager_id") or None for row in users})
    rows = list(hierarchy)
    own = [row for row in rows if row["kind"] == kind] or [row for row in rows if row["kind"] == "sales"]
    dated: dict[str, list[Row]] = {}
    for row in own:
        dated.setdefault(row["position_id"], []).append(row)
    parents: dict[str, str | None] = {row["id"]: None for row in positions}
    for seat, found in dated.items():
        parents[seat] = _nearest(found, day).get("parent_id") or None
    return Tree.of(parents)


def _nearest(rows: Sequence[Row], day: date) -> Row:
    """The row in force on a day, else the last before, else the first after."""
    begun = [row for row in rows if row["since"] <= day]
    now = [row for row in begun if day < (row["until"] or LAST)]
    if now or begun:
        return max(now or begun, key=lambda row: row["since"])
    return min(rows, key=lambda row: row["since"])


def in_force(positions: Iterable[Row], hierarchy: Sequence[Row], day: date, kind: str = "sales") -> frozenset[str]:
    """The seats that are part of the organisation on a day: in the tree then, and not closed without a row for it."""
    rows = [row for row in hierarchy if row["kind"] == kind] or list(hierarchy)
    known = {row["position_id"] for row in rows}
    now = {row["position_id"] for row in rows if row["since"] <= day < (row["until"] or LAST)}
    return frozenset(
        row["id"] for row in positions if row["id"] in now or (row["id"] not in known and row.get("status") not in ("closed", "planned"))
    )
