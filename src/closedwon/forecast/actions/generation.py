"""Pipeline generation: what was created against its target, by source, segment or owner, this quarter and the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.forecast import moments, pace_rules
from closedwon.forecast import pacing as pace
from closedwon.forecast import pipegen as rules
from closedwon.forecast.actions.accuracy import pace_policy, seen_page, share
from closedwon.forecast.actions.deals import DealPage, _cards
from closedwon.forecast.actions.pacing import TOTAL, Keys, Pacing, _before, pacing
from closedwon.forecast.actions.rollups import When, quotas, seat_names, seat_notes, seen_by, visible_nodes
from closedwon.forecast.pace_policy import PacePolicy
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, ground, organisation, rates_of
from closedwon.forecast.rules import converted
from closedwon.people.actor import Actor
from closedwon.people.rules import Tree

BY = ("source", "segment", "region", "industry", "product", "type", "owner", "manager")
"""What pipeline generation is shown by."""
COLUMNS = (
    "period", "group", "name", "target", "target_from", "created", "deals", "average", "attained", "elapsed", "expected", "ahead", "projected",
    "closes_in", "closes_next", "closes_later", "undated", "same_day_mean", "share_by_day", "share_low", "share_high", "n",
)  # fmt: skip
"""The columns of the contract, in order."""


@dataclass(frozen=True)
class Group:
    """One group's generation in one period."""

    key: str
    name: str
    note: str
    parent: str
    made: rules.Generation
    by_day: Mapping[date, int]


@dataclass(frozen=True)
class Generated:
    """The answer: the period's groups with the total last, the next period's, and the coverage of both."""

    groups: Sequence[Group]
    coming: Sequence[Group]
    ask: Ask
    by: str
    next: Period
    past: Sequence[Period]
    cover: Pacing
    cover_next: Pacing
    history: Mapping[str, Mapping[date, int]]
    """What earlier quarters created each day, all groups together."""
    notes: Sequence[str] = ()

    @property
    def total(self) -> Group:
        """All groups together."""
        return self.groups[-1]

    @property
    def currency(self) -> str:
        """The currency of every amount."""
        return self.ask.currency

    def rows(self) -> list[dict[str, Any]]:
        """As the contract has it: each group of this period, then of the next one."""
        made = [self._row(self.ask.period, group) for group in self.groups]
        return made + [self._row(self.next, group) for group in self.coming]

    def _row(self, period: Period, group: Group) -> dict[str, Any]:
        one, found = group.made, group.made.share

        def money(minor: int | None) -> str:
            return "" if minor is None else format_major(minor, self.currency)

        row = {
            "period": period.label, "group": group.key, "name": group.name, "target": money(one.target), "target_from": one.target_from,
            "created": money(one.now.created), "deals": one.now.deals, "average": money(one.now.average), "attained": share(one.attained),
            "elapsed": share(pace.elapsed(period, self.ask.day)), "expected": money(one.expected), "ahead": money(one.ahead),
            "projected": money(one.projected), "closes_in": money(one.now.closes_in), "closes_next": money(one.now.closes_next),
            "closes_later": money(one.now.closes_later), "undated": money(one.now.undated), "same_day_mean": money(one.mean),
            "share_by_day": share(found.value if found else None), "share_low": share(found.low if found else None),
            "share_high": share(found.high if found else None), "n": found.n if found else 0,
        }  # fmt: skip
        return {name: row[name] for name in COLUMNS}


def generation(
    *,
    by: Actor,
    period: str | Period | None = None,
    as_of: When = None,
    by_dim: str = "source",
    quarters: int = 0,
    node: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
) -> Generated:
    """Pipeline created in a period against its target and the same day of earlier ones, by source, segment, region or owner; and the next."""
    on, policy = ground(), pace_policy()
    if by_dim not in BY:
        raise Invalid(f"Pipeline generation is not shown by {by_dim!r}.", mend=f"Use {', '.join(BY)}.")
    inner = {"owner": "rep"}.get(by_dim, by_dim)
    ask = ask_for(on, as_of=as_of, period=period, by_dim=inner, type=type, org=org, rates=rates, currency=currency)
    if ask.period.kind == "all":
        raise Invalid("All time has no target.", mend="Choose a quarter, such as FY27-Q2 or 2017-Q4.")
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    places = None if seen.everything and not node else nodes
    following = calendar().next(ask.period, 1)
    told = _before(ask, quarters or policy.pacing.quarters)
    past = [one for one, rows in zip(told, moments.created(on, ask, told, ()), strict=True) if rows]
    here = _Made(on, ask, policy, nodes, places, [ask.period, *past], following)
    words: dict[str, Any] = {"by": by, "as_of": as_of, "node": node, "type": type, "org": org, "rates": rates, "currency": currency}
    ahead = replace(ask, period=following)
    there = _Made(on, ahead, policy, nodes, places, [following, *past], calendar().next(following, 1))
    groups = here.groups(())
    return Generated(
        groups, there.groups([group.key for group in groups]), ask, by_dim, following, past, pacing(period=ask.period, quarters=quarters, **words),
        pacing(period=following, quarters=quarters, **words),
        {period.label: days for period, days in zip(here.periods[1:], here.totals()[1:], strict=True)}, _notes(groups[-1], here),
    )  # fmt: skip


