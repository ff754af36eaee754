"""The deal desk: cases with clocks in business hours, answers, who works on what, and how well it goes."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from closedwon.approvals.actions.people import names, person_of
from closedwon.approvals.hours import due, spent
from closedwon.approvals.models import Request, Step
from closedwon.approvals.policy import Hours
from closedwon.audit.actions import record
from closedwon.base.calendar import Calendar
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.deals.actions.requests import desk_policy, find, visible
from closedwon.deals.models import CaseMessage, ChecklistMark, DealRequest, DeskCase
from closedwon.deals.policy import DealDeskPolicy
from closedwon.deals.rules import in_last_days
from closedwon.people.actor import Actor
from closedwon.people.visibility import need_deal
from closedwon.workspace import current

DESK = ("deal-desk", "sales-ops")
"""Roles that answer cases."""
CHECKERS = ("deal-desk", "finance")
"""Roles that check a booking."""
READERS = ("finance", "executive", "auditor")
ASKERS = ("rep", "manager", "se", "csm", "overlay", "partner-manager", "executive", "finance", "deal-desk", "sales-ops")
LONGEST = 10_000


def hours_of(policy: DealDeskPolicy, region: str) -> Hours:
    """The business hours of a region."""
    return policy.hours.get(region) or policy.hours["default"]


def open_case(
    kind: str, title: str, text: str, *, by: Actor, opportunity_id: str = "", request_id: int | None = None, region: str = ""
) -> DeskCase:
    """Ask the deal desk something; its clocks begin now."""
    by.need(*ASKERS, to="ask the deal desk")
    policy, at = desk_policy(), timezone.now()
    told = policy.case(kind)
    if told is None:
        raise Invalid(f"There is no kind of case {kind!r}.", mend=f"There are: {', '.join(one.name for one in policy.cases)}.")
    if not title.strip() or not text.strip() or len(text) > LONGEST:
        raise Invalid("A question has a title and words, and not too many.")
    about = find(request_id, by=by) if request_id is not None else None
    deal = about.opportunity_id if about else opportunity_id
    if deal and about is None:
        need_deal(by, deal)
    where = region or (str(about.content.get("region", "")) if about else "")
    hours = hours_of(policy, where)
    urgent = policy.urgent.last_days and in_last_days(
        at, Calendar.from_settings(current().settings.calendar), policy.clocks, policy.urgent.last_days
    )
    first = min(told.first_response, policy.urgent.first_response) if urgent else told.first_response
    with transaction.atomic():
        made = DeskCase.objects.create(
            kind=kind, title=title.strip()[:200], opportunity_id=deal, request=about, region=where, opened_by=by.name, opened_by_person=person_of(by),
            opened_at=at, respond_by=due(at, first, hours), solve_by=due(at, told.resolution, hours),
        )  # fmt: skip
        CaseMessage.objects.create(case=made, by=by.name, text=text.strip(), at=at)
        record(
            by=by.name,
            verb="desk.opened",
            subject=f"case:{made.pk}",
            detail={"kind": kind, "title": made.title, "deal": deal},
            channel=by.channel,
        )
    return made


def cases(*, by: Actor, state: str = "", mine: bool = False) -> QuerySet[DeskCase]:
    """The cases that one may see: the desk all, others those they opened or whose deal request they see; the most urgent first."""
    rows = DeskCase.objects.all()
    if not by.has(*DESK, *READERS):
        rows = rows.filter(Q(opened_by=by.name) | Q(request__in=visible(by).values("pk")))
    if mine:
        rows = rows.filter(assignee=by.name)
    return rows.filter(state=state) if state else rows


def case(case_id: int, *, by: Actor) -> DeskCase:
    """One case. Raises NotFound where one may not see it."""
    found = cases(by=by).filter(pk=case_id).first()
    if found is None:
        raise NotFound(f"There is no case {case_id}, or you may not see it.")
    return found


def messages_of(found: DeskCase, *, by: Actor) -> list[CaseMessage]:
    """The messages of a case; internal ones for the desk alone."""
    rows = found.messages.all()
    return list(rows if by.has(*DESK) else rows.filter(internal=False))


def say(case_id: int, text: str, *, by: Actor, internal: bool = False, solved: bool = False) -> DeskCase:
    """Answer or add something. The desk's first open answer stops the first clock; `solved` stops the second; the asker's words reopen it."""
    case(case_id, by=by)
    desk = by.has(*DESK)
    if not desk and by.has("auditor", "executive", "finance") and not DeskCase.objects.filter(pk=case_id, opened_by=by.name).exists():
        raise Refused("Only the desk and the asker write here.")
    if not text.strip() or len(text) > LONGEST:
        raise Invalid("An answer has words, and not too many.")
    if (internal or solved) and not desk:
        raise Refused("Only the desk can note that or solve it.")
    at = timezone.now()
    with transaction.atomic():
        found = DeskCase.objects.select_for_update().get(pk=case_id)
        CaseMessage.objects.create(case=found, by=by.name, by_desk=desk, internal=internal, text=text.strip(), at=at)
        if desk and not internal:
            found.responded_at = found.responded_at or at
            found.assignee = found.assignee or by.name
            found.state = "solved" if solved else "waiting"
            found.solved_at = at if solved else None
        elif not desk:
            if found.state == "solved":
                found.reopened, found.solved_at = found.reopened + 1, None
            found.state = "open"
        found.save()
        detail = {"internal": internal, "solved": solved, "state": found.state}
        record(by=by.name, verb="desk.answered" if desk else "desk.asked", subject=f"case:{found.pk}", detail=detail, channel=by.channel)
    return found


def take(case_id: int, *, by: Actor) -> DeskCase:
    """Take a case on oneself."""
    by.need(*DESK, to="work on cases")
    with transaction.atomic():
        found = DeskCase.objects.select_for_update().filter(pk=case_id).first()
        if found is None:
            raise NotFound(f"There is no case {case_id}.")
        was, found.assignee = found.assignee, by.name
        found.save()
        record(by=by.name, verb="desk.taken", subject=f"case:{found.pk}", detail={"was": was}, channel=by.channel)
    return found


def rate(case_id: int, content: bool, *, by: Actor, feedback: str = "") -> DeskCase:
    """Whether the asker was content with the answer."""
    found = case(case_id, by=by)
    if found.opened_by != by.name:
        raise Refused("Only who asked says whether it helped.")
    if found.state != "solved":
        raise Conflict("It is not solved yet.")
    with transaction.atomic():
        found.content_with, found.feedback = content, feedback.strip()[:500]
        found.save()
        record(by=by.name, verb="desk.rated", subject=f"case:{found.pk}", detail={"content": content}, channel=by.channel)
    return found


def judge(case_id: int, correct: bool, *, by: Actor) -> DeskCase:
    """Whether a later look found the answer right; never by who gave it."""
    by.need(*DESK, to="look over answers")
    with transaction.atomic():
        found = DeskCase.objects.select_for_update().filter(pk=case_id).first()
        if found is None or found.state != "solved":
            raise Conflict("Only solved cases are looked over.")
        if found.assignee == by.name:
            raise Refused("Nobody looks over one's own answers.")
        found.correct = correct
        found.save()
        record(by=by.name, verb="desk.judged", subject=f"case:{found.pk}", detail={"correct": correct}, channel=by.channel)
    return found


def template_text(name: str, found: DeskCase, *, by: Actor) -> str:
    """A template with the case's words filled in."""
    told = next((one for one in desk_policy().templates if one.name == name), None)
    if told is None:
        raise NotFound(f"There is no template {name!r}.")
    words = {
        "deal": found.title,
        "account": "",
        "owner": found.opened_by,
        "request": found.request.number if found.request else "",
        "me": by.name,
    }
    text = told.text.strip()
    for key, value in words.items():
        text = text.replace("{" + key + "}", str(value))
    return text


