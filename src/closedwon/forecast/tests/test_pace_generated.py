"""The example company: who sandbags, who is optimistic and who is late is named, and nobody else; parts add up to the company."""

from datetime import date

import pytest

from closedwon.base.money import to_minor
from closedwon.forecast.actions import roll_up
from closedwon.forecast.actions.accuracy import accuracy, hit_deals
from closedwon.forecast.actions.generation import created_deals, generation
from closedwon.forecast.actions.pacing import pace_deals, pacing

TODAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from closedwon.generate.company import generate
    from closedwon.generate.settings import load

    out = tmp_path_factory.mktemp("company")
    generate(load(None, opportunities=14_000, years=3, as_of=TODAY), out)
    return out


@pytest.fixture
def boss(ws_with, folder, actor):
    from closedwon.crm.actions import import_source
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply_defaults

    ws_with(calendar={"start_month": 2})
    by = cli_actor()
    apply_defaults(by)
    import_source(folder, by=by)
    return actor("boss@x.test", "executive")


def planted(folder):
    import pyarrow.parquet as pq

    rows = pq.read_table(folder / "truth_situations.parquet").to_pylist()
    return {row["situation"]: row["id"] for row in rows if row["family"] == "people"}


def test_habits_are_named_and_parts_add_up(boss, folder, client, person):
    where = planted(folder)
    found = accuracy(by=boss, callers_only=True)
    named = {one.verdict: one.seat for one in found.habits if one.verdict}
    assert named == {"sandbags": where["sandbags by 12 %"], "optimistic": where["18 % too optimistic"]}
    biases = {one.seat: one.bias for one in found.habits}
    assert biases[where["sandbags by 12 %"]] == pytest.approx(-0.12, abs=0.02)
    assert biases[where["18 % too optimistic"]] == pytest.approx(0.18, abs=0.02)
    assert [one.seat for one in found.late if one.share > 0.5] == [where["always late"]]

    client.force_login(person("chief@x.test", "executive"))
    text = client.get("/forecast/accuracy").content.decode()
    for seat, words in (
        (named["sandbags"], "sandbags: calls 1"),
        (named["optimistic"], "is optimistic: calls 1"),
        (where["always late"], "is late in"),
    ):
        assert f"({found.names[seat]}) {words}" in text
    told = client.get("/api/v1/forecast/accuracy?callers_only=true&take=1").json()
    assert {one["verdict"]: one["seat"] for one in told["habits"] if one["verdict"]} == named

    # day by day the company is the sum of the leaders right below it: nobody has deals in the name of the top seat
    top = next(seat for seat, level in found.levels.items() if level == "company")
    lines = {(line.seat, line.period, line.category, line.day_n): line for line in found.lines}
    below = [seat for seat, parent in found.parents.items() if parent == top]
    for (seat, *rest), line in lines.items():
        if seat == top and line.period != "FY26-Q2":
            under = [lines[one, *rest] for one in below if (one, *rest) in lines]
            assert line.bases["rollup"].said == sum(one.bases["rollup"].said for one in under)
            assert line.actual == sum(one.actual for one in under)
            assert line.hits.deals == sum(one.hits.deals for one in under)
    commit = [
        one for one in found.sums if one.seat == "all" and one.period == "all" and one.level == "company" and one.category == "commit"
    ]
    assert all(0.6 < one.hits.rate < 1 for one in commit if one.day_n >= 7)
    line = next(one for one in found.lines if one.seat == top and one.category == "commit" and one.day_n == 30 and one.period == "FY27-Q3")
    page = hit_deals(by=boss, period="FY27-Q3", day_n=30, category="commit", take=1000)
    assert (page.count, page.total_minor) == (line.hits.deals, line.hits.amount)
    assert sum(1 for row in page.rows if row["is_won"]) == line.hits.won

    _pacing(boss)
    _generation(boss)


def _pacing(boss):
    found = pacing(by=boss, period="FY27-Q4")
    whole = roll_up(by=boss, period="FY27-Q4")
    now = found.total.pace.now
    assert (now.closed, now.commit, now.undated) == (whole.total["closed"], whole.total["commit"], whole.total["undated"])
    assert now.open == whole.total.open_in_period
    assert now.quota == whole.total.quota
    by_seat = {group.key: group.pace.now for group in found.groups}
    for line in whole.lines:
        if line.node in by_seat:
            assert by_seat[line.node].commit == line["commit"]
            assert by_seat[line.node].quota == line.quota
    for by_dim in ("segment", "source", "industry", "rep"):
        parts = pacing(by=boss, period="FY27-Q4", by_dim=by_dim)
        for name in ("closed", "booked", "open", "commit"):
            assert sum(getattr(group.pace.now, name) for group in parts.groups[:-1]) == getattr(now, name)
        for number, one in enumerate(found.total.pace.past):
            assert sum(group.pace.past[number].final for group in parts.groups[:-1]) == one.final
            assert sum(group.pace.past[number].came for group in parts.groups[:-1]) == one.came
    one = found.total.pace.past[0]
    page = pace_deals(by=boss, of=one.period, bucket="all_open", period="FY27-Q4", take=1)
    assert page.total_minor == one.all_open
    rows = found.rows()
    assert {row["kind"] for row in rows} == {"now", "past", "typical"}
    assert sum(to_minor(row["booked"], "USD") for row in rows if row["group"] == "total" and row["kind"] == "now") == now.booked


def _generation(boss):
    found = generation(by=boss, period="FY27-Q4")
    total = found.total.made
    assert total.target == sum(group.made.target for group in found.groups[:-1])
    assert total.now.created == sum(group.made.now.created for group in found.groups[:-1])
    assert total.now.created == total.now.closes_in + total.now.closes_next + total.now.closes_later + total.now.undated
    assert total.target_from == "targets"
    assert 0.05 < total.share.low <= total.share.value <= total.share.high < 0.6
    for by_dim in ("segment", "owner"):
        parts = generation(by=boss, period="FY27-Q4", by_dim=by_dim)
        assert sum(group.made.now.created for group in parts.groups[:-1]) == total.now.created
    page = created_deals(by=boss, period="FY27-Q4", take=1)
    assert (page.count, page.total_minor) == (total.now.deals, total.now.created)
    past = generation(by=boss, period="FY27-Q3")
    assert past.total.made.now.created == next(one.final for one in total.past if one.period == "FY27-Q3")
