"""Corrections of dated rows: an approved row wins over the imported ones of the same key for as long as it holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

Row = Mapping[str, Any]

SUBJECT = {"hierarchy": ("kind", "position_id"), "position_holders": ("position_id", "user_id"), "positions": ("id",)}
"""What a row is about; rows of one subject never overlap in time."""
SOURCE = "closedwon"
LAST = date(9999, 12, 31)


def lay_over(table: str, imported: Iterable[Row], corrections: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows in force: corrections as they stand, a later one over an earlier one, and of the rest what they leave uncovered.

    `corrections` come in the order of their approval. Rows are half-open, [since, until); `positions` are not dated, so a correction
    replaces the whole row, column by column where it gives one.
    """
    subject = SUBJECT[table]
    rows = [dict(row) for row in imported if row.get("source") != SOURCE]
    for correction in corrections:
        about = tuple(correction[name] for name in subject)
        mine = {**correction, "source": SOURCE}
        if table == "positions":
            before = next((row for row in rows if row["id"] == correction["id"]), {})
            rows = [row for row in rows if row["id"] != correction["id"]]
            rows.append({**before, **{name: value for name, value in mine.items() if value is not None}})
            continue
        kept: list[dict[str, Any]] = []
        for row in rows:
            kept += [row] if tuple(row[name] for name in subject) != about else _outside(row, correction)
        rows = [*kept, mine]
    return sorted(rows, key=lambda row: [*(str(row[name]) for name in subject), str(row.get("since"))])


def _outside(row: dict[str, Any], cover: Row) -> list[dict[str, Any]]:
    """What is left of a dated row before and after another one."""
    since, until = row["since"], row.get("until") or LAST
    start, end = cover["since"], cover.get("until") or LAST
    if until <= start or end <= since:
        return [row]
    parts = []
    if since < start:
        parts.append({**row, "until": start})
    if end < until:
        parts.append({**row, "since": end})
    return parts


def cycle(hierarchy: Iterable[Row], day: date) -> list[str]:
    """The seats of a loop in the tree on a day, in order from the smallest id, or nothing where the tree is one."""
    parent = {
        row["position_id"]: row.get("parent_id")
        for row in hierarchy
        if row["since"] <= day < (row.get("until") or LAST) and row.get("parent_id")
    }
    for start in sorted(parent):
        seen: list[str] = []
        at: str | None = start
        while at is not None and at not in seen:
            seen.append(at)
            at = parent.get(at)
        if at == start:
            return seen
    return []
