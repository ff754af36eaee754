"""One in-memory DuckDB per process; each piece of work has a cursor of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import duckdb

from closedwon.base.errors import Invalid, NotReady

MEMORY = "1500MB"
"""What the engine may keep in memory, where CLOSEDWON_ENGINE_MEMORY says nothing else."""
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _database() -> duckdb.DuckDBPyConnection:
    spill = os.environ.get("CLOSEDWON_SPILL")
    if not spill:
        spill = tempfile.mkdtemp(prefix="closedwon-duckdb-")
        atexit.register(shutil.rmtree, spill, ignore_errors=True)
    con = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": os.environ.get("CLOSEDWON_ENGINE_MEMORY") or MEMORY,
            "threads": os.environ.get("CLOSEDWON_ENGINE_THREADS", str(min(4, os.cpu_count() or 2))),
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    return con


_of_parent: list[object] = []


def _forget_in_child() -> None:
    """A forked process has none of the database's threads: it makes a database of its own and leaves the parent's alone."""
    global _lock  # noqa: PLW0603 - the parent may hold it
    _lock = threading.Lock()
    if _database.cache_info().currsize:
        _of_parent.append(_database())
        _database.cache_clear()


os.register_at_fork(after_in_child=_forget_in_child)


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


LEAN = "700MB"
_lean = 0


@contextmanager
def lean() -> Iterator[None]:
    """For long writes: the engine keeps less in memory and spills the rest, unless CLOSEDWON_ENGINE_MEMORY says how much it may have."""
    global _lean  # noqa: PLW0603 - how many writes of this process are at it
    if os.environ.get("CLOSEDWON_ENGINE_MEMORY"):
        yield
        return
    with _lock:
        _lean += 1
        _database().execute(f"SET memory_limit = '{LEAN}'")
    try:
        yield
    finally:
        with _lock:
            _lean -= 1
            if not _lean:
                _database().execute(f"SET memory_limit = '{MEMORY}'")


AT_ONCE = 2_000_000


def different(con: duckdb.DuckDBPyConnection, rows: str, keys: str, count: int) -> int:
    """How many different keys there are among `count` rows of a table or view, counted in parts, so that memory is bounded."""
    parts, total = -(-count // AT_ONCE), 0
    for part in range(parts):
        where = f" WHERE hash({keys}) % {parts} = {part}" if parts > 1 else ""
        total += con.execute(f"SELECT COUNT(DISTINCT hash({keys})) FROM {rows}{where}").fetchall()[0][0]
    return total


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Name the engine's failures that data or the machine can cause, with the mend; any other is an error in the product."""
    try:
        yield
    except (duckdb.Error, OSError) as error:  # a stream's failure comes as an OSError with the engine's text
        text = str(error).splitlines()[0]
        if text.startswith("Out of Memory Error"):
            raise NotReady(
                f"The engine has too little memory for {what}.", mend="Set CLOSEDWON_ENGINE_MEMORY higher, as in 4GB, and start again."
            ) from error
        if text.startswith(("Out of Range Error", "Conversion Error")):
            raise Invalid(f"A value is out of range in {what}: {text}") from error
        raise


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"
