"""Pacing: this quarter against the same day of earlier ones, group by group, within what the actor may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.forecast import moments
from closedwon.forecast import pacing as rules
from closedwon.forecast.actions.accuracy import moment_page, pace_policy, share
from closedwon.forecast.actions.deals import DealPage
from closedwon.forecast.actions.rollups import When, quotas, seat_names, seat_notes, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, ground, organisation
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED, Tree

Keys = Callable[[Mapping[str, Any]], Iterable[str]]
TOTAL = "total"
AMOUNTS = ("closed", "booked", "open", "undated", "commit", "most_likely", "best_case", "pipeline")
COLUMNS = (
    "group", "name", "kind", "period", "day", "elapsed", *AMOUNTS, "quota", "coverage", "coverage_of_rest", "final", "share_booked", "came",
    "yield", "later", "month_1", "month_2", "month_3", "last_week", "gini", "n", "share_low", "share_high", "yield_low", "yield_high",
    "required_coverage", "required_low", "required_high", "needed", "spare", "projected", "projected_low", "projected_high",
)  # fmt: skip
"""The columns of the contract, in order."""


@dataclass(frozen=True)
class Group:
    """One group with its pace, and how evenly each period was booked (the running one as far as it went)."""

    key: str
    name: str
    note: str
    parent: str
    pace: rules.Pace
    lines: Mapping[str, rules.Linearity]


@dataclass(frozen=True)
class Pacing:
    """The answer: groups with the total at the end, and what it stands on."""

    groups: Sequence[Group]
    ask: Ask
    period: Period
    past: Sequence[Period]
    days: Sequence[date]
    notes: Sequence[str] = ()

    @property
    def total(self) -> Group:
        """All groups together."""
        return self.groups[-1]

    @property
    def currency(self) -> str:
        """The currency of every amount."""
        return self.ask.currency

    @property
    def elapsed(self) -> float:
        """The share of the period that is over."""
        return rules.elapsed(self.period, self.ask.day)

    def rows(self) -> list[dict[str, Any]]:
        """As the contract has it: each group's day now, then the same day of each earlier period, then what they come to together."""
        return [row for group in self.groups for row in self._rows(group)]

    def _rows(self, group: Group) -> list[dict[str, Any]]:
        pace = group.pace
        made = [self._row(group, "now", pace.now)]
        found, won = pace.share, pace.won_share
        made[0] |= {
            "required_coverage": share(pace.required), "required_low": share(1 / won.high if won and won.high else None),
            "required_high": share(1 / won.low if won and won.low else None), "needed": self._money(pace.needed), "spare": self._money(pace.spare),
            "projected": self._money(pace.projected),
            "projected_low": self._money(round(pace.now.booked / found.high) if found and found.high > 0 else None),
            "projected_high": self._money(round(pace.now.booked / found.low) if found and found.low > 0 else None),
        }  # fmt: skip
        made += [self._row(group, "past", one) for one in pace.past]
        if pace.past:
            typical = dict.fromkeys(COLUMNS, "") | {
                "group": group.key, "name": group.name, "kind": "typical", "elapsed": share(self.elapsed), "n": str(len(pace.past)),
                **{name: self._money(pace.mean(name)) for name in (*AMOUNTS, "quota", "final", "came", "later")},
                "share_booked": share(found.value if found else None), "share_low": share(found.low if found else None),
                "share_high": share(found.high if found else None), "yield": share(won.value if won else None),
                "yield_low": share(won.low if won else None), "yield_high": share(won.high if won else None),
            }  # fmt: skip
            made.append(typical)
        return made

    def _row(self, group: Group, kind: str, one: rules.Point) -> dict[str, Any]:
        line = group.lines.get(one.period)
        months = [share(value) for value in line.months[:3]] if line else []
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
        return row | {
            "group": group.key, "name": group.name, "kind": kind, "period": one.period, "day": one.day.isoformat(), "elapsed": share(self.elapsed),
            **{name: self._money(getattr(one, name)) for name in (*AMOUNTS, "quota", "final", "came", "later")},
            "coverage": share(one.coverage), "coverage_of_rest": share(one.coverage_of_rest), "share_booked": share(one.share_booked),
            "yield": share(one.won_share), **{f"month_{at + 1}": value for at, value in enumerate(months)},
            "last_week": share(line.last_week if line else None), "gini": share(line.gini if line else None), "n": "1",
        }  # fmt: skip

    def _money(self, minor: int | None) -> str:
        return "" if minor is None else format_major(minor, self.currency)


