"""The close room: every difference has its cause and all of them add up; the flash; what changed after a lock."""

import csv
import io
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedwon.base.errors import Invalid
from closedwon.crm.tests.shown import check_shown
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast.actions.closing import lateness, read_finance
from closedwon.forecast.closing import rules
from closedwon.forecast.closing.flash import track
from closedwon.forecast.closing.tieout import restated, tie_out
from closedwon.forecast.rules import Shape

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE.parent / "cases/close.cases.toml").read_text(encoding="utf-8"))["case"]
RATES = {"USD": (1, 1), "EUR": (11, 10)}
AT = datetime(2026, 6, 1, tzinfo=UTC)


def converted(amount, currency):
    num, den = RATES[currency]
    return amount * 100 * num // den


def rows_of(case):
    deal, won = case.get("deal"), []
    if deal:
        amount, period, currency = deal
        won = [{"period": period, "opportunity_id": "D", "name": "Deal", "currency": currency, "own_minor": amount * 100,
                "amount_minor": converted(amount, currency), "check_status": case.get("check"), "check_reason": None}]  # fmt: skip
    orders = [
        {"order_id": number, "line": 1, "opportunity_id": "D" if deal else None, "name": "Deal", "kind": kind, "reverses": None, "accepted_at": AT + timedelta(hours=at),
         "booked_on": date(2026, 6, 1), "currency": currency, "own_minor": amount * 100, "amount_minor": converted(amount, currency), "period": period,
         "deal_period": deal[1] if deal else None, "deal_status": "won" if deal else None, "is_counted": True}
        for at, (number, kind, amount, period, currency) in enumerate(case.get("orders", []))
    ]  # fmt: skip
    finance = None
    if "finance" in case:
        finance = [{"order_id": number, "line": 1, "amount_minor": amount * 100, "currency": currency, "inside": inside, "booked_on": date(2026, 7, 2), "opportunity_id": ""}
                   for number, amount, currency, inside in case["finance"]]  # fmt: skip
    return won, orders, finance


def told(case):
    won, orders, finance = rows_of(case)
    made = tie_out("Q2", won, orders, finance, RATES)
    return {f"{side}: {cause}": amount // 100 for side in ("crm", "finance") for cause, (amount, _) in made.causes(side).items()}, made


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_has_its_causes(case):
    found, made = told(case)
    assert found == case["expect"]
    adds_up(made)


def adds_up(made):
    sums = {side: sum(one.amount_minor for one in made.differences if one.side == side) for side in ("crm", "finance")}
    assert made.crm + sums["crm"] == made.booked
    if made.finance is not None:
        assert made.booked + sums["finance"] == made.finance


def test_the_documentation_shows_the_cases():
    lines = ["| what happened | cause and amount |", "|---|---|"]
    lines += [
        f"| {case['name']} | {'; '.join(f'{name} {amount:+,}' for name, amount in case['expect'].items()) or 'no difference'} |"
        for case in CASES
    ]
    check_shown("close-room.md", "cases", "\n".join(lines))


AMOUNTS = st.integers(-50, 500)
CURRENCY = st.sampled_from(["USD", "EUR"])
PERIODS = st.sampled_from(["Q1", "Q2", "Q3"])
DEALS = st.lists(st.tuples(st.sampled_from("ABCDE"), AMOUNTS, PERIODS, CURRENCY), max_size=5, unique_by=lambda one: one[0])
ORDERS = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C", "F", None]), st.sampled_from(["new", "expansion", "contraction", "debook"]), AMOUNTS, PERIODS, CURRENCY, st.booleans()),
    max_size=9,
)  # fmt: skip
FINANCE = st.none() | st.lists(st.tuples(st.integers(0, 12), AMOUNTS, CURRENCY, st.booleans()), max_size=9)


def world(deals, orders, finance):
    won = [{"period": period, "opportunity_id": who, "name": who, "currency": currency, "own_minor": amount * 100, "amount_minor": converted(amount, currency),
            "check_status": None, "check_reason": None} for who, amount, period, currency in deals]  # fmt: skip
    known = {row["opportunity_id"]: row["period"] for row in won}
    lines = [
        {"order_id": f"O{at}", "line": 1, "opportunity_id": who, "name": who, "kind": kind, "reverses": "O0" if back else None, "accepted_at": AT + timedelta(hours=at % 3),
         "booked_on": date(2026, 6, 1), "currency": currency, "own_minor": amount * 100, "amount_minor": converted(amount, currency), "period": period,
         "deal_period": known.get(who), "deal_status": "won" if who in known else "open" if who else None, "is_counted": who != "C"}
        for at, (who, kind, amount, period, currency, back) in enumerate(orders)
    ]  # fmt: skip
    told_by = None if finance is None else [
        {"order_id": f"O{at}", "line": 1, "amount_minor": amount * 100, "currency": currency, "inside": inside, "booked_on": None, "opportunity_id": ""}
        for at, amount, currency, inside in finance
    ]  # fmt: skip
    return won, lines, told_by


