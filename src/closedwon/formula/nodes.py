"""The typed tree: every node knows its type and its place in the text. Both back ends walk this one tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from closedwon.formula.text import Mistake, Span
from closedwon.formula.types import APPROX, BLANK, MOST, QUOTIENT_SCALE, YESNO, Type, number, unify

HUGE = 2**127 - 1
"""The largest 128-bit integer: what the engines reckon in."""
LARGEST = 10**MOST - 1


class Fault(Exception):
    """A value that cannot be had for this row: division by zero, overflow, a text that is no date. IFERROR catches it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(eq=False, frozen=True)
class Node:
    """An operation on nodes. `data` is the literal, the field's name, the operator or the function."""

    op: str
    args: tuple[Node, ...]
    type: Type
    span: Span
    data: Any = None

    @property
    def digits(self) -> int:
        """All digits that the value can have."""
        return self.type.whole + self.type.scale


def lit(value: object, kind: Type, span: Span) -> Node:
    """A literal."""
    return Node("lit", (), kind, span, value)


def whole_number(value: int, span: Span) -> Node:
    """A literal whole number with just the digits that it needs."""
    return lit(value, number(len(str(abs(value)))), span)


def blank(span: Span) -> Node:
    """The literal blank."""
    return lit(None, BLANK, span)


def cast(node: Node, kind: Type) -> Node:
    """The node as a number of another shape; other types need nothing."""
    have = node.type
    if node.op == "lit" and node.data is None:
        return Node("lit", (), kind, node.span, None)
    if not (have.numeric and kind.numeric):
        return node if have.kind == kind.kind or not kind.textual else Node(node.op, node.args, kind, node.span, node.data)
    if (have.whole, have.scale, have.approx) == (kind.whole, kind.scale, kind.approx):
        return node if have == kind else Node("as", (node,), kind, node.span)
    if node.op == "lit" and not have.approx and not kind.approx and kind.whole >= have.whole and kind.scale >= have.scale:
        return lit(node.data * 10 ** (kind.scale - have.scale), kind, node.span)
    return Node("cast", (node,), kind, node.span)


def both(left: Node, right: Node) -> tuple[Node, Node, Type]:
    """Two nodes widened to one type."""
    kind = unify(left.type, right.type)
    return cast(left, kind), cast(right, kind), kind


def add(left: Node, right: Node, span: Span, *, minus: bool = False) -> Node:
    """Left + right or left − right, exact."""
    left, right, kind = both(left, right)
    if not kind.approx:
        kind = replace(number(kind.whole + 1, kind.scale), kind=kind.kind, currency=kind.currency)
    return Node("sub" if minus else "add", (left, right), kind, span)


def mul(left: Node, right: Node, span: Span) -> Node:
    """Left × right, exact; a factor that is a quotient is divided once, after the product, so it is never rounded before."""
    if left.op == "div" and not left.type.approx and not right.type.approx:
        return div(mul(left.args[0], right, span), left.args[1], span)
    if right.op == "div" and not left.type.approx and not right.type.approx:
        return div(mul(left, right.args[0], span), right.args[1], span)
    kinds = {left.type.kind, right.type.kind}
    kind = "money" if "money" in kinds and left.type.kind != right.type.kind else "percent" if kinds == {"percent"} else "number"
    currency = left.type.currency or right.type.currency if kind == "money" else ""
    if left.type.approx or right.type.approx:
        return Node("mul", (cast(left, APPROX), cast(right, APPROX)), replace(APPROX, kind=kind, currency=currency), span)
    scale = left.type.scale + right.type.scale
    if scale > MOST:
        raise Mistake(f"the product has {scale} decimals, more than {MOST}", span, "ROUND a factor first.")
    return Node("mul", (left, right), number(left.type.whole + right.type.whole, scale, kind=kind, currency=currency), span)


def div(left: Node, right: Node, span: Span) -> Node:
    """Left ÷ right to 18 decimals, half away from zero; quotients of quotients are rounded once."""
    kind = "money" if left.type.kind == "money" and right.type.kind != "money" else "number"
    currency = left.type.currency if kind == "money" else ""
    if left.type.approx or right.type.approx:
        return Node("div", (cast(left, APPROX), cast(right, APPROX)), replace(APPROX, kind=kind, currency=currency), span)
    if left.op == "div" and left.type.scale + right.type.scale <= MOST and left.args[1].digits + right.digits <= MOST:
        return div(left.args[0], mul(left.args[1], right, span), span)
    return Node(
        "div", (left, right), number(left.type.whole + right.type.scale, QUOTIENT_SCALE, kind=kind, currency=currency), span,
    )  # fmt: skip


def choose(test: Node, yes: Node, no: Node, span: Span) -> Node:
    """IF: yes where the test holds, else no."""
    yes, no, kind = both(yes, no)
    return Node("if", (test, yes, no), kind, span)


def compare(sign: str, left: Node, right: Node, span: Span) -> Node:
    """A comparison of two values of one family."""
    left, right, _ = both(left, right)
    return Node("cmp", (left, right), YESNO, span, sign)


def smallest(nodes: list[Node], span: Span, sign: str = "<") -> Node:
    """The smallest of several (or the largest, with ">"); blank where one is blank."""
    kind = nodes[0].type
    for node in nodes[1:]:
        kind = unify(kind, node.type)
    return Node("least", tuple(cast(node, kind) for node in nodes), kind, span, sign)
