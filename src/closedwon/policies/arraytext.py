"""Arrays of TOML text changed in place: rows keep their text and their comments wherever they move, and comments stay when a row goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from closedwon.base.tomlplaces import Scanner

Write = Callable[[Any], str]
"""Writes a value as the text of one item."""
Change = Callable[[str, Any, Any], str]
"""The text of an item changed from one value to another."""


@dataclass
class _Piece:
    """An item: white space and comments before it, its text, whether a comma follows, and the comment on its line."""

    lead: str
    text: str
    comma: bool
    tail: str


def _pieces(source: str) -> tuple[list[_Piece], str]:
    """The items of an array's text, and what stands after the last one."""
    scan = Scanner(source)
    scan.move(1)
    made: list[_Piece] = []
    while True:
        start = scan.at
        scan.skip()
        lead = source[start : scan.at]
        if scan.peek() in {"]", ""}:
            return made, lead
        start = scan.at
        scan.value(())
        text = source[start : scan.at].rstrip(" \t")
        start += len(text)
        comma = re.compile(r"[ \t]*,").match(source, start)
        tail = re.compile(r"[ \t]*(#[^\n]*)?").match(source, comma.end() if comma else start)
        told = tail[0] if tail and tail[1] else ""
        made.append(_Piece(lead, text, comma is not None, told))
        scan.move((comma.end() if comma else start) + len(told))
        ahead = None if comma else _AHEAD.match(source, scan.at)
        if ahead:  # a comma on a line of its own
            scan.move(ahead.end())


_AHEAD = re.compile(r"(?:\s|#[^\n]*\n)*,")


def _same(one: Any, two: Any) -> bool:
    if type(one) is not type(two) or one != two:
        return False
    if isinstance(one, list):
        return all(_same(a, b) for a, b in zip(one, two, strict=True))
    return not isinstance(one, dict) or (list(one) == list(two) and all(_same(one[key], two[key]) for key in one))


def origin_of(before: Sequence[Any], after: Sequence[Any]) -> list[int | None]:
    """Which item each new one was, matched as a diff matches lines; changed items keep their place where the counts agree."""
    made: list[int | None] = [None] * len(after)
    matcher = SequenceMatcher(None, [repr(one) for one in before], [repr(one) for one in after], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and j - i == m - k):
            made[k:m] = range(i, j)
    return made


def changed(
    source: str, before: Sequence[Any], after: Sequence[Any], origin: Sequence[int | None] | None, write: Write, change: Change
) -> str | None:
    """The text of an array changed from `before` to `after`; None where its text does not have the items of `before`."""
    pieces, rest = _pieces(source)
    if len(pieces) != len(before):
        return None
    origin = list(origin) if origin is not None and len(origin) == len(after) else origin_of(before, after)
    many = "\n" in "".join(piece.lead for piece in pieces) + rest
    fresh = _fresh(pieces, many)
    leads, rest = _leads(pieces, rest, {was for was in origin if was is not None})
    comma = pieces[-1].comma if pieces else many
    made, used = [], set()
    for at, was in enumerate(origin):
        last = at == len(after) - 1
        if was is None or was in used or was >= len(pieces):
            lead, text, tail = (fresh if at or many else ""), write(after[at]), ""
        else:
            used.add(was)
            piece = pieces[was]
            lead, tail = leads[was], piece.tail
            text = piece.text if _same(before[was], after[at]) else change(piece.text, before[was], after[at])
        if not many:
            lead = (pieces[0].lead if pieces else "") if at == 0 else lead or " "
        made.append(f"{lead}{text}{',' if not last or comma or tail else ''}{tail}")
    if made and "#" in made[-1].rpartition("\n")[2] and "\n" not in rest:
        rest = "\n" + rest
    return f"[{''.join(made)}{rest}]"


def _fresh(pieces: list[_Piece], many: bool) -> str:
    """The white space before a new item."""
    if not many:
        return " "
    lead = next((piece.lead for piece in pieces if "\n" in piece.lead), "\n  ")
    return "\n" + lead.rpartition("\n")[2]


def _leads(pieces: list[_Piece], rest: str, kept: set[int]) -> tuple[dict[int, str], str]:
    """What stands before each kept item: its own comments, below those of items that went before it."""
    made: dict[int, str] = {}
    lost = ""
    for at, piece in enumerate(pieces):
        if at not in kept:
            lost += _comments(piece.lead)
        else:
            made[at], lost = lost + piece.lead, ""
    return made, lost + rest


def _comments(lead: str) -> str:
    """The full-line comments of a lead, without the line of the item itself."""
    return lead.rpartition("\n")[0] if "#" in lead else ""
