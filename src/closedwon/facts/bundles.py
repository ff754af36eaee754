"""Bundles: the evidence of a posted run, as an immutable folder named by the hash of its content.

A bundle holds files (inputs and results as Parquet, policy text) and a manifest with the sha256 of each. Its name is the sha256 of the
manifest, so that the same evidence gives the same bundle, and one changed byte is found.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import rfc8785

from closedwon.base.errors import Invalid, NotFound, Problem

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read: its name, its manifest and where its files are."""

    name: str
    manifest: Mapping[str, Any]
    at: Bundles

    def bytes(self, file: str) -> bytes:
        """A file of the bundle, checked against the manifest. Raises Invalid where it was changed, NotFound where it is not listed."""
        entry = self.manifest["files"].get(file)
        if entry is None:
            raise NotFound(f"The bundle {self.name} has no file {file}.")
        data = self.at.load(f"{self.name}/{file}")
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise Invalid(f"{file} in the bundle {self.name} was changed.", mend="Restore the bundle from a backup.")
        return data

    def table(self, file: str) -> pa.Table:
        """A Parquet file of the bundle as Arrow, checked against the manifest."""
        return pq.read_table(io.BytesIO(self.bytes(file)))


class Bundles:
    """The bundles under one URL, on a local folder or S3-compatible storage."""

    def __init__(self, url: str, storage_options: Mapping[str, str] | None = None) -> None:
        self.url = url.rstrip("/")
        self.is_local = "://" not in self.url
        self._files, self._root = (pafs.LocalFileSystem(), self.url) if self.is_local else remote_files(self.url, storage_options or {})

    def write(self, files: Mapping[str, bytes | str | pa.Table], about: Mapping[str, Any] | None = None) -> str:
        """Keep the files; gives the bundle's name. Keeping the same content again gives the same name and writes nothing."""
        data = {name: _as_bytes(content) for name, content in sorted(files.items())}
        for name in data:
            if name == MANIFEST or name.startswith(("/", ".")) or ".." in name.split("/"):
                raise Invalid(f"{name!r} cannot be a file of a bundle.")
        listed: Any = {name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} for name, content in data.items()}
        manifest = rfc8785.dumps({"format": FORMAT, "about": dict(about or {}), "files": listed})
        bundle = hashlib.sha256(manifest).hexdigest()
        if not self.exists(bundle):
            (self._write_local if self.is_local else self._write_remote)(bundle, {**data, MANIFEST: manifest})
        return bundle

    def _write_local(self, bundle: str, data: Mapping[str, bytes]) -> None:
        """All or nothing: the folder is complete before it gets its name."""
        Path(self._root).mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=self._root))
        try:
            for name, content in data.items():
                file = made / name
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb") as out:
                    out.write(content)
                    out.flush()
                    os.fsync(out.fileno())
                file.chmod(0o440)
            target = Path(self._root, bundle)
            try:
                made.rename(target)
                made = target
            except OSError:
                if not self.exists(bundle):  # another writer keeping the same content is no failure
                    raise
        finally:
            if made.name != bundle:
                shutil.rmtree(made, ignore_errors=True)

    def _write_remote(self, bundle: str, data: Mapping[str, bytes]) -> None:
        """The manifest comes last: without it there is no bundle."""
        for name, content in data.items():
            with self._files.open_output_stream(f"{self._root}/{bundle}/{name}") as out:
                out.write(content)

    def load(self, path: str) -> bytes:
        """The bytes of a file under the URL. Raises NotFound."""
        try:
            with self._files.open_input_stream(f"{self._root}/{path}") as handle:
                return bytes(handle.read())
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"{path} is not in the bundles.", mend="Restore it from a backup.") from error

    def exists(self, bundle: str) -> bool:
        """Whether there is a complete bundle of that name."""
        info = self._files.get_file_info(f"{self._root}/{_name(bundle)}/{MANIFEST}")
        return bool(info.type == pafs.FileType.File)

    def read(self, bundle: str) -> Bundle:
        """The bundle of that name. Raises NotFound, and Invalid where its manifest was changed."""
        manifest = self.load(f"{_name(bundle)}/{MANIFEST}")
        if hashlib.sha256(manifest).hexdigest() != bundle:
            raise Invalid(f"The manifest of the bundle {bundle} was changed.", mend="Restore the bundle from a backup.")
        return Bundle(bundle, json.loads(manifest), self)

    def names(self) -> list[str]:
        """The names of all bundles."""
        chosen = self._files.get_file_info(pafs.FileSelector(self._root, allow_not_found=True))
        return sorted(info.base_name for info in chosen if info.type == pafs.FileType.Directory and _is_name(info.base_name))

    def verify(self, bundle: str) -> list[Problem]:
        """Everything that is wrong with a bundle: changed, missing and added files; empty when it is as it was written."""
        try:
            found = self.read(bundle)
        except (NotFound, Invalid) as error:
            return [Problem(error.message, bundle, mend=error.mend)]
        problems = []
        for file in found.manifest["files"]:
            try:
                found.bytes(file)
            except (NotFound, Invalid) as error:
                problems.append(Problem(error.message, f"{bundle}/{file}", mend=error.mend))
        chosen = self._files.get_file_info(pafs.FileSelector(f"{self._root}/{bundle}", recursive=True))
        start = f"{self._root}/{bundle}/".lstrip("/")
        present = {info.path.lstrip("/").removeprefix(start) for info in chosen if info.type == pafs.FileType.File}
        strange = sorted(present - set(found.manifest["files"]) - {MANIFEST})
        return problems + [Problem("This file is not in the manifest", f"{bundle}/{file}", mend="Remove it") for file in strange]


def _name(bundle: str) -> str:
    if not _is_name(bundle):
        raise NotFound(f"{bundle!r} is not the name of a bundle.")
    return bundle


def _is_name(text: str) -> bool:
    return len(text) == 64 and all(letter in "0123456789abcdef" for letter in text)


def _as_bytes(content: bytes | str | pa.Table) -> bytes:
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    out = io.BytesIO()
    pq.write_table(content, out, compression="zstd", store_schema=False)
    return out.getvalue()


def remote_files(url: str, options: Mapping[str, str]) -> tuple[pafs.FileSystem, str]:
    """The file system of a URL and the path in it, from the storage options that deltalake takes."""
    given = {name.lower().removeprefix("aws_"): value for name, value in options.items()}
    scheme, _, path = url.partition("://")
    if scheme not in {"s3", "s3a"}:
        made, path = pafs.FileSystem.from_uri(url)
        return made, path
    return (
        pafs.S3FileSystem(
            access_key=given.get("access_key_id"),
            secret_key=given.get("secret_access_key"),
            session_token=given.get("session_token"),
            region=given.get("region"),
            endpoint_override=given.get("endpoint_url") or given.get("endpoint"),
            scheme="http" if (given.get("endpoint_url") or "").startswith("http://") else "https",
        ),
        path,
    )


def bundles() -> Bundles:
    """The bundles of this process's workspace."""
    from closedwon.workspace import current

    workspace = current()
    return Bundles(f"{workspace.facts_url.rstrip('/')}/bundles", workspace.settings.storage)
