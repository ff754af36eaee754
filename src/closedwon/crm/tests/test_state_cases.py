"""The states of deals by cases that people read, on DuckDB and on Spark; the documentation shows them."""

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closedwon.crm.rules import DEAL_STATES
from closedwon.crm.tests.shown import check_shown
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import run_both, spark_missing

CASES = tomllib.loads((Path(__file__).parents[1] / "cases/deal-states.cases.toml").read_text())["case"]
LAST_OF_FEBRUARY = datetime(2025, 2, 28, tzinfo=UTC)
EVER = datetime(9998, 1, 1, tzinfo=UTC)


def day(number):
    return LAST_OF_FEBRUARY + timedelta(days=number)


def inputs(case, name="d"):
    deal = {"id": name, "created_at": day(1), "stage": "Won", "amount_minor": 30_000, "currency": "USD"}
    if "deleted" in case:
        deal["deleted_at"] = day(case["deleted"])
    changes = []
    for seq, (at, field, old, new, *known) in enumerate(case["changes"]):
        values = [None if not v else f"{v}00" if field.endswith("_minor") else v for v in (old, new)]
        changes.append({"id": name, "at": day(at), "field": field, "seq": seq, "old_value": values[0], "new_value": values[1],
                        "known_at": day(known[0]) if known else None})  # fmt: skip
    known = day(case["known_before"]) if "known_before" in case else EVER
    return {"opportunities": [deal], "opportunity_changes": changes, "params": [{"known_cutoff": known}]}


def said(rows):
    made = []
    for row in sorted(rows, key=lambda r: r["valid_from"]):
        amount = "empty" if row["amount_minor"] is None else row["amount_minor"] // 100
        made.append([(row["valid_from"] - LAST_OF_FEBRUARY).days, row["stage"], amount, *(["deleted"] if row["is_deleted"] else [])])
    return made


@pytest.mark.parametrize("case", CASES, ids=[case["what"] for case in CASES])
def test_case(case):
    assert said(DuckEngine().run(DEAL_STATES, inputs(case)).to_pylist()) == case["states"]


@pytest.mark.spark
@pytest.mark.skipif(spark_missing() != "", reason=spark_missing())
def test_the_cases_on_spark():
    for known in {case.get("known_before") for case in CASES}:
        whole = {"opportunities": [], "opportunity_changes": []}
        for number, case in enumerate(CASES):
            if case.get("known_before") == known:
                given = inputs(case, f"d{number}")
                params = given["params"]
                for name, rows in whole.items():
                    rows.extend(given[name])
        run_both(DEAL_STATES, {**whole, "params": params})


def test_the_documentation_shows_the_cases():
    lines = ["| what is known of the deal | changes | its states |", "|---|---|---|"]
    for case in CASES:
        changes = "<br>".join(
            f"{at} March: {field.removesuffix('_minor')} {old} → {new or 'nothing'}{f', learnt on {known[0]} March' if known else ''}"
            for at, field, old, new, *known in case["changes"]
        ).replace("0 March", "28 February" if any(change[0] == 0 for change in case["changes"]) else "0 March")
        if "deleted" in case:
            changes = f"deleted on {case['deleted']} March"
        if "known_before" in case:
            changes += f"<br>asked as known before {case['known_before']} March"
        states = "<br>".join(f"from {at} March: {', '.join(map(str, values))}" for at, *values in case["states"])
        lines.append(f"| {case['what']} | {changes or '–'} | {states} |")
    check_shown("deal-states.md", "cases", "\n".join(lines))
