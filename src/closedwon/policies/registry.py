"""The kinds of policy that the rooms of the house bring; each room registers its own when Django starts.

A kind is one file (`pipeline.toml`), or a collection of named documents in a folder of their own (`approvals/*.toml`). A document is
addressed by its key: the kind's name, or `approvals/discounts` in a collection.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from closedwon.base.errors import Invalid, NotFound

if TYPE_CHECKING:
    from closedwon.base.errors import Problem
    from closedwon.policies.linting import Lint

NAME = re.compile(r"[a-z0-9-]{1,60}")
"""What a document of a collection may be called."""
CASES = ".cases.toml"


@dataclass(frozen=True, eq=False)
class PolicyKind:
    """A kind of policy: its file or files in `policies/`, the model of its text, what is shipped, and how a case of it is run.

    `file` is `pipeline.toml` for one document, or `approvals/*.toml` for a collection; `default` is then a file or `default/approvals/*.toml`
    within `package`, and may be empty. `templates` are files of the package that a new document of a collection can begin with.
    `run_case(policy, given)` gives a mapping of named steps, which a case's `expect` is compared with exactly. `title` and `about` are for
    people. `preview(policy, by)` gives rows of the company's own facts as the policy would read them, as far as `by` may see them.
    `lint(documents, context)` gives problems of severity error or warning that the model cannot see: across the documents (by name, `""` for
    a kind of one file) or with other kinds. `effect(old, new, by)` tells whom a change of one document moves and by how much, as sentences
    and rows; old is None for a new document, new is None for one that is retired. `names(given, place)` tells what a formula at a place of the
    parsed text may name, each with its type or meaning, where the field itself does not tell; editors complete them.
    `tolerates(policy, place, finding)` tells whether a finding of a decision table, such as a gap, is one that the policy says an answer to.
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
    lint: Callable[[Mapping[str, Any], Lint], Iterable[Problem]] | None = None
    effect: Callable[[Any, Any, Any], Iterable[str | Mapping[str, Any]]] | None = None
    templates: str = ""
    names: Callable[[Mapping[str, Any], tuple[str | int, ...]], Mapping[str, str]] | None = None
    tolerates: Callable[[Any, Sequence[str | int], str], bool] | None = None

    @property
    def many(self) -> bool:
        """Whether it is a collection of named documents."""
        return "*" in self.file

    @property
    def folder(self) -> str:
        """The folder of a collection within `policies/`, empty for one file."""
        return self.file.rsplit("/", 1)[0] if self.many else ""

    @property
    def has_cases(self) -> bool:
        """Whether cases of it can be run."""
        return self.run_case is not None

    def document(self, name: str = "") -> Document:
        """The document of that name. Raises NotFound where the kind can have none of that name."""
        if self.many and not name:
            raise NotFound(f"{self.name} is a collection of documents.", mend=f"Name one of them, as in {self.name}/standard.")
        if not self.many and name:
            raise NotFound(f"{self.name} is one document; there is no {self.name}/{name}.", mend=f"Write {self.name}.")
        if self.many and not NAME.fullmatch(name):
            raise NotFound(f"{name!r} is no name of a document.", mend="Names have small letters, digits and hyphens, 60 at most.")
        return Document(self, name)

    def default_names(self) -> list[str]:
        """The names of the shipped documents; `""` for the text of a kind of one file."""
        return _names(self.package, self.default) if self.many else [""] if self.default else []

    def default_text(self, name: str = "") -> str | None:
        """A shipped text, None where the kind ships none of that name."""
        return _text(self.package, self.default, name)

    def default_cases(self, name: str = "") -> str | None:
        """The shipped cases beside it, None where the kind ships none."""
        return _text(self.package, self.default.removesuffix(".toml") + CASES, name) if self.default else None

    def template_names(self) -> list[str]:
        """The names of the texts that a new document can begin with: its templates, then what is shipped."""
        own = _names(self.package, self.templates)
        return [*own, *(name for name in self.default_names() if name and name not in own)]

    def template(self, name: str) -> str:
        """A text to begin with. Raises NotFound."""
        text = _text(self.package, self.templates, name) or self.default_text(name)
        if text is None or not name:
            raise NotFound(f"There is no template {name!r} for {self.name}.", mend=f"There are: {', '.join(self.template_names())}.")
        return text


@dataclass(frozen=True)
class Document:
    """One document of a kind: `key` addresses it, `file` is its place in `policies/`."""

    kind: PolicyKind
    name: str = ""

    @property
    def key(self) -> str:
        """The kind's name, and the document's in a collection."""
        return f"{self.kind.name}/{self.name}" if self.name else self.kind.name

    @property
    def file(self) -> str:
        """Its file within `policies/`."""
        return self.kind.file.replace("*", self.name)

    @property
    def cases_file(self) -> str:
        """The file of its cases, beside it."""
        return self.file.removesuffix(".toml") + CASES

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.kind.title

    @property
    def has_cases(self) -> bool:
        """Whether cases of it can be run."""
        return self.kind.has_cases

    def default_text(self) -> str | None:
        """The shipped text of that name, None where there is none."""
        return self.kind.default_text(self.name)

    def default_cases(self) -> str | None:
        """The shipped cases of that name, None where there are none."""
        return self.kind.default_cases(self.name)


def _names(package: str, pattern: str) -> list[str]:
    if not pattern:
        return []
    folder = resources.files(package).joinpath(pattern.rsplit("/", 1)[0])
    files = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    names = [file.removesuffix(".toml") for file in files if file.endswith(".toml") and not file.endswith(CASES)]
    return sorted(name for name in names if NAME.fullmatch(name))


def _text(package: str, pattern: str, name: str) -> str | None:
    if not pattern or ("*" in pattern) != bool(name) or (name and not NAME.fullmatch(name)):
        return None
    file = resources.files(package).joinpath(pattern.replace("*", name))
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


def document(key: str) -> Document:
    """The document of a key such as `pipeline` or `approvals/discounts`, written or not. Raises NotFound."""
    name, _, inner = key.partition("/")
    return kind(name).document(inner)


def kind_of_file(file: str) -> PolicyKind | None:
    """The kind that a file holds, by its name or, in a collection, by its folder's and its own."""
    found = document_of_file(file)
    return found.kind if found else None


def document_of_file(file: str) -> Document | None:
    """The document that a file holds, None for a file of no kind. Raises Invalid for a wrong name within a collection's folder."""
    parts = file.replace("\\", "/").split("/")
    if parts[-1].endswith(CASES) or not parts[-1].endswith(".toml"):
        return None
    for found in kinds():
        folder = found.folder.split("/")
        if found.many and parts[-1 - len(folder) : -1] == folder:
            name = parts[-1].removesuffix(".toml")
            if not NAME.fullmatch(name):
                raise Invalid(f"{file} has no name of a document.", mend="Name it with small letters, digits and hyphens, 60 at most.")
            return found.document(name)
    single = next((found for found in kinds() if found.file == parts[-1]), None)
    return single.document() if single else None
