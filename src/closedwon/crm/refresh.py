"""Rebuilding what hangs on the facts: the states of every deal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from django.db import transaction

from closedwon.audit.actions import record
from closedwon.base.errors import NotFound, NotReady
from closedwon.base.tables import TABLES, table
from closedwon.crm.rules import DEAL_STATES
from closedwon.facts.duck import lean, literal, quoted
from closedwon.facts.engine import DuckEngine, duckdb_text, query_rows, query_table, ranges
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
MOST_TOUCHED = 2_000
"""Up to how many changed deals only theirs are built anew."""


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
    if not always and at.version("deal_states") == known.get("deal_states") is not None and at.note("deal_states") == states_digest():
        deals = touched({name: _known(at, name, known.get(name)) for name in FEEDS}, feeds)
        if deals is not None:
            return {"deal_states": rewrite_states(at, feeds, deals)} if deals else {}
    return {"deal_states": write_states(at, feeds)}


def _known(at: Store, name: str, version: int | None) -> Source:
    """A feed as a release holds it; without a row where the release does not have it."""
    return at.source(name, version) if version is not None else Source(name, table(name).columns, (), frozenset(), None)


def states_digest() -> str:
    """What the states were built by: another text of the rule builds them all anew."""
    return hashlib.sha256(duckdb_text(DEAL_STATES).encode()).hexdigest()


def touched(before: Mapping[str, Source], after: Mapping[str, Source]) -> list[str] | None:
    """The deals of which a feed tells something else than before; None where there are too many, or where it cannot be told.

    A deal's rows are compared by the sum of their hashes, over the files that differ.
    """
    found: set[str] = set()
    for name, new in after.items():
        old = before[name]
        if old.remote is not None or new.remote is not None or not all(map(os.path.exists, old.files)):
            return None
        if old.version == new.version:
            continue
        same = set(old.files) & set(new.files) if old.physical == new.physical else set()
        sides = {
            side: replace(of, files=tuple(file for file in of.files if file not in same), within=None)
            for side, of in (("before", old), ("after", new))
        }
        cells = ", ".join(quoted(column.name) for column in DEAL_STATES.inputs[name])
        sums = [f"(SELECT id, SUM(CAST(hash({cells}) AS HUGEINT)) AS told FROM {side} GROUP BY id)" for side in sides]
        text = f"SELECT id FROM {sums[0]} AS b FULL JOIN {sums[1]} AS a USING (id) WHERE b.told IS DISTINCT FROM a.told LIMIT {MOST_TOUCHED + 1}"
        found |= {row["id"] for row in query_rows(text, sides)}
        if len(found) > MOST_TOUCHED:
            return None
    return sorted(found)


def rewrite_states(at: Store, feeds: Mapping[str, Source], deals: Sequence[str]) -> int:
    """Build the states of some deals, and put them in the place of those that were there; gives the version."""
    mine = ", ".join(map(literal, deals))
    given = {name: query_table(f"SELECT * FROM feed WHERE id IN ({mine})", {"feed": feed}) for name, feed in feeds.items()}
    rows = DuckEngine().run(DEAL_STATES, {**given, "params": [{"known_cutoff": FOREVER}]})
    return at.replace_rows("deal_states", "opportunity_id", deals, rows, note=states_digest())


def write_states(at: Store, feeds: Mapping[str, Source], size: int = DEALS_AT_ONCE) -> int:
    """Build `deal_states` from its feeds, so many deals at once, so that memory does not grow with the company; gives the version."""
    parts = (
        {**{name: feed.between("id", low, high) for name, feed in feeds.items()}, "params": [{"known_cutoff": FOREVER}]}
        for low, high in ranges(feeds["opportunities"], "id", size)
    )
    return DuckEngine().write_parts(DEAL_STATES, parts, at, "deal_states", note=states_digest())
