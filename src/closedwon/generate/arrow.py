"""Named tables as Parquet files: declared columns in order, checked, written by a second thread."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from closedwon.base.tables import TABLES, Column
from closedwon.generate.timeline import Array

_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "instant": pa.timestamp("us", tz="UTC"),
    "decimal": pa.decimal128(18, 6),
    "number": pa.float64(),
}
Values: TypeAlias = pa.Array | pa.ChunkedArray | Array | list[Any]


def schema_of(columns: tuple[Column, ...], custom: tuple[str, ...] = ()) -> pa.Schema:
    """The Arrow schema of declared columns, custom columns behind them as text."""
    fields = [pa.field(column.name, _TYPES[column.type]) for column in columns]
    return pa.schema([*fields, *(pa.field(name, pa.string()) for name in custom)])


class Writer:
    """Writes one Parquet file per table, batch by batch; every batch is checked against the declaration."""

    def __init__(self, out: Path, truth: Mapping[str, tuple[Column, ...]], custom: Mapping[str, tuple[str, ...]]) -> None:
        self.out = out
        self.rows: dict[str, int] = {}
        self._truth = truth
        self._custom = custom
        self._files: dict[str, pq.ParquetWriter] = {}
        self._pool = ThreadPoolExecutor(1)
        self._waiting: list[Future[None]] = []
        out.mkdir(parents=True, exist_ok=True)

    def schema(self, name: str) -> pa.Schema:
        """The schema of a named table or truth table."""
        columns = TABLES[name].columns if name in TABLES else self._truth[name]
        return schema_of(columns, self._custom.get(name, ()))

    def add(self, name: str, columns: Mapping[str, Values], length: int | None = None) -> None:
        """Write rows given by column; a missing column is null. Raises ValueError on an unknown column or a null key."""
        schema = self.schema(name)
        unknown = set(columns) - set(schema.names)
        if unknown:
            raise ValueError(f"{name} has no column {', '.join(sorted(unknown))}")
        size = len(next(iter(columns.values()))) if length is None else length
        arrays = [_column(columns.get(field.name), field.type, size) for field in schema]
        self._check_keys(name, schema, arrays)
        self._submit(name, pa.table(arrays, schema=schema))

    def add_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write rows given as mappings."""
        schema = self.schema(name)
        keys = sorted({key for row in rows for key in row})
        self.add(name, {key: pa.array([row.get(key) for row in rows], schema.field(key).type) for key in keys}, len(rows))

    def _check_keys(self, name: str, schema: pa.Schema, arrays: list[pa.Array]) -> None:
        keys = TABLES[name].key if name in TABLES else ()
        for key in keys:
            if arrays[schema.get_field_index(key)].null_count:
                raise ValueError(f"{name}.{key} is a key and may not be null")

    def _submit(self, name: str, table: pa.Table) -> None:
        self.rows[name] = self.rows.get(name, 0) + table.num_rows
        while len(self._waiting) > 24:
            self._waiting.pop(0).result()
        self._waiting.append(self._pool.submit(self._write, name, table))

    def _write(self, name: str, table: pa.Table) -> None:
        if name not in self._files:
            file = self.out / f"{name}.parquet"
            self._files[name] = pq.ParquetWriter(file, table.schema, compression="zstd", compression_level=1, store_schema=False)
        self._files[name].write_table(table)

    def close(self) -> None:
        """Write what is waiting, and an empty file for every named copy table that got no rows."""
        for name, table in TABLES.items():
            if table.shelf == "copies" and name not in self.rows:
                self._submit(name, self.schema(name).empty_table())
        for waiting in self._waiting:
            waiting.result()
        self._pool.shutdown()
        for file in self._files.values():
            file.close()


def _column(values: Values | None, kind: pa.DataType, size: int) -> pa.Array:
    if values is None:
        return pa.nulls(size, kind)
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    made: Any = whole if isinstance(whole, pa.Array) else pa.array(whole)
    if made.type == kind:
        return made
    if pa.types.is_date32(kind) and pa.types.is_integer(made.type):
        return made.cast(pa.int32()).cast(pa.date32())
    if pa.types.is_decimal(kind):
        return made.cast(pa.int32()).cast(kind)
    return made.cast(kind)


def masked(values: Array, present: Array) -> pa.Array:
    """The values, null where not present."""
    return pa.array(values, mask=~np.asarray(present, dtype=bool))


def pick(pool: pa.Array, index: Array) -> pa.Array:
    """The pool's texts at the indexes; a negative index is null."""
    index = np.asarray(index)
    missing = index < 0
    return pool.take(pa.array(index, mask=missing) if missing.any() else pa.array(index))


def ids(prefix: str, numbers: Array, width: int = 7) -> pa.Array:
    """Ids such as OPP-0000012; a negative number is null."""
    numbers = np.asarray(numbers, dtype=np.int64)
    text = pc.utf8_lpad(pa.array(numbers, mask=numbers < 0).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, text, "")


def join(*parts: pa.Array | str, between: str = " ") -> pa.Array:
    """The texts joined row by row."""
    return pc.binary_join_element_wise(*parts, between)
