"""Reads that agree with each other: a reader uses one release for all its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from django.db import connection, transaction

from closedwon.base.tables import table
from closedwon.facts.models import Release
from closedwon.facts.store import Source, Store, store

_LOCK = 7_265_013_001


def latest() -> Release | None:
    """The newest release, None before the first import."""
    return Release.objects.order_by("-id").first()


def publish(tables: Mapping[str, int | None], note: str = "", job: str = "") -> Release:
    """Record a completed write: the given tables at these versions, all others as in the release before. A `job` publishes once.

    Publishing never leads back: where another writer published a later version of a table meanwhile, which holds ours too, that one stays.
    """
    with transaction.atomic():
        _one_at_a_time()
        if job and (done := Release.objects.filter(job=job).first()):
            return done
        before = latest()
        known = dict(before.tables) if before else {}
        merged = known | {name: _later(name, known.get(name), version) for name, version in tables.items() if version is not None}
        if before and merged == known:
            return before
        return Release.objects.create(tables=merged, note=note[:200], job=job)


def _one_at_a_time() -> None:
    """SQLite's writers wait for each other by themselves; on PostgreSQL the transaction holds a lock until it ends."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _later(name: str, known: int | None, given: int) -> int:
    """The later of two versions; the given one where the store was rebuilt and does not reach the known one any more."""
    if known is None or known <= given:
        return given
    return known if (store().version(name) or 0) >= known else given


def source(name: str, release: Release | None, at: Store | None = None) -> Source:
    """A table as it stands in a release; empty where the release does not hold it."""
    version = release.tables.get(name) if release else None
    if version is None:
        return Source(name, table(name).columns, (), frozenset(), None)
    return (at or store()).source(name, version)


def read(name: str, release: Release | None, columns: Sequence[str] | None = None, at: Store | None = None) -> pa.Table:
    """A table's rows as they stand in a release, ordered by its key; none where the release does not hold it."""
    return (at or store()).read_source(source(name, release, at), columns)
