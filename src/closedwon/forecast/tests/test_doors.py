"""Pages, API and command line: the same numbers through each door, and nothing for those who may not see."""

import csv
import io
import json
import re
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner

from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.forecast import rules
from closedwon.forecast.actions import bar_deals, board, deals_behind, inspection, roll_up, waterfall
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

AT = datetime(2026, 10, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
DAY = date(2026, 11, 2)


def deal(n, owner, stage, amount, closes, **more):
    return {
        "opportunity_id": f"d{n}",
        "valid_from": AT,
        "valid_until": FOREVER,
        "name": f"Deal {n}",
        "owner_id": owner,
        "stage": stage,
        "amount_minor": amount,
        "currency": "USD",
        "close_date": closes,
        "created_at": AT,
        "is_deleted": False,
        "is_reconstructed": False,
        **more,
    }


@pytest.fixture
def company(ws):
    """Two teams under one leader; dora's deals are in the other team than bob's."""
    apply_defaults(SYSTEM)
    users = [("ann", None), ("max", "ann"), ("mia", "ann"), ("bob", "max"), ("dora", "mia")]
    deals = [
        deal(1, "bob", "6-Awaiting Signature", 100_00, date(2026, 12, 1)),
        deal(2, "bob", "Closed Won", 40_00, date(2026, 10, 20), is_closed=True, is_won=True),
        deal(3, "dora", "1-Discovery", 70_00, date(2026, 10, 15), next_step="Call"),
        deal(4, "dora", "5-Negotiating", 30_00, None),
        deal(5, "stranger", "1-Discovery", 5_00, date(2026, 11, 30), name='=HYPERLINK("x")'),
    ]
    quotas = [
        {
            "scope_id": "bob",
            "kind": "annual",
            "measure": "net_arr",
            "period_start": date(2026, 10, 1),
            "since": date(2026, 1, 1),
            "until": None,
            "period_end": date(2027, 1, 1),
            "amount_minor": 200_00,
            "currency": "USD",
        }
    ]
    data = {
        "users": [{"id": u, "name": u.capitalize(), "manager_id": m, "active": True} for u, m in users],
        "deal_states": deals,
        "quotas": quotas,
    }
    publish({name: store().replace(name, rows_to_table(rows, table(name).columns)) for name, rows in data.items()})
    return ws


@pytest.fixture
def boss(company, actor):
    return actor("boss@x.test", "executive")


def test_the_numbers_of_the_tree(boss):
    found = roll_up(by=boss, as_of=DAY, period="2026-Q4")
    lines = {line.node: line for line in found.lines}
    assert [(n, lines[n].parent) for n in lines] == [("ann", ""), ("max", "ann"), ("mia", "ann"), ("unassigned", "")]
    assert lines["max"]["commit"] == 100_00
    assert lines["max"]["closed"] == 40_00
    assert lines["max"].quota == lines["ann"].quota == 200_00
    assert lines["mia"]["undated"] == 30_00
    assert found.total["total_open"] == 205_00
    assert found.total["pipeline"] == 75_00
    assert lines["max"].gap == 60_00
    assert lines["max"].cumulative("commit") == 140_00
    assert lines["max"]["machine"] == 40_00 + 90_00


def test_a_manager_sees_the_own_sub_tree_and_a_rep_the_own_seat(company, actor):
    manager = actor("max@x.test", "manager", person_id="max")
    found = roll_up(by=manager, as_of=DAY, period="2026-Q4")
    assert [line.node for line in found.lines] == ["max"]
    assert found.lines[0].parent == ""
    assert found.total["total_open"] == 100_00
    for asked in (
        lambda: roll_up(by=manager, node="mia", as_of=DAY),
        lambda: deals_behind(by=manager, buckets=["pipeline"], node="mia", as_of=DAY),
        lambda: bar_deals(by=manager, begin=AT, end=DAY, bucket="end", node="mia"),
        lambda: board(by=manager, node="dora"),
        lambda: inspection(by=manager, node="ann"),
        lambda: waterfall(by=manager, begin=AT, node="mia"),
    ):
        with pytest.raises(NotFound):
            asked()
    for by_dim in ("rep", "region", "type"):
        assert roll_up(by=manager, as_of=DAY, period="2026-Q4", by_dim=by_dim).total["total_open"] == 100_00
    assert {
        row["opportunity_id"]
        for row in deals_behind(by=manager, buckets=["commit", "pipeline", "undated"], as_of=DAY, period="2026-Q4").rows
    } == {"d1"}
    rep = actor("dora@x.test", "rep", person_id="dora")
    assert [line.node for line in roll_up(by=rep, as_of=DAY, period="2026-Q4").lines] == ["dora"]
    fall = waterfall(by=rep, begin=date(2026, 9, 1), end=DAY, period="all")
    assert fall.total["new"] == 100_00


def test_who_has_no_deals_in_sight_is_refused(company, actor):
    nobody = actor("comp@x.test", "comp-admin")
    for asked in (
        lambda: roll_up(by=nobody),
        lambda: waterfall(by=nobody, begin=AT),
        lambda: board(by=nobody),
        lambda: inspection(by=nobody),
        lambda: deals_behind(by=nobody, buckets=["commit"]),
        lambda: bar_deals(by=nobody, begin=AT, bucket="end"),
    ):
        with pytest.raises(Refused):
            asked()


def test_bad_words_say_how_to_mend_them(boss):
    for words in (
        {"period": "Q4"},
        {"by_dim": "colour"},
        {"org": "x"},
        {"rates": "x"},
        {"type": "x"},
        {"as_of": "31/02/2026"},
        {"currency": "XXX"},
    ):
        with pytest.raises(Invalid) as told:
            roll_up(by=boss, **words)
        assert told.value.message
    with pytest.raises(Invalid):
        waterfall(by=boss, begin=date(2026, 11, 9), end=DAY)
    with pytest.raises(Invalid):
        bar_deals(by=boss, begin=AT, bucket="nothing")


def test_flags_and_their_reasons(boss):
    page = inspection(by=boss, as_of=DAY, period="2026-Q4")
    raised = {row["opportunity_id"]: [flag.label for flag in row["flags"]] for row in page.rows}
    assert raised["d3"] == ["close date passed"]
    assert raised["d1"] == ["no next step"]
    reason = next(flag for row in page.rows for flag in row["flags"] if flag.name == "past_close_date").reason
    assert reason == "The close date passed 18 days ago and the deal is still open."


def test_the_command_line_prints_what_the_action_gives(company, monkeypatch):
    from closedwon.site.cli import app

    def ask(*words):
        return CliRunner().invoke(app, ["--workspace", str(company.path), *words], catch_exceptions=False)

    made = ask("forecast", "show", "--as-of", "2026-11-02", "--period", "2026-Q4", "--by", "manager", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(made.stdout)))
    assert [row["node"] for row in rows] == ["ann", "max", "mia", "unassigned", "total"]
    assert rows[1]["quota"] == "200.00"
    assert rows[2]["quota"] == ""
    assert rows[-1]["total_open"] == "205.00"
    told = json.loads(ask("forecast", "show", "--as-of", "2026-11-02", "--period", "2026-Q4", "--format", "json").stdout)
    assert told["rows"][1]["commit"] == "100.00"
    assert told["rows"][2]["quota"] is None
    assert told["as_of"] == "2026-11-02"
    fall = ask(
        "pipeline", "waterfall", "--from", "2026-09-01", "--to", "2026-11-02", "--period", "2026-Q4", "--by", "manager", "--format", "csv"
    ).stdout
    head, *lines = fall.splitlines()
    assert head == f"node,name,parent,{','.join(rules.BUCKETS)}"
    assert lines[-1] == "total,Total,,0.00,215.00,0.00,0.00,0.00,0.00,0.00,0.00,40.00,0.00,0.00,0.00,0.00,175.00"
    assert "Deal 1" in ask("forecast", "deals", "--as-of", "2026-11-02", "--period", "2026-Q4").stdout
    assert (
        "'=HYPERLINK"
        in ask("forecast", "deals", "--bucket", "pipeline", "--as-of", "2026-11-02", "--period", "2026-Q4", "--format", "csv").stdout
    )
    assert "close date passed" in ask("forecast", "inspect", "--as-of", "2026-11-02", "--format", "csv").stdout
    assert (
        "Deal 2" in ask("pipeline", "deals", "--from", "2026-09-01", "--to", "2026-11-02", "--period", "2026-Q4", "--bucket", "won").stdout
    )


