"""The cheapest change that removes a step: "24.9 % instead of 25 % saves the VP". Pure.

The values at which rules and tables change their mind are the candidates; each is tried by previewing the request anew with that one change,
so what a hint says is what would happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from closedwon.approvals.rules.facts import Values, changed, facts, shown
from closedwon.approvals.rules.preview import preview
from closedwon.approvals.rules.united import Tested, United
from closedwon.approvals.rules.values import Approved, Hint, People, Preview, Request
from closedwon.formula.decisions.cells import Compare, Equals, Range
from closedwon.formula.formula import Formula
from closedwon.formula.nodes import Node
from closedwon.formula.types import Type, number
from closedwon.formula.values import given_back

MOST = 60
"""How many changes are tried at most."""
EACH = 12
"""How many for one field."""


def hints(
    united: United, request: Request, people: People, at: datetime, now: Preview, approved: Sequence[Approved] = ()
) -> tuple[Hint, ...]:
    """The nearest change of each field that removes at least one step and adds none, and further ones that remove more; nearest first."""
    asked = _asked(now)
    if not asked or now.problems:
        return ()
    known = facts(united, request)
    values = known.values
    found: list[Hint] = []
    tried = 0
    for tested in _fields(united, now):
        best: set[str] = set()
        for name, value, after, lines in list(_changes(united, tested, values))[:EACH]:
            if tried >= MOST:
                return tuple(found)
            tried += 1
            then = preview(united, request, people, at, approved, explain=False, known=changed(united, known, name, value))
            removed, added = asked - _asked(then), _asked(then) - asked
            if then.outcome not in ("needs-approval", "approved") or not _lighter(united, removed, added) or removed <= best:
                continue
            best = removed
            found.append(_told(united, tested, values, after, lines, removed, added, now))
    return tuple(found)


def _lighter(united: United, removed: set[str], added: set[str]) -> bool:
    """Whether fewer roles are asked, or as many of lower places."""
    if not removed or len(added) > len(removed):
        return False
    top = max(united.group(role) for role in removed)
    return all(united.group(role) < top for role in added)


def _asked(preview_: Preview) -> set[str]:
    return {role for step in preview_.steps if step.status != "inherited" for role in step.roles}


def _fields(united: United, now: Preview) -> Iterator[Tested]:
    """The fields that the steps' approvers look at and that a person can change for the better; computed values lead to what they read."""
    names: dict[str, None] = {}
    computes = dict(united.computes)
    todo = [name for step in now.steps if step.status != "inherited" for name in step.tested]
    while todo:
        name = todo.pop(0)
        if name in names:
            continue
        names[name] = None
        if name in computes:
            todo += sorted(_used(computes[name]))
    for name in names:
        if name in united.tested and name not in computes:
            yield united.tested[name]


def _used(formula: Formula) -> set[str]:
    from closedwon.approvals.rules.united import used

    return used(formula)


def _changes(united: United, tested: Tested, values: Values) -> Iterator[tuple[str, Any, Any, tuple[str, ...]]]:
    """Changes of this field for the better, the nearest first: which value changes, to what, the value told of, the lines that it touches."""
    rows, _, part = tested.name.rpartition(".")
    in_lines = bool(rows) and united.types.get(rows) is not None and united.types[rows].kind == "rows"
    marks = _marks(united, tested.name) | _marks_behind(united, tested.name)
    if not in_lines:
        yield from ((tested.name, after, after, ()) for after in _better(tested, values.get(tested.name), marks))
        return
    lines = [row for row in values.get(rows) or [] if row.get(part) is not None]
    if not lines or not all(row["id"] for row in lines) or isinstance(tested.worse, tuple) or tested.worse == "change":
        return
    higher = tested.worse == "higher"
    worst = max(row[part] for row in lines) if higher else min(row[part] for row in lines)
    for after in _better(tested, worst, marks):
        touched = frozenset(row["id"] for row in lines if (row[part] > after if higher else row[part] < after))
        yield (
            rows,
            [{**row, part: after} if row["id"] in touched else row for row in values[rows]],
            after,
            tuple(row["id"] for row in lines if row["id"] in touched),
        )


def _better(tested: Tested, now: Any, marks: set[Any]) -> list[Any]:
    """Values better than the one now, nearest first."""
    if isinstance(tested.worse, tuple):
        order = list(tested.worse)
        return list(reversed(order[: order.index(now) if now in order else len(order)]))
    if tested.worse == "change":
        return [False] if now is True else []
    if not isinstance(now, Decimal) or tested.step is None:
        return []
    step = tested.step
    higher = tested.worse == "higher"
    near = {mark + shift for mark in marks for shift in (Decimal(0), -step if higher else step)}
    good = [value for value in near if (value < now if higher else value > now) and value >= 0]
    return sorted(good, reverse=higher)


