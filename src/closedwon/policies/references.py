"""Names in a policy that must be names of something: a document of a collection (`DocumentName`), or a row of the same document (`RowName`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from closedwon.policies.forms import shape
from closedwon.policies.forms.shape import Schema
from closedwon.policies.schema import resolved

Place = tuple[str | int, ...]
Found = tuple[Place, str, Schema]
"""Where a name stands, the name, and the schema that says what it names."""


def named(schema: Schema, value: Any) -> list[Found]:
    """Every name in a parsed text that must be a name of something."""
    return list(_named(schema, schema, value, ()))


def _named(schema: Schema, root: Schema, value: Any, place: Place) -> Iterator[Found]:
    kind = shape.kind_of(schema, root)
    if kind in {"document", "row"} and isinstance(value, str):
        yield place, value, schema
    elif kind == "union" and isinstance(value, Mapping):
        chosen = shape.variant(schema, root, value)
        yield from _named(chosen, root, value, place) if chosen else ()
    elif isinstance(value, Mapping) and kind != "table":
        inner = shape.value_schema(schema, root)
        for key, one in value.items():
            part = schema.get("properties", {}).get(key)
            yield from _named(resolved(part, root) if part else inner, root, one, (*place, key)) if part or inner else ()
    elif isinstance(value, list):
        inner = shape.item_schema(schema, root)
        for at, one in enumerate(value):
            yield from _named(inner, root, one, (*place, at)) if inner else ()


def names_any(schema: Schema) -> set[str]:
    """The kinds whose documents a kind's policies may name; `""` where they name rows of themselves."""
    found: set[str] = set()
    stack: list[Any] = [schema]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            found |= {str(one.get("x-kind"))} if one.get("format") == "document" else {""} if one.get("format") == "row" else set()
            stack += one.values()
        elif isinstance(one, list):
            stack += one
    return found


def unknown(schema: Schema, value: Mapping[str, Any], documents: Callable[[str], Collection[str]]) -> Iterator[tuple[Place, str, str]]:
    """The names that name nothing: where each stands, what is wrong, and the mend."""
    for place, name, said in named(schema, value):
        if said["format"] == "document":
            known, what = list(documents(str(said["x-kind"]))), f"document {said['x-kind']}/{name}"
        else:
            known, what = rows(value, said, place), f"{str(said['x-rows']).rpartition('.')[2]} {name!r}"
        if name not in known:
            near = get_close_matches(name, known, 1)
            there = f"There are: {', '.join(sorted(known)[:12])}." if known else "There is none yet."
            yield place, f"there is no {what}", f"Did you mean {near[0]!r}?" if near else there


def rows(given: Any, schema: Schema, place: Place) -> list[str]:
    """The names of the rows that a name at a place may be of."""
    found: Any = given
    for at, part in enumerate(str(schema["x-rows"]).split(".")):
        try:
            found = found[place[at]] if part == "*" else found[part]
        except (KeyError, IndexError, TypeError):
            return []
    if isinstance(found, Mapping):
        return [str(name) for name in found]
    names = [one.get(schema["x-key"]) for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    return [str(name) for name in names if name]
