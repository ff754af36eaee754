"""The back-test in SQL says of every request what the preview in Python says, on both engines, for every matrix that ships."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from closedwon.approvals.commands import policies_in
from closedwon.approvals.deciding import PEOPLE, Policies
from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.backtest import backtest_rule
from closedwon.approvals.rules.past import row_of
from closedwon.approvals.rules.preview import preview
from closedwon.approvals.rules.reading import people_of_rows, request_of
from closedwon.approvals.rules.united import United
from closedwon.approvals.rules.values import People, Person, Request
from closedwon.base.policytext import load_text
from closedwon.facts.engine import DuckEngine
from closedwon.facts.testing import check_snapshot, run_both, spark_missing

ROOT = Path(__file__).parents[4]
DAY = date(2026, 11, 2)
AT = datetime(2026, 11, 2, 15, 30, tzinfo=UTC)
MATRICES = {
    "default": "src/closedwon/approvals/default", "guru": "example/matrices/guru-2025", "gem": "example/matrices/gem", "gitlab": "example/matrices/gitlab",
}  # fmt: skip
ODD = """
title = "Odd"
[[version]]
since = 2020-01-01
reference = "test"
currency = "USD"
[version.fields]
discount = "percent"
net = "money"
seats = "number"
terms = { type = "picklist", values = ["a", "b"] }
urgent = "yes/no"
starts = "date"
note = "text"
"account.segment" = "text"
lines = { rows = { net = "money", discount = "percent", kind = "text", ok = "yes/no" } }
[[version.compute]]
name = "per_seat"
formula = "net / seats"
type = "money"
[[version.compute]]
name = "twice"
formula = "per_seat * 2"
type = "money"
[[version.compute]]
name = "free"
formula = 'SUM(lines.net WHERE kind = "free" && ok)'
type = "money"
[[version.role]]
name = "ae"
auto = true
[[version.role]]
name = "manager"
sla_hours = 8
[[version.role]]
name = "desk"
sla_hours = 4
[[version.role]]
name = "vp"
sla_hours = 16
[[version.role]]
name = "legal"
[[version.chain]]
name = "up"
steps = ["manager", ["desk", "vp"]]
mode = "highest"
[[version.rule]]
name = "small"
when = "discount <= 5% AND NOT ISBLANK(discount)"
ask = ["ae"]
[[version.rule]]
name = "dear"
when = "twice > 300"
ask = ["manager", "vp"]
[[version.rule]]
name = "words"
when = 'NOT ISBLANK(note) OR account.segment = "Public"'
ask = ["legal"]
[[version.rule]]
name = "never"
when = "free > 1000"
forbid = true
reason = "too much for free"
[[version.rule]]
name = "soon"
when = "starts - TODAY() < 5"
ask = ["desk"]
[[version.explanation]]
when = "urgent"
require = ["note"]
[version.floor]
when = "net < 1000"
reason = "small"
otherwise = "desk"
[[version.table]]
when = "urgent OR net > 500"
on_gap = "vp"
[version.table.table]
table = "ladder"
hit = "UNIQUE"
inputs = [{ name = "discount", type = "percent" }, { name = "terms", type = "picklist" }]
outputs = [{ name = "ask", type = "text" }]
rows = [["< 10%", "-", "none"], ["[10%..30%]", '"a"', "manager"], ["[30%..60%)", "-", "manager;desk"], ["null", "-", "legal"]]
[[version.table]]
[version.table.table]
table = "several"
hit = "RULE ORDER"
inputs = [{ name = "seats", type = "number" }, { name = "urgent", type = "yesno" }]
outputs = [{ name = "ask", type = "text" }]
rows = [["> 100", "-", "vp"], ["> 500", "-", "legal;desk"], ["-", "true", "manager"]]
[[version.table]]
[version.table.table]
table = "first"
hit = "FIRST"
inputs = [{ name = "twice", type = "money" }]
outputs = [{ name = "ask", type = "text", default = "none" }]
rows = [["> 5000", "vp"], ["> 4000", "desk"]]
"""


@lru_cache
def united(name: str, kind: str = "deal") -> United:
    if name == "odd":
        value, problems = load_text(ODD, Matrix, "odd.toml")
        assert value is not None, problems
        return Policies({"odd": value}).on(kind, DAY)
    return policies_in(ROOT / MATRICES[name]).on(kind, DAY)


def somebody(made: United) -> People:
    """One person for each role, and managers above the rep."""
    rows = people_of_rows(PEOPLE)
    more = [Person(f"h-{role}", role, roles=frozenset({role})) for role in made.roles if not rows.holders(role)]
    return People.of([*rows.by_id.values(), *more])


def value_of(kind: Any, chance: random.Random, near: list[str]) -> Any:
    if kind.kind == "rows":
        return [
            {"id": str(at), **{name: value_of(part, chance, []) for name, part in kind.fields.items() if name != "id" and chance.random() < 0.9}}
            for at in range(chance.choice((0, 1, 3)))
        ]  # fmt: skip
    if kind.kind == "percent":
        return chance.choice(
            ("0%", "4.9%", "5%", "14.9%", "15%", "20%", "25%", "30%", "33.3333%", "45%", f"{chance.randint(0, 6000) / 100}%")
        )
    if kind.kind == "money":
        return chance.choice(
            ("0", "999.99", "1000", "2500", "35000", "100000", "499999.99", f"{chance.randint(-(10**6), 10**8) / 100:.2f}")
        )
    if kind.numeric:
        return chance.choice(("0", "1", "3", "10", "11", "12", "18", "24", "36", "501", chance.randint(0, 60)))
    if kind.kind == "yes/no":
        return chance.choice((True, False))
    if kind.kind == "date":
        return (DAY + timedelta(days=chance.randint(-40, 40))).isoformat()
    return chance.choice([*near, *kind.values, "Net 60", "Net 90", "free", "Public", "a", "it's"])


def words_of(made: United) -> list[str]:
    """The texts that the policy's own tables and formulas compare with."""
    found = []
    for asker in made.askers:
        text = asker.when.text if asker.when else ""
        found += text.split('"')[1::2]
        for row in asker.table.rows if asker.table else ():
            found += [
                str(item.value) for test in row.tests for item in test.items if hasattr(item, "value") and isinstance(item.value, str)
            ]
    return sorted(set(found))


