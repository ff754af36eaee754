"""What a kind's own `lint` is given to tell mistakes with their place: the texts, their files, and the documents of other kinds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from closedwon.base.errors import Problem
from closedwon.base.policytext import within
from closedwon.base.tomlplaces import line_of
from closedwon.formula.decisions.field import findings
from closedwon.formula.formula import Formula
from closedwon.policies.registry import PolicyKind

Place = Sequence[str | int]


def _none(_name: str) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Lint:
    """The context of a lint: `problem` makes a problem at a place of a document, `other` gives the documents of another kind by name.

    Where `focus` names documents, only their problems get lines at once; `placed` gives the others theirs.
    """

    texts: Mapping[str, str]
    files: Mapping[str, str]
    other: Callable[[str], Mapping[str, Any]] = field(default=_none)
    focus: Collection[str] | None = None

    def problem(self, name: str, place: Place, message: str, *, severity: str = "error", mend: str | None = None) -> Problem:
        """A problem at a place (as in `["rules", 2, "when"]`) of the document of that name; a warning does not keep it from being applied."""
        line = line_of(self.texts.get(name, ""), list(place)) if self.focus is None or name in self.focus else None
        return Problem(message, self.files.get(name), line, field=".".join(map(str, place)) or None, mend=mend, severity=severity)

    def placed(self, problem: Problem) -> Problem:
        """The problem with its line."""
        if problem.line is not None or not problem.field:
            return problem
        name = next((one for one, file in self.files.items() if file == problem.file), "")
        place: list[str | int] = [int(part) if part.isdigit() else part for part in problem.field.split(".")]
        return replace(problem, line=line_of(self.texts.get(name, ""), place))

    def mistakes(self, name: str, place: Place, formula: Formula, *, severity: str = "error") -> Iterator[Problem]:
        """The mistakes of a formula that stands at a place of the document of that name, each at its line and column."""
        for told in formula.problems:
            made = self.problem(name, place, told.message, severity=severity, mend=told.mend)
            where = {"formula": formula.text, "line": told.line or 1, "column": told.column or 0}
            line, column = within(self.texts.get(name, ""), made.line, where)
            yield replace(made, line=line, column=column)

    def warning(self, name: str, place: Place, message: str, *, mend: str | None = None) -> Problem:
        """A warning at a place of the document of that name."""
        return self.problem(name, place, message, severity="warning", mend=mend)


def table_problems(value: Any, text: str, file: str, tolerates: Callable[[Any, Place, str], bool] | None = None) -> list[Problem]:
    """What the linter of decision tables finds in a policy: gaps, overlaps, cliffs; errors and warnings.

    `tolerates(value, place, finding)` tells of which findings the policy itself says what happens there: those are warnings.
    """
    return [
        Problem(
            f"{table.name}: {found.finding}: {found.message}", file, line_of(text, list(place)), field=".".join(map(str, place)),
            severity="error" if found.level == "error" and not (tolerates and tolerates(value, place, found.finding)) else "warning",
        )
        for place, table, found in findings(value)
    ]  # fmt: skip


def linted(kind: PolicyKind, documents: Mapping[str, Any], context: Lint) -> list[Problem]:
    """What the kind's own lint tells of its documents."""
    found: Iterable[Problem] = kind.lint(documents, context) if kind.lint else ()
    return list(found)
