"""Check, plan, apply, retire, history: how policy text comes into force; every text is kept, only applied ones count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from closedwon.audit.actions import record
from closedwon.base.errors import Conflict, Invalid, NotFound, NotReady, Refused
from closedwon.base.policytext import digest, load_text
from closedwon.people.actor import Actor
from closedwon.policies.applied import COUNTING, applied, applied_all, in_force, value_of, versions_in_force
from closedwon.policies.cases import CaseResult, read_cases, run_cases, standing_beside
from closedwon.policies.checks import (
    Effect,
    Plan,
    Texts,
    check,
    check_all,
    compare,
    effect,
    plan,
    plan_all,
    problems_of,
    standing,
    tables,
    warnings,
)
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import CASES, NAME, Document, document, document_of_file, kind, kinds
from closedwon.workspace import current

__all__ = [
    "KEEPERS",
    "READERS",
    "Effect",
    "Plan",
    "applied",
    "applied_all",
    "apply",
    "apply_all",
    "apply_defaults",
    "back_to",
    "begin",
    "cases",
    "check",
    "check_all",
    "come_out",
    "compare",
    "differs",
    "draft_of",
    "drop_draft",
    "effect",
    "file_names",
    "gone",
    "history",
    "in_force",
    "named",
    "on_disk",
    "plan",
    "plan_all",
    "preview",
    "problems_of",
    "read_files",
    "retire",
    "run",
    "save_cases",
    "save_draft",
    "standing",
    "tables",
    "value_of",
    "version",
    "versions_in_force",
    "warnings",
]  # fmt: skip

KEEPERS = ("admin", "sales-ops")
"""Roles that may write and apply policies."""
READERS = (*KEEPERS, "executive", "auditor", "finance", "deal-desk")
"""Roles that may read them."""


def apply_defaults(by: Actor) -> list[PolicyVersion]:
    """Apply the shipped text of every document that never had one; `init` calls it."""
    wanted = [found.document(name) for found in kinds() for name in found.default_names()]
    known = set(PolicyVersion.objects.filter(status__in=COUNTING).values_list("kind", "document").order_by().distinct())
    new = [one for one in wanted if (one.kind.name, one.name) not in known]
    made = apply_all({one.key: one.default_text() for one in new}, by=by, note="shipped default") if new else []
    for one in new:
        told = one.default_cases()
        if told is not None and not (current().policies / one.cases_file).exists():
            _put(one.cases_file, told)
    return made


def apply(key: str, text: str, *, by: Actor, note: str = "", expected: str | None = None) -> PolicyVersion:
    """Bring a text into force and write its file; a text that is in force already changes nothing.

    `expected` is the digest that the author saw in force; another one raises Conflict, so that nobody's change is lost.
    """
    return apply_all({key: text}, by=by, note=note, expected=None if expected is None else {key: expected})[0]


def retire(key: str, *, by: Actor, note: str = "", expected: str | None = None) -> PolicyVersion:
    """Take a document of a collection out of force and remove its file; its history and its cases stay."""
    if in_force(key) is None:
        raise NotFound(f"No {key} policy is in force.")
    return apply_all({key: None}, by=by, note=note, expected=None if expected is None else {key: expected})[0]


def back_to(key: str, number: int, *, by: Actor, note: str = "", expected: str | None = None) -> PolicyVersion:
    """Bring an earlier version into force again, as a version of its own. Raises Invalid where this release cannot read it."""
    earlier = version(key, number)
    if earlier.is_retired or earlier.status != "applied":
        raise Invalid("Only a version that was applied can be brought back.", mend="Choose one from the history.")
    told = note or f"back to the version of {earlier.applied_at:%Y-%m-%d %H:%M} UTC"
    return apply(key, earlier.text, by=by, note=told, expected=expected)


def apply_all(
    texts: Texts, *, by: Actor, note: str = "", expected: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> list[PolicyVersion]:
    """Bring several texts into force as one, None retires; one audit entry each. Raises Invalid with every mistake, Conflict as `apply`."""
    by.need(*KEEPERS, to="apply a policy")
    for key, text in texts.items():
        if text is None and not document(key).kind.many:
            raise Invalid(f"{key} cannot be retired.", mend="Only documents of a collection can; apply another text instead.")
    standing, plans = _standing(texts), plan_all(texts, files)
    with transaction.atomic():
        if _standing(texts) != standing:  # somebody applied another one meanwhile
            plans = plan_all(texts, files)
        made = [_bring(planned, texts[planned.kind], by, note, (expected or {}).get(planned.kind)) for planned in plans]
        for version, planned, seen in made:
            if seen is not None:
                _record(version, planned, by, note)
        for version, _, seen in made:
            if seen is not None and _overtaken(version, seen):
                raise Conflict(f"{version.key} was changed at the same moment.", mend="Look at the version in force, then apply again.")
    for version, planned, _ in made:
        if not planned.retires or version.is_retired:
            _write(document(planned.kind), None if planned.retires else version.text)
    return [version for version, _, _ in made]


def _standing(texts: Texts) -> list[tuple[str, str, str]]:
    """What is in force of the kinds concerned: kind, document, digest."""
    names = {document(key).kind.name for key in texts}
    return [row for name in sorted(names) for row in versions_in_force(name).values_list("kind", "document", "digest")]


def _overtaken(version: PolicyVersion, seen: int) -> bool:
    """Whether another version of the document came into force while this one did; the audit trail lets one of two through first."""
    mine = PolicyVersion.objects.filter(kind=version.kind, document=version.document, status__in=COUNTING)
    return mine.exclude(pk=version.pk).filter(pk__gt=seen).exists()


def _bring(planned: Plan, text: str | None, by: Actor, note: str, expected: str | None) -> tuple[PolicyVersion, Plan, int | None]:
    """The version that says so, and, for a new one, the number of the one before it (0 for none). Raises Conflict."""
    found = document(planned.kind)
    mine = PolicyVersion.objects.filter(kind=found.kind.name, document=found.name)
    last = mine.select_for_update().filter(status__in=COUNTING).order_by("-id").first()
    now = None if last is None or last.is_retired else last
    if text is None and now is None:
        if last is None:
            raise NotFound(f"No {planned.kind} policy is in force.")
        return last, planned, None
    if text is not None and now and now.digest == planned.digest:
        return now, planned, None
    if expected is not None and expected != (now.digest if now else ""):
        raise Conflict(f"The {planned.kind} policy was changed meanwhile.", mend="Look at the version in force, then apply again.")
    made = PolicyVersion.objects.create(
        kind=found.kind.name, document=found.name, text=text or "", digest=planned.digest, status="retired" if text is None else "applied",
        note=note[:300], written_by=by.name, applied_by=by.name, applied_at=timezone.now(),
    )  # fmt: skip
    mine.filter(status="draft", written_by=by.name).update(status="dropped")
    return made, planned, last.pk if last else 0


def _record(version: PolicyVersion, planned: Plan, by: Actor, note: str) -> None:
    record(
        by=by.name,
        channel=by.channel,
        verb="policy.retired" if version.is_retired else "policy.applied",
        subject=f"policy:{version.key}",
        detail={"digest": version.digest, "before": planned.before, "changes": planned.changes[:200], "note": note},
    )


def preview(key: str, text: str, *, by: Actor, limit: int = 50) -> list[dict[str, Any]] | None:
    """Rows of the company's own facts as the text would read them; None where the kind shows none, the text is wrong or no facts are there."""
    found = document(key)
    value, problems = load_text(text, found.kind.model, found.file)
    if found.kind.preview is None or problems:
        return None
    try:
        return [dict(row) for row in list(found.kind.preview(value, by))[:limit]]
    except (NotReady, NotFound, Refused):
        return None


