"""What past requests would have needed under other policies, and how long that would have taken, beside what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from closedwon.approvals.actions.common import asked_of, policies
from closedwon.approvals.actions.people import people
from closedwon.approvals.deciding import Policies
from closedwon.approvals.hours import spent
from closedwon.approvals.models import Request, Step, Version
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Preview
from closedwon.base.errors import Invalid
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_cutoff, closing_day

READERS = ("deal-desk", "finance", "sales-ops", "executive", "auditor")
"""Roles that may look back over requests."""
COLUMNS = ("request", "kind", "submitted_on", "outcome", "roles", "expected_hours", "then_outcome", "then_roles", "then_hours")
MOST = 20_000


@dataclass(frozen=True)
class Tried:
    """A past request under other policies: what it would need and for how many business hours, and what it needed and took then."""

    request: str
    kind: str
    submitted_on: date
    outcome: str
    roles: tuple[str, ...]
    expected_hours: float | None
    then_outcome: str
    then_roles: tuple[str, ...]
    then_hours: float | None

    def as_dict(self) -> dict[str, Any]:
        """For CSV and JSON; roles are joined with semicolons in their order."""
        return {
            "request": self.request, "kind": self.kind, "submitted_on": self.submitted_on.isoformat(), "outcome": self.outcome, "roles": ";".join(self.roles),
            "expected_hours": self.expected_hours, "then_outcome": self.then_outcome, "then_roles": ";".join(self.then_roles), "then_hours": self.then_hours,
        }  # fmt: skip


def backtest(start: date, end: date, *, by: Actor, given: Policies | None = None, kind: str = "") -> list[Tried]:
    """Every request submitted from `start` on and before `end`, its first version, previewed anew under `given` or the policies in force.

    The persons are today's. A role takes the median business hours that its steps took in the same span, else its clock's; steps of one group
    run at once, groups one after the other.
    """
    by.need(*READERS, to="look back over requests")
    if end <= start:
        raise Invalid("The span ends before it begins.", mend="Give --from and --to as 2026-08-01 and 2026-11-01.")
    rows = Request.objects.filter(
        submitted_at__gte=closing_cutoff(start - timedelta(days=1)), submitted_at__lt=closing_cutoff(end - timedelta(days=1))
    ).order_by("pk")
    if kind:
        rows = rows.filter(kind=kind)
    if rows.count() > MOST:
        raise Invalid(f"There are more than {MOST:,} requests in that span.", mend="Take a shorter span, or one --kind.")
    used = given or policies()
    first = {version.request_id: version for version in Version.objects.filter(request__in=rows, number=1)}
    steps: dict[int, list[Step]] = {}
    for step in Step.objects.filter(request__in=rows).order_by("order"):
        steps.setdefault(step.request_id, []).append(step)
    everybody = people(datetime.now(tz=closing_cutoff(start).tzinfo))
    took = _took([step for found in steps.values() for step in found], {row.pk: row for row in rows}, used)
    return [_tried(row, first[row.pk], steps.get(row.pk, []), used, everybody, took) for row in rows if row.pk in first]


def _tried(row: Request, version: Version, steps: Sequence[Step], used: Policies, everybody: Any, took: Mapping[str, float]) -> Tried:
    day = closing_day(row.submitted_at)
    made = used.preview(replace(asked_of(version), submitted_at=row.submitted_at), everybody, row.submitted_at, day=day, hinted=False)
    asking = [step for step in made.steps if step.status != "inherited"]
    roles = tuple(dict.fromkeys(role for step in asking for role in step.roles))
    then = tuple(dict.fromkeys(role for step in steps if step.version_id == version.pk for role in step.roles))
    hours = used.on(row.kind, day).hours_of(row.region)
    done = round(spent(row.submitted_at, row.closed_at, hours).total_seconds() / 3600, 1) if row.closed_at else None
    outcome = "auto-approved" if made.auto_approved else made.outcome
    return Tried(
        str(version.content.get("id") or row.pk), row.kind, day, outcome, roles, _expected(made, used.on(row.kind, day), took),
        "auto-approved" if row.auto_reason else row.state, then, done,
    )  # fmt: skip


def _took(steps: Sequence[Step], rows: Mapping[int, Request], used: Policies) -> dict[str, float]:
    """The median business hours that the steps of each role took."""
    spans: dict[str, list[float]] = {}
    for step in steps:
        if step.opened_at and step.done_at and step.state in ("approved", "overridden", "rejected"):
            row = rows[step.request_id]
            hours = used.on(row.kind, closing_day(step.opened_at)).hours_of(row.region)
            for role in step.roles:
                spans.setdefault(role, []).append(spent(step.opened_at, step.done_at, hours).total_seconds() / 3600)
    return {role: median(found) for role, found in spans.items()}


def _expected(made: Preview, united: United, took: Mapping[str, float]) -> float | None:
    """How long a request would take: the longest step of each group, one group after the other; None where a role has neither past nor clock."""
    if made.outcome not in ("approved", "needs-approval"):
        return None
    groups: dict[int, float] = {}
    for step in made.steps:
        if step.status == "inherited":
            continue
        known = [
            took[role] if role in took else float(united.roles[role].sla_hours)
            for role in step.roles
            if role in took or (role in united.roles and united.roles[role].sla_hours)
        ]
        if not known:
            return None
        groups[step.group] = max(groups.get(step.group, 0.0), *known)
    return round(sum(groups.values()), 1)


def summary(found: Sequence[Tried]) -> dict[str, Any]:
    """What a span comes to: how many need nobody, before and now, the median hours, how often each role is asked, what changes."""
    alone, then = (
        sum(one == "auto-approved" for one in outcomes)
        for outcomes in ([one.outcome for one in found], [one.then_outcome for one in found])
    )
    roles: dict[str, list[int]] = {}
    for one in found:
        for at, asked in enumerate((one.roles, one.then_roles)):
            for role in asked:
                roles.setdefault(role, [0, 0])[at] += 1
    hours = [one.expected_hours for one in found if one.expected_hours is not None and one.outcome == "needs-approval"]
    past = [one.then_hours for one in found if one.then_hours is not None and one.then_outcome != "auto-approved"]
    return {
        "requests": len(found), "alone": alone, "then_alone": then, "hours": median(hours) if hours else None, "then_hours": median(past) if past else None,
        "roles": [{"role": role, "asked": counts[0], "then": counts[1]} for role, counts in sorted(roles.items(), key=lambda pair: (-pair[1][0], pair[0]))],
        "changed": sum(one.roles != one.then_roles for one in found),
    }  # fmt: skip
