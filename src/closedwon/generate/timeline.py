"""Days, instants and fiscal quarters as whole numbers, so that numpy can hold millions of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

DAY = 86_400_000_000
"""Microseconds in a day."""
HOUR = DAY // 24
NEVER = np.int64(2**62)
"""An instant after every other: the event does not happen."""

Array = np.ndarray[Any, Any]


def day(value: date) -> int:
    """A date as days since 1970."""
    return value.toordinal() - 719163


def as_date(value: int) -> date:
    """The date of a number of days since 1970."""
    return date.fromordinal(int(value) + 719163)


@dataclass(frozen=True)
class Fiscal:
    """A fiscal year that starts with a month; quarters are counted from 1970."""

    start_month: int

    def quarter(self, days: Array) -> Array:
        """The quarter number of each day."""
        months = np.asarray(days).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return (months - (self.start_month - 1)) // 3

    def start(self, quarters: Array) -> Array:
        """The first day of each quarter."""
        months = np.asarray(quarters, dtype=np.int64) * 3 + self.start_month - 1
        return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

    def month_start(self, quarters: Array, month: Array) -> Array:
        """The first day of the quarter's month 0, 1, 2 (3 is the next quarter)."""
        months = np.asarray(quarters, dtype=np.int64) * 3 + self.start_month - 1 + month
        return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)

    def year(self, quarter: int) -> int:
        """The fiscal year's label number: the calendar year in which it ends."""
        return 1970 + quarter // 4 + (self.start_month > 1)

    def label(self, quarter: int) -> str:
        """The quarter's label, e.g. FY27-Q2."""
        return f"FY{self.year(quarter) % 100:02d}-Q{quarter % 4 + 1}"

    def number(self, label: str) -> int:
        """The quarter number of a label such as FY27-Q2."""
        year = 2000 + int(label[2:4])
        return (year - 1970 - (self.start_month > 1)) * 4 + int(label[-1]) - 1
