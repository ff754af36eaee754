"""The laws of approval rules, on generated requests and policies."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from closedwon.approvals.policy import Matrix
from closedwon.approvals.rules.hints import hints
from closedwon.approvals.rules.preview import preview
from closedwon.approvals.rules.reading import request_of
from closedwon.approvals.rules.united import United, unite
from closedwon.approvals.rules.values import Approved, Away, Delegate, People, Person, Preview, Request, content_hash
from closedwon.base.policytext import load_text

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
TEXT = """
title = "Laws"
[[version]]
since = 2020-01-01
reference = "test"
currency = "USD"
[version.fields]
discount = { type = "percent", worse = "higher", tolerance = "2%", step = "0.1%" }
arr = { type = "money", worse = "lower", tolerance = "100" }
terms = { type = "picklist", worse = ["Net 30", "Net 60", "Net 90"] }
words = { type = "text", worse = "change", tested_by = ["legal"] }
lock = { type = "yes/no", worse = "change" }
bill_to = "text"
lines = { rows = { id = "text", discount = { type = "percent", worse = "higher", tolerance = "1%" } } }
[[version.compute]]
name = "deepest"
formula = "MAX(lines.discount)"
type = "percent"
worse = "higher"
tolerance = "1%"
[[version.role]]
name = "manager"
who = "manager"
side = "sales"
backup = "desk"
[[version.role]]
name = "desk"
side = "finance"
[[version.role]]
name = "vp"
side = "sales"
backup = "desk"
[[version.role]]
name = "legal"
side = "legal"
[[version.chain]]
name = "all"
steps = ["manager", "desk", ["vp", "legal"]]
[[version.rule]]
name = "deep"
when = "discount > 10%"
ask = ["manager"]
[[version.rule]]
name = "deeper"
when = "discount > 30%"
ask = ["vp"]
[[version.rule]]
name = "small"
when = "arr < 10000"
ask = ["desk"]
[[version.rule]]
name = "late"
when = 'terms = "Net 90"'
ask = ["desk"]
[[version.rule]]
name = "aggregate"
when = "deepest > 20%"
ask = ["vp"]
tests = ["deepest"]
[[version.rule]]
name = "by line"
when = "deepest > 15%"
ask = ["desk"]
tests = ["lines.discount"]
[[version.rule]]
name = "lock"
when = "lock"
ask = ["legal"]
[[version.rule]]
name = "words"
when = "NOT ISBLANK(words)"
ask = ["legal"]
"""


@lru_cache
def united() -> United:
    found, problems = load_text(TEXT, Matrix, "laws.toml")
    assert found is not None, problems
    made = unite({"laws": found}, "deal", date(2026, 11, 25))
    assert made.problems == ()
    return made


PEOPLE = People.of([
    Person("rep", manager_id="boss"), Person("boss", manager_id="vp"), Person("vp", roles=frozenset({"vp"})), Person("desk", roles=frozenset({"desk"})),
    Person("law", roles=frozenset({"legal"})), Person("mate", manager_id="boss"),
])  # fmt: skip

percents = st.integers(0, 500).map(lambda n: f"{Decimal(n) / 10}%")
fields = st.fixed_dictionaries(
    {"discount": percents, "arr": st.sampled_from(["9000", "9900", "9999.99", "10000", "10100", "20000"]), "terms": st.sampled_from(["Net 30", "Net 60", "Net 90", "Net 365"])},
    optional={
        "words": st.sampled_from(["a", "b"]), "lock": st.booleans(), "bill_to": st.sampled_from(["x", "y"]),
        "lines": st.lists(st.tuples(st.sampled_from("12345"), percents), max_size=4, unique_by=lambda one: one[0]).map(
            lambda rows: [{"id": key, "discount": share} for key, share in rows]
        ),
    },
)  # fmt: skip


def asked(given_: dict[str, Any]) -> Request:
    return request_of({"kind": "deal", "currency": "USD", "submitter": "rep", "owner": "rep", "fields": given_})


def needs(given_: dict[str, Any], approved: tuple[Approved, ...] = (), people: People = PEOPLE) -> Preview:
    return preview(united(), asked(given_), people, AT, approved, explain=False)


def share(text: str) -> Decimal:
    return Decimal(text.rstrip("%"))


def worse_by_hand(name: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether a tested field is worse, told without the product's rules."""
    if name == "discount":
        return share(new["discount"]) - share(old["discount"]) > 2
    if name == "arr":
        return Decimal(old["arr"]) - Decimal(new["arr"]) > 100
    if name == "terms":
        order = ["Net 30", "Net 60", "Net 90", "Net 365"]
        return order.index(new["terms"]) > order.index(old["terms"])
    if name in ("words", "lock"):
        return old.get(name) != new.get(name)
    before = {row["id"]: share(row["discount"]) for row in old.get("lines", [])}
    after = {row["id"]: share(row["discount"]) for row in new.get("lines", [])}
    if name == "deepest":
        if not before or not after:
            return bool(before) != bool(after)
        return max(after.values()) - max(before.values()) > 1
    return any(key not in before or value - before[key] > 1 for key, value in after.items())


