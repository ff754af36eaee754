"""A compiled formula: what users of the language hold in hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from closedwon.base.errors import Invalid, Problem
from closedwon.formula.checker import Checker, named
from closedwon.formula.evaluate import Evaluation
from closedwon.formula.nodes import Fault, Node
from closedwon.formula.sql import Writer
from closedwon.formula.text import Mistake, parse
from closedwon.formula.types import Type, type_of, types_of
from closedwon.formula.values import flat, given_back, inferred, shown, taken

BLANKS = ("blank", "zero")
MOST_STEPS = 400
MOST_LEVELS = 150


class BadFormula(Invalid):
    """A formula with mistakes; `problems` has every one with line, column and mend."""

    title = "The formula is not valid"


@dataclass(frozen=True)
class Outcome:
    """What a formula gives for a row: a value, or an error that says why there is none."""

    value: Any
    error: str | None = None


@dataclass(frozen=True)
class Step:
    """A part of the formula and its value for a row."""

    text: str
    value: str
    kind: str
    parts: tuple[Step, ...] = ()

    def lines(self, depth: int = 0) -> list[str]:
        """The tree as indented lines."""
        text = " ".join(self.text.split())
        own = f"{'  ' * depth}{text if len(text) <= 90 else text[:89] + '…'} = {self.value}"
        return [own, *(line for part in self.parts for line in part.lines(depth + 1))]

    def as_dict(self) -> dict[str, Any]:
        """The tree as a JSON-ready mapping."""
        return {"text": self.text, "value": self.value, "type": self.kind, "parts": [part.as_dict() for part in self.parts]}


@dataclass(frozen=True)
class Formula:
    """A parsed and typed formula. Where `problems` is not empty, it cannot be evaluated."""

    text: str
    problems: tuple[Problem, ...]
    tree: Node | None
    fields: Mapping[str, Type] = field(default_factory=dict)

    @property
    def type(self) -> Type:
        """The type of its result. Raises BadFormula."""
        return self._sound().type

    def report(self) -> str:
        """The problems as people read them, each with a caret below its place."""
        return "\n".join(pointed(self.text, one) for one in self.problems)

    def _sound(self) -> Node:
        if self.problems or self.tree is None:
            raise BadFormula("The formula has mistakes.", problems=self.problems)
        return self.tree

    def evaluate(self, row: Mapping[str, Any], *, blank: str = "blank") -> Outcome:
        """The result for one row of outside values. Raises BadFormula, or BadValue where the row does not fit the types."""
        tree = self._sound()
        try:
            value = Evaluation(self._taken(row), zero=_zero(blank)).value(tree)
        except Fault as fault:
            return Outcome(None, fault.message)
        return Outcome(given_back(value, tree.type))

    def explain(self, row: Mapping[str, Any], *, blank: str = "blank") -> Step:
        """The result for one row as a tree of the parts' values. Raises BadFormula, BadValue."""
        tree = self._sound()
        trace: dict[int, Any] = {}
        try:
            Evaluation(self._taken(row), zero=_zero(blank), trace=trace).value(tree)
        except Fault:
            pass
        return _Explainer(self.text, trace).step(tree)

    def sql(self, dialect: str = "duckdb", *, blank: str = "blank", source: str = "rows", keep: tuple[str, ...] = ()) -> str:
        """A SELECT over `source` that gives `value` and `error` (NULL where fine) after the kept columns. Raises BadFormula."""
        tree = self._sound()
        try:
            return Writer(dialect, zero=_zero(blank)).select(tree, source, keep)
        except Mistake as mistake:
            raise _refused(self, mistake) from mistake

    def _taken(self, row: Mapping[str, Any]) -> dict[str, Any]:
        given = {name.casefold(): value for name, value in flat(row).items()}
        missing = [name for name in ("TODAY()", "NOW()") if name in self.fields and given.get(name.casefold()) is None]
        if missing:
            raise Invalid(f"{missing[0]} is not given.", mend=f'Give it in the row as "{missing[0]}".')
        return {name: taken(given.get(name.casefold()), kind, name) for name, kind in self.fields.items() if kind.kind != "table"}


def sql_of(formulas: Mapping[str, Formula], dialect: str, source: str, keep: tuple[str, ...] = (), *, blank: str = "blank") -> str:
    """One SELECT of several formulas over `source`, which is a name or a SELECT in parentheses that the product itself wrote.

    It gives the kept columns, then each formula's value under its name and why there is none under `<name>_error`. Raises BadFormula.
    """
    trees = {name: one._sound() for name, one in formulas.items()}  # noqa: SLF001
    writer = Writer(dialect, zero=_zero(blank))
    results = {}
    for name, tree in trees.items():
        try:
            results[name] = writer.result(tree)
        except Mistake as mistake:
            raise _refused(formulas[name], mistake, name) from mistake
    return writer.select_each(results, source, keep)


