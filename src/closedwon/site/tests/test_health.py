"""Health, metrics and logs: open to those who need them, shut to the others, and each log line one JSON object."""

import json
import logging

from django.test import Client
from django.utils import timezone

from closedwon.jobs.models import WorkerBeat
from closedwon.site.logs import REQUEST, JsonFormatter


def test_the_process_answers_whatever_name_it_is_called_by(ws):
    answer = Client().get("/healthz", headers={"host": "10.1.2.3"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_says_what_is_there(ws):
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "facts": "ok", "worker": "never seen", "approvals": "ok"}
    WorkerBeat.objects.create(name="here", at=timezone.now())
    assert Client().get("/readyz").json()["checks"]["worker"] == "ok"


def test_a_monitor_sees_red_while_due_dates_are_not_watched(ws, monkeypatch):
    from closedwon.approvals.actions import clock

    WorkerBeat.objects.create(name="here", at=timezone.now())
    assert Client().get("/readyz?strict=1").status_code == 200
    monkeypatch.setattr(clock, "is_late", lambda: True)
    assert Client().get("/readyz").status_code == 200
    answer = Client().get("/readyz?strict=1")
    assert (answer.status_code, answer.json()["checks"]["approvals"]) == (503, "late: due dates are not watched")
    assert "closedwon_approvals_clock_late 1.0" in Client().get("/metrics").content.decode()


def test_not_ready_without_the_facts_of_the_release(ws):
    from closedwon.facts.releases import publish

    publish({"opportunities": 99})
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["facts"] == "failed"


def test_metrics_are_for_this_machine_or_a_token(ws, monkeypatch):
    assert "closedwon_jobs" in Client().get("/metrics").content.decode()
    assert Client().get("/metrics", REMOTE_ADDR="10.0.0.9").status_code == 403
    assert Client().get("/metrics", headers={"x-forwarded-for": "10.0.0.9"}).status_code == 403
    monkeypatch.setenv("CLOSEDWON_METRICS_TOKEN", "s3cret")
    assert Client().get("/metrics").status_code == 403
    answer = Client().get("/metrics", REMOTE_ADDR="10.0.0.9", headers={"authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    for name in (
        "closedwon_audit_entries",
        "closedwon_worker_last_seen_seconds",
        "closedwon_requests_total",
        "closedwon_facts_age_seconds",
    ):
        assert name in answer.content.decode()


def test_every_answer_carries_its_requests_id(ws):
    assert len(Client().get("/healthz").headers["X-Request-ID"]) == 32
    assert Client().get("/healthz", headers={"x-request-id": "abc-12345"}).headers["X-Request-ID"] == "abc-12345"
    assert Client().get("/healthz", headers={"x-request-id": "a\r\nb"}).headers["X-Request-ID"] != "a\r\nb"


def test_requests_are_logged_with_their_actor(ws, person, caplog):
    client = Client()
    client.force_login(person("ann@x.test", "admin"), backend="allauth.account.auth_backends.AuthenticationBackend")
    with caplog.at_level(logging.INFO, "closedwon.request"):
        client.get("/api/v1/people/me")
    line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert (line["actor"], line["status"], line["method"], line["path"]) == ("ann@x.test", 200, "GET", "/api/v1/people/me")
    assert line["ms"] > 0


def test_a_line_end_cannot_forge_a_line():
    token = REQUEST.set("r1")
    line = JsonFormatter().format(logging.LogRecord("x", logging.WARNING, "", 1, "a\n%s", ("b\r\n",), None))
    REQUEST.reset(token)
    assert "\n" not in line
    assert json.loads(line)["message"] == "a\nb\r\n"
    assert json.loads(line)["request"] == "r1"
