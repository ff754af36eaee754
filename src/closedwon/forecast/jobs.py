"""The forecast's work in the background."""

from __future__ import annotations

from typing import Any

from closedwon.base.errors import NotReady
from closedwon.forecast.actions.board import refresh
from closedwon.jobs.registry import Every, job


@job("forecast.refresh", title="Keep the forecast board ready", roles=("admin", "sales-ops"), schedule=Every(minutes=5))
def refresh_job(job: Any) -> dict[str, Any]:
    """Fill the board's mart after the facts or a policy changed; before the first import there is nothing to do."""
    try:
        return refresh(job.progress)
    except NotReady as error:
        return {"questions": 0, "reason": error.message}
