"""The JSON Schema of a kind of policy, as editors take it and as the forms are made from; percentages and money stand as people write them."""

from __future__ import annotations

from collections.abc import Iterator
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


def schema_of(kind: PolicyKind) -> dict[str, Any]:
    """The kind's JSON Schema."""
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


def keys_of(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The keys that may stand in each table of the text, by the table's path without numbers: name, help, and values where they are few."""
    return dict(_keys(schema, schema, ""))


def _keys(schema: dict[str, Any], root: dict[str, Any], path: str, depth: int = 0) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    found = []
    inner = []
    for name, item in schema.get("properties", {}).items():
        made = resolved(item, root)
        part = resolved(made.get("items", {}), root) if made.get("type") == "array" else made
        values = [f'"{value}"' if isinstance(value, str) else str(value) for value in part.get("enum", ())]
        values = ["true", "false"] if made.get("type") == "boolean" else values
        found.append(
            {"key": name, "about": first_line(made.get("description", "")), "values": values, "must": name in schema.get("required", ())}
        )
        if "properties" in part and depth < 6:
            inner.append((f"{path}.{name}" if path else name, part))
    yield path, found
    for where, part in inner:
        yield from _keys(part, root, where, depth + 1)


def first_line(text: str) -> str:
    """The first paragraph of a description, on one line."""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())
