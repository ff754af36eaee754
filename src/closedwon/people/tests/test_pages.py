"""The pages of people as each role, both ways."""

import pytest
from django.test import Client

from closedwon.people import actions
from closedwon.people.acting import actor_of
from closedwon.people.models import ApiToken, User


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("role", "opens"),
    [
        ("admin", {"people", "add", "person", "identities", "seats", "tokens"}),
        ("sales-ops", {"people", "person", "identities", "seats", "tokens"}),
        ("auditor", {"people", "person", "identities", "seats", "tokens"}),
        ("executive", {"seats", "tokens"}),
        ("manager", {"seats", "tokens"}),
        ("comp-admin", {"identities", "tokens"}),
        ("rep", {"tokens"}),
        ("finance", {"tokens"}),
    ],
)
def test_what_each_role_opens(person, role, opens):
    other = person("other@example.test", "rep")
    client = client_of(person("x@example.test", role))
    paths = {
        "people": "/admin/people/",
        "add": "/admin/people/add/",
        "person": f"/admin/people/{other.pk}/",
        "identities": "/admin/people/identities/",
        "seats": "/admin/people/seats/",
        "tokens": "/settings/tokens/",
    }
    assert {name for name, path in paths.items() if client.get(path).status_code == 200} == opens
    assert all(client.get(path).status_code in (200, 403) for path in paths.values())


def test_an_admin_adds_grants_and_takes_away(person):
    client = client_of(person("admin@example.test", "admin"))
    answer = client.post("/admin/people/add/", {"email": "ann@example.test", "roles": ["manager"]})
    assert "/accounts/password/reset/key/" in answer.content.decode()
    ann = User.objects.get(email="ann@example.test")
    client.post(f"/admin/people/{ann.pk}/grant/", {"role": "pay", "reason": "year end", "until": "2199-12-31"})
    assert actor_of(ann).grants == {"pay"}
    client.post(f"/admin/people/{ann.pk}/revoke/", {"role": "pay"})
    assert not actor_of(ann).grants
    client.post(f"/admin/people/{ann.pk}/switch-off/")
    assert not User.objects.get(pk=ann.pk).is_active
    page = client.get(f"/admin/people/{ann.pk}/").content.decode()
    assert "year end" in page
    assert "taken away" in page


def test_what_went_wrong_is_said_and_nothing_lost(person):
    client = client_of(person("admin@example.test", "admin"))
    answer = client.post("/admin/people/add/", {"email": "not an address", "name": "Ann", "roles": ["rep"]})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "is not an e-mail address" in page
    assert 'value="Ann"' in page
    assert User.objects.count() == 1
    ann = person("ann@example.test")
    page = client.post(f"/admin/people/{ann.pk}/grant/", {"role": "rep", "until": "31/02/2027"}, follow=True).content.decode()
    assert "is not a day" in page
    assert not actor_of(ann).roles


def test_others_change_nothing(person):
    ann, client = person("ann@example.test", "rep"), client_of(person("ops@example.test", "sales-ops"))
    for verb in ("grant", "revoke", "switch-off", "link", "invite"):
        client.post(f"/admin/people/{ann.pk}/{verb}/", {"role": "manager" if verb == "grant" else "rep", "person_id": "u1"})
    client.post("/admin/people/add/", {"email": "new@example.test"})
    ann.refresh_from_db()
    assert (actor_of(ann).roles, ann.is_active, ann.person_id) == ({"rep"}, True, "")
    assert User.objects.count() == 2


def test_a_token_is_shown_once(person):
    client = client_of(person("ann@example.test", "rep"))
    page = client.post("/settings/tokens/", {"name": "export", "scopes": ["crm:read"], "days": "30"}).content.decode()
    token = ApiToken.objects.get()
    assert f"cw_{token.prefix}_" in page
    again = client.get("/settings/tokens/")
    assert f"cw_{token.prefix}_…" in again.content.decode()
    assert again["cache-control"] == "no-store"
    client.post("/settings/tokens/", {"revoke": token.prefix})
    assert not ApiToken.objects.get().in_force
    assert "no name" in client.post("/settings/tokens/", {"scopes": ["*:read"], "days": "30"}).content.decode()


def test_names_are_text_and_never_markup(person):
    client = client_of(person("admin@example.test", "admin", name="<script>alert(1)</script>"))
    assert "<script>alert" not in client.get("/admin/people/").content.decode()


def test_a_correction_goes_through_two_hands(person):
    head, ops = person("head@example.test", "sales-ops"), person("ops@example.test", "sales-ops")
    made = client_of(ops).post(
        "/admin/people/seats/propose/", {"table": "hierarchy", "position_id": "X", "since": "2026-02-01", "why": "?"}, follow=True
    )
    assert "There is no seat" in made.content.decode()
    assert actions.corrections(by=actor_of(head)) == []
