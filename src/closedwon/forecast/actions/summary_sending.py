"""Runs of the weekly summary and the scorecard: made for each reader with what they may see, stored, sent, tried again, and listed."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import ClosedwonError, Invalid, NotFound
from closedwon.forecast.actions import summary_files as files
from closedwon.forecast.actions.scorecard import scorecard
from closedwon.forecast.actions.summary import policy_in_force, say, summary
from closedwon.forecast.models_summary import SummaryDelivery, SummaryRun
from closedwon.forecast.reading import ground
from closedwon.forecast.summary import scorecard as scorecards
from closedwon.forecast.summary.calls import due_before
from closedwon.forecast.summary.policy import Receiver, SlackChannel, When
from closedwon.forecast.summary.text import Summary
from closedwon.people.acting import actor_of
from closedwon.people.actor import SYSTEM, Actor
from closedwon.people.models import RoleGrant, User
from closedwon.policies.actions import in_force
from closedwon.workspace import current

PAUSES = (1, 5, 30, 120, 720)
"""Minutes before the next attempt; after the last the message is given up."""
SENDERS = ("sales-ops", "admin")
"""Roles that may send at once, send again, and see what was sent."""
READERS = (*SENDERS, "auditor")
KINDS = ("weekly", "scorecard")
TOO_LATE = timedelta(days=2)
"""What could not be made for so long after its time is not sent any more."""
Heard = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Made:
    """What one reader gets: subject, texts, and content for the store."""

    subject: str
    html: str
    text: str
    content: Mapping[str, Any]
    as_of: date
    period: str
    type: str
    slack: Mapping[str, Any]
    pdf: bytes


def make(kind: str, *, by: Actor, **words: Any) -> Made:
    """The weekly summary or the scorecard as one person may see it. Raises Refused where they may see nothing."""
    if kind not in KINDS:
        raise Invalid(f"Nothing called {kind!r} is sent.", mend=f"There are {' and '.join(KINDS)}.")
    if kind == "weekly":
        return _weekly(summary(by=by, **words))
    card = scorecard(by=by, **words).direct()
    html, text = scorecards.html(card, files.address, say()), scorecards.text(card, say())
    content = {"rows": card.as_rows(), "notes": list(card.notes)}
    return Made(scorecards.headline(card), html, text, content, card.as_of, card.period, card.type, {}, b"")


def _weekly(found: Summary) -> Made:
    html, text = files.as_html(found), files.as_markdown(found)
    return Made(
        found.headline.plain, html, text, found.as_dict(), found.as_of, found.period, found.type, files.as_slack(found), files.as_pdf(found)
    )  # fmt: skip


def keep(kind: str, made: Made, *, by: Actor, key: str, reader: str, node: str = "", mails: Iterable[str] = (), slack: Iterable[SlackChannel] = ()) -> SummaryRun:  # fmt: skip
    """Store what was made with the messages to be sent, under a key that is used once; a run that is there already is given back."""
    digest = hashlib.sha256(json.dumps([made.html, made.text, made.content], sort_keys=True, default=str).encode()).hexdigest()
    release = ground().release
    with transaction.atomic():
        run, is_new = SummaryRun.objects.get_or_create(
            key=key[:300],
            defaults={
                "kind": kind, "as_of": made.as_of, "period": made.period, "type": made.type, "node": node, "reader": reader[:300],
                "subject": made.subject[:300], "content": dict(made.content), "html": made.html, "text": made.text, "slack": dict(made.slack),
                "pdf": made.pdf, "digest": digest, "release": release.pk if release else None, "made_by": by.name[:300],
            },
        )  # fmt: skip
        if not is_new:
            return run
        messages = [SummaryDelivery(run=run, channel="mail", to=to) for to in dict.fromkeys(mails)]
        messages += [SummaryDelivery(run=run, channel="slack", to=one.name, variable=one.webhook) for one in slack]
        SummaryDelivery.objects.bulk_create(messages)
        detail = {
            "kind": kind,
            "as_of": made.as_of.isoformat(),
            "period": made.period,
            "reader": reader,
            "sha256": digest,
            "messages": len(messages),
        }
        record(by=by.name, channel=by.channel, verb="summary.made", subject=f"summary:{run.pk}", detail=detail)
    return run


def keep_written(found: Summary, *, by: Actor, node: str = "") -> SummaryRun:
    """Store a summary that somebody had written out, with the audit entry; nothing is sent."""
    made = _weekly(found)
    stamp = hashlib.sha256(made.html.encode()).hexdigest()[:16]
    return keep("weekly", made, by=by, key=f"written:{by.name}:{timezone.now().isoformat()}:{stamp}", reader=by.name, node=node)


def receivers(told: Receiver) -> list[User]:
    """The people who get it: active ones with one of the roles, and those of the addresses who sign in here."""
    now = timezone.now()
    held = RoleGrant.objects.filter(role__in=told.roles, revoked_at__isnull=True).exclude(until__lte=now).values("user")
    found = {user.pk: user for user in User.objects.filter(is_active=True, pk__in=held)}
    found |= {user.pk: user for user in User.objects.filter(is_active=True, email__in=[one.lower() for one in told.emails])}
    return sorted(found.values(), key=lambda user: user.email)


def send_round(kind: str, round_key: str, *, by: Actor, heard: Heard = lambda *_: None, **words: Any) -> dict[str, Any]:
    """Make and queue a round: for each receiver what they themselves may see, for each Slack channel what its person may see."""
    policy = policy_in_force()
    told = policy.weekly_to if kind == "weekly" else policy.scorecard_to
    people = receivers(told)
    channels = list(policy.slack) if kind == "weekly" else []
    types = (policy.types or [words.get("type") or ""]) if kind == "weekly" else [words.get("type") or ""]
    made, skipped = 0, []
    steps = len(people) + len(channels)
    for at, user in enumerate(people):
        heard(at, steps, user.email)
        for one in types:
            key = f"{kind}:{round_key}:{one}:{user.pk}"
            try:
                _one(kind, key, user, by, {**words, "type": one or None}, mails=[user.email])
                made += 1
            except ClosedwonError as error:
                skipped.append(f"{user.email}: {error.message}")
    for at, channel in enumerate(channels, len(people)):
        heard(at, steps, channel.name)
        seen_by = User.objects.filter(email__iexact=channel.seen_by, is_active=True).first()
        if seen_by is None:
            skipped.append(f"{channel.name}: there is no active user {channel.seen_by}")
            continue
        for one in types:
            try:
                _one(kind, f"{kind}:{round_key}:{one}:slack:{channel.name}", seen_by, by, {**words, "type": one or None}, slack=[channel])
                made += 1
            except ClosedwonError as error:
                skipped.append(f"{channel.name}: {error.message}")
    return {"made": made, "skipped": skipped, **send_due()}


def _one(kind: str, key: str, user: User, by: Actor, words: Mapping[str, Any], **to: Any) -> SummaryRun:
    found = SummaryRun.objects.filter(key=key[:300]).first()
    if found is not None:
        return found
    made = make(kind, by=actor_of(user, channel="job"), **words)
    return keep(kind, made, by=by, key=key, reader=user.email, node=words.get("node") or "", **to)


def due_round(when: When, now: datetime) -> datetime | None:
    """The last time at which something was to be sent; None where that is too long ago, or before the policy said so."""
    version = in_force("summary")
    if version is None or not when.send:
        return None
    due = due_before(now, when.day, when.at, current().zone)
    if now - due > TOO_LATE or (version.applied_at is not None and version.applied_at > due):
        return None
    return due


def tick(heard: Heard = lambda *_: None, now: datetime | None = None) -> dict[str, Any]:
    """What the schedule does: make and send what is due by the policy, each round once, and try failed messages again."""
    at, policy = now or timezone.now(), policy_in_force()
    made: dict[str, Any] = {}
    for kind, when in (("weekly", policy.weekly), ("scorecard", policy.scorecard)):
        due = due_round(when, at)
        if due is not None:
            made[kind] = send_round(kind, due.isoformat(), by=SYSTEM, heard=heard)
    return {**made, **send_due(now)}


def send_due(now: datetime | None = None, *, most: int = 500) -> dict[str, int]:
    """Send what is due; gives how many were sent and how many failed. Two workers never send one message twice at once."""
    at = now or timezone.now()
    counts = {"sent": 0, "failed": 0}
    waiting = SummaryDelivery.objects.filter(sent_at__isnull=True, given_up_at__isnull=True, next_at__lte=at)
    for number in list(waiting.order_by("pk").values_list("pk", flat=True)[:most]):
        claimed = SummaryDelivery.objects.filter(pk=number, sent_at__isnull=True, next_at__lte=at).update(
            next_at=at + timedelta(minutes=10)
        )
        if claimed:
            counts["sent" if _send(SummaryDelivery.objects.select_related("run").get(pk=number), at) else "failed"] += 1
    return counts


def _send(row: SummaryDelivery, at: datetime) -> bool:
    row.attempts += 1
    try:
        {"mail": _mail, "slack": _slack}[row.channel](row)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong outside is noted and tried again
        row.last_error = f"{type(error).__name__}: {error}"[:500]
        if row.attempts > len(PAUSES):
            row.given_up_at = at
        else:
            row.next_at = at + timedelta(minutes=PAUSES[row.attempts - 1])
        row.save()
        return False
    row.sent_at, row.last_error = at, ""
    row.save()
    return True


def _mail(row: SummaryDelivery) -> None:
    run = row.run
    message = EmailMultiAlternatives(" ".join(run.subject.split())[:200], run.text, None, [row.to])
    message.attach_alternative(run.html, "text/html")
    if run.pdf:
        message.attach(f"forecast-{run.period}-{run.as_of.isoformat()}.pdf", bytes(run.pdf), "application/pdf")
    message.send()


def _slack(row: SummaryDelivery) -> None:
    url = os.environ.get(row.variable, "")
    if not url:
        raise ValueError(f"the variable {row.variable} is not set")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise ValueError("only https addresses are called")
    data = json.dumps(row.run.slack).encode()
    call = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json; charset=utf-8"}, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(call, timeout=10) as answer:  # noqa: S310 - the scheme is checked above
            answer.read(1000)
    except urllib.error.HTTPError as error:
        # the address is a secret: only the status and Slack's word are kept
        raise ValueError(f"Slack answered {error.code}: {error.read(200).decode('utf-8', 'replace')}") from None
    except urllib.error.URLError as error:
        raise ValueError(f"Slack was not reached: {error.reason}") from None


def send_now(kind: str, *, by: Actor, key: str = "", **words: Any) -> Any:
    """Start the job that makes and sends a round at once, beside its times; for sales ops."""
    from closedwon.jobs.actions import start

    by.need(*SENDERS, to="send the summary")
    if kind not in KINDS:
        raise Invalid(f"Nothing called {kind!r} is sent.", mend=f"There are {' and '.join(KINDS)}.")
    params = {"kind": kind, "round_key": f"now {timezone.now().isoformat()}", **{name: value for name, value in words.items() if value}}
    with transaction.atomic():
        made = start("forecast.summary_send", params, by=by, key=key, title="Weekly summary" if kind == "weekly" else "Scorecard")
        record(by=by.name, channel=by.channel, verb="summary.send", subject=f"summary:{kind}", detail={"job": made.pk, **words})
    return made


def send_again(delivery: int, *, by: Actor) -> SummaryDelivery:
    """Try a message again that was given up or waits; for sales ops. Raises Invalid where it was sent already."""
    by.need(*SENDERS, to="send the summary again")
    row = SummaryDelivery.objects.select_related("run").filter(pk=delivery).first()
    if row is None:
        raise NotFound(f"There is no message {delivery}.")
    if row.sent_at:
        raise Invalid("This message was sent already.", mend="Send the whole round again with “Send now”.")
    with transaction.atomic():
        row.given_up_at, row.next_at, row.attempts = None, timezone.now(), 0
        row.save()
        record(
            by=by.name,
            channel=by.channel,
            verb="summary.send_again",
            subject=f"summary:{row.run.pk}",
            detail={"to": row.to, "channel": row.channel},
        )
    send_due()
    row.refresh_from_db()
    return row


def sent(*, by: Actor, take: int = 50) -> list[SummaryDelivery]:
    """The latest messages with how they ended; for sales ops and auditors."""
    by.need(*READERS, to="see what was sent")
    return list(
        SummaryDelivery.objects.select_related("run").defer("run__html", "run__text", "run__pdf", "run__content", "run__slack")[:take]
    )


def find(number: int | str, *, by: Actor) -> SummaryDelivery:
    """One message with what it said; for sales ops and auditors. Raises NotFound."""
    by.need(*READERS, to="see what was sent")
    row = SummaryDelivery.objects.select_related("run").filter(pk=int(number)).first() if str(number).isdigit() else None
    if row is None:
        raise NotFound(f"There is no message {number}.")
    return row


def failing(*, by: Actor) -> int:
    """How many messages were given up in the last week; 0 for those who may not know."""
    if not by.has(*READERS):
        return 0
    return SummaryDelivery.objects.filter(given_up_at__gte=timezone.now() - timedelta(days=7)).count()
