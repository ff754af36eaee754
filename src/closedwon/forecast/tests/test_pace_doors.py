"""Pages, API and command line of accuracy, pacing and generation: the same numbers, and nothing for those who may not see."""

import csv
import io
import json
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.forecast.actions.accuracy import COLUMNS, accuracy, hit_deals
from closedwon.forecast.actions.generation import COLUMNS as CREATED
from closedwon.forecast.actions.generation import created_deals, generation
from closedwon.forecast.actions.pacing import COLUMNS as PACE
from closedwon.forecast.actions.pacing import pace_deals, pacing
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
DAY = date(2026, 11, 2)
QUARTERS = {"2026-Q1": 1, "2026-Q2": 4, "2026-Q3": 7}


def states(n, owner, born, won, amount):
    """A deal that is in commit from its birth on, and won, or still open."""
    base = {
        "opportunity_id": f"d{n}", "name": f"Deal {n}", "owner_id": owner, "amount_minor": amount, "currency": "USD", "created_at": born,
        "source": "Web" if n % 2 else "Fair", "is_deleted": False, "is_reconstructed": False,
    }  # fmt: skip
    opened = {
        **base,
        "valid_from": born,
        "valid_until": won or FOREVER,
        "stage": "6-Awaiting Signature",
        "close_date": (won or born).date().replace(day=20),
    }
    if won is None:
        return [opened]
    return [opened, {**base, "valid_from": won, "valid_until": FOREVER, "stage": "Closed Won", "close_date": won.date()}]


@pytest.fixture
def company(ws):
    """Two teams under one leader. In each quarter max's team wins 100 and mia's 200, both in the last month; max calls 80, mia 210, ann 300."""
    apply_defaults(SYSTEM)
    deals, calls, n = [], [], 0
    for label, month in QUARTERS.items():
        for owner, amount in (("bob", 100_00), ("dora", 200_00)):
            n += 1
            deals += states(n, owner, datetime(2026, month, 5, tzinfo=UTC), datetime(2026, month + 2, 15, 12, tzinfo=UTC), amount)
        for seat, amount in (("max", 80_00), ("mia", 210_00), ("ann", 300_00)):
            made = datetime(2026, month, 6 if seat != "mia" else 9, 9, tzinfo=UTC)
            calls += [
                {
                    "position_id": seat, "type": "net_arr", "period": label, "category": category, "amount_minor": amount, "currency": "USD",
                    "as_of_at": made, "user_id": seat,
                }
                for category in ("commit", "most_likely", "best_case")
            ]  # fmt: skip
    deals += states(90, "bob", datetime(2026, 10, 5, tzinfo=UTC), None, 70_00)
    deals += states(91, "dora", datetime(2026, 10, 6, tzinfo=UTC), None, 30_00)
    users = [("ann", None), ("max", "ann"), ("mia", "ann"), ("bob", "max"), ("dora", "mia")]
    quotas = [
        {
            "scope_id": seat, "kind": "annual", "measure": "net_arr", "period_start": date(2026, 10, 1), "since": date(2026, 1, 1), "until": None,
            "period_end": date(2027, 1, 1), "amount_minor": amount, "currency": "USD",
        }
        for seat, amount in (("bob", 100_00), ("dora", 50_00))
    ]  # fmt: skip
    targets = [
        {
            "plan": "operating", "version": 1, "measure": "pipeline_created", "scope_kind": kind, "scope_id": scope, "period_start": date(2026, 10, 1),
            "period_end": date(2027, 1, 1), "amount_minor": amount, "currency": "USD",
        }
        for kind, scope, amount in (("company", "company", 400_00), ("source", "Web", 300_00), ("source", "Fair", 100_00))
    ]  # fmt: skip
    data = {
        "users": [{"id": u, "name": u.capitalize(), "manager_id": m, "active": True} for u, m in users], "deal_states": deals, "quotas": quotas,
        "forecast_calls": calls, "targets": targets,
    }  # fmt: skip
    publish({name: store().replace(name, rows_to_table(rows, table(name).columns)) for name, rows in data.items()})
    return ws


@pytest.fixture
def boss(company, actor):
    return actor("boss@x.test", "executive")


