"""A request from submission to decision: steps, inheritance, refusal, the trail."""

from __future__ import annotations

from typing import Any

import pytest

from closedwon.approvals.actions import clock, common, deciding, looking, standing, submitting
from closedwon.approvals.models import Decision, Outgoing, Rebind, Request
from closedwon.audit.verify import verify
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.people.actor import SYSTEM, Actor
from closedwon.people.facts import publish_rows
from closedwon.policies.actions import apply

POLICY = """
title = "Deals"
subject = "deal"
[[version]]
since = 2020-01-01
reference = "test"
currency = "USD"
[version.fields]
discount = { type = "percent", worse = "higher", tolerance = "1%", step = "0.1%" }
terms = { type = "text", worse = "change", tested_by = ["legal"] }
bill_to = "text"
[[version.role]]
name = "manager"
who = "manager"
side = "sales"
sla_hours = 8
[[version.role]]
name = "desk"
side = "finance"
mode = "any"
sla_hours = 8
[[version.role]]
name = "legal"
side = "legal"
[[version.chain]]
name = "all"
steps = ["manager", "desk", "legal"]
[[version.rule]]
name = "discount"
when = "discount > 10%"
ask = ["manager", "desk"]
reason = "Discount of {discount}"
[[version.rule]]
name = "words"
when = "NOT ISBLANK(terms)"
ask = ["legal"]
[version.hours]
default = { zone = "UTC" }
"""


def actor(person: str, *roles: str, channel: str = "web") -> Actor:
    return Actor(f"{person}@example.com", person_id=person, roles=frozenset(roles or ("rep",)), channel=channel)


REP, BOSS, DESK, OTHER, LAW = actor("rep"), actor("boss", "manager"), actor("desk"), actor("desk2"), actor("law")
OPS = actor("ops", "sales-ops")


@pytest.fixture
def set_up(ws: Any) -> None:
    users = [
        {
            "id": one,
            "name": one.title(),
            "email": f"{one}@example.com",
            "active": True,
            "manager_id": {"rep": "boss", "boss": "vp"}.get(one),
        }
        for one in ("rep", "boss", "vp", "desk", "desk2", "law", "ops")
    ]
    publish_rows({"users": users}, note="test")
    apply("approvals/deals", POLICY, by=SYSTEM)
    for role, person in (("desk", "desk"), ("desk", "desk2"), ("legal", "law")):
        standing.grant_holder(role, person, by=OPS)


def content(discount: str = "20%", **fields: Any) -> dict[str, Any]:
    return {"kind": "deal", "title": "Acme", "currency": "USD", "amount": "1000", "fields": {"discount": discount, **fields}}


def yes(request: Request, by: Actor, **more: Any) -> Decision:
    return deciding.decide(request.pk, "approve", content_hash=Request.objects.get(pk=request.pk).content_hash, by=by, **more)


def state(request: Request) -> str:
    return Request.objects.get(pk=request.pk).state


