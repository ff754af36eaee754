"""Cases as a form: names and values, what comes out taken as what must come out, red and green while one writes."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from closedwon.base.policytext import Percent, PolicyModel
from closedwon.people.actor import SYSTEM
from closedwon.policies import actions, case_pages, forms, registry
from closedwon.policies.tests.test_forms import posted

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
TEXT = """# what people once got wrong
[[case]]
name = "above"  # the first
given = { amount = 10, code = "007", day = 2026-01-31, parts = [1, 2], late = true, rate = 0.5 }
expect = { big = true, names = ["a", "b"] }

[[case]]
name = "below"
given = { amount = 1 }
expect = { big = true }
"""


class Rule(PolicyModel):
    over: Percent


def outcome(policy, given):
    return {"big": given["amount"] > 5, "names": ("a", "b"), "nothing": None}


@pytest.fixture(autouse=True)
def kind(monkeypatch):
    found = registry.PolicyKind("rules", "rules/*.toml", Rule, "Rules", "For tests", run_case=outcome)
    monkeypatch.setitem(registry._KINDS, "rules", found)
    return found


def fields(text=TEXT, **changes):
    made = posted(forms.form(case_pages.SCHEMA, text))
    made["text"] = text
    for key, value in changes.items():
        made[key.replace("__", ".")] = value
    return made


def filled(**changes):
    return forms.filled(case_pages.SCHEMA, TEXT, fields(**changes))


def test_cases_that_nobody_touched_stay_to_the_byte():
    assert filled() == TEXT


def test_values_keep_their_kind():
    made = filled(
        case__0__given__0__value="12", case__0__given__1__value="008", case__0__given__2__value="2026-02-28", case__0__given__3__value="[3]"
    )
    assert forms.parsed(made)["case"][0]["given"] == {
        "amount": 12, "code": "008", "day": date(2026, 2, 28), "parts": [3], "late": True, "rate": Decimal("0.5"),
    }  # fmt: skip
    assert "# the first" in made
    made = filled(case__1__given__0__value="words")
    assert forms.parsed(made)["case"][1]["given"] == {"amount": "words"}


@pytest.fixture
def client(ws, person):
    actions.apply("rules/a", 'over = "5%"\n', by=SYSTEM)
    actions.save_cases("rules/a", TEXT, by=SYSTEM)
    made = Client()
    made.force_login(person("ops@x.test", "sales-ops"), backend=BACKEND)
    return made


def test_they_go_red_and_green(client, ws):
    page = client.get("/policies/rules.a/cases/form/").content.decode()
    assert "1 of 2 cases fail" in page
    assert "expected True, got False" in page
    answer = client.post("/policies/rules.a/cases/run/", _with(fields(case__1__expect__0__value="no"))).content.decode()
    assert "All 2 cases come out as expected" in answer
    assert actions.cases("rules/a") == TEXT
    assert client.post("/policies/rules.a/cases/form/", _with(fields(case__1__expect__0__value="no"))).status_code == 302
    assert "expect = { big = false }" in actions.cases("rules/a")
    assert "# what people once got wrong" in actions.cases("rules/a")


def test_what_comes_out_is_taken(client, ws):
    page = client.post("/policies/rules.a/cases/form/", _with(fields(), do="take:1")).content.decode()
    assert "All 2 cases come out as expected" in page
    assert 'name="case.1.expect.1.key" value="names"' in page
    page = client.post("/policies/rules.a/cases/form/", _with(fields(), do="add:case")).content.decode()
    assert 'name="case.2.name"' in page
    assert client.post("/policies/rules.a/cases/form/", _with(fields(), do="take:9")).status_code == 422


def _with(made, **more):
    for key, value in more.items():
        made[key] = value
    return dict(made.lists())


def test_readers_see_them_and_may_not_keep(client, ws, person):
    made = Client()
    made.force_login(person("look@x.test", "auditor"), backend=BACKEND)
    assert made.get("/policies/rules.a/cases/form/").status_code == 200
    assert made.post("/policies/rules.a/cases/form/", fields(case__1__expect__0__value="no")).status_code == 403
    assert actions.cases("rules/a") == TEXT
