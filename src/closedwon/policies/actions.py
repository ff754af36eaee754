"""Check, plan, apply, history: how policy text comes into force."""

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
from closedwon.base.errors import Invalid, NotFound, NotReady, Problem
from closedwon.base.policytext import changes, digest, load_text
from closedwon.people.actor import Actor
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import PolicyKind, kind, kind_of_file, kinds
from closedwon.workspace import current

KEEPERS = ("admin", "sales-ops")
"""Roles that may write and apply policies."""


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
    return made


def check(name: str, text: str, file: str | None = None) -> list[Problem]:
    """Every mistake in a text of that kind; empty when it is right."""
    return load_text(text, kind(name).model, file or kind(name).file)[1]


@dataclass(frozen=True)
class Plan:
    """What applying a text would change, in words."""

    kind: str
    changes: tuple[str, ...]
    digest: str
    before: str | None

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
    return Plan(name, tuple(changes(before, after)), digest(text), version.digest if version else None)


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
        record(
            by=by.name,
            channel=by.channel,
            verb="policy.applied",
            subject=f"policy:{name}",
            detail={"digest": made.digest, "before": planned.before, "changes": planned.changes[:200], "note": note},
        )
    _write(kind(name), text)
    return made


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


def _write(found: PolicyKind, text: str) -> None:
    folder = current().policies
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / found.file
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


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
        found.append((known, file.read_text(encoding="utf-8"), file))
    if not found:
        raise NotFound(f"{path} holds no policy.", mend=f"Files are named {', '.join(item.file for item in kinds())}.")
    return found


@dataclass(frozen=True)
class CaseResult:
    """One case of a policy: its name, whether every named step came out as expected, and what did not."""

    name: str
    passed: bool
    differences: tuple[str, ...]


def run_cases(found: PolicyKind, text: str, cases: str, file: str = "") -> list[CaseResult]:
    """Run a policy's cases: each named step of `expect` is compared exactly. Raises Invalid where text or cases cannot be read."""
    policy, problems = load_text(text, found.model, found.file)
    if policy is None:
        raise Invalid(f"The {found.name} policy has {len(problems)} mistake(s).", problems=problems)
    if found.run_case is None:
        raise Invalid(f"Policies of the kind {found.name} have no cases.")
    try:
        given = tomllib.loads(cases, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{file or 'The cases'} cannot be read: {error}.") from error
    return [_run_case(found, policy, case) for case in given.get("case", [])]


def _run_case(found: PolicyKind, policy: Any, case: dict[str, Any]) -> CaseResult:
    name = str(case.get("name", "unnamed"))
    try:
        got = found.run_case(policy, case.get("given", {}))  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - whatever a case provokes is its result
        return CaseResult(name, passed=False, differences=(str(error),))
    wanted = case.get("expect", {})
    wrong = [f"{step}: expected {value}, got {got.get(step)}" for step, value in wanted.items() if got.get(step) != value]
    return CaseResult(name, passed=not wrong and bool(wanted), differences=tuple(wrong) or (() if wanted else ("it expects nothing",)))
