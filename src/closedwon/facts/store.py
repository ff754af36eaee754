"""The store of facts: named tables as Delta tables on shelves, one writer per table at a time.

Readers take a version and never see half a write. Every write may carry a `txn` name: a retry with the same name finds it in the log and
does nothing. Works on a local folder and, through deltalake's storage options, on S3-compatible URLs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from closedwon.base.errors import Conflict
from closedwon.base.tables import Column, table
from closedwon.facts.arrow import KINDS
from closedwon.facts.duck import cursor, literal, quoted
from closedwon.facts.locks import database_lock, file_lock
from closedwon.facts.merge import Incoming, Merge
from closedwon.facts.source import BATCH, Source, Typed, scan

__all__ = ["Merge", "Source", "Store", "scan", "store"]

TRIES = 5
NOTE = "closedwon.note"
MANY_FILES = 48
"""From so many files on, a merge that only adds rows writes the table anew, so that reading stays quick."""
_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=256_000)


class Store:
    """The named tables under one URL.

    `locks` is a local folder in which writers of the same table wait for each other; `shared_lock` does it for several machines.
    """

    def __init__(
        self,
        url: str,
        storage_options: dict[str, str] | None = None,
        locks: Path | None = None,
        shared_lock: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self.url = url.rstrip("/")
        self.options = storage_options or None
        self.is_local = "://" not in self.url
        self.locks = locks or Path(self.url if self.is_local else tempfile.gettempdir()) / ".locks"
        self.shared_lock = shared_lock

    def path(self, name: str) -> str:
        """Where the table lies."""
        return f"{self.url}/{table(name).shelf}/{name}"

    def _open(self, name: str, version: int | None = None) -> DeltaTable | None:
        if self.is_local and not Path(self.path(name), "_delta_log").exists():
            return None
        try:
            return DeltaTable(self.path(name), version=version, storage_options=self.options)
        except TableNotFoundError:
            return None

    def version(self, name: str) -> int | None:
        """The table's newest version, None where it was never written."""
        found = self._open(name)
        return None if found is None else found.version()

    def versions(self, name: str) -> list[dict[str, Any]]:
        """The table's commits, newest first: version, timestamp, operation."""
        found = self._open(name)
        return [] if found is None else [dict(entry) for entry in found.history()]

    def tables(self) -> dict[str, int]:
        """Every table that was ever written, with its newest version."""
        from closedwon.base.tables import TABLES

        return {name: version for name in TABLES if (version := self.version(name)) is not None}

    def source(self, name: str, version: int | None = None) -> Source:
        """The table at a version (default: the newest) as an engine reads it."""
        if version is not None:
            return _source_at(self, name, version)
        return self._source(name, None)

    def _source(self, name: str, version: int | None) -> Source:
        declared = table(name)
        found = self._open(name, version)
        if found is None:
            return Source(name, declared.columns, (), frozenset(), None)
        physical = pa.schema(found.schema().to_arrow())
        custom = tuple(Column(f.name, KINDS.get(f.type, "text")) for f in physical if f.name.startswith("x_"))
        files = tuple(found.file_uris())
        remote = None if self.is_local else found
        return Source(name, declared.columns + custom, files, frozenset(physical.names), found.version(), remote)

    def read(self, name: str, *, version: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The table at a version as Arrow, in its declared types, ordered by its key."""
        return self.read_source(self.source(name, version), columns)

    def read_source(self, source: Source, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a source as Arrow, ordered by the table's key."""
        wanted = ", ".join(map(quoted, columns)) if columns else "*"
        order = ", ".join(quoted(key) for key in table(source.name).key if columns is None or key in columns)
        with cursor() as con:
            text = scan(con, source)
            return con.sql(f"SELECT {wanted} FROM ({text}){f' ORDER BY {order}' if order else ''}").to_arrow_table()

    def count(self, name: str, version: int | None = None) -> int:
        """How many rows the table has."""
        with cursor() as con:
            return int(con.execute(f"SELECT COUNT(*) FROM ({scan(con, self.source(name, version))})").fetchall()[0][0])

    def replace(self, name: str, data: pa.Table | pa.RecordBatchReader, *, txn: str = "", note: str = "") -> int:
        """Make `data` the whole table; gives the version that holds it. A `note` stays with the version."""
        with self.locked(name):
            for _ in range(TRIES):
                try:
                    return self._commit(name, data, "overwrite", txn, note)
                except Conflict:
                    if not isinstance(data, pa.Table):  # a stream was read once
                        raise
        raise _conflict(name)

    def replace_rows(self, name: str, column: str, values: Sequence[str], data: pa.Table, *, note: str = "") -> int:
        """Put `data` in the place of the rows whose text column is one of the values; files without such rows stay as they are."""
        with self.locked(name):
            predicate = f"{quoted(column)} IN ({', '.join(map(literal, values))})"
            return self._commit(name, data, "overwrite", "", note, predicate)

    def note(self, name: str) -> str:
        """The note of the newest version."""
        found = self._open(name)
        return "" if found is None else str(found.history(1)[0].get(NOTE, ""))

    def append(self, name: str, data: pa.Table | pa.RecordBatchReader, *, txn: str = "") -> int:
        """Add rows; gives the version that holds them."""
        with self.locked(name):
            return self._commit(name, data, "append", txn)

    def merge(
        self,
        name: str,
        data: pa.Table | pa.RecordBatchReader | str,
        *,
        txn: str = "",
        complete: bool = False,
        dry_run: bool = False,
        follow: Sequence[str] = (),
        unique: bool = False,
    ) -> Merge:
        """Take rows in by the table's key: new keys are inserted, changed rows updated, the others left as they are.

        `data` is Arrow or a SELECT for DuckDB with one row per key. Only the columns it brings are compared and written; the others of an
        existing row stay. With `complete`, rows whose key is not in `data` are dropped. Data that changes nothing commits nothing, and
        a dry run only counts. `follow` names columns whose changed cells the result lists. `unique` says that the keys were seen to differ.
        """
        with self.locked(name), cursor() as con:
            incoming = Incoming(con, name, data, unique=unique)
            for _ in range(TRIES):
                before = self.source(name)
                if txn and self.has(name, txn):
                    return Merge(before.version, 0, 0, 0)
                plan = incoming.against(before, complete=complete, follow=follow)
                if dry_run or not plan.changed:
                    return plan
                adds = not plan.updated and len(before.files) in range(1, MANY_FILES)
                text, mode = (incoming.fresh, "append") if adds else (incoming.merged, "overwrite")
                try:
                    version = self._commit(name, con.sql(text).to_arrow_reader(BATCH), mode, txn)
                except Conflict:
                    continue
                return replace(plan, version=version)
        raise _conflict(name)

    def tidy(self, name: str, keep_days: int = 30) -> None:
        """Put small files together and drop files that no version of the last `keep_days` days needs."""
        with self.locked(name):
            found = self._open(name)
            if found is not None:
                found.optimize.compact(writer_properties=_WRITER)
                found.vacuum(retention_hours=keep_days * 24, enforce_retention_duration=False, dry_run=False)

    def has(self, name: str, txn: str) -> bool:
        """Whether a write of that transaction name is in the table's log."""
        found = self._open(name)
        return found is not None and found.transaction_version(txn) is not None

    def _commit(self, name: str, data: Any, mode: Any, txn: str, note: str = "", predicate: str | None = None) -> int:
        """Write one commit, cast to the declared types; a `txn` that is in the log already is skipped."""
        if txn and self.has(name, txn):
            return int(self.version(name) or 0)
        custom = {c.name: c.type for c in self.source(name).columns} if mode == "append" or predicate else {}
        properties = CommitProperties(
            app_transactions=[Transaction(txn, 1)] if txn else None, custom_metadata={NOTE: note} if note else None
        )
        stream = Typed(name, data, custom)
        try:
            write_deltalake(
                self.path(name),
                stream.reader(),
                mode=mode,
                schema_mode="overwrite" if mode == "overwrite" and not predicate else "merge",
                predicate=predicate,
                storage_options=self.options,
                commit_properties=properties,
                writer_properties=_WRITER,
            )
        except CommitFailedError as error:
            raise _conflict(name) from error
        except DeltaError as error:
            if stream.failure:
                raise stream.failure from error
            raise
        return int(self.version(name) or 0)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold the lock of that name, a table's while it is written; it ends with the process, however that ends."""
        with file_lock(self.locks, name), self.shared_lock(name):
            yield


def _conflict(name: str) -> Conflict:
    return Conflict(f"Another writer changed {name} at the same moment.", mend="Run it again; nothing of this write was kept.")


_sources: dict[tuple[Any, ...], Source] = {}


def _source_at(store: Store, name: str, version: int) -> Source:
    """A version never changes, so its file list is read once, unless the folder itself was exchanged."""
    key = (store.url, name, version)
    known = _sources.get(key)
    if known is None or (known.remote is None and not all(map(os.path.exists, known.files[:1]))):
        if len(_sources) > 500:
            _sources.clear()
        known = _sources[key] = store._source(name, version)  # noqa: SLF001
    return known


def store() -> Store:
    """The store of this process's workspace."""
    from closedwon.workspace import current

    workspace = current()
    return Store(workspace.facts_url, dict(workspace.settings.storage), workspace.path / ".locks", database_lock)
