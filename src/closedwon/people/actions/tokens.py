"""Tokens for the API: made by their owner, shown once, kept as a hash, narrowed by scopes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Invalid, NotFound, Refused
from closedwon.people.acting import actor_of
from closedwon.people.actor import Actor
from closedwon.people.models import ApiToken, User

MARK = "cw"
LONGEST = 366
"""Days a token may live at most."""


ONLY_READ = ("formula",)
"""Parts of the API that change nothing, whatever the method of a call."""


def scope_names() -> list[str]:
    """Every scope that a token can have: `read` or `write` of one part, or of all with `*`."""
    parts = ["*", *sorted(name for name in settings.FIELDS if find_spec(f"closedwon.{name}.api"))]
    return [*(f"{part}:{verb}" for part in parts for verb in ("read", "write")), *(f"{part}:read" for part in ONLY_READ)]


def make_token(name: str, scopes: Sequence[str], *, by: Actor, days: int = 90, user: User | None = None) -> tuple[ApiToken, str]:
    """Make a token for oneself (at the command line, for anyone); gives its row and its text, which is shown this once."""
    owner = _owner(by, user)
    name = name.strip()
    if not name:
        raise Invalid("The token has no name.", mend="Say what it is for, as in: nightly export.")
    unknown = sorted(set(scopes) - set(scope_names()))
    if unknown or not scopes:
        what = f"There is no scope {', '.join(unknown)}." if unknown else "The token has no scope."
        raise Invalid(what, mend=f"Choose from {', '.join(scope_names())}.")
    if not 1 <= days <= LONGEST:
        raise Invalid(f"A token lives between 1 and {LONGEST} days, not {days}.")
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    text = f"{MARK}_{prefix}_{secret}"
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=owner,
            name=name[:100],
            prefix=prefix,
            digest=_digest(text),
            scopes=sorted(set(scopes)),
            created_by=by.name,
            expires_at=timezone.now() + timedelta(days=days),
        )
        detail = {"name": token.name, "scopes": token.scopes, "days": days, "user": owner.pk}
        record(by=by.name, verb="people.token_made", subject=f"token:{prefix}", detail=detail, channel=by.channel)
    return token, text


def tokens(*, by: Actor, user: User | None = None) -> list[ApiToken]:
    """One's own tokens, newest first; an admin or auditor may ask for another's."""
    if user is not None and user.pk != by.user_id:
        by.need("admin", "auditor", to="see another's tokens")
        return list(user.tokens.all())
    return list(ApiToken.objects.filter(user_id=by.user_id)) if by.user_id is not None else list(ApiToken.objects.all())


def revoke_token(prefix: str, *, by: Actor) -> ApiToken:
    """End a token now: one's own, or as admin anyone's."""
    token = ApiToken.objects.filter(prefix=prefix).select_related("user").first()
    if token is None or (token.user_id != by.user_id and not by.has("admin")):
        raise NotFound(f"There is no token {prefix} of yours.")
    if token.revoked_at is None:
        with transaction.atomic():
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
            record(by=by.name, verb="people.token_revoked", subject=f"token:{prefix}", detail={"user": token.user_id}, channel=by.channel)
    return token


def check_token(text: str) -> Actor | None:
    """The actor that a token stands for: its owner's rights now, narrowed to its scopes; None if it opens nothing."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != MARK:
        return None
    token = ApiToken.objects.filter(prefix=parts[1]).select_related("user").first()
    if token is None or not hmac.compare_digest(token.digest, _digest(text)) or not token.in_force or not token.user.is_active:
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return actor_of(token.user, channel="api", scopes=frozenset(token.scopes))


def allows(scopes: frozenset[str] | None, part: str, verb: str) -> bool:
    """Whether scopes open a part for `read` or `write`; None is a signed-in person, who has no scopes to narrow them."""
    return scopes is None or bool(scopes & {f"{part}:{verb}", f"*:{verb}"})


def _owner(by: Actor, user: User | None) -> User:
    if by.scopes is not None:
        raise Refused("A token cannot make tokens.", mend="Sign in and make it under Settings, API tokens.")
    if user is not None and user.pk != by.user_id:
        if by.user_id is not None or by.channel != "cli":
            raise Refused("A token is made by the person whose rights it carries.", mend=f"Ask {user.email} to make it.")
        by.need("admin", to="make tokens for others")
        return user
    if by.user_id is None:
        raise Invalid("Whose token?", mend="Name the person, as in: closedwon people token ann@example.com --scope '*:read'.")
    return User.objects.get(pk=by.user_id)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
