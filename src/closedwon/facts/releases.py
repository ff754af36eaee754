"""Reads that agree with each other: a reader uses one release for all its tables."""

from __future__ import annotations

from django.db import transaction

from closedwon.facts.models import Release
from closedwon.facts.store import Source, Store, store


def latest() -> Release | None:
    """The newest release, None before the first import."""
    return Release.objects.order_by("-id").first()


def publish(tables: dict[str, int | None], note: str = "", job: str = "") -> Release:
    """Record a completed write: the given tables at these versions, all others as in the release before. A `job` publishes once."""
    with transaction.atomic():
        if job and (done := Release.objects.filter(job=job).first()):
            return done
        before = Release.objects.select_for_update().order_by("-id").first()
        merged = dict(before.tables if before else {}) | {name: version for name, version in tables.items() if version is not None}
        if before and merged == before.tables:
            return before
        return Release.objects.create(tables=merged, note=note[:200], job=job)


def source(name: str, release: Release | None, at: Store | None = None) -> Source:
    """A table as it stands in a release; empty where the release does not hold it."""
    version = release.tables.get(name) if release else None
    chosen = at or store()
    if version is None:
        from closedwon.base.tables import table

        return Source(name, table(name).columns, (), frozenset(), None)
    return chosen.source(name, version)
