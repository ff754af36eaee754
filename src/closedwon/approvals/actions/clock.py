"""The clock: reminders, escalations, and persons who went away; safe to run twice, red in the health check when it is late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.approvals.actions.common import approvals, asked_of, locked, policies, role_of, sides_of, today, united_of
from closedwon.approvals.actions.notices import queue
from closedwon.approvals.actions.people import people
from closedwon.approvals.models import Ask, Clock, Request, Step, Version
from closedwon.approvals.policy import Role
from closedwon.approvals.rules.persons import Resolver
from closedwon.approvals.rules.values import People, Person
from closedwon.audit.actions import record
from closedwon.people.actor import SYSTEM

LATE = timedelta(minutes=15)
"""How old the last tick may be before the clock counts as late."""


def tick(now: datetime | None = None) -> dict[str, int]:
    """Remind, escalate and route round the absent; gives how many of each."""
    at = now or timezone.now()
    counts = {"reminded": 0, "escalated": 0, "rerouted": 0}
    for step in Step.objects.filter(state="open", remind_at__lte=at, reminded_at__isnull=True).values_list("pk", flat=True):
        counts["reminded"] += _remind(step, at)
    for step in Step.objects.filter(state="open", due_at__lte=at, escalated_at__isnull=True).values_list("pk", flat=True):
        counts["escalated"] += _escalate(step, at)
    everybody = people(at)
    away = [one.id for one in everybody.by_id.values() if one.is_away(at) or not one.active]
    for step in Step.objects.filter(state="open", asks__state="open", asks__person__in=away).values_list("pk", flat=True).distinct():
        counts["rerouted"] += _reroute(step, everybody, at)
    for step in Step.objects.filter(state="open").exclude(asks__state="open").values_list("pk", flat=True):
        counts["rerouted"] += _fill(step, everybody, at)
    Clock.objects.update_or_create(pk=1, defaults={"ticked_at": at, "held": Step.objects.filter(state="open").count()})
    return counts


def is_late(now: datetime | None = None) -> bool:
    """Whether the clock should have run and did not, while something is open."""
    at = now or timezone.now()
    if not Step.objects.filter(state="open").exists():
        return False
    row = Clock.objects.filter(pk=1).first()
    oldest = Step.objects.filter(state="open").order_by("opened_at").values_list("opened_at", flat=True).first()
    last = row.ticked_at if row and row.ticked_at else oldest
    return last is None or at - last > LATE


def _step(step_id: int) -> tuple[Request, Version, Step] | None:
    """The step with its request locked; None where it is not open any more."""
    request_id = Step.objects.values_list("request_id", flat=True).get(pk=step_id)
    request = locked(request_id)
    step = Step.objects.select_related("version").get(pk=step_id)
    return (request, step.version, step) if step.state == "open" and request.is_open else None


def _remind(step_id: int, at: datetime) -> int:
    with transaction.atomic():
        found = _step(step_id)
        if found is None or found[2].reminded_at is not None:
            return 0
        request, _, step = found
        step.reminded_at = at
        step.save()
        for person in step.asks.filter(state="open").values_list("person", flat=True):
            queue("mail", person, f"remind:{step.pk}:{person}", {"what": "reminded", "request": request.pk, "step": step.pk})
        record(by=SYSTEM.name, verb="approvals.reminded", subject=f"approval:{request.pk}", detail={"step": step.order}, channel="job")
    return 1


def _escalate(step_id: int, at: datetime) -> int:
    with transaction.atomic():
        found = _step(step_id)
        if found is None or found[2].escalated_at is not None:
            return 0
        request, version, step = found
        everybody = people(at)
        added, how = _above(request, version, step, everybody, at)
        step.escalated_at = at
        if added and step.mode == "one":
            step.mode = "any"
        step.save()
        known = set(step.asks.values_list("person", flat=True))
        for person in added:
            if person not in known:
                Ask.objects.create(step=step, person=person, via=how[:200], asked_at=at)
                queue("mail", person, f"escalated:{step.pk}:{person}", {"what": "escalated", "request": request.pk, "step": step.pk})
        detail = {"step": step.order, "due_at": step.due_at, "to": added, "how": how}
        record(by=SYSTEM.name, verb="approvals.escalated", subject=f"approval:{request.pk}", detail=detail, channel="job")
    return 1


def _above(request: Request, version: Version, step: Step, everybody: People, at: datetime) -> tuple[list[str], str]:
    """Whom a late step goes to besides, and how they were found."""
    united = united_of(request, version)
    resolver = _resolver(request, version, united, everybody, at)
    for name in step.roles:
        role = role_of(united, name)
        if role is None or not role.escalate_to:
            continue
        if role.escalate_to == "manager":
            for person in step.asks.filter(state="open").values_list("person", flat=True):
                line = [one for one in everybody.managers(person) if not resolver.why_not(one, role) and not one.is_away(at)]
                if line:
                    return [line[0].id], f"escalated: manager of {_named(everybody, person)}"
        elif role.escalate_to == "queue":
            return [one.id for one in everybody.holders(name) if not resolver.why_not(one, role)], "escalated to the queue"
        else:
            found = resolver.find(united.roles[role.escalate_to])
            people_ = [one for ask in found.asked for one in ask]
            if people_:
                return people_, f"escalated to {united.roles[role.escalate_to].label}"
    return [], "nobody to escalate to"


def _resolver(request: Request, version: Version, united: Any, everybody: People, at: datetime) -> Resolver:
    """A resolver that knows who decided for which side of the version already."""
    resolver = Resolver(united, asked_of(version), everybody, at, {}, approvals(request))
    for side, person in sides_of(version):
        resolver.sides.setdefault(person, side)
    return resolver


def _named(everybody: People, person: str) -> str:
    found = everybody.by_id.get(person)
    return found.name if found and found.name else person


def _reroute(step_id: int, everybody: People, at: datetime) -> int:
    """Ask whoever stands in for those who went away after they were asked."""
    with transaction.atomic():
        found = _step(step_id)
        if found is None:
            return 0
        request, version, step = found
        united = policies().on(request.kind, today(version.created_at))
        resolver = _resolver(request, version, united, everybody, at)
        role = next((one for name in step.roles if (one := role_of(united, name))), None)
        added = []
        known = set(step.asks.values_list("person", flat=True))
        for ask in step.asks.filter(state="open"):
            person = everybody.by_id.get(ask.person)
            if role is None or person is None or (person.active and not person.is_away(at)):
                continue
            other, via = resolver.in_place_of(person, role) if person.active else _after(person, role, resolver)
            if other is not None and other.id not in known:
                known.add(other.id)
                Ask.objects.create(step=step, person=other.id, stands_for=person.id, via=via[:200], asked_at=at)
                queue("mail", other.id, f"stand-in:{step.pk}:{other.id}", {"what": "asked", "request": request.pk, "step": step.pk})
                added.append(other.id)
        if not added:
            return 0
        if step.mode == "one":
            step.mode = "any"
            step.save()
        record(
            by=SYSTEM.name,
            verb="approvals.rerouted",
            subject=f"approval:{request.pk}",
            detail={"step": step.order, "to": added},
            channel="job",
        )
    return 1


def _after(person: Person, role: Role, resolver: Resolver) -> tuple[Person | None, str]:
    """Who is asked instead of somebody who left: whoever the role finds now."""
    found = [one for ask in resolver.find(role).asked for one in ask]
    other = next((resolver.people.by_id[one] for one in found if one in resolver.people.by_id), None)
    return other, f"after {person.name or person.id} left"


def _fill(step_id: int, everybody: People, at: datetime) -> int:
    """Ask for a step for which there was nobody, once a role of it has somebody who may decide."""
    with transaction.atomic():
        found = _step(step_id)
        if found is None or found[2].asks.filter(state="open").exists():
            return 0
        request, version, step = found
        united = united_of(request, version)
        resolver = _resolver(request, version, united, everybody, at)
        ways = [resolver.find(united.roles[name]) for name in step.roles if name in united.roles]
        way = next((one for one in ways if one.asked), None)
        known = set(step.asks.values_list("person", flat=True))
        persons = [] if way is None else list(dict.fromkeys(one for ask in way.asked for one in ask if one not in known))
        if way is None or not persons:
            return 0
        step.mode, step.quorum, step.candidates, step.via = "all" if len(way.asked) > 1 else way.mode, way.quorum, persons, way.via[:200]
        step.save()
        for person in persons:
            Ask.objects.create(step=step, person=person, stands_for=way.stands_for.get(person, ""), via=way.via[:200], asked_at=at)
            queue("mail", person, f"ask:{step.pk}:{person}", {"what": "asked", "request": request.pk, "step": step.pk})
        detail = {"step": step.order, "to": persons, "how": way.via}
        record(by=SYSTEM.name, verb="approvals.rerouted", subject=f"approval:{request.pk}", detail=detail, channel="job")
    return 1
