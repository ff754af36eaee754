"""Rows that could not be taken: kept with where they stood, why, and what they held; counted, never dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.duck import cursor, literal
from closedwon.facts.source import Source, scan
from closedwon.facts.store import Store

TABLE = "quarantine"
RAW = 4_000
"""The most characters of a refused row that are kept."""


@dataclass(frozen=True)
class Bad:
    """A row that could not be taken: its file, its row number, one reason, and its cells as they stood."""

    file: str
    row: int
    table_name: str
    reason: str
    field: str = ""
    raw: str = ""


def put(store: Store, import_id: str, rows: Iterable[Bad], *, txn: str = "") -> int | None:
    """Keep the refused rows of an import; a row with several reasons is kept once, with all of them. Gives the table's version."""
    kept: dict[tuple[str, int, str], dict[str, Any]] = {}
    for bad in rows:
        known = kept.setdefault((bad.file, bad.row, bad.table_name), asdict(bad) | {"import_id": import_id, "reason": ""})
        known["reason"] = "\n".join(dict.fromkeys([*filter(None, known["reason"].split("\n")), bad.reason]))
        known["raw"] = known["raw"][:RAW]
    if not kept:
        return store.version(TABLE)
    return store.append(TABLE, rows_to_table(list(kept.values()), table(TABLE).columns), txn=txn)


def counts(source: Source, import_id: str | None = None) -> dict[str, int]:
    """How many rows were refused for each reason, most frequent first; a row with two reasons counts for both."""
    with cursor() as con:
        rows = con.execute(f"SELECT reason, COUNT(*) FROM ({scan(con, source)}) WHERE {_of(import_id)} GROUP BY reason").fetchall()
    found: Counter[str] = Counter()
    for reasons, count in rows:
        for reason in (reasons or "").split("\n"):
            found[reason] += count
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def page(source: Source, import_id: str | None = None, *, limit: int = 50, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """One page of refused rows in the order of file and row, and how many there are in all."""
    with cursor() as con:
        text = f"FROM ({scan(con, source)}) WHERE {_of(import_id)}"
        total = con.execute(f"SELECT COUNT(*) {text}").fetchall()[0][0]
        rows = con.sql(f"SELECT * {text} ORDER BY import_id, file, row LIMIT {int(limit)} OFFSET {int(offset)}").to_arrow_table()
    return rows.to_pylist(), int(total)


def _of(import_id: str | None) -> str:
    return "TRUE" if import_id is None else f"import_id = {literal(import_id)}"
