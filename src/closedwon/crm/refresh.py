"""Rebuilding what hangs on the facts: the states of every deal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import transaction

from closedwon.audit.actions import record
from closedwon.base.errors import NotFound, NotReady
from closedwon.base.tables import TABLES
from closedwon.crm.rules import DEAL_STATES
from closedwon.facts.duck import lean
from closedwon.facts.engine import DuckEngine, ranges
from closedwon.facts.intake import exclusive
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, publish
from closedwon.facts.store import Source, Store, store
from closedwon.jobs.actions import start
from closedwon.jobs.models import Job
from closedwon.jobs.registry import kind
from closedwon.people.actor import Actor

FOREVER = datetime(9998, 1, 1, tzinfo=UTC)
FEEDS = ("opportunities", "opportunity_changes")
DEALS_AT_ONCE = 20_000
"""How many deals' states are built at once: some hundred megabytes."""


def refresh(*, by: Actor) -> Release:
    """Rebuild what hangs on the facts, from the tables as they stand in the store now, and publish one release.

    For facts that another program wrote, or after a change of the rules. Raises NotReady where there are no deals.
    """
    by.need("admin", "sales-ops", to="rebuild the facts")
    at = store()
    with exclusive(at, "import"), lean():
        versions: dict[str, int | None] = {name: version for name, version in at.tables().items() if TABLES[name].shelf != "marts"}
        if "opportunities" not in versions:
            raise NotReady("There are no deals yet.", mend="Import them first: closedwon import SOURCE --mapping FILE")
        rebuilt = rebuild(at, versions, always=True)
        with transaction.atomic():
            release = publish(versions | rebuilt, note="refresh")
            record(by=by.name, channel=by.channel, verb="facts.refreshed", subject=f"release:{release.pk}", detail={"release": release.pk})
    make_ready(by=by)
    return release


READY = "forecast.refresh"
"""The kind of job, of a room above, that fills what pages read from a release."""


def make_ready(*, by: Actor) -> Job | None:
    """Have what pages read built from the newest release, once for each release; None where no room does that, or there is no release."""
    release = latest()
    if release is None:
        return None
    try:
        kind(READY)
    except NotFound:
        return None
    return start(READY, by=by, key=f"{READY}-release-{release.pk}")


def rebuild(at: Store, versions: dict[str, int | None], *, always: bool = False) -> dict[str, int | None]:
    """Rebuild `deal_states` where one of its feeds stands at another version than in the release before; gives the new version."""
    before = latest()
    known = before.tables if before else {}
    current = {name: versions.get(name, known.get(name)) for name in FEEDS}
    if current["opportunities"] is None:
        return {}
    if not always and "deal_states" in known and all(current[name] == known.get(name) for name in FEEDS):
        return {}
    feeds = {name: at.source(name, version) if version is not None else at.source(name) for name, version in current.items()}
    return {"deal_states": write_states(at, feeds)}


def write_states(at: Store, feeds: Mapping[str, Source], size: int = DEALS_AT_ONCE) -> int:
    """Build `deal_states` from its feeds, so many deals at once, so that memory does not grow with the company; gives the version."""
    parts = (
        {**{name: feed.between("id", low, high) for name, feed in feeds.items()}, "params": [{"known_cutoff": FOREVER}]}
        for low, high in ranges(feeds["opportunities"], "id", size)
    )
    return DuckEngine().write_parts(DEAL_STATES, parts, at, "deal_states")
