"""What the forecast puts elsewhere: the scopes and currencies of the top bar, and the three numbers of Today."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from closedwon.base.errors import ClosedwonError
from closedwon.forecast.actions.board import board
from closedwon.forecast.actions.rollups import seat_names, seen_by, visible_nodes
from closedwon.forecast.actions.weekly import waited
from closedwon.forecast.reading import ask_for, ground, organisation
from closedwon.ui.parts import Tile
from closedwon.ui.today import Card, Waiting
from closedwon.workspace import current


def scopes(by: Any) -> list[tuple[str, str]]:
    """The nodes with others below them that the actor may choose, indented by their depth."""
    try:
        on = ground()
        ask = ask_for(on)
        tree = organisation(on, ask).tree
        nodes = visible_nodes(tree, seen_by(by, ask, on))
    except ClosedwonError:
        return []
    names = seat_names(on, ask)
    return [(name, names.get(name, name)) for name in tree.order if name in nodes and tree.children[name]]


def currencies() -> list[str]:
    """The currencies that have a rate to the company's."""
    try:
        rows = ground().rows("exchange_rates")
    except ClosedwonError:
        return []
    company = current().settings.currency
    return sorted({row["currency"] for row in rows if row["to_currency"] == company})


def cards(by: Any, view: Any) -> list[Card]:
    """The three numbers that a person owns: closed, most likely and the gap, of the period in view."""
    try:
        made = board(by=by, as_of=view.as_of, period=view.period, org=view.org, rates=view.rates, currency=view.currency, node=view.scope)
    except ClosedwonError:
        return []
    head, unit, before = made.head, made.now.currency, made.before(made.head)
    href = view.url("/forecast/")
    likely = head.cumulative("most_likely")
    change = None if before is None else likely - before.cumulative("most_likely")
    tiles = [
        Tile.money(
            "Closed",
            head["closed"],
            unit,
            small="" if head.quota is None else f"of {Tile.money('', head.quota, unit).value} quota",
            href="",
        ),
        Tile.money("Most likely", likely, unit, change=change, since="in a week"),
        Tile.money("Gap to quota", head.gap, unit, small=made.now.period.label),
    ]
    return [Card("numbers", f"Forecast, {made.now.type.label}", tiles=tiles, order=10, note=href)]


def calls_to_make(by: Any, view: Any) -> list[Card]:
    """The calls that wait for a person: of the seats that they hold, and for managers how many of those below are missing."""
    del view
    try:
        rows = waited(by=by)
        mine = {one.seat for one in waited(by=by, own=True)}
    except ClosedwonError:
        return []
    tasks = [
        Waiting(
            f"Submit your call for {one.period}", f"/forecast/?scope={quote(one.seat, safe='')}", one.name, one.due, "bad" if one.state == "missing" else ""
        )
        for one in rows
        if one.seat in mine and one.state in ("due", "missing")
    ]  # fmt: skip
    missing = [one for one in rows if one.seat not in mine and one.state == "missing"]
    if missing:
        words = f"{len(missing)} call{'s' if len(missing) > 1 else ''} below {'are' if len(missing) > 1 else 'is'} missing"
        tasks.append(Waiting(words, "/forecast/calls/?only=missing", ", ".join(one.name for one in missing[:3]), missing[0].due, "warn"))
    return [Card("waiting", "Calls", tasks=tasks, order=5)] if tasks else []