PAGES = [
    "/forecast/",
    "/forecast/?mode=single&type=amount",
    "/forecast/?scope=max",
    "/forecast/?period=all",
    "/forecast/moves",
    "/forecast/talk",
    "/forecast/open",
    "/forecast/number?bucket=commit",
    "/forecast/number?bucket=quota",
    "/forecast/waterfall",
    "/forecast/waterfall?begin=2026-09-01&scope=max",
    "/forecast/waterfall/bar?bucket=new&begin=2026-09-01",
    "/forecast/deals",
    "/forecast/deals?flag=past_close_date",
]
AS_OF = "as_of=2026-11-02"


def with_day(url):
    return f"{url}{'&' if '?' in url else '?'}{AS_OF}"


def test_every_page_answers(company, person, client):
    client.force_login(person("boss@x.test", "executive"))
    for url in PAGES:
        answer = client.get(with_day(url))
        assert answer.status_code == 200, url
        assert "None" not in answer.content.decode(), url
    text = client.get(with_day("/forecast/")).content.decode()
    for words in ("Gap to quota", "Machine", "stage-weighted", "By seat", "This period and the next two", "Week 5 of 14"):
        assert words in text, words
    assert client.get(with_day("/forecast/number?bucket=nothing")).status_code == 404
    assert client.get(with_day("/forecast/?mode=nothing")).status_code == 422
    assert client.get(with_day("/forecast/?scope=nobody")).status_code == 404
    export = client.get(with_day("/forecast/?export=board.csv"))
    assert "Ann" in b"".join(export).decode()


