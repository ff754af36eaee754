"""The cases beside the rules, on both engines; Spark's text as reviewed snapshots; the tables of the documentation."""

import os
import tomllib
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast import inputs, rules
from closedwon.forecast.tests.worlds import FOREVER, KIND, PIPELINE, rollup_inputs, waterfall_inputs, world

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE.parent / "cases" / "waterfall.cases.toml").read_text(), parse_float=Decimal)["case"]
BEGIN, END, SPAN = date(2026, 1, 31), date(2026, 2, 28), (date(2026, 1, 1), date(2026, 4, 1))
FIELDS = {"owner": "owner_id", "stage": "stage", "amount": "amount_minor", "closes": "close_date"}
DOC = HERE.parents[3] / "docs" / "field" / "forecast.md"


def noon(day):
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def plain(name, value):
    return int(Decimal(value) * 100) if name == "amount" else value


def case_world(case):
    given = case["deal"]
    deal = {
        "id": "d",
        "name": "Deal",
        "created_at": noon(given["created"]),
        "deleted_at": noon(given["deleted"]) if "deleted" in given else None,
        "currency": "USD",
        "forecast_category": None,
        **{FIELDS[k]: plain(k, given.get(k)) if given.get(k) is not None else None for k in FIELDS},
    }
    events = defaultdict(list)
    for step in case.get("then", []):
        for name, field in FIELDS.items():
            if name in step:
                new = plain(name, step[name])
                events["d"].append((noon(step["on"]), field, deal[field], new))
                deal[field] = new
    splits = [
        {"opportunity_id": "d", "user_id": who, "split_type": "revenue", "since": step["on"], "until": None, "share_ppm": share * 10_000}
        for step in case.get("splits", [])
        for who, share in step.items()
        if who != "on"
    ]
    users = [{"id": "boss", "manager_id": None}, {"id": "ann", "manager_id": "boss"}, {"id": "bob", "manager_id": "boss"}]
    return world(deals=[deal], events=events, users=users, splits=splits)


def run_case(case, run=None):
    rule, tables, found = waterfall_inputs(case_world(case), BEGIN, END, SPAN, SPAN[0])
    flows = rules.flow_up((run or DuckEngine().run)(rule, tables).to_pylist(), found.paths)
    got = {node: {name: amount for name, amount in amounts.items() if amount} for (node, _), amounts in flows.items()}
    whole = got.pop("boss", {})
    assert whole == {k: v for k in rules.BUCKETS if (v := sum(one.get(k, 0) for one in got.values()))}
    return {node: amounts for node, amounts in got.items() if amounts}


def expected(case):
    return {node: {name: int(Decimal(amount) * 100) for name, amount in amounts.items()} for node, amounts in case["expect"].items()}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case):
    assert run_case(case) == expected(case)


def doc_table():
    lines = ["| what happens to a deal of the quarter | the seat's waterfall |", "|---|---|"]
    for case in CASES:
        said = "; ".join(
            f"{node}: " + ", ".join(f"{name.replace('_', ' ')} {amount}" for name, amount in amounts.items())
            for node, amounts in case["expect"].items()
        )
        lines.append(f"| {case['name']} | {said or 'nothing'} |")
    return "\n".join(lines)


def test_the_documentation_shows_the_cases():
    start, end = "<!-- cases -->\n", "\n<!-- /cases -->"
    text = DOC.read_text()
    head, rest = text.split(start)
    _, tail = rest.split(end)
    whole = f"{head}{start}{doc_table()}{end}{tail}"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        DOC.write_text(whole)
    assert DOC.read_text() == whole, "docs/field/forecast.md is behind the cases; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"


SHAPES = [
    rules.Shape(("net_arr", "amount")),
    rules.Shape(("renewal_base", "amount"), "renewal_due"),
    rules.Shape(("amount",), "close", "territory"),
    rules.Shape(("amount",), "effective_start", "region"),
]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_sparks_text_is_the_reviewed_one(shape):
    for rule in (rules.rollup(shape), rules.waterfall(shape)):
        check_snapshot(rule, HERE / "snapshots")


