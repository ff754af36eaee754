"""The navigation by job: each field names its pages in `AppConfig.nav`; a person sees those that the roles open."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.urls import NoReverseMatch, reverse

SECTIONS = {
    "Today": "home",
    "Forecast": "target-arrow",
    "Pipeline": "filter",
    "Plan": "map-2",
    "Deals": "file-text",
    "Pay": "coin",
    "Enable": "school",
    "Library": "books",
    "Insight": "chart-dots",
    "Boards": "presentation",
    "Systems": "plug",
    "Policies": "license",
    "Admin": "settings",
}
"""The sections in their order, with their icons; the last three stand below the line."""
BELOW = ("Systems", "Policies", "Admin")


@dataclass(frozen=True)
class NavItem:
    """One page in the navigation. `url` is a route name or a path; no `roles` means everybody; `badge` counts what waits for the person."""

    section: str
    label: str
    url: str
    roles: frozenset[str] = frozenset()
    order: int = 50
    badge: Callable[[Any], int] | None = None
    words: str = ""

    @property
    def path(self) -> str:
        """The page's address; empty where the route does not exist."""
        if self.url.startswith("/"):
            return self.url
        try:
            return reverse(self.url)
        except NoReverseMatch:
            return ""

    def open_to(self, roles: Iterable[str]) -> bool:
        """Whether a person with these roles sees it."""
        return not self.roles or bool(self.roles.intersection(roles))


@dataclass
class Section:
    """A section as one person sees it."""

    name: str
    icon: str
    items: list[tuple[NavItem, str]] = field(default_factory=list)
    current: str = ""
    below: bool = False
    badge: int = 0

    @property
    def path(self) -> str:
        """Where a click on the section leads: its first page."""
        return self.items[0][1]

    @property
    def on(self) -> bool:
        """Whether the page in view belongs to it."""
        return bool(self.current)


def items() -> list[NavItem]:
    """Every field's pages, in the order of sections and their own order."""
    found = [item for config in apps.get_app_configs() for item in getattr(config, "nav", ())]
    places = list(SECTIONS)
    return sorted(found, key=lambda item: (places.index(item.section) if item.section in SECTIONS else len(places), item.order, item.label))


def sections(roles: Iterable[str], at: str = "", by: Any = None) -> list[Section]:
    """The navigation for a person with these roles who looks at the address `at`; empty sections are not shown."""
    held = frozenset(roles)
    made: dict[str, Section] = {}
    for item in items():
        where = item.path
        if not where or not item.open_to(held):
            continue
        section = made.setdefault(item.section, Section(item.section, SECTIONS.get(item.section, "list"), below=item.section in BELOW))
        section.items.append((item, where))
        if by is not None and item.badge is not None:
            section.badge += item.badge(by)
    _mark(made.values(), at)
    return list(made.values())


def _mark(made: Iterable[Section], at: str) -> None:
    """Mark the one page whose address is the longest beginning of the address in view."""
    best: tuple[int, Section | None, str] = (0, None, "")
    for section in made:
        for _, where in section.items:
            hit = at == where if where == "/" else at.startswith(where)
            if hit and len(where) > best[0]:
                best = (len(where), section, where)
    if best[1] is not None:
        best[1].current = best[2]
