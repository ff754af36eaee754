"""The API root: each field's router under its own name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from ninja import NinjaAPI

api = NinjaAPI(title="closedwon", version="1", docs_url="docs")
for _name in settings.FIELDS:
    if find_spec(f"closedwon.{_name}.api"):
        api.add_router(f"/{_name}", import_module(f"closedwon.{_name}.api").router, tags=[_name])
