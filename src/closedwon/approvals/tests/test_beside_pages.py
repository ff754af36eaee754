"""Files and exceptions on pages, large amounts and how strongly one signed in, bulk, and words for every refusal."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from closedwon.approvals.actions import exemptions, submitting
from closedwon.approvals.models import Attachment, Exemption, Request
from closedwon.approvals.strength import is_strong, strength_of
from closedwon.approvals.tests.test_lifecycle import BOSS, DESK, POLICY, REP, content, yes
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.approvals.tests.test_pages import login, text
from closedwon.audit.models import Entry
from closedwon.base.errors import Invalid
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies.actions import apply

FIN = Actor("fin@example.com", person_id="fin", roles=frozenset({"finance"}), channel="web")


@pytest.fixture
def asked(set_up: None) -> Request:
    return submitting.submit(content(bill_to="Acme", account_id="A1"), by=REP)


@pytest.fixture
def done(asked: Request) -> Request:
    yes(asked, BOSS)
    yes(asked, DESK)
    return Request.objects.get(pk=asked.pk)


def send(client: Client, request: Request, *files: tuple[str, bytes]) -> Any:
    given = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(f"/approvals/{request.pk}/attach/", {"file": given}, follow=True)


def test_a_file_goes_up_and_comes_down_and_the_trail_knows(asked: Request) -> None:
    rep, boss, law = login("rep", "rep"), login("boss", "manager"), login("law", "rep")
    assert "2 files are added" in text(send(rep, asked, ("Offer.pdf", b"%PDF-1.7"), ("Größe.txt", b"hello")))
    number = Attachment.objects.get(name="Größe.txt").pk
    answer = boss.get(f"/approvals/files/{number}/")
    assert answer.content == b"hello"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "filename*=UTF-8''Gr%C3%B6%C3%9Fe.txt" in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert law.get(f"/approvals/files/{number}/").status_code == 404
    assert send(law, asked, ("x.txt", b"x")).status_code == 404
    taken = Entry.objects.filter(verb="approvals.file_fetched")
    assert [(one.actor, one.subject) for one in taken] == [("boss@example.com", f"approval:{asked.pk}")]
    assert "File added: Offer.pdf" in text(boss.get(f"/approvals/{asked.pk}/"))


def test_what_is_no_file_for_us_is_refused_in_words(asked: Request) -> None:
    rep = login("rep", "rep")
    for name, data, words in (
        ("a.html", b"<p>", "not a kind of file that is taken"), ("a.pdf", b"<html>", "not what its name says"), ("a.txt", b"\xff\xfe", "no text in UTF-8"),
        ("a.txt", b"", "is empty"),
    ):  # fmt: skip
        assert words in text(send(rep, asked, (name, data))), name
    assert "Choose a file first" in text(rep.post(f"/approvals/{asked.pk}/attach/", follow=True))
    assert Attachment.objects.count() == 0


def test_an_auditor_finds_no_form_to_write_in(asked: Request) -> None:
    page = login("aud", "auditor").get(f"/approvals/{asked.pk}/")
    assert page.status_code == 200
    for word in ("Say something", "Add a draft contract", "Ask somebody else too", "Take back"):
        assert word not in text(page)


def test_an_exception_is_noted_found_used_and_revoked(done: Request) -> None:
    fin = login("fin", "finance")
    page = f"/approvals/{done.pk}/"
    assert "Note an exception" in text(fin.get(page))
    given = {"scope": "customer", "subject_id": "A1", "what": "Price hold", "until": "2099-01-01", "uses": "2"}
    assert "noted" in text(fin.post(f"{page}except/", given, follow=True))
    number = Exemption.objects.get().pk
    assert "Price hold" in text(fin.get("/approvals/exceptions/"))
    assert [one.what for one in exemptions.holding_for(["A1"], timezone.now().date())] == ["Price hold"]
    assert "1 left" in text(fin.post(f"/approvals/exceptions/{number}/use/", {"words": "R-1"}, follow=True))
    rep = login("rep", "rep")
    assert "Price hold" in text(rep.get("/approvals/exceptions/"))
    refused = rep.post(f"/approvals/exceptions/{number}/revoke/", {"words": "no"}, follow=True)
    assert "may not revoke exceptions" in text(refused)
    assert "Say why the exception ends" in text(fin.post(f"/approvals/exceptions/{number}/revoke/", {"words": " "}, follow=True))
    assert Exemption.objects.get().ended_at is None
    assert "Revoked." in text(fin.post(f"/approvals/exceptions/{number}/revoke/", {"words": "They left"}, follow=True))
    assert "No exception holds" in text(fin.get("/approvals/exceptions/"))
    assert "They left" in text(fin.get("/approvals/exceptions/?all=1"))
    assert exemptions.holding_for(["A1"], timezone.now().date()) == []
    again = fin.post(f"/approvals/exceptions/{number}/use/", {"words": "R-2"}, follow=True)
    assert "does not hold any more" in text(again)
    assert [one.verb for one in Entry.objects.filter(verb__startswith="approvals.exce").order_by("sequence")] == [
        "approvals.excepted", "approvals.exception_used", "approvals.exception_revoked",
    ]  # fmt: skip


def test_strangers_see_no_exception(done: Request) -> None:
    exemptions.except_(done.pk, "customer", "A1", "Price hold", by=FIN, uses=1)
    assert "Price hold" not in text(login("law", "rep").get("/approvals/exceptions/"))
    number = Exemption.objects.get().pk
    login("law", "rep").post(f"/approvals/exceptions/{number}/use/", {"words": "x"})
    assert Exemption.objects.get().uses_left == 1


def test_states_of_an_exception(done: Request) -> None:
    day = timezone.now().date()
    row = exemptions.except_(done.pk, "term", "C1", "Net 60", by=FIN, until=day + timedelta(days=5))
    assert exemptions.state_of(row, day) == "holds"
    assert exemptions.state_of(row, day - timedelta(days=1)) == "begins later"
    assert exemptions.state_of(row, day + timedelta(days=5)) == "ended"
    submitting.recall(done.pk, by=REP)
    row.refresh_from_db()
    assert exemptions.state_of(Exemption.objects.get(pk=row.pk), day) == "not approved any more"


class Seen:
    """A request with a session."""

    def __init__(self, *methods: tuple[str, float]) -> None:
        self.session = {"account_authentication_methods": [{"method": name, "at": at} for name, at in methods]}


def test_how_strongly_somebody_signed_in() -> None:
    now = time.time()
    told = {
        "session": Seen(), "password": Seen(("password", now - 7200)), "password, fresh": Seen(("password", now - 60)),
        "second factor": Seen(("password", now - 7200), ("mfa", now - 7190)), "sso": Seen(("socialaccount", now - 7200)),
        "second factor, fresh": Seen(("mfa", now - 7200), ("password", now - 5)),
    }  # fmt: skip
    assert {word: strength_of(seen) for word, seen in told.items()} == {word: word for word in told}
    assert [word for word in told if not is_strong(word)] == ["session", "password"]
    assert max(map(len, told)) <= 20


def test_a_large_amount_takes_a_fresh_sign_in(set_up: None) -> None:
    apply("approvals/deals", POLICY.replace('side = "sales"', 'side = "sales"\nstep_up = "500 USD"'), by=SYSTEM)
    request = submitting.submit(content(), by=REP)
    boss = login("boss", "manager")
    given = {"content_hash": request.content_hash, "verb": "approve", "key": "k"}
    answer = boss.post(f"/approvals/{request.pk}/decide/", given)
    assert answer.status_code == 302
    assert answer["location"] == f"/accounts/reauthenticate/?next=%2Fapprovals%2F{request.pk}%2F"
    bulk = boss.post("/approvals/bulk/", {"request": [f"{request.pk}:{request.content_hash}"], "key": "b"}, follow=True)
    assert "is decided by itself" in text(bulk)
    assert request.decisions.count() == 0
    session = boss.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
    session.save()
    assert boss.post(f"/approvals/{request.pk}/decide/", given).status_code == 302
    assert [one.strength for one in request.decisions.all()] == ["password, fresh"]


def test_every_refusal_on_the_page_says_what_and_how_to_mend_it(asked: Request) -> None:
    boss, rep, desk = login("boss", "manager"), login("rep", "rep"), login("desk", "rep")
    page = f"/approvals/{asked.pk}/"
    stale = boss.post(f"{page}decide/", {"content_hash": "0" * 64, "verb": "approve", "key": "a"})
    assert stale.status_code == 409
    assert "changed since you saw it. Look at the new version" in text(stale)
    own = rep.post(f"{page}decide/", {"content_hash": asked.content_hash, "verb": "approve", "key": "b"})
    assert own.status_code == 403
    assert "You submitted this request; others decide on it" in text(own)
    early = desk.post(f"{page}decide/", {"content_hash": asked.content_hash, "verb": "approve", "key": "c"})
    assert "It is not your turn yet" in text(early)
    for verb, given, words in (
        ("comment", {"words": ""}, "A comment has words"), ("override", {"words": "x", "step": "1", "content_hash": asked.content_hash}, "may not override"),
        ("take", {"step": "x"}, "That step is not understood"), ("take", {"step": "99"}, ""), ("met", {"decision": "9"}, ""),
        ("recall", {}, "Only its submitter or owner"), ("ask", {"person": "nobody", "words": "x"}, ""), ("ask", {"person": "law", "words": ""}, "Say why"),
    ):  # fmt: skip
        answer = boss.post(f"{page}{verb}/", given, follow=True)
        assert answer.status_code in (200, 404), (verb, answer.status_code)
        assert words in text(answer), (verb, text(answer)[:600])
    assert asked.decisions.count() == 0
    assert "Asked in addition." in text(boss.post(f"{page}ask/", {"person": "law@example.com", "words": "knows them"}, follow=True))
    bulk = desk.post("/approvals/bulk/", {"request": [f"{asked.pk}:{asked.content_hash}", "rubbish"], "key": "b"}, follow=True)
    assert "does not wait for you any more" in text(bulk)


def test_an_amount_that_cannot_be_kept_is_refused_and_breaks_nothing(asked: Request) -> None:
    boss, ops = login("boss", "manager"), login("ops", "sales-ops")
    for limit in ("1e999", "9" * 30, "NaN", "Infinity", "-1", "lots"):
        given = {"verb": "delegate", "to": "ops", "since": "2026-01-01", "until": "2099-01-01", "limit": limit}
        assert boss.post("/approvals/standing/", given).status_code == 422, limit
        assert ops.post("/approvals/holders/", {"role": "desk", "person": "law", "limit": limit}).status_code == 422, limit
        with pytest.raises(Invalid, match="mistake"):
            submitting.submit({**content(), "amount": limit}, by=REP) if limit != "-1" else submitting.submit(
                {**content(), "amount": "x"}, by=REP
            )
    assert boss.get("/approvals/standing/").status_code == 200
    assert boss.get("/approvals/").status_code == 200
