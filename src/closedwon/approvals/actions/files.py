"""Files of a request: kept under the sha256 of their bytes, in the workspace; handed out as downloads only."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from django.db import transaction

from closedwon.approvals.actions.common import need
from closedwon.approvals.actions.people import person_of
from closedwon.approvals.models import Attachment
from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Refused
from closedwon.people.actor import Actor
from closedwon.workspace import current

LARGEST = 20_000_000
"""Bytes of one file."""
MOST = 50
"""Files of one request."""
BEGINS: dict[str, tuple[bytes, ...]] = {
    "pdf": (b"%PDF-",), "png": (b"\x89PNG\r\n\x1a\n",), "jpg": (b"\xff\xd8\xff",), "jpeg": (b"\xff\xd8\xff",),
    "docx": (b"PK\x03\x04",), "xlsx": (b"PK\x03\x04",), "pptx": (b"PK\x03\x04",), "eml": (), "txt": (), "csv": (), "md": (),
}  # fmt: skip
"""The kinds of file that are taken, and how their bytes begin; those without a beginning must be text in UTF-8."""


def attach(request_id: int, name: str, data: bytes, *, by: Actor) -> Attachment:
    """Add a file to a request; the same bytes under the same name are added once. Raises Invalid for a kind or size that is not taken."""
    request = need(request_id, by=by)
    if not person_of(by) and by.channel != "cli":
        raise Refused("The machine adds no files.")
    if by.has("auditor") and not by.has("deal-desk", "finance", "executive", "manager", "sales-ops", "rep"):
        raise Refused("An auditor reads and adds nothing.")
    bare = _bare(name)
    _fits(bare, data)
    digest = hashlib.sha256(data).hexdigest()
    _keep(digest, data)
    with transaction.atomic():
        type(request).objects.select_for_update().get(pk=request.pk)
        there = request.attachments.filter(sha256=digest, name=bare).first()
        if there is not None:
            found: Attachment = there
            return found
        if request.attachments.count() >= MOST:
            raise Conflict(f"The request has {MOST} files already.", mend="Put several documents into one.")
        made = Attachment.objects.create(request=request, name=bare, sha256=digest, size=len(data), by=by.name)
        detail = {"attachment": made.pk, "name": bare, "sha256": digest, "size": len(data), "version": request.number}
        record(by=by.name, verb="approvals.attached", subject=f"approval:{request.pk}", detail=detail, channel=by.channel)
    return made


def fetch(attachment_id: int, *, by: Actor) -> tuple[Attachment, bytes]:
    """A file of a request that the actor may see, its bytes checked against their digest; the trail keeps who took it. Raises NotFound, Conflict."""
    row = Attachment.objects.select_related("request").filter(pk=attachment_id).first()
    if row is None:
        raise NotFound(f"There is no file {attachment_id}, or you may not see it.")
    try:
        need(row.request_id, by=by)
    except NotFound:
        raise NotFound(f"There is no file {attachment_id}, or you may not see it.") from None
    path = _path(row.sha256)
    if not path.exists():
        raise NotFound(f"The bytes of {row.name} are not in the workspace.", mend="Bring the folder attachments back from the backup.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != row.sha256:
        raise Conflict(f"The bytes of {row.name} are not those that were added.", mend="Bring the file back from the backup.")
    detail = {"attachment": row.pk, "name": row.name, "sha256": row.sha256}
    record(by=by.name, verb="approvals.file_fetched", subject=f"approval:{row.request_id}", detail=detail, channel=by.channel)
    return row, data


def _bare(name: str) -> str:
    """A file's own name, without folders, control and odd characters."""
    made = re.sub(r"[^\w.()+ -]", "_", Path(name.replace("\\", "/")).name).strip(". ")
    stem, dot, ending = made.rpartition(".")
    return (f"{stem[:150]}.{ending[:10]}" if dot else made[:150]) or "file"


def _fits(name: str, data: bytes) -> None:
    ending = name.rpartition(".")[2].lower()
    if ending not in BEGINS or "." not in name:
        raise Invalid(f"{name} is not a kind of file that is taken.", mend=f"Send one of {', '.join(BEGINS)}.")
    if not data:
        raise Invalid(f"{name} is empty.")
    if len(data) > LARGEST:
        raise Invalid(f"{name} has {len(data) / 1e6:,.1f} MB; up to {LARGEST // 1_000_000} MB are taken.", mend="Send a smaller file.")
    begins = BEGINS[ending]
    if begins and not data.startswith(begins):
        raise Invalid(f"{name} is not what its name says: its bytes are no {ending}.", mend="Save it anew in that format.")
    if not begins:
        _is_text(name, data)


def _is_text(name: str, data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} is no text in UTF-8.", mend="Save it as UTF-8.") from error
    if "\0" in text:
        raise Invalid(f"{name} is no text.", mend="Save it as UTF-8.")


def _path(digest: str) -> Path:
    return current().path / "attachments" / digest[:2] / digest


def _keep(digest: str, data: bytes) -> None:
    """Write the bytes whole or not at all; the same bytes are there once."""
    path = _path(digest)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    Path(name).replace(path)
