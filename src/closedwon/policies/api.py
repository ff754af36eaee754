"""Policies over the API: what is in force, every version, check, plan, apply."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from closedwon.base.errors import NotFound, Problem
from closedwon.people.acting import api_actor
from closedwon.policies import actions, tables
from closedwon.policies.models import PolicyVersion
from closedwon.policies.registry import kind, kinds
from closedwon.policies.schema import schema_of

router = Router()


class VersionOut(Schema):
    """An applied version."""

    id: int
    kind: str
    document: str = Field("", description="Its name in a collection, empty for a kind of one file")
    status: Literal["applied", "retired", "draft"] = "applied"
    digest: str
    note: str
    applied_by: str
    applied_at: datetime | None


class VersionText(VersionOut):
    """An applied version with its text."""

    text: str


class KindOut(Schema):
    """A kind of policy and the version in force."""

    name: str
    title: str
    about: str
    file: str
    many: bool = Field(..., description="Whether it is a collection of named documents")
    documents: int = Field(..., description="How many documents are in force")
    in_force: VersionOut | None


class TextIn(Schema):
    """A policy's text."""

    text: str


class ApplyIn(TextIn):
    """A text to bring into force; `expected` is the digest that its author saw in force."""

    note: str = ""
    expected: str | None = None


class ManyIn(Schema):
    """Several texts by the keys of their documents, as `approvals/discounts`; null retires the document."""

    texts: dict[str, str | None] = Field(..., max_length=2000)


class ApplyManyIn(ManyIn):
    """Several texts to bring into force as one; `expected` has the digests that their author saw in force."""

    note: str = ""
    expected: dict[str, str] | None = None


class RetireIn(Schema):
    """Why a document goes out of force; `expected` is the digest that was seen in force."""

    note: str = ""
    expected: str | None = None


class CheckOut(Schema):
    """Whether the text is right, every mistake with its line, what looks wrong, and what applying it would change."""

    right: bool
    problems: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    changes: list[str]
    digest: str


class TableIn(Schema):
    """A decision table: a TOML text (alone or within a policy), CSV or DMN, and what is asked of it."""

    text: str = Field(..., max_length=2_000_000)
    format: Literal["toml", "csv", "dmn"] = "toml"
    at: str = Field("", max_length=200, description="Which table, where the text holds several")
    row: dict[str, Any] | None = Field(None, description="A record to decide; values as the cells write them")
    source: str | None = Field(None, min_length=1, max_length=200, description="The table whose rows the SQL decides")
    to: Literal["toml", "csv", "dmn"] | None = Field(None, description="The format to convert it to")


class TableOut(Schema):
    """Mistakes, findings of the linter, and what was asked for."""

    right: bool
    problems: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    outcome: dict[str, Any] | None
    sql: str | None
    text: str | None


def _reader(request: HttpRequest) -> None:
    api_actor(request).need(*actions.READERS, to="read policies")


def _key(name: str) -> str:
    """A document's key from an address, where a dot stands for the slash."""
    return name.replace(".", "/")


@router.get("", response=list[KindOut], summary="Every kind of policy")
def list_policies(request: HttpRequest) -> list[dict[str, Any]]:
    """List the kinds with what is in force."""
    _reader(request)
    return [
        {
            "name": k.name, "title": k.title, "about": k.about, "file": k.file, "many": k.many,
            "documents": actions.versions_in_force(k.name).count(), "in_force": None if k.many else actions.in_force(k.name),
        }
        for k in kinds()
    ]  # fmt: skip


@router.post("/check", response=dict[str, CheckOut], summary="Check several texts together and see what they would change")
def check_many(request: HttpRequest, given: ManyIn) -> dict[str, dict[str, Any]]:
    """Every mistake in each, or the plan in words, as they would be in force together."""
    _reader(request)
    told = actions.check_all(given.texts)
    right = not any(one.severity == "error" for problems in told.values() for one in problems)
    plans = {planned.kind: planned for planned in actions.plan_all(given.texts)} if right else {}
    return {key: _checked(problems, plans.get(key)) for key, problems in told.items()}


