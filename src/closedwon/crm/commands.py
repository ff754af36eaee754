"""`closedwon import`, `closedwon snapshot` and `closedwon facts refresh`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.command("import")(import_command)
    app.command("snapshot")(snapshot_command)
    facts = typer.Typer(help="The facts: what was brought in and what is built from it.", no_args_is_help=True)
    facts.command("refresh")(refresh_command)
    app.add_typer(facts, name="facts")
    from closedwon.crm.funnel import commands as funnel

    funnel.register(app)


def refresh_command() -> None:
    """Rebuild what hangs on the facts, and publish one release of it."""
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.crm.actions import refresh
    from closedwon.people.acting import cli_actor

    release = refresh(by=cli_actor())
    typer.echo(f"Release {release.pk} holds {len(release.tables)} tables.")


def snapshot_command(
    day: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="The day; default is the last one that is over.")
    ] = None,
) -> None:
    """Keep the pipeline as it stood at the close of a day; for a past day it is rebuilt from the history, and says so."""
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.crm.actions import take_snapshot
    from closedwon.people.acting import cli_actor

    report = take_snapshot(day.date() if day else None, by=cli_actor())
    if not report.new:
        typer.echo(f"{report.day} was kept before; nothing changed.")
        return
    kind = "a full set" if report.is_full else "what changed"
    typer.echo(f"{report.day}: {report.rows:,} rows kept ({kind}).")
    if report.reconstructed:
        typer.echo(f"Rebuilt from history. Not tracked then, so today's values stand there: {', '.join(report.untracked) or 'nothing'}.")


def import_command(
    source: Annotated[Path, typer.Argument(help="A CSV, Excel or Parquet file, or a folder of them.")],
    mapping: Annotated[Path | None, typer.Option("--mapping", help="The mapping, as TOML.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report the same, write nothing.")] = False,
    format_: Annotated[str, typer.Option("--format", help="text or json")] = "text",
) -> None:
    """Bring facts in: what is taken, changed, quarantined and noticed, row by row."""
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.base.errors import Invalid
    from closedwon.crm.actions import import_source
    from closedwon.crm.refused import report_shown
    from closedwon.people.acting import cli_actor

    if format_ not in {"text", "json"}:
        raise Invalid(f"There is no format {format_!r}.", mend="Use text or json.")
    by = cli_actor()
    report = import_source(source, by=by, mapping=mapping, dry_run=dry_run)
    seen = report_shown(report.as_dict(), by)
    if format_ == "json":
        typer.echo(json.dumps(seen, ensure_ascii=False, indent=1))
        return
    typer.echo(f"{'Would import' if dry_run else 'Imported'} {report.source}")
    typer.echo(f"  {'table':<24}{'new':>10}{'changed':>10}{'unchanged':>11}{'gone':>8}{'quarantined':>13}")
    for name, item in report.tables.items():
        typer.echo(f"  {name:<24}{item.inserted:>10,}{item.updated:>10,}{item.unchanged:>11,}{item.deleted:>8,}{item.quarantined:>13,}")
    for alarm in report.alarms:
        typer.secho(f"ALARM  {alarm}", fg="red")
    for notice in seen["notices"]:
        where = f" ({notice['file']}, rows {_rows(notice)})" if notice["rows"] else f" ({notice['file']})" if notice["file"] else ""
        typer.echo(f"notice  {notice['count']:,} × {notice['text']}{where}")
    for bad in seen["quarantined"][:50]:
        place = f"{bad['table_name']}.{bad['field']}" if bad["field"] else bad["table_name"]
        typer.secho(f"quarantined  {bad['file']} row {bad['row']}, {place}: {bad['reason']}", fg="yellow")
    if report.quarantined_total > 50:
        typer.echo(f"quarantined  {report.quarantined_total - 50:,} more; see the import's page or --format json")
    if not report.changed and not dry_run:
        typer.echo("Nothing changed: every row was there already.")


def _rows(notice: dict[str, Any]) -> str:
    shown = ", ".join(map(str, notice["rows"][:10]))
    return shown + (" …" if notice["count"] > 10 else "")
