"""A table at one version as the engines read it, and data in the declared types on its way in."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from closedwon.base.errors import Invalid
from closedwon.base.tables import Column, ColumnType, Table, table
from closedwon.facts.arrow import KINDS, SQL_TYPES, schema
from closedwon.facts.duck import literal, quoted

BATCH = 200_000


@dataclass(frozen=True)
class Source:
    """A table at one version, ready for an engine: its files, its declared columns and which columns the files have."""

    name: str
    columns: tuple[Column, ...]
    files: tuple[str, ...]
    physical: frozenset[str]
    version: int | None
    remote: Any = None
    renamed: tuple[tuple[str, str], ...] = ()
    """Columns that stand a second time under another name: (the other name, the column)."""
    within: tuple[str, str | None, str | None] | None = None
    """Only the rows whose text column is in a half-open range: (the column, from, below); None leaves a side open."""

    def between(self, column: str, low: str | None, high: str | None) -> Source:
        """The rows whose text column is at least `low` and below `high`; None leaves that side open."""
        return replace(self, within=(column, low, high))

    @property
    def select(self) -> str:
        """A SELECT that gives the declared columns in their types; missing ones are null, and no files give no rows."""
        if not self.files:
            return f"SELECT {self.cells(set())} WHERE FALSE"
        text = f"SELECT {self.cells(self.physical)} FROM read_parquet([{', '.join(map(literal, self.files))}], union_by_name = true)"
        return self.kept(text)

    def kept(self, text: str) -> str:
        """The SELECT, limited to the source's range."""
        column, low, high = self.within or ("", None, None)
        bounds = [f"{quoted(column)} {sign} {literal(end)}" for sign, end in ((">=", low), ("<", high)) if end is not None]
        return f"SELECT * FROM ({text}) WHERE {' AND '.join(bounds)}" if bounds else text

    def cells(self, physical: Container[str]) -> str:
        """The SELECT list that gives every column in its type, from files that have the physical ones."""
        kinds = {c.name: c.type for c in self.columns}
        return ", ".join(
            f"CAST({quoted(of) if of in physical else 'NULL'} AS {SQL_TYPES[kinds[of]]}) AS {quoted(name)}"
            for name, of in [*((c.name, c.name) for c in self.columns), *self.renamed]
        )


def scan(con: Any, source: Source) -> str:
    """SQL text that reads a source on this cursor; remote files come through Arrow."""
    if source.remote is None:
        return source.select
    view = "remote_" + hashlib.sha256(f"{source.name}{source.version}".encode()).hexdigest()[:12]
    con.register(view, source.remote.to_pyarrow_dataset())
    return source.kept(f"SELECT {source.cells(source.physical)} FROM {view}")


def declared(name: str, arrow: pa.Schema, present: Mapping[str, ColumnType] | None = None) -> list[Column]:
    """The declared columns of data with this schema. A custom column keeps its type, unless the table has another one for it.

    Raises Invalid for a name that the table does not have.
    """
    found: Table = table(name)
    unknown = [column for column in arrow.names if found.column(column) is None]
    if unknown:
        raise Invalid(f"{name} has no column {', '.join(unknown)}.", mend="Custom columns are named x_something.")
    made = []
    for field in arrow:
        column = found.column(field.name)
        if column is not None and field.name.startswith("x_"):
            kind = KINDS.get(field.type, "text")
            column = Column(field.name, kind if (present or {}).get(field.name, kind) == kind else "text")
        if column is not None:
            made.append(column)
    return made


@dataclass
class Typed:
    """A stream of data in the declared types; custom columns in the types that the table has for them.

    A failure on the way is kept in `failure`, because the writer that pulls the stream only passes its text on.
    """

    name: str
    data: pa.Table | pa.RecordBatchReader
    present: Mapping[str, ColumnType]
    failure: Exception | None = None

    def reader(self) -> pa.RecordBatchReader:
        """The stream, to be read once."""
        given = self.data if isinstance(self.data, pa.RecordBatchReader) else self.data.to_reader(max_chunksize=BATCH)
        custom = {name: kind for name, kind in self.present.items() if name.startswith("x_")}
        target = schema(Column(c.name, custom.get(c.name, c.type)) for c in declared(self.name, given.schema))
        return pa.RecordBatchReader.from_batches(target, self._batches(given, target))

    def _batches(self, given: pa.RecordBatchReader, target: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for batch in given:
                same = batch.schema.equals(target)
                yield batch if same else pa.RecordBatch.from_arrays([_cast(self.name, batch, f) for f in target], schema=target)
        except Exception as error:
            self.failure = error
            raise


def _cast(name: str, batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    try:
        return batch.column(field.name).cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Invalid(f"{name}.{field.name} cannot be read as {KINDS[field.type]}: {error}.") from error
