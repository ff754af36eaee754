"""A failure of our own: the page, the problem document, the toast, the header and the log carry one reference, and tell nothing else."""

import json
import logging
import re

import pytest
from django.test import Client
from django.urls import path
from ninja import NinjaAPI

from closedwon.site import logs, urls
from closedwon.site.api import _failed

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def breaks(request):
    """A page that fails with something that nobody shall read."""
    raise RuntimeError("secret of the house")


breaking = NinjaAPI(urls_namespace="breaking", docs_url=None, openapi_url=None)
breaking.add_exception_handler(Exception, _failed)
breaking.get("/breaks")(breaks)
urlpatterns = [path("breaks/", breaks), path("api/v1/breaking/", breaking.urls), *urls.urlpatterns]
handler500 = urls.handler500


@pytest.fixture
def client(ws, person, settings):
    settings.ROOT_URLCONF = __name__
    made = Client(raise_request_exception=False)
    made.force_login(person("ann@x.test", "rep"), backend=BACKEND)
    return made


@pytest.fixture
def log(caplog):
    """The lines as they would be written."""
    lines, handler = [], logging.Handler()
    handler.emit = lambda record: lines.append(json.loads(logs.JsonFormatter().format(record)))
    roots = [logging.getLogger(name) for name in ("", "django-q")]
    roots[0].addHandler(handler)
    yield lines
    roots[0].removeHandler(handler)


def test_the_page_carries_the_reference_of_header_and_log(client, log):
    answer = client.get("/breaks/")
    said, reference = answer.content.decode(), answer.headers["X-Request-ID"]
    assert answer.status_code == 500
    assert re.fullmatch("[0-9a-f]{32}", reference)
    assert reference in said
    assert "secret of the house" not in said
    traced = [line for line in log if "secret of the house" in line.get("trace", "")]
    assert {line["request"] for line in traced} == {reference}
    assert any(line["logger"] == "closedwon.request" and line["status"] == 500 and line["request"] == reference for line in log)


def test_each_failure_has_its_own_and_a_proxys_is_kept(client):
    assert client.get("/breaks/").headers["X-Request-ID"] != client.get("/breaks/").headers["X-Request-ID"]
    answer = client.get("/breaks/", headers={"X-Request-ID": "from-the-proxy-7"})
    assert "from-the-proxy-7" in answer.content.decode()
    forged = client.get("/breaks/", headers={"X-Request-ID": "<script>alert(1)</script>"})
    assert "<script>alert" not in forged.content.decode()


def test_the_problem_document_of_the_api_carries_it(client, log):
    answer = client.get("/api/v1/breaking/breaks")
    found = answer.json()
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert found["reference"] == answer.headers["X-Request-ID"]
    assert "secret" not in answer.content.decode()
    assert any(line["request"] == found["reference"] and "secret of the house" in line.get("trace", "") for line in log)


def test_where_the_page_itself_fails_there_are_words(client, monkeypatch):
    monkeypatch.setattr("closedwon.site.errors.render_to_string", breaks)
    answer = client.get("/breaks/")
    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] in answer.content.decode()
    assert answer.headers["Content-Type"] == "text/plain"


def test_lines_for_people_end_with_it():
    token = logs.REQUEST.set("abc-12345")
    try:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "It broke", (), None)
        assert logs.TextFormatter("%(message)s").format(record) == "It broke [abc-12345]"
    finally:
        logs.REQUEST.reset(token)
    assert logs.TextFormatter("%(message)s").format(record) == "It broke"
