"""Requests on deals: begin from an opportunity, write, preview while writing, submit, revise, mark as signed for the second gate."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
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
from closedwon.base.calendar import Calendar
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.base.money import to_major
from closedwon.crm.deals import deal
from closedwon.deals.models import DealRequest
from closedwon.deals.policy import DealDeskPolicy
from closedwon.deals.rules import booking, lateness
from closedwon.people.actor import Actor
from closedwon.people.facts import facts_rows
from closedwon.people.visibility import need_deal, scope, visible_deals
from closedwon.policies.actions import applied
from closedwon.workspace import current

ASKS = ("rep", "manager", "se", "csm", "overlay", "partner-manager", "deal-desk", "sales-ops", "executive")
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


def seen_by(by: Actor, request: Request) -> bool:
    """Whether the deal of a request is in sight: what deals add to who may see a request."""
    deals = visible_deals(scope(by))
    return deals is None or str(request.current.content.get("fields", {}).get("opportunity_id", "")) in deals


def prefill(opportunity_id: str, *, by: Actor) -> dict[str, Any]:
    """A request on a deal with everything that the facts know: amounts, term, lines, the customer's last price, who earns."""
    found = deal(by, opportunity_id)
    own, currency = found["record"], found["currency"] or current().settings.currency
    lines = [_line(row, currency) for row in found["lines"]]
    fields: dict[str, Any] = {
        "opportunity_id": opportunity_id, "account_id": found["account_id"], "order_type": found["order_type"], "segment": found["segment"],
        "region": found["region"], "term_months": own.get("term_months"), "net_arr": _major(own.get("net_arr_minor"), currency),
        "net": _major(own.get("tcv_minor") or own.get("amount_minor"), currency), "renewal_base": _major(own.get("renewal_base_minor"), currency),
        "start_date": own["start_date"].isoformat() if own.get("start_date") else None, "payment_terms": "Net 30", "payment_schedule": "Annual",
        "account": {"name": found["account"], "segment": found["segment"]},
    }  # fmt: skip
    if own.get("renewal_base_minor"):
        fields["renewal_net"] = (
            _major(own.get("net_arr_minor"), currency) and f"{Decimal(fields['renewal_base']) + Decimal(fields['net_arr'])}"
        )
    if lines:
        fields["lines"] = lines
        listed = sum((Decimal(line["list"]) for line in lines if line.get("list")), Decimal(0))
        net = sum((Decimal(line["net"]) for line in lines if line.get("net")), Decimal(0))
        if listed > 0:
            fields["discount"] = _percent(1 - net / listed)
            fields["list"], fields["net"] = f"{listed}", f"{net}"
    earners = sorted(
        {found["owner_id"], *(row["user_id"] for row in found["splits"] if not row["is_overlay"] and row["until"] is None)} - {None}
    )
    return {
        "kind": "deal", "title": f"{found['name']}"[:200], "currency": currency, "owner": found["owner_id"] or "", "region": found["region"] or "",
        "earners": earners, "amount": _major(own.get("tcv_minor") or own.get("amount_minor"), currency),
        "fields": {name: value for name, value in fields.items() if value not in (None, "", {})},
    }  # fmt: skip


