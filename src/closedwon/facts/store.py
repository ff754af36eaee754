"""The store of facts: named tables as Delta tables on shelves, one writer per table at a time.

Readers take a version and never see half a write. Every write may carry a `txn` name: a retry with the same name finds it in the log and
does nothing. Works on a local folder and, through deltalake's storage options, on S3-compatible URLs.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from closedwon.base.errors import Conflict, Invalid
from closedwon.base.tables import Column, Table, table
from closedwon.facts.arrow import SQL_TYPES, TYPES, schema
from closedwon.facts.duck import cursor, literal, quoted

TRIES = 5
_WRITER = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=256_000)
_KIND_OF = {pa.int64(): "int", pa.bool_(): "bool", pa.date32(): "date", pa.timestamp("us", tz="UTC"): "instant", pa.float64(): "number"}


@dataclass(frozen=True)
class Source:
    """A table at one version, ready for an engine: its files, its declared columns and which columns the files have."""

    name: str
    columns: tuple[Column, ...]
    files: tuple[str, ...]
    physical: frozenset[str]
    version: int | None
    remote: Any = None

    @property
    def select(self) -> str:
        """A SELECT that gives the declared columns in their types; missing ones are null, and no files give no rows."""
        if not self.files:
            nulls = ", ".join(f"CAST(NULL AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}" for c in self.columns)
            return f"SELECT {nulls} WHERE FALSE"
        cells = [
            f"CAST({quoted(c.name) if c.name in self.physical else 'NULL'} AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}"
            for c in self.columns
        ]
        return f"SELECT {', '.join(cells)} FROM read_parquet([{', '.join(map(literal, self.files))}], union_by_name = true)"


@dataclass(frozen=True)
class Merge:
    """What a merge did: the version that holds it, how many rows it inserted, updated and left as they were."""

    version: int | None
    inserted: int
    updated: int
    unchanged: int

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated)


class Store:
    """The named tables under one URL. `locks` is a local folder in which writers of the same table wait for each other."""

    def __init__(self, url: str, storage_options: dict[str, str] | None = None, locks: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self.options = storage_options or None
        self.is_local = "://" not in self.url
        self.locks = locks or Path(self.url if self.is_local else ".") / ".locks"

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
            return _source_at(self.url, tuple(sorted((self.options or {}).items())), name, version)
        return self._source(name, None)

    def _source(self, name: str, version: int | None) -> Source:
        declared = table(name)
        found = self._open(name, version)
        if found is None:
            return Source(name, declared.columns, (), frozenset(), None)
        physical = pa.schema(found.schema().to_arrow())
        custom = tuple(Column(f.name, _KIND_OF.get(f.type, "text")) for f in physical if f.name.startswith("x_"))  # type: ignore[arg-type]
        files = tuple(found.file_uris())
        remote = None if self.is_local else found
        return Source(name, declared.columns + custom, files, frozenset(physical.names), found.version(), remote)

    def read(self, name: str, *, version: int | None = None, columns: list[str] | None = None) -> pa.Table:
        """The table at a version as Arrow, in its declared types, ordered by its key."""
        source = self.source(name, version)
        wanted = ", ".join(map(quoted, columns)) if columns else "*"
        order = ", ".join(quoted(key) for key in table(name).key if columns is None or key in columns)
        with cursor() as con:
            text = scan(con, source)
            return con.sql(f"SELECT {wanted} FROM ({text}){f' ORDER BY {order}' if order else ''}").to_arrow_table()

    def count(self, name: str, version: int | None = None) -> int:
        """How many rows the table has."""
        with cursor() as con:
            return int(con.execute(f"SELECT COUNT(*) FROM ({scan(con, self.source(name, version))})").fetchall()[0][0])

    def replace(self, name: str, data: pa.Table | pa.RecordBatchReader, *, txn: str = "") -> int:
        """Make `data` the whole table; gives the version that holds it."""
        with self._writing(name):
            return self._commit(name, data, "overwrite", txn)

    def append(self, name: str, data: pa.Table | pa.RecordBatchReader, *, txn: str = "") -> int:
        """Add rows; gives the version that holds them."""
        with self._writing(name):
            return self._commit(name, data, "append", txn)

    def merge(
        self, name: str, data: pa.Table | pa.RecordBatchReader | str, *, txn: str = "", complete: bool = False, dry_run: bool = False
    ) -> Merge:
        """Take rows in by the table's key: new keys are inserted, changed rows updated, the others left as they are.

        `data` is Arrow or a SELECT for DuckDB with one row per key. Only the columns it brings are compared and written; the others of an
        existing row stay. With `complete`, rows whose key is not in `data` are dropped. Data that changes nothing commits nothing, and
        a dry run only counts.
        """
        with self._writing(name):
            before = self.source(name)
            if txn and self._has(name, txn):
                return Merge(before.version, 0, 0, 0)
            with cursor() as con:
                return self._merge(con, name, data, before, txn, complete=complete, dry_run=dry_run)

    def _merge(self, con: Any, name: str, data: Any, before: Source, txn: str, *, complete: bool, dry_run: bool) -> Merge:
        given = data
        if not isinstance(data, str):
            con.register("incoming_data", data)
            given = "SELECT * FROM incoming_data"
        con.execute(f"CREATE TEMP TABLE incoming AS {given}")
        names = [row[0] for row in con.execute("DESCRIBE incoming").fetchall()]
        declared = _declared(name, names)
        key = table(name).key
        missing = [part for part in key if part not in names]
        if missing:
            raise Invalid(f"Rows for {name} have no {', '.join(missing)}, which is part of its key.")
        if not before.files:
            text = f"SELECT {_cast(declared, 'incoming')} FROM incoming ORDER BY {', '.join(map(quoted, key))}"
            count = int(con.execute("SELECT COUNT(*) FROM incoming").fetchall()[0][0])
            if dry_run or (not count and before.version is not None):
                return Merge(before.version, count, 0, 0)
            version = self._commit(name, con.sql(text).to_arrow_reader(200_000), "overwrite", txn)
            return Merge(version, count, 0, 0)
        con.execute(f"CREATE TEMP VIEW present AS {scan(con, before)}")
        on = " AND ".join(f"i.{quoted(part)} IS NOT DISTINCT FROM p.{quoted(part)}" for part in key)
        own = {c.name for c in before.columns}
        values = [c for c in declared if c.name not in key]
        sql_type = {c.name: SQL_TYPES[c.type] for c in declared}
        differs = (
            " OR ".join(
                f"CAST(i.{quoted(c.name)} AS {sql_type[c.name]}) IS DISTINCT FROM "
                + (f"p.{quoted(c.name)}" if c.name in own else f"CAST(NULL AS {sql_type[c.name]})")
                for c in values
            )
            or "FALSE"
        )
        first = f"p.{quoted(key[0])}"
        joined = f"incoming i LEFT JOIN present p ON {on}"
        inserted, updated, total = con.execute(
            f"SELECT COUNT(*) FILTER ({first} IS NULL), COUNT(*) FILTER ({first} IS NOT NULL AND ({differs})), COUNT(*) FROM {joined}"
        ).fetchall()[0]
        dropped = 0
        if complete:
            dropped = con.execute(f"SELECT COUNT(*) FROM present p ANTI JOIN incoming i ON {on}").fetchall()[0][0]
        if dry_run or not (inserted or updated or dropped):
            return Merge(before.version, int(inserted), int(updated) + int(dropped), int(total - inserted - updated))
        text = _merged(declared, before, on, key, complete=complete)
        version = self._commit(name, con.sql(text).to_arrow_reader(200_000), "overwrite", txn)
        return Merge(version, int(inserted), int(updated) + int(dropped), int(total - inserted - updated))

    def _has(self, name: str, txn: str) -> bool:
        found = self._open(name)
        return found is not None and found.transaction_version(txn) is not None

    def _commit(self, name: str, data: Any, mode: Any, txn: str) -> int:
        """Write one commit, cast to the declared types; a `txn` that is in the log already is skipped."""
        if txn and self._has(name, txn):
            return int(self.version(name) or 0)
        reader = _typed(name, data)
        properties = CommitProperties(app_transactions=[Transaction(txn, 1)]) if txn else None
        try:
            write_deltalake(
                self.path(name),
                reader,
                mode=mode,
                schema_mode="overwrite" if mode == "overwrite" else "merge",
                storage_options=self.options,
                commit_properties=properties,
                writer_properties=_WRITER,
            )
        except CommitFailedError as error:
            raise Conflict(
                f"Another writer changed {name} at the same moment.", mend="Run it again; nothing of this write was kept."
            ) from error
        return int(self.version(name) or 0)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Hold the table's lock; the operating system lets go of it when the process dies."""
        self.locks.mkdir(parents=True, exist_ok=True)
        with (self.locks / f"{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


@lru_cache(maxsize=512)
def _source_at(url: str, options: tuple[tuple[str, str], ...], name: str, version: int) -> Source:
    """A version never changes, so its file list is read once."""
    return Store(url, dict(options))._source(name, version)  # noqa: SLF001


def scan(con: Any, source: Source) -> str:
    """SQL text that reads a source on this cursor; remote files come through Arrow."""
    if source.remote is None:
        return source.select
    view = "remote_" + hashlib.sha256(f"{source.name}{source.version}".encode()).hexdigest()[:12]
    con.register(view, source.remote.to_pyarrow_dataset())
    cells = [
        f"CAST({quoted(c.name) if c.name in source.physical else 'NULL'} AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}"
        for c in source.columns
    ]
    return f"SELECT {', '.join(cells)} FROM {view}"


def _declared(name: str, names: list[str]) -> list[Column]:
    """The declared columns for these names. Raises Invalid for a name that the table does not have."""
    found: Table = table(name)
    unknown = [column for column in names if found.column(column) is None]
    if unknown:
        raise Invalid(f"{name} has no column {', '.join(unknown)}.", mend="Custom columns are named x_something.")
    return [column for column in map(found.column, names) if column is not None]


def _cast(columns: list[Column], alias: str) -> str:
    return ", ".join(f"CAST({alias}.{quoted(c.name)} AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}" for c in columns)


def _merged(declared: list[Column], before: Source, on: str, key: tuple[str, ...], *, complete: bool) -> str:
    """The whole table after the merge: incoming rows over what the others had, then the rows that were not touched."""
    brought = {c.name for c in declared}
    kept = [c for c in before.columns if c.name not in brought]
    every = [*declared, *kept]
    own = {c.name for c in before.columns}
    top = ", ".join([_cast(declared, "i"), *(f"p.{quoted(c.name)} AS {quoted(c.name)}" for c in kept)])
    rest = ", ".join(f"p.{quoted(c.name)}" if c.name in own else f"CAST(NULL AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}" for c in every)
    text = f"SELECT {top} FROM incoming i LEFT JOIN present p ON {on}"
    if not complete:
        text += f" UNION ALL SELECT {rest} FROM present p ANTI JOIN incoming i ON {on}"
    return f"SELECT * FROM ({text}) ORDER BY {', '.join(map(quoted, key))}"


def _typed(name: str, data: Any) -> pa.RecordBatchReader:
    """A stream of the data in the declared types."""
    reader = data if isinstance(data, pa.RecordBatchReader) else pa.Table.to_reader(data, max_chunksize=200_000)
    wanted = [Column(c.name, c.type) for c in _declared(name, reader.schema.names)]
    target = schema(wanted)
    custom = {f.name: f.type for f in reader.schema if f.name.startswith("x_") and f.type in TYPES.values()}
    target = pa.schema([pa.field(f.name, custom.get(f.name, f.type)) for f in target])
    if reader.schema.equals(target):
        return reader

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            yield pa.RecordBatch.from_arrays([batch.column(f.name).cast(f.type) for f in target], schema=target)

    return pa.RecordBatchReader.from_batches(target, batches())


def store() -> Store:
    """The store of this process's workspace."""
    from closedwon.workspace import current

    workspace = current()
    return Store(workspace.facts_url, dict(workspace.settings.storage), workspace.path / ".locks")
