"""Standing arrangements: who holds a role, who is away, who decides in whose place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.approvals.actions.people import people, person_of
from closedwon.approvals.models import Absence, Delegation, RoleHolder
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.people.actor import Actor

LARGEST = 16
"""Digits before the point from which an amount is too large to be kept."""
KEEPERS = ("sales-ops", "admin")
"""Roles that name holders, and may note absences and delegations for others."""


def delegate(
    taker: str,
    since: datetime,
    until: datetime,
    *,
    by: Actor,
    giver: str = "",
    kinds: Sequence[str] = (),
    limit: Decimal | None = None,
    reason: str = "",
) -> Delegation:
    """Let somebody decide in one's place. Raises Invalid for oneself, a loop, or a span without an end."""
    everybody = people(timezone.now())
    mine = giver or person_of(by)
    _own(mine, by, "delegate for others")
    other = everybody.find(taker)
    if other is None or not other.active:
        raise NotFound(f"There is nobody {taker}.", mend="Name a person by id or mail address.")
    if mine not in everybody.by_id:
        raise NotFound(f"There is nobody {mine}.")
    if other.id == mine:
        raise Invalid("Nobody delegates to oneself.", mend="Name somebody else.")
    if until <= since:
        raise Invalid("The delegation ends before it begins.", mend="Give the day of its end.")
    _sound_limit(limit)
    with transaction.atomic():
        list(Delegation.objects.select_for_update().filter(ended_at__isnull=True, until__gt=since))
        if trail := _loop(mine, other.id, since, until):
            names = " → ".join((everybody.by_id[one].name or one) if one in everybody.by_id else one for one in trail)
            raise Conflict(f"That would be a loop: {names}.", mend="End the other delegation first, or name somebody else.")
        made = Delegation.objects.create(
            giver=mine,
            taker=other.id,
            since=since,
            until=until,
            kinds=list(kinds),
            limit=limit,
            reason=reason.strip()[:300],
            made_by=by.name,
        )
        detail = {
            "giver": mine,
            "taker": other.id,
            "since": since,
            "until": until,
            "kinds": list(kinds),
            "limit": limit,
            "reason": made.reason,
        }
        record(by=by.name, verb="approvals.delegated", subject=f"person:{mine}", detail=detail, channel=by.channel)
    return made


def _sound_limit(limit: Decimal | None) -> None:
    """Raise Invalid unless a limit is an amount that can be kept."""
    if limit is None:
        return
    if not limit.is_finite() or limit.adjusted() >= LARGEST:
        raise Invalid("That limit is no amount.", mend="Write digits, such as 50000; leave it out for no limit.")
    if limit < 0:
        raise Invalid("A limit is not negative.", mend="Write digits, such as 50000; leave it out for no limit.")


def _loop(giver: str, taker: str, since: datetime, until: datetime) -> list[str]:
    """The way from the taker back to the giver over delegations that hold at some time within the span; empty where there is none."""
    rows = Delegation.objects.filter(ended_at__isnull=True, since__lt=until, until__gt=since)
    to: dict[str, list[str]] = {}
    for row in rows:
        to.setdefault(row.giver, []).append(row.taker)
    todo: list[list[str]] = [[giver, taker]]
    seen = {taker}
    while todo:
        trail = todo.pop()
        for after in to.get(trail[-1], []):
            if after == giver:
                return [*trail, giver]
            if after not in seen:
                seen.add(after)
                todo.append([*trail, after])
    return []


def end_delegation(delegation_id: int, *, by: Actor) -> Delegation:
    """End a delegation now."""
    with transaction.atomic():
        row = Delegation.objects.select_for_update().filter(pk=delegation_id, ended_at__isnull=True).first()
        if row is None:
            raise NotFound("There is no such delegation.")
        _own(row.giver, by, "end the delegations of others")
        row.ended_at = timezone.now()
        row.save()
        record(
            by=by.name, verb="approvals.delegation_ended", subject=f"person:{row.giver}", detail={"taker": row.taker}, channel=by.channel
        )
    return row