def test_calls_are_held_against_what_came(boss):
    found = accuracy(by=boss, as_of=DAY, periods=3, days=[80, 30, 7])
    lines = {(line.seat, line.period, line.category, line.day_n): line for line in found.lines}
    one = lines["max", "FY26-Q2", "commit", 30]
    assert (one.level, one.call.said, one.actual, one.bases["rollup"].said, one.hits.deals, one.hits.won) == (
        "manager",
        80_00,
        100_00,
        100_00,
        1,
        1,
    )
    assert (one.call.bias, one.bases["rollup"].value_added) == (-0.2, -0.2)
    ann = lines["ann", "FY26-Q2", "commit", 30]
    assert (ann.level, ann.call.said, ann.bases["children"].said, ann.bases["rollup"].said, ann.actual) == (
        "company",
        300_00,
        290_00,
        300_00,
        300_00,
    )
    assert lines["bob", "FY26-Q2", "commit", 30].call is None
    assert lines["mia", "FY26-Q2", "commit", 80].call is not None
    verdicts = {one.seat: one.verdict for one in found.habits}
    assert verdicts == {"ann": "", "max": "sandbags", "mia": ""}
    whole = next(
        line
        for line in found.sums
        if (line.seat, line.period, line.level, line.category, line.day_n) == ("all", "all", "manager", "commit", 30)
    )
    assert (whole.calls, whole.call.off, whole.call.size) == (6, 3 * 30_00, 3 * 300_00)
    assert found.rows()[0].keys() == dict.fromkeys(COLUMNS).keys()
    late = {one.seat: one.late for one in found.late}
    assert late["mia"] >= 1
    page = hit_deals(by=boss, as_of=DAY, period="2026-Q2", day_n=30)
    assert (page.count, page.total_minor, {row["is_won"] for row in page.rows}) == (2, 300_00, {True})


def test_the_run_rate_carries_on_what_was_booked(boss):
    found = accuracy(by=boss, as_of=DAY, periods="2026-Q2", days=[7], category="commit", node="max")
    line = next(line for line in found.lines if line.seat == "max")
    # booked by 23 June: 100; in the 90 days to it: 100; seven days are left
    assert line.bases["run_rate"].said == 100_00 + round(100_00 * 7 / 90)


def test_the_same_day_of_earlier_quarters(boss):
    found = pacing(by=boss, as_of=DAY, period="2026-Q4", quarters=3)
    pace = found.total.pace
    assert (pace.now.open, pace.now.commit, pace.now.booked, pace.now.quota) == (100_00, 100_00, 0, 150_00)
    assert [(one.period, one.open, one.final, one.came) for one in pace.past] == [
        (label, 300_00, 300_00, 300_00) for label in reversed(QUARTERS)
    ]
    assert (pace.won_share.value, pace.won_share.n, pace.required, pace.needed, pace.spare) == (1.0, 3, 1.0, 150_00, -50_00)
    assert found.total.lines["2026-Q3"].months == [0.0, 0.0, 1.0]
    assert found.rows()[0].keys() == dict.fromkeys(PACE).keys()
    page = pace_deals(by=boss, of="2026-Q2", bucket="open", period="2026-Q4", as_of=DAY)
    assert (page.count, page.total_minor) == (2, 300_00)


def test_pipeline_against_its_target(boss):
    found = generation(by=boss, as_of=DAY, period="2026-Q4", quarters=3)
    groups = {group.key: group.made for group in found.groups}
    assert {key: (one.target, one.target_from, one.now.created) for key, one in groups.items()} == {
        "Fair": (100_00, "targets", 70_00), "Web": (300_00, "targets", 30_00), "total": (400_00, "targets", 100_00),
    }  # fmt: skip
    assert (groups["total"].share.value, groups["total"].expected, groups["total"].ahead) == (1.0, 400_00, -300_00)
    owners = {group.key: group.made for group in generation(by=boss, as_of=DAY, period="2026-Q4", by_dim="owner").groups}
    assert (owners["bob"].target, owners["bob"].target_from, owners["bob"].now.created) == (300_00, "quota", 70_00)
    assert found.rows()[0].keys() == dict.fromkeys(CREATED).keys()
    assert created_deals(by=boss, as_of=DAY, period="2026-Q4", group="Web").count == 1


