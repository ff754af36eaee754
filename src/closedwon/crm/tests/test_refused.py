"""Who sees what of refused rows: page, export, API, job, command; both ways. And which folders of the server may be imported."""

import json
import os

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.crm import previews
from closedwon.crm.actions import import_source, quality_rows, refresh
from closedwon.crm.models import ImportRun
from closedwon.crm.refused import HIDDEN, report_shown, without_values
from closedwon.facts.releases import latest, read
from closedwon.jobs.models import Job
from closedwon.jobs.work import execute
from closedwon.people.acting import OPERATOR
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies.actions import apply_defaults

DEALS = "id,name,region,stage,amount_minor\n1,Open,EMEA,1-Discovery,100\n2,Secret Whale,EMEA,1-Discovery,lots of money\n"
PAY = 'date_formats = ["%Y-%m-%d"]\n[[map]]\ntable = "assignments"\nfrom = "pay.csv"\n[map.columns]\nuser_id = "Person"\nsince = "Since"\ntarget_variable = "Bonus"\nrole = "Role"\n'


@pytest.fixture
def imported(ws, tmp_path):
    apply_defaults(SYSTEM)
    (tmp_path / "opportunities.csv").write_text(DEALS)
    import_source(tmp_path / "opportunities.csv", by=SYSTEM)
    return ws


SEES = [("sales-ops", "", True), ("auditor", "", True), ("admin", "", False), ("sales-ops", "APAC", False)]


@pytest.mark.parametrize(("role", "region", "sees"), SEES)
def test_pages_exports_and_api_show_cells_only_to_those_who_see_every_deal(imported, client, person, role, region, sees):
    client.force_login(person("x@x.test", role, region=region))
    run = ImportRun.objects.get()
    for address in (f"/pipeline/import/runs/{run.pk}", f"/pipeline/import/runs/{run.pk}?q-export=csv", f"/api/v1/crm/imports/{run.pk}", "/api/v1/crm/imports",
                    "/systems/data-quality/?check=quarantine", "/systems/data-quality/"):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.content[:300])
        told = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
        if not sees:
            assert "Whale" not in told, address
            assert "lots of money" not in told, address
    report = client.get(f"/api/v1/crm/imports/{run.pk}").json()["report"]["quarantined"][0]
    assert (report["row"], report["field"]) == (2, "amount_minor")
    assert ("Whale" in report["raw"]) is sees
    assert ("lots of money" in report["reason"]) is sees
    assert report["reason"].endswith("is not a whole number")


def test_the_rows_of_data_quality_are_the_same_way(imported):
    def rows(*roles, region=""):
        return quality_rows(Actor("x", roles=frozenset(roles), region=region), "quarantine").rows

    assert "Whale" in rows("executive")[0]["raw"]
    assert rows("salesforce-admin")[0]["raw"] == ""
    assert rows("sales-ops", region="APAC") == []


def test_pay_is_not_even_kept(ws, tmp_path):
    apply_defaults(SYSTEM)
    (tmp_path / "pay.csv").write_text("Person,Since,Bonus,Role,Salary\nann,2026-01-01,12x345,AE,99000\nbob,2026-31-01,777,AE,88000\n")
    (tmp_path / "m.toml").write_text(PAY)
    (tmp_path / "pay.csv").write_text((tmp_path / "pay.csv").read_text() + "cy,2026-01-01,5,AE,1\n")
    import_source(tmp_path / "pay.csv", by=SYSTEM, mapping=tmp_path / "m.toml")
    kept = read("quarantine", latest()).to_pylist()
    assert len(kept) == 2
    for secret in ("12x345", "777", "99000", "88000"):
        assert secret not in str(kept)
    assert json.loads(kept[0]["raw"]) == ["ann", "2026-01-01", HIDDEN, "AE", HIDDEN]
    assert any("2026-31-01" in row["reason"] for row in kept)


