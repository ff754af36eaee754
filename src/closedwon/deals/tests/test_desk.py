"""The deal desk: clocks, answers, who may what; and the booking check."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from closedwon.approvals.actions import deciding
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.deals.actions import desk, gate, requests
from closedwon.deals.models import DeskCase
from closedwon.deals.tests.test_requests import ADMIN, BOSS, DESK, MATE, REP, actor, written
from closedwon.deals.tests.test_requests import company as company  # noqa: PLC0414 - the fixture
from closedwon.people.models import RoleGrant, User


def asked() -> DeskCase:
    return desk.open_case("terms", "Net 60?", "Can we?", by=REP, request_id=written().pk)


def test_the_clocks_of_a_case(company: None) -> None:
    made = asked()
    assert made.opened_at < made.respond_by < made.solve_by
    desk.say(made.pk, "for us", by=DESK, internal=True)
    assert DeskCase.objects.get().responded_at is None
    desk.say(made.pk, "Yes", by=DESK)
    found = DeskCase.objects.get()
    assert (found.state, found.assignee) == ("waiting", DESK.name)
    assert found.responded_at is not None
    desk.say(made.pk, "Done", by=DESK, solved=True)
    desk.say(made.pk, "Not quite", by=REP)
    found = DeskCase.objects.get()
    assert (found.state, found.reopened, found.solved_at) == ("open", 1, None)


def test_who_sees_and_does_what(company: None) -> None:
    made = asked()
    desk.say(made.pk, "internal", by=DESK, internal=True)
    assert [one.text for one in desk.messages_of(made, by=REP)] == ["Can we?"]
    assert [one.text for one in desk.messages_of(made, by=DESK)] == ["Can we?", "internal"]
    assert desk.case(made.pk, by=BOSS).pk == made.pk
    for by in (MATE, ADMIN):
        with pytest.raises(NotFound):
            desk.case(made.pk, by=by)
    with pytest.raises(Refused):
        desk.say(made.pk, "x", by=REP, solved=True)
    with pytest.raises(Refused):
        desk.take(made.pk, by=REP)
    with pytest.raises(Refused):
        desk.measures(by=REP)
    with pytest.raises(Invalid):
        desk.open_case("nothing", "a", "b", by=REP)
    with pytest.raises(NotFound):
        desk.open_case("terms", "a", "b", by=MATE, opportunity_id="D1")


def test_rating_and_looking_over(company: None) -> None:
    made = asked()
    with pytest.raises(Conflict):
        desk.rate(made.pk, content=True, by=REP)
    desk.say(made.pk, "Yes", by=DESK, solved=True)
    with pytest.raises(Refused):
        desk.rate(made.pk, content=True, by=DESK)
    desk.rate(made.pk, content=True, by=REP)
    with pytest.raises(Refused, match="one's own"):
        desk.judge(made.pk, correct=True, by=DESK)
    desk.judge(made.pk, correct=False, by=actor("desk2", "deal-desk"))
    told = desk.measures(by=DESK)
    assert (told["content"], told["correct"], told["cases"]) == ((1, 1), (0, 1), 1)


def test_a_booking_needs_its_check_and_its_items(company: None) -> None:
    made = written()
    requests.submit(made.pk, by=REP)
    signed = gate.sign(made.pk, "standard", timezone.now() - timedelta(minutes=1), by=REP)
    assert signed.order is not None
    with pytest.raises(Refused):
        desk.mark(made.pk, "x", "done", by=REP)
    with pytest.raises(Conflict, match="not through"):
        desk.book(made.pk, by=DESK)
    for person in ("om", "fin"):
        signed.order.refresh_from_db()
        deciding.decide(signed.order.pk, "approve", content_hash=signed.order.content_hash, by=actor(person, "finance"))
    with pytest.raises(Conflict, match="Open items"):
        desk.book(made.pk, by=DESK)
    for row in desk.checklist(made.pk, by=DESK):
        desk.mark(made.pk, row["item"], "done", by=DESK)
    assert desk.book(made.pk, by=DESK).booked_on is not None
    with pytest.raises(Conflict, match="already"):
        desk.book(made.pk, by=DESK)


def login(person: str, *roles: str) -> Client:
    user, _ = User.objects.get_or_create(email=f"{person}@example.com", defaults={"person_id": person, "name": person.title()})
    for role in roles:
        RoleGrant.objects.get_or_create(user=user, role=role, defaults={"granted_by": "test"})
    client = Client()
    client.force_login(user)
    return client


def test_the_pages_open_and_the_form_previews(company: None) -> None:
    rep, boss = login("rep", "rep"), login("desk", "deal-desk")
    answer = rep.post("/deals/requests/begin/", {"deal": "D1"})
    edit = answer["Location"]
    assert b"Needs nobody" in rep.get(edit).content
    form = {"title": "Acme", "discount": "30", "list": "100000", "net": "70000", "term_months": "12", "payment_terms": "Net 30"}
    live = rep.post(edit.replace("edit", "preview"), form)
    assert b"Still to write" in live.content
    assert b"Sales manager" in live.content
    refused = rep.post(edit, {**form, "verb": "submit"})
    assert refused.status_code == 422
    assert b"cannot be submitted yet" in refused.content
    words = {"executive_summary": "a", "compelling_event": "b", "what_we_get": "c", "competitor": "d"}
    assert rep.post(edit, {**form, **words, "verb": "submit"}).status_code == 302
    made = asked()
    for address in ("/deals/requests/", edit.replace("edit/", ""), "/deals/desk/", f"/deals/desk/{made.pk}/"):
        for client in (rep, boss):
            assert client.get(address).status_code == 200, address
    assert boss.get("/deals/desk/measures/").status_code == 200
    assert rep.get("/deals/desk/measures/").status_code == 403
    chosen: Any = boss.get(f"/deals/desk/{made.pk}/?template=Works without sign-off")
    assert b"These terms need nobody" in chosen.content


def test_a_deal_shows_its_requests_to_those_who_may_see_them(company: None) -> None:
    made = written()
    requests.submit(made.pk, by=REP)
    page = login("rep", "rep").get("/pipeline/deals/D1").content.decode()
    assert "Sign-off" in page
    assert f"/deals/requests/{made.pk}/" in page
    assert "Ask for sign-off" in page
    assert login("mate", "rep").get("/pipeline/deals/D1").status_code == 404