@given(DEALS, ORDERS, FINANCE, st.randoms(use_true_random=False))
def test_the_causes_always_add_up_and_order_does_not_matter(deals, orders, finance, shuffled):
    won, lines, rows = world(deals, orders, finance)
    made = tie_out("Q2", won, lines, rows, RATES)
    adds_up(made)
    mixed, turned = list(won), list(lines)
    shuffled.shuffle(mixed)
    shuffled.shuffle(turned)
    again = tie_out("Q2", mixed, turned, rows, RATES)
    assert sorted(map(repr, again.differences)) == sorted(map(repr, made.differences))


@given(DEALS, DEALS, ORDERS, st.integers(0, 9))
def test_restatements_lead_from_the_lock_to_now(before, after, orders, kept):
    was, _, _ = world(before, [], None)
    now, lines, _ = world(after, orders, None)
    locked = lines[:kept]
    made = restated(was, now, locked, lines, "Q2")
    total = {
        name: sum(row["amount_minor"] for row in rows if row["period"] == "Q2")
        for name, rows in (("was", was), ("now", now), ("locked", locked), ("lines", lines))
    }
    sums = {side: sum(one.amount_minor for one in made if one.side == side) for side in ("crm", "booked")}
    assert total["was"] + sums["crm"] == total["now"]
    assert total["locked"] + sums["booked"] == total["lines"]
    assert restated(now, now, lines, lines, "Q2") == []


def test_the_flash_counts_up_to_the_hour_and_stops_at_now():
    end = datetime(2026, 7, 1, tzinfo=UTC)
    won = [{"period": "Q2", "signed_at": end - timedelta(hours=hours), "amount_minor": 100} for hours in (50, 2, 1)]
    orders = [
        {"period": "Q2", "accepted_at": end - timedelta(hours=1), "amount_minor": 70},
        {"period": "Q1", "accepted_at": end, "amount_minor": 9},
    ]
    made = track("Q2", end, won, orders, end - timedelta(minutes=90), 3, 2)
    assert made.hours == [-3, -2, -1, 0, 1, 2]
    assert made.signed == [100, 200, None, None, None, None]
    done = track("Q2", end, won, orders, end + timedelta(days=9), 3, 2)
    assert done.signed == [100, 200, 300, 300, 300, 300]
    assert done.booked == [0, 0, 70, 70, 70, 70]
    assert (done.final_signed, done.final_booked, done.is_running, made.is_running) == (300, 70, False, True)


def test_lateness_is_told_by_end_and_lock():
    end = datetime(2026, 7, 1, tzinfo=UTC)
    lock = (end + timedelta(days=2), "owen")
    assert [lateness(end + timedelta(hours=hours), end, lock) for hours in (-1, 0, 48, 49)] == [
        "",
        "after the end",
        "after the end",
        "after the lock",
    ]
    assert lateness(end + timedelta(days=90), end, None) == "after the end"


def test_a_finance_file_is_read_and_its_mistakes_are_said(tmp_path):
    file = tmp_path / "finance.csv"
    file.write_text(
        'Order ID;Amount;Currency;Booked on\nO1;"1,200.50";usd;2026-06-30\nO2;12x;USD;\n;5;USD;\nO3;7;USD;soon\n', encoding="utf-8"
    )
    rows, problems = read_finance(file, "USD")
    assert [(row["order_id"], row["amount_minor"], row["booked_on"]) for row in rows] == [("O1", 1_200_50, date(2026, 6, 30))]
    assert len(problems) == 3
    file.write_text("deal,amount\nx,1\n", encoding="utf-8")
    with pytest.raises(Invalid, match="order_id"):
        read_finance(file, "USD")


STATES = [
    ("d1", "Won", "2026-05-20", 100, "USD", AT - timedelta(days=12), None), ("d2", "Won", "2026-05-21", 50, "EUR", AT - timedelta(days=11), None),
    ("d3", "Early", "2026-05-22", 70, "USD", AT - timedelta(days=10), None), ("d4", "Won", "2026-02-01", 10, "USD", AT - timedelta(days=90), None),
]  # fmt: skip


