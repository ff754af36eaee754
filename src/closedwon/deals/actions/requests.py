"""Requests on deals: begin from an opportunity, write, preview while writing, submit, revise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from closedwon.approvals.actions import submitting
from closedwon.approvals.actions.common import policies, today
from closedwon.approvals.actions.looking import visible as visible_approvals
from closedwon.approvals.actions.people import person_of
from closedwon.approvals.models import Request
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Preview
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.deals.actions.facts import FIELDS, MEMBERS, from_facts, has_deals, percent, prefill
from closedwon.deals.models import DealRequest
from closedwon.deals.policy import DealDeskPolicy
from closedwon.people.actor import Actor
from closedwon.people.visibility import need_deal, scope, visible_deals
from closedwon.policies.actions import applied

ASKS = ("rep", "manager", "se", "csm", "overlay", "partner-manager", "deal-desk", "sales-ops")
"""Roles that may ask for something on a deal that they see."""
DESK = ("deal-desk", "finance")
SEES = ("deal-desk", "finance", "executive", "auditor")


def desk_policy() -> DealDeskPolicy:
    """The deal desk's policy in force."""
    found: DealDeskPolicy = applied("deal-desk")
    return found


def united_now(kind: str = "deal") -> United:
    """What the approval policies in force say of a kind today."""
    return policies().on(kind, today(timezone.now()))


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _may_ask(by: Actor) -> None:
    by.need(*ASKS, to="ask for something on a deal")


def visible(by: Actor) -> QuerySet[DealRequest]:
    """The requests that an actor may see: of deals in sight, one's own, and those in which one takes part."""
    rows = DealRequest.objects.filter(dropped_at__isnull=True)
    if by.has(*SEES) or (by.has("sales-ops") and not by.region):
        return rows
    mine = person_of(by)
    seen = rows.filter(approval__in=visible_approvals(by).values("pk")) | rows.filter(order__in=visible_approvals(by).values("pk"))
    if mine:
        seen = seen | rows.filter(person_id=mine)
    deals = visible_deals(scope(by))
    if deals is not None:
        asked = set(rows.values_list("opportunity_id", flat=True))
        seen = seen | rows.filter(opportunity_id__in=sorted(asked & deals))
    return seen.distinct() if deals is not None else rows


def find(request_id: int, *, by: Actor) -> DealRequest:
    """One request. Raises NotFound where the actor may not see it."""
    found = visible(by).filter(pk=request_id).first()
    if found is None:
        raise NotFound(f"There is no request {request_id}, or you may not see it.")
    return found