def _notes(total: Group, here: _Made) -> list[str]:
    made = []
    if total.made.target is None:
        made.append(
            "There is no target: import one into targets with the measure pipeline_created, or give quotas, from which the policy makes one."
        )
    if not moments.tracks_acceptance(here.on):
        made.append("Deals count from the day they were created: no deal carries a day of acceptance.")
    return made


class _Made:
    """What several periods created, added up by group."""

    def __init__(
        self, on: Ground, ask: Ask, policy: PacePolicy, nodes: frozenset[str], places: frozenset[str] | None, periods: Sequence[Period],
        following: Period,
    ) -> None:  # fmt: skip
        self.on, self.ask, self.policy, self.nodes, self.places = on, ask, policy, nodes, places
        self.periods = list(periods)
        closings = sorted({*periods, *(calendar().next(one, 1) for one in periods), following})
        self.rows = moments.created(on, ask, periods, closings)
        looks = [moments.moment(ask, one, one.last) for one in periods]
        self.trees = [moments.place_of(on, ask, look).tree for look in looks]
        self.days = [min(ask.day, ask.period.last), *(pace.same_day(ask.period, ask.day, one) for one in periods[1:])]

    def keys(self, tree: Tree) -> Keys:
        """Which groups a row belongs to."""
        places, by, nodes = self.places, self.ask.by, self.nodes

        def of(row: Mapping[str, Any]) -> Iterable[str]:
            if places is not None and row["place"] not in places:
                return ()
            if by == "manager":
                return (*(node for node in tree.path(row["place"]) if node in nodes), TOTAL)
            return (row["place"] if by == "rep" else row["dimension"], TOTAL)

        return of

    def totals(self) -> list[dict[date, int]]:
        """What each period created each day, all groups together."""
        made: list[dict[date, int]] = []
        for rows, tree in zip(self.rows, self.trees, strict=True):
            into: dict[date, int] = {}
            for row in rows:
                if TOTAL in self.keys(tree)(row):
                    into[row["day"]] = into.get(row["day"], 0) + row["amount_minor"]
            made.append(into)
        return made

    def groups(self, besides: Sequence[str]) -> list[Group]:
        """Every group, those named `besides` too, the total last."""
        sums = [_by_key(rows, self.keys(tree)) for rows, tree in zip(self.rows, self.trees, strict=True)]
        targets = self._targets()
        tree = organisation(self.on, self.ask).tree
        by_seat = self.ask.by in ("manager", "rep")
        found = ({key for one in sums for key in one} | set(besides) | set(targets)) - {TOTAL}
        if by_seat:
            leads = self.ask.by == "manager"
            found = {
                key
                for key in found
                if key in self.nodes
                and (bool(tree.children.get(key)) == leads or (key in besides) or (not leads and any(key in one for one in sums)))
            }
        order = {node: at for at, node in enumerate(tree.order)} if by_seat else {}
        names, notes = seat_names(self.on, self.ask), seat_notes(self.on, self.ask)
        whole = [self._point(number, sums[number].get(TOTAL, ())) for number in range(1, len(self.periods))] if by_seat else []
        made = []
        for key in (*sorted(found, key=lambda one: (order.get(one, len(order)), one)), TOTAL):
            points = [self._point(number, sums[number].get(key, ())) for number in range(len(self.periods))]
            target, source = targets.get(key, (None, ""))
            daily: dict[date, int] = {}
            for row in sums[0].get(key, ()):
                daily[row["day"]] = daily.get(row["day"], 0) + row["amount_minor"]
            made.append(
                Group(
                    key, "Total" if key == TOTAL else names.get(key, key) if by_seat else key, notes.get(key, "") if by_seat else "",
                    tree.parents.get(key) or "" if by_seat and key != TOTAL else "", rules.Generation(points[0], points[1:], target, source, whole), daily,
                )
            )  # fmt: skip
        return made

    def _point(self, number: int, rows: Sequence[Mapping[str, Any]]) -> rules.Made:
        period, day = self.periods[number], self.days[number]
        following = calendar().next(period, 1).label
        by_then = [row for row in rows if row["day"] <= day]
        where = {"closes_in": period.label, "closes_next": following, "undated": "undated"}
        parts = {name: sum(row["amount_minor"] for row in by_then if row["closes_in"] == label) for name, label in where.items()}
        created = sum(row["amount_minor"] for row in by_then)
        return rules.Made(
            period.label, day, created, sum(row["deals"] for row in by_then), sum(row["amount_minor"] for row in rows) if number else None,
            closes_later=created - sum(parts.values()), **parts,
        )  # fmt: skip

    def _targets(self) -> dict[str, tuple[int | None, str]]:
        """Each group's target and where it comes from."""
        of, period = self.policy.generation, self.ask.period
        ratio = {row["currency"]: row for row in rates_of(self.on, self.ask, period.start)}
        rows = [
            {**row, "amount_minor": converted(row["amount_minor"] or 0, ratio[row["currency"] or self.ask.currency])}
            for row in self.on.rows("targets")
            if (row["currency"] or self.ask.currency) in ratio
        ]
        given = rules.targets_of(rows, of.plan, of.measure, period.start, period.end)
        made: dict[str, tuple[int | None, str]] = {}
        if self.places is None:
            whole = given.get(("company", "company"))
            if whole is not None:
                made[TOTAL] = (whole, "targets")
        if self.ask.by in ("manager", "rep") or TOTAL not in made:
            made = {**self._from_quotas(), **made}
        if self.ask.by in ("manager", "rep"):
            made |= {scope: (amount, "targets") for (kind, scope), amount in given.items() if kind == "seat" and scope in self.nodes}
            return made
        if self.places is not None:  # a part of the company has no part of a group's target
            return {TOTAL: made[TOTAL]} if TOTAL in made else {}
        kind = self.ask.by
        company = made.get(TOTAL, (None, ""))
        groups: dict[str, tuple[int | None, str]] = {
            one.group: (rules.part(company[0], one.share), "policy") for one in of.shares if one.by == kind and company[0] is not None
        }
        groups |= {scope: (amount, "targets") for (scope_kind, scope), amount in given.items() if scope_kind == kind}
        return {**groups, **({TOTAL: company} if company[0] is not None else {})}

    def _from_quotas(self) -> dict[str, tuple[int | None, str]]:
        tree = organisation(self.on, self.ask).tree
        quota, _ = quotas(self.on, replace(self.ask, by="manager"), tree)
        kept = {node: rules.times(amount, self.policy.generation.times_quota) for node, amount in quota.items() if node in self.nodes}
        tops = [kept[node] for node in kept if (tree.parents.get(node) or "") not in self.nodes]
        made: dict[str, tuple[int | None, str]] = {node: (amount, "quota") for node, amount in kept.items()}
        return {**made, **({TOTAL: (sum(tops), "quota")} if tops else {})}


