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
def verify_command(
    anchor: Annotated[Path | None, typer.Option("--anchor", help="A file with an end of the chain that was kept elsewhere.")] = None,
    format_: Annotated[str, typer.Option("--format", help="text or json")] = "text",
) -> None:
    """Read the whole chain; says which entry was changed, and ends with 1 when something is wrong."""
    _start()
    import json

    from closedwon.audit.actions import check
    from closedwon.people.acting import cli_actor

    verdict = check(by=cli_actor(), anchor=anchor)
    if format_ == "json":
        typer.echo(json.dumps(verdict.as_dict(), ensure_ascii=False, indent=1))
    elif verdict.holds:
        typer.echo(f"The audit trail holds: {verdict.entries} entries verified, {verdict.anchors} anchors compared.")
        typer.echo(f"It ends at entry {verdict.last}: {verdict.digest}")
    else:
        typer.secho(f"The audit trail does not hold ({verdict.entries} entries read):", fg="red", err=True)
        for fault in verdict.faults:
            typer.echo(f"  {fault}", err=True)
    if not verdict.holds:
        raise typer.Exit(1)


@audit.command("export")
def export_command(
    out: Annotated[Path, typer.Option("--out", help="The file to write: .jsonl, .csv, or .zip with instructions inside.")] = Path(
        "audit.jsonl"
    ),
) -> None:
    """Write the trail for an auditor, with the hashes and how to verify them without closedwon."""
    _start()
    from closedwon.audit.export import export
    from closedwon.people.acting import cli_actor

    typer.echo(f"{export(out, by=cli_actor())} entries written to {out}")
    if out.suffix not in {".csv", ".zip"}:
        typer.echo(f"How to verify them: {out.name}.verify.txt.")


@audit.command("show")
def show_command(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 20,
    verb: Annotated[str, typer.Option(help="Only entries of this verb, as in facts.imported.")] = "",
    actor: Annotated[str, typer.Option(help="Only entries of whoever has this in the name.")] = "",
    subject: Annotated[str, typer.Option(help="Only entries about what has this in its name, as in policy:forecast.")] = "",
    text: Annotated[str, typer.Option(help="Only entries with this text in what you may read of them.")] = "",
    detail: Annotated[bool, typer.Option("--detail", help="The detail under each entry, as JSON.")] = False,
) -> None:
    """The newest entries."""
    _start()
    from closedwon.audit.actions import entries
    from closedwon.people.acting import cli_actor

    for entry in entries(by=cli_actor(), verb=verb, actor=actor, subject=subject, text=text)[:limit]:
        typer.echo(f"{entry.sequence:>8}  {entry.at:%Y-%m-%d %H:%M:%S}  {entry.actor:<32}  {entry.verb:<24}  {entry.subject}")
        if detail:
            typer.echo(f"          {entry.hidden or entry.detail}")


@audit.command("erase")
def erase_command(
    person: Annotated[str, typer.Argument(help="The person's id in the table users.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the trail.")],
) -> None:
    """Destroy a person's key, so that what the trail says about them cannot be read any more."""
    _start()
    from closedwon.audit.actions import erase
    from closedwon.people.acting import cli_actor

    typer.echo(f"{erase(person, by=cli_actor(), reason=reason)} entries can no longer be read.")
