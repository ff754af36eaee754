"""The projection on facts: Maven's contract, nothing seen of what came later, both engines, cases, doors and who may see what."""

import csv
import json
import os
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.base.policytext import load_text
from closedwon.base.tables import table
from closedwon.crm.rules import DEAL_STATES
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.releases import latest, publish
from closedwon.facts.store import store
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.forecast.actions import board, refresh, roll_up
from closedwon.forecast.actions.backtest import backtest
from closedwon.forecast.actions.projection import keep_default, machine, projection
from closedwon.forecast.projection import rules
from closedwon.forecast.projection.base import read, written
from closedwon.forecast.projection.policy import ProjectionPolicy, run_case
from closedwon.forecast.rules import Shape
from closedwon.forecast.tests.worlds import PIPELINE
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults
from closedwon.policies.cases import run_cases
from closedwon.policies.registry import kind

HERE = Path(__file__).parent
DATA = Path(os.environ.get("CLOSEDWON_TEST_DATA", Path(__file__).parents[5] / "shared" / "data")) / "maven_crm"
MAPPING = Path(__file__).parents[4] / "example" / "maven.toml"
DAYS = [date(2017, 3, 31), date(2017, 4, 30), date(2017, 5, 31), date(2017, 6, 30), date(2017, 7, 31), date(2017, 8, 31), date(2017, 9, 30)]
SHAPES = [Shape(("net_arr", "amount")), Shape(("amount",))]
needs_maven = pytest.mark.skipif(not DATA.exists() and not os.environ.get("CI"), reason="the test data is not here")


@pytest.fixture
def maven(ws):
    from closedwon.crm.actions import import_source
    from closedwon.people.acting import cli_actor

    by = cli_actor()
    apply_defaults(by)
    import_source(DATA, by=by, mapping=MAPPING)
    return by


