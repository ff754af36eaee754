"""The API root: each field's router under its own name, one sign-in, and errors as problem documents (RFC 9457)."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from closedwon.base.errors import ClosedwonError
from closedwon.people.api_auth import SessionAuth, TokenAuth
from closedwon.policies.formula_api import router as formula_router
from closedwon.site.logs import REQUEST

LOG = logging.getLogger("closedwon.api")


api = NinjaAPI(title="closedwon", version="1", docs_url="docs", docs_decorator=login_required, auth=[TokenAuth(), SessionAuth()])


def problem(status: int, title: str, detail: str = "", **more: Any) -> JsonResponse:
    """A problem document; `mend` says what to do next."""
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        **{key: value for key, value in more.items() if value},
    }
    return JsonResponse(body, status=status, content_type="application/problem+json")


@api.exception_handler(ClosedwonError)
def _closedwon_error(_request: HttpRequest, error: ClosedwonError) -> HttpResponse:
    return problem(error.status, error.title, error.message, mend=error.mend, problems=[item.as_dict() for item in error.problems])


@api.exception_handler(AuthenticationError)
def _not_signed_in(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    mend = "Send a token as `Authorization: Bearer cw_...`; make one under Settings, API tokens."
    response = problem(401, "Not signed in", "The call carries no valid token and no session.", mend=mend)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(ValidationError)
def _not_valid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    problems = [{"field": ".".join(str(part) for part in item["loc"][1:]), "message": item["msg"]} for item in error.errors]
    return problem(422, "The input is not valid", f"The call has {len(problems)} mistake(s).", problems=problems)


@api.exception_handler(HttpError)
def _http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(error.status_code, "That did not work", str(error))


@api.exception_handler(Http404)
def _not_found(_request: HttpRequest, _error: Http404) -> HttpResponse:
    return problem(404, "Not found", "There is no such thing, or you may not know of it.")


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    LOG.error("The API failed at %s %s", request.method, request.path, exc_info=error)
    mend = "Try again; if it fails again, tell whoever runs this site the reference."
    return problem(500, "closedwon failed", "The failure was logged; nothing was changed.", mend=mend, reference=REQUEST.get())


for _name in settings.FIELDS:
    if find_spec(f"closedwon.{_name}.api"):
        api.add_router(f"/{_name}", import_module(f"closedwon.{_name}.api").router, tags=[_name])

api.add_router("/formula", formula_router, tags=["formula"])
