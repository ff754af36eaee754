"""The work of calls in the background: reminders, the named tables, the day's snapshot."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from closedwon.base.errors import NotReady
from closedwon.forecast.actions.weekly import keep_snapshot, publish_calls, remind
from closedwon.jobs.registry import Every, job

ROLES = ("admin", "sales-ops")


@job("forecast.remind", title="Remind of calls that are due or late", roles=ROLES, schedule=Every(minutes=15))
def remind_job(job_: Any) -> dict[str, Any]:
    """Send the reminders of the hour; before the first import there is nothing to do."""
    del job_
    try:
        return dict(remind())
    except NotReady as error:
        return {"sent": 0, "reason": error.message}


@job("forecast.publish_calls", title="Write calls into their named table", roles=ROLES, schedule=Every(minutes=5))
def publish_job(job_: Any) -> dict[str, Any]:
    """Write calls and locks that were made here beside those of other systems."""
    del job_
    return publish_calls()


@job("forecast.snapshot", title="Keep the forecast of the day", roles=ROLES, schedule=Every(at=time(0, 40)))
def snapshot_job(job_: Any, day: str = "") -> dict[str, Any]:
    """Keep what stood at each seat at the close of a day, by default yesterday; before the first import there is nothing to do."""
    del job_
    try:
        return keep_snapshot(date.fromisoformat(day) if day else None)
    except NotReady as error:
        return {"rows": 0, "reason": error.message}