def test_a_manager_sees_the_own_sub_tree_and_a_rep_no_judgment(company, actor):
    manager = actor("max@x.test", "manager", person_id="max")
    found = accuracy(by=manager, as_of=DAY, periods=3, days=[30])
    assert {line.seat for line in found.lines} == {"max", "bob"}
    assert {group.key for group in pacing(by=manager, as_of=DAY, quarters=3).groups} == {"max", "total"}
    assert pacing(by=manager, as_of=DAY, quarters=3).total.pace.now.open == 70_00
    assert generation(by=manager, as_of=DAY).total.made.now.created == 70_00
    assert generation(by=manager, as_of=DAY).total.made.target == 300_00
    assert created_deals(by=manager, as_of=DAY).count == 1
    assert hit_deals(by=manager, as_of=DAY, period="2026-Q2", day_n=30).count == 1
    for asked in (
        lambda: accuracy(by=manager, as_of=DAY, node="mia"),
        lambda: pacing(by=manager, as_of=DAY, node="ann"),
        lambda: generation(by=manager, as_of=DAY, node="mia"),
        lambda: hit_deals(by=manager, as_of=DAY, period="2026-Q2", day_n=30, node="mia"),
        lambda: created_deals(by=manager, as_of=DAY, by_dim="owner", group="dora"),
        lambda: pace_deals(by=manager, as_of=DAY, of="2026-Q2", bucket="open", node="mia"),
    ):
        with pytest.raises(NotFound):
            asked()
    rep = actor("bob@x.test", "rep", person_id="bob")
    found = accuracy(by=rep, as_of=DAY, periods=3, days=[30])
    assert {line.seat for line in found.lines} == {"bob"}
    assert not found.has_calls
    assert found.notes
    assert not found.late
    nobody = actor("comp@x.test", "comp-admin")
    for asked in (
        lambda: accuracy(by=nobody),
        lambda: pacing(by=nobody),
        lambda: generation(by=nobody),
        lambda: hit_deals(by=nobody, period="2026-Q2", day_n=30),
        lambda: created_deals(by=nobody),
        lambda: pace_deals(by=nobody, of="2026-Q2", bucket="open"),
    ):
        with pytest.raises(Refused):
            asked()


def test_a_call_published_later_is_seen_at_once(boss):
    before = accuracy(by=boss, as_of=DAY, periods="2026-Q2", days=[30], category="commit", node="bob")
    assert not before.has_calls
    rows = store().read("forecast_calls").to_pylist()
    rows.append(
        {
            **rows[0],
            "position_id": "bob",
            "type": "net-new-arr",
            "period": "2026-Q2",
            "category": "commit",
            "as_of_at": datetime(2026, 5, 4, tzinfo=UTC),
            "amount_minor": 95_00,
        }
    )
    publish({"forecast_calls": store().replace("forecast_calls", rows_to_table(rows, table("forecast_calls").columns))})
    after = accuracy(by=boss, as_of=DAY, periods="2026-Q2", days=[30], category="commit", node="bob")
    assert after.lines[0].call.said == 95_00


def test_bad_words_say_how_to_mend_them(boss):
    for ask in (
        lambda: accuracy(by=boss, periods="Q9"),
        lambda: accuracy(by=boss, periods=99),
        lambda: accuracy(by=boss, as_of=DAY, periods="2026-Q4"),
        lambda: accuracy(by=boss, level="king"),
        lambda: accuracy(by=boss, category="hope"),
        lambda: accuracy(by=boss, days=[-3]),
        lambda: pacing(by=boss, period="all"),
        lambda: pacing(by=boss, by_dim="colour"),
        lambda: pacing(by=boss, quarters=99),
        lambda: generation(by=boss, by_dim="colour"),
        lambda: generation(by=boss, period="all"),
    ):
        with pytest.raises(Invalid) as told:
            ask()
        assert told.value.mend


