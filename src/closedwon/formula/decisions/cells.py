"""Cells of a decision table: unary tests over one input, as in DMN 1.4.

`-` matches anything, a null too. A list `"US","CA"` matches when one of its items does. `not(...)` turns a list round. Items are a value,
a comparison `>= 30%`, a range `[2026-01-01..2026-06-30)` (a bracket includes its end; `]a..b[` is read too) or `null`.
Logic has three values: comparing a null with `<` or a range is unknown, and a cell matches only when its test is true.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

from closedwon.base.errors import Problem
from closedwon.formula.decisions import values
from closedwon.formula.decisions.values import ORDERED, BadLiteral, Kind, Value, parse_value
from closedwon.formula.sql.dialect import DUCKDB, Dialect

MAX_CELL = 4000
_OPS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True)
class Equals:
    """The input is this value; None stands for null."""

    value: Value | None
    kind: Kind

    def match(self, given: Any) -> bool | None:
        """True or false; equality with null is never unknown."""
        return bool(given == self.value) if given is not None and self.value is not None else given is None and self.value is None

    def sql(self, column: str, dialect: Dialect = DUCKDB) -> str:
        """The same test in SQL."""
        return f"{column} IS NULL" if self.value is None else f"({column} IS NOT NULL AND {column} = {values.sql(self.value, dialect)})"

    def __str__(self) -> str:
        return values.show(self.value, self.kind)


@dataclass(frozen=True)
class Compare:
    """The input stands in this relation to a value."""

    op: str
    value: Value
    kind: Kind

    def match(self, given: Any) -> bool | None:
        """Unknown for null."""
        return None if given is None else _OPS[self.op](given, self.value)

    def sql(self, column: str, dialect: Dialect = DUCKDB) -> str:
        """The same test in SQL."""
        return f"{column} {self.op} {values.sql(self.value, dialect)}"

    def __str__(self) -> str:
        return f"{self.op} {values.show(self.value, self.kind)}"


@dataclass(frozen=True)
class Range:
    """The input lies between two ends, each included or not."""

    low: Value
    low_in: bool
    high: Value
    high_in: bool
    kind: Kind

    def match(self, given: Any) -> bool | None:
        """Unknown for null."""
        if given is None:
            return None
        above = given >= self.low if self.low_in else given > self.low
        return bool(above and (given <= self.high if self.high_in else given < self.high))

    def sql(self, column: str, dialect: Dialect = DUCKDB) -> str:
        """The same test in SQL."""
        low, high = values.sql(self.low, dialect), values.sql(self.high, dialect)
        return f"({column} {'>=' if self.low_in else '>'} {low} AND {column} {'<=' if self.high_in else '<'} {high})"

    def __str__(self) -> str:
        low, high = values.show(self.low, self.kind), values.show(self.high, self.kind)
        return f"{'[' if self.low_in else '('}{low}..{high}{']' if self.high_in else ')'}"


Item = Equals | Compare | Range


@dataclass(frozen=True)
class Test:
    """One cell: a disjunction of items, possibly turned round; no items is `-`, which matches anything."""

    items: tuple[Item, ...] = ()
    negated: bool = False

    __test__ = False  # not a test class, whatever pytest thinks of the name

    @property
    def anything(self) -> bool:
        """Whether the cell is `-`."""
        return not self.items

    def match(self, given: Any) -> bool | None:
        """Three-valued: true, false or unknown (None)."""
        if self.anything:
            return True
        found = [item.match(given) for item in self.items]
        result: bool | None = True if True in found else (None if None in found else False)
        return result if not self.negated or result is None else not result

    def sql(self, column: str, dialect: Dialect = DUCKDB) -> str:
        """A SQL predicate with the same three values."""
        if self.anything:
            return "TRUE"
        text = " OR ".join(item.sql(column, dialect) for item in self.items)
        text = f"({text})" if len(self.items) > 1 else text
        return f"NOT ({text})" if self.negated else text

    def __str__(self) -> str:
        if self.anything:
            return "-"
        text = ", ".join(map(str, self.items))
        return f"not({text})" if self.negated else text


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.|"")*")
    | (?P<call>(?:date\s+and\s+time|date|time|duration)\s*\(\s*"(?P<arg>[^"]*)"\s*\))
    | (?P<op><=|>=|!=|<|>|=)
    | (?P<dots>\.\.)
    | (?P<punct>[\[\](),])
    | (?P<not>not\b)
    | (?P<word>(?:(?!\.\.)[^\s\[\](),<>="])+)
    )""",
    re.VERBOSE,
)


