"""Data quality: every check finds what it is for and nothing else, and shows no one a deal that they may not see."""

from datetime import date

import pytest

from closedwon.base.errors import NotFound, Refused
from closedwon.crm.actions import DealQuery, check_words, deals, import_source, quality, quality_rows
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies.actions import apply_defaults

TODAY = date(2026, 6, 30)
DEALS = """id,name,owner_id,account_id,stage,amount_minor,currency,close_date,created_at,region,x_tier
fine,Northern Rail,ann,a1,1-Discovery,120000,USD,2026-12-31,2026-01-05,EMEA,gold
past,Eastern Rail,ann,a1,1-Discovery,120000,USD,2026-05-31,2026-01-05,EMEA,
far,Western Rail,ann,a1,1-Discovery,120000,USD,2099-01-01,2026-01-05,APAC,
one,One Rail,ann,a1,1-Discovery,100,USD,2026-12-31,2026-01-05,EMEA,
test,TEST DO NOT USE,ann,a1,1-Discovery,5000,USD,2026-12-31,2026-01-05,EMEA,
gone,Left Rail,old,a1,1-Discovery,5000,USD,2026-12-31,2026-01-05,EMEA,
nobody,Nobody Rail,xxx,zzz,1-Discovery,5000,USD,2026-12-31,2026-01-05,EMEA,
odd,Odd Rail,ann,,Legal Review,5000,USD,2026-12-31,2026-01-05,EMEA,
bare,Bare Rail,ann,a1,,,USD,,2026-01-05,EMEA,
fine,Twice,ann,a1,1-Discovery,1,USD,2026-12-31,2026-01-05,EMEA,
won,Won Rail,old,,Closed Won,100,USD,2020-01-01,2019-01-05,EMEA,
"""
OPS = Actor("ops@x.test", roles=frozenset({"sales-ops"}))


@pytest.fixture
def company(ws, tmp_path):
    apply_defaults(SYSTEM)
    (tmp_path / "opportunities.csv").write_text(DEALS)
    (tmp_path / "users.csv").write_text("id,name,manager_id,active,region\nann,Ann,max,yes,EMEA\nold,Old,max,no,EMEA\nmax,Max,,yes,EMEA\n")
    (tmp_path / "accounts.csv").write_text("id,name\na1,Rail AG\na2,rail\na3,Other\n")
    import_source(tmp_path, by=SYSTEM)


def test_every_check_finds_its_own(company):
    found = {check.key: (check.count, {row["id"] for row in check.rows}) for check in quality(OPS, today=TODAY, limit=10)}
    assert found == {
        "past-close": (1, {"past"}), "far-close": (1, {"far"}), "no-close": (1, {"bare"}), "placeholder": (1, {"one"}),
        "no-amount": (1, {"bare"}), "unknown-stage": (1, {"odd"}), "no-stage": (1, {"bare"}), "test": (1, {"test"}),
        "inactive-owner": (1, {"gone"}), "no-owner": (1, {"nobody"}), "no-account": (1, {"odd"}), "unknown-account": (1, {"nobody"}),
        "duplicate-accounts": (2, {"a1", "a2"}), "quarantine": (1, set()),
    }  # fmt: skip


def test_quarantine_is_counted_by_reason_and_listed(company):
    refused = next(check for check in quality(OPS, today=TODAY) if check.key == "quarantine")
    assert refused.reasons == {"its key stands a second time": 1}
    assert [(row["table_name"], row["row"]) for row in quality_rows(OPS, "quarantine").rows] == [("opportunities", 10)]


def test_rows_come_page_by_page_and_only_those_one_may_see(company):
    first = quality_rows(OPS, "duplicate-accounts", size=1)
    assert (first.total, len(first.rows)) == (2, 1)
    admin = Actor("admin@x.test", roles=frozenset({"admin"}))
    assert next(check for check in quality(admin, today=TODAY) if check.key == "test").count == 1
    assert quality_rows(admin, "test", today=TODAY).rows == []
    apac = Actor("apac@x.test", roles=frozenset({"sales-ops"}), region="APAC")
    assert {check.key: check.count for check in quality(apac, today=TODAY) if check.count} == {"far-close": 1, "duplicate-accounts": 1}
    assert quality_rows(apac, "past-close", today=TODAY).rows == []
    with pytest.raises(Refused):
        quality(Actor("rep", roles=frozenset({"rep"})))
    with pytest.raises(NotFound):
        check_words("nothing")


def test_deals_are_filtered_by_several_values_and_by_custom_columns(company):
    def ids(**where):
        return {row["id"] for row in deals(OPS, DealQuery(where)).rows}

    assert ids(x_tier="gold") == {"fine"}
    assert ids(stage=("Closed Won", "Legal Review")) == {"won", "odd"}
    assert ids(stage="") == {"bare"}
    assert ids(stage="it's '; --") == set()
    page = deals(OPS, DealQuery({"status": "open", "region": "APAC"}), choices=("stage", "x_tier"))
    assert page.amount_minor == 120000
    assert page.choices["x_tier"] == ["", "gold"]
