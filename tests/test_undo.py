"""Toasts offer Undo, and Undo restores what was there: by the same person, for an hour, with an entry of its own in the trail."""

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from closedwon.approvals.models import Absence, Delegation
from closedwon.audit.models import Entry
from closedwon.base.errors import NotFound
from closedwon.crm import previews
from closedwon.people.actor import SYSTEM
from closedwon.people.facts import publish_rows
from closedwon.people.models import Identity, SeatCorrection
from closedwon.policies.actions import apply_defaults
from closedwon.ui import undo
from closedwon.ui.models import SavedView

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def people(ws):
    apply_defaults(SYSTEM)
    publish_rows({"users": [{"id": "ann", "name": "Ann", "active": True}, {"id": "bob", "name": "Bob", "active": True}]}, note="test")


@pytest.fixture
def client_as(people, person):
    def make(*roles, email="ann@x.test", who="ann"):
        client = Client()
        client.force_login(person(email, *roles, person_id=who), backend=BACKEND)
        return client

    return make


def undo_of(client, page):
    """The address that the toast of a page offers."""
    shown = client.get(page).content.decode()
    found = re.search(r'<form method="post" action="(/undo/[^"]+)">', shown)
    assert found, "the toast offers no Undo"
    return html.unescape(found.group(1))


def take_back(client, page):
    answer = client.post(undo_of(client, page), headers={"Referer": f"http://testserver{page}"})
    assert answer.status_code == 302, answer.content
    assert answer.headers["Location"].endswith(page)
    assert "Undone." in client.get(page).content.decode()


def test_saved_views(client_as):
    client = client_as("admin")

    def save(query):
        client.post("/views/", {"table": "audit", "name": "mine", "next": f"/admin/audit/?{query}"})

    save("sort=sequence")
    first = SavedView.objects.get().parameters
    client.get("/admin/audit/")
    save("sort=-sequence&q=x")
    take_back(client, "/admin/audit/")
    assert SavedView.objects.get().parameters == first, "the one before"
    client.post(f"/views/{SavedView.objects.get().pk}/delete/", {"next": "/admin/audit/"})
    assert not SavedView.objects.exists()
    take_back(client, "/admin/audit/")
    assert SavedView.objects.get().parameters == first
    SavedView.objects.all().delete()
    save("sort=sequence")
    take_back(client, "/admin/audit/")
    assert not SavedView.objects.exists(), "there was none before"


def test_delegations_and_absences(client_as):
    client = client_as("manager")
    page, since, until = "/approvals/standing/", datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) + timedelta(days=9)
    span = {"since": since.date().isoformat(), "until": until.date().isoformat()}
    assert (
        client.post(page, {"verb": "delegate", "to": "bob", "limit": "5000", "kinds": "deal", "reason": "Holiday", **span}).status_code
        == 302
    )
    take_back(client, page)
    assert Delegation.objects.get().ended_at is not None
    again = undo_after(client, page, {"verb": "delegate", "to": "bob", "limit": "5000", "kinds": "deal", "reason": "Holiday", **span})
    assert again
    row = Delegation.objects.get(ended_at__isnull=True)
    client.post(page, {"verb": "undelegate", "id": row.pk})
    take_back(client, page)
    back = Delegation.objects.get(ended_at__isnull=True)
    assert [getattr(back, name) for name in KEPT] == [getattr(row, name) for name in KEPT]
    client.post(page, {"verb": "away", **span})
    take_back(client, page)
    assert Absence.objects.get().ended_at is not None
    undo_after(client, page, {"verb": "away", **span})
    gone = Absence.objects.get(ended_at__isnull=True)
    client.post(page, {"verb": "back", "id": gone.pk})
    take_back(client, page)
    there = Absence.objects.get(ended_at__isnull=True)
    assert (there.since, there.until, there.person) == (gone.since, gone.until, gone.person)
    done = list(Entry.objects.filter(verb__startswith="approvals.").order_by("sequence").values_list("verb", flat=True))
    assert done.count("approvals.delegated") == 3
    assert done.count("approvals.back") == 2, "each step is in the trail"


KEPT = ("giver", "taker", "since", "until", "kinds", "limit", "reason")


def undo_after(client, page, given):
    """Do something, and read its toast away."""
    client.post(page, given)
    return undo_of(client, page)


