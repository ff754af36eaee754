"""Whatever happens in whatever order: nothing is approved that somebody asked has not seen, or that is worse than what was seen."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.approvals.actions import adding, clock, deciding, standing, submitting
from closedwon.approvals.models import Ask, Decision, Delegation, Rebind, Request, Step
from closedwon.approvals.tests.test_lifecycle import BOSS, DESK, LAW, OPS, OTHER, REP, actor, content
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.audit.models import Entry
from closedwon.audit.verify import verify
from closedwon.base.errors import ClosedwonError
from closedwon.people.actor import Actor

VP = actor("vp", "executive")
PEOPLE = [REP, BOSS, DESK, OTHER, LAW, OPS, VP]
DISCOUNTS = ["5%", "10%", "15%", "20%", "20.5%", "21%", "25%", "35%"]


class Life:
    """A request that everybody does something with, mostly what they may not."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.request = submitting.submit(self.some(), by=REP)
        self.hashes = [self.request.content_hash]

    def some(self) -> dict[str, Any]:
        fields = {"bill_to": self.dice.choice(["Acme", "Acme Inc"])}
        if self.dice.random() < 0.3:
            fields["terms"] = self.dice.choice(["Cap of liability", "No cap"])
        return content(self.dice.choice(DISCOUNTS), **fields)

    def anybody(self) -> Actor:
        return self.dice.choice(PEOPLE)

    def decide(self) -> None:
        verb = self.dice.choice(["approve", "approve", "approve", "reject", "condition"])
        words = {"reject": {"required_change": "less"}, "condition": {"condition": "sign"}}.get(verb, {})
        seen = self.dice.choice(self.hashes[-2:])
        made = deciding.decide(
            self.request.pk, verb, content_hash=seen, by=self.dice.choice([self.anybody, self.somebody_asked])(), **words
        )
        assert made.version.content_hash == seen, "decided on a content that was not seen"

    def somebody_asked(self) -> Actor:
        asks = Ask.objects.filter(state="open", step__state="open").values_list("person", flat=True)
        lent = Delegation.objects.filter(giver__in=list(asks)).values_list("taker", flat=True)
        return self.dice.choice([one for one in PEOPLE if one.person_id in {*asks, *lent}] or PEOPLE)

    def agree(self) -> None:
        """Somebody whose turn it is approves what is there now."""
        by = self.somebody_asked()
        now = Request.objects.get(pk=self.request.pk).content_hash
        deciding.decide(self.request.pk, "approve", content_hash=now, by=by)

    def revise(self) -> None:
        made = submitting.revise(self.request.pk, self.some(), by=self.dice.choice([REP, REP, OPS, DESK, BOSS]))
        self.hashes.append(made.content_hash)

    def recall(self) -> None:
        submitting.recall(self.request.pk, by=self.anybody())

    def override(self) -> None:
        deciding.override(self.request.pk, self.dice.randint(1, 3), "urgent", content_hash=self.hashes[-1], by=self.anybody())

    def meet(self) -> None:
        asked = Decision.objects.filter(verb="condition").order_by("-id").first()
        if asked:
            deciding.meet(self.request.pk, asked.pk, "", by=self.anybody())

    def delegate(self) -> None:
        now = timezone.now()
        standing.delegate(self.dice.choice([REP, *PEOPLE]).person_id, now, now + timedelta(days=1), by=self.somebody_asked())

    def away(self) -> None:
        now = timezone.now()
        standing.set_absence(now, now + timedelta(days=1), by=self.anybody())

    def ask(self) -> None:
        adding.add_adhoc(self.request.pk, self.dice.choice(PEOPLE).person_id, "knows them", by=self.anybody())

    def take(self) -> None:
        deciding.take(self.request.pk, self.dice.randint(1, 3), by=self.anybody())

    def holder(self) -> None:
        rows = standing.holders(by=OPS)
        if rows and self.dice.random() < 0.5:
            standing.end_holder(self.dice.choice(rows).pk, by=self.anybody())
        else:
            standing.grant_holder(self.dice.choice(["desk", "legal"]), self.dice.choice(PEOPLE).person_id, by=self.anybody())

    def tick(self) -> None:
        clock.tick(timezone.now() + timedelta(days=self.dice.randint(0, 5)))

    def step(self) -> None:
        verbs: list[Callable[[], None]] = (
            [self.agree] * 6
            + [self.decide] * 5
            + [self.revise] * 5
            + [self.override, self.meet, self.delegate, self.away, self.tick, self.recall]
            + [self.ask, self.take, self.holder]
        )
        try:
            self.dice.choice(verbs)()
        except ClosedwonError:
            pass
        self.check()

    def check(self) -> None:
        """What must hold after every step, told without the rules that made it so."""
        request = Request.objects.get(pk=self.request.pk)
        version = request.current
        assert request.content_hash == version.content_hash
        for decision in Decision.objects.all():
            assert decision.content_hash == decision.version.content_hash
            assert decision.person not in (request.submitter, request.owner)
        given_ = [
            (one.person, one.version_id, step.pk) for one in Decision.objects.all() for step in one.covers.all() if one.verb != "meet"
        ]
        assert len(set(given_)) == len(given_), "a decision counts twice"
        for person in set(Decision.objects.values_list("person", flat=True)):
            sides = set(Step.objects.filter(version=version, decisions__person=person).exclude(side="").values_list("side", flat=True))
            assert len(sides) <= 1
        if request.state == "approved" and not request.auto_reason:
            self.check_approved(version)

    def check_approved(self, version: Any) -> None:
        fields = version.content["fields"]
        steps = list(version.steps.all())
        if Decimal(fields["discount"].rstrip("%")) > 10:
            assert {role for step in steps for role in step.roles} >= {"manager", "desk"}
        if fields.get("terms"):
            assert "legal" in {role for step in steps for role in step.roles}
        for step in steps:
            assert step.state in ("approved", "inherited", "overridden")
            for bind in Rebind.objects.filter(step=step):
                seen = bind.decision.version.content["fields"]
                if "discount" in step.tested:
                    assert Decimal(fields["discount"].rstrip("%")) - Decimal(seen["discount"].rstrip("%")) <= 1
                if "terms" in step.tested:
                    assert seen.get("terms") == fields.get("terms")
            if step.state != "inherited":
                assert step.decisions.filter(version=version, verb__in=("approve", "override", "condition")).exists()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.randoms(use_true_random=False), st.integers(10, 30))
def test_any_order_of_anything(set_up: None, dice: random.Random, steps: int) -> None:
    with transaction.atomic():
        life = Life(dice)
        for _ in range(steps):
            life.step()
        verdict = verify()
        made = Decision.objects.values_list("key", flat=True)
        assert len(set(made)) == len(made) == Entry.objects.filter(verb="approvals.decided").count()
        transaction.set_rollback(True)
    assert verdict.holds, verdict.faults
