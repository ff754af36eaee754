"""How a deal's fields move in time: each field is a path of (instant, value) columns that replays to the row of today."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closedwon.generate.arrow import pick
from closedwon.generate.timeline import DAY, HOUR, NEVER, Array

MINUTE = 60_000_000
OPENS, CLOSES = 16 * HOUR, 23 * HOUR + 45 * MINUTE
"""Working hours in UTC that are the same day in Pacific time."""


@dataclass
class Path:
    """Values of one field: `values[:, 0]` at creation, `values[:, j + 1]` after change j at `at[:, j]` (NEVER if it does not happen)."""

    at: Array
    values: Array

    def settle(self, horizon: Array) -> Array:
        """Forget changes at or after each row's horizon, carry values forward, and give the value that stands."""
        self.at[self.at >= horizon[:, None]] = NEVER
        current = self.values[:, 0]
        for column in range(self.at.shape[1]):
            happens = self.at[:, column] < NEVER
            self.values[:, column + 1] = np.where(happens, self.values[:, column + 1], current)
            current = self.values[:, column + 1]
        self.at[self.values[:, 1:] == self.values[:, :-1]] = NEVER
        return current

    def at_instant(self, when: Array) -> Array:
        """The value in force at each row's instant."""
        current = self.values[:, 0]
        for column in range(self.at.shape[1]):
            current = np.where(self.at[:, column] <= when, self.values[:, column + 1], current)
        return current


def in_business_hours(at: Array) -> Array:
    """Instants of the night moved into the working hours of their day, in whole seconds."""
    hour = at % DAY
    worked = (hour >= OPENS) & (hour < CLOSES)
    moved = at - hour + OPENS + hour * (CLOSES - OPENS) // DAY
    return np.where(at < NEVER, np.where(worked, at, moved) // 1_000_000 * 1_000_000, NEVER)


def in_order(at: Array, born: Array, end: Array) -> Array:
    """Instants of a row in business hours and strictly increasing, after the row's birth and with room before its end."""
    columns = at.shape[1]
    at = np.where(at < NEVER, np.maximum(in_business_hours(at), born[:, None] + MINUTE), NEVER)
    present = at < NEVER
    steps = np.arange(columns) * MINUTE
    risen = np.maximum.accumulate(np.where(present, at - steps, -NEVER), axis=1) + steps
    capped = np.minimum(risen, end[:, None] - (columns - steps // MINUTE)[None, :] * MINUTE)
    return np.where(present, capped, NEVER)


@dataclass
class Log:
    """Collects changes of one batch of deals and writes them out in the table's order."""

    rows: list[Array] = field(default_factory=list)
    at: list[Array] = field(default_factory=list)
    code: list[Array] = field(default_factory=list)
    old: list[pa.Array] = field(default_factory=list)
    new: list[pa.Array] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)

    def add(self, name: str, path: Path, text: Any) -> None:
        """All changes of a path; `text` makes an Arrow text array of values."""
        row, column = np.nonzero(path.at < NEVER)
        if name not in self.fields:
            self.fields.append(name)
        self.rows.append(row)
        self.at.append(path.at[row, column])
        self.code.append(np.full(len(row), self.fields.index(name), dtype=np.int16))
        self.old.append(text(path.values[row, column]))
        self.new.append(text(path.values[row, column + 1]))

    def table(self, opportunity_ids: pa.Array, changed_by: Any, known_late: Array, horizon: int) -> dict[str, Any]:
        """Columns of `opportunity_changes`, by deal, instant and field; `changed_by(rows, instants)` names the author."""
        rows, at, code = np.concatenate(self.rows), np.concatenate(self.at), np.concatenate(self.code)
        rank = np.argsort(np.argsort(self.fields))
        order = np.lexsort((rank[code], at, rows))
        rows, at, code = rows[order], at[order], code[order]
        take = pa.array(order)
        same = np.r_[False, (rows[1:] == rows[:-1]) & (at[1:] == at[:-1])]
        position = np.arange(len(rows))
        known = at + known_late[rows]
        seq = position - np.maximum.accumulate(np.where(same, 0, position))
        return {
            "id": pick(opportunity_ids, rows), "at": at, "field": pick(pa.array(self.fields), code), "seq": seq,
            "old_value": pa.concat_arrays(self.old).take(take), "new_value": pa.concat_arrays(self.new).take(take),
            "changed_by": changed_by(rows, at), "known_at": np.where(known < horizon, known, at), "is_reconstructed": np.zeros(len(rows), dtype=bool),
        }  # fmt: skip


def text_of_int(values: Array) -> pa.Array:
    """Whole numbers as text."""
    return pa.array(values.astype(np.int64)).cast(pa.string())


def text_of_day(values: Array) -> pa.Array:
    """Days as ISO dates."""
    return pa.array(values.astype(np.int32)).view(pa.date32()).cast(pa.string())


def text_of_bool(values: Array) -> pa.Array:
    """Truth values as `true` and `false`."""
    return pc.if_else(pa.array(values.astype(bool)), "true", "false")


def text_from(pool: pa.Array) -> Any:
    """A maker of texts from a pool by number."""
    return lambda values: pick(pool, values.astype(np.int64))
