"""The pages of policies: what is in force and since when, every version and what it changed, and an editor that checks while one writes."""

from __future__ import annotations

from difflib import unified_diff
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import include, path, register_converter
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies import actions, case_pages, collection_pages, form_pages
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import document, kind, kinds
from closedwon.policies.schema import keys_of, schema_of
from closedwon.policies.showing import checked
from closedwon.policies.urls import KeyConverter


def _reader(request: HttpRequest) -> Actor:
    by = web_actor(request)
    by.need(*actions.READERS, to="read policies")
    return by


@require_GET
def policies(request: HttpRequest) -> HttpResponse:
    """Every kind of policy with the version in force, or how many documents are."""
    by = _reader(request)
    rows = []
    for found in kinds():
        if found.many:
            versions = list(actions.versions_in_force(found.name).defer("text").order_by("-applied_at"))
            drafts = PolicyVersion.objects.filter(kind=found.name, status="draft", written_by=by.name).count()
            rows.append(
                {"doc": found, "key": found.name, "version": versions[0] if versions else None, "count": len(versions), "drafts": drafts}
            )
            continue
        version = actions.in_force(found.name)
        differs = version is not None and actions.differs(version)
        rows.append({"doc": found, "key": found.name, "version": version, "draft": actions.draft_of(found.name, by=by), "differs": differs})
    return render(request, "policies/policies.html", {"rows": rows})


def _told(older: PolicyVersion | None, version: PolicyVersion) -> list[str]:
    if version.is_retired:
        return ["no longer in force"]
    return actions.compare(older.text, version.text) if older and not older.is_retired else ["back in force" if older else "first version"]


def _history(name: str) -> list[dict[str, Any]]:
    versions = actions.history(name)
    made = []
    for at, version in enumerate(versions):
        older = versions[at + 1] if at + 1 < len(versions) else None
        made.append(
            {
                "version": version,
                "is_now": at == 0,
                "older": older,
                "changes": _told(older, version),
            }
        )
    return made