def files():
    def rows(name):
        with (DATA / name).open(encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    price = {row["product"]: int(row["sales_price"]) for row in rows("products.csv")}
    price["GTXPro"] = price["GTX Pro"]
    day = lambda text: date.fromisoformat(text) if text else None  # noqa: E731
    return [
        (day(r["engage_date"]), day(r["close_date"]), r["deal_stage"], price[r["product"]], int(float(r["close_value"] or 0)))
        for r in rows("sales_pipeline.csv")
    ]


@needs_maven
def test_maven_is_projected_closer_than_the_bar_and_the_simple_rules_are_as_published(maven):
    found = backtest(by=maven, days=DAYS, horizon=90)
    deals = files()
    for look in found.looks:
        day, end = look.day, look.day + timedelta(days=90)
        won = [d for d in deals if d[2] == "Won" and d[1] <= day]
        closed = [d for d in deals if d[1] and d[1] <= day]
        still = [d for d in deals if d[0] and d[0] <= day and not (d[1] and d[1] <= day)]
        assert look.actual == 100 * sum(d[4] for d in deals if d[2] == "Won" and day < d[1] <= end)
        assert look.run_rate == 100 * sum(d[4] for d in won if d[1] > day - timedelta(days=90))
        rate = len(won) / len(closed) * sum(d[4] for d in won) / sum(d[3] for d in won)
        assert look.open_x_win_rate == pytest.approx(100 * sum(d[3] for d in still) * rate, abs=1)
        assert look.low < look.projection < look.high
    assert round(found.wape("run_rate"), 3) == 0.189
    assert round(found.bias("run_rate"), 2) == -0.13
    assert round(found.wape("open_x_win_rate"), 3) == 0.168
    assert round(found.bias("open_x_win_rate"), 2) == 0.02
    assert found.wape("projection") <= 0.124
    assert [list(row) for row in found.rows()] == [["as_of", "projection", "low", "high", "actual", "run_rate", "open_x_win_rate"]] * 7


def perturbed(cutoff, seed):
    """Everything that happened at or after the cutoff made into something else, and the release that says so."""
    draw = np.random.Generator(np.random.Philox(seed))
    changes = store().read("opportunity_changes").to_pylist()
    deals = store().read("opportunities").to_pylist()
    after = [row for row in changes if row["at"] >= cutoff]
    touched = {name: {row["id"] for row in after if row["field"].startswith(name)} for name in ("stage", "amount", "close_date")}
    ends = {"stage": "Lost", "amount": 77, "close_date": date(2031, 1, 1)}
    stages = [row["new_value"] for row in after if row["field"] == "stage"]
    for row in after:
        row["at"] = cutoff + timedelta(days=int(draw.integers(0, 200)))
        if row["field"] == "stage":
            row["new_value"] = stages[int(draw.integers(0, len(stages)))]
        if row["field"].startswith("amount"):
            row["new_value"] = str(int(draw.integers(1, 10**8)))
        if row["field"] == "close_date":
            row["new_value"] = row["at"].date().isoformat()
    kept = []
    for row in deals:
        born_later = row["created_at"] is not None and row["created_at"] >= cutoff
        if born_later and draw.random() < 0.5:
            continue
        if born_later:
            row |= {"amount_minor": int(draw.integers(1, 10**9)), "created_at": cutoff + timedelta(days=int(draw.integers(0, 99)))}
            row |= {"owner_id": "nobody", "stage": "Won"}
        for name, end in ends.items():  # what it came to in the end
            if not born_later and row["id"] in touched[name]:
                row[name if name != "amount" else "amount_minor"] = end
        kept.append(row)
    there = {row["id"] for row in kept}
    changes = [row for row in changes if row["id"] in there]
    states = DuckEngine().run(
        DEAL_STATES,
        {
            "opportunities": rows_to_table(kept, table("opportunities").columns),
            "opportunity_changes": rows_to_table(changes, table("opportunity_changes").columns),
            "params": [{"known_cutoff": datetime(9998, 1, 1, tzinfo=UTC)}],
        },
    )  # fmt: skip
    made = {"opportunities": rows_to_table(kept, table("opportunities").columns), "deal_states": states}
    made["opportunity_changes"] = rows_to_table(changes, table("opportunity_changes").columns)
    publish({name: store().replace(name, rows) for name, rows in made.items()})


@needs_maven
@pytest.mark.parametrize("day", [date(2017, 4, 30), date(2017, 8, 31)])
def test_nothing_that_came_later_moves_a_projection(maven, day):
    def said():
        look = backtest(by=maven, days=[day]).looks[0]
        found = projection(by=maven, as_of=day, period="2017-Q4" if day.month == 8 else "2017-Q2")
        return (
            (look.projection, look.low, look.high, look.run_rate, look.open_x_win_rate),
            (found.open, found.new, found.median, found.low),
            found.deals,
        )

    before, came = said(), backtest(by=maven, days=[day]).looks[0].actual
    for seed in (1, 2):
        perturbed(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1), seed)
        assert said() == before
    assert backtest(by=maven, days=[day]).looks[0].actual != came


@needs_maven
def test_the_command_of_the_contract(maven, monkeypatch):
    from closedwon.site.cli import app

    monkeypatch.setenv("CLOSEDWON_WORKSPACE", str(__import__("closedwon.workspace").workspace.current().path))
    ran = CliRunner().invoke(app, ["forecast", "backtest", "--horizon-days", "90", "--as-of", "2017-03-31,2017-06-30", "--format", "json"])
    rows = json.loads(ran.stdout)
    assert [row["as_of"] for row in rows] == ["2017-03-31", "2017-06-30"]
    assert rows[0]["actual"] == "3020723.00"
    assert rows[0]["run_rate"] == "1134672.00"
    table_said = CliRunner().invoke(app, ["forecast", "backtest", "--as-of", "2017-03-31"]).stdout
    assert "WAPE" in table_said
    assert "median" in CliRunner().invoke(app, ["forecast", "projection", "--as-of", "2017-10-31"]).stdout
    bad = CliRunner().invoke(app, ["forecast", "backtest", "--as-of", "soon"])
    assert bad.exit_code != 0


@needs_maven
def test_a_thin_history_is_refused_and_the_nodes_add_up(maven):
    early = projection(by=maven, as_of=date(2017, 3, 2), period="2017-Q1")
    assert early.median is None
    assert "on record for 2 days only" in early.refusal
    far = projection(by=maven, as_of=date(2017, 3, 31), period="2017")
    assert "too short to look" in far.refusal
    whole = projection(by=maven, as_of=date(2017, 10, 31), period="2017-Q4")
    heads = [line.node for line in roll_up(by=maven, as_of=date(2017, 10, 31), period="2017-Q4").lines if not line.parent]
    parts = [projection(by=maven, as_of=date(2017, 10, 31), period="2017-Q4", node=node) for node in heads]
    for name in ("closed", "open", "new"):
        assert sum(getattr(one, name) for one in parts) == pytest.approx(getattr(whole, name), abs=len(parts))
    assert sum(one.median for one in parts) != whole.median
    assert whole.low < whole.median < whole.high
    assert any("no day of birth" in note for note in whole.notes)
    over = projection(by=maven, as_of=date(2018, 1, 15), period="2017-Q4")
    assert over.median == over.closed


