"""Checking the chain: every hash, every link, the order, the personal data beside it, the end, and the anchors kept outside the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection
from django.utils import timezone

from closedwon.audit.canonical import START, digest, instant, sha
from closedwon.audit.models import Entry, Head, PersonalData
from closedwon.base.errors import Invalid, NotFound
from closedwon.workspace import current

PAGE = 10_000
ANCHORS = "audit-anchors.jsonl"
_COLUMNS = ("at", "actor", "channel", "verb", "subject", "detail", "person", "sealed", "previous", "digest")


@dataclass(frozen=True)
class Verdict:
    """Whether the chain holds, how many entries were read, where it ends, and what is wrong where."""

    entries: int
    faults: tuple[str, ...]
    last: int = 0
    digest: str = START
    anchors: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        """The verdict for the API and for jobs."""
        return {
            "holds": self.holds, "entries": self.entries, "last": self.last, "digest": self.digest, "anchors": self.anchors,
            "faults": list(self.faults),
        }  # fmt: skip


def verify(limit: int = 20, *, anchor: Path | None = None, heard: Callable[[int, int], None] | None = None) -> Verdict:
    """Read the whole chain and compare; `heard` gets entries read and to read. At most `limit` faults are listed.

    `anchor` is a file of anchors kept elsewhere, by an auditor; those of the workspace are always compared.
    """
    head = Head.objects.filter(pk=1).first()  # before the walk: others go on writing meanwhile
    walk = _Walk(limit, _anchors(anchor), head)
    total = Entry.objects.count()
    try:
        for rows in _pages():
            sealed = _sealed(rows)
            for row in rows:
                walk.step(row, sealed)
                if len(walk.faults) >= limit:
                    return walk.verdict()
            if heard:
                heard(walk.count, total)
    except DatabaseError as error:
        walk.faults.append(f"the database cannot be read after entry {walk.last}: {str(error).strip().splitlines()[0]}")
        return walk.verdict()
    walk.end()
    return walk.verdict()


class _Walk:
    """The state of one reading of the chain."""

    def __init__(self, limit: int, anchors: dict[int, str], head: Head | None) -> None:
        self.faults: list[str] = []
        self.head = head
        self.limit, self.anchors, self.anchored = limit, anchors, 0
        self.count = self.last = 0
        self.before: tuple[str, ...] = (START,)

    def step(self, row: tuple[Any, ...], sealed: dict[int, str]) -> None:
        """Check one entry against itself, the one before it, its personal data and its anchor."""
        sequence, at, actor, channel, verb, subject, detail, person, seal, previous, stored = row
        self.count += 1
        expected = self.last + 1
        computed = digest(sequence, at, actor, channel, verb, subject, detail, person, seal, previous)
        if sequence != expected:
            gap = f"entry {expected} is missing" if sequence == expected + 1 else f"entries {expected} to {sequence - 1} are missing"
            self.faults.append(gap)
        if computed != stored:
            self.faults.append(f"entry {sequence} ({verb[:80]}, {at[:19]}) was changed after it was written")
        elif sequence == expected and previous not in self.before:
            self.faults.append(f"entry {sequence} does not follow from entry {self.last}: one of them was replaced or moved")
        if seal and sha(sealed.get(sequence, "")) != seal:
            self.faults.append(f"the personal data of entry {sequence} was changed or removed")
        if sequence in self.anchors:
            self.anchored += 1
            if self.anchors[sequence] not in {stored, computed}:
                self.faults.append(f"entry {sequence} is not the one that an anchor vouches for: the trail was written anew")
        if self.head and self.head.sequence == sequence and self.head.digest not in {stored, computed}:
            self.faults.append(f"entry {sequence} is not the one that was written last: the end was replaced")
        self.last, self.before = sequence, (stored, computed)

    def end(self) -> None:
        """Compare the end with what the writers and the anchors say was written."""
        written = max([self.head.sequence if self.head else 0, *self.anchors])
        if self.last < written:
            self.faults.append(f"the chain ends at entry {self.last}, but {written} were written: the end was cut off")
        now = Head.objects.filter(pk=1).values_list("sequence", flat=True).first()
        if now is None and self.count:
            self.faults.append("the record of the chain's end was removed")
        elif now is not None and self.last > now:
            self.faults.append(f"the entries after {now} were added past the record of the chain's end")

    def verdict(self) -> Verdict:
        """What was found."""
        return Verdict(self.count, tuple(self.faults[: self.limit]), self.last, self.before[0], self.anchored)


def _pages() -> Iterator[list[tuple[Any, ...]]]:
    """The entries in order, a page at a time, as the bytes lie in the database: a change that does not parse is found too."""
    sqlite = connection.vendor == "sqlite"
    names = ", ".join(f"CAST({name} AS BLOB)" if sqlite else name for name in _COLUMNS)
    sql = f"SELECT sequence, {names} FROM {Entry._meta.db_table} WHERE sequence > %s ORDER BY sequence LIMIT {PAGE}"  # noqa: SLF001
    after = -(2**62)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(sql, [after])
            rows = cursor.fetchall()
        if not rows:
            return
        yield [_from_bytes(row) for row in rows] if sqlite else [(row[0], instant(row[1]), *row[2:]) for row in rows]
        after = rows[-1][0]


def _from_bytes(row: tuple[Any, ...]) -> tuple[Any, ...]:
    sequence, at, *rest = row
    moment = str(at or b"", "utf-8", "surrogateescape")
    moment = f"{moment[:10]}T{moment[11:]}" if moment[10:11] == " " else f"?{moment}"
    moment += ".000000+00:00" if len(moment) == 19 else "+00:00"
    return (sequence, moment, *[str(text or b"", "utf-8", "surrogateescape") for text in rest])


def _sealed(rows: list[tuple[Any, ...]]) -> dict[int, str]:
    if not any(row[8] for row in rows):
        return {}
    between = PersonalData.objects.filter(sequence__gte=rows[0][0], sequence__lte=rows[-1][0])
    return dict(between.values_list("sequence", "ciphertext"))


def _anchors(other: Path | None) -> dict[int, str]:
    found: dict[int, str] = {}
    if other is not None and not other.exists():
        raise NotFound(f"{other} does not exist.")
    for file in (current().path / ANCHORS, other):
        if file is None or not file.exists():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            try:
                item = json.loads(line)
                found[int(item["sequence"])] = str(item["digest"])
            except (ValueError, KeyError, TypeError) as error:
                raise Invalid(f"Line {number} of {file} is no anchor.", mend="Take the line out, or restore the file.") from error
    return found


def keep_anchor(verdict: Verdict) -> bool:
    """Write the end of a chain that holds into the workspace's file of anchors, so that it cannot be written anew unseen."""
    if not verdict.holds or not verdict.last:
        return False
    file = current().path / ANCHORS
    line = json.dumps({"sequence": verdict.last, "digest": verdict.digest, "at": timezone.now().isoformat(timespec="seconds")})
    try:
        if file.exists() and f'"digest": "{verdict.digest}"' in file.read_text(encoding="utf-8"):
            return False
        with file.open("a", encoding="utf-8") as out:
            out.write(line + "\n")
    except OSError:
        return False
    return True
