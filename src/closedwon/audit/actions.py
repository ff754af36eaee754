"""Writing to the trail, checking it, exporting it, erasing a person from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.fernet import Fernet, InvalidToken
from django.db import transaction
from django.utils import timezone

from closedwon.audit.models import Entry, Head, PersonalData, PersonKey
from closedwon.base.errors import Invalid

SAFE = 2**53 - 1
START = "0" * 64


def canonical(value: Any) -> str:
    """JSON in RFC 8785 form; integers beyond 2^53, decimals and dates as strings."""
    return rfc8785.dumps(_plain(value)).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if -SAFE <= value <= SAFE else str(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def digest_of(entry: Entry) -> str:
    """The hash of an entry over its canonical content and the hash before it."""
    body = {
        "sequence": entry.sequence,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": entry.actor,
        "channel": entry.channel,
        "verb": entry.verb,
        "subject": entry.subject,
        "detail": entry.detail,
        "person": entry.person,
        "sealed": entry.sealed,
        "previous": entry.previous,
    }
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()


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
            actor=by[:300],
            channel=channel[:20],
            verb=verb[:80],
            subject=subject[:300],
            detail=canonical(detail or {}),
            person=person or "",
            previous=head.digest,
        )
        if personal and person:
            text = _seal(person, canonical(personal))
            entry.sealed = hashlib.sha256(text.encode()).hexdigest()
            PersonalData.objects.create(sequence=entry.sequence, person=person, ciphertext=text)
        entry.digest = digest_of(entry)
        entry.save(force_insert=True)
        head.sequence, head.digest = entry.sequence, entry.digest
        head.save()
    return entry


def _seal(person: str, text: str) -> str:
    key, _ = PersonKey.objects.get_or_create(person=person, defaults={"key": Fernet.generate_key().decode()})
    return Fernet(key.key.encode()).encrypt(text.encode()).decode()


def personal_of(entry: Entry) -> dict[str, Any] | None:
    """What the entry says about its person, None where there is nothing or the person was erased."""
    found = PersonalData.objects.filter(sequence=entry.sequence).first()
    key = PersonKey.objects.filter(person=entry.person).first()
    if not found or not key:
        return None
    try:
        return dict(json.loads(Fernet(key.key.encode()).decrypt(found.ciphertext.encode())))
    except InvalidToken:
        return None


def erase(person: str, *, by: str, reason: str) -> int:
    """Destroy a person's key, so that what the trail says about them cannot be read; gives how many entries are affected."""
    with transaction.atomic():
        count = PersonalData.objects.filter(person=person).count()
        PersonKey.objects.filter(person=person).delete()
        record(by=by, verb="person.erased", subject=f"person:{person}", detail={"entries": count, "reason": reason})
    return count


@dataclass(frozen=True)
class Verdict:
    """Whether the chain holds, how many entries were read, and what is wrong where."""

    entries: int
    faults: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


def verify(limit: int = 20) -> Verdict:
    """Read the whole chain and compare: every hash, every link, the order, the sealed data, and the end."""
    faults: list[str] = []
    sealed = dict(PersonalData.objects.values_list("sequence", "ciphertext"))
    expected, previous, count = 1, START, 0
    for entry in Entry.objects.order_by("sequence").iterator(chunk_size=5000):
        count += 1
        if len(faults) >= limit:
            break
        if entry.sequence != expected:
            faults.append(f"entries {expected} to {entry.sequence - 1} are missing")
        elif entry.previous != previous:
            faults.append(f"entry {entry.sequence} does not follow from the entry before it")
        if digest_of(entry) != entry.digest:
            faults.append(f"entry {entry.sequence} ({entry.verb}, {entry.at:%Y-%m-%d %H:%M}) was changed after it was written")
        if entry.sealed and _hash(sealed.get(entry.sequence, "")) != entry.sealed:
            faults.append(f"the personal data of entry {entry.sequence} was changed or removed")
        expected, previous = entry.sequence + 1, entry.digest
    head = Head.objects.filter(pk=1).first()
    if head and not faults and (head.sequence, head.digest) != (expected - 1, previous):
        faults.append(f"the chain ends at entry {expected - 1}, but {head.sequence} were written: the end was cut off")
    return Verdict(count, tuple(faults))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def lines(first: int = 1) -> Iterator[str]:
    """The trail as JSON lines, oldest first, with every field that the hash covers."""
    for entry in Entry.objects.filter(sequence__gte=first).order_by("sequence").iterator(chunk_size=5000):
        yield canonical(
            {
                "sequence": entry.sequence,
                "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
                "actor": entry.actor,
                "channel": entry.channel,
                "verb": entry.verb,
                "subject": entry.subject,
                "detail": entry.detail,
                "person": entry.person,
                "sealed": entry.sealed,
                "previous": entry.previous,
                "digest": entry.digest,
            }
        )


def export(out: Path, *, by: str) -> int:
    """Write the trail for an auditor as JSON lines; the export is itself an entry, and the file ends with it."""
    record(by=by, verb="audit.exported", subject=f"file:{out.name}", detail={"at": datetime.now(UTC)})
    count = 0
    with out.open("w", encoding="utf-8") as handle:
        for line in lines():
            handle.write(line + "\n")
            count += 1
    return count