@needs_maven
def test_kept_projections_are_those_made_anew_and_stand_on_the_board(maven, monkeypatch):
    from closedwon.forecast.actions import projection as verbs

    day = date(2017, 10, 31)
    monkeypatch.setattr(verbs, "default_asks", lambda on: [verbs.ask_for(on, as_of=day, period="2017-Q4")])
    fresh = projection(by=maven, as_of=day, period="2017-Q4")
    assert machine(by=maven, as_of=day, period="2017-Q4") is None
    assert keep_default()["projections"] == 1
    assert keep_default() == {"projections": 0, "already": True}
    kept = projection(by=maven, as_of=day, period="2017-Q4")
    assert (kept.open, kept.new, kept.median, kept.low, kept.high) == (fresh.open, fresh.new, fresh.median, fresh.low, fresh.high)
    found = machine(by=maven, as_of=day, period="2017-Q4")
    made = board(by=maven, as_of=day, period="2017-Q4")
    assert (found.median, found.low, found.high) == (kept.median, kept.low, kept.high)
    roots = [line for line in made.lines if not line.parent]
    assert sum(found.of(line) for line in roots) == pytest.approx(found.of(made.now.total), abs=len(roots))
    assert found.of(made.now.total) == pytest.approx(kept.total, abs=2)
    body = store().read("forecast_projections").to_pylist()[0]["body"]
    assert written(read(body)) == body


def test_the_shipped_cases_hold():
    found = kind("projection")
    results = run_cases(found, found.default_text(), found.default_cases())
    assert len(results) >= 8
    assert [one for one in results if not one.passed] == []


def doc_table():
    """The table of the shipped curve cases, as docs/field/projection.md has it."""
    import tomllib

    policy, _ = load_text(kind("projection").default_text(), ProjectionPolicy)
    lines = ["| deals | day | at risk | won | lost | open |", "|---|---|---|---|---|---|"]
    for case in tomllib.loads(kind("projection").default_cases())["case"]:
        if "deals" in case["given"]:
            for day, said in run_case(policy, case["given"]).items():
                risk, shares = said.split(" at risk, won lost open ")
                lines.append(f"| {case['name']} | {day.removeprefix('day ')} | {risk} | {' | '.join(shares.split())} |")
    return "\n".join(lines) + "\n"


def test_the_table_of_the_page_is_made_from_the_cases():
    doc = Path(__file__).parents[4] / "docs" / "field" / "projection.md"
    start, end = "<!-- cases -->\n", "<!-- /cases -->"
    head, rest = doc.read_text().split(start)
    whole = f"{head}{start}{doc_table()}{end}{rest.split(end)[1]}"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        doc.write_text(whole)
    assert doc.read_text() == whole, "docs/field/projection.md is behind the cases; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew"


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_sparks_text_is_the_reviewed_one(shape):
    for rule in (rules.visits(shape), rules.deals(shape), rules.dates(shape), rules.places(shape)):
        check_snapshot(rule, HERE / "snapshots")


BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


def states(name, *steps, **more):
    """States of a deal: (day, stage, amount, close date, deleted?) one after the other."""
    rows = []
    for at, (day, stage, amount, due, *gone) in enumerate(steps):
        until = BEGIN + timedelta(days=steps[at + 1][0]) if at + 1 < len(steps) else FOREVER
        rows.append(
            {
                "opportunity_id": name, "valid_from": BEGIN + timedelta(days=day), "valid_until": until, "owner_id": "u1", "stage": stage,
                "amount_minor": amount, "currency": "USD", "close_date": due, "created_at": BEGIN + timedelta(days=steps[0][0]),
                "is_deleted": bool(gone), "is_reconstructed": False, "order_type": "new logo", "segment": "SMB", **more,
            }
        )  # fmt: skip
    return rows


