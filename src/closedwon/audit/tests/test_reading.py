"""What each role reads of an entry, at every door: the list, the entry, the search, the API, the command line and exports."""

import csv
import io
import json
import re
import zipfile
from itertools import chain, combinations
from pathlib import Path

import pytest
from django.apps import apps
from django.test import Client
from typer.testing import CliRunner

import closedwon
from closedwon.audit import reading
from closedwon.audit.actions import entries, find, record, verify
from closedwon.audit.export import export
from closedwon.audit.models import Entry
from closedwon.audit.reading import DEAL, PAY, PEOPLE, POLICY, SEES_DEALS, SYSTEM, TOPICS, Sight, Trail, sight
from closedwon.people.actor import ROLES, Actor
from closedwon.people.visibility import EVERYTHING

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SUBJECTS = {
    SYSTEM: "job:1", PEOPLE: "user:7", POLICY: "policy:forecast", DEAL: "approval:3", PAY: "statement:4", "": "riddle:5",
}  # fmt: skip
SECRET = {topic: f"secret{number}word" for number, topic in enumerate(SUBJECTS)}
READS = {
    ("admin", ""): {SYSTEM, PEOPLE, POLICY},
    ("sales-ops", ""): {SYSTEM, PEOPLE, POLICY, DEAL},
    ("sales-ops", "region"): {SYSTEM, PEOPLE, POLICY},
    ("sales-ops", "pay"): {SYSTEM, PEOPLE, POLICY, DEAL},
    ("comp-admin", ""): set(),
    ("comp-admin", "pay"): {PAY},
    ("finance", ""): {POLICY, DEAL},
    ("finance", "pay"): {POLICY, DEAL, PAY},
    ("auditor", ""): set(SUBJECTS),
}
"""What a role, with a right or limited to a region, reads."""


@pytest.fixture
def pay_is_classed(monkeypatch):
    """A kind of subject about pay, as the rooms of pay declare theirs."""
    monkeypatch.setattr(apps.get_app_config("jobs"), "audited", {**apps.get_app_config("jobs").audited, "statement": PAY, "/pay/": PAY})
    reading.kinds.cache_clear()
    yield
    reading.kinds.cache_clear()


@pytest.fixture
def trail(ws, pay_is_classed):
    for topic, subject in SUBJECTS.items():
        record(by="ann@x.test", verb=f"thing.{topic or 'unknown'}", subject=subject, detail={"amount": SECRET[topic]})


def actor(role, more=""):
    return Actor(
        "x", roles=frozenset({role}), grants=frozenset({"pay"} if more == "pay" else ()), region="EMEA" if more == "region" else ""
    )


@pytest.fixture
def client_as(trail, person):
    def make(role, more=""):
        client = Client()
        made = person("reader@x.test", role, grants=["pay"] if more == "pay" else [], region="EMEA" if more == "region" else "")
        client.force_login(made, backend=BACKEND)
        return client

    return make


def told(text):
    """The topics whose secret a text tells."""
    return {topic for topic, secret in SECRET.items() if secret in text}


@pytest.mark.parametrize(("role", "more"), READS)
def test_the_list_the_entry_and_the_search(client_as, role, more):
    client, reads = client_as(role, more), READS[role, more]
    assert told(client.get("/admin/audit/").content.decode()) == reads
    for number, topic in enumerate(SUBJECTS, 1):
        answer = client.get(f"/admin/audit/{number}/").content.decode()
        assert told(answer) == ({topic} & reads), topic
        assert SUBJECTS[topic] in answer
        assert ("hidden: " in answer) == (topic not in reads)
        assert "The hash fits the entry" in answer
        entry = Entry.objects.get(sequence=number)
        assert (entry.digest in answer, entry.previous in answer) == ((role == "auditor"),) * 2
        found = client.get("/admin/audit/", {"q": SECRET[topic]}, headers={"HX-Request": "true"}).content.decode()
        assert (SUBJECTS[topic] in found) == (topic in reads), "a search tells nothing of what is hidden"


