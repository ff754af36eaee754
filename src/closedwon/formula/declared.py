"""What a function of the language declares about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from closedwon.formula.types import Type


@dataclass(frozen=True)
class Function:
    """A function. `params` are kinds of arguments, optional ones end with ?, `...` repeats the last.

    `sql` is text with {0}, {1}, ... for the arguments; `spark` replaces it there. `refuse` are pairs of a SQL condition and the fault's
    message, raised by `run` as a Fault. `strict` functions are blank when an argument is blank and are then not run at all.
    """

    name: str
    params: str
    gives: str
    doc: str
    example: str
    shows: str
    group: str
    run: Callable[..., Any] | None = None
    sql: str = ""
    spark: str = ""
    refuse: tuple[tuple[str, str], ...] = ()
    strict: bool = True
    fills: tuple[Any, ...] = ()
    form: str = ""
    type: Type | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the parameters as written."""
        made = []
        for part in (one.strip() for one in self.params.split(",")):
            if part:
                kind = part.rsplit(" ", 1)[0]
                made.append(f"{kind}?" if part.endswith("?") else kind)
        return tuple(made)

    @property
    def signature(self) -> str:
        """How one calls it, as in LEFT(text, count)."""
        names = [part.strip().rsplit(" ", 1)[-1] for part in self.params.split(",") if part.strip()]
        return f"{self.name}({', '.join(names)})"
