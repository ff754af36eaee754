"""Records for decision tables: values as JSON or a page gives them, made exact by the kinds of the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from closedwon.base.errors import Invalid, Problem
from closedwon.formula.decisions import values
from closedwon.formula.decisions.table import DecisionTable, Input, Outcome
from closedwon.formula.decisions.values import BadLiteral, Value


def record_of(table: DecisionTable, given: Mapping[str, Any]) -> dict[str, Value | None]:
    """The record with exact values; missing inputs are null. Raises Invalid with every value that does not fit and every unknown name."""
    names = [column.name for column in table.inputs]
    problems = []
    for strange in sorted(map(str, set(given) - set(names))):
        near = get_close_matches(strange, names, 1)
        problems.append(Problem(f"unknown input {strange!r}", field=strange, mend=f"Did you mean {near[0]!r}?" if near else None))
    made: dict[str, Value | None] = {}
    for column in table.inputs:
        try:
            made[column.name] = _value(given.get(column.name), column)
        except BadLiteral as bad:
            problems.append(Problem(str(bad), field=column.name, mend=bad.mend))
    if problems:
        raise Invalid("The record does not fit the table.", problems=problems)
    return made


def _value(given: Any, column: Input) -> Value | None:
    if given is None or (given == "" and column.kind not in {"text", "picklist"}):
        return None
    if isinstance(given, bool):
        return values.parse_value("true" if given else "false", column.kind)
    if isinstance(given, datetime | date | time):
        return values.parse_value(given.isoformat(), column.kind)
    if isinstance(given, Decimal):
        return values.parse_value(f"{given:f}", column.kind)
    return values.parse_value(str(given), column.kind)


def outcome_of(table: DecisionTable, outcome: Outcome) -> dict[str, Any]:
    """The outcome as a JSON-ready mapping: values as text, as the cells of the table write them."""
    kinds = {column.name: column.kind for column in table.outputs}

    def row(named: Mapping[str, Any]) -> dict[str, str | None]:
        return {name: None if value is None else plain(value, kinds[name]) for name, value in named.items()}

    value = outcome.value
    if isinstance(value, Mapping):
        shown: Any = row(value)
    elif isinstance(value, list):
        shown = [row(item) for item in value]
    else:
        kind = "number" if table.aggregate == "count" else table.outputs[0].kind
        shown = None if value is None else plain(value, kind)
    return {"value": shown, "rows": list(outcome.rows), "error": outcome.error}


def plain(value: Any, kind: values.Kind) -> str:
    """A value as text without quotes."""
    return str(value) if kind in {"text", "picklist"} else values.show(value, kind)
