"""The compiler to SQL.

An exact number is an integer at its type's scale (64 bits where its digits fit, else 128), so nothing is lost;
a value that cannot be had is an error beside the value, per row, never a failed query and never a silent NULL.

Parts that are used twice become columns of an inner SELECT, so the text stays in proportion to the formula.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.base.money import digits as currency_digits
from closedwon.formula.evaluate import COUNT_LIMIT, INT_LIMIT, NO_NUMBER, NOT_WHOLE, OVERFLOW, ZERO, chunks, is_direct
from closedwon.formula.functions_date import spark_text
from closedwon.formula.functions_text import LONG, LONGEST, NUMBER
from closedwon.formula.nodes import LARGEST, Fault, Node
from closedwon.formula.types import QUOTIENT_SCALE, Type, number

MISFIT = "the value does not fit its type"
MOST_SQL = 400_000
_INTEGER = re.compile(r"\d+|\(-\d+\)")
_SIMPLE = re.compile(r"""_cw\d+|"[^"]*"|`[^`]*`|\d+|\(-\d+\)|'[^']{0,30}'|NULL|TRUE|FALSE""")
_STEP = re.compile(r"\b_cw(\d+)\b")


@dataclass(frozen=True)
class Sql:
    """What gives a node's value, and what gives its error (None where it can have none)."""

    value: str
    error: str | None = None


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