def test_the_command_line_and_the_api_give_what_the_actions_give(company, person, client):
    from closedwon.site.cli import app

    def ask(*words):
        return (
            CliRunner()
            .invoke(app, ["--workspace", str(company.path), "forecast", *words, "--as-of", "2026-11-02"], catch_exceptions=False)
            .stdout
        )

    rows = list(csv.DictReader(io.StringIO(ask("accuracy", "--periods", "3", "--days", "30,7", "--format", "csv"))))
    assert tuple(rows[0]) == COLUMNS
    one = next(row for row in rows if (row["seat"], row["period"], row["category"], row["day_n"]) == ("max", "FY26-Q2", "commit", "30"))
    assert (one["call"], one["rollup"], one["actual"], one["bias"], one["fva"], one["hit_rate"]) == (
        "80.00",
        "100.00",
        "100.00",
        "-0.2000",
        "-0.2000",
        "1.0000",
    )
    assert "sandbags" in ask("accuracy", "--periods", "3")
    pace = list(csv.DictReader(io.StringIO(ask("pacing", "--period", "2026-Q4", "--format", "csv"))))
    assert tuple(pace[0]) == PACE
    assert next(row for row in pace if row["group"] == "total" and row["kind"] == "now")["required_coverage"] == "1.0000"
    created = json.loads(ask("generation", "--period", "2026-Q4", "--by", "source", "--format", "json"))
    assert created["rows"][0]["target"] == "100.00"
    for command in ("accuracy", "pacing", "generation"):
        assert ask(command)

    client.force_login(person("max@x.test", "manager", person_id="max"))
    base = "/api/v1/forecast"
    told = client.get(f"{base}/accuracy?as_of=2026-11-02&periods=3&days=30").json()
    assert {row["seat"] for row in told["rows"]} == {"max", "bob", "all"}
    assert told["habits"][0]["verdict"] == "sandbags"
    told = client.get(f"{base}/pacing?as_of=2026-11-02&period=2026-Q4").json()
    assert told["rows"][0]["group"] == "max"
    assert "yield" in told["rows"][0]
    assert client.get(f"{base}/generation?as_of=2026-11-02").json()["rows"][0]["created"] == "70.00"
    assert client.get(f"{base}/pacing?node=mia").status_code == 404
    assert client.get(f"{base}/accuracy?days=x").status_code == 422
    client.force_login(person("comp@x.test", "comp-admin"))
    for url in ("accuracy", "pacing", "generation"):
        assert client.get(f"{base}/{url}").status_code == 403


PAGES = [
    "accuracy", "accuracy?category=commit", "accuracy/seat?seat=max", "accuracy/deals?period=2026-Q2&category=commit", "accuracy?export=csv", "pacing",
    "pacing?by=source", "pacing?by=rep", "pacing/group?group=max", "pacing/deals?of=2026-Q2&bucket=open", "pacing?export=csv", "generation",
    "generation?by=owner", "generation?by=manager", "generation/deals?group=total", "generation/deals?group=bob&by=owner", "generation?export=csv",
]  # fmt: skip


def url(page):
    return f"/forecast/{page}{'&' if '?' in page else '?'}as_of=2026-11-02"


def said(answer):
    return b"".join(answer).decode() if answer.streaming else answer.content.decode()


def test_every_page_answers_and_shows_nothing_of_others(company, person, client):
    client.force_login(person("boss@x.test", "executive"))
    for page in PAGES:
        answer = client.get(url(page))
        assert answer.status_code == 200, page
        assert "None" not in said(answer), page
    text = said(client.get(url("accuracy")))
    for words in ("Who calls too low", "Max (Max) sandbags: calls 20", "How it is measured", "WAPE", "Commit won"):
        assert words in text, words
    assert "Of the pipeline open on this day" in said(client.get(url("pacing")))
    assert "behind the pace of the target" in said(client.get(url("generation")))
    for page, status in (
        ("accuracy?category=hope", 422),
        ("accuracy/seat?seat=nobody", 404),
        ("pacing?by=colour", 422),
        ("pacing/group?group=x", 404),
    ):
        assert client.get(url(page)).status_code == status, page
    client.force_login(person("max@x.test", "manager", person_id="max"))
    for page in PAGES:
        answer = client.get(url(page))
        assert answer.status_code in (200, 404), page
        text = said(answer)
        assert "Deal 2" not in text, page
        assert "Dora" not in text, page
        assert "Mia" not in text, page
    client.force_login(person("bob@x.test", "rep", person_id="bob"))
    text = said(client.get(url("accuracy")))
    assert "Nobody whom you see called" in text
    assert "sandbags" not in text
    client.force_login(person("comp@x.test", "comp-admin"))
    for page in PAGES:
        assert client.get(url(page)).status_code == 403, page
