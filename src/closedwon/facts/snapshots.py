"""Snapshots: the state of a table at the close of each day, kept as what changed since the day before and, weekly, as a full set.

The state at a day is folded from the last full set and the changes after it. Rows are only ever appended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa

from closedwon.base.errors import Conflict, Invalid
from closedwon.base.rule import Rule
from closedwon.base.tables import Column, Table, columns, table
from closedwon.facts.arrow import SQL_TYPES
from closedwon.facts.dialects import duckdb_text
from closedwon.facts.duck import cursor, literal, quoted
from closedwon.facts.engine import bind, run
from closedwon.facts.source import BATCH, Source, scan
from closedwon.facts.store import Store

FULL_EVERY = timedelta(days=7)
STAMPS = ("snapshot_date", "is_full", "is_reconstructed")
"""Columns that say how a row was taken, not what it holds."""


@dataclass(frozen=True)
class Taken:
    """What a snapshot did: the version that holds it, how many rows it wrote, whether they are a full set; `new` is False for a day done before."""

    version: int | None
    rows: int
    is_full: bool
    new: bool = True


def _key(name: str) -> str:
    found: Table = table(name)
    if found.key[0] != "snapshot_date" or len(found.key) != 2 or found.column("is_full") is None:
        raise Invalid(f"{name} is not a table of daily snapshots.")
    return found.key[1]


@lru_cache(maxsize=64)
def fold_rule(name: str, of: tuple[Column, ...]) -> Rule:
    """The rule that gives the state at a day from `snapshots`, whose key column is also there as `key__`, and `wanted`, one row with the day."""
    key = _key(name)
    return Rule(
        "fold_snapshots",
        "closedwon.facts",
        "sql/fold_snapshots.sql",
        {"snapshots": (*of, Column("key__", "text")), "wanted": columns("snapshot_date")},
        of,
        (key,),
    )


def fold(source: Source, day: date) -> pa.Table:
    """The state at the close of a day: one row per key, tombstones of what was deleted included, ordered by the key."""
    rule = fold_rule(source.name, source.columns)
    return run(rule, {"snapshots": _keyed(source), "wanted": [{"snapshot_date": day}]})


def _keyed(source: Source) -> Source:
    """The source with its key also under the name `key__`."""
    return replace(source, renamed=(("key__", _key(source.name)),))


def days(source: Source) -> list[tuple[date, bool]]:
    """The days that have rows, in order, each with whether they are a full set."""
    with cursor() as con:
        text = f"SELECT snapshot_date, BOOL_OR(COALESCE(is_full, FALSE)) FROM ({scan(con, source)}) GROUP BY ALL ORDER BY ALL"
        return [(row[0], bool(row[1])) for row in con.execute(text).fetchall()]


def take(
    store: Store, name: str, state: pa.Table | Source, day: date, *, closed_at: Any, full: bool = False, reconstructed: bool = False
) -> Taken:
    """Append what differs between the state at the close of `day` and the snapshot before it, or all of it when a full set is due.

    `state` has one row per key with the snapshot table's columns. A key that the state does not have any more leaves a tombstone with
    `closed_at` as its `deleted_at`. Taking a day a second time does nothing. Raises Conflict for a day that later changes stand on.
    """
    key, txn = _key(name), f"snapshot-{day}"
    with store.locked(f"snapshot-{name}"):
        before = store.source(name)
        taken = days(before)
        if any(on == day for on, _ in taken) or store.has(name, txn):
            return Taken(before.version, 0, is_full=any(on == day and is_full for on, is_full in taken), new=False)
        after = next((is_full for on, is_full in taken if on > day), True)
        if not after:
            raise Conflict(f"{name} has later changes that stand on the day before {day}.", mend="Take snapshots in the order of days.")
        last_full = max((on for on, is_full in taken if is_full and on < day), default=None)
        is_full = full or last_full is None or day - last_full >= FULL_EVERY
        with cursor() as con:
            _bind_state(con, name, key, state)
            bind(con, "snapshots", _keyed(before))
            con.execute(f"CREATE TEMP TABLE wanted AS SELECT CAST('{day}' AS DATE) AS snapshot_date")
            con.execute(f"CREATE TEMP VIEW folded AS {duckdb_text(fold_rule(name, before.columns))}")
            text = _rows(con, name, key, day, closed_at, is_full=is_full, reconstructed=reconstructed)
            count = int(con.execute(f"SELECT COUNT(*) FROM ({text})").fetchall()[0][0])
            if not count:
                return Taken(before.version, 0, is_full)
            version = store.append(name, con.sql(f"{text} ORDER BY {quoted(key)}").to_arrow_reader(BATCH), txn=txn)
        return Taken(version, count, is_full)


def _bind_state(con: Any, name: str, key: str, state: pa.Table | Source) -> None:
    bind(con, "state", state)
    found = con.execute(f"SELECT {quoted(key)} FROM state GROUP BY ALL HAVING COUNT(*) > 1 LIMIT 3").fetchall()
    if found:
        raise Invalid(f"The state for {name} has the same {key} more than once: {', '.join(str(row[0]) for row in found)}.")


def _rows(con: Any, name: str, key: str, day: date, closed_at: Any, *, is_full: bool, reconstructed: bool) -> str:
    """The SELECT of the rows to append."""
    given = {row[0] for row in con.execute("DESCRIBE state").fetchall()}
    known = {row[0] for row in con.execute("DESCRIBE folded").fetchall()}
    columns_of = [c for c in table(name).columns if c.name not in STAMPS]
    columns_of += [Column(n, "text") for n in sorted(given) if n.startswith("x_")]
    stamps = f"CAST('{day}' AS DATE) AS snapshot_date, {is_full} AS is_full, {reconstructed} AS is_reconstructed"

    def cell(alias: str, column: Column, names: set[str]) -> str:
        kind = SQL_TYPES[column.type]
        if column.name not in names:
            return f"CAST(NULL AS {kind})"
        return f"{alias}.{quoted(column.name)}" if column.name.startswith("x_") else f"CAST({alias}.{quoted(column.name)} AS {kind})"

    def alike(text: str, column: Column) -> str:
        return f"CAST({text} AS VARCHAR)" if column.name.startswith("x_") else text

    now = ", ".join(f"{cell('s', c, given)} AS {quoted(c.name)}" for c in columns_of)
    differs = " OR ".join(f"{alike(cell('s', c, given), c)} IS DISTINCT FROM {alike(cell('f', c, known), c)}" for c in columns_of)
    where = "TRUE" if is_full else f"f.{quoted(key)} IS NULL OR {differs}"
    gone_at = f"CAST({literal(closed_at.isoformat())} AS TIMESTAMPTZ)"
    gone = ", ".join(
        f"COALESCE(f.deleted_at, {gone_at}) AS deleted_at" if c.name == "deleted_at" else f"{cell('f', c, known)} AS {quoted(c.name)}"
        for c in columns_of
    )
    only_new = "" if is_full else " AND f.deleted_at IS NULL"
    return (
        f"SELECT * FROM (SELECT {stamps}, {now} FROM state s LEFT JOIN folded f ON f.{quoted(key)} = s.{quoted(key)} WHERE {where} "
        f"UNION ALL SELECT {stamps}, {gone} FROM folded f WHERE f.{quoted(key)} IS NOT NULL{only_new} "
        f"AND NOT EXISTS (SELECT 1 FROM state s WHERE s.{quoted(key)} = f.{quoted(key)}))"
    )
