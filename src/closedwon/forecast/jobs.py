"""The forecast's work in the background."""

from __future__ import annotations

from datetime import date
from typing import Any

from closedwon.base.errors import NotReady
from closedwon.forecast import jobs_calls, jobs_summary  # noqa: F401 - their jobs are registered with these
from closedwon.forecast.actions.backtest import ROLES, backtest
from closedwon.forecast.actions.board import refresh
from closedwon.forecast.actions.projection import keep_default
from closedwon.jobs.registry import Every, job


@job("forecast.refresh", title="Keep the forecast board ready", roles=("admin", "sales-ops"), schedule=Every(minutes=5))
def refresh_job(job: Any) -> dict[str, Any]:
    """Fill the board's mart after the facts or a policy changed; before the first import there is nothing to do."""
    try:
        done = refresh(job.progress)
        return {**done, **keep_default(job.progress)}
    except NotReady as error:
        return {"questions": 0, "reason": error.message}


@job("forecast.project", title="Projection")
def project_job(
    job: Any,
    as_of: str | None,
    period: str,
    type: str,  # noqa: A002 - the field's own word
    org: str,
    rates: str,
    currency: str,
) -> dict[str, Any]:
    """Make one projection and keep it ready for the page that asked."""
    from closedwon.forecast.actions.projection import keep
    from closedwon.forecast.reading import ask_for, ground

    ask = ask_for(ground(), as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    return keep([ask], job.progress)


@job("forecast.backtest", title="Back-test of the projection", roles=ROLES)
def backtest_job(job: Any, days: list[str], horizon: int, type: str | None, currency: str) -> dict[str, Any]:  # noqa: A002 - the field's own word
    """Replay past days for the page that asked."""
    found = backtest(
        by=job.by, days=[date.fromisoformat(day) for day in days], horizon=horizon, type=type, currency=currency, heard=job.progress
    )
    return {"looks": [{**vars(look), "day": look.day.isoformat()} for look in found.looks]}
