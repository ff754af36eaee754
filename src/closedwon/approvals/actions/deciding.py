"""Decide: approve, approve on a condition, reject with the change that is wanted, override, take from a queue; each in one short transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from closedwon.approvals.actions.common import (
    condition_met,
    lenders,
    locked,
    need,
    open_ready,
    settle,
    sides_of,
    united_of,
    worth,
)
from closedwon.approvals.actions.notices import tell_asked, tell_outcome
from closedwon.approvals.actions.people import people, person_of
from closedwon.approvals.models import Ask, Decision, Request, Step, Version
from closedwon.approvals.strength import is_strong
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.base.money import to_major
from closedwon.base.policytext import Amount
from closedwon.formula.formula import compile  # noqa: A004 - the language's own word
from closedwon.people.actor import Actor

OVERRIDES = ("executive",)
"""Roles that may override a step that is not theirs, with a reason; they submit nothing."""
LONGEST = 10_000


class StepUp(Refused):
    """The decision needs a stronger sign-in than the session has."""


@dataclass(frozen=True)
class Mine:
    """A step that waits for a person, and in whose place, if in somebody's."""

    step: Step
    stands_for: str
    ask: Ask | None


def mine(request: Request, version: Version, person: str, at: datetime) -> list[Mine]:
    """The open steps that wait for a person: asked, standing in for somebody who delegated, or the one stood in for."""
    lent = lenders(person, request, version, at)
    found = []
    for step in version.steps.filter(state="open").prefetch_related("asks"):
        if step.decisions.filter(person=person).exists():
            continue
        asks = [ask for ask in step.asks.all() if ask.state == "open"]
        own = next((ask for ask in asks if ask.person == person), None)
        stood = next((ask for ask in asks if ask.stands_for == person), None)
        other = next((ask for ask in asks if ask.person in lent), None)
        if own is not None:
            found.append(Mine(step, own.stands_for, own))
        elif stood is not None:
            found.append(Mine(step, "", stood))
        elif other is not None:
            found.append(Mine(step, other.person, other))
    return found


def may_not(request: Request, version: Version, person: str, side: str) -> str:
    """Why a person may not decide on a request; empty where the person may."""
    if person == request.submitter:
        return "you submitted it"
    if person == request.owner:
        return "you own the deal"
    if person in request.earners:
        return "you earn on the deal directly"
    other = next((one for one, who in sides_of(version) if who == person and one != side), "") if side else ""
    if other:
        return f"you decided for {other} already"
    return ""


def decide(
    request_id: int, verb: str, *, content_hash: str, by: Actor, comment: str = "", required_change: str = "", condition: str = "",
    condition_formula: str = "", strength: str = "", key: str = "", steps: Sequence[int] = (),
) -> Decision:  # fmt: skip
    """Decide on the version that was seen, named by its content hash; it counts for every open step that waits for this person.

    `verb` is approve, condition or reject. The same key again gives the decision that it made. Raises Conflict where the content is another
    one by now, Refused where the person may not, Invalid where a rejection names no change or a condition says nothing.
    """
    person = person_of(by)
    if found := _made_before(key, request_id, person):
        return found
    _words(verb, comment, required_change, condition)
    if not person:
        raise Refused("The machine's operator decides nothing: a decision is a person's.", mend="Act as a person with --as EMAIL.")
    need(request_id, by=by)
    try:
        with transaction.atomic():
            request = locked(request_id)
            if found := _made_before(key, request_id, person):
                return found
            version = _seen(request, content_hash)
            at = timezone.now()
            waiting = [one for one in mine(request, version, person, at) if not steps or one.step.order in steps]
            if not waiting:
                raise Refused(_nothing_waits(request, version, person), mend="The request says who is asked now.")
            for one in waiting:
                if why := may_not(request, version, person, one.step.side):
                    raise Refused(f"You may not decide here: {why}.", mend="The deal desk can name somebody else.")
            _strong_enough(request, version, waiting, by, strength)
            if condition_formula:
                _compiled(request, version, condition_formula)
            made = _decision(
                request, version, waiting, person, verb, by, at, comment=comment, required_change=required_change, condition=condition,
                condition_formula=condition_formula, strength=strength, key=key,
            )  # fmt: skip
            opened = _count(request, version, [one.step for one in waiting], made, at)
            _record(request, version, made, [one.step for one in waiting], by)
            tell_asked(request, opened)
            if not request.is_open:
                tell_outcome(request)
    except IntegrityError:
        if found := _made_before(key, request_id, person):
            return found
        raise
    return made


