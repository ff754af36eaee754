"""The compiler to SQL, put together: the SELECT of a whole formula."""

from __future__ import annotations

from collections.abc import Mapping

from closedwon.formula.nodes import Node
from closedwon.formula.sql.calls import Calls
from closedwon.formula.sql.division import Division
from closedwon.formula.sql.logic import Logic
from closedwon.formula.sql.numbers import MISFIT
from closedwon.formula.sql.rows import Rows
from closedwon.formula.types import Type


class Writer(Division, Logic, Calls, Rows):
    """Writes one formula for one dialect."""

    def select(self, node: Node, source: str, keep: tuple[str, ...]) -> str:
        """The SELECT of a formula. Raises Mistake where the dialect cannot do a part exactly, Invalid where it gets too long."""
        value, error = self.result(node)
        cells = [*(self.dialect.name(column) for column in keep), f"{value} AS value", f"{error} AS error"]
        return self._over(cells, ".".join(self.dialect.name(part) for part in source.split(".")))

    def select_each(self, results: Mapping[str, tuple[str, str]], source: str, keep: tuple[str, ...]) -> str:
        """A SELECT of several formulas' results over a SELECT or a name: the kept columns, then each value and `<name>_error`."""
        cells = [self.dialect.name(column) for column in keep]
        for name, (value, error) in results.items():
            cells += [f"{value} AS {self.dialect.name(name)}", f"{error} AS {self.dialect.name(f'{name}_error')}"]
        return self._over(cells, source)

    def result(self, node: Node) -> tuple[str, str]:
        """A formula's value and error. Raises Mistake where the dialect cannot do a part exactly."""
        self.misfits = []
        root = self.write(node)
        value = self._outward(node.type, root.value)
        tests = " OR ".join(f"({test})" for test in dict.fromkeys(self.misfits))
        found = self.errors(self.fault(tests, MISFIT) if tests else None, root.error)
        if not found:
            return value, f"CAST(NULL AS {self.dialect.string})"
        error = self.bind(found)
        return f"CASE WHEN {error} IS NULL THEN {value} END", error

    def _over(self, cells: list[str], text: str) -> str:
        """The cells over the source with the named parts as columns, level by level."""
        for columns in self.levels():
            text = self.guard(f"(SELECT *, {', '.join(f'{sql} AS {name}' for name, sql in columns.items())} FROM {text})")
        return self.guard(f"SELECT {', '.join(cells)} FROM {text}")

    def _outward(self, kind: Type, value: str) -> str:
        if kind.kind == "yes/no":
            return f"COALESCE({value}, FALSE)"
        if kind.kind == "time":
            return self.dialect.time_out(self.bind(value))
        return self.dialect.scaled(self.bind(value), kind) if kind.numeric and not kind.approx else value
