"""Mail, Slack and webhooks: what goes out, and who may decide through what comes in."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from closedwon.approvals.actions import sending, slack, submitting
from closedwon.approvals.models import Outgoing, Request
from closedwon.approvals.tests.test_lifecycle import REP, content
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.approvals.tests.test_pages import login
from closedwon.people.models import Identity


@pytest.fixture
def asked(set_up: None) -> Request:
    login("boss", "manager")
    login("rep", "rep")
    return submitting.submit(content(), by=REP)


def test_a_mail_goes_out_once_with_a_link_for_its_person(asked: Request) -> None:
    assert sending.send_due()["sent"] == 1
    assert sending.send_due()["sent"] == 0
    told = mail.outbox[0]
    assert told.to == ["boss@example.com"]
    assert "Discount of 20 %" in told.body
    path = re.search(r"http\S+?(/approvals/link/\S+)", told.body)
    assert path is not None
    boss = login("boss", "manager")
    assert boss.get(path[1]).status_code == 200
    assert asked.decisions.count() == 0


def test_nobody_is_told_of_what_is_over(asked: Request) -> None:
    submitting.recall(asked.pk, by=REP)
    sending.send_due()
    assert mail.outbox == []


def test_what_fails_is_tried_again_and_given_up_in_the_end(asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("no way out")

    monkeypatch.setattr(sending, "send_mail", broken)
    at = timezone.now()
    for _ in range(10):
        sending.send_due(at)
        at += timedelta(days=1)
    row = Outgoing.objects.get(kind="mail")
    assert (row.attempts, row.given_up_at is not None, row.last_error) == (6, True, "OSError: no way out")


def pressed(request: Request, user: str, secret: str = "s", *, age: int = 0, verb: str = "approve") -> Any:
    payload = {"user": {"id": user}, "actions": [{"action_id": verb, "value": f"{request.pk}:{request.content_hash}"}]}
    body = urlencode({"payload": json.dumps(payload)})
    stamp = str(int(time.time()) - age)
    given = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": given}
    return Client(enforce_csrf_checks=True).post(
        "/approvals/slack/", body, content_type="application/x-www-form-urlencoded", headers=headers
    )


def test_a_button_of_slack_counts_only_with_its_signature_and_its_person(asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(slack.SECRET, "s")
    assert pressed(asked, "U1", "forged").status_code == 403
    assert pressed(asked, "U1", age=301).status_code == 403
    assert "ask an admin" in pressed(asked, "U1").json()["text"]
    Identity.objects.create(kind="slack", value="U1", person_id="rep", source="test")
    assert "submitted" in pressed(asked, "U1").json()["text"]
    Identity.objects.create(kind="slack", value="U2", person_id="boss", source="test")
    assert pressed(asked, "U2").json()["text"] == "Approved."
    assert pressed(asked, "U2").json()["text"] == "Approved."
    assert [(one.channel, one.strength) for one in asked.decisions.all()] == [("slack", "slack")]


def test_without_a_secret_every_button_is_refused(asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(slack.SECRET, raising=False)
    assert pressed(asked, "U2", "").status_code == 403


def test_webhooks_are_signed(asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str, dict[str, str]]] = []
    monkeypatch.setenv(sending.WEBHOOK, "https://hooks.example.com/x")
    monkeypatch.setenv(sending.SECRET, "secret")
    monkeypatch.setattr(sending, "_post", lambda url, body, headers: calls.append((url, body, headers)))
    submitting.submit({**content("5%"), "title": "Small"}, by=REP)
    sending.send_due()
    url, body, headers = calls[0]
    stamp, given = re.fullmatch(r"t=(\d+),v1=(\w+)", headers["X-Closedwon-Signature"]).groups()  # type: ignore[union-attr]
    assert url == "https://hooks.example.com/x"
    assert json.loads(body)["what"] == "approved"
    assert given == sending.signature("secret", stamp, body)


def test_only_https_is_called() -> None:
    with pytest.raises(ValueError, match="only https"):
        sending._post("http://example.com/", {}, {})  # noqa: SLF001
