"""Roll-ups: the forecast of a period as it stood, node by node, and what a reader must know of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import NotFound, Refused
from closedwon.facts.engine import run
from closedwon.forecast import inputs, rules
from closedwon.forecast.reading import Ask, Ground, ask_for, cells, ground, organisation, rates_of
from closedwon.forecast.results import Line, RollUp
from closedwon.people.actor import Actor
from closedwon.people.rules import LAST, UNASSIGNED, Tree, in_force
from closedwon.people.visibility import Scope, scope

When = date | datetime | str | None


def seen_by(by: Actor, ask: Ask, on: Ground) -> Scope:
    """What the actor may see of a question's deals. Raises Refused where that is nothing."""
    found = scope(by, cutoff=ask.cutoff, org=ask.org, release=on.release)
    if found.nothing:
        raise Refused(
            f"{by.name} may not see the forecast.", mend="It takes a role such as rep, manager or executive; an admin can grant it."
        )
    return found


def visible_nodes(tree: Tree, seen: Scope, node: str | None = None) -> frozenset[str]:
    """The nodes of a tree that a scope opens, below `node` where one is given. Raises NotFound for a node out of sight."""
    opened = frozenset(tree.parents) | {UNASSIGNED} if seen.everything else seen.seats
    if not node:
        return opened
    if node not in opened:
        raise NotFound(f"There is no node {node!r}, or you may not see it.", mend="List them with: closedwon forecast show --by manager")
    return opened & (tree.below({node}) | {node})


def roll_up(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    by_dim: str = "manager",
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    known_as_of: When = None,
    node: str | None = None,
    every_seat: bool = False,
) -> RollUp:
    """The forecast of a period as it stood: by manager (own plus sub-tree), rep, or a dimension; the total is the sum of the roots.

    With `every_seat`, seats that manage nobody are lines too.
    """
    on = ground()
    ask = ask_for(
        on, as_of=as_of, period=period, by_dim=by_dim, type=type, org=org, rates=rates, currency=currency, known_as_of=known_as_of
    )
    return rolled(on, ask, seen_by(by, ask, on), node=node, every_seat=every_seat)


def rolled(on: Ground, ask: Ask, seen: Scope, *, node: str | None = None, every_seat: bool = False) -> RollUp:
    """The roll-up of a question, within a scope."""
    there = organisation(on, ask)
    nodes = visible_nodes(there.tree, seen, node)
    found = cells(on, ask)
    if ask.by in ("manager", "rep"):
        lines, total = _by_seat(on, ask, there.tree, nodes, found, every_seat=every_seat)
    elif ask.by == "territory":
        lines, total = _by_territory(on, ask, nodes, found, everything=seen.everything and not node)
    else:
        lines, total = _by_dimension(found, None if seen.everything and not node else nodes)
    return RollUp(
        lines, total, ask.type, ask.period, ask.day, ask.currency, ask.by, ask.org, ask.rates,
        alarms=(*alarms(on, ask), *(str(problem) for problem in there.tree.problems)), notes=notes(on, ask),
    )  # fmt: skip


def _by_seat(
    on: Ground, ask: Ask, tree: Tree, nodes: frozenset[str], found: Sequence[Mapping[str, Any]], *, every_seat: bool
) -> tuple[list[Line], Line]:
    whole, own = rules.roll_up(found, tree)
    quota, below = quotas(on, ask, tree)
    names, notes_of = seat_names(on, ask), seat_notes(on, ask)
    positions = on.rows("positions")
    managers = {row["id"] for row in positions if row["kind"] == "manager"} | {name for name, under in tree.children.items() if under}
    now = in_force(positions, on.rows("hierarchy"), ask.day, ask.type.hierarchy) if positions else frozenset(tree.parents)

    def line(name: str, amounts: Mapping[str, int]) -> Line:
        parent = tree.parents.get(name) or ""
        return Line(
            name, names.get(name, name), parent if parent in nodes else "", amounts, quota.get(name), below.get(name),
            notes_of.get(name, ""), not tree.children.get(name),
        )  # fmt: skip

    made, roots = [], []
    for name in (*tree.order, *([UNASSIGNED] if UNASSIGNED not in tree.parents else [])):
        if name not in nodes:
            continue
        is_root = (tree.parents.get(name) or "") not in nodes
        one = line(name, own.get(name, {}) if ask.by == "rep" else whole.get(name, {}))
        if is_root:
            roots.append(line(name, whole.get(name, {})))
        if ask.by == "rep":
            wanted = any(one.amounts.values()) or (one.is_leaf and name in now and (name not in managers))
        else:
            is_listed = name in managers or is_root or every_seat
            wanted = is_listed and (not one.is_empty or (name in now and (name in managers or (every_seat and not is_root))))
        if wanted:
            made.append(one)
    return made, _total(roots)


def _total(roots: Iterable[Line]) -> Line:
    amounts: dict[str, int] = {}
    quota: int | None = None
    for root in roots:
        for bucket, amount in root.amounts.items():
            amounts[bucket] = amounts.get(bucket, 0) + amount
        if root.quota is not None:
            quota = (quota or 0) + root.quota
    return Line("total", "Total", "", amounts, quota)


