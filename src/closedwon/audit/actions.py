"""Writing to the trail, looking into it, erasing a person from it; checking and exporting lie beside."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any, Protocol

from cryptography.fernet import Fernet, InvalidToken
from django.db import transaction
from django.utils import timezone

from closedwon.audit.canonical import canonical, clean, digest, instant, sha
from closedwon.audit.models import Entry, Head, PersonalData, PersonKey
from closedwon.audit.reading import READERS, Seen, Trail, sight
from closedwon.audit.verify import Verdict, keep_anchor, verify
from closedwon.base.errors import Invalid, NotFound
from closedwon.workspace import current

__all__ = [
    "KEEPERS", "READERS", "VERIFIERS", "Asker", "Verdict", "check", "digest_of", "entries", "erase", "find", "last_check", "personal_of", "record",
    "verbs", "verify",
]  # fmt: skip

VERIFIERS = ("admin", "auditor")
"""Roles that may verify the trail."""
KEEPERS = ("admin",)
"""Roles that may erase a person from it."""


class Asker(Protocol):
    """Who asks: the actor of the rooms above, which this room does not know."""

    @property
    def name(self) -> str:
        """The name that goes into the trail."""

    @property
    def channel(self) -> str:
        """The door: web, api, cli or job."""

    @property
    def roles(self) -> frozenset[str]:
        """The roles in force."""

    @property
    def grants(self) -> frozenset[str]:
        """The rights that no role carries."""

    @property
    def region(self) -> str:
        """The region that sales ops are limited to."""

    def need(self, *roles: str, to: str) -> None:
        """Raise Refused unless the asker has one of these roles."""


def digest_of(entry: Entry) -> str:
    """The hash of an entry over its canonical content and the hash before it."""
    return digest(
        entry.sequence, instant(entry.at), entry.actor, entry.channel, entry.verb, entry.subject, entry.detail, entry.person, entry.sealed,
        entry.previous,
    )  # fmt: skip


def record(
    *,
    by: str,
    verb: str,
    subject: str,
    detail: dict[str, Any] | None = None,
    channel: str = "",
    person: str | None = None,
    personal: dict[str, Any] | None = None,
) -> Entry:
    """Append an entry; the last thing an action does in its transaction. `personal` is encrypted under the key of `person`."""
    if personal and not person:
        raise Invalid("Personal data in the trail needs the person it is about.")
    with transaction.atomic():
        head, _ = Head.objects.select_for_update().get_or_create(pk=1)
        entry = Entry(
            sequence=head.sequence + 1,
            at=timezone.now(),
            actor=clean(by, 300),
            channel=clean(channel, 20),
            verb=clean(verb, 80),
            subject=clean(subject, 300),
            detail=canonical(detail or {}),
            person=clean(person or "", 64),
            previous=head.digest,
        )
        if personal and person:
            text = _seal(person, canonical(personal))
            entry.sealed = sha(text)
            PersonalData.objects.create(sequence=entry.sequence, person=person, ciphertext=text)
        entry.digest = digest_of(entry)
        entry.save(force_insert=True)
        head.sequence, head.digest = entry.sequence, entry.digest
        head.save()
    return entry


def _seal(person: str, text: str) -> str:
    key, _ = PersonKey.objects.get_or_create(person=person, defaults={"key": Fernet.generate_key().decode()})
    return Fernet(key.key.encode()).encrypt(text.encode()).decode()


def personal_of(entry: Entry | Seen) -> dict[str, Any] | None:
    """What the entry says about its person, None where there is nothing or the person was erased."""
    found = PersonalData.objects.filter(sequence=entry.sequence).first()
    key = PersonKey.objects.filter(person=entry.person).first()
    if not found or not key:
        return None
    try:
        return dict(json.loads(Fernet(key.key.encode()).decrypt(found.ciphertext.encode())))
    except InvalidToken:
        return None


def erase(person: str, *, by: Asker | str, reason: str) -> int:
    """Destroy a person's key, so that what the trail says about them cannot be read; gives how many entries are affected."""
    name, channel = (by, "") if isinstance(by, str) else (by.name, by.channel)
    if not isinstance(by, str):
        by.need(*KEEPERS, to="erase a person from the audit trail")
    if not reason.strip():
        raise Invalid("An erasure needs its reason.", mend="Say who asked for it, and when.")
    with transaction.atomic():
        count = PersonalData.objects.filter(person=person).count()
        PersonKey.objects.filter(person=person).delete()
        record(by=name, channel=channel, verb="person.erased", subject=f"person:{person}", detail={"entries": count, "reason": reason})
    return count


def entries(
    *, by: Asker, verb: str = "", actor: str = "", subject: str = "", text: str = "", since: date | None = None, until: date | None = None
) -> Trail:
    """The trail as the asker may read it, newest first, narrowed; days are the company's, `until` is the last one meant."""
    by.need(*READERS, to="read the audit trail")
    zone, days = current().zone, {}
    if since:
        days["at__gte"] = datetime.combine(since, time(0), zone)
    if until:
        days["at__lt"] = datetime.combine(until + timedelta(days=1), time(0), zone)
    return Trail(Entry.objects.all(), sight(by)).narrow(verb=verb, actor=actor, subject=subject, text=text, **days)


def find(sequence: int, *, by: Asker) -> tuple[Seen, bool]:
    """One entry as the asker may read it, and whether its hash fits. Raises NotFound."""
    by.need(*READERS, to="read the audit trail")
    found = Entry.objects.filter(sequence=sequence).first()
    if found is None:
        raise NotFound(f"There is no entry {sequence}.")
    return sight(by).seen(found), digest_of(found) == found.digest


def verbs(*, by: Asker) -> list[str]:
    """The verbs that the trail holds, for the filter."""
    return entries(by=by).verbs()


def last_check(*, by: Asker) -> Entry | None:
    """The newest verification, which every reader of the trail may know of."""
    by.need(*READERS, to="read the audit trail")
    return Entry.objects.filter(verb="audit.verified").first()


def check(*, by: Asker, heard: Any = None, anchor: Any = None) -> Verdict:
    """Verify the chain for somebody, keep an anchor of its end where it holds, and record that it was done."""
    by.need(*VERIFIERS, to="verify the audit trail")
    verdict = verify(anchor=anchor, heard=heard)
    keep_anchor(verdict)
    detail = {"holds": verdict.holds, "entries": verdict.entries, "last": verdict.last, "digest": verdict.digest}
    record(by=by.name, channel=by.channel, verb="audit.verified", subject="audit", detail={**detail, "faults": list(verdict.faults)})
    return verdict
