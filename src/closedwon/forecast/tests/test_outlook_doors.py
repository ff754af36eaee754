"""Renewals, scenarios and the close room on a generated company: planted situations, the same numbers through each door, and who may see what."""

import csv
import io
import json
from datetime import date
from decimal import Decimal

import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from typer.testing import CliRunner

from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.forecast.actions import closing, scenarios
from closedwon.forecast.actions.backtest import backtest
from closedwon.forecast.actions.projection import projection
from closedwon.forecast.actions.renewals import contracts_behind, renewals
from closedwon.forecast.renewals.decide import SUMS
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

TODAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from closedwon.generate.company import generate
    from closedwon.generate.settings import load

    out = tmp_path_factory.mktemp("company")
    generate(load(None, opportunities=1500, reps=40, years=3, as_of=TODAY), out)
    return out


@pytest.fixture
def company(ws_with, folder):
    from closedwon.crm.actions import import_source
    from closedwon.people.acting import cli_actor

    ws = ws_with(calendar={"start_month": 2}, time_zone="America/Los_Angeles")
    apply_defaults(SYSTEM)
    import_source(folder, by=cli_actor())
    return ws


def planted(folder):
    return {row["situation"]: row["id"] for row in pq.read_table(folder / "truth_situations.parquet").to_pylist()}


def money(text):
    return Decimal(text)


def rep_of(folder):
    """Somebody who owns open deals and manages nobody, and an open deal of somebody else."""
    deals = [
        row
        for row in pq.read_table(folder / "opportunities.parquet").to_pylist()
        if not row["is_closed"] and row["order_type"] == "new logo"
    ]
    splits = {row["opportunity_id"] for row in pq.read_table(folder / "opportunity_splits.parquet").to_pylist()}
    holders = {row["user_id"] for row in pq.read_table(folder / "position_holders.parquet").to_pylist() if row["until"] is None}
    kinds = {row["id"]: row["kind"] for row in pq.read_table(folder / "positions.parquet").to_pylist()}
    seats = {
        row["user_id"]: kinds[row["position_id"]]
        for row in pq.read_table(folder / "position_holders.parquet").to_pylist()
        if row["until"] is None
    }
    own = next(row for row in deals if row["owner_id"] in holders and seats[row["owner_id"]] == "rep" and row["id"] not in splits)
    other = next(row for row in deals if row["owner_id"] != own["owner_id"] and row["region"] != own["region"] and row["id"] not in splits)
    return own["owner_id"], own["id"], other["id"]


def test_what_is_to_come(company, folder, actor):
    boss = actor("boss@x.test", "executive")
    renewals_add_up_and_the_planted_ones_are_where_they_belong(folder, boss)
    the_projection_has_renewals_beside_new_business_and_both_together(boss)
    scenarios_are_kept_within_what_their_owner_sees(folder, boss, actor)


def renewals_add_up_and_the_planted_ones_are_where_they_belong(folder, boss):
    found = renewals(by=boss, by_dim="segment", ahead=4)
    for row in found.rows():
        assert money(row["atr"]) == sum(money(row[name]) for name in SUMS if name != "atr"), row
    for label, total in found.totals.items():
        groups = [sums for (period, _), sums in found.groups.items() if period == label]
        assert {name: sum(one[name] for one in groups) for name in total.amounts} == total.amounts
    told = planted(folder)
    last = {one.row["contract_id"]: one for one in contracts_behind(by=boss, period="FY27-Q3", take=1000).rows}
    by_deal = {one.row["opportunity_id"]: one for one in last.values()}
    late = by_deal[told["renewal 40 days late"]]
    assert (late.outcome, (late.decided_on - late.row["end_date"]).days) == ("late", 40)
    assert last[told["auto-renewed with no opportunity"]].outcome == "auto_renewed"
    flat = next(one for one in last.values() if one.row["account_name"] == "Ironwood Staffing Corp.")
    assert (flat.outcome, flat.downgraded_minor) == ("on_time", 16_000_00)
    ahead = {one.row["opportunity_id"]: one for one in contracts_behind(by=boss, period="FY28-Q1", part="early", take=1000).rows}
    assert ahead[told["early renewal with upsell"]].uplift_minor > 0
    assert found.evergreen == 1
    # before it was won, the early one was open: what came later does not show
    then = {
        one.row["opportunity_id"]: one.outcome for one in contracts_behind(by=boss, period="FY28-Q1", as_of="2026-10-31", take=1000).rows
    }
    assert then[told["early renewal with upsell"]] == "open"
    with pytest.raises(Invalid, match="grouped"):
        renewals(by=boss, by_dim="colour")


