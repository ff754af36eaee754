"""Policies: every mistake with its line, plans in words, versions that count only when applied."""

import pytest

from closedwon.base.errors import Conflict, Invalid, Refused
from closedwon.base.policytext import Percent, PolicyModel, changes, load_text
from closedwon.people.actor import SYSTEM, Actor
from closedwon.policies import actions, registry
from closedwon.policies import cases as cases_of


class Band(PolicyModel):
    name: str
    over: Percent


class Bands(PolicyModel):
    currency: str
    bands: list[Band] = []


@pytest.fixture
def kind(monkeypatch):
    found = registry.PolicyKind(
        "bands", "bands.toml", Bands, "Bands", "For tests",
        run_case=lambda policy, given: {"count": sum(band.over <= given["ppm"] for band in policy.bands)},
    )  # fmt: skip
    monkeypatch.setitem(registry._KINDS, "bands", found)
    return found


TEXT = 'currency = "USD"\n\n[[bands]]\nname = "low"\nover = "0%"\n\n[[bands]]\nname = "high"\nover = "12.5%"\n'


def test_every_mistake_is_reported_with_its_line():
    text = 'curency = "USD"\n[[bands]]\nname = "low"\nover = 3\n[[bands]]\nname = "high"\novr = "5%"\n'
    value, problems = load_text(text, Bands, "bands.toml")
    assert value is None
    assert {(p.line, p.message) for p in problems} == {
        (None, "'currency' is missing"),
        (4, 'write a percentage in quotes, such as "25%" or "12.5%"'),
        (5, "'over' is missing"),
        (7, "unknown key 'ovr'"),
        (1, "unknown key 'curency'"),
    }
    assert any(p.mend == "Did you mean 'currency'?" for p in problems)


def test_text_that_is_not_toml_says_where():
    assert str(load_text("a = \n", Bands, "b.toml")[1][0]).startswith("b.toml:1:")


def test_a_percentage_is_held_as_parts_per_million():
    assert load_text(TEXT, Bands)[0].bands[1].over == 125_000


def test_a_plan_says_what_changes_in_words(ws, kind):
    actions.apply("bands", TEXT, by=SYSTEM)
    after = TEXT.replace("12.5%", "15%").replace('name = "low"', 'name = "lowest"')
    assert actions.plan("bands", after).changes == (
        "bands.low is removed (was name low, over 0%)",
        "bands.high.over goes from 12.5% to 15%",
        "bands.lowest is added: name lowest, over 0%",
    )
    assert actions.plan("bands", TEXT).is_empty


def test_only_applied_versions_count_and_the_file_follows(ws, kind):
    actions.apply("bands", TEXT, by=SYSTEM, note="first")
    actions.save_draft("bands", TEXT.replace("12.5", "20"), by=SYSTEM)
    assert actions.applied("bands").bands[1].over == 125_000
    assert (ws.policies / "bands.toml").read_text() == TEXT
    actions.apply("bands", TEXT.replace("12.5", "20"), by=SYSTEM, note="second")
    assert actions.applied("bands").bands[1].over == 200_000
    assert [v.note for v in actions.history("bands")] == ["second", "first"]


def test_applying_the_same_text_twice_changes_nothing(ws, kind):
    first = actions.apply("bands", TEXT, by=SYSTEM)
    assert actions.apply("bands", TEXT, by=SYSTEM).pk == first.pk


def test_a_change_behind_ones_back_is_refused(ws, kind):
    first = actions.apply("bands", TEXT, by=SYSTEM)
    actions.apply("bands", TEXT.replace("12.5", "13"), by=SYSTEM)
    with pytest.raises(Conflict):
        actions.apply("bands", TEXT.replace("12.5", "14"), by=SYSTEM, expected=first.digest)


def test_a_rep_may_not_apply_and_nothing_happens(ws, kind):
    with pytest.raises(Refused):
        actions.apply("bands", TEXT, by=Actor("rep@x.test", roles=frozenset({"rep"})))
    assert actions.in_force("bands") is None


def test_a_text_with_mistakes_is_never_applied(ws, kind):
    with pytest.raises(Invalid) as caught:
        actions.apply("bands", "currency = 3", by=SYSTEM)
    assert caught.value.problems
    assert actions.in_force("bands") is None


def test_cases_compare_every_named_step(kind):
    cases = '[[case]]\nname = "at"\ngiven = { ppm = 125000 }\nexpect = { count = 2 }\n[[case]]\nname = "below"\ngiven = { ppm = 1 }\nexpect = { count = 2 }\n'
    results = cases_of.run_cases(kind, TEXT, cases)
    assert [r.passed for r in results] == [True, False]
    assert results[1].differences == ("count: expected 2, got 1",)


def test_changes_of_equal_texts_are_none():
    assert changes({"a": [{"name": "x"}]}, {"a": [{"name": "x"}]}) == []


def test_shipped_cases_come_with_the_shipped_policy_and_pass(ws):
    actions.apply_defaults(SYSTEM)
    assert (ws.policies / "pipeline.cases.toml").exists()
    results = actions.run("pipeline", actions.in_force("pipeline").text)
    assert results
    assert [item.differences for item in results if not item.passed] == []
