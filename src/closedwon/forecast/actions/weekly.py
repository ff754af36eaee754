"""The week of calls: who has not called, reminders, locks, and the tables that others read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.calendar import Period
from closedwon.base.errors import Conflict, NotReady
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.forecast import history, models
from closedwon.forecast.actions.calls import board_of, machine_of
from closedwon.forecast.actions.rights import KEEPERS, holders, why_locked
from closedwon.forecast.actions.rollups import seat_names, seat_notes
from closedwon.forecast.actions.standing import Book
from closedwon.forecast.calls import CALLS, added, cumulative
from closedwon.forecast.reading import Ground, ask_for, calendar, ground
from closedwon.people.actor import SYSTEM, Actor
from closedwon.people.models import User
from closedwon.people.visibility import closing_day
from closedwon.ui import format as fmt
from closedwon.workspace import current


@dataclass(frozen=True)
class Waited:
    """A seat whose call of the week is not in, or came late: since when it was due, and who holds it."""

    seat: str
    name: str
    holder: str
    state: str
    due: datetime
    last: datetime | None
    type: str
    period: str


def waited(*, by: Actor, period: str | Period | None = None, type: str | None = None, own: bool = False) -> list[Waited]:  # noqa: A002 - the field's own word
    """The seats in sight whose call is due, missing or late this week; with `own`, only those that the actor holds."""
    on = ground()
    book = Book(on, ask_for(on, period=period, type=type))
    board = board_of(by, book)
    held = holders(on, closing_day(None)) if own else {}
    seats = [seat for seat in book.tree.order if seat in board.judged and seat in board.seats]
    return _waited(book, [seat for seat in seats if not own or by.person_id in held.get(seat, ())])


def _waited(book: Book, seats: Sequence[str]) -> list[Waited]:
    names, notes = seat_names(book.on, book.ask), seat_notes(book.on, book.ask)
    made = []
    for seat in seats:
        state = book.state(seat)
        if state in ("due", "missing", "late") and book.expects(seat):
            last = book.last.get(seat)
            made.append(
                Waited(
                    seat, names.get(seat, seat), notes.get(seat, ""), state, book.due, last.at if last else None, book.ask.type.name,
                    book.period,
                )
            )  # fmt: skip
    rank = {"missing": 0, "due": 1, "late": 2}
    return sorted(made, key=lambda one: rank[one.state])


def remind(now: datetime | None = None) -> dict[str, int]:
    """Mail every holder of a seat whose call is still waited for, once for each reminder that the policy names and once when it is late."""
    on = ground()
    book = Book(on, ask_for(on))
    if now is not None:
        book.at = now
    kind = _kind(book)
    if not kind or why_locked(book):
        return {"sent": 0}
    sent = 0
    persons = holders(on, closing_day(None))
    for one in _waited(book, list(book.tree.order)):
        if one.state in ("due", "missing"):
            for email in _addresses(on, persons.get(one.seat, [])):
                sent += _mail(one, kind, email)
    return {"sent": sent}


def _kind(book: Book) -> str:
    """Which reminder the moment calls for; empty for none."""
    deadline = book.rhythm.deadline
    if book.at > book.due:
        return "late" if deadline.remind_late and book.at <= book.due + timedelta(days=1) else ""
    left = book.due - book.at
    hours = [one for one in sorted(deadline.remind_hours) if left <= timedelta(hours=one)]
    return f"{hours[0]} hours before" if hours else ""


def _addresses(on: Ground, people: Sequence[str]) -> list[str]:
    known = {row["id"]: row["email"] for row in on.rows("users")}
    users = dict(User.objects.filter(person_id__in=people, is_active=True).values_list("person_id", "email"))
    return sorted({users.get(one) or known.get(one) or "" for one in people} - {""})


def _mail(one: Waited, kind: str, email: str) -> int:
    try:
        with transaction.atomic():
            row = models.Reminder.objects.create(seat=one.seat, due_at=one.due, kind=kind, email=email)
    except IntegrityError:
        return 0
    due = fmt.instant(one.due)
    head = f"Your call for {one.period} is late" if kind == "late" else f"Your call for {one.period} is due {due}"
    last = f"Your last call was on {fmt.instant(one.last)}." if one.last else "There is no call of yours for this period yet."
    text = f"{head}.\n\nSeat: {one.name}\nDue: {due}\n{last}\n\nCall on the forecast board: {_address(one)}\n"
    try:
        send_mail(head, text, None, [email])
    except OSError:
        row.delete()  # tried again at the next run
        return 0
    return 1


def _address(one: Waited) -> str:
    from urllib.parse import quote

    base = (current().settings.base_url or "http://localhost:8000").rstrip("/")
    return f"{base}/forecast/calls/{quote(one.seat, safe='')}/?period={quote(one.period)}"


def lock(*, by: Actor, period: str | Period, note: str = "", is_locked: bool = True) -> models.PeriodLock:
    """Close a period's calls, or open them again. Raises Refused, and Conflict where it stands so already."""
    by.need(*KEEPERS, to="lock or unlock the forecast's periods")
    found = period if isinstance(period, Period) else calendar().period(period)
    on = ground()
    book = Book(on, ask_for(on, period=found))
    with transaction.atomic():
        if bool(why_locked(book)) == is_locked:
            raise Conflict(f"{found.label} is {'locked' if is_locked else 'open'} already.")
        row = models.PeriodLock.objects.create(
            period=history.label_of(found), is_locked=is_locked, author=by.name, note=note.strip(), at=timezone.now()
        )
        verb = "forecast.locked" if is_locked else "forecast.unlocked"
        record(by=by.name, channel=by.channel, verb=verb, subject=f"period:{row.period}", detail={"note": row.note})
    return row