def drawn(made: United, chance: random.Random, at: int) -> Request:
    computed = dict(made.computes)
    near = words_of(made)
    fields: dict[str, Any] = {}
    for name, kind in made.types.items():
        if name in computed or chance.random() < 0.35:
            continue
        fields[name] = value_of(kind, chance, near)
    if chance.random() < 0.05:
        fields["seats"] = "0"
    currency = chance.choice(("USD", "USD", "EUR", "JPY", ""))
    rates = {"EUR": "1.1", "JPY": "0.0067"} if chance.random() < 0.95 else {}
    given = {
        "kind": made.subject, "id": f"R{at:04d}", "currency": currency, "submitter": "rep", "owner": "rep", "fields": fields, "rates": rates,
    }  # fmt: skip
    if currency == "JPY":
        for name, kind in made.types.items():
            if kind.kind == "money" and name in fields:
                fields[name] = str(fields[name]).partition(".")[0]
    return replace(request_of(given), submitted_at=AT)


def told(made: United, request: Request, people: People) -> tuple[str, str]:
    found = preview(made, request, people, AT, explain=False)
    roles = {role for step in found.steps for role in step.roles}
    return "auto-approved" if found.auto_approved else found.outcome, ";".join(sorted(roles, key=made.rank))


def rows_of(requests: list[Request]) -> list[dict[str, Any]]:
    return [{**row_of(one), "id": one.id, "submitted_on": DAY, "submitted_at": AT, "state": "approved"} for one in requests]


PARAMS = [{"kind": "deal", "start": DAY, "stop": DAY + timedelta(days=1)}]


def given_of(requests: list[Request]) -> dict[str, Any]:
    """Half of the requests published, half live, one of the published ones changed since."""
    rows = rows_of(requests)
    half = len(rows) // 2
    stale = {**rows[half], "discount_ppm": 999_999, "fields": "{}"}
    live = rows[half:]
    return {
        "approval_requests": [*rows[:half], stale], "live_approval_requests": live, "live_ids": [{"id": row["id"]} for row in live], "params": PARAMS,
    }  # fmt: skip


EXAMPLES = int(os.environ.get("CLOSEDWON_BACKTEST_EXAMPLES", "250"))


@pytest.mark.parametrize("name", [*MATRICES, "odd"])
@pytest.mark.parametrize("seed", [1, 2])
def test_sql_says_what_the_preview_says(name: str, seed: int) -> None:
    made, chance = united(name), random.Random(seed)
    requests = [drawn(made, chance, at) for at in range(EXAMPLES)]
    people = somebody(made)
    found = DuckEngine().run(backtest_rule(made), given_of(requests)).to_pylist()
    wanted = {one.id: told(made, one, people) for one in requests}
    wrong = [(json.dumps(dict(one.fields), default=str), one.currency, wanted[one.id], row) for one, row in zip(requests, found, strict=True) if (row["outcome"], row["roles"]) != wanted[one.id]]  # fmt: skip
    assert not wrong, wrong[0]
    outcomes = {outcome for outcome, _ in wanted.values()}
    assert len(outcomes) > 1
    assert len({roles for _, roles in wanted.values()}) > 3


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing() or "Spark is here")
@pytest.mark.parametrize("name", ["default", "odd"])
def test_both_engines_agree(name: str) -> None:
    made, chance = united(name), random.Random(7)
    requests = [drawn(made, chance, at) for at in range(60)]
    found = run_both(backtest_rule(made), given_of(requests)).to_pylist()
    people = somebody(made)
    assert [(row["outcome"], row["roles"]) for row in found] == [told(made, one, people) for one in requests]


def test_the_text_for_spark_is_looked_at() -> None:
    check_snapshot(backtest_rule(united("odd")), Path(__file__).parent / "snapshots")
