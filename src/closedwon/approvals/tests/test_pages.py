"""The pages of approvals as people use them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from closedwon.approvals.actions import links, submitting
from closedwon.approvals.models import LinkToken, Request
from closedwon.approvals.tests.test_lifecycle import OPS, REP, content
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.people.models import RoleGrant, User


def login(person: str, *roles: str) -> Client:
    user, _ = User.objects.get_or_create(email=f"{person}@example.com", defaults={"person_id": person, "name": person.title()})
    for role in roles:
        RoleGrant.objects.get_or_create(user=user, role=role, defaults={"granted_by": "test"})
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def asked(set_up: None) -> Request:
    return submitting.submit(content(bill_to="Acme"), by=REP)


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_approver_finds_it_and_decides(asked: Request) -> None:
    boss = login("boss", "manager")
    assert "Acme" in text(boss.get("/approvals/"))
    page = boss.get(f"/approvals/{asked.pk}/")
    assert "You are asked: Discount of 20 %." in text(page)
    given = {"content_hash": asked.content_hash, "verb": "approve", "words": "Fine", "key": "k1"}
    assert boss.post(f"/approvals/{asked.pk}/decide/", given).status_code == 302
    assert boss.post(f"/approvals/{asked.pk}/decide/", given).status_code == 302
    assert asked.decisions.count() == 1
    assert "Nothing waits for you" in text(boss.get("/approvals/"))


def test_sending_back_without_words_keeps_the_page_and_says_so(asked: Request) -> None:
    boss = login("boss", "manager")
    answer = boss.post(f"/approvals/{asked.pk}/decide/", {"content_hash": asked.content_hash, "verb": "reject", "words": "", "key": "k"})
    assert "needs the change that would make it right" in text(answer)
    assert asked.decisions.count() == 0


def test_others_do_not_see_it(asked: Request) -> None:
    for person, role in (("law", "rep"), ("x", "admin"), ("y", "manager")):
        stranger = login(person, role)
        assert stranger.get(f"/approvals/{asked.pk}/").status_code == 404
        assert "Acme" not in text(stranger.get("/approvals/all/"))
        given = {"content_hash": asked.content_hash, "verb": "approve", "key": person}
        assert stranger.post(f"/approvals/{asked.pk}/decide/", given).status_code == 404


def test_every_page_opens(asked: Request) -> None:
    ops = login("ops", "sales-ops")
    for address in ("/approvals/", "/approvals/all/", "/approvals/standing/", "/approvals/holders/", f"/approvals/{asked.pk}/"):
        assert ops.get(address).status_code == 200, address


def test_a_link_opens_for_its_person_only_once_and_not_after_a_change(asked: Request) -> None:
    boss, desk = login("boss", "manager"), login("desk", "deal-desk")
    token = links.make(asked, "boss")
    assert Client().get(f"/approvals/link/{token}/").status_code == 302
    assert desk.get(f"/approvals/link/{token}/").status_code == 404
    for _ in range(3):
        assert boss.get(f"/approvals/link/{token}/").status_code == 200
    assert boss.get(f"/approvals/link/{token}/decide/").status_code == 405
    assert LinkToken.objects.get().used_at is None
    assert desk.post(f"/approvals/link/{token}/decide/", {"verb": "approve"}).status_code == 404
    assert boss.post(f"/approvals/link/{token[:-1]}x/decide/", {"verb": "approve"}).status_code == 404
    assert boss.post(f"/approvals/link/{token}/decide/", {"verb": "approve"}).status_code == 302
    assert boss.post(f"/approvals/link/{token}/decide/", {"verb": "approve"}).status_code == 403
    assert [one.channel for one in asked.decisions.all()] == ["link"]
    other = links.make(Request.objects.get(pk=asked.pk), "desk")
    submitting.revise(asked.pk, content("30%"), by=REP)
    assert desk.post(f"/approvals/link/{other}/decide/", {"verb": "approve"}).status_code == 403


def test_bulk_decides_each_by_itself(asked: Request) -> None:
    boss = login("boss", "manager")
    two = submitting.submit({**content("12%"), "title": "Beta"}, by=REP)
    chosen = [f"{asked.pk}:{asked.content_hash}", f"{two.pk}:0000"]
    answer = boss.post("/approvals/bulk/", {"request": chosen, "key": "b"}, follow=True)
    assert "1 approved" in text(answer)
    assert "changed since you saw it" in text(answer)


def test_standing_in_is_arranged_on_the_page(asked: Request) -> None:
    boss = login("boss", "manager")
    given = {"verb": "delegate", "to": "ops", "since": "2026-01-01", "until": "2099-01-01"}
    assert boss.post("/approvals/standing/", given).status_code == 302
    assert "Boss → Ops" in text(boss.get("/approvals/standing/"))
    assert "delegates to oneself" in text(boss.post("/approvals/standing/", {**given, "to": "boss"}))
    assert "Acme" in text(login("ops", "sales-ops").get("/approvals/"))
    assert OPS.person_id == "ops"
