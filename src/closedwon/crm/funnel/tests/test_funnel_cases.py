"""The funnel's metrics by cases that people check by hand, on DuckDB and on Spark; the documentation shows them."""

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from closedwon.base.policytext import load_text
from closedwon.crm.funnel import casework, reading, rules
from closedwon.crm.funnel.catalogue import METRICS
from closedwon.crm.funnel.policy import FunnelPolicy
from closedwon.crm.policy import PipelinePolicy
from closedwon.crm.tests.shown import check_shown
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.policies.registry import kind

HERE = Path(__file__).parent
CASES = tomllib.loads((HERE.parent / "default/funnel.cases.toml").read_text())["case"]
POLICY = load_text((HERE.parent / "default/funnel.toml").read_text(), FunnelPolicy)[0]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(ws, case):
    found = casework.run_case(POLICY, case["given"])
    assert {name: found.get(name) for name in case["expect"]} == case["expect"]


def both_ways(case):
    pipeline, _ = load_text(kind("pipeline").default_text(), PipelinePolicy)
    period = reading.calendar().period(case["given"]["period"])
    day = date.fromisoformat(case["given"]["as_of"]) if "as_of" in case["given"] else period.last
    return casework.case_inputs(POLICY, pipeline, case["given"]["deals"], period, day)


@pytest.mark.spark
@pytest.mark.skipif(spark_missing() != "", reason=spark_missing())
def test_the_cases_on_spark(ws):
    shapes = [rules.Shape(), rules.Shape(("amount",), rules.Dimension("segment", "both", "segment"), -420)]
    page = {
        "measure": "stage", "every_segment": True, "segment": "", "every_stage": False, "stage": "1-Discovery", "every_outcome": True, "priced": False, "dated": False,
        "skip": 0, "take": 3,
    }  # fmt: skip
    wanted = [CASES[at] for at in (0, 5, 10)]
    for number, case in enumerate(wanted):
        given = both_ways(case)
        shape = shapes[number % 2]
        assert run_both(rules.counted(shape), given).num_rows
    assert run_both(rules.behind(shapes[0]), {**both_ways(CASES[3]), "page": [page], "outcomes": []}).num_rows == 3


def test_spark_text():
    check_snapshot(rules.counted(rules.Shape()), HERE / "snapshots")
    check_snapshot(rules.behind(rules.Shape(dimension=rules.Dimension("owner", "person", "label"))), HERE / "snapshots")


def test_the_documentation_shows_the_cases(ws):
    lines = ["| case | deals | comes to |", "|---|---|---|"]
    for case in CASES:
        deals = "<br>".join(told(deal) for deal in case["given"]["deals"])
        period = case["given"]["period"]
        when = f"{period} with {case['given']['with']}" if "with" in case["given"] else period
        expected = "<br>".join(f"{name}: {value}" for name, value in case["expect"].items())
        as_of = f", as of {case['given']['as_of']}" if "as_of" in case["given"] else ""
        lines.append(f"| {case['name']} ({when}{as_of}) | {deals} | {expected} |")
    check_shown("funnel.md", "cases", "\n".join(lines))


def test_the_documentation_lists_every_metric():
    lines = ["| metric | unit | formula | population |", "|---|---|---|---|"]
    lines += [
        f"| `{m.key}`{':STAGE' if m.staged else ':AGE' if m.key == 'win_rate_at' else ''} | {m.unit.replace('_', ' ')} | {m.formula} | {m.population} |"
        for m in METRICS
    ]
    check_shown("funnel.md", "metrics", "\n".join(lines))


def test_every_metric_has_a_case_that_a_person_can_check():
    """The rest is checked where leads are: crm/funnel/tests/test_funnel_doors.py."""
    shown = {name.split(":")[0].split(" ")[0] for case in CASES for name in case["expect"]}
    assert {m.key for m in METRICS if m.measure not in ("lead", "response")} <= shown


def told(deal):
    many = f"{deal['times']} × " if deal.get("times", 1) > 1 else ""
    parts = [" → ".join(f"{on[5:]} {stage}" for on, stage in deal["stages"])]
    if "amount" in deal:
        parts.append("amount " + ", ".join([deal["amount"], *(f"{value} from {on[5:]}" for on, value in deal.get("amounts", ()))]))
    if "close" in deal:
        parts.append("due " + ", ".join([deal["close"][5:], *(f"{value[5:]} from {on[5:]}" for on, value in deal.get("closes", ()))]))
    parts += [f"{name.replace('_', ' ')} {deal[name]}" for name in ("segment", "order_type", "loss_reason", "deleted") if name in deal]
    return many + "; ".join(parts)


def test_nothing_after_the_as_of_moves_a_number(ws):
    """Whatever happens later to deals that are known by then, and whatever deals come later, leaves every number as it is."""
    deals = [dict(deal) for case in CASES for deal in case["given"]["deals"]]
    day = date(2026, 2, 1)
    later = []
    for number, deal in enumerate(deals):
        known = [step for step in deal["stages"] if date.fromisoformat(step[0]) <= day]
        after = (day + timedelta(days=3 + number % 20)).isoformat()
        if known and known[-1][1][0].isdigit() and known[-1][1] != "8-Closed Lost":
            known = [*known, [after, ("Closed Won", "8-Closed Lost", "5-Negotiating")[number % 3]]]
        later.append(
            {
                **{key: value for key, value in deal.items() if key != "deleted"},
                "stages": known or [[after, "Closed Won"]],
                "amounts": [[after, "77777"]],
            }
        )
    before = [{**deal, "amounts": []} for deal in later if date.fromisoformat(deal["stages"][0][0]) <= day]
    before = [{**deal, "stages": [step for step in deal["stages"] if date.fromisoformat(step[0]) <= day]} for deal in before]
    given = {"period": "2026-Q1", "as_of": day.isoformat()}
    assert casework.run_case(POLICY, {**given, "deals": later}) == casework.run_case(POLICY, {**given, "deals": before})
