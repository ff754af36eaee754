"""The Maven company: roll-ups against plain SQL over the CSV files, every bucket of the waterfall against a walk deal by deal."""

import csv
import itertools
import os
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import pytest

from closedwon.base.calendar import ALL
from closedwon.forecast import rules
from closedwon.forecast.actions import bar_deals, deals_behind, roll_up, waterfall
from closedwon.forecast.results import write

DATA = Path(os.environ.get("CLOSEDWON_TEST_DATA", Path(__file__).parents[5] / "shared" / "data")) / "maven_crm"
MAPPING = Path(__file__).parents[4] / "example" / "maven.toml"
MONTHS = [date(2017, m, d) for m, d in ((3, 31), (4, 30), (5, 31), (6, 30), (7, 31), (8, 31), (9, 30), (10, 31), (11, 30), (12, 31))]
QUARTERS = {
    "2017-Q1": (date(2017, 1, 1), date(2017, 4, 1)),
    "2017-Q2": (date(2017, 4, 1), date(2017, 7, 1)),
    "2017-Q3": (date(2017, 7, 1), date(2017, 10, 1)),
    "2017-Q4": (date(2017, 10, 1), date(2018, 1, 1)),
    "all": None,
}

pytestmark = pytest.mark.skipif(not DATA.exists() and not os.environ.get("CI"), reason="the test data is not here")


