"""Files sent over the API are imported by jobs; who sees what of them; and uploads that are over are removed."""

import json
import os
import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from typer.testing import CliRunner

from closedwon.audit.models import Entry
from closedwon.base.errors import NotFound, Refused
from closedwon.crm import previews
from closedwon.crm.models import ImportRun
from closedwon.facts.releases import latest, read
from closedwon.jobs.models import Job
from closedwon.jobs.work import execute
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies.actions import apply_defaults

DEALS = "id,name,region,stage,amount_minor\n1,Open,EMEA,1-Discovery,100\n2,Secret Whale,EMEA,1-Discovery,lots of money\n"
MAPPED = "Key,Title,Phase,Worth\n1,Open,Start,5\n2,Secret Whale,Unheard,5\n"
MAPPING = """
[[map]]
table = "opportunities"
from = "deals.csv"
[map.columns]
id = "Key"
name = "Title"
amount = "Worth"
stage = { from = "Phase", aliases = { "Start" = "1-Discovery" } }
owner_id = { lookup = { file = "deals.csv", key = "Key", value = "Key", by = "Title" } }
"""


@pytest.fixture
def client_as(ws, client, person):
    apply_defaults(SYSTEM)

    def make(role, region=""):
        client.force_login(person(f"{role}{region}@x.test", role, region=region))
        return client

    return make


def send(client, text=DEALS, name="opportunities.csv", **more):
    return client.post("/api/v1/crm/imports", {"files": SimpleUploadedFile(name, text.encode()), **more})


def test_a_dry_run_is_a_job_and_writes_nothing(client_as):
    client = client_as("sales-ops")
    answer = send(client)
    made = answer.json()
    assert answer.status_code == 202, answer.content
    assert answer.headers["Location"] == f"/api/v1/jobs/{made['job']}"
    assert (made["status"], made["report"]) == ("queued", None)
    assert client.get(f"/api/v1/crm/uploads/{made['upload']}").json()["report"] is None
    assert execute(made["job"]).status == "done"
    assert client.get(answer.headers["Location"]).json()["result"]["tables"]["opportunities"]["inserted"] == 1
    found = client.get(f"/api/v1/crm/uploads/{made['upload']}").json()
    assert found["report"]["quarantined"][0]["row"] == 2
    assert latest() is None
    assert not ImportRun.objects.exists()
    started = client.post(f"/api/v1/crm/uploads/{made['upload']}/import")
    assert started.status_code == 202
    again = client.post(f"/api/v1/crm/uploads/{made['upload']}/import").json()
    assert again["job"] == started.json()["job"], "once"
    assert execute(again["job"]).status == "done"
    assert [row["id"] for row in read("opportunities", latest()).to_pylist()] == ["1"]


def test_an_import_with_a_mapping_is_a_job_that_names_its_import(client_as):
    client = client_as("admin")
    made = send(client, MAPPED, "deals.csv", mapping=MAPPING, dry_run="false").json()
    assert latest() is None
    done = execute(made["job"])
    assert done.status == "done", done.error
    number = client.get(f"/api/v1/jobs/{made['job']}").json()["result"]["import"]
    assert client.get(f"/api/v1/crm/imports/{number}").json()["status"] == "done"
    assert latest() is not None


def test_what_cannot_be_read_is_refused_at_once_and_nothing_is_kept(client_as):
    client = client_as("sales-ops")
    assert send(client, name="virus.exe").status_code == 422
    assert previews.waiting(by=SYSTEM) == []
    assert not Job.objects.exists()


@pytest.mark.parametrize("role", ["rep", "executive", "finance", "auditor"])
def test_others_may_not_send(client_as, role):
    client = client_as(role)
    assert send(client).status_code == 403
    batch = previews.upload([SimpleUploadedFile("opportunities.csv", DEALS.encode())], by=SYSTEM)
    before = Job.objects.count()
    assert client.get(f"/api/v1/crm/uploads/{batch.name}").status_code == 403
    assert client.post(f"/api/v1/crm/uploads/{batch.name}/import").status_code == 403
    assert Job.objects.count() == before


SEES = [("sales-ops", "", True), ("admin", "", False), ("sales-ops", "APAC", False)]