def _refused(formula: Formula, mistake: Mistake, name: str = "") -> BadFormula:
    """What a dialect cannot do, as the failure that users see."""
    found = problem(formula.text, mistake)
    named = f"{name}: " if name else ""
    return BadFormula(f"{named}This formula cannot be compiled.\n{pointed(formula.text, found)}", problems=(found,))


def _zero(blank: str) -> bool:
    if blank not in BLANKS:
        raise Invalid(f"{blank!r} is no treatment of blanks.", mend="Write blank or zero.")
    return blank == "zero"


class _Explainer:
    def __init__(self, text: str, trace: Mapping[int, Any]) -> None:
        self.text = text
        self.trace = trace
        self.count = 0

    def step(self, node: Node) -> Step:
        self.count += 1
        got = self.trace.get(id(node))
        value = f"error: {got.message}" if isinstance(got, Fault) else shown(given_back(got, node.type), node.type) or "blank"
        if node.type.kind == "rows":
            value = f"{len(got or [])} rows"
        parts: list[Step] = []
        for part in self._parts(node):
            if self.count >= MOST_STEPS:
                break
            parts.append(self.step(part))
        return Step(self.text[node.span[0] : node.span[1]], value, str(node.type), tuple(parts))

    def _parts(self, node: Node, depth: int = 0) -> list[Node]:
        made: list[Node] = []
        for part in node.args:
            if part.op == "lit" or id(part) not in self.trace:
                continue
            inner = part.span == node.span and depth < 60
            found = self._parts(part, depth + 1) if inner else [part]
            made += [one for one in found if all(one.span != known.span for known in made)]
        return made


def compile(text: str, types: Mapping[str, Any] | None = None, *, expects: str | None = None) -> Formula:  # noqa: A001
    """The formula of a text. Mistakes are values in `problems`, all of them, each with line, column, caret and mend."""
    known = types_of(types or {})
    try:
        tree = parse(text)
    except Mistake as mistake:
        return Formula(text, (problem(text, mistake),), None)
    except RecursionError:
        return Formula(text, (Problem("the formula is nested too deeply", line=1, column=1, mend="Split it into steps."),), None)
    checker = Checker(known)
    try:
        node = checker.node(tree)
        mistakes = checker.mistakes
        if not mistakes and _depth(node) > MOST_LEVELS:
            mistakes = [Mistake("the formula is nested too deeply", (0, 1), "Split it into steps.")]
        if not mistakes and node.type.kind in {"rows", "table"}:
            mistakes = [Mistake(f"a {node.type} is not a value", node.span, "Use SUM, COUNT, MIN, MAX or LOOKUP.")]
        if not mistakes and expects and node.type.kind != "blank" and node.type.family != type_of(expects).family:
            mistakes = [Mistake(f"the formula gives {named(node.type)}, not {named(type_of(expects))}", node.span)]
    except RecursionError:
        return Formula(text, (Problem("the formula is nested too deeply", line=1, column=1, mend="Split it into steps."),), None)
    problems = tuple(problem(text, mistake) for mistake in sorted(mistakes, key=lambda one: one.span)[:50])
    return Formula(text, problems, None if problems else node, checker.fields)


def _depth(node: Node) -> int:
    levels: dict[int, int] = {}
    stack = [(node, False)]
    while stack:
        one, after = stack.pop()
        inner = [part for part in (*one.args, *(one.data[1:] if one.op == "agg" else ())) if part is not None]
        if after:
            levels[id(one)] = 1 + max((levels[id(part)] for part in inner), default=0)
        elif id(one) not in levels:
            stack += [(one, True), *((part, False) for part in inner)]
    return levels[id(node)]


def types_for(row: Mapping[str, Any]) -> dict[str, Type]:
    """The types of a row's own values, for a formula without declared types."""
    return inferred(row, "")


def problem(text: str, mistake: Mistake) -> Problem:
    """A mistake as a problem with its line and column."""
    start = min(mistake.span[0], len(text))
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    return Problem(mistake.message, line=text.count("\n", 0, start) + 1, column=column, mend=mistake.mend)


def pointed(text: str, found: Problem) -> str:
    """A problem as people read it: the message, the line, a caret below the place, the mend."""
    line = text.split("\n")[(found.line or 1) - 1]
    at = (found.column or 1) - 1
    low = max(0, at - 60)
    return f"{found}\n    {line[low : low + 100]}\n    {' ' * (at - low)}^"
