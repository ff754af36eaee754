"""Lookup tables of a types file: their cells taken once, as the interpreter holds them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from closedwon.formula.types import Type, number
from closedwon.formula.values import exact_digits, taken

Cells = tuple[tuple[Any, ...], ...]


def _column(cells: list[Any], kind: Type, name: str) -> tuple[Type, list[Any]]:
    if not kind.numeric:
        return kind, [taken(cell, kind, name) for cell in cells]
    shapes = [None if cell in (None, "") else exact_digits(cell) for cell in cells]
    scale = max((shape[2] for shape in shapes if shape), default=0)
    whole = max((shape[1] for shape in shapes if shape), default=1)
    fitted = replace(number(whole, scale), kind=kind.kind, currency=kind.currency)
    return fitted, [shape and shape[0] * 10 ** (scale - shape[2]) for shape in shapes]


@lru_cache(maxsize=64)
def table_of(kind: Type) -> tuple[tuple[Type, ...], Type, Cells]:
    """A table's key types, its value's type and its rows of internal values, the value last. Raises BadValue."""
    types = (*kind.keys, kind.value or Type("text"))
    columns = [_column([row[at] for row in kind.rows], one, "the table") for at, one in enumerate(types)]
    fitted = [column[0] for column in columns]
    return tuple(fitted[:-1]), fitted[-1], tuple(zip(*(column[1] for column in columns), strict=True))
