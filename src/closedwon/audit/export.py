"""Taking the trail out for an auditor: JSON lines or CSV, with what it takes to verify them without closedwon."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from closedwon.audit.actions import READERS, Asker, record
from closedwon.audit.canonical import canonical, instant
from closedwon.audit.models import Entry, Head

MEMBERS = ("sequence", "at", "actor", "channel", "verb", "subject", "detail", "person", "sealed", "previous", "digest")
FORMULA = ("=", "+", "-", "@", "\t", "\r")

HOW = """How to verify this export without closedwon
===========================================

trail.jsonl holds one JSON object a line, oldest first. For every line:

1. `sequence` is one more than in the line before; the first is 1.
2. `previous` is the `digest` of the line before; in the first line it is 64 zeros.
3. `digest` is the sha256, in hexadecimal, of the object's RFC 8785 (JCS) form without its member `digest`, as UTF-8.
4. The last line is the record of this export, and its `digest` is {digest}.

`verify.py` beside this file does that with Python 3 and nothing else: python3 verify.py trail.jsonl

`detail` is itself JSON, as text. `sealed` is the sha256 of an encrypted text about `person` that is kept outside the trail; erasing a
person destroys the key of that text, and the trail still verifies.

Keep the last digest somewhere else. `closedwon audit verify --anchor FILE` compares a later trail with a file that holds
{{"sequence": {sequence}, "digest": "{digest}"}}
"""

SCRIPT = """import hashlib
import json
import sys

previous, count = "0" * 64, 0
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        entry = json.loads(line)
        count += 1
        digest = entry.pop("digest")
        body = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        if entry["sequence"] != count:
            sys.exit(f"entry {count} is missing or out of order")
        if entry["previous"] != previous:
            sys.exit(f"entry {count} does not follow from the one before it")
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            sys.exit(f"entry {count} was changed")
        previous = digest
print(f"{count} entries hold; the last digest is {previous}")
"""


def members(entry: Entry) -> dict[str, Any]:
    """Every field that the hash covers, and the hash."""
    return {**{name: getattr(entry, name) for name in MEMBERS}, "at": instant(entry.at)}


def lines(rows: Any = None) -> Iterator[str]:
    """The trail as JSON lines, oldest first."""
    for entry in (Entry.objects.all() if rows is None else rows).order_by("sequence").iterator(chunk_size=5000):
        yield canonical(members(entry))


def csv_lines(rows: Any) -> Iterator[str]:
    """Chosen entries as CSV, newest first; cells that a spreadsheet would take for a formula are made text."""
    yield _row(MEMBERS)
    for entry in rows.iterator(chunk_size=5000):
        yield _row([_neutral(value) for value in members(entry).values()])


def _row(values: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(values)
    return out.getvalue()


def _neutral(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def export(out: Path, *, by: Asker | str, heard: Callable[[int, int], None] | None = None) -> int:
    """Write the whole trail into a file: .jsonl, .csv, or .zip with instructions and a script. The export is itself the last entry."""
    if not isinstance(by, str):
        by.need(*READERS, to="export the audit trail")
    name, channel = (by, "") if isinstance(by, str) else (by.name, by.channel)
    made = record(by=name, channel=channel, verb="audit.exported", subject=f"file:{out.name}", detail={"at": datetime.now(UTC)})
    rows = Entry.objects.filter(sequence__lte=made.sequence)
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("trail.jsonl", "w", force_zip64=True) as inner, io.TextIOWrapper(inner, encoding="utf-8") as handle:
                count = _write(handle, (line + "\n" for line in lines(rows)), made.sequence, heard)
            archive.writestr("VERIFY.txt", HOW.format(sequence=made.sequence, digest=made.digest))
            archive.writestr("verify.py", SCRIPT)
            archive.writestr("anchor.jsonl", json.dumps({"sequence": made.sequence, "digest": made.digest}) + "\n")
        return count
    with out.open("w", encoding="utf-8", newline="") as handle:
        if out.suffix == ".csv":
            return _write(handle, csv_lines(rows.order_by("sequence")), made.sequence, heard) - 1
        count = _write(handle, (line + "\n" for line in lines(rows)), made.sequence, heard)
    out.with_name(out.name + ".verify.txt").write_text(HOW.format(sequence=made.sequence, digest=made.digest), encoding="utf-8")
    out.with_name("verify.py").write_text(SCRIPT, encoding="utf-8")
    return count


def _write(handle: IO[str], texts: Iterator[str], total: int, heard: Callable[[int, int], None] | None) -> int:
    count = 0
    for text in texts:
        handle.write(text)
        count += 1
        if heard and count % 5000 == 0:
            heard(count, total)
    return count


def end() -> tuple[int, str]:
    """The last entry's number and digest."""
    head = Head.objects.filter(pk=1).first()
    return (head.sequence, head.digest) if head else (0, "")
