"""Parts of pages: what htmx loads into a page is no page by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


def is_alone(request: HttpRequest) -> bool:
    """Whether a browser opens the address by itself, as a page."""
    return request.headers.get("Sec-Fetch-Dest") == "document"


def part_of(page: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A view that gives a part of the page of that name: a browser that opens its address by itself is led to the page; exports stay."""

    def outer(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def inner(request: HttpRequest, *given: Any, **named: Any) -> HttpResponse:
            alone = is_alone(request) and not any(key.endswith("export") for key in request.GET)
            if alone and request.method == "GET":
                query = request.GET.urlencode()
                return redirect(reverse(page) + (f"?{query}" if query else ""))
            return view(request, *given, **named)

        return inner

    return outer
