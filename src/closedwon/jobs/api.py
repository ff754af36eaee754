"""Jobs over the API: list, look, stop, repeat; and the schedules."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from closedwon.jobs import actions, schedules
from closedwon.jobs.models import Job, Schedule
from closedwon.people.acting import api_actor

router = Router()


class JobOut(Schema):
    """A job: how far it is and what came out."""

    id: int
    kind: str
    title: str
    status: str
    done: int
    total: int
    text: str
    attempts: int
    error: str
    mend: str
    problems: list[dict[str, Any]]
    result: Any
    link: str
    by_name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ScheduleOut(Schema):
    """A schedule; `weekday` 0 is Monday, times are the company's."""

    id: int
    name: str
    kind: str
    every: str
    minutes: int
    at: time | None
    weekday: int
    enabled: bool
    next_at: datetime


class ScheduleIn(Schema):
    """What to change of a schedule; what is left out stays."""

    every: str | None = None
    minutes: int | None = None
    at: time | None = None
    weekday: int | None = None
    enabled: bool | None = None


@router.get("", response=list[JobOut], summary="Jobs, newest first")
def list_jobs(
    request: HttpRequest, status: str = "", kind: str = "", limit: int = Query(50, ge=1, le=500), offset: int = Query(0, ge=0)
) -> list[Job]:
    """List the jobs that the caller may see."""
    found = actions.visible(api_actor(request))
    if status:
        found = found.filter(status=status)
    if kind:
        found = found.filter(kind=kind)
    return list(found[offset : offset + limit])


@router.get("/schedules", response=list[ScheduleOut], summary="Schedules")
def list_schedules(request: HttpRequest) -> list[Schedule]:
    """List what is done again and again."""
    return schedules.schedules(by=api_actor(request))


@router.patch("/schedules/{schedule_id}", response=ScheduleOut, summary="Change a schedule")
def change_schedule(request: HttpRequest, schedule_id: int, given: ScheduleIn) -> Schedule:
    """Change when the work is done, and whether."""
    fields = {name: value for name, value in given.dict(exclude_unset=True).items() if value is not None}
    return schedules.change(schedule_id, by=api_actor(request), **fields)


@router.get("/{int:job_id}", response=JobOut, summary="One job")
def get_job(request: HttpRequest, job_id: int) -> Job:
    """Give one job."""
    return actions.find(job_id, by=api_actor(request))


@router.post("/{int:job_id}/cancel", response=JobOut, summary="Stop a job")
def cancel_job(request: HttpRequest, job_id: int) -> Job:
    """Stop a waiting job at once, a running one at its next step."""
    return actions.cancel(job_id, by=api_actor(request))


@router.post("/{int:job_id}/retry", response=JobOut, summary="Repeat a job")
def retry_job(request: HttpRequest, job_id: int) -> Job:
    """Queue a failed or cancelled job again."""
    return actions.retry(job_id, by=api_actor(request))
