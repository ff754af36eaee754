"""Reading and publishing the named tables of people and seats, at the release in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from closedwon.facts.arrow import rows_to_table
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, publish, source
from closedwon.facts.store import store


def facts_rows(table: str, columns: Sequence[str] | None = None, *, release: Release | None = None) -> list[dict[str, Any]]:
    """The rows of a named table in a release, by default the latest; none where the release does not hold the table."""
    release = release or latest()
    version = release.tables.get(table) if release else None
    if version is None:
        return []
    return list(store().read(table, version=version, columns=list(columns) if columns else None).to_pylist())


def publish_rows(changed: Mapping[str, Sequence[Mapping[str, Any]]], *, note: str) -> Release:
    """Replace tables by these rows, custom columns kept, and publish the release that has them."""
    versions: dict[str, int | None] = {}
    before = latest()
    for table, rows in changed.items():
        columns = source(table, before).columns
        whole = [{column.name: row.get(column.name) for column in columns} for row in rows]
        versions[table] = store().replace(table, rows_to_table(whole, columns))
    return publish(versions, note=note)
