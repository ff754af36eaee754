"""The pages of people: who may sign in, roles, the identity map, corrections of seats, one's own API tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.base.errors import ClosedwonError, Invalid
from closedwon.people import actions, beside
from closedwon.people.acting import GRANTS, web_actor
from closedwon.people.actions import stories
from closedwon.people.actions.identities import KINDS
from closedwon.people.actor import ROLES
from closedwon.people.models import SeatCorrection, User
from closedwon.ui import undo
from closedwon.ui.tables import Col, DataTable


def _done(request: HttpRequest, do: Callable[[], Any], said: str, back: Callable[[Any], Mapping[str, Any]] | None = None) -> bool:
    """Do it and say so; a failure is said with its mend instead. `back` names from the outcome how it is undone."""
    try:
        made = do()
    except ClosedwonError as error:
        messages.error(request, str(error))
        for problem in error.problems:
            messages.error(request, str(problem))
        return False
    values = dict(back(made)) if back else {}
    undo.said(request, said, values.pop("way", ""), **values)
    return True


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Write it as 2026-02-01.") from error


def _user(pk: int) -> User:
    found = User.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _roles() -> list[tuple[str, str]]:
    return [(role, actions.ROLE_WORDS[role]) for role in (*ROLES, *GRANTS)]


PEOPLE = (
    Col("name", "Name", phone="title"),
    Col("email", "E-mail"),
    Col("roles", "Roles"),
    Col("person", "Person in the facts", hint="The id in the table users"),
    Col("state", "State", "status", filter=True, tone=lambda row: "good" if row["state"] == "can sign in" else "plain"),
    Col("last", "Last sign-in", "instant"),
)
IDENTITIES = (
    Col("person", "Person", phone="title"),
    Col("kind", "Kind", filter=True),
    Col("value", "Value"),
    Col("source", "From", filter=True),
    Col("added", "Since", "instant", hidden=True),
)


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Who may sign in, with their roles."""
    by = web_actor(request)
    rows = [
        {
            "pk": row.pk,
            "name": str(row),
            "email": row.email,
            "person": row.person_id,
            "roles": ", ".join(_grant_words(held) for held in row.held),
            "state": "can sign in" if row.is_active else "switched off",
            "last": row.last_login,
        }
        for row in actions.people(by=by)
    ]
    empty = ("Nobody can sign in yet", "Add the first person here, or run: closedwon people add EMAIL --role admin")
    table = DataTable(
        request, "people", PEOPLE, rows, sort="name", empty=empty, row_href=lambda row: reverse("people:person", args=[row["pk"]])
    )
    return table.answer() or render(request, "people/people.html", {"table": table, "may_change": by.has("admin")})


def _grant_words(held: Any) -> str:
    more = ", ".join(word for word in (held.region, f"until {held.until:%Y-%m-%d}" if held.until else "") if word)
    return f"{held.role} ({more})" if more else held.role


@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Let a person sign in, and show the link with which they set a password."""
    by = web_actor(request)
    by.need("admin", to="add people")
    given = {name: request.POST.get(name, "").strip() for name in ("email", "name", "person_id", "region")}
    chosen = request.POST.getlist("roles")
    if request.method == "POST":
        try:
            user = actions.add(**given, by=by, roles=chosen)
        except ClosedwonError as error:
            return render(request, "people/add.html", {"roles": _roles(), "given": given, "chosen": chosen, "error": error}, status=422)
        return _invited(request, user)
    return render(request, "people/add.html", {"roles": _roles(), "given": given, "chosen": chosen})


def _invited(request: HttpRequest, user: User) -> HttpResponse:
    link = actions.invitation(user, by=web_actor(request), request=request)
    return render(request, "people/invited.html", {"who": user, "link": link})


@require_GET
def person(request: HttpRequest, pk: int) -> HttpResponse:
    """One person: roles and their history, links, tokens."""
    by = web_actor(request)
    by.need("admin", "sales-ops", "auditor", to="see who may sign in")
    who = _user(pk)
    context = {
        "who": who,
        "grants": who.role_grants.order_by("-granted_at"),
        "roles": _roles(),
        "kinds": KINDS,
        "tokens": actions.tokens(by=by, user=who) if by.has("admin", "auditor") else [],
        "identities": actions.identities(by=by, person_id=who.person_id) if who.person_id else [],
        "may_change": by.has("admin"),
        "is_self": by.user_id == who.pk,
    }
    return render(request, "people/person.html", context)


@require_POST
def change(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Grant, revoke, switch, link or invite."""
    by, who, given = web_actor(request), _user(pk), request.POST
    if verb == "invite":
        try:
            return _invited(request, who)
        except ClosedwonError as error:
            messages.error(request, str(error))
            return redirect("people:person", pk=pk)
    role, region, reason = (given.get(name, "").strip() for name in ("role", "region", "reason"))
    held = next((row for row in who.role_grants.filter(role=role, revoked_at__isnull=True) if row.in_force), None)
    before = {"user": pk, "role": role, "held": held is not None, "region": held.region if held else ""}
    before["until"] = held.until.isoformat() if held and held.until else ""
    verbs: dict[str, tuple[Any, ...]] = {
        "grant": (
            lambda: actions.grant(who, role, by=by, region=region, until=_day(given.get("until", "")), reason=reason),
            f"{who} has {role}.",
            lambda _: {"way": "people.role", **before},
        ),
        "revoke": (
            lambda: actions.revoke(who, role, by=by, reason=reason),
            f"{who} no longer has {role}.",
            lambda _: {"way": "people.role", **before},
        ),
        "switch-off": (
            lambda: actions.switch(who, False, by=by),
            f"{who} can no longer sign in.",
            lambda _: {"way": "people.switch", "user": pk, "active": True},
        ),
        "switch-on": (
            lambda: actions.switch(who, True, by=by),
            f"{who} can sign in again.",
            lambda _: {"way": "people.switch", "user": pk, "active": False},
        ),
        "link": (
            lambda: actions.link(who, given.get("person_id", ""), by=by),
            "The link is changed.",
            lambda _, was=who.person_id: {"way": "people.link", "user": pk, "person": was},
        ),
    }
    if verb not in verbs:
        raise Http404
    _done(request, *verbs[verb])
    return redirect("people:person", pk=pk)


