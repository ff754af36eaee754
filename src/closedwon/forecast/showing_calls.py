"""Calls in words and rows: for tables, exports and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.base.money import format_major
from closedwon.forecast.actions.calls import CallBoard, Told, told
from closedwon.forecast.actions.rollups import seat_names
from closedwon.forecast.calls import CALLS, LABELS

STATES = {"in": ("in", "good"), "late": ("late", "warn"), "missing": ("missing", "bad"), "due": ("due", "info"), "": ("", "")}
"""A call's state in a word, with its tone."""


def call_lines(board: CallBoard, *, seat: str = "", history: bool = False) -> list[dict[str, Any]]:
    """Each seat in sight, category by category, amounts in major units: what stands, and with `history` every call."""
    book = board.book
    names, unit = seat_names(book.on, book.ask), book.ask.currency
    rows: list[dict[str, Any]] = []
    for one in book.tree.order:
        if one not in board.judged or one not in board.seats or (seat and one != seat):
            continue
        if history:
            rows += [_told(line, names.get(one, one), name, unit) for line in reversed(told(book, one)) for name in CALLS]
        else:
            rows += _standing(board, one, names, unit)
    return rows


def _standing(board: CallBoard, seat: str, names: Mapping[str, str], unit: str) -> list[dict[str, Any]]:
    found = board.book.standing(seat)
    if found.call is None and not any(found.basis.deals.values()) and not found.expected:
        return []
    call, below = found.amounts, found.basis.below
    return [
        {
            "seat": seat, "name": names.get(seat, seat), "category": name, "rollup": format_major(found.basis.deals[name], unit),
            "below": format_major(below[name], unit), "call": "" if call is None else format_major(call[name], unit),
            "delta": "" if call is None else format_major(call[name] - below[name], unit), "state": found.state,
            "at": found.call.at.isoformat() if found.call else "", "by": (found.call.user or found.call.author) if found.call else "",
            "on_behalf_of": found.call.on_behalf_of if found.call else "", "note": found.call.note if found.call else "",
            "moved": format_major(found.since.below[name], unit) if found.since and found.since.is_changed else "",
            "changed_since": " ".join(found.since.seats) if found.since else "",
        }
        for name in CALLS
    ]  # fmt: skip


def _told(line: Told, seat_name: str, name: str, unit: str) -> dict[str, Any]:
    one = line.call
    return {
        "seat": one.seat, "name": seat_name, "category": name, "at": one.at.isoformat(), "call": "" if line.amounts is None else format_major(line.amounts[name], unit),
        "step": "" if line.step is None else format_major(line.step[name], unit), "rollup": format_major(one.basis.deals[name], one.currency) if one.basis else "",
        "below": format_major(one.basis.below[name], one.currency) if one.basis else "",
        "delta": "" if line.delta is None else format_major(line.delta[name], one.currency),
        "machine": format_major(one.machine["median"], one.currency) if one.machine.get("median") is not None else "", "late": "yes" if line.is_late else "no",
        "by": one.user or one.author, "on_behalf_of": one.on_behalf_of, "note": one.note, "source": one.source,
    }  # fmt: skip


def label(name: str) -> str:
    """A called category's name."""
    return LABELS[name]
