"""The pages of jobs: what runs, what came out, what went wrong with its mend; and the schedules."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.jobs import actions, schedules
from closedwon.jobs.models import STATES, Job
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.ui.tables import Col, DataTable, Query, Rows

TONES = {"done": "good", "failed": "bad", "running": "info", "queued": "warn", "cancelled": ""}
COLUMNS = [
    Col("title", "Job", href=lambda row: reverse("jobs:job", args=[row["id"]]), sub="sub"),
    Col("status", "State", "status", filter=True),
    Col("by_name", "Started by", filter=True),
    Col("created_at", "Asked", "instant"),
    Col("seconds", "Took", "number", sort=False, hint="Seconds"),
    Col("attempts", "Attempts", "number", hidden=True),
    Col("id", "Number", "number", hidden=True),
]
SORTS = {"title": "title", "status": "status", "by_name": "by_name", "created_at": "id", "attempts": "attempts", "id": "id"}


def _rows(by: Actor) -> Any:
    def ask(query: Query) -> Rows:
        found = actions.visible(by)
        choices = {
            "status": list(STATES),
            "by_name": sorted(found.order_by().values_list("by_name", flat=True).distinct()[:200]),
        }
        if states := query.filters.get("status"):
            found = found.filter(status__in=states)
        if names := query.filters.get("by_name"):
            found = found.filter(by_name__in=names)
        if query.search:
            from django.db.models import Q

            words = query.search
            found = found.filter(
                Q(title__icontains=words) | Q(kind__icontains=words) | Q(error__icontains=words) | Q(text__icontains=words)
            )
        order = SORTS.get(query.sort, "id")
        found = found.order_by(f"-{order}" if query.descending or not query.sort else order, "-id")
        count = found.count()
        return Rows([_row(job) for job in found[query.offset : query.offset + query.limit]], count, choices=choices)

    return ask


def _row(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk, "title": job.title or job.kind, "sub": job.error or (job.text if not job.is_finished else ""),
        "status": (job.status, TONES[job.status]), "by_name": job.by_name, "created_at": job.created_at, "seconds": job.seconds,
        "attempts": job.attempts,
    }  # fmt: skip


def _live(by: Actor) -> list[Job]:
    return list(actions.visible(by).filter(status__in=["queued", "running"]).order_by("id")[:20])


@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """Every job that the person may see, what runs now, and the schedules for those who keep them."""
    by = web_actor(request)
    table = DataTable(
        request, "jobs", COLUMNS, _rows(by), title="All jobs" if actions.may_see_all(by) else "Your jobs", sort="-created_at",
        empty=("No job yet", "Imports, snapshots and checks appear here while they run and after."),
    )  # fmt: skip
    if answer := table.answer():
        return answer
    rows = schedules.schedules(by=by) if actions.may_see_all(by) else []
    context = {
        "table": table, "live": _live(by), "schedules": [(row, schedules.in_words(row), schedules.title_of(row)) for row in rows],
        "may_change": by.has(*schedules.KEEPERS),
    }  # fmt: skip
    return render(request, "jobs/jobs.html", context)


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """The part of the page that shows what runs; it asks for itself again."""
    return render(request, "jobs/live.html", {"live": _live(web_actor(request))})


@require_GET
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """One job: its progress, outcome, and what to do where it failed."""
    by = web_actor(request)
    found = actions.find(pk, by=by)
    import json

    context = {
        "job": found, "tone": TONES[found.status], "params": json.dumps(found.params, indent=1, ensure_ascii=False),
        "result": json.dumps(found.result, indent=1, ensure_ascii=False) if found.result is not None else "",
        "problems": found.problems[:200], "more": max(0, len(found.problems) - 200), "shows_trace": by.has("admin") and found.trace,
        "may_steer": by.has(*actions.STEER_ALL) or (by.user_id is not None and found.by_user == by.user_id),
    }  # fmt: skip
    if request.headers.get("HX-Request") == "true" and request.GET.get("part") == "progress":
        answer = render(request, "jobs/progress.html", context)
        if found.is_finished:
            answer.headers["HX-Refresh"] = "true"
        return answer
    return render(request, "jobs/job.html", context)


@require_POST
def steer(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Stop a job or repeat it."""
    verbs = {"cancel": (actions.cancel, "The job stops at its next step."), "retry": (actions.retry, "The job is queued again.")}
    if verb not in verbs:
        raise Http404
    do, said = verbs[verb]
    try:
        do(pk, by=web_actor(request))
        messages.success(request, said)
    except ClosedwonError as error:
        messages.error(request, str(error))
    return redirect("jobs:job", pk=pk)


@require_http_methods(["GET", "POST"])
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Change when the work is done, or do it now."""
    by = web_actor(request)
    row = schedules.find(pk, by=by)
    problem = ""
    if request.method == "POST":
        try:
            if "now" in request.POST:
                started = schedules.run_once(pk, by=by)
                return redirect("jobs:job", pk=started.pk)
            schedules.change(pk, by=by, **_given(request.POST))
            messages.success(request, f"{row.name}: {schedules.in_words(schedules.find(pk, by=by))}.")
            return redirect("jobs:jobs")
        except ClosedwonError as error:
            problem = str(error)
    context = {
        "row": row,
        "title": schedules.title_of(row),
        "words": schedules.in_words(row),
        "weekdays": list(enumerate(schedules.WEEKDAYS)),
        "problem": problem,
    }
    return render(request, "jobs/schedule.html", context, status=422 if problem else 200)


def _given(post: Any) -> dict[str, Any]:
    every = post.get("every", "day")
    try:
        at = time.fromisoformat(post.get("at") or "00:00")
        minutes, weekday = int(post.get("minutes") or 60), int(post.get("weekday") or 0)
    except ValueError as error:
        raise Invalid("The time, the minutes or the weekday cannot be read.", mend="Write the time as 03:00.") from error
    return {"every": every, "at": at, "minutes": minutes, "weekday": weekday, "enabled": post.get("enabled") == "on"}


urlpatterns = [
    path(
        "admin/jobs/",
        include(
            (
                [
                    path("", jobs, name="jobs"),
                    path("live/", live, name="live"),
                    path("schedules/<int:pk>/", schedule, name="schedule"),
                    path("<int:pk>/", job, name="job"),
                    path("<int:pk>/<slug:verb>/", steer, name="steer"),
                ],
                "jobs",
            )
        ),
    )
]