@pytest.mark.parametrize(("role", "more"), READS)
def test_the_api_and_its_search(client_as, role, more):
    client, reads = client_as(role, more), READS[role, more]
    rows = client.get("/api/v1/audit/entries").json()
    assert told(json.dumps(rows)) == reads
    mine = {row["subject"]: row for row in rows}
    for number, (topic, subject) in enumerate(SUBJECTS.items(), 1):
        assert bool(mine[subject]["hidden"]) == (topic not in reads)
        assert bool(mine[subject]["digest"]) == (role == "auditor")
        one = client.get(f"/api/v1/audit/entries/{number}").json()
        assert told(json.dumps(one)) == ({topic} & reads)
        found = client.get("/api/v1/audit/entries", {"text": SECRET[topic]}).json()
        assert [row["subject"] for row in found if not row["subject"].startswith("/")] == ([subject] if topic in reads else [])
    if DEAL not in reads:
        assert mine["approval:3"]["hidden"] == "hidden: about a deal you may not see"


@pytest.mark.parametrize(("role", "more"), READS)
def test_exports(client_as, role, more):
    client, reads = client_as(role, more), READS[role, more]
    text = client.post("/admin/audit/export/csv/").getvalue().decode()
    assert told(text) == reads
    rows = list(csv.DictReader(io.StringIO(text)))
    assert any(row["digest"] for row in rows) == (role == "auditor")
    archive = zipfile.ZipFile(io.BytesIO(client.post("/admin/audit/export/zip/").getvalue()))
    assert told(archive.read("trail.jsonl").decode()) == reads
    assert ("verify.py" in archive.namelist()) == (role == "auditor")
    lines = b"".join(client.post("/api/v1/audit/export").streaming_content).decode()
    assert told(lines) == reads
    assert verify().holds


@pytest.mark.parametrize(("role", "more"), READS)
def test_the_commands(trail, person, role, more, tmp_path):
    from closedwon.site.cli import app

    person("reader@x.test", role, grants=["pay"] if more == "pay" else [], region="EMEA" if more == "region" else "")
    reads = READS[role, more]

    def run(*words):
        return CliRunner().invoke(app, ["--as", "reader@x.test", "audit", *words])

    said = run("show", "--detail")
    assert said.exit_code == 0, said.output
    assert told(said.output) == reads
    for topic, subject in SUBJECTS.items():
        found = run("show", "--text", SECRET[topic], "--verb", "thing.").output
        assert (subject in found) == (topic in reads)
    out = tmp_path / "trail.jsonl"
    assert run("export", "--out", str(out)).exit_code == 0
    assert told(out.read_text()) == reads
    assert (tmp_path / "verify.py").exists() == (role == "auditor")


def test_the_command_line_of_the_machine_reads_all_but_pay(trail, tmp_path):
    from closedwon.people.acting import cli_actor

    by = cli_actor()
    assert told(json.dumps([row.detail for row in entries(by=by)[:50]])) == {SYSTEM, PEOPLE, POLICY, DEAL}
    export(tmp_path / "a.csv", by=by)
    assert told((tmp_path / "a.csv").read_text()) == {SYSTEM, PEOPLE, POLICY, DEAL}


@pytest.mark.parametrize("role", sorted(set(ROLES) - set(reading.READERS)))
def test_other_roles_have_no_trail(client_as, role):
    client = client_as(role, "pay")
    for url in ("/admin/audit/", "/admin/audit/4/", "/api/v1/audit/entries", "/api/v1/audit/entries/4"):
        answer = client.get(url)
        assert answer.status_code == 403
        assert not told(answer.content.decode())
    before = Entry.objects.count()
    for url in ("/admin/audit/export/csv/", "/admin/audit/export/zip/", "/api/v1/audit/export"):
        assert client.post(url).status_code == 403
    assert Entry.objects.count() == before


def look(path, query=""):
    return record(by="eve@x.test", verb="people.looked", subject=path, detail={"query": query, "method": "GET"})


@pytest.mark.parametrize(("role", "more"), READS)
def test_addresses_of_an_auditors_looks(client_as, role, more):
    client, reads = client_as(role, more), READS[role, more]
    paths = {
        "/pipeline/deals/0065e0001": DEAL, "/admin/jobs/7771/": SYSTEM, "/people/8882/": PEOPLE, "/pay/9993/": PAY, "/unknown/4444": "",
    }  # fmt: skip
    for path in paths:
        look(path, query="find=Secretcorp")
    rows = client.get("/api/v1/audit/entries", {"verb": "people.looked", "actor": "eve@"}).json()
    assert len(rows) == len(paths), "that somebody looked is not hidden"
    page = client.get("/admin/audit/?actor=eve@").content.decode()
    for row, (path, topic) in zip(reversed(rows), paths.items(), strict=True):
        assert (row["subject"] == path) == (topic in reads)
        assert (path in page) == (topic in reads)
        assert ("Secretcorp" in row["detail"]) == (topic in reads and DEAL in reads)
        key = re.search(r"\d{4,}", path).group()
        for words in ({"subject": key}, {"text": key}):
            found = client.get("/api/v1/audit/entries", {**words, "actor": "eve@"}).json()
            assert bool(found) == (topic in reads), "neither filter nor search tells of a hidden address"


