"""Taking rows into named tables: staged Parquet files are checked in one pass, then merged by key.

What cannot be taken is quarantined with its file, its row and the reason: a key that is empty, a key that stands twice, an amount
beyond the limit.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from closedwon.base.errors import Invalid
from closedwon.base.money import LARGEST
from closedwon.base.tables import Column, table
from closedwon.facts.arrow import SQL_TYPES, schema
from closedwon.facts.duck import cursor, different, literal, quoted
from closedwon.facts.quarantine import Bad
from closedwon.facts.store import Merge, Store, scan

FILE, ROW = "file__", "row__"
MOST_BAD = 100_000


@dataclass
class Staged:
    """Rows of one table on their way in: Parquet files whose columns are the table's, with `file__` and `row__` where they came from text."""

    name: str
    files: list[Path] = field(default_factory=list)
    complete: bool = False
    """Whether the source holds every row there is, so that a row it does not hold is gone."""


class Writer:
    """Writes typed rows of one table into Parquet, a batch at a time, so that memory stays bounded."""

    def __init__(self, folder: Path, name: str, fields: list[str], number: int, batch: int = 50_000) -> None:
        wanted = [column for column in (table(name).column(part) for part in fields) if column is not None]
        self.columns = [Column(c.name, c.type) for c in wanted] + [Column(FILE, "text"), Column(ROW, "int")]
        self.path = folder / f"{name}-{number}.parquet"
        self.schema = schema(self.columns)
        self.writer = pq.ParquetWriter(self.path, self.schema)
        self.rows: list[dict[str, Any]] = []
        self.batch = batch

    def add(self, row: dict[str, Any], file: str, number: int) -> None:
        """One more row."""
        self.rows.append({**row, FILE: file, ROW: number})
        if len(self.rows) >= self.batch:
            self._flush()

    def _flush(self) -> None:
        arrays = [pa.array([row.get(f.name) for row in self.rows], f.type) for f in self.schema]
        self.writer.write_table(pa.Table.from_arrays(arrays, schema=self.schema))
        self.rows.clear()

    def close(self) -> Path:
        """Write what is left; gives the file."""
        if self.rows:
            self._flush()
        self.writer.close()
        return self.path


