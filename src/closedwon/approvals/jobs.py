"""The work of approvals in the background."""

from __future__ import annotations

from typing import Any

from closedwon.approvals.actions.clock import tick
from closedwon.jobs.registry import Every, job


@job("approvals.tick", title="Remind of approvals, escalate those that are late", roles=("admin", "sales-ops"), schedule=Every(minutes=5))
def tick_job(job_: Any) -> dict[str, Any]:
    """Run the clock once."""
    del job_
    return tick()