def rows(name):
    with (DATA / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def maven(ws):
    from closedwon.crm.actions import import_source
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply_defaults

    by = cli_actor()
    apply_defaults(by)
    import_source(DATA, by=by, mapping=MAPPING)
    return by


@pytest.fixture(scope="module")
def deals():
    price = {r["product"]: int(r["sales_price"]) for r in rows("products.csv")}
    price["GTXPro"] = price["GTX Pro"]
    manager = {r["sales_agent"]: r["manager"] for r in rows("sales_teams.csv")}

    def day(text):
        return date.fromisoformat(text) if text else None

    return [
        {
            "manager": manager[r["sales_agent"]],
            "list": price[r["product"]] * 100,
            "stage": r["deal_stage"],
            "since": day(r["engage_date"]),
            "closes": day(r["close_date"]),
            "value": int(float(r["close_value"]) * 100) if r["close_value"] else 0,
        }
        for r in rows("sales_pipeline.csv")
    ]


def state(deal, day):
    """(status, amount, close date) at the close of a day."""
    if deal["since"] and deal["since"] > day:
        return None
    if deal["stage"] in ("Won", "Lost") and deal["closes"] <= day:
        return deal["stage"].lower(), deal["value"] if deal["stage"] == "Won" else deal["list"], deal["closes"]
    return "open", deal["list"], None


def walk(deals, begin, end, span):
    def inside(s):
        return span is None or (s[2] is not None and span[0] <= s[2] < span[1])

    out = defaultdict(Counter)
    for deal in deals:
        a, b, into = state(deal, begin), state(deal, end), out[deal["manager"]]
        in_a, in_b = bool(a and a[0] == "open" and inside(a)), bool(b and b[0] == "open" and inside(b))
        into["begin"] += a[1] if in_a else 0
        into["end"] += b[1] if in_b else 0
        if in_a and b[0] == "won":
            into["won"] += b[1]
            into["increased" if b[1] > a[1] else "decreased"] += abs(b[1] - a[1])
        elif in_a and b[0] == "lost":
            into["lost"] += a[1]
        elif in_a and not in_b:
            into["pushed_out"] += a[1]
        elif in_b and not in_a:
            into["new" if a is None else "pulled_in"] += b[1]
        elif not in_a and not in_b and b and b[0] != "open" and inside(b):
            if a is None:
                into["new"] += b[1]
                into[b[0]] += b[1]
            elif a[0] == "open" and b[0] == "won":
                into["pulled_in"] += b[1]
                into["won"] += b[1]
    return out


def test_every_month_pair_and_manager_is_the_walk_deal_by_deal(maven, deals):
    for begin, end in itertools.combinations(MONTHS, 2):
        for label, span in QUARTERS.items():
            want = walk(deals, begin, end, span)
            found = waterfall(by=maven, begin=begin, end=end, period=label)
            assert {line.node for line in found.lines} == set(want)
            for line in found.lines:
                got = {name: line[name] for name in rules.BUCKETS if line[name]}
                assert got == {name: amount for name, amount in want[line.node].items() if amount}, (begin, end, label, line.node)
                assert rules.residue(line.amounts) == 0
            for name in rules.BUCKETS:
                assert found.total[name] == sum(line[name] for line in found.lines)


def test_rollups_are_plain_sql_over_the_files(maven):
    duckdb = pytest.importorskip("duckdb")
    con = duckdb.connect()
    con.execute(f"""CREATE TABLE deals AS
        SELECT t.manager, p.sales_price * 100 AS list, CAST(d.close_value AS BIGINT) * 100 AS value, d.deal_stage AS stage,
          TRY_CAST(d.engage_date AS DATE) AS since, TRY_CAST(d.close_date AS DATE) AS closes
        FROM read_csv('{DATA}/sales_pipeline.csv') d
        JOIN read_csv('{DATA}/sales_teams.csv') t ON t.sales_agent = d.sales_agent
        JOIN read_csv('{DATA}/products.csv') p ON p.product = REPLACE(d.product, 'GTXPro', 'GTX Pro')""")
    for day in MONTHS:
        for label, span in QUARTERS.items():
            low, high = span or (date(1, 1, 1), date(9999, 1, 1))
            want = con.execute(
                """SELECT manager,
                     COALESCE(SUM(value) FILTER (stage = 'Won' AND closes <= $1 AND closes >= $2 AND closes < $3), 0),
                     COALESCE(SUM(list) FILTER ((since IS NULL OR since <= $1) AND NOT (stage IN ('Won', 'Lost') AND closes <= $1)), 0)
                   FROM deals GROUP BY manager ORDER BY manager""",
                [day, low, high],
            ).fetchall()
            found = roll_up(by=maven, as_of=day, period=label)
            assert [(line.node, line["closed"], line["undated"]) for line in found.lines] == want
            assert all(line["total_open"] == line["undated"] and line["booked"] == line["closed"] for line in found.lines)
            assert found.total["undated"] == sum(row[2] for row in want)


def test_groupings_add_up_to_the_company(maven):
    want = roll_up(by=maven, as_of=date(2017, 10, 2), period="2017-Q4").total.amounts
    for by_dim in ("rep", "segment", "region", "product", "type", "territory"):
        found = roll_up(by=maven, as_of=date(2017, 10, 2), period="2017-Q4", by_dim=by_dim)
        assert found.total.amounts == want, by_dim
        if by_dim != "territory":
            assert sum(line["undated"] for line in found.lines) == want["undated"]
    regions = roll_up(by=maven, as_of=date(2017, 10, 2), by_dim="region")
    assert [line.node for line in regions.lines] == ["Central", "East", "West"]


def test_the_deals_behind_a_number_add_up_to_it(maven):
    day = date(2017, 10, 2)
    line = next(one for one in roll_up(by=maven, as_of=day, period="2017-Q4").lines if one.node == "Melvin Marxen")
    page = deals_behind(by=maven, buckets=["undated"], node="Melvin Marxen", as_of=day, period="2017-Q4", take=5000)
    assert page.total_minor == line["undated"] == sum(row["amount_in_minor"] for row in page.rows)
    assert page.count == len(page.rows)
    fall = waterfall(by=maven, begin=day, end=date(2017, 11, 6), period=ALL)
    for bucket in ("begin", "won", "lost", "new", "end"):
        one = bar_deals(by=maven, begin=day, end=date(2017, 11, 6), period="all", bucket=bucket, take=3)
        assert one.total_minor == fall.total[bucket]
        assert len(one.rows) == 3


def test_csv_and_json_have_the_columns_of_the_contract(maven):
    text = write(roll_up(by=maven, as_of=date(2017, 10, 2), period="2017-Q4").rows(), "csv")
    head, *lines = text.splitlines()
    assert head == "node,name,parent,quota,closed,booked,commit,best_case,most_likely,pipeline,omitted,undated,total_open"
    assert lines[0] == "Cara Losch,Cara Losch,,,618.00,618.00,0.00,0.00,0.00,0.00,0.00,712595.00,712595.00"
    assert lines[-1].startswith("total,Total,,,")
    fall = write(waterfall(by=maven, begin=date(2017, 10, 2), end=date(2017, 11, 6), period="2017-Q4").rows(), "csv")
    assert fall.splitlines()[0] == f"node,name,parent,{','.join(rules.BUCKETS)}"
