"""The work in the background of the weekly summary and the scorecard."""

from __future__ import annotations

from typing import Any

from closedwon.base.errors import NotReady
from closedwon.forecast.actions import summary_sending as sending
from closedwon.jobs.registry import Every, job


@job("forecast.summary", title="Weekly summary and scorecard, when they are due", roles=sending.SENDERS, schedule=Every(minutes=10))
def summary_job(job: Any) -> dict[str, Any]:
    """Make and send what is due by the summary policy, and try failed messages again; before the first import there is nothing to do."""
    try:
        return sending.tick(job.progress)
    except NotReady as error:
        return {"reason": error.message}


@job("forecast.summary_send", title="Send the weekly summary now", roles=sending.SENDERS)
def send_job(job: Any, kind: str, round_key: str, **words: Any) -> dict[str, Any]:
    """Make and send one round at once."""
    return sending.send_round(kind, round_key, by=job.by, heard=job.progress, **words)