def cases(key: str) -> str | None:
    """The text of the cases beside a policy; the shipped ones while the shipped policy is in force; None where there are none."""
    found, version = document(key), in_force(key)
    file = current().policies / found.cases_file
    if file.exists():
        return file.read_text(encoding="utf-8", errors="replace")
    default = found.default_text()
    return found.default_cases() if version and default is not None and version.digest == digest(default) else None


def save_cases(key: str, text: str, *, by: Actor) -> None:
    """Write the cases beside a policy. Raises Invalid where they cannot be read."""
    by.need(*KEEPERS, to="write cases of a policy")
    found = document(key)
    read_cases(text, found.cases_file)
    with transaction.atomic():
        record(by=by.name, channel=by.channel, verb="policy.cases-written", subject=f"policy:{key}", detail={"digest": digest(text)})
    _put(found.cases_file, text)


def run(key: str, text: str, given: str | None = None) -> list[CaseResult]:
    """Run the cases beside a policy against a text. Raises Invalid where either cannot be read."""
    found = document(key)
    told = given if given is not None else cases(key)
    return run_cases(found.kind, text, told, found.cases_file, _others(found)) if told and found.has_cases else []


def _others(found: Document) -> dict[str, Any]:
    """The other documents of its collection that are in force and can be read."""
    return {name: value for name, value in standing(found.kind)[0].items() if name != found.name} if found.name else {}


