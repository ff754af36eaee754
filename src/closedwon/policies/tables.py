"""A decision table by itself, for the API: its mistakes, findings, outcome, SQL and other formats; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.formula.decisions import lint
from closedwon.formula.decisions.files import read_bytes, write_bytes
from closedwon.formula.decisions.records import outcome_of, record_of
from closedwon.formula.decisions.sql import select

MOST_ROWS = 1000
"""More rows than this are a matter for the command line, which has no one waiting."""


def answer(text: str, ending: str, *, at: str, row: Mapping[str, Any] | None, source: str | None, to: str | None) -> dict[str, Any]:
    """What is asked of a table. Raises Invalid for a table that is too large here, or a record that does not fit it."""
    table, problems = read_bytes(text.encode(), f"table.{ending}", at)
    made: dict[str, Any] = {
        "right": False,
        "problems": [item.as_dict() for item in problems],
        "findings": [],
        "outcome": None,
        "sql": None,
        "text": None,
    }
    if table is None:
        return made
    if len(table.rows) > MOST_ROWS:
        raise Invalid(f"The table has {len(table.rows)} rows.", mend=f"Here it may have {MOST_ROWS}; use closedwon formula table.")
    found = lint(table)
    made["findings"] = [{"finding": one.finding, "level": one.level, "rows": list(one.rows), "message": one.message} for one in found]
    made["right"] = not any(one.level == "error" for one in found)
    if row is not None:
        made["outcome"] = outcome_of(table, table.evaluate(record_of(table, row)))
    if source is not None:
        made["sql"] = select(table, source)
    if to is not None:
        made["text"] = write_bytes(table, f"table.{to}").decode()
    return made
