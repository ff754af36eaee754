"""Taking rows into a table by its key: what is new, what changes, and the whole table after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from closedwon.base.errors import Invalid
from closedwon.base.tables import Column, table
from closedwon.facts.arrow import SQL_TYPES
from closedwon.facts.duck import different, quoted
from closedwon.facts.source import Source, declared, scan


@dataclass(frozen=True)
class Merge:
    """What a merge did: the version that holds it, how many rows it inserted, updated and left as they were.

    `changes` lists the changed cells of updated rows where the caller followed columns: the key, field, old_value and new_value as text.
    """

    version: int | None
    inserted: int
    updated: int
    unchanged: int
    changes: pa.Table | None = None

    @property
    def changed(self) -> bool:
        """Whether there was anything to write."""
        return bool(self.inserted or self.updated)


class Incoming:
    """Rows on their way into a table, held by a DuckDB cursor while they are compared and written."""

    def __init__(self, con: Any, name: str, data: pa.Table | pa.RecordBatchReader | str, *, unique: bool = False) -> None:
        self.con, self.name, self.key = con, name, table(name).key
        if isinstance(data, str):
            con.execute(f"CREATE TEMP VIEW incoming AS {data}")
        else:
            con.register("incoming_data", data)
            con.execute("CREATE TEMP TABLE incoming AS SELECT * FROM incoming_data")
        self.schema = con.sql("SELECT * FROM incoming LIMIT 0").to_arrow_table().schema
        missing = [part for part in self.key if part not in self.schema.names]
        if missing:
            raise Invalid(f"Rows for {name} have no {', '.join(missing)}, which is part of its key.")
        keys = ", ".join(map(quoted, self.key))
        count = con.execute("SELECT COUNT(*) FROM incoming").fetchall()[0][0]
        twice = []
        if not unique and count != different(con, "incoming", keys, count):
            twice = con.execute(f"SELECT {keys} FROM incoming GROUP BY {keys} HAVING COUNT(*) > 1 ORDER BY ALL LIMIT 3").fetchall()
        if twice:
            some = "; ".join(", ".join(map(str, row)) for row in twice)
            raise Invalid(f"Rows for {name} have the same {', '.join(self.key)} more than once: {some}.", mend="Keep one row for each.")
        self.merged = self.fresh = ""

    def against(self, before: Source, *, complete: bool, follow: Sequence[str]) -> Merge:
        """What taking the rows into the table as it stands would do; `merged` is then the SELECT of the whole table after it, `fresh` that of new rows."""
        con, own = self.con, {c.name: c.type for c in before.columns}
        self.columns = declared(self.name, self.schema, own)
        if not before.files:
            self.merged = f"SELECT {_cells(self.columns, 'i')} FROM incoming i ORDER BY {', '.join(map(quoted, self.key))}"
            return Merge(before.version, int(con.execute("SELECT COUNT(*) FROM incoming").fetchall()[0][0]), 0, 0)
        con.execute(f"CREATE OR REPLACE TEMP VIEW present AS SELECT *, TRUE AS here__ FROM ({scan(con, before)})")
        on = " AND ".join(f"i.{quoted(part)} IS NOT DISTINCT FROM p.{quoted(part)}" for part in self.key)
        differs = {c.name: f"{_cell(c, 'i')} IS DISTINCT FROM {_present(c, own)}" for c in self.columns if c.name not in self.key}
        joined, any_differs = f"incoming i LEFT JOIN present p ON {on}", " OR ".join(differs.values()) or "FALSE"
        inserted, updated, total = con.execute(
            f"SELECT COUNT(*) FILTER (p.here__ IS NULL), COUNT(*) FILTER (p.here__ AND ({any_differs})), COUNT(*) FROM {joined}"
        ).fetchall()[0]
        dropped = con.execute(f"SELECT COUNT(*) FROM present p ANTI JOIN incoming i ON {on}").fetchall()[0][0] if complete else 0
        self.merged = self._merged(before, on, own, complete=complete)
        self.fresh = f"SELECT {_cells(self.columns, 'i')} FROM incoming i ANTI JOIN present p ON {on} ORDER BY {keys_of(self.key)}"
        changes = None
        followed = [c for c in self.columns if c.name in follow and c.name in differs]
        if followed and updated:
            changes = self._changes(followed, f"{joined} WHERE p.here__ AND ({any_differs})", own)
        return Merge(before.version, int(inserted), int(updated) + int(dropped), int(total - inserted - updated), changes)

    def _changes(self, followed: list[Column], changed: str, own: dict[str, Any]) -> pa.Table:
        keys = ", ".join(map(quoted, self.key))
        cells = [f"i.{quoted(part)} AS {quoted(part)}" for part in self.key]
        for n, c in enumerate(followed):
            cells += [f"CAST({_present(c, own)} AS VARCHAR) AS old_{n}", f"CAST({_cell(c, 'i')} AS VARCHAR) AS new_{n}"]
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE changed AS SELECT {', '.join(cells)} FROM {changed}")
        parts = [
            f"SELECT {keys}, '{c.name}' AS field, old_{n} AS old_value, new_{n} AS new_value FROM changed "
            f"WHERE old_{n} IS DISTINCT FROM new_{n}"
            for n, c in enumerate(followed)
        ]
        return self.con.sql(f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY {keys}, field").to_arrow_table()

    def _merged(self, before: Source, on: str, own: dict[str, Any], *, complete: bool) -> str:
        """Incoming rows over what the others had, then the rows that were not touched."""
        brought = {c.name for c in self.columns}
        kept = [c for c in before.columns if c.name not in brought]
        top = ", ".join([_cells(self.columns, "i"), *(f"p.{quoted(c.name)} AS {quoted(c.name)}" for c in kept)])
        text = f"SELECT {top} FROM incoming i LEFT JOIN present p ON {on}"
        if not complete:
            rest = ", ".join(f"{_present(c, own)} AS {quoted(c.name)}" for c in [*self.columns, *kept])
            text += f" UNION ALL SELECT {rest} FROM present p ANTI JOIN incoming i ON {on}"
        return f"SELECT * FROM ({text}) ORDER BY {', '.join(map(quoted, self.key))}"


def keys_of(key: Sequence[str]) -> str:
    """The key's columns as SQL."""
    return ", ".join(map(quoted, key))


def _cell(column: Column, alias: str) -> str:
    return f"CAST({alias}.{quoted(column.name)} AS {SQL_TYPES[column.type]})"


def _cells(columns: list[Column], alias: str) -> str:
    return ", ".join(f"{_cell(c, alias)} AS {quoted(c.name)}" for c in columns)


def _present(column: Column, own: dict[str, Any]) -> str:
    """The cell that the table has, null where it has no such column."""
    return _cell(column, "p") if column.name in own else f"CAST(NULL AS {SQL_TYPES[column.type]})"
