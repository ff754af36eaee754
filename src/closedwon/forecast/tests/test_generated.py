"""A generated company: every node of roll-up and waterfall against the walk deal by deal; situations on the pages that show them."""

from collections import defaultdict
from datetime import UTC, date, datetime

import pyarrow.parquet as pq
import pytest

from closedwon.base.calendar import Calendar
from closedwon.base.money import digits
from closedwon.forecast import rules
from closedwon.forecast.actions import bar_deals, board, deals_behind, inspection, refresh, roll_up, waterfall
from closedwon.forecast.tests import oracle

TODAY = date(2026, 11, 25)
CALENDAR = Calendar(start_month=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from closedwon.generate.company import generate
    from closedwon.generate.settings import load

    out = tmp_path_factory.mktemp("company")
    generate(load(None, opportunities=1500, reps=40, years=2, seed=11, as_of=TODAY), out)
    return out


def rows(folder, name):
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


@pytest.fixture(scope="module")
def company(folder):
    """The company as the oracle reads it: from the generated files, not from the store."""
    deals = rows(folder, "opportunities")
    events = defaultdict(list)
    for row in sorted(rows(folder, "opportunity_changes"), key=lambda r: (r["at"], r["seq"])):
        events[row["id"]].append((row["at"], row["field"], typed(row["field"], row["old_value"]), typed(row["field"], row["new_value"])))
    from importlib import resources

    from closedwon.base.policytext import load_text
    from closedwon.crm.policy import PipelinePolicy

    pipeline, _ = load_text(resources.files("closedwon.crm").joinpath("default/pipeline.toml").read_text(), PipelinePolicy)
    made = oracle.World(
        deals=deals,
        events=events,
        users=rows(folder, "users"),
        positions=rows(folder, "positions"),
        holders=rows(folder, "position_holders"),
        hierarchy=[r for r in rows(folder, "hierarchy") if r["kind"] == "sales"],
        splits=rows(folder, "opportunity_splits"),
        rates=rows(folder, "exchange_rates"),
        stages={s.name: (s.status, s.default_category, s.probability) for s in pipeline.stages},
        measure=("net_arr_minor", "amount_minor"),
        types=("new logo", "expansion"),
    )
    made.units = {c: 10 ** digits(c) for c in ("USD", "EUR", "GBP", "JPY", "INR")}
    return made


def typed(field, text):
    if text is None or text == "":
        return None
    if field.endswith("_minor"):
        return int(text)
    if field.endswith("_date"):
        return date.fromisoformat(text[:10])
    if field.endswith("_at"):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return text


@pytest.fixture
def by(ws_with, folder):
    from closedwon.crm.actions import import_source
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply_defaults

    ws_with(calendar={"start_month": 2})
    actor = cli_actor()
    apply_defaults(actor)
    import_source(folder, by=actor)
    return actor


def compare(got, want):
    for node in {*got, *want}:
        a = {k: v for k, v in got.get(node, {}).items() if v and k not in ("machine", "booked")}
        b = {k: v for k, v in want.get(node, {}).items() if v}
        assert a == b, (node, a, b)


PAIRS = [(date(2026, 10, 12), date(2026, 11, 24)), (date(2026, 1, 31), date(2026, 4, 30)), (date(2025, 12, 1), date(2026, 11, 20))]


def test_every_node_is_the_walk_deal_by_deal(by, company):
    for begin, end in PAIRS:
        for label in (CALENDAR.period_of(end, "quarter").label, CALENDAR.period_of(begin, "month").label, "all"):
            period = CALENDAR.period(label)
            span = None if label == "all" else (period.start, period.end)
            plan = end if span is None else period.start
            found = roll_up(by=by, as_of=end, period=label, every_seat=True)
            compare({line.node: dict(line.amounts) for line in found.lines}, oracle.rollup(company, end, span, plan))
            for org, rates in (("as-was", "plan"), ("as-is", "plan"), ("as-was", "as-reported")):
                fall = waterfall(by=by, begin=begin, end=end, period=label, org=org, rates=rates, every_seat=True)
                want = oracle.waterfall(company, begin, end, span, plan, org=org, reported=rates == "as-reported", today=TODAY)
                compare({(line.node, line.parent): dict(line.amounts) for line in fall.lines}, want)
                for line in fall.lines:
                    assert rules.residue(line.amounts) == 0
                for name in rules.BUCKETS:
                    assert fall.total[name] == sum(line[name] for line in fall.lines if not line.parent)


def test_something_of_everything_happens(company):
    """The comparison above is worth something: the generated company has each kind of movement."""
    seen = defaultdict(int)
    for begin, end in PAIRS:
        period = CALENDAR.period_of(end, "quarter")
        for amounts in oracle.waterfall(company, begin, end, (period.start, period.end), end, reported=True).values():
            for name, amount in amounts.items():
                seen[name] += abs(amount)
    assert all(seen[name] for name in oracle.NAMES if name not in ("reopened", "deleted")), dict(seen)


def test_the_board_from_the_mart_is_the_board_from_the_facts(by):
    before = board(by=by)
    assert refresh()["questions"] > 20
    after = board(by=by)
    assert [(line.node, line.amounts, line.quota) for line in before.now.lines] == [
        (line.node, line.amounts, line.quota) for line in after.now.lines
    ]
    assert before.week.total.amounts == after.week.total.amounts
    assert refresh() == {"questions": 0, "already": True}
    assert after.head.quota
    assert after.head.cumulative("best_case") == sum(after.head[name] for name in ("closed", "commit", "most_likely", "best_case"))
    assert [one.period.label for one in after.coming] == ["FY28-Q1", "FY28-Q2"]
    assert after.plans.keys() >= {"operating", "board"}


def test_quotas_roll_up_with_vacant_seats_and_over_assignment(by):
    found = roll_up(by=by, as_of=TODAY, every_seat=True)
    lines = {line.node: line for line in found.lines}
    vacant = [line for line in lines.values() if line.note == "vacant" and line.quota]
    assert vacant
    for line in lines.values():
        below = [one.quota for one in lines.values() if one.parent == line.node and one.quota is not None]
        if below:
            assert line.quota_below == sum(below)
    assert any((line.over_assigned or 0) > 0 for line in lines.values())


def test_unknown_stages_raise_an_alarm_and_still_count(by):
    found = roll_up(by=by, as_of=TODAY)
    assert any("Legal Review" in text for text in found.alarms)
    everything = roll_up(by=by, as_of=TODAY, period="all").total
    assert everything["unmapped"] > 0
    assert everything["total_open"] == sum(
        everything[name] for name in ("commit", "best_case", "most_likely", "pipeline", "undated", "unmapped")
    )


def test_groupings_add_up_and_other_types_count_other_deals(by):
    whole = roll_up(by=by, as_of=TODAY).total
    for by_dim in ("rep", "segment", "region", "product", "type", "territory"):
        assert roll_up(by=by, as_of=TODAY, by_dim=by_dim).total.amounts == whole.amounts, by_dim
    for kind in ("renewals", "tcv", "services", "overlay", "amount"):
        found = roll_up(by=by, as_of=TODAY, period="all", type=kind)
        assert found.total["closed"] > 0, kind
    euros = roll_up(by=by, as_of=TODAY, currency="EUR").total["closed"]
    assert 0 < euros != whole["closed"]


def test_flags_have_reasons_and_the_whale_is_on_the_list(by, folder):
    page = inspection(by=by, as_of=None)
    raised = {flag.name for row in page.rows for flag in row["flags"]}
    assert {"past_close_date", "no_activity", "pushed", "no_next_step", "single_threaded"} <= raised
    assert all(flag.reason.endswith(".") for row in page.rows for flag in row["flags"])
    whale = next(
        row["id"]
        for row in rows(folder, "truth_situations")
        if row["situation"] == "whale_pushed_three_times" or "whale" in row["situation"]
    )
    shown = next(row for row in page.rows if row["opportunity_id"] == whale)
    assert any(flag.name == "pushed" and "3×" in flag.label for flag in shown["flags"])
    one = inspection(by=by, flag="pushed")
    assert 0 < one.count < page.count


def test_deals_behind_every_bar_add_up(by):
    begin, end = PAIRS[0]
    fall = waterfall(by=by, begin=begin, end=end, period="FY27-Q4")
    node = next(line for line in fall.lines if line["transferred_in"] or line["pushed_out"])
    for name in rules.BUCKETS:
        whole = bar_deals(by=by, begin=begin, end=end, period="FY27-Q4", bucket=name, take=10)
        assert whole.total_minor == fall.total[name], name
        part = bar_deals(by=by, begin=begin, end=end, period="FY27-Q4", bucket=name, node=node.node, take=10)
        assert part.total_minor == sum(line[name] for line in fall.lines if line.node == node.node), name
    found = roll_up(by=by, as_of=end, period="FY27-Q4")
    for name in ("closed", "commit", "pipeline", "omitted"):
        assert deals_behind(by=by, buckets=[name], as_of=end, period="FY27-Q4").total_minor == found.total[name]


def test_what_was_not_known_is_not_counted(by):
    late = roll_up(by=by, as_of=date(2026, 10, 1), period="all", known_as_of="2026-10-01")
    now = roll_up(by=by, as_of=date(2026, 10, 1), period="all")
    assert late.total["total_open"] > 0
    assert now.total["total_open"] > 0
