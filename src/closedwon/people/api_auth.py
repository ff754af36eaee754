"""How the API knows who calls: a token with scopes, or the signed-in person's session with its CSRF token."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from closedwon.base.errors import Refused
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor

READING = ("GET", "HEAD", "OPTIONS")


class TokenAuth(HttpBearer):
    """`Authorization: Bearer cw_...`; the scope that the call takes follows from its address and its method."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        """Give the token's actor, None if it opens nothing. Raises Refused where its scopes do not reach."""
        from closedwon.people.actions import allows, check_token

        by = check_token(token)
        if by is None:
            return None
        part, verb = scope_of(request)
        if not allows(by.scopes, part, verb):
            raise Refused(f"This token may not {verb} {part}.", mend=f"It takes the scope {part}:{verb}; make a token that has it.")
        return by


class SessionAuth(APIKeyCookie):
    """The session of a person who signed in on the pages; changes need the CSRF token."""

    param_name: str = settings.SESSION_COOKIE_NAME

    def authenticate(self, request: HttpRequest, key: str | None) -> Any:
        """Give the signed-in person's actor, or None."""
        return web_actor(request) if key and request.user.is_authenticated else None


def scope_of(request: HttpRequest) -> tuple[str, str]:
    """The part and the verb that a call needs, from its address /api/v1/<part>/... and its method."""
    part = request.path.partition("/api/v1/")[2].partition("/")[0]
    from closedwon.people.actions.tokens import ONLY_READ

    return part, "read" if request.method in READING or part in ONLY_READ else "write"