def the_projection_has_renewals_beside_new_business_and_both_together(boss):
    found = projection(by=boss, period="FY27-Q4")
    part = found.renewals
    assert part.atr == renewals(by=boss, period="FY27-Q4", ahead=0).totals["FY27-Q4"]["atr"]
    assert part.low < part.median < part.high
    assert found.joint_expected == found.total + part.expected
    assert found.joint.low < found.joint.median < found.joint.high
    assert found.joint.high - found.joint.low >= found.high - found.low
    alone = projection(by=boss, period="FY27-Q4", type="renewals")
    assert (alone.closed, alone.open, alone.median) == (part.kept, part.expected_open, part.median)
    looks = backtest(by=boss, days=[date(2026, 1, 31), date(2026, 4, 30), date(2026, 6, 30)], type="renewals")
    assert looks.wape("projection") < 0.25
    assert len(looks.looks) == 3


def scenarios_are_kept_within_what_their_owner_sees(folder, boss, actor):
    from closedwon.audit.models import Entry

    person, own, other = rep_of(folder)
    rep = actor("rep@x.test", "rep", person_id=person)
    found = scenarios.compare(
        by=boss, changes=[{"kind": "remove", "subject": "biggest"}, {"kind": "conversion", "factor": "110%"}], period="FY27-Q4"
    )
    assert [one.label for one in found.horizons] == ["FY27-Q4", "FY27"]
    for one in found.horizons:
        assert sum(cause.difference for cause in one.causes) == one.difference
        assert one.causes[0].difference < 0 < one.causes[1].difference
    base = projection(by=boss, period="FY27-Q4")
    assert abs(found.horizons[0].base.expected - base.joint_expected) <= 2
    same = scenarios.compare(by=boss, changes=[], period="FY27-Q4").horizons[0]
    assert same.base == same.scenario

    entries = Entry.objects.count()
    for changes in ([{"kind": "remove", "subject": other}], [{"kind": "remove", "subject": "nowhere"}]):
        with pytest.raises(NotFound, match="may not see"):
            scenarios.save(by=rep, name="x", changes=changes)
    assert Entry.objects.count() == entries
    mine = scenarios.save(by=rep, name="Mine", changes=[{"kind": "remove", "subject": own}])
    assert scenarios.run_stored(mine.pk, by=rep).changes
    assert [one.name for one in scenarios.scenarios(by=boss)] == []
    with pytest.raises(NotFound):
        scenarios.run_stored(mine.pk, by=boss)
    shared = scenarios.save(
        by=boss, name="Ours", changes=[{"kind": "remove", "subject": other}, {"kind": "new_business", "factor": "50%"}], shared=True
    )
    seen = scenarios.run_stored(shared.pk, by=rep)
    assert [one.kind for one in seen.changes] == ["new_business"]
    assert "may not see" in seen.notes[0]
    assert [one["kind"] for one in scenarios.shown_changes(shared, by=rep)] == ["new_business"]
    with pytest.raises(Refused):
        scenarios.remove(shared.pk, by=rep)
    scenarios.remove(shared.pk, by=boss)
    assert {entry.verb for entry in Entry.objects.all()} >= {"forecast.scenario_made", "forecast.scenario_removed"}


def test_the_close_finds_every_planted_difference(company, folder, actor, tmp_path):
    boss = actor("boss@x.test", "finance")
    told = planted(folder)
    found = closing.close_room(by=boss, period="FY27-Q3")
    assert found.locked_at is not None
    causes = {one.order_id: one.cause for one in found.tie.differences if one.side == "finance"}
    for situation, cause in (
        ("finance misses an order", "missing in finance"), ("finance has another amount", "amount in finance"), ("finance has an order twice", "duplicate in finance"),
        ("finance dates an order into the next quarter", "another period in finance"), ("finance took another rate", "rate"),
        ("finance has an order that nobody booked", "only in finance"),
    ):  # fmt: skip
        assert causes[told[situation]] == cause, situation
    assert set(causes.values()) == {
        "missing in finance",
        "amount in finance",
        "duplicate in finance",
        "another period in finance",
        "rate",
        "only in finance",
    }
    sums = {side: sum(one.amount_minor for one in found.tie.differences if one.side == side) for side in ("crm", "finance")}
    assert (found.tie.crm + sums["crm"], found.tie.booked + sums["finance"]) == (found.tie.booked, found.tie.finance)
    assert [(one.cause, one.opportunity_id) for one in found.late] == [
        ("after the lock", told["signed at 23:40 Pacific on the last day, booked two days later and back-dated"])
    ]
    now = {one.row["opportunity_id"]: one.state for one in closing.close_room(by=boss, period="FY27-Q4").deals}
    assert now[told["a deal won without an order"]] == "signed"
    for situation, state in (("in the booking check", "in_check"), ("sent back by the booking check", "rejected")):
        if situation in told:
            assert now[told[situation]] == state
    restated, _ = closing.restatements(by=boss)
    by_period = {one.period: one for one in restated}
    assert [(one.side, one.cause) for one in by_period["FY27-Q3"].changes] == [("crm", "won after the lock"), ("booked", "late order")]
    assert [(one.side, one.cause) for one in by_period["FY27-Q2"].changes] == [("booked", "debook")]
    for one in restated:
        assert one.booked_then + sum(change.amount_minor for change in one.changes if change.side == "booked") == one.booked_now
    file = tmp_path / "finance.csv"
    file.write_text("order_id,amount\nNOBODY,5.00\n", encoding="utf-8")
    assert closing.close_room(by=boss, period="FY27-Q3", finance=file).tie.finance == 5_00
    person, _, _ = rep_of(folder)
    rep = actor("rep@x.test", "rep", person_id=person)
    seen = closing.close_room(by=rep, period="FY27-Q3")
    assert seen.tie is None
    assert len(seen.deals) < len(found.deals)
    with pytest.raises(Refused, match="whole company"):
        closing.close_room(by=rep, period="FY27-Q3", finance=file)
    assert all(row["section"] in ("state", "late") for row in seen.rows())


