"""The kinds of job that the rooms of the house bring: a function under a name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from closedwon.base.errors import NotFound


@dataclass(frozen=True)
class Every:
    """How often: every `minutes`, or daily `at` a time of the company's day, or weekly on a `weekday` (0 is Monday)."""

    minutes: int = 0
    at: time | None = None
    weekday: int | None = None


@dataclass(frozen=True)
class JobKind:
    """A kind of job: its function `(running, **params) -> result`, its title for people, who may start it, and its shipped schedule."""

    name: str
    run: Callable[..., Any]
    title: str
    roles: frozenset[str] = field(default_factory=frozenset)
    schedule: Every | None = None


_KINDS: dict[str, JobKind] = {}


def job(
    name: str, *, title: str = "", roles: tuple[str, ...] | frozenset[str] = (), schedule: Every | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the function as a kind of job. Its first argument is the running job, the others are the job's parameters."""

    def mark(run: Callable[..., Any]) -> Callable[..., Any]:
        _KINDS[name] = JobKind(name, run, title or name.replace(".", ": ").replace("_", " "), frozenset(roles), schedule)
        return run

    return mark


def kind(name: str) -> JobKind:
    """The kind of that name; its room's `jobs.py` and `actions.py` are imported to find it. Raises NotFound."""
    if name not in _KINDS:
        _load(name.partition(".")[0])
    if name not in _KINDS:
        raise NotFound(f"There is no kind of job named {name!r}.", mend=f"There are: {', '.join(sorted(_KINDS)) or 'none'}.")
    return _KINDS[name]


def kinds() -> list[JobKind]:
    """Every kind that the rooms bring, by name."""
    from django.conf import settings

    for room in settings.FIELDS:
        _load(room)
    return [_KINDS[name] for name in sorted(_KINDS)]


def _load(room: str) -> None:
    if not room.isidentifier() or find_spec(f"closedwon.{room}") is None:
        return
    for part in ("jobs", "actions"):
        if find_spec(f"closedwon.{room}.{part}"):
            import_module(f"closedwon.{room}.{part}")
