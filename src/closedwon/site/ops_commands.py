"""`closedwon backup | restore | upgrade`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command()(backup)
    app.command()(restore)
    app.command()(upgrade)


def backup(
    out: Annotated[Path, typer.Argument(help="The file to write, .tar.gz or .zip.")],
    slim: Annotated[bool, typer.Option("--slim", help="Leave out what an import gives back: copies and marts.")] = False,
    database: Annotated[str, typer.Option(help="auto, or json to move to another database.")] = "auto",
) -> None:
    """Write decisions, policy, settings and facts into one file. It holds keys: keep it as safe as the workspace."""
    from closedwon.workspace.boot import boot

    workspace = boot()
    from closedwon.people.acting import cli_actor
    from closedwon.site.backup import back_up

    made = back_up(workspace, out, by=cli_actor(), slim=slim, database=database, heard=lambda what: typer.echo(f"  {what}"))
    size = out.stat().st_size / 1e6
    typer.echo(f"{out}: {made.files} files, {size:,.1f} MB. Restore it with: closedwon restore {out} DIR")
    if made.manifest["facts_elsewhere"]:
        typer.secho(f"The facts lie at {made.manifest['facts_elsewhere']} and are not in it; back them up there.", fg="yellow", err=True)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `closedwon backup` wrote.")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The workspace to make; it must not exist yet.")],
    database_url: Annotated[str, typer.Option("--database-url", help="The empty database of a backup from PostgreSQL.")] = "",
) -> None:
    """Make a workspace from a backup: compares every file with the manifest, and verifies the audit trail."""
    from closedwon.site.restore import restore as bring_back

    made = bring_back(file, folder, database_url=database_url)
    typer.echo(f"{folder} is restored: {made.files} files compared, {made.entries} entries of the audit trail verified.")
    if made.slim:
        typer.echo("It has no copies of other systems: import them again.")
    typer.echo(f"  closedwon --workspace {folder} serve")


def upgrade(
    keep: Annotated[bool, typer.Option("--backup/--no-backup", help="Back up into the workspace's folder backups first.")] = True,
) -> None:
    """Bring the workspace to this version of closedwon: backup, migrations, new shipped policies, and a look at the facts."""
    from closedwon.workspace.boot import boot

    workspace = boot()
    from closedwon.people.acting import cli_actor
    from closedwon.site.upgrade import upgrade as bring_up

    done = bring_up(workspace, by=cli_actor(), keep=keep)
    if done.backup:
        typer.echo(f"Backed up to {done.backup}")
    typer.echo(f"{len(done.migrations)} migration(s) applied, {len(done.policies)} new polic{'y' if len(done.policies) == 1 else 'ies'}.")
    for name in done.migrations:
        typer.echo(f"  {name}")
    typer.echo(f"{done.tables} fact table(s) can be read.")
