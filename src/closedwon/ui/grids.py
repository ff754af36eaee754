"""Editable grids as XLSX: out with a key column and a digest per row, and back in as changes to approve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zipfile import BadZipFile

from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.base.money import to_minor
from closedwon.ui import cells, export
from closedwon.ui.parts import Change
from closedwon.ui.tables import Col
from closedwon.workspace import current

DIGEST = "closedwon digest (keep)"
MOST_ROWS = 50_000
MOST_BYTES = 20_000_000
Row = Mapping[str, Any]


def digest(columns: Sequence[Col], row: Row) -> str:
    """A short fingerprint of a row as it went out; another one means that it was changed meanwhile."""
    text = json.dumps([export.as_text(export.value_of(column, row)) for column in columns], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write(target: Any, columns: Sequence[Col], rows: Iterable[Row], *, key: str = "id", name: str = "Rows") -> None:
    """Write the grid as XLSX: the key first, then the columns, then each row's digest."""
    whole = [Col(key, "Key (keep)"), *columns, Col("_digest", DIGEST)]
    export.write_xlsx(target, whole, ({**row, "_digest": digest(columns, row)} for row in rows), name)


def read(file: Any, columns: Sequence[Col], rows: Iterable[Row], *, key: str = "id", editable: Sequence[str] | None = None) -> list[Change]:
    """Read the grid back and say what changes against the rows as they are now; nothing is applied.

    Each Change carries the row's key, the column's key, the value before and after (money in minor units), and a problem where it cannot be
    taken: the row was changed meanwhile, the value is no amount or day, the column may not be edited, or the row is not known.
    """
    heads, lines = _sheet(file)
    places = {column.key: heads.index(column.label) for column in columns if column.label in heads}
    if "Key (keep)" not in heads or DIGEST not in heads:
        raise Invalid(
            "The file is not a grid of closedwon: its key or digest column is missing.",
            mend="Export the grid, change the cells, leave both.",
        )
    now = {str(row[key]): row for row in rows}
    may = set(editable) if editable is not None else {column.key for column in columns}
    made: list[Change] = []
    seen: set[str] = set()
    for line in lines:
        own = _text(line[heads.index("Key (keep)")])
        if not own and all(value in (None, "") for value in line):
            continue
        if own not in now:
            made.append(Change(own or "(no key)", "", None, None, "is no row of this grid; it may have been deleted meanwhile"))
        elif own in seen:
            made.append(Change(own, "", None, None, "stands twice in the file; leave one"))
        else:
            moved = _text(line[heads.index(DIGEST)]) != digest(columns, now[own])
            made += _row(own, line, now[own], columns, places, may, moved)
        seen.add(own)
    return made


def _row(
    key: str, line: Sequence[Any], row: Row, columns: Sequence[Col], places: Mapping[str, int], may: set[str], moved: bool
) -> list[Change]:
    made = []
    for column in columns:
        if column.key not in places:
            continue
        given, before = line[places[column.key]], column.of(row)
        try:
            after = _value(column, row, given)
        except ClosedwonError as error:
            made.append(Change(key, column.key, before, _text(given), str(error)))
            continue
        if _same(before, after):
            continue
        problem = "was changed by someone else since the export; export it again" if moved else ""
        if column.key not in may:
            problem = "may not be edited here"
        made.append(Change(key, column.key, before, after, problem))
    return made


def _same(before: Any, after: Any) -> bool:
    if before in (None, "") and after in (None, ""):
        return True
    if isinstance(before, float) or isinstance(after, float):
        return before is not None and after is not None and abs(float(before) - float(after)) < 1e-9
    return bool(before == after)


def _sheet(file: Any) -> tuple[list[str], list[Sequence[Any]]]:
    """The header and the lines of the first sheet, within bounds, with formulas refused."""
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    size = getattr(file, "size", None)
    if size is not None and size > MOST_BYTES:
        raise Invalid(f"The file has {size:,} bytes.", mend=f"A grid may have {MOST_BYTES:,}; export fewer rows.")
    try:
        sheet = load_workbook(file, read_only=True, data_only=False).worksheets[0]
        lines: list[Sequence[Any]] = []
        for line in sheet.iter_rows(values_only=True):
            lines.append(line)
            if len(lines) > MOST_ROWS + 1:
                raise Invalid(f"The sheet has more than {MOST_ROWS:,} rows.", mend="Export fewer rows.")
    except (InvalidFileException, BadZipFile, KeyError, ValueError, OSError, IndexError) as error:
        raise Invalid("The file is no XLSX workbook that can be read.", mend="Save it as XLSX and try again.") from error
    if not lines:
        raise Invalid("The sheet is empty.", mend="Export the grid again.")
    heads = [_text(value) for value in lines[0]]
    return heads, [[*line, *[None] * (len(heads) - len(line))] for line in lines[1:]]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith(export.RISKY) else text


def _value(column: Col, row: Row, given: Any) -> Any:
    """What a cell says, in the terms of the column: minor units, parts per million, days, numbers or text."""
    if given is None or _text(given) == "":
        return None
    if isinstance(given, str) and given.startswith("="):
        raise Invalid("is a formula.", mend="Paste its value instead.")
    if column.kind in ("money", "change"):
        unit = cells.currency_of(column, row) or current().settings.currency
        return to_minor(_decimal(given), unit)
    if column.kind == "ppm":
        return int((_decimal(given) * 1_000_000).to_integral_value())
    if column.kind in ("number", "percent", "ratio"):
        exact = _decimal(given)
        return int(exact) if exact == exact.to_integral_value() else exact
    if column.kind == "date":
        return _day(given)
    if column.kind == "bool":
        return _text(given).casefold() in ("yes", "true", "1", "x")
    return _text(given)


def _decimal(given: Any) -> Decimal:
    if isinstance(given, bool):
        raise Invalid("is no number.", mend="Write it as 1234.50.")
    text = repr(given) if isinstance(given, float) else _text(given).replace("\u00a0", "").replace(" ", "").replace("−", "-")
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise Invalid(f"{text!r} is no number.", mend="Write it as 1234.50.") from error
    if not exact.is_finite():
        raise Invalid(f"{text!r} is no number.", mend="Write it as 1234.50.")
    return round(exact, 9) if isinstance(given, float) else exact


def _day(given: Any) -> date:
    if isinstance(given, datetime):
        return given.date()
    if isinstance(given, date):
        return given
    try:
        return date.fromisoformat(_text(given))
    except ValueError as error:
        raise Invalid(f"{_text(given)!r} is no day.", mend="Write it as 2026-11-23.") from error
