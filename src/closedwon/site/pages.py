"""The pages of the house itself: Today, the palette, settings, keys and about, the gallery of components."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from django.conf import settings as django_settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from closedwon.people.acting import web_actor
from closedwon.site import errors, gallery
from closedwon.ui import nav, search, today, undo, views
from closedwon.ui.context import View
from closedwon.workspace import current

LOCALES = {
    "": "As the company",
    "en": "English",
    "en-US": "English, United States",
    "en-GB": "English, United Kingdom",
    "en-IN": "English, India",
    "de": "Deutsch",
    "de-CH": "Deutsch, Schweiz",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "nl": "Nederlands",
    "pt-BR": "Português, Brasil",
    "sv": "Svenska",
    "ja": "日本語",
}
YEAR = 365 * 24 * 3600


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Today: what waits, what changed, the numbers that one owns."""
    by = web_actor(request)
    view = View.of(request)
    cards = today.cards(by, view)
    hour = timezone.localtime(timezone.now(), current().zone).hour
    words: dict[str, Any] = {
        "greeting": "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening",
        "cards": {place: [card for card in cards if card.place == place] for place in ("numbers", "waiting", "changed", "more")},
        "view": view,
        "steps": errors.first_steps(by),
    }
    words["waiting"] = [task for card in words["cards"]["waiting"] for task in card.tasks]
    return render(request, "site/today.html", words)


@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """The palette's hits as a fragment."""
    by = web_actor(request)
    text = request.GET.get("q", "").strip()
    hits = _pages(by, text) + (search.find(by, text) if text else [])
    return render(request, "site/hits.html", {"hits": hits[:30], "q": text})


def _pages(by: Any, text: str) -> list[search.Hit]:
    """The pages of the navigation whose words hold the text."""
    made = []
    want = text.casefold()
    for section in nav.sections(by.roles):
        for item, where in section.items:
            label = item.label if item.label == section.name else f"{section.name}: {item.label}"
            if want in f"{label} {item.words}".casefold():
                made.append(search.Hit(label, where, "Page", "", section.icon))
    return sorted(made, key=lambda hit: search.rank(hit.label, text))[:12] if text else made[:12]


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """One's own settings: theme, how numbers and dates are written, sign-in and tokens."""
    if request.method == "POST":
        chosen = request.POST.get("locale", "")
        answer = redirect("site:settings")
        if chosen in LOCALES:
            answer.set_cookie("cw_locale", chosen, max_age=YEAR, samesite="Lax", secure=request.is_secure())
        return answer
    words = {"locales": LOCALES, "locale": request.COOKIES.get("cw_locale", ""), "sample": timezone.now()}
    return render(request, "site/settings.html", words)


@require_GET
def about(request: HttpRequest) -> HttpResponse:
    """Keys, version, and where the documents are."""
    return render(request, "site/about.html", {"version": version("closedwon"), "workspace": current().settings})


@require_GET
def design(request: HttpRequest) -> HttpResponse:
    """The gallery of components, for those who build pages."""
    if not (web_actor(request).has("admin") or django_settings.DEBUG):
        raise Http404
    words = gallery.parts(request)
    for key in ("table", "tree"):
        if (answer := words[key].answer()) is not None:
            return answer
    return render(request, "site/design.html", words)


def _back(request: HttpRequest) -> str:
    """Where a form wants to return to, if that is on this site."""
    wanted = request.POST.get("next", "/")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()) else "/"


@require_POST
def view_save(request: HttpRequest) -> HttpResponse:
    """Keep a table's sorting, filters and columns under a name."""
    from urllib.parse import parse_qs, urlsplit

    back = _back(request)
    prefix = request.POST.get("prefix", "")
    given = parse_qs(urlsplit(back).query)
    names = ("sort", "q", "cols")
    kept = {
        name: (values if len(values) > 1 else values[0])
        for key, values in given.items()
        if key.startswith(prefix) and ((name := key[len(prefix) :]) in names or name.startswith("f."))
    }
    table, before = request.POST.get("table", ""), views.of(request, request.POST.get("table", ""))
    saved = views.save(request.user, table, request.POST.get("name", ""), kept)
    old = next((one.parameters for one in before if one.pk == saved.pk), None)
    undo.said(request, f"The view {saved.name} is saved.", "ui.view", table=table, name=saved.name, parameters=old)
    return redirect(back)


@require_POST
def view_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete one's own saved view."""
    gone = views.delete(request.user, pk)
    undo.said(request, "The view is deleted.", "ui.view", table=gone.table, name=gone.name, parameters=gone.parameters)
    return redirect(_back(request).partition("?")[0])


@undo.register("ui.view")
def _view_back(request: HttpRequest, table: str, name: str, parameters: dict[str, Any] | None) -> None:
    """A saved view as it was before; None where there was none."""
    if parameters is None:
        for one in views.of(request, table):
            if one.name == name:
                views.delete(request.user, one.pk)
    else:
        views.save(request.user, table, name, parameters)


@require_POST
def take_back(request: HttpRequest, token: str) -> HttpResponse:
    """Undo what a toast told of, and go back to where it was shown."""
    undo.take_back(request, token)
    errors.say(request, "Undone.")
    came = request.headers.get("Referer", "")
    return redirect(came if url_has_allowed_host_and_scheme(came, {request.get_host()}, request.is_secure()) else "/")


urlpatterns = [
    path(
        "",
        include(
            (
                [
                    path("", home, name="home"),
                    path("palette/", palette, name="palette"),
                    path("settings/", settings, name="settings"),
                    path("about/", about, name="about"),
                    path("design/", design, name="design"),
                ],
                "site",
            )
        ),
    ),
    path(
        "",
        include(
            (
                [
                    path("views/", view_save, name="view-save"),
                    path("views/<int:pk>/delete/", view_delete, name="view-delete"),
                    path("undo/<str:token>/", take_back, name="undo"),
                ],
                "ui",
            )
        ),
    ),
]
