"""Decision tables as SQL, equal to `DecisionTable.evaluate` on every row; DuckDB and Spark read the same text.

Input columns carry exact values: numbers and percents as decimals (a percent is its fraction), `duration` as whole seconds, `months` as a
count, `time` as text HH:MM:SS.
"""

from __future__ import annotations

from collections.abc import Mapping

from closedwon.formula.decisions import values
from closedwon.formula.decisions.table import SINGLE, DecisionTable, Row


def quoted(name: str) -> str:
    """A column name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def predicate(table: DecisionTable, row: Row, columns: Mapping[str, str]) -> str:
    """The condition under which a row hits; never NULL. `columns` gives the SQL of each input."""
    tests = [test.sql(columns[column.name]) for column, test in zip(table.inputs, row.tests, strict=True) if not test.anything]
    return f"COALESCE({' AND '.join(f'({test})' for test in tests)}, FALSE)" if tests else "TRUE"


def _columns(table: DecisionTable, columns: Mapping[str, str] | None) -> Mapping[str, str]:
    return columns or {column.name: quoted(column.name) for column in table.inputs}


def single_hit(table: DecisionTable, columns: Mapping[str, str] | None = None) -> dict[str, str]:
    """SQL expressions for a table that gives one row or one number: one per output, plus `hit_row` and `hit_error`.

    `hit_row` is the number of the row that decides (NULL where none does); `hit_error` is NULL unless the hit policy is broken.
    """
    given = _columns(table, columns)
    when = {row.number: predicate(table, row, given) for row in table.rows}
    if table.hit == "COLLECT":
        return {table.outputs[0].name: _aggregate_sql(table, when), "hit_row": "NULL", "hit_error": "NULL"}
    ordered = sorted(table.rows, key=table.priority) if table.hit == "PRIORITY" else list(table.rows)
    error = _error_sql(table, when)
    decided = _case([(when[row.number], str(row.number)) for row in ordered], "NULL")
    made = {}
    for at, column in enumerate(table.outputs):
        arms = [(when[row.number], values.sql(row.outputs[at])) for row in ordered]
        if error != "NULL":
            arms.insert(0, (f"({error}) IS NOT NULL", "NULL"))
        made[column.name] = _case(arms, values.sql(column.default))
    return {**made, "hit_row": decided, "hit_error": error}


def _case(arms: list[tuple[str, str]], otherwise: str) -> str:
    return f"CASE {' '.join(f'WHEN {test} THEN {value}' for test, value in arms)} ELSE {otherwise} END" if arms else otherwise


def _error_sql(table: DecisionTable, when: Mapping[int, str]) -> str:
    if table.hit not in {"UNIQUE", "ANY"} or len(table.rows) < 2:
        return "NULL"
    counted = table.rows
    if table.hit == "UNIQUE":
        count = " + ".join(f"CASE WHEN {when[row.number]} THEN 1 ELSE 0 END" for row in counted)
        return f"CASE WHEN {count} > 1 THEN 'more than one row hits' ELSE NULL END"
    groups: dict[tuple[object, ...], list[int]] = {}
    for row in counted:
        groups.setdefault(row.outputs, []).append(row.number)
    if len(groups) < 2:
        return "NULL"
    count = " + ".join(f"CASE WHEN {' OR '.join(when[number] for number in group)} THEN 1 ELSE 0 END" for group in groups.values())
    return f"CASE WHEN {count} > 1 THEN 'rows with different outputs hit' ELSE NULL END"


def _aggregate_sql(table: DecisionTable, when: Mapping[int, str]) -> str:
    if table.aggregate == "count":
        return " + ".join(f"CASE WHEN {when[row.number]} THEN 1 ELSE 0 END" for row in table.rows) or "0"
    arms = [(when[row.number], values.sql(row.outputs[0])) for row in table.rows if row.outputs[0] is not None]
    if not arms:
        return "NULL"
    if table.aggregate == "sum":
        total = " + ".join(f"CASE WHEN {test} THEN {value} ELSE 0 END" for test, value in arms)
        return f"CASE WHEN {' OR '.join(test for test, _ in arms)} THEN {total} ELSE NULL END"
    least_first = sorted(
        ((row.outputs[0], when[row.number]) for row in table.rows if row.outputs[0] is not None),
        key=lambda arm: arm[0],
        reverse=table.aggregate == "max",
    )
    return _case([(test, values.sql(value)) for value, test in least_first], "NULL")


def every_hit(table: DecisionTable, source: str, columns: Mapping[str, str] | None = None) -> str:
    """A SELECT with one row per record of `source` and row that hits: the source's columns, `hit_row`, and the outputs.

    For COLLECT (list), RULE ORDER and OUTPUT ORDER; order it by `hit_rank`.
    """
    given = _columns(table, columns)
    ranked = sorted(table.rows, key=table.priority) if table.hit == "OUTPUT ORDER" else table.rows
    parts = []
    for rank, row in enumerate(ranked, 1):
        outputs = ", ".join(
            f"{values.sql(value)} AS {quoted(column.name)}" for column, value in zip(table.outputs, row.outputs, strict=True)
        )
        parts.append(
            f"SELECT {quoted(source)}.*, {row.number} AS hit_row, {rank} AS hit_rank, {outputs} FROM {quoted(source)} "
            f"WHERE {predicate(table, row, given)}"
        )
    return "\nUNION ALL\n".join(parts)


def is_single(table: DecisionTable) -> bool:
    """Whether the table gives one row or one number per record."""
    return table.hit in SINGLE or (table.hit == "COLLECT" and table.aggregate != "list")
