"""The pages of the pipeline answer for those who may, and for nobody else."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from closedwon.crm.actions import import_source, take_snapshot
from closedwon.jobs.models import Job
from closedwon.jobs.work import execute
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

DEALS = """id,name,owner_id,account_id,stage,amount_minor,currency,close_date,created_at,x_tier
d1,Northern Rail,ann,a1,1-Discovery,120000,USD,2026-12-31,2026-01-05T10:00:00,gold
d2,Southern Bank,bob,a2,Closed Won,90000,EUR,2026-02-01,2026-01-05T10:00:00,
d3,TEST DO NOT USE,bob,,Legal Review,100,USD,2020-01-01,2020-01-01T10:00:00,
"""


@pytest.fixture
def company(ws, tmp_path):
    apply_defaults(SYSTEM)
    folder = tmp_path / "facts"
    folder.mkdir()
    (folder / "opportunities.csv").write_text(DEALS)
    (folder / "users.csv").write_text(
        "id,name,email,manager_id,active\nann,Ann,ann@x.test,max,yes\nbob,Bob,bob@x.test,max,yes\nmax,Max,max@x.test,,yes\n"
    )
    (folder / "accounts.csv").write_text("id,name\na1,Northern Rail GmbH\na2,Southern Bank\na3,Northern Rail\n")
    import_source(folder, by=SYSTEM)
    return ws


@pytest.fixture
def signed_in(client, person):
    def sign(role, person_id=""):
        client.force_login(person(f"{role}@x.test", role, person_id=person_id))
        return client

    return sign


def look_at():
    """The newest preview or import, done as the worker does it."""
    return execute(Job.objects.filter(kind__startswith="crm.").latest("pk").pk)


def test_sales_ops_sees_every_deal_and_exports_them(company, signed_in):
    client = signed_in("sales-ops")
    page = client.get("/pipeline/deals/")
    assert page.status_code == 200
    assert b"Northern Rail" in page.content
    assert b"Southern Bank" not in page.content, "open deals come first"
    assert b"Southern Bank" in client.get("/pipeline/deals/?f.status=won").content
    export = client.get("/pipeline/deals/?export=csv")
    assert b"Northern Rail" in b"".join(export.streaming_content if export.streaming else [export.content])


def test_a_rep_sees_the_own_deals_only(company, signed_in):
    client = signed_in("rep", "ann")
    page = client.get("/pipeline/deals/")
    assert b"Northern Rail" in page.content
    assert b"Southern Bank" not in page.content
    assert client.get("/pipeline/deals/d1").status_code == 200
    assert client.get("/pipeline/deals/d2").status_code == 404
    assert client.get("/pipeline/accounts/a1").status_code == 200
    assert client.get("/pipeline/accounts/a2").status_code == 404
    assert client.get("/systems/data-quality/").status_code == 403
    assert client.get("/pipeline/import/").status_code == 403


def test_a_deal_shows_its_history_and_custom_columns(company, signed_in, tmp_path):
    (tmp_path / "facts/opportunities.csv").write_text(DEALS.replace("1-Discovery", "2-Scoping"))
    import_source(tmp_path / "facts", by=SYSTEM)
    page = signed_in("sales-ops").get("/pipeline/deals/d1").content.decode()
    assert "Stage: 1-Discovery → 2-Scoping" in page
    assert "gold" in page


def test_data_quality_finds_the_planted_dirt(company, signed_in):
    client = signed_in("sales-ops")
    page = client.get("/systems/data-quality/").content.decode()
    for title in ("close date has passed", "placeholders", "look like tests", "does not know", "same customer", "without an account"):
        assert title in page
    assert "TEST DO NOT USE" in client.get("/systems/data-quality/?check=test").content.decode()


def test_an_upload_is_previewed_and_then_imported_as_a_job(company, signed_in):
    client = signed_in("sales-ops")
    file = SimpleUploadedFile(
        "my deals.csv", b"Opportunity Id,Opportunity Name,Stage,Amount,Close Date\nz1,New one,2-Scoping,12.50,2026-12-01\nz2,Bad,x,abc,\n"
    )
    answer = client.post("/pipeline/import/upload", {"files": [file]})
    assert answer.status_code == 302, answer.content
    waits = client.get(answer.url).content.decode()
    assert "Looking at the files" in waits
    assert "part=progress" in waits
    assert "my deals.csv" in client.get("/pipeline/import/").content.decode(), "left, and found again"
    assert look_at().status == "done"
    assert client.get(f"{answer.url}?part=progress", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    page = client.get(answer.url).content.decode()
    assert "not taken" in page
    assert "&#x27;abc&#x27; is not an amount" in page
    assert "[[map]]" in page
    assert client.get("/pipeline/deals/z1").status_code == 404
    job = client.post(answer.url, {"do": "import"})
    assert job.status_code == 302
    assert "/admin/jobs/" in job.url
    ended = look_at()
    assert ended.status == "done", ended.error
    assert "abc" not in str(ended.result), "a job's result is seen by more people than the rows"
    assert client.get("/pipeline/deals/z1").status_code == 200
    assert client.get(ended.link).status_code == 200
    assert "This was imported" in client.get(answer.url).content.decode()


@pytest.mark.parametrize("files", [[], [("x.exe", b"MZ")], [("x.zip", b"no zip")], [("../../etc/passwd.csv", b"")]])
def test_uploads_that_cannot_be_read_say_so(company, signed_in, files):
    client = signed_in("sales-ops")
    answer = client.post("/pipeline/import/upload", {"files": [SimpleUploadedFile(name, data) for name, data in files]})
    if answer.status_code == 302:
        assert look_at().status == "failed"
        page = client.get(answer.url).content.decode()
        assert "cw-note-bad" in page
    else:
        assert answer.status_code == 422


def test_the_api_gives_the_same_and_only_what_is_ones_own(company, signed_in):
    client = signed_in("rep", "bob")
    found = client.get("/api/v1/crm/deals").json()
    assert [row["id"] for row in found["rows"]] == ["d3", "d2"]
    assert found["rows"][1]["amount"] == "900.00"
    assert client.get("/api/v1/crm/deals/d1").status_code == 404
    assert client.get("/api/v1/crm/deals?sort=nothing").status_code == 422
    assert client.get("/api/v1/crm/quality").status_code == 403


def test_a_snapshot_keeps_the_day_and_only_once(company):
    from datetime import date

    from closedwon.crm.snapshots import shown

    first = take_snapshot(date(2026, 3, 1), by=SYSTEM)
    assert (first.rows, first.is_full, first.reconstructed) == (3, True, True)
    assert not take_snapshot(date(2026, 3, 1), by=SYSTEM).new
    kept = {row["opportunity_id"]: row for row in shown(date(2026, 3, 1))}
    assert kept["d1"]["seat_path"] == "max/ann"
    assert kept["d1"]["amount_minor"] == 120000


def test_today_shows_what_changed_and_what_waits_for_each_role(company, signed_in, tmp_path):
    (tmp_path / "facts/opportunities.csv").write_text(DEALS.replace("1-Discovery", "2-Scoping"))
    import_source(tmp_path / "facts", by=SYSTEM)
    ann = signed_in("rep", "ann").get("/").content.decode()
    assert "Stage 1-Discovery → 2-Scoping" in ann
    bob = signed_in("csm", "bob").get("/").content.decode()
    assert "Northern Rail" not in bob
    ops = signed_in("sales-ops").get("/").content.decode()
    assert "Legal Review" in ops
    assert "close date has passed: 1" in ops
