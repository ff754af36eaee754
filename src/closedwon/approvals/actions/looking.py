"""Look at requests: the inbox, lists, one request whole, the trail of what was decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from closedwon.approvals.actions.common import SEES, asked_of, condition_met, need, take_part
from closedwon.approvals.actions.deciding import may_not, mine
from closedwon.approvals.actions.people import names, person_of
from closedwon.approvals.actions.subjects import subject_of
from closedwon.approvals.models import Ask, Delegation, Request, Step, Version
from closedwon.approvals.rules.compare import worse
from closedwon.approvals.rules.facts import Facts, facts, show, shown
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Request as Asked
from closedwon.people.actor import Actor


def visible(by: Actor) -> QuerySet[Request]:
    """The requests that an actor may see by taking part or by role; a field's own rule is asked for one request only."""
    if by.has(*SEES) or (by.has("sales-ops") and not by.region):
        return Request.objects.all()
    person = person_of(by)
    return Request.objects.filter(take_part(person)) if person else Request.objects.none()


def inbox(*, by: Actor, kind: str = "") -> list[dict[str, Any]]:
    """What waits for a person now, the most urgent first: the request, the step, why, until when, and in whose place."""
    person, at = person_of(by), timezone.now()
    if not person:
        return []
    lent = {row.giver for row in Delegation.objects.filter(taker=person, since__lte=at, until__gt=at, ended_at__isnull=True)}
    asks = Ask.objects.filter(Q(person__in=[person, *lent]) | Q(stands_for=person), state="open", step__state="open")
    ids = set(asks.values_list("step__request_id", flat=True))
    rows = Request.objects.filter(pk__in=ids, state__in=("pending", "conditional"))
    if kind:
        rows = rows.filter(kind=kind)
    made = []
    for request in rows:
        version = request.current
        waiting = mine(request, version, person, at)
        waiting = [one for one in waiting if not may_not(request, version, person, one.step.side)]
        if waiting:
            due = min((one.step.due_at for one in waiting if one.step.due_at), default=None)
            made.append({
                "request": request, "steps": [one.step for one in waiting], "due_at": due, "late": bool(due and due < at),
                "stands_for": next((one.stands_for for one in waiting if one.stands_for), ""),
                "reasons": list(dict.fromkeys(reason["reason"] for one in waiting for reason in one.step.reasons)),
                "again": any(one.step.because for one in waiting),
            })  # fmt: skip
    return sorted(made, key=lambda row: (row["due_at"] or at + timedelta(days=3650), row["request"].pk))


MANY = 20
"""Waiting requests from which they are counted roughly."""


def waiting_count(by: Actor) -> int:
    """How many requests wait for a person; of very many, how many ask the person, before it is looked at whether the person may decide."""
    person, at = person_of(by), timezone.now()
    if not person:
        return 0
    lent = Delegation.objects.filter(taker=person, since__lte=at, until__gt=at, ended_at__isnull=True).values("giver")
    asked = Ask.objects.filter(Q(person=person) | Q(person__in=lent) | Q(stands_for=person), state="open", step__state="open")
    many = asked.values("step__request_id").distinct().count()
    return many if many > MANY or not many else len(inbox(by=by))


def requests(*, by: Actor, state: str = "", kind: str = "", find: str = "", mine_only: bool = False) -> QuerySet[Request]:
    """The requests that an actor may see, newest first."""
    rows = visible(by)
    if mine_only:
        person = person_of(by)
        rows = rows.filter(Q(submitter=person) | Q(owner=person)) if person else rows.none()
    if state:
        rows = rows.filter(state=state)
    if kind:
        rows = rows.filter(kind=kind)
    if find:
        rows = rows.filter(Q(title__icontains=find) | Q(subject_id__icontains=find))
    return rows


def one(request_id: int, *, by: Actor) -> dict[str, Any]:
    """One request whole: contents, steps with persons, decisions, comments, what changed since this person last approved, and what one may do."""
    request = need(request_id, by=by)
    at, person = timezone.now(), person_of(by)
    versions = list(request.versions.all())
    version = next(found for found in versions if found.number == request.number)
    from closedwon.approvals.actions.common import united_of

    united = united_of(request, version)
    now = facts(united, asked_of(version))
    steps = list(version.steps.prefetch_related("asks", "decisions", "rebinds__decision"))
    decisions = list(request.decisions.select_related("version"))
    comments = list(request.comments.all())
    ids = {request.submitter, request.owner, *(ask.person for step in steps for ask in step.asks.all()), *(one.person for one in decisions)}
    ids |= {ask.stands_for for step in steps for ask in step.asks.all()} | {found for step in steps for found in step.candidates}
    waiting = mine(request, version, person, at) if person and request.is_open else []
    waiting_steps = [found.step for found in waiting]
    bars = [may_not(request, version, person, found.step.side) for found in waiting]
    may_decide = bool(waiting) and not any(bars)
    return {
        "request": request, "version": version, "versions": versions, "united": united, "steps": steps, "decisions": decisions,
        "comments": comments, "attachments": list(request.attachments.all()), "names": names(ids - {""}), "subject": subject_of(request.kind),
        "values": values_of(united, asked_of(version), {name for step in (waiting_steps or [step for step in steps if step.state == "open"]) for name in step.tested}), "lines": _lines(united, now), "waiting": [found.step for found in waiting],
        "stands_for": next((found.stands_for for found in waiting if found.stands_for), ""), "may_decide": may_decide,
        "why_not": next((bar for bar in bars if bar), ""), "changes": _since(request, version, person, united),
        "may_change": person in (request.submitter, request.owner) or by.has("sales-ops", "deal-desk"),
        "may_override": by.has("executive") and request.is_open and not may_not(request, version, person, ""),
        "conditions": [one for one in decisions if one.verb == "condition" and not condition_met(one, version)],
        "history": earlier(request, by=by), "at": at, "may_ask": request.is_open and adding_allowed(request, by),
        "may_say": may_say(by), "may_attach": may_say(by) and bool(person),
    }  # fmt: skip


