"""Deals of several currencies sort by what they are worth."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from closedwon.crm.actions import DealQuery, deals, refresh
from closedwon.people.actor import SYSTEM
from closedwon.people.facts import publish_rows
from closedwon.policies.actions import apply_defaults


@pytest.mark.parametrize(("descending", "order"), [(False, ["yen", "dollar", "euro", "none"]), (True, ["euro", "dollar", "yen", "none"])])
def test_currencies_compare_by_the_plan_rate(ws: Any, descending: bool, order: list[str]) -> None:
    apply_defaults(by=SYSTEM)
    born = datetime(2026, 1, 5, tzinfo=UTC)
    rates = [
        {"kind": "plan", "currency": code, "to_currency": "USD", "since": date(2020, 1, 1), "rate_ppb": ppb}
        for code, ppb in (("JPY", 6_700_000), ("EUR", 1_080_000_000))
    ]
    amounts = {"yen": (900_000, "JPY"), "dollar": (1_000_000, "USD"), "euro": (950_000, "EUR"), "none": (None, "USD")}
    rows = [
        {"id": name, "name": name, "stage": "4-Proposal", "amount_minor": minor, "currency": code, "created_at": born}
        for name, (minor, code) in amounts.items()
    ]
    publish_rows({"opportunities": rows, "exchange_rates": rates}, note="test")
    refresh(by=SYSTEM)
    for size in (10, 1):
        found = [
            deals(SYSTEM, DealQuery(sort="amount", descending=descending, size=size, page=page)).rows for page in range(1, 10 // size + 1)
        ]
        assert [row["id"] for rows in found for row in rows] == order
    only = deals(SYSTEM, DealQuery(where={"currency": "JPY"}, sort="amount"))
    assert [row["id"] for row in only.rows] == ["yen"]
