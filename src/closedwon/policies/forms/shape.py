"""How a value of a schema is filled in, and how it shows: pure questions that showing, reading and buttons share."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from closedwon.policies.schema import resolved
from closedwon.policies.tomltext import MISSING, item_of

WIDE = 7
"""A list of objects with more fields than this is a pile of cards instead of a grid."""
MOST_ROWS = 5000
Schema = dict[str, Any]
Posted = Any
"""What a page posts: a QueryDict, or anything like it."""

SCALARS = frozenset({"text", "number", "percent", "money", "date", "choice", "yesno", "formula", "document", "row", "scalar", "any"})
"""Kinds that are one input."""
CELLS = SCALARS - {"formula", "any"}
"""Kinds that fit into a cell of a grid."""
FORMATS = {"decision-table": "table"} | {name: name for name in ("percent", "money", "date", "formula", "document", "row", "any")}


def kind_of(schema: Schema, root: Schema) -> str:
    """How a value of that schema is filled in."""
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if "enum" in schema or "const" in schema:
        return "choice"
    if "oneOf" in schema or "anyOf" in schema:
        return _choice_kind(_members(schema, root), root)
    kind = schema.get("type")
    if kind == "array":
        return _list_kind(resolved(schema.get("items", {}), root), root)
    if kind == "object":
        if "properties" in schema:
            return "object"
        inner = kind_of(value_schema(schema, root), root)
        return "pairs" if inner in SCALARS else "named" if inner in {"object", "table", "union"} else "toml"
    return {"boolean": "yesno", "integer": "number", "number": "number", "string": "text"}.get(str(kind), "toml")


def value_schema(schema: Schema, root: Schema) -> Schema:
    """The schema of the values of a mapping."""
    inner = schema.get("additionalProperties")
    return resolved(inner, root) if isinstance(inner, dict) else {}


def item_schema(schema: Schema, root: Schema) -> Schema:
    """The schema of the items of a list, also of a list or one."""
    if "items" not in schema:
        schema = next((one for one in _members(schema, root) if one.get("type") == "array"), schema)
    return resolved(schema.get("items", {}), root)


def _members(schema: Schema, root: Schema) -> list[Schema]:
    found = [resolved(one, root) for one in schema.get("oneOf") or schema.get("anyOf") or ()]
    return [one for one in found if one.get("type") != "null"]


def _choice_kind(members: list[Schema], root: Schema) -> str:
    kinds = [kind_of(one, root) for one in members]
    if all(kind == "object" for kind in kinds):
        return "union" if discriminator({"oneOf": members}, root) else "toml"
    if set(kinds) <= {"choice", "text"}:
        return "text"
    if set(kinds) <= {"number", "text", "percent", "yesno", "choice", "money"}:
        return "scalar"
    return "few" if set(kinds) <= {"text", "choice", "lines", "choices"} else "toml"


def _list_kind(inner: Schema, root: Schema) -> str:
    kind = kind_of(inner, root)
    if kind == "object":
        kinds = [kind_of(resolved(item, root), root) for item in inner["properties"].values()]
        return "grid" if set(kinds) <= CELLS and len(kinds) <= WIDE else "cards"
    if kind in {"table", "union"}:
        return "cards"
    if kind in {"few", "lines"} and kind_of(item_schema(inner, root), root) in {"text", "choice", "row"}:
        return "several"
    return "choices" if kind in {"choice", "document", "row"} else "lines" if kind in SCALARS else "toml"


def discriminator(schema: Schema, root: Schema) -> str:
    """The key that tells the variants of a choice between objects apart, empty where none does."""
    named = schema.get("discriminator", {}).get("propertyName")
    if named:
        return str(named)
    members = _members(schema, root)
    shared = set.intersection(*(set(one.get("properties", {})) for one in members)) if members else set()
    return (
        next((key for key in members[0].get("properties", {}) if key in shared and all(_marks(one, key, root) for one in members)), "")
        if members
        else ""
    )


def _marks(member: Schema, key: str, root: Schema) -> list[Any]:
    return choices(resolved(member["properties"][key], root))


def variants(schema: Schema, root: Schema) -> list[tuple[str, Schema]]:
    """The values of the discriminating key, each with the schema of its object."""
    key = discriminator(schema, root)
    return [(show(value), one) for one in _members(schema, root) for value in _marks(one, key, root)]


def variant(schema: Schema, root: Schema, value: Any) -> Schema | None:
    """The object's schema that a value of a choice between objects is of, None where that is not told yet."""
    mark = show(value.get(discriminator(schema, root))) if isinstance(value, Mapping) else ""
    return next((one for name, one in variants(schema, root) if name == mark), None)


