"""One writer at a time: locks that end with the process that holds them, also when it is killed."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_lock(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of that name among the processes and threads of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def database_lock(name: str) -> Iterator[None]:
    """Hold the lock of that name among all machines that share a PostgreSQL; on SQLite, which one machine has, nothing is needed.

    It is held by a connection of its own, so that no transaction is open for the length of a write.
    """
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    number = int.from_bytes(hashlib.sha256(f"closedwon facts {name}".encode()).digest()[:8], "big", signed=True)
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [number])
        yield
    finally:
        own.close()