def _by_key(rows: Iterable[Mapping[str, Any]], keys: Keys) -> dict[str, list[Mapping[str, Any]]]:
    made: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        for key in keys(row):
            made.setdefault(key, []).append(row)
    return made


def created_deals(
    *,
    by: Actor,
    period: str | Period | None = None,
    as_of: When = None,
    by_dim: str = "source",
    group: str = "",
    node: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    skip: int = 0,
    take: int = 50,
) -> DealPage:
    """The deals that became pipeline in a period, the largest first, at their amount of that day."""
    on = ground()
    if by_dim not in BY:
        raise Invalid(f"Pipeline generation is not shown by {by_dim!r}.", mend=f"Use {', '.join(BY)}.")
    by_seat = by_dim in ("owner", "manager")
    ask = ask_for(
        on, as_of=as_of, period=period, by_dim="manager" if by_seat else by_dim, type=type, org=org, rates=rates, currency=currency
    )
    wanted = group if by_seat and group and group != TOTAL else node
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, wanted)
    given = {**moments.created_inputs(on, ask, [ask.period]), "wanted_places": [{"place": name} for name in sorted(nodes)]}
    dimension = None if by_seat or not group or group == TOTAL else group
    found, count, total = seen_page(on, ask, seen, pace_rules.created_deals(ask.shape), given, dimension, skip, take)
    cards = {row["opportunity_id"]: row for row in _cards(on, ask, [row["opportunity_id"] for row in found])}
    rows = [
        {**cards.get(row["opportunity_id"], {}), "opportunity_id": row["opportunity_id"], "day": row["day"], "amount_in_minor": row["amount_minor"], "flags": ()}
        for row in found
    ]  # fmt: skip
    return DealPage(rows, count, total, ask.currency)
