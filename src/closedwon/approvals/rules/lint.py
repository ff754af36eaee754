"""What can be found in approval policies before anybody submits: holes, inversions, roles without a holder, loops, clocks without hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol

from closedwon.approvals.policy import Matrix, Role
from closedwon.approvals.rules.united import Asker, Place, Tested, United, roles_of, unite
from closedwon.approvals.rules.values import People
from closedwon.base.errors import Problem
from closedwon.formula.decisions import DecisionTable
from closedwon.formula.decisions.cells import Range
from closedwon.formula.formula import Formula
from closedwon.formula.nodes import Node
from closedwon.formula.values import given_back

MOST_LINES = 2000


class Context(Protocol):
    """What makes a problem at a place of a document."""

    def problem(self, name: str, place: Any, message: str, *, severity: str = "error", mend: str | None = None) -> Problem:
        """A problem at a place of the document of that name."""


@dataclass(frozen=True)
class Finding:
    """One finding: the document, the place in it, what is wrong, how to mend it, and whether it keeps the policy from being applied."""

    document: str
    place: Place
    message: str
    mend: str = ""
    severity: str = "warning"


def look(documents: Mapping[str, Matrix], context: Context, people: People | None = None) -> Iterator[Problem]:
    """Every finding of the documents of each subject, on each day on which something changes; each is told once."""
    told: set[tuple[Any, ...]] = set()
    for subject in sorted({one.subject for one in documents.values()}):
        own = {name: one for name, one in documents.items() if one.subject == subject}
        for day in sorted({version.since for one in own.values() for version in one.version}):
            for found in findings(unite(own, subject, day), people):
                key = (found.document, found.place, found.message)
                if key not in told:
                    told.add(key)
                    yield context.problem(found.document, found.place, found.message, severity=found.severity, mend=found.mend or None)


def findings(united: United, people: People | None = None) -> list[Finding]:
    """The findings of one subject on one day; those of formulas and names first."""
    made = [Finding(name, place, _pointed(problem), problem.mend or "", "error") for name, place, problem in united.problems]
    if made:
        return made
    made += _loops(united)
    made += _clocks(united)
    made += _unused(united)
    for asker in united.askers:
        made += _inversions(united, asker)
    made += _backwards(united)
    made += _never(united)
    made += _holes(united)
    if people is not None:
        made += _unheld(united, people)
    return made


def _pointed(problem: Problem) -> str:
    return f"{problem.message} (column {problem.column} of the formula)" if problem.column else problem.message


def _where(united: United, part: str, name: str) -> tuple[str, Place]:
    """The document and place of a named part; where several documents tell it alike, the first."""
    return united.places.get((part, name), (united.sources[0].name, ("version",)))


def _loops(united: United) -> Iterator[Finding]:
    for word, say in (("backup", "backup"), ("escalate_to", "escalation")):
        for start in united.roles:
            seen = [start]
            at = getattr(united.roles[start], word)
            while at in united.roles and at not in (*seen, "manager", "queue"):
                seen.append(at)
                at = getattr(united.roles[at], word)
            if at == start and min(seen) == start and (word == "backup" or at not in ("manager", "queue")):
                document, place = _where(united, "role", start)
                yield Finding(
                    document, (*place, word), f"the {say} of {' → '.join([*seen, start])} is a loop", "End it at somebody else.", "error"
                )


def _clocks(united: United) -> Iterator[Finding]:
    for name, role in united.roles.items():
        document, place = _where(united, "role", name)
        if role.sla_hours and not united.hours_of(""):
            yield Finding(
                document,
                (*place, "sla_hours"),
                f"{name} has a clock, and there are no business hours",
                "Add [version.hours] with a `default`.",
                "error",
            )
        if role.remind_hours and role.remind_hours >= role.sla_hours:
            yield Finding(
                document, (*place, "remind_hours"), f"{name} is reminded {role.remind_hours} hours before the end of {role.sla_hours}"
            )
        if role.escalate_to and not role.sla_hours:
            yield Finding(document, (*place, "escalate_to"), f"{name} is never late, so it never escalates", "Give it sla_hours.")


def _asked(united: United) -> set[str]:
    asked = {role for asker in united.askers for role in asker.ask} | {asker.on_gap for asker in united.askers if asker.on_gap}
    for asker in united.askers:
        if asker.table:
            column = [output.name for output in asker.table.outputs].index("ask")
            asked |= {role for row in asker.table.rows for role in roles_of(row.outputs[column])}
    if united.floor:
        asked.add(united.floor[0].otherwise)
    return asked


def _unused(united: United) -> Iterator[Finding]:
    asked = _asked(united)
    reached = set(asked)
    todo = list(asked)
    while todo:
        role = united.roles.get(todo.pop())
        for more in (role.backup, role.escalate_to) if role else ():
            if more in united.roles and more not in reached:
                reached.add(more)
                todo.append(more)
    chained = {role for chain in united.chains for group in chain.groups for role in group}
    for name, role in united.roles.items():
        document, place = _where(united, "role", name)
        if name not in reached:
            yield Finding(document, place, f"no rule asks {name}", "Drop the role, or write the rule.")
        elif united.chains and name in asked and name not in chained and not role.auto:
            yield Finding(document, place, f"{name} stands in no chain, so it is asked at once", "Put it into a chain if it shall wait.")


def _inversions(united: United, asker: Asker) -> Iterator[Finding]:
    """Where a worse value asks a lower rung than a better one, all else the same."""
    if asker.table is None:
        return
    for at, column in enumerate(asker.table.inputs):
        tested = united.tested.get(column.name)
        if tested is not None and tested.worse != "change":
            yield from _along(united, asker, asker.table, at, tested)


def _along(united: United, asker: Asker, table: DecisionTable, at: int, tested: Tested) -> Iterator[Finding]:
    points = [_points(table, n, united.tested.get(column.name)) for n, column in enumerate(table.inputs)]
    if len(points[at]) < 2:
        return
    said: set[tuple[int, ...]] = set()
    for others in _lines(points, at):
        rungs = []
        for value in points[at]:
            record = {column.name: (value if n == at else others[n]) for n, column in enumerate(table.inputs)}
            rungs.append((value, *_rung(united, table, record)))
        for (better, low, rows), (worse, high, more) in pairwise(rungs):
            key = (*rows, *more)
            if low is not None and high is not None and high < low and key not in said:
                said.add(key)
                yield Finding(
                    asker.document, (*asker.place, "table", "rows", (more or rows or (1,))[0] - 1),
                    f"{table.name}: approver inversion: {tested.label.lower()} {_word(worse)} is worse than {_word(better)} and asks a lower rung (rows {', '.join(map(str, sorted(set(key))))})",
                    "Ask at least as high a rung for the worse value.", "error",
                )  # fmt: skip


def _word(value: Any) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, Decimal) and "." in f"{value:f}" else str(value)


def _points(table: DecisionTable, at: int, tested: Tested | None) -> list[Any]:
    """Values of an input at and between its ends, from best to worst where it has a direction."""
    column = table.inputs[at]
    if tested is not None and isinstance(tested.worse, tuple):
        return list(tested.worse)
    ends: set[Any] = set(column.values)
    for row in table.rows:
        for item in row.tests[at].items:
            ends |= {item.low, item.high} if isinstance(item, Range) else {item.value}
    ends -= {None}
    if not ends:
        return [None]
    if not all(isinstance(end, Decimal) for end in ends):
        return sorted(ends, key=str)
    ordered = sorted(ends)
    points = [
        ordered[0] - 1,
        *(value for low, high in pairwise(ordered) for value in (low, (low + high) / 2)),
        ordered[-1],
        ordered[-1] + 1,
    ]
    return points[::-1] if tested is not None and tested.worse == "lower" else points


def _lines(points: list[list[Any]], at: int) -> Iterator[list[Any]]:
    made: list[list[Any]] = [[]]
    for n, values in enumerate(points):
        made = [[*line, value] for line in made for value in ([None] if n == at else values)][:MOST_LINES]
    yield from made


def _rung(united: United, table: DecisionTable, record: Mapping[str, Any]) -> tuple[int | None, tuple[int, ...]]:
    """The highest place in the sequence that a record asks (0: nobody); None where the table has no answer."""
    outcome = table.evaluate(record)
    hits = outcome.value if isinstance(outcome.value, list) else [outcome.value]
    if outcome.error or not hits or not all(isinstance(hit, Mapping) for hit in hits):
        return None, outcome.rows
    roles = [role for hit in hits for role in roles_of(hit.get("ask"))]
    return max((united.group(role) for role in roles if not united.roles[role].auto), default=0), outcome.rows


def _bounds(formula: Formula | None) -> list[tuple[str, str, Any]] | None:
    """The comparisons of a formula that is one, or several joined with AND; None for any other shape."""
    if formula is None or formula.tree is None:
        return None
    made: list[tuple[str, str, Any]] = []
    stack: list[Node] = [formula.tree]
    while stack:
        node = stack.pop()
        if node.op == "and":
            stack += list(node.args)
            continue
        if node.op != "cmp" or len(node.args) != 2:
            return None
        left, right = (_bare(one) for one in node.args)
        if left.op == "field" and right.op == "lit" and right.data is not None and right.type.numeric:
            made.append((left.data, node.data, given_back(right.data, right.type)))
        elif right.op == "field" and left.op == "lit" and left.data is not None and left.type.numeric:
            made.append(
                (right.data, {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(node.data, node.data), given_back(left.data, left.type))
            )
        else:
            return None
    return made


def _bare(node: Node) -> Node:
    while node.op in ("cast", "as") and len(node.args) == 1:
        node = node.args[0]
    return node


def _backwards(united: United) -> Iterator[Finding]:
    """Rules of one comparison that ask for the better values of a field."""
    for asker in united.askers:
        for name, op, mark in _bounds(asker.when) or ():
            tested = united.tested.get(name)
            better = {"higher": ("<", "<="), "lower": (">", ">=")}.get(tested.worse if tested and isinstance(tested.worse, str) else "", ())
            if op in better and not asker.forbid and asker.table is None and tested and len(_bounds(asker.when) or ()) == 1:
                text = f"{asker.name} asks where {tested.label.lower()} is {op} {_word(mark)}, and it is {tested.worse} that is worse"
                yield Finding(asker.document, (*asker.place, "when"), text, "Turn the comparison round, or the field's `worse`.")


def _never(united: United) -> Iterator[Finding]:
    """Rules that no value can meet."""
    for asker in united.askers:
        for name in {name for name, _, _ in _bounds(asker.when) or ()}:
            low, high = _span(_bounds(asker.when) or (), name)
            if low is not None and high is not None and (low[0] > high[0] or (low[0] == high[0] and not (low[1] and high[1]))):
                label = united.labels.get(name, name).lower()
                yield Finding(asker.document, (*asker.place, "when"), f"{asker.name} never holds: no {label} meets it", "", "error")


def _span(bounds: Iterable[tuple[str, str, Any]], name: str) -> tuple[tuple[Any, bool] | None, tuple[Any, bool] | None]:
    """The lowest and highest value that the comparisons of a field leave, each with whether it is included."""
    low: tuple[Any, bool] | None = None
    high: tuple[Any, bool] | None = None
    for found, op, mark in bounds:
        if found != name:
            continue
        if op in (">", ">=", "=") and (low is None or (mark, op == ">") > (low[0], not low[1])):
            low = (mark, op != ">")
        if op in ("<", "<=", "=") and (high is None or (mark, op != "<") < (high[0], high[1])):
            high = (mark, op != "<")
    return low, high


def _holes(united: United) -> Iterator[Finding]:
    """A value that stands exactly between two rules, one below and one above it, and in neither."""
    ends: dict[tuple[str, Any], dict[str, Asker]] = {}
    for asker in united.askers:
        for name, op, mark in _bounds(asker.when) or ():
            if not asker.forbid:
                ends.setdefault((name, mark), {})[op] = asker
    for (name, mark), ops in ends.items():
        if "<" in ops and ">" in ops and not {"<=", ">=", "="} & set(ops):
            asker, other = ops[">"], ops["<"]
            text = f"{united.labels.get(name, name)} of exactly {_word(mark)} stands in neither {other.name!r} nor {asker.name!r}"
            yield Finding(asker.document, (*asker.place, "when"), text, "Let one of them include it.")


def _unheld(united: United, people: People) -> Iterator[Finding]:
    for name in sorted(_asked(united)):
        role = united.roles.get(name)
        if role is None or role.auto or role.who == "manager":
            continue
        held = [one for word in role.people if (one := people.find(word))] if role.who == "person" else people.holders(name)
        document, place = _where(united, "role", name)
        if not held:
            severity = "warning" if _covered(united, role, people) else "error"
            yield Finding(document, place, f"nobody holds the role {name}", "Name somebody, or give it a backup.", severity)
        elif len(held) < role.quorum:
            yield Finding(document, place, f"{len(held)} hold the role {name}, and a quorum of {role.quorum} must agree", "", "error")


def _covered(united: United, role: Role, people: People) -> bool:
    backup = united.roles.get(role.backup)
    return backup is not None and (backup.who == "manager" or bool(people.holders(backup.name)))


def days_of(documents: Mapping[str, Matrix]) -> list[date]:
    """The days on which something changes."""
    return sorted({version.since for one in documents.values() for version in one.version})
