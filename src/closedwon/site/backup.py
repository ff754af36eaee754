"""Backing a workspace up: decisions, policy, settings and facts in one file, with the sha256 of everything in it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, time
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder

from closedwon.base.errors import Invalid, NotReady
from closedwon.workspace import Workspace

KEEP = ("snapshots", "bundles")
"""Shelves that no source can give back."""
FORMAT = 1
CHUNK = 1 << 20
LEFT_OUT = ("contenttypes", "auth", "sessions", "django_q")
"""Tables that a dump as JSON leaves out: Django makes them anew, or they are of the moment."""


class Archive(Protocol):
    """A file of files that is written one after the other."""

    def add(self, name: str, size: int, data: IO[bytes]) -> None:
        """Append a file."""


class _Tar:
    def __init__(self, out: IO[bytes]) -> None:
        self.zipped = gzip.GzipFile(fileobj=out, mode="wb", compresslevel=2)
        self.tar = tarfile.open(fileobj=self.zipped, mode="w|")  # noqa: SIM115 - closed by close()

    def add(self, name: str, size: int, data: IO[bytes]) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self.tar.addfile(info, data)

    def close(self) -> None:
        self.tar.close()
        self.zipped.close()


class _Zip:
    def __init__(self, out: IO[bytes]) -> None:
        self.zip = zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=2)

    def add(self, name: str, size: int, data: IO[bytes]) -> None:
        with self.zip.open(zipfile.ZipInfo(name), "w", force_zip64=size > 2**31) as target:
            shutil.copyfileobj(data, target, CHUNK)

    def close(self) -> None:
        self.zip.close()


@dataclass
class Backup:
    """What was written: the manifest that stands in the file too."""

    path: Path
    manifest: dict[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> int:
        """How many files the backup holds."""
        return len(self.manifest["files"])


class _Hashing:
    """A reader that takes the sha256 of what is read through it."""

    def __init__(self, inner: IO[bytes]) -> None:
        self.inner, self.sha = inner, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.inner.read(size)
        self.sha.update(data)
        return data


def back_up(
    workspace: Workspace, out: Path, *, by: Any, slim: bool = False, database: str = "auto", heard: Callable[[str], None] = lambda _: None
) -> Backup:
    """Write the backup. `slim` leaves out the shelves that an import gives back; `database` is auto, or json for moving to another database.

    The database is copied first and the logs of fact tables before their files, so that everything that is named is there.
    """
    by.need("admin", to="back the workspace up")
    kind = _kind(out)
    from closedwon.audit.actions import record
    from closedwon.audit.export import end

    record(by=by.name, channel=by.channel, verb="workspace.backed-up", subject=f"file:{out.name}", detail={"slim": slim})
    head = end()
    part = out.with_name(out.name + ".part")
    files: dict[str, dict[str, Any]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="closedwon-backup-") as folder, _private(part) as raw, closing(kind(raw)) as archive:
            sources = _sources(workspace, Path(folder), slim=slim, database=database, heard=heard)
            dumped = ""
            for name, source in sources:
                dumped = dumped or name
                files[name] = _put(archive, name, source)
            manifest = {
                "format": FORMAT, "closedwon": version("closedwon"), "company": workspace.settings.company, "made_at": _now(),
                "database": dumped, "audit": {"sequence": head[0], "digest": head[1]}, "slim": slim,
                "facts_elsewhere": workspace.facts_url if "://" in workspace.facts_url else "", "files": files,
            }  # fmt: skip
            text = json.dumps(manifest, indent=1).encode()
            archive.add("manifest.json", len(text), io.BytesIO(text))
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(out)
    return Backup(out, manifest)


def _put(archive: Archive, name: str, source: Path) -> dict[str, Any]:
    with source.open("rb") as inner:
        size = os.fstat(inner.fileno()).st_size
        reader = _Hashing(inner)
        archive.add(name, size, reader)  # type: ignore[arg-type]
    return {"sha256": reader.sha.hexdigest(), "size": size}


def _sources(workspace: Workspace, folder: Path, *, slim: bool, database: str, heard: Callable[[str], None]) -> Iterator[tuple[str, Path]]:
    """Every file with the name it gets, the database first."""
    heard("the database")
    dumped = _database(folder, database)
    yield dumped.name, dumped
    yield from _own(workspace)
    if "://" not in workspace.facts_url:
        heard("the facts")
        yield from _facts(Path(workspace.facts_url), slim=slim)


def _kind(out: Path) -> Callable[[IO[bytes]], Any]:
    if out.exists():
        raise Invalid(f"{out} exists already.", mend="Choose another name; a backup is never overwritten.")
    if not out.parent.exists():
        raise Invalid(f"The folder {out.parent} does not exist.")
    if out.name.endswith((".tar.gz", ".tgz")):
        return _Tar
    if out.suffix == ".zip":
        return _Zip
    raise Invalid(f"{out.name} has no ending that is known.", mend="End it with .tar.gz or .zip.")


def _private(path: Path) -> IO[bytes]:
    """A new file that only its owner may read: a backup holds keys and secrets."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _now() -> str:
    from django.utils import timezone

    return timezone.now().isoformat(timespec="seconds")