def sql_inputs():
    from closedwon.base.tables import table
    from closedwon.facts.arrow import rows_to_table

    forever = datetime(9999, 12, 31, tzinfo=UTC)
    states = []
    for who, stage, closes, amount, currency, since, until in STATES:
        base = {"opportunity_id": who, "name": who, "account_id": "a", "owner_id": "u", "order_type": "new", "amount_minor": amount * 100, "currency": currency,
                "close_date": date.fromisoformat(closes), "created_at": AT - timedelta(days=200), "is_deleted": False, "is_reconstructed": False}  # fmt: skip
        states.append({**base, "stage": "Early", "valid_from": AT - timedelta(days=200), "valid_until": since})
        states.append({**base, "stage": stage, "valid_from": since, "valid_until": until or forever})
    bookings = [
        {"order_id": "O1", "line": 1, "opportunity_id": "d1", "kind": "new", "booked_on": date(2026, 5, 20), "accepted_at": AT, "first_year_minor": 100_00, "currency": "USD"},
        {"order_id": "O4", "line": 1, "opportunity_id": "d4", "kind": "new", "booked_on": date(2026, 4, 2), "accepted_at": AT, "first_year_minor": 10_00, "currency": "USD"},
        {"order_id": "O5", "line": 1, "opportunity_id": None, "kind": "services", "booked_on": date(2026, 4, 2), "accepted_at": AT, "first_year_minor": 3_00, "currency": "USD"},
        {"order_id": "O6", "line": 1, "opportunity_id": None, "kind": "new", "booked_on": date(2026, 4, 3), "accepted_at": AT + timedelta(days=9), "first_year_minor": 5_00, "currency": "USD"},
    ]  # fmt: skip
    checks = [
        {"opportunity_id": "d2", "at": AT - timedelta(days=5), "status": "started"},
        {"opportunity_id": "d2", "at": AT - timedelta(days=4), "status": "rejected", "reason": "typo"},
    ]
    return {
        "deal_states": rows_to_table(states, table("deal_states").columns), "bookings": rows_to_table(bookings, table("bookings").columns),
        "booking_checks": rows_to_table(checks, table("booking_checks").columns), "accounts": [{"id": "a", "name": "Acme"}], "order_types": [],
        "stages": [{"stage": "Won", "status": "won", "category": "closed", "probability_ppm": 1}, {"stage": "Early", "status": "open", "category": "pipeline", "probability_ppm": 1}],
        "booking_kinds": [{"kind": "new"}], "rates": [{"currency": name, "num": num, "den": den} for name, (num, den) in RATES.items()],
        "periods": [{"period": "Q2", "starts": date(2026, 4, 1), "ends": date(2026, 7, 1)}],
        "params": [{"cutoff": AT + timedelta(days=1), "currency": "USD", "sign": 1, "named": False, "untyped": True, "every_kind": False}],
    }  # fmt: skip


SHAPE = Shape(("amount",))


def asked(rule, given):
    return {name: given[name] for name in rule.inputs}


def test_the_rules_find_won_deals_and_orders():
    given = sql_inputs()
    won = DuckEngine().run(rules.won(SHAPE), asked(rules.won(SHAPE), given)).to_pylist()
    assert [(row["opportunity_id"], row["amount_minor"], row["check_status"], row["account_name"]) for row in won] == [
        ("d1", 100_00, None, "Acme"),
        ("d2", 55_00, "rejected", "Acme"),
    ]
    assert won[0]["signed_at"] == AT - timedelta(days=12)
    orders = DuckEngine().run(rules.orders(SHAPE), asked(rules.orders(SHAPE), given)).to_pylist()
    assert [(row["order_id"], row["period"], row["deal_period"], row["deal_status"]) for row in orders] == [
        ("O1", "Q2", "Q2", "won"),
        ("O4", "Q2", None, "won"),
    ]


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing())
def test_spark_gives_the_same_rows():
    given = sql_inputs()
    for rule in (rules.won(SHAPE), rules.orders(SHAPE)):
        assert run_both(rule, asked(rule, given)).num_rows == 2


def test_sparks_text_is_as_it_was():
    for rule in (rules.won(SHAPE), rules.orders(SHAPE)):
        check_snapshot(rule, HERE / "snapshots")


def test_the_csv_of_the_command_is_stable():
    from closedwon.forecast.results import write

    rows = [
        {
            "period": "Q",
            "section": "state",
            "item": "signed",
            "amount": "1.00",
            "count": 1,
            "deal": "",
            "order": "",
            "detail": "",
            "currency": "USD",
        }
    ]
    assert next(csv.reader(io.StringIO(write(rows, "csv")))) == [
        "period",
        "section",
        "item",
        "amount",
        "count",
        "deal",
        "order",
        "detail",
        "currency",
    ]
