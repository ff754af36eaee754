"""Policies through their pages and their API: drafts, checks while writing, plans, applying, history."""

import pytest
from django.test import Client

from closedwon.audit.models import Entry
from closedwon.base.policytext import Percent, PolicyModel
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions, registry
from closedwon.policies.models import PolicyVersion

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
TEXT = 'name = "x"\nover = "5%"\n'


class Rule(PolicyModel):
    name: str
    over: Percent


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    found = registry.PolicyKind("bands", "bands.toml", Rule, "Bands", "For tests")
    monkeypatch.setitem(registry._KINDS, "bands", found)
    return found


@pytest.fixture
def client_of(ws, person):
    def make(role):
        client = Client()
        client.force_login(person(f"{role}@x.test", role), backend=BACKEND)
        return client

    return make


def test_a_text_is_checked_as_it_is_written(client_of):
    actions.apply("bands", TEXT, by=SYSTEM)
    client = client_of("sales-ops")
    wrong = client.post("/policies/bands/check/", {"text": TEXT.replace("5%", "5")}).content.decode()
    assert 'data-wrong="2"' in wrong
    assert "write a percentage" in wrong
    right = client.post("/policies/bands/check/", {"text": TEXT.replace("5%", "6%")}).content.decode()
    assert "over goes from 5% to 6%" in right


def test_draft_then_apply_writes_the_file_and_the_trail(client_of, ws):
    actions.apply("bands", TEXT, by=SYSTEM)
    client, after = client_of("sales-ops"), TEXT.replace("5%", "6%")
    seen = actions.in_force("bands").digest
    client.post("/policies/bands/edit/", {"text": after, "verb": "draft", "expected": seen})
    assert actions.applied("bands").over == 50_000
    assert "6%" in client.get("/policies/bands/edit/").content.decode()
    answer = client.post("/policies/bands/edit/", {"text": after.replace("\n", "\r\n"), "verb": "apply", "expected": seen, "note": "board"})
    assert answer.headers["Location"] == "/policies/bands/"
    assert actions.applied("bands").over == 60_000
    assert (ws.policies / "bands.toml").read_text() == after
    assert Entry.objects.first().verb == "policy.applied"
    assert not PolicyVersion.objects.filter(status="draft").exists()
    page = client.get("/policies/bands/").content.decode()
    assert "over goes from 5% to 6%" in page
    assert "board" in page


def test_nothing_is_lost_when_it_cannot_be_applied(client_of):
    actions.apply("bands", TEXT, by=SYSTEM)
    client = client_of("sales-ops")
    answer = client.post("/policies/bands/edit/", {"text": "mine = 1\n", "verb": "apply"})
    assert answer.status_code == 422
    assert "mine = 1" in answer.content.decode()
    answer = client.post("/policies/bands/edit/", {"text": TEXT.replace("5", "7"), "verb": "apply", "expected": "old"})
    assert answer.status_code == 409
    assert actions.applied("bands").over == 50_000


def test_a_file_changed_on_disk_is_said_and_does_not_count(client_of, ws):
    actions.apply("bands", TEXT, by=SYSTEM)
    (ws.policies / "bands.toml").write_text(TEXT.replace("5%", "9%"))
    page = client_of("sales-ops").get("/policies/bands/").content.decode()
    assert "over goes from 5% to 9%" in page
    assert actions.applied("bands").over == 50_000


@pytest.mark.parametrize(("role", "reads"), [("rep", False), ("manager", False), ("executive", True), ("auditor", True)])
def test_who_may_read_and_that_they_may_not_write(client_of, role, reads):
    actions.apply("bands", TEXT, by=SYSTEM)
    client = client_of(role)
    for url in ("/policies/", "/policies/bands/", "/api/v1/policies/bands"):
        assert client.get(url).status_code == (200 if reads else 403), url
    for url in ("/policies/bands/edit/", "/policies/bands/check/"):
        assert client.post(url, {"text": TEXT.replace("5", "7"), "verb": "apply"}).status_code == 403
    answer = client.post("/api/v1/policies/bands/apply", {"text": TEXT.replace("5", "7")}, content_type="application/json")
    assert answer.status_code == 403
    assert actions.applied("bands").over == 50_000


def test_the_api_checks_applies_and_lists(client_of):
    client = client_of("admin")
    checked = client.post("/api/v1/policies/bands/check", {"text": "name = 1\n"}, content_type="application/json").json()
    assert not checked["right"]
    assert {item["line"] for item in checked["problems"] if "line" in item} == {1}
    made = client.post("/api/v1/policies/bands/apply", {"text": TEXT, "note": "first"}, content_type="application/json").json()
    assert client.get("/api/v1/policies/bands").json()["text"] == TEXT
    assert [item["id"] for item in client.get("/api/v1/policies/bands/versions").json()] == [made["id"]]
