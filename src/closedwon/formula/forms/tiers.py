"""What policies need beside Salesforce's functions: LOOKUP, PRORATE, tiers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from closedwon.formula.forms.core import MOST_NODES, Core
from closedwon.formula.nodes import Node, add, choose, compare, div, mul, smallest, whole_number
from closedwon.formula.tables import table_of
from closedwon.formula.text import Mistake, Span, Tree
from closedwon.formula.values import BadValue

MOST_TIERS = 100
BASES = ("whole", "actual", "30/360")
PRORATIONS = ("actual/365", "actual/360", "30/360", "month")


class Tiers(Core):
    """Tables, proration and tiers."""

    def form_lookup(self, tree: Tree) -> Node:
        """LOOKUP(table, key, ...)."""
        name = self.folded.get(tree.args[0].value.casefold()) if tree.args[0].kind == "name" else None
        kind = self.types[name] if name else None
        if kind is None or kind.kind != "table" or kind.value is None:
            raise Mistake("LOOKUP needs the name of a table", tree.args[0].span, "Name a table of the types file.")
        keys = [self.node(arg) for arg in tree.args[1:]]
        if len(keys) != len(kind.keys):
            raise Mistake(f"the table has {len(kind.keys)} keys, not {len(keys)}", tree.at)
        self.count += len(kind.rows) // 3
        if self.count > MOST_NODES:
            raise Mistake("the formula is too large", tree.span, "Split it into steps.")
        try:
            key_types, value_type, rows = table_of(kind)
        except BadValue as error:
            raise Mistake(str(error), tree.args[0].span) from error
        cast_keys: list[Node] = []
        factors: list[int | None] = []
        for key, wanted in zip(keys, key_types, strict=True):
            test = self.compared("=", key, Node("lit", (), wanted, key.span, None), key.span, tree.span)
            cast_keys.append(test.args[0])
            factors.append(10 ** (test.args[0].type.scale - wanted.scale) if wanted.numeric else None)
        table: dict[tuple[Any, ...], Any] = {}
        for *cells, value in rows:
            scaled = tuple(cell * factor if factor and cell is not None else cell for cell, factor in zip(cells, factors, strict=True))
            table.setdefault(scaled, value)
        return Node("lookup", tuple(cast_keys), value_type, tree.span, table)

    def _basis(self, tree: Tree, at: int, allowed: tuple[str, ...], default: str) -> str:
        if len(tree.args) <= at:
            return default
        given = tree.args[at]
        if given.kind != "text" or given.value.lower() not in allowed:
            raise Mistake("the basis is not known", given.span, f"Write {', '.join(repr(one) for one in allowed)}.")
        return given.value.lower()

    def form_months_between(self, tree: Tree) -> Node:
        """MONTHS_BETWEEN(from, to, basis)."""
        return self._months(self.node(tree.args[0]), self.node(tree.args[1]), self._basis(tree, 2, BASES, "actual"), tree.span)

    def _months(self, start: Node, end: Node, basis: str, span: Span) -> Node:
        if basis == "30/360":
            return div(self.call("_DAYS_360", [start, end], span), whole_number(30, span), span)
        whole = self.call("_WHOLE_MONTHS", [start, end], span)
        if basis == "whole":
            return whole
        anchor = self.call("_SHIFT_MONTHS", [start, whole], span)
        step = choose(compare("<", end, start, span), whole_number(-1, span), whole_number(1, span), span)
        beyond = self.call("_SHIFT_MONTHS", [start, add(whole, step, span)], span)
        days = [self.call("_DAYS", [day], span) for day in (end, anchor, beyond)]
        length = add(days[2], days[1], span, minus=True)
        part = div(mul(add(days[0], days[1], span, minus=True), step, span), length, span)
        return add(whole, part, span)

    def form_prorate(self, tree: Tree) -> Node:
        """PRORATE(yearly, from, to, basis)."""
        amount, start, end = (self.node(arg) for arg in tree.args[:3])
        amount = self.exact(self.number(amount))
        basis = self._basis(tree, 3, PRORATIONS, "actual/365")
        if basis == "month":
            months = self._months(start, end, "actual", tree.span)
            return div(mul(amount, months, tree.span), whole_number(12, tree.span), tree.span)
        if basis == "30/360":
            days = self.call("_DAYS_360", [start, end], tree.span)
        else:
            days = add(self.call("_DAYS", [end], tree.span), self.call("_DAYS", [start], tree.span), tree.span, minus=True)
        return div(mul(amount, days, tree.span), whole_number(int(basis[-3:]), tree.span), tree.span)

    def _tiers(self, tree: Tree) -> tuple[Node, list[tuple[Node, Node]]]:
        value, *rest = (self.exact(self.number(node)) for node in self.nodes(tree))
        if len(rest) % 2:
            raise Mistake(f"{tree.value} needs pairs after the value", tree.at, f"Write {tree.value}(value, 0, 5%, 1000, 7%).")
        if len(rest) > 2 * MOST_TIERS:
            raise Mistake(f"{tree.value} has too many pairs", tree.at, f"At most {MOST_TIERS}.")
        pairs = list(zip(rest[::2], rest[1::2], strict=True))
        for (low, _), (high, _) in pairwise(pairs):
            if low.op == high.op == "lit" and low.data * 10**high.type.scale >= high.data * 10**low.type.scale:
                raise Mistake("the tiers must rise", high.span, "Order them by their first value.")
        return value, pairs

    def form_tier(self, tree: Tree) -> Node:
        """TIER_SLAB and TIER_RANGE."""
        value, pairs = self._tiers(tree)
        span = tree.span
        if tree.value == "TIER_RANGE":
            rate: Node = whole_number(0, span)
            for start, given in pairs:
                rate = choose(compare(">=", value, start, span), given, rate, span)
            return mul(value, rate, span)
        total: Node | None = None
        for at, (start, rate) in enumerate(pairs):
            upper = smallest([value, pairs[at + 1][0]], span) if at + 1 < len(pairs) else value
            inside = smallest([add(upper, start, span, minus=True), whole_number(0, span)], span, ">")
            part = mul(inside, rate, span)
            total = part if total is None else add(total, part, span)
        return total or whole_number(0, span)

    def form_interpolate(self, tree: Tree) -> Node:
        """INTERPOLATE(value, x, y, ...)."""
        value, pairs = self._tiers(tree)
        span = tree.span
        made: Node = pairs[0][1]
        for (x0, y0), (x1, y1) in pairwise(pairs):
            run = add(value, x0, span, minus=True)
            rise, width = add(y1, y0, span, minus=True), add(x1, x0, span, minus=True)
            line = add(y0, div(mul(run, rise, span), width, span), span)
            made = choose(compare(">", value, x0, span), line, made, span)
        return choose(compare(">=", value, pairs[-1][0], span), pairs[-1][1], made, span)
