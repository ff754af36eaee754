"""The pages of collections: all documents of a kind, a new one from a template or a copy, and retiring one."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies import actions
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import PolicyKind, document, kind
from closedwon.ui.tables import Col, DataTable

COLUMNS = [
    Col("name", "Document", href=lambda row: row["href"]),
    Col("title", "Title"),
    Col("state", "State", "status", filter=True),
    Col("applied_at", "Applied", "instant"),
    Col("applied_by", "By", filter=True),
    Col("note", "Why"),
    Col("digest", "Version"),
]


def rows_of(found: PolicyKind, by: Actor) -> list[dict[str, Any]]:
    """Every document of a collection: in force, drafted by the actor, or only on disk; the retired ones too."""
    drafts = set(PolicyVersion.objects.filter(kind=found.name, status="draft", written_by=by.name).values_list("document", flat=True))
    last = PolicyVersion.objects.filter(kind=found.name, status__in=("applied", "retired")).order_by().values("document")
    ids = last.annotate(last=Max("id")).values("last")
    made = {one.document: _row(found, one, one.document in drafts) for one in PolicyVersion.objects.filter(id__in=ids)}
    for name in drafts - set(made):
        made[name] = _blank(found, name, ("your draft", "warn"))
    for name in set(actions.file_names(found.folder)) - set(made):
        made[name] = _blank(found, name, ("only a file", "warn"))
    return [made[name] for name in sorted(made)]


def _row(found: PolicyKind, version: PolicyVersion, has_draft: bool) -> dict[str, Any]:
    state = ("retired", "") if version.is_retired else ("you have a draft", "warn") if has_draft else ("in force", "good")
    if state[1] == "good" and actions.differs(version):
        state = ("the file differs", "warn")
    return {
        **_blank(found, version.document, state), "title": title_in(version.text), "applied_at": version.applied_at, "applied_by": version.applied_by, "note": version.note or None,
        "digest": version.digest[:8] or None,
    }  # fmt: skip


def title_in(text: str) -> str | None:
    """The title that a text gives itself, None where it gives none."""
    head = text.partition("\n[")[0]
    found = re.search(r"^title\s*=.*$", head, re.MULTILINE)
    try:
        return str(tomllib.loads(found[0])["title"]) if found else None
    except tomllib.TOMLDecodeError:
        return None


def _blank(found: PolicyKind, name: str, state: tuple[str, str]) -> dict[str, Any]:
    href = reverse("policies:policy", args=[f"{found.name}/{name}"])
    return {"name": name, "title": None, "state": state, "applied_at": None, "applied_by": None, "note": None, "digest": None, "href": href}


def collection(request: HttpRequest, found: PolicyKind, by: Actor) -> HttpResponse:
    """All documents of a kind."""
    rows = rows_of(found, by)
    table = DataTable(
        request, f"policies:{found.name}", [one for one in COLUMNS if one.key != "title" or any(row["title"] for row in rows)], rows, title=found.title, sort="name", row_href=lambda row: row["href"],
        empty=(f"No {found.title.lower()} yet", "Make the first one from a template."),
    )  # fmt: skip
    if (answer := table.answer()) is not None:
        return answer
    counts = {"live": sum(row["state"][0] in {"in force", "you have a draft", "the file differs"} for row in rows), "all": len(rows)}
    return render(
        request, "policies/collection.html", {"kind": found, "table": table, "counts": counts, "may_write": by.has(*actions.KEEPERS)}
    )


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, name: str) -> HttpResponse:
    """A new document of a collection, begun with a template, a copy of another one, or nothing; it is a draft until it is applied."""
    by = web_actor(request)
    by.need(*actions.KEEPERS, to="write a policy")
    found, failed = kind(name), None
    chosen = {"name": request.POST.get("name", "").strip().lower(), "start": request.POST.get("start", request.GET.get("start", ""))}
    if request.method == "POST":
        try:
            made = actions.begin(found.name, chosen["name"], chosen["start"], by=by)
            return redirect("policies:form", name=made.key)
        except ClosedwonError as error:
            failed = error
    names = list(actions.versions_in_force(found.name).values_list("document", flat=True))
    context = {
        "kind": found,
        "templates": [(one, _about(found.template(one))) for one in found.template_names()],
        "names": names,
        "chosen": chosen,
        "failed": failed,
    }
    return render(request, "policies/new.html", context, status=failed.status if failed else 200)


def _about(text: str) -> str:
    """The first comment of a text, which says what it is."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return first.lstrip("# ").strip()[:120] if first.startswith("#") and not first.startswith("#:") else ""


@require_POST
def retire(request: HttpRequest, name: str) -> HttpResponse:
    """Take a document out of force."""
    by = web_actor(request)
    found = document(name)
    actions.retire(found.key, by=by, note=request.POST.get("note", "").strip(), expected=request.POST.get("expected") or None)
    undo = next((reverse("policies:back", args=[found.key, one.pk]) for one in actions.history(found.key) if not one.is_retired), "")
    said = f"{found.title} is retired. Its history stays; any of its versions brings it back."
    messages.success(request, said, extra_tags=f"undo:{undo}")
    return redirect("policies:policy", name=found.key)
