"""Patterns for Spark, whose regular expressions are Java's: they backtrack, and read some signs otherwise than RE2.

A pattern is taken over where both read it alike and none of its parts can be tried in exponentially many ways; the rest is refused.
"""

from __future__ import annotations

import re

from closedwon.formula.text import Mistake, Span

_SPACE = r"\t\n\f\r "
_ITEM = re.compile(
    r"""(?P<class>\[(?:\^?\]?)(?:\\.|[^\]\\])*\])
    |(?P<escape>\\[dDwWsSbB]|\\[pP]\{(?:L|Lu|Ll|N|Nd|P|S|Z)\}|\\[nrtf]|\\[^\w\s])
    |(?P<open>\(\?:|\((?!\?))|(?P<close>\))|(?P<bar>\|)
    |(?P<repeat>(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})\??)
    |(?P<anchor>[\^$])|(?P<dot>\.)|(?P<sign>[^\\\[\]{}()*+?|^$])""",
    re.VERBOSE | re.DOTALL,
)


def java_regex(pattern: str, span: Span) -> str:
    """An RE2 pattern for a whole text as Java reads it. Raises Mistake."""
    made: list[str] = []
    inside: list[bool] = [False]
    closed = False
    at = 0
    while at < len(pattern):
        found = _ITEM.match(pattern, at)
        if found is None:
            raise _refused(pattern[at : at + 12], span)
        kind, text = str(found.lastgroup), found[0]
        if kind == "open":
            inside.append(False)
        elif kind == "close":
            closed = inside.pop()
            inside[-1] = inside[-1] or closed
        elif kind in {"bar", "repeat"}:
            if kind == "repeat" and closed and text[0] != "?":
                message = "REGEX on Spark cannot repeat a group that has alternatives or repeats itself"
                raise Mistake(message, span, "Write the pattern without it, or use DuckDB.")
            inside[-1] = True
        closed = closed and kind == "close"
        made.append(_java(kind, text, span))
        at = found.end()
    return f"\\A(?d:{''.join(made)})\\z"


def _java(kind: str, text: str, span: Span) -> str:
    if kind == "anchor":
        return r"\A" if text == "^" else r"\z"
    if kind == "class":
        body = text[1:-1]
        if re.search(r"\[|&&|\\[^dwsnrtf\W]", body) or body.startswith(("]", "^]")):
            raise _refused(text, span)
        return f"[{body.replace(chr(92) + 's', _SPACE)}]"
    if text in {r"\s", r"\S"}:
        return f"[{'^' if text == chr(92) + 'S' else ''}{_SPACE}]"
    return text


def _refused(part: str, span: Span) -> Mistake:
    message = f"REGEX on Spark cannot take {part!r} as DuckDB does"
    return Mistake(message, span, "Use letters, classes such as [A-Z] and \\d, ( ), |, *, +, ?, {2,3}; or use DuckDB.")


def java_like(pattern: str, _span: Span) -> str:
    """A LIKE pattern for Java: every piece between two % is looked for once, so no text makes it try again and again."""
    pieces: list[str] = [""]
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if part == "_" else "\\Q" + part[-1] + "\\E" if part[-1] != "\\" else "\\\\"
    if len(pieces) == 1:
        return f"(?s)\\A{pieces[0]}\\z"
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1] if piece)
    return f"(?s)\\A{pieces[0]}{middle}.*{pieces[-1]}\\z"
