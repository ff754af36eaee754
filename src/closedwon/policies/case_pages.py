"""The pages of cases: what is given and what must come out, as a form and as text, run while one writes."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from closedwon.base.errors import Invalid
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies import actions, forms
from closedwon.policies.cases import plain
from closedwon.policies.form_pages import focus_of
from closedwon.policies.registry import document
from closedwon.policies.tomltext import written

CASES = """# Each case: what is given, and what every named step must come to, exactly.
# [[case]]
# name = "in words"
# given = { }
# expect = { }
"""
_ANY = {"format": "any"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "case": {
            "type": "array",
            "title": "Cases of this policy",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "description": "What it shows, in words."},
                    "given": {"type": "object", "title": "What is given", "additionalProperties": _ANY},
                    "expect": {"type": "object", "title": "What must come out", "additionalProperties": _ANY},
                },
            },
        }
    },
}
"""The form of cases."""


def _reader(request: HttpRequest) -> Actor:
    by = web_actor(request)
    by.need(*actions.READERS, to="read policies")
    return by


def results(request: HttpRequest, name: str, text: str, by: Actor) -> dict[str, Any]:
    """How the cases come out against the policy in force, or against the own draft where it is asked for."""
    draft, version = actions.draft_of(name, by=by), actions.in_force(name)
    use_draft = bool(draft) and ((request.POST.get("against") or request.GET.get("against")) == "draft" or version is None)
    policy_text = draft.text if draft and use_draft else version.text if version else document(name).default_text() or ""
    try:
        found, trouble = actions.run(name, policy_text, text), None
    except Invalid as error:
        found, trouble = [], error
    good = sum(item.passed for item in found)
    told = {
        f"case.{at}.expect": [{"said": line, "tone": "bad"} for line in one.differences] for at, one in enumerate(found) if not one.passed
    }
    return {
        "results": found, "trouble": trouble, "good": good, "bad": len(found) - good, "draft": draft, "use_draft": use_draft,
        "policy_text": policy_text, "case_fields": json.dumps(told), "doc": document(name), "may_write": by.has(*actions.KEEPERS),
    }  # fmt: skip


@require_http_methods(["GET", "POST"])
def cases(request: HttpRequest, name: str) -> HttpResponse:
    """The cases beside a policy as text: run them, change them."""
    by = _reader(request)
    text = request.POST.get("text", "").replace("\r\n", "\n") if request.method == "POST" else actions.cases(name) or CASES
    failed = None
    if request.method == "POST":
        try:
            return _keep(request, name, text, by, "policies:cases")
        except Invalid as error:
            failed = error
    context = {"text": text, "failed": failed, **results(request, name, text, by)}
    return render(request, "policies/cases.html", context, status=failed.status if failed else 200)


def _keep(request: HttpRequest, name: str, text: str, by: Actor, page: str) -> HttpResponse:
    actions.save_cases(name, text, by=by)
    messages.success(request, f"The cases are kept in policies/{document(name).cases_file}.")
    return redirect(page, name=name)


@require_POST
def run(request: HttpRequest, name: str) -> HttpResponse:
    """How the cases come out as they are being written; nothing is kept; for htmx."""
    by = _reader(request)
    in_form = "case.some" in request.POST
    text = _filled(request) if in_form else request.POST.get("text", "").replace("\r\n", "\n")
    return render(request, "policies/results.html", {**results(request, name, text, by), "in_form": in_form})


@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, name: str) -> HttpResponse:
    """The cases as a form: one card each, names and values, what came out taken as what must come out."""
    by = _reader(request)
    if request.method == "GET":
        return _shown(request, name, actions.cases(name) or CASES, by)
    by.need(*actions.KEEPERS, to="write cases of a policy")
    text, press = _filled(request), request.POST.get("do", "")
    if press.startswith("take:"):
        return _shown(request, name, _taken(request, name, text, press.removeprefix("take:"), by), by, press)
    if press:
        try:
            return _shown(request, name, forms.pressed(SCHEMA, text, press), by, press)
        except ValueError as error:
            raise Invalid(f"That cannot be done: {error}.", mend="Open the cases again.") from error
    return _keep(request, name, text, by, "policies:cases-form")


def _filled(request: HttpRequest) -> str:
    try:
        return forms.filled(SCHEMA, request.POST.get("text", "").replace("\r\n", "\n"), request.POST)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise Invalid(f"The cases cannot be read: {error}.", mend="Open them again.") from error


def _shown(request: HttpRequest, name: str, text: str, by: Actor, press: str = "") -> HttpResponse:
    try:
        nodes = forms.form(SCHEMA, text)
    except tomllib.TOMLDecodeError:
        return redirect("policies:cases", name=name)
    context = {
        "nodes": nodes, "text": text, "here": request.path, "names_json": "{}", "in_form": True, "in_cases": True,
        "focus": focus_of(press, nodes), **results(request, name, text, by),
    }  # fmt: skip
    part = press and request.headers.get("HX-Request")
    return render(request, "policies/form_body.html" if part else "policies/cases_form.html", context)


def _taken(request: HttpRequest, name: str, text: str, number: str, by: Actor) -> str:
    """The text with what comes out of a case now as what must come out."""
    whole = forms.parsed(text)
    listed = whole.get("case", [])
    if not number.isdigit() or int(number) >= len(listed):
        raise Invalid("There is no such case.", mend="Open the cases again.")
    at = int(number)
    got = actions.come_out(name, str(results(request, name, text, by)["policy_text"]), listed[at].get("given", {}))
    expect = {step: plain(value) for step, value in got.items() if value is not None}
    after = {**whole, "case": [{**one, "expect": expect} if n == at else one for n, one in enumerate(listed)]}
    return written(text, whole, after, {})