class Writer:
    """Writes one formula for one dialect."""

    def __init__(self, dialect: str, *, zero: bool) -> None:
        if dialect not in {"duckdb", "spark"}:
            raise Invalid(f"There is no SQL dialect {dialect!r}.", mend="Write duckdb or spark.")
        self.spark = dialect == "spark"
        self.zero = zero
        self.steps: list[tuple[str, str, int]] = []
        self.made: dict[int, Sql] = {}
        self.levels: dict[str, int] = {}
        self.inline = 0
        self.bound: dict[str, str] = {}
        self.names: set[str] = set()

    def select(self, node: Node, source: str, keep: tuple[str, ...]) -> str:
        """The SELECT of the whole formula."""
        root = self.write(node)
        error = f"CAST(NULL AS {'STRING' if self.spark else 'VARCHAR'})"
        value = self._outward(node.type, root.value)
        if root.error:
            name = self.bind(root.error)
            error, value = name, f"CASE WHEN {name} IS NULL THEN {value} END"
        kept = "".join(f"{self.name(column)}, " for column in keep)
        text = self._levelled(self._name_source(source))
        return self._guard(f"SELECT {kept}{value} AS value, {error} AS error FROM {text}")

    def select_each(self, nodes: Mapping[str, Node], source: str, keep: tuple[str, ...]) -> str:
        """A SELECT of several formulas over a SELECT or a name: the kept columns, then each formula's value and `<name>_error`."""
        cells = [self.name(column) for column in keep]
        for name, node in nodes.items():
            root = self.write(node)
            value, error = self._outward(node.type, root.value), f"CAST(NULL AS {'STRING' if self.spark else 'VARCHAR'})"
            if root.error:
                error = self.bind(root.error)
                value = f"CASE WHEN {error} IS NULL THEN {value} END"
            cells += [f"{value} AS {self.name(name)}", f"{error} AS {self.name(f'{name}_error')}"]
        return self._guard(f"SELECT {', '.join(cells)} FROM {self._levelled(source)}")

    def _levelled(self, text: str) -> str:
        """The source with the steps of the formulas as columns, level by level."""
        for level in range(1, max(self.levels.values(), default=0) + 1):
            columns = ", ".join(f"{sql} AS {name}" for name, sql, at in self.steps if at == level)
            text = f"(SELECT *, {columns} FROM {text})"
        return text

    def _name_source(self, source: str) -> str:
        return ".".join(self.name(part) for part in source.split("."))

    def name(self, name: str) -> str:
        """A name as the dialect quotes it."""
        return "`" + name.replace("`", "``") + "`" if self.spark else quoted(name)

    def text(self, value: str) -> str:
        """A text as the dialect's literal."""
        return literal(value.replace("\\", "\\\\")) if self.spark else literal(value)

    def _guard(self, text: str) -> str:
        if len(text) > MOST_SQL:
            raise Invalid("The formula's SQL gets too long.", mend="Split the formula into steps.")
        return text

    # Binding

    def bind(self, sql: str) -> str:
        """A short name for an expression: a column of an inner SELECT."""
        self._guard(sql)
        if _SIMPLE.fullmatch(sql):
            return sql
        if self.inline:
            return f"({sql})"
        if sql in self.bound:
            return self.bound[sql]
        level = 1 + max(
            (self.levels[f"_cw{found}"] for found in _STEP.findall(re.sub(r"'[^']*'", "", sql)) if f"_cw{found}" in self.levels), default=0
        )
        name = f"_cw{len(self.steps) + 1}"
        self.steps.append((name, sql, level))
        self.levels[name] = level
        self.bound[sql] = name
        return name

    def errors(self, *found: str | None) -> str | None:
        """The first of several errors."""
        some = list(dict.fromkeys(one for one in found if one))
        if not some:
            return None
        if len(some) == 1:
            return some[0]
        return f"COALESCE({', '.join(self.bind(one) if len(one) > 120 else one for one in some)})"

    def write(self, node: Node) -> Sql:
        """A node's SQL; shared nodes are written once."""
        if id(node) in self.made and not self.inline:
            return self.made[id(node)]
        made: Sql = getattr(self, f"_{node.op}")(node)
        self._guard(made.value)
        if made.error:
            made = Sql(made.value, self.bind(made.error) if len(made.error) > 200 else made.error)
        if not self.inline:
            self.made[id(node)] = made
        return made

    def atom(self, node: Node) -> Sql:
        """A node's SQL that can be repeated."""
        made = self.write(node)
        return Sql(self.bind(made.value), made.error)

    # Numbers

    @staticmethod
    def small(kind: Type) -> bool:
        """Whether the numbers of a type fit 64 bits."""
        return kind.whole + kind.scale <= 18

    def physical(self, kind: Type) -> str:
        """The column type that holds a type's values."""
        if kind.numeric:
            return "DOUBLE" if kind.approx else "BIGINT" if self.small(kind) else self.huge
        named = {"date": "DATE", "datetime": "TIMESTAMP_NTZ" if self.spark else "TIMESTAMP", "time": "BIGINT", "yes/no": "BOOLEAN"}
        return named.get(kind.kind, "STRING" if self.spark else "VARCHAR")

    @property
    def huge(self) -> str:
        """The type of 128-bit integers."""
        return "DECIMAL(38,0)" if self.spark else "HUGEINT"

    def wide(self, sql: str, kind: Type) -> str:
        """An integer as 128 bits."""
        return f"CAST({sql} AS {self.huge})" if self.small(kind) or _INTEGER.fullmatch(sql) else sql

    @staticmethod
    def long(sql: str) -> str:
        """An integer as 64 bits: literals are of 32, and their products overflow."""
        return f"CAST({sql} AS BIGINT)" if _INTEGER.fullmatch(sql) else sql

    def power(self, exponent: int) -> str:
        """A power of ten as a literal."""
        return str(10**exponent) if exponent <= 18 else f"CAST('{10**exponent}' AS {self.huge})"

    def over(self, left: str, right: str) -> str:
        """Whole division of integers that are not negative."""
        return f"CAST(try_divide({left} - {left} % {right}, {right}) AS {self.huge})" if self.spark else f"({left} // {right})"

    def tried(self, left: str, sign: str, right: str) -> str:
        """A reckoning with NULL in place of a failure."""
        if not self.spark:
            return f"TRY({left} {sign} {right})"
        named = {"+": "try_add", "-": "try_subtract", "*": "try_multiply"}
        return f"{named[sign]}({left}, {right})"

    def checked(self, left: str, sign: str, right: str, inputs: list[str], error: str | None) -> Sql:
        """An integer that may have got too large, as value and error."""
        name = self.bind(self.tried(left, sign, right))
        present = " AND ".join(f"{one} IS NOT NULL" for one in dict.fromkeys(inputs))
        limit = self.power(38) if not self.spark else "0"
        beyond = f"{name} IS NULL" if self.spark else f"({name} IS NULL OR {name} >= {limit} OR {name} <= -{limit})"
        return Sql(name, self.errors(error, f"CASE WHEN {present} AND {beyond} THEN {literal(OVERFLOW)} END"))

    def _lit(self, node: Node) -> Sql:
        value, kind = node.data, node.type
        if value is None:
            return Sql("NULL" if kind.kind == "blank" else f"CAST(NULL AS {self.physical(kind)})")
        if isinstance(value, bool):
            return Sql("TRUE" if value else "FALSE")
        if kind.numeric:
            return Sql((str(value) if value >= 0 else f"({value})") if abs(value) < 10**18 else f"CAST('{value}' AS {self.huge})")
        if isinstance(value, datetime):
            return Sql(f"CAST('{value:%Y-%m-%d %H:%M:%S.%f}' AS {self.physical(kind)})")
        if isinstance(value, date):
            return Sql(f"DATE '{value.isoformat()}'")
        return Sql(self.text(value) if isinstance(value, str) else str(value))

    def _field(self, node: Node) -> Sql:
        return self._column(self.name(node.type.column or node.data), node.type)

    def _part(self, node: Node) -> Sql:
        return self._column(f"x.{self.name(node.type.column or node.data)}", node.type)

    def _column(self, name: str, kind: Type) -> Sql:
        if kind.kind == "rows":
            return Sql(name)
        error: str | None = None
        if kind.numeric:
            name, error = self._stored(name, kind)
            return Sql(f"COALESCE({name}, 0)" if self.zero else name, error)
        if kind.kind == "yes/no":
            return Sql(f"COALESCE({name}, FALSE)")
        if kind.kind == "time" and not self.spark:
            return Sql(f"(extract(hour FROM {name}) * 3600000 + extract(minute FROM {name}) * 60000 + extract(millisecond FROM {name}))")
        return Sql(f"NULLIF({name}, '')" if kind.textual else name)

    def _stored(self, name: str, kind: Type) -> tuple[str, str | None]:
        if kind.approx:
            return name, None
        if kind.stored:
            have = 6 if kind.stored == "ppm" else currency_digits(kind.currency)
            value = f"CAST({name} AS {self.physical(kind)})"
            if have > kind.scale:
                raise Invalid(f"{name} is stored with {have} decimals, its type has {kind.scale}.", mend="Give its type more decimals.")
            return (f"({value} * {10 ** (kind.scale - have)})" if have < kind.scale else value), None
        whole = kind.whole + kind.scale
        fitted = f"TRY_CAST({name} AS DECIMAL({whole},{kind.scale}))"
        error = f"CASE WHEN {name} IS NOT NULL AND {fitted} IS NULL THEN {literal(MISFIT)} END"
        return self._unscaled(fitted, whole, kind), error

    def _unscaled(self, sql: str, digits: int, kind: Type) -> str:
        scale = kind.scale
        if scale == 0:
            return f"CAST({sql} AS {self.physical(kind)})"
        if digits + scale <= 38 and not self.spark:
            return f"CAST(CAST({sql} AS DECIMAL(38,{scale})) * {10**scale} AS {self.physical(kind)})"
        text = "STRING" if self.spark else "VARCHAR"
        return f"CAST(replace(CAST({sql} AS {text}), '.', '') AS {self.physical(kind)})"

    def _as(self, node: Node) -> Sql:
        return self.write(node.args[0])

    def _cast(self, node: Node) -> Sql:
        have, want = node.args[0].type, node.type
        made = self.write(node.args[0])
        if have.approx and want.approx:
            return made
        if want.approx:
            return Sql(f"(CAST({made.value} AS DOUBLE) / 1e{have.scale})", made.error)
        if have.approx:
            value = self.bind(made.value)
            text = "STRING" if self.spark else "VARCHAR"
            fitted = self.bind(f"TRY_CAST(CAST({value} AS {text}) AS DECIMAL({want.whole + want.scale},{want.scale}))")
            error = f"CASE WHEN {value} IS NOT NULL AND {fitted} IS NULL THEN {literal(OVERFLOW)} END"
            return Sql(self._unscaled(fitted, want.whole + want.scale, want), self.errors(made.error, error))
        value = made.value
        if want.scale > have.scale:
            value = self._times(value, have, self.power(want.scale - have.scale), want)
        if want.whole < have.whole:
            name = self.bind(made.value)
            return self.checked(self.wide(name, have), "*", self.power(want.scale - have.scale), [name], made.error)
        if self.small(have) and not self.small(want) and want.scale == have.scale:
            value = f"CAST({value} AS {self.huge})"
        return Sql(value, made.error)

    def _times(self, value: str, have: Type, factor: str, want: Type) -> str:
        return f"({self.long(value) if self.small(want) else self.wide(value, have)} * {factor})"

    def _int(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        kind = node.args[0].type
        limit = COUNT_LIMIT if node.data == "count" else INT_LIMIT
        if kind.whole <= (9 if node.data == "count" else 18):
            return made
        return self._clamped(made, limit)

    def _clamped(self, made: Sql, limit: int) -> Sql:
        value = self.bind(made.value)
        return Sql(
            f"CASE WHEN {value} > {limit} THEN {limit} WHEN {value} < -{limit} THEN -{limit} ELSE CAST({value} AS BIGINT) END", made.error
        )

    def _neg(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        return Sql(f"(-{made.value})", made.error)

    def _abs(self, node: Node) -> Sql:
        made = self.write(node.args[0])
        return Sql(f"abs({made.value})", made.error)

    def _add(self, node: Node) -> Sql:
        return self._sum(node, "+")

    def _sub(self, node: Node) -> Sql:
        return self._sum(node, "-")

    def _sum(self, node: Node, sign: str) -> Sql:
        left, right = node.args
        a, b = self.write(left), self.write(right)
        error = self.errors(a.error, b.error)
        if node.type.approx:
            return self._double(f"({a.value} {sign} {b.value})", error)
        if node.type.whole <= max(left.type.whole, right.type.whole):
            names = [self.bind(a.value), self.bind(b.value)]
            return self.checked(self.wide(names[0], left.type), sign, self.wide(names[1], right.type), names, error)
        first = self.long(a.value) if self.small(node.type) else self.wide(a.value, left.type)
        return Sql(f"({first} {sign} {b.value})", error)

    def _double(self, sql: str, error: str | None, *, input_error: str | None = None) -> Sql:
        name = self.bind(f"TRY({sql})" if not self.spark else sql)
        beyond = f"CASE WHEN isnan({name}) OR abs({name}) = CAST('Infinity' AS DOUBLE) THEN {literal(OVERFLOW)} END"
        return Sql(name, self.errors(error, input_error, beyond))

    def _mul(self, node: Node) -> Sql:
        left, right = node.args
        a, b = self.write(left), self.write(right)
        error = self.errors(a.error, b.error)
        if node.type.approx:
            return self._double(f"({a.value} * {b.value})", error)
        if left.digits + right.digits > 38:
            names = [self.bind(a.value), self.bind(b.value)]
            return self.checked(self.wide(names[0], left.type), "*", self.wide(names[1], right.type), names, error)
        return Sql(f"({self.long(a.value) if self.small(node.type) else self.wide(a.value, left.type)} * {b.value})", error)

    def _div(self, node: Node) -> Sql:
        top, bottom = node.args
        a, b = self.atom(top), self.atom(bottom)
        zero = None if bottom.op == "lit" and bottom.data else f"CASE WHEN {b.value} = 0 AND {a.value} IS NOT NULL THEN {literal(ZERO)} END"
        error = self.errors(a.error, b.error, zero)
        if node.type.approx:
            return self._double(f"({a.value} / NULLIF({b.value}, 0))", error)
        shift = QUOTIENT_SCALE + bottom.type.scale - top.type.scale
        sign = f"CASE WHEN ({a.value} < 0) <> ({b.value} < 0) THEN -1 ELSE 1 END"
        if is_direct(node) and not self.spark:
            fast = top.digits + max(shift, 0) <= 17 and bottom.digits + max(-shift, 0) <= 17
            high, low = (
                (self.long(a.value), self.long(b.value)) if fast else (self.wide(a.value, top.type), self.wide(b.value, bottom.type))
            )
            up = f"abs({high}) * {self.power(max(shift, 0))}"
            low = f"abs({low})" + (f" * {self.power(-shift)}" if shift < 0 else "")
            value = f"({sign} * ((2 * {up} + {low}) // NULLIF(2 * {low}, 0)))"
            if node.type.whole + node.type.scale > 18 and fast:
                value = f"CAST({value} AS {self.huge})"
            made = Sql(value, error)
            return self._fit(made, [a.value, b.value], node) if top.type.whole + bottom.type.scale > node.type.whole else made
        return self._long(node, a, b, sign, shift, error)

    def _fit(self, made: Sql, inputs: list[str], node: Node) -> Sql:
        name = self.bind(made.value)
        limit = self.power(min(node.digits, 38)) if node.digits < 38 or not self.spark else str(LARGEST)
        present = " AND ".join(f"{one} IS NOT NULL" for one in inputs)
        return Sql(name, self.errors(made.error, f"CASE WHEN {present} AND abs({name}) >= {limit} THEN {literal(OVERFLOW)} END"))

    def _long(self, node: Node, a: Sql, b: Sql, sign: str, shift: int, error: str | None) -> Sql:
        low = f"NULLIF(abs({self.wide(b.value, node.args[1].type)}), 0)"
        if shift < 0:
            low = self.tried(low, "*", self.power(-shift))
        low = self.bind(low)
        high = self.bind(f"abs({self.wide(a.value, node.args[0].type)})")
        made = self.bind(self.over(high, low))
        rest = self.bind(f"({high} % {low})")
        for step in chunks(max(shift, 0)):
            top = self.bind(self.tried(rest, "*", self.power(step)))
            digit = self.bind(self.over(top, low))
            made = self.bind(self.tried(self.tried(made, "*", self.power(step)), "+", digit))
            rest = self.bind(f"({top} % {low})")
        total = self.bind(self.tried(made, "+", f"CASE WHEN {rest} >= {low} - {rest} THEN 1 ELSE 0 END"))
        present = f"{a.value} IS NOT NULL AND {b.value} <> 0"
        beyond = f"({total} IS NULL)" if self.spark else f"({total} IS NULL OR {total} >= {self.power(38)})"
        error = self.errors(error, f"CASE WHEN {present} AND {beyond} THEN {literal(OVERFLOW)} END")
        return Sql(f"CAST({sign} * {total} AS {self.huge})", error)

    def _mod(self, node: Node) -> Sql:
        a, b = self.write(node.args[0]), self.atom(node.args[1])
        zero = f"CASE WHEN {b.value} = 0 AND {self.bind(a.value)} IS NOT NULL THEN {literal(ZERO)} END"
        return Sql(f"({self.bind(a.value)} % NULLIF({b.value}, 0))", self.errors(a.error, b.error, zero))

    def _pow(self, node: Node) -> Sql:
        a, b = self.atom(node.args[0]), self.atom(node.args[1])
        whole = f"CASE WHEN {a.value} IS NOT NULL AND {b.value} <> trunc({b.value}) THEN {literal(NOT_WHOLE)} END"
        if self.spark:
            whole = whole.replace(f"trunc({b.value})", f"CAST(CAST({b.value} AS DECIMAL(38,0)) AS DOUBLE)")
        return self._double(f"pow({a.value}, {b.value})", self.errors(a.error, b.error), input_error=whole)

    def _round(self, node: Node) -> Sql:
        mode, decimals = node.data
        arg = node.args[0]
        drop = arg.type.scale - decimals
        made = self.atom(arg)
        if drop >= 38:
            big = (
                f"abs({made.value}) >= {self.power(37)} * 5"
                if mode == "round" and drop == 38
                else f"{made.value} <> 0"
                if mode == "up"
                else "FALSE"
            )
            return Sql(f"({made.value} * 0)", self.errors(made.error, f"CASE WHEN {big} THEN {literal(OVERFLOW)} END"))
        value = self._rounding(made.value, self.power(drop), mode, arg.type, drop)
        if decimals < 0:
            name = self.bind(value)
            return self.checked(self.wide(name, arg.type), "*", self.power(-decimals), [name], made.error)
        kept = Sql(value if self.small(node.type) == self.small(arg.type) else f"CAST({value} AS {self.physical(node.type)})", made.error)
        return self._fit(kept, [made.value], node) if node.type.whole <= arg.type.whole else kept

    def _rounding(self, value: str, size: str, mode: str, kind: Type, digits: int | None = None) -> str:
        whole, rest = f"(abs({value}) // {size})", f"(abs({value}) % {size})"
        if self.spark:
            whole = self.over(f"abs({value})", size)
            if digits is not None:
                unit = f"CAST('1e-{digits}' AS DECIMAL({digits},{digits}))"
                whole = f"CAST(floor(CAST(abs({value}) AS DECIMAL(38,0)) * {unit}) AS {self.physical(kind)})"
        more = {
            "round": f"CASE WHEN {rest} >= {size} - {rest} THEN 1 ELSE 0 END", "up": f"CASE WHEN {rest} > 0 THEN 1 ELSE 0 END",
            "trunc": "0", "floor": f"CASE WHEN {value} < 0 AND {rest} > 0 THEN 1 ELSE 0 END",
            "ceil": f"CASE WHEN {value} > 0 AND {rest} > 0 THEN 1 ELSE 0 END",
        }[mode]  # fmt: skip
        return f"(CASE WHEN {value} < 0 THEN -1 ELSE 1 END * ({whole} + {more}))"

    def _roundto(self, node: Node) -> Sql:
        made, count = self.atom(node.args[0]), self.atom(node.args[1])
        arg, mode = node.args[0].type, node.data
        drop = self.bind(f"({node.type.scale} - {count.value})")
        powers = ", ".join(self.power(at) if at > 18 else f"CAST({10**at} AS {self.huge})" for at in range(38))
        at = f"CAST(least(greatest({drop}, 0), 37) AS INTEGER) + 1"
        size = self.bind(f"element_at(array({powers}), {at})" if self.spark else f"([{powers}])[{at}]")
        value = self.bind(self.wide(made.value, arg))
        rounding = self._rounding(value, size, mode, number(38))
        changed = self.bind(self.tried(rounding, "*", size))
        result = f"CASE WHEN {drop} IS NULL THEN NULL WHEN {drop} <= 0 THEN {value} WHEN {drop} >= 38 THEN {value} * 0 ELSE {changed} END"
        edge = (
            f"({drop} = 38 AND abs({value}) >= {self.power(37)} * 5)"
            if mode == "round"
            else f"({drop} >= 38 AND {value} <> 0)"
            if mode == "up"
            else "FALSE"
        )
        over = f"CASE WHEN {value} IS NOT NULL AND {drop} IS NOT NULL AND ({edge} OR ({drop} BETWEEN 1 AND 37 AND {changed} IS NULL)) THEN {literal(OVERFLOW)} END"
        final = self.bind(f"CAST({result} AS {self.huge})")
        limit = self.power(node.digits) if node.digits < 38 or not self.spark else str(LARGEST)
        beyond = f"CASE WHEN abs({final}) >= {limit} THEN {literal(OVERFLOW)} END"
        error = self.errors(made.error, count.error, over, beyond)
        if self.small(node.type):
            return Sql(f"CAST(CASE WHEN abs({final}) < {limit} THEN {final} END AS BIGINT)", error)
        return Sql(final, error)

    def _least(self, node: Node) -> Sql:
        parts = [self.atom(arg) for arg in node.args]
        function = "least" if node.data == "<" else "greatest"
        test = " OR ".join(f"{part.value} IS NULL" for part in parts)
        made = f"{function}({', '.join(part.value for part in parts)})"
        return Sql(f"CASE WHEN {test} THEN NULL ELSE {made} END", self.errors(*(part.error for part in parts)))

    # Logic

    def _cmp(self, node: Node) -> Sql:
        a, b = (self.write(arg) for arg in node.args)
        sign = node.data
        if node.args[0].type.textual and sign in {"=", "<>"}:
            if self.spark:
                made = f"({a.value} <=> {b.value})"
                return Sql(made if sign == "=" else f"(NOT {made})", self.errors(a.error, b.error))
            sign = "IS NOT DISTINCT FROM" if sign == "=" else "IS DISTINCT FROM"
        return Sql(f"({a.value} {'=' if sign == '==' else sign} {b.value})", self.errors(a.error, b.error))

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
        same = "<=>" if self.spark else "IS NOT DISTINCT FROM"
        arms = ""
        for cells, value in node.data.items():
            tests = []
            for key, arg, cell in zip(keys, node.args, cells, strict=True):
                constant = self.write(Node("lit", (), arg.type, arg.span, cell)).value
                tests.append(f"{key.value} {same if arg.type.textual else '='} {constant}")
            arms += f"WHEN {' AND '.join(tests)} THEN {self.write(Node('lit', (), node.type, node.span, value)).value} "
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

    # Texts and calls

    def _join(self, node: Node) -> Sql:
        parts = [self.write(arg) for arg in node.args]
        made = self.bind(f"NULLIF({' || '.join(f'COALESCE({part.value}, {chr(39) * 2})' for part in parts)}, '')")
        error = f"CASE WHEN length({made}) > {LONGEST} THEN {literal(LONG)} END"
        return Sql(
            made, self.errors(*(part.error for part in parts), error if any(arg.op not in {"lit", "field"} for arg in node.args) else None)
        )

    def _value(self, node: Node) -> Sql:
        made = self.atom(node.args[0])
        like = f"({made.value} RLIKE '^(?:{NUMBER})$')" if self.spark else f"regexp_full_match({made.value}, '{NUMBER}')"
        fitted = self.bind(f"CASE WHEN {like} THEN TRY_CAST({made.value} AS DECIMAL(38,18)) END")
        bad = f"CASE WHEN {made.value} IS NOT NULL AND {fitted} IS NULL THEN {literal(NO_NUMBER)} END"
        return Sql(self._unscaled(fitted, 38, node.type), self.errors(made.error, bad))

    def _show(self, node: Node) -> Sql:
        made, kind = self.atom(node.args[0]), node.args[0].type
        text = "STRING" if self.spark else "VARCHAR"
        if kind.scale == 0:
            return Sql(f"CAST({made.value} AS {text})", made.error)
        digits = self.bind(f"CAST(abs({made.value}) AS {text})")
        padded = self.bind(f"CASE WHEN length({digits}) > {kind.scale} THEN {digits} ELSE lpad({digits}, {kind.scale + 1}, '0') END")
        cut = f"substr({padded}, 1, length({padded}) - {kind.scale}) || '.' || substr({padded}, length({padded}) - {kind.scale} + 1)"
        trim = "rtrim('.', rtrim('0', {0}))" if self.spark else "rtrim(rtrim({0}, '0'), '.')"
        if self.spark:
            trim = "trim(TRAILING '.' FROM trim(TRAILING '0' FROM {0}))"
        return Sql(f"(CASE WHEN {made.value} < 0 THEN '-' ELSE '' END || {trim.format(cut)})", made.error)

    def _call(self, node: Node) -> Sql:
        function = node.data
        args = [self.atom(arg) for arg in node.args]
        values = [one.value for one in args]
        error = self.errors(*(one.error for one in args))
        present = " AND ".join(f"{value} IS NOT NULL" for value, arg in zip(values, node.args, strict=True) if arg.op != "lit") or "TRUE"
        if not function.strict:
            values = [f"COALESCE({value}, {self._fill(function.fills[at])})" for at, value in enumerate(values)]
            values = [self.bind(value) for value in values]
        for at in range(len(values), len(function.fills)):
            values.append(self._fill(function.fills[at]))
        template = self._adapt(function.spark if self.spark and function.spark else function.sql)
        refuse = self._literal_pattern(node) if self.spark and function.name in {"REGEX", "LIKE"} else function.refuse
        bad = [
            f"CASE WHEN {present if function.strict else 'TRUE'} AND ({self._adapt(test).format(*values)}) THEN {literal(message)} END"
            for test, message in refuse
        ]
        if bad:
            bound = [self.bind(one) for one in bad]
            error = self.errors(error, *bound)
            made = f"CASE WHEN {' AND '.join(f'{one} IS NULL' for one in bound)} THEN {template.format(*values)} END"
        else:
            made = f"({template.format(*values)})"
        if function.strict and present != "TRUE":
            made = f"CASE WHEN {present} THEN {made} END"
        if node.type.textual:
            made = f"NULLIF({made}, '')"
        if node.type.numeric and not node.type.approx:
            made = f"CAST({made} AS BIGINT)"
        return Sql(made, error)

    def _adapt(self, template: str) -> str:
        return spark_text(template) if self.spark else template

    @staticmethod
    def _literal_pattern(node: Node) -> tuple[tuple[str, str], ...]:
        """Spark fails on a bad pattern, so it must be known before. Raises Invalid."""
        wanted = node.args[1]
        if wanted.op != "lit":
            raise Invalid(f"{node.data.name} on Spark needs a pattern in quotes.", mend="Write the pattern as a text.")
        try:
            node.data.run("", wanted.data or "")
        except Fault as fault:
            return (("TRUE", fault.message),)
        return ()

    @staticmethod
    def _fill(value: Any) -> str:
        return literal(value) if isinstance(value, str) else str(value)

    def _agg(self, node: Node) -> Sql:
        op, of, test = node.data
        rows = self.write(node.args[0]).value
        self.inline += 1
        inner = self.write(of) if of else None
        where = self.write(test) if test else None
        each_error = self._row_error(where, inner)
        self.inline -= 1
        parts = self.bind(self.filtered(rows, "x", where.value) if where else rows)
        size = "size" if self.spark else "len"
        error = self._any_error(rows, each_error)
        if inner is None:
            return Sql(f"CAST(COALESCE({size}({parts}), 0) AS BIGINT)", error)
        each = self.bind(self.filtered(self.mapped(parts, "x", inner.value), "v", "v IS NOT NULL"))
        if op == "COUNT":
            return Sql(f"CAST(COALESCE({size}({each}), 0) AS BIGINT)", error)
        if op == "SUM":
            if self.spark:
                total = f"aggregate({each}, CAST(0 AS {self.physical(node.type)}), (s, v) -> CAST(s + v AS {self.physical(node.type)}))"
                return Sql(f"COALESCE({total}, 0)", error)
            total = f"list_sum({self.mapped(each, 'v', 'CAST(v AS HUGEINT)')})"
            name = self.bind(f"COALESCE(TRY({total}), CASE WHEN COALESCE(len({each}), 0) = 0 THEN 0 END)")
            beyond = f"CASE WHEN {name} IS NULL OR abs({name}) >= {self.power(node.digits)} THEN {literal(OVERFLOW)} END"
            error = self.errors(error, beyond)
            return Sql(f"CAST(CASE WHEN abs({name}) < {self.power(node.digits)} THEN {name} END AS {self.physical(node.type)})", error)
        short = {"MIN": "array_min" if self.spark else "list_min", "MAX": "array_max" if self.spark else "list_max"}[op]
        return Sql(f"{short}({each})", error)

    def _row_error(self, where: Sql | None, inner: Sql | None) -> str | None:
        late = inner.error if inner else None
        if where and late:
            late = f"CASE WHEN {where.value} THEN {late} END"
        return self.errors(where.error if where else None, late)

    def _any_error(self, rows: str, each: str | None) -> str | None:
        if not each:
            return None
        found = self.filtered(self.mapped(rows, "x", each), "e", "e IS NOT NULL")
        return f"get({found}, 0)" if self.spark else f"({found})[1]"

    def mapped(self, rows: str, name: str, body: str) -> str:
        """A list with every item changed."""
        return f"transform({rows}, {name} -> {body})" if self.spark else f"list_transform({rows}, lambda {name}: {body})"

    def filtered(self, rows: str, name: str, body: str) -> str:
        """The items of a list that pass."""
        return f"filter({rows}, {name} -> {body})" if self.spark else f"list_filter({rows}, lambda {name}: {body})"

    def _outward(self, kind: Type, value: str) -> str:
        if kind.kind == "yes/no":
            return f"COALESCE({value}, FALSE)"
        if kind.kind == "time" and not self.spark:
            name = self.bind(value)
            return f"make_time({name} // 3600000, {name} // 60000 % 60, ({name} % 60000) / 1000.0)"
        if not kind.numeric or kind.approx:
            return value
        digits = kind.whole + kind.scale
        if kind.scale == 0:
            return f"CAST({value} AS DECIMAL({digits},0))"
        if self.spark:
            return f"CAST(CAST({value} AS DECIMAL(38,0)) * CAST('1e-{kind.scale}' AS DECIMAL({kind.scale},{kind.scale})) AS DECIMAL({digits},{kind.scale}))"
        unit = f"CAST('{'0.' + '0' * (kind.scale - 1) + '1'}' AS DECIMAL({kind.scale},{kind.scale}))"
        return f"CAST(CAST({value} AS DECIMAL(38,0)) * {unit} AS DECIMAL({digits},{kind.scale}))"
