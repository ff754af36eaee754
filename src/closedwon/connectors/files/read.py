"""Reading CSV and Excel files that people send: encodings, delimiters and broken rows are found out and said, never a traceback.

Everything comes as text; types are the business of the mapping. A row that cannot be read is a Problem with its row number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from closedwon.base.errors import Invalid, NotFound, Problem
from closedwon.connectors.files.excel import read_excel
from closedwon.connectors.files.parquet import read_parquet
from closedwon.connectors.files.sheet import LONGEST_CELL, Sheet, header_of, row_of

__all__ = ["KINDS", "LARGEST_SHEET", "Sheet", "files", "open_sheet", "write_csv"]

LONGEST_LINE = 8_000_000
LARGEST_SHEET = 2_000_000_000
KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")


def files(path: Path) -> list[Path]:
    """The readable files of a folder, or the file itself, by name. Raises NotFound where there is none, Invalid for what is no file."""
    try:
        if not path.exists():
            raise NotFound(f"{path} does not exist.", mend="Check the path.")
        if not path.is_dir():
            return [_readable(path)]
        found = sorted(item for item in path.iterdir() if item.suffix.lower() in KINDS and item.is_file() and not item.name.startswith("."))
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror or error}.", mend="Check who may read it.") from error
    if not found:
        raise NotFound(f"{path} holds no CSV, Excel or Parquet file.", mend="Files in folders below it are not looked at.")
    return found


def _readable(path: Path) -> Path:
    if not path.is_file():
        raise Invalid(f"{path} is neither a file nor a folder.", mend="Give a CSV, Excel or Parquet file, or a folder of them.")
    if path.suffix.lower() not in KINDS:
        mend = "Unpack it and give the folder." if path.suffix.lower() == ".zip" else f"Files that are read end in {', '.join(KINDS)}."
        raise Invalid(f"{path.name} is not a file that can be read.", mend=mend)
    return path


def open_sheet(path: Path) -> Sheet:
    """The file as a sheet of text. Raises Invalid where it cannot be one at all."""
    kinds = {".xlsx": read_excel, ".parquet": read_parquet}
    try:
        return kinds.get(path.suffix.lower(), _csv)(path)
    except OSError as error:
        raise Invalid(f"{path.name} cannot be read: {error.strerror or error}.", mend="Check who may read it.") from error


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
        if len(line) >= LONGEST_LINE and not line.endswith(("\n", "\r")):
            problems.append(Problem(f"line {number} is longer than {LONGEST_LINE:,} characters and was left out", name, line=number))
            while (piece := handle.readline(LONGEST_LINE)) and not piece.endswith(("\n", "\r")):
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
    delimiter = _delimiter(sample, "\t" if path.suffix.lower() == ".tsv" else ",")
    csv.field_size_limit(LONGEST_CELL * 8)
    reader = csv.reader(_lines(handle, problems, path.name), delimiter=delimiter)
    header = header_of(_first(reader, path.name), path.name)
    return Sheet(path.name, header, _csv_rows(reader, header, problems, path.name), notes, problems)


def _delimiter(sample: str, usual: str) -> str:
    """The one of comma, semicolon, tab and bar that stands most often in the first line outside quotes."""
    line = re.split(r"[\r\n]", sample.lstrip("\r\n"), maxsplit=1)[0]
    bare = re.sub(r'"[^"]*"', "", line)
    return max(usual + ",;\t|", key=bare.count)


def _first(reader: Iterator[list[str]], name: str) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise Invalid(f"The first line of {name} cannot be read: {error}.", mend="The first line names the columns.") from error


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
        made = row_of(cells, header, number, name, problems)
        if made is not None:
            yield number, made


def write_csv(rows: list[list[str]]) -> str:
    """Rows as CSV text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()
