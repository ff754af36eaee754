"""The doors of the funnel: what each role sees, what is refused, and what bad input says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from closedwon.base.errors import Invalid, NotFound
from closedwon.base.tables import Column, table
from closedwon.crm.actions import refresh
from closedwon.crm.funnel import actions, reading
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.people.actor import SYSTEM
from closedwon.people.facts import publish_rows
from closedwon.policies.actions import apply_defaults

BORN = datetime(2026, 1, 5, tzinfo=UTC)


def deal(name, owner, ending="", **more):
    row = {"id": name, "name": f"Deal {name}", "owner_id": owner, "stage": ending or "1-Discovery", "amount_minor": 10_000, "currency": "USD", "created_at": BORN,
           "close_date": date(2026, 2, 10), "account_id": "a", "region": "EMEA", **more}  # fmt: skip
    at = BORN + timedelta(days=20)
    changes = [{"id": name, "at": at, "field": "stage", "seq": 0, "old_value": "1-Discovery", "new_value": ending}] if ending else []
    return row, changes


@pytest.fixture
def company(ws):
    apply_defaults(by=SYSTEM)
    made = [
        deal("d1", "rep1", "Closed Won", x_channel="web"),
        deal("d2", "rep1", "8-Closed Lost", x_channel="web"),
        deal("d3", "rep2", "Closed Won"),
        deal("d4", "rep2"),
    ]
    users = [{"id": "boss", "name": "Bea Boss"}, *({"id": name, "name": name.title(), "manager_id": "boss"} for name in ("rep1", "rep2"))]
    leads = [
        {"id": "l1", "created_at": BORN, "owner_id": "rep1", "source": "Event", "status": "converted", "converted_at": BORN + timedelta(days=3), "opportunity_id": "d1",
         "first_response_at": BORN + timedelta(hours=5)},
        {"id": "l2", "created_at": BORN, "owner_id": "rep2", "source": "Event", "status": "disqualified", "first_response_at": BORN + timedelta(hours=40)},
        {"id": "l3", "created_at": BORN, "owner_id": "rep2", "source": "Web", "status": "new"},
    ]  # fmt: skip
    publish_rows(
        {"opportunities": [row for row, _ in made], "opportunity_changes": [c for _, changes in made for c in changes], "users": users,
         "accounts": [{"id": "a", "name": "Acme", "industry": "Retail"}], "leads": leads, "lead_changes": []},
        note="test",
    )  # fmt: skip
    columns = (*table("opportunities").columns, Column("x_channel", "text"))
    deals = rows_to_table([{column.name: row.get(column.name) for column in columns} for row, _ in made], columns)
    publish({"opportunities": store().replace("opportunities", deals)}, note="test")
    refresh(by=SYSTEM)


def test_a_rep_counts_and_sees_only_their_own_deals(company, actor, person, client):
    rep = actor("rep1@x.test", "rep", person_id="rep1")
    everybody = actor("ops@x.test", "sales-ops")
    nobody = actor("none@x.test", "enablement")
    assert actions.show(everybody, period="2026-Q1").of("close_rate").n == 3
    mine = actions.show(rep, period="2026-Q1")
    assert (mine.of("close_rate").n, mine.of("cohort_win_rate").censored) == (2, 0)
    assert mine.of("lead_conversion").n == 1
    assert {row["id"] for row in actions.behind(rep, "close_rate", period="2026-Q1").rows} == {"d1", "d2"}
    assert {row["id"] for row in actions.behind(rep, "lead_conversion", period="2026-Q1").rows} == {"l1"}
    assert actions.behind(everybody, "close_rate", period="2026-Q1").total == 3
    assert actions.show(nobody, period="2026-Q1").found == []
    assert not actions.behind(nobody, "close_rate", period="2026-Q1").rows


def test_pages_and_api_show_the_same(company, person, client):
    user = person("rep1b@x.test", "rep", person_id="rep1")
    client.force_login(user)
    page = client.get("/pipeline/funnel/?period=2026-Q1&by=region")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Close rate" in text
    assert "50.0" in text
    one = client.get("/pipeline/funnel/metrics/close_rate?period=2026-Q1").content.decode()
    assert "won ÷ (won + lost)" in one
    assert "Deal d1" in one
    assert "Deal d3" not in one
    assert client.get("/pipeline/funnel/metrics/nothing?period=2026-Q1").status_code == 404
    told = client.get("/api/v1/crm/funnel?period=2026-Q1").json()
    line = next(row for row in told["rows"] if row["metric"] == "close_rate")
    assert (line["value"], line["n"], line["censored"]) == ("0.500000", 2, 0)
    both = client.get("/api/v1/crm/funnel/compare?period=2026-Q1&with=2025-Q4").json()
    assert both["other"] == "2025-Q4"
    listed = client.get("/api/v1/crm/funnel/metrics/close_rate/rows?period=2026-Q1").json()
    assert {row["id"] for row in listed["rows"]} == {"d1", "d2"}
    assert len(client.get("/api/v1/crm/funnel/metrics").json()) == len(actions.BY_KEY)
    assert client.get("/api/v1/crm/funnel/signal").json() is None
    assert client.get("/api/v1/crm/funnel?period=nonsense").status_code == 422


def test_leads_and_their_clocks(company, actor):
    by = actor("ops2@x.test", "sales-ops")
    found = actions.show(by, period="2026-Q1", by_dim="source")
    assert found.of("lead_conversion").n == 3
    assert (found.of("lead_conversion").value, found.of("lead_conversion").censored) == (pytest.approx(1 / 3), 1)
    assert found.of("lead_response_in_time").value == pytest.approx(1 / 3)
    assert found.of("lead_conversion", segment="Event").value == pytest.approx(0.5)
    assert {row["outcome"] for row in actions.behind(by, "lead_response_in_time", period="2026-Q1").rows} == {
        "in time",
        "late",
        "unanswered",
    }


def test_any_dimension_and_custom_columns_with_or_without_their_prefix(company, actor):
    by = actor("ops3@x.test", "sales-ops")
    for name in (
        "segment",
        "region",
        "product",
        "order_type",
        "source",
        "owner",
        "manager",
        "sector",
        "industry",
        "office",
        "country",
        "channel",
        "x_channel",
    ):
        assert actions.show(by, period="2026-Q1", by_dim=name).of("close_rate").n == 3, name
    assert actions.show(by, period="2026-Q1", by_dim="channel").of("close_rate", segment="web").n == 2
    assert actions.show(by, period="2026-Q1", by_dim="manager").segments == ["Bea Boss"]
    assert actions.show(by, period="2026-Q1", by_dim="owner").segments == ["Rep1", "Rep2"]
    with pytest.raises(Invalid, match="not split by 'nonsense'"):
        actions.show(by, period="2026-Q1", by_dim="nonsense")
    with pytest.raises(Invalid, match="not split by"):
        actions.show(by, period="2026-Q1", by_dim='region" OR 1=1 --')
    with pytest.raises(NotFound):
        actions.behind(by, "nonsense", period="2026-Q1")


def test_periods_before(ws):
    label = lambda text: actions.previous(reading.calendar().period(text)).label  # noqa: E731
    assert [label(text) for text in ("2017", "2017-Q1", "2017-10", "2017-01", "FY27-Q1")] == [
        "2016",
        "2016-Q4",
        "2017-09",
        "2016-12",
        "FY26-Q4",
    ]


def test_the_rows_behind_are_the_population(company, actor):
    by = actor("ops4@x.test", "sales-ops")
    found = actions.show(by, period="2026-Q1")
    for one in found.found:
        if one.metric.measure != "push" and one.metric.key not in ("push_rate", "lead_response_in_time"):
            behind = actions.behind(by, one.name, period="2026-Q1")
            assert behind.total == one.n, one.name
