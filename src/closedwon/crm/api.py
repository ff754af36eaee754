"""Deals, accounts, imports and data quality over the API. Money is text in major units."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile

from closedwon.base.errors import NotFound
from closedwon.base.money import format_major
from closedwon.crm import actions, previews
from closedwon.crm.funnel.api import router as funnel
from closedwon.crm.models import ImportRun
from closedwon.crm.previews import Batch
from closedwon.crm.refused import report_shown
from closedwon.jobs.models import Job
from closedwon.people.acting import api_actor
from closedwon.people.actor import Actor

router = Router()
router.add_router("/funnel", funnel)


class DealOut(Schema):
    """A deal as it stood."""

    id: str
    name: str | None
    account_id: str | None
    account: str | None
    owner_id: str | None
    owner: str | None
    order_type: str | None
    stage: str | None
    status: str
    category: str
    amount: str
    currency: str | None
    close_date: date | None
    segment: str | None
    region: str | None


class DealsOut(Schema):
    """A page of deals."""

    total: int
    page: int
    pages: int
    rows: list[DealOut]


def _deal(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "amount": format_major(row["amount_minor"], row["currency"] or "USD")}


class DealFilters(Schema):
    """What to list."""

    as_of: date | None = None
    find: str = ""
    stage: str = ""
    category: str = ""
    status: str = ""
    order_type: str = ""
    segment: str = ""
    region: str = ""
    owner_id: str = ""
    account_id: str = ""
    closes_from: date | None = None
    closes_to: date | None = None
    sort: str = "close_date"
    descending: bool = False
    page: int = 1
    size: int = 50


@router.get("/deals", response=DealsOut, summary="Deals as they stood")
def list_deals(request: HttpRequest, filters: Query[DealFilters]) -> Any:
    """The deals that the caller may see, filtered, sorted and paged."""
    given = filters.dict()
    names = ("stage", "category", "status", "order_type", "segment", "region", "owner_id", "account_id")
    where = {name: given[name] for name in names if given[name]}
    query = actions.DealQuery(
        where, given["find"], given["closes_from"], given["closes_to"], given["sort"], given["descending"], given["page"], given["size"]
    )
    found = actions.deals(api_actor(request), query, as_of=given["as_of"])
    return {"total": found.total, "page": found.page, "pages": found.pages, "rows": [_deal(row) for row in found.rows]}


class ChangeOut(Schema):
    """One change of a deal."""

    at: Any
    field: str
    old_value: str | None
    new_value: str | None
    changed_by: str | None


class DealDetail(DealOut):
    """A deal with its changes."""

    changes: list[ChangeOut]


@router.get("/deals/{deal_id}", response=DealDetail, summary="One deal and its history")
def get_deal(request: HttpRequest, deal_id: str, as_of: date | None = None) -> Any:
    """One deal with every change up to the as-of day."""
    return _deal(actions.deal(api_actor(request), deal_id, as_of=as_of))


class QualityOut(Schema):
    """One question of data quality."""

    key: str
    title: str
    why: str
    count: int
    ids: list[str]


@router.get("/quality", response=list[QualityOut], summary="What is dirty in the data")
def list_quality(request: HttpRequest, as_of: date | None = None) -> Any:
    """Each check with its count and the first ids."""
    found = actions.quality(api_actor(request), today=as_of, limit=100)
    return [{"key": c.key, "title": c.title, "why": c.why, "count": c.count, "ids": [row["id"] for row in c.rows]} for c in found]


class ImportOut(Schema):
    """One import and its report."""

    id: int
    source: str
    by: str
    status: str
    started_at: Any
    report: dict[str, Any]


@router.get("/imports", response=list[ImportOut], summary="Imports, newest first")
def list_imports(request: HttpRequest, limit: int = 50) -> Any:
    """The newest imports with their reports."""
    by = api_actor(request)
    by.need("admin", "sales-ops", "auditor", to="look at imports")
    return [_run(run, by) for run in ImportRun.objects.all()[: max(1, min(limit, 500))]]


def _run(run: ImportRun, by: Actor) -> ImportRun:
    run.report = report_shown(run.report, by)
    return run


@router.get("/imports/{run_id}", response=ImportOut, summary="One import")
def get_import(request: HttpRequest, run_id: int) -> Any:
    """One import with its report."""
    by = api_actor(request)
    by.need("admin", "sales-ops", "auditor", to="look at imports")
    found = ImportRun.objects.filter(pk=run_id).first()
    if found is None:
        raise NotFound(f"There is no import {run_id}.")
    return _run(found, by)


class UploadOut(Schema):
    """Files that were sent: the job that looks at them or imports them, and what a look found. `job` is under /jobs/{id}."""

    upload: str
    job: int
    status: str
    mapping: str
    report: dict[str, Any] | None = None


def _upload(batch: Batch, job: Job, by: Actor) -> dict[str, Any]:
    report = report_shown(batch.report, by) if batch.report else None
    return {"upload": batch.name, "job": job.pk, "status": job.status, "mapping": batch.mapping, "report": report}


def _accepted(batch: Batch, job: Job, by: Actor, response: HttpResponse) -> Status:
    response.headers["Location"] = f"/api/v1/jobs/{job.pk}"
    return Status(202, _upload(batch, job, by))


@router.post("/imports", response={202: UploadOut}, summary="Import files")
def post_import(
    request: HttpRequest,
    response: HttpResponse,
    files: File[list[UploadedFile]],
    mapping: Form[str] = "",
    dry_run: Form[bool] = True,
) -> Status:
    """Take files, and have the worker import them; a dry run, which is the default, reports the same under /crm/uploads/{upload} and writes nothing.

    The answer's Location is the job.
    """
    by = api_actor(request)
    return _accepted(*previews.submit(files, mapping=mapping, dry_run=dry_run, by=by), by, response)


@router.get("/uploads/{upload}", response=UploadOut, summary="What a dry run found")
def get_upload(request: HttpRequest, upload: str) -> Any:
    """Files that were sent, with the report of the last look at them; none before its job is done."""
    by = api_actor(request)
    batch = previews.find(upload, by=by)
    job = batch.imported or batch.preview
    if job is None:
        raise NotFound(f"Nobody looked at {upload} yet.")
    return _upload(batch, job, by)


@router.post("/uploads/{upload}/import", response={202: UploadOut}, summary="Import what was looked at")
def import_upload(request: HttpRequest, response: HttpResponse, upload: str) -> Status:
    """Have the worker import files that were sent before, once."""
    by = api_actor(request)
    batch = previews.find(upload, by=by)
    return _accepted(batch, previews.bring_in(batch, by=by), by, response)