def test_every_door_shows_it_and_hides_it(company, folder, person, client, monkeypatch):
    from closedwon.site.cli import app

    boss = person("boss@x.test", "executive")
    owner, own, other = rep_of(folder)
    rep, nobody = person("rep@x.test", "rep", person_id=owner), person("pay@x.test", "comp-admin")
    pages = {
        "/forecast/renewals": "Contracts at risk", "/forecast/renewals/contracts?part=churned&of=FY27-Q3": "Which contracts",
        "/forecast/scenarios?c=remove:biggest&c=hire:3@2026-12-01": "Side by side", "/forecast/close?period=FY27-Q3": "Signed deals",
        "/forecast/close/restatements": "Locked periods", "/forecast/projection": "New business and renewals", "/forecast/projection?type=renewals": "Available to renew",
    }  # fmt: skip
    for user, status in ((boss, 200), (rep, 200), (nobody, 403)):
        client.force_login(user)
        for url, words in pages.items():
            answer = client.get(url)
            assert answer.status_code == status, (user.email, url, answer.status_code)
            if user is boss:
                assert words in answer.content.decode(), url
    client.force_login(rep)
    assert client.get(f"/forecast/scenarios?c=remove:{other}").status_code == 404
    assert "Finance file" not in client.get("/forecast/close?period=FY27-Q3").content.decode()
    assert "How often contracts like these" not in client.get("/forecast/projection").content.decode()
    kept = client.post("/forecast/scenarios/store", {"name": "Mine", "c": [f"remove:{own}"]})
    assert kept.status_code == 302
    assert "Mine" in client.get("/forecast/scenarios").content.decode()
    client.force_login(boss)
    assert "Mine" not in client.get("/forecast/scenarios").content.decode()
    posted = client.post("/forecast/close?period=FY27-Q3", {"file": SimpleUploadedFile("f.csv", b"order_id,amount\nX,12.00\n")})
    assert "only in finance" in posted.content.decode().lower()
    assert client.post("/forecast/close?period=FY27-Q3", {"file": SimpleUploadedFile("f.exe", b"x")}).status_code == 422

    told = client.get("/api/v1/forecast/renewals?ahead=0&period=FY27-Q3").json()
    assert told[-1]["group"] == "total"
    runner = CliRunner()
    monkeypatch.setenv("CLOSEDWON_WORKSPACE", str(company.path))

    def run(*words):
        made = runner.invoke(app, ["--workspace", str(company.path), "forecast", *words])
        assert made.exit_code == 0, made.output
        return made.stdout

    shown = list(csv.DictReader(io.StringIO(run("renewals", "--period", "FY27-Q3", "--ahead", "0", "--format", "csv"))))
    assert shown[-1]["atr"] == told[-1]["atr"]
    room = client.get("/api/v1/forecast/close?period=FY27-Q3").json()
    lines = list(csv.DictReader(io.StringIO(run("close", "--period", "FY27-Q3", "--format", "csv"))))
    assert [(row["section"], row["item"], row["amount"]) for row in room["rows"]] == [
        (row["section"], row["item"], row["amount"]) for row in lines
    ]
    asked = client.post(
        "/api/v1/forecast/scenario",
        json.dumps({"changes": [{"kind": "remove", "subject": "biggest"}], "period": "FY27-Q4"}),
        content_type="application/json",
    ).json()
    rows = list(csv.DictReader(io.StringIO(run("scenario", "--lose-biggest", "--period", "FY27-Q4", "--format", "csv"))))
    assert [row["expected"] for row in asked["rows"]] == [row["expected"] for row in rows]
    changed = client.get("/api/v1/forecast/restatements").json()
    assert [row["amount"] for row in changed] == [
        row["amount"] for row in csv.DictReader(io.StringIO(run("restatements", "--format", "csv")))
    ]
    contracts = client.get("/api/v1/forecast/contracts?part=open_at_risk&period=FY27-Q4").json()
    assert contracts["count"] >= len(contracts["rows"]) > 0
