"""Maven's data has no calls and no orders: accuracy says so, and pacing is what the CSV files say."""

from collections import defaultdict
from datetime import date

from closedwon.forecast.actions.accuracy import accuracy
from closedwon.forecast.actions.generation import generation
from closedwon.forecast.actions.pacing import pacing
from closedwon.forecast.pacing import same_day
from closedwon.forecast.tests.test_projection import files, maven, needs_maven

__all__ = ["maven"]
DAY = date(2017, 11, 15)


@needs_maven
def test_pacing_is_what_the_files_say(maven):
    deals = files()
    found = pacing(by=maven, as_of=DAY, period="2017-Q4")
    assert [one.period for one in found.total.pace.past] == ["2017-Q3", "2017-Q2", "2017-Q1"]
    assert found.notes == ["Left out, because the company booked nothing in it: 2016-Q4."]
    spans = {one.label: one for one in (found.period, *found.past)}
    for point in (found.total.pace.now, *found.total.pace.past):
        span = spans[point.period]
        day = same_day(found.period, DAY, span)
        won = [deal for deal in deals if deal[2] == "Won" and span.start <= deal[1] < span.end]
        assert point.day == day
        assert point.closed == point.booked == 100 * sum(deal[4] for deal in won if deal[1] <= day)
        there = [deal for deal in deals if (deal[0] is None or deal[0] <= day) and not (deal[1] and deal[1] <= day)]
        assert point.undated == 100 * sum(deal[3] for deal in there)
        assert point.open == 0
        if point.final is not None:
            assert point.final == 100 * sum(deal[4] for deal in won)
            assert point.came == 100 * sum(deal[4] for deal in won if deal[1] > day and deal in there)
            assert point.later == point.final - point.booked - point.came
    months = defaultdict(int)
    for deal in deals:
        if deal[2] == "Won" and date(2017, 7, 1) <= deal[1] < date(2017, 10, 1):
            months[deal[1].month] += 100 * deal[4]
    line = found.total.lines["2017-Q3"]
    assert [round(value * sum(months.values())) for value in line.months] == [months[7], months[8], months[9]]
    by_sector = pacing(by=maven, as_of=DAY, period="2017-Q4", by_dim="industry")
    assert {"technology", "retail", "medical"} <= {group.key for group in by_sector.groups}
    assert sum(group.pace.now.booked for group in by_sector.groups[:-1]) == found.total.pace.now.booked


@needs_maven
def test_without_calls_accuracy_says_so_and_scores_the_simple_rules(maven, client, person):
    found = accuracy(by=maven, as_of=date(2017, 12, 31), periods=3)
    assert not found.has_calls
    assert found.habits == found.late == []
    assert found.notes[0].startswith("Nobody whom you see called FY17-Q2 to FY17-Q4")
    whole = next(
        one for one in found.sums if (one.seat, one.period, one.level, one.category, one.day_n) == ("all", "all", "company", "commit", 30)
    )
    assert whole.call is None
    assert 0 < whole.bases["run_rate"].wape < 0.5
    made = generation(by=maven, as_of=DAY, period="2017-Q4", by_dim="industry")
    assert made.total.made.now.created == sum(100 * deal[3] for deal in files() if deal[0] and date(2017, 10, 1) <= deal[0] <= DAY)
    client.force_login(person("boss@x.test", "executive"))
    for page in (
        "accuracy?as_of=2017-12-31",
        "pacing?period=2017-Q4&as_of=2017-11-15&by=industry",
        "generation?period=2017-Q4&as_of=2017-11-15&by=industry",
    ):
        assert client.get(f"/forecast/{page}").status_code == 200, page
