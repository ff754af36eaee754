"""The kinds of policy that the rooms of the house bring; each room registers its own when Django starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pydantic import BaseModel

from closedwon.base.errors import NotFound


@dataclass(frozen=True, eq=False)
class PolicyKind:
    """A kind of policy: its file in `policies/`, the model of its text, the shipped default, and how a case of it is run.

    `run_case(policy, given)` gives a mapping of named steps, which a case's `expect` is compared with exactly. `title` and `about` are for
    people. `preview(policy, by)` gives rows of the company's own facts as the policy would read them, as far as `by` may see them.
    """

    name: str
    file: str
    model: type[BaseModel]
    title: str
    about: str
    package: str = ""
    default: str = ""
    run_case: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] | None = None
    preview: Callable[[Any, Any], Sequence[Mapping[str, Any]]] | None = None

    def default_text(self) -> str | None:
        """The shipped text, None where the kind ships none."""
        if not self.default:
            return None
        return resources.files(self.package).joinpath(self.default).read_text(encoding="utf-8")

    @property
    def has_cases(self) -> bool:
        """Whether cases of it can be run."""
        return self.run_case is not None

    @property
    def cases_file(self) -> str:
        """The name of the file of its cases, beside the policy."""
        return self.file.removesuffix(".toml") + ".cases.toml"

    def default_cases(self) -> str | None:
        """The shipped cases, None where the kind ships none."""
        if not self.default:
            return None
        file = resources.files(self.package).joinpath(self.default.removesuffix(".toml") + ".cases.toml")
        return file.read_text(encoding="utf-8") if file.is_file() else None


_KINDS: dict[str, PolicyKind] = {}


def register(kind: PolicyKind) -> None:
    """Make a kind known; called from a room's apps.py."""
    _KINDS[kind.name] = kind


def kinds() -> list[PolicyKind]:
    """Every kind, by name."""
    return [_KINDS[name] for name in sorted(_KINDS)]


def kind(name: str) -> PolicyKind:
    """The kind of that name. Raises NotFound."""
    if name not in _KINDS:
        raise NotFound(f"There is no kind of policy named {name!r}.", mend=f"There are: {', '.join(sorted(_KINDS))}.")
    return _KINDS[name]


def kind_of_file(file: str) -> PolicyKind | None:
    """The kind that a file of that name holds."""
    return next((found for found in _KINDS.values() if found.file == file), None)
