"""Forms made from a policy's schema: text → fields, and what was filled in → the same text with its comments.

A form is a tree of nodes. Every input is named by its place in the policy (`stages.3.name`); a list of rows also posts `stages.row` once
per row as `new index:old index`, so that rows keep their comments wherever they move. A blank input is an absent key.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from closedwon.base.policytext import MAX_TEXT
from closedwon.policies import tabletext
from closedwon.policies.schema import first_line, resolved
from closedwon.policies.tomltext import MISSING, Origins, item_of, written

WIDE = 7
"""A list of objects with more fields than this is a pile of cards instead of a grid."""
Schema = dict[str, Any]
Posted = Any
"""What a page posts: a QueryDict, or anything like it."""


@dataclass
class Node:
    """One field, group or list of a form."""

    kind: str
    path: str
    label: str
    help: str = ""
    required: bool = False
    value: Any = ""
    placeholder: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    rows: list[Node] = field(default_factory=list)
    at: int = 0
    table: Any = None

    @property
    def is_small(self) -> bool:
        """Whether it is one input."""
        return self.kind not in {"object", "grid", "cards", "pairs", "table"}

    @property
    def option_values(self) -> list[str]:
        """The values that may be chosen."""
        return [value for value, _ in self.options]

    @property
    def is_known(self) -> bool:
        """Whether its value is one of those that may be chosen."""
        return self.value in self.option_values

    @property
    def slots(self) -> list[str]:
        """What is chosen, and a blank one to choose more."""
        return [*self.value, ""]

    @property
    def is_long(self) -> bool:
        """Whether a text needs more than one line."""
        return self.kind == "text" and ("\n" in self.value or len(self.value) > 60)

    @property
    def lines(self) -> int:
        """How many lines its input shows."""
        return min(12, max(2, self.value.count("\n") + 1, len(self.value) // 60))

    @property
    def is_day(self) -> bool:
        """Whether the value is a day or blank, so that a date picker can hold it."""
        return not self.value or bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.value))


def parsed(text: str) -> dict[str, Any]:
    """The text as plain values. Raises tomllib.TOMLDecodeError."""
    return tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)


def form(schema: Schema, text: str) -> list[Node]:
    """The fields of a policy's text."""
    return _object(schema, schema, parsed(text), "")


def kind_of(schema: Schema, root: Schema) -> str:
    """How a value of that schema is filled in."""
    if schema.get("format") in {"decision-table", "percent", "money", "date"}:
        return "table" if schema["format"] == "decision-table" else str(schema["format"])
    if "enum" in schema or "const" in schema:
        return "choice"
    kind = schema.get("type")
    if kind == "array":
        return _list_kind(resolved(schema.get("items", {}), root), root)
    if kind == "object":
        if "properties" in schema:
            return "object"
        inner = resolved(schema["additionalProperties"], root) if isinstance(schema.get("additionalProperties"), dict) else {}
        return "pairs" if kind_of(inner, root) in {"text", "number", "percent", "money"} else "toml"
    return {"boolean": "yesno", "integer": "number", "number": "number", "string": "text"}.get(str(kind), "toml")


def _list_kind(inner: Schema, root: Schema) -> str:
    kind = kind_of(inner, root)
    if kind == "object":
        kinds = [kind_of(resolved(item, root), root) for item in inner["properties"].values()]
        simple = all(one in {"text", "number", "percent", "money", "date", "choice", "yesno"} for one in kinds)
        return "grid" if simple and len(kinds) <= WIDE else "cards"
    return "choices" if kind == "choice" else "lines" if kind in {"text", "number", "percent", "money", "date"} else "toml"


def show(value: Any) -> str:
    """A value as an input shows it; blank for none."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(show, value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _object(schema: Schema, root: Schema, value: Mapping[str, Any], path: str) -> list[Node]:
    must = schema.get("required", ())
    return [
        _node(resolved(item, root), root, value.get(name, MISSING), _join(path, name), name, required=name in must)
        for name, item in schema.get("properties", {}).items()
    ]


def _join(path: str, name: str | int) -> str:
    return f"{path}.{name}" if path else str(name)


def label_of(name: str) -> str:
    """A key as words."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _node(schema: Schema, root: Schema, value: Any, path: str, name: str, *, required: bool) -> Node:
    kind = kind_of(schema, root)
    kind = "toml" if not _fits(kind, value) else kind
    made = Node(kind, path, label_of(name), first_line(schema.get("description", "")), required, show(value) if kind != "toml" else "")
    default = schema.get("default", MISSING)
    made.placeholder = "" if default in (MISSING, None, "", [], {}, "0001-01-01") else show(default).replace("\n", ", ")
    if kind in {"choice", "choices", "yesno"}:
        chosen = schema if kind != "choices" else resolved(schema["items"], root)
        made.options = [("yes", "yes"), ("no", "no")] if kind == "yesno" else [(show(v), label_of(show(v))) for v in _choices(chosen)]
        made.value = [show(one) for one in value] if kind == "choices" and value is not MISSING else [] if kind == "choices" else made.value
    elif kind == "object":
        made.children = _object(schema, root, value if value is not MISSING else {}, path)
    elif kind in {"grid", "cards"}:
        _rows(made, resolved(schema["items"], root), root, value if value is not MISSING else [])
    elif kind == "pairs":
        inner = [] if value is MISSING else list(value.items())
        made.rows = [Node("pair", _join(path, at), key, value=show(one), at=at) for at, (key, one) in enumerate(inner)]
    elif kind == "table":
        made.table = tabletext.shown(value if value is not MISSING else {}, path)
    elif kind == "toml":
        made.value = "" if value is MISSING else item_of(value, inline=True).as_string()
    return made


