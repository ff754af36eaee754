"""Exceptions that were approved with a request: what they allow, for whom, until when, how often; found again at the next request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from closedwon.approvals.actions.common import may_see, need, today
from closedwon.approvals.actions.people import person_of
from closedwon.approvals.actions.subjects import subject_of
from closedwon.approvals.models import Exemption, Request
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.people.actor import Actor

SCOPES = ("quote", "customer", "term")
KEEPERS = ("deal-desk", "finance")
"""Roles that note exceptions; the person must not be a party to the request."""


def except_(
    request_id: int, scope: str, subject_id: str, what: str, *, by: Actor, fields: Mapping[str, Any] | None = None, since: date | None = None,
    until: date | None = None, uses: int | None = None,
) -> Exemption:  # fmt: skip
    """Note an exception that an approved request grants: for one quote, a customer, or a contract term.

    `until` is exclusive, `uses` how often it may be used. A customer's or a term's exception needs an end or a count. Raises Conflict while
    the request is not approved, Refused for who is a party to it.
    """
    request = need(request_id, by=by)
    by.need(*KEEPERS, to="note exceptions")
    if person_of(by) in parties(request):
        raise Refused("You are a party to this request.", mend="Somebody else of the deal desk or finance can note it.")
    day = since or today(timezone.now())
    _sound(scope, subject_id, what, day, until, uses)
    with transaction.atomic():
        locked = Request.objects.select_for_update().get(pk=request.pk)
        if locked.state != "approved":
            raise Conflict(f"The request is {locked.state}; only an approved one grants an exception.")
        made = Exemption.objects.create(
            request=locked, scope=scope, subject_id=subject_id.strip(), what=what.strip()[:500], fields=dict(fields or {}), since=day, until=until,
            uses_left=uses, by=by.name,
        )  # fmt: skip
        detail = {
            "exception": made.pk, "scope": scope, "of": made.subject_id, "what": made.what, "fields": made.fields, "since": day, "until": until,
            "uses": uses, "content_hash": locked.content_hash,
        }  # fmt: skip
        record(by=by.name, verb="approvals.excepted", subject=f"approval:{request.pk}", detail=detail, channel=by.channel)
    return made


def parties(request: Request) -> set[str]:
    """Who asked, owns or earns: they grant nothing to themselves."""
    return {request.submitter, request.owner, *request.earners}


def _sound(scope: str, subject_id: str, what: str, since: date, until: date | None, uses: int | None) -> None:
    if scope not in SCOPES:
        raise Invalid(f"{scope!r} is no scope of an exception.", mend=f"Write {', '.join(SCOPES)}.")
    if not subject_id.strip() or len(subject_id) > 100 or not what.strip():
        raise Invalid("An exception says for whom and what it allows.", mend="Give the id of the quote, customer or contract, and words.")
    if until is not None and until <= since:
        raise Invalid("The exception ends before it begins.", mend="Give a later day.")
    if uses is not None and not 0 < uses <= 1_000_000:
        raise Invalid("An exception is used at least once.", mend="Leave the count out, or give 1 or more.")
    if scope != "quote" and until is None and uses is None:
        raise Invalid("An exception for more than one quote ends some day.", mend="Give its last day, or how often it may be used.")


def exceptions(*, by: Actor, subject_ids: tuple[str, ...] | list[str] = (), day: date | None = None, all_: bool = False) -> list[Exemption]:
    """The exceptions of some quotes, customers or contracts that hold on a day, as far as the actor may know of them.

    Those who see the granting request do, and those who work with the customer. With `all_`, ended and used up ones too, as an auditor or a
    renewal looks at them.
    """
    rows = Exemption.objects.select_related("request")
    if subject_ids:
        rows = rows.filter(subject_id__in=list(subject_ids))
    if not all_:
        rows = _holding(rows, day or today(timezone.now()))
    return [row for row in rows if _may_know(by, row)]


def _may_know(by: Actor, row: Exemption) -> bool:
    """Whether an actor may know of an exception: who sees its request, or works with the customer, contract or quote."""
    return may_see(by, row.request) or subject_of(row.request.kind).usable(by, row.scope, row.subject_id)


def _holding(rows: QuerySet[Exemption], day: date) -> QuerySet[Exemption]:
    lasting = rows.filter(Q(until__isnull=True) | Q(until__gt=day), since__lte=day, request__state="approved", ended_at__isnull=True)
    return lasting.exclude(uses_left=0)


def holding_for(subject_ids: Collection[str], day: date) -> list[Exemption]:
    """The exceptions of some quotes, customers or contracts that hold on a day, whoever may see the requests that granted them.

    For fields that show them to those who see the customer's next request.
    """
    wanted = sorted({one for one in subject_ids if one})
    return list(_holding(Exemption.objects.select_related("request").filter(subject_id__in=wanted), day)) if wanted else []


def state_of(row: Exemption, day: date) -> str:
    """Where an exception stands on a day: holds, begins later, ended, used up, revoked, or without its request's approval."""
    if row.ended_at is not None:
        return "revoked"
    if row.request.state != "approved":
        return "not approved any more"
    if row.uses_left == 0:
        return "used up"
    if row.since > day:
        return "begins later"
    return "ended" if row.until is not None and row.until <= day else "holds"


def revoke(exemption_id: int, why: str, *, by: Actor) -> Exemption:
    """End an exception now, for a reason. By the deal desk or finance. Raises Conflict where it does not hold any more."""
    by.need(*KEEPERS, to="revoke exceptions")
    row = Exemption.objects.select_related("request").filter(pk=exemption_id).first()
    if row is None or not may_see(by, row.request):
        raise NotFound(f"There is no exception {exemption_id}, or you may not see it.")
    if not why.strip():
        raise Invalid("Say why the exception ends.", mend="Give a reason, such as: the customer left the programme.")
    with transaction.atomic():
        Request.objects.select_for_update().get(pk=row.request_id)
        row = Exemption.objects.select_related("request").get(pk=row.pk)
        if row.ended_at is not None or state_of(row, today(timezone.now())) in ("ended", "used up"):
            raise Conflict("That exception does not hold any more.", mend="Nothing is left to revoke.")
        row.ended_at, row.ended_by, row.ended_why = timezone.now(), by.name, why.strip()[:500]
        row.save()
        detail = {"exception": row.pk, "what": row.what, "why": row.ended_why}
        record(by=by.name, verb="approvals.exception_revoked", subject=f"approval:{row.request_id}", detail=detail, channel=by.channel)
    return row


def use(exemption_id: int, what_for: str, *, by: Actor) -> Exemption:
    """Use an exception once; the last use ends it. Raises Conflict where it does not hold any more."""
    row = Exemption.objects.select_related("request").filter(pk=exemption_id).first()
    if row is None or not _may_know(by, row):
        raise NotFound(f"There is no exception {exemption_id}, or you may not see it.")
    if not what_for.strip():
        raise Invalid("Say what the exception is used for.", mend="Give the number of the quote or request.")
    with transaction.atomic():
        Request.objects.select_for_update().get(pk=row.request_id)
        held = _holding(Exemption.objects.filter(pk=row.pk), today(timezone.now())).first()
        if held is None:
            raise Conflict("That exception does not hold any more.", mend="Ask for a new one with a request.")
        if held.uses_left is not None:
            Exemption.objects.filter(pk=held.pk).update(uses_left=F("uses_left") - 1)
            held.refresh_from_db()
        detail = {"exception": held.pk, "for": what_for.strip()[:300], "uses_left": held.uses_left}
        record(by=by.name, verb="approvals.exception_used", subject=f"approval:{held.request_id}", detail=detail, channel=by.channel)
    return held