DUE, MOVED = date(2026, 2, 1), date(2026, 3, 1)
WORLD = [
    *states("a", (0, "Early", 100, DUE), (5, "Late", 120, DUE), (9, "Won", 130, DUE)),
    *states("b", (1, "Early", 50, DUE), (6, "Early", 50, MOVED), (8, "Lost", 50, MOVED)),
    *states("c", (2, "Early", 70, None), (30, "Won", 75, MOVED)),
    *states("d", (3, "Early", 10, DUE), (7, "Early", 10, DUE, True)),
    *states("e", (4, "Late", 200, DUE), (6, "Won", 220, DUE), (7, "Late", 210, MOVED), owner_id="u2", currency="EUR"),
    *states("f", (2, "Early", 900, DUE), order_type="renewal"),
    *states("g", (20, "Early", 5, DUE)),
    *states("h", (2, "Strange", 33, DUE), segment=None),
]


def world_inputs():
    params = {
        "cutoff": BEGIN + timedelta(days=10), "day": date(2026, 1, 14), "births_from": BEGIN, "currency": "USD", "sign": 1, "named": False,
        "untyped": True, "split": "revenue", "owner_counts": True,
    }  # fmt: skip
    splits = [
        {"opportunity_id": "c", "user_id": user, "split_type": "Revenue", "since": date(2026, 1, 1), "until": None, "share_ppm": ppm, "is_overlay": False}
        for user, ppm in (("u1", 600_000), ("u2", 400_000))
    ]  # fmt: skip
    from closedwon.forecast import inputs

    return {
        "deal_states": rows_to_table(WORLD, table("deal_states").columns), "stages": inputs.stage_rows(PIPELINE), "order_types": [],
        "left_out": [{"order_type": "renewal"}], "rates": [{"currency": "USD", "num": 1, "den": 1}, {"currency": "EUR", "num": 11, "den": 10}],
        "params": [params], "opportunity_splits": splits, "seats": [{"user_id": "u1", "place": "s1"}, {"user_id": "u2", "place": "s2"}],
    }  # fmt: skip


def check_world(run):
    given, shape = world_inputs(), Shape(("amount",))
    deals = run(rules.deals(shape), given).to_pylist()
    assert [(row["opportunity_id"], row["status"], row["open_minor"], row["won_minor"]) for row in deals] == [
        ("a", "won", 120, 130), ("b", "lost", 50, 0), ("c", "open", 70, 0), ("d", "lost", 10, 0), ("e", "open", 231, 0), ("h", "open", 33, 0),
    ]  # fmt: skip
    visits = [
        (row["deal_no"], row["status"], row["stage"], (row["entered_at"] - BEGIN).days)
        for row in run(rules.visits(shape), given).to_pylist()
    ]
    assert visits == [
        (1, "open", "Early", 0), (1, "open", "Late", 5), (1, "won", "Won", 9), (2, "open", "Early", 1), (2, "lost", "Lost", 8), (3, "open", "Early", 2),
        (4, "open", "Early", 3), (4, "lost", "Early", 7), (5, "open", "Late", 4), (5, "won", "Won", 6), (5, "open", "Late", 7), (6, "open", "Strange", 2),
    ]  # fmt: skip
    dates = [(row["deal_no"], (row["set_at"] - BEGIN).days, row["close_date"]) for row in run(rules.dates(shape), given).to_pylist()]
    assert dates == [(1, 0, DUE), (2, 1, DUE), (2, 6, MOVED), (3, 2, None), (4, 3, DUE), (5, 4, DUE), (5, 7, MOVED), (6, 2, DUE)]
    places = [(row["deal_no"], row["place"], row["share_ppm"]) for row in run(rules.places(shape), given).to_pylist()]
    assert places == [
        (1, "s1", 1_000_000), (2, "s1", 1_000_000), (3, "s1", 600_000), (3, "s2", 400_000), (4, "s1", 1_000_000), (5, "s2", 1_000_000), (6, "s1", 1_000_000),
    ]  # fmt: skip


def test_the_rows_of_a_small_company():
    check_world(DuckEngine().run)


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing())
def test_spark_gives_the_same():
    check_world(run_both)


