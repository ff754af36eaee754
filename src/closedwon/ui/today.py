"""Today: each field registers the cards that it puts on a person's home."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from closedwon.ui.parts import Event, Tile

LOG = logging.getLogger("closedwon.ui")
Place = Literal["numbers", "waiting", "changed", "more"]


@dataclass(frozen=True)
class Waiting:
    """One thing that waits for the person: what, until when, and where it is done."""

    label: str
    href: str
    note: str = ""
    due: Any = None
    tone: str = ""


@dataclass(frozen=True)
class Card:
    """A card of Today. `numbers` carries tiles, `waiting` carries tasks, `changed` carries events, `more` any template with its values."""

    place: Place
    title: str = ""
    tiles: Sequence[Tile] = ()
    tasks: Sequence[Waiting] = ()
    events: Sequence[Event] = ()
    template: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    order: int = 50
    note: str = ""


Provider = Callable[[Any, Any], Iterable[Card]]
_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Add a provider: it is called with the actor and the View, and gives the cards of that person."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def cards(by: Any, view: Any) -> list[Card]:
    """Every field's cards; a field that fails is left out and logged."""
    made: list[Card] = []
    for provider in _providers:
        try:
            made += list(provider(by, view))
        except Exception:
            LOG.exception("A provider of Today failed")
    return sorted(made, key=lambda card: card.order)
