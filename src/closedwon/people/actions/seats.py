"""Corrections of seats: proposed by one, approved by another, then published over the imported rows."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, Problem, Refused
from closedwon.base.tables import table as named_table
from closedwon.people.actor import Actor
from closedwon.people.corrections import SOURCE, SUBJECT, about, cycle, imported_now, lay_over
from closedwon.people.facts import facts_rows, publish_rows
from closedwon.people.models import CorrectedSubject, SeatCorrection

DEFAULTS: dict[str, dict[str, Any]] = {
    "hierarchy": {"kind": "sales"},
    "position_holders": {"share_ppm": 1_000_000, "is_interim": False},
    "positions": {},
}


def corrections(*, by: Actor, state: str = "") -> list[SeatCorrection]:
    """The corrections of seats, newest first."""
    by.need("admin", "sales-ops", "manager", "executive", "auditor", to="see corrections of seats")
    rows = SeatCorrection.objects.all()
    return list(rows.filter(state=state) if state else rows)


def propose(table: str, row: dict[str, Any], why: str, *, by: Actor) -> SeatCorrection:
    """Propose that a row of the hierarchy, of the holders or of the seats is this one. Every mistake in it is told at once."""
    by.need("admin", "sales-ops", "manager", "executive", to="propose a correction of seats")
    if table not in SUBJECT:
        raise Invalid(f"Seats are corrected in {', '.join(SUBJECT)}, not in {table!r}.")
    if not why.strip():
        raise Invalid("The reason is missing.", mend="Say in a sentence why the imported row is wrong.")
    values = {**DEFAULTS[table], **{name: value for name, value in row.items() if value not in ("", None)}}
    checked, problems = _checked(table, values)
    problems += _unknown_seats(table, checked)
    if problems:
        raise Invalid(f"The correction has {len(problems)} mistake(s).", problems=problems)
    with transaction.atomic():
        made = SeatCorrection.objects.create(table=table, row=_json(checked), why=why.strip()[:500], proposed_by=by.name)
        detail = {"table": table, "row": made.row, "why": made.why}
        record(by=by.name, verb="people.seat_correction_proposed", subject=f"seat-correction:{made.pk}", detail=detail, channel=by.channel)
    return made


def decide(correction_id: int, approve: bool, *, by: Actor, note: str = "") -> SeatCorrection:
    """Approve or reject a correction that somebody else proposed; an approved one is published at once."""
    by.need("admin", "sales-ops", "executive", to="decide on corrections of seats")
    with transaction.atomic():
        row = SeatCorrection.objects.select_for_update().filter(pk=correction_id).first()
        if row is None:
            raise NotFound("There is no such correction.")
        if row.state != "proposed":
            raise Conflict(f"That correction is {row.state} already.")
        if _same_person(row.proposed_by, by.name):
            raise Refused("You may not decide on your own proposal.", mend="Ask another person of sales ops, or an executive.")
        if approve and row.table == "hierarchy":
            _refuse_loops(row)
        row.state = "approved" if approve else "rejected"
        row.decided_by, row.decided_at, row.note = by.name, timezone.now(), note[:500]
        row.save()
        detail = {"table": row.table, "row": row.row, "note": row.note}
        record(
            by=by.name, verb=f"people.seat_correction_{row.state}", subject=f"seat-correction:{row.pk}", detail=detail, channel=by.channel
        )
    if approve:
        publish_corrections(by=by)
    return row


def withdraw(correction_id: int, *, by: Actor) -> SeatCorrection:
    """Take back one's own proposal before it is decided."""
    with transaction.atomic():
        row = SeatCorrection.objects.select_for_update().filter(pk=correction_id, proposed_by=by.name).first()
        if row is None:
            raise NotFound("There is no such proposal of yours.")
        if row.state != "proposed":
            raise Conflict(f"That correction is {row.state} already.")
        row.state, row.decided_by, row.decided_at = "withdrawn", by.name, timezone.now()
        row.save()
        record(by=by.name, verb="people.seat_correction_withdrawn", subject=f"seat-correction:{row.pk}", detail={}, channel=by.channel)
    return row


def publish_corrections(*, by: Actor) -> list[str]:
    """Lay the approved corrections over the imported rows; gives the tables that changed. Imports call it when they end."""
    changed: dict[str, list[dict[str, Any]]] = {}
    states: list[CorrectedSubject] = []
    for table in SUBJECT:
        approved = _approved(table)
        if not approved:
            continue
        before = facts_rows(table)
        after, found = _overlaid(table, before, approved)
        if _sorted(before) != _sorted(after):
            changed[table] = after
            states += found
    if not changed:
        return []
    release = publish_rows(changed, note="corrections of seats")
    with transaction.atomic():
        for state in states:
            values = {"imported": state.imported, "written": state.written}
            CorrectedSubject.objects.update_or_create(table=state.table, subject=state.subject, defaults=values)
        detail = {"tables": sorted(changed), "release": release.pk}
        record(by=by.name, verb="people.seats_published", subject="seats", detail=detail, channel=by.channel)
    return sorted(changed)