@require_GET
def policy(request: HttpRequest, name: str) -> HttpResponse:
    """One policy: its text in force, its versions and what each changed."""
    by = _reader(request)
    if "/" not in name and kind(name).many:
        return collection_pages.collection(request, kind(name), by)
    found, version = document(name), actions.in_force(name)
    disk = actions.on_disk(name)
    differs = version is not None and disk is not None and disk != version.text
    told = actions.problems_of(name, version.text) if version else []
    context = {
        "doc": found, "version": version, "history": _history(name)[:50], "may_write": by.has(*actions.KEEPERS),
        "draft": actions.draft_of(name, by=by), "title": collection_pages.title_in(version.text) if version and found.name else "", "read": form_pages.read_nodes(name, version.text if version else ""), "lines": _lines(version.text if version else ""),
        "differs": actions.compare(version.text, disk or "") if version and differs else [],
        "warnings": [one for one in told if one.severity != "error"], "mistakes": [one for one in told if one.severity == "error"], **case_pages.results(request, name, actions.cases(name) or "", by),
        "preview": actions.preview(name, version.text, by=by) if version else None, "tables": actions.tables(name, version.text) if version else [],
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
        "doc": document(name), "version": chosen, "lines": _lines(chosen.text), "now": now, "may_write": by.has(*actions.KEEPERS),
        "changes": actions.compare(now.text, chosen.text) if now and now.pk != chosen.pk else [], "read": form_pages.read_nodes(name, chosen.text),
        "problems": actions.check(name, chosen.text) if chosen.status == "applied" else [],
    }  # fmt: skip
    return render(request, "policies/version.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """Write a draft, see what it would change, and bring it into force."""
    by = web_actor(request)
    by.need(*actions.KEEPERS, to="write a policy")
    found, version = document(name), actions.in_force(name)
    text, expected = _text(request), request.POST.get("expected", version.digest if version else "")
    if request.method == "POST":
        try:
            return _act(request, name, text, expected, by)
        except ClosedwonError as error:
            messages.error(request, error.message)
            context = {**checked(name, text, by), **_editor(name, text, expected, by, version), "failed": error}
            return render(request, "policies/edit.html", context, status=error.status)
    start = _start(request, name, by, version)
    return render(request, "policies/edit.html", {**checked(name, start, by), **_editor(name, start, expected, by, version), "doc": found})


def _act(request: HttpRequest, name: str, text: str, expected: str, by: Actor) -> HttpResponse:
    verb, note = request.POST.get("verb", "draft"), request.POST.get("note", "").strip()
    if verb == "apply":
        return form_pages.applied(request, name, actions.apply(name, text, by=by, note=note, expected=expected))
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
        return actions.on_disk(name) or ""
    draft = actions.draft_of(name, by=by)
    return draft.text if draft else version.text if version else document(name).default_text() or ""


def _text(request: HttpRequest) -> str:
    return request.POST.get("text", "").replace("\r\n", "\n")


def _editor(name: str, text: str, expected: str, by: Actor, version: PolicyVersion | None) -> dict[str, Any]:
    return {
        "doc": document(name), "text": text, "expected": expected, "version": version, "draft": actions.draft_of(name, by=by),
        "count": max(1, text.count("\n") + 1), "keys": keys_of(schema_of(document(name).kind), form_pages.names_by_key(name, text)),
        "functions": form_pages.FUNCTIONS,
    }  # fmt: skip


@require_POST
def back(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """Bring an earlier version into force again."""
    by = web_actor(request)
    note, expected = request.POST.get("note", "").strip(), request.POST.get("expected")
    return form_pages.applied(request, name, actions.back_to(name, number, by=by, note=note, expected=expected))


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponse:
    """The mistakes in the text as it is being written, and the plan where there are none; for htmx."""
    by = web_actor(request)
    by.need(*actions.KEEPERS, to="write a policy")
    return render(request, "policies/checked.html", {**checked(name, _text(request), by), "doc": document(name)})


@require_GET
def compare(request: HttpRequest, name: str) -> HttpResponse:
    """What differs between any two versions, in words and line by line; `file` is the file on disk, `draft` the own draft."""
    by = _reader(request)
    document(name)
    versions = actions.history(name)
    newest = [str(version.pk) for version in versions[:2]]
    chosen = {"b": request.GET.get("b") or (newest[0] if newest else ""), "a": request.GET.get("a") or (newest[-1] if newest else "")}
    texts = {side: _one_text(name, value, by) for side, value in chosen.items()}
    before, after = texts["a"], texts["b"]
    context = {
        "doc": document(name), "versions": versions, "chosen": chosen, "changes": actions.compare(before, after), "has_draft": actions.draft_of(name, by=by),
        "has_file": actions.on_disk(name) is not None,
        "lines": [(line[:1], line[1:]) for line in unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2) if line[:3] not in {"---", "+++"}],
    }  # fmt: skip
    return render(request, "policies/compare.html", context)


def _one_text(name: str, chosen: str, by: Actor) -> str:
    if chosen == "file":
        return actions.on_disk(name) or ""
    if chosen == "draft":
        draft = actions.draft_of(name, by=by)
        return draft.text if draft else ""
    if not chosen.isdigit():
        return ""
    found = actions.version(name, int(chosen))
    if found.status == "draft" and found.written_by != by.name:
        by.need(*actions.KEEPERS, to="read the drafts of others")
    return found.text


@require_GET
def schema(request: HttpRequest, name: str) -> HttpResponse:
    """The JSON Schema of a kind of policy, for editors."""
    _reader(request)
    return JsonResponse(schema_of(kind(name.partition("/")[0])), json_dumps_params={"indent": 2, "ensure_ascii": False})


register_converter(KeyConverter, "key")
urlpatterns = [
    path(
        "policies/",
        include(
            (
                [
                    path("", policies, name="policies"),
                    path("<key:name>/", policy, name="policy"),
                    path("<key:name>/back/<int:number>/", back, name="back"),
                    path("<key:name>/new/", collection_pages.new, name="new"),
                    path("<key:name>/retire/", collection_pages.retire, name="retire"),
                    path("<key:name>/edit/", edit, name="edit"),
                    path("<key:name>/check/", check, name="check"),
                    path("<key:name>/effect/", form_pages.effect, name="effect"),
                    path("<key:name>/form/", form_pages.form, name="form"),
                    path("<key:name>/form/check/", form_pages.check, name="form-check"),
                    path("<key:name>/table/<str:place>/", form_pages.form, name="table"),
                    path("<key:name>/table/<str:place>/check/", form_pages.check, name="table-check"),
                    path("<key:name>/table/<str:place>/file.<slug:ending>", form_pages.table_file, name="table-file"),
                    path("<key:name>/compare/", compare, name="compare"),
                    path("<key:name>/cases/", case_pages.cases, name="cases"),
                    path("<key:name>/cases/form/", case_pages.form, name="cases-form"),
                    path("<key:name>/cases/run/", case_pages.run, name="run-cases"),
                    path("<key:name>/schema.json", schema, name="schema"),
                    path("<key:name>/versions/<int:number>/", one_version, name="version"),
                ],
                "policies",
            )
        ),
    )
]
