"""Rebuilding what hangs on the facts: the states of every deal."""

from __future__ import annotations

from datetime import UTC, datetime

from closedwon.crm.rules import DEAL_STATES
from closedwon.facts.engine import DuckEngine
from closedwon.facts.releases import latest
from closedwon.facts.store import Store

FOREVER = datetime(9998, 1, 1, tzinfo=UTC)
FEEDS = ("opportunities", "opportunity_changes")


def rebuild(at: Store, versions: dict[str, int | None]) -> dict[str, int | None]:
    """Rebuild `deal_states` where one of its feeds stands at another version than in the release before; gives the new version."""
    before = latest()
    known = before.tables if before else {}
    current = {name: versions.get(name, known.get(name)) for name in FEEDS}
    if current["opportunities"] is None:
        return {}
    if "deal_states" in known and all(current[name] == known.get(name) for name in FEEDS):
        return {}
    inputs = {name: at.source(name, version) if version is not None else at.source(name) for name, version in current.items()}
    version = DuckEngine().write(DEAL_STATES, {**inputs, "params": [{"known_cutoff": FOREVER}]}, at, "deal_states")
    return {"deal_states": version}
