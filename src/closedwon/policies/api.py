"""Policies over the API: what is in force, every version, check, plan, apply."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

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
    in_force: VersionOut | None


class TextIn(Schema):
    """A policy's text."""

    text: str


class ApplyIn(TextIn):
    """A text to bring into force; `expected` is the digest that its author saw in force."""

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


@router.get("", response=list[KindOut], summary="Every kind of policy")
def list_policies(request: HttpRequest) -> list[dict[str, Any]]:
    """List the kinds with what is in force."""
    _reader(request)
    return [{"name": k.name, "title": k.title, "about": k.about, "file": k.file, "in_force": actions.in_force(k.name)} for k in kinds()]


@router.post("/decision-table", response=TableOut, summary="Check, lint, decide, compile and convert a decision table")
def decision_table(request: HttpRequest, given: TableIn) -> dict[str, Any]:
    """Every mistake in a table, what the linter finds, and what is asked for: the outcome of a record, its SQL, or the table in another format."""
    api_actor(request)
    return tables.answer(given.text, given.format, at=given.at, row=given.row, source=given.source, to=given.to)


@router.get("/{name}", response=VersionText, summary="The text in force")
def get_policy(request: HttpRequest, name: str) -> PolicyVersion:
    """Give the version in force with its text."""
    _reader(request)
    found = actions.in_force(kind(name).name)
    if found is None:
        from closedwon.base.errors import NotFound

        raise NotFound(f"No {name} policy is applied.", mend="Apply one.")
    return found


@router.get("/{name}/versions", response=list[VersionOut], summary="Applied versions, newest first")
def list_versions(request: HttpRequest, name: str) -> list[PolicyVersion]:
    """List who applied what when."""
    _reader(request)
    return actions.history(name)


@router.get("/{name}/versions/{int:number}", response=VersionText, summary="One version with its text")
def get_version(request: HttpRequest, name: str, number: int) -> PolicyVersion:
    """Give one applied version."""
    _reader(request)
    found = actions.version(name, number)
    if found.status == "draft":
        from closedwon.base.errors import NotFound

        raise NotFound(f"Version {number} of {name} is a draft.")
    return found


@router.get("/{name}/schema", response=dict[str, Any], summary="The JSON Schema of a kind of policy")
def get_schema(request: HttpRequest, name: str) -> dict[str, Any]:
    """Give the schema, for editors."""
    _reader(request)
    return schema_of(kind(name))


@router.post("/{name}/check", response=CheckOut, summary="Check a text and see what it would change")
def check_text(request: HttpRequest, name: str, given: TextIn) -> dict[str, Any]:
    """Every mistake, or the plan in words."""
    _reader(request)
    problems = actions.check(name, given.text)
    plan = None if problems else actions.plan(name, given.text)
    return {
        "right": not problems, "problems": [item.as_dict() for item in problems], "changes": list(plan.changes) if plan else [],
        "digest": plan.digest if plan else "", "warnings": [item.as_dict() for item in actions.warnings(name, given.text)],
    }  # fmt: skip


@router.post("/{name}/apply", response=VersionOut, summary="Bring a text into force")
def apply_text(request: HttpRequest, name: str, given: ApplyIn) -> PolicyVersion:
    """Apply a text; one that is in force already changes nothing."""
    return actions.apply(name, given.text, by=api_actor(request), note=given.note, expected=given.expected)
