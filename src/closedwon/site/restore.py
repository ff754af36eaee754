"""Restoring a backup into a new workspace: every file is compared with the manifest, and the audit trail is verified at the end."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import tomlkit

from closedwon.base.errors import Invalid, NotFound, NotReady
from closedwon.site.backup import CHUNK, FORMAT, run_postgres
from closedwon.workspace import Workspace, load, use

VARIABLE = "CLOSEDWON_DATABASE_URL"


@dataclass(frozen=True)
class Restored:
    """The new workspace, and how many entries of its trail were verified."""

    workspace: Workspace
    entries: int
    files: int
    slim: bool


def restore(file: Path, folder: Path, *, database_url: str = "") -> Restored:
    """Make the workspace `folder` from a backup. Nothing is left behind where the backup is damaged.

    Backups of PostgreSQL go into the empty database `database_url`; a JSON dump goes there, or into SQLite.
    """
    if not file.exists():
        raise NotFound(f"{file} does not exist.")
    if folder.exists() and any(folder.iterdir()):
        raise Invalid(f"{folder} is not empty.", mend="Restore into a new folder; look at it, then put it in the old one's place.")
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        manifest = _unpack(file, part)
        _settle(part, manifest, database_url)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    os.environ.pop(VARIABLE, None)
    workspace = use(load(folder))
    return Restored(workspace, _start(workspace, manifest), len(manifest["files"]), bool(manifest.get("slim")))


def _unpack(file: Path, into: Path) -> dict[str, Any]:
    seen: dict[str, str] = {}
    try:
        for name, data in _members(file):
            seen[name] = _write(into, name, data)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        raise Invalid(
            f"{file} cannot be read as a backup: {error}.", mend="The file is damaged or cut off; take another backup."
        ) from error
    if "manifest.json" not in seen:
        raise Invalid(f"{file} has no manifest.", mend="It is no backup of closedwon, or it was cut off.")
    try:
        manifest = dict(json.loads((into / "manifest.json").read_text(encoding="utf-8")))
        wanted = {name: item["sha256"] for name, item in manifest["files"].items()}
        known = manifest["format"], manifest["database"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"The manifest of {file} cannot be read.", mend="The file is damaged; take another backup.") from error
    if known[0] != FORMAT or known[1] not in wanted:
        raise Invalid(f"{file} is of another version of closedwon ({manifest.get('closedwon')}).", mend="Restore it with that version.")
    seen.pop("manifest.json")
    for name in sorted({*wanted, *seen}):
        if wanted.get(name) != seen.get(name):
            what = "is missing" if name not in seen else "is not in the manifest" if name not in wanted else "was changed or is damaged"
            raise Invalid(f"{name} in {file} {what}.", mend="Nothing was restored; take another backup.")
    (into / "manifest.json").unlink()
    return manifest


def _members(file: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                with archive.open(name) as data:
                    yield name, data
        return
    with tarfile.open(file, "r|gz") as archive:
        for info in archive:
            found = archive.extractfile(info) if info.isfile() else None
            if found is None:
                raise Invalid(f"{info.name} in {file} is no plain file.", mend="This is no backup that closedwon wrote.")
            yield info.name, found


def _write(into: Path, name: str, data: IO[bytes]) -> str:
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or not pure.parts or ":" in pure.parts[0]:
        raise Invalid(f"The backup holds a file that would lie outside the folder: {name}.", mend="This is no backup that closedwon wrote.")
    target = into / pure
    target.parent.mkdir(parents=True, exist_ok=True)
    sha = hashlib.sha256()
    with target.open("wb") as out:
        while block := data.read(CHUNK):
            sha.update(block)
            out.write(block)
    target.chmod(0o600)
    return sha.hexdigest()


def _settle(part: Path, manifest: dict[str, Any], database_url: str) -> None:
    """Point the settings at what was restored, never at the database or the facts of the workspace that was backed up."""
    dump = part / manifest["database"]
    if dump.suffix == ".pgdump" and not database_url:
        raise Invalid("This backup is of a PostgreSQL database.", mend="Give an empty one with --database-url postgres://user@host/name.")
    if dump.suffix == ".sqlite3":
        if database_url:
            raise Invalid("This backup is of a SQLite database.", mend="To move to PostgreSQL, back up with --database json.")
        dump.rename(part / "closedwon.sqlite3")
    text = tomlkit.parse((part / "closedwon.toml").read_text(encoding="utf-8"))
    text.pop("database_url", None)
    if database_url:
        text["database_url"] = database_url
    if "://" not in str(text.get("facts_url", "")):
        text.pop("facts_url", None)
    (part / "closedwon.toml").write_text(tomlkit.dumps(text), encoding="utf-8")


def _start(workspace: Workspace, manifest: dict[str, Any]) -> int:
    """Start Django over the restored workspace, fill its database where it was dumped, and verify the trail."""
    from closedwon.workspace.boot import boot

    boot()
    dump = workspace.path / manifest["database"]
    if dump.suffix == ".pgdump":
        _pg_restore(dump)
    elif dump.suffix == ".json":
        _load(dump)
    dump.unlink(missing_ok=True)
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    if manifest.get("slim"):
        _forget_missing_tables()
    return _verified(manifest)


def _verified(manifest: dict[str, Any]) -> int:
    from closedwon.audit.actions import record, verify
    from closedwon.audit.models import Entry
    from closedwon.people.actor import SYSTEM

    verdict, known = verify(), manifest["audit"]
    is_there = Entry.objects.filter(sequence=known["sequence"], digest=known["digest"]).exists()
    if not verdict.holds or not is_there:
        fault = verdict.faults[0] if verdict.faults else "its end is not the one that was backed up"
        raise NotReady(f"It was restored, but the audit trail does not hold: {fault}.", mend="Take another backup.")
    record(
        by=SYSTEM.name, verb="workspace.restored", subject="workspace", detail={"made_at": manifest["made_at"], "entries": verdict.entries}
    )
    return verdict.entries


def _pg_restore(dump: Path) -> None:
    from django.db import connection

    if connection.introspection.table_names():
        raise Invalid("The database is not empty.", mend="Make a new one with createdb, and give that.")
    connection.close()
    run_postgres("pg_restore", ["--no-owner", "--no-privileges", "--exit-on-error"], str(dump))


def _load(dump: Path) -> None:
    from django.core.management import call_command
    from django.db import connection

    if connection.introspection.table_names():
        raise Invalid("The database is not empty.", mend="Make a new one, and give that.")
    call_command("migrate", interactive=False, verbosity=0)
    call_command("loaddata", str(dump), verbosity=0)


def _forget_missing_tables() -> None:
    """A slim backup has no copies and marts: a new release names only the tables that are there, until the next import."""
    from closedwon.facts.models import Release
    from closedwon.facts.releases import latest
    from closedwon.facts.store import store

    before = latest()
    if before is not None:
        there = store().tables()
        Release.objects.create(tables={name: at for name, at in before.tables.items() if name in there}, note="restored without copies")
