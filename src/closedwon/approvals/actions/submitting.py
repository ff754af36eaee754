"""Preview, submit, revise and recall a request."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from closedwon.approvals.actions.common import approvals, condition_met, locked, need, open_ready, policies, settle, today
from closedwon.approvals.actions.notices import tell_asked, tell_outcome, tell_systems
from closedwon.approvals.actions.people import people, person_of
from closedwon.approvals.actions.subjects import subject_of
from closedwon.approvals.models import Ask, Rebind, Request, Step, Version
from closedwon.approvals.rules.reading import request_json, request_of
from closedwon.approvals.rules.values import Preview
from closedwon.approvals.rules.values import Request as Asked
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, Refused
from closedwon.base.money import PPB
from closedwon.people.actor import Actor
from closedwon.people.facts import facts_rows
from closedwon.people.visibility import closing_day
from closedwon.workspace import current

ON_BEHALF = ("sales-ops", "deal-desk")
"""Roles that may submit, revise and recall for somebody else; marked so."""

SUBMITS = (
    "rep", "manager", "se", "csm", "overlay", "partner-manager", "deal-desk", "finance", "sales-ops", "comp-admin", "enablement", "salesforce-admin",
)  # fmt: skip
"""Roles that may submit; those that may override or only look submit nothing."""

TRIES = 5


class Meanwhile(Conflict):
    """Somebody decided while a new version was looked at."""


def frame(content: Mapping[str, Any], *, by: Actor, checked: bool = False) -> Asked:
    """A request from JSON, with its submitter, currency and rates filled in. Raises Invalid, Refused.

    Rates are always the company's. Where facts stand behind the request, owner, earners, amount, region and currency are what they say; `checked` is for a field that took them from there already.
    """
    by.need(*SUBMITS, to="submit requests")
    asked = request_of(content)
    known = {} if checked else subject_of(asked.kind).facts(by, asked.fields)
    if known:
        asked = request_of({**request_json(asked), **known, "submitter": asked.submitter})
    me = person_of(by)
    submitter = asked.submitter or me
    if not submitter:
        raise Refused("The machine submits nothing by itself.", mend="Name a submitter in the request, or act as a person with --as.")
    if submitter != me and not by.has(*ON_BEHALF):
        raise Refused("You may submit in your own name only.", mend="Sales ops and the deal desk can submit for others.")
    if known is None and asked.owner and asked.owner != submitter and not by.has(*ON_BEHALF):
        raise Refused(
            "You may submit what you own only: the owner decides whose manager is asked.", mend="Begin on the deal, or ask the deal desk."
        )
    currency = asked.currency or current().settings.currency
    return replace(asked, submitter=submitter, owner=asked.owner or submitter, currency=currency, rates=_rates(), submitted_at=None)


def _rates() -> dict[str, Any]:
    """Plan rates of today into the company's currency, as exact decimals."""
    target, day = current().settings.currency, closing_day(None)
    made: dict[str, Any] = {}
    for row in facts_rows("exchange_rates"):
        plan = str(row["kind"]).startswith("plan")
        if plan and row["to_currency"] == target and row["since"] <= day and (row["until"] is None or day < row["until"]):
            made[row["currency"]] = Decimal(row["rate_ppb"]) / PPB
    return made


def preview(content: Mapping[str, Any], *, by: Actor, request_id: int | None = None, checked: bool = False) -> Preview:
    """What a content would need, without submitting it; of a request that exists, with what was approved before."""
    asked = frame(content, by=by, checked=checked)
    before = approvals(need(request_id, by=by)) if request_id is not None else ()
    at = timezone.now()
    return policies().preview(asked, people(at), at, before, day=today(at))


def _checked(asked: Asked, at: datetime, before: Any) -> tuple[Preview, list[dict[str, Any]]]:
    found = policies().preview(asked, people(at), at, before, day=today(at), hinted=False)
    if found.outcome == "forbidden":
        raise Invalid(f"This cannot be submitted: {found.reason}.")
    if found.outcome == "incomplete":
        raise Invalid(f"This cannot be submitted yet: {found.reason}", problems=found.problems)
    return found, [dict(one) for one in found.policies]


