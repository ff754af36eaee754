"""Numbers as SQL: columns read, widened, added, multiplied and rounded without losing a digit."""

from __future__ import annotations

from closedwon.base.errors import Invalid
from closedwon.base.money import digits as currency_digits
from closedwon.formula.evaluate import COUNT_LIMIT, INT_LIMIT, NOT_WHOLE, OVERFLOW, ZERO
from closedwon.formula.nodes import Node
from closedwon.formula.sql.core import Core, Sql
from closedwon.formula.sql.dialect import PIECE, SPARK_DECIMALS, long, small
from closedwon.formula.text import Mistake
from closedwon.formula.types import MOST, Type, number

MISFIT = "the value does not fit its type"


class Numbers(Core):
    """Fields, constants and reckoning, but for division."""

    def _field(self, node: Node) -> Sql:
        if self.steps is not self.outer:  # inside rows, a field of the record itself is read outside
            inner, self.steps = self.steps, self.outer
            made = self.atom(node)
            self.steps = inner
            return made
        return self._column(self.dialect.name(node.type.column or node.data), node)

    def _part(self, node: Node) -> Sql:
        return self._column(f"x.{self.dialect.name(node.type.column or node.data)}", node)

    def _column(self, name: str, node: Node) -> Sql:
        kind = node.type
        if kind.kind == "rows":
            return Sql(name)
        if kind.numeric:
            value, misfit = self._stored(name, node)
            if misfit and node.op == "field":  # such a row is refused as a whole, whichever part of the formula needs the field
                self.misfits.append(misfit)
            error = self.fault(misfit, MISFIT) if misfit and node.op == "part" else None
            return Sql(f"COALESCE({value}, {self.zero(kind)})" if self.blank_is_zero else value, error)
        if kind.kind == "yes/no":
            return Sql(f"COALESCE({name}, FALSE)")
        if kind.kind == "time":
            return Sql(self.dialect.time_in(name))
        if kind.kind == "datetime":
            return Sql(self.dialect.moment_in(name))
        return Sql(f"NULLIF({name}, '')" if kind.textual else name)

    def _stored(self, name: str, node: Node) -> tuple[str, str | None]:
        """A column as a number of its type, and the test for what does not fit it."""
        kind = node.type
        if kind.approx:
            return name, None
        if kind.stored == "scaled":  # as a whole number at the type's own scale already
            return f"CAST({name} AS {self.physical(kind)})", None
        if kind.stored:
            have = 6 if kind.stored == "ppm" else currency_digits(kind.currency)
            value = f"CAST({name} AS {self.physical(kind)})"
            if have > kind.scale:
                raise Invalid(f"{name} is stored with {have} decimals, its type has {kind.scale}.", mend="Give its type more decimals.")
            return (
                f"({value} * {self.dialect.number(10 ** (kind.scale - have), wide=not small(kind))})" if have < kind.scale else value
            ), None
        if self.dialect.spark and kind.scale > SPARK_DECIMALS:
            message = f"Spark cannot read a field of {kind.scale} decimals without loss"
            raise Mistake(message, node.span, f"Declare it with at most {SPARK_DECIMALS} decimals, or use DuckDB.")
        fitted = f"TRY_CAST({name} AS DECIMAL({node.digits},{kind.scale}))"
        if self.dialect.spark:
            fitted = self.bind(fitted)
        return self.dialect.unscaled(fitted, kind), f"{name} IS NOT NULL AND {fitted} IS NULL"

    def _as(self, node: Node) -> Sql:
        return self.write(node.args[0])

    def wide(self, sql: str, kind: Type) -> str:
        """A whole number as 128 bits."""
        return self.dialect.wide(sql, kind)

    def checked(self, left: str, sign: str, right: str, inputs: list[str], error: str | None) -> Sql:
        """A number that may have got too large, as value and error."""
        name = self.bind(self.dialect.tried(left, sign, right))
        present = " AND ".join(f"{one} IS NOT NULL" for one in dict.fromkeys(inputs))
        return Sql(name, self.errors(error, self.fault(f"{present} AND {self.dialect.beyond(name)}", OVERFLOW)))

    def _cast(self, node: Node) -> Sql:
        have, want = node.args[0].type, node.type
        made = self.write(node.args[0])
        if have.approx and want.approx:
            return made
        if want.approx:
            return Sql(f"(CAST({made.value} AS DOUBLE) / 1e{have.scale})", made.error)
        if have.approx:
            return self._exact(made, want)
        factor = self.dialect.number(10 ** max(want.scale - have.scale, 0), wide=not small(want))
        if want.whole < have.whole:
            name = self.bind(made.value)
            return self.checked(self.wide(name, have), "*", factor, [name], made.error)
        value = made.value
        if want.scale > have.scale:
            value = f"({long(value) if small(want) else self.wide(value, have)} * {factor})"
        elif small(have) and not small(want):
            value = f"CAST({value} AS {self.huge})"
        return Sql(value, made.error)

    def _exact(self, made: Sql, want: Type) -> Sql:
        value = self.bind(made.value)
        fitted = self.bind(f"TRY_CAST(CAST({value} AS {self.dialect.string}) AS DECIMAL({want.whole + want.scale},{want.scale}))")
        error = self.fault(f"{value} IS NOT NULL AND {fitted} IS NULL", OVERFLOW)
        return Sql(self.dialect.unscaled(fitted, want), self.errors(made.error, error))

    def _int(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        limit = COUNT_LIMIT if node.data == "count" else INT_LIMIT
        if node.args[0].type.whole <= (9 if node.data == "count" else 18):
            return made
        value = self.bind(made.value)
        wide = not small(node.args[0].type)
        most, least = (self.dialect.number(edge, wide=wide) for edge in (limit, -limit))
        top, bottom = (f"CAST({edge} AS BIGINT)" for edge in (most, least))
        cut = f"CASE WHEN {value} > {most} THEN {top} WHEN {value} < {least} THEN {bottom} ELSE CAST({value} AS BIGINT) END"
        return Sql(cut, made.error)

    def _neg(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        return Sql(self.dialect.negated(made.value, node.type), made.error)

    def _abs(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        return Sql(self.absolute(made.value, node.type), made.error)

    def _add(self, node: Node) -> Sql:
        return self._sum(node, "+")

    def _sub(self, node: Node) -> Sql:
        return self._sum(node, "-")

    def _sum(self, node: Node, sign: str) -> Sql:
        left, right = node.args
        return self._reckoned(node, sign, fits=node.type.whole > max(left.type.whole, right.type.whole))

    def _mul(self, node: Node) -> Sql:
        return self._reckoned(node, "*", fits=node.args[0].digits + node.args[1].digits <= MOST)

    def _reckoned(self, node: Node, sign: str, *, fits: bool) -> Sql:
        left, right = node.args
        a, b = self.write(left), self.write(right)
        error = self.errors(a.error, b.error)
        if node.type.approx:
            return self.double(f"({a.value} {sign} {b.value})", error)
        if not fits:
            names = [self.bind(a.value), self.bind(b.value)]
            return self.checked(self.wide(names[0], left.type), sign, self.wide(names[1], right.type), names, error)
        first, second = (long(a.value), b.value) if small(node.type) else (self.wide(a.value, left.type), self.wide(b.value, right.type))
        return Sql(f"({first} {sign} {second})", error)

    def double(self, sql: str, error: str | None, *, input_error: str | None = None) -> Sql:
        """A reckoning in DOUBLE, as value and error."""
        name = self.bind(self.dialect.tried_double(sql))
        beyond = self.fault(f"isnan({name}) OR abs({name}) = CAST('Infinity' AS DOUBLE)", OVERFLOW)
        return Sql(name, self.errors(error, input_error, beyond))

    def fit(self, made: Sql, inputs: list[str], digits: int) -> Sql:
        """A number with an error where it has more than so many digits."""
        name = self.bind(made.value)
        present = " AND ".join(f"{one} IS NOT NULL" for one in inputs)
        return Sql(name, self.errors(made.error, self.fault(f"{present} AND {self.dialect.has_digits(name, digits)}", OVERFLOW)))

    def _mod(self, node: Node) -> Sql:
        a, b = self.atom(node.args[0]), self.atom(node.args[1])
        none = self.zero(node.type)
        zero = self.fault(f"{b.value} = {none} AND {a.value} IS NOT NULL", ZERO)
        return Sql(f"({a.value} % NULLIF({b.value}, {none}))", self.errors(a.error, b.error, zero))

    def _pow(self, node: Node) -> Sql:
        a, b = self.atom(node.args[0]), self.atom(node.args[1])
        broken = self.fault(f"{a.value} IS NOT NULL AND NOT ({self.dialect.is_whole(b.value)})", NOT_WHOLE)
        return self.double(f"pow({a.value}, {b.value})", self.errors(a.error, b.error), input_error=broken)

    def _round(self, node: Node) -> Sql:
        mode, decimals = node.data
        arg = node.args[0]
        drop = arg.type.scale - decimals
        made = self.atom(arg)
        if drop >= MOST:
            edge = self._edge(made.value, mode, drop, arg.type)
            return Sql(f"({made.value} * {self.zero(arg.type)})", self.errors(made.error, self.fault(edge, OVERFLOW)))
        sign, as_type = self._sign(made.value, arg.type), self.physical(node.type)
        value = f"(CAST({sign} AS {as_type}) * CAST({self._cut(made.value, arg, drop, mode)} AS {as_type}))"
        if decimals < 0:
            if node.type.whole > max(arg.type.whole, -decimals):
                return Sql(f"({value} * {self.dialect.number(10**-decimals, wide=not small(node.type))})", made.error)
            name = self.bind(f"CAST({value} AS {self.huge})")
            return self.checked(name, "*", self.dialect.power(-decimals), [name], made.error)
        kept = Sql(value, made.error)
        return self.fit(kept, [made.value], node.digits) if node.type.whole <= arg.type.whole else kept

    def _cut(self, value: str, arg: Node, drop: int, mode: str) -> str:
        """A number without its sign and its last digits, rounded: what is added before the division decides."""
        wide = arg.digits >= PIECE
        kind = number(MOST if wide else PIECE)
        absolute = self.absolute(self.wide(value, arg.type) if wide else value, kind)
        most, half, zero = (
            self.dialect.number(10**drop - 1, wide=wide),
            self.dialect.number(5 * 10 ** (drop - 1), wide=wide),
            self.zero(arg.type),
        )
        none = self.zero(kind)
        added = {
            "round": half, "up": most, "trunc": "", "floor": f"CASE WHEN {value} < {zero} THEN {most} ELSE {none} END",
            "ceil": f"CASE WHEN {value} > {zero} THEN {most} ELSE {none} END",
        }[mode]  # fmt: skip
        if not added or arg.digits < MOST or not self.dialect.spark:
            return self.dialect.over(f"({absolute} + {added})" if added else absolute, drop, min(arg.digits + 1, MOST))
        rest = f"({absolute} % {self.dialect.power(drop)})"
        more = self._more(value, rest, self.dialect.power(drop), mode, kind)
        return f"(CAST({self.dialect.over(absolute, drop, MOST)} AS {self.huge}) + CAST({more} AS {self.huge}))"

    def _edge(self, value: str, mode: str, drop: int, kind: Type) -> str:
        """Where a value without any of its 38 digits is still not 0."""
        if mode == "round" and drop == MOST:
            return f"{self.absolute(value, kind)} >= {self.dialect.number(5 * 10 ** (MOST - 1))}"
        return f"{value} <> {self.zero(kind)}" if mode == "up" else "FALSE"

    def _sign(self, value: str, kind: Type) -> str:
        return f"CASE WHEN {value} < {self.zero(kind)} THEN -1 ELSE 1 END"

    def _more(self, value: str, rest: str, size: str, mode: str, kind: Type) -> str:
        """1 where the rest of a division by a size moves the cut value away from zero."""
        zero = self.zero(kind)
        tests = {
            "round": f"{rest} >= {size} - {rest}", "up": f"{rest} > {zero}", "floor": f"{value} < {zero} AND {rest} > {zero}", "ceil": f"{value} > {zero} AND {rest} > {zero}",
        }  # fmt: skip
        return f"CASE WHEN {tests[mode]} THEN 1 ELSE 0 END" if mode in tests else "0"

    def _roundto(self, node: Node) -> Sql:
        made, count = self.atom(node.args[0]), self.atom(node.args[1])
        mode, kind = node.data, number(MOST)
        drop = self.bind(f"({self.dialect.number(node.type.scale, wide=False)} - {count.value})")
        size = self.bind(self.dialect.pick([self.dialect.power(at) for at in range(MOST)], f"least(greatest({drop}, 0), {MOST - 1})"))
        value = self.bind(self.wide(made.value, node.args[0].type))
        absolute = self.bind(self.absolute(value, kind))
        rest = self.bind(f"({absolute} % {size})")
        more = f"CASE WHEN {self._more(value, rest, size, mode, kind)} = 1 THEN {size} ELSE {self.dialect.number(0)} END"
        changed = self.bind(self.dialect.tried(f"({absolute} - {rest})", "+", more))
        beyond = f"{drop} BETWEEN 1 AND {MOST - 1} AND {self.dialect.beyond(changed)}"
        edges = (
            [f"({drop} {'=' if mode == 'round' else '>='} {MOST} AND {self._edge(value, mode, MOST, kind)})"]
            if mode in {"round", "up"}
            else []
        )
        lost = self.fault(f"{value} IS NOT NULL AND {drop} IS NOT NULL AND ({' OR '.join([*edges, f'({beyond})'])})", OVERFLOW)
        signed = f"CAST({self._sign(value, kind)} AS {self.huge}) * {changed}"
        none = f"{value} * {self.dialect.number(0)}"
        found = f"CASE WHEN {drop} IS NULL THEN NULL WHEN {drop} <= 0 THEN {value} WHEN {drop} >= {MOST} THEN {none} ELSE {signed} END"
        final = self.bind(f"CAST({found} AS {self.huge})")
        fits = f"NOT ({self.dialect.has_digits(final, node.digits)})"
        error = self.errors(made.error, count.error, lost, self.fault(f"NOT ({fits})", OVERFLOW))
        return Sql(f"CAST(CASE WHEN {fits} THEN {final} END AS BIGINT)" if small(node.type) else final, error)

    def _least(self, node: Node) -> Sql:
        parts = [self.atom(arg) for arg in node.args]
        function = "least" if node.data == "<" else "greatest"
        test = " OR ".join(f"{part.value} IS NULL" for part in parts)
        made = f"{function}({', '.join(part.value for part in parts)})"
        return Sql(f"CASE WHEN {test} THEN NULL ELSE {made} END", self.errors(*(part.error for part in parts)))
