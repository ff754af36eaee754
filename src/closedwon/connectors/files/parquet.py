"""Reading Parquet files as sheets of text, so that a mapping treats them like CSV and Excel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from closedwon.base.errors import Invalid, Problem
from closedwon.connectors.files.sheet import Sheet, header_of, row_of

LARGEST_GROUP = 2_000_000_000
BATCH = 10_000


def read_parquet(path: Path) -> Sheet:
    """The file as a sheet of text, a batch at a time. Raises Invalid where it is no Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        sizes = [file.metadata.row_group(n).total_byte_size for n in range(file.metadata.num_row_groups)]
        header = header_of(list(file.schema_arrow.names), path.name)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Invalid(f"{path.name} is not a Parquet file.", mend="Write it anew, or send CSV.") from error
    if any(size > LARGEST_GROUP for size in sizes):
        raise Invalid(f"{path.name} has row groups of more than two gigabytes.", mend="Write it with smaller row groups, or send CSV.")
    problems: list[Problem] = []
    return Sheet(path.name, header, _rows(path, file, header, problems), [], problems)


def _rows(path: Path, file: Any, header: list[str], problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    import pyarrow as pa

    number = 0
    try:
        for batch in file.iter_batches(batch_size=BATCH):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                made = row_of([_cell(value) for value in values], header, number, path.name, problems)
                if made is not None:
                    yield number, made
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Invalid(f"{path.name} cannot be read after row {number:,}.", mend="Write it anew, or send CSV.") from error


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat()
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value).replace("\x00", "")
