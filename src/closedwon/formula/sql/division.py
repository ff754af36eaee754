"""Exact division as SQL: to 18 decimals, half away from zero, as `evaluate.quotient` does it.

Where all digits fit 128 bits, DuckDB divides once. Otherwise it is long division: the rest, with as many zeros as fit behind it, is divided
again. Spark's DIV gives 64 bits, so there the dividend too is taken in pieces of 18 digits.
"""

from __future__ import annotations

from closedwon.formula.evaluate import OVERFLOW, ZERO, Plan, plan
from closedwon.formula.nodes import Node
from closedwon.formula.sql.core import Sql
from closedwon.formula.sql.dialect import PIECE, long, small
from closedwon.formula.sql.numbers import Numbers
from closedwon.formula.types import MOST


class Division(Numbers):
    """Quotients."""

    def _div(self, node: Node) -> Sql:
        top, bottom = node.args
        a, b = self.atom(top), self.atom(bottom)
        zero = (
            None
            if bottom.op == "lit" and bottom.data
            else self.fault(f"{b.value} = {self.zero(bottom.type)} AND {a.value} IS NOT NULL", ZERO)
        )
        error = self.errors(a.error, b.error, zero)
        if node.type.approx:
            return self.double(f"({a.value} / NULLIF({b.value}, 0))", error)
        sign = f"CASE WHEN ({a.value} < {self.zero(top.type)}) <> ({b.value} < {self.zero(bottom.type)}) THEN -1 ELSE 1 END"
        made = plan(node)
        if made.direct and not self.dialect.spark:
            whole = Sql(f"({sign} * {self._at_once(node, a.value, b.value, made.shift)})", error)
            fits = top.type.whole + bottom.type.scale <= node.type.whole
            return whole if fits else self.fit(whole, [a.value, b.value], node.digits)
        return self._long(node, a, b, sign, error, made)

    def _at_once(self, node: Node, a: str, b: str, shift: int) -> str:
        top, bottom = node.args
        fast = top.digits + max(shift, 0) <= 17 and bottom.digits + max(-shift, 0) <= 17
        high, low = (long(a), long(b)) if fast else (self.wide(a, top.type), self.wide(b, bottom.type))
        up = f"abs({high}) * {self.dialect.power(max(shift, 0))}"
        down = f"abs({low})" + (f" * {self.dialect.power(-shift)}" if shift < 0 else "")
        value = f"((2 * {up} + {down}) // NULLIF(2 * {down}, 0))"
        return f"CAST({value} AS {self.huge})" if fast and not small(node.type) else value

    def _long(self, node: Node, a: Sql, b: Sql, sign: str, error: str | None, how: Plan) -> Sql:
        low = self._divisor(b.value, node.args[1], how)
        capped = node.args[0].type.whole + node.args[1].type.scale > node.type.whole
        made, rest = "", ""
        for given, zeros in self._pieces(
            self.bind(self.wide(self.absolute(a.value, node.args[0].type), node.args[0].type)), node.args[0].digits, how
        ):
            part = f"({rest} * {self.dialect.power(zeros)}{f' + CAST({given} AS {self.huge})' if given else ''})" if rest else given
            digit = f"({part} {'DIV' if self.dialect.spark else '//'} {low})"
            made = self._longer(made, zeros, digit, capped=capped) if made else digit
            rest = self.bind(f"({part} % {low})")
        up = f"CAST(CASE WHEN {rest} >= {low} - {rest} THEN 1 ELSE 0 END AS {self.huge})"
        signed = f"CAST({sign} AS {self.huge})"
        if not capped and how.limit is None:
            return Sql(f"CAST({signed} * (CAST({made} AS {self.huge}) + {up}) AS {self.physical(node.type)})", error)
        total = self.bind(self.dialect.tried(f"CAST({made} AS {self.huge})", "+", up))
        present = f"{a.value} IS NOT NULL AND {b.value} <> {self.zero(node.args[1].type)}"
        error = self.errors(error, self.fault(f"{present} AND {self.dialect.beyond(total)}", OVERFLOW))
        return Sql(f"({signed} * {total})", error)

    def _divisor(self, value: str, bottom: Node, how: Plan) -> str:
        """The divisor without its sign, NULL where it is 0 or beyond the limit."""
        low = f"NULLIF({self.wide(self.absolute(value, bottom.type), bottom.type)}, {self.dialect.number(0)})"
        if how.shift < 0:
            low = self.dialect.tried(low, "*", self.dialect.power(-how.shift))
        if how.limit is None:
            return self.bind(low)
        low = self.bind(low)
        within = f"{low} < {self.dialect.power(how.limit)}" if how.limit < MOST or not self.dialect.spark else f"{low} IS NOT NULL"
        return self.bind(f"CASE WHEN {within} THEN {low} END")

    def _longer(self, made: str, zeros: int, digit: str, *, capped: bool) -> str:
        """The quotient so far with more digits behind it."""
        made = f"CAST({made} AS {self.huge})"
        if not capped:
            return f"({made} * {self.dialect.power(zeros)} + CAST({digit} AS {self.huge}))"
        return self.dialect.tried(self.dialect.tried(made, "*", self.dialect.power(zeros)), "+", f"CAST({digit} AS {self.huge})")

    def _pieces(self, high: str, digits: int, how: Plan) -> list[tuple[str, int]]:
        """What is divided one after the other: the dividend's digits and how many they are, then zeros alone."""
        if not self.dialect.spark:
            return [(high, 0), *(("", zeros) for zeros in how.chunks(MOST))]
        count = -(-digits // PIECE)
        first = f"({high} DIV {self.dialect.power(PIECE * (count - 1))})" if count > 1 else high
        made = [(first, 0)]
        for at in range(count - 2, -1, -1):
            rest = f"({high} % {self.dialect.power(PIECE * (at + 1))})"
            made.append((f"({rest} DIV {self.dialect.power(PIECE * at)})" if at else rest, PIECE))
        return made + [("", zeros) for zeros in how.chunks(PIECE)]
