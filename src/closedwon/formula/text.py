"""Formula text into a tree of plain nodes with positions: tokens, then a Pratt parser. Limits on length, depth and count come first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from closedwon.formula.habits import SIGNS, WORDS, after

MOST_CHARACTERS = 10_000
MOST_TOKENS = 3_000
MOST_DEPTH = 60

Span = tuple[int, int]


class Mistake(Exception):
    """What is wrong in the text, at which place, and how to mend it."""

    def __init__(self, message: str, span: Span, mend: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.mend = mend


@dataclass(frozen=True)
class Token:
    """A piece of the text. Kinds: number, text, name, sign, end."""

    kind: str
    text: str
    span: Span


@dataclass(frozen=True)
class Tree:
    """A node as written. `kind` is number, percent, text, name, call, unary, binary or where."""

    kind: str
    value: str
    args: tuple[Tree, ...]
    span: Span
    at: Span


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f\v\u00a0\ufeff]+|/\*(?:[^*]|\*(?!/))*\*/)
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3}(?![\w]))?)
    |(?P<name>[$A-Za-z_\u00c0-\u024f][\w$]*(?:\.[A-Za-z_\u00c0-\u024f][\w$]*)*(?::[\w.]+)?)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign><>|!=|<=|>=|==|&&|\|\||[-+*/^&<>=!(),%])""",
    re.VERBOSE | re.DOTALL,
)
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t", "r": "\r"}
_LOOKALIKES = dict(
    zip(
        "“”„‘’，（）＝＋－×÷；≤≥≠−",
        ('"', '"', '"', "'", "'", ",", "(", ")", "=", "+", "-", "*", "/", ",", "<=", ">=", "<>", "-"),
        strict=True,
    )
)


def tokens(text: str) -> list[Token]:
    """The tokens of a text. Raises Mistake."""
    if len(text) > MOST_CHARACTERS:
        raise Mistake(f"the formula has {len(text)} characters", (0, 1), f"At most {MOST_CHARACTERS}; split it into steps.")
    if (bad := _UNSEEN.search(text)) is not None:
        raise Mistake(f"the character {bad[0]!r} cannot stand in a formula", bad.span(), "Delete it.")
    made: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise _unknown(text, at)
        kind = str(found.lastgroup)
        if kind == "number" and len(found[0]) > 60:
            raise Mistake("the number is too long", found.span(), "A number has at most 38 digits.")
        if kind != "space":
            made.append(Token(kind, found[0], found.span()))
        at = found.end()
        if len(made) > MOST_TOKENS:
            raise Mistake("the formula has too many parts", (at - 1, at), f"At most {MOST_TOKENS}; split it into steps.")
    made.append(Token("end", "", (len(text), len(text))))
    return made


def _unknown(text: str, at: int) -> Mistake:
    sign = text[at]
    if sign in "\"'":
        return Mistake("the text has no closing quote", (at, at + 1), f"Close it with {sign}.")
    if text.startswith("/*", at):
        return Mistake("the comment is not closed", (at, at + 2), "Close it with */.")
    if sign == ";":
        return Mistake("unexpected ;", (at, at + 1), "Arguments are separated by commas.")
    if sign in _LOOKALIKES:
        return Mistake(f"unexpected {sign}", (at, at + 1), f"Write {_LOOKALIKES[sign]}")
    if sign == "?":
        return Mistake("unexpected ?", (at, at + 1), WORDS["THEN"])
    return Mistake(f"unexpected {sign!r}", (at, at + 1), "Texts stand in quotes.")


def unquoted(text: str) -> str:
    """What a quoted text says."""
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], "\\" + found[1]), text[1:-1], flags=re.DOTALL)


_BINARY = {
    "||": (1, "or"), "&&": (2, "and"), "=": (4, "="), "==": (4, "="), "<>": (4, "<>"), "!=": (4, "<>"), "<": (4, "<"), ">": (4, ">"),
    "<=": (4, "<="), ">=": (4, ">="), "&": (5, "&"), "+": (6, "+"), "-": (6, "-"), "*": (7, "*"), "/": (7, "/"), "^": (9, "^"),
}  # fmt: skip
_WORDS = {"OR": (1, "or"), "AND": (2, "and")}
"""Between two values these words say what || and && say."""


