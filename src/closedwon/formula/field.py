"""Formulas inside policies: a field that holds one compiled, or its text whose names only the policy around it knows.

Where the names are fixed, or follow from the document alone, `Annotated[Formula, FormulaField({"amount": "money USD"}, gives="yes/no")]` is a
field that holds the compiled formula; each mistake is one of the policy, at its line and column. Where they depend on what stands around the
formula, the field is a `FormulaText`, a validator of the model around it compiles, and `refuse` raises what `mistakes` found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NoReturn

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo, WithJsonSchema
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from closedwon.base.errors import Problem
from closedwon.formula.formula import Formula, compile  # noqa: A004 - the language's own word
from closedwon.formula.types import Type, types_of

MOST = 4000
"""The most characters of a formula in a policy."""
MOST_KEPT = 10_000
Names = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The types of the names that a formula may use, or what gives them for the parsed text of the whole document."""
_DYNAMIC: dict[str, FormulaField] = {}

FormulaText = Annotated[
    str, Field(min_length=1, max_length=MOST), WithJsonSchema({"type": "string", "format": "formula", "maxLength": MOST})
]
"""The text of a formula; the model around it checks it."""


@dataclass(frozen=True, eq=False)
class FormulaField:
    """Says that a field holds a formula over these names, and the type that it must give; `about` explains names to people."""

    types: Names
    gives: str | None = None
    about: Mapping[str, str] = field(default_factory=dict)
    most: int = MOST
    made: dict[str, Formula] = field(default_factory=dict, repr=False)
    """Formulas over fixed names that were compiled already: hundreds of documents say the same."""

    def names(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The types of the names in a document. A document that cannot tell them has none."""
        if isinstance(self.types, Mapping):
            return self.types
        try:
            return self.types(given)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return {}

    def told(self, given: Mapping[str, Any]) -> dict[str, str]:
        """The names for completion, each with its type and what it means."""
        return told(self.names(given), self.about)

    def read(self, value: Any, info: ValidationInfo) -> Formula:
        """The compiled formula. Raises ValidationError with every mistake."""
        if isinstance(value, Formula):
            return value
        if not isinstance(value, str) or not value.strip():
            raise ValueError("write a formula in quotes")
        if len(value) > self.most:
            raise ValueError(f"the formula has more than {self.most} characters")
        if value in self.made:
            return self.made[value]
        made = compile(value, self.names((info.context or {}).get("given", {})), expects=self.gives)
        if made.problems:
            refuse("formula", mistakes((), made))
        if isinstance(self.types, Mapping) and len(self.made) < MOST_KEPT:
            self.made[value] = made
        return made

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """How pydantic reads the field."""
        del source, handler
        plain = core_schema.plain_serializer_function_ser_schema(lambda made: made.text if isinstance(made, Formula) else made)
        return core_schema.with_info_plain_validator_function(self.read, serialization=plain)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The field as text of the format `formula`, with the names that it may use where they are fixed."""
        del schema, handler
        made: dict[str, Any] = {"type": "string", "format": "formula", "minLength": 1, "maxLength": self.most}
        if self.gives:
            made["x-gives"] = self.gives
        if isinstance(self.types, Mapping):
            return made | {"x-names": self.told({})}
        key = f"{self.types.__module__}.{self.types.__qualname__}"
        _DYNAMIC[key] = self
        return made | {"x-names-from": key}


def names_of(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str] | None:
    """The names that a formula of that JSON Schema may use in a document; None where the schema does not tell."""
    if "x-names" in schema:
        return dict(schema["x-names"])
    known = _DYNAMIC.get(schema.get("x-names-from", ""))
    return known.told(given) if known else None


def told(types: Mapping[str, Any], about: Mapping[str, str] | None = None) -> dict[str, str]:
    """Names with their types in words, for completion."""
    kinds = types if all(isinstance(one, Type) for one in types.values()) else types_of(types)
    return {name: ": ".join(part for part in (str(kind), (about or {}).get(name, "")) if part) for name, kind in kinds.items()}


def mistakes(place: tuple[str | int, ...], formula: Formula) -> list[InitErrorDetails]:
    """The mistakes of a formula at a place below the model that checks it, as `refuse` takes them."""
    return [detail(place, problem, formula.text) for problem in formula.problems]


def detail(place: tuple[str | int, ...], problem: Problem, text: str = "") -> InitErrorDetails:
    """One mistake at a place; that in a formula's text keeps its line and column within it."""
    more = {"said": problem.message, "mend": problem.mend or "", "formula": text, "line": problem.line or 1, "column": problem.column or 0}
    return InitErrorDetails(type=PydanticCustomError("formula", "{said}", more), loc=place, input=None)


def refuse(title: str, details: Iterable[InitErrorDetails]) -> NoReturn:
    """Raise all of them at once, each at its own place."""
    raise ValidationError.from_exception_data(title, list(details))