def test_sparks_text_of_the_other_rules():
    for rule in (
        rules.booked(SHAPES[0]),
        rules.STAGE_AGES,
        rules.CARDS,
        rules.UNKNOWNS,
        rules.rollup_deals(SHAPES[0]),
        rules.waterfall_deals(SHAPES[0]),
    ):
        check_snapshot(rule, HERE / "snapshots")


def check_ages(run):
    rows = []
    for n in range(40):
        start = datetime(2026, 1, 1, tzinfo=UTC)
        for stage, since, until in (("Early", 0, n + 1), ("Late", n + 1, None)):
            rows.append(
                {
                    "opportunity_id": f"d{n:02}",
                    "stage": stage,
                    "valid_from": start + timedelta(since),
                    "valid_until": FOREVER if until is None else start + timedelta(until),
                }
            )
    given = {
        "deal_states": rows_to_table(rows, table("deal_states").columns),
        "stages": inputs.stage_rows(PIPELINE),
        "params": [{"cutoff": datetime(2026, 12, 1, tzinfo=UTC), "least": 30}],
    }
    assert run(rules.STAGE_AGES, given).to_pylist() == [{"stage": "Early", "p50_days": 20, "p75_days": 30, "p90_days": 36, "visits": 40}]
    given["params"][0]["least"] = 41
    assert run(rules.STAGE_AGES, given).to_pylist() == []


def test_nine_in_ten_visits_were_shorter():
    check_ages(DuckEngine().run)


def booked_inputs():
    w = world(
        users=[{"id": "ann", "manager_id": None}, {"id": "bob", "manager_id": "ann"}],
        deals=[
            {
                "id": "d",
                "name": "D",
                "created_at": datetime(2025, 12, 1, tzinfo=UTC),
                "owner_id": "bob",
                "stage": "Won",
                "amount_minor": 100_00,
                "currency": "USD",
                "close_date": date(2026, 2, 1),
            }
        ],
        splits=[
            {"opportunity_id": "d", "user_id": u, "split_type": "revenue", "since": date(2026, 1, 1), "until": None, "share_ppm": s}
            for u, s in (("ann", 333_333), ("bob", 666_667))
        ],
        rates=[{"kind": "plan", "currency": "EUR", "since": date(2025, 1, 1), "rate_ppb": 1_100_000_000}],
    )
    _, given, _ = rollup_inputs(w, END, SPAN, SPAN[0])
    orders = [
        {
            "order_id": "o1",
            "line": 1,
            "opportunity_id": "d",
            "kind": "new",
            "booked_on": date(2026, 2, 3),
            "tcv_minor": 100_00,
            "currency": "EUR",
            "owner_id": "bob",
        },
        {
            "order_id": "o2",
            "line": 1,
            "opportunity_id": None,
            "kind": "new",
            "booked_on": date(2026, 2, 3),
            "tcv_minor": -10_00,
            "currency": "USD",
            "owner_id": "ann",
        },
        {
            "order_id": "o3",
            "line": 1,
            "opportunity_id": None,
            "kind": "new",
            "booked_on": date(2026, 3, 3),
            "tcv_minor": 999_00,
            "currency": "USD",
            "owner_id": "ann",
        },
        {
            "order_id": "o4",
            "line": 1,
            "opportunity_id": None,
            "kind": "churn",
            "booked_on": date(2026, 2, 3),
            "tcv_minor": 999_00,
            "currency": "USD",
            "owner_id": "ann",
        },
    ]
    kind = KIND.model_copy(update={"booking_kinds": ["new"]})
    from closedwon.forecast.tests.worlds import close_of, period_of

    return {
        **given,
        "bookings": orders,
        "booking_kinds": [{"kind": "new"}],
        "params": inputs.rollup_params(kind, period_of(SPAN), "USD", close_of(END), END),
    }


def check_booked(run):
    rows = run(rules.booked(rules.Shape(("amount",))), booked_inputs()).to_pylist()
    assert [(row["place"], row["amount_minor"]) for row in rows] == [("ann", 36_67 - 10_00), ("bob", 73_33)]


def test_orders_are_shared_as_their_deal_is():
    check_booked(DuckEngine().run)


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing())
def test_spark_gives_the_same():
    for case in CASES[::3]:
        assert run_case(case, run_both) == expected(case)
    check_ages(run_both)
    check_booked(run_both)
