"""Choices, texts and calls of the function table as SQL."""

from __future__ import annotations

from typing import Any

from closedwon.formula.declared import Function
from closedwon.formula.evaluate import NO_NUMBER
from closedwon.formula.functions_text import LONG, LONGEST, NUMBER
from closedwon.formula.nodes import Fault, Node
from closedwon.formula.sql.core import Core, Sql
from closedwon.formula.sql.dialect import literal
from closedwon.formula.sql.patterns import java_like, java_regex
from closedwon.formula.text import Mistake


class Calls(Core):
    """Texts and functions."""

    def _join(self, node: Node) -> Sql:
        parts = [self.write(arg) for arg in node.args]
        each = [f"COALESCE({part.value}, '')" for part in parts]
        made = self.bind(f"NULLIF({' || '.join(each)}, '')")
        grows = any(arg.op not in {"lit", "field"} for arg in node.args)
        return Sql(made, self.errors(*(part.error for part in parts), self.fault(f"length({made}) > {LONGEST}", LONG) if grows else None))

    def _value(self, node: Node) -> Sql:
        made = self.atom(node.args[0])
        fitted = self.bind(f"CASE WHEN {self.dialect.matches(made.value, NUMBER)} THEN TRY_CAST({made.value} AS DECIMAL(38,18)) END")
        bad = self.fault(f"{made.value} IS NOT NULL AND {fitted} IS NULL", NO_NUMBER)
        return Sql(self.dialect.unscaled(fitted, node.type), self.errors(made.error, bad))

    def _show(self, node: Node) -> Sql:
        made, kind = self.atom(node.args[0]), node.args[0].type
        scale = kind.scale
        if scale == 0:
            return Sql(f"CAST({made.value} AS {self.dialect.string})", made.error)
        digits = self.bind(f"CAST({self.absolute(made.value, kind)} AS {self.dialect.string})")
        padded = self.bind(f"CASE WHEN length({digits}) > {scale} THEN {digits} ELSE lpad({digits}, {scale + 1}, '0') END")
        cut = f"substr({padded}, 1, length({padded}) - {scale}) || '.' || substr({padded}, length({padded}) - {scale} + 1)"
        return Sql(f"(CASE WHEN {made.value} < {self.zero(kind)} THEN '-' ELSE '' END || {self.dialect.trimmed(cut)})", made.error)

    def _call(self, node: Node) -> Sql:
        function: Function = node.data
        args = [self.write(arg) if arg.op == "lit" else self.atom(arg) for arg in node.args]
        values = [one.value for one in args]
        error = self.errors(*(one.error for one in args))
        present = (
            " AND ".join(
                f"{value} IS NOT NULL" for value, arg in zip(values, node.args, strict=True) if arg.op != "lit" or arg.data is None
            )
            or "TRUE"
        )
        if not function.strict:
            values = [self._filled(arg, value, fill) for arg, value, fill in zip(node.args, values, function.fills, strict=False)]
        values += [_fill(fill) for fill in function.fills[len(values) :]]
        values = [self.dialect.argument(value, kind.rstrip("?")) for value, kind in zip(values, function.kinds, strict=False)]
        template, refuse = self._texts(node)
        bad = [self.bind(self.fault(f"{present if function.strict else 'TRUE'} AND ({test.format(*values)})", why)) for test, why in refuse]
        made = f"({template.format(*values)})"
        if bad:
            error = self.errors(error, *bad)
            made = f"CASE WHEN {' AND '.join(f'{one} IS NULL' for one in bad)} THEN {template.format(*values)} END"
        if function.strict and present != "TRUE":
            made = f"CASE WHEN {present} THEN {made} END"
        if node.type.textual:
            made = f"NULLIF({made}, '')"
        if node.type.numeric and not node.type.approx:
            made = f"CAST({made} AS BIGINT)"
        return Sql(made, error)

    def _filled(self, arg: Node, value: str, fill: Any) -> str:
        """An argument with its stand-in for blank; a constant stays one, so that a pattern is read once and not for every row."""
        if arg.op == "lit":
            return _fill(fill) if arg.data is None else value
        return self.bind(f"COALESCE({value}, {_fill(fill)})")

    def _texts(self, node: Node) -> tuple[str, tuple[tuple[str, str], ...]]:
        """A function's SQL, and the conditions under which it is refused."""
        function: Function = node.data
        if not self.dialect.spark:
            return function.sql, function.refuse
        if function.name in {"REGEX", "LIKE"}:
            return self._pattern(node)
        return function.spark or self.dialect.template(function.sql), tuple(
            (self.dialect.template(test), why) for test, why in function.refuse
        )

    def _pattern(self, node: Node) -> tuple[str, tuple[tuple[str, str], ...]]:
        """A pattern for Spark, whose own expressions backtrack and differ: it must be known and of the common part. Raises Mistake."""
        wanted, function = node.args[1], node.data
        if wanted.op != "lit":
            message = f"{function.name} on Spark needs a pattern in quotes"
            raise Mistake(message, wanted.span, "Write the pattern as a text, or use DuckDB.")
        try:
            function.run("", wanted.data or "")
        except Fault as fault:
            return "FALSE", (("TRUE", fault.message),)
        made = (java_like if function.name == "LIKE" else java_regex)(wanted.data or "", wanted.span)
        return f"{{0}} RLIKE {self.dialect.text(made)}".replace("{", "{{").replace("}", "}}").replace("{{0}}", "{0}", 1), ()


def _fill(value: Any) -> str:
    return literal(value) if isinstance(value, str) else str(value)
