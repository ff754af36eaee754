"""Starting work, following it, stopping and repeating it; and taking up what a killed worker left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, NotFound, Refused
from closedwon.jobs.models import Job, WorkerBeat
from closedwon.jobs.processes import is_dead, mark
from closedwon.jobs.registry import Every, job, kind, kinds
from closedwon.jobs.running import Cancelled, Running
from closedwon.jobs.work import RUN, execute
from closedwon.people.actor import Actor

__all__ = [
    "Cancelled", "Every", "Running", "cancel", "counts", "find", "job", "kinds", "may_see_all", "recover", "retry", "run_now", "start",
    "visible",
]  # fmt: skip

SEE_ALL = ("admin", "sales-ops", "auditor")
"""Roles that see everyone's jobs."""
STEER_ALL = ("admin", "sales-ops")
"""Roles that may stop and repeat everyone's jobs."""
STALE = timedelta(seconds=60)
"""Without a sign of life for so long, a running job is taken for dead where its process cannot be looked at."""
ATTEMPTS = 2
"""A job whose worker died is tried once more."""


def start(kind_name: str, params: dict[str, Any] | None = None, *, by: Actor, key: str = "", title: str = "") -> Job:
    """Queue a job for the worker, in the caller's transaction. With a `key` that was used before, that job is given back and not run twice.

    Only a failed or cancelled job is queued again under its key.
    """
    made, is_new = _make(kind_name, params or {}, by=by, key=key, title=title, inline=False)
    if is_new:
        return made
    return _requeue(made) if made.status in {"failed", "cancelled"} else made


def run_now(
    kind_name: str,
    params: dict[str, Any] | None = None,
    *,
    by: Actor,
    key: str = "",
    title: str = "",
    heard: Callable[[int, int, str], None] | None = None,
) -> Job:
    """Do the same work here and now, for commands; `heard` gets the progress. What goes wrong is recorded, then raised."""
    made, is_new = _make(kind_name, params or {}, by=by, key=key, title=title, inline=True)
    if not is_new:
        if made.status == "done":
            return made
        taken = Job.objects.filter(pk=made.pk, status__in=["failed", "cancelled"]).update(status="queued", inline=True, attempts=0)
        if not taken:
            raise Conflict(f"This is being done already, as job {made.pk}.", mend="Wait for it; it is on the page Admin, Jobs.")
    return execute(made.pk, heard=heard, raises=True)


def _make(kind_name: str, params: dict[str, Any], *, by: Actor, key: str, title: str, inline: bool) -> tuple[Job, bool]:
    found = kind(kind_name)
    if found.roles:
        by.need(*sorted(found.roles), to=f"start the job “{found.title}”")
    if key and (before := Job.objects.filter(key=key).first()):
        return before, False
    fields = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(by).items()}
    try:
        with transaction.atomic():
            made = Job.objects.create(
                kind=kind_name, title=(title or found.title)[:200], params=params, key=key or None, inline=inline,
                by_name=by.name[:300], by_user=by.user_id, actor=fields,
            )  # fmt: skip
            if not inline:
                _enqueue(made)
    except IntegrityError:
        before = Job.objects.filter(key=key or None).first()
        if before is None:
            raise
        return before, False
    return made, True


def _enqueue(queued: Job) -> None:
    from django_q.tasks import async_task

    async_task(RUN, queued.pk, task_name=f"{queued.kind} {queued.pk}"[:100], save=False)


def _requeue(ended: Job) -> Job:
    with transaction.atomic():
        fresh: dict[str, Any] = {
            "status": "queued",
            "error": "",
            "mend": "",
            "problems": [],
            "trace": "",
            "finished_at": None,
            "cancel_asked": False,
        }
        changed = Job.objects.filter(pk=ended.pk, status__in=["failed", "cancelled"]).update(**fresh, attempts=0, inline=False)
        if changed:
            _enqueue(ended)
    ended.refresh_from_db()
    return ended


def may_see_all(by: Actor) -> bool:
    """Whether the actor sees jobs of others."""
    return by.has(*SEE_ALL)


def visible(by: Actor) -> QuerySet[Job]:
    """The jobs that the actor may see, newest first: all for admins, sales ops and auditors, else one's own."""
    if may_see_all(by):
        return Job.objects.all()
    if by.user_id is not None:
        return Job.objects.filter(by_user=by.user_id)
    return Job.objects.filter(by_user=None, by_name=by.name)


