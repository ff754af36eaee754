"""What is wrong or looks wrong in policy texts, alone and together, and what applying them would change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from closedwon.base.errors import Invalid, NotFound, NotReady, Problem, Refused
from closedwon.base.policytext import changes, digest, load_text
from closedwon.base.tomlplaces import line_of
from closedwon.formula.decisions import DecisionTable
from closedwon.formula.decisions.field import tables_in
from closedwon.people.actor import Actor
from closedwon.policies.applied import applied_all, in_force, value_of, versions_in_force
from closedwon.policies.linting import Lint, linted, table_problems
from closedwon.policies.references import names_any, unknown
from closedwon.policies.registry import PolicyKind, document, kinds
from closedwon.policies.schema import schema_of

Texts = Mapping[str, str | None]
"""Texts by the keys of their documents; None retires the document."""


def check(key: str, text: str, file: str | None = None) -> list[Problem]:
    """Every mistake in a text, with those that it makes together with the other documents in force; empty when it is right."""
    return [problem for problem in problems_of(key, text, file) if problem.severity == "error"]


def warnings(key: str, text: str, file: str | None = None) -> list[Problem]:
    """What a text says that looks wrong and may be meant; empty where it cannot be read."""
    return [problem for problem in problems_of(key, text, file) if problem.severity != "error"]


def problems_of(key: str, text: str, file: str | None = None) -> list[Problem]:
    """Errors and warnings of a text."""
    return check_all({key: text}, {key: file} if file else {})[key]


def check_all(texts: Texts, files: Mapping[str, str] | None = None) -> dict[str, list[Problem]]:
    """Errors and warnings of several texts that would come into force together, by their keys; `files` names the files in messages."""
    found: dict[str, list[Problem]] = {key: [] for key in texts}
    places = {key: (files or {}).get(key) or document(key).file for key in texts}
    values: dict[str, Any] = {}
    for key, text in texts.items():
        if text is None:
            continue
        value, problems = load_text(text, document(key).kind.model, places[key])
        found[key] += problems
        if value is not None:
            values[key] = value
            found[key] += table_problems(value, text, places[key], document(key).kind.tolerates)
    _references(texts, values, places, found)
    for kind in {document(key).kind for key in texts}:
        if kind.lint:
            _cross(kind, texts, values, places, found)
    return found


def _references(texts: Texts, values: Mapping[str, Any], places: Mapping[str, str], found: dict[str, list[Problem]]) -> None:
    """Add the names that name nothing: in the changed documents, and in others that name a retired one."""
    there = _Names(texts)
    for key in values:
        schema, text = schema_of(document(key).kind), str(texts[key])
        if names_any(schema):
            found[key] += _unknown(schema, text, places[key], there)
    for key in [key for key, text in texts.items() if text is None]:
        gone = document(key)
        for kind in kinds():
            if gone.kind.name in names_any(schema_of(kind)):
                for version in versions_in_force(kind.name):
                    if version.key not in texts:
                        told = _unknown(schema_of(kind), version.text, document(version.key).file, there)
                        found[key] += [one for one in told if f"{gone.kind.name}/{gone.name}" in one.message]


class _Names:
    """The names of a kind's documents as they would be in force."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts

    def __call__(self, name: str) -> list[str]:
        known = set(versions_in_force(name).values_list("document", flat=True))
        for key, text in self.texts.items():
            if document(key).kind.name == name:
                known = known - {document(key).name} if text is None else known | {document(key).name}
        return sorted(known)


def _unknown(schema: dict[str, Any], text: str, file: str, there: _Names) -> list[Problem]:
    value = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    return [
        Problem(message, file, line_of(text, list(place)), field=".".join(map(str, place)), mend=mend)
        for place, message, mend in unknown(schema, value, there)
    ]


def _cross(kind: PolicyKind, texts: Texts, values: Mapping[str, Any], places: Mapping[str, str], found: dict[str, list[Problem]]) -> None:
    """Add what the kind's lint tells of its documents together: all of the changed ones, of others only what was not so before."""
    mine = [key for key in texts if document(key).kind is kind]
    if any(texts[key] is not None and key not in values for key in mine) and not kind.many:
        return
    before, before_texts = standing(kind)
    after, after_texts = dict(before), dict(before_texts)
    for key in mine:
        name = document(key).name
        after.pop(name, None)
        if key in values:
            after[name], after_texts[name] = values[key], str(texts[key])
    names = {document(key).name: places[key] for key in mine}
    by_file = {places[key]: key for key in mine}
    context = Lint(after_texts, {**_files(kind, after), **names}, lambda other: _other(other, values), set(names))
    told = linted(kind, after, context)
    strange = [problem for problem in told if problem.file not in by_file and problem.severity == "error"]
    if strange:
        earlier = linted(kind, before, Lint(before_texts, _files(kind, before), _in_force, ()))
        known = {(one.file, one.field, one.message) for one in earlier}
        strange = [context.placed(one) for one in strange if (one.file, one.field, one.message) not in known]
    for problem in told:
        if problem.file in by_file:
            found[by_file[problem.file]].append(problem)
    found[mine[0]] += strange


