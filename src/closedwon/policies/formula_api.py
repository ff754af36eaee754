"""Formulas over the API: check, evaluate, explain, compile to SQL, and the functions. Nothing is stored, no record is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from closedwon.base.errors import Invalid
from closedwon.formula.formula import BadFormula, Formula, Step, compile, types_for  # noqa: A004
from closedwon.formula.functions import TABLE
from closedwon.formula.types import Type, types_of
from closedwon.formula.values import shown
from closedwon.people.acting import api_actor

router = Router()
MOST_BYTES = 256 * 1024
MOST_WORK = 1_000_000
"""Characters of the formula times rows of the longest row set."""
Blank = Literal["blank", "zero"]


class FormulaIn(Schema):
    """A formula and the types of its fields, as a types file has them."""

    formula: str = Field(..., max_length=10_000, description="The text of the formula")
    types: dict[str, Any] | None = Field(None, description='As in {"amount": "money USD"}; where left out, the values of the row tell')


class CheckIn(FormulaIn):
    """The same, and the type that it must give."""

    gives: str | None = Field(None, max_length=100)


class RowIn(FormulaIn):
    """The same for one record."""

    row: dict[str, Any] = Field(default_factory=dict, description="Values by field; numbers may be text; TODAY() and NOW() are given here")
    blank: Blank = "blank"


class SqlIn(FormulaIn):
    """The same for a table that has the fields as columns."""

    dialect: Literal["duckdb", "spark"] = "duckdb"
    blank: Blank = "blank"
    source: str = Field("rows", min_length=1, max_length=200)
    keep: list[str] = Field(default_factory=list, max_length=100, description="Columns to pass through")


class FormulaCheckOut(Schema):
    """Whether the formula is right; every mistake with line, column and mend, and all of them as people read them."""

    right: bool
    type: str | None
    fields: list[str]
    problems: list[dict[str, Any]]
    report: str


class OutcomeOut(Schema):
    """The result as exact text, or why there is none; both are null where the result is blank."""

    type: str
    value: str | None
    error: str | None


class StepOut(Schema):
    """A part of the formula with its value."""

    text: str
    value: str
    type: str
    parts: list[StepOut]


class SqlOut(Schema):
    """A SELECT that gives `value` and `error` after the kept columns."""

    type: str
    sql: str


class FunctionOut(Schema):
    """A function of the language."""

    name: str
    signature: str
    gives: str
    about: str
    example: str
    shows: str
    group: str


@contextmanager
def _bounded(request: HttpRequest) -> Iterator[None]:
    api_actor(request)
    if len(request.body) > MOST_BYTES:
        raise Invalid(f"The call has {len(request.body):,} bytes.", mend=f"Send at most {MOST_BYTES:,}; more records are a matter for SQL.")
    try:
        yield
    except RecursionError as error:
        raise Invalid("The input is nested too deeply.", mend="Use dotted names, as in Account.Industry.") from error


def _exact(request: HttpRequest) -> dict[str, Any]:
    """The body with every number as it was written."""
    made: dict[str, Any] = json.loads(request.body, parse_float=Decimal)
    return made


def _types(request: HttpRequest) -> dict[str, Type] | None:
    given = _exact(request).get("types")
    return None if given is None else types_of(given)


def _sound(formula: Formula) -> Formula:
    if formula.problems:
        count = len(formula.problems)
        raise BadFormula(f"The formula has {'a mistake' if count == 1 else f'{count} mistakes'}.", problems=formula.problems)
    return formula


def _of_row(request: HttpRequest, given: RowIn) -> tuple[Formula, Mapping[str, Any]]:
    row = _exact(request).get("row", {})
    longest = max((len(value) for value in row.values() if isinstance(value, list)), default=0)
    if len(given.formula) * longest > MOST_WORK:
        raise Invalid(f"A row set has {longest} rows.", mend=f"This formula takes at most {MOST_WORK // len(given.formula)} of them here.")
    types = _types(request)
    return _sound(compile(given.formula, types_for(row) if types is None else types)), row


@router.get("/functions", response=list[FunctionOut], summary="Every function with an example")
def list_functions(request: HttpRequest) -> list[dict[str, str]]:
    """List the functions of the language."""
    api_actor(request)
    return [
        {"name": one.name, "signature": one.signature, "gives": one.gives, "about": one.doc, "example": one.example, "shows": one.shows, "group": one.group}
        for one in sorted(TABLE.values(), key=lambda item: item.name) if one.group
    ]  # fmt: skip


@router.post("/check", response=FormulaCheckOut, summary="Check a formula against the types of its fields")
def check(request: HttpRequest, given: CheckIn) -> dict[str, Any]:
    """Every mistake, or what the formula gives and reads."""
    with _bounded(request):
        found = compile(given.formula, _types(request) or {}, expects=given.gives)
        return {
            "right": not found.problems, "type": None if found.problems else str(found.type), "fields": sorted(found.fields),
            "problems": [item.as_dict() for item in found.problems], "report": found.report(),
        }  # fmt: skip


@router.post("/evaluate", response=OutcomeOut, summary="Evaluate a formula for one record")
def evaluate(request: HttpRequest, given: RowIn) -> dict[str, Any]:
    """The exact result; a value that cannot be had is an error in the answer, not a failed call."""
    with _bounded(request):
        formula, row = _of_row(request, given)
        made = formula.evaluate(row, blank=given.blank)
        value = None if made.value is None else shown(made.value, formula.type)
        return {"type": str(formula.type), "value": value, "error": made.error}


@router.post("/explain", response=StepOut, summary="Show the value of every part of a formula for one record")
def explain(request: HttpRequest, given: RowIn) -> dict[str, Any]:
    """The result as a tree of the values on the way."""
    with _bounded(request):
        formula, row = _of_row(request, given)
        step: Step = formula.explain(row, blank=given.blank)
        return step.as_dict()


@router.post("/sql", response=SqlOut, summary="Compile a formula to SQL")
def sql(request: HttpRequest, given: SqlIn) -> dict[str, str]:
    """The SELECT for DuckDB or Spark."""
    with _bounded(request):
        formula = _sound(compile(given.formula, _types(request) or {}))
        text = formula.sql(given.dialect, blank=given.blank, source=given.source, keep=tuple(given.keep))
        return {"type": str(formula.type), "sql": text}
