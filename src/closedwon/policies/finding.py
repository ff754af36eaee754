"""What the palette finds: policies by their names and titles, for those who may read them."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.urls import reverse

from closedwon.people.actor import Actor
from closedwon.policies.actions import READERS, versions_in_force
from closedwon.policies.collection_pages import title_in
from closedwon.policies.registry import kinds
from closedwon.ui.search import Hit


def find_policies(by: Any, text: str) -> list[Hit]:
    """Kinds by title, and documents in force by name or by the title that they give themselves."""
    if len(text) < 2 or not isinstance(by, Actor) or not by.has(*READERS):
        return []
    want, made = text.casefold(), []
    for kind in kinds():
        if want in f"{kind.title} {kind.name}".casefold():
            made.append(Hit(kind.title, reverse("policies:policy", args=[kind.name]), "Policy", kind.about))
        found = versions_in_force(kind.name).filter(Q(document__icontains=text) | Q(text__icontains=text))[:200] if kind.many else ()
        for version in found:
            title = title_in(version.text)
            if want in f"{version.document} {title or ''}".casefold():
                made.append(Hit(title or version.document, reverse("policies:policy", args=[version.key]), "Policy", version.key))
    return made
