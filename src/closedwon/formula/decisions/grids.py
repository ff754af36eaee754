"""Decision tables as grids of text: the TOML form, and sheets (CSV, XLSX) that people edit elsewhere and bring back.

A sheet says in its first column what each line is: `table`, `hit`, `use` (in, out or note), `name`, `type`, `values`, `nullable`,
`default`, `monotone`; the lines after those are the rows.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import tomlkit

from closedwon.base.errors import Problem
from closedwon.formula.decisions import values
from closedwon.formula.decisions.table import DecisionTable, Input, Output, build

LABELS = ("table", "hit", "use", "name", "type", "values", "nullable", "default", "monotone")
_SPREAD = "\n"
_EPOCH = datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook keeps plain moments


def to_text(table: DecisionTable) -> dict[str, Any]:
    """The table as the mapping that its TOML holds; `build` gives the same table back."""
    made: dict[str, Any] = {"table": table.name, "hit": table.hit}
    if table.aggregate != "list":
        made["aggregate"] = table.aggregate
    if table.reference:
        made["reference"] = table.reference
    made["inputs"] = [_input_text(column) for column in table.inputs]
    made["outputs"] = [_output_text(column) for column in table.outputs]
    made["rows"] = [
        [str(test) for test in row.tests]
        + [_plain(value, column) for value, column in zip(row.outputs, table.outputs, strict=True)]
        + ([row.note] if row.note else [])
        for row in table.rows
    ]
    return made


def _plain(value: Any, column: Input | Output) -> str:
    """A value as an output cell writes it: text without quotes, unless it would read as something else."""
    if value is None:
        return "-"
    if column.kind in {"text", "picklist"}:
        text = str(value)
        safe = text.strip() == text and text not in {"", "-", "null"} and not text.startswith('"')
        return text if safe else values.show(text, column.kind)
    return values.show(value, column.kind)


def _input_text(column: Input) -> dict[str, Any]:
    made: dict[str, Any] = {"name": column.name, "type": column.kind}
    if column.values:
        made["values"] = [_plain(value, column) for value in column.values]
    if column.nullable:
        made["nullable"] = True
    return made


def _output_text(column: Output) -> dict[str, Any]:
    made: dict[str, Any] = {"name": column.name, "type": column.kind}
    if column.values:
        made["values"] = [_plain(value, column) for value in column.values]
    if column.default is not None:
        made["default"] = _plain(column.default, column)
    if column.monotone:
        made["monotone"] = dict(column.monotone)
    return made


def to_toml(table: DecisionTable) -> str:
    """The table as TOML with its columns aligned, one row a line."""
    text = to_text(table)
    rows = text.pop("rows")
    document = tomlkit.document()
    for key, value in text.items():
        if key in {"inputs", "outputs"}:
            lines = tomlkit.array()
            for column in value:
                inline = tomlkit.inline_table()
                inline.update(column)
                lines.add_line(inline)
            lines.add_line(indent="")
            document.add(key, lines)
        else:
            document.add(key, value)
    cells = [[tomlkit.item(cell).as_string() for cell in row] for row in rows]
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in range(max(map(len, cells), default=0))]
    grid = "".join(
        "  [" + ", ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip() + "],\n" for row in cells
    )
    return tomlkit.dumps(document) + f"rows = [\n{grid}]\n"


def to_sheet(table: DecisionTable) -> list[list[str]]:
    """The table as lines of a sheet."""
    columns: list[Input | Output] = [*table.inputs, *table.outputs]
    lines = [
        ["table", table.name, table.reference],
        ["hit", table.hit, table.aggregate if table.aggregate != "list" else ""],
        ["use", *("in" for _ in table.inputs), *("out" for _ in table.outputs), "note"],
        ["name", *(column.name for column in columns), ""],
        ["type", *(column.kind for column in columns), ""],
        ["values", *(_SPREAD.join(_plain(value, column) for value in column.values) for column in columns), ""],
        ["nullable", *("yes" if isinstance(column, Input) and column.nullable else "" for column in columns), ""],
        ["default", *(_plain(c.default, c) if isinstance(c, Output) and c.default is not None else "" for c in columns), ""],
        ["monotone", *(_SPREAD.join(f"{k} {v}" for k, v in c.monotone.items()) if isinstance(c, Output) else "" for c in columns), ""],
    ]
    wide = len(columns) + 2
    for row, cells in zip(table.rows, to_text(table)["rows"], strict=True):
        lines.append([str(row.number), *cells, *[""] * (wide - 1 - len(cells))])
    return lines


def from_sheet(lines: Iterable[Iterable[Any]], file: str | None = None) -> tuple[DecisionTable | None, list[Problem]]:
    """The table that a sheet's lines stand for, or every problem in it."""
    head: dict[str, list[str]] = {}
    body: list[list[str]] = []
    for line in lines:
        cells = ["" if cell is None else str(cell).strip() for cell in line]
        if not any(cells):
            continue
        label = cells[0].lower()
        if label in LABELS and label not in head and not body:
            head[label] = cells[1:]
        else:
            body.append(cells[1:])
    missing = [label for label in ("table", "hit", "use", "name", "type") if label not in head]
    if missing:
        mend = f"The first column says what each line is: {', '.join(LABELS)}"
        return None, [Problem(f"the sheet has no line {', '.join(missing)}", file, mend=mend)]
    given = _sheet_text(head, body)
    return build(given, file)


