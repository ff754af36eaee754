"""Tables as CSV and XLSX: streamed, with numbers as numbers and cells that a spreadsheet would run as formulas made harmless."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.http import FileResponse, StreamingHttpResponse
from django.utils.text import slugify

from closedwon.base.errors import Invalid
from closedwon.base.money import format_major, to_major
from closedwon.ui import cells
from closedwon.ui.tables import Col
from closedwon.workspace import current

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins with one of these may run as a formula when a spreadsheet opens it."""
EXACT = 10**15
LONGEST = 32_767


def harmless(text: str) -> str:
    """Text that no spreadsheet runs: a formula's first sign gets an apostrophe before it."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(RISKY) or text.startswith(RISKY) else text


def value_of(col: Col, row: Mapping[str, Any]) -> Any:
    """The exported value of a cell: money in major units, shares as fractions, days as days, the rest as text."""
    value = col.of(row)
    if value is None or value == "":
        return None
    if col.kind in ("money", "change"):
        return to_major(int(value), cells.currency_of(col, row) or current().settings.currency)
    if col.kind == "ppm":
        return Decimal(int(value)) / 1_000_000
    if col.kind in ("number", "percent", "ratio") and isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (date, datetime, int, Decimal)):
        return value
    return cells.plain(value)


def as_text(value: Any) -> str:
    """A value in a CSV file; only text is made harmless, numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, (int, float)):
        return str(value)
    return harmless(str(value))


def csv_lines(columns: Sequence[Col], rows: Iterable[Mapping[str, Any]], *, bom: bool = True) -> Iterator[str]:
    """The table as CSV, a block of lines at a time."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    if bom:
        buffer.write("\ufeff")
    writer.writerow([harmless(column.label) for column in columns])
    for count, row in enumerate(rows, 1):
        writer.writerow([_csv_cell(column, row) for column in columns])
        if count % 500 == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _csv_cell(col: Col, row: Mapping[str, Any]) -> str:
    if col.kind in ("money", "change"):
        value = col.of(row)
        return "" if value is None or value == "" else format_major(int(value), cells.currency_of(col, row) or current().settings.currency)
    return as_text(value_of(col, row))


def _sheet_cell(sheet: Any, value: Any) -> Any:
    """A value in a sheet; text is written as text, even where it looks like a formula."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(current().zone).replace(tzinfo=None)
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, harmless(ILLEGAL_CHARACTERS_RE.sub("", value))[:LONGEST])
        cell.data_type = "s"
        return cell
    if isinstance(value, float) and not (value == value and abs(value) != float("inf")):  # noqa: PLR0124 - NaN is unequal to itself
        return None
    if isinstance(value, int | Decimal) and abs(Decimal(value)) >= EXACT:
        return str(value)  # beyond what a spreadsheet's numbers hold exactly
    return value


def write_xlsx(target: Any, columns: Sequence[Col], rows: Iterable[Mapping[str, Any]], title: str = "Rows") -> None:
    """Write the table as XLSX without holding it in memory."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet("".join(c for c in title if c not in "[]:*?/\\")[:31] or "Rows")
    sheet.freeze_panes = "B2"
    for number, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(12, min(44, len(column.label) + 6 + (16 if number == 1 else 0)))
    heads = []
    for column in columns:
        head = WriteOnlyCell(sheet, harmless(column.label))
        head.data_type, head.font = "s", Font(bold=True)
        heads.append(head)
    sheet.append(heads)
    for row in rows:
        sheet.append([_formatted(sheet, column, value_of(column, row)) for column in columns])
    book.save(target)


FORMS = {"money": "#,##0.00", "change": "#,##0.00", "percent": "0.0%", "ppm": "0.0%", "date": "yyyy-mm-dd", "instant": "yyyy-mm-dd hh:mm"}


def _formatted(sheet: Any, col: Col, value: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    made = _sheet_cell(sheet, value)
    if made is None or isinstance(value, str) or col.kind not in FORMS or isinstance(made, str):
        return made
    cell = WriteOnlyCell(sheet, made)
    cell.number_format = FORMS[col.kind]
    return cell


def response(name: str, columns: Sequence[Col], rows: Iterable[Mapping[str, Any]], form: str) -> Any:
    """A download of the table as "csv" or "xlsx"."""
    file = f"{slugify(name) or 'table'}-{datetime.now(tz=current().zone):%Y-%m-%d}"
    if form == "csv":
        answer = StreamingHttpResponse(csv_lines(columns, rows), content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{file}.csv"'
        return answer
    if form == "xlsx":
        target = tempfile.SpooledTemporaryFile(max_size=8_000_000)  # noqa: SIM115 - the response closes it
        write_xlsx(target, columns, rows, name)
        target.seek(0)
        return FileResponse(target, as_attachment=True, filename=f"{file}.xlsx")
    raise Invalid(f"There is no export as {form!r}.", mend="Use csv or xlsx.")
