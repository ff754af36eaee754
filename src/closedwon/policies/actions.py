"""Check, plan, apply, history: how policy text comes into force; every text is kept, only applied ones count."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Invalid, NotFound, NotReady, Problem, Refused
from closedwon.base.policytext import changes, digest, load_text
from closedwon.base.tomlplaces import line_of
from closedwon.formula.decisions import DecisionTable
from closedwon.formula.decisions.field import findings, tables_in
from closedwon.people.actor import Actor
from closedwon.policies.cases import CaseResult, read_cases, run_cases
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import PolicyKind, kind, kind_of_file, kinds
from closedwon.workspace import current

KEEPERS = ("admin", "sales-ops")
"""Roles that may write and apply policies."""
READERS = (*KEEPERS, "executive", "auditor", "finance", "deal-desk")
"""Roles that may read them."""


@lru_cache(maxsize=64)
def _parsed(name: str, _digest: str, text: str) -> Any:
    value, problems = load_text(text, kind(name).model, kind(name).file)
    if value is None:
        raise Invalid(f"The applied policy {name} cannot be read any more.", problems=problems, mend="Apply a corrected text.")
    return value


def in_force(name: str) -> PolicyVersion | None:
    """The applied version of a policy, None where there is none."""
    return PolicyVersion.objects.filter(kind=name, status="applied").order_by("-id").first()


def applied(name: str) -> Any:
    """The policy in force, parsed. Raises NotReady where none was ever applied."""
    version = in_force(name)
    if version is None:
        raise NotReady(f"No {name} policy is applied.", mend="Apply the shipped ones with: closedwon policy apply --defaults")
    return _parsed(name, version.digest, version.text)


def apply_defaults(by: Actor) -> list[PolicyVersion]:
    """Apply the shipped text of every kind that has none in force; `init` calls it."""
    made = []
    for found in kinds():
        text = found.default_text()
        if text is not None and in_force(found.name) is None:
            made.append(apply(found.name, text, by=by, note="shipped default"))
            told = found.default_cases()
            if told is not None and not (current().policies / found.cases_file).exists():
                _put(found.cases_file, told)
    return made


def check(name: str, text: str, file: str | None = None) -> list[Problem]:
    """Every mistake in a text of that kind, and every error that the linter finds in its decision tables; empty when it is right."""
    value, problems = load_text(text, kind(name).model, file or kind(name).file)
    return problems or _linted(value, text, file or kind(name).file, "error")


def warnings(name: str, text: str, file: str | None = None) -> list[Problem]:
    """What a text says that looks wrong and may be meant: the linter's warnings of its decision tables; empty where it cannot be read."""
    value, problems = load_text(text, kind(name).model, file or kind(name).file)
    return [] if problems else _linted(value, text, file or kind(name).file, "warning")


def _linted(value: Any, text: str, file: str, level: str) -> list[Problem]:
    return [
        Problem(f"{table.name}: {found.finding}: {found.message}", file, line_of(text, list(place)), field=".".join(map(str, place)))
        for place, table, found in findings(value)
        if found.level == level
    ]


def tables(name: str, text: str) -> list[tuple[str, DecisionTable]]:
    """The decision tables of a text, each with its place; empty where it cannot be read."""
    value, _ = load_text(text, kind(name).model, kind(name).file)
    return [(".".join(map(str, place)), table) for place, table in tables_in(value)]


@dataclass(frozen=True)
class Plan:
    """What applying a text would change, in words."""

    kind: str
    changes: tuple[str, ...]
    digest: str
    before: str | None
    warnings: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the text in force says the same."""
        return not self.changes


def plan(name: str, text: str) -> Plan:
    """What applying `text` would change. Raises Invalid with every mistake in it."""
    problems = check(name, text)
    if problems:
        raise Invalid(f"The {name} policy has {len(problems)} mistake(s).", problems=problems)
    version = in_force(name)
    before = tomllib.loads(version.text, parse_float=Decimal) if version else {}
    after = tomllib.loads(text, parse_float=Decimal)
    told = tuple(str(item) for item in warnings(name, text))
    return Plan(name, tuple(changes(before, after)), digest(text), version.digest if version else None, told)


def apply(name: str, text: str, *, by: Actor, note: str = "", expected: str | None = None) -> PolicyVersion:
    """Bring a text into force and write its file; a text that is in force already changes nothing.

    `expected` is the digest that the author saw in force; another one raises Conflict, so that nobody's change is lost.
    """
    from closedwon.base.errors import Conflict

    by.need(*KEEPERS, to="apply a policy")
    planned = plan(name, text)
    with transaction.atomic():
        version = PolicyVersion.objects.select_for_update().filter(kind=name, status="applied").order_by("-id").first()
        if version and version.digest == planned.digest:
            _write(kind(name), version.text)
            return version
        if expected is not None and expected != (version.digest if version else ""):
            raise Conflict(f"The {name} policy was changed meanwhile.", mend="Look at the version in force, then apply again.")
        made = PolicyVersion.objects.create(
            kind=name, text=text, digest=planned.digest, status="applied", note=note[:300],
            written_by=by.name, applied_by=by.name, applied_at=timezone.now(),
        )  # fmt: skip
        PolicyVersion.objects.filter(kind=name, status="draft", written_by=by.name).update(status="dropped")
        record(
            by=by.name,
            channel=by.channel,
            verb="policy.applied",
            subject=f"policy:{name}",
            detail={"digest": made.digest, "before": planned.before, "changes": planned.changes[:200], "note": note},
        )
    _write(kind(name), text)
    return made


def preview(name: str, text: str, *, by: Actor, limit: int = 50) -> list[dict[str, Any]] | None:
    """Rows of the company's own facts as the text would read them; None where the kind shows none, the text is wrong or no facts are there."""
    found = kind(name)
    value, problems = load_text(text, found.model, found.file)
    if found.preview is None or problems:
        return None
    try:
        return [dict(row) for row in list(found.preview(value, by))[:limit]]
    except (NotReady, NotFound, Refused):
        return None