def adding_allowed(request: Request, by: Actor) -> bool:
    """Whether an actor may ask somebody in addition."""
    person = person_of(by)
    party = person in (request.submitter, request.owner) or by.has("sales-ops", "deal-desk")
    return party or bool(person and Ask.objects.filter(step__request=request, step__version__number=request.number, person=person).exists())


def may_say(by: Actor) -> bool:
    """Whether an actor may comment and add files: an auditor only reads."""
    return not by.has("auditor") or by.has("deal-desk", "finance", "executive", "manager")


LONG = 40
"""Characters from which a text stands below the numbers."""


def values_of(united: United, asked: Asked, looked_at: Collection[str] = ()) -> list[dict[str, Any]]:
    """The fields that say something, as people read them; those that the approvers asked now look at come first, ids and zeroes are left out.

    An amount in another currency than the policy's stands as it was asked for, with what it was taken for.
    """
    found, computed = facts(united, asked), dict(united.computes)
    own = facts(united, replace(asked, currency=united.currency)).values if asked.currency != united.currency else {}
    made = []
    for name, kind in united.types.items():
        value = found.values.get(name)
        nothing = value in (None, "", False) or (name in computed and value == 0) or name.endswith("_id")
        if kind.kind != "rows" and not nothing:
            text = show(united, name, value)
            if kind.kind == "money" and own.get(name) is not None and asked.currency and name not in computed:
                text = f"{shown(own[name], replace(kind, currency=asked.currency))} ({text})"
            label = united.labels.get(name, name)
            made.append(
                {"name": name, "label": label, "text": text, "tested": name in looked_at, "long": kind.kind == "text" and len(text) > LONG}
            )
    return sorted(made, key=lambda row: (row["long"], not row["tested"]))


def _lines(united: United, found: Facts) -> list[dict[str, Any]]:
    made = []
    for name, kind in united.types.items():
        rows = found.values.get(name)
        if kind.kind == "rows" and rows:
            columns = [part for part in kind.fields if any(row.get(part) not in (None, "") for row in rows)]
            made.append({
                "label": united.labels.get(name, name), "columns": [united.labels.get(f"{name}.{part}", part).rpartition(": ")[2].capitalize() for part in columns],
                "rows": [[row.get("id", ""), *(show(united, f"{name}.{part}", row.get(part)) for part in columns if part != "id")] for row in rows],
                "has_id": "id" not in columns,
            })  # fmt: skip
    return made


def _since(request: Request, version: Version, person: str, united: United) -> dict[str, Any] | None:
    """What changed since this person last decided on the request, or since the version before; worse changes are marked."""
    last = request.decisions.filter(person=person).select_related("version").order_by("-id").first() if person else None
    before = last.version if last is not None else request.versions.filter(number=request.number - 1).first()
    if before is None or before.pk == version.pk:
        return None
    return {"decision": last, "version": before, "rows": differences(before, version, united)}


def differences(before: Version, after: Version, united: United) -> list[dict[str, Any]]:
    """What differs between two versions, field by field and line by line; `worse` where an approver would be asked again for it."""
    old, new = (facts(united, asked_of(version)) for version in (before, after))
    bad = {name for name, _ in worse(united, list(united.tested), old.values, new.values)}
    made = []
    for name, kind in united.types.items():
        a, b = old.values.get(name), new.values.get(name)
        if kind.kind == "rows":
            made += _line_changes(united, name, a or [], b or [], bad)
        elif a != b:
            made.append(
                {
                    "name": name,
                    "label": united.labels.get(name, name),
                    "before": show(united, name, a),
                    "after": show(united, name, b),
                    "worse": name in bad,
                }
            )
    return made


def _line_changes(
    united: United, name: str, old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], bad: set[str]
) -> list[dict[str, Any]]:
    a, b = ({str(row.get("id") or at): row for at, row in enumerate(rows, 1)} for rows in (old, new))
    made = []
    for key in dict.fromkeys([*a, *b]):
        for part in united.types[name].fields:
            before, after = a.get(key, {}).get(part), b.get(key, {}).get(part)
            if before != after:
                label = f"Line {key}: {united.labels.get(f'{name}.{part}', part).rpartition(': ')[2]}"
                full = f"{name}.{part}"
                made.append(
                    {
                        "name": full,
                        "label": label,
                        "before": show(united, full, before),
                        "after": show(united, full, after),
                        "worse": full in bad,
                    }
                )
    return made


def earlier(request: Request, *, by: Actor, most: int = 8) -> list[Request]:
    """Earlier requests about the same customer or deal that the actor may see."""
    account = str(request.current.content.get("fields", {}).get("account_id") or "")
    same = Q(subject_id=request.subject_id) if request.subject_id else Q(pk__in=[])
    if account:
        same |= Q(versions__content__fields__account_id=account)
    return list(visible(by).filter(same).exclude(pk=request.pk).distinct().order_by("-submitted_at")[:most])


def open_steps(*, by: Actor) -> QuerySet[Step]:
    """The open steps of the requests that an actor may see, by due date."""
    return Step.objects.filter(state="open", request__in=visible(by)).select_related("request").order_by("due_at")