def come_out(key: str, text: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every step that a text comes to for what is given. Raises Invalid where the text is wrong or the case cannot be run."""
    found = document(key)
    value, problems = load_text(text, found.kind.model, found.file)
    if problems or found.kind.run_case is None:
        raise Invalid(f"The {key} policy cannot be run.", problems=problems, mend="Mend its mistakes first.")
    try:
        with standing_beside(_others(found)):
            return found.kind.run_case(value, given)
    except Exception as error:
        raise Invalid(f"That case cannot be run: {error}.", mend="Look at what is given.") from error


def save_draft(key: str, text: str, *, by: Actor, note: str = "") -> PolicyVersion:
    """Keep a text as a draft, mistakes and all; only applying it makes it count."""
    by.need(*KEEPERS, to="write a policy")
    found = document(key)
    with transaction.atomic():
        _drafts(found, by).update(status="dropped")
        made = PolicyVersion.objects.create(
            kind=found.kind.name, document=found.name, text=text, digest=digest(text), note=note[:300], written_by=by.name
        )
        record(by=by.name, channel=by.channel, verb="policy.drafted", subject=f"policy:{key}", detail={"digest": made.digest})
    return made


def _drafts(found: Document, by: Actor) -> Any:
    return PolicyVersion.objects.filter(kind=found.kind.name, document=found.name, status="draft", written_by=by.name)


def history(key: str) -> list[PolicyVersion]:
    """Every version of a document that was applied, and its retirements, newest first."""
    found = document(key)
    return list(PolicyVersion.objects.filter(kind=found.kind.name, document=found.name, status__in=COUNTING).order_by("-id"))


def draft_of(key: str, *, by: Actor) -> PolicyVersion | None:
    """The actor's own draft, None where there is none."""
    found: PolicyVersion | None = _drafts(document(key), by).order_by("-id").first()
    return found


def drop_draft(key: str, *, by: Actor) -> bool:
    """Throw the actor's own draft away."""
    by.need(*KEEPERS, to="write a policy")
    with transaction.atomic():
        dropped = _drafts(document(key), by).update(status="dropped")
        if dropped:
            record(by=by.name, channel=by.channel, verb="policy.draft-dropped", subject=f"policy:{key}")
    return bool(dropped)


def version(key: str, number: int) -> PolicyVersion:
    """One version by its number. Raises NotFound."""
    found = document(key)
    one = PolicyVersion.objects.filter(kind=found.kind.name, document=found.name, pk=number).exclude(status="dropped").first()
    if one is None:
        raise NotFound(f"There is no version {number} of {key}.", mend=f"List them with: closedwon policy history {key}")
    return one


def on_disk(key: str) -> str | None:
    """The text of the file in the workspace, None where there is none; it counts only once it is applied."""
    file = current().policies / document(key).file
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else None


def differs(version: PolicyVersion) -> bool:
    """Whether the file in the workspace is another text than this version."""
    disk = on_disk(version.key)
    return disk is not None and disk != version.text


def begin(name: str, inner: str, start: str, *, by: Actor) -> PolicyVersion:
    """The draft of a new document of a collection; `start` is `template:NAME`, `copy:NAME` of one in force, or nothing."""
    by.need(*KEEPERS, to="write a policy")
    if not NAME.fullmatch(inner):
        raise Invalid(f"{inner!r} is no name of a document.", mend="Names have small letters, digits and hyphens, 60 at most.")
    found = kind(name).document(inner)
    if in_force(found.key) is not None:
        raise Conflict(f"{found.key} is in force already.", mend="Change that one, or choose another name.")
    if draft_of(found.key, by=by) is not None:
        raise Conflict(f"You have a draft of {found.key} already.", mend="Go on with it, or choose another name.")
    what, _, other = start.partition(":")
    if what == "copy":
        known = in_force(found.kind.document(other).key)
        if known is None:
            raise NotFound(f"No {name}/{other} is in force.")
        text = known.text
    else:
        text = found.kind.template(other) if what == "template" else ""
    return save_draft(found.key, text, by=by)


def _write(found: Document, text: str | None) -> None:
    """Put the text into the workspace's file in one step, so that nobody reads half of it; None removes the file."""
    if text is not None:
        _put(found.file, text)
    else:
        (current().policies / found.file).unlink(missing_ok=True)


def _put(name: str, text: str) -> None:
    file = current().policies / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.read_text(encoding="utf-8", errors="replace") == text:
        return
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    part.replace(file)


def read_files(path: Path) -> list[tuple[Document, str, Path]]:
    """The policies that a file or folder holds, with their documents by file name. Raises NotFound, or Invalid for a stranger."""
    if not path.exists():
        raise NotFound(f"{path} does not exist.")
    files = sorted(path.rglob("*.toml")) if path.is_dir() else [path]
    found = []
    for file in files:
        if file.name.endswith(CASES):
            continue
        known = document_of_file(file.absolute().as_posix())
        if known is None and path.is_dir():
            continue
        if known is None:
            names = ", ".join(item.file for item in kinds())
            raise Invalid(f"{file} is no policy that is known.", mend=f"A policy's file name says its kind: {names}.")
        found.append((known, _text_of(file), file))
    if not found:
        raise NotFound(f"{path} holds no policy.", mend=f"Files are named {', '.join(item.file for item in kinds())}.")
    twice = [file for n, (one, _, file) in enumerate(found) if any(one == other for other, _, _ in found[:n])]
    if twice:
        raise Invalid(f"{path} holds a policy twice: {twice[0]} is the second.", mend="Give one folder at a time.")
    return found


def gone(path: Path, found: list[tuple[Document, str, Path]]) -> list[str]:
    """The documents in force that a folder, which holds their collection's folder or is it, holds no file of any more: applying it retires them."""
    if not path.is_dir():
        return []
    here = {one.key for one, _, _ in found}
    whole = path.absolute() == current().policies.absolute()
    lost = []
    for each in kinds():
        if each.many and (whole or (path / each.folder).is_dir() or path.absolute().as_posix().endswith(f"/{each.folder}")):
            lost += [version.key for version in versions_in_force(each.name) if version.key not in here]
    return lost


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{file} is not UTF-8 text (byte {error.start}).", mend="Save it as UTF-8.") from error


def named(name: str) -> list[tuple[Document, str, Path]]:
    """A document, or all of a kind, by name: the file in the workspace, else the text in force. Raises NotFound."""
    head, _, inner = name.partition("/")
    found = kind(head)
    names = (
        [inner]
        if inner or not found.many
        else sorted({*versions_in_force(head).values_list("document", flat=True), *file_names(found.folder)})
    )
    made = []
    for one in (found.document(each) for each in names):
        version, disk = in_force(one.key), on_disk(one.key)
        text = disk if disk is not None else version.text if version else one.default_text()
        if text is None:
            raise NotFound(f"There is no {one.key} policy.", mend="List them with: closedwon policy list")
        made.append((one, text, current().policies / one.file))
    return made


def file_names(folder: str) -> list[str]:
    """The names of a collection's files in the workspace."""
    files = (current().policies / folder).glob("*.toml")
    return [file.name.removesuffix(".toml") for file in files if not file.name.endswith(CASES)]
