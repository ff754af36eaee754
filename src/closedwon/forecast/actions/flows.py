"""Waterfalls: what moved the open pipeline of a period between two days."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.forecast import rules
from closedwon.forecast.actions.rollups import When, alarms, notes, seat_names, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, cutoff_of, ground, moved, organisation
from closedwon.forecast.results import Fall, Flow
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED, Tree
from closedwon.people.visibility import Scope


def waterfall(
    *,
    by: Actor,
    begin: When,
    end: When = None,
    period: str | Period | None = None,
    by_dim: str = "manager",
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    known_as_of: When = None,
    node: str | None = None,
    every_seat: bool = False,
) -> Fall:
    """What moved the open pipeline of a period between two days, node by node, to the cent."""
    on = ground()
    first, last = two_asks(on, begin, end, period, by_dim, type, org, rates, currency, known_as_of)
    return fallen(on, first, last, seen_by(by, last, on), node=node, every_seat=every_seat)


def two_asks(
    on: Ground,
    begin: When,
    end: When,
    period: str | Period | None,
    by_dim: str,
    kind: str | None,
    org: str,
    rates: str,
    currency: str,
    known: When,
) -> tuple[Ask, Ask]:
    """The questions at both ends. Raises Invalid where the begin is after the end."""
    last = ask_for(on, as_of=end, period=period, by_dim=by_dim, type=kind, org=org, rates=rates, currency=currency, known_as_of=known)
    first = replace(last, cutoff=cutoff_of(begin, on))
    if first.cutoff > last.cutoff:
        raise Invalid(f"The begin, {first.day}, is after the end, {last.day}.", mend="Give the earlier day as --from.")
    return first, last


def fallen(on: Ground, first: Ask, last: Ask, seen: Scope, *, node: str | None = None, every_seat: bool = False) -> Fall:
    """The waterfall of two questions, within a scope."""
    found, paths = moved(on, first, last)
    before, after = organisation(on, first).tree, organisation(on, last).tree
    nodes = visible_nodes(after, seen, node) | (before.below({node}) & (nodes_of(before, seen)) if node else frozenset())
    if seen.everything and not node:
        nodes |= frozenset(before.parents)
    names = seat_names(on, last)
    if last.by in ("manager", "rep"):
        lines, total = _flow_by_seat(found, paths, before, after, nodes, names, last.by, on, every_seat=every_seat)
    elif last.by == "territory":
        rows = on.rows("territories")
        tree = Tree.of({row["id"]: row["parent_id"] or None for row in rows})
        names = {row["id"]: row["name"] or row["id"] for row in rows} | {UNASSIGNED: "Unassigned"}
        kept = [{**row, "place": row["dimension"]} for row in found if paths.get(row["place"], (row["place"],))[-1] in nodes]
        flows = rules.flow_up(kept, tree.paths)
        lines = [Flow(name, names.get(name, name), above, amounts) for (name, above), amounts in sorted(flows.items())]
        total = _flow_total(line for line in lines if not line.parent)
    else:
        made = rules.flow_by_dimension(found, paths, None if seen.everything and not node else nodes)
        lines = [Flow(name, name, "", made[name]) for name in sorted(made)]
        total = _flow_total(lines)
    return Fall(
        lines, total, last.type, last.period, first.day, last.day, last.currency, last.by, last.org, last.rates,
        alarms=alarms(on, last), notes=notes(on, first),
    )  # fmt: skip


def nodes_of(tree: Tree, seen: Scope) -> frozenset[str]:
    """The nodes of a tree that a scope opens."""
    return visible_nodes(tree, seen)


def _flow_by_seat(
    found: Sequence[Mapping[str, Any]], paths: Mapping[str, tuple[str, ...]], before: Tree, after: Tree, nodes: frozenset[str],
    names: Mapping[str, str], by_dim: str, on: Ground, *, every_seat: bool,
) -> tuple[list[Flow], Flow]:  # fmt: skip
    flows = rules.flow_up(found, paths)
    managers = {row["id"] for row in on.rows("positions") if row["kind"] == "manager"}
    managers |= {name for tree in (before, after) for name, under in tree.children.items() if under}
    order = {name: at for at, name in enumerate((*after.order, *(name for name in before.order if name not in after.parents)))}
    own = rules.flow_own(found, paths) if by_dim == "rep" else {}
    empty = dict.fromkeys(rules.BUCKETS, 0)
    for name in nodes & frozenset(after.parents):
        flows.setdefault((name, after.parents.get(name) or ""), empty)
    made, roots = [], []
    for (name, above), amounts in sorted(flows.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0])):
        if name not in nodes:
            continue
        is_root = above not in nodes
        one = Flow(name, names.get(name, name), "" if is_root else above, amounts)
        if is_root:
            roots.append(one)
        if by_dim == "rep":
            mine = own.get((name, above))
            if mine and any(mine.values()):
                made.append(replace(one, amounts=mine))
        elif name in managers or ((is_root or every_seat) and any(amounts.values())):
            made.append(one)
    return made, _flow_total(roots)


def _flow_total(lines: Iterable[Flow]) -> Flow:
    amounts = dict.fromkeys(rules.BUCKETS, 0)
    for line in lines:
        for name in rules.BUCKETS:
            amounts[name] += line[name]
    return Flow("total", "Total", "", amounts)