def behind(by: Actor, fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the facts say of the deal that a request names, and is not the submitter's to say. Raises NotFound.

    None where it names no deal, or no pipeline was ever imported.
    """
    opportunity_id = str(fields.get("opportunity_id") or "")
    if not opportunity_id or not has_deals():
        return None
    need_deal(by, opportunity_id)
    return from_facts(opportunity_id, by=by)


def stands_on_a_deal(request: Request) -> bool:
    """Whether a request names the deal that it is about, so that its amount and earners are facts."""
    return bool(request.current.content.get("fields", {}).get("opportunity_id")) and has_deals()


def seen_by(by: Actor, request: Request) -> bool:
    """Whether the deal of a request is in sight: what deals add to who may see a request."""
    deals = visible_deals(scope(by))
    return deals is None or str(request.current.content.get("fields", {}).get("opportunity_id", "")) in deals


def begin(opportunity_id: str, *, by: Actor) -> DealRequest:
    """A draft on a deal; an own draft that is not submitted yet is taken up again."""
    _may_ask(by)
    need_deal(by, opportunity_id)
    known = DealRequest.objects.filter(
        opportunity_id=opportunity_id, created_by=by.name, approval__isnull=True, dropped_at__isnull=True
    ).first()
    if known is not None:
        return known
    content = prefill(opportunity_id, by=by)
    with transaction.atomic():
        made = DealRequest.objects.create(
            opportunity_id=opportunity_id, account_id=str(content["fields"].get("account_id", "")), title=content["title"], content=content,
            digest=_digest(content), created_by=by.name, person_id=person_of(by),
        )  # fmt: skip
        record(
            by=by.name,
            verb="deals.request_begun",
            subject=f"deal-request:{made.pk}",
            detail={"opportunity_id": opportunity_id},
            channel=by.channel,
        )
    return made


def may_write(found: DealRequest, by: Actor) -> None:
    """Raise Refused unless the actor may change the request: its author, the deal's owner, or the desk on their behalf."""
    _may_ask(by)
    owner = str(found.content.get("owner", ""))
    if person_of(by) not in (found.person_id, owner) and by.name != found.created_by and not by.has("sales-ops", "deal-desk"):
        raise Refused("Only its author or the deal's owner may change this request.", mend="Ask them, or the deal desk on their behalf.")


def save(request_id: int, content: Mapping[str, Any], *, by: Actor, seen: str = "") -> DealRequest:
    """Keep a draft. `seen` is the digest of the draft that the author started from; another one raises Conflict."""
    found = find(request_id, by=by)
    may_write(found, by)
    with transaction.atomic():
        found = DealRequest.objects.select_for_update().get(pk=found.pk)
        if seen and found.digest != seen:
            raise Conflict("Somebody else wrote on this draft meanwhile.", mend="Open it again and carry your changes over.")
        found.content, found.digest, found.updated_at = dict(content), _digest(content), timezone.now()
        found.title = str(content.get("title") or found.title)[:200]
        found.save()
    return found


def preview(found: DealRequest, content: Mapping[str, Any], *, by: Actor) -> Preview:
    """What a draft would need, with what was approved before."""
    told = {**content, "submitter": (found.approval.submitter if found.approval else "") or person_of(by) or found.person_id}
    return submitting.preview(told, by=in_their_name(by), request_id=found.approval_id, checked=True)


def in_their_name(by: Actor) -> Actor:
    """The actor with the right to submit for the author, whose own rights were looked at already."""
    from dataclasses import replace

    return replace(by, roles=by.roles | {"deal-desk"})


def submit(request_id: int, *, by: Actor, note: str = "", key: str = "") -> DealRequest:
    """Submit the draft: a first version, or the next one."""
    found = find(request_id, by=by)
    may_write(found, by)
    need_deal(by, found.opportunity_id)
    _agree(found.content.get("fields", {}))
    found.content = _as_known(found, by=by)
    if found.approval_id is None:
        content = {**found.content, "id": found.number}
        approval = submitting.submit(
            content, by=in_their_name(by), key=key or f"deal-request:{found.pk}", subject_id=found.opportunity_id, note=note, checked=True
        )
        with transaction.atomic():
            found = DealRequest.objects.select_for_update().get(pk=found.pk)
            found.approval = approval
            found.save()
    else:
        submitting.revise(found.approval_id, {**found.content, "id": found.number}, by=in_their_name(by), note=note, checked=True)
        from closedwon.deals.actions import gate

        gate.follow(found.pk, by=by)
    return find(request_id, by=by)


def _as_known(found: DealRequest, *, by: Actor) -> dict[str, Any]:
    """A draft as it is submitted: in the name of who submits it, and true to the facts where they speak."""
    known = prefill(found.opportunity_id, by=by)
    told = {name: value for name, value in found.content.items() if name in ("title", "fields", "lines", "adhoc")}
    fields = {**told.get("fields", {}), **{name: known["fields"][name] for name in FIELDS if name in known["fields"]}}
    return {**told, **{name: known[name] for name in MEMBERS}, "submitter": person_of(by) or found.person_id, "fields": fields}


def _agree(fields: Mapping[str, Any]) -> None:
    """Raise Invalid where discount, list and net price do not agree to half a percent."""
    try:
        listed, net = Decimal(str(fields.get("list") or "0")), Decimal(str(fields["net"]))
        share = Decimal(str(fields["discount"]).rstrip("% ")) / 100
    except (KeyError, InvalidOperation):
        return
    if listed > 0 and abs(1 - net / listed - share) > Decimal("0.005"):
        text = f"List {listed:,} and net {net:,} make a discount of {percent(1 - net / listed)}, not {fields['discount']}."
        raise Invalid(text, mend="Correct the discount or one of the prices.")


def drop(request_id: int, *, by: Actor) -> None:
    """Throw a draft away that was never submitted."""
    found = find(request_id, by=by)
    may_write(found, by)
    if found.approval_id is not None:
        raise Conflict("It was submitted already.", mend="Take it back instead.")
    with transaction.atomic():
        found.dropped_at = timezone.now()
        found.save()
        record(by=by.name, verb="deals.request_dropped", subject=f"deal-request:{found.pk}", detail={}, channel=by.channel)


def of_deal(opportunity_id: str, *, by: Actor) -> list[DealRequest]:
    """The requests on one deal, newest first."""
    return list(visible(by).filter(opportunity_id=opportunity_id).select_related("approval", "order"))