def _marks(united: United, name: str) -> set[Any]:
    """The values of a field at which a rule, a table or the floor changes its mind."""
    made: set[Any] = set()
    formulas = [asker.when for asker in united.askers if asker.when] + ([united.floor[1]] if united.floor else [])
    for formula in [*formulas, *dict(united.computes).values()]:
        made |= _compared(formula, name)
    for asker in united.askers:
        for at, column in enumerate(asker.table.inputs if asker.table else ()):
            if column.name == name and asker.table:
                made |= {end for row in asker.table.rows for item in row.tests[at].items for end in _ends(item)}
    return made


def _marks_behind(united: United, name: str) -> set[Any]:
    """The values at which a computed value that reads the column changes somebody's mind, such as that of MAX(lines.discount)."""
    return {mark for key, formula in united.computes if name in _used(formula) for mark in _marks(united, key)}


def _ends(item: Any) -> list[Any]:
    if isinstance(item, Range):
        return [item.low, item.high]
    return [item.value] if isinstance(item, Compare | Equals) and isinstance(item.value, Decimal) else []


def _compared(formula: Formula, name: str) -> set[Any]:
    """The literals that a formula compares a field or a column with."""
    made: set[Any] = set()
    stack = [(formula.tree, "")] if formula.tree else []
    while stack:
        node, rows = stack.pop()
        if node is None:
            continue
        if node.op == "cmp" and len(node.args) == 2:
            sides = [(_name(one, rows), _literal(other)) for one, other in (node.args, node.args[::-1])]
            made |= {literal for found, literal in sides if found == name and literal is not None}
        if node.op == "agg":
            stack += [(part, node.args[0].data) for part in node.data[1:] if part is not None]
        stack += [(part, rows) for part in node.args]
    return made


def _name(node: Node, rows: str) -> str:
    while node.op in ("cast", "as"):
        node = node.args[0]
    return node.data if node.op == "field" else f"{rows}.{node.data}" if node.op == "part" else ""


def _literal(node: Node) -> Any:
    if node.op == "lit" and node.data is not None and node.type.numeric:
        return given_back(node.data, node.type)
    if node.op in ("cast", "as") and len(node.args) == 1:
        return _literal(node.args[0])
    return None


def _text(value: Any, kind: Type) -> Any:
    """A value as a request writes it."""
    if isinstance(value, Decimal):
        text = f"{value * 100:f}" if kind.kind == "percent" else f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return f"{text}%" if kind.kind == "percent" else text
    return value


def _told(
    united: United, tested: Tested, values: Values, after: Any, lines: tuple[str, ...], removed: set[str], added: set[str], now: Preview
) -> Hint:
    kind = tested.type if tested.type.kind else number(1)
    rows, _, part = tested.name.rpartition(".")
    before = (
        values.get(tested.name)
        if not lines
        else (max if tested.worse == "higher" else min)(row[part] for row in values[rows] if row.get(part) is not None)
    )
    roles = sorted(removed, key=united.rank)
    names = [united.roles[role].label if role in united.roles else "the person asked in addition" for role in roles]
    what = f"{shown(after, kind)} instead of {shown(before, kind)}"
    if lines:
        where = f"line {lines[0]}" if len(lines) == 1 else f"{len(lines)} lines"
        what = f"At most {what} on {where}" if tested.worse == "higher" else f"At least {what} on {where}"
    left = len({role for step in now.steps if step.status != "inherited" for role in step.roles}) - len(roles)
    instead = " and ".join(united.roles[role].label for role in sorted(added, key=united.rank) if role in united.roles)
    if instead:
        return Hint(
            tested.name,
            _said(before, kind),
            _said(after, kind),
            tuple(roles),
            f"{tested.label}: {what} asks {instead} instead of {' and '.join(names)}",
            lines,
        )
    saves = "needs nobody" if left <= 0 else f"saves the step{'s' if len(names) > 1 else ''} of {' and '.join(names)}"
    return Hint(tested.name, _said(before, kind), _said(after, kind), tuple(roles), f"{tested.label}: {what} {saves}", lines)


def _said(value: Any, kind: Type) -> str:
    made = _text(value, kind)
    return ("yes" if made else "no") if isinstance(made, bool) else str(made)
