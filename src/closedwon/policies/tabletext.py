"""A decision table of a policy as a grid on a page: its columns and rows shown, and read back from what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from closedwon.formula.decisions.table import AGGREGATES, HIT_POLICIES
from closedwon.formula.decisions.values import KINDS
from closedwon.policies.tomltext import MISSING, Origins

HITS = {
    "UNIQUE": "one row hits; two are an error",
    "ANY": "several may hit if they say the same",
    "PRIORITY": "the most important output wins",
    "FIRST": "the first row that hits wins",
    "COLLECT": "all rows that hit, in no order or added up",
    "RULE ORDER": "all rows that hit, in the order of the rows",
    "OUTPUT ORDER": "all rows that hit, the most important first",
}


@dataclass
class Column:
    """A column as the grid shows it."""

    path: str
    at: int
    use: str
    name: str
    type: str
    values: str
    nullable: bool
    default: str
    monotone: str

    @property
    def value_list(self) -> list[str]:
        """Its values."""
        return [line for line in self.values.split("\n") if line]


@dataclass
class Line:
    """A row as the grid shows it: cells with their paths, and the note."""

    path: str
    at: int
    cells: list[tuple[str, str]]
    note: str
    note_path: str
    columns: list[Column]

    @property
    def number(self) -> str:
        """The row's number for people."""
        return str(self.at + 1)

    @property
    def pairs(self) -> list[tuple[Column, tuple[str, str]]]:
        """Each column with its cell."""
        return list(zip(self.columns, self.cells, strict=True))


@dataclass
class Grid:
    """A decision table as a page shows it."""

    path: str
    table: str
    hit: str
    aggregate: str
    reference: str
    columns: list[Column]
    lines: list[Line]
    hits: Any = tuple(HITS.items())
    aggregates: Any = AGGREGATES
    kinds: Any = KINDS

    @property
    def inputs(self) -> list[Column]:
        """The columns that are asked."""
        return [column for column in self.columns if column.use == "inputs"]

    @property
    def outputs(self) -> list[Column]:
        """The columns that answer."""
        return [column for column in self.columns if column.use == "outputs"]


def _text(cell: Any) -> str:
    return "true" if cell is True else "false" if cell is False else "" if cell is None or cell is MISSING else str(cell)


def shown(given: Mapping[str, Any], path: str) -> Grid:
    """The grid of a table's parsed text, right or wrong."""
    columns = [
        _column(one, f"{path}.{use}.{at}", at, use)
        for use in ("inputs", "outputs")
        for at, one in enumerate(_dicts(given.get(use)))
    ]  # fmt: skip
    wide = len(columns)
    rows = given.get("rows")
    lines = []
    for at, row in enumerate(rows if isinstance(rows, list) else []):
        cells = [_text(cell) for cell in row] if isinstance(row, list) else []
        padded = [*cells, *[""] * wide][:wide]
        own = f"{path}.rows.{at}"
        note = cells[wide] if len(cells) > wide else ""
        lines.append(Line(own, at, [(f"{own}.{n}", cell) for n, cell in enumerate(padded)], note, f"{own}.{wide}", columns))
    hit = str(given.get("hit", "UNIQUE")).upper()
    return Grid(path, _text(given.get("table")), hit, str(given.get("aggregate", "list")), _text(given.get("reference")), columns, lines)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _column(one: Mapping[str, Any], path: str, at: int, use: str) -> Column:
    values = one.get("values")
    monotone = one.get("monotone")
    ways = "\n".join(f"{name} {way}" for name, way in monotone.items()) if isinstance(monotone, dict) else ""
    listed = "\n".join(map(_text, values)) if isinstance(values, list) else _text(values)
    return Column(
        path, at, use, _text(one.get("name")), str(one.get("type", "text")), listed, one.get("nullable") is True,
        _text(one.get("default")), ways,
    )  # fmt: skip


def read(before: Any, path: str, posted: Any, origins: Origins) -> dict[str, Any]:
    """The table's text with what was filled in; what did not change stays as it was written."""
    old = dict(before) if before is not MISSING else {}
    after = dict(old)
    for key in ("table", "hit", "aggregate", "reference"):
        given = str(posted.get(f"{path}.{key}", "")).strip()
        plain = {"hit": "UNIQUE", "aggregate": "list"}.get(key, "")
        if given != _text(old.get(key, plain)) and not (key == "hit" and given == str(old.get(key, plain)).upper()):
            after[key] = given
            if given == plain and key not in old:
                after.pop(key)
    for use in ("inputs", "outputs"):
        after[use] = _read_columns(_dicts(old.get(use)), f"{path}.{use}", posted, origins)
    after["rows"] = _read_rows(old, path, posted, origins)
    return after


def _marks(posted: Any, path: str) -> list[tuple[int, int | None]]:
    made = []
    for mark in posted.getlist(f"{path}.row")[:5001]:
        at, _, was = str(mark).partition(":")
        if at.isdigit():
            made.append((int(at), int(was) if was.isdigit() else None))
    return made


