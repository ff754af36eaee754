"""What other fields show beside a person."""

from __future__ import annotations

from closedwon.ui.beside import Beside, Cards, Line

__all__ = ["Beside", "Line", "cards", "register"]

_CARDS = Cards("person")
register, cards = _CARDS.register, _CARDS.of