def _made_before(key: str, request_id: int, person: str) -> Decision | None:
    """The decision that a key made; Conflict where it was another person's or on another request."""
    found = Decision.objects.filter(key=key).first() if key else None
    if found is not None and (found.request_id != request_id or found.person != person):
        raise Conflict("That key was used for another decision.", mend="Give each decision a key of its own.")
    return found


def _words(verb: str, comment: str, required_change: str, condition: str) -> None:
    if verb not in ("approve", "condition", "reject"):
        raise Invalid(f"{verb!r} is no decision.", mend="Write approve, condition or reject.")
    if verb == "reject" and not required_change.strip():
        raise Invalid(
            "A rejection needs the change that would make it right.", mend="Say what must change, such as: at most 20 %, or Net 30."
        )
    if verb == "condition" and not condition.strip():
        raise Invalid("A condition needs its words.", mend="Say what must be true, such as: the customer signs by 31 January.")
    if max(len(comment), len(required_change), len(condition)) > LONGEST:
        raise Invalid(f"That is longer than {LONGEST:,} characters.")


def _seen(request: Request, content_hash: str) -> Version:
    if not request.is_open:
        raise Conflict(f"The request is {request.state} already.", mend="Nothing is left to decide.")
    if content_hash != request.content_hash:
        raise Conflict("The request was changed since you saw it.", mend="Look at the new version; what changed is marked.")
    return request.current


def _nothing_waits(request: Request, version: Version, person: str) -> str:
    if Decision.objects.filter(version=version, person=person).exists():
        return "You decided on this version already."
    if person == request.submitter:
        return "You submitted this request; others decide on it."
    if Ask.objects.filter(step__version=version, person=person, step__state="waiting").exists():
        return "It is not your turn yet: others are asked before you."
    return "This request does not wait for you."


def _strong_enough(request: Request, version: Version, waiting: Sequence[Mine], by: Actor, strength: str) -> None:
    """Above a role's limit a decision takes the web app and a fresh sign-in; a link or a button elsewhere is not enough."""
    roles = united_of(request, version).roles
    given = (roles[name].step_up for one in waiting for name in one.step.roles if name in roles)
    limits = [one for one in given if isinstance(one, Amount)]
    if not limits:
        return
    large = any((found := worth(request, version, one.currency)) is None or found > to_major(one.minor, one.currency) for one in limits)
    if large and by.channel != "web":
        raise Refused(
            "An amount of this size is decided in the web app, signed in.", mend=f"Open the request there: /approvals/{request.pk}/"
        )
    if large and not is_strong(strength):
        raise StepUp(
            "An amount of this size needs a fresh sign-in or a second factor.",
            mend="Sign in once more, then decide; nothing was decided yet.",
        )


def _compiled(request: Request, version: Version, text: str) -> None:
    made = compile(text, united_of(request, version).types, expects="yes/no")
    if made.problems:
        raise Invalid(f"The condition's formula has a mistake.\n{made.report()}", problems=made.problems)


def _decision(
    request: Request, version: Version, waiting: Sequence[Mine], person: str, verb: str, by: Actor, at: datetime, **words: str
) -> Decision:
    roles = list(dict.fromkeys(role for one in waiting for role in one.step.roles))
    tested = {name for one in waiting for name in one.step.tested}
    values = version.preview.get("values", {})
    made = Decision.objects.create(
        request=request, version=version, key=words.pop("key") or uuid.uuid4().hex, person=person, by=by.name, roles=roles, verb=verb,
        content_hash=version.content_hash, values_seen={name: values.get(name, "") for name in sorted(tested)}, policies=version.policies,
        channel=by.channel, stands_for=next((one.stands_for for one in waiting if one.stands_for), ""), at=at,
        **{name: text.strip() for name, text in words.items()},
    )  # fmt: skip
    made.covers.add(*[one.step for one in waiting])
    return made


