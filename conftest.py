"""What every test shares: one workspace for the session, emptied for each test, and Django started over it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(tempfile.mkdtemp(prefix="closedwon-test-"))
_DATABASE = os.environ.get("CLOSEDWON_TEST_DATABASE_URL", "")
os.environ["CLOSEDWON_DATABASE_URL"] = _DATABASE
os.environ["CLOSEDWON_AS"] = ""
os.environ["DJANGO_SETTINGS_MODULE"] = "closedwon.site.settings"

from closedwon.workspace import settings as _settings  # noqa: E402

TEXT = 'company = "Test company"\n'
_SESSION = _settings.use(_settings.create(_ROOT / "workspace", TEXT))

from django.conf import settings as _django  # noqa: E402

_ = _django.DATABASES  # loads the settings, so that pytest-django starts Django before tests are collected


def pytest_unconfigure() -> None:
    """Remove the session's workspace."""
    shutil.rmtree(_ROOT, ignore_errors=True)


_COUNT = itertools.count()


@pytest.fixture(autouse=True)
def _same_environment() -> Iterator[None]:
    """What the command line sets for itself, whom it acts as and in which workspace, ends with the test."""
    before = {name: os.environ.get(name) for name in ("CLOSEDWON_AS", _settings.VARIABLE)}
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def ws(db: None, settings: Any) -> Iterator[_settings.Workspace]:
    """A new workspace folder (USD, UTC, calendar years) without facts, policies or rows; Django is up and the database usable."""
    from django.core.cache import cache

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
    folder = _ROOT / f"workspace-{next(_COUNT)}"
    folder.mkdir()
    shutil.copy(_SESSION.path / ".secret-key", folder)
    yield _settings.use(_settings.create(folder, TEXT))
    _settings.use(_SESSION)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ws_with(ws: _settings.Workspace) -> Callable[..., _settings.Workspace]:
    """Call it with settings, as in `ws_with(currency="EUR", calendar={"start_month": 2})`, to have them for one test."""

    def change(**values: Any) -> _settings.Workspace:
        merged = {**ws.settings.model_dump(), **values}
        return _settings.use(_settings.Workspace(ws.path, _settings.Settings.model_validate(merged)))

    return change


@pytest.fixture
def person(ws: _settings.Workspace) -> Callable[..., Any]:
    """Call it as `person("ann@x.test", "manager", grants=["pay"], person_id="u1", region="EMEA")` to get a User who may sign in."""
    from closedwon.people.models import RoleGrant, User

    def make(
        email: str = "ann@example.test", *roles: str, grants: tuple[str, ...] | list[str] = (), region: str = "", **fields: Any
    ) -> User:
        user = User.objects.create_user(email=email, password="a long pass phrase", **fields)  # noqa: S106 - a test's
        for role in (*roles, *grants):
            RoleGrant.objects.create(user=user, role=role, region=region if role == "sales-ops" else "", granted_by="test")
        return user

    return make


@pytest.fixture
def actor(person: Callable[..., Any]) -> Callable[..., Any]:
    """Call it like `person` to get that user's Actor instead, as the web pages would make it."""
    from closedwon.people.acting import actor_of

    return lambda *words, **fields: actor_of(person(*words, **fields))
