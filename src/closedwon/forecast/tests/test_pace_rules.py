"""Many moments at once against the roll-up moment by moment; the laws of accuracy, pacing and generation; both engines."""

import os
import random
import re
from datetime import date, timedelta
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.calendar import Period
from closedwon.base.tables import table as states
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast import accuracy, inputs, pace_rules, pacing
from closedwon.forecast.rules import Shape
from closedwon.forecast.tests.test_oracle import START, companies, company
from closedwon.forecast.tests.worlds import KIND, close_of, facts, period_of, rates_on, rollup_inputs
from closedwon.people.actor import SYSTEM
from closedwon.people.rules import Tree
from closedwon.policies import actions as policies
from closedwon.policies.cases import read_cases
from closedwon.policies.registry import kind

SPANS = {"A": (date(2026, 1, 1), date(2026, 4, 1)), "B": (date(2026, 4, 1), date(2026, 7, 1))}
SHAPE = Shape(("amount",))
END = START + timedelta(119)
HERE = Path(__file__).parent
FIELD = Path(__file__).parents[4] / "docs/field"
slowly = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def asked(w, looks, end=END, dimension=""):
    """The inputs of the rules over moments; `looks` are (span, day)."""
    tables = facts(w)
    places = [inputs.organisation(tables, day, "sales") for _, day in looks]
    params = inputs.rollup_params(KIND, period_of(SPANS["A"]), w.currency, close_of(end), end)[0]
    wanted = [column.name for column in pace_rules.PARAMS if column.name not in ("as_of_at", "tracks_acceptance")]
    given = {
        **tables,
        "moments": [
            {"moment": n, "period": span, "day": day, "cutoff": close_of(day), "period_start": SPANS[span][0], "period_end": SPANS[span][1]}
            for n, (span, day) in enumerate(looks)
        ],
        "seats": [
            {"moment": n, "user_id": person, "place": seat}
            for n, there in enumerate(places)
            for person, seat in sorted(there.seat_of.items())
        ],
        "rates": [{"period": span, **row} for span, (start, _) in SPANS.items() for row in rates_on(w, start)],
        "params": [{**{name: params[name] for name in wanted}, "as_of_at": close_of(end), "tracks_acceptance": False}],
    }
    return given, places


def only(rule, given):
    return {name: given[name] for name in rule.inputs}


def cells_of(w, looks, end=END):
    rule = pace_rules.moment_cells(SHAPE)
    given, _ = asked(w, looks, end)
    return DuckEngine().run(rule, only(rule, given)).to_pylist()


@slowly
@given(companies, st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 119)), min_size=1, max_size=5, unique=True))
def test_each_moment_is_what_the_roll_up_gives_at_its_cutoff(w, picks):
    looks = [(span, START + timedelta(n)) for span, n in picks]
    made = cells_of(w, looks)
    for number, (span, day) in enumerate(looks):
        rule, given, _ = rollup_inputs(w, day, SPANS[span], SPANS[span][0])
        alone = DuckEngine().run(rule, only(rule, given)).to_pylist()
        mine = [row for row in made if row["moment"] == number]
        assert {(r["place"], r["bucket"]): (r["amount_minor"], r["weighted_minor"]) for r in mine} == {
            (r["place"], r["bucket"]): (r["amount_minor"], r["weighted_minor"]) for r in alone
        }


@slowly
@given(companies, st.integers(0, 100))
def test_what_came_is_what_those_deals_closed_at_in_the_end(w, n):
    """Deals are counted once however they are shared; of the closed ones what came is what they closed at."""
    looks = [("A", START + timedelta(n)), ("A", END)]
    made = cells_of(w, looks)
    for row in made:
        assert 0 <= row["won_deals"] <= row["deals"]
    closed = [row for row in made if row["moment"] == 1 and row["bucket"] == "closed"]
    then = [row for row in made if row["moment"] == 0]
    assert sum(row["won_deals"] for row in then) <= sum(row["deals"] for row in closed)
    assert sum(row["came_minor"] for row in closed) == sum(row["amount_minor"] for row in closed)