class Parser:
    """A Pratt parser over the tokens of one formula."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Tree:
        """The tree of the whole text."""
        if self.here.kind == "end":
            raise Mistake("the formula is empty", (0, 1), "Write for example IF(amount > 1000, 5%, 0).")
        tree = self.expression(0)
        if self.here.kind != "end":
            mend = after(self.tokens[self.at - 1].text, self.here.text, "" if self.tokens[1].text == "(" else self.tokens[0].text)
            raise Mistake(f"unexpected {self.here.text}", self.here.span, mend)
        return tree

    @property
    def here(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    def take(self) -> Token:
        """The next token, and on."""
        token = self.here
        self.at += token.kind != "end"
        return token

    def expression(self, power: int) -> Tree:
        """An expression whose operators bind tighter than `power`."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Mistake("the formula is nested too deeply", self.here.span, f"At most {MOST_DEPTH} levels; split it into steps.")
        left = self._prefix()
        while True:
            token = self.here
            if token.kind == "name" and power < 4 and (made := self._membership(left)) is not None:
                left = made
                continue
            binds, name = _BINARY.get(token.text, (0, "")) if token.kind == "sign" else _WORDS.get(token.text.upper(), (0, ""))
            if not name or binds <= power:
                break
            self.take()
            right = self.expression(binds)
            left = Tree("binary", name, (left, right), (left.span[0], right.span[1]), token.span)
        self.depth -= 1
        return left

    def _membership(self, left: Tree) -> Tree | None:
        word, following = self.here.text.upper(), self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        negated = word == "NOT" and following.text.upper() == "IN"
        if not negated and not (word == "IN" and following.text == "("):
            return None
        at = self.take().span
        if negated:
            at = self.take().span
        args = self._arguments("IN", at)
        span = (left.span[0], self.tokens[self.at - 1].span[1])
        made = Tree("call", "IN", (left, *args), span, at)
        return Tree("call", "NOT", (made,), span, at) if negated else made

    def _prefix(self) -> Tree:
        token = self.take()
        if token.kind == "number":
            if self.here.text == "%" and self.here.kind == "sign":
                end = self.take().span[1]
                return Tree("percent", token.text, (), (token.span[0], end), token.span)
            return Tree("number", token.text, (), token.span, token.span)
        if token.kind == "text":
            return Tree("text", unquoted(token.text), (), token.span, token.span)
        if token.kind == "name":
            if self.here.text == "(" and self.here.kind == "sign":
                args = self._arguments(token.text, token.span)
                return Tree("call", token.text.upper(), args, (token.span[0], self.tokens[self.at - 1].span[1]), token.span)
            if token.text.upper() == "NOT" and self.here.kind in {"name", "number", "text"}:
                inner = self.expression(3)
                return Tree("unary", "!", (inner,), (token.span[0], inner.span[1]), token.span)
            return Tree("name", token.text, (), token.span, token.span)
        if token.text == "(":
            inner = self.expression(0)
            if self.here.text != ")":
                raise Mistake("a ) is missing", self.here.span, f"Close the parenthesis that opens at column {token.span[0] + 1}.")
            end = self.take().span[1]
            return Tree(inner.kind, inner.value, inner.args, (token.span[0], end), inner.at)
        if token.text in {"-", "+", "!"}:
            inner = self.expression(8)
            return Tree("unary", token.text, (inner,), (token.span[0], inner.span[1]), token.span)
        if token.kind == "end":
            raise Mistake("the formula ends too early", token.span, "A value is missing here.")
        previous = self.tokens[self.at - 2].text if self.at > 1 else ""
        raise Mistake(f"unexpected {token.text}", token.span, SIGNS.get((previous, token.text), "A value is missing before it."))

    def _arguments(self, name: str, at: Span) -> tuple[Tree, ...]:
        self.take()
        args: list[Tree] = []
        if self.here.text == ")" and self.here.kind == "sign":
            self.take()
            return ()
        while True:
            arg = self.expression(0)
            if self.here.kind == "name" and self.here.text.upper() == "WHERE":
                where = self.take().span
                test = self.expression(0)
                arg = Tree("where", "", (arg, test), (arg.span[0], test.span[1]), where)
            args.append(arg)
            token = self.take()
            if token.kind == "sign" and token.text == ")":
                return tuple(args)
            if token.kind != "sign" or token.text != ",":
                if token.kind == "end":
                    raise Mistake(f"{name}( is not closed", at, "Add a ).")
                raise Mistake(f"unexpected {token.text}", token.span, "Arguments are separated by commas.")


def parse(text: str) -> Tree:
    """The tree of a formula's text. Raises Mistake."""
    return Parser(text).whole()


def literal(text: str) -> Decimal:
    """The exact value of a number as written."""
    return Decimal(text)
