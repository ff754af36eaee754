"""How strongly somebody proved who they are: what the trail keeps with each decision, and what large amounts need."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

FRESH = 15 * 60
"""Seconds for which a sign-in counts as fresh."""
STRONG = ("second factor", "sso")
"""Ways that count as strong however long ago; a password does while it is fresh."""


def strength_of(request: Any) -> str:
    """How the person of a page's request signed in: second factor, sso, password or session, and whether that is fresh.

    django-allauth keeps the methods of a session with their instants.
    """
    records = [one for one in request.session.get("account_authentication_methods", []) if isinstance(one, Mapping)]
    ways = {str(one.get("method", "")) for one in records}
    way = (
        "second factor"
        if "mfa" in ways
        else "sso"
        if "socialaccount" in ways
        else "password"
        if ways & {"password", "login_by_code", "code"}
        else "session"
    )
    last = max((float(one["at"]) for one in records if isinstance(one.get("at"), int | float)), default=0.0)
    return f"{way}, fresh" if time.time() - last <= FRESH else way


def is_strong(strength: str) -> bool:
    """Whether a strength is enough for a large amount."""
    return strength.endswith(", fresh") or strength in STRONG