@slowly
@given(companies, st.integers(0, 10**6))
def test_no_order_of_rows_matters(w, seed):
    looks = [("A", START + timedelta(20)), ("B", START + timedelta(100))]
    rule = pace_rules.moment_cells(SHAPE)
    given, _ = asked(w, looks)
    mixed = dict(only(rule, given))
    for name in ("moments", "seats", "rates", "opportunity_splits"):
        rows = list(mixed[name])
        random.Random(seed).shuffle(rows)
        mixed[name] = rows
    assert DuckEngine().run(rule, mixed).to_pylist() == DuckEngine().run(rule, only(rule, given)).to_pylist()


def made_otherwise(table, cut, seed):
    """Deal states in which everything from an instant on is something else."""
    r = random.Random(seed)
    rows = []
    for row in table.to_pylist():
        if row["valid_from"] >= cut:
            if r.random() < 0.4:
                continue
            row |= {
                "stage": r.choice(["Won", "Lost", "Late", "Early"]),
                "amount_minor": r.randrange(10**9),
                "owner_id": r.choice(["ann", "dan"]),
            }
            row |= {"close_date": START + timedelta(r.randrange(120)), "is_deleted": r.random() < 0.2, "created_at": cut}
        rows.append(row)
    return rows_to_table(rows, states("deal_states").columns)


