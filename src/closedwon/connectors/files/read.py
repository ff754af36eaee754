"""Reading CSV and Excel files that people send: encodings, delimiters and broken rows are found out and said, never a traceback.

Everything comes as text; types are the business of the mapping. A row that cannot be read is a Problem with its row number.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from closedwon.base.errors import Invalid, NotFound, Problem

LONGEST_LINE = 8_000_000
LONGEST_CELL = 1_000_000
LARGEST_SHEET = 2_000_000_000
KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")


@dataclass
class Sheet:
    """One table of text: its header, its rows with their numbers (1 is the first after the header), and what was noticed."""

    name: str
    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def files(path: Path) -> list[Path]:
    """The readable files of a folder, or the file itself, by name. Raises NotFound where there is none."""
    if not path.exists():
        raise NotFound(f"{path} does not exist.", mend="Check the path.")
    found = sorted(item for item in path.iterdir() if item.suffix.lower() in KINDS) if path.is_dir() else [path]
    if not found:
        raise NotFound(f"{path} holds no CSV, Excel or Parquet file.")
    return found


def open_sheet(path: Path) -> Sheet:
    """The file as a sheet of text. Raises Invalid where it cannot be one at all."""
    if path.suffix.lower() == ".xlsx":
        return _excel(path)
    if path.suffix.lower() == ".parquet":
        raise Invalid(f"{path.name} is Parquet, which is read by columns, not as text.")
    return _csv(path)


def _encoding(path: Path) -> tuple[str, str]:
    """The encoding and what to say about it: UTF-8 and UTF-16 by their marks, UTF-8 if it decodes, else Windows-1252."""
    with path.open("rb") as handle:
        head = handle.read(4)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16", "read as UTF-16"
        if head.startswith(b"\xef\xbb\xbf"):
            return "utf-8-sig", ""
        handle.seek(0)
        rest = b""
        while chunk := handle.read(1 << 20):
            try:
                (rest + chunk).decode("utf-8")
                rest = b""
            except UnicodeDecodeError as error:
                data = rest + chunk
                if error.start < len(data) - 3:
                    return "cp1252", "not UTF-8, so it was read as Windows-1252; check accented letters"
                rest = data[error.start :]
    return ("cp1252", "not UTF-8, so it was read as Windows-1252; check accented letters") if rest else ("utf-8", "")


def _lines(handle: IO[str], problems: list[Problem], name: str) -> Iterator[str]:
    """The lines of a text file; a line beyond the limit is skipped piece by piece, so that memory stays bounded."""
    number = 0
    while line := handle.readline(LONGEST_LINE):
        number += 1
        if len(line) >= LONGEST_LINE and not line.endswith("\n"):
            problems.append(Problem(f"line {number} is longer than {LONGEST_LINE:,} characters and was left out", name, line=number))
            while (piece := handle.readline(LONGEST_LINE)) and not piece.endswith("\n"):
                pass
            continue
        yield line.replace("\x00", "") if "\x00" in line else line


def _csv(path: Path) -> Sheet:
    encoding, note = _encoding(path)
    problems: list[Problem] = []
    handle = path.open(encoding=encoding, errors="replace", newline="")
    sample = handle.read(64_000)
    handle.seek(0)
    notes = [note] if note else []
    if "\x00" in sample:
        notes.append("NUL characters were left out")
    try:
        delimiter = csv.Sniffer().sniff(sample.split("\n", 1)[0], delimiters=",;\t|").delimiter
    except csv.Error:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(LONGEST_CELL * 8)
    reader = csv.reader(_lines(handle, problems, path.name), delimiter=delimiter)
    header = _header(next(reader, None), path.name)
    return Sheet(path.name, header, _csv_rows(reader, header, problems, path.name), notes, problems)


def _header(cells: list[str] | None, name: str) -> list[str]:
    if not cells or not any(cell.strip() for cell in cells):
        raise Invalid(f"{name} has no header.", mend="The first line names the columns.")
    header = [cell.strip() for cell in cells]
    twice = sorted({cell for cell in header if cell and header.count(cell) > 1})
    if twice:
        raise Invalid(f"{name} has two columns named {', '.join(twice)}.", mend="Give each column its own name.")
    return header


def _csv_rows(reader: Iterator[list[str]], header: list[str], problems: list[Problem], name: str) -> Iterator[tuple[int, list[str]]]:
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            number += 1
            problems.append(Problem(f"the row cannot be read: {error}", name, row=number))
            continue
        number += 1
        made = _row(cells, header, number, name, problems)
        if made is not None:
            yield number, made


def _row(cells: list[str], header: list[str], number: int, name: str, problems: list[Problem]) -> list[str] | None:
    if not any(cells):
        return None
    if len(cells) > len(header) and any(cells[len(header) :]):
        problems.append(
            Problem(f"the row has {len(cells)} cells and the header {len(header)}", name, row=number, mend="Quote the delimiter")
        )
        return None
    if any(len(cell) > LONGEST_CELL for cell in cells):
        problems.append(Problem(f"a cell is longer than {LONGEST_CELL:,} characters", name, row=number))
        return None
    return [*cells, *[""] * (len(header) - len(cells))][: len(header)]


def _excel(path: Path) -> Sheet:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > LARGEST_SHEET:
                raise Invalid(f"{path.name} unpacks to more than two gigabytes.", mend="Save it as CSV.")
        book = load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise Invalid(f"{path.name} is not an Excel workbook: {error}.", mend="Save it as .xlsx or CSV.") from error
    lines = book.worksheets[0].iter_rows(values_only=True)
    first = next(lines, None)
    header = _header([_cell(value) for value in first] if first else None, path.name)
    problems: list[Problem] = []

    def rows() -> Iterator[tuple[int, list[str]]]:
        for number, cells in enumerate(lines, 1):
            made = _row([_cell(value) for value in cells], header, number, path.name, problems)
            if made is not None:
                yield number, made

    notes = [f"the sheet {book.worksheets[0].title!r} was read"] if len(book.worksheets) > 1 else []
    return Sheet(path.name, header, rows(), notes, problems)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return text.removesuffix("T00:00:00") if isinstance(text, str) else str(text)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def write_csv(rows: list[list[str]]) -> str:
    """Rows as CSV text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