def checklist(request_id: int, *, by: Actor) -> list[dict[str, Any]]:
    """The booking checklist of a signed request: each item with its last mark."""
    found = find(request_id, by=by)
    marks = {mark.item: mark for mark in found.marks.order_by("id")}
    return [
        {"item": item.item, "about": item.about, "required": item.required, "mark": marks.get(item.item)}
        for item in desk_policy().items(found.paper)
    ]


def mark(request_id: int, item: str, state: str, *, by: Actor, note: str = "") -> ChecklistMark:
    """Tick an item of the booking checklist, or say that it is missing."""
    by.need(*CHECKERS, to="check a booking")
    found = find(request_id, by=by)
    if found.signed_at is None:
        raise Conflict("It is not signed yet.")
    if item not in {one.item for one in desk_policy().items(found.paper)} or state not in ("done", "missing"):
        raise Invalid("There is no such item.", mend="Choose one of the checklist, done or missing.")
    with transaction.atomic():
        made = ChecklistMark.objects.create(request=found, item=item, state=state, note=note.strip()[:500], by=by.name)
        record(
            by=by.name,
            verb="deals.checked",
            subject=f"deal-request:{found.pk}",
            detail={"item": item, "state": state, "note": made.note},
            channel=by.channel,
        )
    return made


def book(request_id: int, *, by: Actor) -> DealRequest:
    """Book a signed order: its check is approved and every required item is done."""
    by.need(*CHECKERS, to="book an order")
    found = find(request_id, by=by)
    from closedwon.deals.actions.gate import is_apart, where_it_books

    if found.order is None or found.order.state != "approved":
        raise Conflict("Its booking check is not through.", mend="The order needs its approvals first.")
    if is_apart(found):
        raise Conflict(
            "It was changed since it was signed.", mend="Get the new version approved and note its signature; then it is checked again."
        )
    left = [row["item"] for row in checklist(request_id, by=by) if row["required"] and (row["mark"] is None or row["mark"].state != "done")]
    if left:
        raise Conflict(f"Open items: {'; '.join(left)}.", mend="Tick them, or answer what is missing.")
    told = where_it_books(found)
    with transaction.atomic():
        found = DealRequest.objects.select_for_update().get(pk=found.pk)
        if found.booked_at is not None:
            raise Conflict("It is booked already.")
        found.booked_on, found.booked_by, found.booked_at = told["day"] if told else None, by.name, timezone.now()
        found.save()
        detail = {"booked_on": found.booked_on, "order": found.order_id, "why": told["why"] if told else ""}
        record(by=by.name, verb="deals.booked", subject=f"deal-request:{found.pk}", detail=detail, channel=by.channel)
    return found


