"""Health for machines: /healthz says that the process answers, /readyz what it needs, /metrics counts for Prometheus."""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

LATE = timedelta(minutes=3)
"""Without a sign of life for so long, the worker is said to be late."""
TOKEN = "CLOSEDWON_METRICS_TOKEN"  # noqa: S105 - the name of a variable


@login_not_required
@require_GET
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


@login_not_required
@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether pages can be served: 503 while the database or the facts cannot be used; a late worker or clock is said, and serving goes on.

    With `?strict=1`, as a monitor asks, 503 for whatever is not well, the worker and the clock of due dates too.
    """
    checks = {name: _checked(look) for name, look in CHECKS.items()}
    strict = request.GET.get("strict") == "1"
    ready = all(checks[name] == "ok" for name in (CHECKS if strict else REQUIRED))
    body = {"status": "ok" if ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if ready else 503, headers={"Cache-Control": "no-store"})


def _checked(look: Callable[[], str]) -> str:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - whatever is wrong is the answer; details go to the log, not to strangers
        import logging

        logging.getLogger("closedwon.health").warning("not ready: %s", error)
        return "failed"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return "ok" if cursor.fetchone() == (1,) else "failed"


def _migrations() -> str:
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    return "pending" if executor.migration_plan(executor.loader.graph.leaf_nodes()) else "ok"


def _facts() -> str:
    from closedwon.facts.releases import latest
    from closedwon.facts.store import store

    release = latest()
    if release is None or not release.tables:
        return "ok"
    name, at = next(iter(sorted(release.tables.items())))
    there = store().version(name)
    return "ok" if there is not None and there >= at else "failed"


def _worker() -> str:
    age = worker_age()
    return "never seen" if age is None else "ok" if age < LATE else f"late: not seen for {int(age.total_seconds() // 60)} minutes"


def _approvals() -> str:
    from closedwon.approvals.actions.clock import is_late

    return "late: due dates are not watched" if is_late() else "ok"


def worker_age() -> timedelta | None:
    """How long ago a worker was last seen; None where none ever was."""
    from closedwon.jobs.models import WorkerBeat

    last = WorkerBeat.objects.order_by("-at").first()
    return None if last is None else timezone.now() - last.at


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "facts": _facts,
    "worker": _worker,
    "approvals": _approvals,
}
REQUIRED = ("database", "migrations", "facts")


def _may_scrape(request: HttpRequest) -> bool:
    """A token where one is set; else only this machine, and never through a proxy."""
    token = os.environ.get(TOKEN, "")
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), token.encode())
    if request.headers.get("X-Forwarded-For") or request.headers.get("Forwarded"):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@login_not_required
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Requests, jobs, the trail and the worker as Prometheus text."""
    if not _may_scrape(request):
        return HttpResponse(f"Metrics are for this machine, or for a token in {TOKEN}.\n", status=403, content_type="text/plain")
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest

    from closedwon.site import logs  # noqa: F401 - its counters are in the registry

    now = CollectorRegistry()
    try:
        _gauges(now)
    except DatabaseError:
        pass
    return HttpResponse(generate_latest(REGISTRY) + generate_latest(now), content_type=CONTENT_TYPE_LATEST)


def _gauges(registry: Any) -> None:
    """What the database says at this moment."""
    from django.db.models import Count, Min
    from prometheus_client import Gauge

    from closedwon.approvals.actions.clock import is_late
    from closedwon.audit.export import end
    from closedwon.facts.releases import latest
    from closedwon.jobs.models import STATES, Job

    def gauge(name: str, words: str, labels: tuple[str, ...] = ()) -> Any:
        return Gauge(f"closedwon_{name}", words, labels, registry=registry)

    jobs, found = gauge("jobs", "Jobs by state", ("state",)), dict(Job.objects.order_by().values_list("status").annotate(Count("id")))
    for state in STATES:
        jobs.labels(state).set(found.get(state, 0))
    oldest = Job.objects.filter(status="queued").aggregate(at=Min("created_at"))["at"]
    waiting = (timezone.now() - oldest).total_seconds() if oldest else 0
    gauge("oldest_waiting_job_seconds", "How long the oldest waiting job has waited").set(waiting)
    age = worker_age()
    gauge("worker_last_seen_seconds", "How long ago a worker was seen, -1 for never").set(age.total_seconds() if age is not None else -1)
    gauge("approvals_clock_late", "1 while reminders and escalations of approvals are not run").set(int(is_late()))
    gauge("audit_entries", "Entries of the audit trail").set(end()[0])
    release = latest()
    stale = (timezone.now() - release.at).total_seconds() if release else -1
    gauge("facts_age_seconds", "How old the newest release of facts is, -1 for none").set(stale)


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
