"""What every part of the compiler shares: a node's SQL, and names for the parts that are used twice."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from closedwon.base.errors import Invalid
from closedwon.formula.nodes import Node
from closedwon.formula.sql.dialect import dialect_of, small
from closedwon.formula.types import Type

MOST_SQL = 400_000
MOST_LEVELS = 40
"""Of SELECTs inside each other on Spark, whose analyzer needs a round or two for each and gives up after 100."""
_NAME = r"_cw\d+|_in\d+\._cw\d+"
_SIMPLE = re.compile(
    rf"""{_NAME}|"[^"]*"|`[^`]*`|\d+L?|\(-\d+L?\)|'[^']{{0,30}}'|NULL|TRUE|FALSE|CAST\((?:{_NAME}|-?\d+BD) AS [A-Z]+(?:\(38,0\))?\)"""
)
_STEP = re.compile(r"\b_cw(\d+)\b")


@dataclass(frozen=True)
class Sql:
    """What gives a node's value, and what gives its error (None where it can have none)."""

    value: str
    error: str | None = None


@dataclass
class Steps:
    """Named parts. Those of one level stand beside each other and use only those of the levels below."""

    prefix: str = ""
    parts: list[tuple[str, str, int]] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    bound: dict[str, str] = field(default_factory=dict)
    made: dict[int, Sql] = field(default_factory=dict)

    def add(self, sql: str, number: int) -> str:
        """A name for a part."""
        used = (f"_cw{found}" for found in _STEP.findall(re.sub(r"'[^']*'", "", sql)))
        level = 1 + max((self.levels.get(name, 0) for name in used), default=0)
        name = f"_cw{number}"
        self.parts.append((name, sql, level))
        self.levels[name] = level
        self.bound[sql] = f"{self.prefix}{level}.{name}" if self.prefix else name
        return self.bound[sql]

    def each(self) -> list[dict[str, str]]:
        """The named parts, level by level."""
        return [{name: sql for name, sql, at in self.parts if at == level} for level in range(1, max(self.levels.values(), default=0) + 1)]


class Core:
    """Writes one formula for one dialect."""

    def __init__(self, dialect: str, *, zero: bool) -> None:
        self.dialect = dialect_of(dialect)
        self.blank_is_zero = zero
        self.steps = self.outer = Steps()
        self.misfits: list[str] = []
        self.count = 0

    def guard(self, text: str) -> str:
        """The text, where it is not too long. Raises Invalid."""
        if len(text) > MOST_SQL:
            raise Invalid("The formula's SQL gets too long.", mend="Split the formula into steps.")
        return text

    def levels(self, most: int = MOST_LEVELS) -> list[dict[str, str]]:
        """The named parts, level by level. Raises Invalid where Spark would give up on so many."""
        made = self.steps.each()
        if self.dialect.spark and len(made) > most:
            raise Invalid(
                f"The formula needs {len(made)} steps inside each other, and Spark takes {most}.", mend="Split the formula into steps."
            )
        return made

    def bind(self, sql: str) -> str:
        """A short name for an expression: a column of an inner SELECT, or inside rows a name within the row."""
        self.guard(sql)
        if _SIMPLE.fullmatch(sql):
            return sql
        if sql in self.steps.bound:
            return self.steps.bound[sql]
        self.count += 1
        return self.steps.add(sql, self.count)

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
        if id(node) in self.steps.made:
            return self.steps.made[id(node)]
        made: Sql = getattr(self, f"_{node.op}")(node)
        self.guard(made.value)
        if made.error:
            made = Sql(made.value, self.bind(made.error) if len(made.error) > 200 else made.error)
        self.steps.made[id(node)] = made
        return made

    def atom(self, node: Node) -> Sql:
        """A node's SQL that can be repeated."""
        made = self.write(node)
        return Sql(self.bind(made.value), made.error)

    def fault(self, test: str, message: str) -> str:
        """An error where a test holds."""
        return f"CASE WHEN {test} THEN {self.dialect.text(message)} END"

    def absolute(self, sql: str, kind: Type) -> str:
        """A number without its sign."""
        return self.dialect.absolute(self.bind(sql), kind)

    def zero(self, kind: Type) -> str:
        """The 0 of a type."""
        return "0" if kind.approx else self.dialect.number(0, wide=not small(kind))

    def physical(self, kind: Type) -> str:
        """The column type that holds a type's values."""
        return self.dialect.physical(kind)

    @property
    def huge(self) -> str:
        """The type of 128-bit whole numbers."""
        return self.dialect.huge
