"""Rules of accuracy: what was called on a day against what came, beside what the roll-up below, the run-rate and the machine said that day.

A line is one period, seat, category and day; sums of lines keep the same parts, so that lines add up to levels and to the company.
Amounts are minor units; shares are fractions. Errors are said − came: below 0 said too little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from closedwon.base.money import muldiv
from closedwon.people.rules import Tree

CATEGORIES = ("commit", "most_likely", "best_case")
"""What is called; each counts what is closed and every surer category."""
BASES = ("rollup", "children", "run_rate", "machine")
"""What a call is held against: the deals below, the calls below, bookings carried on, and the stage-weighted sum."""
RUN_DAYS = 90
"""The run-rate carries on what was booked in so many days."""
LEVELS = ("rep", "manager", "director", "vp")
"""Levels by how many seats lie below one another: a seat with nothing below is a rep's; above a vp it is an executive's; a root is the company."""


def level_of(tree: Tree, heights: Mapping[str, int], seat: str) -> str:
    """A seat's level in the tree of a day."""
    height = heights.get(seat, 0)
    if height and not tree.parents.get(seat):
        return "company"
    return LEVELS[height] if height < len(LEVELS) else "executive"


def heights_of(tree: Tree) -> dict[str, int]:
    """How many seats lie below one another under each seat, at most."""
    made: dict[str, int] = {}
    for node in reversed(tree.order):
        made[node] = max((made[child] + 1 for child in tree.children[node]), default=0)
    return made


@dataclass(frozen=True)
class Said:
    """What one forecaster said of some lines: the sums of what was said, of what came there, of the misses, and of the call's misses there."""

    said: int = 0
    came: int = 0
    off: int = 0
    call_off: int = 0
    size: int = 0
    """The sum of what came, each without its sign: what misses are shares of."""

    def __add__(self, other: Said) -> Said:
        return Said(
            self.said + other.said, self.came + other.came, self.off + other.off, self.call_off + other.call_off, self.size + other.size
        )

    @property
    def error(self) -> int:
        """Said less came."""
        return self.said - self.came

    @property
    def wape(self) -> float | None:
        """Σ |said − came| ÷ Σ |came| (Hyndman and Koehler 2006 on why not MAPE)."""
        return self.off / self.size if self.size else None

    @property
    def bias(self) -> float | None:
        """Σ (said − came) ÷ Σ |came|: below 0 too low."""
        return self.error / self.size if self.size else None

    @property
    def value_added(self) -> float | None:
        """This forecaster's WAPE less the call's on the same lines: above 0 the call was closer."""
        return (self.off - self.call_off) / self.size if self.size else None


@dataclass(frozen=True)
class Hits:
    """Open deals that stood in a category on a day, and those of them that were won in the period: how many, and at their amount of that day."""

    deals: int = 0
    won: int = 0
    amount: int = 0
    amount_won: int = 0

    def __add__(self, other: Hits) -> Hits:
        return Hits(self.deals + other.deals, self.won + other.won, self.amount + other.amount, self.amount_won + other.amount_won)

    @property
    def rate(self) -> float | None:
        """Share of the deals that were won in the period."""
        return self.won / self.deals if self.deals else None

    @property
    def value_rate(self) -> float | None:
        """Share of their amount that was won in the period."""
        return self.amount_won / self.amount if self.amount else None


@dataclass(frozen=True)
class Line:
    """One period, seat, category and day; or a sum of such, with `all` in what was summed over."""

    period: str
    seat: str
    level: str
    category: str
    day_n: int
    day: date | None
    call: Said | None
    bases: Mapping[str, Said]
    actual: int
    hits: Hits
    lines: int = 1
    calls: int = 0
    call_at: datetime | None = None
    called_by: str = ""


@dataclass(frozen=True)
class Call:
    """A call as it was made: the whole period's number of a seat in a category, in the question's currency."""

    seat: str
    category: str
    at: datetime
    amount: int
    by: str = ""
    on_behalf_of: str = ""


@dataclass(frozen=True)
class Seen:
    """One moment: the tree of that day, each cell of the deals, booked by place and day, and the calls of the period."""

    period: str
    day_n: int
    day: date
    days_left: int
    cutoff: datetime
    tree: Tree
    cells: Sequence[Mapping[str, Any]]
    booked: Sequence[Mapping[str, Any]]
    before: Sequence[Mapping[str, Any]]
    """Booked in the period before, for the run-rate."""
    calls: Sequence[Call] = field(default=())


