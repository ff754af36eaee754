"""Requests as the API and the command line show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.approvals.actions.looking import one
from closedwon.approvals.models import Request
from closedwon.people.actor import Actor


def request_json(request: Request, *, by: Actor) -> dict[str, Any]:
    """A request with its steps, decisions and values, as far as `by` may see it."""
    found = one(request.pk, by=by)
    request, version, names = found["request"], found["version"], found["names"]
    return {
        "id": request.pk, "kind": request.kind, "subject_id": request.subject_id, "title": request.title, "state": request.state,
        "version": request.number, "content_hash": request.content_hash, "auto_reason": request.auto_reason,
        "submitter": request.submitter, "submitter_name": names.get(request.submitter, request.submitter), "owner": request.owner,
        "region": request.region, "currency": request.currency, "amount": None if request.amount is None else f"{request.amount:f}",
        "submitted_at": request.submitted_at.isoformat(), "closed_at": request.closed_at.isoformat() if request.closed_at else None,
        "content": version.content, "policies": version.policies, "may_decide": found["may_decide"],
        "steps": [_step(step, names) for step in found["steps"]],
        "decisions": [_decision(decision, names) for decision in found["decisions"]],
        "comments": [{"by": names.get(said.person, said.by), "text": said.text, "at": said.at.isoformat()} for said in found["comments"]],
        "files": [file_json(one) for one in found["attachments"]],
        "exceptions": [exemption_json(one) for one in request.exemptions.all()],
        "changes": [dict(row) for row in found["changes"]["rows"]] if found["changes"] else [],
    }  # fmt: skip


def file_json(row: Any) -> dict[str, Any]:
    """A file of a request, without its bytes."""
    return {"id": row.pk, "name": row.name, "sha256": row.sha256, "size": row.size, "by": row.by, "at": row.at.isoformat()}


def exemption_json(row: Any) -> dict[str, Any]:
    """An exception that a request granted."""
    return {
        "id": row.pk, "request": row.request_id, "scope": row.scope, "subject_id": row.subject_id, "what": row.what, "fields": row.fields,
        "since": row.since.isoformat(), "until": row.until.isoformat() if row.until else None, "uses_left": row.uses_left,
        "by": row.by, "revoked_at": row.ended_at.isoformat() if row.ended_at else None, "revoked_why": row.ended_why,
    }  # fmt: skip


def _step(step: Any, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "order": step.order, "group": step.group, "roles": step.roles, "title": step.title, "mode": step.mode, "quorum": step.quorum or None,
        "state": step.state, "via": step.via, "reason": "; ".join(dict.fromkeys(reason["reason"] for reason in step.reasons)),
        "reasons": step.reasons, "tested_fields": step.tested, "because": step.because, "waits_for": step.waits_for,
        "due_at": step.due_at.isoformat() if step.due_at else None, "taken_by": step.taken_by or None,
        "asked": [
            {"person": ask.person, "name": names.get(ask.person, ask.person), "stands_for": ask.stands_for or None, "state": ask.state}
            for ask in step.asks.all()
        ],
    }  # fmt: skip


def _decision(decision: Any, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": decision.pk, "verb": decision.verb, "person": decision.person, "name": names.get(decision.person, decision.person),
        "roles": decision.roles, "version": decision.version.number, "content_hash": decision.content_hash, "comment": decision.comment,
        "required_change": decision.required_change, "condition": decision.condition if decision.verb == "condition" else "",
        "stands_for": decision.stands_for or None, "channel": decision.channel, "strength": decision.strength,
        "values_seen": decision.values_seen, "at": decision.at.isoformat(),
    }  # fmt: skip


def inbox_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """One line of an inbox."""
    request = row["request"]
    return {
        "id": request.pk, "kind": request.kind, "title": request.title, "submitter": request.submitter, "version": request.number,
        "content_hash": request.content_hash, "currency": request.currency, "amount": None if request.amount is None else f"{request.amount:f}",
        "due_at": row["due_at"].isoformat() if row["due_at"] else None, "late": row["late"], "stands_for": row["stands_for"] or None,
        "steps": [{"order": step.order, "title": step.title} for step in row["steps"]], "reasons": row["reasons"],
    }  # fmt: skip
