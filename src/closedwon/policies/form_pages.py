"""Policies as forms and grids: the same text as the editor's, filled in by people who never saw TOML."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError, Invalid, NotFound
from closedwon.formula.decisions import DecisionTable, grids
from closedwon.formula.decisions.files import MOST_BYTES, read_bytes, write_bytes
from closedwon.formula.decisions.table import build
from closedwon.formula.functions import TABLE
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies import actions, forms, tabletext
from closedwon.policies.forms import Node
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import document
from closedwon.policies.schema import schema_of
from closedwon.policies.showing import checked
from closedwon.policies.tomltext import written
from closedwon.ui.parts import Change

FUNCTIONS = [{"key": f"{one.name}(", "about": f"{one.signature}: {one.doc}"} for one in TABLE.values() if one.group]
"""The functions of formulas, for completion."""
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "dmn": "application/xml; charset=utf-8",
    "toml": "application/toml; charset=utf-8",
}


@dataclass
class _Page:
    """What a form's page is about: the kind, the one table that it shows or everything, and who fills it in."""

    request: HttpRequest
    name: str
    only: str
    by: Actor

    @property
    def schema(self) -> dict[str, Any]:
        return schema_of(document(self.name).kind)

    def all_nodes(self, text: str) -> list[Node]:
        """Every field of the policy, whatever the page shows; none where the text is no TOML."""
        try:
            return forms.form(self.schema, text, forms.Form(self.schema, {}, documents_of, document(self.name).kind.names))
        except tomllib.TOMLDecodeError:
            return []

    @cached_property
    def form(self) -> forms.Form:
        """What the nodes are made with; its offers are filled while they are."""
        return forms.Form(self.schema, {}, documents_of, document(self.name).kind.names)

    def nodes(self, text: str) -> list[Node]:
        """The fields to show. Raises NotFound where there is no such table, Invalid where the text is no TOML."""
        try:
            nodes = forms.form(self.schema, text, self.form)
        except tomllib.TOMLDecodeError as error:
            raise Invalid(f"The text cannot be shown as a form: {error}.", mend="Mend it in the text editor first.") from error
        if not self.only:
            return nodes
        found = [node for node in forms.walk(nodes) if self.only in {node.path, node.place} and node.kind == "table"]
        if not found:
            raise NotFound(f"The policy has no decision table at {self.only}.", mend="Open it from the policy's form.")
        return found

    def filled(self) -> str:
        """The text with what was filled in."""
        text = self.request.POST.get("text", "").replace("\r\n", "\n")
        try:
            return forms.filled(self.schema, text, self.request.POST, self.only)
        except tomllib.TOMLDecodeError as error:
            raise Invalid(f"The text cannot be read: {error}.", mend="Open the form again.") from error
        except ValueError as error:
            raise Invalid(f"The form cannot be read: {error}.", mend="Open the form again.") from error


def names_by_key(name: str, text: str) -> dict[str, dict[str, str]]:
    """What the formulas of a text may name, by the path of their key without numbers; none where the text cannot be read."""
    made = forms.Form({}, {}, documents_of, document(name).kind.names)
    try:
        nodes = forms.form(schema_of(document(name).kind), text, made)
    except tomllib.TOMLDecodeError:
        return {}
    found: dict[str, dict[str, str]] = {}
    for node in forms.walk(nodes):
        if node.kind == "formula":
            key = ".".join(part for part in node.place.split(".") if not part.isdigit())
            found[key] = {**found.get(key, {}), **made.offers[node.names]}
    return found


@require_POST
def effect(request: HttpRequest, name: str) -> HttpResponse:
    """Whom a text would move and by how much, on the company's own data; for htmx."""
    by = web_actor(request)
    by.need(*actions.READERS, to="read policies")
    text = request.POST.get("checked", request.POST.get("text", "")).replace("\r\n", "\n")
    return render(request, "policies/effect.html", {"effect": actions.effect(name, text, by=by), "doc": document(name)})