def _overlaid(
    table: str, current: list[dict[str, Any]], approved: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[CorrectedSubject]]:
    """The table with the corrections over what the source says, and what to remember of each corrected subject."""
    corrected = dict.fromkeys(about(table, row) for row in approved)
    known = {row.subject: row for row in CorrectedSubject.objects.filter(table=table)}
    after = [row for row in current if about(table, row) not in corrected]
    states = []
    for subject in corrected:
        name = " ".join(subject)
        old = known.get(name, CorrectedSubject(table=table, subject=name))
        mine = [row for row in current if about(table, row) == subject]
        said = imported_now(table, mine, _opened(old.imported), _opened(old.written))
        rows = lay_over(table, said, [row for row in approved if about(table, row) == subject])
        after += rows
        states.append(CorrectedSubject(table=table, subject=name, imported=_closed(said), written=_closed(rows)))
    return after, states


def _closed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON; dates are marked as such."""
    return [{name: {"date": value.isoformat()} if isinstance(value, date) else value for name, value in row.items()} for row in rows]


def _opened(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: date.fromisoformat(value["date"]) if isinstance(value, dict) else value for name, value in row.items()} for row in rows]


def _same_person(one: str, other: str) -> bool:
    """Whether two actors' names are one person: `ann@example.com` and `ann@example.com (os:root)` are."""
    return one.partition(" (")[0] == other.partition(" (")[0]


def _approved(table: str, extra: SeatCorrection | None = None) -> list[dict[str, Any]]:
    rows = list(SeatCorrection.objects.filter(table=table, state="approved").order_by("decided_at", "id"))
    return [_typed(table, row.row) for row in [*rows, *([extra] if extra else [])]]


def _refuse_loops(row: SeatCorrection) -> None:
    overlaid = _overlaid("hierarchy", facts_rows("hierarchy"), _approved("hierarchy", row))[0]
    after = [item for item in overlaid if item["kind"] == row.row["kind"]]
    start = date.fromisoformat(row.row["since"])
    days = {start, *(item["since"] for item in after if item["since"] >= start)}
    for day in sorted(days):
        loop = cycle(after, day)
        if loop:
            raise Invalid(
                f"On {day} that would make a loop: {' under '.join([*loop, loop[0]])}.", mend="Reject it and propose another parent."
            )


def _unknown_seats(table: str, row: dict[str, Any]) -> list[Problem]:
    if table == "positions":
        return []
    seats = {item["id"] for item in facts_rows("positions", ["id"])} | {
        item.row["id"] for item in SeatCorrection.objects.filter(table="positions")
    }
    people = {item["id"] for item in facts_rows("users", ["id"])}
    seats = seats or people  # without positions every person is a seat
    problems = [
        Problem(f"There is no seat {row[name]!r}", field=name)
        for name in ("position_id", "parent_id")
        if row.get(name) and row[name] not in seats
    ]
    if row.get("user_id") and row["user_id"] not in people:
        problems.append(Problem(f"There is no person {row['user_id']!r}", field="user_id"))
    if row.get("parent_id") and row.get("parent_id") == row.get("position_id"):
        problems.append(Problem("A seat cannot report to itself", field="parent_id"))
    return problems


def _checked(table: str, values: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    declared = named_table(table)
    problems = []
    row: dict[str, Any] = {}
    for name, value in values.items():
        column = declared.column(name)
        if column is None or name == "source" or name.startswith("x_"):
            problems.append(Problem(f"{table} has no column {name!r}", field=name, mend=f"Its columns are {', '.join(declared.names)}."))
            continue
        try:
            row[name] = _value(column.type, value)
        except ValueError:
            problems.append(Problem(f"{value!r} is not a {column.type}", field=name, mend="Write dates as 2026-02-01."))
    problems += [Problem(f"{name} is missing", field=name) for name in declared.key if name not in values]
    if row.get("until") and row.get("since") and row["until"] <= row["since"]:
        problems.append(Problem("until must be after since", field="until", mend="until is the first day on which it no longer holds."))
    return row, problems


def _value(kind: str, value: Any) -> Any:
    if kind == "date":
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    if kind == "int":
        return int(value)
    if kind == "bool":
        if isinstance(value, bool):
            return value
        if str(value).lower() not in ("true", "false", "1", "0", "yes", "no", "on"):
            raise ValueError(value)
        return str(value).lower() in ("true", "1", "yes", "on")
    return str(value).strip()


def _json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def _typed(table: str, row: dict[str, Any]) -> dict[str, Any]:
    declared = named_table(table)
    typed = {column.name: None for column in declared.columns} if table != "positions" else {}
    for name, value in row.items():
        column = declared.column(name)
        typed[name] = _value(column.type, value) if column and value is not None else value
    return {**typed, "source": SOURCE}


def _sorted(rows: list[dict[str, Any]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted((name, str(value)) for name, value in row.items() if value is not None) for row in rows)
