"""Policies read from a folder of files, without a database: what `--policy DIR` and `--policies DIR` mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedwon.base.errors import Problem
from closedwon.base.policytext import digest, load_text
from closedwon.policies.linting import Lint, linted, table_problems
from closedwon.policies.registry import CASES, NAME, PolicyKind


@dataclass(frozen=True)
class FromFile:
    """A document as a file holds it: its name in the collection (empty for a kind of one file), its text and the value of it."""

    name: str
    file: Path
    text: str
    value: Any

    @property
    def digest(self) -> str:
        """The sha256 of its text."""
        return digest(self.text)


def folder_of(folder: Path, kind: PolicyKind) -> Path:
    """Where the kind's files lie: in a folder of policies, or in the collection's own folder if that was given."""
    inner = folder / kind.folder if kind.many else folder
    return inner if not kind.many or inner.is_dir() else folder


def files_of(folder: Path, kind: PolicyKind) -> list[Path]:
    """The files of a kind, without those of cases, by name."""
    if folder.is_file():
        return [folder]
    where = folder_of(folder, kind)
    if not kind.many:
        return [where / kind.file] if (where / kind.file).is_file() else []
    return sorted(file for file in where.glob("*.toml") if not file.name.endswith(CASES))


def read_folder(
    folder: Path, kind: PolicyKind, other: Callable[[str], Mapping[str, Any]] | None = None
) -> tuple[dict[str, FromFile], list[Problem]]:
    """The documents of a kind by name, and every problem in them; only those without an error are among the documents.

    `folder` is a folder of policies, the collection's own folder, or one file. `other` gives the documents of other kinds to the kind's lint.
    """
    documents: dict[str, FromFile] = {}
    problems: list[Problem] = []
    for file in files_of(folder, kind):
        name = file.name.removesuffix(".toml") if kind.many else ""
        found, wrong = _read(file, name, kind)
        problems += wrong
        if found is not None:
            documents[name] = found
    context = Lint({name: one.text for name, one in documents.items()}, {name: str(one.file) for name, one in documents.items()})
    context = Lint(context.texts, context.files, other) if other else context
    problems += linted(kind, {name: one.value for name, one in documents.items()}, context)
    bad = {problem.file for problem in problems if problem.severity == "error"}
    return {name: one for name, one in documents.items() if str(one.file) not in bad}, problems


def _read(file: Path, name: str, kind: PolicyKind) -> tuple[FromFile | None, list[Problem]]:
    if kind.many and not NAME.fullmatch(name):
        return None, [Problem("this is no name of a document", str(file), mend="Use small letters, digits and hyphens, 60 at most.")]
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return None, [Problem(f"this is not UTF-8 text (byte {error.start})", str(file), mend="Save it as UTF-8.")]
    value, problems = load_text(text, kind.model, str(file))
    if value is None:
        return None, problems
    return FromFile(name, file, text, value), table_problems(value, text, str(file), kind.tolerates)