def pacing(
    *,
    by: Actor,
    period: str | Period | None = None,
    as_of: When = None,
    by_dim: str = "manager",
    quarters: int = 0,
    node: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> Pacing:
    """A period on the as-of against the same day of the last `quarters` ones (by default the policy's), by manager, rep or dimension."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, by_dim=by_dim, type=type, org=org, rates=rates, currency=currency)
    if ask.period.kind == "all":
        raise Invalid("All time has no days to compare.", mend="Choose a quarter, such as FY27-Q2 or 2017-Q4.")
    count = quarters or pace_policy().pacing.quarters
    if not 1 <= count <= 20:
        raise Invalid(f"{count} quarters cannot be compared.", mend="Ask for 1 to 20.")
    seen = seen_by(by, ask, on)
    there = organisation(on, ask)
    nodes = visible_nodes(there.tree, seen, node)
    told = _before(ask, count)
    past = [one for one, rows in zip(told, moments.booked(on, ask, told), strict=True) if rows]
    periods = [ask.period, *past]
    days = [min(ask.day, ask.period.last), *(rules.same_day(ask.period, ask.day, one) for one in past)]
    looks = [moments.moment(ask, one, day) for one, day in zip(periods, days, strict=True)]
    everything = seen.everything and not node
    found = _Groups(on, ask, nodes, None if everything else nodes, looks, periods, days).groups()
    return Pacing(found, ask, ask.period, past, days, _notes(found[-1], [one.label for one in told if one not in past]))


def _before(ask: Ask, count: int) -> list[Period]:
    fiscal = calendar()
    made: list[Period] = []
    one = ask.period
    for _ in range(count + 8):
        one = fiscal.next(one, -1)
        if one.last <= ask.day and len(made) < count:
            made.append(one)
    return made


def _notes(total: Group, left_out: Sequence[str]) -> list[str]:
    if not total.pace.past:
        return ["Nothing was booked in the quarters before; there is no pace to compare with."]
    if left_out:
        return [f"Left out, because the company booked nothing in it: {', '.join(left_out)}."]
    return []


class _Groups:
    """Cells and bookings of several moments, added up by group."""

    def __init__(
        self, on: Ground, ask: Ask, nodes: frozenset[str], places: frozenset[str] | None, looks: Sequence[moments.Moment], periods: Sequence[Period],
        days: Sequence[date],
    ) -> None:  # fmt: skip
        self.on, self.ask, self.nodes, self.places = on, ask, nodes, places
        self.looks, self.periods, self.days = looks, periods, days
        self.cells = moments.cells(on, ask, looks)
        self.booked = moments.booked(on, ask, periods)
        self.trees = [moments.place_of(on, ask, look).tree for look in looks]

    def keys(self, tree: Tree) -> Keys:
        """Which groups a row belongs to."""
        places, by, nodes = self.places, self.ask.by, self.nodes

        def of(row: Mapping[str, Any]) -> Iterable[str]:
            place = row["place"]
            if places is not None and place not in places:
                return ()
            if by == "manager":
                return (*(node for node in tree.path(place) if node in nodes), TOTAL)
            return (place if by == "rep" else row["dimension"], TOTAL)

        return of

    def groups(self) -> list[Group]:
        """Every group with its points, the total last."""
        sums = [
            (_summed(cells, self.keys(tree)), _dated(booked, self.keys(tree)))
            for cells, booked, tree in zip(self.cells, self.booked, self.trees, strict=True)
        ]
        found = {key for amounts, days in sums for key in (*amounts, *days)} - {TOTAL}
        tree = organisation(self.on, self.ask).tree
        quota = [self._quotas(number) for number in range(len(self.looks))]
        if self.ask.by == "manager":
            listed = [
                node for node in (*tree.order, UNASSIGNED) if node in self.nodes and (tree.children.get(node) or not tree.parents.get(node))
            ]
            listed = [node for node in listed if node in found or any(node in one for one in quota)]
        elif self.ask.by == "rep":
            order = {node: at for at, node in enumerate(tree.order)}
            listed = sorted(found, key=lambda node: (order.get(node, len(order)), node))
        else:
            listed = sorted(found)
        names, notes = seat_names(self.on, self.ask), seat_notes(self.on, self.ask)
        by_seat = self.ask.by in ("manager", "rep")
        made = []
        for key in (*listed, TOTAL):
            points = [self._point(number, key, *sums[number], quota[number].get(key)) for number in range(len(self.looks))]
            lines = {self.periods[number].label: self._line(number, sums[number][1].get(key, {})) for number in range(len(self.looks))}
            parent = tree.parents.get(key) or "" if by_seat and key != TOTAL else ""
            made.append(
                Group(
                    key, "Total" if key == TOTAL else names.get(key, key) if by_seat else key, notes.get(key, "") if by_seat else "",
                    parent if parent in listed else "", rules.Pace(points[0], points[1:]), {name: line for name, line in lines.items() if line},
                )
            )  # fmt: skip
        return made

    def _quotas(self, number: int) -> dict[str, int]:
        ask, tree = moments.at(self.ask, self.looks[number]), self.trees[number]
        quota, _ = quotas(self.on, replace(ask, by="manager"), tree)
        kept = {node: amount for node, amount in quota.items() if node in self.nodes}
        tops = [kept[node] for node in kept if (tree.parents.get(node) or "") not in self.nodes]
        whole = {TOTAL: sum(tops)} if tops else {}
        return whole if self.ask.dimension else {**kept, **whole}

    def _point(
        self,
        number: int,
        key: str,
        amounts: Mapping[str, Mapping[str, tuple[int, int]]],
        days: Mapping[str, Mapping[date, int]],
        quota: int | None,
    ) -> rules.Point:
        period, day = self.periods[number], self.days[number]
        there = amounts.get(key, {})
        booked = days.get(key, {})
        is_over = number > 0
        opened = {name: value for name, value in there.items() if name not in ("closed", "omitted")}
        named = {name: there.get(name, (0, 0))[0] for name in ("closed", "undated", "commit", "most_likely", "best_case", "pipeline")}
        return rules.Point(
            period.label, day, booked=sum(amount for at, amount in booked.items() if at <= day),
            open=sum(value[0] for name, value in opened.items() if name != "undated"), quota=quota, final=sum(booked.values()) if is_over else None,
            came=sum(value[1] for value in opened.values()) if is_over else None, **named,
        )  # fmt: skip

    def _line(self, number: int, booked: Mapping[date, int]) -> rules.Linearity | None:
        period = self.periods[number]
        ends = [one.end for one in calendar().periods_between(period.start, period.end, "month")]
        return rules.linearity(period, booked, ends)


def _summed(rows: Iterable[Mapping[str, Any]], keys: Keys) -> dict[str, dict[str, tuple[int, int]]]:
    made: dict[str, dict[str, tuple[int, int]]] = {}
    for row in rows:
        for key in keys(row):
            into = made.setdefault(key, {})
            amount, came = into.get(row["bucket"], (0, 0))
            into[row["bucket"]] = (amount + row["amount_minor"], came + row["came_minor"])
    return made


def _dated(rows: Iterable[Mapping[str, Any]], keys: Keys) -> dict[str, dict[date, int]]:
    made: dict[str, dict[date, int]] = {}
    for row in rows:
        for key in keys(row):
            into = made.setdefault(key, {})
            into[row["day"]] = into.get(row["day"], 0) + row["amount_minor"]
    return made


def pace_deals(
    *,
    by: Actor,
    of: str,
    bucket: str,
    period: str | Period | None = None,
    as_of: When = None,
    node: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    skip: int = 0,
    take: int = 50,
) -> DealPage:
    """The deals behind a number of pacing: of this period or an earlier one (`of`), on the same day, with what became of each."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    other = calendar().period(of)
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    day = min(ask.day, ask.period.last) if other.start == ask.period.start else rules.same_day(ask.period, ask.day, other)
    look = moments.moment(ask, other, day)
    opened = [*on.policy.open_categories, "unmapped"]
    buckets = {"open": opened, "all_open": [*opened, "undated"]}.get(bucket, [bucket])
    return moment_page(on, ask, look, nodes, buckets, seen=seen, skip=skip, take=take)
