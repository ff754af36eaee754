"""Errors with the mend: what happened, where, and what to do next.

A failure that stops a verb is an exception, one class per failure, mapped once to a page, an RFC 9457 problem document and an
exit code. A mistake found while checking text or rows is a value, `Problem`, so that five mistakes give five reports.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """One mistake in a file, a row or a policy, as a value.

    `line` and `column` count from 1; `row` is the row of a table, counted from 1 after the header. A problem of severity `warning` looks
    wrong and may be meant: it stops nothing.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    row: int | None = None
    field: str | None = None
    mend: str | None = None
    severity: str = "error"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        if self.row is not None:
            place = f"{place} row {self.row}".strip()
        if self.field is not None:
            place = f"{place} {self.field}".strip()
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}. {self.mend}" if self.mend else text

    def as_dict(self) -> dict[str, Any]:
        """The problem as a JSON-ready mapping without empty members; only warnings tell their severity."""
        return {key: value for key, value in asdict(self).items() if value is not None and (key, value) != ("severity", "error")}


class ClosedwonError(Exception):
    """A failure that a person can understand and mend. Subclasses set `status` (HTTP), `exit_code` and `title`."""

    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2
    title: ClassVar[str] = "That did not work"

    def __init__(self, message: str, *, mend: str | None = None, problems: tuple[Problem, ...] | list[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return f"{self.message} {self.mend}" if self.mend else self.message


class Invalid(ClosedwonError):
    """The input cannot be understood or breaks a rule; nothing was changed."""

    status = 422
    title = "The input is not valid"


class Refused(ClosedwonError):
    """The actor may not do or see this; nothing was changed."""

    status = 403
    exit_code = 3
    title = "Not allowed"


class NotFound(ClosedwonError):
    """There is no such thing, or the actor may not know of it."""

    status = 404
    exit_code = 4
    title = "Not found"


class Conflict(ClosedwonError):
    """Someone changed it meanwhile; look again and repeat."""

    status = 409
    exit_code = 5
    title = "Changed meanwhile"


class NotReady(ClosedwonError):
    """Something must be done first: apply migrations, import data, start the worker."""

    status = 503
    exit_code = 6
    title = "Not ready"
