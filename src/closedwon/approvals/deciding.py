"""Policies of files or of the workspace as one thing that previews: what the command line, cases and actions share. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.hints import hints
from closedwon.approvals.rules.preview import preview
from closedwon.approvals.rules.united import United, unite
from closedwon.approvals.rules.values import Approved, People, Preview, Request


@dataclass(frozen=True, eq=False)
class Policies:
    """The approval policies in hand: documents by name, and the digests of their texts."""

    documents: Mapping[str, Matrix]
    digests: Mapping[str, str] = field(default_factory=dict)
    _united: dict[tuple[str, date], United] = field(default_factory=dict)

    def on(self, subject: str, day: date) -> United:
        """What they say of a subject on a day."""
        key = (subject, day)
        if key not in self._united:
            if len(self._united) > 200:
                self._united.clear()
            self._united[key] = unite(self.documents, subject, day, self.digests)
        return self._united[key]

    def preview(
        self,
        request: Request,
        people: People,
        at: datetime,
        approved: Sequence[Approved] = (),
        *,
        day: date | None = None,
        hinted: bool = True,
    ) -> Preview:
        """What a request needs at an instant; `day` is the company's day of it."""
        united = self.on(request.kind, day or at.date())
        made = preview(united, request, people, at, approved)
        return replace(made, hints=hints(united, request, people, at, made, approved)) if hinted else made

    def everybody(self, request: Request, people: People, at: datetime) -> tuple[Approved, ...]:
        """The approvals of all whom the policies ask for a request, as if each had given it a second before."""
        asked = self.preview(request, people, at, hinted=False)
        before = at - timedelta(seconds=1)
        return tuple(
            Approved(person, frozenset(step.roles), request, before) for step in asked.steps for person in (step.candidates or ()) if person
        )


def run_case(documents: Mapping[str, Matrix], given: Mapping[str, Any]) -> dict[str, Any]:
    """Decide a case: `given` has `at`, `people`, `request`, and what was `approved` before; each rule is a step by its name.

    The steps are outcome, reason, roles, persons, inherited, hints, and one yes or no per rule and table that asked.
    """
    from closedwon.approvals.rules.reading import approvals_of, people_of_rows, plain, request_of

    at = _at(given.get("at"))
    people = people_of_rows(given.get("people", PEOPLE))
    request = request_of({"submitter": "rep", "owner": "rep", "currency": "USD", **plain(given.get("request", {}))})
    policies = Policies(documents)
    before = given.get("approved")
    approved = approvals_of(plain(before), lambda one: policies.everybody(one, people, at)) if before is not None else ()
    made = policies.preview(request, people, at, approved)
    asking = [step for step in made.steps if step.status != "inherited"]
    spoke = {reason.rule for step in made.steps for reason in step.reasons}
    rules = {asker.name: asker.name in spoke for asker in policies.on(request.kind, at.date()).askers if not asker.forbid}
    return {
        "outcome": "auto-approved" if made.auto_approved else made.outcome, "reason": made.reason,
        "roles": [role for step in asking for role in step.roles], "persons": [step.person for step in asking if step.person],
        "groups": [step.group for step in made.steps], "inherited": [role for step in made.steps if step.status == "inherited" for role in step.roles],
        "because": [step.because for step in made.steps if step.because], "hints": [hint.text for hint in made.hints],
        "missing": list(made.missing), "problems": [problem.message for problem in made.problems], **rules, **dict(made.values),
    }  # fmt: skip


def _at(value: Any) -> datetime:
    from datetime import UTC

    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, 12, tzinfo=UTC)
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC) if value else datetime(2026, 11, 25, 12, tzinfo=UTC)


PEOPLE: list[dict[str, Any]] = [
    {"id": "rep", "name": "Rita Rep", "manager_id": "manager"},
    {"id": "manager", "name": "Max Manager", "manager_id": "vp", "limit": "100000"},
    {"id": "vp", "name": "Vera Vice", "manager_id": "cro", "roles": ["vp"], "limit": "1000000"},
    {"id": "cro", "name": "Chris Revenue", "roles": ["cro"], "limit": "100000000"},
    *({"id": role, "name": role.replace("-", " ").title(), "roles": [role]} for role in (
        "deal-desk", "finance", "cfo", "legal", "product", "ecosystem", "order-management", "revenue", "deal-desk-director", "legal-director",
    )),
]  # fmt: skip
"""Who works at the company of a case that names nobody: one person per usual role; the rep's manager may approve up to 100,000."""