class _Cell:
    """Reads one cell by recursive descent over its tokens."""

    def __init__(self, text: str, kind: Kind) -> None:
        self.kind = kind
        self.tokens: list[tuple[str, str, int]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if not found or found.end() == at:
                raise _Fault(f"cannot read {text[at : at + 12]!r}", at)
            name = found.lastgroup or ""
            name = "call" if name == "arg" else name
            self.tokens.append((name, found.group("arg") if name == "call" else found.group(name), found.start(name)))
            at = found.end()
        self.tokens.append(("end", "", end))
        self.at = 0

    def peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at]

    def take(self) -> tuple[str, str, int]:
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, text: str) -> None:
        _name, got, place = self.take()
        if got != text:
            raise _Fault(f"expected {text!r} but found {got or 'the end'!r}", place)

    def whole(self) -> Test:
        if self.peek()[0] == "not":
            self.take()
            self.expect("(")
            test = Test(self.items(), negated=True)
            self.expect(")")
        else:
            test = Test(self.items())
        name, got, place = self.peek()
        if name != "end":
            raise _Fault(f"{got!r} was not expected here", place)
        return test

    def items(self) -> tuple[Item, ...]:
        found = [self.item()]
        while self.peek()[1] == ",":
            self.take()
            found.append(self.item())
        return tuple(found)

    def item(self) -> Item:
        name, got, place = self.peek()
        if name == "op":
            self.take()
            value = self.value()
            if got == "=":
                return Equals(value, self.kind)
            if got == "!=":
                raise _Fault("write not(...) instead of !=", place)
            self.ordered(place, got)
            if value is None:
                raise _Fault("null has no order", place)
            return Compare(got, value, self.kind)
        if got in {"[", "(", "]"}:
            return self.range()
        return Equals(self.value(), self.kind)

    def range(self) -> Range:
        _, opening, place = self.take()
        self.ordered(place, "a range")
        low = self.value()
        name, got, where = self.take()
        if name != "dots":
            raise _Fault(f"a range needs '..' between its ends, not {got!r}", where)
        high = self.value()
        _, closing, where = self.take()
        if closing not in {"]", ")", "["}:
            raise _Fault("a range ends with ] or )", where)
        if low is None or high is None:
            raise _Fault("a range needs two values", place)
        if low > high:  # type: ignore[operator]
            raise _Fault("the range is empty: its low end is above its high end", place)
        made = Range(low, opening == "[", high, closing == "]", self.kind)
        if low == high and not (made.low_in and made.high_in):
            raise _Fault("the range is empty: it excludes its only value", place)
        return made

    def ordered(self, place: int, what: str) -> None:
        if self.kind not in ORDERED:
            raise _Fault(f"{what} needs values with an order, and {self.kind} has none", place)

    def value(self) -> Value | None:
        name, got, place = self.take()
        if name == "text":
            if self.kind not in {"text", "picklist"}:
                got = got[1:-1]
                return self.literal(got, place)
            return re.sub(r'\\(.)|""', lambda m: m[1] or '"', got[1:-1])
        if name == "call":
            return self.literal(got, place)
        if name != "word":
            raise _Fault(f"a value was expected, not {got or 'the end'!r}", place)
        if got.lower() in {"null", "blank"}:
            return None
        if self.kind in {"text", "picklist"}:
            raise _Fault(str(BadLiteral(got, self.kind, "")), place, parse_mend(got))
        return self.literal(got, place)

    def literal(self, text: str, place: int) -> Value:
        try:
            return parse_value(text, self.kind)
        except BadLiteral as bad:
            raise _Fault(str(bad), place, bad.mend) from bad


def parse_mend(word: str) -> str:
    """The mend for text without quotes."""
    return f'Put it in double quotes: "{word}"'


class _Fault(Exception):
    def __init__(self, message: str, place: int, mend: str | None = None) -> None:
        super().__init__(message)
        self.message, self.place, self.mend = message, place, mend


def parse_cell(text: str, kind: Kind) -> Test | Problem:
    """The unary test that a cell's text stands for, or the problem with its column. Blank and `-` match anything."""
    if text.strip() in {"", "-"}:
        return Test()
    if len(text) > MAX_CELL:
        return Problem(f"the cell is longer than {MAX_CELL} characters", mend="Split it into several rows")
    try:
        return _Cell(text, kind).whole()
    except _Fault as fault:
        return Problem(fault.message, column=fault.place + 1, mend=fault.mend)