def applied(request: HttpRequest, name: str, version: PolicyVersion) -> HttpResponse:
    """To the policy's page, which says that it is in force and offers to undo that."""
    older = [one for one in actions.history(name) if one.pk != version.pk][:1]
    undo = reverse("policies:back", args=[name, older[0].pk]) if older and not older[0].is_retired else ""
    messages.success(request, f"{document(name).title} {version.digest[:8]} is in force.", extra_tags=f"undo:{undo}" if undo else "")
    return redirect("policies:policy", name=name)


def read_nodes(name: str, text: str) -> list[Node]:
    """What a text says, as the fields of its form, for reading; none where it cannot be read."""
    schema = schema_of(document(name).kind)
    try:
        return forms.form(schema, text, forms.Form(schema, {}, lambda _: []))
    except tomllib.TOMLDecodeError:
        return []


def documents_of(name: str) -> list[str]:
    """The names of a collection's documents that are in force; none where there is no such kind."""
    return list(actions.versions_in_force(name).values_list("document", flat=True))


def start_text(name: str, by: Actor) -> str:
    """The text that a form begins with: the own draft, the text in force, or the shipped one."""
    version, draft = actions.in_force(name), actions.draft_of(name, by=by)
    return draft.text if draft else version.text if version else document(name).default_text() or ""


@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, name: str, place: str = "") -> HttpResponse:
    """A policy as a form, or one of its decision tables as a grid: fill it in, see what it does, save or apply it."""
    by = web_actor(request)
    by.need(*actions.KEEPERS, to="write a policy")
    page = _Page(request, document(name).key, place, by)
    if request.method == "GET":
        text = start_text(name, by)
        try:
            if place and (path := page.nodes(text)[0].path) != place:
                return redirect("policies:table", name=name, place=path)
            return _shown(page, text)
        except Invalid as error:
            messages.error(request, f"{error.message} {error.mend or ''}")
            return redirect("policies:edit", name=name)
    text = page.filled()
    try:
        return _act(page, text)
    except ClosedwonError as error:
        return _shown(page, text, failed=error)


def _act(page: _Page, text: str) -> HttpResponse:
    request, name, by = page.request, page.name, page.by
    verb, press = request.POST.get("verb", ""), request.POST.get("do", "")
    if press:
        try:
            return _shown(page, forms.pressed(page.schema, text, press), press=press)
        except ValueError as error:
            raise Invalid(f"That cannot be done: {error}.", mend="Open the form again.") from error
    if verb.startswith("file:"):
        return _file(page, text, verb.removeprefix("file:"))
    if verb == "upload":
        return _uploaded(page, text)
    if verb.startswith("open:"):
        place = verb.removeprefix("open:")
        actions.save_draft(name, _begun(text, place), by=by, note=request.POST.get("note", "").strip())
        return redirect("policies:table", name=name, place=place)
    if verb == "apply":
        note, expected = request.POST.get("note", "").strip(), request.POST.get("expected", "")
        return applied(request, name, actions.apply(name, text, by=by, note=note, expected=expected))
    if verb == "drop":
        actions.drop_draft(name, by=by)
        messages.success(request, "The draft is thrown away.")
        return redirect("policies:policy", name=name)
    if verb != "draft":
        return _shown(page, text)
    actions.save_draft(name, text, by=by, note=request.POST.get("note", "").strip())
    messages.success(request, "Saved as your draft. It counts once it is applied.")
    return redirect(request.path)


def _shown(page: _Page, text: str, *, press: str = "", failed: ClosedwonError | None = None) -> HttpResponse:
    request, version = page.request, actions.in_force(page.name)
    nodes = page.nodes(text)
    context = {
        "doc": document(page.name), "nodes": nodes, "text": text, "only": page.only, "table": nodes[0].table if page.only else None,
        "expected": request.POST.get("expected", version.digest if version else ""), "version": version, "failed": failed,
        "draft": actions.draft_of(page.name, by=page.by), "focus": focus_of(press, nodes), "note": request.POST.get("note", ""),
        "here": request.path, "names_json": json.dumps(page.form.offers), "functions": FUNCTIONS, **checked(page.name, text, page.by, page.all_nodes(text)),
    }  # fmt: skip
    part = press and request.headers.get("HX-Request")
    return render(request, "policies/form_body.html" if part else "policies/form.html", context, status=failed.status if failed else 200)


