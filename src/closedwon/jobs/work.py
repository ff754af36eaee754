"""Doing one job: claim it, run its function once, keep what came out. The worker calls `run`."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F
from django.utils import timezone

from closedwon.base.errors import ClosedwonError
from closedwon.jobs.models import Job
from closedwon.jobs.processes import mark
from closedwon.jobs.registry import kind
from closedwon.jobs.running import Cancelled, Running
from closedwon.people.acting import actor_of
from closedwon.people.actor import Actor
from closedwon.people.models import User

RUN = "closedwon.jobs.work.run"
LOG = logging.getLogger("closedwon.jobs")


def run(job_id: int) -> None:
    """What the worker does with a message: the job, unless another worker has claimed it or it was cancelled."""
    execute(job_id, threaded=True)


def execute(job_id: int, *, threaded: bool = False, heard: Callable[[int, int, str], None] | None = None, raises: bool = False) -> Job:
    """Claim the job and do it. A job that is not waiting is left alone, so that a message too many does nothing."""
    now = timezone.now()
    claimed = Job.objects.filter(pk=job_id, status="queued").update(
        status="running", attempts=F("attempts") + 1, started_at=now, heartbeat_at=now, process=mark(), done=0, total=0, text=""
    )
    job = Job.objects.filter(pk=job_id).first()
    if not claimed or job is None:
        return job if job is not None else Job(pk=job_id, status="cancelled")
    running: Running | None = None
    try:
        running = Running(job, actor_for(job), threaded=threaded, heard=heard)
        with running:
            result = kind(job.kind).run(running, **job.params)
        _finish(job, running, status="done", result=_plain(result), link=running.link or job.link)
    except Cancelled:
        _finish(job, running, status="cancelled")
    except ClosedwonError as error:
        problems = [item.as_dict() for item in error.problems]
        _finish(job, running, status="failed", error=error.message, mend=error.mend or "", problems=problems[:1000])
        if raises:
            raise
    except Exception as error:
        LOG.exception("job %s (%s) failed", job.pk, job.kind)
        mend = "That is a fault of closedwon; the log has the details. Repeating it does no harm."
        said = str(error).strip().splitlines()
        text = f"It failed unexpectedly: {type(error).__name__}{': ' + said[0][:300] if said else ''}"
        _finish(job, running, status="failed", error=text, mend=mend, trace=traceback.format_exc()[-20_000:])
        if raises:
            raise
    except BaseException:  # Ctrl-C in a command
        _finish(job, running, status="cancelled", text="Interrupted")
        raise
    job.refresh_from_db()
    return job


def _finish(job: Job, running: Running | None, **fields: Any) -> None:
    last = running.last if running else {}
    if fields["status"] == "done" and last.get("total"):
        last["done"] = last["total"]
    Job.objects.filter(pk=job.pk, status="running", attempts=job.attempts).update(**{**last, **fields, "finished_at": timezone.now()})


def _plain(result: Any) -> Any:
    import json

    plain = result.as_dict() if hasattr(result, "as_dict") else result
    return json.loads(json.dumps(plain, cls=DjangoJSONEncoder, default=str))


def actor_for(job: Job) -> Actor:
    """Who the job acts as: the person who asked, with the rights in force now; else the machine's actor as it was."""
    fields = {**job.actor}
    scopes = fields.get("scopes")
    if job.by_user is not None and (user := User.objects.filter(pk=job.by_user).first()):
        if not user.is_active:
            from closedwon.base.errors import Refused

            raise Refused(f"{user.email} was switched off meanwhile.", mend="Someone who may do this starts it again.")
        now = actor_of(user, channel="job", scopes=None if scopes is None else frozenset(scopes))
        return Actor(**{**vars(now), "name": job.by_name})
    for name in ("roles", "grants"):
        fields[name] = frozenset(fields.get(name) or ())
    fields["scopes"] = None if scopes is None else frozenset(scopes)
    return Actor(**fields)
