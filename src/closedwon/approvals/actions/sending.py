"""Messages out: mail with a link for one person, Slack with buttons, signed webhooks; each is tried again with growing pauses."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import urllib.request
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.mail import send_mail
from django.db import transaction
from django.utils import timezone

from closedwon.approvals.actions import links
from closedwon.approvals.actions.notices import queue
from closedwon.approvals.models import Ask, Outgoing, Request, Step
from closedwon.people.models import Identity
from closedwon.workspace import current

PAUSES = (1, 5, 30, 120, 720)
"""Minutes before the next attempt; after the last the message is given up."""
SLACK_TOKEN, WEBHOOK, SECRET = "CLOSEDWON_SLACK_TOKEN", "CLOSEDWON_WEBHOOK_URL", "CLOSEDWON_WEBHOOK_SECRET"
WORDS = {
    "asked": "You are asked to approve", "reminded": "Still waits for you", "escalated": "It is late, and comes to you", "approved": "Approved",
    "rejected": "Sent back", "conditional": "Approved on a condition", "taken": "Taken",
}  # fmt: skip


def send_due(now: datetime | None = None, *, most: int = 200) -> dict[str, int]:
    """Send what is due; gives how many were sent and how many failed. Two workers never send one message twice at once."""
    at = now or timezone.now()
    counts = {"sent": 0, "failed": 0}
    for number in list(
        Outgoing.objects.filter(sent_at__isnull=True, given_up_at__isnull=True, next_at__lte=at).values_list("pk", flat=True)[:most]
    ):
        claimed = Outgoing.objects.filter(pk=number, sent_at__isnull=True, next_at__lte=at).update(next_at=at + timedelta(minutes=10))
        if claimed:
            counts["sent" if _send(Outgoing.objects.get(pk=number), at) else "failed"] += 1
    return counts


def _send(row: Outgoing, at: datetime) -> bool:
    try:
        {"mail": _mail, "slack": _slack, "webhook": _webhook}[row.kind](row)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong outside is noted and tried again
        row.attempts += 1
        row.last_error = f"{type(error).__name__}: {error}"[:500]
        if row.attempts > len(PAUSES):
            row.given_up_at = at
        else:
            row.next_at = at + timedelta(minutes=PAUSES[row.attempts - 1])
        row.save()
        return False
    row.sent_at, row.attempts, row.last_error = at, row.attempts + 1, ""
    row.save()
    return True


def _address(path: str) -> str:
    return (current().settings.base_url or "http://localhost:8000").rstrip("/") + path


def _mail(row: Outgoing) -> None:
    request = Request.objects.filter(pk=row.payload.get("request")).first()
    user = links.user_of(row.to)
    if request is None or user is None or not _still_wanted(row, request):
        return
    what = WORDS.get(str(row.payload.get("what")), "News of a request")
    asking = row.payload.get("what") in ("asked", "reminded", "escalated")
    path = f"/approvals/link/{links.make(request, row.to)}/" if asking else f"/approvals/{request.pk}/"
    lines = [f"{what}: {request.title}"]
    step = Step.objects.filter(pk=row.payload.get("step")).first()
    if step is not None:
        lines += [*dict.fromkeys(reason["reason"] for reason in step.reasons)]
        if step.due_at:
            lines.append(f"Due {step.due_at.astimezone(current().zone):%d %b %Y, %H:%M}.")
    lines += ["", _address(path), "", "The link is yours alone: it asks you to sign in, opens the request, and decides nothing by itself."]
    send_mail(f"{what}: {request.title}"[:200].replace("\n", " "), "\n".join(lines), None, [user.email])
    if asking and os.environ.get(SLACK_TOKEN) and Identity.objects.filter(kind="slack", person_id=row.to).exists():
        queue("slack", row.to, f"slack:{row.key}", dict(row.payload))


def _still_wanted(row: Outgoing, request: Request) -> bool:
    """Whether somebody who was to be asked still is."""
    if row.payload.get("step") is None:
        return True
    return request.is_open and Ask.objects.filter(step_id=row.payload["step"], person=row.to, state="open").exists()


def _slack(row: Outgoing) -> None:
    request = Request.objects.filter(pk=row.payload.get("request")).first()
    identity = Identity.objects.filter(kind="slack", person_id=row.to).first()
    token = os.environ.get(SLACK_TOKEN, "")
    if request is None or identity is None or not token or not _still_wanted(row, request):
        return
    _post("https://slack.com/api/chat.postMessage", message(request, identity.value), {"Authorization": f"Bearer {token}"})


def message(request: Request, channel: str) -> dict[str, Any]:
    """The Slack message of a request: what is asked, and buttons that carry the content that was shown."""
    value = f"{request.pk}:{request.content_hash}"
    step = request.steps.filter(state="open", version__number=request.number).first()
    why = "; ".join(dict.fromkeys(reason["reason"] for reason in step.reasons)) if step else ""
    buttons = [
        {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "style": "primary", "action_id": "approve", "value": value},
        {
            "type": "button",
            "text": {"type": "plain_text", "text": "Open"},
            "action_id": "open",
            "url": _address(f"/approvals/{request.pk}/"),
        },
    ]
    text = f"*{_plain(request.title)}*\n{_plain(why)}"
    return {
        "channel": channel,
        "text": request.title,
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}, {"type": "actions", "elements": buttons}],
    }


def _plain(text: str) -> str:
    """Text that Slack shows as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _webhook(row: Outgoing) -> None:
    url, secret = os.environ.get(WEBHOOK, ""), os.environ.get(SECRET, "")
    if not url or not secret:
        return
    body = json.dumps({"key": row.key, **row.payload}, sort_keys=True)
    stamp = str(int(timezone.now().timestamp()))
    _post(url, body, {"X-Closedwon-Signature": f"t={stamp},v1={signature(secret, stamp, body)}"})


def signature(secret: str, stamp: str, body: str) -> str:
    """The HMAC-SHA256 of `stamp.body`: what a receiver computes and compares in constant time."""
    return hmac.new(secret.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()


def _post(url: str, body: dict[str, Any] | str, headers: dict[str, str]) -> None:
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in ("localhost", "127.0.0.1"):
        raise ValueError("only https addresses are called")
    data = (body if isinstance(body, str) else json.dumps(body)).encode()
    call = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json; charset=utf-8", **headers}, method="POST")  # noqa: S310
    with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310 - the scheme is checked above
        text = answer.read(100_000).decode("utf-8", "replace")
    if "slack.com" in url and not json.loads(text).get("ok"):
        raise ValueError(f"Slack said: {text[:200]}")


def failing() -> int:
    """How many messages were given up in the last day."""
    with transaction.atomic():
        return Outgoing.objects.filter(given_up_at__gte=timezone.now() - timedelta(days=1)).count()
