"""Counted outcomes as arrays: what the rules gave, found by measure, stage and segment. Pure but for Arrow and numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from closedwon.crm.funnel.curves import Curve, curve

NO_DAYS = -1
"""Days that are not known."""


@dataclass(frozen=True)
class Part:
    """Rows of one measure: each `n` deals with the same outcome, days and amounts."""

    words: Sequence[str]
    outcome: Any
    days: Any
    amount: Any
    entry: Any
    n: Any

    def of(self, *outcomes: str) -> Part:
        """The rows with one of these outcomes."""
        mask = np.zeros(len(self.n), dtype=bool)
        for at, word in enumerate(self.words):
            if word in outcomes:
                mask |= self.outcome == at
        return self.where(mask)

    def where(self, mask: Any) -> Part:
        """The rows of a mask."""
        return Part(self.words, self.outcome[mask], self.days[mask], self.amount[mask], self.entry[mask], self.n[mask])

    @property
    def dated(self) -> Part:
        """The rows whose days are known."""
        return self.where(self.days > NO_DAYS)

    @property
    def count(self) -> int:
        """How many deals."""
        return int(self.n.sum())

    def by_day(self) -> dict[int, int]:
        """How many deals per number of days."""
        if not len(self.n):
            return {}
        counts = np.bincount(self.days, weights=self.n)
        found = np.flatnonzero(counts)
        return dict(zip(found.tolist(), counts[found].astype(np.int64).tolist(), strict=True))

    def pairs(self, column: str) -> list[tuple[float, int]]:
        """Values of a column with their counts."""
        values, where = np.unique(getattr(self, column), return_inverse=True)
        counts = np.bincount(where, weights=self.n).astype(np.int64)
        return list(zip(values.astype(float).tolist(), counts.tolist(), strict=True))

    def total(self, column: str) -> int:
        """The sum of a column, exactly."""
        return int((getattr(self, column).astype(object) * self.n).sum()) if _large(self) else int((getattr(self, column) * self.n).sum())

    def squares(self, one: str, other: str | None = None) -> float:
        """The sum of squares of a column, or of products of two."""
        left = getattr(self, one).astype(float)
        return float((left * getattr(self, other or one).astype(float) * self.n).sum())

    def curve(self, first: Sequence[str], other: Sequence[str] = (), still: Sequence[str] = ("open",)) -> Curve:
        """The curve of those that went the first way, against those that went another, with those that are still there."""
        return curve(self.of(*first).by_day(), self.of(*other).by_day(), self.of(*still).by_day())


def _large(part: Part) -> bool:
    """Whether sums of amounts might not fit into 64 bits."""
    if not len(part.n):
        return False
    top = max(
        abs(int(part.amount.max())),
        abs(int(part.amount.min())),
        abs(int(part.entry.max())),
        abs(int(part.entry.min())),
        int(part.days.max()),
    )
    return top * int(part.n.sum()) > 2**62


class Counted:
    """Every row, sorted so that a measure and stage, and a segment of them, are one stretch."""

    def __init__(self, table: pa.Table) -> None:
        coded = {name: _coded(table.column(name)) for name in ("measure", "stage", "segment", "outcome")}
        order = np.lexsort((coded["segment"][0], coded["stage"][0], coded["measure"][0]))
        codes = {name: code[order] for name, (code, _) in coded.items()}
        self._words = {name: words for name, (_, words) in coded.items()}
        days = table.column("days").combine_chunks()
        known = np.asarray(days.fill_null(NO_DAYS))
        valid = np.asarray(days.is_valid())
        clipped = np.where(valid, np.maximum(known, 0), NO_DAYS)
        self._whole = Part(
            self._words["outcome"], codes["outcome"], clipped[order], *(np.asarray(table.column(name).combine_chunks())[order] for name in ("amount_minor", "entry_minor", "n"))
        )  # fmt: skip
        self._staged = self._stretches(codes, ("measure", "stage"))
        self._split = self._stretches(codes, ("measure", "stage", "segment"))

    def _stretches(self, codes: Mapping[str, Any], names: Sequence[str]) -> dict[tuple[str, ...], slice]:
        count = len(self._whole.n)
        if not count:
            return {}
        fresh = np.ones(count, dtype=bool)
        fresh[1:] = np.logical_or.reduce([codes[name][1:] != codes[name][:-1] for name in names])
        starts = np.flatnonzero(fresh)
        ends = np.append(starts[1:], count)
        return {
            tuple(self._words[name][codes[name][start]] for name in names): slice(int(start), int(end))
            for start, end in zip(starts, ends, strict=True)
        }

    @property
    def segments(self) -> list[str]:
        """Every segment there is, `none` last; rows without a split are in none of them."""
        return sorted({key[2] for key in self._split} - {""}, key=lambda name: (name == "none", name.lower(), name))

    def stages(self, measure: str) -> set[str]:
        """The stages of a measure."""
        return {stage for name, stage in self._staged if name == measure}

    def part(self, measure: str, segment: str | None = None, stage: str = "") -> Part:
        """The rows of a measure and stage, of one segment or of all."""
        at = self._staged.get((measure, stage)) if segment is None else self._split.get((measure, stage, segment))
        return self._whole.where(slice(0, 0) if at is None else at)


def _coded(column: pa.ChunkedArray) -> tuple[Any, list[str]]:
    found = column.combine_chunks().dictionary_encode()
    return np.asarray(found.indices).astype(np.int64), [str(word) for word in found.dictionary.to_pylist()]