def choices(schema: Schema) -> list[Any]:
    """The values that may be chosen."""
    if "enum" in schema:
        return list(schema["enum"])
    return [schema["const"]] if "const" in schema else []


def fits(kind: str, value: Any) -> bool:
    """Whether a value is of the shape that the field of that kind shows; another one is shown as text of TOML."""
    if value is MISSING:
        return True
    if kind in {"grid", "cards"}:
        return isinstance(value, list) and all(isinstance(one, dict) for one in value)
    if kind in {"lines", "choices"}:
        return isinstance(value, list) and not any(isinstance(one, dict | list) for one in value)
    if kind == "few":
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) and "\n" not in one for one in value))
    if kind == "several":
        plain = [one for item in value for one in (item if isinstance(item, list) else [item])] if isinstance(value, list) else [None]
        return all(isinstance(one, str) and not set(one) & {",", "\n"} for one in plain)
    if kind in {"object", "pairs", "table", "union"}:
        return isinstance(value, dict)
    if kind == "named":
        return isinstance(value, dict) and all(isinstance(one, dict) for one in value.values())
    return not isinstance(value, dict | list)


def settled(kind: str, value: Any) -> str:
    """The kind of field that shows the value: another shape than the schema's is shown as names and values, or as text of TOML."""
    if fits(kind, value):
        return kind
    plain = kind == "named" and isinstance(value, dict) and not any(isinstance(one, dict | list) for one in value.values())
    return "pairs" if plain else "toml"


def show(value: Any) -> str:
    """A value as an input shows it; blank for none."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(", ".join(map(show, one)) if isinstance(one, list) else show(one) for one in value)
    return value.isoformat() if isinstance(value, date) else str(value)


def scalar(kind: str, given: str) -> Any:
    """The value that a filled-in text means; text that means none stays text, for the check to tell."""
    try:
        if kind == "yesno":
            return {"yes": True, "no": False}.get(given, given)
        if kind == "number":
            exact = Decimal(given.replace(",", "") if "." in given or given.count(",") == 1 else given)
            return given if not exact.is_finite() else int(exact) if exact == exact.to_integral_value() and "." not in given else exact
        if kind == "scalar":
            plain = given.lstrip("+-")
            return scalar("number", given) if plain.replace(".", "", 1).isdigit() else scalar("yesno", given)
        if kind == "date":
            return date.fromisoformat(given)
        if kind == "percent":
            return given if given.endswith("%") or not given.replace(".", "", 1).isdigit() else f"{given}%"
    except (ValueError, ArithmeticError):
        return given
    return given


def show_any(value: Any) -> str:
    """A value as one line of text: lists and mappings as TOML, anything else as an input shows it."""
    return item_of(value, inline=True).as_string() if isinstance(value, dict | list) else show(value)


def any_value(given: str, like: Any = MISSING) -> Any:
    """The value that a line of text means: of the kind that it was, else a list, mapping, number, day, yes or no, or the text itself."""
    if given[:1] in {"[", "{"}:
        try:
            return tomllib.loads(f"value = {given}", parse_float=Decimal)["value"]
        except tomllib.TOMLDecodeError:
            return given
    if isinstance(like, str) and given not in {"yes", "no"}:
        return given
    return scalar("date", given) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", given) else scalar("scalar", given)


def joined(path: str, name: str | int) -> str:
    """A place below another one."""
    return f"{path}.{name}" if path else str(name)


def label_of(name: str) -> str:
    """A key as words."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
