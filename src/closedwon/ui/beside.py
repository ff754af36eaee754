"""What other fields show beside a thing: cards of their own, as far as the person may see. The room of the thing imports none of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LOG = logging.getLogger("closedwon.ui")


@dataclass(frozen=True)
class Line:
    """One thing beside another: what, where it is shown, a note, and its state with a tone."""

    label: str
    href: str
    note: str = ""
    state: str = ""
    tone: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Beside:
    """A card of lines, with a note beside its title."""

    title: str
    lines: Sequence[Line]
    note: str = ""


Provider = Callable[[Any, str], Beside | None]


class Cards:
    """Who shows something beside one kind of thing."""

    def __init__(self, kind: str) -> None:
        self.kind, self._providers = kind, list[Provider]()

    def register(self, provider: Provider) -> None:
        """Add a provider: it is called with the actor and the thing's id."""
        if provider not in self._providers:
            self._providers.append(provider)

    def of(self, by: Any, key: str) -> list[Beside]:
        """Every field's card with something on it; a field that fails is left out and logged."""
        made = []
        for provider in self._providers:
            try:
                card = provider(by, key)
            except Exception:
                LOG.exception("A card beside a %s failed", self.kind)
                continue
            if card is not None and card.lines:
                made.append(card)
        return made
