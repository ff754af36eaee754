"""`closedwon policy check | test | plan | apply | history | export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

policy = typer.Typer(name="policy", no_args_is_help=True, help="Policy text: check it, see what it changes, bring it into force.")
PathArgument = Annotated[Path, typer.Argument(help="A policy's file, or a folder of them.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root, and those of decision tables to the formulas."""
    from closedwon.formula.commands import formula_app
    from closedwon.formula.decisions.commands import table_app

    app.add_typer(policy)
    formula_app.add_typer(table_app)


def _start() -> None:
    from closedwon.workspace.boot import boot

    boot()


@policy.command("check")
def check_command(path: PathArgument) -> None:
    """Every mistake in the text, each with its line and the mend; ends with 1 when there is one."""
    _start()
    from closedwon.policies.actions import check, read_files, warnings

    count = 0
    for kind, text, file in read_files(path):
        problems = check(kind.name, text, str(file))
        count += len(problems)
        for problem in problems:
            typer.echo(str(problem), err=True)
        for warning in warnings(kind.name, text, str(file)):
            typer.echo(f"warning: {warning}", err=True)
        if not problems:
            typer.echo(f"{file}: right")
    if count:
        raise typer.Exit(1)


@policy.command("test")
def test_command(path: PathArgument) -> None:
    """Run the cases beside the policies; every named step must come out exactly."""
    _start()
    from closedwon.policies.actions import read_files
    from closedwon.policies.cases import run_cases

    passed = failed = 0
    for kind, text, file in read_files(path):
        cases = file.with_name(file.stem + ".cases.toml")
        if not cases.exists():
            continue
        for result in run_cases(kind, text, cases.read_text(encoding="utf-8"), str(cases)):
            passed, failed = passed + result.passed, failed + (not result.passed)
            typer.echo(f"{'ok    ' if result.passed else 'FAILED'}  {kind.name}: {result.name}")
            for line in result.differences:
                typer.echo(f"          {line}")
    typer.echo(f"{passed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


@policy.command("plan")
def plan_command(path: PathArgument) -> None:
    """What applying the text would change, in words."""
    _start()
    from closedwon.policies.actions import plan, read_files

    for kind, text, _file in read_files(path):
        planned = plan(kind.name, text)
        typer.echo(f"{kind.name}: {'nothing changes' if planned.is_empty else f'{len(planned.changes)} change(s)'}")
        for line in planned.changes:
            typer.echo(f"  {line}")
        for line in planned.warnings:
            typer.echo(f"  warning: {line}")


@policy.command("apply")
def apply_command(
    path: Annotated[Path | None, typer.Argument(help="A policy's file, or a folder of them.")] = None,
    note: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    defaults: Annotated[bool, typer.Option("--defaults", help="Apply the shipped text where none is in force.")] = False,
) -> None:
    """Bring the text into force; records who, when and the digest."""
    _start()
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply, apply_defaults, read_files

    by = cli_actor()
    if defaults or path is None:
        for version in apply_defaults(by):
            typer.echo(f"{version.kind}: shipped default {version.digest[:12]} applied")
        return
    for kind, text, _file in read_files(path):
        version = apply(kind.name, text, by=by, note=note)
        typer.echo(f"{kind.name}: {version.digest[:12]} in force since {version.applied_at:%Y-%m-%d %H:%M} UTC")


@policy.command("history")
def history_command(name: Annotated[str, typer.Argument(help="The kind of policy, as in pipeline.")]) -> None:
    """Who applied which version when."""
    _start()
    from closedwon.policies.actions import history

    for version in history(name):
        typer.echo(f"{version.applied_at:%Y-%m-%d %H:%M}  {version.digest[:12]}  {version.applied_by:<28}  {version.note}")


@policy.command("export")
def export_command(
    name: Annotated[str, typer.Argument(help="The kind of policy, as in pipeline.")],
    version: Annotated[str, typer.Option(help="The digest or its beginning; default is the one in force.")] = "",
) -> None:
    """Print the text of a version."""
    _start()
    from closedwon.base.errors import NotFound
    from closedwon.policies.actions import history

    found = next((item for item in history(name) if item.digest.startswith(version)), None)
    if found is None:
        raise NotFound(f"There is no version {version} of {name}.", mend=f"List them with: closedwon policy history {name}")
    typer.echo(found.text, nl=False)


@policy.command("schema")
def schema_command(name: Annotated[str, typer.Argument(help="The kind of policy, as in pipeline.")]) -> None:
    """Print the JSON Schema of a kind, for editors: put `#:schema ./pipeline.schema.json` on the first line of the policy."""
    _start()
    import json

    from closedwon.policies.registry import kind
    from closedwon.policies.schema import schema_of

    typer.echo(json.dumps(schema_of(kind(name)), indent=2, ensure_ascii=False, sort_keys=True))
