"""The pages of importing: choose files or a folder, look at what would come in, import it, and read the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError
from closedwon.crm import previews
from closedwon.crm.models import ImportRun
from closedwon.crm.refused import report_shown, sees_cells
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.ui import undo
from closedwon.ui.tables import Col, DataTable


def _link(prefix: str, key: str = "id") -> Any:
    return lambda row: f"{prefix}{row[key]}" if row.get(key) else None


def _report(request: HttpRequest, given: Mapping[str, Any], by: Actor) -> dict[str, Any]:
    """A report's tables as the actor may see them, ready for the page."""
    report = report_shown(given, by)
    tables = [{"name": name, **counts} for name, counts in report.get("tables", {}).items()]
    counts = [("inserted", "New"), ("updated", "Changed"), ("unchanged", "Unchanged"), ("deleted", "Gone"), ("quarantined", "Quarantined")]
    taken = DataTable(
        request,
        "crm:report",
        [Col("name", "Table", phone="title"), *(Col(key, label, "number", total=True) for key, label in counts)],
        tables, title="Rows by table", search=False, prefix="t-", page=100, name="import-tables",
    )  # fmt: skip
    total = report.get("quarantined_total", 0)
    shown = len(report.get("quarantined", []))
    refused = DataTable(
        request,
        "crm:refused",
        [
            Col("reason", "Reason", phone="title"),
            Col("file", "File"),
            Col("row", "Row", "number"),
            Col("table_name", "Table"),
            Col("field", "Column", value=lambda row: (row["field"] or "").removesuffix("_minor") or None),
            *([Col("raw", "Cells", hidden=True)] if sees_cells(by) else []),
        ],
        report.get("quarantined", []), title="Rows that were not taken", prefix="q-", name="quarantined",
        note=f"the first {shown} of {total}" if total > shown else "kept with their reason, never dropped",
    )  # fmt: skip
    return {"report": report, "taken": taken, "refused": refused if total else None}


@require_GET
def imports(request: HttpRequest) -> HttpResponse:
    """Bring files in, and what was brought in before."""
    by = web_actor(request)
    by.need("admin", "sales-ops", "auditor", to="look at imports")
    rows = [
        {
            "id": run.pk, "source": Path(run.source).name, "by": run.by, "at": run.started_at, "status": run.status,
            "taken": sum(t["inserted"] + t["updated"] for t in run.report.get("tables", {}).values()),
            "quarantined": run.report.get("quarantined_total", 0), "alarms": len(run.report.get("alarms", [])),
        }
        for run in ImportRun.objects.all()[:500]
    ]  # fmt: skip
    columns = [
        Col("source", "Source", href=_link("/pipeline/import/runs/"), phone="title"),
        Col("at", "When", "instant"),
        Col("by", "By"),
        Col("status", "Status"),
        Col("taken", "New or changed", "number", phone="big"),
        Col("quarantined", "Quarantined", "number"),
        Col("alarms", "Alarms", "number"),
    ]
    table = DataTable(
        request, "crm:imports", columns, rows, title="Imports so far", name="imports", search=False, sort="-at",
        empty=("Nothing imported yet", "Choose files above; a preview comes first."),
    )  # fmt: skip
    may = by.has("admin", "sales-ops")
    context = {
        "table": table, "may_import": may, "waiting": [_waiting(batch) for batch in previews.waiting(by=by)] if may else [],
        "folders": [str(folder) for folder in previews.server_folders()] if may else [],
    }  # fmt: skip
    return table.answer() or render(request, "crm/imports.html", context)


