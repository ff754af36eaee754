"""The work of approvals in the background."""

from __future__ import annotations

from typing import Any

from closedwon.approvals.actions.clock import tick
from closedwon.approvals.actions.history import publish_history
from closedwon.approvals.actions.sending import send_due
from closedwon.jobs.registry import Every, job


@job("approvals.tick", title="Remind of approvals, escalate those that are late", roles=("admin", "sales-ops"), schedule=Every(minutes=5))
def tick_job(job_: Any) -> dict[str, Any]:
    """Run the clock once."""
    del job_
    return tick()


@job("approvals.send", title="Send what approvals have to say", roles=("admin", "sales-ops"), schedule=Every(minutes=1))
def send_job(job_: Any) -> dict[str, Any]:
    """Send the mails, Slack messages and webhooks that are due."""
    del job_
    return send_due()


@job("approvals.publish", title="Publish decided requests as facts", roles=("admin", "sales-ops"), schedule=Every(minutes=30))
def publish_job(job_: Any) -> dict[str, Any]:
    """Publish what was decided since the last time."""
    del job_
    return publish_history()
