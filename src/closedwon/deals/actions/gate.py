"""After signature: the second gate, what of it holds when the deal is changed once more, and where the order books."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.approvals.actions import submitting
from closedwon.approvals.actions.common import asked_of, policies, today
from closedwon.approvals.models import Request
from closedwon.approvals.rules.facts import facts
from closedwon.approvals.rules.values import content_hash
from closedwon.audit.actions import record
from closedwon.base.calendar import Calendar
from closedwon.base.errors import Conflict, Invalid
from closedwon.deals.actions.facts import renewed_contracts
from closedwon.deals.actions.requests import desk_policy, find, in_their_name, may_write
from closedwon.deals.models import DealRequest
from closedwon.deals.rules import booking, lateness
from closedwon.people.actor import Actor
from closedwon.workspace import current


def terms_of(request: Request) -> str:
    """A hash of what the parties agree on in a request: amounts and everything that an approver compares; not, say, the bill-to."""
    version = request.current
    united, asked = policies().on(request.kind, today(version.created_at)), asked_of(version)
    values = facts(united, asked).values
    told: dict[str, Any] = {}
    for name, kind in united.types.items():
        if kind.kind == "rows":
            parts = [part for part, inner in kind.fields.items() if inner.kind == "money" or f"{name}.{part}" in united.tested]
            told[name] = [{"id": row["id"], **{part: _text(row.get(part)) for part in parts}} for row in values.get(name) or []]
        elif kind.kind == "money" or name in united.tested or name.endswith("_date"):
            told[name] = _text(values.get(name))
    return content_hash(request.kind, request.currency, told)


def _text(value: Any) -> str | None:
    return None if value in (None, "", False) else str(value.normalize() if hasattr(value, "normalize") else value)


def is_apart(found: DealRequest) -> bool:
    """Whether a signed deal was changed since: its terms are others than the booking check looks at, or its approval does not stand."""
    if found.order is None or found.approval is None:
        return False
    checked = found.order.current.content.get("fields", {})
    if found.approval.state != "approved":
        return True
    if "approved_terms" not in checked:
        return bool(checked.get("approved_hash") != found.approval.content_hash)
    return bool(checked["approved_terms"] != terms_of(found.approval))


def may_sign(found: DealRequest) -> bool:
    """Whether a signature can be noted: it is approved, not booked, and no booking check of these very terms is under way or through."""
    if found.approval is None or found.approval.state != "approved" or found.booked_at is not None:
        return False
    return found.order is None or found.order.state == "recalled" or is_apart(found)


def sign(request_id: int, paper: str, signed_at: datetime, *, by: Actor) -> DealRequest:
    """Note that the customer signed what was approved, on whose paper, and open the second gate."""
    found = find(request_id, by=by)
    may_write(found, by)
    if paper not in ("standard", "customer"):
        raise Invalid("The paper is ours (standard) or the customer's (customer).", mend="Write standard or customer.")
    if found.booked_at is not None:
        raise Conflict("It is booked already.", mend="What was agreed since is booked as an amendment of its own.")
    if found.approval is None or found.approval.state != "approved":
        raise Conflict("Only what is approved can be signed.", mend="Get it approved first; a side letter counts as a new version.")
    if not may_sign(found):
        raise Conflict("Its booking is being checked already.")
    now = timezone.now()
    if signed_at.year < 2000:
        raise Invalid("It was not signed in this century.", mend="Give the instant of the signature.")
    if signed_at > now:
        raise Invalid("It was signed in the future.", mend="Give the instant of the signature.")
    content = order_content(found, paper, signed_at, now)
    if found.order_id is None:
        key = f"deal-order:{found.pk}"
        order = submitting.submit(content, by=in_their_name(by), key=key, subject_id=found.opportunity_id, checked=True)
    else:
        note = f"Signed anew, with version {found.approval.number} of what was approved"
        order = submitting.revise(found.order_id, content, by=in_their_name(by), note=note, checked=True)
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


def follow(request_id: int, *, by: Actor) -> None:
    """After a new version of a signed deal: the booking check goes on where its terms are the same, and is taken back where they are not.

    A corrected bill-to holds nothing up; changed terms, such as a side letter, are approved, signed and checked anew.
    """
    found = DealRequest.objects.get(pk=request_id)
    if found.order is None or found.approval is None or found.booked_at is not None or found.signed_at is None:
        return
    if not is_apart(found) and found.order.state != "recalled":
        content = order_content(found, found.paper, found.signed_at, found.signed_submitted_at or found.signed_at)
        submitting.revise(found.order.pk, content, by=in_their_name(by), note="The terms are the same", checked=True)
    elif found.order.state in ("pending", "conditional", "approved"):
        submitting.recall(found.order.pk, by=in_their_name(by), reason=f"Version {found.approval.number} changes what was signed")


def order_content(found: DealRequest, paper: str, signed_at: datetime, now: datetime) -> dict[str, Any]:
    """The request of the second gate: what was signed, when, and where it would book; `now` is when the signature was noted."""
    clocks = desk_policy().clocks
    where = booking(signed_at, now, timezone.now(), Calendar.from_settings(current().settings.calendar), clocks)
    fields: dict[str, Any] = {
        "paper": paper, "signed_on": clocks.local(signed_at).date().isoformat(), "submitted_on": clocks.local(now).date().isoformat(),
        "months_locked": where.locked, "opportunity_id": found.opportunity_id, "account_id": found.account_id,
        "booked_arr": found.content.get("fields", {}).get("net_arr"), "start_date": found.content.get("fields", {}).get("start_date"),
        "approved_hash": found.approval.content_hash if found.approval else "",
        "approved_terms": terms_of(found.approval) if found.approval else "",
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
    return max((row["end_date"] for row in renewed_contracts(opportunity_id) if row["end_date"] is not None), default=None)


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
