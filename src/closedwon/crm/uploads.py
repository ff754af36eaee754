"""Files that people upload: kept under their own bare names, archives unpacked within limits, a mapping proposed."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.base.tables import TABLES, table
from closedwon.connectors.files.read import KINDS, LARGEST_SHEET, Sheet, files, open_sheet
from closedwon.crm.mapping import some

MOST_FILES = 200


LARGEST_UPLOAD = 2_000_000_000


def keep(sent: Iterable[Any], folder: Path) -> list[Path]:
    """Write uploaded files into a folder. Raises Invalid for kinds that are not read, two of one name, and what is beyond the limits."""
    given = list(sent)
    size = sum(upload.size or 0 for upload in given)
    if len(given) > MOST_FILES or size > LARGEST_UPLOAD:
        mend = "Send fewer or smaller files, or ask for a folder on the server."
        raise Invalid(f"These are {_count(len(given))} of {size / 1e6:,.0f} MB; {MOST_FILES} files and 2 GB are taken at once.", mend=mend)
    made: list[Path] = []
    for upload in given:
        name = bare(upload.name)
        if name.lower().endswith(".zip"):
            made += _unpack(upload, folder)
            continue
        with _fresh(folder, name).open("wb") as out:
            for chunk in upload.chunks():
                out.write(chunk)
        made.append(folder / name)
    if not made:
        raise Invalid("No file was sent.", mend="Choose at least one CSV, Excel or Parquet file.")
    return made


def drop(folder: Path) -> None:
    """Remove an upload's folder."""
    shutil.rmtree(folder, ignore_errors=True)


def _count(number: int) -> str:
    return "1 file" if number == 1 else f"{number:,} files"


def _fresh(folder: Path, name: str) -> Path:
    """Where a file of that name goes. Raises Invalid for a kind that is not read, and where one of that name is there."""
    if Path(name).suffix.lower() not in KINDS:
        raise Invalid(f"{name} is not a file that can be read.", mend=f"Send one of {', '.join(KINDS)}, or a zip of them.")
    if (folder / name).exists():
        raise Invalid(f"Two files are named {name}.", mend="Give each its own name.")
    return folder / name


def bare(name: str) -> str:
    """A file's own name without folders and odd characters."""
    return re.sub(r"[^\w.()+ -]", "_", Path(name.replace("\\", "/")).name)[:120].lstrip(".") or "file.csv"


def _unpack(upload: Any, folder: Path) -> list[Path]:
    name = bare(upload.name)
    try:
        with zipfile.ZipFile(upload) as archive:
            items = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")]
            size = sum(item.file_size for item in items)
            if len(items) > MOST_FILES or size > LARGEST_SHEET:
                raise Invalid(
                    f"{name} unpacks to {_count(len(items))} of {size / 1e6:,.0f} MB, which is too much.",
                    mend="Send fewer or smaller files.",
                )
            return [_unpack_one(archive, item, folder) for item in items]
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error, ValueError) as error:
        raise Invalid(f"{name} is not a sound zip archive.", mend="Make it anew, or send the files themselves.") from error
    except RuntimeError as error:  # what zipfile raises for a password
        raise Invalid(f"{name} is protected by a password.", mend="Make it without one, or send the files themselves.") from error


def _unpack_one(archive: zipfile.ZipFile, item: zipfile.ZipInfo, folder: Path) -> Path:
    target = _fresh(folder, bare(item.filename))
    with archive.open(item) as source, target.open("wb") as out:
        shutil.copyfileobj(source, out)
    return target


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
    for file in files(folder):
        parts += _propose_file(open_sheet(file))
    return "\n".join(parts)


def _propose_file(sheet: Sheet) -> list[str]:
    name = _table_for(sheet)
    if name is None:
        return ["# No table was recognised for this file; say which it is.", f"# {_text(sheet.name)} has {_text(some(sheet.header))}", ""]
    lines = ["[[map]]", f'table = "{name}"', f"from = {_text(sheet.name)}", "[map.columns]"]
    taken: set[str] = set()
    for header in filter(None, sheet.header):
        column = _column_for(name, header, taken)
        taken.add(column)
        lines.append(f"{column} = {_text(header)}")
    return [*lines, ""]


def _text(value: str) -> str:
    """A TOML string on one line, whatever it holds."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


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
