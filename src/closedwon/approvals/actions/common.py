"""What the verbs share: policies in force, locking a request, opening steps, settling its state, and who may see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.utils import timezone

from closedwon.approvals.actions.people import person_of
from closedwon.approvals.actions.subjects import subject_of
from closedwon.approvals.deciding import Policies
from closedwon.approvals.hours import due
from closedwon.approvals.models import DONE, Ask, Decision, Delegation, Rebind, Request, Step, Version
from closedwon.approvals.policy import Role
from closedwon.approvals.rules.facts import facts
from closedwon.approvals.rules.preview import ADHOC
from closedwon.approvals.rules.reading import request_of
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Approved
from closedwon.approvals.rules.values import Request as Asked
from closedwon.base.errors import Conflict, NotFound
from closedwon.formula.formula import compile  # noqa: A004 - the language's own word
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_day
from closedwon.policies.actions import value_of, versions_in_force
from closedwon.workspace import current

SEES = ("deal-desk", "finance", "executive", "auditor")
"""Roles that see every request; sales ops without a region do too."""


_KNOWN: dict[tuple[tuple[str, str], ...], Policies] = {}
"""Policies by what is in force, as documents with the digests of their texts: another process that applies one changes the key."""


def policies() -> Policies:
    """The approval policies in force; read and compiled once per process for each set of texts."""
    found = _KNOWN.get(tuple(versions_in_force("approvals").values_list("document", "digest")))
    if found is None:
        versions = list(versions_in_force("approvals"))
        found = Policies({one.document: value_of(one) for one in versions}, {one.document: one.digest for one in versions})
        if len(_KNOWN) >= 4:
            _KNOWN.clear()
        _KNOWN[tuple(found.digests.items())] = found
    return found


def today(at: datetime) -> Any:
    """The company's day of an instant."""
    return closing_day(at)


def locked(request_id: int) -> Request:
    """The request, locked until the transaction ends. Raises NotFound."""
    found = Request.objects.select_for_update().filter(pk=request_id).first()
    if found is None:
        raise NotFound(f"There is no request {request_id}, or you may not see it.")
    return found


def united_of(request: Request, version: Version) -> United:
    """What the policies in force said of a version on its day."""
    return policies().on(request.kind, today(version.created_at))


def asked_of(version: Version) -> Asked:
    """The content of a version as the rules take it."""
    return request_of(version.content)


def approvals(request: Request) -> tuple[Approved, ...]:
    """The approvals that persons really gave on a request and did not take back by a later decision."""
    last: dict[str, Decision] = {}
    for one in request.decisions.exclude(verb__in=("override", "meet")).select_related("version").order_by("id"):
        last[one.person] = one
    return tuple(
        Approved(one.person, frozenset(one.roles), replace(asked_of(one.version), submitted_at=None), one.at)
        for one in last.values()
        if one.verb in ("approve", "condition")
    )


def open_ready(request: Request, version: Version, at: datetime) -> list[Step]:
    """Open every step whose predecessors are done; gives those that were opened."""
    steps = list(version.steps.all())
    done = {step.order for step in steps if step.state in DONE}
    ready = [step for step in steps if step.state == "waiting" and set(step.waits_for) <= done]
    if not ready:
        return []
    united = united_of(request, version)
    hours = united.hours_of(request.region)
    for step in ready:
        step.state, step.opened_at = "open", at
        if step.sla_hours:
            step.due_at = due(at, step.sla_hours, hours)
            before = max((role.remind_hours for name in step.roles if (role := role_of(united, name))), default=0)
            step.remind_at = due(at, step.sla_hours - before, hours) if 0 < before < step.sla_hours else None
        step.save()
    return ready


def role_of(united: United, name: str) -> Role | None:
    """The role of that name; whoever was asked in addition has one too. None where the policies have none any more."""
    return ADHOC if name == ADHOC.name else united.roles.get(name)


def settle(request: Request, version: Version, at: datetime) -> None:
    """The state that follows from the steps; an approval is given only where each step stands on this very content."""
    steps = list(version.steps.all())
    if any(step.state == "rejected" for step in steps):
        request.state, request.closed_at = "rejected", at
        version.steps.filter(state__in=("waiting", "open", "conditional")).update(state="skipped")
    elif all(step.state in DONE for step in steps):
        for step in steps:
            _bound(step, version)
        request.state, request.closed_at = "approved", at
    else:
        waiting = any(step.state in ("waiting", "open") for step in steps)
        request.state, request.closed_at = ("pending", None) if waiting else ("conditional", None)
    request.save()
    if request.state in ("approved", "rejected"):
        Ask.objects.filter(step__version=version, state="open").update(state="closed")
    subject_of(request.kind).changed(request)