def _choices(schema: Schema) -> list[Any]:
    return list(schema.get("enum", [schema.get("const")]))


def _fits(kind: str, value: Any) -> bool:
    """Whether a value is of the shape that the field of that kind shows; another one is shown as text of TOML."""
    if value is MISSING:
        return True
    if kind in {"grid", "cards"}:
        return isinstance(value, list) and all(isinstance(one, dict) for one in value)
    if kind in {"lines", "choices"}:
        return isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)
    if kind in {"object", "pairs", "table"}:
        return isinstance(value, dict) and (kind != "pairs" or not any(isinstance(one, dict | list) for one in value.values()))
    return not isinstance(value, dict | list)


def _rows(made: Node, inner: Schema, root: Schema, value: list[Any]) -> None:
    made.children = _object(inner, root, {}, made.path)  # the heads of the columns
    for at, one in enumerate(value):
        row = Node("row", _join(made.path, at), _title(one, at), children=_object(inner, root, one, _join(made.path, at)), at=at)
        made.rows.append(row)


def _title(row: Mapping[str, Any], at: int) -> str:
    named = next((show(row[key]) for key in ("label", "name", "id", "rule", "key", "since") if show(row.get(key))), "")
    return named or f"Row {at + 1}"


def filled(schema: Schema, text: str, posted: Posted, only: str = "") -> str:
    """The text with what was filled in; `only` is the place of the one field that the page showed. Raises tomllib.TOMLDecodeError."""
    if len(text) > MAX_TEXT:
        raise ValueError("the text is too long to be a policy")
    before = parsed(text)
    origins: Origins = {}
    after = _read_object(schema, schema, before, "", posted, origins, only)
    return written(text, before, after, origins)


def _read_object(
    schema: Schema, root: Schema, before: Mapping[str, Any], path: str, posted: Posted, origins: Origins, only: str = ""
) -> dict[str, Any]:
    after = dict(before)  # keys that the schema does not know stay, for the check to tell
    for name, item in schema.get("properties", {}).items():
        place = _join(path, name)
        if only and not (place == only or only.startswith(f"{place}.") or place.startswith(f"{only}.")):
            continue
        value = _read(resolved(item, root), root, before.get(name, MISSING), place, posted, origins, only)
        if value is MISSING:
            after.pop(name, None)
        else:
            after[name] = value
    return after


def _read(schema: Schema, root: Schema, before: Any, path: str, posted: Posted, origins: Origins, only: str = "") -> Any:
    kind = kind_of(schema, root)
    kind = "toml" if not _fits(kind, before) else kind
    if kind == "object":
        made = _read_object(schema, root, before if before is not MISSING else {}, path, posted, origins, only)
        return made if made or before is not MISSING else MISSING
    if kind in {"grid", "cards"}:
        return _read_rows(resolved(schema["items"], root), root, before, path, posted, origins, only)
    if kind == "pairs":
        return _read_pairs(before, path, posted)
    if kind == "table":
        return tabletext.read(before, path, posted, origins) if f"{path}.hit" in posted else before
    if path not in posted and kind != "choices":
        return before
    return _read_small(kind, schema, root, before, path, posted)


def _read_small(kind: str, schema: Schema, root: Schema, before: Any, path: str, posted: Posted) -> Any:
    if kind == "choices":
        if f"{path}.some" not in posted:
            return before
        chosen = [one for one in posted.getlist(path) if one]
        if chosen == ([] if before is MISSING else [show(one) for one in before]):
            return before
        return [_choice(one, resolved(schema["items"], root)) for one in chosen] or MISSING
    given = str(posted.get(path, "")).replace("\r\n", "\n").strip()
    if kind == "toml":
        return _read_toml(given, before)
    if given == show(before).strip():
        return before
    if not given:
        return MISSING
    if kind == "lines":
        inner = resolved(schema["items"], root)
        return [_scalar(kind_of(inner, root), line.strip()) for line in given.split("\n") if line.strip()]
    return _choice(given, schema) if kind == "choice" else _scalar(kind, given)


