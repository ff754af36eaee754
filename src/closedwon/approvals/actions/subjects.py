"""The kinds of request that fields bring: who may see one beyond those who take part, and what happens when it is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from closedwon.people.actor import Actor

if TYPE_CHECKING:
    from closedwon.approvals.models import Request


def _nobody(_by: Actor, _request: Request) -> bool:
    return False


def _nothing(_request: Request) -> None:
    return None


@dataclass(frozen=True)
class Row:
    """A line of a sheet: what, its value as people read it, more words, a tone (good, bad), and where it leads."""

    label: str
    value: str
    note: str = ""
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Sheet:
    """Numbers beside a request that help to decide: a title, a word on it, and rows; `main` ones stand with what is asked."""

    title: str
    rows: Sequence[Row]
    about: str = ""
    main: bool = False


def _not_usable(_by: Actor, _scope: str, _subject_id: str) -> bool:
    return False


def _by_id(_scope: str, subject_id: str) -> str:
    return subject_id


def _no_sheets(_by: Actor, _request: Request) -> Sequence[Sheet]:
    return ()


def _unknown(_by: Actor, _fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return None


def _not_grounded(_request: Request) -> bool:
    return False


def _nowhere(request: Request) -> str:
    return f"/approvals/{request.pk}/"


@dataclass(frozen=True)
class Subject:
    """A kind of request. `visible` opens a request to more people, `changed` is called within the transaction that changes its state.

    `facts(by, fields)` gives the members that are not the submitter's to say (owner, earners, amount, region, currency), from the facts behind
    the fields, or None where nothing stands behind them; `grounded` tells whether something does. `named(scope, id)` is what people call the quote, customer or contract of an exception; `usable(by, scope, id)` opens an exception to those who work with them. `sheets` are further numbers beside a
    request that `by` sees.
    """

    kind: str
    title: str
    visible: Callable[[Actor, Request], bool] = _nobody
    changed: Callable[[Request], None] = _nothing
    url: Callable[[Request], str] = _nowhere
    facts: Callable[[Actor, Mapping[str, Any]], Mapping[str, Any] | None] = _unknown
    grounded: Callable[[Request], bool] = _not_grounded
    named: Callable[[str, str], str] = _by_id
    usable: Callable[[Actor, str, str], bool] = _not_usable
    sheets: Callable[[Actor, Request], Sequence[Sheet]] = _no_sheets


_SUBJECTS: dict[str, Subject] = {}


def register_subject(subject: Subject) -> None:
    """Make a kind known; called from a field's apps.py."""
    _SUBJECTS[subject.kind] = subject


def subject_of(kind: str) -> Subject:
    """The kind of that name; one that no field brought has its name as title."""
    return _SUBJECTS.get(kind) or Subject(kind, kind.replace("-", " ").capitalize())
