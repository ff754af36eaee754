"""What the rules of approvals take and give: people, requests, what was approved before, and the steps that a request needs. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import rfc8785

from closedwon.base.errors import Problem

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Delegate:
    """Who decides for somebody: from when (inclusive) until when (exclusive), for which kinds of request, up to which amount."""

    to: str
    since: datetime | None = None
    until: datetime | None = None
    kinds: frozenset[str] = frozenset()
    limit: Decimal | None = None

    def holds(self, at: datetime, kind: str, amount: Decimal | None) -> bool:
        """Whether it covers a request of that kind and amount at that instant; an unknown amount is not within a limit."""
        in_time = (self.since is None or self.since <= at) and (self.until is None or at < self.until)
        within = self.limit is None or (amount is not None and abs(amount) <= self.limit)
        return in_time and within and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True)
class Away:
    """A span in which somebody is out of office: `since` inclusive, `until` exclusive."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether the person is away at that instant."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Person:
    """Somebody who may be asked. `limit` is how much the person may approve alone, in the policy's currency, None for nothing."""

    id: str
    name: str = ""
    email: str = ""
    manager_id: str = ""
    roles: frozenset[str] = frozenset()
    region: str = ""
    limit: Decimal | None = None
    active: bool = True
    away: tuple[Away, ...] = ()
    delegates: tuple[Delegate, ...] = ()
    role_regions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    open_asks: int = 0

    def is_away(self, at: datetime) -> bool:
        """Whether the person is out of office at that instant."""
        return any(span.holds(at) for span in self.away)

    def regions(self, role: str) -> frozenset[str]:
        """The regions for which the person holds a role; none named means the person's own, and then none is every region."""
        return self.role_regions.get(role, frozenset({self.region}) if self.region else frozenset())


@dataclass(frozen=True)
class People:
    """Everybody, by id and by mail address."""

    by_id: Mapping[str, Person]

    @classmethod
    def of(cls, people: Sequence[Person]) -> People:
        """People from a list."""
        return cls({person.id: person for person in sorted(people, key=lambda one: one.id)})

    @cached_property
    def _by_email(self) -> dict[str, Person]:
        return {person.email.casefold(): person for person in self.by_id.values() if person.email}

    def find(self, word: str) -> Person | None:
        """The person of an id or a mail address."""
        return self.by_id.get(word) or self._by_email.get(word.casefold())

    def holders(self, role: str) -> list[Person]:
        """The active holders of a role, by id."""
        return [person for person in self.by_id.values() if role in person.roles and person.active]

    def managers(self, person_id: str) -> list[Person]:
        """The line of managers above somebody, nearest first; a loop ends it."""
        line: list[Person] = []
        seen = {person_id}
        at = self.by_id.get(person_id)
        while at and at.manager_id and at.manager_id not in seen:
            seen.add(at.manager_id)
            at = self.by_id.get(at.manager_id)
            if at:
                line.append(at)
        return line


@dataclass(frozen=True)
class Request:
    """What is asked for. `fields` is as it was given; `amount` is for limits, delegations and step-up, in `currency`."""

    kind: str
    fields: Mapping[str, Any]
    currency: str = ""
    id: str = ""
    title: str = ""
    submitter: str = ""
    owner: str = ""
    region: str = ""
    submitted_at: datetime | None = None
    earners: tuple[str, ...] = ()
    amount: Decimal | None = None
    adhoc: tuple[tuple[str, str], ...] = ()
    rates: Mapping[str, Decimal] = field(default_factory=dict)

    @cached_property
    def content_hash(self) -> str:
        """The sha256 of what is approved: kind, currency and fields, however they are spelt and in whichever order lines stand."""
        return content_hash(self.kind, self.currency, self.fields)

    def in_currency(self, amount: Decimal | None, currency: str) -> Decimal | None:
        """An amount of the request in another currency, at the request's rates; None where there is no rate."""
        if amount is None or not currency or not self.currency or currency == self.currency:
            return amount
        rate = self.rates.get(self.currency)
        return amount * rate if rate is not None and rate > 0 else None


_PERCENT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%")
_DECIMAL = re.compile(r"[+-]?\d+\.\d+")


def content_hash(kind: str, currency: str, fields: Mapping[str, Any]) -> str:
    """The sha256 of the RFC 8785 JSON of a content, with numbers in one spelling and lines in the order of their ids."""
    return hashlib.sha256(rfc8785.dumps({"kind": kind, "currency": currency, "fields": plainly(fields)})).hexdigest()