def test_a_reason_without_its_value():
    assert without_values("'31/02' is not a date") == "a value is not a date"
    assert without_values("'it''s ' odd' is not an amount") == "a value is not an amount"
    assert without_values("Id is empty") == "Id is empty"
    assert report_shown({}, Actor("x")) == {"notices": []}


def test_a_job_tells_counts_alone_and_the_command_tells_the_rows(imported, tmp_path, monkeypatch, capsys):
    job = Job.objects.filter(kind="crm.import")
    assert not job.exists()
    from closedwon.jobs.actions import run_now

    done = run_now("crm.import", {"path": str(tmp_path / "opportunities.csv")}, by=Actor("os:x", roles=OPERATOR))
    assert "Whale" not in json.dumps(done.result)
    assert done.result["quarantined"] == 1


# the forecast's numbers follow at once


def test_the_board_is_filled_after_an_import_once_for_each_release(imported, tmp_path):
    def keys():
        return list(Job.objects.filter(kind="forecast.refresh").order_by("pk").values_list("key", flat=True))

    def now():
        return f"forecast.refresh-release-{latest().pk}"

    assert keys() == [now()]
    good = DEALS.replace("lots of money", "200")
    for text, made in ((good, 2), (good, 2), (good.replace("1-Discovery", "2-Scoping"), 3)):
        (tmp_path / "opportunities.csv").write_text(text)
        import_source(tmp_path / "opportunities.csv", by=SYSTEM)
        assert len(keys()) == made
        assert keys()[-1] == now()
    refresh(by=SYSTEM)
    assert keys()[-1] == now()
    assert len(set(keys())) == len(keys()) == 4


def test_where_no_room_fills_anything_an_import_goes_on(ws, tmp_path, monkeypatch):
    from closedwon.crm import refresh as module

    apply_defaults(SYSTEM)
    monkeypatch.setattr(module, "READY", "nowhere.refresh")
    (tmp_path / "opportunities.csv").write_text(DEALS)
    assert import_source(tmp_path / "opportunities.csv", by=SYSTEM).changed
    assert not Job.objects.exists()


# folders


