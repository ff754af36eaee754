"""The kinds of request that fields bring: who may see one beyond those who take part, and what happens when it is decided."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from closedwon.people.actor import Actor

if TYPE_CHECKING:
    from closedwon.approvals.models import Request


def _nobody(_by: Actor, _request: Request) -> bool:
    return False


def _nothing(_request: Request) -> None:
    return None


def _nowhere(request: Request) -> str:
    return f"/approvals/{request.pk}/"


@dataclass(frozen=True)
class Subject:
    """A kind of request. `visible` opens a request to more people, `changed` is called within the transaction that changes its state."""

    kind: str
    title: str
    visible: Callable[[Actor, Request], bool] = _nobody
    changed: Callable[[Request], None] = _nothing
    url: Callable[[Request], str] = _nowhere


_SUBJECTS: dict[str, Subject] = {}


def register_subject(subject: Subject) -> None:
    """Make a kind known; called from a field's apps.py."""
    _SUBJECTS[subject.kind] = subject


def subject_of(kind: str) -> Subject:
    """The kind of that name; one that no field brought has its name as title."""
    return _SUBJECTS.get(kind) or Subject(kind, kind.replace("-", " ").capitalize())
