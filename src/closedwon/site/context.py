"""What every page gets: the navigation by role, the person, freshness, the time machine's chips."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from closedwon.facts import releases
from closedwon.people.acting import web_actor
from closedwon.people.actor import ROLES
from closedwon.ui import context, nav
from closedwon.ui import format as fmt
from closedwon.workspace import current

THEMES = ("light", "dark", "auto")
TABS = 4
STALE_HOURS = 26


def page(request: Any) -> dict[str, Any]:
    """Values for `site/base.html`."""
    theme = request.COOKIES.get("cw_theme", "auto")
    made: dict[str, Any] = {
        "company": current().settings.company,
        "theme": theme if theme in THEMES else "auto",
        "keep": context.keep(request.GET),
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "layout": "site/drawer.html" if request.headers.get("HX-Target") == "drawer-body" else "site/base.html",
    }
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        made["shell"] = SimpleLazyObject(lambda: Shell(request))
    return made


class Shell:
    """The frame around a signed-in person's page."""

    def __init__(self, request: Any) -> None:
        self.request = request
        self.by = web_actor(request)
        self.sections = nav.sections(self.by.roles, request.path, self.by)

    @property
    def above(self) -> list[nav.Section]:
        """The sections of daily work."""
        return [section for section in self.sections if not section.below]

    @property
    def below(self) -> list[nav.Section]:
        """The sections of administration."""
        return [section for section in self.sections if section.below]

    @property
    def tabs(self) -> list[nav.Section]:
        """The first sections, for the phone's bar."""
        return self.above[:TABS]

    @property
    def initials(self) -> str:
        """The person's initials."""
        words = str(self.request.user).replace("@", " ").replace(".", " ").split()
        return "".join(word[0] for word in words[:2]).upper() or "?"

    @property
    def roles(self) -> str:
        """The person's roles in words."""
        return ", ".join(role for role in ROLES if role in self.by.roles) or "no role"

    @property
    def freshness(self) -> dict[str, str]:
        """When the facts last changed, and whether that is long ago."""
        release = releases.latest()
        if release is None:
            return {"text": "No facts yet", "kind": "none", "title": "Import some under Systems, Import."}
        old = (timezone.now() - release.at).total_seconds() > STALE_HOURS * 3600
        note = f"{release.note}, " if release.note else ""
        return {"text": f"Facts of {fmt.ago(release.at)}", "kind": "stale" if old else "good", "title": f"{note}{fmt.instant(release.at)}"}