def standing(kind: PolicyKind) -> tuple[dict[str, Any], dict[str, str]]:
    """What is in force and can be read, with its texts."""
    values, texts = {}, {}
    for version in versions_in_force(kind.name):
        try:
            values[version.document] = value_of(version)
        except Invalid:
            continue
        texts[version.document] = version.text
    return values, texts


def _files(kind: PolicyKind, names: Mapping[str, Any]) -> dict[str, str]:
    return {name: kind.document(name).file for name in names}


def _in_force(name: str) -> Mapping[str, Any]:
    return applied_all(name) if any(one.name == name for one in kinds()) else {}


def _other(name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The documents of another kind as they would be in force."""
    return {**_in_force(name), **{document(key).name: value for key, value in values.items() if document(key).kind.name == name}}


def tables(key: str, text: str) -> list[tuple[str, DecisionTable]]:
    """The decision tables of a text, each with its place; empty where it cannot be read."""
    found = document(key)
    value, _ = load_text(text, found.kind.model, found.file)
    return [(".".join(map(str, place)), table) for place, table in tables_in(value)]


@dataclass(frozen=True)
class Plan:
    """What applying a text would change, in words; `retires` where the document goes out of force."""

    kind: str
    changes: tuple[str, ...]
    digest: str
    before: str | None
    warnings: tuple[str, ...] = ()
    retires: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the text in force says the same."""
        return not self.changes


def plan(key: str, text: str | None) -> Plan:
    """What applying `text` would change; None retires the document. Raises Invalid with every mistake in it."""
    return plan_all({key: text})[0]


def plan_all(texts: Texts, files: Mapping[str, str] | None = None) -> list[Plan]:
    """What applying several texts together would change, each. Raises Invalid with every mistake in them."""
    found = check_all(texts, files)
    wrong = {key: [one for one in told if one.severity == "error"] for key, told in found.items()}
    problems = [one for told in wrong.values() for one in told]
    if problems:
        bad = [key for key, told in wrong.items() if told]
        which = f"The {bad[0]} policy has" if len(bad) == 1 else f"{len(bad)} policies have"
        raise Invalid(f"{which} {len(problems)} mistake(s).", problems=problems)
    return [_plan(key, text, found[key]) for key, text in texts.items()]


def _plan(key: str, text: str | None, told: list[Problem]) -> Plan:
    version = in_force(key)
    warned = tuple(str(item) for item in told)
    if text is None:
        gone = (f"{key} is retired: it is no longer in force",) if version else ()
        return Plan(key, gone, "", version.digest if version else None, warned, retires=True)
    before = tomllib.loads(version.text, parse_float=Decimal) if version else {}
    after = tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)
    return Plan(key, tuple(changes(before, after)), digest(text), version.digest if version else None, warned)


def compare(before: str, after: str) -> list[str]:
    """What differs between two texts, in words; texts that are no TOML are compared as lines."""
    try:
        old, new = (tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal) for text in (before, after))
    except tomllib.TOMLDecodeError:
        import difflib

        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        return [line for line in lines if line[:3] not in {"---", "+++"}]
    return changes(old, new)


@dataclass(frozen=True)
class Effect:
    """Whom a change moves and by how much: sentences, and rows of the company's own data."""

    sentences: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    most: int = 50

    @property
    def shown(self) -> list[Mapping[str, Any]]:
        """The first rows, each with the keys of all."""
        keys = list(dict.fromkeys(key for row in self.rows for key in row))
        return [{key: row.get(key) for key in keys} for row in self.rows[: self.most]]

    @property
    def more(self) -> int:
        """How many rows are not shown."""
        return max(0, len(self.rows) - self.most)


def effect(key: str, text: str | None, *, by: Actor) -> Effect | None:
    """Whom applying `text` would move, as far as `by` may see them; None where the kind does not tell, the text is wrong, or no data is there."""
    found, version = document(key), in_force(key)
    value, problems = load_text(text, found.kind.model, found.file) if text is not None else (None, [])
    if found.kind.effect is None or problems:
        return None
    try:
        told = list(found.kind.effect(value_of(version) if version else None, value, by))
    except (Invalid, NotFound, NotReady, Refused):
        return None
    return Effect(tuple(one for one in told if isinstance(one, str)), tuple(dict(one) for one in told if not isinstance(one, str)))