def submit(content: Mapping[str, Any], *, by: Actor, key: str = "", subject_id: str = "", note: str = "", checked: bool = False) -> Request:
    """Submit a request; the same key again gives the request that it made. Raises Invalid where it is incomplete or forbidden."""
    if key and (found := Request.objects.filter(key=key).first()):
        return need(found.pk, by=by)
    asked = frame(content, by=by, checked=checked)
    at = timezone.now()
    made, used = _checked(asked, at, ())
    try:
        with transaction.atomic():
            request = Request.objects.create(
                kind=asked.kind, subject_id=subject_id or asked.id, title=(asked.title or asked.id or f"{asked.kind} request")[:200],
                key=key or uuid.uuid4().hex, submitter=asked.submitter, owner=asked.owner, region=asked.region, currency=asked.currency,
                amount=asked.amount, earners=list(asked.earners), number=1, content_hash=asked.content_hash, submitted_by=by.name, submitted_at=at,
            )  # fmt: skip
            version = _version(request, asked, made, used, note, by, at)
            _steps(request, version, made, at)
            _go_on(request, version, made, at)
            _record(request, version, made, by, "approvals.submitted")
    except IntegrityError:
        if key and (found := Request.objects.filter(key=key).first()):
            return need(found.pk, by=by)
        raise
    return request


def revise(
    request_id: int, content: Mapping[str, Any], *, by: Actor, seen: int | None = None, note: str = "", checked: bool = False
) -> Request:
    """Submit a new version. What an approver looked at and is no worse stays approved; what is worse is asked again, and says why.

    `seen` is the number of the version that the author started from; another one in between raises Conflict. A decision in between is taken
    into account by looking again, a few times.
    """
    for again in range(TRIES):
        try:
            return _revise(request_id, content, by, seen, note, checked)
        except Meanwhile:
            if again == TRIES - 1:
                raise
    raise AssertionError


def _revise(request_id: int, content: Mapping[str, Any], by: Actor, seen: int | None, note: str, checked: bool) -> Request:
    known = need(request_id, by=by)
    _may_change(known, by)
    asked = frame(
        {
            "owner": known.owner, "earners": known.earners, **content, "submitter": known.submitter, "kind": known.kind, "adhoc": _adhoc(known, content),
            **({} if checked else {"owner": known.owner, "earners": known.earners}),
        },
        by=_as_submitter(by), checked=checked,
    )  # fmt: skip
    at = timezone.now()
    before = known.decisions.count()  # first: a decision after it is either among the approvals, or makes the counts differ below
    made, used = _checked(asked, at, approvals(known))
    with transaction.atomic():
        request = locked(request_id)
        if request.number != known.number or (seen is not None and request.number != seen):
            raise Conflict("The request was changed meanwhile.", mend="Look at its latest version, then submit again.")
        if request.decisions.count() != before:
            raise Meanwhile("Somebody decided meanwhile.", mend="Look at it again, then submit.")
        old = request.current
        if old.content_hash == asked.content_hash and request.state not in ("recalled", "rejected"):
            return request
        old.steps.filter(state__in=("waiting", "open", "conditional")).update(state="replaced")
        Ask.objects.filter(step__version=old, state="open").update(state="closed")
        request.number += 1
        request.content_hash, request.amount, request.currency, request.region = (
            asked.content_hash,
            asked.amount,
            asked.currency,
            asked.region,
        )
        request.title, request.auto_reason = (asked.title or request.title)[:200], ""
        request.owner, request.earners = asked.owner, list(asked.earners)
        version = _version(request, asked, made, used, note, by, at)
        _steps(request, version, made, at)
        _go_on(request, version, made, at)
        _record(request, version, made, by, "approvals.revised")
    return request


def _adhoc(request: Request, content: Mapping[str, Any]) -> Any:
    """Whoever was asked in addition stays asked, whatever the new content says."""
    given = content.get("adhoc") or []
    if not isinstance(given, list):
        return given
    named = {one.get("person") for one in given if isinstance(one, Mapping)}
    before = [step for step in request.current.steps.all() if "adhoc" in step.roles and step.candidates]
    kept = [
        {"person": step.candidates[0], "reason": reason["reason"]}
        for step in before
        for reason in step.reasons
        if reason["rule"] == "adhoc"
    ]
    return [*given, *(one for one in kept if one["person"] not in named)]


def _as_submitter(by: Actor) -> Actor:
    """Whoever may change a request submits it in the submitter's name, and for the owner whom it has."""
    return replace(by, roles=by.roles | {"deal-desk"})


def _may_change(request: Request, by: Actor) -> None:
    if person_of(by) not in (request.submitter, request.owner) and not by.has(*ON_BEHALF):
        raise Refused("Only its submitter or owner may change a request.", mend="Ask them, or sales ops on their behalf.")


