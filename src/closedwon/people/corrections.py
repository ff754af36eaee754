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


def about(table: str, row: Row) -> tuple[str, ...]:
    """The subject of a row."""
    return tuple(str(row[name]) for name in SUBJECT[table])


def imported_now(table: str, current: Iterable[Row], before: Sequence[Row], written: Sequence[Row]) -> list[dict[str, Any]]:
    """What the source says of one subject: what it said before, overridden by rows that are there now and were not written by us."""
    said = {_key(table, row): dict(row) for row in before}
    ours = [_plain(row) for row in written]
    for row in current:
        if row.get("source") != SOURCE and _plain(row) not in ours:
            said[_key(table, row)] = dict(row)
    return [said[name] for name in sorted(said)]


def _key(table: str, row: Row) -> tuple[str, ...]:
    return (*about(table, row), str(row.get("since")))


def _plain(row: Row) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if value is not None}


def lay_over(table: str, imported: Iterable[Row], corrections: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows in force: corrections as they stand, a later one over an earlier one, and of the rest what they leave uncovered.

    `corrections` come in the order of their approval. Rows are half-open, [since, until); `positions` are not dated, so a correction
    replaces the whole row, column by column where it gives one.
    """
    rows = [dict(row) for row in imported]
    for correction in corrections:
        mine = {**correction, "source": SOURCE}
        same = [row for row in rows if about(table, row) == about(table, correction)]
        others = [row for row in rows if about(table, row) != about(table, correction)]
        if table == "positions":
            before = same[0] if same else {}
            rows = [*others, {**before, **{name: value for name, value in mine.items() if value is not None}}]
        else:
            rows = [*others, *(part for row in same for part in _outside(row, correction)), mine]
    return sorted(rows, key=lambda row: [*about(table, row), str(row.get("since"))])


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
