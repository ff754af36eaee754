"""Reading Excel workbooks that people send: what would fill the memory or is no workbook is refused before it is opened."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.parsers import expat

from closedwon.base.errors import ClosedwonError, Invalid, Problem
from closedwon.connectors.files.sheet import Sheet, header_of, row_of

LARGEST_BOOK = 1_000_000_000
LARGEST_STRINGS = 150_000_000
SQUEEZED, SQUEEZED_FROM = 250, 20_000_000
"""A part that unpacks to so many times its size, from this size on, holds nothing but one thing repeated."""
MOST_PARTS = 2_000
PROLOG = 1_000_000
AS_CSV = "Save it as CSV and send that."


def read_excel(path: Path) -> Sheet:
    """The first sheet of a workbook as a sheet of text. Raises Invalid where it is none, is protected, or unpacks to too much."""
    _check(path)
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        if not book.worksheets:
            raise Invalid(f"{path.name} has no sheet with cells.", mend=AS_CSV)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size is not believed
        lines = sheet.iter_rows(values_only=True)
        first = next(lines, None)
    except ClosedwonError:
        raise
    except Exception as error:  # a broken workbook fails in any way in the reader
        raise _broken(path, error) from error
    header = header_of([_cell(value) for value in first] if first else None, path.name)
    problems: list[Problem] = []
    notes = [f"the sheet {sheet.title!r} was read, the others were not"] if len(book.worksheets) > 1 else []
    return Sheet(path.name, header, _rows(path, lines, header, problems), notes, problems)


def _rows(path: Path, lines: Iterator[tuple[object, ...]], header: list[str], problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except Exception as error:
            raise _broken(path, error) from error
        number += 1
        made = row_of([_cell(value) for value in cells], header, number, path.name, problems) if cells else None
        if made is not None:
            yield number, made


def _broken(path: Path, error: Exception) -> Invalid:
    return Invalid(f"{path.name} is not a sound Excel workbook ({type(error).__name__}).", mend="Open it and save it anew, or as CSV.")


def _check(path: Path) -> None:
    """Look at the archive's list of parts, and at the head of each part, without unpacking any."""
    with path.open("rb") as handle:
        head = handle.read(8)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise Invalid(
            f"{path.name} is protected by a password, or in the format before 2007.", mend="Save it as .xlsx without a password, or as CSV."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            for item in _parts(path, archive):
                if item.filename.lower().endswith((".xml", ".rels")):
                    _no_declarations(path, archive, item)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise Invalid(f"{path.name} is not an Excel workbook.", mend="Save it as .xlsx or CSV.") from error


def _parts(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    found = archive.infolist()
    size = sum(item.file_size for item in found)
    strings = sum(item.file_size for item in found if item.filename.lower().endswith("sharedstrings.xml"))
    squeezed = any(item.file_size > SQUEEZED_FROM and item.file_size > SQUEEZED * max(1, item.compress_size) for item in found)
    if size > LARGEST_BOOK or strings > LARGEST_STRINGS or squeezed or len(found) > MOST_PARTS:
        raise Invalid(f"{path.name} unpacks to {size / 1e6:,.0f} MB, which is too much for a workbook.", mend=AS_CSV)
    return found


def _no_declarations(path: Path, archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> None:
    """Refuse a document type: no workbook has one, and entities in it can grow without end."""
    parser, seen = expat.ParserCreate(), {"declared": False, "begun": False}
    parser.StartDoctypeDeclHandler = lambda *_: seen.update(declared=True)
    parser.StartElementHandler = lambda *_: seen.update(begun=True)
    with archive.open(item) as part:
        for _ in range(PROLOG // 4096):
            chunk = part.read(4096)
            try:
                parser.Parse(chunk, not chunk)
            except expat.ExpatError as error:
                raise Invalid(f"{path.name} is not a sound Excel workbook: {item.filename} is broken.", mend=AS_CSV) from error
            if seen["declared"]:
                raise Invalid(f"{path.name} declares entities, which no workbook does. It was not opened.", mend=AS_CSV)
            if seen["begun"] or not chunk:
                return
    raise Invalid(f"{path.name} is not a sound Excel workbook: {item.filename} has no beginning.", mend=AS_CSV)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if hasattr(value, "isoformat"):
        text = value.isoformat()
        return text.removesuffix("T00:00:00") if isinstance(text, str) else str(text)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
