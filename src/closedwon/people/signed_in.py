"""Every page is for signed-in people unless it says otherwise; the API and the health check answer for themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

OPEN = ("/api/v1/", "/healthz", "/readyz", "/metrics")
"""Addresses that check for themselves who calls."""


class SignedInOnly(LoginRequiredMiddleware):
    """Send whoever is not signed in to the sign-in page; a part of a page asked for by htmx sends the whole page there."""

    def process_view(
        self, request: HttpRequest, view_func: Callable[..., Any], view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        """Let the request pass, or answer with the way to the sign-in page."""
        if request.path.startswith(OPEN):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

    def handle_no_permission(self, request: HttpRequest, view_func: Callable[..., Any]) -> Any:
        """Redirect; htmx follows `HX-Redirect` with the whole page."""
        answer = super().handle_no_permission(request, view_func)
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=401, headers={"HX-Redirect": answer.headers["Location"]})
        return answer
