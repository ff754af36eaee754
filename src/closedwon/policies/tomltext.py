"""Writing changed values into TOML text: what did not change keeps its text and its comments."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import tomlkit
from tomlkit import items
from tomlkit.exceptions import TOMLKitError

from closedwon.policies import arraytext

Origins = dict[str, list[int | None]]
"""For each list of rows, by its place: the old index of every row, None for a new one."""


class _Missing:
    """Stands for a key that is not there."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


def written(text: str, before: Mapping[str, Any], after: Mapping[str, Any], origins: Origins) -> str:
    """The text of `before` changed so that it says `after`; written anew below its first comments where that cannot be done in place."""
    if before == after:
        return text
    try:
        document = tomlkit.parse(text.removeprefix("\ufeff"))
        _put(document, before, after, origins, "")
        made = tomlkit.dumps(document)
        if tomllib.loads(made, parse_float=Decimal) == after:
            return _tidy(made, text, after)
    except (TOMLKitError, tomllib.TOMLDecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        pass
    head = "".join(itertools.takewhile(lambda line: line.startswith("#") or not line.strip(), text.splitlines(keepends=True)))
    document = tomlkit.document()
    for key, value in _scalars_first(after):
        document.append(key, item_of(value))
    return head + tomlkit.dumps(document)


_CROWDED = re.compile(r"^([^\n#][^\n]*)\n(?=\[)", re.MULTILINE)


def _tidy(made: str, text: str, after: Mapping[str, Any]) -> str:
    """The text with single blank lines between its tables, where that changes nothing that it says."""
    neat = re.sub(r"\n{3,}", "\n\n", made) if "\n\n\n" not in text else made
    neat = neat if _CROWDED.search(text) else _CROWDED.sub(r"\1\n\n", neat)
    return neat if tomllib.loads(neat, parse_float=Decimal) == after else made


def _scalars_first(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(value.items(), key=lambda pair: isinstance(pair[1], dict) or _is_rows(pair[1]))


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _put(container: Any, before: Mapping[str, Any], after: Mapping[str, Any], origins: Origins, path: str) -> None:
    before = _renamed(container, before, after, origins.get(path))
    for key in [key for key in before if key not in after]:
        del container[key]
    inline = isinstance(container, items.InlineTable)
    for key, value in after.items():
        place = f"{path}.{key}" if path else str(key)
        old = before.get(key, MISSING)
        if old is MISSING:
            container[key] = item_of(value, inline=inline)
        elif type(old) is type(value) and old == value and not _moved(origins.get(place), value) and not _renames(old, value):
            continue
        elif isinstance(old, dict) and isinstance(value, dict):
            _put(container[key], old, value, origins, place)
        elif isinstance(container[key], items.AoT) and _is_rows(value):
            _put_tables(container, key, old, value, origins, place)
        elif _keeps_quotes(container[key], value):
            container[key] = tomlkit.string(value, literal=True)
        elif not _put_array(container, key, old, value, origins.get(place)):
            container[key] = item_of(value, inline=inline or isinstance(container[key], items.Array))


def _keeps_quotes(item: Any, value: Any) -> bool:
    """Whether a text that stood in single quotes can stay in them."""
    return (
        isinstance(item, items.String)
        and item.as_string()[:1] == "'"
        and isinstance(value, str)
        and value.isprintable()
        and "'" not in value
    )


def _renamed(container: Any, before: Mapping[str, Any], after: Mapping[str, Any], origin: list[int | None] | None) -> Mapping[str, Any]:
    """The mapping with the keys that its entries have now; an entry of another name keeps its place and its comments."""
    keys, names = list(before), list(after)
    if origin is None or len(origin) != len(names):
        return before
    new = {keys[was]: name for name, was in zip(names, origin, strict=True) if was is not None and was < len(keys) and keys[was] != name}
    for old, name in new.items():
        if name not in before:
            body = container.value
            item = body.item(old)
            body._replace(old, name, item)
            _unnamed(item)
    return {new.get(key, key) if new.get(key) not in before else key: value for key, value in before.items()}


def _unnamed(item: Any) -> None:
    """Let a table and those within it take their headers from the keys around them."""
    if isinstance(item, items.AoT):
        for one in item.body:
            _unnamed(one)
    elif isinstance(item, items.Table):
        item.display_name = None
        for _, inner in item.value.body:
            _unnamed(inner)


def _renames(before: Any, after: Any) -> bool:
    return isinstance(before, dict) and list(before) != list(after)


def _moved(origin: list[int | None] | None, value: Any) -> bool:
    return origin is not None and isinstance(value, list) and origin != list(range(len(value)))


def _put_tables(container: Any, key: str, before: list[Any], after: list[Any], origins: Origins, place: str) -> None:
    """Rows written as [[tables]]: each keeps its own text, wherever it moves."""
    tables = container[key]
    origin = origins.get(place) or [at if at < len(before) else None for at in range(len(after))]
    kept = [was for was in origin if was is not None]
    for at, was in enumerate(origin):
        if was is not None:
            _put(tables[was], before[was], after[at], origins, f"{place}.{at}")
    for at in range(len(before) - 1):
        if at not in kept and at + 1 in kept:
            following = tables[at + 1].trivia
            following.indent = "".join(item.as_string() for _, item in _tail(tables[at])) + following.indent
    if 0 not in kept and 1 in kept:
        tables[1].trivia.indent = "".join(item.as_string() for _, item in _tail(tables[0])) + tables[1].trivia.indent
    if kept == list(range(len(kept))) and origin[: len(kept)] == kept:  # nothing moved: rows at the end go or come
        for at in range(len(before) - 1, len(kept) - 1, -1):
            del tables[at]
        for value in after[len(kept) :]:
            tables.append(_table(value))
        return
    made = tomlkit.aot()
    for at, was in enumerate(origin):
        made.append(tables[was] if was is not None else _table(after[at]))
    container[key] = made


def _tail(table: Any) -> list[Any]:
    """The comments behind a row's last key: they speak of what follows, and stay when the row goes."""
    body = table.value.body
    last = max((n for n, (key, _) in enumerate(body) if key is not None), default=-1)
    tail = body[last + 1 :]
    return tail if any(isinstance(item, items.Comment) for _, item in tail) else []


def _table(value: Mapping[str, Any]) -> items.Table:
    made = tomlkit.table()
    made.trivia.indent = "\n"
    for key, one in _scalars_first(value):
        made.append(key, item_of(one))
    return made


def _put_array(container: Any, key: str, before: Any, after: Any, origin: list[int | None] | None) -> bool:
    """An array changed in its text, so that its comments stay and what did not change keeps how it was written."""
    array = container[key]
    if not isinstance(array, items.Array) or not isinstance(before, list) or not isinstance(after, list):
        return False
    text = _array_text(array.as_string(), before, after, origin)
    if text is None:
        return False
    container[key] = tomlkit.parse(f"x = {text}\n")["x"]
    return True


def _array_text(source: str, before: list[Any], after: list[Any], origin: list[int | None] | None) -> str | None:
    rows = [*before, *after]
    if rows and all(isinstance(one, list) for one in rows):
        widths = _widths(after) if len({len(row) for row in rows}) > 1 else []
        return arraytext.changed(
            source, before, after, origin, lambda row: _row_text(row, widths), lambda text, old, new: _cells_text(text, old, new, widths)
        )
    return arraytext.changed(source, before, after, origin, lambda one: item_of(one, inline=True).as_string(), _item_text)


def _widths(rows: list[list[Any]]) -> list[int]:
    """How wide each column is, so that the rows of a grid that are all written anew stand below each other."""
    cells = [[item_of(cell, inline=True).as_string() for cell in row] for row in rows]
    return [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in range(max(map(len, cells), default=0))]


def _row_text(row: list[Any], widths: list[int]) -> str:
    cells = [item_of(cell, inline=True).as_string() for cell in row]
    padded = [cell.ljust(widths[at]) if at < len(widths) and at + 1 < len(cells) else cell for at, cell in enumerate(cells)]
    return f"[{', '.join(padded)}]"


def _cells_text(source: str, before: list[Any], after: list[Any], widths: list[int]) -> str:
    """A row of a grid: cells changed in place where their number stays."""
    if len(before) == len(after):
        made = arraytext.changed(
            source, before, after, list(range(len(after))), lambda one: item_of(one, inline=True).as_string(), _item_text
        )
        if made is not None:
            return made
    return _row_text(after, widths)


def _item_text(source: str, before: Any, after: Any) -> str:
    """One item of an array: an inline table is changed in place, anything else written anew."""
    if isinstance(before, list) and isinstance(after, list):
        return _array_text(source, before, after, None) or item_of(after, inline=True).as_string()
    if not isinstance(before, dict) or not isinstance(after, dict):
        return item_of(after, inline=True).as_string()
    document = tomlkit.parse(f"x = {source}\n")
    _put(document["x"], before, after, {}, "")
    return document["x"].as_string()


def item_of(value: Any, *, inline: bool = False) -> items.Item:
    """A plain value as an item of TOML; decimals keep their digits."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return tomlkit.value(text if "." in text else f"{text}.0")  # type: ignore[no-any-return]
    if isinstance(value, dict):
        if not inline:
            table = tomlkit.table()
            for key, one in _scalars_first(value):
                table.append(key, item_of(one))
            return table
        made = tomlkit.inline_table()
        for key, one in value.items():
            made.append(key, item_of(one, inline=True))
        return made
    if isinstance(value, list):
        return _list_of(value, inline=inline)
    return _text_of(value, inline=inline) if isinstance(value, str) else tomlkit.item(value)


def _text_of(value: str, *, inline: bool) -> items.Item:
    """A text as people would write it: without backslashes where there is a way."""
    plain = value.isprintable()
    if plain and ('"' in value or "\\" in value) and "'" not in value:
        return tomlkit.string(value, literal=True)
    if "\n" in value and not inline and value.replace("\n", "").isprintable() and not set(value) & {"\\", '"'}:
        made: items.Item = tomlkit.parse(f'x = """\n{value}"""\n')["x"]  # type: ignore[assignment]
        return made
    return tomlkit.item(value)


def _list_of(value: list[Any], *, inline: bool) -> items.Item:
    if _is_rows(value) and not inline:
        tables = tomlkit.aot()
        for one in value:
            tables.append(_table(one))
        return tables
    if value and all(isinstance(one, list) for one in value):
        return _aligned(value)
    made = tomlkit.array()
    long = len(value) > 1 and (_is_rows(value) or sum(len(str(one)) + 4 for one in value) > 100)
    for one in value:
        made.add_line(item_of(one, inline=True)) if long else made.append(item_of(one, inline=True))
    if long:
        made.add_line(indent="")
    return made


def _aligned(rows: list[list[Any]]) -> items.Item:
    """A grid, one row a line, its columns below each other."""
    cells = [[item_of(cell, inline=True).as_string() for cell in row] for row in rows]
    widths = [max((len(row[at]) for row in cells if at < len(row)), default=0) for at in range(max(map(len, cells)))]
    lines = "".join("  [" + ", ".join(c.ljust(w) for c, w in zip(row, widths, strict=False)).rstrip() + "],\n" for row in cells)
    made: items.Item = tomlkit.parse(f"rows = [\n{lines}]\n")["rows"]  # type: ignore[assignment]
    return made
