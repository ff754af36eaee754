"""What past requests would have needed under other policies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from closedwon.approvals.actions import submitting
from closedwon.approvals.actions.backtest import backtest, summary
from closedwon.approvals.commands import policies_in
from closedwon.approvals.tests.test_lifecycle import BOSS, DESK, OPS, POLICY, REP, content, yes
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.base.errors import Invalid, Refused
from closedwon.people.visibility import closing_day


def test_past_requests_under_a_wider_policy(set_up: None, tmp_path: Path) -> None:
    for number, discount in enumerate(("5%", "12%", "30%")):
        request = submitting.submit({**content(discount), "id": f"R{number}"}, by=REP)
        if discount == "12%":
            yes(request, BOSS)
            yes(request, DESK)
    (tmp_path / "deals.toml").write_text(POLICY.replace("discount > 10%", "discount > 20%"))
    today = closing_day(None)
    span = (today - timedelta(days=1), today + timedelta(days=1))
    now = backtest(*span, by=OPS)
    assert [one.roles for one in now] == [(), ("manager", "desk"), ("manager", "desk")]
    assert [one.then_outcome for one in now] == ["auto-approved", "approved", "pending"]
    assert [one.then_hours is not None for one in now] == [True, True, False]
    wider = backtest(*span, by=OPS, given=policies_in(tmp_path))
    assert [(one.request, one.outcome, one.roles) for one in wider] == [
        ("R0", "auto-approved", ()),
        ("R1", "auto-approved", ()),
        ("R2", "needs-approval", ("manager", "desk")),
    ]
    told = summary(wider)
    assert (told["requests"], told["alone"], told["then_alone"], told["changed"]) == (3, 2, 1, 1)
    assert backtest(today - timedelta(days=3), today - timedelta(days=1), by=OPS) == []


def test_who_may_and_what_is_refused(set_up: None) -> None:
    today = closing_day(None)
    with pytest.raises(Refused):
        backtest(today, today + timedelta(days=1), by=REP)
    with pytest.raises(Invalid, match="ends before it begins"):
        backtest(today, today, by=OPS)
