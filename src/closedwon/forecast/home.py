"""What the forecast puts elsewhere: the scopes and currencies of the top bar, and the three numbers of Today."""

from __future__ import annotations

from typing import Any

from closedwon.base.errors import ClosedwonError
from closedwon.forecast.actions.board import board
from closedwon.forecast.actions.rollups import seat_names, seen_by, visible_nodes
from closedwon.forecast.reading import ask_for, ground, organisation
from closedwon.ui.parts import Tile
from closedwon.ui.today import Card
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
