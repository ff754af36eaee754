"""The API never fails whatever it is asked: calls made up from its own document, by a person who signed in and by a token."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.company import Company, rolled_back
from tests.walking import api_document

CALLS = 8
"""Calls made up for each operation."""
DOCUMENT = api_document()
NAMES = sorted(f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods)


@pytest.fixture(scope="module")
def operations() -> dict[str, Any]:
    """The API's operations by method and path, asked of this process."""
    from django.core.wsgi import get_wsgi_application

    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.app = get_wsgi_application()
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{one.method.upper()} {one.path}": one for one in found}


@pytest.fixture
def callers(company: Company) -> list[dict[str, dict[str, str]]]:
    """Who calls: sales ops and an admin with tokens for everything, and a rep who signed in."""
    from closedwon.people.acting import actor_of
    from closedwon.people.actions import make_token

    made = []
    for part in ("sales ops", "admin"):
        _, secret = make_token("made-up calls", ["*:read", "*:write"], by=actor_of(company.user(part)))
        made.append({"headers": {"Authorization": f"Bearer {secret}"}})
    client = company.client("rep")
    return [*made, {"cookies": {name: morsel.value for name, morsel in client.cookies.items()}}]


@pytest.mark.parametrize("name", NAMES)
def test_no_call_fails(operations, callers, name):
    operation = operations[name]

    @settings(
        max_examples=CALLS, deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy(), caller=st.sampled_from(callers))
    def call(case: Any, caller: dict[str, dict[str, str]]) -> None:
        with rolled_back():
            answer = case.call(**caller)
        assert answer.status_code < 500, f"{case.as_curl_command()} answered {answer.status_code}: {answer.text[:300]}"
        assert answer.status_code != 401, f"{name} did not know who calls"

    call()


def test_every_operation_is_called(operations):
    assert set(operations) == set(NAMES)
    assert len(NAMES) > 30
