"""Past requests for approval fit their deals, their people and the calendar."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from closedwon.approvals.commands import policies_in
from closedwon.approvals.hours import due, spent
from closedwon.approvals.rules.past import json_text
from closedwon.generate.company import generate
from closedwon.generate.settings import load

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def company(tmp_path_factory: Any) -> Path:
    folder: Path = tmp_path_factory.mktemp("approvals") / "a"
    generate(load(opportunities=3000, reps=40, years=3), folder)
    return folder


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / f"{name}.parquet").to_pylist())


def test_requests_fit_their_deals(company: Path) -> None:
    deals = {row["id"]: row for row in rows(company, "opportunities")}
    lines = defaultdict(set)
    for line in rows(company, "line_items"):
        lines[line["opportunity_id"]].add(line["discount_ppm"])
    found = rows(company, "approval_requests")
    assert len(found) > 300
    today = load().as_of
    for row in found:
        deal = deals[row["subject_id"]]
        assert row["account_id"] == deal["account_id"]
        assert row["currency"] == deal["currency"]
        assert lines[row["subject_id"]] == {row["discount_ppm"]}
        assert deal["created_at"] <= row["submitted_at"] <= row["closed_at"]
        assert today - timedelta(days=550) <= row["submitted_on"] <= today
        assert (row["asked_roles"] == "") == bool(row["auto_reason"])
    assert 0.4 < sum(bool(row["auto_reason"]) for row in found) / len(found) < 0.75
    assert {row["state"] for row in found} == {"approved", "rejected", "recalled"}


def test_steps_follow_each_other_in_business_time(company: Path) -> None:
    hours = policies_in(ROOT.parent / "approvals/default").on("deal", date(2026, 1, 1))
    requests = {row["id"]: row for row in rows(company, "approval_requests")}
    steps = defaultdict(list)
    for row in rows(company, "approval_steps"):
        steps[row["request_id"]].append(row)
        own = hours.hours_of(row["region"])
        assert row["due_at"].astimezone(UTC) == due(row["opened_at"].astimezone(UTC), row["sla_hours"], own)
        if row["done_at"]:
            assert row["minutes"] == spent(row["opened_at"], row["done_at"], own).total_seconds() // 60
        assert (row["done_at"] is None) == (row["state"] in ("replaced", "skipped"))
    assert set(steps) == {one for one, row in requests.items() if row["asked_roles"]}
    for one, own_ in steps.items():
        row = requests[one]
        last = [step for step in own_ if step["version"] == row["versions"]]
        assert [step["step"] for step in sorted(last, key=lambda step: step["group_no"])] == list(range(1, len(last) + 1))
        if row["state"] == "approved":
            assert [step["role"] for step in last] == row["asked_roles"].split(";")
            assert max(step["done_at"] for step in last) == row["closed_at"]
        assert row["minutes"] == spent(row["submitted_at"], row["closed_at"], hours.hours_of(row["region"])).total_seconds() // 60
        for step in last:
            before = [other["done_at"] for other in last if other["group_no"] < step["group_no"] and other["done_at"]]
            assert all(at <= step["opened_at"] for at in before)


def test_the_json_is_in_the_spelling_of_published_requests(company: Path) -> None:
    import json

    for row in rows(company, "approval_requests")[:200]:
        assert json_text(json.loads(row["fields"])) == row["fields"]


def test_the_same_settings_give_the_same_requests(company: Path, tmp_path: Path) -> None:
    generate(load(opportunities=3000, reps=40, years=3), tmp_path / "b")
    for name in ("approval_requests", "approval_steps"):
        assert (tmp_path / "b" / f"{name}.parquet").read_bytes() == (company / f"{name}.parquet").read_bytes()