def _by_dimension(found: Sequence[Mapping[str, Any]], nodes: frozenset[str] | None) -> tuple[list[Line], Line]:
    made = rules.by_dimension(found, nodes)
    lines = [Line(name, name, "", made[name], is_leaf=True) for name in sorted(made)]
    return lines, _total(lines)


def _by_territory(
    on: Ground, ask: Ask, nodes: frozenset[str], found: Sequence[Mapping[str, Any]], *, everything: bool
) -> tuple[list[Line], Line]:
    rows = on.rows("territories")
    tree = Tree.of({row["id"]: row["parent_id"] or None for row in rows})
    names = {row["id"]: row["name"] or row["id"] for row in rows} | {UNASSIGNED: "Unassigned"}
    kept = [{**cell, "place": cell["dimension"]} for cell in found if everything or cell["place"] in nodes]
    whole, _ = rules.roll_up(kept, tree)
    quota, below = quotas(on, ask, tree)
    lines = [
        Line(name, names.get(name, name), tree.parents.get(name) or "", whole.get(name, {}), quota.get(name), below.get(name))
        for name in (*tree.order, UNASSIGNED)
        if name != UNASSIGNED or name in whole
    ]
    return lines, _total(line for line in lines if not line.parent)


def quotas(on: Ground, ask: Ask, tree: Tree) -> tuple[dict[str, int], dict[str, int]]:
    """Each node's quota of the period in the question's currency, and the sum of the nodes below."""
    return rules.quota_up(_own_quotas(on, replace(ask, by="manager")), tree)


@lru_cache(maxsize=256)
def _own_quotas(on: Ground, ask: Ask) -> dict[str, int]:
    """The quota that stands in each node's own name."""
    ratio, day, measure = {row["currency"]: row for row in rates_of(on, ask)}, ask.day, ask.type.quota_measure
    rows = []
    for row in on.rows("quotas"):
        if row["measure"] == measure and row["since"] <= day < (row["until"] or LAST):
            rate = ratio.get(row["currency"] or ask.currency)
            if rate is not None:
                rows.append({**row, "amount_minor": rules.converted(row["amount_minor"] or 0, rate)})
    return rules.quota_of_seats(rows, ask.type.quota_kinds, ask.period.start, ask.period.end)


@lru_cache(maxsize=64)
def _seat_words(on: Ground, day: date) -> tuple[dict[str, str], dict[str, str]]:
    people = {row["id"]: row["name"] or row["id"] for row in on.rows("users")}
    positions = on.rows("positions")
    names = {**people, **{row["id"]: row["name"] or row["id"] for row in positions}, UNASSIGNED: "Unassigned"}
    if not positions:
        return names, {}
    held: dict[str, list[str]] = {}
    for row in on.rows("position_holders"):
        if row["since"] <= day < (row["until"] or LAST):
            held.setdefault(row["position_id"], []).append(
                people.get(row["user_id"], row["user_id"]) + (", interim" if row["is_interim"] else "")
            )
    return names, {row["id"]: " and ".join(sorted(held.get(row["id"], ["vacant"]))) for row in positions}


def seat_names(on: Ground, ask: Ask) -> Mapping[str, str]:
    """Each node's name: the seat's, or the person's where people are the seats."""
    return _seat_words(on, ask.day)[0]


def seat_notes(on: Ground, ask: Ask) -> Mapping[str, str]:
    """Who sits in each seat on the question's day."""
    return _seat_words(on, ask.day)[1]


@lru_cache(maxsize=64)
def _unknowns(on: Ground, cutoff: datetime, currency: str) -> list[dict[str, Any]]:
    ask = replace(ask_for(on), cutoff=cutoff, currency=currency)
    given = {
        "deal_states": on.source("deal_states"), "stages": inputs.stage_rows(on.pipeline), "categories": inputs.category_rows(on.policy),
        "rates": rates_of(on, ask), "params": [{"cutoff": cutoff, "currency": currency}],
    }  # fmt: skip
    return run(rules.UNKNOWNS, given).to_pylist()


def alarms(on: Ground, ask: Ask) -> list[str]:
    """What the deals carry that nobody has said the meaning of; such deals still count."""
    made = []
    for row in _unknowns(on, on.now, ask.currency):
        deals = f"{row['deals']:,} deal{'s' if row['deals'] != 1 else ''}"
        name = row["value"] or "(empty)"
        if row["kind"] == "stage":
            made.append(f"The stage “{name}” is not in the pipeline policy; {deals} count as unmapped.")
        elif row["kind"] == "category":
            made.append(f"The forecast category “{name}” is not in the forecast policy; {deals} count as unmapped.")
        elif row["kind"] == "currency":
            made.append(f"There is no exchange rate for {name}; the amounts of {deals} are missing from every number.")
    return made


def notes(on: Ground, ask: Ask) -> list[str]:
    """What stands on reconstructed history, and what was not tracked then."""
    if ask.cutoff >= on.now:
        return []
    count = sum(row["deals"] for row in _unknowns(on, ask.cutoff, ask.currency) if row["kind"] == "reconstructed")
    if not count:
        return []
    return [
        f"{count:,} deals stand as their history tells it, not as they were snapped on that day; a field without history shows its value of today."
    ]
