"""Laws of the calculation, on generated credits: nothing depends on the order of rows or on other people, and everything adds up."""

import random
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.base.calendar import Calendar
from closedwon.base.policytext import load_text
from closedwon.commissions.policy import PlanBook
from closedwon.commissions.rules import calculate, read_rows

PLAN = """title = "Laws"
[[version]]
since = 2026-01-01
reference = "tests"
currency = "USD"
pays = "month"
negative = "carry"
[version.dates]
credit = "credit_date"
plan = "credit"
assignment = "credit"
hierarchy = "credit"
quota = "period_start"
rate = "credit"
[[version.component]]
name = "arr"
type = "commission"
measure = "arr"
interval = "quarter"
quota = "arr"
axis = "attainment"
accumulate = "interval"
mode = "{mode}"
boundary = "{boundary}"
tier = [{{ from = "0%", rate = "{r0}" }}, {{ from = "50%", rate = "{r1}" }}, {{ from = "100%", rate = "{r2}" }}, {{ from = "150%", rate = "{r3}" }}]
release = [{{ share = "33.3333%", event = "booking" }}, {{ share = "66.6667%", event = "payment" }}]
"""
CALENDAR = Calendar()
RATES = st.integers(0, 300_000).map(lambda ppm: f"{Decimal(ppm) / 10_000}%")
CREDITS = st.lists(
    st.tuples(st.sampled_from(["ann", "bob"]), st.integers(0, 180), st.integers(-5_000_000, 20_000_000), st.booleans()),
    min_size=1,
    max_size=14,
)


def plan_of(mode, boundary, rates):
    book, problems = load_text(PLAN.format(mode=mode, boundary=boundary, r0=rates[0], r1=rates[1], r2=rates[2], r3=rates[3]), PlanBook)
    assert problems == []
    return {"laws": book}


def rows_of(deals, quota):
    made = [
        {
            "payee": payee,
            "measure": "arr",
            "order_id": f"D{at}",
            "credit_date": date(2026, 1, 1) + timedelta(days=day),
            "amount": Decimal(cents) / 100,
        }
        for at, (payee, day, cents, _) in enumerate(deals)
    ]
    events = [
        {"order_id": f"D{at}", "event": "payment", "at": date(2026, 1, 1) + timedelta(days=day + 40)}
        for at, (_, day, _, paid) in enumerate(deals)
        if paid
    ]
    quotas = [
        {"payee": payee, "measure": "arr", "period_start": start, "period_end": end, "amount": Decimal(quota) / 100}
        for payee in ("ann", "bob")
        for start, end in ((date(2026, 1, 1), date(2026, 4, 1)), (date(2026, 4, 1), date(2026, 7, 1)))
    ]
    people = [{"payee": payee, "plan": "laws"} for payee in ("ann", "bob")]
    return {"credits": made, "events": events, "quotas": quotas, "assignments": people}


def shown(result):
    return [one.as_dict() for one in result.lines], [one.as_dict() for one in result.statements]


def whole(text):
    return Fraction(Decimal(text.removesuffix("%"))) / 100