@router.post("/apply", response=list[VersionOut], summary="Bring several texts into force, all of them or none")
def apply_many(request: HttpRequest, given: ApplyManyIn) -> list[PolicyVersion]:
    """Apply or retire several documents as one."""
    return actions.apply_all(given.texts, by=api_actor(request), note=given.note, expected=given.expected)


@router.post("/decision-table", response=TableOut, summary="Check, lint, decide, compile and convert a decision table")
def decision_table(request: HttpRequest, given: TableIn) -> dict[str, Any]:
    """Every mistake in a table, what the linter finds, and what is asked for: the outcome of a record, its SQL, or the table in another format."""
    api_actor(request)
    return tables.answer(given.text, given.format, at=given.at, row=given.row, source=given.source, to=given.to)


@router.get("/{name}", response=VersionText, summary="The text in force")
def get_policy(request: HttpRequest, name: str) -> PolicyVersion:
    """Give the version in force with its text."""
    _reader(request)
    found = actions.in_force(_key(name))
    if found is None:
        raise NotFound(f"No {_key(name)} policy is applied.", mend="Apply one.")
    return found


@router.get("/{name}/documents", response=list[VersionOut], summary="The documents of a collection that are in force")
def list_documents(request: HttpRequest, name: str) -> list[PolicyVersion]:
    """List the version in force of every document."""
    _reader(request)
    return list(actions.versions_in_force(kind(name).name).defer("text"))


@router.get("/{name}/versions", response=list[VersionOut], summary="Applied versions, newest first")
def list_versions(request: HttpRequest, name: str) -> list[PolicyVersion]:
    """List who applied what when."""
    _reader(request)
    return actions.history(_key(name))


@router.get("/{name}/versions/{int:number}", response=VersionText, summary="One version with its text")
def get_version(request: HttpRequest, name: str, number: int) -> PolicyVersion:
    """Give one applied version."""
    _reader(request)
    found = actions.version(_key(name), number)
    if found.status == "draft":
        raise NotFound(f"Version {number} of {_key(name)} is a draft.")
    return found


@router.get("/{name}/schema", response=dict[str, Any], summary="The JSON Schema of a kind of policy")
def get_schema(request: HttpRequest, name: str) -> dict[str, Any]:
    """Give the schema, for editors."""
    _reader(request)
    return schema_of(kind(name.partition(".")[0]))


@router.post("/{name}/check", response=CheckOut, summary="Check a text and see what it would change")
def check_text(request: HttpRequest, name: str, given: TextIn) -> dict[str, Any]:
    """Every mistake, or the plan in words."""
    _reader(request)
    problems = actions.problems_of(_key(name), given.text)
    right = not any(one.severity == "error" for one in problems)
    return _checked(problems, actions.plan(_key(name), given.text) if right else None)


def _checked(problems: list[Problem], plan: actions.Plan | None) -> dict[str, Any]:
    told = {level: [one.as_dict() for one in problems if (one.severity == "error") == level] for level in (True, False)}
    return {
        "right": not told[True], "problems": told[True], "warnings": told[False], "changes": list(plan.changes) if plan else [],
        "digest": plan.digest if plan else "",
    }  # fmt: skip


@router.post("/{name}/apply", response=VersionOut, summary="Bring a text into force")
def apply_text(request: HttpRequest, name: str, given: ApplyIn) -> PolicyVersion:
    """Apply a text; one that is in force already changes nothing."""
    return actions.apply(_key(name), given.text, by=api_actor(request), note=given.note, expected=given.expected)


@router.post("/{name}/retire", response=VersionOut, summary="Take a document of a collection out of force")
def retire_document(request: HttpRequest, name: str, given: RetireIn) -> PolicyVersion:
    """Retire a document; its history stays."""
    return actions.retire(_key(name), by=api_actor(request), note=given.note, expected=given.expected)
