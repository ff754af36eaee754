"""The trail's work in the worker: verifying it, by hand and every night."""

from __future__ import annotations

from datetime import time
from typing import Any

from closedwon.audit.actions import VERIFIERS, check
from closedwon.jobs.registry import Every, job


@job("audit.verify", title="Verify the audit trail", roles=VERIFIERS, schedule=Every(at=time(2, 30)))
def verify_job(running: Any) -> dict[str, Any]:
    """Read the whole chain; a chain that does not hold is a failed job that names the entries."""
    from closedwon.base.errors import Invalid, Problem

    verdict = check(by=running.by, heard=lambda done, total: running.progress(done, total, f"{done:,} of {total:,} entries"))
    running.link = "/admin/audit/"
    if not verdict.holds:
        raise Invalid(
            f"The audit trail does not hold: {verdict.faults[0]}.",
            mend="Compare with a backup: restore it beside, and export both trails. Tell whoever audits you.",
            problems=[Problem(fault) for fault in verdict.faults],
        )
    return verdict.as_dict()
