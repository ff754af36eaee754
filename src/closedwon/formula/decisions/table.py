"""A decision table: typed inputs and outputs, rows of tests, a hit policy; read from TOML, evaluated for one record.

Hit policies are those of DMN 1.4: UNIQUE, ANY, PRIORITY, FIRST give one row of outputs; COLLECT, RULE ORDER and OUTPUT ORDER give several;
COLLECT with sum, min, max or count gives one number. Two rows that hit where UNIQUE allows one, or that differ where ANY wants them equal,
are an error value, never a silent choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from closedwon.base.errors import Problem
from closedwon.formula.decisions.cells import Test, parse_cell
from closedwon.formula.decisions.values import BadLiteral, Kind, Value, parse_value

HIT_POLICIES = ("UNIQUE", "ANY", "PRIORITY", "FIRST", "COLLECT", "RULE ORDER", "OUTPUT ORDER")
AGGREGATES = ("list", "sum", "min", "max", "count")
SINGLE = frozenset({"UNIQUE", "ANY", "PRIORITY", "FIRST"})
MAX_ROWS = 5000


@dataclass(frozen=True)
class Input:
    """An input column: its name, kind, and, if closed, the values it can take."""

    name: str
    kind: Kind
    values: tuple[Value, ...] = ()
    nullable: bool = False


@dataclass(frozen=True)
class Output:
    """An output column. `values` gives the order for PRIORITY and OUTPUT ORDER, most important first; `default` holds where no row hits.

    `monotone` names the direction in which the output may move as an input grows: {"discount": "up"}.
    """

    name: str
    kind: Kind
    values: tuple[Value, ...] = ()
    default: Value | None = None
    monotone: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One rule: a test per input, a value per output, and a note for people."""

    number: int
    tests: tuple[Test, ...]
    outputs: tuple[Value | None, ...]
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a table says of one record.

    `value` is a mapping of outputs for single hits, a list of them for several, a number for an aggregate, None where nothing hits and there
    is no default. `rows` are the numbers of the rows that hit. `error` is set where the hit policy is broken; then `value` is None.
    """

    value: Any
    rows: tuple[int, ...]
    error: str | None = None


@dataclass(frozen=True)
class DecisionTable:
    """A typed grid and its hit policy."""

    name: str
    hit: str
    aggregate: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    reference: str = ""

    def hits(self, record: Mapping[str, Any]) -> list[Row]:
        """The rows whose every test is true, in rule order. A missing input counts as null."""
        given = [record.get(column.name) for column in self.inputs]
        return [row for row in self.rows if all(test.match(value) is True for test, value in zip(row.tests, given, strict=True))]

    def evaluate(self, record: Mapping[str, Any]) -> Outcome:
        """What the table says of `record`, a mapping of input names to exact values."""
        found = self.hits(record)
        numbers = tuple(row.number for row in found)
        if self.hit in SINGLE:
            return self._single(found, numbers)
        if self.hit == "COLLECT" and self.aggregate != "list":
            return Outcome(_aggregate(self.aggregate, [row.outputs[0] for row in found]), numbers)
        ordered = sorted(found, key=self.priority) if self.hit == "OUTPUT ORDER" else found
        if not ordered and self.has_default:
            return Outcome([self.default], ())
        return Outcome([self.named(row) for row in ordered], tuple(row.number for row in ordered))

    def _single(self, found: list[Row], numbers: tuple[int, ...]) -> Outcome:
        if not found:
            return Outcome(self.default if self.has_default else None, ())
        if self.hit == "UNIQUE" and len(found) > 1:
            return Outcome(None, numbers, f"rows {_listed(numbers)} hit, and UNIQUE allows one")
        if self.hit == "ANY" and len({row.outputs for row in found}) > 1:
            return Outcome(None, numbers, f"rows {_listed(numbers)} hit with different outputs, and ANY wants them equal")
        chosen = min(found, key=self.priority) if self.hit == "PRIORITY" else found[0]
        return Outcome(self.named(chosen), numbers)

    def priority(self, row: Row) -> tuple[int, ...]:
        """Where a row stands in the declared order of output values; smaller is more important, then rule order."""
        ranks = [
            column.values.index(value) if value in column.values else len(column.values)
            for column, value in zip(self.outputs, row.outputs, strict=True)
        ]
        return (*ranks, row.number)

    def named(self, row: Row) -> dict[str, Value | None]:
        """A row's outputs by name."""
        return {column.name: value for column, value in zip(self.outputs, row.outputs, strict=True)}

    @property
    def has_default(self) -> bool:
        """Whether any output has a default."""
        return any(column.default is not None for column in self.outputs)

    @property
    def default(self) -> dict[str, Value | None]:
        """The outputs where no row hits."""
        return {column.name: column.default for column in self.outputs}


