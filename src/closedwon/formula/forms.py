"""Functions that are built from core operations: their arguments are checked and put together here."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from closedwon.formula.nodes import Node, add, blank, both, cast, choose, compare, div, lit, mul, smallest, whole_number
from closedwon.formula.tables import table_of
from closedwon.formula.text import Mistake, Span, Tree
from closedwon.formula.types import DATE, DATETIME, INTEGER, TEXT, YESNO, Type, number, unify
from closedwon.formula.values import BadValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_NODES = 20_000
MOST_TIERS = 100
BASES = ("whole", "actual", "30/360")
PRORATIONS = ("actual/365", "actual/360", "30/360", "month")
_MODES = {"ROUND": "round", "ROUNDUP": "up", "ROUNDDOWN": "trunc", "TRUNC": "trunc", "FLOOR": "trunc", "CEILING": "up", "MFLOOR": "floor", "MCEILING": "ceil"}  # fmt: skip


class Forms:
    """The forms; the checker adds names, operators and coercions."""

    if TYPE_CHECKING:
        types: Mapping[str, Type]
        folded: dict[str, str]
        count: int
        scope: tuple[str, Mapping[str, Type]] | None
        mistakes: list[Mistake]
        fields: dict[str, Type]
        node: Callable[[Tree], Node]
        number: Callable[..., Node]
        yes: Callable[[Node], Node]
        text: Callable[[Node], Node]
        call: Callable[[str, list[Node], Span], Node]
        int_of: Callable[[Node], Node]
        compared: Callable[..., Node]
        moment: Callable[[Node], Node]
        one_currency: Callable[..., None]
        in_picklist: Callable[[Node, Node], None]

    def nodes(self, tree: Tree) -> list[Node]:
        """The arguments."""
        return [self.node(arg) for arg in tree.args]

    def alike(self, nodes: list[Node]) -> None:
        """Values of which one is chosen must be of one family. Raises Mistake."""
        first: Node | None = None
        for node in nodes:
            if node.type.kind in {"rows", "table"}:
                raise Mistake(f"a {node.type} is not a value", node.span, "Use SUM, COUNT, MIN, MAX or LOOKUP.")
            if node.type.kind == "blank":
                continue
            first = first or node
            if node.type.family != first.type.family:
                message = f"the values are of different types: {first.type} and {node.type}"
                raise Mistake(message, node.span, "Bring them to one type, for example with TEXT(...).")
            self.one_currency(first.type, node.type, "mixed", node.span)

    def _moments(self, nodes: list[Node]) -> list[Node]:
        if {node.type.kind for node in nodes} - {"blank"} == {"date", "datetime"}:
            return [self.moment(node) for node in nodes]
        return nodes

    def pick(self, test: Node, yes: Node, no: Node, span: Span) -> Node:
        """IF with branches of one type. Raises Mistake."""
        yes, no = self._moments([yes, no])
        self.alike([yes, no])
        return choose(self.yes(test), yes, no, span)

    def form_if(self, tree: Tree) -> Node:
        """IF(test, then, otherwise)."""
        test, yes, *rest = self.nodes(tree)
        return self.pick(test, yes, rest[0] if rest else blank(tree.span), tree.span)

    def form_ifs(self, tree: Tree) -> Node:
        """IFS(test, value, ...)."""
        nodes = self.nodes(tree)
        otherwise = nodes.pop() if len(nodes) % 2 else blank(tree.span)
        return self.switch(nodes[::2], nodes[1::2], otherwise, tree.span)

    def switch(self, tests: list[Node], values: list[Node], otherwise: Node, span: Span) -> Node:
        """The value beside the first test that holds, else the last. Raises Mistake."""
        *values, otherwise = self._moments([*values, otherwise])
        self.alike([*values, otherwise])
        kind = otherwise.type
        for value in values:
            kind = unify(kind, value.type)
        args: list[Node] = []
        for test, value in zip(tests, values, strict=True):
            args += [self.yes(test), cast(value, kind)]
        return Node("switch", (*args, cast(otherwise, kind)), kind, span)

    def form_case(self, tree: Tree) -> Node:
        """CASE(value, case, result, ..., otherwise)."""
        value, *rest = self.nodes(tree)
        if len(rest) < 3 or len(rest) % 2 == 0:
            raise Mistake("CASE needs pairs of case and result, and a last value", tree.at, 'CASE(stage, "Won", 1, 0)')
        otherwise = rest.pop()
        return self.switch([self.equal(value, case, tree) for case in rest[::2]], rest[1::2], otherwise, tree.span)

    def equal(self, left: Node, right: Node, tree: Tree) -> Node:
        """Whether two values are the same."""
        return self.compared("=", left, right, right.span, tree.span)

    def form_and(self, tree: Tree) -> Node:
        """AND of several."""
        return self._chain("and", tree)

    def form_or(self, tree: Tree) -> Node:
        """OR of several."""
        return self._chain("or", tree)

    def _chain(self, op: str, tree: Tree) -> Node:
        return Node(op, tuple(self.yes(node) for node in self.nodes(tree)), YESNO, tree.span)

    def form_not(self, tree: Tree) -> Node:
        """NOT(test)."""
        return Node("not", (self.yes(self.node(tree.args[0])),), YESNO, tree.span)

    def form_isblank(self, tree: Tree) -> Node:
        """ISBLANK(value)."""
        value = self.node(tree.args[0])
        if value.type.kind in {"rows", "table"}:
            raise Mistake(f"a {value.type} is not a value", value.span, "Use COUNT(...) = 0.")
        return Node("isblank", (value,), YESNO, tree.span)

    def form_isnull(self, tree: Tree) -> Node:
        """ISNULL(value)."""
        value = self.node(tree.args[0])
        if value.type.textual:
            return Node("pass", (value, lit(value=False, kind=YESNO, span=tree.span)), YESNO, tree.span)
        return Node("isblank", (value,), YESNO, tree.span)

    def form_blankvalue(self, tree: Tree) -> Node:
        """BLANKVALUE(value, instead)."""
        value, instead = self.nodes(tree)
        return self.pick(Node("isblank", (value,), YESNO, tree.span), instead, value, tree.span)

    def form_nullvalue(self, tree: Tree) -> Node:
        """NULLVALUE(value, instead)."""
        value, instead = self.nodes(tree)
        if value.type.textual:
            self.alike([value, instead])
            return value
        return self.pick(Node("isblank", (value,), YESNO, tree.span), instead, value, tree.span)

    def form_iferror(self, tree: Tree) -> Node:
        """IFERROR(value, instead)."""
        value, instead = self._moments(self.nodes(tree))
        self.alike([value, instead])
        value, instead, kind = both(value, instead)
        return Node("iferror", (value, instead), kind, tree.span)

    def form_ispickval(self, tree: Tree) -> Node:
        """ISPICKVAL(picklist, text)."""
        value, wanted = self.nodes(tree)
        self.text(value)
        if wanted.op == "lit" and wanted.data is None:
            return Node("isblank", (value,), YESNO, tree.span)
        return self.compared("=", value, self.text(wanted), wanted.span, tree.span)

    def form_in(self, tree: Tree) -> Node:
        """Value IN (a, b)."""
        value, *rest = self.nodes(tree)
        tests: list[Node] = [self.same(value, item, tree) for item in rest if item.type.kind != "blank"] or [
            lit(value=False, kind=YESNO, span=tree.span)
        ]
        return Node("or", tuple(tests), YESNO, tree.span)

    def same(self, value: Node, item: Node, tree: Tree) -> Node:
        """Whether a value equals a candidate; a blank equals none."""
        test = self.compared("=", value, item, item.span, tree.span)
        return Node("cmp", test.args, YESNO, test.span, "==") if test.op == "cmp" else test

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

    def exact(self, value: Node) -> Node:
        """An approximate value as an exact one of 12 decimals."""
        return cast(value, replace(number(26, 12), kind=value.type.kind, currency=value.type.currency)) if value.type.approx else value

    def rounded(self, value: Node, decimals: int, span: Span, mode: str = "round") -> Node:
        """The value with so many decimals."""
        value = self.exact(value)
        if decimals >= value.type.scale:
            return value
        whole = max(value.type.whole + 1, 1 - decimals)
        kind = replace(number(whole, max(decimals, 0)), kind=value.type.kind, currency=value.type.currency)
        return Node("round", (value,), kind, span, (mode, decimals))

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

    def form_value(self, tree: Tree) -> Node:
        """VALUE(text)."""
        return Node("value", (self.text(self.node(tree.args[0])),), number(20, 18), tree.span)

    def form_text(self, tree: Tree) -> Node:
        """TEXT(value)."""
        return self.as_text(self.node(tree.args[0]))

    def as_text(self, node: Node) -> Node:
        """The node as text. Raises Mistake."""
        if node.type.textual or node.type.kind == "blank":
            return cast(node, TEXT)
        if node.type.numeric:
            return Node("show", (self.exact(node),), TEXT, node.span)
        if node.type.kind == "yes/no":
            return choose(node, lit("true", TEXT, node.span), lit("false", TEXT, node.span), node.span)
        shower = {"date": "_SHOW_DATE", "datetime": "_SHOW_MOMENT", "time": "_SHOW_TIME"}.get(node.type.kind)
        if not shower:
            raise Mistake(f"a {node.type} has no text", node.span, "Use SUM, COUNT, MIN, MAX or LOOKUP.")
        return self.call(shower, [node], node.span)

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


def _names(tree: Tree) -> list[str]:
    if tree.kind == "name":
        return [tree.value]
    return [name for arg in tree.args for name in _names(arg)]
