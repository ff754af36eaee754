"""What past requests would have needed under other policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from closedwon.approvals.actions import deciding, submitting
from closedwon.approvals.actions.analytics import look_back
from closedwon.approvals.actions.backtest import backtest, summary
from closedwon.approvals.actions.history import publish_history
from closedwon.approvals.actions.reading_back import choices, past_request
from closedwon.approvals.commands import policies_in
from closedwon.approvals.models import Request
from closedwon.approvals.tests.test_lifecycle import BOSS, DESK, OPS, POLICY, REP, content, yes
from closedwon.approvals.tests.test_lifecycle import set_up as set_up  # noqa: PLC0414 - the fixture
from closedwon.approvals.tests.test_pages import login
from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.people.facts import facts_rows
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
    assert list(backtest(today - timedelta(days=3), today - timedelta(days=1), by=OPS)) == []


def test_published_requests_say_the_same_and_what_changes_since_wins(set_up: None) -> None:
    for number, discount in enumerate(("5%", "12%", "30%")):
        request = submitting.submit({**content(discount), "id": f"R{number}"}, by=REP)
        if discount == "12%":
            yes(request, BOSS)
            yes(request, DESK)
    today = closing_day(None)
    span = (today, today + timedelta(days=1))
    before = [one.as_dict() for one in backtest(*span, by=OPS)]
    assert publish_history() == {"requests": 2, "steps": 2}
    assert publish_history() == {"requests": 0, "steps": 0}
    assert [one.as_dict() for one in backtest(*span, by=OPS)] == before
    rows = facts_rows("approval_requests")
    assert [(row["number"], row["state"], row["asked_roles"], row["discount_ppm"], row["source"]) for row in rows] == [
        ("R0", "approved", "", 50_000, "closedwon"), ("R1", "approved", "manager;desk", 120_000, "closedwon"),
    ]  # fmt: skip
    assert [(row["role"], row["state"], row["person_id"]) for row in facts_rows("approval_steps")] == [
        ("manager", "approved", "boss"), ("desk", "approved", "desk"),
    ]  # fmt: skip
    last = Request.objects.get(subject_id="R2")
    yes(last, BOSS)
    yes(last, DESK)
    after = [one.as_dict() for one in backtest(*span, by=OPS)]
    assert [row["then_outcome"] for row in after] == ["auto-approved", "approved", "approved"]
    assert publish_history() == {"requests": 1, "steps": 2}
    assert [one.as_dict() for one in backtest(*span, by=OPS)] == after


def test_how_it_went(set_up: None) -> None:
    for number, discount in enumerate(("5%", "12%", "30%", "31%")):
        request = submitting.submit({**content(discount), "id": f"R{number}"}, by=REP)
        if discount == "12%":
            yes(request, BOSS)
            yes(request, DESK)
        if discount == "30%":
            deciding.decide(request.pk, "reject", content_hash=request.content_hash, by=BOSS, comment="no", required_change="less")
    today = closing_day(None)
    told = look_back(today, today + timedelta(days=1), by=OPS)
    whole = told.whole
    assert (whole["requests"], whole["alone"], whole["approved"], whole["rejected"], whole["waiting"]) == (4, 1, 2, 1, 1)
    steps = {row["place"]: (row["asked"], row["done"], row["waiting"], row["rejected"]) for row in told.steps}
    assert steps == {"manager": (3, 2, 1, 1), "desk": (1, 1, 0, 0)}
    assert told.bottleneck["place"] in ("manager", "desk")
    with pytest.raises(Refused):
        look_back(today, today + timedelta(days=1), by=REP)


def test_who_may_and_what_is_refused(set_up: None) -> None:
    today = closing_day(None)
    with pytest.raises(Refused):
        backtest(today, today + timedelta(days=1), by=REP)
    with pytest.raises(Invalid, match="ends before it begins"):
        backtest(today, today, by=OPS)


def test_the_three_doors(set_up: None) -> None:
    for number, discount in enumerate(("5%", "12%", "30%")):
        submitting.submit({**content(discount), "id": f"R{number}"}, by=REP)
    today = closing_day(None)
    client = login("looker", "deal-desk")
    span = {"from": today.isoformat(), "to": (today + timedelta(days=1)).isoformat()}
    draft = POLICY.replace("discount > 10%", "discount > 20%")
    answer = client.post("/api/v1/approvals/backtest", {**span, "document": "deals", "text": draft}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["count"], told["summary"]["alone"], told["summary"]["then_alone"]) == (3, 2, 1)
    assert [row["request"] for row in told["requests"]] == ["R0", "R1", "R2"]
    wrong = client.post("/api/v1/approvals/backtest", {**span, "text": "title = 3"}, content_type="application/json")
    assert wrong.status_code == 422
    assert wrong.json()["problems"]
    went = client.get("/api/v1/approvals/analytics", {**span, "by": "step"}).json()
    assert went["whole"]["requests"] == 3
    assert went["by"] == "step"
    assert client.get("/api/v1/approvals/analytics", {**span, "by": "moon"}).status_code == 422
    for early in ("0001-01-01", "9999-12-31"):
        assert client.get("/api/v1/approvals/analytics", {"from": early, "to": "9999-12-31"}).status_code == 422
        assert (
            client.post("/api/v1/approvals/backtest", {"from": early, "to": "9999-12-31"}, content_type="application/json").status_code
            == 422
        )
        assert client.get("/approvals/backtest/request/", {"from": early, "to": "9999-12-31", "id": "x"}).status_code == 422
    assert client.post("/approvals/backtest/", {}).status_code == 302
    assert login("rep", "rep").get("/api/v1/approvals/analytics", span).status_code == 403


def test_the_pages(set_up: None) -> None:
    for number, discount in enumerate(("5%", "12%", "30%")):
        request = submitting.submit({**content(discount), "id": f"R{number}"}, by=REP)
        if discount == "12%":
            yes(request, BOSS)
            yes(request, DESK)
    today = closing_day(None)
    span = {"from": today.isoformat(), "to": (today + timedelta(days=1)).isoformat()}
    client = login("looker", "deal-desk")
    page = client.get("/approvals/backtest/", span).content.decode()
    assert "Every request would have asked the same people as then." in page
    assert ">R2<" in page
    draft = POLICY.replace("discount > 10%", "discount > 20%")
    moved = client.post("/approvals/backtest/", {**span, "document": "deals", "text": draft})
    assert moved.status_code == 302
    page = client.get(moved.headers["Location"]).content.decode()
    assert "Of 3 requests 1 would ask fewer people." in page
    chosen = client.get("/approvals/backtest/", {**span, "policy": "pasted", "f.change": "fewer"}).content.decode()
    assert "R1" in chosen
    assert ">R2<" not in chosen.partition("Try another text")[0]
    key = f"closedwon:{Request.objects.get(subject_id='R2').pk}"
    drawer = client.get("/approvals/backtest/request/", {**span, "policy": "pasted", "id": key}).content.decode()
    assert "Discount of 30 %" in drawer
    wrong = client.post("/approvals/backtest/", {**span, "document": "deals", "text": "title = 3"}, follow=True).content.decode()
    assert "title" in wrong
    assert client.get("/approvals/backtest/", {"from": "soon", "to": "x"}).status_code == 200
    went = client.get("/approvals/analytics/", {**span, "by": "region"}).content.decode()
    assert "Needed nobody" in went
    assert client.get("/approvals/backtest/request/", {**span, "id": "nothing"}).status_code == 404
    for address in ("/approvals/backtest/", "/approvals/analytics/", "/approvals/backtest/request/"):
        assert login("rep", "rep").get(address, span).status_code == 403


def test_sales_ops_of_a_region_look_back_over_their_region_alone(set_up: None) -> None:
    for number, region in enumerate(("EMEA", "AMER")):
        submitting.submit({**content("30%"), "id": f"R{number}", "region": region}, by=REP)
    today = closing_day(None)
    span = (today, today + timedelta(days=1))
    emea = replace(OPS, region="EMEA")
    assert [one.request for one in backtest(*span, by=emea)] == ["R0"]
    assert [one.request for one in backtest(*span, by=OPS)] == ["R0", "R1"]
    assert look_back(*span, by=emea).whole["requests"] == 1
    assert [row["asked"] for row in look_back(*span, by=emea).steps] == [1]
    other = f"closedwon:{Request.objects.get(subject_id='R1').pk}"
    assert past_request(other, choices(by=OPS)[0], *span, by=OPS).row["number"] == "R1"
    with pytest.raises(NotFound):
        past_request(other, choices(by=emea)[0], *span, by=emea)
