"""The example company looks like one: seasonality, attainment, slips, retention, coverage, within tolerance."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean

import pyarrow.parquet as pq
import pytest

from closedwon.base.money import digits
from closedwon.generate.company import generate
from closedwon.generate.settings import load

TODAY = date(2026, 11, 25)
QUARTERS = [date(year, month, 1) for year in (2022, 2023, 2024, 2025, 2026) for month in (2, 5, 8, 11)] + [date(2027, 2, 1)]
WON, LOST = "Closed Won", "8-Closed Lost"


class Company:
    """The generated tables with USD amounts at the plan rate of their fiscal year."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rates = [row for row in self.rows("exchange_rates") if row["kind"] == "plan"]
        self.deals = [deal for deal in self.rows("opportunities") if deal["deleted_at"] is None]
        self.log: dict[tuple[str, str], list[tuple[datetime, str, str]]] = defaultdict(list)
        for event in self.rows("opportunity_changes"):
            if event["field"] in {"stage", "close_date", "forecast_category"}:
                self.log[event["id"], event["field"]].append((event["at"], event["old_value"], event["new_value"]))

    def rows(self, name: str) -> list[dict]:
        return pq.read_table(self.folder / f"{name}.parquet").to_pylist()

    def usd(self, minor: int, currency: str, day: date) -> float:
        if currency == "USD":
            return minor / 100
        rate = next(row["rate_ppb"] for row in self.rates if row["currency"] == currency and row["since"] <= day < row["until"])
        return minor / 10 ** digits(currency) * rate / 1e9

    def state(self, deal: dict, field: str, when: datetime) -> str:
        events = self.log.get((deal["id"], field))
        if not events:
            return str(deal[field])
        index = bisect_right([event[0] for event in events], when)
        return events[index - 1][2] if index else events[0][1]

    def won(self) -> list[tuple[dict, float]]:
        return [(deal, self.usd(deal["net_arr_minor"], deal["currency"], deal["close_date"])) for deal in self.deals if deal["is_won"]]


@pytest.fixture(scope="session")
def company(tmp_path_factory) -> Company:
    out = tmp_path_factory.mktemp("shape")
    generate(load(), out)
    return Company(out)


def quarter_of(day: date) -> date:
    return QUARTERS[bisect_right(QUARTERS, day) - 1]


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, tzinfo=UTC)


def test_annual_recurring_revenue_is_about_200_million(company):
    running = [
        row for row in company.rows("contracts") if row["start_date"] <= TODAY and (row["end_date"] is None or row["end_date"] >= TODAY)
    ]
    assert sum(company.usd(row["arr_at_end_minor"], row["currency"], TODAY) for row in running) == pytest.approx(200e6, rel=0.06)


def test_bookings_come_late_in_the_quarter(company):
    month, week, total = 0.0, 0.0, 0.0
    for deal, value in company.won():
        if deal["order_type"] not in {"new logo", "expansion"} or not QUARTERS[0] <= deal["close_date"] < date(2026, 11, 1):
            continue
        start = quarter_of(deal["close_date"])
        end = QUARTERS[QUARTERS.index(start) + 1]
        total += value
        month += value * (deal["close_date"].month == (end - timedelta(days=1)).month)
        week += value * ((end - deal["close_date"]).days <= 7)
    assert month / total == pytest.approx(0.55, abs=0.04)
    assert week / total == pytest.approx(0.30, abs=0.04)


def test_half_of_ramped_reps_reach_their_quota_some_none_and_some_twice(company):
    start, end = date(2025, 2, 1), date(2026, 2, 1)
    won: dict[str, float] = defaultdict(float)
    for deal, value in company.won():
        if start <= deal["close_date"] < end:
            won[deal["owner_id"]] += value
    quota: dict[str, float] = defaultdict(float)
    for row in company.rows("quotas"):
        if start <= row["period_start"] < end:
            quota[row["scope_id"]] += row["amount_minor"] / 100
    reps = {row["id"] for row in company.rows("positions") if row["kind"] == "rep"}
    ramped = [row for row in company.rows("position_holders")
              if row["position_id"] in reps and row["since"] <= date(2024, 6, 1) and (row["until"] is None or row["until"] > end)]  # fmt: skip
    attained = [won[row["user_id"]] / quota[row["position_id"]] for row in ramped]
    assert len(attained) > 80
    assert mean(value >= 1 for value in attained) == pytest.approx(0.5, abs=0.08)
    assert any(value < 0.05 for value in attained)
    assert 0.02 < mean(value >= 2 for value in attained) < 0.2


