"""The trail through its page and its API: for those who keep it, look after data or pay, and nobody else."""

import json

import pytest
from django.test import Client

from closedwon.audit.actions import record
from closedwon.audit.models import Entry

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def client_of(ws, person):
    def make(role):
        client = Client()
        client.force_login(person(f"{role}@x.test", role), backend=BACKEND)
        return client

    return make


def test_the_page_shows_filters_and_opens_entries(client_of):
    record(by="ann", verb="call.submitted", subject="seat:1", detail={"amount": "12.50"})
    record(by="bob", verb="facts.imported", subject="file:2")
    client = client_of("auditor")
    page = client.get("/admin/audit/").content.decode()
    assert "call.submitted" in page
    assert "amount: 12.50" in page
    narrowed = client.get("/admin/audit/?actor=bob").content.decode()
    assert "file:2" in narrowed
    assert "seat:1" not in narrowed
    assert "The hash fits the entry" in client.get("/admin/audit/1/").content.decode()


@pytest.mark.parametrize("role", ["rep", "manager", "executive", "deal-desk", "enablement", "salesforce-admin"])
def test_others_see_nothing(client_of, role):
    record(by="ann", verb="secret.done", subject="x")
    client = client_of(role)
    for url in ("/admin/audit/", "/admin/audit/1/", "/api/v1/audit/entries"):
        answer = client.get(url)
        assert answer.status_code == 403, url
        assert b"secret.done" not in answer.content
    before = Entry.objects.count()
    assert client.post("/admin/audit/export/zip/").status_code == 403
    assert Entry.objects.count() == before


def test_verification_is_a_job_and_exports_are_recorded(client_of):
    from closedwon.jobs.models import Job
    from closedwon.jobs.work import run

    client = client_of("auditor")
    answer = client.post("/admin/audit/verify/")
    job = Job.objects.get()
    assert answer.headers["Location"] == f"/admin/jobs/{job.pk}/"
    run(job.pk)
    job.refresh_from_db()
    assert job.status == "done", job.error
    assert job.result["holds"]
    assert client.post("/admin/audit/export/csv/").getvalue().startswith(b"sequence,at,actor")
    assert client.post("/admin/audit/export/zip/").getvalue()[:2] == b"PK"
    assert Entry.objects.filter(verb="audit.exported").count() == 2


def test_the_api_gives_entries(client_of):
    record(by="ann", verb="call.submitted", subject="seat:1", detail={"amount": "12.50"})
    found = client_of("auditor").get("/api/v1/audit/entries?verb=call").json()
    assert json.loads(found[0]["detail"]) == {"amount": "12.50"}