def publish_calls() -> dict[str, Any]:
    """Write the calls and locks that were made here into their named tables, beside what other systems brought."""
    calls, locks = history.new_rows(), _lock_rows()
    tables: dict[str, int | None] = {}
    for name, rows in (("forecast_calls", calls), ("period_locks", locks)):
        if rows:
            tables[name] = store().merge(name, rows_to_table(rows, table(name).columns)).version
    if tables:
        publish(tables, note="forecast: calls and locks")
    return {"calls": len(calls) // len(CALLS), "locks": len(locks)}


def _lock_rows() -> list[dict[str, Any]]:
    last = {row.period: row for row in models.PeriodLock.objects.order_by("id")}
    return [
        {"field": "forecast", "period": period, "locked_at": row.at if row.is_locked else None, "locked_by": row.author}
        for period, row in sorted(last.items())
    ]


def keep_snapshot(day: Any = None) -> dict[str, Any]:
    """Keep what stood at each seat at the close of a day, by default yesterday: roll-up, call, what it was overridden to, and the machine's number."""
    on = ground()
    chosen = day or closing_day(None) - timedelta(days=1)
    rows = [row for book in _books(on, chosen) for row in _snapshot_rows(book, chosen)]
    if not rows:
        raise NotReady("There is nothing to keep yet.", mend="Import deals and seats first.")
    version = store().merge("forecast_snapshots", rows_to_table(rows, table("forecast_snapshots").columns)).version
    publish({"forecast_snapshots": version}, note=f"forecast as of {chosen}")
    return {"day": chosen.isoformat(), "rows": len(rows)}


def _books(on: Ground, day: Any) -> Iterator[Book]:
    """One for each type that is called, or is the default, and each of the running quarter and the next two."""
    kinds = {on.policy.default, *models.SubmittedCall.objects.values_list("type", flat=True)}
    first = calendar().period_of(day, "quarter")
    for kind in sorted(kinds):
        for step in range(3):
            if on.policy.type(kind) is not None:
                yield Book(on, ask_for(on, as_of=day, period=calendar().next(first, step), type=kind))


def _snapshot_rows(book: Book, day: Any) -> Iterator[dict[str, Any]]:
    for seat in book.tree.order:
        whole = book.sums[0].get(seat)
        call = book.amounts(book.last.get(seat))
        if whole is None and call is None:
            continue
        rollup, effect = cumulative(whole or {}), book.effect.get(seat)
        placed = added((rollup, cumulative(effect))) if effect else None
        machine = machine_of(SYSTEM, book, seat) if book.ask.cutoff >= book.on.now else {"median": (whole or {}).get("machine", 0)}
        for name in CALLS:
            yield {
                "snapshot_date": day, "position_id": seat, "period": book.period, "type": book.ask.type.name, "category": name,
                "rollup_minor": rollup[name], "call_minor": None if call is None else call[name], "override_minor": placed[name] if placed else None,
                "machine_minor": machine.get("median"), "low_minor": machine.get("low"), "high_minor": machine.get("high"), "currency": book.ask.currency,
            }  # fmt: skip


def in_company_time(at: datetime) -> datetime:
    """An instant on the company's clock."""
    return at.astimezone(current().zone)