@pytest.fixture
def offered(imported, ws_with, tmp_path):
    inside = tmp_path / "offered" / "monday"
    inside.mkdir(parents=True)
    (inside / "opportunities.csv").write_text(DEALS.replace("1,Open", "9,Folder deal"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "opportunities.csv").write_text("id,name\nx,Stolen\n")
    ws_with(imports={"folders": [str(tmp_path / "offered")]})
    return tmp_path


def test_a_folder_of_the_server_is_chosen_looked_at_and_imported(offered, client, person):
    client.force_login(person("ops@x.test", "sales-ops"))
    page = client.get("/pipeline/import/").content.decode()
    assert f"<option>{offered / 'offered/monday'}</option>" in page
    sent = client.post("/pipeline/import/upload", {"folder": str(offered / "offered/monday")})
    assert sent.status_code == 302, sent.content
    assert execute(Job.objects.get(kind="crm.preview").pk).status == "done"
    assert "not taken" in client.get(sent.url).content.decode()
    client.post(sent.url, {"do": "import"})
    assert execute(Job.objects.get(kind="crm.import").pk).status == "done"
    assert client.get("/pipeline/deals/9").status_code == 200
    assert (offered / "offered/monday/opportunities.csv").exists()


@pytest.mark.parametrize(
    "path", ["{0}/outside", "{0}/offered/../outside", "{0}/offered/monday/../../outside", "/", "/etc", "", "a\x00b", "{0}/offered/link"]
)
def test_other_folders_are_refused(offered, path):
    (offered / "offered/link").symlink_to(offered / "outside")
    with pytest.raises((Refused, NotFound)):
        previews.from_folder(path.format(offered), by=SYSTEM)
    assert previews.waiting(by=SYSTEM) == []
    assert "link" not in str(previews.server_folders())


def test_a_link_out_of_the_folder_refuses_it(offered):
    (offered / "offered/monday/accounts.csv").symlink_to(offered / "outside/opportunities.csv")
    with pytest.raises(Refused, match="leads out"):
        previews.from_folder(str(offered / "offered/monday"), by=SYSTEM)


def test_a_folder_that_is_not_offered_any_more_is_refused_when_it_is_imported(offered, ws_with):
    batch = previews.from_folder(str(offered / "offered/monday"), by=SYSTEM)
    ws_with(imports={"folders": []})
    assert execute(Job.objects.get(kind="crm.preview").pk).status == "failed"
    with pytest.raises(Refused):
        previews.bring_in(batch, by=SYSTEM)


def test_who_may_not_import_may_not_choose_or_find(offered, client, person):
    batch = previews.from_folder(str(offered / "offered/monday"), by=SYSTEM)
    client.force_login(person("rep@x.test", "rep"))
    for answer in (client.get(f"/pipeline/import/{batch.name}"), client.post("/pipeline/import/upload", {"folder": str(offered / "offered")}),
                   client.post("/pipeline/import/upload", {"files": [SimpleUploadedFile("a.csv", b"x")]})):  # fmt: skip
        assert answer.status_code == 403
    with pytest.raises(Refused):
        previews.from_folder(str(offered / "offered/monday"), by=Actor("r", roles=frozenset({"sales-ops"}), region="EMEA"))
    with pytest.raises(NotFound):
        previews.find("../inbox", by=SYSTEM)


# what is no plain file


def test_what_is_no_file_is_said_or_left_alone(imported, tmp_path, monkeypatch):
    folder = tmp_path / "odd"
    (folder / "users.csv").mkdir(parents=True)
    os.mkfifo(folder / "accounts.csv")
    (folder / "leads.csv").symlink_to(folder / "leads.csv")
    with pytest.raises(NotFound, match="holds no CSV"):
        import_source(folder, by=SYSTEM)
    with pytest.raises(Invalid, match="neither a file nor a folder"):
        import_source(folder / "accounts.csv", by=SYSTEM)
    (folder / "deals.zip").write_bytes(b"PK")
    with pytest.raises(Invalid, match="not a file that can be read") as caught:
        import_source(folder / "deals.zip", by=SYSTEM)
    assert "Unpack" in caught.value.mend
    (folder / "opportunities.csv").write_text(DEALS)
    real = type(folder).open

    def refused(self, *words, **more):
        if self.name == "opportunities.csv":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *words, **more)

    monkeypatch.setattr(type(folder), "open", refused)
    with pytest.raises(Invalid, match="Permission denied"):
        import_source(folder, by=SYSTEM)


def test_columns_that_the_table_does_not_have_are_named(imported, tmp_path):
    (tmp_path / "users.csv").write_text("id,name,,shoe size\nu,U,,9\n")
    with pytest.raises(Invalid, match=r"users.csv has columns that the table users does not: \(no name\), shoe size"):
        import_source(tmp_path / "users.csv", by=SYSTEM)


def test_a_mapping_that_is_proposed_for_odd_headings_is_sound(imported, tmp_path):
    from closedwon.crm.imports import read_mapping
    from closedwon.crm.uploads import propose

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "my deals.csv").write_text('"Deal ""Id""",Na\\me,"two\nlines",Ärger,,\x7f\n1,2,3,4,5,6\n')
    mapping = read_mapping(propose(tmp_path / "in"))
    assert {'Deal "Id"', "Na\\me", "two\nlines", "Ärger", "\x7f"} == set(mapping.map[0].columns.values())


def test_exports_neutralise_formulas(imported, client, person, tmp_path):
    (tmp_path / "opportunities.csv").write_text('id,name,stage\n1,"=HYPERLINK(""http://x"")",1-Discovery\n')
    import_source(tmp_path / "opportunities.csv", by=SYSTEM)
    client.force_login(person("ops@x.test", "sales-ops"))
    answer = client.get("/pipeline/deals/?export=csv")
    told = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
    assert "HYPERLINK" in told
    assert not any(cell.startswith("=") for line in told.splitlines() for cell in line.replace('"', "").split(","))
