"""Failures as pages: what happened, and what to do next; htmx gets the same words as a toast."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from closedwon.base.errors import ClosedwonError
from closedwon.site.logs import REQUEST
from closedwon.ui import format as fmt

LOG = logging.getLogger("closedwon.site")


def say(request: HttpRequest, text: str, undo: str = "") -> None:
    """A toast after the next page; `undo` is the address that takes it back by POST."""
    messages.success(request, text, extra_tags=f"undo:{undo}" if undo else "")


def first_steps(by: Any) -> list[dict[str, Any]]:
    """What a new workspace needs, as far as this person may do it; empty once there are facts."""
    from closedwon.facts import releases

    if releases.latest() is not None:
        return []
    steps: list[tuple[str, str, str, tuple[str, ...]]] = [
        (
            "Import your pipeline",
            "Files as CSV, XLSX or Parquet; a dry run shows what would be taken.",
            "/pipeline/import/",
            ("admin", "sales-ops"),
        )
    ]
    steps.append(("Let people in", "Each gets a role, which says what they see.", "/admin/people/", ("admin",)))
    return [{"label": label, "text": text, "href": href} for label, text, href, roles in steps if by.has(*roles)]


def _page(request: HttpRequest, status: int, title: str, text: str, mend: str = "", problems: Any = ()) -> HttpResponse:
    if request.headers.get("HX-Request") == "true":
        answer = HttpResponse(status=status)
        answer.headers["HX-Trigger"] = json.dumps({"cw:toast": {"text": f"{title}. {text} {mend}".strip(), "tone": "error"}})
        answer.headers["HX-Reswap"] = "none"
        return answer
    user = getattr(request, "user", None)
    template = "site/error.html" if user is not None and user.is_authenticated else "site/error_out.html"
    return render(request, template, {"status": status, "heading": title, "text": text, "mend": mend, "problems": problems}, status=status)


class Errors:
    """Turns ClosedwonError into a page or a toast, and carries messages to htmx."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in the person's locale."""
        fmt.use_locale(request.COOKIES.get("cw_locale", ""))
        response = self.get_response(request)
        if request.headers.get("HX-Request") == "true" and response.status_code < 300 and "HX-Redirect" not in response.headers:
            said = [{"text": str(one), "tone": one.level_tag} for one in messages.get_messages(request)]
            if said:
                response.headers["HX-Trigger"] = json.dumps({"cw:toast": {"all": said}})
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Give the page of a failure that a person can mend."""
        if not isinstance(error, ClosedwonError):
            return None
        return _page(request, error.status, error.title, error.message, error.mend or "", error.problems)


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django gives it by name
    """The page for what one may not see."""
    return _page(request, 403, "Not allowed", "Your roles do not open this page.", "Ask an admin for the role that does.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001 - Django gives it by name
    """The page for what is not there."""
    return _page(request, 404, "Not found", "There is no such page, or you may not know of it.", "Press Ctrl-K to find what you look for.")


def failed(_request: HttpRequest) -> HttpResponse:
    """The page after a failure of our own, with the reference that the log has too; it needs nothing that may have failed."""
    reference = REQUEST.get()
    try:
        return HttpResponse(render_to_string("site/failed.html", {"reference": reference}), status=500)
    except Exception:
        LOG.exception("The page for failures failed")
        said = f"closedwon failed. The failure was logged as {reference}; nothing was changed."
        return HttpResponse(said, status=500, content_type="text/plain")
