"""What a person may see of the pipeline: the sub-tree of their seats, their splits, deal teams and account teams, or a region."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

from django.utils import timezone

from closedwon.base.errors import Invalid, NotFound
from closedwon.facts.engine import run
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, source
from closedwon.facts.store import store
from closedwon.people.actor import Actor
from closedwon.people.visible import Seating, seating, visible_deals_rule
from closedwon.workspace import current

EVERYTHING = ("executive", "deal-desk", "finance", "auditor")
"""Roles that see every deal; sales ops do too, unless limited to a region."""
OWN = ("rep", "se", "csm", "overlay", "partner-manager")
"""Roles that see what they own or work on."""
SEATING = ("users", "positions", "position_holders", "hierarchy")


@dataclass(frozen=True)
class Scope:
    """What may be seen: everything, or these seats, what these persons own or work on, and the deals of this region."""

    everything: bool
    seats: frozenset[str] = frozenset()
    person_ids: frozenset[str] = frozenset()
    region: str = ""

    @property
    def nothing(self) -> bool:
        """Whether the scope opens no deal at all."""
        return not (self.everything or self.seats or self.person_ids or self.region)


ALL = Scope(everything=True)
NONE = Scope(everything=False)


def scope(by: Actor, *, cutoff: datetime | None = None, org: str = "as-was", release: Release | None = None) -> Scope:
    """What `by` may see at a cutoff: with `as-was` by the tree of that day, with `as-is` by today's."""
    if org not in ("as-was", "as-is"):
        raise Invalid(f"{org!r} is no organisation.", mend="Use as-was, the organisation of that day, or as-is, today's.")
    if by.has(*EVERYTHING) or (by.has("sales-ops") and not by.region):
        return ALL
    region = by.region if by.has("sales-ops") else ""
    person = by.person_id if by.has("manager", *OWN) else ""
    if not (person or region):
        return NONE
    day = closing_day(cutoff) if org == "as-was" and cutoff is not None else closing_day(None)
    tree = seating_at(day, release)
    own = tree.held_by(person) if person else frozenset()
    seats = tree.below(own) if by.has("manager") else own
    if region:
        seats |= tree.below(tree.of_region(region))
    return Scope(everything=False, seats=seats, person_ids=tree.owners(seats) | ({person} if person else set()), region=region)


def closing_day(cutoff: datetime | None) -> date:
    """The day of the company that closes at the cutoff or during which it falls; without one, today."""
    moment = cutoff - timedelta(microseconds=1) if cutoff is not None else timezone.now()
    return moment.astimezone(current().zone).date()


def closing_cutoff(day: date) -> datetime:
    """The instant before which everything of that day has happened: the next midnight of the company's time zone."""
    return datetime.combine(day + timedelta(days=1), time(), current().zone).astimezone(UTC)


def visible_deals(seen: Scope, *, cutoff: datetime | None = None, release: Release | None = None) -> frozenset[str] | None:
    """The ids of the deals that a scope opens at a cutoff, deleted ones too; None means every deal."""
    if seen.everything:
        return None
    if seen.nothing:
        return frozenset()
    cutoff = cutoff or timezone.now()
    release = release or latest()
    inputs: dict[str, Any] = {name: source(name, release) for name in visible_deals_rule.inputs if name not in ("scope_people", "params")}
    inputs["scope_people"] = [{"user_id": person} for person in sorted(seen.person_ids)]
    inputs["params"] = [{"cutoff": cutoff, "day": closing_day(cutoff), "region": seen.region}]
    return frozenset(run(visible_deals_rule, inputs).column("opportunity_id").to_pylist())


def need_deal(by: Actor, opportunity_id: str, *, cutoff: datetime | None = None, release: Release | None = None) -> None:
    """Raise NotFound unless `by` may see the deal, so that nobody learns that there is one."""
    seen = visible_deals(scope(by, cutoff=cutoff, release=release), cutoff=cutoff, release=release)
    if seen is not None and opportunity_id not in seen:
        raise NotFound(f"There is no deal {opportunity_id}, or you may not see it.")


def seating_at(day: date, release: Release | None = None) -> Seating:
    """Who sits where on a day, and what is below what, from the facts at a release."""
    release = release or latest()
    versions = tuple((release.tables if release else {}).get(name) for name in SEATING)
    return _seating_at(store().url, versions, day)


@lru_cache(maxsize=64)
def _seating_at(_url: str, versions: tuple[int | None, ...], day: date) -> Seating:
    tables = {
        name: [] if version is None else store().read(name, version=version).to_pylist()
        for name, version in zip(SEATING, versions, strict=True)
    }
    return seating(tables, day)