def plainly(value: Any) -> Any:
    """A value in one spelling: numbers as plain digits, percentages with their sign, lines in the order of their ids."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return _number(Decimal(str(value)))
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode()
        if found := _PERCENT.fullmatch(text.strip()):
            return _number(Decimal(found[1])) + "%"
        return _number(Decimal(text)) if _DECIMAL.fullmatch(text) else text
    if isinstance(value, Mapping):
        return {str(key): plainly(inner) for key, inner in value.items() if inner is not None and inner != ""}
    if isinstance(value, Sequence):
        rows = [plainly(inner) for inner in value]
        by_id = all(isinstance(row, dict) and "id" in row for row in rows)
        return sorted(rows, key=lambda row: (str(row["id"]), rfc8785.dumps(row))) if by_id else rows
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _number(value: Decimal) -> str:
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text.removeprefix("+")


@dataclass(frozen=True)
class Approved:
    """An approval that a person really gave: for which roles, on which request as it was seen then, and when."""

    person: str
    roles: frozenset[str]
    request: Request
    at: datetime | None = None


@dataclass(frozen=True)
class Reason:
    """Why a role is asked: the rule, its sentence, and the fields that its approver looks at."""

    rule: str
    reason: str
    tested: tuple[str, ...]
    role: str
    explanation: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"rule": self.rule, "role": self.role, "reason": self.reason, "tested_fields": list(self.tested)}


@dataclass(frozen=True)
class StepNeed:
    """One ask of a request: who must agree in which roles, why, in which group of the sequence, and whether an earlier approval still holds.

    `candidates` are the persons of whom any, all or a quorum must agree; `person` is set where one is asked. `waits_for` are the positions (from
    0) of the steps that must be done before this one opens. `status` is ask, inherited or unfilled; `inherited` names who need not be asked
    again of several.
    """

    roles: tuple[str, ...]
    titles: tuple[str, ...]
    group: int
    mode: str
    quorum: int
    person: str
    name: str
    candidates: tuple[str, ...]
    via: str
    side: str
    reasons: tuple[Reason, ...]
    status: str = "ask"
    because: str = ""
    inherited: tuple[str, ...] = ()
    waits_for: tuple[int, ...] = ()
    sla_hours: int = 0
    stands_for: Mapping[str, str] = field(default_factory=dict)
    queue: tuple[str, ...] = ()

    @property
    def role(self) -> str:
        """The role that is named first."""
        return self.roles[0]

    @property
    def tested(self) -> tuple[str, ...]:
        """The fields that its approver looks at, in order."""
        return tuple(dict.fromkeys(name for reason in self.reasons for name in reason.tested))

    def as_dict(self, order: int) -> dict[str, Any]:
        """For JSON; `order` counts from 1."""
        return {
            "order": order, "group": self.group, "role": self.role, "roles": list(self.roles), "title": " and ".join(self.titles),
            "person": self.person or None, "name": self.name or None, "mode": self.mode, "quorum": self.quorum or None,
            "candidates": list(self.candidates), "status": self.status, "because": self.because, "via": self.via,
            "reason": "; ".join(dict.fromkeys(one.reason for one in self.reasons)), "reasons": [one.as_dict() for one in self.reasons],
            "tested_fields": list(self.tested), "side": self.side, "sla_hours": self.sla_hours,
            "inherited": list(self.inherited), "waits_for": [at + 1 for at in self.waits_for], "queue": list(self.queue),
        }  # fmt: skip


@dataclass(frozen=True)
class Hint:
    """The cheapest change of one field that removes steps."""

    field: str
    before: str
    after: str
    removes: tuple[str, ...]
    text: str
    lines: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        made = {"field": self.field, "from": self.before, "to": self.after, "removes": list(self.removes), "text": self.text}
        return made | ({"lines": list(self.lines)} if self.lines else {})


@dataclass(frozen=True)
class Preview:
    """What a request needs. `outcome` is approved (nobody is needed), needs-approval, incomplete (explanations are missing) or forbidden."""

    outcome: str
    reason: str
    content_hash: str
    steps: tuple[StepNeed, ...] = ()
    hints: tuple[Hint, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    policies: tuple[Mapping[str, Any], ...] = ()
    explanation: tuple[Mapping[str, Any], ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def auto_approved(self) -> bool:
        """Whether nobody has to be asked, now or ever, for this content."""
        return self.outcome == "approved" and not self.steps

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        outcome = "auto-approved" if self.auto_approved else self.outcome
        return {
            "outcome": outcome, "reason": self.reason, "content_hash": self.content_hash, "policies": [dict(one) for one in self.policies],
            "steps": [step.as_dict(at) for at, step in enumerate(self.steps, 1)], "hints": [hint.as_dict() for hint in self.hints],
            "missing": list(self.missing), "problems": [problem.as_dict() for problem in self.problems], "warnings": list(self.warnings),
            "values": dict(self.values), "explanation": [dict(one) for one in self.explanation],
        }  # fmt: skip