@undo.register("people.role")
def _role_back(request: HttpRequest, user: int, role: str, held: bool, region: str, until: str) -> None:
    """A role as it was held before."""
    by, who = web_actor(request), _user(user)
    if held:
        ends = datetime.fromisoformat(until) if until else None
        actions.grant(who, role, by=by, region=region, until=ends, reason="undone")
    else:
        actions.revoke(who, role, by=by, reason="undone")


@undo.register("people.switch")
def _switch_back(request: HttpRequest, user: int, active: bool) -> None:
    actions.switch(_user(user), active, by=web_actor(request))


@undo.register("people.link")
def _link_back(request: HttpRequest, user: int, person: str) -> None:
    actions.link(_user(user), person, by=web_actor(request))


@require_GET
def identities(request: HttpRequest) -> HttpResponse:
    """The identity map and its conflicts."""
    by = web_actor(request)
    found = actions.identities(by=by)
    rows = [
        {"person": row.person_id, "kind": KINDS.get(row.kind, row.kind), "value": row.value, "source": row.source, "added": row.added_at}
        for row in found
    ]
    empty = ("No identity yet", "Import the people, then take their names from the facts.")
    table = DataTable(request, "identities", IDENTITIES, rows, sort="person", empty=empty)
    answer = table.answer()
    if answer is not None:
        return answer
    context = {
        "table": table,
        "own": [row for row in found if row.source == "closedwon"],
        "conflicts": actions.open_conflicts(by=by),
        "kinds": KINDS,
        "may_change": by.has("admin", "sales-ops"),
    }
    return render(request, "people/identities.html", context)


@require_POST
def change_identities(request: HttpRequest, verb: str) -> HttpResponse:
    """Refresh the map, add or remove an identity, or settle a conflict."""
    by, given = web_actor(request), request.POST
    number = int(given.get("number", "0")) if given.get("number", "0").isdigit() else 0
    person_id = given.get("person_id", "").strip()
    if verb == "refresh":
        found: list[Any] = []
        if _done(request, lambda: found.append(actions.refresh_identities(by=by)), "The map is up to date."):
            messages.info(request, f"{found[0].added} added, {found[0].unchanged} unchanged, {found[0].conflicts} new conflicts.")
    elif verb == "add":
        kind, value = given.get("kind", ""), given.get("value", "")
        there = {row.pk for row in actions.identities(by=by, person_id=person_id)} if person_id else set()
        _done(
            request,
            lambda: actions.add_identity(kind, value, person_id, by=by),
            f"{value} is {person_id}.",
            lambda made: {} if made.pk in there else {"way": "people.identity-added", "number": made.pk},
        )
    elif verb == "remove":
        was = next(
            ({"kind": row.kind, "value": row.value, "person": row.person_id} for row in actions.identities(by=by) if row.pk == number), {}
        )
        _done(
            request,
            lambda: actions.remove_identity(number, by=by),
            "The identity is taken away.",
            lambda _: {"way": "people.identity-removed", **was},
        )
    elif verb == "settle":
        _done(request, lambda: actions.settle(number, person_id, by=by), f"It is {person_id}.")
    else:
        raise Http404
    return redirect("people:identities")


@undo.register("people.identity-added")
def _identity_away(request: HttpRequest, number: int) -> None:
    actions.remove_identity(number, by=web_actor(request))


@undo.register("people.identity-removed")
def _identity_back(request: HttpRequest, kind: str, value: str, person: str) -> None:
    actions.add_identity(kind, value, person, by=web_actor(request))


@require_GET
def seats(request: HttpRequest) -> HttpResponse:
    """Corrections of seats: what waits, what was decided, and the form for a new one."""
    by = web_actor(request)
    context = {
        "rows": actions.corrections(by=by),
        "tables": SeatCorrection.TABLES,
        "name": by.name,
        "may_propose": by.has("admin", "sales-ops", "manager", "executive"),
        "may_decide": by.has("admin", "sales-ops", "executive"),
    }
    return render(request, "people/seats.html", context)


