"""The pages of inspection flags: the list, the editor of one with what it does to the company's own deals, and why a deal has one."""

from __future__ import annotations

import json
import re
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError, Invalid, NotFound, NotReady, Refused
from closedwon.base.policytext import load_text
from closedwon.forecast import actions, flag_kind, flag_text
from closedwon.forecast.flags import InspectionPolicy, names_in
from closedwon.forecast.reading import book_in_force
from closedwon.people.acting import web_actor
from closedwon.people.actor import Actor
from closedwon.policies import actions as policies
from closedwon.policies.form_pages import FUNCTIONS, checked, start_text
from closedwon.policies.registry import document
from closedwon.ui.context import View

KIND = "inspection"
NEW = "new"


def _moves(view: View, text: str, by: Actor) -> actions.Moves | None:
    """What a text does to the open deals in sight, beside the policy in force; None while it has mistakes or no deals are in sight."""
    value, problems = load_text(text, InspectionPolicy, "inspection.toml")
    if value is None or problems:
        return None
    try:
        return actions.moves(book_in_force(), flag_kind.book_of(value), by=by, as_of=view.as_of, period=view.period)
    except (NotReady, Refused, NotFound):
        return None


@require_http_methods(["GET", "POST"])
def flags(request: HttpRequest) -> HttpResponse:
    """Every flag: on or off, its formula, and how many open deals have it."""
    by, view = web_actor(request), View.of(request)
    by.need(*policies.READERS, to="read policies")
    may_write = by.has(*policies.KEEPERS)
    if request.method == "POST":
        by.need(*policies.KEEPERS, to="write a policy")
        return _list_act(request, by)
    text = start_text(KIND, by) if may_write else _in_force_text()
    made, draft = _moves(view, text, by), policies.draft_of(KIND, by=by) if may_write else None
    counts = {move.name: move for move in made.flags} if made else {}
    rows = [{**flag, "move": counts.get(str(flag.get("name"))), "at": at} for at, flag in enumerate(flag_text.flags_in(text))]
    problems = policies.check(KIND, text)
    version = policies.in_force(KIND)
    context = {
        "rows": rows, "made": made, "draft": draft, "may_write": may_write, "problems": problems, "view": view, "version": version,
        "changes": policies.plan(KIND, text).changes if draft and not problems else (), "title": "Inspection flags",
        "expected": version.digest if version else "",
    }  # fmt: skip
    return render(request, "forecast/flags.html", context)


def _in_force_text() -> str:
    version = policies.in_force(KIND)
    return version.text if version else ""


def _list_act(request: HttpRequest, by: Actor) -> HttpResponse:
    verb, text = request.POST.get("verb", ""), start_text(KIND, by)
    if verb == "apply":
        made = policies.apply(KIND, text, by=by, note=request.POST.get("note", "").strip(), expected=request.POST.get("expected", ""))
        messages.success(request, f"The flags {made.digest[:8]} are in force.")
    elif verb == "drop":
        policies.drop_draft(KIND, by=by)
        messages.success(request, "The draft is thrown away.")
    elif verb.startswith("turn:"):
        at = flag_text.place_of(text, verb.removeprefix("turn:"))
        if at is None:
            raise NotFound("There is no such flag any more.", mend="Look at the list again.")
        flag = flag_text.flags_in(text)[at]
        policies.save_draft(KIND, flag_text.with_flag(text, at, {"active": not flag["active"]}), by=by)
        messages.success(request, f"{flag['name']} is {'off' if flag['active'] else 'on'} in your draft. It counts once you apply it.")
    else:
        raise Invalid("There is no such button.", mend="Look at the list again.")
    return redirect("forecast:flags")


def _place(text: str, name: str) -> int | None:
    if name == NEW:
        return None
    at = flag_text.place_of(text, name)
    if at is None:
        raise NotFound(f"There is no flag {name!r}.", mend="Open it from the list of flags.")
    return at


def _filled(request: HttpRequest, text: str, at: int | None) -> tuple[str, int]:
    """The text with what was filled in, custom columns that the data has declared on the way, and the flag's place."""
    number = len(flag_text.flags_in(text)) if at is None else at

    def given(key: str) -> str:
        return request.POST.get(f"flags.{number}.{key}", "").replace("\r\n", "\n").strip()

    values: dict[str, Any] = {key: given(key) for key in ("label", "when", "why", "help")}
    values["name"] = given("name") or _slug(values["label"])
    values |= {"severity": given("severity") or "normal", "active": given("active") != "no"}
    posted = {name: request.POST[f"numbers.{name}"].strip() for name in flag_text.numbers_in(text) if f"numbers.{name}" in request.POST}
    made = flag_text.with_numbers(flag_text.with_flag(text, at, values), posted)
    try:
        declared = load_text(text, InspectionPolicy, "inspection.toml")[0]
        known = declared.columns if declared else {}
        made = flag_text.with_columns(made, flag_kind.with_columns({"columns": known}, [values["when"], values["why"], values["label"]]))
    except ClosedwonError:
        pass
    return made, number


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"\{.*?\}", "", label).lower()).strip("_")[:40] or "flag"