def focus_of(press: str, nodes: list[Node]) -> str:
    """The row that a button has just made, for the caret to go to."""
    verb, _, rest = press.partition(":")
    place, _, number = rest.partition(":")
    if verb == "copy" and number.isdigit():
        return f"{place}.{int(number) + 1}"
    if verb != "add":
        return ""
    counts = {node.path: len(node.rows) for node in forms.walk(nodes)}
    for node in forms.walk(nodes):
        if node.table:
            counts |= {f"{node.path}.rows": len(node.table.lines), f"{node.path}.inputs": len(node.table.inputs)}
            counts[f"{node.path}.outputs"] = len(node.table.outputs)
    return f"{place}.{counts[place] - 1}" if counts.get(place) else ""


@require_POST
def check(request: HttpRequest, name: str, place: str = "") -> HttpResponse:
    """The mistakes in what is being filled in, and the plan where there are none; for htmx."""
    by = web_actor(request)
    by.need(*actions.KEEPERS, to="write a policy")
    page = _Page(request, document(name).key, place, by)
    text = page.filled()
    return render(request, "policies/checked.html", {**checked(name, text, by, page.all_nodes(text)), "doc": document(name)})


def _table(page: _Page, text: str) -> tuple[dict[str, Any], DecisionTable]:
    """The one table of the text. Raises Invalid while it has mistakes."""
    given = _at(forms.parsed(text), page.only)
    table, problems = build(given, document(page.name).file)
    if table is None:
        raise Invalid("The table has mistakes.", problems=problems, mend="Mend them first; the grid says where they are.")
    return given, table


def _at(value: Any, place: str) -> Any:
    for part in place.split("."):
        try:
            value = value[int(part)] if isinstance(value, list) else value[_key(value, part)]
        except (KeyError, IndexError, ValueError, TypeError):
            return {}
    return value


def _begun(text: str, place: str) -> str:
    """The text with a table to fill in where there was none yet."""
    whole = forms.parsed(text)
    if _at(whole, place).get("inputs"):
        return text
    name = next((part for part in reversed(place.split(".")) if not part.isdigit()), "table")
    columns = {use: [{"name": f"{use.removesuffix('s')} 1", "type": "text"}] for use in ("inputs", "outputs")}
    table = {"table": name, "hit": "UNIQUE", **columns, "rows": [["-", "-"]]}
    return written(text, whole, _with(whole, place.split("."), table), {})


def _key(value: dict[str, Any], part: str) -> str:
    """A key of a mapping, also by its number: that is how forms name the entries of a mapping."""
    return list(value)[int(part)] if part not in value and part.isdigit() else part


def _file(page: _Page, text: str, ending: str) -> HttpResponse:
    if ending not in FORMATS or not page.only:
        raise NotFound(f"There is no file of the kind {ending}.", mend=f"There are {', '.join(FORMATS)}.")
    _, table = _table(page, text)
    answer = HttpResponse(write_bytes(table, f"x.{ending}"), content_type=FORMATS[ending])
    stem = "".join(sign if sign.isalnum() else "-" for sign in table.name)[:60] or "table"
    answer["Content-Disposition"] = f'attachment; filename="{stem}.{ending}"'
    return answer


@require_GET
def table_file(request: HttpRequest, name: str, place: str, ending: str) -> HttpResponse:
    """A decision table of the policy in force as XLSX, CSV, DMN or TOML."""
    by = web_actor(request)
    by.need(*actions.READERS, to="read policies")
    page = _Page(request, document(name).key, place, by)
    version = actions.in_force(name)
    if version is None:
        raise NotFound(f"No {name} policy is applied.", mend="Apply one.")
    page.only = page.nodes(version.text)[0].path
    return _file(page, version.text, ending)


