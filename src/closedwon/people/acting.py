"""Who acts, for each door: the command line, a web request, an API token."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Any

from django.db.models import Q
from django.utils import timezone

from closedwon.base.errors import NotFound, Refused
from closedwon.people.actor import ROLES, Actor
from closedwon.people.models import RoleGrant, User

GRANTS = ("pay",)
"""Rights that no role carries; each is granted on its own."""
OPERATOR = frozenset({"admin", "sales-ops", "executive", "manager", "deal-desk", "enablement", "salesforce-admin"})
"""What the person at the machine's command line may do: everything but pay."""


def cli_actor() -> Actor:
    """The operating-system user with an admin's rights, or with `--as EMAIL` that person with theirs."""
    email = os.environ.get("CLOSEDWON_AS", "")
    login = _login()
    if not email:
        return Actor(f"os:{login}", roles=OPERATOR, channel="cli")
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        raise NotFound(f"There is no user {email}.", mend="List them with: closedwon people list")
    if not user.is_active:
        raise Refused(f"{user.email} is switched off and cannot act.", mend="Switch the person on again under Admin, People.")
    by = actor_of(user, channel="cli", on_behalf_by=f"os:{login}")
    if by.has("auditor"):
        from closedwon.people.looks import note_look

        note_look(by, "closedwon", " ".join(sys.argv[1:]), "command")
    return by


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def web_actor(request: Any) -> Actor:
    """The signed-in person of a page's request, looked up once per request."""
    if not request.user.is_authenticated:
        raise Refused("You are not signed in.", mend="Sign in and try again.")
    made = getattr(request, "_closedwon_actor", None)
    if made is None:
        made = request._closedwon_actor = actor_of(request.user, channel="web")  # noqa: SLF001 - our own mark on the request
    return made


def api_actor(request: Any) -> Actor:
    """The actor that the API's sign-in put on the request: a token with its scopes, or the signed-in person."""
    made = getattr(request, "auth", None)
    if isinstance(made, Actor):
        return made
    return web_actor(request)


def actor_of(user: User, *, channel: str = "web", scopes: frozenset[str] | None = None, on_behalf_by: str = "") -> Actor:
    """The user as an Actor, with the roles and rights in force now."""
    now = timezone.now()
    rows = RoleGrant.objects.filter(Q(until__isnull=True) | Q(until__gt=now), user=user, revoked_at__isnull=True)
    held = [(row.role, row.region) for row in rows]
    names = {role for role, _ in held}
    regions = {region for role, region in held if role == "sales-ops"}
    return Actor(
        name=f"{user.email} ({on_behalf_by})" if on_behalf_by else user.email,
        email=user.email,
        user_id=user.pk,
        person_id=user.person_id,
        roles=frozenset(names.intersection(ROLES)),
        grants=frozenset(names.intersection(GRANTS)),
        region="" if "" in regions or not regions else min(regions),
        channel=channel,
        scopes=scopes,
    )