def test_the_identity_map_and_proposals_about_seats(client_as):
    client = client_as("sales-ops")
    ids = "/admin/people/identities/"
    client.post(f"{ids}add/", {"kind": "employee_no", "value": "E-7", "person_id": "bob"})
    if not Identity.objects.exists():
        pytest.fail(client.get(ids).content.decode()[-2000:])
    take_back(client, ids)
    assert not Identity.objects.exists()
    undo_after_post(client, f"{ids}add/", ids, {"kind": "employee_no", "value": "E-7", "person_id": "bob"})
    client.post(f"{ids}remove/", {"number": Identity.objects.get().pk})
    take_back(client, ids)
    assert Identity.objects.get().person_id == "bob"
    seats = "/admin/people/seats/"
    given = {"table": "positions", "id": "S9", "name": "New seat", "why": "It is missing"}
    client.post(f"{seats}propose/", given)
    take_back(client, seats)
    first = SeatCorrection.objects.get()
    assert first.state == "withdrawn"
    undo_after_post(client, f"{seats}propose/", seats, given)
    client.post(f"{seats}withdraw/", {"number": SeatCorrection.objects.get(state="proposed").pk})
    take_back(client, seats)
    again = SeatCorrection.objects.get(state="proposed")
    assert (again.table, again.row, again.why) == (first.table, first.row, first.why)


def undo_after_post(client, address, page, given):
    client.post(address, given)
    return undo_of(client, page)


def test_roles_switches_and_links(client_as, person):
    client, bob = client_as("admin"), person("bob@x.test", "rep", person_id="bob")
    page = f"/admin/people/{bob.pk}/"

    def held():
        return {(row.role, row.region) for row in bob.role_grants.all() if row.in_force}

    client.post(f"{page}grant/", {"role": "sales-ops", "region": "EMEA", "reason": "x"})
    assert ("sales-ops", "EMEA") in held()
    client.post(f"{page}grant/", {"role": "sales-ops", "region": "APAC", "reason": "x"})
    client.get(page)
    client.post(f"{page}revoke/", {"role": "sales-ops"})
    take_back(client, page)
    assert ("sales-ops", "APAC") in held()
    client.post(f"{page}grant/", {"role": "se"})
    take_back(client, page)
    assert ("se", "") not in held()
    client.post(f"{page}switch-off/")
    take_back(client, page)
    bob.refresh_from_db()
    assert bob.is_active
    client.post(f"{page}link/", {"person_id": ""})
    take_back(client, page)
    bob.refresh_from_db()
    assert bob.person_id == "bob"


def test_mappings_and_uploads_that_were_thrown_away(client_as):
    client = client_as("sales-ops")
    batch = previews.upload([SimpleUploadedFile("deals.csv", b"a,b\n1,2\n")], by=SYSTEM)
    page = f"/pipeline/import/{batch.name}"
    previews.remap(batch, "first = 1", by=SYSTEM)
    client.post(page, {"do": "look", "mapping": "second = 2"})
    assert batch.mapping == "second = 2"
    take_back(client, page)
    assert batch.mapping == "first = 1"
    client.post(page, {"do": "drop"})
    with pytest.raises(NotFound):
        previews.find(batch.name, by=SYSTEM)
    assert previews.waiting(by=SYSTEM) == []
    take_back(client, "/pipeline/import/")
    assert client.get(page).status_code == 200
    assert (batch.folder / "deals.csv").read_bytes() == b"a,b\n1,2\n"


def test_thrown_away_files_go_a_day_later(client_as, monkeypatch):
    client_as("sales-ops")
    batch = previews.upload([SimpleUploadedFile("deals.csv", b"a,b\n1,2\n")], by=SYSTEM)
    batch.preview.delete()
    previews.drop(batch, by=SYSTEM)
    assert previews.tidy(by=SYSTEM) == 0
    monkeypatch.setattr(previews, "KEPT_GONE", timedelta(0))
    assert previews.tidy(by=SYSTEM) == 1
    assert list(batch.folder.parent.iterdir()) == []


def test_only_who_did_it_can_undo_it_and_only_for_an_hour(client_as, people, monkeypatch):
    client = client_as("sales-ops")
    client.post("/admin/people/identities/add/", {"kind": "employee_no", "value": "E-7", "person_id": "bob"})
    address = undo_of(client, "/admin/people/identities/")
    other = client_as("admin", "sales-ops", email="eve@x.test", who="")
    assert other.post(address).status_code == 403
    assert client.get(address).status_code == 405
    assert client.post(address[:-3] + "x/").status_code == 404
    forged = signing.dumps({"user": 1, "way": "people.identity-added", "values": {"number": 1}}, salt="another")
    assert client.post(f"/undo/{forged}/").status_code == 404
    monkeypatch.setattr(undo, "SECONDS", -1)
    assert client.post(address).status_code == 404
    assert Identity.objects.exists()


def test_undo_asks_for_the_rights_of_now(client_as, person):
    from closedwon.people.models import RoleGrant

    client = client_as("sales-ops")
    client.post("/admin/people/identities/add/", {"kind": "employee_no", "value": "E-7", "person_id": "bob"})
    address = undo_of(client, "/admin/people/identities/")
    RoleGrant.objects.all().delete()
    assert client.post(address).status_code == 403
    assert Identity.objects.exists()