@pytest.mark.parametrize(("role", "region", "sees"), SEES)
def test_cells_of_a_dry_run_at_every_door(client_as, role, region, sees):
    """The preview's page and its export, the API, and the details of the job; for those who see every deal and for the others."""
    client = client_as(role, region)
    made = send(client).json()
    assert execute(made["job"]).status == "done"
    for address in (
        f"/pipeline/import/{made['upload']}", f"/pipeline/import/{made['upload']}?q-export=csv", f"/api/v1/crm/uploads/{made['upload']}",
        f"/api/v1/jobs/{made['job']}", "/api/v1/jobs", f"/admin/jobs/{made['job']}/",
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, address
        told = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
        wanted = sees and "/jobs" not in address
        assert ("lots of money" in told) == wanted, address
        assert wanted or "Whale" not in told, address


@pytest.mark.parametrize(("role", "region", "sees"), SEES)
@pytest.mark.parametrize("form", ["text", "json"])
def test_cells_of_a_command_given_as_somebody(client_as, tmp_path, role, region, sees, form):
    """Refused rows, and values that a mapping does not know, which notices quote."""
    from closedwon.site.cli import app

    client_as(role, region)
    (tmp_path / "deals.csv").write_text(MAPPED + "3,Secret Whale,Start,lots of money\n")
    (tmp_path / "m.toml").write_text(MAPPING)
    words = ["--as", f"{role}{region}@x.test", "import", str(tmp_path / "deals.csv"), "--mapping", str(tmp_path / "m.toml")]
    said = CliRunner().invoke(app, [*words, "--dry-run", "--format", form]).output
    assert "not an amount" in said
    assert ("lots of money" in said) == sees
    assert ("Whale" in said) == sees, "a notice tells which text was not found"


def old(batch, days):
    """Make an upload, and the jobs about it, look as if they were that many days old."""
    then = time.time() - days * 86_400
    for item in (*batch.folder.iterdir(), batch.folder):
        os.utime(item, (then, then))
    Job.objects.filter(key__contains=batch.name, finished_at__isnull=False).update(finished_at=timezone.now() - timedelta(days=days))


def uploaded():
    return previews.upload([SimpleUploadedFile("opportunities.csv", DEALS.encode())], by=SYSTEM)


def test_uploads_that_are_over_are_removed_after_the_days_of_the_settings(client_as, ws_with):
    client_as("admin")
    waits, seen, imported, young, going = (uploaded() for _ in range(5))
    for batch in (seen, imported, young):
        execute(batch.preview.pk)
    execute(previews.bring_in(imported, by=SYSTEM).pk)
    Job.objects.filter(pk=going.preview.pk).update(status="running")
    for batch in (waits, seen, imported, going):
        old(batch, 31)
    old(young, 29)
    assert previews.tidy(by=SYSTEM) == 2
    there = {item.name for item in (waits.folder.parent).iterdir()}
    assert there == {waits.name, young.name, going.name}, "what is queued, running or young stays"
    entry = Entry.objects.filter(verb="facts.uploads_removed").get()
    assert json.loads(entry.detail)["uploads"] == [seen.name, imported.name]
    with pytest.raises(NotFound):
        previews.find(seen.name, by=SYSTEM)
    ws_with(imports={"keep_days": 10})
    assert execute(start_tidy().pk).result == {"removed": 1}
    assert previews.tidy(by=SYSTEM) == 0
    assert Entry.objects.filter(verb="facts.uploads_removed").count() == 2, "nothing removed, nothing recorded"


def start_tidy():
    from closedwon.jobs.actions import start

    return start("crm.tidy", by=SYSTEM)


def test_a_look_again_keeps_an_upload(client_as):
    client_as("admin")
    batch = uploaded()
    execute(batch.preview.pk)
    old(batch, 100)
    previews.remap(batch, "", by=SYSTEM)
    execute(batch.preview.pk)
    assert previews.tidy(by=SYSTEM) == 0


def test_who_may_not_import_may_not_tidy(client_as):
    batch = uploaded()
    execute(batch.preview.pk)
    old(batch, 100)
    with pytest.raises(Refused):
        previews.tidy(by=Actor("x", roles=frozenset({"auditor"})))
    assert batch.folder.is_dir()


def test_it_is_scheduled_every_night(ws):
    from closedwon.jobs.registry import kind

    assert kind("crm.tidy").schedule is not None
