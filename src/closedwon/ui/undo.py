"""Undo in toasts: a decision that can be taken back says so with the address that takes it back, for the person who made it and for an hour.

A field registers how under a name; the address carries that name and its values, signed. Taking back is an action like any other: it checks
what the person may do, and leaves its own entry in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest
from django.urls import reverse

from closedwon.base.errors import NotFound, Refused

SALT = "closedwon.undo"
SECONDS = 3600
"""How long a decision can be taken back from its toast."""

Undo = Callable[..., Any]
_WAYS: dict[str, Undo] = {}


def register(name: str) -> Callable[[Undo], Undo]:
    """Register a function `(request, **values)` as the way to take something back."""

    def mark(way: Undo) -> Undo:
        _WAYS[name] = way
        return way

    return mark


def address(request: HttpRequest, way: str, /, **values: Any) -> str:
    """The address that takes a decision back by POST; the values are plain JSON."""
    if way not in _WAYS:
        raise LookupError(f"Nothing registers how to undo {way}.")
    token = signing.dumps({"user": request.user.pk, "way": way, "values": values}, salt=SALT, compress=True)
    return reverse("ui:undo", args=[token])


def said(request: HttpRequest, text: str, way: str = "", /, **values: Any) -> None:
    """A toast after the next page, with Undo where there is a way back."""
    messages.success(request, text, extra_tags=f"undo:{address(request, way, **values)}" if way else "")


def take_back(request: HttpRequest, token: str) -> None:
    """Do what an address of a toast says. Raises NotFound for one that was forged or is too old, Refused for somebody else's."""
    try:
        given = signing.loads(token, salt=SALT, max_age=SECONDS)
    except signing.BadSignature as error:
        raise NotFound("This can no longer be undone from here.", mend="Change it back on its own page.") from error
    if given["user"] != request.user.pk:
        raise Refused("Only who did it can undo it from here.", mend="Change it back on its own page.")
    _WAYS[given["way"]](request, **given["values"])
