"""Constants, comparisons and choices as SQL. An error counts only where the interpreter would look at it."""

from __future__ import annotations

import re
from datetime import date, datetime

from closedwon.formula.nodes import Node
from closedwon.formula.sql.core import Core, Sql
from closedwon.formula.sql.dialect import small


class Logic(Core):
    """What is not a number."""

    def _lit(self, node: Node) -> Sql:
        value, kind = node.data, node.type
        if value is None:
            return Sql("NULL" if kind.kind == "blank" else f"CAST(NULL AS {self.physical(kind)})")
        if isinstance(value, bool):
            return Sql("TRUE" if value else "FALSE")
        if kind.numeric:
            return Sql(self.dialect.number(value, wide=not small(kind)))
        if isinstance(value, datetime):
            return Sql(f"CAST('{value.isoformat(' ', 'microseconds')}' AS {self.physical(kind)})")
        if isinstance(value, date):
            return Sql(f"DATE '{value.isoformat()}'")
        return Sql(self.dialect.text(value) if isinstance(value, str) else str(value))

    def _cmp(self, node: Node) -> Sql:
        a, b = (self.write(arg) for arg in node.args)
        error = self.errors(a.error, b.error)
        if node.args[0].type.textual and node.data in {"=", "<>"}:
            constant = any(arg.op == "lit" and arg.data for arg in node.args)
            plain = [_unwrapped(one.value) if constant else one.value for one in (a, b)]  # no text but '' would become blank
            made = f"({plain[0]} {self.dialect.same} {plain[1]})"
            return Sql(made if node.data == "=" else f"(NOT {made})", error)
        return Sql(f"({a.value} {'=' if node.data == '==' else node.data} {b.value})", error)

    def _and(self, node: Node) -> Sql:
        return self._both(node, "AND", "IS NOT FALSE")

    def _or(self, node: Node) -> Sql:
        return self._both(node, "OR", "IS NOT TRUE")

    def _both(self, node: Node, word: str, needed: str) -> Sql:
        parts = [self.write(arg) for arg in node.args]
        if not any(part.error for part in parts[1:]):
            return Sql(f"({f' {word} '.join(part.value for part in parts)})", parts[0].error)
        parts = [Sql(self.bind(part.value), part.error and self.bind(part.error)) for part in parts]
        arms = ""
        for at, part in enumerate(parts):
            arms += f"WHEN {part.error} IS NOT NULL THEN {part.error} " if part.error else ""
            arms += f"WHEN NOT (({part.value}) {needed}) THEN NULL " if at < len(parts) - 1 else ""
        return Sql(f"({f' {word} '.join(part.value for part in parts)})", f"CASE {arms}END")

    def _not(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        return Sql(f"(NOT {made.value})", made.error)

    def _if(self, node: Node) -> Sql:
        test, yes, no = (self.write(arg) for arg in node.args)
        error = None
        if yes.error or no.error:
            test = Sql(self.bind(test.value), test.error)
            error = f"CASE WHEN {test.value} THEN {yes.error or 'NULL'} ELSE {no.error or 'NULL'} END"
        return Sql(f"CASE WHEN {test.value} THEN {yes.value} ELSE {no.value} END", self.errors(test.error, error))

    def _switch(self, node: Node) -> Sql:
        *pairs, last = (self.write(arg) for arg in node.args)
        if not pairs:
            return last
        if any(part.error for part in (*pairs, last)):
            pairs = [
                Sql(part.value if at % 2 else self.bind(part.value), part.error and self.bind(part.error)) for at, part in enumerate(pairs)
            ]
        arms = "".join(f"WHEN {test.value} THEN {value.value} " for test, value in zip(pairs[::2], pairs[1::2], strict=True))
        made = f"CASE {arms}ELSE {last.value} END"
        if not any(part.error for part in (*pairs, last)):
            return Sql(made)
        wrong = ""
        for test, value in zip(pairs[::2], pairs[1::2], strict=True):
            wrong += f"WHEN {test.error} IS NOT NULL THEN {test.error} " if test.error else ""
            wrong += f"WHEN {test.value} THEN {value.error or 'NULL'} "
        return Sql(made, f"CASE {wrong}ELSE {last.error or 'NULL'} END")

    def _lookup(self, node: Node) -> Sql:
        keys = [self.atom(arg) for arg in node.args]
        arms = ""
        for cells, value in node.data.items():
            tests = []
            for key, arg, cell in zip(keys, node.args, cells, strict=True):
                constant = self._lit(Node("lit", (), arg.type, arg.span, cell)).value
                tests.append(f"{key.value} {self.dialect.same if arg.type.textual else '='} {constant}")
            arms += f"WHEN {' AND '.join(tests)} THEN {self._lit(Node('lit', (), node.type, node.span, value)).value} "
        made = f"CASE {arms}END" if arms else f"CAST(NULL AS {self.physical(node.type)})"
        return Sql(made, self.errors(*(key.error for key in keys)))

    def _isblank(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        return Sql(f"({made.value} IS NULL)", made.error)

    def _pass(self, node: Node) -> Sql:
        first, second = (self.write(arg) for arg in node.args)
        return Sql(second.value, self.errors(first.error, second.error))

    def _iferror(self, node: Node) -> Sql:
        value, instead = (self.write(arg) for arg in node.args)
        if not value.error:
            return value
        test = self.bind(value.error)
        error = f"CASE WHEN {test} IS NOT NULL THEN {instead.error} END" if instead.error else None
        return Sql(f"CASE WHEN {test} IS NULL THEN {value.value} ELSE {instead.value} END", error)


def _unwrapped(sql: str) -> str:
    """A column of texts without the step that makes '' blank."""
    found = re.fullmatch(r"""NULLIF\(([`"\w.]+), ''\)""", sql)
    return found[1] if found else sql
