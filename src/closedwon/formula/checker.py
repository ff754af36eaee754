"""From the plain tree to the typed one: names are looked up, units are held together, every mistake is collected with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from difflib import get_close_matches

from closedwon.formula.forms import MOST_NODES, Forms
from closedwon.formula.functions import TABLE
from closedwon.formula.habits import FUNCTIONS
from closedwon.formula.nodes import Node, add, blank, cast, compare, div, lit, mul, whole_number
from closedwon.formula.text import Mistake, Span, Tree
from closedwon.formula.types import APPROX, BLANK, INTEGER, TEXT, WIDE, YESNO, Type, number

MOST_HINTS = 5
_WORDS = {"number": "a number", "text": "a text", "yes/no": "yes or no", "date": "a day", "datetime": "a moment", "time": "a time"}


def named(kind: Type) -> str:
    """The type as it reads in a sentence."""
    return {"number": "a number", "money": f"{kind.currency} money".strip(), "percent": "a percentage", "quantity": "a quantity"}.get(
        kind.kind, _WORDS.get(kind.family, f"a {kind}")
    )


class Checker(Forms):
    """Types a tree against the names that there are. `mistakes` collects what is wrong; a bad part becomes blank and checking goes on."""

    def __init__(self, types: Mapping[str, Type]) -> None:
        self.types = types
        self.folded = {name.casefold(): name for name in types}
        self.mistakes: list[Mistake] = []
        self.scope: tuple[str, Mapping[str, Type]] | None = None
        self.fields: dict[str, Type] = {}
        self.count = 0

    def node(self, tree: Tree) -> Node:
        """The typed node of a tree; a mistake is noted and gives blank."""
        self.count += 1
        try:
            if self.count > MOST_NODES:
                raise Mistake("the formula is too large", tree.span, "Split it into steps.")
            made: Node = getattr(self, f"_{tree.kind}")(tree)
        except Mistake as mistake:
            self.mistakes.append(mistake)
            return blank(tree.span)
        return made

    def _number(self, tree: Tree) -> Node:
        return _exact(Decimal(tree.value), "number", tree.span)

    def _percent(self, tree: Tree) -> Node:
        return _exact(Decimal(tree.value).scaleb(-2, WIDE), "percent", tree.span)

    def _text(self, tree: Tree) -> Node:
        return lit(tree.value or None, TEXT, tree.span)

    def _where(self, tree: Tree) -> Node:
        raise Mistake("WHERE stands only inside SUM, AVG, MIN, MAX and COUNT", tree.at, "Use IF.")

    def _name(self, tree: Tree) -> Node:
        word = tree.value.upper()
        if word in {"TRUE", "FALSE"}:
            return lit(word == "TRUE", YESNO, tree.span)
        if word in {"NULL", "BLANK"} and tree.value.casefold() not in self.folded:
            return blank(tree.span)
        if self.scope:
            rows, fields = self.scope
            prefix, _, rest = tree.value.rpartition(".")
            if (not prefix or prefix.casefold() == rows.casefold()) and (
                found := next((name for name in fields if name.casefold() == rest.casefold()), None)
            ):
                return Node("part", (), fields[found], tree.span, found)
        name = self.folded.get(tree.value.casefold())
        if name is None:
            raise self._unknown(tree)
        kind = self.types[name]
        self.fields[name] = kind
        return Node("field", (), kind, tree.span, name)

    def _unknown(self, tree: Tree) -> Mistake:
        known = [*self.types, *(self.scope[1] if self.scope else ())]
        near = (
            []
            if len(self.mistakes) >= MOST_HINTS
            else get_close_matches(tree.value.casefold()[:80], [name.casefold() for name in known[:1000]], 1, 0.6)
        )
        prefix, _, rest = tree.value.rpartition(".")
        rows = self.folded.get(prefix.casefold())
        if rows and self.types[rows].kind == "rows":
            return Mistake(f"{rows} is a row set", tree.span, f"Write for example SUM({rows}.{rest[:80]}).")
        shown = tree.value if len(tree.value) <= 80 else tree.value[:80] + "…"
        if near:
            return Mistake(f"unknown field `{shown}`", tree.span, f"Did you mean `{self.folded.get(near[0], near[0])}`?")
        if tree.value.upper() in TABLE:
            return Mistake(f"{shown} is a function", tree.span, f"Write {TABLE[tree.value.upper()].signature}.")
        few = ", ".join(known[:6]) + (", …" if len(known) > 6 else "")
        return Mistake(f"unknown field `{shown}`", tree.span, f"Known are {few}." if known else "There are no fields here.")

    def _unary(self, tree: Tree) -> Node:
        value = self.node(tree.args[0])
        if tree.value == "!":
            return Node("not", (self.yes(value),), YESNO, tree.span)
        self.number(value)
        if tree.value == "+":
            return value
        if value.op == "lit" and isinstance(value.data, int):
            return lit(-value.data, value.type, tree.span)
        return Node("neg", (value,), value.type, tree.span)

    def _binary(self, tree: Tree) -> Node:
        sign = tree.value
        left, right = self.node(tree.args[0]), self.node(tree.args[1])
        if sign in {"and", "or"}:
            return Node(sign, (self.yes(left), self.yes(right)), YESNO, tree.span)
        if sign == "&":
            return Node("join", (self.as_text(left), self.as_text(right)), TEXT, tree.span)
        if sign in {"=", "<>", "<", ">", "<=", ">="}:
            return self.compared(sign, left, right, tree.at, tree.span)
        if sign in {"+", "-"} and (made := self._calendar(sign, left, right, tree)) is not None:
            return made
        if sign == "+" and left.type.textual and right.type.textual:
            return Node("join", (left, right), TEXT, tree.span)
        left, right = self.number(left, tree.at), self.number(right, tree.at)
        if sign in {"+", "-"}:
            self.one_currency(left.type, right.type, "added" if sign == "+" else "subtracted", tree.at)
            return add(left, right, tree.span, minus=sign == "-")
        if sign == "*":
            return mul(left, right, tree.span)
        if sign == "/":
            self.one_currency(left.type, right.type, "divided", tree.at)
            return div(left, right, tree.span)
        return self._power(left, right, tree.span)

    def _power(self, left: Node, right: Node, span: Span) -> Node:
        if right.op == "lit" and isinstance(right.data, int) and right.type.scale == 0 and not left.type.approx:
            if right.data == 0:
                return whole_number(1, span)
            if left.op == "lit" and isinstance(left.data, int) and 0 < right.data <= 38 and len(str(left.data)) * right.data <= 400:
                folded, scale = left.data**right.data, left.type.scale * right.data
                if len(str(abs(folded))) <= 38 and scale <= 38:
                    return lit(folded, number(max(len(str(abs(folded))) - scale, 0 if scale else 1), scale), span)
            if 1 <= right.data <= 8 and left.type.scale * right.data <= 36 and left.op != "div":
                made = left
                for _ in range(right.data - 1):
                    made = mul(made, left, span)
                return made
        return Node("pow", (cast(left, APPROX), cast(right, APPROX)), APPROX, span)

    def _calendar(self, sign: str, left: Node, right: Node, tree: Tree) -> Node | None:
        kinds = (left.type.kind, right.type.kind)
        moments = {"date", "datetime", "time"}
        if not moments & set(kinds):
            return None
        span = tree.span
        if kinds[0] in moments and kinds[1] in moments:
            return self.moments_apart(sign, left, right, tree)
        if kinds[1] in moments:
            if sign == "-":
                raise Mistake(f"{named(right.type)} cannot be subtracted from {named(left.type)}", tree.at, "Turn them round.")
            left, right = right, left
        by = self.number(right, tree.at)
        if left.type.kind == "datetime":
            shift = self.rounded(mul(by, whole_number(86_400, span), span), 0, span)
            shift = mul(shift, whole_number(1_000_000, span), span)
            moved = add(self.call("_MICROS", [left], span), shift, span, minus=sign == "-")
            return self.call("_FROM_MICROS", [moved], span)
        by = self.int_of(by)
        inward, outward = ("_MS", "_FROM_MS") if left.type.kind == "time" else ("_DAYS", "_FROM_DAYS")
        return self.call(outward, [add(self.call(inward, [left], span), by, span, minus=sign == "-")], span)

    def moments_apart(self, sign: str, left: Node, right: Node, tree: Tree) -> Node:
        """The distance of two moments: days between days or moments, milliseconds between times."""
        span = tree.span
        if sign == "+" or (left.type.kind == "time") != (right.type.kind == "time"):
            raise Mistake(f"{named(left.type)} and {named(right.type)} cannot be {'added' if sign == '+' else 'subtracted'}", tree.at)
        if left.type.kind == "time":
            apart = add(self.call("_MS", [left], span), self.call("_MS", [right], span), span, minus=True)
            return self.modulo(add(apart, whole_number(86_400_000, span), span), whole_number(86_400_000, span), span)
        if left.type.kind == right.type.kind == "date":
            return add(self.call("_DAYS", [left], span), self.call("_DAYS", [right], span), span, minus=True)
        ends = [self.call("_MICROS", [self.moment(end)], span) for end in (left, right)]
        return div(add(ends[0], ends[1], span, minus=True), whole_number(86_400_000_000, span), span)

    def moment(self, node: Node) -> Node:
        """A day as its midnight; a moment as it is."""
        return self.call("_MIDNIGHT", [node], node.span) if node.type.kind == "date" else node

    def compared(self, sign: str, left: Node, right: Node, at: Span, span: Span) -> Node:
        """A comparison, its types held together."""
        if {left.type.kind, right.type.kind} == {"date", "datetime"}:
            left, right = self.moment(left), self.moment(right)
        families = {left.type.family, right.type.family} - {"blank"}
        if len(families) > 1:
            raise Mistake(f"{named(left.type)} cannot be compared with {named(right.type)}", at, self.bridge(left.type, right.type))
        if families & {"rows", "table"}:
            raise Mistake(f"a {left.type} cannot be compared", at, "Use SUM, COUNT, MIN, MAX or LOOKUP.")
        if families == {"number"}:
            self.one_currency(left.type, right.type, "compared", at)
        if families == {"yes/no"} and sign not in {"=", "<>"}:
            raise Mistake("yes or no has no order", at, "Compare with = or <>.")
        for one, other in ((left, right), (right, left)):
            self.in_picklist(one, other)
        if "blank" in {left.type.kind, right.type.kind} and sign in {"=", "<>"}:
            test = Node("isblank", (right if left.type.kind == "blank" else left,), YESNO, span)
            return Node("not", (test,), YESNO, span) if sign == "<>" else test
        return compare(sign, left, right, span)

    def in_picklist(self, field: Node, value: Node) -> None:
        """A text beside a picklist must be one of its values."""
        if field.type.kind == "picklist" and field.type.values and value.op == "lit":  # noqa: SIM102
            if isinstance(value.data, str) and value.data not in field.type.values:
                near = [] if len(self.mistakes) >= MOST_HINTS else get_close_matches(value.data[:80], field.type.values[:500], 1, 0.5)
                hint = f"Did you mean {near[0]!r}?" if near else f"Values are {', '.join(field.type.values[:6])}."
                self.mistakes.append(Mistake(f"{value.data!r} is not a value of {field.data}", value.span, hint))

    def one_currency(self, left: Type, right: Type, verb: str, at: Span) -> None:
        """Two amounts must be of one currency."""
        if left.currency and right.currency and left.currency != right.currency:
            raise Mistake(f"{left.currency} and {right.currency} money cannot be {verb}", at, "Convert one of them first.")

    @staticmethod
    def bridge(left: Type, right: Type) -> str | None:
        """How two types can be brought together."""
        kinds = {left.family, right.family}
        if kinds == {"number", "text"}:
            return "Use VALUE(text) or TEXT(number)."
        if "text" in kinds and kinds & {"date", "datetime"}:
            return "Use DATEVALUE(text) or DATETIMEVALUE(text)."
        if kinds & {"date", "datetime"} and "number" in kinds:
            return "Subtract two of them for a number of days, or use YEAR, MONTH or DAY."
        if "yes/no" in kinds and "number" in kinds:
            return "Write two comparisons with AND between them."
        return None

    def number(self, node: Node, at: Span | None = None) -> Node:
        """The node as something to reckon with. Raises Mistake."""
        if node.type.kind == "blank":
            return cast(node, number(1))
        if not node.type.numeric:
            raise Mistake(f"{named(node.type)} stands where a number is needed", at or node.span, self.bridge(node.type, INTEGER))
        return node

    def yes(self, node: Node) -> Node:
        """The node as yes or no. Raises Mistake."""
        if node.type.kind == "blank":
            return cast(node, YESNO)
        if node.type.kind != "yes/no":
            raise Mistake(f"{named(node.type)} stands where yes or no is needed", node.span, "Compare it with something.")
        return node

    def text(self, node: Node) -> Node:
        """The node as text. Raises Mistake."""
        if node.type.kind == "blank":
            return cast(node, TEXT)
        if not node.type.textual:
            raise Mistake(f"{named(node.type)} stands where a text is needed", node.span, "Use TEXT(...).")
        return node

    def int_of(self, node: Node) -> Node:
        """The node cut to a whole number."""
        node = self.number(node)
        if node.type.scale == 0 and not node.type.approx:
            return node
        return self.rounded(node, 0, node.span, "trunc")

    def call(self, name: str, args: list[Node], span: Span) -> Node:
        """A call of a function whose arguments have the right types, or are brought to them. Raises Mistake."""
        function = TABLE[name]
        made = [self._argument(kind.rstrip("?"), node) for kind, node in zip(function.kinds, args, strict=False)]
        return Node("call", tuple(made), function.type or BLANK, span, function)

    def _argument(self, kind: str, node: Node) -> Node:
        if kind == "float":
            return cast(self.number(node), APPROX)
        if kind in {"int", "count"}:
            return Node("int", (self.int_of(node),), INTEGER, node.span, kind)
        if kind == "text":
            return self.text(node)
        if kind == "day" and node.type.kind == "datetime":
            return self.call("_DAY_OF", [node], node.span)
        wanted = "date" if kind == "day" else kind
        if node.type.kind == "blank":
            return cast(node, replace(BLANK, kind=wanted))
        if wanted not in {"any", node.type.kind}:
            raise Mistake(
                f"{named(node.type)} stands where {_WORDS.get(wanted, wanted)} is needed", node.span, self.bridge(node.type, Type(wanted))
            )
        return node

    def _call(self, tree: Tree) -> Node:
        function = TABLE.get(tree.value)
        if function is None or tree.value.startswith("_"):
            if tree.value in FUNCTIONS:
                raise Mistake(f"unknown function {tree.value}", tree.at, FUNCTIONS[tree.value])
            near = (
                []
                if len(self.mistakes) >= MOST_HINTS
                else get_close_matches(tree.value[:40], [name for name in TABLE if not name.startswith("_")], 1, 0.5)
            )
            hint = f"Did you mean {near[0]}?" if near else "The reference page lists the functions."
            raise Mistake(f"unknown function {tree.value[:60]}", tree.at, hint)
        kinds = function.kinds
        least = sum(not kind.endswith("?") and kind != "..." for kind in kinds)
        if len(tree.args) < least or ("..." not in kinds and len(tree.args) > len(kinds)):
            raise Mistake(f"{tree.value} is given {_counted(len(tree.args))}", tree.at, f"Write {function.signature}.")
        if function.form:
            made: Node = getattr(self, f"form_{function.form}")(tree)
            return made
        return self.call(tree.value, [self.node(arg) for arg in tree.args], tree.span)


def _counted(arguments: int) -> str:
    return f"{arguments or 'no'} argument{'' if arguments == 1 else 's'}"


def _exact(value: Decimal, kind: str, span: Span) -> Node:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or exponent < -38 or len(digits) + max(exponent, 0) > 38:
        raise Mistake("the number has too many digits", span, "At most 38, and 38 decimals.")
    scale = max(-exponent, 0)
    unscaled = int(value.scaleb(scale, WIDE))
    whole = max(len(str(abs(unscaled))) - scale, 0 if scale else 1)
    return lit(unscaled, number(whole, scale, kind=kind), span)