def _sheet_text(head: Mapping[str, list[str]], body: list[list[str]]) -> dict[str, Any]:
    def cell(label: str, at: int) -> str:
        line = head.get(label, [])
        return line[at] if at < len(line) else ""

    uses = [use.lower() for use in head["use"]]
    ins = [at for at, use in enumerate(uses) if use == "in"]
    outs = [at for at, use in enumerate(uses) if use == "out"]
    notes = [at for at, use in enumerate(uses) if use == "note"]
    given: dict[str, Any] = {"table": cell("table", 0), "hit": cell("hit", 0), "inputs": [], "outputs": [], "rows": []}
    given |= {"reference": cell("table", 1)} if cell("table", 1) else {}
    given |= {"aggregate": cell("hit", 1).lower()} if cell("hit", 1) else {}
    for key, places in (("inputs", ins), ("outputs", outs)):
        for at in places:
            column: dict[str, Any] = {"name": cell("name", at), "type": cell("type", at).lower()}
            column |= {"values": re.split(r"\s*\n\s*", cell("values", at))} if cell("values", at) else {}
            if key == "inputs" and cell("nullable", at):
                column["nullable"] = cell("nullable", at).lower() in {"yes", "true", "1"}
            if key == "outputs":
                column |= {"default": cell("default", at)} if cell("default", at) else {}
                pairs = [line.rsplit(" ", 1) for line in cell("monotone", at).split("\n") if " " in line]
                column |= {"monotone": dict(pairs)} if pairs else {}
            given[key].append(column)
    for line in body:
        row = [line[at] if at < len(line) else "" for at in (*ins, *outs)]
        note = next((line[at] for at in notes if at < len(line) and line[at]), "")
        given["rows"].append([*row, note] if note else row)
    return given


def to_csv(table: DecisionTable) -> str:
    """The sheet as CSV. Cells keep their text exactly; a program that evaluates formulas should import them as text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(to_sheet(table))
    return out.getvalue()


def from_csv(text: str, file: str | None = None) -> tuple[DecisionTable | None, list[Problem]]:
    """The table of a CSV sheet."""
    return from_sheet(csv.reader(io.StringIO(text.removeprefix("\ufeff"))), file)


def to_xlsx(table: DecisionTable) -> bytes:
    """The sheet as an Excel workbook; every cell is text, so that Excel evaluates nothing."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, PatternFill

    book = Workbook()
    sheet = book.active
    sheet.title = re.sub(r"[\[\]:*?/\\]", " ", table.name)[:31] or "table"
    for line_no, line in enumerate(to_sheet(table), 1):
        for at, text in enumerate(line, 1):
            cell = sheet.cell(line_no, at, text or None)
            cell.data_type = "s" if text else "n"
            cell.number_format = "@"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            if line_no <= len(LABELS) or at == 1:
                cell.font = Font(bold=line_no in {1, 4}, color="5D6B7A" if at == 1 else "16202B")
                cell.fill = PatternFill("solid", fgColor="F6F7F9")
    for at in range(1, sheet.max_column + 1):
        sheet.column_dimensions[sheet.cell(1, at).column_letter].width = 12 if at == 1 else 24
    sheet.freeze_panes = sheet.cell(len(LABELS) + 1, 2)
    book.properties.created = book.properties.modified = _EPOCH
    out = io.BytesIO()
    book.save(out)
    return _same_bytes(out.getvalue())


def _same_bytes(data: bytes) -> bytes:
    """The archive with one moment on every entry, so that the same table gives the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            content = given.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + _EPOCH.isoformat().encode() + b"Z", content)
            made.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def from_xlsx(data: bytes, file: str | None = None) -> tuple[DecisionTable | None, list[Problem]]:
    """The table of a workbook's first sheet."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        return from_sheet(list(book.worksheets[0].iter_rows(values_only=True)), file)
    except Exception as error:  # noqa: BLE001 - openpyxl raises many kinds for a broken file
        return None, [Problem(f"the file is not an Excel workbook: {error}", file, mend="Save it as .xlsx and try again")]
