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

from closedwon.audit.actions import Asker, record
from closedwon.audit.canonical import canonical, instant
from closedwon.audit.models import Entry, Head
from closedwon.audit.reading import READERS, WHOLE, Seen, Sight, Trail, sight

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

HOW_HIDDEN = """This copy hides the details of {} entries
=====================================================

It holds every entry with who did what, when and to which thing. Details of what its reader may not see are left out, and with them the
hashes, from which a detail could be guessed; so this copy cannot be verified by itself. An auditor reads everything and takes out a copy
that can: closedwon --as AUDITOR audit export. Whether the trail holds is told by: closedwon audit verify.
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


def members(entry: Seen, view: Sight) -> dict[str, Any]:
    """Every field that the hash covers, and the hash; in a copy that hides something, also why a detail is not there."""
    made = {**{name: getattr(entry, name) for name in MEMBERS}, "at": instant(entry.at)}
    return made if view.everything else made | {"hidden": entry.hidden}


def exported(by: Asker | str, subject: str, detail: dict[str, Any] | None = None) -> tuple[Entry, Trail]:
    """Record an export, and give the record and the trail up to it: whole where nothing in it is hidden from the asker, else as they may read it."""
    if not isinstance(by, str):
        by.need(*READERS, to="export the audit trail")
    name, channel = (by, "") if isinstance(by, str) else (by.name, by.channel)
    made = record(by=name, channel=channel, verb="audit.exported", subject=subject, detail=detail)
    rows = Entry.objects.filter(sequence__lte=made.sequence)
    found = Trail(rows, WHOLE if isinstance(by, str) else sight(by))
    return made, (found if found.hidden() else Trail(rows, WHOLE))


def lines(rows: Trail | None = None) -> Iterator[str]:
    """The trail as JSON lines, oldest first."""
    found = (Trail(Entry.objects.all(), WHOLE) if rows is None else rows).oldest_first()
    for entry in found:
        yield canonical(members(entry, found.sight))


def csv_lines(rows: Trail) -> Iterator[str]:
    """Chosen entries as CSV; cells that a spreadsheet would take for a formula are made text."""
    yield _row((*MEMBERS, "hidden") if not rows.sight.everything else MEMBERS)
    for entry in rows:
        yield _row([_neutral(value) for value in members(entry, rows.sight).values()])


def _row(values: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(values)
    return out.getvalue()


def _neutral(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def export(out: Path, *, by: Asker | str, heard: Callable[[int, int], None] | None = None) -> int:
    """Write the whole trail into a file: .jsonl, .csv, or .zip with instructions and a script. The export is itself the last entry."""
    made, rows = exported(by, f"file:{out.name}", {"at": datetime.now(UTC)})
    total, digest = made.sequence, made.digest
    how, script = (HOW.format(sequence=total, digest=digest), SCRIPT) if rows.sight.everything else (HOW_HIDDEN.format(rows.hidden()), "")
    texts = csv_lines(rows.oldest_first()) if out.suffix == ".csv" else (line + "\n" for line in lines(rows))
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("trail.jsonl", "w", force_zip64=True) as inner, io.TextIOWrapper(inner, encoding="utf-8") as handle:
                count = _write(handle, texts, total, heard)
            archive.writestr("VERIFY.txt", how)
            if script:
                archive.writestr("verify.py", script)
                archive.writestr("anchor.jsonl", json.dumps({"sequence": total, "digest": digest}) + "\n")
        return count
    with out.open("w", encoding="utf-8", newline="") as handle:
        count = _write(handle, texts, total, heard)
    if out.suffix == ".csv":
        return count - 1
    out.with_name(out.name + ".verify.txt").write_text(how, encoding="utf-8")
    if script:
        out.with_name("verify.py").write_text(script, encoding="utf-8")
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
