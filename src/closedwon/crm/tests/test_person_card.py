"""A person's page shows the open deals that the person owns: those that the reader may see, and nothing of pay."""

from datetime import UTC, date, datetime

import pytest

from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.people import beside
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


def deal(n, owner, stage="1-Discovery", **more):
    return {
        "opportunity_id": f"d{n}", "valid_from": BEGAN, "valid_until": FOREVER, "name": f"Deal No. {n}", "owner_id": owner, "stage": stage,
        "amount_minor": n * 1000_00, "currency": "USD", "close_date": date(2027, 1, n), "created_at": BEGAN, "is_deleted": False,
        "is_reconstructed": False, **more,
    }  # fmt: skip


@pytest.fixture
def company(ws):
    """Max leads bob; mia leads dora; bob has ten open deals, one won and one deleted; dora works on bob's first."""
    apply_defaults(SYSTEM)
    deals = [deal(n, "bob") for n in range(1, 11)]
    deals += [deal(11, "bob", "Closed Won", is_closed=True, is_won=True), deal(12, "bob", is_deleted=True), deal(13, "dora")]
    rows = {
        "users": [
            {"id": who, "name": who.title(), "manager_id": above, "region": region, "active": True}
            for who, above, region in (("max", None, "EMEA"), ("mia", None, "APAC"), ("bob", "max", "EMEA"), ("dora", "mia", "APAC"))
        ],
        "opportunity_team": [{"opportunity_id": "d1", "user_id": "dora", "role": "SE", "since": date(2026, 1, 1)}],
        "assignments": [
            {"user_id": "bob", "since": date(2026, 1, 1), "role": "AE", "plan_id": "PLAN-77", "target_variable_minor": 8_765_400, "currency": "USD"}
        ],
        "deal_states": deals,
    }  # fmt: skip
    at = store()
    versions = {name: at.replace(name, rows_to_table(found, table(name).columns)) for name, found in rows.items()}
    publish(versions, note="test")


READERS = [
    ("executive", "", "", 10), ("finance", "", "", 10), ("deal-desk", "max", "", None), ("auditor", "", "", 10), ("sales-ops", "", "", 10),
    ("sales-ops", "", "EMEA", 10), ("sales-ops", "", "APAC", None), ("manager", "max", "", 10), ("rep", "bob", "", 10), ("rep", "dora", "", None),
    ("manager", "mia", "", None), ("enablement", "", "", 0), ("admin", "", "", 0), ("comp-admin", "", "", None),
]  # fmt: skip
"""Who, as which person, of which region, and how many of bob's open deals; None where bob's page is not there for them."""


@pytest.mark.parametrize(("role", "who", "region", "seen"), READERS)
def test_the_card_is_there_for_those_who_may_see_the_deals(company, client, person, role, who, region, seen):
    client.force_login(person("reader@x.test", role, person_id=who, region=region, grants=["pay"]))
    answer = client.get("/people/bob/")
    page = answer.content.decode()
    assert answer.status_code == (404 if seen is None else 200)
    assert ("Open deals" in page) == bool(seen)
    assert page.count("/pipeline/deals/d") == min(seen or 0, 8)
    assert ("8 of 10" in page) == bool(seen)
    for hidden in ("d11", "d12", "d13"):
        assert f"/pipeline/deals/{hidden}" not in page
    for pay in ("PLAN-77", "87,654", "8765400"):
        assert pay not in page, "a page of a person never tells of pay"


def test_who_sees_part_of_a_persons_deals_gets_that_part(company, client, person):
    """A manager of bob's that has gone sees the deal that dora works on through dora alone."""
    from closedwon.crm.beside import open_deals
    from closedwon.people.actor import Actor

    def lines(**given):
        found = open_deals(Actor("x", **given), "bob")
        return [line.label for line in found.lines]

    assert lines(roles=frozenset({"se"}), person_id="dora") == ["Deal No. 1"]
    assert lines(roles=frozenset({"manager"}), person_id="mia") == ["Deal No. 1"]
    assert lines(roles=frozenset({"enablement"}), person_id="bob") == []


def test_a_field_that_fails_leaves_the_page(company, client, person, monkeypatch):
    def fails(_by, _key):
        raise RuntimeError

    monkeypatch.setattr(beside._CARDS, "_providers", [fails, *beside._CARDS._providers])
    client.force_login(person("reader@x.test", "executive"))
    assert "Open deals" in client.get("/people/bob/").content.decode()
