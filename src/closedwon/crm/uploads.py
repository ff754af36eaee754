"""Files that people upload: kept under their own bare names, archives unpacked within limits, a mapping proposed."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.base.tables import TABLES, table
from closedwon.connectors.files.read import KINDS, LARGEST_SHEET, Sheet, open_sheet

MOST_FILES = 200


def keep(files: Iterable[Any], folder: Path) -> list[Path]:
    """Write uploaded files into a folder. Raises Invalid for kinds that are not read, and for archives beyond the limits."""
    made: list[Path] = []
    for upload in files:
        name = bare(upload.name)
        if name.lower().endswith(".zip"):
            made += _unpack(upload, folder)
            continue
        _readable(name)
        with (folder / name).open("wb") as out:
            for chunk in upload.chunks():
                out.write(chunk)
        made.append(folder / name)
    if not made:
        raise Invalid("No file was sent.", mend="Choose at least one CSV, Excel or Parquet file.")
    return made


def bare(name: str) -> str:
    """A file's own name without folders and odd characters."""
    return re.sub(r"[^\w.()+ -]", "_", Path(name.replace("\\", "/")).name)[:120].lstrip(".") or "file.csv"


def _readable(name: str) -> None:
    if Path(name).suffix.lower() not in KINDS:
        raise Invalid(f"{name} is not a file that can be read.", mend=f"Send one of {', '.join(KINDS)}, or a zip of them.")


def _unpack(upload: Any, folder: Path) -> list[Path]:
    try:
        archive = zipfile.ZipFile(upload)
    except zipfile.BadZipFile as error:
        raise Invalid(f"{upload.name} is not a zip archive.") from error
    with archive:
        items = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")]
        if len(items) > MOST_FILES or sum(item.file_size for item in items) > LARGEST_SHEET:
            raise Invalid(f"{upload.name} unpacks to too much.", mend="Send fewer or smaller files.")
        made = []
        for item in items:
            name = bare(item.filename)
            _readable(name)
            with archive.open(item) as source, (folder / name).open("wb") as out:
                shutil.copyfileobj(source, out)
            made.append(folder / name)
        return made


WORDS = {
    "opportunities": ("opportunity", "deal", "pipeline"),
    "accounts": ("account", "customer", "company", "companies"),
    "users": ("user", "team", "people", "rep", "employee"),
    "products": ("product", "sku"),
    "contacts": ("contact",),
    "leads": ("lead",),
    "quotas": ("quota", "target"),
    "bookings": ("booking", "order"),
    "contracts": ("contract", "subscription"),
}
SYNONYMS = {
    "id": ("id", "opportunityid", "dealid", "accountid", "recordid", "key"),
    "owner_id": ("owner", "ownerid", "salesagent", "rep", "assignedto", "accountexecutive"),
    "account_id": ("account", "accountname", "accountid", "company", "customer"),
    "stage": ("stage", "stagename", "dealstage"),
    "amount": ("amount", "value", "closevalue", "dealvalue", "amountusd"),
    "close_date": ("closedate", "expectedclose", "closing"),
    "created_at": ("createddate", "createdat", "created", "engagedate"),
    "forecast_category": ("forecastcategory", "forecastcategoryname"),
    "name": ("name", "opportunityname", "dealname", "fullname"),
    "email": ("email", "mail"),
    "manager_id": ("manager", "managerid", "reportsto"),
    "net_arr": ("netarr", "arr", "acv"),
}


def propose(folder: Path) -> str:
    """A first mapping for the files of a folder, by their names and headers, as text to go on from."""
    parts = ['currency = ""', 'date_formats = ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"]', ""]
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in {".csv", ".tsv", ".txt", ".xlsx"}:
            parts += _propose_file(open_sheet(file))
    return "\n".join(parts)


def _propose_file(sheet: Sheet) -> list[str]:
    name = _table_for(sheet)
    if name is None:
        return [f"# {sheet.name}: no table was recognised; its columns are {', '.join(sheet.header)}", ""]
    lines = ["[[map]]", f'table = "{name}"', f'from = "{sheet.name}"', "[map.columns]"]
    taken: set[str] = set()
    for header in sheet.header:
        column = _column_for(name, header, taken)
        taken.add(column)
        lines.append(f'{column} = "{header}"')
    return [*lines, ""]


def _table_for(sheet: Sheet) -> str | None:
    stem = Path(sheet.name).stem.lower()
    if stem in TABLES:
        return stem
    return next((name for name, words in WORDS.items() if any(word in stem for word in words)), None)


def _column_for(name: str, header: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9]", "", header.lower())
    names = {column.name.removesuffix("_minor") for column in table(name).columns}
    for column, words in SYNONYMS.items():
        if column in names and column not in taken and plain in words:
            return column
    by_plain = {column.replace("_", ""): column for column in names}
    near = get_close_matches(plain, by_plain, 1, 0.85)
    if near and by_plain[near[0]] not in taken:
        return by_plain[near[0]]
    custom = "x_" + (re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_") or "column")
    return custom if custom not in taken else f"{custom}_{len(taken)}"
