"""Buttons pressed in Slack: proven by Slack's signature, mapped to a person, and checked like any other decision."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from datetime import datetime
from urllib.parse import parse_qs

from closedwon.approvals.actions import deciding, links
from closedwon.base.errors import ClosedwonError, Refused
from closedwon.people.acting import actor_of
from closedwon.people.models import Identity

SECRET = "CLOSEDWON_SLACK_SIGNING_SECRET"  # noqa: S105 - the name of a variable
WINDOW = 300
"""Seconds that a message may be old."""


def verify(stamp: str, given: str, body: bytes, now: datetime) -> None:
    """Raise Refused unless the raw body carries Slack's signature and is not older than five minutes.

    The signature is `v0=` and the HMAC-SHA256 of `v0:timestamp:body` (api.slack.com/docs/verifying-requests-from-slack).
    """
    secret = os.environ.get(SECRET, "")
    refusal = Refused("This does not come from Slack.")
    if not secret or not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise refusal
    if abs(now.timestamp() - int(stamp)) > WINDOW:
        raise Refused("This message is too old.")
    wanted = "v0=" + hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise refusal


def press(body: bytes) -> str:
    """Carry out a button; gives what Slack shows. The body is verified already."""
    try:
        payload = json.loads(parse_qs(body.decode("utf-8"))["payload"][0])
        action = payload["actions"][0]
        slack_id, verb, value = str(payload["user"]["id"]), str(action["action_id"]), str(action.get("value", ""))
        number, _, content_hash = value.partition(":")
        request_id = int(number)
        message = str(payload.get("container", {}).get("message_ts", ""))
    except (KeyError, IndexError, ValueError, TypeError, AttributeError):
        return "That button is not understood."
    identity = Identity.objects.filter(kind="slack", value=slack_id).first()
    user = links.user_of(identity.person_id) if identity else None
    if user is None:
        return "Slack does not say who you are here: ask an admin to link your Slack user under Admin, Identities."
    if verb != "approve":
        return "Open the request to do that."
    try:
        deciding.decide(
            request_id,
            "approve",
            content_hash=content_hash,
            by=actor_of(user, channel="slack"),
            strength="slack",
            key=f"slack:{identity.pk}:{message}:{value}"[:100] if identity else "",
        )
    except ClosedwonError as error:
        return str(error)
    return "Approved."