def check_parquet(path: Path, name: str) -> list[str]:
    """The columns of a Parquet file of a named table. Raises Invalid for a column that the table does not have."""
    try:
        names = list(pq.read_schema(path).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise Invalid(f"{path.name} is not a Parquet file: {error}.") from error
    unknown = [column for column in names if table(name).column(column) is None]
    if unknown:
        raise Invalid(f"{path.name} has columns that {name} does not: {', '.join(unknown)}.", mend="Custom columns are named x_something.")
    return names


def take(store: Store, staged: Staged, *, txn: str, dry_run: bool = False, complete: bool = False) -> tuple[Merge, list[Bad]]:
    """Merge the staged rows of a table; gives what changed and what was refused. A dry run writes nothing.

    With `complete`, rows that the source does not hold are dropped, unless a row was refused: then it may be one of them.
    """
    with cursor() as con:
        clean = _clean(con, staged)
    if clean:
        return store.merge(staged.name, clean, txn=txn, complete=complete, dry_run=dry_run, unique=True), []
    with cursor() as con:
        names = _checked(con, staged)
        key = table(staged.name).key
        keys = " || ' / ' || ".join(f"COALESCE(CAST({quoted(part)} AS VARCHAR), '')" for part in key)
        found = con.execute(
            f"SELECT {FILE}, {ROW}, reason__, {keys} FROM checked WHERE reason__ IS NOT NULL ORDER BY 1, 2 LIMIT {MOST_BAD}"
        ).fetchall()
        bad = [Bad(file, int(row), staged.name, reason, key[0], raw) for file, row, reason, raw in found]
        cells = ", ".join(_as_declared(staged.name, name) for name in names)
        rows = con.sql(f"SELECT {cells} FROM checked WHERE reason__ IS NULL").to_arrow_reader(200_000)
        return store.merge(staged.name, rows, txn=txn, complete=complete and not bad, dry_run=dry_run), bad


def _clean(con: Any, staged: Staged) -> str:
    """A SELECT of the staged rows where nothing is wrong with any of them, found in one pass; else nothing."""
    files = f"read_parquet([{', '.join(literal(str(path)) for path in staged.files)}], union_by_name = true)"
    described = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {files}").fetchall()}
    given = table(staged.name)
    names = [name for name in described if name not in {FILE, ROW}]
    if not set(given.key) <= set(names):
        return ""
    count, wrong = con.execute(
        f"SELECT COUNT(*), COUNT(*) FILTER (({_checks(staged.name, names, described)}) IS NOT NULL) FROM {files}"
    ).fetchall()[0]
    if wrong or count != different(con, files, ", ".join(map(quoted, given.key)), count):
        return ""
    return f"SELECT {', '.join(_as_declared(staged.name, name) for name in names)} FROM {files}"


def _checked(con: Any, staged: Staged) -> list[str]:
    """Make the temporary table `checked`: every staged row with what is wrong with it in `reason__`. Gives the table's columns in it."""
    files = ", ".join(literal(str(path)) for path in staged.files)
    con.execute(f"CREATE TEMP VIEW staged AS SELECT * FROM read_parquet([{files}], union_by_name = true)")
    described = {row[0]: row[1] for row in con.execute("DESCRIBE staged").fetchall()}
    given = table(staged.name)
    names = [name for name in described if name not in {FILE, ROW}]
    missing = [key for key in given.key if key not in names]
    if missing:
        raise Invalid(f"Rows for {staged.name} have no {', '.join(missing)}, which is part of its key.")
    con.execute("CREATE TEMP VIEW placed AS SELECT * FROM staged" if FILE in described else _numbered(staged))
    key = ", ".join(map(quoted, given.key))
    con.execute(
        f"CREATE TEMP TABLE checked AS SELECT * EXCLUDE (reason__), "
        f"COALESCE(reason__, CASE WHEN ROW_NUMBER() OVER (PARTITION BY reason__ IS NULL, {key} ORDER BY {FILE}, {ROW}) > 1 "
        f"THEN 'its key stands a second time' END) AS reason__ FROM (SELECT *, {_checks(staged.name, names, described)} AS reason__ FROM placed)"
    )
    return names


def vanished(store: Store, staged: Staged, at: Any) -> pa.Table | None:
    """Rows of a table that a complete source does not hold any more, as their keys with `deleted_at`; and with none, rows that came back.

    None where there are no such rows, or where a row was refused, which may be one of them.
    """
    before, given = store.source(staged.name), table(staged.name)
    if not before.files or not staged.files:
        return None
    with cursor() as con:
        names = _checked(con, staged)
        if con.execute("SELECT COUNT(*) FROM checked WHERE reason__ IS NOT NULL").fetchall()[0][0]:
            return None
        con.execute(f"CREATE TEMP VIEW present AS {scan(con, before)}")
        on = " AND ".join(f"p.{quoted(part)} = c.{quoted(part)}" for part in given.key)
        keys = ", ".join(f"p.{quoted(part)}" for part in given.key)
        stamp = f"CAST({literal(at.isoformat())} AS TIMESTAMPTZ)"
        text = f"SELECT {keys}, {stamp} AS deleted_at FROM present p ANTI JOIN checked c ON {on} WHERE p.deleted_at IS NULL"
        if "deleted_at" not in names:
            back = f"SELECT {keys}, CAST(NULL AS TIMESTAMPTZ) AS deleted_at FROM present p SEMI JOIN checked c ON {on}"
            text += f" UNION ALL {back} WHERE p.deleted_at IS NOT NULL"
        found = con.sql(text).to_arrow_table()
    return found if found.num_rows else None


def _numbered(staged: Staged) -> str:
    parts = [
        f"SELECT *, {literal(path.name)} AS {FILE}, CAST(file_row_number + 1 AS BIGINT) AS {ROW} "
        f"FROM read_parquet({literal(str(path))}, file_row_number = true)"
        for path in staged.files
    ]
    return f"CREATE TEMP VIEW placed AS SELECT * EXCLUDE (file_row_number) FROM ({' UNION ALL BY NAME '.join(parts)})"


def _as_declared(name: str, column: str) -> str:
    found = table(name).column(column)
    assert found is not None  # noqa: S101 - checked before
    return f"CAST({quoted(column)} AS {SQL_TYPES[found.type]}) AS {quoted(column)}"


def _checks(name: str, names: list[str], described: dict[str, str]) -> str:
    """One CASE that names the first thing wrong with a row, NULL where nothing is."""
    given = table(name)
    arms = [f"WHEN {quoted(key)} IS NULL THEN '{key} is empty'" for key in given.key]
    arms += [f"WHEN CAST({quoted(key)} AS VARCHAR) = '' THEN '{key} is empty'" for key in given.key if given.column(key).type == "text"]  # type: ignore[union-attr]
    for column in names:
        found = given.column(column)
        if found is None or found.name in given.key:
            continue
        text = f"{column} is not {found.type}"
        if SQL_TYPES[found.type] not in described[column] and found.type not in {"text", "decimal"}:
            arms.append(
                f"WHEN {quoted(column)} IS NOT NULL AND TRY_CAST({quoted(column)} AS {SQL_TYPES[found.type]}) IS NULL THEN '{text}'"
            )
        if column.endswith("_minor"):
            arms.append(f"WHEN ABS(TRY_CAST({quoted(column)} AS HUGEINT)) > {LARGEST} THEN '{column} is too large to be an amount'")
    return f"CASE {' '.join(arms)} END"


@dataclass(frozen=True)
class Stranger:
    """A reference that leads nowhere: the column, how many rows have it, and some of the values."""

    column: str
    refers_to: str
    rows: int
    values: tuple[str, ...]


def strangers(store: Store, name: str, column: str, other: str) -> Stranger | None:
    """Rows of a table whose reference is not in another table; None where all are."""
    mine, theirs = store.source(name), store.source(other)
    if not mine.files or column not in {c.name for c in mine.columns}:
        return None
    with cursor() as con:
        con.execute(f"CREATE TEMP VIEW mine AS {scan(con, mine)}")
        con.execute(f"CREATE TEMP VIEW theirs AS {scan(con, theirs)}")
        where = f"{quoted(column)} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM theirs t WHERE t.id = m.{quoted(column)})"
        count = int(con.execute(f"SELECT COUNT(*) FROM mine m WHERE {where}").fetchall()[0][0])
        if not count:
            return None
        some = con.execute(f"SELECT DISTINCT {quoted(column)} FROM mine m WHERE {where} ORDER BY 1 LIMIT 10").fetchall()
    return Stranger(column, other, count, tuple(str(row[0]) for row in some))


def empty_references(store: Store, name: str, column: str) -> int:
    """How many rows of a table have nothing in a column."""
    source = store.source(name)
    if not source.files or column not in {c.name for c in source.columns}:
        return 0
    with cursor() as con:
        return int(con.execute(f"SELECT COUNT(*) FROM ({scan(con, source)}) WHERE {quoted(column)} IS NULL").fetchall()[0][0])


def distinct(store: Store, name: str, column: str, where: str = "TRUE") -> dict[str, int]:
    """The values of a text column with their counts, most frequent first."""
    source = store.source(name)
    if not source.files:
        return {}
    with cursor() as con:
        rows = con.execute(
            f"SELECT {quoted(column)}, COUNT(*) FROM ({scan(con, source)}) WHERE {quoted(column)} IS NOT NULL AND {where} "
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10000"
        ).fetchall()
        return {str(value): int(count) for value, count in rows}


def changes_of(store: Store, staged: Staged, fields: tuple[str, ...], at: Any) -> pa.Table | None:
    """What a merge of the staged rows would change in the followed fields of existing rows, as rows of an event log."""
    before = store.source(staged.name)
    if not before.files or not staged.files:
        return None
    with cursor() as con:
        names = _checked(con, staged)
        con.execute(f"CREATE TEMP VIEW present AS {scan(con, before)}")
        parts = [_change(staged.name, name, at) for name in fields if name in names]
        if not parts:
            return None
        found = con.sql(f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY id, field").to_arrow_table()
    return found if found.num_rows else None


def told_fields(staged: Staged) -> set[str]:
    """The fields of which staged rows of an event log tell changes."""
    if not staged.files:
        return set()
    with cursor() as con:
        files = ", ".join(literal(str(path)) for path in staged.files)
        return {row[0] for row in con.execute(f"SELECT DISTINCT field FROM read_parquet([{files}], union_by_name = true)").fetchall()}


def deletions(gone: pa.Table, at: Any) -> pa.Table:
    """Rows of an event log for deals that are gone, or came back."""
    with cursor() as con:
        con.register("gone", gone)
        stamp = f"CAST({literal(at.isoformat())} AS TIMESTAMPTZ)"
        return con.sql(
            f"SELECT id, {stamp} AS at, 'deleted_at' AS field, CAST(0 AS BIGINT) AS seq, "
            f"CASE WHEN deleted_at IS NULL THEN 'deleted' END AS old_value, CAST(deleted_at AS VARCHAR) AS new_value, "
            f"'import' AS changed_by, {stamp} AS known_at FROM gone"
        ).to_arrow_table()


def _change(table_name: str, name: str, at: Any) -> str:
    found = table(table_name).column(name)
    assert found is not None  # noqa: S101 - checked before
    stamp, after = f"CAST({literal(at.isoformat())} AS TIMESTAMPTZ)", f"CAST(c.{quoted(name)} AS {SQL_TYPES[found.type]})"
    return (
        f"SELECT id, {stamp} AS at, '{name}' AS field, CAST(0 AS BIGINT) AS seq, CAST(before AS VARCHAR) AS old_value, "
        f"CAST(after AS VARCHAR) AS new_value, 'import' AS changed_by, {stamp} AS known_at "
        f"FROM (SELECT c.id, p.{quoted(name)} AS before, {after} AS after FROM checked c JOIN present p ON p.id = c.id "
        f"WHERE c.reason__ IS NULL) WHERE after IS DISTINCT FROM before"
    )


def exclusive(store: Store, name: str) -> AbstractContextManager[None]:
    """Hold a lock by name, so that two imports or refreshes take turns; the operating system lets go of it with the process."""
    return store.locked(name)
