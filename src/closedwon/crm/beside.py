"""What other fields show beside a deal: cards of their own, as far as the person may see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from closedwon.people.actor import Actor

LOG = logging.getLogger("closedwon.crm")


@dataclass(frozen=True)
class Line:
    """One thing beside a deal: what, where it is shown, a note, and its state with a tone."""

    label: str
    href: str
    note: str = ""
    state: str = ""
    tone: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Beside:
    """A card of lines."""

    title: str
    lines: Sequence[Line]


Provider = Callable[[Actor, str], Beside | None]
_PROVIDERS: list[Provider] = []


def register(provider: Provider) -> None:
    """Add a provider: it is called with the actor and the deal's id."""
    if provider not in _PROVIDERS:
        _PROVIDERS.append(provider)


def cards(by: Actor, opportunity_id: str) -> list[Beside]:
    """Every field's card with something on it; a field that fails is left out and logged."""
    made = []
    for provider in _PROVIDERS:
        try:
            card = provider(by, opportunity_id)
        except Exception:
            LOG.exception("A card beside a deal failed")
            continue
        if card is not None and card.lines:
            made.append(card)
    return made
