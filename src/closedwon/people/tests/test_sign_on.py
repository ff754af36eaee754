import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client

from closedwon.audit.models import Entry
from closedwon.base.errors import Invalid, NotReady
from closedwon.people import actions
from closedwon.people.acting import actor_of, cli_actor
from closedwon.people.models import User
from closedwon.people.sign_on import MFAAdapter

PASSWORD = "a long pass phrase"
SIGN_IN = {"login": "ann@example.test", "password": PASSWORD}


def signed_in(client):
    return "_auth_user_id" in client.session


def code(secret, later=0):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def test_sign_in_with_address_and_password(person):
    person("ann@example.test", "rep")
    client = Client()
    assert client.post("/accounts/login/", {**SIGN_IN, "password": "wrong"}).status_code == 200
    assert not signed_in(client)
    assert client.post("/accounts/login/", {**SIGN_IN, "login": "Ann@Example.test"}).status_code == 302
    assert signed_in(client)


def test_whoever_is_switched_off_is_out_at_once(person, actor):
    user = person("ann@example.test", "rep")
    client = Client()
    client.post("/accounts/login/", SIGN_IN)
    actions.switch(user, False, by=actor("admin@example.test", "admin"))
    assert client.get("/api/v1/people/me").status_code == 401
    fresh = Client()
    fresh.post("/accounts/login/", SIGN_IN)
    assert not signed_in(fresh)


def test_nobody_signs_up(ws):
    client = Client()
    new = {"email": "new@example.test", "password1": PASSWORD, "password2": PASSWORD}
    answer = client.post("/accounts/signup/", new)
    assert not User.objects.exists()
    assert not signed_in(client)
    assert answer.status_code in (200, 403)


def test_guessing_is_slowed_down(person):
    person("ann@example.test", "rep")
    client = Client()
    for _ in range(6):
        client.post("/accounts/login/", {**SIGN_IN, "password": "wrong"})
    client.post("/accounts/login/", SIGN_IN)
    assert not signed_in(client)


def test_the_second_factor_is_asked_for_and_sealed(person):
    user = person("ann@example.test", "rep")
    client = Client()
    client.post("/accounts/login/", SIGN_IN)
    assert "reauthenticate" in client.get("/accounts/2fa/totp/activate/")["location"]
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    assert client.post("/accounts/2fa/totp/activate/", {"code": code(secret)}).status_code == 302
    stored = str(Authenticator.objects.filter(user=user).values_list("data", flat=True))
    assert secret not in stored
    assert Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists()

    fresh = Client()
    answer = fresh.post("/accounts/login/", SIGN_IN)
    assert "2fa/authenticate" in answer["location"]
    assert not signed_in(fresh)
    fresh.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert not signed_in(fresh)
    fresh.post("/accounts/2fa/authenticate/", {"code": code(secret, later=1)})
    assert signed_in(fresh)

    actions.set_password(user, None, by=cli_actor(), drop_second_factor=True)
    last = Client()
    last.post("/accounts/login/", SIGN_IN)
    assert signed_in(last)


def test_sealed_with_another_key_it_says_so(ws):
    sealed = MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")
    assert MFAAdapter().decrypt(sealed) == "JBSWY3DPEHPK3PXP"
    (ws.path / ".secret-key").write_text("another key")
    with pytest.raises(NotReady, match="secret-key"):
        MFAAdapter().decrypt(sealed)


def test_an_invitation_sets_a_password_once(person, actor, ws_with):
    ws_with(base_url="https://sales.example.test")
    by = actor("admin@example.test", "admin")
    user = actions.add("ann@example.test", by=by, roles=["rep"])
    link = actions.invitation(user, by=by)
    assert link.startswith("https://sales.example.test/accounts/password/reset/key/")
    path = link.removeprefix("https://sales.example.test")
    client = Client()
    form = client.get(path, follow=True)
    there = form.redirect_chain[-1][0]
    assert client.post(there, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)
    again = Client().get(path, follow=True)
    assert again.status_code == 200
    assert not re.search(r'name="password1"', again.content.decode())
    with pytest.raises(Invalid, match="password already"):
        actions.invitation(User.objects.get(pk=user.pk), by=by)


def test_pages_carry_the_security_headers(ws):
    answer = Client().get("/accounts/login/")
    policy = answer["content-security-policy"]
    assert "script-src 'self' 'nonce-" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert answer["x-frame-options"] == "DENY"
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["referrer-policy"] == "same-origin"


def test_an_auditors_look_leaves_an_entry(person):
    client = Client()
    user = person("audit@example.test", "auditor")
    client.force_login(user)
    assert client.get("/api/v1/people/people").status_code == 200
    entry = Entry.objects.get(verb="people.looked")
    assert (entry.actor, entry.subject) == ("audit@example.test", "/api/v1/people/people")
    assert client.post("/api/v1/people/people", data='{"email": "z@example.test"}', content_type="application/json").status_code == 403
    assert Entry.objects.count() == 1
    _, text = actions.make_token("t", ["people:read"], by=actor_of(user))
    Client().get("/api/v1/people/identities", headers={"authorization": f"Bearer {text}"})
    assert Entry.objects.filter(verb="people.looked").count() == 2
    client.force_login(person("rep@example.test", "rep"))
    client.get("/api/v1/people/me")
    assert Entry.objects.filter(verb="people.looked").count() == 2


def test_an_auditor_at_the_command_line_leaves_an_entry_too(person, monkeypatch):
    person("audit@example.test", "auditor")
    monkeypatch.setenv("CLOSEDWON_AS", "audit@example.test")
    monkeypatch.setattr("sys.argv", ["closedwon", "forecast", "show"])
    assert cli_actor().has("auditor")
    entry = Entry.objects.get()
    assert (entry.verb, entry.channel) == ("people.looked", "cli")
    assert "forecast show" in str(entry.detail)


def test_nobody_adds_an_address_of_their_own(person):
    client = Client()
    client.force_login(person("ann@example.test", "rep"))
    client.post("/accounts/email/", {"action_add": "", "email": "boss@example.test"})
    from allauth.account.models import EmailAddress

    assert not EmailAddress.objects.filter(email="boss@example.test").exists()


@pytest.mark.parametrize("path", ["/", "/admin/people/", "/admin/people/add/", "/settings/tokens/", "/admin/people/seats/", "/api/v1/docs"])
def test_strangers_are_sent_to_sign_in(ws, path):
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["location"].startswith("/accounts/login/")
    part = Client().get(path, headers={"HX-Request": "true"})
    assert part.status_code in (302, 401)
    if part.status_code == 401:
        assert part["HX-Redirect"].startswith("/accounts/login/")
