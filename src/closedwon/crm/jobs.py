"""Work in the background: an import, the daily snapshot."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, time
from typing import Any

from closedwon.crm.imports import import_source
from closedwon.crm.previews import examine, tidy
from closedwon.crm.snapshots import take
from closedwon.jobs.registry import Every, job


@job("crm.import", title="Import", roles=("admin", "sales-ops"))
def import_job(running: Any, path: str, mapping: str = "") -> dict[str, Any]:
    """Take a file or folder in."""
    report = import_source(path, by=running.by, mapping=mapping or None, progress=running.progress)
    running.link = f"/pipeline/import/runs/{report.run}"
    return report.counts()


@job("crm.preview", title="Preview of an import", roles=("admin", "sales-ops"))
def preview_job(running: Any, batch: str) -> dict[str, Any]:
    """Say what an import of an upload would take, change and refuse; write nothing."""
    running.link = f"/pipeline/import/{batch}"
    return examine(batch, by=running.by, progress=running.progress)


@job("crm.tidy", title="Remove old uploads", roles=("admin", "sales-ops"), schedule=Every(at=time(3, 10)))
def tidy_job(running: Any) -> dict[str, Any]:
    """Remove the files of uploads that were imported or abandoned long enough ago."""
    return {"removed": tidy(by=running.by)}


@job("crm.snapshot", title="Daily snapshot", roles=("admin", "sales-ops"), schedule=Every(at=time(0, 20)))
def snapshot_job(running: Any, day: str = "") -> dict[str, Any]:
    """Keep the pipeline as it stood at the close of a day."""
    report = take(date.fromisoformat(day) if day else None, by=running.by)
    return {name: str(value) if name == "day" else value for name, value in asdict(report).items()}
