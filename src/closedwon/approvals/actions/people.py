"""Everybody who may be asked: from the facts, the roles granted in the product, approver roles, absences and delegations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db.models import Count, Q

from closedwon.approvals.models import Absence, Ask, Delegation, RoleHolder
from closedwon.approvals.rules.values import Away, Delegate, People, Person
from closedwon.facts.releases import latest
from closedwon.facts.store import store
from closedwon.people.actor import Actor
from closedwon.people.models import RoleGrant, User
from closedwon.people.visibility import closing_day, seating_at

ROLES = ("deal-desk", "finance", "executive", "sales-ops", "comp-admin", "enablement", "admin")
"""Roles of the product that are approver roles of the same name too."""


def person_of(by: Actor) -> str:
    """The id under which an actor decides; empty for the machine, which decides nothing."""
    return by.person_id or (f"user:{by.user_id}" if by.user_id else "")


def people(at: datetime) -> People:
    """Everybody at an instant."""
    known = dict(_known(closing_day(at)))
    known |= _logins(known)
    held = _holdings(at)
    away = _grouped(Absence.objects.filter(until__gt=at, ended_at__isnull=True), "person")
    lent = _grouped(Delegation.objects.filter(until__gt=at, ended_at__isnull=True), "giver")
    busy = dict(Ask.objects.filter(state="open", step__state="open").values_list("person").annotate(Count("id")))
    made = []
    for one in known.values():
        roles = held.get(one.id, {})
        limits = [limit for rows in roles.values() for _, limit in rows if limit is not None]
        made.append(replace(
            one, roles=frozenset(roles), role_regions={role: frozenset(region for region, _ in rows if region) for role, rows in roles.items()},
            limit=max(limits, default=None), open_asks=busy.get(one.id, 0),
            away=tuple(Away(row.since, row.until) for row in away.get(one.id, [])),
            delegates=tuple(Delegate(row.taker, row.since, row.until, frozenset(row.kinds), row.limit) for row in lent.get(one.id, [])),
        ))  # fmt: skip
    return People.of(made)


def names(ids: set[str]) -> dict[str, str]:
    """The names of persons by id; an id that nobody has stands for itself."""
    day = closing_day(None)
    known = _known(day)
    found = {one: known[one].name or one for one in ids if one in known}
    missing = [one for one in ids if one not in found and one.startswith("user:")]
    if missing:
        logins = {
            f"user:{user.pk}": str(user) for user in User.objects.filter(pk__in=[int(one[5:]) for one in missing if one[5:].isdigit()])
        }
        found |= {one: logins[one] for one in missing if one in logins}
    return {one: found.get(one, one) for one in ids}


def called(actors: Collection[str]) -> dict[str, str]:
    """The names of actors as the trail writes them, a mail address perhaps with who acted for it; others stand for themselves."""
    mails = {one: one.partition(" (")[0] for one in actors}
    users = {user.email: user for user in User.objects.filter(email__in=sorted(set(mails.values())))}
    ids = names({user.person_id for user in users.values() if user.person_id})
    made = {}
    for one, mail in mails.items():
        user = users.get(mail)
        name = (ids.get(user.person_id) or str(user)) if user else mail
        made[one] = f"{name}{one[len(mail) :]}"
    return made


def _grouped(rows: Any, key: str) -> dict[str, list[Any]]:
    made: dict[str, list[Any]] = {}
    for row in rows:
        made.setdefault(getattr(row, key), []).append(row)
    return made


def _holdings(at: datetime) -> dict[str, dict[str, list[tuple[str, Decimal | None]]]]:
    """The approver roles of each person: by role the regions and limits."""
    made: dict[str, dict[str, list[tuple[str, Decimal | None]]]] = {}
    for row in RoleHolder.objects.filter(ended_at__isnull=True):
        made.setdefault(row.person, {}).setdefault(row.role, []).append((row.region, row.limit))
    grants = RoleGrant.objects.filter(
        Q(until__isnull=True) | Q(until__gt=at), revoked_at__isnull=True, role__in=ROLES, user__is_active=True
    )
    for grant in grants.select_related("user"):
        person = grant.user.person_id or f"user:{grant.user.pk}"
        made.setdefault(person, {}).setdefault(grant.role, []).append((grant.region, None))
    return made


def _logins(known: Mapping[str, Person]) -> dict[str, Person]:
    """Logins that are no person of the facts."""
    rows = User.objects.filter(is_active=True)
    return {
        f"user:{user.pk}": Person(f"user:{user.pk}", str(user), user.email)
        for user in rows
        if not user.person_id or user.person_id not in known
    } | {user.person_id: Person(user.person_id, str(user), user.email) for user in rows if user.person_id and user.person_id not in known}


def _known(day: Any) -> dict[str, Person]:
    release = latest()
    versions = tuple((release.tables if release else {}).get(name) for name in ("users", "positions", "position_holders", "hierarchy"))
    return _people_of_facts(store().url, versions, day)


@lru_cache(maxsize=16)
def _people_of_facts(_url: str, versions: tuple[int | None, ...], day: Any) -> dict[str, Person]:
    if versions[0] is None:
        return {}
    rows = store().read("users", version=versions[0]).to_pylist()
    seating = seating_at(day)
    sitting: dict[str, list[str]] = {}
    for person, seats in seating.holders.items():
        for seat in seats:
            sitting.setdefault(seat, []).append(person)
    made = {}
    for row in rows:
        active = row["active"] is not False and not (row["end_date"] and row["end_date"] <= day)
        manager = _manager(row, seating, sitting)
        made[row["id"]] = Person(
            row["id"], row["name"] or row["id"], row["email"] or "", manager, region=row["region"] or "", active=active
        )
    return made


def _manager(row: Mapping[str, Any], seating: Any, sitting: Mapping[str, list[str]]) -> str:
    """Who sits above a person: the holder of the nearest seat above that somebody else holds, else the manager whom the source names."""
    seat = seating.owner_seat.get(row["id"])
    for above in reversed(seating.tree.path(seat)[:-1] if seat else ()):
        others = sorted(one for one in sitting.get(above, []) if one != row["id"])
        if others:
            return others[0]
    return str(row["manager_id"] or "")
