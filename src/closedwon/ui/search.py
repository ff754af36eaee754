"""The palette's search: each field registers what it can find; what the person may not see is not found."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

LOG = logging.getLogger("closedwon.ui")
MOST = 8


@dataclass(frozen=True)
class Hit:
    """Something found: its words, address, kind ("Deal", "Account", "Person", "Page") and a note beside it."""

    label: str
    href: str
    kind: str = "Page"
    note: str = ""
    icon: str = "arrow-right"


Provider = Callable[[Any, str], Iterable[Hit]]
_providers: list[Provider] = []


def register(provider: Provider) -> Provider:
    """Add a provider: it is called with the actor and the text, and gives only what that actor may see."""
    if provider not in _providers:
        _providers.append(provider)
    return provider


def find(by: Any, text: str) -> list[Hit]:
    """Ask every provider; one that fails is left out and logged."""
    made: list[Hit] = []
    wanted = " ".join(text.split())[:100]
    for provider in _providers:
        try:
            made += list(provider(by, wanted))[:MOST]
        except Exception:
            LOG.exception("A search provider failed")
    return sorted(made, key=lambda hit: rank(hit.label, wanted))[:40]


def rank(label: str, text: str) -> int:
    """How well words match: the same, at the beginning, at a word's beginning, inside."""
    have, want = label.casefold(), text.casefold()
    if have == want:
        return 0
    if have.startswith(want):
        return 1
    return 2 if f" {want}" in have else 3
