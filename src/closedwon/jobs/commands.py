"""`closedwon jobs list | show | cancel | retry | schedules`."""

from __future__ import annotations

from typing import Annotated

import typer

jobs = typer.Typer(name="jobs", no_args_is_help=True, help="Work in the background: what runs, what went wrong, stop it, repeat it.")
Number = Annotated[int, typer.Argument(help="The job's number.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(jobs)


def _start() -> None:
    from closedwon.workspace.boot import boot

    boot()


@jobs.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    status: Annotated[str, typer.Option(help="Only queued, running, done, failed or cancelled ones.")] = "",
) -> None:
    """The newest jobs."""
    _start()
    from closedwon.jobs.actions import visible
    from closedwon.people.acting import cli_actor

    found = visible(cli_actor())
    for job in (found.filter(status=status) if status else found)[:limit]:
        typer.echo(f"{job.pk:>6}  {job.created_at:%Y-%m-%d %H:%M}  {job.status:<9}  {job.title or job.kind:<40}  {job.error or job.text}")


@jobs.command("show")
def show_command(number: Number) -> None:
    """One job: its outcome, or what went wrong and what to do."""
    _start()
    import json

    from closedwon.jobs.actions import find
    from closedwon.people.acting import cli_actor

    job = find(number, by=cli_actor())
    typer.echo(f"{job.title or job.kind}: {job.status}, {job.done} of {job.total or '?'}, {job.attempts} attempt(s), by {job.by_name}")
    for text in (job.text, job.error, job.mend):
        if text:
            typer.echo(f"  {text}")
    if job.result is not None:
        typer.echo(json.dumps(job.result, indent=1, ensure_ascii=False))


@jobs.command("cancel")
def cancel_command(number: Number) -> None:
    """Stop a job."""
    _start()
    from closedwon.jobs.actions import cancel
    from closedwon.people.acting import cli_actor

    job = cancel(number, by=cli_actor())
    typer.echo(f"Job {job.pk} is {job.status}." if job.is_finished else f"Job {job.pk} stops at its next step.")


@jobs.command("retry")
def retry_command(number: Number) -> None:
    """Queue a failed or cancelled job again."""
    _start()
    from closedwon.jobs.actions import retry
    from closedwon.people.acting import cli_actor

    typer.echo(f"Job {retry(number, by=cli_actor()).pk} is queued; the worker takes it up.")


@jobs.command("schedules")
def schedules_command() -> None:
    """What is done again and again, and when next."""
    _start()
    from closedwon.jobs.schedules import in_words, schedules
    from closedwon.people.acting import cli_actor

    for row in schedules(by=cli_actor()):
        when = f"next {row.next_at:%Y-%m-%d %H:%M} UTC" if row.enabled else "switched off"
        typer.echo(f"{row.pk:>4}  {row.name:<28}  {in_words(row):<22}  {when}")
