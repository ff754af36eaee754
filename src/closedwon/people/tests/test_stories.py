"""A person's time in the company: what is told, to whom, and that pay is not."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client

from closedwon.base.errors import NotFound
from closedwon.people.actions import stories
from closedwon.people.actor import Actor
from closedwon.people.facts import publish_rows
from closedwon.people.models import RoleGrant, User

PAST = date(2020, 1, 1)


@pytest.fixture
def company(ws: Any) -> None:
    publish_rows({
        "users": [
            {"id": "ann", "name": "Ann", "active": True, "hire_date": PAST}, {"id": "bob", "name": "Bob", "active": True, "manager_id": "ann"},
            {"id": "cy", "name": "Cy", "active": False, "end_date": date(2024, 1, 1)}, {"id": "dee", "name": "Dee", "active": True},
        ],
        "positions": [{"id": "S1", "name": "Team", "region": "EMEA"}, {"id": "S2", "name": "Patch", "region": "EMEA"}, {"id": "S3", "name": "Open seat", "region": "EMEA"}, {"id": "S4", "name": "Far", "region": "APJ"}],
        "position_holders": [
            {"position_id": "S1", "user_id": "ann", "since": PAST}, {"position_id": "S2", "user_id": "cy", "since": PAST, "until": date(2024, 1, 1)},
            {"position_id": "S2", "user_id": "bob", "since": date(2024, 1, 1), "is_interim": True}, {"position_id": "S4", "user_id": "dee", "since": PAST},
        ],
        "hierarchy": [
            {"kind": "sales", "position_id": "S1", "since": PAST, "parent_id": None}, {"kind": "sales", "position_id": "S2", "since": PAST, "parent_id": "S1"},
            {"kind": "sales", "position_id": "S3", "since": PAST, "parent_id": "S1"}, {"kind": "sales", "position_id": "S4", "since": PAST, "parent_id": None},
        ],
        "assignments": [
            {"user_id": "bob", "since": date(2024, 1, 1), "until": date(2024, 6, 1), "role": "AE", "segment": "SMB", "target_variable_minor": 5_000_000, "currency": "USD", "plan_id": "PLAN-9"},
            {"user_id": "bob", "since": date(2024, 6, 1), "role": "AE", "leave_kind": "parental", "fte_ppm": 0},
        ],
    }, note="test")  # fmt: skip


def actor(person: str, *roles: str, region: str = "") -> Actor:
    return Actor(f"{person}@example.com", person_id=person, roles=frozenset(roles), region=region)


def test_stays_in_order_and_nothing_of_pay(company: None) -> None:
    told = stories.story("bob", by=actor("ann", "manager"))
    assert [(one.kind, one.what, one.note) for one in told["stays"]] == [
        ("leave", "parental leave", "0 % of full time"),
        ("seat", "Patch", "interim, EMEA"),
        ("assignment", "AE", "SMB"),
    ]
    assert told["state"] == "parental leave"
    assert told["managers"] == ["Ann"]
    assert "PLAN-9" not in str(told)
    assert "5000000" not in str(told)
    assert stories.story("ann", by=actor("x", "executive"))["vacant"] == ["Open seat"]


@pytest.mark.parametrize(
    ("by", "sees"),
    [
        (actor("ann", "manager"), {"ann", "bob"}), (actor("bob", "rep"), {"bob"}), (actor("dee", "manager"), {"dee"}), (actor("o", "sales-ops", region="EMEA"), {"ann", "bob"}),
        (actor("o", "sales-ops"), {"ann", "bob", "cy", "dee"}), (actor("a", "admin"), {"ann", "bob", "cy", "dee"}),
    ],
)  # fmt: skip
def test_who_may_read_about_whom(company: None, by: Actor, sees: set[str]) -> None:
    listed = {row["id"] for row in stories.people_seen(by=by)}
    opened = set()
    for person in ("ann", "bob", "cy", "dee"):
        try:
            stories.story(person, by=by)
            opened.add(person)
        except NotFound:
            pass
    assert sees <= listed
    assert listed - sees <= {"cy"}
    assert opened == listed


def test_the_pages(company: None) -> None:
    user = User.objects.create(email="ann@example.com", person_id="ann")
    RoleGrant.objects.create(user=user, role="manager", granted_by="test")
    client = Client()
    client.force_login(user)
    assert b"Bob" in client.get("/people/").content
    assert b"Parental leave" in client.get("/people/bob/").content
    assert client.get("/people/dee/").status_code == 404