def set_absence(since: datetime, until: datetime, *, by: Actor, person: str = "") -> Absence:
    """Note that somebody is out of office."""
    who = person or person_of(by)
    _own(who, by, "note the absence of others")
    if until <= since:
        raise Invalid("The absence ends before it begins.", mend="Give the day on which the person is back.")
    if who not in people(timezone.now()).by_id:
        raise NotFound(f"There is nobody {who}.")
    with transaction.atomic():
        made = Absence.objects.create(person=who, since=since, until=until, made_by=by.name)
        record(by=by.name, verb="approvals.away", subject=f"person:{who}", detail={"since": since, "until": until}, channel=by.channel)
    return made


def end_absence(absence_id: int, *, by: Actor) -> Absence:
    """Note that somebody is back."""
    with transaction.atomic():
        row = Absence.objects.select_for_update().filter(pk=absence_id, ended_at__isnull=True).first()
        if row is None:
            raise NotFound("There is no such absence.")
        _own(row.person, by, "end the absence of others")
        row.ended_at = timezone.now()
        row.save()
        record(by=by.name, verb="approvals.back", subject=f"person:{row.person}", detail={}, channel=by.channel)
    return row


def _own(person: str, by: Actor, what: str) -> None:
    if not person:
        raise Refused("The machine is nobody.", mend="Name a person, or act as one with --as EMAIL.")
    if person != person_of(by) and not by.has(*KEEPERS):
        raise Refused(f"You may not {what}.", mend="Sales ops can.")


def arrangements(*, by: Actor, person: str = "") -> dict[str, list[Any]]:
    """The delegations and absences that are still to end: one's own, or for sales ops and auditors everybody's."""
    now, mine = timezone.now(), person or person_of(by)
    lent, away = (
        Delegation.objects.filter(ended_at__isnull=True, until__gt=now),
        Absence.objects.filter(ended_at__isnull=True, until__gt=now),
    )
    if person or not by.has(*KEEPERS, "auditor"):
        if person and person != person_of(by) and not by.has(*KEEPERS, "auditor"):
            raise Refused("You may see your own arrangements only.")
        lent, away = lent.filter(giver=mine) | lent.filter(taker=mine), away.filter(person=mine)
    return {"delegations": list(lent), "absences": list(away)}


def holders(*, by: Actor) -> list[RoleHolder]:
    """Who holds which approver role now; those who take part in approvals may know."""
    del by
    return list(RoleHolder.objects.filter(ended_at__isnull=True))


def grant_holder(role: str, person: str, *, by: Actor, region: str = "", limit: Decimal | None = None, reason: str = "") -> RoleHolder:
    """Make somebody a holder of an approver role; never oneself."""
    by.need(*KEEPERS, to="name holders of approver roles")
    found = people(timezone.now()).find(person)
    if found is None or not found.active:
        raise NotFound(f"There is nobody {person}.", mend="Name a person by id or mail address.")
    if found.id == person_of(by):
        raise Refused("You may not name yourself.", mend="Ask another person of sales ops, or an admin.")
    _sound_limit(limit)
    if not role.strip() or len(role) > 60:
        raise Invalid("The role is missing.", mend="Name a role of the approval policies, such as deal-desk.")
    with transaction.atomic():
        if RoleHolder.objects.select_for_update().filter(role=role, person=found.id, region=region, ended_at__isnull=True).exists():
            raise Conflict(f"{found.name or found.id} holds {role} already.")
        made = RoleHolder.objects.create(
            role=role.strip(), person=found.id, region=region, limit=limit, reason=reason.strip()[:300], granted_by=by.name
        )
        detail = {"role": role, "person": found.id, "region": region, "limit": limit, "reason": made.reason}
        record(by=by.name, verb="approvals.holder_named", subject=f"person:{found.id}", detail=detail, channel=by.channel)
    return made


def end_holder(holder_id: int, *, by: Actor) -> RoleHolder:
    """Take an approver role from somebody."""
    by.need(*KEEPERS, to="name holders of approver roles")
    with transaction.atomic():
        row = RoleHolder.objects.select_for_update().filter(pk=holder_id, ended_at__isnull=True).first()
        if row is None:
            raise NotFound("There is no such holder.")
        row.ended_at, row.ended_by = timezone.now(), by.name
        row.save()
        record(
            by=by.name,
            verb="approvals.holder_ended",
            subject=f"person:{row.person}",
            detail={"role": row.role, "region": row.region},
            channel=by.channel,
        )
    return row
