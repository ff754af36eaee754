"""Formulas over the API: exact, with every mistake in its place, and nothing that is too large."""

import json
import time

import pytest
from django.test import Client

from closedwon.people.acting import actor_of
from closedwon.people.actions import make_token

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def call(ws, person):
    client = Client()
    client.force_login(person("ann@x.test", "rep"), backend=BACKEND)

    def post(path, _raw=None, **given):
        body = _raw if _raw is not None else json.dumps(given)
        answer = client.post(f"/api/v1/formula/{path}", data=body, content_type="application/json")
        return answer.status_code, answer.json()

    post.get = client.get
    return post


def test_check_names_every_mistake_and_its_place(call):
    status, found = call("check", formula="discont > 5% &&\n amount = 'x'", types={"discount": "percent", "amount": "money USD"})
    assert status == 200
    assert (found["right"], found["type"]) == (False, None)
    assert [(one["line"], one["column"]) for one in found["problems"]][0] == (1, 1)
    assert "discount" in found["problems"][0]["mend"]
    assert len(found["problems"]) == 2
    assert "^" in found["report"]
    status, found = call("check", formula="amount * 10%", types={"amount": "money USD"}, gives="money")
    assert (status, found["right"], found["type"], found["fields"]) == (200, True, "money USD", ["amount"])
    assert call("check", formula="amount", types={"amount": "money"}, gives="date")[1]["right"] is False


def test_evaluate_is_exact(call):
    assert call("evaluate", formula='IF(amount > 100000, "VP", "Manager")', row={"amount": 120000})[1]["value"] == "VP"
    raw = '{"formula": "a + 0.01", "row": {"a": 12345678901234567890.12}}'
    assert call("evaluate", raw)[1] == {"type": "number", "value": "12345678901234567890.13", "error": None}
    assert call("evaluate", formula="1 / a", row={"a": 0})[1] == {"type": "number", "value": None, "error": "division by zero"}
    types = {"a": "number", "Account": {"Industry": "text"}}
    row = {"a": None, "Account": {"Industry": "Steel"}}
    assert call("evaluate", formula="a + 1", types=types, row=row, blank="zero")[1]["value"] == "1"
    assert call("evaluate", formula="a + 1", types=types, row=row)[1]["value"] is None
    assert call("evaluate", formula="Account.Industry", types=types, row=row)[1]["value"] == "Steel"


def test_explain_and_sql(call):
    status, tree = call("explain", formula="(a + 1) * 2", row={"a": 3})
    assert (status, tree["value"], tree["parts"][0]["value"]) == (200, "8", "4")
    status, made = call("sql", formula="a + 1", types={"a": "number(4,2)"}, source="deals", keep=["id"])
    assert status == 200
    assert 'FROM "deals"' in made["sql"]
    assert "`a`" in call("sql", formula="a + 1", types={"a": "number(4,2)"}, dialect="spark")[1]["sql"]


def test_functions_are_listed(call):
    found = call.get("/api/v1/formula/functions").json()
    assert {"name", "signature", "example"} <= set(found[0])
    assert "PRORATE" in {one["name"] for one in found}
    assert not any(one["name"].startswith("_") for one in found)


@pytest.mark.parametrize("path", ["check", "evaluate", "explain", "sql"])
@pytest.mark.parametrize(
    "types",
    [
        {"a": "moony"}, {"a": 5}, {"a": []}, {"a": {"type": "number", "scale": "x"}}, {"a": {"type": "number", "digits": 1e400}}, {"a": {"type": 3}}, {"a": {"rows": 3}},
        {"a": {"rows": {"b": None}}}, {"a": {"keys": 3}}, {"a": {"keys": {"k": "text"}, "value": "text", "rows": 3}}, {"a": {"keys": {"k": "text"}, "rows": [3]}},
        {"a": {"keys": {"k": "text"}, "value": {}, "rows": [[{}, []]]}}, {"a": {"type": "picklist", "values": 3}}, {"a": {"type": "text", "column": []}},
        {"a": {"type": "money", "stored": ["minor"]}}, {"a": {"type": "money", "currency": {"x": 1}}}, {"": {"": {"": "text"}}},
    ],
)  # fmt: skip
def test_bad_types_are_refused_in_words(call, path, types):
    for formula in ("a", "SUM(a.b)", "LOOKUP(a, 'x')"):
        status, found = call(path, formula=formula, types=types)
        assert status in {200, 422}, found
        assert path == "check" or path == "evaluate" or status == 422 or found


@pytest.mark.parametrize(
    "row",
    ['{"a": NaN}', '{"a": Infinity}', '{"a": 1e999999999}', '{"a": "1e-999999999%"}', '{"a": [1, 2]}', '{"a": [{"b": [{}]}]}', '{"a": {"b": {}}}', '{"a": "\\ud800"}', '{"TODAY()": "x", "a": 1}', "[]", "null", "5"],
)  # fmt: skip
@pytest.mark.parametrize("types", ["", '"types": {"a": "number"},', '"types": {"a": "date"},'])
def test_bad_rows_are_refused_in_words(call, row, types):
    for formula in ("a + 1", "TEXT(a)", "TODAY()", "SUM(a.b)"):
        status, found = call("evaluate", f'{{"formula": "{formula}", {types} "row": {row}}}')
        assert status in {200, 422}, found


def test_what_is_too_large_is_refused_at_once(call):
    started = time.perf_counter()
    assert call("evaluate", formula="1+" * 6000 + "1")[0] == 422
    assert call("evaluate", formula="a", row={"a": "x" * 300_000})[0] == 422
    assert call("evaluate", formula="SUM(a.b)" + "+SUM(a.b)" * 200, row={"a": [{"b": 1}] * 5000})[0] == 422
    assert call("check", formula="a", types={f"f{at}": "number" for at in range(20_000)})[0] == 422
    assert call("evaluate", '{"formula": "1", "row": {"a": ' + "[" * 50_000 + "]" * 50_000 + "}}")[0] in {400, 422}
    assert call("evaluate", '{"formula": "1", "row": ' + '{"a": ' * 900 + "1" + "}" * 901)[0] in {200, 400, 422}
    assert call("check", '{"formula": "1", "types": ' + '{"a": ' * 900 + '"text"' + "}" * 901)[0] in {200, 400, 422}
    assert call("evaluate", "not json")[0] == 400
    assert time.perf_counter() - started < 5


def test_a_token_that_reads_may_evaluate_and_no_one_without(call, person, ws):
    from closedwon.people.models import User

    user = User.objects.get(email="ann@x.test")
    body = {"data": '{"formula": "1 + 1"}', "content_type": "application/json"}
    assert Client().post("/api/v1/formula/evaluate", **body).status_code == 401
    for scope, status in (("formula:read", 200), ("*:read", 200), ("forecast:read", 403)):
        text = make_token("calls", [scope], by=actor_of(user))[1]
        answer = Client().post("/api/v1/formula/evaluate", **body, HTTP_AUTHORIZATION=f"Bearer {text}")
        assert answer.status_code == status, answer.content