def test_tables_have_whole_units_and_their_exports_every_cent(company, person, client):
    client.force_login(person("boss@x.test", "executive"))
    for url in ("/forecast/?", "/forecast/deals?", "/pipeline/deals/?"):
        page = client.get(with_day(url) if url.startswith("/forecast") else url).content.decode()
        assert re.search(r">\s*[\d,]*\d\s*<", page), url
        assert not re.findall(r">[^<]*\d\.\d\d(?=\s*</t[dh]|\s*</a|\s*</span)", page), url
    listed = b"".join(client.get("/pipeline/deals/?export=csv").streaming_content).decode()
    assert "100.00" in listed


def test_pages_show_nothing_of_others(company, person, client):
    client.force_login(person("max@x.test", "manager", person_id="max"))
    for url in PAGES:
        answer = client.get(with_day(url))
        text = answer.content.decode()
        assert answer.status_code in (200, 404), url
        assert "Deal 3" not in text, url
        assert "dora" not in text.lower(), url
    client.force_login(person("comp@x.test", "comp-admin"))
    for url in PAGES:
        assert client.get(with_day(url)).status_code == 403, url


def test_the_api_gives_the_same_and_refuses_the_same(company, person, client):
    client.force_login(person("max@x.test", "manager", person_id="max"))
    base = "/api/v1/forecast"
    told = client.get(f"{base}/show?{AS_OF}&period=2026-Q4").json()
    assert [row["node"] for row in told["rows"]] == ["max", "total"]
    assert told["rows"][0]["commit"] == "100.00"
    fall = client.get(f"{base}/waterfall?from=2026-09-01&to=2026-11-02&period=2026-Q4").json()
    assert (fall["from"], fall["rows"][-1]["new"]) == ("2026-09-01", "140.00")
    assert client.get(f"{base}/deals?{AS_OF}&period=2026-Q4&bucket=commit").json()["rows"][0]["amount"] == "100.00"
    assert client.get(f"{base}/waterfall/deals?from=2026-09-01&to=2026-11-02&period=2026-Q4&bucket=won").json()["count"] == 1
    assert client.get(f"{base}/inspection?{AS_OF}").json()["rows"][0]["flags"]
    assert client.get(f"{base}/types").json()[0]["name"] == "net-new-arr"
    assert client.get(f"{base}/show?{AS_OF}&node=mia").status_code == 404
    assert client.get(f"{base}/show?period=nonsense").status_code == 422
    client.force_login(person("comp@x.test", "comp-admin"))
    for url in ("show", "waterfall?from=2026-09-01", "deals", "waterfall/deals?from=2026-09-01&bucket=won", "inspection"):
        assert client.get(f"{base}/{url}").status_code == 403, url
    client.logout()
    assert client.get(f"{base}/show").status_code == 401


def test_without_facts_the_page_says_what_to_do(ws, person, client):
    apply_defaults(SYSTEM)
    client.force_login(person("boss@x.test", "executive"))
    answer = client.get("/forecast/")
    assert answer.status_code == 503
    assert "closedwon import" in answer.content.decode()


def test_a_part_of_the_board_opened_by_itself_leads_to_the_board(company, person, client):
    client.force_login(person("boss@x.test", "executive"))
    alone = client.get("/forecast/open?scope=max&cols=name", headers={"Sec-Fetch-Dest": "document"})
    assert (alone.status_code, alone.url) == (302, "/forecast/?scope=max&cols=name")
    assert client.get("/forecast/open?export=csv", headers={"Sec-Fetch-Dest": "document"}).status_code == 200
    assert client.get("/forecast/open", headers={"Sec-Fetch-Dest": "empty"}).status_code == 200
