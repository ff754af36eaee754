"""The JSON Schema of a kind of policy, as editors take it and as the forms are made from; percentages and money stand as people write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from closedwon.policies.registry import PolicyKind

PERCENT = r"^\s*[+-]?\d{1,6}(\.\d{1,4})?\s*%\s*$"


class _Texts(GenerateJsonSchema):
    """Fields with a reader of their own stand as text: that is how people write them."""

    def function_before_schema(self, schema: Any) -> Any:
        """Percent and Money as text."""
        name = getattr(schema.get("function", {}).get("function"), "__name__", "")
        if name == "_ppm":
            return {"type": "string", "format": "percent", "pattern": PERCENT, "examples": ["12.5%"]}
        if name == "_amount":
            return {"type": "string", "format": "money", "examples": ["25,000 USD"]}
        return super().function_before_schema(schema)

    def default_schema(self, schema: Any) -> Any:
        """A default of parts per million as a percentage."""
        made = super().default_schema(schema)
        if made.get("format") == "percent" and isinstance(made.get("default"), int):
            made["default"] = f"{made['default'] / 10_000:g}%"
        return made


@lru_cache(maxsize=256)
def schema_of(kind: PolicyKind) -> dict[str, Any]:
    """The kind's JSON Schema; it is shared, so nobody changes it."""
    made: dict[str, Any] = kind.model.model_json_schema(mode="validation", schema_generator=_Texts)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": kind.title, "description": kind.about}


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema with its reference followed and a choice with null taken as optional; its own words win over those of what it refers to."""
    own = {key: value for key, value in schema.items() if key not in {"$ref", "allOf", "anyOf"}}
    if "$ref" in schema:
        return {**resolved(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]], root), **own}
    if len(schema.get("allOf", ())) == 1:
        return {**resolved(schema["allOf"][0], root), **own}
    if "anyOf" in schema:
        rest = [item for item in schema["anyOf"] if item.get("type") != "null"]
        if len(rest) == 1:
            return {**resolved(rest[0], root), **own, "nullable": True}
        if {item.get("type") for item in rest} == {"number", "string"}:  # how pydantic says Decimal
            return {"type": "number", **own}
    return schema


def keys_of(schema: dict[str, Any], names: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    """The keys that may stand in each table of the text, by the table's path without numbers: name, help, and values where they are few.

    A key of a formula has the names that it may use; `names` gives them by its path where the schema does not tell. The entries of a mapping,
    which the company names itself, stand under `*`.
    """
    return dict(_keys(schema, schema, "", names or {}))


def _keys(
    schema: dict[str, Any], root: dict[str, Any], path: str, names: Mapping[str, Mapping[str, str]], depth: int = 0
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    found = []
    inner = []
    for name, item in schema.get("properties", {}).items():
        made = resolved(item, root)
        part = resolved(made.get("items", {}), root) if made.get("type") == "array" else made
        values = [f'"{value}"' if isinstance(value, str) else str(value) for value in part.get("enum", ())]
        values = ["true", "false"] if made.get("type") == "boolean" else values
        place = f"{path}.{name}" if path else name
        key = {"key": name, "about": first_line(made.get("description", "")), "values": values, "must": name in schema.get("required", ())}
        if part.get("format") == "formula":
            key["names"] = dict(part.get("x-names") or names.get(place, {}))
        found.append(key)
        if isinstance(part.get("additionalProperties"), dict):
            place, part = f"{place}.*", resolved(part["additionalProperties"], root)
        inner += [(place, one) for one in _objects(part, root) if depth < 6]
    yield path, found
    merged: dict[str, list[dict[str, Any]]] = {}
    for where, part in inner:
        for place, keys in _keys(part, root, where, names, depth + 1):
            known = {one["key"] for one in merged.setdefault(place, [])}
            merged[place] += [one for one in keys if one["key"] not in known]
    yield from merged.items()


def _objects(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects that a value may be: one, or several to choose from."""
    members = [resolved(one, root) for one in schema.get("oneOf", schema.get("anyOf", ()))] or [schema]
    return [one for one in members if "properties" in one]


def first_line(text: str) -> str:
    """The first paragraph of a description, on one line."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())