@require_http_methods(["GET", "POST"])
def flag(request: HttpRequest, name: str) -> HttpResponse:
    """One flag: its formula and words, its mistakes and what it does while one writes; save it as a draft, or apply."""
    by, view = web_actor(request), View.of(request)
    by.need(*policies.KEEPERS, to="write a policy")
    text = start_text(KIND, by)
    at = _place(text, name)
    if request.method == "GET":
        if at is None:
            text = flag_text.with_flag(text, None, {"name": "", "label": "", "when": "", "why": ""})
        return _shown(request, by, view, text, len(flag_text.flags_in(text)) - 1 if at is None else at, name)
    verb, note = request.POST.get("verb", "draft"), request.POST.get("note", "").strip()
    if verb == "delete" and at is not None:
        policies.save_draft(KIND, flag_text.without_flag(text, at), by=by, note=note)
        messages.success(request, f"{name} is taken out of your draft. It counts once you apply it.")
        return redirect("forecast:flags")
    made, number = _filled(request, text, at)
    try:
        if verb == "apply":
            policies.apply(KIND, made, by=by, note=note, expected=request.POST.get("expected", ""))
            messages.success(request, "The flags are in force.")
        else:
            policies.save_draft(KIND, made, by=by, note=note)
            messages.success(request, "Saved as your draft. It counts once you apply it.")
    except ClosedwonError as error:
        return _shown(request, by, view, made, number, name, failed=error)
    return redirect("forecast:flags")


def _panel(view: View, text: str, number: int, by: Actor) -> dict[str, Any]:
    found = checked(KIND, text, by)
    made = _moves(view, text, by)
    name = flag_text.flags_in(text)[number].get("name")
    move = next((one for one in made.flags if one.name == name), None) if made else None
    lists: list[tuple[str, list[dict[str, Any]], int]] = []
    if made and move:
        for title, deals, marked in (
            ("Newly", move.gained, made.new),
            ("No longer", move.lost, made.old),
            ("Cannot be told", move.failing, made.new),
        ):
            if deals:
                lists.append((title, [{"id": deal, **flag_kind.deal_words(marked, deal)} for deal in deals[:8]], len(deals)))
    return {**found, "preview": None, "has_effect": False, "made": made, "move": move, "lists": lists, "doc": document(KIND), "view": view}


def _shown(
    request: HttpRequest, by: Actor, view: View, text: str, number: int, name: str, failed: ClosedwonError | None = None
) -> HttpResponse:
    version, one = policies.in_force(KIND), flag_text.flags_in(text)[number]
    given = load_text(text, InspectionPolicy, "inspection.toml")[0]
    policy = given or (book_in_force().policy if book_in_force() else None)  # type: ignore[union-attr]
    names = flag_kind.names({"numbers": policy.numbers, "columns": policy.columns} if policy else {}, ())
    names |= {
        column: f"{kind}: a custom column of your deals" for column, kind in flag_kind.custom_columns().items() if column not in names
    }
    context = {
        **_panel(view, text, number, by), "flag": one, "numbers": _numbers(text, number), "at": number, "is_new": name == NEW, "failed": failed, "functions": FUNCTIONS,
        "names_json": json.dumps({"0": names}), "names": sorted(names.items(), key=lambda item: item[0].casefold()),
        "expected": request.POST.get("expected", version.digest if version else ""), "draft": policies.draft_of(KIND, by=by),
        "here": request.path, "note": request.POST.get("note", ""), "title": "New flag" if name == NEW else str(one.get("label")),
    }  # fmt: skip
    if name == NEW and request.method == "GET":  # nothing is wrong with what nobody has written yet
        context |= {"problems": [], "fields": "{}", "made": None, "fresh": True}
    return render(request, "forecast/flag.html", context, status=failed.status if failed else 200)


def _numbers(text: str, number: int) -> list[dict[str, Any]]:
    """The numbers that a flag's formula and words call by name, with the other flags that a change of them moves too."""
    flags = flag_text.flags_in(text)

    def reads(flag: dict[str, Any]) -> set[str]:
        return {name for key in ("when", "why", "label") for name in names_in(str(flag.get(key, "")))}

    return [
        {
            "name": name,
            "value": value,
            "others": [str(flag.get("label")) for at, flag in enumerate(flags) if at != number and name in reads(flag)],
        }
        for name, value in flag_text.numbers_in(text).items()
        if name in reads(flags[number])
    ]


@require_POST
def check(request: HttpRequest, name: str) -> HttpResponse:
    """The mistakes of a flag while it is being written, and which deals it marks; for htmx."""
    by, view = web_actor(request), View.of(request)
    by.need(*policies.KEEPERS, to="write a policy")
    text = start_text(KIND, by)
    made, number = _filled(request, text, _place(text, name))
    return render(request, "forecast/flag_checked.html", _panel(view, made, number, by))


@require_GET
def why(request: HttpRequest, deal: str, name: str) -> HttpResponse:
    """Why a deal has a flag: the formula, what it saw, the value of every part, and since when."""
    by, view = web_actor(request), View.of(request)
    found = actions.why(
        by=by, deal=deal, flag=name, as_of=view.as_of, period=view.period, org=view.org, rates=view.rates, currency=view.currency,
        type=request.GET.get("type") or None,
    )  # fmt: skip
    context = {
        "why": found, "title": found.label, "lines": found.steps.lines(), "may_write": by.has(*policies.KEEPERS), "view": view,
        "days": (found.day - found.since).days + 1 if found.since else None, "deal_href": view.url(f"/pipeline/deals/{deal}"),
        "edit_href": reverse("forecast:flag", args=[name]),
    }  # fmt: skip
    return render(request, "forecast/why.html", context)


paths = [
    path("flags/", flags, name="flags"),
    path("flags/<slug:name>/", flag, name="flag"),
    path("flags/<slug:name>/check/", check, name="flag-check"),
    path("deals/<str:deal>/flags/<slug:name>", why, name="why"),
]