def test_the_key_of_a_deal_is_hidden_with_the_detail(client_as):
    made = record(by="bob", verb="deal.touched", subject="deal:0065e0001")
    row = client_as("admin").get(f"/api/v1/audit/entries/{made.sequence}").json()
    assert row["subject"] == "deal: hidden"
    assert not entries(by=actor("admin"), subject="0065e").count()
    assert entries(by=actor("auditor"), subject="0065e").count() == 1


def test_a_whole_copy_is_given_where_nothing_is_hidden(ws, tmp_path):
    record(by="a", verb="jobs.retried", subject="job:1")
    export(tmp_path / "trail.zip", by=actor("admin"))
    assert "verify.py" in zipfile.ZipFile(tmp_path / "trail.zip").namelist()
    record(by="a", verb="approvals.decided", subject="approval:1", detail={"amount": 5})
    export(tmp_path / "trail.zip", by=actor("admin"))
    names = zipfile.ZipFile(tmp_path / "trail.zip")
    assert "verify.py" not in names.namelist()
    assert b"hides the details of 1 entries" in names.read("VERIFY.txt")


def test_the_database_and_python_hide_alike(ws):
    """For every set of topics, over every kind of subject and of address, and some that nobody classed."""
    for verb in ("a.b", "people.looked"):
        for name in [*reading.kinds(), "Approval", "deal", "account", "approvals", "x", "/forecastle", ""]:
            for end in ("", ":1", "/2"):
                record(by="x", verb=verb, subject=name + end, detail={"k": 1})
    rows = Entry.objects.all()
    every = list(rows)
    for topics in chain.from_iterable(combinations(TOPICS, size) for size in range(len(TOPICS) + 1)):
        view = Sight(False, frozenset(topics))
        assert {e.sequence for e in every if view.reads(e)} == set(rows.filter(view.details()).values_list("sequence", flat=True))
        assert {e.sequence for e in every if view.names(e)} == set(rows.filter(view.subjects()).values_list("sequence", flat=True))
        assert all(view.names(e) for e in every if view.reads(e)), "who reads the detail knows the subject"
        assert Trail(rows, view).hidden() == sum(not view.reads(e) for e in every)


def test_the_roles_that_see_every_deal_are_those_of_the_deals():
    assert set(EVERYTHING) == SEES_DEALS
    assert sight(actor("auditor")).everything


def test_every_subject_that_the_code_writes_is_classed():
    """A new kind of subject is hidden from all but auditors until its field says in `AppConfig.audited` what it is about."""
    found = set()
    for file in Path(closedwon.__file__).parent.rglob("*.py"):
        if "tests" in file.parts:
            continue
        for call in re.finditer(r"\brecord\(.*?\bsubject=f?\"([a-z][a-z_-]*)", file.read_text(encoding="utf-8"), re.DOTALL):
            found.add((call.group(1), file.name))
    assert {"approval", "policy", "user"} <= {kind for kind, _ in found}
    assert not [pair for pair in sorted(found) if pair[0] not in reading.kinds()], "say in AppConfig.audited what these are about"


def test_every_page_of_the_navigation_is_classed():
    """So that sales ops read which pages an auditor opened."""
    from closedwon.ui.nav import NavItem

    paths = {item.path for config in apps.get_app_configs() for item in getattr(config, "nav", ()) if isinstance(item, NavItem)} - {"", "/"}
    known = tuple(name for name in reading.kinds() if name.startswith("/"))
    assert not [path for path in sorted(paths) if not path.startswith(known)], "say in AppConfig.audited what these are about"


def test_find_hides_as_the_list_does(trail):
    seen, holds = find(4, by=actor("admin"))
    assert (seen.detail, seen.hidden, holds) == ("", "hidden: about a deal you may not see", True)
