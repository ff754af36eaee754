"""Texts, days and moments: VALUE, TEXT, DATEVALUE, ADDMONTHS and their kin."""

from __future__ import annotations

from closedwon.formula.forms.core import Core
from closedwon.formula.nodes import Node, add, choose, div, mul, whole_number
from closedwon.formula.text import Span, Tree
from closedwon.formula.types import DATE, DATETIME, Type, number


class Dates(Core):
    """What is read from and shown as text, and reckoning with moments."""

    def form_value(self, tree: Tree) -> Node:
        """VALUE(text)."""
        return Node("value", (self.text(self.node(tree.args[0])),), number(20, 18), tree.span)

    def form_text(self, tree: Tree) -> Node:
        """TEXT(value)."""
        return self.as_text(self.node(tree.args[0]))

    def form_today(self, tree: Tree) -> Node:
        """TODAY()."""
        return self._given("TODAY()", DATE, tree.span)

    def form_now(self, tree: Tree) -> Node:
        """NOW()."""
        return self._given("NOW()", DATETIME, tree.span)

    def _given(self, name: str, kind: Type, span: Span) -> Node:
        self.fields[name] = kind
        return Node("field", (), kind, span, name)

    def form_datevalue(self, tree: Tree) -> Node:
        """DATEVALUE(value)."""
        return self._read(tree, "_READ_DATE", {"date": None, "datetime": "_DAY_OF"})

    def form_datetimevalue(self, tree: Tree) -> Node:
        """DATETIMEVALUE(value)."""
        return self._read(tree, "_READ_MOMENT", {"datetime": None, "date": "_MIDNIGHT"})

    def form_timevalue(self, tree: Tree) -> Node:
        """TIMEVALUE(value)."""
        value = self.node(tree.args[0])
        if value.type.kind != "datetime":
            return self._read(tree, "_READ_TIME", {"time": None}, value)
        micros = self.call("_MICROS", [value], tree.span)
        day = self.call("_MICROS", [self.call("_MIDNIGHT", [self.call("_DAY_OF", [value], tree.span)], tree.span)], tree.span)
        ms = self.rounded(div(add(micros, day, tree.span, minus=True), whole_number(1000, tree.span), tree.span), 0, tree.span, "trunc")
        return self.call("_FROM_MS", [ms], tree.span)

    def _read(self, tree: Tree, reader: str, others: dict[str, str | None], value: Node | None = None) -> Node:
        value = value or self.node(tree.args[0])
        if value.type.kind in others:
            name = others[value.type.kind]
            return self.call(name, [value], tree.span) if name else value
        return self.call(reader, [self.text(value)], tree.span)

    def form_addmonths(self, tree: Tree) -> Node:
        """ADDMONTHS(value, months)."""
        value, months = self.nodes(tree)
        if value.type.kind != "datetime":
            return self.call("_ADD_MONTHS", [value, months], tree.span)
        day = self.call("_DAY_OF", [value], tree.span)
        rest = add(self.call("_MICROS", [value], tree.span), self.call("_MICROS", [self.moment(day)], tree.span), tree.span, minus=True)
        moved = self.call("_MICROS", [self.moment(self.call("_ADD_MONTHS", [day, months], tree.span))], tree.span)
        return self.call("_FROM_MICROS", [add(moved, rest, tree.span)], tree.span)

    def form_unixtimestamp(self, tree: Tree) -> Node:
        """UNIXTIMESTAMP(moment)."""
        micros = self.call("_MICROS", [self.moment(self.node(tree.args[0]))], tree.span)
        return self.rounded(div(micros, whole_number(1_000_000, tree.span), tree.span), 0, tree.span, "floor")

    def form_fromunixtime(self, tree: Tree) -> Node:
        """FROMUNIXTIME(seconds)."""
        seconds = self.number(self.node(tree.args[0]))
        return self.call(
            "_FROM_MICROS", [self.rounded(mul(self.exact(seconds), whole_number(1_000_000, tree.span), tree.span), 0, tree.span)], tree.span
        )

    def form_formatduration(self, tree: Tree) -> Node:
        """FORMATDURATION(from, to) or (seconds, show days)."""
        left, right = self.nodes(tree)
        span = tree.span
        one, nil = whole_number(1, span), whole_number(0, span)
        if left.type.kind == "time" and right.type.kind == "time":
            apart = add(self.call("_MS", [left], span), self.call("_MS", [right], span), span, minus=True)
            return self.call(
                "_DURATION",
                [self.rounded(div(Node("abs", (apart,), apart.type, span), whole_number(1000, span), span), 0, span, "trunc"), nil],
                span,
            )
        if {left.type.kind, right.type.kind} <= {"date", "datetime"}:
            ends = [self.call("_MICROS", [self.moment(end)], span) for end in (left, right)]
            apart = add(ends[0], ends[1], span, minus=True)
            return self.call("_DURATION", [self.rounded(div(apart, whole_number(1_000_000, span), span), 0, span, "trunc"), one], span)
        return self.call("_DURATION", [self.int_of(left), choose(self.yes(right), one, nil, span)], span)
