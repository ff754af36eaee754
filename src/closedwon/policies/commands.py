"""`closedwon policy list | check | test | plan | apply | retire | history | export | schema`."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from closedwon.policies.registry import Document

policy = typer.Typer(name="policy", no_args_is_help=True, help="Policy text: check it, see what it changes, bring it into force.")
WHAT = (
    "A policy's file, a folder of them, or a name such as pipeline, approvals or approvals/discounts; without it the workspace's policies."
)
PathArgument = Annotated[str, typer.Argument(metavar="[FILE|NAME]", help=WHAT)]
NameArgument = Annotated[str, typer.Argument(help="The policy, as in pipeline, or approvals/discounts in a collection.")]
Found = list[tuple["Document", str, Path]]


def register(app: typer.Typer) -> None:
    """Add the commands to the root, and those of decision tables to the formulas."""
    from closedwon.formula.commands import formula_app
    from closedwon.formula.decisions.commands import table_app

    app.add_typer(policy)
    formula_app.add_typer(table_app)


def _start(what: str = "") -> None:
    from closedwon.policies.alone import boot_alone, is_alone
    from closedwon.workspace.boot import boot

    if is_alone(what):
        boot_alone()
    else:
        boot()


def _found(what: str) -> tuple[Found, list[str]]:
    """The documents that are meant, and the keys of those in force whose files are gone."""
    from closedwon.policies.actions import gone, named, read_files
    from closedwon.policies.registry import kinds
    from closedwon.workspace import current

    path = Path(what) if what else current().policies
    if not path.exists() and what.split("/", maxsplit=1)[0] in {kind.name for kind in kinds()}:
        return named(what), []
    found = read_files(path)
    return found, gone(path, found)


@policy.command("list")
def list_command() -> None:
    """Every policy in force, with its digest and since when."""
    _start()
    from closedwon.policies.actions import versions_in_force
    from closedwon.policies.registry import kinds

    for kind in kinds():
        versions = list(versions_in_force(kind.name))
        for version in versions:
            typer.echo(f"{version.key:<40}  {version.digest[:12]}  since {version.applied_at:%Y-%m-%d %H:%M} UTC  by {version.applied_by}")
        if not versions:
            typer.echo(f"{kind.name:<40}  none in force")


@policy.command("check")
def check_command(what: PathArgument = "") -> None:
    """Every mistake in the text, alone and together with the others, each with its line and the mend; ends with 1 when there is one.

    Files need no workspace: without one, the shipped policies stand beside them.
    """
    _start(what)
    from closedwon.base.policytext import excerpt
    from closedwon.policies.actions import check_all

    found, _ = _found(what)
    told = check_all({one.key: text for one, text, _ in found}, {one.key: str(file) for one, _, file in found})
    count = 0
    for one, text, file in found:
        errors = [problem for problem in told[one.key] if problem.severity == "error"]
        count += len(errors)
        for problem in told[one.key]:
            typer.echo(f"{'' if problem.severity == 'error' else 'warning: '}{problem}", err=True)
            if where := excerpt(text, problem):
                typer.echo(textwrap.indent(where, "    "), err=True)
        if not errors:
            typer.echo(f"{file}: right")
    if count:
        raise typer.Exit(1)


@policy.command("test")
def cases_command(what: PathArgument = "") -> None:
    """Run the cases beside the policies; every named step must come out exactly. Files need no workspace."""
    _start(what)
    from closedwon.base.policytext import load_text
    from closedwon.policies.actions import standing
    from closedwon.policies.cases import run_cases

    passed = failed = 0
    found, _ = _found(what)
    values = {one.key: load_text(text, one.kind.model)[0] for one, text, _ in found if one.name}
    for one, text, file in found:
        cases = file.with_name(file.stem + ".cases.toml")
        if not cases.exists():
            continue
        mine = {key: value for key, value in values.items() if value is not None and key != one.key}
        others = {key.partition("/")[2]: value for key, value in mine.items() if key.startswith(f"{one.kind.name}/")}
        if one.name and not (Path(what).is_dir() or not what):  # one file stands among those in force
            others = {name: value for name, value in {**standing(one.kind)[0], **others}.items() if name != one.name}
        for result in run_cases(one.kind, text, cases.read_text(encoding="utf-8"), str(cases), others):
            passed, failed = passed + result.passed, failed + (not result.passed)
            typer.echo(f"{'ok    ' if result.passed else 'FAILED'}  {one.key}: {result.name}")
            for line in result.differences:
                typer.echo(f"          {line}")
    typer.echo(f"{passed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


@policy.command("plan")
def plan_command(
    what: PathArgument = "",
    keep: Annotated[bool, typer.Option("--keep-missing", help="Leave documents in force whose files are gone.")] = False,
) -> None:
    """What applying the text would change, in words."""
    _start()
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import effect, plan_all

    by = cli_actor()
    found, missing = _found(what)
    texts: dict[str, str | None] = {one.key: text for one, text, _ in found}
    texts |= {} if keep else dict.fromkeys(missing)
    for planned in plan_all(texts, {one.key: str(file) for one, _, file in found}):
        typer.echo(f"{planned.kind}: {'nothing changes' if planned.is_empty else f'{len(planned.changes)} change(s)'}")
        for line in planned.changes:
            typer.echo(f"  {line}")
        for line in planned.warnings:
            typer.echo(f"  warning: {line}")
        moved = None if planned.is_empty else effect(planned.kind, texts[planned.kind], by=by)
        for line in moved.sentences if moved else ():
            typer.echo(f"  moves: {line}")
        for row in moved.shown if moved else ():
            typer.echo(f"  moves: {', '.join(f'{key} {value}' for key, value in row.items() if value is not None)}")
        if moved and moved.more:
            typer.echo(f"  moves: and {moved.more} more")


@policy.command("apply")
def apply_command(
    what: PathArgument = "",
    note: Annotated[str, typer.Option(help="Why; kept with the version.")] = "",
    defaults: Annotated[bool, typer.Option("--defaults", help="Apply the shipped text where there never was one.")] = False,
    keep: Annotated[bool, typer.Option("--keep-missing", help="Leave documents in force whose files are gone.")] = False,
) -> None:
    """Bring the text into force, all of it or nothing; records who, when and the digest. A file gone from a collection's folder retires it."""
    _start()
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import apply_all, apply_defaults

    by = cli_actor()
    if defaults or not what:
        for version in apply_defaults(by):
            typer.echo(f"{version.key}: shipped default {version.digest[:12]} applied")
        return
    found, missing = _found(what)
    texts: dict[str, str | None] = {one.key: text for one, text, _ in found}
    texts |= {} if keep else dict.fromkeys(missing)
    for version in apply_all(texts, by=by, note=note, files={one.key: str(file) for one, _, file in found}):
        state = "retired" if version.is_retired else f"{version.digest[:12]} in force since"
        typer.echo(f"{version.key}: {state} {version.applied_at:%Y-%m-%d %H:%M} UTC")


@policy.command("retire")
def retire_command(name: NameArgument, note: Annotated[str, typer.Option(help="Why; kept with the history.")] = "") -> None:
    """Take a document of a collection out of force and remove its file; its history stays."""
    _start()
    from closedwon.people.acting import cli_actor
    from closedwon.policies.actions import retire

    version = retire(name, by=cli_actor(), note=note)
    typer.echo(f"{version.key}: retired {version.applied_at:%Y-%m-%d %H:%M} UTC")


@policy.command("history")
def history_command(name: NameArgument) -> None:
    """Who applied which version when."""
    _start()
    from closedwon.policies.actions import history

    for version in history(name):
        mark = "retired" if version.is_retired else version.digest[:12]
        typer.echo(f"{version.applied_at:%Y-%m-%d %H:%M}  {mark:<12}  {version.applied_by:<28}  {version.note}")


@policy.command("export")
def export_command(
    name: NameArgument,
    version: Annotated[str, typer.Option(help="The digest or its beginning; default is the one in force.")] = "",
) -> None:
    """Print the text of a version."""
    _start()
    from closedwon.base.errors import NotFound
    from closedwon.policies.actions import history

    found = next((item for item in history(name) if not item.is_retired and item.digest.startswith(version)), None)
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
