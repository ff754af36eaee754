"""Jobs through their pages and their API: everyone's own, progress while they run, stop and repeat."""

import pytest
from django.test import Client
from django.utils import timezone

from closedwon.jobs import actions, registry, schedules
from closedwon.jobs.models import Job, Schedule
from closedwon.people.acting import actor_of

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def signed_in(ws, person, monkeypatch):
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    registry.job("tests.none", title="Nothing much", schedule=registry.Every(minutes=60))(lambda running: {"x": 1})

    def make(email, role):
        client, user = Client(), person(email, role)
        client.force_login(user, backend=BACKEND)
        return client, actor_of(user)

    return make


def test_everyone_sees_their_own_jobs_and_ops_see_all(signed_in):
    rep, by_rep = signed_in("rep@x.test", "rep")
    other, _ = signed_in("other@x.test", "rep")
    ops, _ = signed_in("ops@x.test", "sales-ops")
    job = actions.start("tests.none", by=by_rep)
    assert "Nothing much" in rep.get("/admin/jobs/").content.decode()
    assert "Nothing much" in ops.get("/admin/jobs/").content.decode()
    assert "Nothing much" not in other.get("/admin/jobs/").content.decode()
    for url in (f"/admin/jobs/{job.pk}/", f"/api/v1/jobs/{job.pk}"):
        assert (rep.get(url).status_code, other.get(url).status_code, ops.get(url).status_code) == (200, 404, 200)
    other.post(f"/admin/jobs/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.status == "queued"
    rep.post(f"/admin/jobs/{job.pk}/cancel/")
    job.refresh_from_db()
    assert job.status == "cancelled"
    assert rep.post(f"/api/v1/jobs/{job.pk}/retry").json()["status"] == "queued"


def test_progress_is_asked_for_while_it_runs_and_errors_show_their_mend(signed_in):
    client, by = signed_in("ops@x.test", "sales-ops")
    job = actions.start("tests.none", by=by)
    Job.objects.filter(pk=job.pk).update(status="running", done=3, total=4, text="row 3")
    page = client.get(f"/admin/jobs/{job.pk}/").content.decode()
    assert "every 1s" in page
    assert "75 %" in page
    part = client.get(f"/admin/jobs/{job.pk}/?part=progress", headers={"hx-request": "true"})
    assert "row 3" in part.content.decode()
    assert "every 2s" in client.get("/admin/jobs/live/").content.decode()
    Job.objects.filter(pk=job.pk).update(status="failed", error="Row 3 <b>", mend="Correct it.", trace="secret", finished_at=timezone.now())
    part = client.get(f"/admin/jobs/{job.pk}/?part=progress", headers={"hx-request": "true"})
    assert part.headers["HX-Refresh"] == "true"
    page = client.get(f"/admin/jobs/{job.pk}/").content.decode()
    assert "Row 3 &lt;b&gt;" in page
    assert "Correct it." in page
    assert "secret" not in page
    assert "Repeat" in page


def test_schedules_are_edited_on_the_page(signed_in):
    client, by = signed_in("ops@x.test", "sales-ops")
    schedules.ensure()
    row = Schedule.objects.get(name="tests.none")
    assert "every hour" in client.get("/admin/jobs/").content.decode()
    client.post(f"/admin/jobs/schedules/{row.pk}/", {"every": "day", "at": "03:15", "enabled": "on"})
    row.refresh_from_db()
    assert schedules.in_words(row) == "daily at 03:15"
    assert client.post(f"/admin/jobs/schedules/{row.pk}/", {"every": "day", "at": "25:00"}).status_code == 422
    client.post(f"/admin/jobs/schedules/{row.pk}/", {"now": "1"})
    assert Job.objects.filter(kind="tests.none").count() == 1
    rep, _ = signed_in("rep@x.test", "rep")
    assert rep.get(f"/admin/jobs/schedules/{row.pk}/").status_code == 403
    assert rep.get("/api/v1/jobs/schedules").status_code == 403
