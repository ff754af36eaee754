"""Ask somebody in addition: one more step of the version under decision, which later versions keep."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from closedwon.approvals.actions.common import locked, need, open_ready, policies, settle, today
from closedwon.approvals.actions.deciding import may_not
from closedwon.approvals.actions.looking import adding_allowed
from closedwon.approvals.actions.notices import tell_asked
from closedwon.approvals.actions.people import people
from closedwon.approvals.models import Ask, Request, Step
from closedwon.approvals.rules.preview import ADHOC
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.people.actor import Actor

MOST = 20
"""Persons who may be asked in addition on one version."""


def add_adhoc(request_id: int, person: str, reason: str, *, by: Actor) -> Step:
    """Ask a person in addition. By the submitter, the owner, whoever is asked already, sales ops or the deal desk; never a party to it."""
    known = need(request_id, by=by)
    _may_add(known, by)
    if not reason.strip():
        raise Invalid("Say why this person is asked.", mend="Give a reason, such as: knows the customer's legal team.")
    at = timezone.now()
    everybody = people(at)
    other = everybody.find(person)
    if other is None or not other.active:
        raise NotFound(f"There is nobody {person}.", mend="Name a person by id or mail address.")
    with transaction.atomic():
        request = locked(request_id)
        if not request.is_open:
            raise Conflict(f"The request is {request.state} already.", mend="Nobody is asked any more.")
        version = request.current
        if why := may_not(request, version, other.id, ""):
            told = why.replace("you ", "that person ")
            raise Refused(f"{other.name or other.id} may not be asked: {told}.", mend="Name somebody else.")
        steps = list(version.steps.all())
        if any(ask.person == other.id for step in steps for ask in step.asks.all()):
            raise Conflict(f"{other.name or other.id} is asked already.")
        if sum(step.roles == [ADHOC.name] for step in steps) >= MOST:
            raise Conflict(f"{MOST} persons are asked in addition already.")
        united = policies().on(request.kind, today(version.created_at))
        step = Step.objects.create(
            request=request, version=version, order=max((one.order for one in steps), default=0) + 1, group=1, roles=[ADHOC.name],
            title=ADHOC.label, mode="one", candidates=[other.id], via="adhoc", tested=sorted(united.tested), state="waiting", sla_hours=ADHOC.sla_hours,
            reasons=[{"rule": "adhoc", "reason": reason.strip()[:300], "tested_fields": sorted(united.tested)}],
        )  # fmt: skip
        Ask.objects.create(step=step, person=other.id, via="adhoc", asked_at=at)
        opened = open_ready(request, version, at)
        settle(request, version, at)
        tell_asked(request, opened)
        detail = {"step": step.order, "person": other.id, "reason": reason.strip()[:300], "version": version.number}
        record(by=by.name, verb="approvals.asked_in_addition", subject=f"approval:{request.pk}", detail=detail, channel=by.channel)
    return step


def _may_add(request: Request, by: Actor) -> None:
    if not adding_allowed(request, by):
        raise Refused("You may not ask others on this request.", mend="Its submitter, or whoever is asked already, can.")
