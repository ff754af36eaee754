"""The pipeline as it stood at the close of each day: taken daily, rebuilt from the event log for days before the first one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import transaction

from closedwon.audit.actions import record
from closedwon.base.errors import Invalid, NotReady
from closedwon.crm.imports import FOLLOWED
from closedwon.facts import snapshots
from closedwon.facts.engine import query_rows
from closedwon.facts.releases import latest, publish, source
from closedwon.facts.store import store
from closedwon.people.actor import Actor
from closedwon.people.visibility import closing_cutoff, closing_day, seating_at

TABLE = "opportunity_snapshots"


@dataclass(frozen=True)
class SnapshotReport:
    """What a snapshot wrote: its day, rows, whether a full set, whether it is new, and which fields were not tracked then."""

    day: date
    rows: int
    is_full: bool
    new: bool
    reconstructed: bool
    untracked: tuple[str, ...]


def tracked() -> set[str]:
    """The fields whose history the event log has."""
    release = latest()
    rows = query_rows("SELECT DISTINCT field FROM opportunity_changes", {"opportunity_changes": source("opportunity_changes", release)})
    return {row["field"] for row in rows}


def untracked() -> tuple[str, ...]:
    """Followed fields of which the event log knows nothing; a rebuilt past shows today's value there."""
    return tuple(name for name in FOLLOWED if name not in tracked())


def take(day: date | None = None, *, by: Actor) -> SnapshotReport:
    """Keep the pipeline as it stood at the close of `day`, by default the last day that is over. A day done before stays as it is.

    A day before the last import is rebuilt from the event log and marked so. Raises Invalid for a day that is not over.
    """
    by.need("admin", "sales-ops", to="take snapshots")
    release = latest()
    if release is None or "deal_states" not in release.tables:
        raise NotReady("There are no deals yet.", mend="Import them first: closedwon import SOURCE --mapping FILE")
    yesterday = closing_day(None) - timedelta(days=1)
    chosen = day or yesterday
    if chosen > yesterday:
        raise Invalid(f"{chosen} is not over yet.", mend=f"The last day that can be kept is {yesterday}.")
    cutoff = closing_cutoff(chosen)
    rebuilt = release.at > cutoff + timedelta(days=1)
    at = store()
    taken = snapshots.take(at, TABLE, _state(chosen, cutoff), chosen, closed_at=cutoff, reconstructed=rebuilt)
    report = SnapshotReport(chosen, taken.rows, taken.is_full, taken.new, rebuilt, untracked() if rebuilt else ())
    if not taken.new and taken.version == release.tables.get(TABLE):
        return report  # a day that was written but not published, because the process died between, is published below
    with transaction.atomic():
        publish({TABLE: taken.version}, note=f"snapshot of {chosen}")
        record(by=by.name, channel=by.channel, verb="snapshot.taken", subject=f"day:{chosen}", detail=asdict(report))
    return report


def _state(day: date, cutoff: datetime) -> Any:
    """The pipeline at a cutoff with the path of seats of that day."""
    import pyarrow as pa

    release = latest()
    seating = seating_at(day, release)
    paths = [(person, "/".join(seating.tree.path(seat))) for person, seat in seating.owner_seat.items()]
    seats = pa.table({"person": pa.array([p for p, _ in paths], pa.string()), "seat_path": pa.array([s for _, s in paths], pa.string())})
    names = [column.name for column in source(TABLE, release).columns]
    states = source("deal_states", release)
    known = {column.name for column in states.columns}
    kept = [n for n in names if n in known and n not in {"snapshot_date", "opportunity_id", "is_reconstructed", "source"}]
    cells = ", ".join(f'd."{name}"' for name in kept)
    stamp = cutoff.astimezone(UTC).isoformat()
    text = (
        f"SELECT d.opportunity_id, {cells}, s.seat_path FROM deal_states d LEFT JOIN seats s ON s.person = d.owner_id "
        f"WHERE d.valid_from < TIMESTAMPTZ '{stamp}' AND d.valid_until >= TIMESTAMPTZ '{stamp}' AND NOT d.is_deleted"
    )
    from closedwon.facts.engine import query_table

    return query_table(text, {"deal_states": states, "seats": seats})


def shown(day: date) -> list[dict[str, Any]]:
    """The pipeline as the snapshots keep it for a day."""
    return list(snapshots.fold(source(TABLE, latest()), day).to_pylist())