def test_slips_and_commit_hits(company):
    slips, hits = [], []
    for start, end in zip(QUARTERS[-8:-2], QUARTERS[-7:-1], strict=True):
        begin, check = midnight(start), midnight(start + timedelta(days=60))
        pushed, population, commit, good = 0, 0, 0, 0
        for deal in company.deals:
            counts = (
                deal["created_at"] < begin and deal["order_type"] != "renewal" and company.state(deal, "stage", begin) not in {WON, LOST}
            )
            if counts and start.isoformat() <= company.state(deal, "close_date", begin) < end.isoformat():
                population += 1
                pushed += company.state(deal, "close_date", midnight(end)) >= end.isoformat()
            committed = deal["created_at"] < check and company.state(deal, "forecast_category", check) == "commit"
            if committed and company.state(deal, "close_date", check) < end.isoformat():
                commit += 1
                good += deal["is_won"] and deal["close_date"] < end
        slips.append(pushed / population)
        hits.append(good / commit)
    assert mean(slips) == pytest.approx(0.28, abs=0.04), slips
    assert mean(hits) == pytest.approx(0.84, abs=0.05), hits


def test_retention(company):
    contracts, bookings = company.rows("contracts"), company.rows("bookings")
    gross, net = [], []
    for year in (2023, 2024, 2025):
        start, end = date(year, 2, 1), date(year + 1, 2, 1)
        base = sum(company.usd(row["arr_at_end_minor"], row["currency"], start) for row in contracts
                   if row["start_date"] <= start and (row["end_date"] is None or row["end_date"] >= start))  # fmt: skip
        moves: dict[str, float] = defaultdict(float)
        for row in bookings:
            if start <= row["booked_on"] < end:
                moves[row["kind"]] += company.usd(row["net_arr_minor"], row["currency"], row["booked_on"])
        gross.append(1 + (moves["churn"] + moves["contraction"]) / base)
        net.append(1 + (moves["churn"] + moves["contraction"] + moves["expansion"] + moves["renewal"]) / base)
    assert mean(gross) == pytest.approx(0.90, abs=0.025), gross
    assert mean(net) == pytest.approx(1.06, abs=0.025), net


def test_one_quarter_was_missed_and_its_region_shows_it(company):
    actual: dict[date, float] = defaultdict(float)
    for deal, value in company.won():
        actual[quarter_of(deal["close_date"])] += value
    plan = {
        row["period_start"]: row["amount_minor"] / 100
        for row in company.rows("targets")
        if row["plan"] == "operating" and row["scope_kind"] == "company" and row["measure"] == "net_arr"
    }
    done = [quarter for quarter in QUARTERS if QUARTERS[0] <= quarter < date(2026, 11, 1)]
    missed = [quarter for quarter in done if actual[quarter] < plan[quarter] * 0.97]
    assert missed == [date(2026, 5, 1)]
    assert actual[date(2026, 5, 1)] / plan[date(2026, 5, 1)] < 0.92
    causes = {row["opportunity_id"]: row["slip_cause"] for row in company.rows("truth_opportunities")}
    frozen = [deal for deal in company.deals if causes[deal["id"]] == "procurement freeze in the region"]
    assert len(frozen) > 20
    assert {deal["region"] for deal in frozen} == {"EMEA"}


