"""`closedwon audit verify | export | show | erase`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

audit = typer.Typer(name="audit", no_args_is_help=True, help="The trail of every decision: verify it, export it.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(audit)


def _start() -> None:
    from closedwon.workspace.boot import boot

    boot()


@audit.command("verify")
def verify_command() -> None:
    """Read the whole chain; says which entry was changed, and ends with 1 when something is wrong."""
    _start()
    from closedwon.audit.actions import verify

    verdict = verify()
    if verdict.holds:
        typer.echo(f"The audit trail holds: {verdict.entries} entries verified.")
        return
    typer.secho(f"The audit trail does not hold ({verdict.entries} entries read):", fg="red", err=True)
    for fault in verdict.faults:
        typer.echo(f"  {fault}", err=True)
    raise typer.Exit(1)


@audit.command("export")
def export_command(out: Annotated[Path, typer.Option("--out", help="The file to write, JSON lines.")] = Path("audit.jsonl")) -> None:
    """Write the trail for an auditor: one JSON object a line, with the hashes."""
    _start()
    from closedwon.audit.actions import export
    from closedwon.people.acting import cli_actor

    typer.echo(f"{export(out, by=cli_actor().name)} entries written to {out}")


@audit.command("show")
def show_command(limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20, verb: str = "") -> None:
    """The newest entries."""
    _start()
    from closedwon.audit.models import Entry

    rows = Entry.objects.filter(verb__startswith=verb)[:limit]
    for entry in rows:
        typer.echo(f"{entry.sequence:>8}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.actor:<32}  {entry.verb:<24}  {entry.subject}")


@audit.command("erase")
def erase_command(person: str, reason: Annotated[str, typer.Option(help="Why; kept in the trail.")]) -> None:
    """Destroy a person's key, so that what the trail says about them cannot be read any more."""
    _start()
    from closedwon.audit.actions import erase
    from closedwon.people.acting import cli_actor

    actor = cli_actor()
    actor.need("admin", to="erase a person")
    typer.echo(f"{erase(person, by=actor.name, reason=reason)} entries can no longer be read.")
