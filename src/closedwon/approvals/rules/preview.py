"""What a request needs: the steps in order, or why it needs nobody; what of an earlier approval still holds. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from closedwon.approvals.policy import Role
from closedwon.approvals.rules.compare import worse
from closedwon.approvals.rules.facts import Facts, Spoken, facts, show, speak
from closedwon.approvals.rules.persons import Found, Resolver
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import Approved, People, Preview, Reason, Request, StepNeed
from closedwon.base.errors import Problem

ADHOC = Role.model_validate({"name": "adhoc", "title": "Asked in addition", "sla_hours": 24, "remind_hours": 4, "escalate_to": "manager"})
"""Whoever is asked in addition: three business days to decide, a reminder, then the person's manager is asked too."""


def preview(
    united: United,
    request: Request,
    people: People,
    at: datetime,
    approved: Sequence[Approved] = (),
    *,
    explain: bool = True,
    known: Facts | None = None,
) -> Preview:
    """What the request needs at an instant, given what was really approved before (the latest approval of each person counts).

    The outcome is `approved` where nobody is needed or every step is inherited, `needs-approval`, `incomplete` where explanations are missing
    or a value cannot be read, `forbidden` where a rule refuses it. Steps are told in every case, as far as they can be known. `known` are the
    request's values where the caller has them already.
    """
    return _Previewing(united, request, people, at if at.tzinfo else at.replace(tzinfo=UTC), tuple(approved), explain, known).whole()