def _read_columns(old: list[dict[str, Any]], path: str, posted: Any, origins: Origins) -> list[dict[str, Any]]:
    made, origin = [], []
    for at, was in _marks(posted, path):
        known = was if was is not None and was < len(old) else None
        before = old[known] if known is not None else {}
        made.append(_read_column(before, f"{path}.{at}", posted, is_output=path.endswith("outputs")))
        origin.append(known)
    origins[path] = origin
    return made


def _read_column(before: dict[str, Any], path: str, posted: Any, *, is_output: bool) -> dict[str, Any]:
    after, now = dict(before), _column(before, path, 0, "")
    for key in ("name", "type", "default") if is_output else ("name", "type"):
        given = str(posted.get(f"{path}.{key}", getattr(now, key))).strip()
        if given != getattr(now, key) or (key == "type" and key not in before):
            after[key] = given
            if key == "default" and not given:
                after.pop(key)
    values = [line.strip() for line in str(posted.get(f"{path}.values", now.values)).replace("\r\n", "\n").split("\n") if line.strip()]
    if values != [line for line in now.values.split("\n") if line]:
        after["values"] = values
        if not values:
            after.pop("values")
    if is_output:
        ways = [
            line.rsplit(" ", 1)
            for line in str(posted.get(f"{path}.monotone", now.monotone)).replace("\r\n", "\n").split("\n")
            if line.strip()
        ]
        direction = {one[0].strip(): one[1].strip() for one in ways if len(one) == 2}
        if direction != (before.get("monotone") or {}):
            after["monotone"] = direction
            if not direction:
                after.pop("monotone")
    elif f"{path}.nullable.some" in posted and (f"{path}.nullable" in posted) != now.nullable:
        after["nullable"] = f"{path}.nullable" in posted
        if not after["nullable"]:
            after.pop("nullable")
    return after


def _read_rows(old: dict[str, Any], path: str, posted: Any, origins: Origins) -> list[list[Any]]:
    """Rows by the columns as they are now: a removed column takes its cells along, a new one is blank."""
    rows = old.get("rows")
    old_rows: list[Any] = rows if isinstance(rows, list) else []
    ins, outs = len(_dicts(old.get("inputs"))), len(_dicts(old.get("outputs")))
    # where each column stood when the page was shown; inputs of a new column are blank
    stood = [(at if at < ins else None) for at, _ in _marks(posted, f"{path}.inputs")]
    stood += [(ins + at if at < outs else None) for at, _ in _marks(posted, f"{path}.outputs")]
    made: list[list[Any]] = []
    origin: list[int | None] = []
    for at, was in _marks(posted, f"{path}.rows"):
        before = old_rows[was] if was is not None and was < len(old_rows) and isinstance(old_rows[was], list) else []
        row = [_cell(before, place, posted, f"{path}.rows.{at}.{place}") for place in stood]
        note = str(posted.get(f"{path}.rows.{at}.{ins + outs}", "")).strip()
        made.append([*row, note] if note else row)
        origin.append(was)
    origins[f"{path}.rows"] = origin
    return made


def _cell(before: list[Any], place: int | None, posted: Any, name: str) -> Any:
    if place is None:
        return "-"
    given = str(posted.get(name, "")).strip()
    if place < len(before) and _text(before[place]).strip() == given:
        return before[place]
    return given or "-"


def changed(given: Mapping[str, Any], verb: str, part: str, at: int) -> dict[str, Any]:
    """The table's text after a button: rows or columns added, removed, moved or copied."""
    made = {**given, "inputs": list(_dicts(given.get("inputs"))), "outputs": list(_dicts(given.get("outputs")))}
    rows = given.get("rows")
    made["rows"] = [list(row) for row in rows] if isinstance(rows, list) else []
    wide = len(made["inputs"]) + len(made["outputs"])
    if part == "rows":
        made["rows"] = moved(made["rows"], verb, at, ["-"] * wide)
        return made
    place = at + (len(made["inputs"]) if part == "outputs" else 0)
    if verb == "add":
        place = len(made["inputs"]) + (len(made["outputs"]) if part == "outputs" else 0)
        names = {column.get("name") for column in (*made["inputs"], *made["outputs"])}
        stem = part.removesuffix("s")
        name = next(one for one in (f"{stem} {n}" for n in range(1, 200)) if one not in names)
        made[part] = [*made[part], {"name": name, "type": "text"}]
        made["rows"] = [[*row[:place], "-", *row[place:]] for row in made["rows"]]
    elif verb == "del" and at < len(made[part]):
        made[part] = [one for n, one in enumerate(made[part]) if n != at]
        made["rows"] = [[*row[:place], *row[place + 1 :]] for row in made["rows"]]
    return made


def moved(rows: list[Any], verb: str, at: int, blank: Any) -> list[Any]:
    """The rows after a button."""
    made = list(rows)
    if verb == "add":
        made.append(blank)
    elif at >= len(made):
        return made
    elif verb == "del":
        del made[at]
    elif verb == "copy":
        made.insert(at + 1, list(made[at]) if isinstance(made[at], list) else dict(made[at]))
    elif verb in {"up", "down"}:
        other = at - 1 if verb == "up" else at + 1
        if 0 <= other < len(made):
            made[at], made[other] = made[other], made[at]
    return made


__all__ = ["HITS", "HIT_POLICIES", "Grid", "changed", "moved", "read", "shown"]
