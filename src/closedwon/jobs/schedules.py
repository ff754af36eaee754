"""Work that repeats: its rows, when each is due next in the company's time zone, and starting what is due."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import ClosedwonError, Invalid, NotFound
from closedwon.jobs.models import Job, Schedule
from closedwon.jobs.registry import kind, kinds
from closedwon.people.actor import SYSTEM, Actor
from closedwon.workspace import current

TICK = "closedwon.jobs.schedules.tick"
KEEPERS = ("admin", "sales-ops")
"""Roles that may change schedules and run them at once."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def next_after(row: Schedule, after: datetime, zone: ZoneInfo) -> datetime:
    """The first instant later than `after` at which the schedule is due; a local time that a clock change skips falls just after it."""
    if row.every == "minutes":
        return after + timedelta(minutes=row.minutes)
    local = after.astimezone(zone)
    for ahead in range(9):
        day = local.date() + timedelta(days=ahead)
        if row.every == "week" and day.weekday() != row.weekday:
            continue
        due = datetime.combine(day, row.at or time(0), zone)
        if due.astimezone(ZoneInfo("UTC")) > after:
            return due.astimezone(ZoneInfo("UTC"))
    raise Invalid(f"The schedule {row.name} is never due.")


def title_of(row: Schedule) -> str:
    """What the work is, in words; its name where the room that brought it is gone."""
    try:
        return kind(row.kind).title
    except ClosedwonError:
        return row.name


def in_words(row: Schedule) -> str:
    """How often, as a sentence."""
    if row.every == "minutes":
        return "every hour" if row.minutes == 60 else f"every {row.minutes} minutes"
    at = (row.at or time(0)).strftime("%H:%M")
    return f"daily at {at}" if row.every == "day" else f"{WEEKDAYS[row.weekday]}s at {at}"


def ensure() -> None:
    """Make the shipped schedule of every kind that has one and no row yet, and the worker's own minute."""
    from django_q.models import Schedule as Minute

    now, zone = timezone.now(), current().zone
    for found in kinds():
        if found.schedule is None or Schedule.objects.filter(name=found.name).exists():
            continue
        how = found.schedule
        every = "minutes" if how.minutes else "day" if how.weekday is None else "week"
        row = Schedule(name=found.name, kind=found.name, every=every, minutes=how.minutes or 60, at=how.at, weekday=how.weekday or 0)
        row.next_at = next_after(row, now, zone)
        row.save()
    if not Minute.objects.filter(func=TICK).exists():
        Minute.objects.create(name="closedwon minute", func=TICK, schedule_type=Minute.MINUTES, minutes=1, repeats=-1)


def tick() -> None:
    """What the worker does every minute: a sign of life, jobs of dead workers, and what is due."""
    from closedwon.jobs.actions import recover

    recover()
    start_due()


def start_due() -> list[Job]:
    """Start every schedule that is due, each due time once, however many workers look; missed times are not caught up one by one."""
    from closedwon.jobs.actions import start

    started, zone = [], current().zone
    for row in Schedule.objects.filter(enabled=True, next_at__lte=timezone.now()):
        with transaction.atomic():
            due = row.next_at
            moved = Schedule.objects.filter(pk=row.pk, next_at=due).update(next_at=next_after(row, timezone.now(), zone))
            if not moved:
                continue
            made = start(row.kind, row.params, by=SYSTEM, key=f"schedule:{row.pk}:{due.isoformat()}")
            Schedule.objects.filter(pk=row.pk).update(last_job=made)
        started.append(made)
    return started


def schedules(*, by: Actor) -> list[Schedule]:
    """Every schedule; for admins, sales ops and auditors."""
    by.need(*KEEPERS, "auditor", to="see schedules")
    ensure()
    return list(Schedule.objects.select_related("last_job"))


def find(schedule_id: int, *, by: Actor) -> Schedule:
    """One schedule. Raises NotFound."""
    by.need(*KEEPERS, to="change schedules")
    row = Schedule.objects.filter(pk=schedule_id).first()
    if row is None:
        raise NotFound(f"There is no schedule {schedule_id}.")
    return row


def change(schedule_id: int, *, by: Actor, **fields: Any) -> Schedule:
    """Set how often (`every`, `minutes`, `at`, `weekday`) and whether (`enabled`) the work is done."""
    row = find(schedule_id, by=by)
    before = {"when": in_words(row), "enabled": row.enabled}
    unknown = set(fields) - {"every", "minutes", "at", "weekday", "enabled"}
    if unknown:
        raise Invalid(f"A schedule has no {', '.join(sorted(unknown))}.")
    for name, value in fields.items():
        setattr(row, name, value)
    if row.every not in {"minutes", "day", "week"}:
        raise Invalid(f"A schedule repeats by minutes, day or week, not {row.every!r}.")
    if not 1 <= int(row.minutes) <= 7 * 24 * 60 or not 0 <= int(row.weekday) <= 6:
        raise Invalid("The minutes go from 1 to 10080, the weekday from 0 (Monday) to 6.")
    row.next_at = next_after(row, timezone.now(), current().zone)
    after = {"when": in_words(row), "enabled": row.enabled}
    with transaction.atomic():
        row.save()
        record(
            by=by.name, channel=by.channel, verb="schedule.changed", subject=f"schedule:{row.name}", detail={"from": before, "to": after}
        )
    return row


def run_once(schedule_id: int, *, by: Actor) -> Job:
    """Start the work of a schedule now, beside its times."""
    from closedwon.jobs.actions import start

    row = find(schedule_id, by=by)
    with transaction.atomic():
        made = start(row.kind, row.params, by=by)
        Schedule.objects.filter(pk=row.pk).update(last_job=made)
        record(by=by.name, channel=by.channel, verb="schedule.run", subject=f"schedule:{row.name}", detail={"job": made.pk})
    return made
