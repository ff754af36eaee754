"""Numbers and rows: ROUND, MOD, MIN, SUM and their kin."""

from __future__ import annotations

from dataclasses import replace

from closedwon.formula.forms.core import Core
from closedwon.formula.nodes import Node, blank, both, cast, choose, div, mul, smallest, whole_number
from closedwon.formula.text import Mistake, Span, Tree
from closedwon.formula.types import INTEGER, YESNO, Type, number

_MODES = {"ROUND": "round", "ROUNDUP": "up", "ROUNDDOWN": "trunc", "TRUNC": "trunc", "FLOOR": "trunc", "CEILING": "up", "MFLOOR": "floor", "MCEILING": "ceil"}  # fmt: skip


class Numbers(Core):
    """Numbers, and aggregates over rows."""

    def form_abs(self, tree: Tree) -> Node:
        """ABS(value)."""
        value = self.number(self.node(tree.args[0]))
        return Node("abs", (value,), value.type, tree.span)

    def form_round(self, tree: Tree) -> Node:
        """ROUND and its kin."""
        value, *rest = self.nodes(tree)
        value = self.number(value)
        mode = _MODES[tree.value]
        if not rest:
            return self.rounded(value, 0, tree.span, mode)
        count = self.int_of(rest[0])
        if count.op == "lit" and isinstance(count.data, int):
            return self.rounded(value, max(min(count.data, 38), -38), tree.span, mode)
        value = self.exact(value)
        kind = replace(number(value.type.whole + 1, value.type.scale), kind=value.type.kind, currency=value.type.currency)
        return Node("roundto", (value, Node("int", (count,), INTEGER, count.span, "count")), kind, tree.span, mode)

    def form_mround(self, tree: Tree) -> Node:
        """MROUND(value, multiple)."""
        value, multiple = (self.exact(self.number(node)) for node in self.nodes(tree))
        return mul(self.rounded(div(value, multiple, tree.span), 0, tree.span), multiple, tree.span)

    def form_mod(self, tree: Tree) -> Node:
        """MOD(value, divisor)."""
        value, divisor = (self.number(node) for node in self.nodes(tree))
        return self.modulo(value, divisor, tree.span)

    def modulo(self, value: Node, divisor: Node, span: Span) -> Node:
        """The rest after whole division."""
        value, divisor, kind = both(value, divisor)
        return Node("mod", (value, divisor), kind, span)

    def form_least(self, tree: Tree) -> Node:
        """MIN and MAX, of values or over rows."""
        if len(tree.args) == 1 and self._rows_of(tree.args[0]):
            return self.form_agg(tree)
        nodes = self.nodes(tree)
        if not all(node.type.kind in {"date", "datetime"} for node in nodes):
            nodes = [self.number(node) for node in nodes]
        nodes = self._moments(nodes)
        self.alike(nodes)
        return smallest(nodes, tree.span, "<" if tree.value == "MIN" else ">")

    def _rows_of(self, tree: Tree) -> str | None:
        inner = tree.args[0] if tree.kind == "where" else tree
        for part in _names(inner):
            for name in (part, part.rpartition(".")[0]):
                found = self.folded.get(name.casefold())
                if found and self.types[found].kind == "rows":
                    return found
        sets = {name: {part.casefold() for part in kind.fields} for name, kind in self.types.items() if kind.kind == "rows"}
        having = [
            name
            for name, fields in sets.items()
            if any(part.casefold() in fields for part in _names(inner) if part.casefold() not in self.folded)
        ]
        return having[0] if len(having) == 1 else None

    def form_agg(self, tree: Tree) -> Node:
        """SUM, AVG, MIN, MAX and COUNT over a row set."""
        if self.scope:
            raise Mistake("one row set cannot be read inside another", tree.at, "Reckon it in a step of its own.")
        if len(tree.args) != 1:
            raise Mistake(f"{tree.value} over rows takes one argument", tree.at, f"Write {tree.value}(lines.net WHERE ...).")
        rows = self._rows_of(tree.args[0])
        if rows is None:
            raise Mistake(f"{tree.value} needs a row set", tree.args[0].span, "Write for example SUM(lines.net).")
        kind = self.types[rows]
        self.fields[rows] = kind
        source = Node("field", (), kind, tree.span, rows)
        arg = tree.args[0]
        inner, where = (arg.args[0], arg.args[1]) if arg.kind == "where" else (arg, None)
        self.scope = (rows, kind.fields)
        try:
            test = self.yes(self.node(where)) if where else None
            whole = inner.kind == "name" and inner.value.casefold() == rows.casefold()
            value = None if whole else self.node(inner)
        finally:
            self.scope = None
        return self._aggregate(tree, source, value, test)

    def _aggregate(self, tree: Tree, source: Node, value: Node | None, test: Node | None) -> Node:
        def made(op: str, of: Node | None, kind: Type) -> Node:
            return Node("agg", (source,), kind, tree.span, (op, of, test))

        if tree.value == "COUNT":
            return made("COUNT", value, number(9))
        if value is None:
            raise Mistake(f"{tree.value} needs a field of the rows", tree.args[0].span, f"Write {tree.value}({tree.args[0].value}.field).")
        if tree.value in {"MIN", "MAX"} and value.type.kind in {"date", "datetime"}:
            return made(tree.value, value, value.type)
        value = self.exact(self.number(value))
        if tree.value in {"MIN", "MAX"}:
            return made(tree.value, value, value.type)
        total = made(
            "SUM", value, replace(number(value.type.whole + 9, value.type.scale), kind=value.type.kind, currency=value.type.currency)
        )
        if tree.value == "SUM":
            return total
        count = made("COUNT", value, number(9))
        none = Node("cmp", (count, cast(whole_number(0, tree.span), count.type)), YESNO, tree.span, "=")
        return choose(none, blank(tree.span), div(total, self.positive(count, tree.span), tree.span), tree.span)

    def positive(self, count: Node, span: Span) -> Node:
        """A count that is at least 1, for a divisor whose 0 is treated before."""
        return smallest([count, cast(whole_number(1, span), count.type)], span, ">")


def _names(tree: Tree) -> list[str]:
    if tree.kind == "name":
        return [tree.value]
    return [name for arg in tree.args for name in _names(arg)]