def _uploaded(page: _Page, text: str) -> HttpResponse:
    """What a file that came back changes, row by row, for approval; nothing is kept yet."""
    file = page.request.FILES.get("file")
    if file is None or not page.only:
        raise Invalid("No file was chosen.", mend="Choose the XLSX, CSV or DMN file that you changed.")
    if (file.size or 0) > MOST_BYTES:
        raise Invalid("The file is too large for a decision table.", mend=f"Keep it under {MOST_BYTES:,} bytes.")
    table, problems = read_bytes(file.read(), str(file.name))
    if table is None:
        raise Invalid(f"{file.name} cannot be taken.", problems=problems, mend="Mend the file and bring it again.")
    page.nodes(text)
    before = _at(forms.parsed(text), page.only)
    after = grids.to_text(table)
    whole = forms.parsed(text)
    made = written(text, whole, _with(whole, page.only.split("."), after), {})
    version = actions.in_force(page.name)
    context = {
        "doc": document(page.name), "only": page.only, "text": made, "was": text, "changes": row_changes(before, after), "file": file.name,
        "expected": page.request.POST.get("expected", ""), "version": version, **checked(page.name, made, page.by, page.all_nodes(made)),
    }  # fmt: skip
    return render(page.request, "policies/upload.html", context)


def _with(value: Any, parts: list[str], new: Any) -> Any:
    if not parts:
        return new
    if isinstance(value, list):
        return [_with(one, parts[1:], new) if at == int(parts[0]) else one for at, one in enumerate(value)]
    key = _key(value, parts[0])
    return {**value, key: _with(value.get(key, {}), parts[1:], new)}


def row_changes(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """What differs between two texts of a table: its head, its columns, and its rows, matched as a diff matches lines."""
    old, new = tabletext.shown(before, "t"), tabletext.shown(after, "t")
    made = [
        Change("the table", label, getattr(old, key), getattr(new, key))
        for key, label in (("table", "name"), ("hit", "hit policy"), ("aggregate", "aggregate"), ("reference", "reference"))
        if getattr(old, key) != getattr(new, key)
    ]
    heads = [[f"{one.name} ({one.type})" for one in grid.columns] for grid in (old, new)]
    made += [Change("the columns", head, head, None) for head in heads[0] if head not in heads[1]]
    made += [Change("the columns", head, None, head) for head in heads[1] if head not in heads[0]]
    canonical = [_canonical(given) for given in (before, after)]
    names = [column.name for column in new.columns]
    for tag, i, j, k, m in SequenceMatcher(
        None, [tuple(r) for r in canonical[0]], [tuple(r) for r in canonical[1]], autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        for at in range(max(j - i, m - k)):
            one = canonical[0][i + at] if i + at < j else None
            two = canonical[1][k + at] if k + at < m else None
            made += _row_change(one, two, i + at + 1 if one else k + at + 1, names)
    return made


def _row_change(one: list[str] | None, two: list[str] | None, number: int, names: list[str]) -> list[Change]:
    if one is None or two is None:
        return [Change(f"row {number}", "the whole row", " · ".join(one) if one else None, " · ".join(two) if two else None)]
    heads = [*names, "note"]
    return [
        Change(f"row {number}", heads[at] if at < len(heads) else "", a, b)
        for at, (a, b) in enumerate(zip([*one, *[""] * (len(two) - len(one))], [*two, *[""] * (len(one) - len(two))], strict=True))
        if a != b
    ]


def _canonical(given: dict[str, Any]) -> list[list[str]]:
    table, _ = build(given)
    rows = grids.to_text(table)["rows"] if table else given.get("rows", [])
    return [[str(cell) for cell in row] for row in rows]
