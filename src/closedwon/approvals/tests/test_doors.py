"""Approvals through the API and the command line: who may, who may not, and what is refused changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from typer.testing import CliRunner

from closedwon.approvals.actions import submitting
from closedwon.approvals.models import Attachment, Decision, Request, RoleHolder
from closedwon.approvals.tests.test_lifecycle import REP, content
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.audit.models import Entry
from closedwon.people.actor import Actor

BASE = "/api/v1/approvals"


@pytest.fixture
def door(set_up: None, person: Callable[..., Any]) -> Callable[..., Any]:
    """Call it as `door("boss", "get", "/inbox", …)` to ask the API as that person, who has signed in."""
    roles = {
        "rep": "rep",
        "boss": "manager",
        "vp": "executive",
        "desk": "rep",
        "desk2": "rep",
        "law": "rep",
        "ops": "sales-ops",
        "aud": "auditor",
    }
    clients: dict[str, Client] = {}

    def ask(who: str, verb: str, path: str, given: Any = None, **more: Any) -> Any:
        if who not in clients:
            clients[who] = Client()
            user = person(f"{who}@example.com", roles[who], person_id=who if who != "aud" else "")
            clients[who].force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        call = getattr(clients[who], verb)
        if "file" in more:
            return call(BASE + path, more)
        return call(BASE + path, given, content_type="application/json", **more) if given is not None else call(BASE + path, **more)

    return ask


def test_a_request_goes_through_the_api(door: Callable[..., Any]) -> None:
    looked = door("rep", "post", "/preview", content()).json()
    assert [step["role"] for step in looked["steps"]] == ["manager", "desk"]
    made = door("rep", "post", "/requests", {**content(), "key": "k"}).json()
    assert door("rep", "post", "/requests", {**content(), "key": "k"}).json()["id"] == made["id"]
    path = f"/requests/{made['id']}"
    assert [row["id"] for row in door("boss", "get", "/inbox").json()] == [made["id"]]
    given = {"verb": "approve", "content_hash": made["content_hash"], "key": "d"}
    assert door("boss", "post", f"{path}/decisions", given).json()["decisions"][0]["strength"] == "session"
    changed = door("rep", "post", f"{path}/versions", {**content(bill_to="Acme Inc"), "seen": 1}).json()
    assert [(step["state"]) for step in changed["steps"]] == ["inherited", "open"]
    assert door("rep", "post", f"{path}/versions", {**content("40%"), "seen": 1}).status_code == 409
    assert door("desk", "post", f"{path}/decisions", {**given, "key": "e"}).status_code == 409
    done = door("desk", "post", f"{path}/decisions", {**given, "content_hash": changed["content_hash"], "key": "e"}).json()
    assert done["state"] == "approved"
    assert door("aud", "get", path).json()["state"] == "approved"


def test_what_is_refused_changes_nothing(door: Callable[..., Any]) -> None:
    made = door("rep", "post", "/requests", content()).json()
    path, seen = f"/requests/{made['id']}", made["content_hash"]
    (
        door("boss", "get", "/inbox"),
        door("law", "get", "/inbox"),
        door("desk", "get", "/inbox"),
        door("ops", "get", "/inbox"),
        door("aud", "get", "/inbox"),
    )
    before = (Entry.objects.exclude(verb__contains="look").count(), Decision.objects.count(), RoleHolder.objects.count())
    yes = {"verb": "approve", "content_hash": seen}
    refused = [
        ("rep", f"{path}/decisions", yes, 403), ("law", f"{path}/decisions", yes, 404), ("desk", f"{path}/decisions", yes, 403),
        ("ops", f"{path}/decisions", yes, 403), ("aud", f"{path}/decisions", yes, 403), ("boss", f"{path}/decisions", {**yes, "verb": "maybe"}, 422),
        ("boss", f"{path}/decisions", {**yes, "verb": "reject"}, 422), ("boss", f"{path}/recall", {}, 403), ("law", f"{path}/recall", {}, 404),
        ("boss", f"{path}/override", {"step": 1, "reason": "x", "content_hash": seen}, 403), ("law", f"{path}/comments", {"text": "hi"}, 404),
        ("aud", f"{path}/comments", {"text": "hi"}, 403), ("boss", f"{path}/versions", content("5%"), 403), ("law", f"{path}/versions", content("5%"), 404),
        ("aud", f"{path}/asked", {"person": "law", "reason": "x"}, 403), ("rep", f"{path}/exceptions", {"scope": "quote", "subject_id": "q", "what": "x"}, 403),
        ("rep", "/requests", {**content(), "submitter": "boss"}, 403), ("rep", "/holders", {"role": "desk", "person": "rep"}, 403),
        ("rep", "/delegations", {"to": "law", "since": "2026-01-01T00:00", "until": "2027-01-01T00:00", "giver": "boss"}, 403),
        ("rep", "/absences", {"since": "2026-01-01T00:00", "until": "2027-01-01T00:00", "person": "boss"}, 403),
    ]  # fmt: skip
    for who, where, given, status in refused:
        answer = door(who, "post", where, given)
        assert answer.status_code == status, (who, where, given, answer.content)
        assert answer.json()["title"]
    assert door("law", "get", path).status_code == 404
    after = (Entry.objects.exclude(verb__contains="look").count(), Decision.objects.count(), RoleHolder.objects.count())
    assert after == before
    assert Request.objects.get().state == "pending"


def test_files_come_back_as_downloads_only(door: Callable[..., Any]) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    made = door("rep", "post", "/requests", content()).json()
    path = f"/requests/{made['id']}/files"
    bad = SimpleUploadedFile("a.html", b"<script>alert(1)</script>", content_type="text/html")
    assert door("rep", "post", path, file=bad).status_code == 422
    assert door("law", "post", path, file=SimpleUploadedFile("a.pdf", b"%PDF-1.7")).status_code == 404
    assert Attachment.objects.count() == 0
    sent = door("rep", "post", path, file=SimpleUploadedFile("Größe.pdf", b"%PDF-1.7", content_type="text/html")).json()
    answer = door("boss", "get", f"/files/{sent['id']}")
    assert answer.content == b"%PDF-1.7"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert door("law", "get", f"/files/{sent['id']}").status_code == 404


def test_the_command_line_decides_as_a_person_only(set_up: None, ws: Any, person: Callable[..., Any], tmp_path: Any) -> None:
    for who, role in (("rep", "rep"), ("boss", "manager"), ("desk", "rep")):
        person(f"{who}@example.com", role, person_id=who)
    file = tmp_path / "request.json"
    file.write_text(json.dumps(content()))
    assert _run(ws, "", "submit", str(file))[0] != 0
    code, made = _run(ws, "rep@example.com", "submit", str(file), "--key", "k", "--format", "json")
    number = str(json.loads(made)["id"])
    assert code == 0
    code, said = _run(ws, "", "decide", number, "approve")
    assert code != 0
    assert "--as EMAIL" in said
    assert not Decision.objects.exists()
    assert _run(ws, "rep@example.com", "decide", number, "approve")[0] != 0
    assert _run(ws, "boss@example.com", "decide", number, "reject")[0] != 0
    assert _run(ws, "boss@example.com", "decide", number, "approve", "--comment", "fine")[0] == 0
    (tmp_path / "a.txt").write_text("side letter")
    assert _run(ws, "rep@example.com", "attach", number, str(tmp_path / "a.txt"))[0] == 0
    assert _run(ws, "rep@example.com", "ask", number, "law", "--reason", "knows them")[0] == 0
    assert (
        _run(
            ws, "boss@example.com", "delegate", "desk", "--from", "2026-01-01", "--until", "2026-02-01", "--kind", "deal", "--limit", "50"
        )[0]
        == 0
    )
    assert "Nothing waits" not in _run(ws, "desk@example.com", "inbox")[1]
    assert _run(ws, "boss@example.com", "recall", number)[0] != 0
    assert _run(ws, "rep@example.com", "recall", number)[0] == 0
    assert Request.objects.get().state == "recalled"
    strength = Decision.objects.get()
    assert (strength.channel, strength.strength, strength.person) == ("cli", "cli", "boss")


def _run(ws: Any, email: str, *words: str) -> tuple[int, str]:
    from closedwon.site.cli import app

    made = CliRunner().invoke(app, ["--workspace", str(ws.path), *(["--as", email] if email else []), "approvals", *words])
    return made.exit_code, made.output + (str(made.exception) + str(getattr(made.exception, "mend", "")) if made.exception else "")


def test_only_the_submitters_own_words_count(set_up: None) -> None:
    """A revision cannot take out who earns, owns or submitted."""
    request = submitting.submit({**content(), "earners": ["desk"]}, by=REP)
    submitting.revise(request.pk, {**content("30%"), "earners": [], "submitter": "law", "owner": "law"}, by=REP)
    found = Request.objects.get()
    assert (found.earners, found.submitter, found.owner) == (["desk"], "rep", "rep")
    assert isinstance(REP, Actor)