def find(job_id: int, *, by: Actor) -> Job:
    """One job. Raises NotFound where there is none that the actor may see."""
    found = visible(by).filter(pk=job_id).first()
    if found is None:
        raise NotFound(f"There is no job {job_id}, or it is someone else's.")
    return found


def counts(by: Actor) -> dict[str, int]:
    """How many jobs of each state the actor may see."""
    from django.db.models import Count

    return dict(visible(by).order_by().values_list("status").annotate(Count("id")))


def _steer(job_id: int, by: Actor, to: str) -> Job:
    found = find(job_id, by=by)
    if not by.has(*STEER_ALL) and (by.user_id is None or found.by_user != by.user_id) and found.by_name != by.name:
        raise Refused(f"{by.name} may not {to} someone else's job.", mend="Ask an admin or sales ops.")
    return found


def cancel(job_id: int, *, by: Actor) -> Job:
    """Stop a job: a waiting one at once, a running one at its next step. Raises Conflict where it has ended."""
    found = _steer(job_id, by, "stop")
    with transaction.atomic():
        now = timezone.now()
        stopped = Job.objects.filter(pk=found.pk, status="queued").update(status="cancelled", finished_at=now, cancel_asked=True)
        asked = stopped or Job.objects.filter(pk=found.pk, status="running").update(cancel_asked=True)
        if not asked:
            raise Conflict(f"Job {found.pk} has ended already.")
        record(by=by.name, channel=by.channel, verb="jobs.cancelled", subject=f"job:{found.pk}", detail={"kind": found.kind})
    found.refresh_from_db()
    return found


def retry(job_id: int, *, by: Actor) -> Job:
    """Queue a failed or cancelled job again. Raises Conflict where it is neither."""
    found = _steer(job_id, by, "repeat")
    required = kind(found.kind).roles
    if required:
        by.need(*sorted(required), to=f"start the job “{found.title}”")
    with transaction.atomic():
        if found.status not in {"failed", "cancelled"}:
            raise Conflict(f"Job {found.pk} is {found.status}; only one that failed or was cancelled is repeated.")
        again = _requeue(found)
        record(by=by.name, channel=by.channel, verb="jobs.retried", subject=f"job:{found.pk}", detail={"kind": found.kind})
    return again


def recover() -> int:
    """Take up what killed workers left: a job that was running is tried once more, then failed; gives how many were taken up.

    The worker calls it when it starts and every minute. Messages lost between queue and job are sent again; a job is claimed once, so a
    message too many does nothing.
    """
    from closedwon.jobs.schedules import ensure

    ensure()
    taken, now = 0, timezone.now()
    for left in Job.objects.filter(status="running"):
        if not _is_lost(left):
            continue
        mine = Job.objects.filter(pk=left.pk, status="running", process=left.process, attempts=left.attempts)
        if left.cancel_asked:
            taken += mine.update(status="cancelled", finished_at=now)
        elif left.inline or left.attempts >= ATTEMPTS:
            taken += mine.update(status="failed", finished_at=now, error=_lost(left), mend="Look at the log of that time, then repeat it.")
        else:
            with transaction.atomic():
                if mine.update(status="queued", text="The worker ended; trying again"):
                    _enqueue(left)
                    taken += 1
    _resend()
    beat()
    return taken


def _is_lost(left: Job) -> bool:
    dead = is_dead(left.process)
    if dead is None:
        return left.heartbeat_at is None or timezone.now() - left.heartbeat_at > STALE
    return dead


def _lost(left: Job) -> str:
    if left.inline:
        return "The command that did this was ended before it was finished."
    return f"The worker ended {left.attempts} times while doing this."


def _resend() -> None:
    """Queue again what waits although its message is held by a worker that is gone."""
    from django_q.models import OrmQ

    waiting = list(Job.objects.filter(status="queued", inline=False, created_at__lt=timezone.now() - timedelta(seconds=2)))
    if not waiting:
        return
    free = {_job_of(message) for message in OrmQ.objects.filter(lock__lte=timezone.now())}
    for queued in waiting:
        if queued.pk not in free:
            _enqueue(queued)


def _job_of(message: Any) -> int | None:
    try:
        args = message.task().get("args") or ()
    except Exception:  # noqa: BLE001 - a message that cannot be read is nobody's
        return None
    return args[0] if args and isinstance(args[0], int) else None


def beat() -> None:
    """Say that a worker of this machine is alive."""
    WorkerBeat.objects.update_or_create(name=mark().partition("|")[0], defaults={"at": timezone.now()})
