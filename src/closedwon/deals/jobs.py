"""The work of deals in the background."""

from __future__ import annotations

from typing import Any

from closedwon.deals.actions.publishing import publish_standing
from closedwon.jobs.registry import Every, job


@job("deals.publish", title="Publish the sign-off of deals as facts", roles=("admin", "sales-ops"), schedule=Every(minutes=30))
def publish_job(job_: Any) -> dict[str, Any]:
    """Publish decided requests and where each deal stands."""
    del job_
    return publish_standing()
