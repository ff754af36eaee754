"""Decision tables in files: TOML (alone, or inside a policy), CSV, XLSX and DMN, read by the ending of the name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from closedwon.base.errors import Invalid, NotFound, Problem
from closedwon.base.tomlplaces import line_of
from closedwon.formula.decisions import dmn, grids
from closedwon.formula.decisions.field import Place, place_of
from closedwon.formula.decisions.table import DecisionTable, build

ENDINGS = (".toml", ".csv", ".xlsx", ".dmn", ".xml")
MOST_BYTES = 20_000_000
Read = tuple[DecisionTable | None, list[Problem]]


def looks_like_table(given: Any) -> bool:
    """Whether a parsed mapping is meant as a decision table."""
    return isinstance(given, Mapping) and {"inputs", "outputs", "rows"} <= set(given)


def tables_of(given: Any, place: Place = ()) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """Every decision table within parsed TOML, with its place."""
    if looks_like_table(given):
        yield place, given
    elif isinstance(given, Mapping):
        for key, inner in given.items():
            yield from tables_of(inner, (*place, str(key)))
    elif isinstance(given, list):
        for at, inner in enumerate(given):
            yield from tables_of(inner, (*place, at))


def read_bytes(data: bytes, name: str, at: str = "") -> Read:
    """The table of a file's bytes, or every problem in it; `at` names one of several: its place in TOML, its decision in DMN."""
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        return None, [Problem(f"{ending or 'no ending'} is no kind of table", name, mend=f"Use one of {', '.join(ENDINGS)}")]
    if len(data) > MOST_BYTES:
        return None, [Problem("the file is too large for a decision table", name, mend=f"Keep it under {MOST_BYTES} bytes")]
    if ending == ".xlsx":
        return grids.from_xlsx(data, name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, [Problem(f"the file is not UTF-8 text (byte {error.start})", name, mend="Save it as UTF-8")]
    if ending == ".csv":
        return grids.from_csv(text, name)
    if ending == ".toml":
        return from_toml(text, name, at)
    return dmn.from_dmn(text, at or None, name)


def from_toml(text: str, name: str | None = None, at: str = "") -> Read:
    """The table of a TOML text, where it stands alone or in a policy; problems carry their line."""
    try:
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return None, [Problem(f"this is not TOML: {error}", name)]
    found = list(tables_of(given))
    chosen = [(place, table) for place, table in found if not at or at in {".".join(map(str, place)), table.get("table")}]
    if len(chosen) != 1:
        names = ", ".join(".".join(map(str, place)) or "(whole file)" for place, _ in found) or "none"
        return None, [Problem(f"found {len(chosen)} decision tables", name, mend=f"Name one of: {names}")]
    place, table = chosen[0]
    made, problems = build(table, name)
    return made, [replace(item, line=line_of(text, [*place, *place_of(item, table)])) for item in problems]


def read_file(path: Path, at: str = "") -> DecisionTable:
    """The table of a file. Raises NotFound, or Invalid with every problem in it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read.", mend="Give the path of a .toml, .csv, .xlsx or .dmn file.") from error
    table, problems = read_bytes(data, str(path), at)
    if table is None:
        raise Invalid(f"The table has {'a mistake' if len(problems) == 1 else f'{len(problems)} mistakes'}.", problems=problems)
    return table


def write_bytes(table: DecisionTable, name: str) -> bytes:
    """The table in the format that the name's ending says. Raises Invalid for another ending."""
    ending = Path(name).suffix.lower()
    writers: dict[str, Any] = {".toml": grids.to_toml, ".csv": grids.to_csv, ".dmn": dmn.to_dmn, ".xml": dmn.to_dmn}
    if ending == ".xlsx":
        return grids.to_xlsx(table)
    if ending not in writers:
        raise Invalid(f"{name} has no known ending.", mend=f"Use one of {', '.join(ENDINGS)}.")
    return str(writers[ending](table)).encode()
