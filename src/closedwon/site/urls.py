"""Addresses: each field's pages where it has them, then the API."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

from closedwon.site import errors, health
from closedwon.site.api import api

urlpatterns = [path("accounts/", include("allauth.urls")), path("api/v1/", api.urls), *health.urlpatterns]
for _name in settings.FIELDS:
    if find_spec(f"closedwon.{_name}.pages"):
        urlpatterns += import_module(f"closedwon.{_name}.pages").urlpatterns
if find_spec("closedwon.site.pages"):
    urlpatterns += import_module("closedwon.site.pages").urlpatterns

handler403, handler404, handler500 = errors.refused, errors.not_found, errors.failed