@settings(max_examples=150, deadline=None)
@given(fields, fields)
def test_asked_again_exactly_where_a_tested_field_is_worse(old: dict[str, Any], new: dict[str, Any]) -> None:
    given_before = [(step.person, frozenset(step.roles)) for step in needs(old).steps if step.person]
    approved = tuple(Approved(person, roles, asked(old), AT - timedelta(days=1)) for person, roles in given_before)
    first = {step.person: step for step in needs(new).steps}
    for step in needs(new, approved).steps:
        seen = step.person in {person for person, _ in given_before}
        bad = [name for name in first[step.person].tested if worse_by_hand(name, old, new)]
        assert (step.status == "inherited") is (seen and not bad), (step, bad)


@settings(max_examples=60, deadline=None)
@given(fields, st.lists(fields, min_size=1, max_size=4))
def test_small_steps_never_add_up_past_the_tolerance(first: dict[str, Any], later: list[dict[str, Any]]) -> None:
    approved = tuple(Approved(step.person, frozenset(step.roles), asked(first), AT) for step in needs(first).steps if step.person)
    for one in later:
        for step in needs(one, approved).steps:
            if step.status == "inherited" and step.person in {known.person for known in approved}:
                assert not [name for name in step.tested if worse_by_hand(name, first, one)]


@settings(max_examples=60, deadline=None)
@given(fields, st.randoms(use_true_random=False))
def test_no_order_matters(given_: dict[str, Any], dice: random.Random) -> None:
    keys = list(given_)
    dice.shuffle(keys)
    other = {key: given_[key] for key in keys}
    if "lines" in other:
        other["lines"] = dice.sample(other["lines"], len(other["lines"]))
    people = list(PEOPLE.by_id.values())
    dice.shuffle(people)
    assert needs(other, people=People.of(people)).as_dict() == needs(given_).as_dict()
    assert content_hash("deal", "USD", other) == content_hash("deal", "USD", given_)


def test_one_content_has_one_hash_however_it_is_spelt() -> None:
    one = {"a": "25%", "b": "750.00", "c": {"d": 1.5}, "lines": [{"id": "2", "x": "1.0"}, {"id": "1"}]}
    two = {"lines": [{"id": "1"}, {"x": "1.00", "id": "2"}], "c": {"d": Decimal("1.50")}, "b": 750, "a": "25.0 %", "e": None}
    assert content_hash("deal", "USD", one) == content_hash("deal", "USD", two)
    assert content_hash("deal", "USD", one) != content_hash("deal", "EUR", one)
    assert content_hash("deal", "USD", {**one, "a": "25.1%"}) != content_hash("deal", "USD", one)
    assert content_hash("deal", "USD", {"id": "007"}) != content_hash("deal", "USD", {"id": "7"})


ids = st.sampled_from(["rep", "boss", "vp", "desk", "law", "mate"])


@st.composite
def companies(draw: st.DrawFn) -> People:
    made = []
    for one in PEOPLE.by_id.values():
        lent = tuple(Delegate(to) for to in draw(st.lists(ids, max_size=2)))
        away = (Away(),) if draw(st.booleans()) else ()
        manager = draw(st.one_of(st.just(one.manager_id), ids))
        made.append(replace(one, delegates=lent, away=away, manager_id=manager, active=draw(st.sampled_from([True, True, True, False]))))
    return People.of(made)


@settings(max_examples=200, deadline=None)
@given(fields, companies(), st.lists(ids, max_size=2))
def test_delegation_never_reaches_who_may_not_and_nobody_decides_for_two_sides(
    given_: dict[str, Any], people: People, earners: list[str]
) -> None:
    request = replace(asked(given_), earners=tuple(earners))
    found = preview(united(), request, people, AT, explain=False)
    sides: dict[str, set[str]] = {}
    for step in found.steps:
        for person in step.candidates:
            assert person not in {"rep", *earners}
            assert people.by_id[person].active
            if step.person and step.side:
                sides.setdefault(person, set()).add(step.side)
    assert all(len(found) == 1 for found in sides.values())
    alone = [step.person for step in found.steps if step.person]
    assert len(alone) == len(set(alone))


@settings(max_examples=60, deadline=None)
@given(fields)
def test_what_a_hint_says_is_what_happens(given_: dict[str, Any]) -> None:
    request = asked(given_)
    now = preview(united(), request, PEOPLE, AT, explain=False)
    roles = {role for step in now.steps for role in step.roles}
    for hint in hints(united(), request, PEOPLE, AT, now):
        if hint.lines:
            continue
        then = needs({**given_, hint.field: hint.after if hint.after not in ("yes", "no") else hint.after == "yes"})
        left = {role for step in then.steps for role in step.roles}
        assert set(hint.removes) == roles - left
        assert len(left) <= len(roles)
