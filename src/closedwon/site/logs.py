"""Structured logs: one JSON object a line with the request's id, who asked and how long it took; and the counters of requests."""

from __future__ import annotations

import json
import logging
import os
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""The id of the request being answered."""
LOG = logging.getLogger("closedwon.request")
QUIET = ("/healthz", "/readyz", "/metrics", "/static/")
"""Addresses that are asked for all the time; only their failures are logged."""
REQUESTS = Counter("closedwon_requests_total", "Requests answered", ("method", "route", "status"))
SECONDS = Histogram("closedwon_request_seconds", "How long requests took", ("route",), buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30))
FIELDS = ("method", "path", "route", "status", "ms", "actor", "bytes")


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON; line ends in messages cannot forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the record as JSON."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST.get():
            line["request"] = request
        line |= {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) not in (None, "")}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """A log record as a line for people, with the request's id at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """Give the line."""
        line, request = super().formatMessage(record), REQUEST.get()
        return f"{line} [{request}]" if request else line


class RequestLog:
    """Give every request an id (or take a proxy's), send it back, and log and count the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        given = request.headers.get("X-Request-ID", "")
        name = given if re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given) else uuid.uuid4().hex
        token, start = REQUEST.set(name), time.perf_counter()
        try:
            response = self._answer(request)
            response.headers["X-Request-ID"] = name
            _note(request, response, time.perf_counter() - start)
            return response
        finally:
            REQUEST.reset(token)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """Probes come by the machine's number and without HTTPS, so that host names and redirects are not asked of them."""
        if request.path in PROBES:
            from closedwon.site import health

            return PROBES[request.path](health)(request)
        return self.get_response(request)


PROBES: dict[str, Callable[[Any], Callable[[HttpRequest], HttpResponse]]] = {
    "/healthz": lambda health: health.healthz,
    "/readyz": lambda health: health.readyz,
    "/metrics": lambda health: health.metrics,
}


def _note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    match = getattr(request, "resolver_match", None)
    route = match.route if match else "none"
    REQUESTS.labels(request.method if request.method in _METHODS else "other", route, response.status_code).inc()
    SECONDS.labels(route).observe(seconds)
    if request.path.startswith(QUIET) and response.status_code < 500:
        return
    size = None if response.streaming else len(response.content)
    more = {
        "method": request.method, "path": request.path[:300], "route": route, "status": response.status_code, "ms": round(seconds * 1000, 1),
        "actor": _actor(request), "bytes": size,
    }  # fmt: skip
    level = logging.ERROR if response.status_code >= 500 else logging.INFO
    LOG.log(level, "%s %s %s", request.method, request.path[:300], response.status_code, extra=more)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _actor(request: HttpRequest) -> str:
    """Who asked, without looking anything up that the answer did not need."""
    for made in (getattr(request, "auth", None), getattr(request, "_closedwon_actor", None)):
        name = getattr(made, "name", None)
        if name:
            return str(name)
    return ""


def config(*, quiet: bool = False) -> dict[str, Any]:
    """Django's LOGGING: JSON lines to standard error, or plain ones with CLOSEDWON_LOG=text; CLOSEDWON_LOG_LEVEL sets the level.

    Requests are logged unless it is `quiet`, as in the demo; CLOSEDWON_ACCESS_LOG sets their level.
    """
    requests = os.environ.get("CLOSEDWON_ACCESS_LOG", "WARNING" if quiet else "INFO").upper()
    level = os.environ.get("CLOSEDWON_LOG_LEVEL", "WARNING").upper()
    level = level if level in logging.getLevelNamesMapping() else "WARNING"
    text = os.environ.get("CLOSEDWON_LOG", "json") == "text"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {"()": "closedwon.site.logs.JsonFormatter"},
            "text": {"()": "closedwon.site.logs.TextFormatter", "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        },
        "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "text" if text else "json"}},
        "root": {"handlers": ["out"], "level": level},
        "loggers": {
            "closedwon": {"level": level},
            "closedwon.request": {"level": requests if requests in logging.getLevelNamesMapping() else "INFO"},
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.security.DisallowedHost": {"level": "CRITICAL"},  # the 400 is in the request log
            "django.server": {"handlers": [], "level": level, "propagate": True},
            "django-q": {"handlers": ["out"], "level": level, "propagate": False},
        },
    }
