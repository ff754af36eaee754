"""The API is a contract: its OpenAPI document is kept here, and a change of it is a decision.

After a wanted change: CLOSEDWON_UPDATE_SNAPSHOTS=1 pytest tests/test_openapi.py
"""

import json
import os
from pathlib import Path

SNAPSHOT = Path(__file__).parent / "openapi.json"


def _document():
    from closedwon.site.api import api

    return json.loads(json.dumps(api.get_openapi_schema(), default=str))


def test_openapi_document_is_the_one_that_was_agreed():
    text = json.dumps(_document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert SNAPSHOT.read_text(encoding="utf-8") == text, "The API changed; if that is wanted, update the snapshot as the docstring says."


def test_every_operation_says_what_it_does_and_asks_who_calls():
    for path, operations in _document()["paths"].items():
        for verb, operation in operations.items():
            assert operation.get("summary"), f"{verb} {path}"
            assert operation.get("tags"), f"{verb} {path}"
            assert operation.get("security"), f"{verb} {path} asks nobody who calls"


def test_refusals_are_problem_documents(client, ws):
    answer = client.get("/api/v1/people/people")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["mend"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_documents_of_the_api_come_from_this_site(client, person):
    client.force_login(person("ann@example.test", "admin"))
    page = client.get("/api/v1/docs").content.decode()
    assert "/static/ninja/" in page
    assert "https://" not in page
