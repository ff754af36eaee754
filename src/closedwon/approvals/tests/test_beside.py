"""What stands beside a request: files, exceptions, persons asked in addition, conditions by formula, the clock, and rows that never change."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from closedwon.approvals.actions import adding, clock, common, deciding, exemptions, files, looking, standing, submitting
from closedwon.approvals.models import Attachment, Decision, Delegation, Exemption, Outgoing, Rebind, Request, Version
from closedwon.approvals.tests.test_lifecycle import BOSS, DESK, LAW, OPS, OTHER, REP, actor, content, state, yes
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.audit.models import Entry
from closedwon.audit.verify import verify
from closedwon.base.errors import ClosedwonError, Conflict, Invalid, NotFound, Refused
from closedwon.people.actor import Actor
from closedwon.people.facts import publish_rows

FINANCE, AUDITOR, VP = actor("fin", "finance"), actor("aud", "auditor"), actor("vp", "executive")
PDF = b"%PDF-1.7 order form"


def approved() -> Request:
    request = submitting.submit(content(), by=REP)
    yes(request, BOSS)
    yes(request, DESK)
    return request


def test_what_was_decided_never_changes(set_up: None) -> None:
    request = approved()
    submitting.revise(request.pk, content(bill_to="Acme"), by=REP)
    for model in (Decision, Version, Rebind, Decision.covers.through):
        assert model.objects.exists()
        for statement in (f"UPDATE {model._meta.db_table} SET id = id", f"DELETE FROM {model._meta.db_table}"):  # noqa: S608 - our own names
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Decision.objects.update(comment="I never said that")


def test_files_are_kept_by_content_and_seen_by_who_sees_the_request(set_up: None, ws: Any) -> None:
    request = submitting.submit(content(), by=REP)
    made = files.attach(request.pk, "../../Order form.pdf", PDF, by=REP)
    assert (made.name, made.size) == ("Order form.pdf", len(PDF))
    assert files.attach(request.pk, "Order form.pdf", PDF, by=BOSS).pk == made.pk
    assert [path.name for path in (ws.path / "attachments").rglob("*") if path.is_file()] == [made.sha256]
    assert files.fetch(made.pk, by=BOSS)[1] == PDF
    for stranger in (LAW, actor("nobody")):
        with pytest.raises(NotFound):
            files.fetch(made.pk, by=stranger)
        with pytest.raises(NotFound):
            files.attach(request.pk, "a.pdf", PDF, by=stranger)
    with pytest.raises(Refused):
        files.attach(request.pk, "a.pdf", PDF, by=AUDITOR)
    assert Attachment.objects.count() == 1
    assert Entry.objects.filter(verb="approvals.attached").count() == 1


@pytest.mark.parametrize(
    ("name", "data", "word"),
    [
        ("a.exe", b"MZ", "not a kind"), ("a.html", b"<script>", "not a kind"), ("a.svg", b"<svg/>", "not a kind"), ("pdf", PDF, "not a kind"),
        ("a.pdf", b"<html>", "not what its name says"), ("a.png", PDF, "not what its name says"), ("a.pdf", b"", "empty"), ("a.txt", b"\xff\xfe", "UTF-8"),
        ("a.csv", b"a\0b", "no text"), ("a.pdf", PDF + b" " * files.LARGEST, "MB"),
    ],
)  # fmt: skip
def test_files_that_are_not_taken(set_up: None, ws: Any, name: str, data: bytes, word: str) -> None:
    request = submitting.submit(content(), by=REP)
    with pytest.raises(Invalid, match=word):
        files.attach(request.pk, name, data, by=REP)
    assert not (ws.path / "attachments").exists()


def test_changed_bytes_are_not_handed_out(set_up: None, ws: Any) -> None:
    request = submitting.submit(content(), by=REP)
    made = files.attach(request.pk, "a.pdf", PDF, by=REP)
    next((ws.path / "attachments").rglob(made.sha256)).write_bytes(PDF + b"!")
    with pytest.raises(Conflict, match="not those that were added"):
        files.fetch(made.pk, by=REP)


def test_an_exception_is_found_again_and_used_up(set_up: None) -> None:
    request = approved()
    day = date(2030, 1, 1)
    made = exemptions.except_(request.pk, "customer", "C1", "25 % on renewals", by=FINANCE, fields={"discount": "25%"}, until=day, uses=2)
    found = exemptions.exceptions(by=REP, subject_ids=["C1", "C2"])
    assert [(one.pk, one.fields) for one in found] == [(made.pk, {"discount": "25%"})]
    assert exemptions.exceptions(by=actor("nobody"), subject_ids=["C1"]) == []
    assert exemptions.exceptions(by=REP, subject_ids=["C1"], day=day) == []
    assert [exemptions.use(made.pk, f"Q-{n}", by=REP).uses_left for n in (1, 2)] == [1, 0]
    with pytest.raises(Conflict):
        exemptions.use(made.pk, "Q-3", by=REP)
    assert exemptions.exceptions(by=REP, subject_ids=["C1"]) == []
    assert [one.pk for one in exemptions.exceptions(by=AUDITOR, all_=True)] == [made.pk]
    assert verify().holds


def test_an_exception_of_a_request_that_stands_no_longer_does_not_hold(set_up: None) -> None:
    request = approved()
    made = exemptions.except_(request.pk, "quote", "Q1", "Net 90", by=FINANCE)
    submitting.recall(request.pk, by=REP)
    assert exemptions.exceptions(by=FINANCE) == []
    with pytest.raises(Conflict):
        exemptions.use(made.pk, "Q1", by=FINANCE)


def test_who_may_note_exceptions_and_which(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    with pytest.raises(Conflict, match="pending"):
        exemptions.except_(request.pk, "quote", "Q1", "Net 90", by=FINANCE)
    yes(request, BOSS)
    yes(request, DESK)
    for who in (REP, BOSS, AUDITOR, VP, Actor("rep@example.com", person_id="rep", roles=frozenset({"finance"}))):
        with pytest.raises(Refused):
            exemptions.except_(request.pk, "quote", "Q1", "Net 90", by=who)
    for scope, more in (("world", {}), ("customer", {}), ("term", {"uses": 0}), ("term", {"until": date(2020, 1, 1)})):
        with pytest.raises(Invalid):
            exemptions.except_(request.pk, scope, "X", "Net 90", by=FINANCE, **more)
    assert not Exemption.objects.exists()


def test_somebody_asked_in_addition_must_agree_and_stays_asked(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    with pytest.raises(NotFound):
        common.need(request.pk, by=LAW)
    step = adding.add_adhoc(request.pk, "law@example.com", "knows their lawyers", by=REP)
    assert [row["request"].pk for row in looking.inbox(by=LAW)] == [request.pk]
    yes(request, BOSS)
    yes(request, DESK)
    assert state(request) == "pending"
    submitting.revise(request.pk, {**content(bill_to="Acme Inc"), "adhoc": []}, by=REP)
    assert [(one.roles, one.state) for one in Request.objects.get().current.steps.all() if one.roles == step.roles] == [(["adhoc"], "open")]
    yes(request, LAW)
    assert state(request) == "approved"
    assert verify().holds


def test_whoever_is_asked_in_addition_may_have_a_role_in_a_later_version(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    adding.add_adhoc(request.pk, "law", "knows them", by=REP)
    adding.add_adhoc(request.pk, "vp", "knows them too", by=REP)
    yes(request, LAW)
    for terms in ("No cap", "No cap", "Cap"):
        made = submitting.revise(request.pk, content("21%", terms=terms), by=REP)
    steps = {tuple(step.roles): step for step in made.current.steps.all()}
    assert set(steps) == {("manager",), ("desk",), ("legal", "adhoc"), ("adhoc",)}
    assert steps["adhoc",].state == "open"
    for who in (VP, BOSS, OTHER, LAW):
        yes(request, who)
    assert state(request) == "approved"


def test_who_may_ask_and_be_asked_in_addition(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    for who, refusal in ((actor("nobody"), NotFound), (AUDITOR, Refused), (VP, Refused)):
        with pytest.raises(refusal):
            adding.add_adhoc(request.pk, "law", "why not", by=who)
    with pytest.raises(Refused, match="may not be asked"):
        adding.add_adhoc(request.pk, "rep", "myself", by=BOSS)
    with pytest.raises(NotFound):
        adding.add_adhoc(request.pk, "ghost", "boo", by=REP)
    with pytest.raises(Invalid):
        adding.add_adhoc(request.pk, "law", " ", by=REP)
    with pytest.raises(Conflict, match="asked already"):
        adding.add_adhoc(request.pk, "boss", "again", by=REP)
    assert adding.add_adhoc(request.pk, "law", "knows them", by=BOSS).order == 3


def test_a_condition_by_formula_is_met_by_the_version_that_meets_it(set_up: None) -> None:
    request = submitting.submit(content("20%"), by=REP)
    with pytest.raises(Invalid, match="mistake"):
        deciding.decide(
            request.pk, "condition", content_hash=request.content_hash, by=BOSS, condition="x", condition_formula="discout <= 15%"
        )
    deciding.decide(
        request.pk, "condition", content_hash=request.content_hash, by=BOSS, condition="At most 15 %", condition_formula="discount <= 15%"
    )
    assert [step.state for step in request.current.steps.all()] == ["conditional", "waiting"]
    for discount, expected in (("18%", "conditional"), ("15%", "inherited"), ("19%", "conditional"), ("12%", "inherited")):
        revised = submitting.revise(request.pk, content(discount), by=REP)
        assert [step.state for step in revised.current.steps.all()][0] == expected, discount
    yes(request, DESK)
    assert state(request) == "approved"


def test_a_key_is_of_one_person_and_one_request(set_up: None) -> None:
    first, second = submitting.submit(content(), by=REP), submitting.submit(content("25%"), by=REP)
    yes(first, BOSS, key="k")
    with pytest.raises(Conflict, match="key"):
        yes(second, BOSS, key="k")
    with pytest.raises(Conflict, match="key"):
        yes(first, DESK, key="k")
    assert Decision.objects.count() == 1


def test_an_executive_overrides_with_a_reason_and_others_do_not(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    seen = request.content_hash
    for who in (REP, BOSS, DESK, FINANCE, OPS):
        with pytest.raises((Refused, NotFound)):
            deciding.override(request.pk, 1, "hurry", content_hash=seen, by=who)
    with pytest.raises(Refused):
        deciding.override(
            request.pk, 1, "hurry", content_hash=seen, by=Actor("rep@example.com", person_id="rep", roles=frozenset({"executive"}))
        )
    with pytest.raises(Invalid):
        deciding.override(request.pk, 1, " ", content_hash=seen, by=VP)
    with pytest.raises(Conflict):
        deciding.override(request.pk, 1, "hurry", content_hash="0" * 64, by=VP)
    deciding.override(request.pk, 1, "Quarter end", content_hash=seen, by=VP)
    assert [step.state for step in request.steps.all()] == ["overridden", "open"]
    yes(request, OTHER)
    assert state(request) == "approved"


def test_a_delegation_holds_within_its_days_kinds_and_amount(set_up: None) -> None:
    now = timezone.now()
    standing.delegate("ops", now, now + timedelta(days=1), by=BOSS, kinds=["order"])
    standing.delegate("law", now, now + timedelta(days=1), by=BOSS, limit=Decimal("999.99"))
    standing.delegate("vp", now + timedelta(days=1), now + timedelta(days=2), by=BOSS)
    request = submitting.submit(content(), by=REP)
    for who in (OPS, LAW, VP):
        with pytest.raises((Refused, NotFound)):
            yes(request, who)
    Delegation.objects.filter(taker="law").update(limit=Decimal(1000))
    assert yes(request, LAW).stands_for == "boss"


def test_a_delegation_never_reaches_the_submitter(set_up: None) -> None:
    now = timezone.now()
    standing.delegate("rep", now, now + timedelta(days=1), by=BOSS)
    request = submitting.submit(content(), by=REP)
    with pytest.raises(Refused, match="submitted"):
        yes(request, REP)
    assert looking.inbox(by=REP) == []
    assert not Decision.objects.exists()


def test_one_person_never_decides_for_sales_and_finance(set_up: None) -> None:
    standing.grant_holder("desk", "boss", by=OPS)
    request = submitting.submit(content(), by=REP)
    yes(request, BOSS)
    with pytest.raises(Refused):
        yes(request, BOSS)
    with pytest.raises(Refused, match="decided for sales already"):
        deciding.take(request.pk, 2, by=BOSS)
    yes(request, OTHER)
    assert state(request) == "approved"


def test_the_clock_reminds_escalates_and_asks_for_those_who_left_once(set_up: None) -> None:
    request = submitting.submit(content(), by=REP)
    late = timezone.now() + timedelta(days=7)
    assert clock.tick(late)["escalated"] == 1
    assert clock.tick(late)["escalated"] == 0
    users = [
        {
            "id": one,
            "name": one,
            "email": f"{one}@example.com",
            "active": one != "boss",
            "manager_id": {"rep": "boss", "boss": "vp"}.get(one),
        }
        for one in ("rep", "boss", "vp", "desk", "desk2", "law", "ops")
    ]
    publish_rows({"users": users}, note="boss left")
    assert [clock.tick(late)["rerouted"] for _ in range(2)] == [1, 0]
    assert [row["request"].pk for row in looking.inbox(by=actor("vp", "manager"))] == [request.pk]
    assert yes(request, actor("vp", "manager")).stands_for == "boss"
    assert Outgoing.objects.filter(to="vp").count() == 1


def test_a_step_that_nobody_could_decide_is_asked_once_somebody_can(set_up: None) -> None:
    for row in standing.holders(by=OPS):
        standing.end_holder(row.pk, by=OPS)
    request = submitting.submit(content(), by=REP)
    yes(request, BOSS)
    assert [(step.state, step.asks.count()) for step in request.steps.all()] == [("approved", 1), ("open", 0)]
    assert clock.tick()["rerouted"] == 0
    standing.grant_holder("desk", "desk", by=OPS)
    assert [clock.tick()["rerouted"] for _ in range(2)] == [1, 0]
    yes(request, DESK)
    assert state(request) == "approved"


def test_the_clock_is_late_only_while_something_is_open(set_up: None) -> None:
    now = timezone.now()
    assert not clock.is_late(now + timedelta(days=1))
    request = submitting.submit(content(), by=REP)
    assert not clock.is_late(now + timedelta(minutes=10))
    assert clock.is_late(now + timedelta(minutes=20))
    clock.tick(now + timedelta(minutes=19))
    assert not clock.is_late(now + timedelta(minutes=20))
    submitting.recall(request.pk, by=REP)
    assert not clock.is_late(now + timedelta(days=1))


def test_holders_are_named_by_sales_ops_and_never_by_themselves(set_up: None) -> None:
    for who in (REP, BOSS, DESK, FINANCE, VP, AUDITOR):
        with pytest.raises(Refused):
            standing.grant_holder("cfo", "law", by=who)
    with pytest.raises(Refused, match="yourself"):
        standing.grant_holder("cfo", "ops", by=OPS)
    with pytest.raises(Conflict):
        standing.grant_holder("desk", "desk", by=OPS)
    before = Entry.objects.count()
    for call in (
        lambda: standing.set_absence(timezone.now(), timezone.now() + timedelta(1), by=REP, person="boss"),
        lambda: standing.delegate("law", timezone.now(), timezone.now() + timedelta(1), by=REP, giver="boss"),
        lambda: standing.arrangements(by=REP, person="boss"),
    ):
        with pytest.raises(ClosedwonError):
            call()
    assert Entry.objects.count() == before