def test_days_are_those_of_the_companys_time_zone():
    from zoneinfo import ZoneInfo

    from closedwon.forecast.projection.arrays import days_of
    from closedwon.forecast.projection.history import NEVER

    zone = ZoneInfo("America/Los_Angeles")
    instants = [
        datetime(2026, 1, 1, 7, 59, tzinfo=UTC),
        datetime(2026, 1, 1, 8, 0, tzinfo=UTC),
        datetime(2026, 7, 1, 6, 59, tzinfo=UTC),
        None,
    ]
    instants += [datetime(2026, 3, 8, 9, 59, tzinfo=UTC), datetime(2026, 11, 1, 7, 30, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    instants += [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(9000)]
    got = days_of(pa.array(instants, pa.timestamp("us", "UTC")), zone).tolist()
    want = [NEVER if one is None or one.year < 1811 else one.astimezone(zone).date().toordinal() for one in instants]
    assert got == want


@pytest.fixture
def sellers(ws):
    """Two teams with two years of deals, every third one won after a while."""
    apply_defaults(SYSTEM)
    users = [("ann", None), ("max", "ann"), ("mia", "ann"), ("bob", "max"), ("dora", "mia")]
    rows = []
    for n in range(360):
        born, owner, value = 2 * n, ("bob", "dora")[n % 2], 1000 + 10 * n
        end, stage = born + 20 + (7 * n) % 50, "Closed Won" if n % 3 == 0 else "8-Closed Lost"
        start = datetime(2024, 11, 1, tzinfo=UTC)
        first, last = start + timedelta(days=born), start + timedelta(days=end)
        now = datetime(2026, 11, 2, tzinfo=UTC)
        head = {
            "opportunity_id": f"{owner}-{n:03}", "name": f"{owner} deal {n}", "owner_id": owner, "currency": "USD", "created_at": first,
            "amount_minor": value, "is_deleted": False, "is_reconstructed": False,
        }  # fmt: skip
        until = last if last < now else FOREVER
        rows.append({**head, "valid_from": first, "valid_until": until, "stage": "3-Technical Evaluation", "close_date": last.date()})
        if last < now:
            rows.append({**head, "valid_from": last, "valid_until": FOREVER, "stage": stage, "close_date": last.date()})
    data = {"users": [{"id": u, "name": u.capitalize(), "manager_id": m, "active": True} for u, m in users], "deal_states": rows}
    publish({name: store().replace(name, rows_to_table(part, table(name).columns)) for name, part in data.items()})
    return ws


ASKED = {"as_of": date(2026, 10, 20), "period": "2026-Q4"}


def test_a_person_sees_the_projection_of_the_own_nodes_only(sellers, actor):
    boss = actor("boss@x.test", "executive")
    whole = projection(by=boss, **ASKED)
    assert whole.median > whole.closed
    assert whole.curves
    assert whole.looks
    rep = actor("dora@x.test", "rep", person_id="dora")
    mine = projection(by=rep, **ASKED)
    assert 0 < mine.open < whole.open
    assert 0 < mine.new < whole.new
    assert all(one.opportunity_id.startswith("dora") for one in mine.deals)
    assert (mine.curves, mine.looks, mine.level) == ((), (), 1.0)
    chief = actor("max@x.test", "manager", person_id="max")
    assert projection(by=chief, **ASKED).open == projection(by=boss, node="max", **ASKED).open
    assert projection(by=chief, **ASKED).open + mine.open == pytest.approx(whole.open, abs=2)
    with pytest.raises(NotFound):
        projection(by=chief, node="mia", **ASKED)
    with pytest.raises(Refused):
        projection(by=actor("comp@x.test", "comp-admin"), **ASKED)
    for by in (chief, rep):
        with pytest.raises(Refused):
            backtest(by=by, days=[date(2026, 3, 31)])


def test_bad_words_say_how_to_mend_them(sellers, actor):
    boss = actor("boss@x.test", "executive")
    with pytest.raises(Invalid, match="end of a period"):
        projection(by=boss, as_of=ASKED["as_of"], period="all")
    for wrong in ({"days": []}, {"days": [date(2026, 3, 31)], "horizon": 0}, {"days": [date(2026, 3, 31)], "type": "services"}):
        with pytest.raises(Invalid):
            backtest(by=boss, **wrong)
    assert "No contract" in projection(by=boss, type="renewals", **ASKED).refusal
    assert projection(by=boss, type="services", **ASKED).refusal
    later = backtest(by=boss, days=[date(2026, 10, 30)], horizon=90).looks[0]
    assert later.actual is None


def test_pages_and_api_show_it_and_hide_it(sellers, person, client):
    from closedwon.jobs.models import Job
    from closedwon.jobs.work import execute

    query = "as_of=2026-10-20&period=2026-Q4"
    client.force_login(person("boss@x.test", "executive"))
    text = client.get(f"/forecast/projection?{query}").content.decode()
    for words in (
        "Won so far",
        "New business",
        "Eight of ten outcomes",
        "The deals that matter most",
        "At risk",
        "What it would have said before",
    ):
        assert words in text, words
    assert "None" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "projection-deals" in client.get(f"/forecast/projection?{query}&export=csv").get("Content-Disposition", "")
    assert "No projection" in client.get("/forecast/projection?as_of=2024-11-20").content.decode()
    assert "No contract on record ends" in client.get(f"/forecast/projection?{query}&type=renewals").content.decode()
    assert client.get(f"/forecast/machine?{query}&scope=max").status_code == 200
    told = client.get(f"/api/v1/forecast/projection?{query}").json()
    assert told["median"]
    assert told["curves"][0]["points"][0]["at_risk"] > 0
    looks = client.get("/api/v1/forecast/backtest?as_of=2026-03-31,2026-04-30&horizon_days=60").json()
    assert [one["as_of"] for one in looks] == ["2026-03-31", "2026-04-30"]
    page = "/forecast/projection/backtest?as_of=2026-10-31&count=3&horizon=60"
    assert "Nobody has asked this yet" in client.get(page).content.decode()
    client.post("/forecast/projection/backtest?as_of=2026-10-31", {"horizon": "60", "every": "month", "count": "3"})
    job = Job.objects.get(kind="forecast.backtest")
    assert "At work" in client.get(page).content.decode()
    polled = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "waits"}
    assert "HX-Refresh" not in client.get(page, **polled).headers
    execute(job.pk)
    assert client.get(page, **polled).headers["HX-Refresh"] == "true"
    shown = client.get(page).content.decode()
    assert "How far off" in shown
    assert "Run-rate" in shown
    client.force_login(person("dora@x.test", "rep", person_id="dora"))
    mine = client.get(f"/forecast/projection?{query}").content.decode()
    assert "bob deal" not in mine
    assert "At risk" not in mine
    assert "Back-test" not in mine
    assert client.get(page).status_code == 403
    assert client.get(f"/api/v1/forecast/projection?{query}").json()["curves"] == []
    assert client.get(f"/api/v1/forecast/projection?{query}&node=bob").status_code == 404
    assert client.get("/api/v1/forecast/backtest?as_of=2026-03-31").status_code == 403
    client.force_login(person("comp@x.test", "comp-admin"))
    assert client.get(f"/forecast/projection?{query}").status_code == 403
    assert client.get(f"/forecast/machine?{query}").status_code == 403


def test_the_board_shows_it_where_it_is_ready(sellers, person, client):
    client.force_login(person("boss@x.test", "executive"))
    assert "stage-weighted" in client.get("/forecast/").content.decode()
    refresh()
    keep_default()
    assert "forecast_projections" in latest().tables
    text = client.get("/forecast/").content.decode()
    assert "/forecast/machine" in text
    assert "stage-weighted" not in text
    client.force_login(person("dora@x.test", "rep", person_id="dora"))
    assert client.get("/forecast/").status_code == 200


def test_a_large_projection_is_made_by_a_job(sellers, person, client, monkeypatch):
    from closedwon.forecast.actions import projection as verbs
    from closedwon.jobs.models import Job
    from closedwon.jobs.work import execute

    monkeypatch.setattr(verbs, "is_at_hand", lambda on, ask: verbs._key(on, ask) in verbs._kept(on))
    client.force_login(person("boss@x.test", "executive"))
    page = "/forecast/projection?as_of=2026-10-20&period=2026-Q4"
    assert "being made" in client.get(page).content.decode()
    execute(Job.objects.get(kind="forecast.project").pk)
    assert client.get(page, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="waits").headers["HX-Refresh"] == "true"
    assert "Eight of ten outcomes" in client.get(page).content.decode()