def _line(row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    quantity = row["quantity"] or Decimal(1)
    unit = to_major(row["unit_price_minor"], currency) if row["unit_price_minor"] is not None else None
    net = to_major(row["amount_minor"], currency) if row["amount_minor"] is not None else None
    discount = Decimal(row["discount_ppm"]) / 1_000_000 if row["discount_ppm"] is not None else None
    listed = None
    if net is not None and discount is not None and discount < 1:
        listed = (net / (1 - discount)).quantize(Decimal("0.01"))
    elif unit is not None:
        listed = (unit * quantity).quantize(Decimal("0.01"))
    made = {
        "id": row["id"], "product": row["product"], "quantity": f"{quantity.normalize():f}", "list": f"{listed}" if listed is not None else None,
        "net": f"{net}" if net is not None else None, "discount": _percent(discount) if discount is not None else None,
    }  # fmt: skip
    return {name: value for name, value in made.items() if value is not None}


def _percent(share: Decimal) -> str:
    text = f"{(share * 100).quantize(Decimal('0.01')):f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def _major(minor: int | None, currency: str) -> str | None:
    return None if minor is None else f"{to_major(minor, currency):f}"


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


def _may_write(found: DealRequest, by: Actor) -> None:
    _may_ask(by)
    owner = str(found.content.get("owner", ""))
    if person_of(by) not in (found.person_id, owner) and by.name != found.created_by and not by.has("sales-ops", "deal-desk"):
        raise Refused("Only its author or the deal's owner may change this request.", mend="Ask them, or the deal desk on their behalf.")


def save(request_id: int, content: Mapping[str, Any], *, by: Actor, seen: str = "") -> DealRequest:
    """Keep a draft. `seen` is the digest of the draft that the author started from; another one raises Conflict."""
    found = find(request_id, by=by)
    _may_write(found, by)
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
    return submitting.preview(told, by=_for(by), request_id=found.approval_id)


def _for(by: Actor) -> Actor:
    from dataclasses import replace

    return replace(by, roles=by.roles | {"deal-desk"})


def submit(request_id: int, *, by: Actor, note: str = "", key: str = "") -> DealRequest:
    """Submit the draft: a first version, or the next one."""
    found = find(request_id, by=by)
    _may_write(found, by)
    need_deal(by, found.opportunity_id)
    _agree(found.content.get("fields", {}))
    found.content = {**found.content, **_from_facts(found.opportunity_id, by=by)}
    if found.approval_id is None:
        content = {**found.content, "id": found.number}
        approval = submitting.submit(
            content, by=_for(by), key=key or f"deal-request:{found.pk}", subject_id=found.opportunity_id, note=note
        )
        with transaction.atomic():
            found = DealRequest.objects.select_for_update().get(pk=found.pk)
            found.approval = approval
            found.save()
    else:
        submitting.revise(found.approval_id, {**found.content, "id": found.number}, by=_for(by), note=note)
    return find(request_id, by=by)


def _from_facts(opportunity_id: str, *, by: Actor) -> dict[str, Any]:
    """Who owns and earns, how much and where: always what the facts say, whatever a draft says."""
    known = prefill(opportunity_id, by=by)
    return {name: known[name] for name in ("kind", "currency", "owner", "region", "earners", "amount")}


def _agree(fields: Mapping[str, Any]) -> None:
    """Raise Invalid where discount, list and net price do not agree to half a percent."""
    try:
        listed, net = Decimal(str(fields.get("list") or "0")), Decimal(str(fields["net"]))
        share = Decimal(str(fields["discount"]).rstrip("% ")) / 100
    except (KeyError, InvalidOperation):
        return
    if listed > 0 and abs(1 - net / listed - share) > Decimal("0.005"):
        text = f"List {listed:,} and net {net:,} make a discount of {_percent(1 - net / listed)}, not {fields['discount']}."
        raise Invalid(text, mend="Correct the discount or one of the prices.")


def drop(request_id: int, *, by: Actor) -> None:
    """Throw a draft away that was never submitted."""
    found = find(request_id, by=by)
    _may_write(found, by)
    if found.approval_id is not None:
        raise Conflict("It was submitted already.", mend="Take it back instead.")
    with transaction.atomic():
        found.dropped_at = timezone.now()
        found.save()
        record(by=by.name, verb="deals.request_dropped", subject=f"deal-request:{found.pk}", detail={}, channel=by.channel)


def sign(request_id: int, paper: str, signed_at: datetime, *, by: Actor) -> DealRequest:
    """Note that the customer signed what was approved, on whose paper, and open the second gate."""
    found = find(request_id, by=by)
    _may_write(found, by)
    if paper not in ("standard", "customer"):
        raise Invalid("The paper is ours (standard) or the customer's (customer).", mend="Write standard or customer.")
    if found.approval is None or found.approval.state != "approved":
        raise Conflict("Only what is approved can be signed.", mend="Get it approved first; a side letter counts as a new version.")
    if found.order_id is not None:
        raise Conflict("Its booking is being checked already.")
    now = timezone.now()
    if signed_at.year < 2000:
        raise Invalid("It was not signed in this century.", mend="Give the instant of the signature.")
    if signed_at > now:
        raise Invalid("It was signed in the future.", mend="Give the instant of the signature.")
    content = order_content(found, paper, signed_at, now)
    order = submitting.submit(content, by=_for(by), key=f"deal-order:{found.pk}", subject_id=found.opportunity_id)
    with transaction.atomic():
        found = DealRequest.objects.select_for_update().get(pk=found.pk)
        found.order, found.paper, found.signed_at, found.signed_submitted_at = order, paper, signed_at, now
        found.save()
        detail = {
            "paper": paper,
            "signed_at": signed_at,
            "approved_hash": found.approval.content_hash if found.approval else "",
            "order": order.pk,
        }
        record(by=by.name, verb="deals.signed", subject=f"deal-request:{found.pk}", detail=detail, channel=by.channel)
    return found


def order_content(found: DealRequest, paper: str, signed_at: datetime, now: datetime) -> dict[str, Any]:
    """The request of the second gate: what was signed, when, and where it would book."""
    clocks = desk_policy().clocks
    where = booking(signed_at, now, now, Calendar.from_settings(current().settings.calendar), clocks)
    fields: dict[str, Any] = {
        "paper": paper, "signed_on": clocks.local(signed_at).date().isoformat(), "submitted_on": clocks.local(now).date().isoformat(),
        "months_locked": where.locked, "opportunity_id": found.opportunity_id, "account_id": found.account_id,
        "booked_arr": found.content.get("fields", {}).get("net_arr"), "start_date": found.content.get("fields", {}).get("start_date"),
        "approved_hash": found.approval.content_hash if found.approval else "",
    }  # fmt: skip
    ends = renewed_contract_end(found.opportunity_id)
    if ends is not None:
        fields["renewal_ends_on"] = ends.isoformat()
    return {
        "kind": "order", "id": f"{found.number}-order", "title": f"Booking: {found.title}"[:200], "currency": found.content.get("currency", ""),
        "submitter": found.approval.submitter if found.approval else found.person_id, "owner": found.content.get("owner", ""),
        "region": found.content.get("region", ""), "earners": found.content.get("earners", []), "amount": found.content.get("amount"),
        "fields": {name: value for name, value in fields.items() if value not in (None, "")},
    }  # fmt: skip


def renewed_contract_end(opportunity_id: str) -> date | None:
    """The end of the contract that a renewal deal renews."""
    ends = [
        row["end_date"]
        for row in facts_rows("contracts", ("renewal_opportunity_id", "end_date"))
        if row["renewal_opportunity_id"] == opportunity_id
    ]
    known = [end for end in ends if end is not None]
    return max(known, default=None)


def where_it_books(found: DealRequest) -> dict[str, Any] | None:
    """On which day a signed order books, why, and how late its renewal is."""
    if found.signed_at is None or found.signed_submitted_at is None:
        return None
    clocks = desk_policy().clocks
    reviewed = found.order.closed_at if found.order and found.order.closed_at else timezone.now()
    told = booking(found.signed_at, found.signed_submitted_at, reviewed, Calendar.from_settings(current().settings.calendar), clocks)
    ends = renewed_contract_end(found.opportunity_id)
    late = lateness(ends, clocks.local(found.signed_submitted_at).date(), clocks) if ends else None
    return {"day": told.day, "back_dated": told.back_dated, "locked": told.locked, "why": told.why, "late": late}


def of_deal(opportunity_id: str, *, by: Actor) -> list[DealRequest]:
    """The requests on one deal, newest first."""
    return list(visible(by).filter(opportunity_id=opportunity_id).select_related("approval", "order"))