def _own(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    for name in ("closedwon.toml", ".secret-key", "audit-anchors.jsonl"):
        if (workspace.path / name).exists():
            yield name, workspace.path / name
    for file in sorted(workspace.policies.rglob("*")):
        if file.is_file():
            yield f"policies/{file.relative_to(workspace.policies).as_posix()}", file


def _facts(folder: Path, *, slim: bool) -> Iterator[tuple[str, Path]]:
    if not folder.exists():
        return
    for shelf in sorted(item for item in folder.iterdir() if item.is_dir() and not item.name.startswith(".")):
        if slim and shelf.name not in KEEP:
            continue
        files = [file for file in shelf.rglob("*") if file.is_file() and not file.name.endswith(".lock")]
        for file in sorted(files, key=lambda item: ("_delta_log" not in item.parts, item.as_posix())):
            yield f"facts/{file.relative_to(folder).as_posix()}", file


def _database(folder: Path, how: str) -> Path:
    from django.db import connection

    if how == "json":
        return _json(folder)
    if connection.vendor == "sqlite":
        copy = folder / "database.sqlite3"
        with closing(sqlite3.connect(copy)) as target:
            connection.ensure_connection()
            connection.connection.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            said = target.execute("PRAGMA quick_check").fetchone()[0]
        if said != "ok":
            raise NotReady(f"The database is damaged: {said}.", mend="Restore an older backup; this one was not written.")
        return copy
    if shutil.which("pg_dump"):
        return _pg_dump(folder)
    return _json(folder)


def dump_database(folder: Path, name: str) -> Path:
    """Only the database, as it is now, into a file of its own that its owner alone may read."""
    with tempfile.TemporaryDirectory(dir=folder) as part:
        made = _database(Path(part), "auto")
        out = folder / f"{name}{made.suffix}"
        made.chmod(0o600)
        made.replace(out)
    return out


def _pg_dump(folder: Path) -> Path:
    out = folder / "database.pgdump"
    run_postgres("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={out}"])
    return out


def run_postgres(program: str, words: list[str], last: str = "") -> None:
    """Run one of PostgreSQL's own programs on this database; the password stays out of its options. Raises NotReady with its last words."""
    from django.db import connection

    found, settings = shutil.which(program), connection.settings_dict
    if found is None:
        raise NotReady(f"{program} is not installed.", mend="Install PostgreSQL's client programs (Debian: postgresql-client).")
    options = [("--host", "HOST"), ("--port", "PORT"), ("--username", "USER"), ("--dbname", "NAME")]
    reach = [f"{word}={settings[key]}" for word, key in options if settings.get(key)]
    env = {**os.environ, "PGPASSWORD": str(settings.get("PASSWORD") or "")}
    command = [found, *words, *reach, *([last] if last else [])]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - a known program, no shell
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        raise NotReady(f"{program} failed: {said[-1]}", mend="It must not be older than the server; or use --database json.")


class _Exact(DjangoJSONEncoder):
    """Instants keep their six digits; Django's own form cuts them to three, and the trail's hashes would not fit."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime | time) else super().default(o)


def _json(folder: Path) -> Path:
    """Every row of every table as JSON, for another kind of database; all at one moment."""
    from django.apps import apps
    from django.core import serializers
    from django.db import connection, transaction

    out = folder / "database.json"
    chosen = [(config, None) for config in apps.get_app_configs() if config.label not in LEFT_OUT]
    models = [m for m in serializers.sort_dependencies(chosen, allow_cycles=True) if not m._meta.proxy and m._meta.managed]  # noqa: SLF001
    with out.open("w", encoding="utf-8") as handle, transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = (row for model in models for row in model._base_manager.order_by("pk").iterator())  # noqa: SLF001
        serializers.serialize("json", rows, stream=handle, use_natural_foreign_keys=True, cls=_Exact)
    return out