def test_from_submission_to_approval(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    assert [(step.title, step.state) for step in request.steps.all()] == [("Manager", "open"), ("Desk", "waiting")]
    assert [row["request"].pk for row in looking.inbox(by=BOSS)] == [request.pk]
    assert looking.inbox(by=DESK) == []
    with pytest.raises(Refused, match="not your turn"):
        yes(request, DESK)
    with pytest.raises(Refused, match="submitted"):
        yes(request, REP)
    yes(request, BOSS)
    assert {row["request"].pk for row in looking.inbox(by=OTHER)} == {request.pk}
    yes(request, OTHER)
    assert state(request) == "approved"
    assert looking.inbox(by=DESK) == []
    assert verify().holds


def test_below_the_line_it_needs_nobody(set_up: None) -> None:
    request = submitting.submit(content("10%"), by=REP)
    assert (request.state, request.auto_reason) == ("approved", "No rule asks for an approval")


def test_a_typo_asks_nobody_and_a_worse_discount_asks_again(set_up: None) -> None:
    request = submitting.submit(content(bill_to="Acme Inc"), by=REP)
    yes(request, BOSS)
    yes(request, DESK)
    revised = submitting.revise(request.pk, content(bill_to="Acme Inc."), by=REP)
    assert revised.state == "approved"
    assert [bind.decision.person for bind in Rebind.objects.all()] == ["boss", "desk"]
    within = submitting.revise(request.pk, content("21%", bill_to="Acme Inc."), by=REP)
    assert within.state == "approved"
    drift = submitting.revise(request.pk, content("21.5%", bill_to="Acme Inc."), by=REP)
    assert drift.state == "pending"
    assert "Discount goes from 20 % to 21.5 %" in drift.steps.filter(version__number=4).first().because


def test_a_decision_while_a_new_version_is_looked_at_holds_over(set_up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    request = submitting.submit(content(bill_to="Acme Inc"), by=REP)
    looked = submitting.approvals

    def then_the_boss_decides(known: Request) -> Any:
        found = looked(known)
        if not Decision.objects.exists():
            yes(request, BOSS)
        return found

    monkeypatch.setattr(submitting, "approvals", then_the_boss_decides)
    revised = submitting.revise(request.pk, content(bill_to="Acme Inc."), by=REP)
    assert [(step.title, step.state) for step in revised.current.steps.all()] == [("Manager", "inherited"), ("Desk", "open")]


def test_a_decision_binds_to_what_was_seen(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    seen = request.content_hash
    submitting.revise(request.pk, content("30%"), by=REP)
    with pytest.raises(Conflict, match="changed since you saw it"):
        deciding.decide(request.pk, "approve", content_hash=seen, by=BOSS)


def test_reject_needs_the_change_and_ends_it(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    with pytest.raises(Invalid, match="change that would make it right"):
        deciding.decide(request.pk, "reject", content_hash=request.content_hash, by=BOSS)
    deciding.decide(request.pk, "reject", content_hash=request.content_hash, by=BOSS, required_change="At most 15 %")
    assert state(request) == "rejected"
    again = submitting.revise(request.pk, content("15%"), by=REP)
    assert again.state == "pending"


def test_a_condition_waits_until_it_is_met(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    made = deciding.decide(request.pk, "condition", content_hash=request.content_hash, by=BOSS, condition="Signed by Friday")
    assert [step.state for step in request.steps.all()] == ["conditional", "waiting"]
    with pytest.raises(Refused):
        deciding.meet(request.pk, made.pk, "", by=REP)
    deciding.meet(request.pk, made.pk, "It is signed", by=BOSS)
    yes(request, DESK)
    assert state(request) == "approved"


def test_the_same_key_decides_once(set_up: None) -> None:
    request = submitting.submit(content(), by=REP, key="k")
    assert submitting.submit(content(), by=REP, key="k").pk == request.pk
    one = yes(request, BOSS, key="d")
    assert deciding.decide(request.pk, "approve", content_hash=request.content_hash, by=BOSS, key="d").pk == one.pk
    assert Decision.objects.count() == 1


def test_delegation_stands_in_and_never_loops(set_up: None) -> None:
    from datetime import timedelta

    from django.utils import timezone

    now = timezone.now()
    standing.delegate("ops", now, now + timedelta(days=2), by=BOSS)
    with pytest.raises(Conflict, match="loop"):
        standing.delegate("boss", now, now + timedelta(days=1), by=OPS)
    standing.delegate("rep", now, now + timedelta(days=2), by=actor("vp"))
    request = submitting.submit(content(), by=REP)
    assert [ask.person for ask in request.steps.first().asks.all()] == ["ops"]
    assert yes(request, OPS).stands_for == "boss"


def test_an_absent_approver_is_gone_round_after_the_ask(set_up: None) -> None:
    from datetime import timedelta

    from django.utils import timezone

    request = submitting.submit(content(), by=REP)
    now = timezone.now()
    standing.set_absence(now, now + timedelta(days=3), by=BOSS)
    assert clock.tick()["rerouted"] == 1
    assert clock.tick()["rerouted"] == 0
    assert [row["request"].pk for row in looking.inbox(by=actor("vp", "manager"))] == [request.pk]


def test_nobody_else_sees_it(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    for stranger in (actor("law"), actor("nobody"), actor("x", "admin")):
        with pytest.raises(NotFound):
            common.need(request.pk, by=stranger)
    assert common.need(request.pk, by=actor("a", "auditor")).pk == request.pk


def test_recall_closes_and_a_new_version_goes_on(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    yes(request, BOSS)
    with pytest.raises(Refused):
        submitting.recall(request.pk, by=BOSS)
    submitting.recall(request.pk, by=REP)
    assert state(request) == "recalled"
    with pytest.raises(Conflict):
        yes(request, DESK)
    again = submitting.revise(request.pk, content(), by=REP)
    assert [step.state for step in again.current.steps.all()] == ["inherited", "open"]


def test_messages_are_queued_once_for_each_person(set_up: None) -> None:
    submitting.submit(content(), by=REP)
    assert list(Outgoing.objects.filter(kind="mail").values_list("to", flat=True)) == ["boss"]


def test_nobody_chooses_whose_manager_is_asked(set_up: None) -> None:
    with pytest.raises(Refused, match="whose manager"):
        submitting.submit({**content(), "owner": "vp"}, by=REP)
    assert Request.objects.count() == 0
    made = submitting.submit({**content(), "owner": "boss", "submitter": "rep"}, by=OPS)
    assert [ask.person for ask in made.steps.first().asks.all()] == ["vp"]