def _waiting(batch: previews.Batch) -> dict[str, Any]:
    job = batch.preview
    words = {"queued": "waits for the worker", "running": "being looked at", "done": "ready to import", "failed": "needs a hand"}
    tones = {"done": "good", "failed": "bad"}
    return {
        "name": batch.name, "title": job.title.removeprefix("Preview of ") if job else batch.name, "by": job.by_name if job else "",
        "at": job.created_at if job else None, "state": words.get(job.status, job.status) if job else "–",
        "tone": tones.get(job.status, "warn") if job else "warn",
    }  # fmt: skip


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Keep the uploaded files, or take a folder of the server, and go to the preview, which a job makes."""
    by = web_actor(request)
    by.need("admin", "sales-ops", to="import facts")
    try:
        if request.POST.get("folder"):
            batch = previews.from_folder(request.POST["folder"], by=by)
        else:
            batch = previews.upload(request.FILES.getlist("files"), by=by)
    except ClosedwonError as error:
        title = "This cannot be imported"
        return render(request, "crm/problem.html", {"error": error, "title": title}, status=getattr(error, "status", 422))
    return redirect("crm:preview", batch=batch.name)


@require_http_methods(["GET", "POST"])
def preview(request: HttpRequest, batch: str) -> HttpResponse:
    """The mapping and what an import would take, change and refuse, as the job finds it; then the import itself as a job."""
    by = web_actor(request)
    found = previews.find(batch, by=by)
    if request.method == "POST":
        return _decide(request, found, by)
    job = found.preview
    if request.headers.get("HX-Request") == "true" and request.GET.get("part") == "progress":
        answer = render(request, "crm/_look.html", {"batch": found, "job": job})
        if job is None or job.is_finished:
            answer.headers["HX-Refresh"] = "true"
        return answer
    report = found.report if job and job.status == "done" else None
    context = {
        "batch": found, "job": job, "imported": found.imported, "title": job.title if job else "Preview of an import",
        "failed": bool(job and job.status in {"failed", "cancelled"}), "cells": sees_cells(by),
        **(_report(request, report, by) if report else {}),
    }  # fmt: skip
    for table in (context.get("taken"), context.get("refused")):
        if table is not None and (answer := table.answer()):
            return answer
    return render(request, "crm/preview.html", context)


def _decide(request: HttpRequest, batch: previews.Batch, by: Actor) -> HttpResponse:
    """Import it, look at it again under another mapping, or throw it away."""
    verb = request.POST.get("do")
    if verb == "import":
        return redirect(f"/admin/jobs/{previews.bring_in(batch, by=by).pk}")
    if verb == "drop":
        previews.drop(batch, by=by)
        undo.said(request, "The upload was thrown away.", "crm.upload", batch=batch.name)
        return redirect("crm:imports")
    before = batch.mapping
    previews.remap(batch, request.POST.get("mapping", before), by=by)
    if batch.mapping != before and len(before) <= LONGEST_UNDONE:
        undo.said(request, "The mapping is changed; the files are looked at again.", "crm.mapping", batch=batch.name, text=before)
    return redirect("crm:preview", batch=batch.name)


LONGEST_UNDONE = 20_000
"""Characters of a mapping up to which the toast offers the one before: it travels in the address."""


@undo.register("crm.upload")
def _upload_back(request: HttpRequest, batch: str) -> None:
    previews.take_back(batch, by=web_actor(request))


@undo.register("crm.mapping")
def _mapping_back(request: HttpRequest, batch: str, text: str) -> None:
    by = web_actor(request)
    previews.remap(previews.find(batch, by=by), text, by=by)


@require_GET
def import_run(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of one import."""
    by = web_actor(request)
    by.need("admin", "sales-ops", "auditor", to="look at imports")
    run = ImportRun.objects.filter(pk=pk).first()
    if run is None:
        raise Http404
    made = _report(request, run.report, by)
    answer = made["taken"].answer() or (made["refused"].answer() if made["refused"] else None)
    return answer or render(
        request, "crm/run.html", {"run": run, "title": f"Import of {Path(run.source).name}", "cells": sees_cells(by), **made}
    )


routes = [
    path("pipeline/import/", imports, name="imports"),
    path("pipeline/import/upload", upload, name="upload"),
    path("pipeline/import/runs/<int:pk>", import_run, name="import"),
    path("pipeline/import/<str:batch>", preview, name="preview"),
]
