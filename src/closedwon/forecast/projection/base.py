"""A projection kept: everything that pages need of it, as plain values that fit into one row of a mart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedwon.forecast.projection.arrays import Loaded
from closedwon.forecast.projection.curves import Incidence
from closedwon.forecast.projection.history import NEVER, Floats, Ints
from closedwon.forecast.projection.outlook import DUES
from closedwon.forecast.projection.project import Projected
from closedwon.forecast.projection.simulate import Parts

STEP = 7
"""Kept curves have a point a week, and one at the end."""


@dataclass(frozen=True)
class Point:
    """A point of a curve: age in days, deals at risk there, and the shares won, lost and open by then."""

    age: int
    at_risk: int
    won: float
    lost: float
    open: float


@dataclass(frozen=True)
class KeptCurve:
    """A group's curve from birth."""

    name: str
    deals: int
    points: Sequence[Point]


@dataclass(frozen=True)
class Base:
    """A projection of the company without draws.

    Lists named `open_` are over open deals, `new_` over deals born lately; the places' lists name a part by its number (open deals first)
    with the share of a seat in it.
    """

    refusal: str
    open_ids: Sequence[str]
    open_stage: Sequence[str]
    open_due: Sequence[str]
    open_chance: Floats
    open_value: Floats
    new_ids: Sequence[str]
    new_count: Floats
    new_worth: Floats
    place_part: Ints
    place: Sequence[str]
    place_share: Floats
    give: float
    level: float
    shock: float
    looks: Sequence[tuple[int, float, float]]
    season: Sequence[float]
    date_factors: Mapping[str, float]
    size_factors: Sequence[float]
    curves: Sequence[KeptCurve]
    observed: int
    won: int
    birth_days: int
    ageless: int

    def parts(self, places: frozenset[str] | None) -> tuple[Parts, NDArray[np.intp], Floats]:
        """What is still to come for some seats (None: all), the numbers of their open deals, and their shares in these."""
        count = len(self.open_ids)
        if places is None:
            share: Floats = np.ones(count + len(self.new_ids))
        else:
            inside = (
                np.isin(np.array(self.place, dtype=object), np.array(sorted(places), dtype=object))
                if self.place
                else np.array([], dtype=bool)
            )
            share = np.bincount(self.place_part[inside], weights=self.place_share[inside], minlength=count + len(self.new_ids)).astype(
                np.float64
            )
        mine, born = np.flatnonzero(share[:count] > 0), np.flatnonzero(share[count:] > 0)
        parts = Parts(
            self.open_chance[mine],
            self.open_value[mine] * share[:count][mine],
            self.new_count[born],
            self.new_worth[born] * share[count:][born],
        )
        return parts, mine, share[:count][mine]

    def by_place(self) -> dict[str, tuple[float, float]]:
        """What is expected of each seat in its own name, from open deals and from new business; these add up to the company."""
        count = len(self.open_ids)
        expected = np.concatenate([self.open_chance * self.open_value, self.new_count * self.new_worth])
        made: dict[str, tuple[float, float]] = {}
        for part, place, share in zip(self.place_part.tolist(), self.place, self.place_share.tolist(), strict=True):
            before = made.get(place, (0.0, 0.0))
            amount = float(expected[part]) * share
            made[place] = (before[0] + amount, before[1]) if part < count else (before[0], before[1] + amount)
        return made


def base_of(made: Projected, loaded: Loaded, place_rows: Any) -> Base:
    """The projection with names instead of numbers, and whose its parts are."""
    found, deals = made.found, loaded.deals
    part_of = np.full((2, len(deals)), -1, dtype=np.int64)
    part_of[0, found.deal] = np.arange(len(found.deal))
    part_of[1, found.new_deal] = len(found.deal) + np.arange(len(found.new_deal))
    number = np.asarray(place_rows["deal_no"].combine_chunks()).astype(np.int64) - 1
    names = place_rows["place"].to_pylist()
    shares = np.asarray(place_rows["share_ppm"].combine_chunks()) / 1_000_000
    part, place, share = [], [], []
    for kind in (0, 1):
        of = part_of[kind, number]
        at = np.flatnonzero(of >= 0)
        part.append(of[at])
        place += [names[one] for one in at]
        share.append(shares[at])
    ageless = int(((loaded.status == "open") & (deals.born >= NEVER)).sum())
    return Base(
        made.refusal, deals.ids[found.deal].tolist(), [loaded.stages[at] for at in found.stage], [DUES[at] for at in found.due],
        _short(made.parts.chance, 9), _short(made.parts.value, 2), deals.ids[found.new_deal].tolist(), _short(made.parts.count, 9), _short(made.parts.worth, 2),
        np.concatenate(part), place, np.concatenate(share), made.give, made.correction.level, made.correction.shock, made.correction.looks,
        made.season, _named(made), [float(one) for one in made.factors.sizes], [_kept(one.name, one.deals, one.curve) for one in made.curves], made.observed, made.won,
        made.birth_days, ageless,
    )  # fmt: skip


def _short(values: Floats, places: int) -> Floats:
    """Rounded, so that the kept text has no more digits than it needs and reads back as the very same numbers."""
    return np.asarray(np.round(values, places), dtype=np.float64)


def _named(made: Projected) -> dict[str, float]:
    return dict(zip(DUES, (float(one) for one in made.factors.of_all), strict=True))


def _kept(name: str, deals: int, curve: Incidence) -> KeptCurve:
    seen = np.flatnonzero(curve.at_risk > 0)
    last = int(seen[-1]) if len(seen) else 0
    ages = [*range(0, last, STEP), last]
    points = [
        Point(at, int(curve.at_risk[at]), *(round(float(part[at]), 6) for part in (curve.share_won, curve.share_lost, curve.share_open)))
        for at in ages
    ]
    return KeptCurve(name, deals, points)


_ARRAYS = ("open_chance", "open_value", "new_count", "new_worth", "place_part", "place_share")


def written(base: Base) -> str:
    """The projection as text."""
    plain = {name: value for name, value in vars(base).items() if name not in _ARRAYS and name != "curves"}
    arrays = {name: getattr(base, name).tolist() for name in _ARRAYS}
    curves = [
        {"name": one.name, "deals": one.deals, "points": [list(asdict(point).values()) for point in one.points]} for one in base.curves
    ]
    return json.dumps({**plain, **arrays, "curves": curves}, separators=(",", ":"))


def read(text: str) -> Base:
    """The projection from its text."""
    given = json.loads(text)
    for name in _ARRAYS:
        given[name] = np.array(given[name], dtype=np.int64 if name == "place_part" else np.float64)
    given["curves"] = [KeptCurve(one["name"], one["deals"], [Point(*point) for point in one["points"]]) for one in given["curves"]]
    given["looks"] = [tuple(one) for one in given["looks"]]
    return Base(**given)
