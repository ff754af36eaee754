"""The named tables' types in Arrow."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from closedwon.base.tables import Column, ColumnType

TYPES: dict[ColumnType, pa.DataType] = {
    "text": pa.string(),
    "int": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "instant": pa.timestamp("us", tz="UTC"),
    "decimal": pa.decimal128(18, 6),
    "number": pa.float64(),
}
KINDS: dict[pa.DataType, ColumnType] = {arrow: kind for kind, arrow in TYPES.items()}
SQL_TYPES: dict[ColumnType, str] = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "bool": "BOOLEAN",
    "date": "DATE",
    "instant": "TIMESTAMPTZ",
    "decimal": "DECIMAL(18, 6)",
    "number": "DOUBLE",
}


def schema(columns: Iterable[Column]) -> pa.Schema:
    """The Arrow schema of declared columns, in order."""
    return pa.schema([pa.field(column.name, TYPES[column.type], column.nullable) for column in columns])


def rows_to_table(rows: list[dict[str, object]], columns: Iterable[Column]) -> pa.Table:
    """Rows as an Arrow table of these columns; a missing key is null."""
    wanted = list(columns)
    made = schema(Column(c.name, c.type) for c in wanted)
    return pa.table({c.name: pa.array([row.get(c.name) for row in rows], TYPES[c.type]) for c in wanted}, schema=made)