def by_hand(deals, quota, rates, mode, boundary, payee, quarter):
    """The rounded total of a quarter, tier by tier, in a way of its own."""
    ordered = sum(cents for who, day, cents, _ in deals if who == payee and (date(2026, 1, 1) + timedelta(days=day)).month // 4 == quarter)
    marks = [Fraction(0), Fraction(quota, 2), Fraction(quota), Fraction(quota * 3, 2)]
    values = [whole(rate) for rate in rates]
    if mode == "whole":
        reached = max(at for at, mark in enumerate(marks) if at == 0 or ordered > mark or (ordered == mark and boundary == "up"))
        exact = ordered * values[reached]
    else:
        exact = ordered * values[0] + sum(max(ordered - mark, 0) * (values[at] - values[at - 1]) for at, mark in enumerate(marks) if at)
    return int((Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal(1), ROUND_HALF_UP))


@settings(max_examples=60, deadline=None)
@given(
    CREDITS,
    st.integers(10_000, 30_000_000),
    st.tuples(RATES, RATES, RATES, RATES),
    st.sampled_from(["marginal", "whole"]),
    st.sampled_from(["up", "down"]),
)
def test_lines_add_up_to_what_is_reckoned_by_hand(deals, quota, rates, mode, boundary):
    result = calculate(plan_of(mode, boundary, rates), read_rows(rows_of(deals, quota), "USD"), CALENDAR, until=date(2026, 7, 1))
    assert result.problems == []
    for payee in ("ann", "bob"):
        for quarter, label in enumerate(("2026-Q1", "2026-Q2")):
            mine = [one for one in result.lines if one.payee == payee and one.interval == label]
            assert sum(one.earning for one in mine) == by_hand(deals, quota, rates, mode, boundary, payee, quarter)
            if mode == "marginal":
                for order in {one.order_id for one in mine}:
                    found = [one for one in mine if one.order_id == order]
                    assert sum((one.slice_amount for one in found), Fraction(0)) == found[0].credit, "portions add up to the credit"


@settings(max_examples=40, deadline=None)
@given(CREDITS, st.integers(10_000, 30_000_000), st.integers(0, 10**6))
def test_no_order_and_nobody_else_matters(deals, quota, seed):
    plans, rows = plan_of("marginal", "up", ("8%", "10%", "15%", "5%")), rows_of(deals, quota)
    whole_run = calculate(plans, read_rows(rows, "USD"), CALENDAR, until=date(2026, 7, 1))
    shuffled = {name: random.Random(seed).sample(found, len(found)) for name, found in rows.items()}
    assert shown(calculate(plans, read_rows(shuffled, "USD"), CALENDAR, until=date(2026, 7, 1))) == shown(whole_run)
    alone = {name: [row for row in found if row.get("payee", "ann") == "ann"] for name, found in rows.items()}
    for given_rows, payees in ((alone, None), (rows, ["ann"])):
        one = calculate(plans, read_rows(given_rows, "USD"), CALENDAR, until=date(2026, 7, 1), payees=payees)
        assert shown(one)[0] == [line for line in shown(whole_run)[0] if line["payee"] == "ann"]
        assert shown(one)[1] == [line for line in shown(whole_run)[1] if line["payee"] == "ann"]


@settings(max_examples=40, deadline=None)
@given(CREDITS, st.integers(10_000, 30_000_000))
def test_what_is_earned_is_paid_carried_or_held(deals, quota):
    result = calculate(
        plan_of("marginal", "up", ("8%", "10%", "15%", "5%")), read_rows(rows_of(deals, quota), "USD"), CALENDAR, until=date(2026, 12, 1)
    )
    for payee in {one.payee for one in result.statements}:
        mine = [one for one in result.statements if one.payee == payee]
        assert sum(one.earned for one in mine) == sum(one.earning for one in result.lines if one.payee == payee)
        assert sum(one.earned for one in mine) == sum(one.paid for one in mine) + mine[-1].carried_out + mine[-1].held_balance
        assert all(one.paid >= 0 for one in mine)


@settings(max_examples=40, deadline=None)
@given(CREDITS, st.integers(10_000, 30_000_000), st.sampled_from(["marginal", "whole"]))
def test_a_deal_and_its_reversal_are_nothing(deals, quota, mode):
    back = [*deals, *((payee, 180, -cents, False) for payee, day, cents, _ in deals if day >= 90)]
    plans = plan_of(mode, "up", ("8%", "10%", "15%", "5%"))
    result = calculate(plans, read_rows(rows_of(back, quota), "USD"), CALENDAR, until=date(2026, 7, 1))
    assert sum(one.earning for one in result.lines if one.interval == "2026-Q2") == 0


@pytest.mark.parametrize("until", [date(2026, 3, 1), date(2026, 5, 1)])
def test_what_was_reckoned_for_a_month_stays_when_later_deals_come(until):
    deals = [("ann", at * 9, 1_234_567, False) for at in range(18)]
    plans, inputs = plan_of("marginal", "up", ("8%", "10%", "15%", "5%")), read_rows(rows_of(deals, 9_000_000), "USD")
    early, late = (calculate(plans, inputs, CALENDAR, until=day) for day in (until, date(2026, 7, 1)))
    assert shown(early)[0] == [line.as_dict() for line in late.lines if line.period_start < until]
