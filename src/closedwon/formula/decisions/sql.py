"""Decision tables as SQL, equal to `DecisionTable.evaluate` on every row, for DuckDB and for Spark.

Input columns carry exact values: numbers and percents as decimals (a percent is its fraction), `duration` as whole seconds, `months` as a
count, `time` as text HH:MM:SS.
"""

from __future__ import annotations

from collections.abc import Mapping

from closedwon.formula.decisions import values
from closedwon.formula.decisions.lint import never_together
from closedwon.formula.decisions.table import SINGLE, DecisionTable, Row
from closedwon.formula.sql.dialect import DUCKDB, Dialect


def predicate(table: DecisionTable, row: Row, columns: Mapping[str, str], dialect: Dialect = DUCKDB) -> str:
    """The condition under which a row hits, for WHEN and WHERE: NULL counts as no. `columns` gives the SQL of each input."""
    tests = [test.sql(columns[column.name], dialect) for column, test in zip(table.inputs, row.tests, strict=True) if not test.anything]
    return " AND ".join(f"({test})" for test in tests) or "TRUE"


def _columns(table: DecisionTable, columns: Mapping[str, str] | None, dialect: Dialect) -> Mapping[str, str]:
    return columns or {column.name: dialect.name(column.name) for column in table.inputs}


def single_hit(table: DecisionTable, columns: Mapping[str, str] | None = None, dialect: Dialect = DUCKDB) -> dict[str, str]:
    """SQL expressions for a table that gives one row or one number: one per output, plus `hit_row` and `hit_error`.

    `hit_row` is the number of the row that decides (NULL where none does); `hit_error` is NULL unless the hit policy is broken.
    """
    given = _columns(table, columns, dialect)
    when = {row.number: predicate(table, row, given, dialect) for row in table.rows}
    if table.hit == "COLLECT":
        return {table.outputs[0].name: _aggregate_sql(table, when, dialect), "hit_row": "NULL", "hit_error": "NULL"}
    ordered = sorted(table.rows, key=table.priority) if table.hit == "PRIORITY" else list(table.rows)
    error = _error_sql(table, when)
    decided = _case([(when[row.number], str(row.number)) for row in ordered], "NULL")
    made = {}
    for at, column in enumerate(table.outputs):
        arms = [(when[row.number], values.sql(row.outputs[at], dialect)) for row in ordered]
        if error != "NULL":
            arms.insert(0, (f"({error}) IS NOT NULL", "NULL"))
        made[column.name] = _case(arms, values.sql(column.default, dialect))
    return {**made, "hit_row": decided, "hit_error": error}


def _case(arms: list[tuple[str, str]], otherwise: str) -> str:
    return f"CASE {' '.join(f'WHEN {test} THEN {value}' for test, value in arms)} ELSE {otherwise} END" if arms else otherwise


def _joined(parts: list[str], sign: str) -> str:
    """Parts joined by a sign, in halves, so that a table of thousands of rows is no deep nest."""
    if len(parts) <= 2:
        return f" {sign} ".join(parts)
    half = len(parts) // 2
    return f"({_joined(parts[:half], sign)}) {sign} ({_joined(parts[half:], sign)})"


def _ones(tests: list[str]) -> list[str]:
    return [f"CASE WHEN {test} THEN 1 ELSE 0 END" for test in tests]


def _error_sql(table: DecisionTable, when: Mapping[int, str]) -> str:
    if table.hit not in {"UNIQUE", "ANY"} or len(table.rows) < 2 or never_together(table):
        return "NULL"
    counted = table.rows
    if table.hit == "UNIQUE":
        count = _joined(_ones([when[row.number] for row in counted]), "+")
        return f"CASE WHEN {count} > 1 THEN 'more than one row hits' ELSE NULL END"
    groups: dict[tuple[object, ...], list[int]] = {}
    for row in counted:
        groups.setdefault(row.outputs, []).append(row.number)
    if len(groups) < 2:
        return "NULL"
    count = _joined(_ones([_joined([f"({when[number]})" for number in group], "OR") for group in groups.values()]), "+")
    return f"CASE WHEN {count} > 1 THEN 'rows with different outputs hit' ELSE NULL END"


def _aggregate_sql(table: DecisionTable, when: Mapping[int, str], dialect: Dialect) -> str:
    if table.aggregate == "count":
        return _joined(_ones([when[row.number] for row in table.rows]), "+") or "0"
    arms = [(when[row.number], values.sql(row.outputs[0], dialect)) for row in table.rows if row.outputs[0] is not None]
    if not arms:
        return "NULL"
    if table.aggregate == "sum":
        total = _joined([f"CASE WHEN {test} THEN {value} ELSE 0 END" for test, value in arms], "+")
        return f"CASE WHEN {_joined([f'({test})' for test, _ in arms], 'OR')} THEN {total} ELSE NULL END"
    least_first = sorted(
        ((row.outputs[0], when[row.number]) for row in table.rows if row.outputs[0] is not None),
        key=lambda arm: arm[0],
        reverse=table.aggregate == "max",
    )
    return _case([(test, values.sql(value, dialect)) for value, test in least_first], "NULL")