def _count(request: Request, version: Version, steps: Sequence[Step], made: Decision, at: datetime) -> list[Step]:
    """Let a decision count in its steps; opens the next ones and settles the request."""
    for step in steps:
        mine_ = Q(person__in=[made.person, made.stands_for]) | Q(stands_for=made.person)
        Ask.objects.filter(mine_, step=step, state="open").update(state="done")
        if made.verb == "reject":
            step.state, step.done_at = "rejected", at
        elif _enough(step):
            conditional = any(not condition_met(one, step.version) for one in step.decisions.filter(verb="condition"))
            step.state, step.done_at = ("conditional", None) if conditional else ("approved", at)
            Ask.objects.filter(step=step, state="open").update(state="closed")
        step.save()
    opened = [] if made.verb == "reject" else open_ready(request, version, at)
    settle(request, version, at)
    return opened


def _enough(step: Step) -> bool:
    """Whether as many agreed as must, counting approvals that were inherited within the step."""
    given = list(step.decisions.filter(verb__in=("approve", "condition")).values_list("person", "stands_for"))
    agreed, stood = {person for person, _ in given}, {other for _, other in given if other}
    agreed |= set(step.rebinds.values_list("decision__person", flat=True))
    if step.mode == "all":
        open_ = step.asks.filter(state="open").exclude(person__in=agreed | stood).count()
        return open_ == 0
    return len(agreed) >= max(1, step.quorum)


def _record(request: Request, version: Version, made: Decision, steps: Sequence[Step], by: Actor) -> None:
    explanation = version.preview.get("explanation", [])
    rules = {reason["rule"] for step in steps for reason in step.reasons}
    detail = {
        "decision": made.pk, "verb": made.verb, "person": made.person, "roles": made.roles, "steps": [step.order for step in steps],
        "version": version.number, "content_hash": made.content_hash, "values_seen": made.values_seen, "policies": made.policies,
        "strength": made.strength, "stands_for": made.stands_for, "comment": made.comment, "required_change": made.required_change,
        "condition": made.condition, "condition_formula": made.condition_formula, "state": request.state,
        "explanation": [one for one in explanation if one.get("rule") in rules],
    }  # fmt: skip
    record(by=by.name, verb="approvals.decided", subject=f"approval:{request.pk}", detail=detail, channel=by.channel)


def override(request_id: int, order: int, reason: str, *, content_hash: str, by: Actor, strength: str = "") -> Decision:
    """Stand in for a step that is not one's own, with a reason; never on a deal of one's own."""
    by.need(*OVERRIDES, to="override an approval")
    person = person_of(by)
    if not person:
        raise Refused("An override is a person's.", mend="Act as a person with --as EMAIL.")
    if not reason.strip():
        raise Invalid("An override needs its reason.", mend="Say why this step is not needed.")
    need(request_id, by=by)
    with transaction.atomic():
        request = locked(request_id)
        version = _seen(request, content_hash)
        at = timezone.now()
        step = version.steps.filter(order=order).first()
        if step is None or step.state not in ("open", "waiting"):
            raise Conflict("That step is not open.", mend="Look at the request again.")
        if why := may_not(request, version, person, step.side):
            raise Refused(f"You may not override here: {why}.")
        one = [Mine(step, "", None)]
        _strong_enough(request, version, one, by, strength)
        made = _decision(
            request, version, one, person, "override", by, at, comment=reason, required_change="", condition="", condition_formula="",
            strength=strength, key="",
        )  # fmt: skip
        step.state, step.done_at = "overridden", at
        step.save()
        Ask.objects.filter(step=step, state="open").update(state="closed")
        opened = open_ready(request, version, at)
        settle(request, version, at)
        _record(request, version, made, [step], by)
        tell_asked(request, opened)
        if not request.is_open:
            tell_outcome(request)
    return made


