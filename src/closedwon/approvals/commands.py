"""`closedwon approvals`: preview and lint from files, without a workspace; the verbs of a workspace lie beside."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedwon.base.errors import Invalid, NotFound, Problem

if TYPE_CHECKING:
    from closedwon.approvals.deciding import Policies
    from closedwon.approvals.rules.values import People, Preview

approvals = typer.Typer(
    name="approvals", no_args_is_help=True, help="Who must agree: preview, lint, back-test; submit, decide, recall, delegate."
)

PolicyOption = Annotated[Path, typer.Option("--policy", help="A folder of approval policies, or of policies that has one named approvals.")]
PeopleOption = Annotated[
    Path, typer.Option("--people", help="A CSV: id,name,email,manager_id,roles,region,limit,active,absent_from,absent_until,delegate_id.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    from closedwon.approvals import commands_workspace

    commands_workspace.register(approvals)
    app.add_typer(approvals)


def text_of(path: Path, what: str) -> str:
    """The text of a file. Raises NotFound or Invalid."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{what} {path} is not UTF-8 text (byte {error.start}).", mend="Save it as UTF-8.") from error
    except OSError as error:
        raise NotFound(f"{what} {path} cannot be read.", mend="Check the path.") from error


def policies_in(folder: Path) -> Policies:
    """The approval policies of a folder. Raises Invalid with every mistake in their text."""
    from closedwon.approvals.deciding import Policies
    from closedwon.approvals.kind import KIND
    from closedwon.approvals.policy import Matrix
    from closedwon.base.policytext import digest, load_text
    from closedwon.policies.reading import files_of

    if not folder.exists():
        raise NotFound(f"There is no folder {folder}.", mend="Give the folder of the policies, such as example/matrices/guru-2025.")
    documents: dict[str, Matrix] = {}
    digests: dict[str, str] = {}
    problems: list[Problem] = []
    for file in files_of(folder, KIND):
        text = text_of(file, "The policy")
        value, wrong = load_text(text, Matrix, str(file))
        problems += wrong
        if value is not None:
            documents[file.stem], digests[file.stem] = value, digest(text)
    if problems:
        raise Invalid(f"The policies in {folder} have {len(problems)} mistake{'s' if len(problems) != 1 else ''}.", problems=problems)
    if not documents:
        raise NotFound(f"{folder} holds no approval policy.", mend="Its files are named *.toml; those named *.cases.toml are cases.")
    return Policies(documents, digests)


def people_in(path: Path) -> People:
    """The people of a CSV. Raises Invalid."""
    from closedwon.approvals.rules.reading import people_of_csv

    return people_of_csv(text_of(path, "The file of people"), str(path))


@approvals.command("preview")
def preview_command(
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="The request.")],
    policy: PolicyOption,
    people: PeopleOption,
    previous: Annotated[
        Path | None,
        typer.Option("--previous", help="What was approved before: approvals with what was seen, or one request that all approved."),
    ] = None,
    at: Annotated[str, typer.Option("--at", help="The day or instant of the decision; default: when it was submitted, else now.")] = "",
    form: Annotated[str, typer.Option("--format", help="json or table.")] = "table",
) -> None:
    """What a request needs: steps in order with role, person, reason and tested fields, or why it needs nobody; and the cheapest way round."""
    from closedwon.approvals.rules.reading import approvals_of, json_of, request_of

    if form not in ("json", "table"):
        raise Invalid(f"{form!r} is no format.", mend="Write json or table.")
    policies, known = policies_in(policy), people_in(people)
    asked = request_of(json_of(text_of(request, "The request"), str(request)))
    when = _when(at) or asked.submitted_at or datetime.now(UTC)
    approved: Any = ()
    if previous is not None:
        given = json_of(text_of(previous, "The earlier request"), str(previous))
        approved = approvals_of(given, lambda one: policies.everybody(one, known, when))
    made = policies.preview(asked, known, when, approved)
    if form == "json":
        typer.echo(json.dumps(made.as_dict(), ensure_ascii=False, indent=1))
        return
    _table(made)


def _when(text: str) -> datetime | None:
    if not text:
        return None
    try:
        made = datetime.fromisoformat(text) if len(text) > 10 else datetime.combine(date.fromisoformat(text), time(12))
    except ValueError as error:
        raise Invalid(f"{text!r} is no day or instant.", mend="Write 2026-01-31 or 2026-01-31T17:00:00Z.") from error
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _table(made: Preview) -> None:
    """A preview as people read it."""
    typer.echo(f"{'auto-approved' if made.auto_approved else made.outcome}: {made.reason}")
    for at, step in enumerate(made.steps, 1):
        who = step.name or (f"{step.mode} of {', '.join(step.candidates)}" if step.candidates else "nobody")
        state = {"ask": "", "inherited": " (approved before)", "unfilled": " (nobody may decide)"}[step.status]
        typer.echo(f"{at}. group {step.group}  {' and '.join(step.titles)}: {who}{state}")
        for reason in step.reasons:
            typer.echo(f"     {reason.reason}" + (f"  [{', '.join(reason.tested)}]" if reason.tested else ""))
        if step.because:
            typer.echo(f"     {step.because}")
    for hint in made.hints:
        typer.echo(f"hint: {hint.text}")
    for problem in made.problems:
        typer.secho(f"problem: {problem}", fg="red", err=True)
    for warning in made.warnings:
        typer.secho(f"note: {warning}", fg="yellow", err=True)


@approvals.command("lint")
def lint_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of approval policies.")],
    people: Annotated[Path | None, typer.Option("--people", help="A CSV of people, to find roles that nobody holds.")] = None,
    form: Annotated[str, typer.Option("--format", help="json or table.")] = "table",
) -> None:
    """Holes, overlaps, rows that never decide, inversions, cliffs, unknown roles, loops; ends with 1 when one is an error."""
    from closedwon.approvals.kind import KIND
    from closedwon.approvals.rules.lint import look
    from closedwon.policies.linting import Lint, table_problems
    from closedwon.policies.reading import files_of

    if form not in ("json", "table"):
        raise Invalid(f"{form!r} is no format.", mend="Write json or table.")
    policies = policies_in(folder)
    files = {file.stem: file for file in files_of(folder, KIND)}
    texts = {name: text_of(file, "The policy") for name, file in files.items()}
    context = Lint(texts, {name: str(file) for name, file in files.items()})
    found = [problem for name, one in policies.documents.items() for problem in table_problems(one, texts[name], str(files[name]))]
    found += look(policies.documents, context, people_in(people) if people else None)
    found.sort(key=lambda one: (one.severity != "error", one.file or "", one.line or 0))
    errors = sum(one.severity == "error" for one in found)
    if form == "json":
        typer.echo(json.dumps([{**one.as_dict(), "severity": one.severity} for one in found], ensure_ascii=False, indent=1))
    else:
        for one in found:
            typer.echo(f"{one.severity}: {one}")
        typer.echo(f"{errors} errors, {len(found) - errors} warnings")
    if errors:
        raise typer.Exit(1)
