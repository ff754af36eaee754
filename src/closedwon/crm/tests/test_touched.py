"""After a small change only the changed deals' states are built anew, and the table is the one that a whole rebuild gives."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.base.tables import table
from closedwon.crm import refresh
from closedwon.crm.actions import import_source
from closedwon.crm.refresh import FEEDS, rewrite_states, touched, write_states
from closedwon.crm.rules import DEAL_STATES
from closedwon.crm.tests.test_states import EVER, START, companies, inputs
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import DuckEngine
from closedwon.facts.releases import latest, read
from closedwon.facts.store import Store, store
from closedwon.people.actor import SYSTEM
from closedwon.policies.actions import apply_defaults


def many(parts):
    """Some companies as one, with ids that are hard on SQL."""
    deals = [deal | {"id": f"{n}'é\\-{deal['id']}"} for n, (own, _) in enumerate(parts) for deal in own]
    return deals, [change | {"id": f"{n}'é\\-{change['id']}"} for n, (_, own) in enumerate(parts) for change in own]


def put(at, how, deals, changes):
    for name, rows in (("opportunities", deals), ("opportunity_changes", changes)):
        getattr(at, how)(name, rows_to_table(rows, table(name).columns))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(companies(), min_size=1, max_size=3), st.lists(companies(), min_size=1, max_size=3), st.sampled_from(["merge", "replace"]))
def test_changed_deals_alone_give_the_states_of_a_whole_rebuild(tmp_path, first, second, how):
    at = Store(str(tmp_path / uuid4().hex))
    put(at, "replace", *many(first))
    before = {name: at.source(name) for name in FEEDS}
    write_states(at, before)
    put(at, how, *many(second))
    after = {name: at.source(name) for name in FEEDS}
    deals, changes = at.read("opportunities").to_pylist(), at.read("opportunity_changes").to_pylist()
    found = touched(before, after)
    if found:
        rewrite_states(at, after, found)
    whole = DuckEngine().run(DEAL_STATES, inputs(deals, changes, EVER)).to_pylist()
    assert at.read("deal_states").to_pylist() == whole
    assert touched(after, after) == []


def test_only_those_that_changed_are_found_and_too_many_are_none(tmp_path, monkeypatch):
    at = Store(str(tmp_path))
    deals = [{"id": f"d{n}", "created_at": START, "stage": "A"} for n in range(9)]
    changes = [{"id": "d8", "at": START, "field": "stage", "seq": 0, "old_value": "A", "new_value": "A"}]
    put(at, "replace", deals, changes)
    before = {name: at.source(name) for name in FEEDS}
    put(
        at, "merge", [deals[1] | {"stage": "B"}, deals[2]],
        [{"id": "d4", "at": START + timedelta(days=1), "field": "stage", "seq": 0, "old_value": "A", "new_value": "C"}],
    )  # fmt: skip
    after = {name: at.source(name) for name in FEEDS}
    assert len(after["opportunity_changes"].files) == 2, "what only adds rows adds a file"
    assert touched(before, after) == ["d1", "d4"]
    monkeypatch.setattr(refresh, "MOST_TOUCHED", 1)
    assert touched(before, after) is None


DEALS = "id,name,stage,amount_minor,region\n" + "".join(f"d{n},Deal {n},1-Discovery,{n}00,EMEA\n" for n in range(30))


@pytest.fixture
def imported(ws, tmp_path):
    apply_defaults(SYSTEM)
    return tmp_path, bring_in(tmp_path, DEALS)


def bring_in(folder, text):
    (folder / "opportunities.csv").write_text(text)
    import_source(folder / "opportunities.csv", by=SYSTEM)
    return latest().tables["deal_states"]


def whole():
    return DuckEngine().run(DEAL_STATES, inputs(read("opportunities", latest()), read("opportunity_changes", latest()), EVER)).to_pylist()


@pytest.fixture
def rebuilt(monkeypatch):
    """Which way each rebuild went."""
    ways = []
    for name in ("write_states", "rewrite_states"):
        real = getattr(refresh, name)
        monkeypatch.setattr(refresh, name, lambda *given, real=real, name=name: ways.append(name) or real(*given))
    return ways


def test_an_import_of_few_changes_builds_few_states(imported, rebuilt):
    folder, first = imported
    second = bring_in(folder, DEALS.replace("d7,Deal 7,1-Discovery", "d7,Deal 7,2-Scoping") + "d99,New,1-Discovery,5,EMEA\n")
    assert rebuilt == ["rewrite_states"]
    assert second > first
    assert read("deal_states", latest()).to_pylist() == whole()
    assert {row["stage"] for row in read("deal_states", latest()).to_pylist() if row["opportunity_id"] == "d7"} == {
        "1-Discovery",
        "2-Scoping",
    }
    bring_in(folder, DEALS.replace("d8,Deal 8,1-Discovery", "d8,Deal 8,2-Scoping"))
    assert rebuilt == ["rewrite_states"] * 2
    assert read("deal_states", latest()).to_pylist() == whole()


def test_another_rule_and_a_table_that_others_wrote_build_all(imported, rebuilt, monkeypatch):
    folder, _ = imported
    store().append("deal_states", store().read("deal_states").slice(0, 0))
    bring_in(folder, DEALS.replace("d7,Deal 7,1-Discovery", "d7,Deal 7,2-Scoping"))
    assert rebuilt == ["write_states"], "somebody wrote states that no release holds"
    monkeypatch.setattr(refresh, "states_digest", lambda: "another rule")
    bring_in(folder, DEALS)
    assert rebuilt == ["write_states"] * 2
    refresh.refresh(by=SYSTEM)
    assert rebuilt == ["write_states"] * 3
    assert read("deal_states", latest()).to_pylist() == whole()