SEAT_FIELDS = ("position_id", "id", "parent_id", "user_id", "kind", "name", "status", "region", "segment", "since", "until", "is_interim")
"""What the form of a correction can give; empty ones are left out."""


@require_POST
def change_seats(request: HttpRequest, verb: str) -> HttpResponse:
    """Propose a correction, decide on one, or withdraw one's own."""
    by, given = web_actor(request), request.POST
    number = int(given.get("number", "0")) if given.get("number", "0").isdigit() else 0
    if verb == "propose":
        row = {name: given[name].strip() for name in SEAT_FIELDS if given.get(name, "").strip()}
        said = "Proposed. Another person decides on it."
        _done(
            request,
            lambda: actions.propose(given.get("table", ""), row, given.get("why", ""), by=by),
            said,
            lambda made: {"way": "people.proposed", "number": made.pk},
        )
    elif verb in ("approve", "reject"):
        said = "Approved and published." if verb == "approve" else "Rejected."
        _done(request, lambda: actions.decide(number, verb == "approve", by=by, note=given.get("note", "")), said)
    elif verb == "withdraw":
        _done(request, lambda: actions.withdraw(number, by=by), "Withdrawn.", lambda made: {"way": "people.withdrawn", "number": made.pk})
    else:
        raise Http404
    return redirect("people:seats")


@undo.register("people.proposed")
def _proposal_back(request: HttpRequest, number: int) -> None:
    actions.withdraw(number, by=web_actor(request))


@undo.register("people.withdrawn")
def _proposal_again(request: HttpRequest, number: int) -> None:
    """The same proposal once more, as one of its own."""
    by = web_actor(request)
    was = next((row for row in actions.corrections(by=by) if row.pk == number and row.proposed_by == by.name), None)
    if was is None:
        raise Http404
    actions.propose(was.table, was.row, was.why, by=by)


@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own API tokens; a new one is shown this once."""
    by, given = web_actor(request), request.POST
    made = None
    if request.method == "POST" and "revoke" in given:
        _done(request, lambda: actions.revoke_token(given["revoke"], by=by), "The token opens nothing any more.")
        return redirect("people:tokens")
    if request.method == "POST":
        days = int(given.get("days", "")) if given.get("days", "").isdigit() else 0
        try:
            made = actions.make_token(given.get("name", ""), given.getlist("scopes"), by=by, days=days)[1]
        except ClosedwonError as error:
            messages.error(request, str(error))
    parts: dict[str, list[str]] = {}
    for scope in actions.scope_names():
        parts.setdefault(scope.partition(":")[0], []).append(scope)
    context = {"rows": actions.tokens(by=by), "parts": list(parts.items()), "made": made}
    response = render(request, "people/tokens.html", context)
    response.headers["Cache-Control"] = "no-store"
    return response


STAFF = (
    Col("name", "Name", href=lambda row: reverse("people:story", args=[row["id"]]), phone="title"),
    Col("state", "State", "status", filter=True, tone=lambda row: {"here": "good", "left": ""}.get(row["state"], "warn")),
    Col("role", "Role", filter=True),
    Col("seats", "Seats"),
    Col("segment", "Segment", filter=True),
    Col("region", "Region", filter=True),
    Col("hire_date", "Began", "date"),
    Col("end_date", "Left", "date", hidden=True),
    Col("id", "Id", hidden=True),
)


@require_GET
def staff(request: HttpRequest) -> HttpResponse:
    """Everybody whom the person may read about, and the seats held today."""
    rows = stories.people_seen(by=web_actor(request))
    table = DataTable(
        request, "people:staff", STAFF, rows, title="People", sort="name", name="staff",
        empty=("Nobody yet", "People come with the import: a table of users, and of seats if there is one."),
    )  # fmt: skip
    return table.answer() or render(request, "people/staff.html", {"table": table})


@require_GET
def story(request: HttpRequest, person_id: str) -> HttpResponse:
    """One person's time in the company."""
    by = web_actor(request)
    found = stories.story(person_id, by=by)
    tone = {"here": "good", "left": ""}.get(found["state"], "warn")
    return render(request, "people/story.html", {**found, "tone": tone, "beside": beside.cards(by, person_id)})


urlpatterns = [
    path(
        "",
        include(
            (
                [
                    path("admin/people/", people, name="people"),
                    path("admin/people/add/", add, name="add"),
                    path("people/", staff, name="staff"),
                    path("people/<str:person_id>/", story, name="story"),
                    path("admin/people/identities/", identities, name="identities"),
                    path("admin/people/identities/<slug:verb>/", change_identities, name="change-identities"),
                    path("admin/people/seats/", seats, name="seats"),
                    path("admin/people/seats/<slug:verb>/", change_seats, name="change-seats"),
                    path("admin/people/<int:pk>/", person, name="person"),
                    path("admin/people/<int:pk>/<slug:verb>/", change, name="change"),
                    path("settings/tokens/", tokens, name="tokens"),
                ],
                "people",
            )
        ),
    )
]
