"""What is shown of rows that could not be taken, and to whom.

Everyone who looks after data sees the file, the row, the column and the reason. The cells of the row are deals of anybody: only those see
them who see every deal. Cells of pay are not even kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from closedwon.crm.mapping import ColumnMap, TableMap
from closedwon.people.actor import Actor

PAY: Mapping[str, frozenset[str]] = {
    "users": frozenset({"pay_currency"}),
    "assignments": frozenset({"plan_id", "target_variable_minor", "target_variable", "ramp_id", "leave_kind", "fte_ppm"}),
    "commission_events": frozenset({"amount_minor", "amount", "share_ppm"}),
}
"""Columns of which nothing is kept with a refused row, because they tell what a person earns."""
LONGEST = 2_000
HIDDEN = "(pay)"


def cells_kept(part: TableMap, header: list[str]) -> Callable[[list[str]], str]:
    """What is kept of a refused row of this table: its cells as JSON. Where the table tells of pay, only cells that fill other columns."""
    pay = PAY.get(part.table)
    if not pay:
        return lambda cells: json.dumps(cells, ensure_ascii=False)[:LONGEST]
    sources = {name: _headings(spec) for name, spec in part.columns.items()}
    told = set().union(*(headings for name, headings in sources.items() if name in pay))
    open_ = set().union(*(headings for name, headings in sources.items() if name not in pay)) - told
    return lambda cells: json.dumps([c if h in open_ else HIDDEN for h, c in zip(header, cells, strict=False)], ensure_ascii=False)[
        :LONGEST
    ]


def _headings(spec: ColumnMap | str) -> set[str]:
    """The headings of the file that a column is filled from."""
    if isinstance(spec, str):
        return {spec}
    found = {spec.from_, *re.findall(r"{([^}]+)}", spec.template)}
    return (found | {spec.lookup.by} if spec.lookup else found) - {""}


def without_values(reason: str) -> str:
    """A reason without the value that it quotes: "'31/02' is not a date" becomes "a value is not a date"."""
    return re.sub(r"^(['\"]).*\1(?= )", "a value", reason, flags=re.DOTALL)


def sees_cells(by: Actor) -> bool:
    """Whether the actor may see what a refused row held: those who see every deal and look after data."""
    return by.has("executive", "auditor") or (by.has("sales-ops") and not by.region)


def shown(rows: list[dict[str, Any]], by: Actor) -> list[dict[str, Any]]:
    """Refused rows as the actor may see them."""
    if sees_cells(by):
        return rows
    return [{**row, "raw": "", "reason": "\n".join(map(without_values, (row.get("reason") or "").split("\n")))} for row in rows]


def report_shown(report: Mapping[str, Any], by: Actor) -> dict[str, Any]:
    """An import's report as the actor may see it."""
    made = dict(report)
    if "quarantined" in made:
        made["quarantined"] = shown(made["quarantined"], by)
    if not sees_cells(by):
        made["notices"] = [
            {**item, "text": without_values(item["text"]) if " is not in " in item["text"] else item["text"]}
            for item in made.get("notices", [])
        ]
    return made