def measures(*, by: Actor, since: datetime | None = None) -> dict[str, Any]:
    """How the desk and the sign-off go: clocks kept, how long steps take, where requests wait, how many need nobody, what is given away."""
    by.need(*DESK, *READERS, to="see how the deal desk goes")
    policy, at = desk_policy(), timezone.now()
    start = since or at - timedelta(days=90)
    rows = list(DeskCase.objects.filter(opened_at__gte=start))
    answered, solved = [one for one in rows if one.responded_at], [one for one in rows if one.solved_at]
    asked = list(Request.objects.filter(submitted_at__gte=start, kind="deal"))
    decided = [one for one in asked if one.closed_at]
    alone = [one for one in asked if one.auto_reason]
    rated, judged = [one for one in rows if one.content_with is not None], [one for one in rows if one.correct is not None]
    return {
        "since": start, "cases": len(rows), "open": sum(one.state != "solved" for one in rows), "late": sum(one.state == "open" and one.respond_by < at for one in rows),
        "first_kept": _share(sum(one.responded_at <= one.respond_by for one in answered if one.responded_at), len(answered)),
        "solved_kept": _share(sum(one.solved_at <= one.solve_by for one in solved if one.solved_at), len(solved)),
        "first_hours": _median(spent(one.opened_at, one.responded_at, hours_of(policy, one.region)) for one in answered if one.responded_at),
        "solve_hours": _median(spent(one.opened_at, one.solved_at, hours_of(policy, one.region)) for one in solved if one.solved_at),
        "content": _share(sum(bool(one.content_with) for one in rated), len(rated)), "correct": _share(sum(bool(one.correct) for one in judged), len(judged)),
        "requests": len(asked), "alone": _share(len(alone), len(asked)), "sent_back": _share(sum(one.state == "rejected" for one in asked), len(asked)),
        "cycle_hours": _median(spent(one.submitted_at, one.closed_at, hours_of(policy, one.region)) for one in decided if one.closed_at and not one.auto_reason),
        "steps": _steps(start, policy), "workload": _workload(rows), "discounts": _discounts(asked), "goals": policy.goals,
    }  # fmt: skip


def _share(part: int, whole: int) -> tuple[int, int]:
    return part, whole


def _median(spans: Any) -> float | None:
    found = [span.total_seconds() / 3600 for span in spans]
    return round(median(found), 1) if found else None


def _steps(start: datetime, policy: DealDeskPolicy) -> list[dict[str, Any]]:
    """By step: how many, how long in business hours, how many were late, how many wait now."""
    made: dict[str, dict[str, Any]] = {}
    at = timezone.now()
    for step in Step.objects.filter(opened_at__gte=start).select_related("request"):
        row = made.setdefault(step.title, {"title": step.title, "spans": [], "waiting": 0, "late": 0, "count": 0})
        row["count"] += 1
        if step.state == "open":
            row["waiting"] += 1
        if step.due_at and (step.done_at or at) > step.due_at and step.state not in ("replaced", "skipped"):
            row["late"] += 1
        if step.done_at and step.opened_at:
            row["spans"].append(spent(step.opened_at, step.done_at, hours_of(policy, step.request.region)))
    for row in made.values():
        row["hours"] = _median(row.pop("spans"))
    return sorted(made.values(), key=lambda row: -row["waiting"])


def _workload(rows: list[DeskCase]) -> list[dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for one in rows:
        row = made.setdefault(one.assignee or "nobody yet", {"who": one.assignee or "nobody yet", "open": 0, "solved": 0})
        row["solved" if one.state == "solved" else "open"] += 1
    return sorted(made.values(), key=lambda row: -row["open"])


def _discounts(asked: list[Request]) -> list[dict[str, Any]]:
    """Discounts asked for and given, by five points: how many, and how many were approved."""
    made: dict[int, dict[str, Any]] = {}
    for one in asked:
        text = str(one.current.content.get("fields", {}).get("discount", "")).rstrip("% ")
        try:
            low = int(float(text) // 5) * 5
        except ValueError:
            continue
        row = made.setdefault(low, {"label": f"{low} to {low + 5} %", "count": 0, "approved": 0})
        row["count"] += 1
        row["approved"] += one.state == "approved"
    return [made[low] for low in sorted(made)]


def who(rows: list[DeskCase]) -> dict[str, str]:
    """The names of those who opened cases."""
    return names({one.opened_by_person for one in rows if one.opened_by_person})
