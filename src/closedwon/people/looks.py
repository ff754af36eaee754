"""Every look of an auditor leaves an entry in the audit trail, whichever door it came through."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor

UNLOGGED = ("/static/", "/healthz", "/readyz", "/metrics", "/accounts/")
"""Addresses that show no facts."""


class AuditorLooks:
    """Record what an auditor was shown, before it is shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and record a look that succeeded; a look that cannot be recorded is not shown."""
        response = self.get_response(request)
        by = looker(request)
        if by is not None and by.has("auditor") and response.status_code < 400 and not request.path.startswith(UNLOGGED):
            note_look(by, request.path, request.META.get("QUERY_STRING", ""), request.method or "GET")
        return response


def looker(request: HttpRequest) -> Actor | None:
    """Who looks: the actor of an API token, else the signed-in person, else nobody."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Actor):
        return auth
    user = getattr(request, "user", None)
    return web_actor(request) if user is not None and user.is_authenticated else None


def note_look(by: Actor, path: str, query: str = "", method: str = "GET") -> None:
    """Write one look into the audit trail."""
    from closedwon.audit.actions import record

    with transaction.atomic():
        record(by=by.name, verb="people.looked", subject=path[:200], detail={"query": query[:1000], "method": method}, channel=by.channel)