def in_force(calls: Iterable[Call], cutoff: datetime) -> dict[tuple[str, str], Call]:
    """The last call of each seat and category before an instant."""
    made: dict[tuple[str, str], Call] = {}
    for call in calls:
        key = (call.seat, call.category)
        if call.at < cutoff and (key not in made or (call.at, call.amount) > (made[key].at, made[key].amount)):
            made[key] = call
    return made


_MEASURES = ("amount_minor", "won_minor", "deals", "won_deals", "weighted_minor")


def _up(seen: Seen) -> tuple[dict[str, dict[str, list[int]]], dict[str, dict[str, list[int]]]]:
    """Cells by node, whole sub-trees and own alone: bucket to the measures."""
    own: dict[str, dict[str, list[int]]] = {}
    for cell in seen.cells:
        into = own.setdefault(cell["place"], {}).setdefault(cell["bucket"], [0] * len(_MEASURES))
        for at, name in enumerate(_MEASURES):
            into[at] += cell[name]
    whole: dict[str, dict[str, list[int]]] = {}
    for place, buckets in own.items():
        for node in seen.tree.path(place):
            there = whole.setdefault(node, {})
            for bucket, values in buckets.items():
                into = there.setdefault(bucket, [0] * len(_MEASURES))
                for at, value in enumerate(values):
                    into[at] += value
    return whole, own


def _booked_up(rows: Iterable[Mapping[str, Any]], tree: Tree, first: date | None = None, last: date | None = None) -> dict[str, int]:
    by_place: dict[str, int] = {}
    for row in rows:
        if (first is None or row["day"] >= first) and (last is None or row["day"] <= last):
            by_place[row["place"]] = by_place.get(row["place"], 0) + row["amount_minor"]
    made: dict[str, int] = {}
    for place, amount in by_place.items():
        for node in tree.path(place):
            made[node] = made.get(node, 0) + amount
    return made


def _cumulative(buckets: Mapping[str, Sequence[int]], category: str) -> int:
    names = ("closed", *CATEGORIES[: CATEGORIES.index(category) + 1])
    return sum(buckets[name][0] for name in names if name in buckets)


def lines(seen: Seen, nodes: frozenset[str] | None = None, categories: Sequence[str] = CATEGORIES) -> list[Line]:
    """Every seat's lines of one moment, or those of some seats; a seat with no call, nothing in its roll-up and nothing booked has none."""
    whole, own = _up(seen)
    called = in_force(seen.calls, seen.cutoff)
    actual = _booked_up(seen.booked, seen.tree)
    first = seen.day - timedelta(days=RUN_DAYS - 1)
    so_far = _booked_up(seen.booked, seen.tree, last=seen.day)
    lately = _booked_up([*seen.before, *seen.booked], seen.tree, first, seen.day)
    heights = heights_of(seen.tree)
    wanted = (set(whole) | set(actual) | {seat for seat, _ in called}) & nodes if nodes is not None else set(whole) | set(actual)
    wanted |= set() if nodes is not None else {seat for seat, _ in called}
    made: list[Line] = []
    for seat in sorted(wanted):
        buckets, came = whole.get(seat, {}), actual.get(seat, 0)
        run_rate = so_far.get(seat, 0) + muldiv(lately.get(seat, 0), seen.days_left, RUN_DAYS) if seen.before else None
        weighted = sum(values[4] for values in buckets.values())
        below = seen.tree.children.get(seat, ())
        for category in categories:
            call, rollup = called.get((seat, category)), _cumulative(buckets, category)
            if call is None and not rollup and not came:
                continue
            children = None
            if any((child, category) in called for child in below):
                children = _cumulative(own.get(seat, {}), category) + sum(
                    called[child, category].amount if (child, category) in called else _cumulative(whole.get(child, {}), category)
                    for child in below
                )
            said = {"rollup": rollup, "children": children, "run_rate": run_rate, "machine": weighted}
            off = abs(call.amount - came) if call else 0
            values = buckets.get(category, (0,) * len(_MEASURES))
            made.append(
                Line(
                    seen.period, seat, level_of(seen.tree, heights, seat), category, seen.day_n, seen.day,
                    Said(call.amount, came, off, off, abs(came)) if call else None,
                    {name: Said(amount, came, abs(amount - came), off, abs(came)) for name, amount in said.items() if amount is not None},
                    came, Hits(values[2], values[3], values[0], values[1]), 1, int(call is not None),
                    call.at if call else None, (call.on_behalf_of or call.by) if call else "",
                )
            )  # fmt: skip
    return made