def meet(request_id: int, decision_id: int, note: str, *, by: Actor) -> Decision:
    """Say that a condition is met: whoever set it, or another holder of the role."""
    person = person_of(by)
    need(request_id, by=by)
    with transaction.atomic():
        request = locked(request_id)
        version = request.current
        asked = request.decisions.filter(pk=decision_id, verb="condition").first()
        if asked is None:
            raise NotFound("There is no such condition.")
        holders = {asked.person, *(one.id for role in asked.roles for one in people(timezone.now()).holders(role))}
        if not person or person not in holders:
            raise Refused("Only who set the condition, or a holder of the same role, may say that it is met.")
        if why := may_not(request, version, person, ""):
            raise Refused(f"You may not confirm it: {why}.")
        if condition_met(asked, version):
            raise Conflict("That condition is met already.")
        at = timezone.now()
        made = Decision.objects.create(
            request=request, version=version, key=uuid.uuid4().hex, person=person, by=by.name, roles=asked.roles, verb="meet", comment=note.strip(),
            condition=str(asked.pk), content_hash=version.content_hash, policies=version.policies, channel=by.channel, at=at,
        )  # fmt: skip
        steps = [
            step
            for step in version.steps.filter(state="conditional")
            if asked in step.decisions.all() or step.rebinds.filter(decision=asked).exists()
        ]
        for step in steps:
            step.state, step.done_at = ("inherited" if step.rebinds.filter(decision=asked).exists() else "approved"), at
            step.save()
        opened = open_ready(request, version, at)
        settle(request, version, at)
        _record(request, version, made, steps, by)
        tell_asked(request, opened)
        if not request.is_open:
            tell_outcome(request)
    return made


def take(request_id: int, order: int, *, by: Actor) -> Step:
    """Take a step of several possible approvers on oneself, so that the others know."""
    person = person_of(by)
    need(request_id, by=by)
    with transaction.atomic():
        request = locked(request_id)
        step = request.current.steps.filter(order=order, state="open").first()
        if step is None:
            raise NotFound("There is no open step of that number.")
        asked = step.asks.filter(state="open").filter(person=person).exists()
        holds = any(person in {one.id for one in people(timezone.now()).holders(role)} for role in step.roles)
        if not person or not (asked or holds):
            raise Refused("Only those who hold the role may take it.")
        if why := may_not(request, request.current, person, step.side):
            raise Refused(f"You may not take it: {why}.")
        if step.taken_by and step.taken_by != person:
            raise Conflict("Somebody took it already.")
        if step.mode not in ("any", "one"):
            raise Conflict("Each of those asked must decide on this step.")
        step.taken_by = person
        step.save()
        if not asked:
            Ask.objects.create(step=step, person=person, via="taken from the queue")
        record(
            by=by.name,
            verb="approvals.taken",
            subject=f"approval:{request.pk}",
            detail={"step": order, "person": person},
            channel=by.channel,
        )
    return step


def comment(request_id: int, text: str, *, by: Actor) -> Any:
    """Say something on a request."""
    from closedwon.approvals.models import Comment

    request = need(request_id, by=by)
    if by.has("auditor") and not by.has("deal-desk", "finance", "executive", "manager"):
        raise Refused("An auditor reads and says nothing.", mend="Write to the deal desk instead.")
    if not text.strip() or len(text) > LONGEST:
        raise Invalid("A comment has words, and not too many.")
    with transaction.atomic():
        made = Comment.objects.create(request=request, by=by.name, person=person_of(by), text=text.strip())
        record(
            by=by.name,
            verb="approvals.commented",
            subject=f"approval:{request.pk}",
            detail={"comment": made.pk, "text": made.text},
            channel=by.channel,
        )
    return made
