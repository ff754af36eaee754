"""Whether what is known of deals when they begin says anything of how they end: a small logistic model, cross-validated. Pure: numpy alone.

One number, the AUC: the chance that of a won and a lost deal the model gives the won one the higher score; 0.5 is a coin. Its interval is
Hanley and McNeil's (Radiology 143, 1982). The model is ridge logistic regression, fitted by Newton's steps; which fold a deal is in comes
from its id alone, so that the same facts give the same number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import sqrt
from typing import Any

import numpy as np

FOLDS, RIDGE, LEVELS, LEAST_LEVEL, STEPS = 5, 3.0, 24, 25, 8
LEAST_DEALS, LEAST_SIDE = 200, 40
FIELDS = {
    "order_type": "kind of order", "segment": "segment", "region": "region", "product": "product family", "product_id": "product", "source": "source",
    "owner_id": "owner", "industry": "industry", "country": "country",
}  # fmt: skip
NUMBERS = {"amount_minor": "amount", "employees": "employees"}


@dataclass(frozen=True)
class Signal:
    """What the check came to: the AUC with its interval, over how many deals and which fields; usable where it is above the policy's least."""

    auc: float
    low: float
    high: float
    deals: int
    of: int
    won: int
    fields: tuple[str, ...]
    least: float

    @property
    def usable(self) -> bool:
        """Whether a number by segment or field can be trusted to tell won from lost."""
        return self.auc >= self.least and self.low > 0.5

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        known = ", ".join(self.fields[:-1]) + (" and " if len(self.fields) > 1 else "") + self.fields[-1] if self.fields else "nothing"
        number = f"cross-validated AUC {self.auc:.2f} ({self.low:.2f} to {self.high:.2f}; 0.50 is a coin) over {self.deals:,} of {self.of:,} closed deals"
        if self.usable:
            return f"What is known of a deal when it begins ({known}) tells won from lost: {number}."
        return (
            f"This data carries no usable win signal: what is known of a deal when it begins ({known}) does not tell won from lost, {number}, "
            f"below the {self.least:.2f} that the policy asks for. Differences of win rates between segments are likely noise."
        )


def signal(rows: Mapping[str, Sequence[Any]], z: float, least: float) -> Signal | None:
    """The check over columns of closed deals; None where too few were won or lost."""
    won = np.asarray(rows["is_won"], dtype=float)
    if len(won) < LEAST_DEALS or min(won.sum(), len(won) - won.sum()) < LEAST_SIDE:
        return None
    given, names = features(rows)
    if not names:
        return None
    fold = np.array([int.from_bytes(blake2b(str(name).encode(), digest_size=4).digest(), "big") % FOLDS for name in rows["opportunity_id"]])
    found = []
    for number in range(FOLDS):
        rest, out = fold != number, fold == number
        if 0 < won[out].sum() < out.sum():
            found.append((auc(given[out] @ fitted(given[rest], won[rest]), won[out]), int(out.sum())))
    value = sum(one * count for one, count in found) / sum(count for _, count in found)
    low, high = auc_span(value, int(won.sum()), int(len(won) - won.sum()), z)
    total = int(rows["total"][0])
    return Signal(value, low, high, len(won), total, int(won.sum()), names, least)


def features(rows: Mapping[str, Sequence[Any]]) -> tuple[Any, tuple[str, ...]]:
    """A column of ones, one per frequent value of each field, and logarithms of numbers; and which fields said anything."""
    count = len(rows["is_won"])
    made, names = [np.ones(count)], []
    for field, label in FIELDS.items():
        values = np.array([str(value or "") for value in rows[field]])
        levels, counts = np.unique(values, return_counts=True)
        kept = sorted((-int(n), str(level)) for level, n in zip(levels, counts, strict=True) if n >= LEAST_LEVEL)[:LEVELS]
        if len(levels) > 1 and kept:
            made += [(values == level).astype(float) for _, level in kept]
            names.append(label)
    for field, label in NUMBERS.items():
        numbers = np.log1p(np.maximum(np.array([float(value or 0) for value in rows[field]]), 0.0))
        if numbers.std() > 1e-9:
            made.append((numbers - numbers.mean()) / numbers.std())
            names.append(label)
    return np.stack(made, axis=1), tuple(names)


def fitted(given: Any, won: Any) -> Any:
    """Coefficients of ridge logistic regression; the first column, of ones, is not drawn to zero."""
    ridge = np.full(given.shape[1], RIDGE)
    ridge[0] = 1e-6
    weights = np.zeros(given.shape[1])
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(given @ weights, -30, 30)))
        spread = chance * (1 - chance)
        slope = given.T @ (won - chance) - ridge * weights
        step = np.linalg.solve((given * spread[:, None]).T @ given + np.diag(ridge), slope)
        weights = weights + step
        if np.abs(step).max() < 1e-4:
            break
    return weights


def auc(score: Any, won: Any) -> float:
    """The chance that a won deal scores higher than a lost one, a tie counting half: Mann and Whitney's statistic."""
    _, where, counts = np.unique(score, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    rank = (upto - (counts - 1) / 2)[where]
    positives = won.sum()
    return float((rank[won > 0].sum() - positives * (positives + 1) / 2) / (positives * (len(won) - positives)))


def auc_span(value: float, positives: int, negatives: int, z: float) -> tuple[float, float]:
    """Hanley and McNeil's interval of an AUC."""
    one, two = value / (2 - value), 2 * value * value / (1 + value)
    spread = value * (1 - value) + (positives - 1) * (one - value * value) + (negatives - 1) * (two - value * value)
    half = z * sqrt(max(0.0, spread / (positives * negatives)))
    return max(0.0, value - half), min(1.0, value + half)