def test_the_running_quarter_has_a_plausible_pipeline(company):
    quarter, following = date(2026, 11, 1), date(2027, 2, 1)
    closed = sum(value for deal, value in company.won() if deal["close_date"] >= quarter)
    quota = next(
        row["amount_minor"] / 100 for row in company.rows("quotas") if row["scope_id"] == "SEAT-0001" and row["period_start"] == quarter
    )
    pipe: dict[str, float] = defaultdict(float)
    later = 0.0
    for deal in company.deals:
        planted_dirt = deal["name"].startswith(("TEST", "Grand Mesa", "Ardent"))
        if deal["is_closed"] or planted_dirt:
            continue
        value = company.usd(deal["net_arr_minor"], deal["currency"], TODAY)
        if quarter <= deal["close_date"] < following:
            pipe[deal["forecast_category"]] += value
        elif following <= deal["close_date"] < date(2027, 8, 1) and deal["forecast_category"] != "omitted":
            later += value
    assert set(pipe) == {"omitted", "pipeline", "best_case", "most_likely", "commit"}
    coverage = (sum(pipe.values()) - pipe["omitted"]) / (quota - closed)
    assert 2.3 < coverage < 3.2
    assert 0 < closed < 0.3 * quota
    assert later > quota


def test_seven_percent_of_open_deals_are_past_their_close_date(company):
    still = [deal for deal in company.deals if not deal["is_closed"]]
    assert mean(deal["close_date"] < TODAY for deal in still) == pytest.approx(0.07, abs=0.015)


def test_the_win_signal_is_in_the_stated_features_and_calibrated(company):
    truth = {row["opportunity_id"]: row for row in company.rows("truth_opportunities")}
    new = [
        deal
        for deal in company.deals
        if deal["order_type"] == "new logo" and deal["is_closed"] and truth[deal["id"]]["n_contacts"] is not None
    ]

    def rate(test) -> float:
        return mean(deal["is_won"] for deal in new if test(truth[deal["id"]]))

    assert rate(lambda row: row["n_contacts"] >= 3) > rate(lambda row: row["n_contacts"] <= 1) + 0.10
    assert rate(lambda row: row["has_competitor"]) < rate(lambda row: not row["has_competitor"]) - 0.04
    for low, high in ((0, 200_000), (200_000, 400_000), (400_000, 1_000_000)):
        bucket = [deal for deal in new if low <= truth[deal["id"]]["win_probability_ppm"] < high and deal["close_date"] > date(2022, 2, 1)]
        expected = mean(truth[deal["id"]]["win_probability_ppm"] for deal in bucket) / 1e6
        assert mean(deal["is_won"] for deal in bucket) == pytest.approx(expected, abs=0.04)


def test_leaders_have_their_habits(company):
    where = {row["situation"]: row["id"] for row in company.rows("truth_situations") if row["family"] == "people"}
    calls: dict[tuple[str, str], list[tuple[datetime, int]]] = defaultdict(list)
    for row in company.rows("forecast_calls"):
        if row["category"] == "most_likely" and row["period"] != "FY27-Q4":
            calls[row["position_id"], row["period"]].append((row["as_of_at"], row["amount_minor"]))
    parent = {row["position_id"]: row["parent_id"] for row in company.rows("hierarchy") if row["kind"] == "sales" and row["until"] is None}
    reps = {row["user_id"]: set() for row in company.rows("position_holders")}
    for row in company.rows("position_holders"):
        reps[row["user_id"]].add(parent.get(row["position_id"]))
    split: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in company.rows("opportunity_splits"):
        if row["split_type"] == "revenue" and row["until"] is None:
            split[row["opportunity_id"]].append((row["user_id"], row["share_ppm"] / 1e6))

    def shares(deal) -> list[tuple[str, float]]:
        return split.get(deal["id"]) or [(deal["owner_id"], 1.0)]

    for situation, factor in (("sandbags by 12 %", 0.88), ("18 % too optimistic", 1.18)):
        seat = where[situation]
        ratios = []
        for quarter, label in (
            (date(2025, 8, 1), "FY26-Q3"),
            (date(2025, 11, 1), "FY26-Q4"),
            (date(2026, 2, 1), "FY27-Q1"),
            (date(2026, 8, 1), "FY27-Q3"),
        ):
            final = sum(
                value * sum(share for user, share in shares(deal) if seat in reps.get(user, ()))
                for deal, value in company.won()
                if quarter_of(deal["close_date"]) == quarter and deal["order_type"] in ("new logo", "expansion")
            )
            ratios.append(max(calls[seat, label])[1] / 100 / final)
        assert mean(ratios) == pytest.approx(factor, abs=0.03), (situation, ratios)
    late = [at for (seat, _), made in calls.items() if seat == where["always late"] for at, _ in made]
    assert {at.weekday() for at in late} == {2}
