"""The funnel of the Maven company against plain Python over its CSV files."""

import csv
import io
import os
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from closedwon.crm.funnel import actions
from closedwon.crm.funnel.signal_action import signal

DATA = Path(os.environ.get("CLOSEDWON_TEST_DATA", Path(__file__).parents[6] / "shared" / "data")) / "maven_crm"
MAPPING = Path(__file__).parents[5] / "example" / "maven.toml"
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


def command(*words):
    from typer.testing import CliRunner

    from closedwon.site.cli import app

    result = CliRunner().invoke(app, ["funnel", *words, "--format", "csv"])
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_the_contract(maven):
    sector = {row["account"]: {"technolgy": "technology"}.get(row["sector"], row["sector"]) for row in rows("accounts.csv")}
    office = {row["sales_agent"]: row["regional_office"] for row in rows("sales_teams.csv")}
    deals = [
        {**row, "sector": sector.get(row["account"], "none"), "office": office[row["sales_agent"]]} for row in rows("sales_pipeline.csv")
    ]

    def oracle(by, start, end):
        inside = [d for d in deals if d["deal_stage"] in ("Won", "Lost") and start <= d["close_date"] < end]
        born = [d for d in deals if start <= d["engage_date"] < end]
        made = {}
        for name in ("all", *{d[by] for d in deals}):
            closed, cohort = ([d for d in some if name in ("all", d[by])] for some in (inside, born))
            won = [d for d in closed if d["deal_stage"] == "Won"]
            made[name] = {
                "close_rate": (len(won), len(closed)), "cohort_win_rate": (sum(d["deal_stage"] == "Won" for d in cohort), len(cohort)),
                "asp_mean": (sum(Decimal(d["close_value"]) for d in won), len(won)),
                "cycle_won_mean": (sum((date.fromisoformat(d["close_date"]) - date.fromisoformat(d["engage_date"])).days for d in won), len(won)),
                "open": sum(d["deal_stage"] == "Engaging" for d in cohort),
            }  # fmt: skip
        return made

    lines = command("show", "--period", "2017", "--by", "sector")
    assert list(lines[0]) == ["metric", "segment", "value", "n", "censored", "low", "high"]
    wanted = oracle("sector", "2017-01-01", "2018-01-01")
    assert {line["segment"] for line in lines} == set(wanted)
    told = {(line["metric"], line["segment"]): line for line in lines}
    for segment, expected in wanted.items():
        for metric in ("close_rate", "cohort_win_rate", "asp_mean", "cycle_won_mean"):
            num, den = expected[metric]
            if not den:
                assert (metric, segment) not in told
                continue
            line = told[metric, segment]
            assert Decimal(line["value"]) == pytest.approx(Decimal(num) / den, abs=Decimal("0.006"))
            assert int(line["n"]) == den
            assert Decimal(line["low"] or "-1") <= Decimal(line["value"]) <= Decimal(line["high"] or "9999999")
        if ("cohort_win_rate", segment) in told:
            assert int(told["cohort_win_rate", segment]["censored"]) == expected["open"]
    compared = command("compare", "--period", "2017-Q4", "--with", "2017-Q3", "--by", "office")
    now, before = oracle("office", "2017-10-01", "2018-01-01"), oracle("office", "2017-07-01", "2017-10-01")
    rates = {line["segment"]: line for line in compared if line["metric"] == "close_rate"}
    assert set(rates) == {"all", "Central", "East", "West"}
    for segment, line in rates.items():
        assert (int(line["n"]), int(line["with_n"])) == (now[segment]["close_rate"][1], before[segment]["close_rate"][1])
    for name in dict.fromkeys(line["metric"] for line in compared):
        whole, *parts = [line for line in compared if line["metric"] == name]
        if whole["mix"] and whole["rate"]:
            assert Decimal(whole["mix"]) + Decimal(whole["rate"]) + Decimal(whole["rest"]) == Decimal(whole["change"])
            for effect in ("mix", "rate"):
                assert sum(Decimal(line[effect] or 0) for line in parts) == Decimal(whole[effect]), name
    velocity = next(line for line in compared if line["metric"] == "velocity")
    four = [line for line in compared if line["metric"].startswith("velocity_") and line["segment"] == "all"]
    assert sum(Decimal(line["velocity"]) for line in four) == Decimal(velocity["velocity"]) == Decimal(velocity["change"])


def test_this_data_carries_no_usable_win_signal(maven):
    found = signal(maven)
    assert found is not None
    assert not found.usable
    assert 0.45 <= found.auc <= 0.56
    assert found.deals == found.of == Counter(row["deal_stage"] in ("Won", "Lost") for row in rows("sales_pipeline.csv"))[True]
    assert signal(maven) == found


def test_as_of_a_day_reads_nothing_later(maven):
    early = actions.show(maven, period="2017-Q2", as_of=date(2017, 6, 30), by_dim="office")
    inside = [
        r for r in rows("sales_pipeline.csv") if r["deal_stage"] in ("Won", "Lost") and "2017-04-01" <= r["close_date"] <= "2017-06-30"
    ]
    assert early.of("close_rate").n == len(inside)
    born = [r for r in rows("sales_pipeline.csv") if "2017-04-01" <= r["engage_date"] <= "2017-06-30"]
    still = [r for r in born if r["deal_stage"] == "Engaging" or r["close_date"] > "2017-06-30"]
    assert early.of("cohort_win_rate").n == len(born)
    assert early.of("cohort_win_rate").censored == len(still)
    conversion, naive = early.of("stage_conversion", "Engaging"), early.of("stage_conversion_naive", "Engaging")
    assert conversion.value > naive.value