def _version(request: Request, asked: Asked, made: Preview, used: list[dict[str, Any]], note: str, by: Actor, at: datetime) -> Version:
    return Version.objects.create(
        request=request, number=request.number, content=request_json(asked), content_hash=asked.content_hash, policies=used,
        preview=made.as_dict(), note=note.strip()[:500], created_by=by.name, created_at=at,
    )  # fmt: skip


def _steps(request: Request, version: Version, made: Preview, at: datetime) -> None:
    for order, need_ in enumerate(made.steps, 1):
        step = Step.objects.create(
            request=request, version=version, order=order, group=need_.group, roles=list(need_.roles), title=" and ".join(need_.titles)[:300],
            side=need_.side, mode=need_.mode, quorum=need_.quorum, candidates=list(need_.candidates), via=need_.via[:200],
            reasons=[one.as_dict() for one in need_.reasons], tested=list(need_.tested), waits_for=[one + 1 for one in need_.waits_for],
            because=need_.because[:1000], state="inherited" if need_.status == "inherited" else "waiting", sla_hours=need_.sla_hours,
            done_at=at if need_.status == "inherited" else None,
        )  # fmt: skip
        asks = [one for one in need_.candidates if one not in need_.inherited]
        if need_.status == "inherited":
            _rebind(request, version, step, need_.inherited, need_.because)
            continue
        Ask.objects.bulk_create(
            Ask(step=step, person=one, stands_for=need_.stands_for.get(one, ""), via=need_.via[:200], asked_at=at) for one in asks
        )
        if need_.inherited:
            _rebind(request, version, step, need_.inherited, "nothing that counts is worse than what was approved")


def _rebind(request: Request, version: Version, step: Step, people_: tuple[str, ...], why: str) -> None:
    """Note which real decision each inherited approval stands on, and on which content it holds now."""
    for person in people_:
        decision = request.decisions.filter(person=person, verb__in=("approve", "condition")).order_by("-id").first()
        if decision is None:
            raise Conflict("An approval that should still hold is not there.", mend="Submit the request again; this is a fault.")
        Rebind.objects.create(decision=decision, step=step, version=version, content_hash=version.content_hash, why=why[:1000])
        if decision.verb == "condition" and not condition_met(decision, version):
            step.state, step.done_at = "conditional", None
            step.save()


def _go_on(request: Request, version: Version, made: Preview, at: datetime) -> None:
    if made.auto_approved:
        request.state, request.auto_reason, request.closed_at = "approved", made.reason[:500], at
        request.save()
        subject_of(request.kind).changed(request)
        tell_systems(request)
        return
    opened = open_ready(request, version, at)
    settle(request, version, at)
    tell_asked(request, opened)
    if not request.is_open:
        tell_outcome(request)


def _record(request: Request, version: Version, made: Preview, by: Actor, verb: str) -> None:
    detail = {
        "version": version.number, "content_hash": version.content_hash, "state": request.state, "submitter": request.submitter,
        "policies": version.policies, "steps": [step.as_dict(at) for at, step in enumerate(made.steps, 1)], "reason": made.reason,
        "values": dict(made.values), "explanation": [dict(one) for one in made.explanation],
    }  # fmt: skip
    record(by=by.name, verb=verb, subject=f"approval:{request.pk}", detail=detail, channel=by.channel)


def recall(request_id: int, *, by: Actor, reason: str = "") -> Request:
    """Take a request back before it is decided; an approved one stands no longer. A later version keeps the approvals that still hold."""
    known = need(request_id, by=by)
    _may_change(known, by)
    with transaction.atomic():
        request = locked(request_id)
        if request.state == "recalled":
            return request
        if request.state == "rejected":
            raise Conflict("The request was rejected already.", mend="Submit a new version instead.")
        version = request.current
        version.steps.filter(state__in=("waiting", "open", "conditional")).update(state="skipped")
        Ask.objects.filter(step__version=version, state="open").update(state="closed")
        was, request.state, request.closed_at = request.state, "recalled", timezone.now()
        request.save()
        subject_of(request.kind).changed(request)
        detail = {"version": version.number, "content_hash": version.content_hash, "was": was, "reason": reason.strip()[:500]}
        record(by=by.name, verb="approvals.recalled", subject=f"approval:{request.pk}", detail=detail, channel=by.channel)
    return request