def total(found: Sequence[Line], **head: Any) -> Line:
    """The sum of lines. Where any of them has a call, only those with one are summed, so that call and bases are held against the same."""
    kept = [line for line in found if line.call is not None] or list(found)
    call: Said | None = None
    bases: dict[str, Said] = {}
    for line in kept:
        if line.call is not None:
            call = line.call + (call or Said())
        for name, said in line.bases.items():
            bases[name] = bases.get(name, Said()) + said
    hits = sum((line.hits for line in found), Hits())
    first = found[0]
    return replace(
        first, call=call, bases=bases, actual=sum(line.actual for line in kept), hits=hits, lines=sum(line.lines for line in kept),
        calls=sum(line.calls for line in kept), day=None, call_at=None, called_by="", **head,
    )  # fmt: skip


def sums(found: Sequence[Line]) -> list[Line]:
    """Each seat over all periods, and each level in every period and over all of them."""
    seats: dict[tuple[str, str, int], list[Line]] = {}
    levels: dict[tuple[str, str, str, int], list[Line]] = {}
    every: dict[tuple[str, str, int], list[Line]] = {}
    for line in found:
        seats.setdefault((line.seat, line.category, line.day_n), []).append(line)
        levels.setdefault((line.period, line.level, line.category, line.day_n), []).append(line)
        every.setdefault((line.level, line.category, line.day_n), []).append(line)
    made = [total(group, period="all", level=max(group, key=lambda line: line.period).level) for group in seats.values()]
    made += [total(group, seat="all") for group in levels.values()]
    return made + [total(group, seat="all", period="all") for group in every.values()]


@dataclass(frozen=True)
class Habit:
    """How a seat calls: too low, too high or neither, by the middle of its signed errors over periods that are over."""

    seat: str
    verdict: str
    """`sandbags`, `optimistic` or empty."""
    bias: float
    """The middle of the periods' biases."""
    biases: Mapping[str, float]
    """Each period's bias: the sum of its days' errors over the sum of what came."""
    agreeing: int
    """In how many periods it erred to the same side by half of the threshold or more."""

    @property
    def periods(self) -> int:
        """Over how many periods."""
        return len(self.biases)


def habit(seat: str, found: Iterable[Line], threshold: float, least: int) -> Habit | None:
    """A seat's habit from its lines of one category; None without `least` periods with a call.

    A habit is a middle bias of `threshold` or more, with the same sign and at least half of it in four of five periods: one bad quarter makes
    none, and neither do errors that go both ways.
    """
    periods: dict[str, Said] = {}
    for line in found:
        if line.call is not None:
            periods[line.period] = periods.get(line.period, Said()) + line.call
    biases = {name: said.bias for name, said in sorted(periods.items()) if said.bias is not None}
    if len(biases) < least:
        return None
    middle = median(list(biases.values()))
    sign = 1 if middle > 0 else -1
    agreeing = sum(1 for one in biases.values() if one * sign >= threshold / 2)
    is_habit = abs(middle) >= threshold and agreeing * 5 >= len(biases) * 4
    verdict = ("optimistic" if sign > 0 else "sandbags") if is_habit else ""
    return Habit(seat, verdict, middle, biases, agreeing)


def median(values: Sequence[float]) -> float:
    """The middle of some numbers; of an even count the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


@dataclass(frozen=True)
class Lateness:
    """In how many weeks a seat's first call came after the deadline, and in how many it called."""

    seat: str
    late: int
    weeks: int

    @property
    def share(self) -> float:
        """Late weeks over weeks with a call."""
        return self.late / self.weeks if self.weeks else 0.0


def lateness(calls: Iterable[Call], due: Callable[[datetime], datetime]) -> list[Lateness]:
    """Each seat's late weeks: of the week that a call belongs to, by its deadline, the first call counts. Weeks without one are not counted."""
    first: dict[tuple[str, datetime], datetime] = {}
    for call in calls:
        key = (call.seat, due(call.at))
        first[key] = min(first.get(key, call.at), call.at)
    made: dict[str, list[int]] = {}
    for (seat, deadline), at in sorted(first.items()):
        into = made.setdefault(seat, [0, 0])
        into[0] += at > deadline
        into[1] += 1
    return [Lateness(seat, late, weeks) for seat, (late, weeks) in sorted(made.items())]
