"""One in-memory DuckDB per process; each piece of work has a cursor of its own."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import duckdb

_lock = threading.Lock()


@lru_cache(maxsize=1)
def _database() -> duckdb.DuckDBPyConnection:
    spill = os.environ.get("CLOSEDWON_SPILL") or tempfile.mkdtemp(prefix="closedwon-duckdb-")
    con = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": os.environ.get("CLOSEDWON_ENGINE_MEMORY", "1500MB"),
            "threads": os.environ.get("CLOSEDWON_ENGINE_THREADS", str(min(4, os.cpu_count() or 2))),
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    return con


@contextmanager
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    """A cursor with its own temporary views, closed at the end."""
    with _lock:
        made = _database().cursor()
    try:
        made.execute("SET TimeZone = 'UTC'")
        yield made
    finally:
        made.close()


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
