"""Where the sign-off of deals stands, as facts: from asked for to approved, and void where the deal is worse since."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from closedwon.approvals.actions import deciding
from closedwon.deals.actions import requests
from closedwon.deals.actions.publishing import publish_standing
from closedwon.deals.standing import AS_REQUESTS, STANDING
from closedwon.deals.tests.test_requests import BOSS, REP
from closedwon.deals.tests.test_requests import company as company  # noqa: PLC0414 - the fixture
from closedwon.facts.testing import check_snapshot, run_both, spark_missing
from closedwon.people.facts import facts_rows, publish_rows

DAY = date(2026, 11, 2)
KEPT = ("state", "needed_roles", "needs_approval", "discount_ppm", "approved_amount_minor")


def told() -> dict[str, tuple[Any, ...]]:
    return {row["opportunity_id"]: tuple(row[name] for name in KEPT) for row in facts_rows("deal_approvals")}


def discounted(ppm: int) -> None:
    (line,) = facts_rows("line_items")
    publish_rows({"line_items": [{**line, "discount_ppm": ppm}]}, note="test")


def test_from_none_to_approved_to_void(company: None) -> None:
    publish_standing()
    assert told() == {}, "10 % is within what a rep decides"
    discounted(200_000)
    publish_standing()
    assert told() == {"D1": ("none", "manager", True, None, None)}
    made = requests.begin("D1", by=REP)
    made = requests.submit(made.pk, by=REP)
    publish_standing()
    assert told() == {"D1": ("pending", "manager", True, 200_000, None)}
    assert made.approval is not None
    deciding.decide(made.approval.pk, "approve", content_hash=made.approval.content_hash, by=BOSS, strength="session")
    publish_standing()
    assert told() == {"D1": ("approved", "manager", True, 200_000, 9_000_000)}
    assert publish_standing()["deals"] == 0, "nothing changed, nothing is written"
    discounted(260_000)
    publish_standing()
    assert told()["D1"][:2] == ("voided", "manager;deal-desk")


def test_rows_of_another_source_stay_for_deals_that_are_not_ours(company: None) -> None:
    publish_rows(
        {"deal_approvals": [{"opportunity_id": "X9", "subject_kind": "deal", "state": "approved", "source": "legacy"}]}, note="test"
    )
    discounted(200_000)
    publish_standing()
    publish_standing()
    assert {deal: state for deal, (state, *_) in told().items()} == {"X9": "approved", "D1": "none"}


def cases() -> tuple[dict[str, Any], dict[str, Any]]:
    at = datetime(2026, 10, 1, tzinfo=UTC)
    deal = {"currency": "EUR", "amount_minor": 900, "tcv_minor": 1000, "net_arr_minor": 50, "term_months": 12, "is_closed": False}
    given = {
        "opportunities": [{**deal, "id": "a"}, {**deal, "id": "b", "renewal_base_minor": 70}, {**deal, "id": "c", "is_closed": True}],
        "line_items": [
            {"id": "1", "opportunity_id": "a", "amount_minor": 750, "discount_ppm": 250_000},
            {"id": "2", "opportunity_id": "a", "amount_minor": 333, "discount_ppm": 0},
        ],
        "exchange_rates": [{"kind": "plan-FY26", "currency": "EUR", "to_currency": "USD", "since": date(2026, 1, 1), "until": None, "rate_ppb": 1_100_000_000}],
        "params": [{"day": DAY, "currency": "USD"}],
    }  # fmt: skip
    row = {"kind": "deal", "state": "approved", "closed_at": at, "net_minor": 5, "discount_ppm": 200_000, "asked_roles": "manager"}
    asked = {
        "approval_requests": [{**row, "id": "1", "subject_id": "a", "submitted_at": at}, {**row, "id": "2", "subject_id": "b", "submitted_at": at}],
        "live_approval_requests": [{**row, "id": "3", "subject_id": "a", "submitted_at": at + timedelta(days=1), "state": "recalled"}],
        "live_ids": [{"id": "3"}], "params": [{"slack_ppm": 500}],
        "needs": [{"id": "b", "roles": "vp", "discount_ppm": 200_501}, {"id": "d", "roles": "vp", "discount_ppm": 1}, {"id": "e", "roles": "", "discount_ppm": 1}],
    }  # fmt: skip
    return given, asked


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing() or "Spark is here")
def test_both_engines_agree() -> None:
    given, asked = cases()
    rows = run_both(AS_REQUESTS, given).to_pylist()
    assert [(row["id"], row["discount_ppm"], row["list_minor"], row["net_minor"], row["renewal_net_minor"], row["rate_ppb"]) for row in rows] == [
        ("a", 187_500, 1333, 1083, None, 1_100_000_000), ("b", None, None, 1000, 120, 1_100_000_000),
    ]  # fmt: skip
    found = {row["opportunity_id"]: (row["state"], row["needed_roles"]) for row in run_both(STANDING, asked).to_pylist()}
    assert found == {"a": ("recalled", "manager"), "b": ("voided", "vp"), "d": ("none", "vp")}


def test_the_texts_for_spark_are_looked_at() -> None:
    for rule in (AS_REQUESTS, STANDING):
        check_snapshot(rule, Path(__file__).parent / "snapshots")