@dataclass
class _Previewing:
    united: United
    request: Request
    people: People
    at: datetime
    approved: tuple[Approved, ...]
    explain: bool
    known: Facts | None = None

    def whole(self) -> Preview:
        if self.united.is_empty:
            told = Problem(
                f"no approval policy speaks of {self.request.kind!r} on {self.united.day}", mend="Apply one, or correct the kind."
            )
            return Preview("incomplete", told.message, self.request.content_hash, problems=(told,))
        if self.united.problems:
            wrong = tuple(problem for _, _, problem in self.united.problems)
            return Preview(
                "incomplete", "The policies have mistakes.", self.request.content_hash, problems=wrong, policies=self._policies()
            )
        known = self.known or facts(self.united, self.request)
        spoken = speak(self.united, known.values, explain=self.explain)
        problems = [*known.problems, *(spoken.problems if not known.problems else ())]
        reasons = self._reasons(spoken)
        steps = self._steps(reasons, known, problems)
        outcome, reason = self._outcome(spoken, steps, problems, known)
        values = (
            {}
            if self.known is not None
            else {
                name: show(self.united, name, value)
                for name, value in known.values.items()
                if name in self.united.types and value not in (None, "")
            }
        )
        return Preview(
            outcome, reason, self._hash(), steps, (), tuple(problems), (*known.warnings, *self._strangers()), self._policies(), spoken.explanation, values,
            tuple(name for name, _ in spoken.missing),
        )  # fmt: skip

    def _strangers(self) -> list[str]:
        """Submitter and owner whom nobody knows: then no manager of theirs can be asked."""
        named = dict.fromkeys(one for one in (self.request.submitter, self.request.owner) if one)
        return [f"{one} is nobody we know, so no manager of theirs is asked" for one in named if self.people.find(one) is None]

    def _hash(self) -> str:
        """The hash of the content; a trial with values of its own needs none."""
        return "" if self.known is not None else self.request.content_hash

    def _policies(self) -> tuple[dict[str, str], ...]:
        return tuple(
            {"name": one.name, "since": one.since.isoformat(), "digest": one.digest, "reference": one.reference}
            for one in self.united.sources
        )

    def _reasons(self, spoken: Spoken) -> list[Reason]:
        """Who is asked: what rules say, without rungs that need nobody; the floor's role where no rule speaks and the floor does not hold."""
        asked = [reason for reason in spoken.reasons if not self.united.roles[reason.role].auto]
        if not asked and not spoken.reasons and self.united.floor and spoken.floor is False:
            told = self.united.floor[0]
            tested = tuple(sorted(name for name in self.united.tested if name in self.united.floor[1].fields))
            asked = [Reason("floor", "No rule asks for it, and it is above what goes through alone", tested, told.otherwise)]
        return self._highest(asked)

    def _highest(self, reasons: list[Reason]) -> list[Reason]:
        """Of the roles of a chain of mode `highest` only the last group stays, with the reasons of all of them."""
        made = list(reasons)
        for chain in self.united.chains:
            if chain.mode != "highest":
                continue
            places = {role: at for at, group in enumerate(chain.groups) for role in group}
            asked = [places[reason.role] for reason in made if reason.role in places]
            if asked:
                top = max(asked)
                last = [reason.role for reason in made if places.get(reason.role) == top]
                below = [reason for reason in made if reason.role in places and places[reason.role] < top]
                made = [reason for reason in made if reason not in below]
                made += [replace(reason, role=role) for reason in below for role in dict.fromkeys(last)]
        return made

    def _steps(self, reasons: list[Reason], known: Facts, problems: list[Problem]) -> tuple[StepNeed, ...]:
        resolver = Resolver(self.united, self.request, self.people, self.at, known.values, self.approved)
        names = sorted(dict.fromkeys(reason.role for reason in reasons), key=self.united.rank)
        needs: list[StepNeed] = []
        for name in names:
            own = tuple(self._with_texts(reason) for reason in reasons if reason.role == name)
            found = resolver.find(self.united.roles[name])
            if found.problem:
                problems.append(Problem(found.problem, field=name, mend="Name a holder or a backup for the role."))
            needs += self._needs(name, found, own)
        needs += self._adhoc(resolver, problems)
        merged = _merged(needs)
        merged = [self._kept_apart(step, merged) for step in merged]
        merged.sort(key=lambda step: (step.group, self.united.rank(step.role), step.person))
        placed = [replace(step, waits_for=self._waits(step, at, merged)) for at, step in enumerate(merged)]
        before = self._seen_before()
        before = {person: seen for person, seen in before.items() if person not in resolver.not_these}
        return tuple(self._inherit(step, known, before) for step in placed)

    def _with_texts(self, reason: Reason) -> Reason:
        """The reason with the texts that its role always reads."""
        always = [name for name, tested in self.united.tested.items() if reason.role in tested.tested_by]
        return replace(reason, tested=tuple(dict.fromkeys([*reason.tested, *always]))) if always else reason

    def _needs(self, name: str, found: Found, reasons: tuple[Reason, ...]) -> list[StepNeed]:
        role, asked_role = found.role, self.united.roles[name]
        roles = (name,) if role.name == name else (name, role.name)
        group = self.united.group(name)
        if not found.asked:
            side = role.side
            return [
                StepNeed(
                    roles[:1], (asked_role.label,), group, role.mode, role.quorum, "", "", (), "", side, reasons, "unfilled", found.problem
                )
            ]
        made = []
        for ask in found.asked:
            one = ask[0] if len(ask) == 1 and found.mode in ("one", "any", "all") else ""
            person = self.people.by_id.get(one)
            stands = {who: found.stands_for[who] for who in ask if who in found.stands_for}
            made.append(StepNeed(
                roles[:1], (asked_role.label,), group, "one" if one else found.mode, found.quorum, one, (person.name if person else "") or one, ask,
                found.via, role.side, reasons, sla_hours=role.sla_hours, stands_for=stands, queue=found.queue,
            ))  # fmt: skip
        return made

    def _adhoc(self, resolver: Resolver, problems: list[Problem]) -> list[StepNeed]:
        made = []
        for word, why in self.request.adhoc:
            person = self.people.find(word)
            bar = resolver.why_not(person, ADHOC) if person else "is nobody we know"
            if person is None or bar:
                problems.append(Problem(f"{word} cannot be asked in addition: {bar}", field="adhoc"))
                continue
            reason = Reason("adhoc", why or "Asked in addition", tuple(sorted(self.united.tested)), ADHOC.name)
            made.append(StepNeed(
                (ADHOC.name,), (ADHOC.title,), 1, "one", 0, person.id, person.name or person.id, (person.id,), "adhoc",
                resolver.sides.get(person.id, ""), (reason,), sla_hours=ADHOC.sla_hours,
            ))  # fmt: skip
        return made

    def _kept_apart(self, step: StepNeed, steps: Sequence[StepNeed]) -> StepNeed:
        """Of several who may decide, those who decide for another side alone are left out, as long as somebody remains."""
        if step.person or not step.side or step.mode not in ("any", "quorum"):
            return step
        elsewhere = {one.person for one in steps if one.person and one.side and one.side != step.side}
        left = tuple(one for one in step.candidates if one not in elsewhere)
        return replace(step, candidates=left) if len(left) >= max(1, step.quorum) else step

    def _waits(self, step: StepNeed, at: int, steps: Sequence[StepNeed]) -> tuple[int, ...]:
        """The steps before it in a chain that both stand in; of several asks of one role, the one before."""
        chained = [{role for group in chain.groups for role in group} for chain in self.united.chains]
        made = []
        for n, other in enumerate(steps):
            together = any(set(step.roles) & names and set(other.roles) & names for names in chained)
            if n != at and (
                (together and other.group < step.group)
                or (other.roles == step.roles != (ADHOC.name,) and n < at and other.group == step.group)
            ):
                made.append(n)
        return tuple(made)

    def _seen_before(self) -> dict[str, tuple[Approved, Facts]]:
        """The last approval that each person really gave, with the values as that person saw them, read by today's policies."""
        latest: dict[str, Approved] = {}
        ordered = sorted(self.approved, key=lambda one: one.at or datetime.min.replace(tzinfo=UTC))
        for one in ordered:
            latest[one.person] = one
        return {
            person: (one, facts(self.united, replace(one.request, rates={**self.request.rates, **one.request.rates})))
            for person, one in latest.items()
        }

    def _inherit(self, step: StepNeed, known: Facts, before: dict[str, tuple[Approved, Facts]]) -> StepNeed:
        if not before or not step.candidates:
            return step
        over = {role for name in step.roles if name in self.united.roles for role in self.united.roles[name].inherits_from}
        people = [*step.candidates, *(person for person, (one, _) in before.items() if over & one.roles and person not in step.candidates)]
        held, told = [], []
        for person in people:
            if person in before:
                changes = self._worse(step, known, *before[person])
                name = self.people.by_id[person].name or person if person in self.people.by_id else person
                if changes:
                    told.append(
                        f"asked again, because {'; '.join(text for _, text in changes)}"
                        + (f" since {name} approved" if not step.person else "")
                    )
                else:
                    held.append(person)
        needed = {"all": len(step.candidates), "quorum": step.quorum}.get(step.mode, 1)
        outside = [one for one in held if one not in step.candidates]
        inside = tuple(one for one in held if one in step.candidates)
        if outside or len(inside) >= needed:
            who = " and ".join((self.people.by_id[one].name or one) if one in self.people.by_id else one for one in (outside or inside))
            return replace(
                step, status="inherited", inherited=tuple(held), because=f"nothing that counts is worse than what {who} approved"
            )
        return replace(step, inherited=inside, because="; ".join(told))

    def _worse(self, step: StepNeed, known: Facts, approved: Approved, seen: Facts) -> list[tuple[str, str]]:
        if approved.request.kind != self.request.kind:
            return [("kind", "that was another kind of request")]
        if approved.request.currency != self.request.currency:
            return [("currency", f"the currency goes from {approved.request.currency or 'none'} to {self.request.currency or 'none'}")]
        if known.problems or seen.problems:
            return [("", "a value cannot be read")] if approved.request.content_hash != self.request.content_hash else []
        return worse(self.united, step.tested, seen.values, known.values)

    def _outcome(self, spoken: Spoken, steps: tuple[StepNeed, ...], problems: list[Problem], known: Facts) -> tuple[str, str]:
        if spoken.forbidden:
            return "forbidden", "; ".join(dict.fromkeys(spoken.forbidden))
        if known.problems:
            return "incomplete", str(known.problems[0])
        if spoken.missing:
            return "incomplete", f"Still to write: {', '.join(label for _, label in spoken.missing)}"
        if spoken.problems:
            return "incomplete", str(problems[0])
        if any(step.status != "inherited" for step in steps):
            count = len([step for step in steps if step.status != "inherited"])
            return "needs-approval", f"{count} approval{'s' if count != 1 else ''} needed"
        if steps:
            return "approved", "Every approval that it needs was given before, for nothing better than this"
        rungs = [reason for reason in spoken.reasons if self.united.roles[reason.role].auto]
        if rungs:
            return "approved", f"{rungs[0].reason}: {self.united.roles[rungs[0].role].label} decides alone"
        if self.united.floor and spoken.floor:
            return "approved", self.united.floor[0].reason
        return "approved", "No rule asks for an approval"


def _merged(needs: Sequence[StepNeed]) -> list[StepNeed]:
    """One ask per person: whoever is asked alone for several roles is asked once, at the last of their places."""
    made: list[StepNeed] = []
    for need in needs:
        at = next((n for n, one in enumerate(made) if need.person and one.person == need.person), None)
        if at is None:
            made.append(need)
            continue
        one = made[at]
        hours = min((hours for hours in (one.sla_hours, need.sla_hours) if hours), default=0)
        made[at] = replace(
            one, roles=(*one.roles, *(role for role in need.roles if role not in one.roles)),
            titles=(*one.titles, *(title for title in need.titles if title not in one.titles)), group=max(one.group, need.group),
            reasons=(*one.reasons, *(reason for reason in need.reasons if reason not in one.reasons)), sla_hours=hours,
            stands_for={**one.stands_for, **need.stands_for}, side=one.side or need.side,
        )  # fmt: skip
    return made
