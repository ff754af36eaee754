"""Links in mails: bound to one person, who signs in, and to one content; they decide once, for three days; looking decides nothing."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from closedwon.approvals.actions import deciding
from closedwon.approvals.actions.people import person_of
from closedwon.approvals.models import Decision, LinkToken, Request
from closedwon.base.errors import NotFound, Refused
from closedwon.people.actor import Actor
from closedwon.people.models import User

LIVES = timedelta(hours=72)


def make(request: Request, person: str) -> str:
    """A link's token for a person and the request's content as it is now; it is told this once."""
    text = secrets.token_urlsafe(32)
    LinkToken.objects.create(
        digest=_digest(text), request=request, person=person, content_hash=request.content_hash, expires_at=timezone.now() + LIVES
    )
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def user_of(person: str) -> User | None:
    """The login of a person."""
    if person.startswith("user:") and person[5:].isdigit():
        return User.objects.filter(pk=int(person[5:]), is_active=True).first()
    return User.objects.filter(person_id=person, is_active=True).first()


def _checked(row: LinkToken | None, by: Actor) -> LinkToken:
    if row is None or row.person != person_of(by):
        raise NotFound("This link opens nothing for you.", mend="Look into your inbox: what waits for you is there.")
    if row.used_at is not None:
        raise Refused("This link was used already.", mend="The request says what was decided.")
    if row.expires_at <= timezone.now():
        raise Refused("This link is too old.", mend="Look into your inbox.")
    if row.content_hash != row.request.content_hash:
        raise Refused("The request was changed since this link was sent.", mend="Look into your inbox: the new version is there.")
    return row


def look(token: str, *, by: Actor) -> int:
    """The number of the request behind a link. Nothing is changed, however often a scanner opens it."""
    return _checked(LinkToken.objects.select_related("request").filter(digest=_digest(token)).first(), by).request_id


def decide(token: str, verb: str, *, by: Actor, words: str = "") -> Decision:
    """Decide through a link; it is used up by it."""
    with transaction.atomic():
        row = _checked(LinkToken.objects.select_for_update().filter(digest=_digest(token)).first(), by)
        through = replace(by, channel="link")
        made = deciding.decide(
            row.request_id, verb, content_hash=row.content_hash, by=through, strength="link", key=f"link:{row.pk}", comment=words if verb == "approve" else "",
            required_change=words if verb == "reject" else "", condition=words if verb == "condition" else "",
        )  # fmt: skip
        row.used_at = timezone.now()
        row.save()
    return made
