"""What every form of a function builds on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from closedwon.formula.nodes import Node, cast, choose, lit
from closedwon.formula.text import Mistake, Span, Tree
from closedwon.formula.types import TEXT, Type, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_NODES = 20_000


class Core:
    """The arguments, and values brought to one type; the checker adds names, operators and coercions."""

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