@slowly
@given(companies, st.integers(10, 100), st.integers(0, 10**6))
def test_what_came_after_the_as_of_moves_nothing(w, n, seed):
    day = START + timedelta(n)
    looks = [("A", START + timedelta(n // 2)), ("A", day), ("B", day)]
    given, _ = asked(w, looks, end=day)
    given["days"] = [
        {"moment": 0, "day": at, "opens_at": close_of(at - timedelta(1)), "closes_at": close_of(at)}
        for at in (START + timedelta(m) for m in range(n + 1))
    ]
    given["closings"] = [{"period": span, "period_start": first, "period_end": end} for span, (first, end) in SPANS.items()]
    other = {**given, "deal_states": made_otherwise(given["deal_states"], close_of(day), seed)}
    for make in (pace_rules.moment_cells, pace_rules.moment_won, pace_rules.created_cells):
        rule = make(SHAPE)
        assert DuckEngine().run(rule, only(rule, other)).to_pylist() == DuckEngine().run(rule, only(rule, given)).to_pylist()


SHAPES = [Shape(("net_arr", "amount")), Shape(("amount",), dimension="industry"), Shape(("amount",), dimension="source")]
RULES = [
    pace_rules.moment_cells,
    pace_rules.moment_won,
    pace_rules.moment_deals,
    pace_rules.booked_days,
    pace_rules.created_cells,
    pace_rules.created_deals,
]


def test_spark_has_the_same_text_as_reviewed():
    for make in RULES:
        check_snapshot(make(SHAPES[0]), HERE / "snapshots")
    for shape in SHAPES[1:]:
        check_snapshot(pace_rules.moment_cells(shape), HERE / "snapshots")


@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing() or "here")
def test_duckdb_and_spark_give_the_same_rows():
    w = company(7)
    looks = [("A", START + timedelta(40)), ("A", START + timedelta(80)), ("B", START + timedelta(100))]
    given, _ = asked(w, looks)
    given["page"] = [{"dimension": None, "bucket": None, "skip": 0, "take": 500}]
    given["wanted_places"] = [
        {"place": name} for name in ("s1", "s2", "s3", "left", "right", "top", "ann", "bob", "cat", "dan", "unassigned")
    ]
    given["wanted_buckets"] = [{"bucket": name} for name in ("commit", "best_case", "pipeline", "closed", "undated", "unmapped")]
    given["booking_kinds"] = [{"kind": "new"}]
    given["bookings"] = [
        {
            "order_id": f"o{n}", "line": 1, "opportunity_id": f"d{n}", "owner_id": "ann", "kind": "new", "booked_on": START + timedelta(n * 5),
            "accepted_at": None, "net_arr_minor": 100 * n, "first_year_minor": 100 * n, "tcv_minor": 300 * n, "currency": "USD",
        }
        for n in range(20)
    ]  # fmt: skip
    given["days"] = [
        {"moment": n, "day": day, "opens_at": close_of(day - timedelta(1)), "closes_at": close_of(day)}
        for n, (span, _) in enumerate(looks)
        for day in (SPANS[span][0] + timedelta(m) for m in range(90))
        if day <= END
    ]
    given["closings"] = [{"period": span, "period_start": first, "period_end": end} for span, (first, end) in SPANS.items()]
    for make in RULES:
        rule = make(SHAPE)
        found = run_both(rule, only(rule, given))
        assert found.num_rows or "deals" in rule.name, rule.name


TREE = Tree.of({"top": None, "left": "top", "right": "top", "s1": "left", "s2": "left", "s3": "right"})


def seen(seed):
    """A moment with made-up deals, bookings and calls."""
    r = random.Random(seed)
    places = ["s1", "s2", "s3", "left", "right"]
    cells = [
        {
            "place": r.choice(places), "bucket": r.choice(["closed", "commit", "most_likely", "best_case", "pipeline"]), "dimension": "",
            "amount_minor": r.randrange(10**6), "weighted_minor": r.randrange(10**5), "won_minor": 0, "came_minor": 0, "deals": 2, "won_deals": 1,
        }
        for _ in range(25)
    ]  # fmt: skip
    day = date(2026, 3, 1)
    booked = [
        {"place": r.choice(places), "day": date(2026, 1, 1) + timedelta(r.randrange(90)), "amount_minor": r.randrange(10**6)}
        for _ in range(30)
    ]
    before = [{**row, "day": row["day"] - timedelta(90)} for row in booked]
    calls = [
        accuracy.Call(
            r.choice(["top", "left", "right"]),
            r.choice(accuracy.CATEGORIES),
            close_of(day - timedelta(r.randrange(-5, 40))),
            r.randrange(10**6),
        )
        for _ in range(25)
    ]
    return accuracy.Seen("Q", 30, day, 30, close_of(day), TREE, cells, booked, before, calls)


@given(st.integers(0, 10**9), st.randoms())
@settings(max_examples=60, deadline=None)
def test_lines_add_up_over_seats_and_no_order_matters(seed, shuffler):
    one = seen(seed)
    found = {(line.seat, line.category): line for line in accuracy.lines(one)}
    for category in accuracy.CATEGORIES:
        whole = found["top", category]
        under = [found[seat, category] for seat in ("left", "right") if (seat, category) in found]
        assert whole.actual == sum(line.actual for line in under) == sum(row["amount_minor"] for row in one.booked)
        for base in ("rollup", "machine"):
            assert whole.bases[base].said == sum(line.bases[base].said for line in under)
        assert whole.hits == sum((line.hits for line in under), accuracy.Hits())
        if "children" in whole.bases:
            parts = sum((line.call or line.bases["rollup"]).said for line in under)
            assert whole.bases["children"].said == parts
    mixed = {name: shuffler.sample(list(getattr(one, name)), len(getattr(one, name))) for name in ("cells", "booked", "before", "calls")}
    again = accuracy.Seen(one.period, one.day_n, one.day, one.days_left, one.cutoff, one.tree, **mixed)
    assert accuracy.lines(again) == accuracy.lines(one)


@given(st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_sums_are_the_sums_of_their_lines(seed):
    found = [line for n in range(3) for line in accuracy.lines(seen(seed + n))]
    for whole in accuracy.sums(found):
        mine = [
            line
            for line in found
            if line.category == whole.category and line.day_n == whole.day_n and whole.seat in ("all", line.seat)
            and (whole.seat != "all" or line.level == whole.level)
        ]  # fmt: skip
        if whole.period == "all" and whole.call is not None:
            assert whole.call.off == sum(line.call.off for line in mine if line.call is not None)
            assert whole.calls == sum(line.calls for line in mine)
            rollup = whole.bases["rollup"]
            assert rollup.value_added == pytest.approx(rollup.wape - whole.call.wape)


def test_a_call_made_after_the_day_does_not_count_for_it():
    day = date(2026, 3, 1)
    calls = [accuracy.Call("top", "commit", close_of(day - timedelta(3)), 10), accuracy.Call("top", "commit", close_of(day), 99)]
    assert accuracy.in_force(calls, close_of(day))["top", "commit"].amount == 10


def test_a_week_is_late_when_its_first_call_is():
    due = close_of(date(2026, 3, 2))
    week = timedelta(days=7)

    def deadline(at):
        return due + week * round((at - due) / week)

    calls = [
        accuracy.Call("max", "commit", due - timedelta(hours=2), 1),
        accuracy.Call("max", "commit", due + timedelta(hours=9), 1),
        accuracy.Call("mia", "commit", due + timedelta(hours=9), 1),
        accuracy.Call("mia", "commit", due + week - timedelta(hours=1), 1),
    ]
    found = {one.seat: (one.late, one.weeks) for one in accuracy.lateness(calls, deadline)}
    assert found == {"max": (0, 1), "mia": (1, 2)}


QUARTERS = st.tuples(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(80, 100)).map(
    lambda pair: Period(pair[0], pair[0] + timedelta(pair[1]), "q", "quarter")
)


@given(QUARTERS, QUARTERS, st.data())
def test_the_same_day_keeps_its_order_and_comes_back(one, other, data):
    days = sorted(data.draw(st.lists(st.integers(0, one.days - 1), min_size=2, max_size=6)))
    there = [pacing.same_day(one, one.start + timedelta(n), other) for n in days]
    assert there == sorted(there)
    assert all(day in other for day in there)
    assert pacing.same_day(one, one.last, other) == other.last
    assert all(pacing.same_day(one, one.start + timedelta(n), one) == one.start + timedelta(n) for n in days)
    for n, day in zip(days, there, strict=True):
        assert abs((n + 1) / one.days - other.day_of(day) / other.days) <= 0.5 / other.days + 1e-9 or other.day_of(day) == 1


@given(QUARTERS, st.dictionaries(st.integers(0, 79), st.integers(1, 10**6), min_size=1))
def test_linearity_adds_up_to_the_whole(period, daily):
    booked = {period.start + timedelta(n): amount for n, amount in daily.items()}
    ends = [period.start + timedelta(30), period.start + timedelta(60), period.end]
    line = pacing.linearity(period, booked, ends)
    assert sum(line.months) == pytest.approx(1)
    assert line.weeks[-1] == 1
    assert list(line.weeks) == sorted(line.weeks)
    assert 0 <= line.gini < 1


@given(st.lists(st.integers(0, 10**6), min_size=13, max_size=13).filter(any))
def test_gini_is_half_the_mean_difference_over_the_mean(values):
    count, mean = len(values), sum(values) / len(values)
    slow = sum(abs(a - b) for a in values for b in values) / (2 * count * count * mean)
    assert pacing.gini(values) == pytest.approx(slow)


def test_the_shipped_cases_come_out_and_stand_in_the_documents(ws):
    policies.apply_defaults(SYSTEM)
    found = policies.run("forecast-pace", kind("forecast-pace").default_text())
    assert len(found) > 15
    assert [(one.name, one.differences) for one in found if not one.passed] == []
    cases = read_cases(resources.files("closedwon.forecast").joinpath("default/forecast-pace.cases.toml").read_text(encoding="utf-8"))
    pages = {
        "accuracy": ("accuracy", "commit hit rate", "habit", "levels go by what lies below; a seat at the top with others below is the company"),
        "pacing": ("pacing", "linearity"), "pipeline-generation": ("generation",),
    }  # fmt: skip
    for page, subjects in pages.items():
        lines = ["| case | given | expected |", "|---|---|---|"]
        mine = [case for case in cases if case["name"].partition(":")[0] in subjects]
        lines += [f"| {case['name']} | {told(case['given'])} | {told(case['expect'])} |" for case in mine]
        file = FIELD / f"{page}.md"
        whole = file.read_text(encoding="utf-8")
        body = "\n".join(lines)
        made = re.sub(r"(<!-- cases -->\n).*?(<!-- /cases -->)", lambda at, body=body: f"{at[1]}{body}\n{at[2]}", whole, flags=re.DOTALL)
        if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
            file.write_text(made, encoding="utf-8")
        assert file.read_text(encoding="utf-8") == made, f"{file.name} is behind; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"
        assert body in made


def told(value):
    """A value of a case as the page has it."""
    if isinstance(value, dict):
        return "; ".join(f"{name} {told(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " to ".join(map(str, value)) if all(isinstance(one, str) for one in value) else " / ".join(told(one) for one in value)
    return str(value)