def every_hit(table: DecisionTable, source: str, columns: Mapping[str, str] | None = None, dialect: Dialect = DUCKDB) -> str:
    """A SELECT with one row per record of `source` and row that hits: the source's columns, `hit_row`, and the outputs.

    For COLLECT (list), RULE ORDER and OUTPUT ORDER; order it by `hit_rank`.
    """
    given = _columns(table, columns, dialect)
    ranked = sorted(table.rows, key=table.priority) if table.hit == "OUTPUT ORDER" else table.rows
    parts = []
    for rank, row in enumerate(ranked, 1):
        outputs = ", ".join(
            f"{values.sql(value, dialect)} AS {dialect.name(column.name)}" for column, value in zip(table.outputs, row.outputs, strict=True)
        )
        parts.append(
            f"SELECT {dialect.name(source)}.*, {row.number} AS hit_row, {rank} AS hit_rank, {outputs} FROM {dialect.name(source)} "
            f"WHERE {predicate(table, row, given, dialect)}"
        )
    return "\nUNION ALL\n".join(parts)


def select(table: DecisionTable, source: str, columns: Mapping[str, str] | None = None, dialect: Dialect = DUCKDB) -> str:
    """A SELECT over every row of `source`: its columns, the outputs (or the aggregate), `hit_row` and `hit_error`.

    The row that decides is found once, and the outputs are read from its number. Where no two rows can hit together, nothing is counted.
    """
    if not is_single(table):
        return every_hit(table, source, columns, dialect)
    parts = single_hit(table, columns, dialect)
    if table.hit == "COLLECT":
        shown = ", ".join(f"{text} AS {dialect.name(name)}" for name, text in parts.items() if name != "hit_error")
        return f"SELECT {dialect.name(source)}.*, {shown} FROM {dialect.name(source)}"
    rows = f"SELECT {dialect.name(source)}.*, {parts['hit_row']} AS hit_row, {parts['hit_error']} AS hit_error FROM {dialect.name(source)}"
    inner = _counted(table, source, columns, dialect) if table.hit == "UNIQUE" and parts["hit_error"] != "NULL" else rows
    outputs = [
        f"{_by_row(table, at, parts['hit_error'] != 'NULL', dialect)} AS {dialect.name(column.name)}"
        for at, column in enumerate(table.outputs)
    ]
    return f"SELECT decided.*, {', '.join(outputs)} FROM ({inner}) AS decided"


MARK = 1_000_000
"""More than a table has rows: the sum over the rows that hit of MARK + number tells how many hit, and which where it is one."""


def _counted(table: DecisionTable, source: str, columns: Mapping[str, str] | None, dialect: Dialect) -> str:
    """Every row's test once: the row that hits, or the error where more than one does."""
    given = _columns(table, columns, dialect)
    total = _joined([f"CASE WHEN {predicate(table, row, given, dialect)} THEN {MARK + row.number} ELSE 0 END" for row in table.rows], "+")
    found = f"CASE WHEN hit_sum > 0 AND hit_sum < {2 * MARK} THEN hit_sum - {MARK} ELSE NULL END"
    error = f"CASE WHEN hit_sum >= {2 * MARK} THEN 'more than one row hits' ELSE NULL END"
    names = ", ".join(f"{found if name == 'hit_row' else error} AS {name}" for name in ("hit_row", "hit_error"))
    return f"SELECT counted.*, {names} FROM (SELECT {dialect.name(source)}.*, {total} AS hit_sum FROM {dialect.name(source)}) AS counted"


def _by_row(table: DecisionTable, at: int, can_fail: bool, dialect: Dialect) -> str:
    """An output by the number of the row that decides; rows with equal values stand in one arm."""
    groups: dict[str, list[str]] = {}
    for row in table.rows:
        groups.setdefault(values.sql(row.outputs[at], dialect), []).append(str(row.number))
    arms = [("hit_error IS NOT NULL", "NULL")] if can_fail else []
    arms += [("hit_row IS NULL", values.sql(table.outputs[at].default, dialect))]
    arms += [(f"hit_row IN ({', '.join(numbers)})", value) for value, numbers in groups.items()]
    return _case(arms, "NULL")


def is_single(table: DecisionTable) -> bool:
    """Whether the table gives one row or one number per record."""
    return table.hit in SINGLE or (table.hit == "COLLECT" and table.aggregate != "list")
