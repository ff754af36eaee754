import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from closedwon.audit.models import Entry
from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.people import actions
from closedwon.people.acting import actor_of, cli_actor
from closedwon.people.models import ApiToken


def call(text, path="/api/v1/people/me", method="get", **body):
    more = {"data": json.dumps(body), "content_type": "application/json"} if body else {}
    return getattr(Client(), method)(path, headers={"authorization": f"Bearer {text}"}, **more)


def test_a_token_is_shown_once_and_kept_as_a_hash(person):
    by = actor_of(person("x@example.test", "admin"))
    token, text = actions.make_token("export", ["people:read"], by=by)
    assert text.startswith(f"cw_{token.prefix}_")
    assert text not in str(ApiToken.objects.values().get())
    assert text not in str(list(Entry.objects.values()))
    answer = call(text)
    assert answer.status_code == 200
    assert answer.json()["roles"] == ["admin"]
    assert answer.json()["scopes"] == ["people:read"]
    assert ApiToken.objects.get().last_used_at is not None


def test_scopes_narrow_by_part_and_verb(person):
    by = actor_of(person("x@example.test", "admin"))
    _, reads = actions.make_token("r", ["people:read"], by=by)
    _, writes = actions.make_token("w", ["people:write"], by=by)
    _, elsewhere = actions.make_token("e", ["crm:read", "crm:write"], by=by)
    _, everything = actions.make_token("a", ["*:read", "*:write"], by=by)
    new = {"email": "z@example.test"}
    assert call(reads, "/api/v1/people/people").status_code == 200
    refused = call(reads, "/api/v1/people/people", "post", **new)
    assert refused.status_code == 403
    assert refused["content-type"] == "application/problem+json"
    assert "people:write" in refused.json()["mend"]
    assert call(writes, "/api/v1/people/people").status_code == 403
    assert call(elsewhere, "/api/v1/people/people").status_code == 403
    assert call(elsewhere, "/api/v1/people/people", "post", **new).status_code == 403
    assert "people.added" not in Entry.objects.values_list("verb", flat=True)
    assert call(everything, "/api/v1/people/people", "post", **new).status_code == 201


def test_scopes_never_widen_rights(person):
    by = actor_of(person("x@example.test", "rep"))
    _, text = actions.make_token("all", ["*:read", "*:write"], by=by)
    assert call(text, "/api/v1/people/people").status_code == 403


@pytest.mark.parametrize("how", ["wrong", "expired", "revoked", "switched off", "no token"])
def test_what_opens_nothing(person, how):
    user = person("x@example.test", "admin")
    token, text = actions.make_token("t", ["*:read"], by=actor_of(user))
    if how == "wrong":
        text = text[:-1] + ("a" if text[-1] != "a" else "b")
    if how == "expired":
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    if how == "revoked":
        actions.revoke_token(token.prefix, by=actor_of(user))
    if how == "switched off":
        user.is_active = False
        user.save()
    if how == "no token":
        text = ""
    answer = call(text)
    assert answer.status_code == 401
    assert answer.json()["title"] == "Not signed in"


def test_a_token_cannot_make_tokens(person):
    by = actor_of(person("x@example.test", "admin"))
    _, text = actions.make_token("w", ["people:write"], by=by)
    assert call(text, "/api/v1/people/tokens", "post", name="more", scopes=["*:write"]).status_code == 403
    assert ApiToken.objects.count() == 1


def test_tokens_are_ones_own(person):
    ann, bob = person("ann@example.test", "rep"), person("bob@example.test", "admin")
    token, _ = actions.make_token("t", ["*:read"], by=actor_of(ann))
    with pytest.raises(Refused):
        actions.make_token("t", ["*:read"], by=actor_of(bob), user=ann)
    with pytest.raises(Refused):
        actions.tokens(by=actor_of(ann), user=bob)
    with pytest.raises(NotFound):
        actions.revoke_token(token.prefix, by=actor_of(person("eve@example.test", "rep")))
    actions.revoke_token(token.prefix, by=actor_of(bob))
    assert not ApiToken.objects.get(pk=token.pk).in_force
    assert actions.make_token("t", ["*:read"], by=cli_actor(), user=ann)[0].user == ann


def test_what_is_wrong_with_a_token_is_told(person):
    by = actor_of(person("x@example.test", "rep"))
    for name, scopes, days in (("", ["*:read"], 9), ("t", [], 9), ("t", ["moon:read"], 9), ("t", ["*:read"], 0), ("t", ["*:read"], 999)):
        with pytest.raises(Invalid):
            actions.make_token(name, scopes, by=by, days=days)
    assert not ApiToken.objects.exists()


def test_a_session_calls_the_api_and_changes_need_the_csrf_token(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("x@example.test", "admin"))
    assert client.get("/api/v1/people/me").status_code == 200
    body = {"data": json.dumps({"email": "z@example.test"}), "content_type": "application/json"}
    assert client.post("/api/v1/people/people", **body).status_code == 403
    token = client.get("/accounts/password/change/").cookies["closedwon_csrf"].value
    assert client.post("/api/v1/people/people", headers={"x-csrftoken": token}, **body).status_code == 201


def test_bad_input_is_a_problem_document(person):
    client = Client()
    client.force_login(person("x@example.test", "admin"))
    answer = client.post("/api/v1/people/tokens", data="{}", content_type="application/json")
    assert answer.status_code == 422
    assert {row["field"] for row in answer.json()["problems"]} >= {"given.name", "given.scopes"}