def cases(name: str) -> str | None:
    """The text of the cases beside a policy; the shipped ones while the shipped policy is in force; None where there are none."""
    found, version = kind(name), in_force(name)
    file = current().policies / found.cases_file
    if file.exists():
        return file.read_text(encoding="utf-8", errors="replace")
    default = found.default_text()
    return found.default_cases() if version and default is not None and version.digest == digest(default) else None


def save_cases(name: str, text: str, *, by: Actor) -> None:
    """Write the cases beside a policy. Raises Invalid where they cannot be read."""
    by.need(*KEEPERS, to="write cases of a policy")
    found = kind(name)
    read_cases(text, found.cases_file)
    with transaction.atomic():
        record(by=by.name, channel=by.channel, verb="policy.cases-written", subject=f"policy:{name}", detail={"digest": digest(text)})
    _put(found.cases_file, text)


def run(name: str, text: str, given: str | None = None) -> list[CaseResult]:
    """Run the cases beside a policy against a text. Raises Invalid where either cannot be read."""
    found = kind(name)
    told = given if given is not None else cases(name)
    return run_cases(found, text, told, found.cases_file) if told and found.run_case else []


def save_draft(name: str, text: str, *, by: Actor, note: str = "") -> PolicyVersion:
    """Keep a text as a draft, mistakes and all; only applying it makes it count."""
    by.need(*KEEPERS, to="write a policy")
    kind(name)
    with transaction.atomic():
        PolicyVersion.objects.filter(kind=name, status="draft", written_by=by.name).update(status="dropped")
        made = PolicyVersion.objects.create(kind=name, text=text, digest=digest(text), note=note[:300], written_by=by.name)
        record(by=by.name, channel=by.channel, verb="policy.drafted", subject=f"policy:{name}", detail={"digest": made.digest})
    return made


def history(name: str) -> list[PolicyVersion]:
    """Every version of a policy that was applied, newest first."""
    kind(name)
    return list(PolicyVersion.objects.filter(kind=name, status="applied").order_by("-id"))


def draft_of(name: str, *, by: Actor) -> PolicyVersion | None:
    """The actor's own draft, None where there is none."""
    return PolicyVersion.objects.filter(kind=name, status="draft", written_by=by.name).order_by("-id").first()


def drop_draft(name: str, *, by: Actor) -> bool:
    """Throw the actor's own draft away."""
    by.need(*KEEPERS, to="write a policy")
    with transaction.atomic():
        dropped = PolicyVersion.objects.filter(kind=name, status="draft", written_by=by.name).update(status="dropped")
        if dropped:
            record(by=by.name, channel=by.channel, verb="policy.draft-dropped", subject=f"policy:{name}")
    return bool(dropped)


def version(name: str, number: int) -> PolicyVersion:
    """One version by its number. Raises NotFound."""
    found = PolicyVersion.objects.filter(kind=kind(name).name, pk=number).exclude(status="dropped").first()
    if found is None:
        raise NotFound(f"There is no version {number} of {name}.", mend=f"List them with: closedwon policy history {name}")
    return found


def compare(before: str, after: str) -> list[str]:
    """What differs between two texts, in words; texts that are no TOML are compared as lines."""
    try:
        old, new = (tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal) for text in (before, after))
    except tomllib.TOMLDecodeError:
        import difflib

        return [
            line
            for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
            if line[:3] not in {"---", "+++"}
        ]
    return changes(old, new)


def on_disk(found: PolicyKind) -> str | None:
    """The text of the file in the workspace, None where there is none; it counts only once it is applied."""
    file = current().policies / found.file
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else None


def _write(found: PolicyKind, text: str) -> None:
    """Put the text into the workspace's file in one step, so that nobody reads half of it."""
    _put(found.file, text)


def _put(name: str, text: str) -> None:
    file = current().policies / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.read_text(encoding="utf-8", errors="replace") == text:
        return
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    part.replace(file)


def read_files(path: Path) -> list[tuple[PolicyKind, str, Path]]:
    """The policies that a file or folder holds, with their kinds by file name. Raises NotFound, or Invalid for a stranger."""
    if not path.exists():
        raise NotFound(f"{path} does not exist.")
    files = sorted(path.rglob("*.toml")) if path.is_dir() else [path]
    found = []
    for file in files:
        if file.name.endswith(".cases.toml"):
            continue
        known = kind_of_file(file.name)
        if known is None and path.is_dir():
            continue
        if known is None:
            names = ", ".join(item.file for item in kinds())
            raise Invalid(f"{file} is no policy that is known.", mend=f"A policy's file name says its kind: {names}.")
        found.append((known, _text_of(file), file))
    if not found:
        raise NotFound(f"{path} holds no policy.", mend=f"Files are named {', '.join(item.file for item in kinds())}.")
    return found


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text (byte {error.start}).", mend="Save it as UTF-8.") from error
