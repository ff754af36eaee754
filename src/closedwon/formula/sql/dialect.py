"""What DuckDB and Spark write differently.

Both reckon exact numbers as whole numbers at their type's scale: in 64 bits where the digits fit, else in DuckDB's HUGEINT and Spark's
DECIMAL(38,0). With no decimals, Spark's results do not depend on how its session treats precision; the point is set once, at the end.
"""

from __future__ import annotations

import re

from closedwon.base.errors import Invalid
from closedwon.formula.functions_date import spark_text
from closedwon.formula.types import MOST, Type

PIECE = 18
"""Digits of a quotient that Spark's DIV, which gives 64 bits, holds for sure."""
SPARK_DECIMALS = 18
"""The most decimals of a decimal column that Spark's arithmetic takes apart without loss."""
_INTEGER = re.compile(r"\d+|\(-\d+\)")


def literal(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def small(kind: Type) -> bool:
    """Whether the numbers of a type fit 64 bits."""
    return kind.whole + kind.scale <= 18


def long(sql: str) -> str:
    """A whole number as 64 bits: constants are of 32, and their products overflow."""
    return f"CAST({sql} AS BIGINT)"


class Dialect:
    """DuckDB's way; Spark's changes it."""

    spark = False
    string = "VARCHAR"
    huge = "HUGEINT"
    moment = "TIMESTAMP"
    size = "len"
    same = "IS NOT DISTINCT FROM"

    def name(self, name: str) -> str:
        """A name as a quoted identifier."""
        return quoted(name)

    def text(self, value: str) -> str:
        """A text as a literal."""
        return literal(value)

    def template(self, text: str) -> str:
        """A function's SQL, written for DuckDB, as this dialect reads it."""
        return text

    def physical(self, kind: Type) -> str:
        """The column type that holds a type's values."""
        if kind.numeric:
            return "DOUBLE" if kind.approx else "BIGINT" if small(kind) else self.huge
        return {"date": "DATE", "datetime": self.moment, "time": "BIGINT", "yes/no": "BOOLEAN"}.get(kind.kind, self.string)

    def wide(self, sql: str, kind: Type) -> str:
        """A whole number as 128 bits."""
        return f"CAST({sql} AS {self.huge})" if small(kind) or _INTEGER.fullmatch(sql) else sql

    def number(self, value: int, *, wide: bool = True) -> str:  # noqa: ARG002  Spark needs the width
        """A constant of 128 or of 64 bits."""
        if abs(value) >= 10**18:
            return f"CAST('{value}' AS {self.huge})"
        return str(value) if value >= 0 else f"({value})"

    def power(self, exponent: int) -> str:
        """A power of ten in 128 bits."""
        return self.number(10**exponent)

    def tried(self, left: str, sign: str, right: str) -> str:
        """A reckoning in 128 bits with NULL in place of a failure."""
        return f"TRY({left} {sign} {right})"

    def beyond(self, name: str) -> str:
        """Whether a tried number has more than 38 digits."""
        return f"({name} IS NULL OR {name} >= {self.power(MOST)} OR {name} <= -{self.power(MOST)})"

    def has_digits(self, name: str, digits: int) -> str:
        """Whether a number has more than so many digits."""
        return f"abs({name}) >= {self.power(digits)}"

    def negated(self, sql: str, kind: Type) -> str:  # noqa: ARG002  Spark needs the type
        """A number with the other sign."""
        return f"(-{sql})"

    def absolute(self, name: str, kind: Type) -> str:  # noqa: ARG002  Spark needs the type
        """A number without its sign."""
        return f"abs({name})"

    def over(self, value: str, exponent: int, digits: int) -> str:  # noqa: ARG002  Spark needs the digits
        """A number that is not negative and has at most so many digits, divided by a power of ten, without the rest."""
        return f"({value} // {self.power(exponent)})"

    def tried_double(self, sql: str) -> str:
        """A reckoning in DOUBLE with NULL in place of a failure."""
        return f"TRY({sql})"

    def is_whole(self, name: str) -> str:
        """Whether a DOUBLE has no decimals."""
        return f"{name} = trunc({name})"

    def unscaled(self, sql: str, kind: Type) -> str:
        """A decimal of a type's digits as a whole number at the type's scale."""
        digits, scale = kind.whole + kind.scale, kind.scale
        if scale == 0:
            return f"CAST({sql} AS {self.physical(kind)})"
        if digits + scale + 1 <= 18:
            return f"CAST({sql} * {_ten(scale)} AS BIGINT)"
        if digits <= 18 and scale <= 12:
            return f"(CAST(trunc({sql}) AS BIGINT) * {10**scale} + {self._decimals(f'CAST({sql} % 1 AS DECIMAL({scale + 1},{scale}))', scale, scale)})"
        return f"CAST(replace(CAST({sql} AS VARCHAR), '.', '') AS {self.physical(kind)})"

    def _decimals(self, part: str, scale: int, left: int) -> str:
        """The decimals of a number below 1 as a whole number, so many at a time that all stays in 64 bits, which is quick."""
        step = min(16 - scale, left)
        moved = f"({part} * {_ten(step)})"
        if step == left:
            return f"CAST({moved} AS BIGINT)"
        rest = self._decimals(f"CAST({moved} % 1 AS DECIMAL({scale + 1},{scale}))", scale, left - step)
        return f"CAST(trunc({moved}) AS BIGINT) * {10 ** (left - step)} + {rest}"

    def scaled(self, value: str, kind: Type) -> str:
        """A whole number at a type's scale as a decimal."""
        digits, scale = kind.whole + kind.scale, kind.scale
        if scale == 0:
            return f"CAST({value} AS DECIMAL({digits},0))"
        whole = digits if digits <= 18 else MOST
        return f"CAST(CAST({value} AS DECIMAL({whole},0)) * {_unit(scale)} AS DECIMAL({digits},{scale}))"

    def time_in(self, name: str) -> str:
        """A column of times as milliseconds."""
        return f"(extract(hour FROM {name}) * 3600000 + extract(minute FROM {name}) * 60000 + extract(millisecond FROM {name}))"

    def time_out(self, name: str) -> str:
        """Milliseconds as a time of day."""
        return f"make_time({name} // 3600000, {name} // 60000 % 60, ({name} % 60000) / 1000.0)"

    def moment_in(self, name: str) -> str:
        """A column of moments."""
        return name

    def matches(self, value: str, pattern: str) -> str:
        """Whether a whole text matches one of the language's own patterns."""
        return f"regexp_full_match({value}, '{pattern}')"

    def trimmed(self, digits: str) -> str:
        """Digits with a point without the zeros at the end, and without the point where nothing follows it."""
        return f"rtrim(rtrim({digits}, '0'), '.')"

    def argument(self, value: str, kind: str) -> str:  # noqa: ARG002  Spark needs the kind
        """An argument of a function."""
        return value

    def pick(self, items: list[str], at: str) -> str:
        """The item of a list of constants at a position that counts from 0."""
        return f"([{', '.join(items)}])[CAST({at} AS INTEGER) + 1]"

    def mapped(self, rows: str, name: str, body: str) -> str:
        """A list with every item changed."""
        return f"list_transform({rows}, lambda {name}: {body})"

    def filtered(self, rows: str, name: str, body: str) -> str:
        """The items of a list that pass."""
        return f"list_filter({rows}, lambda {name}: {body})"

    def record(self, parts: dict[str, str]) -> str:
        """Named values as one."""
        return "{" + ", ".join(f"'{name}': {value}" for name, value in parts.items()) + "}"

    def let(self, name: str, value: str, body: str) -> str:
        """A body in which a name stands for a value."""
        return f"(list_transform([{value}], lambda {name}: {body}))[1]"

    def first(self, rows: str) -> str:
        """The first item of a list, NULL where there is none."""
        return f"({rows})[1]"

    def total(self, rows: str) -> str:
        """The sum of a list of 128-bit numbers, NULL where it gets too large or there are none."""
        return f"TRY(list_sum({rows}))"

    def extreme(self, rows: str, sign: str) -> str:
        """The smallest or the largest of a list."""
        return f"list_{'min' if sign == 'MIN' else 'max'}({rows})"


def _ten(exponent: int) -> str:
    return f"CAST({10**exponent} AS DECIMAL({exponent + 1},0))"


def _unit(scale: int) -> str:
    return f"CAST('0.{'0' * (scale - 1)}1' AS DECIMAL({scale},{scale}))"


DUCKDB = Dialect()


class Spark(Dialect):
    """Spark 3.5 and later. Reckonings that can fail are the try_ functions, so ANSI mode may be on or off."""

    spark = True
    string = "STRING"
    huge = "DECIMAL(38,0)"
    moment = "TIMESTAMP_NTZ"
    size = "array_size"
    same = "<=>"

    def number(self, value: int, *, wide: bool = True) -> str:
        """A constant of 128 or of 64 bits. Types that match spare Spark's analyzer, which gives up after 100 rounds."""
        if wide or abs(value) >= 10**18:
            return f"CAST({value}BD AS {self.huge})"
        return f"{value}L" if value >= 0 else f"({value}L)"

    def name(self, name: str) -> str:
        """A name as a quoted identifier."""
        return "`" + name.replace("`", "``") + "`"

    def text(self, value: str) -> str:
        """A text as a literal; Spark reads backslashes in it, and puts its own settings in place of ${name}."""
        return "'" + value.replace("\\", "\\\\").replace("'", "\\u0027").replace("$", "\\u0024") + "'"

    def template(self, text: str) -> str:
        """A function's SQL, written for DuckDB, as Spark reads it."""
        return spark_text(text)

    def tried(self, left: str, sign: str, right: str) -> str:
        """A reckoning in 128 bits with NULL in place of a failure."""
        return f"{ {'+': 'try_add', '-': 'try_subtract', '*': 'try_multiply'}[sign] }({left}, {right})"

    def beyond(self, name: str) -> str:
        """Whether a tried number has more than 38 digits."""
        return f"{name} IS NULL"

    def has_digits(self, name: str, digits: int) -> str:
        """Whether a number has more than so many digits."""
        return f"({name} >= {self.power(digits)} OR {name} <= -{self.power(digits)})" if digits < MOST else "FALSE"

    def negated(self, sql: str, kind: Type) -> str:
        """A number with the other sign; Spark's own minus rounds decimals after 34 digits."""
        return f"(-{sql})" if kind.approx or small(kind) else f"({self.number(0)} - {sql})"

    def absolute(self, name: str, kind: Type) -> str:
        """A number without its sign; Spark's own abs rounds decimals after 34 digits."""
        if kind.approx or small(kind):
            return f"abs({name})"
        return f"(CASE WHEN {name} < {self.number(0)} THEN {self.number(0)} - {name} ELSE {name} END)"

    def over(self, value: str, exponent: int, digits: int) -> str:
        """A number that is not negative and has at most so many digits, divided by a power of ten, in pieces of 64 bits."""
        count = max(digits - exponent, 1)
        if count <= PIECE:
            return f"({value} DIV {self.number(10**exponent, wide=digits > PIECE)})"
        upper = self.over(value, exponent + PIECE, digits)
        rest = f"({value} % {self.power(exponent + PIECE)})"
        return f"(CAST({upper} AS {self.huge}) * {10**PIECE}BD + CAST({rest} DIV {self.power(exponent)} AS {self.huge}))"

    def tried_double(self, sql: str) -> str:
        """A reckoning in DOUBLE, which never fails on Spark."""
        return sql

    def is_whole(self, name: str) -> str:
        """Whether a DOUBLE has no decimals."""
        return f"{name} = rint({name})"

    def unscaled(self, sql: str, kind: Type) -> str:
        """A decimal of a type's digits as a whole number at the type's scale; at most 18 decimals, where not all fit at once."""
        digits, scale = kind.whole + kind.scale, kind.scale
        if scale == 0:
            return f"CAST({sql} AS {self.physical(kind)})"
        moved = f"{10**scale}BD"
        if digits + scale + 2 <= MOST:
            return f"CAST({sql} * {moved} AS {self.physical(kind)})"
        part = f"({sql} % 1BD)"
        whole = f"CAST({sql} - {part} AS {self.huge})"
        made = f"({whole} * {10**scale}BD + CAST(CAST({part} AS DECIMAL({scale},{scale})) * {moved} AS {self.huge}))"
        return f"CAST({made} AS BIGINT)" if small(kind) else made

    def scaled(self, value: str, kind: Type) -> str:
        """A whole number at a type's scale as a decimal: by a product where its digits fit, else the point is set in its text."""
        digits, scale = kind.whole + kind.scale, kind.scale
        if scale == 0:
            return f"CAST({value} AS DECIMAL({digits},0))"
        if digits + scale + 1 <= MOST:
            return f"CAST(CAST({value} AS DECIMAL({digits},0)) * {_unit(scale)} AS DECIMAL({digits},{scale}))"
        shown = f"lpad(CAST({self.absolute(value, kind)} AS STRING), {MOST + 1}, '0')"
        pointed = f"concat(CASE WHEN {value} < {self.number(0)} THEN '-' ELSE '' END, left({shown}, {MOST + 1 - scale}), '.', right({shown}, {scale}))"
        return f"CAST({pointed} AS DECIMAL({digits},{scale}))"

    def time_in(self, name: str) -> str:
        """A column of times, which is one of milliseconds."""
        return f"CAST({name} AS BIGINT)"

    def time_out(self, name: str) -> str:
        """Milliseconds."""
        return name

    def moment_in(self, name: str) -> str:
        """A column of moments."""
        return f"CAST({name} AS TIMESTAMP_NTZ)"

    def matches(self, value: str, pattern: str) -> str:
        """Whether a whole text matches one of the language's own patterns."""
        return f"({value} RLIKE '^(?:{pattern})\\\\z')"

    def trimmed(self, digits: str) -> str:
        """Digits with a point without the zeros at the end, and without the point where nothing follows it."""
        return f"trim(TRAILING '.' FROM trim(TRAILING '0' FROM {digits}))"

    def argument(self, value: str, kind: str) -> str:
        """An argument of a function; positions in texts are of 32 bits."""
        return f"CAST({value} AS INT)" if kind == "count" else value

    def pick(self, items: list[str], at: str) -> str:
        """The item of a list of constants at a position that counts from 0."""
        return f"element_at(array({', '.join(items)}), CAST({at} AS INTEGER) + 1)"

    def mapped(self, rows: str, name: str, body: str) -> str:
        """A list with every item changed."""
        return f"transform({rows}, {name} -> {body})"

    def filtered(self, rows: str, name: str, body: str) -> str:
        """The items of a list that pass."""
        return f"filter({rows}, {name} -> {body})"

    def record(self, parts: dict[str, str]) -> str:
        """Named values as one."""
        return "named_struct(" + ", ".join(f"'{name}', {value}" for name, value in parts.items()) + ")"

    def let(self, name: str, value: str, body: str) -> str:
        """A body in which a name stands for a value."""
        return f"element_at(transform(array({value}), {name} -> {body}), 1)"

    def first(self, rows: str) -> str:
        """The first item of a list, NULL where there is none."""
        return f"get({rows}, 0)"

    def total(self, rows: str) -> str:
        """The sum of a list of 128-bit numbers, NULL where it gets too large."""
        return f"aggregate({rows}, CAST(0 AS {self.huge}), (s, v) -> try_add(s, v))"

    def extreme(self, rows: str, sign: str) -> str:
        """The smallest or the largest of a list."""
        return f"array_{'min' if sign == 'MIN' else 'max'}({rows})"


def dialect_of(name: str) -> Dialect:
    """The dialect of a name. Raises Invalid."""
    if name not in {"duckdb", "spark"}:
        raise Invalid(f"There is no SQL dialect {name!r}.", mend="Write duckdb or spark.")
    return Spark() if name == "spark" else DUCKDB
