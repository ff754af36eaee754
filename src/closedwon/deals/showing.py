"""Requests on deals and cases as the API and the command line show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from closedwon.deals.models import CaseMessage, DealRequest, DeskCase


def request_json(found: DealRequest) -> dict[str, Any]:
    """A request on a deal."""
    return {
        "id": found.pk, "number": found.number, "title": found.title, "opportunity_id": found.opportunity_id, "account_id": found.account_id,
        "state": found.approval.state if found.approval else "draft", "version": found.approval.number if found.approval else 0,
        "approval": found.approval_id, "order": found.order_id, "order_state": found.order.state if found.order else None, "paper": found.paper,
        "signed_at": found.signed_at.isoformat() if found.signed_at else None, "booked_on": found.booked_on.isoformat() if found.booked_on else None,
        "digest": found.digest, "content": found.content,
    }  # fmt: skip


def case_json(found: DeskCase, messages: Iterable[CaseMessage] = ()) -> dict[str, Any]:
    """A case of the deal desk."""
    return {
        "id": found.pk, "kind": found.kind, "title": found.title, "state": found.state, "opportunity_id": found.opportunity_id,
        "request": found.request_id, "opened_by": found.opened_by, "opened_at": found.opened_at.isoformat(), "assignee": found.assignee,
        "respond_by": found.respond_by.isoformat(), "solve_by": found.solve_by.isoformat(),
        "responded_at": found.responded_at.isoformat() if found.responded_at else None, "solved_at": found.solved_at.isoformat() if found.solved_at else None,
        "messages": [{"by": one.by, "by_desk": one.by_desk, "internal": one.internal, "text": one.text, "at": one.at.isoformat()} for one in messages],
    }  # fmt: skip
