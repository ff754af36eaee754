"""What people do when facts were imported: lay corrections over seats, link users, keep the identity map."""

from __future__ import annotations

from collections.abc import Iterable

from closedwon.people.actions.identities import refresh_identities
from closedwon.people.actions.people import link_by_email
from closedwon.people.actions.seats import publish_corrections
from closedwon.people.actor import Actor
from closedwon.people.corrections import SUBJECT


def after_import(tables: Iterable[str], *, by: Actor) -> None:
    """Call it once an import that changed these tables is published; it does what they ask for, and nothing twice."""
    changed = set(tables)
    if changed & SUBJECT.keys():
        publish_corrections(by=by)
    if "users" in changed:
        link_by_email(by=by)
        refresh_identities(by=by)
