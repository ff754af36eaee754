"""Choices: IF, CASE, AND, ISBLANK and their kin."""

from __future__ import annotations

from closedwon.formula.forms.core import Core
from closedwon.formula.nodes import Node, blank, both, cast, lit
from closedwon.formula.text import Mistake, Span, Tree
from closedwon.formula.types import YESNO, unify


class Logic(Core):
    """Choices."""

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
