"""Sources that are complete, sources that tell part of their history, twice-told deals, and a refresh."""

import csv

import pytest

from closedwon.base.errors import Invalid, NotReady, Refused
from closedwon.crm.actions import import_source, refresh
from closedwon.facts.releases import latest
from closedwon.facts.store import store
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies.actions import apply_defaults

MAPPING = """
currency = "USD"
[[map]]
table = "opportunities"
from = "deals.csv"
complete = true
columns = { id = "Id", stage = "Stage", amount = "Amount" }
"""
TOLD = (
    MAPPING
    + """
[[map]]
table = "opportunity_changes"
from = "deals.csv"
where = { Stage = "Closed Won" }
columns = { id = "Id", at = "At", field = { value = "stage" }, seq = { value = "0" }, old_value = { value = "1-Discovery" }, new_value = "Stage" }
"""
)


@pytest.fixture
def bring(ws, tmp_path):
    apply_defaults(SYSTEM)

    def run(*rows, mapping=MAPPING, **more):
        (tmp_path / "mapping.toml").write_text(mapping)
        with (tmp_path / "deals.csv").open("w", newline="") as handle:
            csv.writer(handle).writerows([["Id", "Stage", "Amount", "At"], *rows])
        return import_source(tmp_path / "deals.csv", by=SYSTEM, mapping=tmp_path / "mapping.toml", **more)

    return run


def now():
    """The deals in force now: whether each is deleted."""
    return {row["opportunity_id"]: row["is_deleted"] for row in store().read("deal_states").to_pylist() if row["valid_until"].year == 9999}


A, B = ("a", "1-Discovery", "1", "2026-01-05"), ("b", "2-Scoping", "2", "2026-01-05")


def test_a_deal_missing_from_a_complete_source_is_deleted_and_comes_back(bring):
    bring(A, B)
    assert now() == {"a": False, "b": False}
    assert bring(A, dry_run=True).tables["opportunities"].deleted == 1
    assert bring(A).tables["opportunities"].deleted == 1
    assert now() == {"a": False, "b": True}
    assert not bring(A).changed
    assert bring(A, B).tables["opportunities"].deleted == 0
    assert now() == {"a": False, "b": False}
    log = [(row["id"], row["field"], bool(row["new_value"])) for row in store().read("opportunity_changes").to_pylist()]
    assert log == [("b", "deleted_at", True), ("b", "deleted_at", False)]


def test_nothing_is_deleted_where_a_row_was_refused(bring):
    bring(A, B)
    report = bring(A, ("b", "2-Scoping", "not an amount", ""))
    assert report.quarantined_total == 1
    assert report.tables["opportunities"].deleted == 0
    assert now() == {"a": False, "b": False}


def test_a_deal_that_stands_twice_in_a_changed_file_is_taken_once_with_its_history(bring):
    bring(A)
    report = bring(("a", "2-Scoping", "5", ""), ("a", "4-Proposal", "7", ""))
    assert report.quarantined_total == 1
    log = {row["field"]: row["new_value"] for row in store().read("opportunity_changes").to_pylist()}
    assert log == {"stage": "2-Scoping", "amount_minor": "500"}


def test_fields_of_which_the_source_tells_nothing_still_get_their_history(bring):
    bring(A, mapping=TOLD)
    bring(("a", "Closed Won", "9", "2026-02-05"), mapping=TOLD)
    log = {row["field"]: (row["old_value"], row["new_value"], row["at"].year) for row in store().read("opportunity_changes").to_pylist()}
    assert log["stage"] == ("1-Discovery", "Closed Won", 2026)
    assert log["amount_minor"][:2] == ("100", "900")
    assert len(log) == 2


def test_a_filter_on_a_column_that_is_not_there_says_so(bring):
    with pytest.raises(Invalid, match="no column 'Stagee'"):
        bring(A, mapping=MAPPING + 'where = { Stagee = "x" }\n')


def test_a_refresh_rebuilds_and_publishes_one_release(bring):
    with pytest.raises(NotReady):
        refresh(by=SYSTEM)
    bring(A)
    before = latest()
    release = refresh(by=SYSTEM)
    assert release.pk > before.pk
    assert release.tables["deal_states"] == store().version("deal_states")
    assert now() == {"a": False}
    with pytest.raises(Refused):
        refresh(by=Actor("rep", roles=frozenset({"rep"})))
