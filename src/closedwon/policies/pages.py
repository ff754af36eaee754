"""The pages of policies: what is in force and since when, every version and what it changed, and an editor that checks while one writes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies import actions
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import kind, kinds


def _reader(request: HttpRequest) -> Actor:
    by = web_actor(request)
    by.need(*actions.READERS, to="read policies")
    return by


@require_GET
def policies(request: HttpRequest) -> HttpResponse:
    """Every kind of policy with the version in force."""
    by = _reader(request)
    rows = []
    for found in kinds():
        version, disk = actions.in_force(found.name), actions.on_disk(found)
        draft = actions.draft_of(found.name, by=by)
        differs = version is not None and disk is not None and disk != version.text
        rows.append({"kind": found, "version": version, "draft": draft, "differs": differs})
    return render(request, "policies/policies.html", {"rows": rows})


def _history(name: str) -> list[dict[str, Any]]:
    versions = actions.history(name)
    made = []
    for at, version in enumerate(versions):
        older = versions[at + 1] if at + 1 < len(versions) else None
        made.append(
            {"version": version, "is_now": at == 0, "changes": actions.compare(older.text, version.text) if older else ["first version"]}
        )
    return made


@require_GET
def policy(request: HttpRequest, name: str) -> HttpResponse:
    """One policy: its text in force, its versions and what each changed."""
    by = _reader(request)
    found, version = kind(name), actions.in_force(name)
    disk = actions.on_disk(found)
    differs = version is not None and disk is not None and disk != version.text
    context = {
        "kind": found, "version": version, "history": _history(name)[:50], "may_write": by.has(*actions.KEEPERS),
        "draft": actions.draft_of(name, by=by), "lines": _lines(version.text if version else ""),
        "differs": actions.compare(version.text, disk or "") if version and differs else [],
    }  # fmt: skip
    return render(request, "policies/policy.html", context)


def _lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(), 1))


@require_GET
def one_version(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """An earlier text, and how it differs from the one in force."""
    by = _reader(request)
    chosen, now = actions.version(name, number), actions.in_force(name)
    if chosen.status == "draft" and chosen.written_by != by.name:
        by.need(*actions.KEEPERS, to="read the drafts of others")
    context = {
        "kind": kind(name), "version": chosen, "lines": _lines(chosen.text), "now": now, "may_write": by.has(*actions.KEEPERS),
        "changes": actions.compare(chosen.text, now.text) if now and now.pk != chosen.pk else [],
    }  # fmt: skip
    return render(request, "policies/version.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Write a draft, see what it would change, and bring it into force."""
    by = web_actor(request)
    by.need(*actions.KEEPERS, to="write a policy")
    found, version = kind(name), actions.in_force(name)
    text, expected = _text(request), request.POST.get("expected", version.digest if version else "")
    if request.method == "POST":
        try:
            return _act(request, name, text, expected, by)
        except ClosedwonError as error:
            messages.error(request, error.message)
            context = {**_checked(name, text), **_editor(name, text, expected, by, version), "failed": error}
            return render(request, "policies/edit.html", context, status=error.status)
    start = _start(request, name, by, version)
    return render(request, "policies/edit.html", {**_checked(name, start), **_editor(name, start, expected, by, version), "kind": found})


def _act(request: HttpRequest, name: str, text: str, expected: str, by: Actor) -> HttpResponse:
    verb, note = request.POST.get("verb", "draft"), request.POST.get("note", "").strip()
    if verb == "apply":
        made = actions.apply(name, text, by=by, note=note, expected=expected)
        messages.success(request, f"{kind(name).title} {made.digest[:8]} is in force.")
        return redirect("policies:policy", name=name)
    if verb == "drop":
        actions.drop_draft(name, by=by)
        messages.success(request, "The draft is thrown away.")
        return redirect("policies:policy", name=name)
    actions.save_draft(name, text, by=by, note=note)
    messages.success(request, "Saved as your draft. It counts once it is applied.")
    return redirect("policies:edit", name=name)


def _start(request: HttpRequest, name: str, by: Actor, version: PolicyVersion | None) -> str:
    """The text to begin with: an earlier version that was asked for, the file, the own draft, the text in force, or the shipped one."""
    chosen = request.GET.get("from", "")
    if chosen.isdigit():
        return actions.version(name, int(chosen)).text
    if chosen == "file":
        return actions.on_disk(kind(name)) or ""
    draft = actions.draft_of(name, by=by)
    return draft.text if draft else version.text if version else kind(name).default_text() or ""


def _text(request: HttpRequest) -> str:
    return request.POST.get("text", "").replace("\r\n", "\n")


def _editor(name: str, text: str, expected: str, by: Actor, version: PolicyVersion | None) -> dict[str, Any]:
    return {
        "kind": kind(name), "text": text, "expected": expected, "version": version, "draft": actions.draft_of(name, by=by),
        "count": max(1, text.count("\n") + 1),
    }  # fmt: skip


def _checked(name: str, text: str) -> dict[str, Any]:
    """The mistakes of a text, or what it would change."""
    problems = actions.check(name, text)
    plan = None if problems else actions.plan(name, text)
    return {"problems": problems, "plan": plan, "wrong": sorted({item.line for item in problems if item.line})}


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponse:
    """The mistakes in the text as it is being written, and the plan where there are none; for htmx."""
    web_actor(request).need(*actions.KEEPERS, to="write a policy")
    return render(request, "policies/checked.html", {**_checked(name, _text(request)), "kind": kind(name)})


urlpatterns = [
    path(
        "policies/",
        include(
            (
                [
                    path("", policies, name="policies"),
                    path("<slug:name>/", policy, name="policy"),
                    path("<slug:name>/edit/", edit, name="edit"),
                    path("<slug:name>/check/", check, name="check"),
                    path("<slug:name>/versions/<int:number>/", one_version, name="version"),
                ],
                "policies",
            )
        ),
    )
]