def _bound(step: Step, version: Version) -> None:
    """Raise Conflict unless a decision or a rebind stands behind a finished step for the content of this version."""
    if step.state == "inherited":
        fits = Rebind.objects.filter(step=step, version=version, content_hash=version.content_hash).exists()
    else:
        fits = Decision.objects.filter(covers=step, version=version, content_hash=version.content_hash).exists()
    if not fits:
        raise Conflict(
            f"The step {step.title} is not bound to version {version.number}.", mend="Submit the request again; this is a fault."
        )


def condition_met(decision: Decision, version: Version) -> bool:
    """Whether a condition is met: somebody said so, or its formula holds for the content of a version."""
    if Decision.objects.filter(request_id=decision.request_id, verb="meet", condition=str(decision.pk)).exists():
        return True
    if not decision.condition_formula:
        return False
    united = united_of(version.request, version)
    made = compile(decision.condition_formula, united.types, expects="yes/no")
    if made.problems:
        return False
    found = made.evaluate(facts(united, asked_of(version)).values)
    return found.error is None and found.value is True


def worth(request: Request, version: Version, currency: str = "") -> Decimal | None:
    """What a request is worth in a currency, the company's where none is named, at the rates that it was submitted with; None where unknown.

    Where no facts stand behind a request, its amount is what the submitter says; then the largest amount among its values counts, if larger.
    """
    target = currency or current().settings.currency
    asked = asked_of(version)
    found = [] if asked.amount is None else [abs(asked.amount)]
    if request.amount is not None:
        found.append(abs(request.amount))
    if found and not subject_of(request.kind).grounded(request):
        found += _amounts(policies().on(request.kind, today(version.created_at)), asked)
    return asked.in_currency(max(found), target) if found else None


def _amounts(united: United, asked: Asked) -> list[Decimal]:
    """The amounts among a request's values, in its own currency."""
    values = facts(united, replace(asked, currency=united.currency)).values
    return [abs(values[name]) for name, kind in united.types.items() if kind.kind == "money" and isinstance(values.get(name), Decimal)]


def lenders(person: str, request: Request, version: Version, at: datetime) -> set[str]:
    """Those in whose place a person may decide on a version now; an unknown worth is within no limit."""
    rows = list(Delegation.objects.filter(taker=person, since__lte=at, until__gt=at, ended_at__isnull=True))
    amount = worth(request, version) if any(row.limit is not None for row in rows) else None
    return {
        row.giver
        for row in rows
        if (not row.kinds or request.kind in row.kinds) and (row.limit is None or (amount is not None and abs(amount) <= row.limit))
    }


def sides_of(version: Version) -> list[tuple[str, str]]:
    """Who decided for which side of a version, by a decision on it or by an earlier one that still holds."""
    steps = version.steps.exclude(side="")
    decided = steps.filter(decisions__isnull=False).values_list("side", "decisions__person")
    held = steps.filter(rebinds__isnull=False).values_list("side", "rebinds__decision__person")
    return list(dict.fromkeys([*decided, *held]))


def take_part(person: str) -> Q:
    """Requests in which a person takes part: as submitter, owner, asked, standing in, or as one of those who may take it."""
    asked = Q(person=person) | Q(stands_for=person)
    now = timezone.now()
    for row in Delegation.objects.filter(taker=person, since__lte=now, until__gt=now - timedelta(days=1), ended_at__isnull=True):
        lent = Q(person=row.giver)
        if row.kinds:
            lent &= Q(step__request__kind__in=row.kinds)
        asked |= lent
    decided = Decision.objects.filter(person=person).values("request_id")
    return Q(submitter=person) | Q(owner=person) | Q(pk__in=Ask.objects.filter(asked).values("step__request_id")) | Q(pk__in=decided)


def may_see(by: Actor, request: Request) -> bool:
    """Whether an actor may see a request."""
    if by.has(*SEES) or (by.has("sales-ops") and not by.region):
        return True
    person = person_of(by)
    if person and Request.objects.filter(take_part(person), pk=request.pk).exists():
        return True
    return subject_of(request.kind).visible(by, request)


def need(request_id: int, *, by: Actor) -> Request:
    """The request, if the actor may see it. Raises NotFound, so that nobody learns that there is one."""
    found = Request.objects.filter(pk=request_id).first()
    if found is None or not may_see(by, found):
        raise NotFound(f"There is no request {request_id}, or you may not see it.")
    return found


def told(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Steps for the audit trail."""
    return [{"order": step.order, "roles": step.roles, "state": step.state} for step in steps]
