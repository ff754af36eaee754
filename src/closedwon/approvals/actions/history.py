"""Past requests as facts: what was decided here is published into the named tables; what is still open is read beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from closedwon.approvals.actions.common import policies
from closedwon.approvals.deciding import Policies
from closedwon.approvals.hours import spent
from closedwon.approvals.models import Decision, Request, Step, Version
from closedwon.approvals.rules.past import row_of
from closedwon.approvals.rules.reading import request_of
from closedwon.base.errors import Invalid
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import query_rows
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, publish, source
from closedwon.facts.store import store
from closedwon.people.visibility import closing_cutoff, closing_day

SOURCE = "closedwon"
"""Where rows come from that were decided here."""
CHUNK = 5_000
MOST_LIVE = 20_000
"""Requests that are read beside the published ones; more are published first."""
FIRST, LAST = 1900, 2200
"""Years within which one may look back."""
CLOSED = ("approved", "rejected", "recalled")
ENDED = ("approved", "rejected", "overridden", "inherited", "conditional")


def _key(request: Request) -> str:
    return f"{SOURCE}:{request.pk}"


@dataclass
class Rows:
    """Requests and their steps as rows of the named tables."""

    requests: list[dict[str, Any]]
    steps: list[dict[str, Any]]


def rows_of(found: Iterable[Request]) -> Rows:
    """Requests of the database as rows: as first submitted, with how they ended and every step of every version."""
    made, used, whole = Rows([], []), policies(), list(found)
    for at in range(0, len(whole), CHUNK):
        part = _part(whole[at : at + CHUNK], used)
        made.requests += part.requests
        made.steps += part.steps
    return made


def _part(listed: Sequence[Request], used: Policies) -> Rows:
    """The rows of some requests; a database takes so many ids in one question."""
    first = {one.request_id: one for one in Version.objects.filter(request__in=listed, number=1)}
    numbers = dict(Version.objects.filter(request__in=listed).values_list("pk", "number"))
    steps: dict[int, list[Step]] = {}
    for step in Step.objects.filter(request__in=listed).order_by("version_id", "order"):
        steps.setdefault(step.request_id, []).append(step)
    deciders: dict[int, str] = {}
    for decision in Decision.objects.filter(request__in=listed).exclude(verb="meet").prefetch_related("covers").order_by("id"):
        deciders |= {step.pk: decision.person for step in decision.covers.all()}
    made = Rows([], [])
    for request in listed:
        if request.pk in first:
            own = steps.get(request.pk, [])
            made.requests.append(_request(request, first[request.pk], own, used))
            made.steps += [_step(request, step, numbers[step.version_id], deciders, used) for step in own]
    return made


def _minutes(request: Request, since: datetime | None, until: datetime | None, used: Policies) -> int | None:
    """Business minutes between two instants, by the hours of the request's region."""
    if since is None or until is None:
        return None
    hours = used.on(request.kind, closing_day(since)).hours_of(request.region)
    return int(spent(since, until, hours).total_seconds() // 60)


def _request(request: Request, version: Version, steps: Sequence[Step], used: Policies) -> dict[str, Any]:
    roles = dict.fromkeys(role for step in steps if step.version_id == version.pk for role in step.roles)
    return {
        **row_of(request_of(version.content)), "id": _key(request), "number": str(version.content.get("id") or request.pk), "kind": request.kind,
        "subject_id": request.subject_id or None, "title": request.title, "submitter_id": request.submitter, "owner_id": request.owner or None,
        "region": request.region or None, "currency": request.currency or None, "state": request.state, "auto_reason": request.auto_reason or None,
        "submitted_on": closing_day(request.submitted_at), "submitted_at": request.submitted_at, "closed_at": request.closed_at,
        "versions": request.number, "asked_roles": ";".join(roles), "minutes": _minutes(request, request.submitted_at, request.closed_at, used),
        "known_at": request.closed_at, "source": SOURCE,
    }  # fmt: skip


def _step(request: Request, step: Step, number: int, deciders: Mapping[int, str], used: Policies) -> dict[str, Any]:
    ended = step.done_at if step.state in ENDED else None
    return {
        "request_id": _key(request), "version": number, "step": step.order, "kind": request.kind, "role": step.roles[0] if step.roles else None,
        "roles": ";".join(step.roles), "title": step.title, "side": step.side or None, "group_no": step.group, "region": request.region or None,
        "state": step.state, "person_id": deciders.get(step.pk) or step.taken_by or None, "via": step.via or None, "opened_at": step.opened_at,
        "due_at": step.due_at, "done_at": ended, "sla_hours": step.sla_hours, "minutes": _minutes(request, step.opened_at, ended, used),
        "submitted_on": closing_day(request.submitted_at), "source": SOURCE,
    }  # fmt: skip


def _published_until(release: Release | None) -> datetime | None:
    """When the last published request of this company was decided."""
    if release is None or "approval_requests" not in release.tables:
        return None
    text = f"SELECT MAX(closed_at) AS at FROM approval_requests WHERE source = '{SOURCE}'"
    found: datetime | None = query_rows(text, {"approval_requests": source("approval_requests", release)})[0]["at"]
    return found


def _unpublished(since: datetime | None) -> QuerySet[Request]:
    """Requests that are open, or were decided since the last ones that are published; a day is looked at twice, so that none slips by."""
    rows = Request.objects.order_by("pk")
    return rows if since is None else rows.filter(Q(closed_at__isnull=True) | Q(closed_at__gt=since - timedelta(days=1)))


def publish_history() -> dict[str, int]:
    """Publish the requests that were decided since the last time, with their steps; gives how many rows changed. Twice changes nothing."""
    release = latest()
    found = list(_unpublished(_published_until(release)).filter(state__in=CLOSED, closed_at__isnull=False))
    if not found:
        return {"requests": 0, "steps": 0}
    made = rows_of(found)
    counts, versions = {}, {}
    for name, rows in (("approval_requests", made.requests), ("approval_steps", made.steps)):
        if not rows:
            counts[name] = 0
            continue
        merged = store().merge(name, rows_to_table(rows, table(name).columns), unique=True)
        versions[name], counts[name] = merged.version, merged.inserted + merged.updated
    if any(counts.values()):
        publish(versions, note="decided requests for approval")
    return {"requests": counts["approval_requests"], "steps": counts["approval_steps"]}


def past(start: date, end: date, kind: str = "", region: str = "") -> dict[str, Any]:
    """What rules over past requests read: the published tables, what is open or newer of the span, and the span."""
    if start.year < FIRST or end.year > LAST:
        raise Invalid("The span is outside of every calendar.", mend=f"Choose days between {FIRST} and {LAST}.")
    release = latest()
    rows = _unpublished(_published_until(release))
    ids = [{"id": f"{SOURCE}:{pk}"} for pk in rows.values_list("pk", flat=True)]
    span = rows.filter(
        submitted_at__gte=closing_cutoff(start - timedelta(days=1)), submitted_at__lt=closing_cutoff(end - timedelta(days=1))
    )
    if kind:
        span = span.filter(kind=kind)
    if span.count() > MOST_LIVE:
        raise Invalid(
            f"More than {MOST_LIVE:,} requests of that span are not published yet.",
            mend="Run: closedwon approvals publish, or take a shorter span.",
        )
    live = rows_of(span)
    return {
        "approval_requests": source("approval_requests", release), "approval_steps": source("approval_steps", release),
        "live_approval_requests": live.requests, "live_approval_steps": live.steps, "live_ids": ids,
        "params": [{"kind": kind, "region": region, "start": start, "stop": end}],
    }  # fmt: skip