def _listed(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"


def _aggregate(how: str, found: list[Value | None]) -> Any:
    if how == "count":
        return Decimal(len(found))
    known = [value for value in found if value is not None]
    if not known:
        return None
    return sum(known, Decimal(0)) if how == "sum" else (min(known) if how == "min" else max(known))  # type: ignore[type-var]


class _Column(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=80)
    type: str
    values: list[Any] = []


class _InputText(_Column):
    nullable: bool = False


class _OutputText(_Column):
    default: Any = None
    monotone: dict[str, str] = {}


class TableText(BaseModel):
    """A decision table as people write it: `inputs`, `outputs`, `hit`, and a grid of `rows` (inputs, outputs, then an optional note)."""

    model_config = ConfigDict(extra="forbid")
    table: str = Field(min_length=1, max_length=120)
    hit: str = "UNIQUE"
    aggregate: str = "list"
    reference: str = ""
    inputs: list[_InputText] = Field(min_length=1, max_length=50)
    outputs: list[_OutputText] = Field(min_length=1, max_length=50)
    rows: list[list[Any]] = Field(max_length=MAX_ROWS)


def build(given: Mapping[str, Any], file: str | None = None) -> tuple[DecisionTable | None, list[Problem]]:
    """The table that parsed TOML stands for, or every problem in it, with row and column named."""
    try:
        text = TableText.model_validate(given)
    except ValidationError as error:
        return None, [Problem(item["msg"], file, field=".".join(map(str, item["loc"]))) for item in error.errors()]
    problems = _check_shape(text, file)
    if problems:
        return None, problems
    inputs = tuple(Input(c.name, c.type, _values(c, problems, file), c.nullable) for c in text.inputs)  # type: ignore[arg-type]
    outputs = tuple(
        Output(c.name, c.type, _values(c, problems, file), _literal(c.default, c, problems, file, None), dict(c.monotone))  # type: ignore[arg-type]
        for c in text.outputs
    )
    rows = tuple(_row(number, cells, text, problems, file) for number, cells in enumerate(text.rows, 1))
    made = DecisionTable(text.table, text.hit.upper(), text.aggregate, inputs, outputs, rows, text.reference)
    return (None, problems) if problems else (made, [])


def _check_shape(text: TableText, file: str | None) -> list[Problem]:
    found: list[Problem] = []
    if text.hit.upper() not in HIT_POLICIES:
        found.append(Problem(f"unknown hit policy {text.hit!r}", file, field="hit", mend=f"Use one of {', '.join(HIT_POLICIES)}"))
    if text.aggregate not in AGGREGATES:
        found.append(Problem(f"unknown aggregate {text.aggregate!r}", file, field="aggregate", mend=f"Use one of {', '.join(AGGREGATES)}"))
    elif text.aggregate != "list" and text.hit.upper() != "COLLECT":
        found.append(Problem("an aggregate needs the hit policy COLLECT", file, field="aggregate"))
    elif text.aggregate in {"sum", "min", "max"} and (len(text.outputs) > 1 or text.outputs[0].type not in {"number", "money", "percent"}):
        found.append(Problem(f"{text.aggregate} needs exactly one numeric output", file, field="outputs"))
    known = set(values_kinds())
    names = [column.name for column in (*text.inputs, *text.outputs)]
    for column in (*text.inputs, *text.outputs):
        if column.type not in known:
            found.append(
                Problem(f"column {column.name!r} has the unknown type {column.type!r}", file, mend=f"Use one of {', '.join(known)}")
            )
        if names.count(column.name) > 1:
            found.append(Problem(f"two columns are named {column.name!r}", file))
    found += [
        Problem(f"output {column.name!r} needs its values in order of priority", file, mend="List them in `values`, most important first")
        for column in text.outputs
        if text.hit.upper() in {"PRIORITY", "OUTPUT ORDER"} and not column.values
    ]
    wanted = len(text.inputs) + len(text.outputs)
    for number, cells in enumerate(text.rows, 1):
        if len(cells) not in {wanted, wanted + 1}:
            found.append(Problem(f"the row has {len(cells)} cells and needs {wanted}", file, row=number, mend="A note may stand last"))
    return found


def values_kinds() -> tuple[str, ...]:
    """The names of the kinds that a column may have."""
    from closedwon.formula.decisions.values import KINDS

    return KINDS


def _values(column: _Column, problems: list[Problem], file: str | None) -> tuple[Value, ...]:
    free = _Column(name=column.name, type=column.type)
    made = [_literal(value, free, problems, file, None) for value in column.values]
    return tuple(value for value in made if value is not None)


def _row(number: int, cells: list[Any], text: TableText, problems: list[Problem], file: str | None) -> Row:
    tests = []
    for column, cell in zip(text.inputs, cells, strict=False):
        test = parse_cell(_as_test(cell), column.type)  # type: ignore[arg-type]
        if isinstance(test, Problem):
            problems.append(Problem(test.message, file, column=test.column, row=number, field=column.name, mend=test.mend))
            test = Test()
        tests.append(test)
    count = len(text.inputs)
    outputs = [_literal(cell, column, problems, file, number) for column, cell in zip(text.outputs, cells[count:], strict=False)]
    note = str(cells[-1]) if len(cells) > count + len(text.outputs) else ""
    return Row(number, tuple(tests), tuple(outputs), note)


def _as_test(cell: Any) -> str:
    return "true" if cell is True else "false" if cell is False else "" if cell is None else str(cell)


def _literal(cell: Any, column: _Column, problems: list[Problem], file: str | None, row: int | None) -> Value | None:
    """An output's value. Text needs no quotes here, since a cell holds one value; blank, `-` and null mean none."""
    text = _as_test(cell).strip()
    if text in {"", "-", "null"}:
        return None
    text = _unquoted(text)
    try:
        value = parse_value(text, column.type)  # type: ignore[arg-type]
    except BadLiteral as bad:
        problems.append(Problem(str(bad), file, row=row, field=column.name, mend=bad.mend))
        return None
    allowed = [_unquoted(str(item)) for item in column.values]
    if column.type == "picklist" and allowed and text not in allowed:
        problems.append(
            Problem(f"{text!r} is not a value of {column.name}", file, row=row, field=column.name, mend=f"Use {', '.join(allowed)}")
        )
    return value


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text