def _read_toml(given: str, before: Any) -> Any:
    if not given:
        return MISSING
    try:
        return parsed(f"value = {given}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return given if before is MISSING or given != before else before


def _choice(given: str, schema: Schema) -> Any:
    return next((value for value in _choices(schema) if show(value) == given), given)


def _scalar(kind: str, given: str) -> Any:
    """The value that a filled-in text means; text that means none stays text, for the check to tell."""
    try:
        if kind == "yesno":
            return {"yes": True, "no": False}.get(given, given)
        if kind == "number":
            exact = Decimal(given.replace(",", "") if "." in given or given.count(",") == 1 else given)
            return given if not exact.is_finite() else int(exact) if exact == exact.to_integral_value() and "." not in given else exact
        if kind == "date":
            return date.fromisoformat(given)
        if kind == "percent":
            return given if given.endswith("%") or not given.replace(".", "", 1).isdigit() else f"{given}%"
    except (ValueError, ArithmeticError):
        return given
    return given


def row_marks(posted: Posted, path: str) -> list[tuple[str, int | None]]:
    """The rows that a list posts, in their order: the index of their inputs, and the old index or None for a new one."""
    made = []
    for mark in posted.getlist(f"{path}.row")[:5001]:
        at, _, was = str(mark).partition(":")
        if at.isdigit():
            made.append((at, int(was) if was.isdigit() else None))
    return made


def _read_rows(inner: Schema, root: Schema, before: Any, path: str, posted: Posted, origins: Origins, only: str) -> Any:
    if f"{path}.some" not in posted:
        if not only or before is MISSING:
            return before
        return [_read_object(inner, root, one, _join(path, at), posted, origins, only) for at, one in enumerate(before)]
    old = [] if before is MISSING else before
    made: list[Any] = []
    origin: list[int | None] = []
    for at, was in row_marks(posted, path):
        known = was if was is not None and was < len(old) and was not in origin else None
        made.append(_read_object(inner, root, old[known] if known is not None else {}, f"{path}.{at}", posted, origins))
        origin.append(known)
    origins[path] = origin
    return made if made or before is not MISSING else MISSING


def _read_pairs(before: Any, path: str, posted: Posted) -> Any:
    if f"{path}.some" not in posted:
        return before
    old = {} if before is MISSING else before
    made: dict[str, Any] = {}
    for at, _was in row_marks(posted, path):
        key, value = str(posted.get(f"{path}.{at}.key", "")).strip(), str(posted.get(f"{path}.{at}.value", "")).strip()
        if key:
            made[key] = old[key] if key in old and show(old[key]) == value else value
    return made if made or before is not MISSING else MISSING


def pressed(schema: Schema, text: str, press: str) -> str:
    """The text after a button of a list or grid, as `add:stages`, `del:stages:2`, `up:types.0.rows:1`, `add:approvers.inputs`.

    Raises ValueError for a button that no page has.
    """
    verb, _, rest = press.partition(":")
    place, _, number = rest.partition(":")
    at = int(number) if number.isdigit() else 0
    if verb not in {"add", "del", "up", "down", "copy"} or not place or (number and not number.isdigit()):
        raise ValueError(f"there is no button {press!r}")
    before = parsed(text)
    origins: Origins = {}
    after = _press(schema, schema, before, place.split("."), (verb, at, place), origins)
    return written(text, before, after, origins)


def _press(schema: Schema, root: Schema, value: Any, parts: list[str], button: tuple[str, int, str], origins: Origins) -> Any:
    """The value with the button's change at the place that the parts lead to."""
    verb, at, place = button
    kind = kind_of(schema, root)
    if not parts:
        if kind == "pairs":
            return _press_pairs(value or {}, verb, at)
        rows = value if isinstance(value, list) else []
        origins[place] = tabletext.moved(list(range(len(rows))), verb, at, None) if verb != "copy" else _copied(len(rows), at)
        return tabletext.moved(rows, verb, at, {})
    if kind == "table":
        return tabletext.changed(value or {}, verb, parts[0], at)
    head, rest = parts[0], parts[1:]
    if kind == "object":
        inner = resolved(schema["properties"][head], root) if head in schema["properties"] else None
        if inner is None or not isinstance(value, dict):
            raise ValueError(f"there is no list {place!r}")
        return (
            {**value, head: _press(inner, root, value.get(head), rest, button, origins)}
            if head in value or rest or verb == "add"
            else value
        )
    if kind in {"grid", "cards"} and head.isdigit() and isinstance(value, list) and int(head) < len(value):
        inner = resolved(schema["items"], root)
        return [_press(inner, root, one, rest, button, origins) if n == int(head) else one for n, one in enumerate(value)]
    raise ValueError(f"there is no list {place!r}")


def _copied(count: int, at: int) -> list[int | None]:
    made: list[int | None] = list(range(count))
    if at < count:
        made.insert(at + 1, None)
    return made


def _press_pairs(value: Mapping[str, Any], verb: str, at: int) -> dict[str, Any]:
    pairs = list(value.items())
    if verb == "add":
        name = next(one for one in ("new", *(f"new-{n}" for n in range(2, 1000))) if one not in value)
        return {**value, name: ""}
    return dict(pairs[:at] + pairs[at + 1 :]) if verb == "del" else dict(value)
