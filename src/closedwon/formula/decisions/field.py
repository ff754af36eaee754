"""Decision tables inside policies: `TableField` is a field of a policy that holds one, and `findings` is what the linter says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, PlainValidator, ValidationError, WithJsonSchema
from pydantic_core import InitErrorDetails, PydanticCustomError

from closedwon.base.errors import Problem
from closedwon.formula.decisions.lint import Lint, lint
from closedwon.formula.decisions.table import AGGREGATES, HIT_POLICIES, DecisionTable, build
from closedwon.formula.decisions.values import KINDS

Place = tuple[str | int, ...]


def place_of(problem: Problem, given: Mapping[str, Any]) -> Place:
    """Where in the table's text a problem of `build` stands."""
    columns = [*_columns(given, "inputs"), *_columns(given, "outputs")]
    if problem.row is None:
        return tuple(int(part) if part.isdigit() else part for part in (problem.field or "").split(".") if part)
    row: Place = ("rows", problem.row - 1)
    return (*row, columns.index(problem.field)) if problem.field in columns else row


def _columns(given: Mapping[str, Any], use: str) -> list[str]:
    columns = given.get(use)
    return [str(column.get("name", "")) for column in columns if isinstance(column, Mapping)] if isinstance(columns, list) else []


def _table(given: Any) -> DecisionTable:
    if isinstance(given, DecisionTable):
        return given
    if not isinstance(given, Mapping):
        raise ValueError("write a decision table with inputs, outputs, hit and rows")  # noqa: TRY004 - pydantic wants a ValueError
    made, problems = build(given)
    if made is None:
        raise ValidationError.from_exception_data("decision table", [_detail(problem, given) for problem in problems])
    return made


def _detail(problem: Problem, given: Mapping[str, Any]) -> InitErrorDetails:
    told = {"said": problem.message, "mend": problem.mend or ""}
    return InitErrorDetails(type=PydanticCustomError("table", "{said}", told), loc=place_of(problem, given), input=None)


_COLUMN = {
    "name": {"type": "string", "minLength": 1, "maxLength": 80},
    "type": {"enum": list(KINDS)},
    "values": {"type": "array", "description": "The values that it can take; for outputs the most important first."},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "format": "decision-table",
    "description": "A decision table: typed inputs and outputs, a hit policy, and rows of cells (inputs, outputs, then an optional note).",
    "additionalProperties": False,
    "required": ["table", "inputs", "outputs", "rows"],
    "properties": {
        "table": {"type": "string", "minLength": 1, "maxLength": 120},
        "hit": {"enum": list(HIT_POLICIES), "default": "UNIQUE"},
        "aggregate": {"enum": list(AGGREGATES), "default": "list"},
        "reference": {"type": "string"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "type"],
                "properties": {**_COLUMN, "nullable": {"type": "boolean"}},
            },
        },
        "outputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "type"],
                "properties": {**_COLUMN, "default": {}, "monotone": {"type": "object", "additionalProperties": {"enum": ["up", "down"]}}},
            },
        },
        "rows": {"type": "array", "items": {"type": "array"}},
    },
}
"""The JSON Schema of a decision table in a policy."""

TableField = Annotated[DecisionTable, PlainValidator(_table), WithJsonSchema(SCHEMA)]
"""A decision table as a field of a policy; each mistake in it is a mistake of the policy, at the line of its row."""


def tables_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, DecisionTable]]:
    """Every decision table within a policy, with its place."""
    if isinstance(value, DecisionTable):
        yield place, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from tables_in(getattr(value, name), (*place, name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from tables_in(inner, (*place, str(key)))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for at, inner in enumerate(value):
            yield from tables_in(inner, (*place, at))


def findings(value: Any) -> list[tuple[Place, DecisionTable, Lint]]:
    """What the linter finds in the decision tables of a policy, each with the place of the cell or row that it is about, or of the table."""
    return [
        ((*place, "rows", found.rows[0] - 1, *(() if found.cell is None else (found.cell,))) if found.rows else place, table, found)
        for place, table in tables_in(value)
        for found in lint(table)
    ]
