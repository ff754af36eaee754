"""The commands that look back over approvals: back-test, how they went, publishing what was decided."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from closedwon.base.errors import Invalid

Since = Annotated[str, typer.Option("--from", help="The first day on which requests were submitted.")]
Until = Annotated[str, typer.Option("--to", help="The first day after the last.")]
Kind = Annotated[str, typer.Option("--kind", help="Only requests of this kind, such as deal.")]
Form = Annotated[str, typer.Option("--format", help="table, csv or json.")]


def register(approvals: typer.Typer) -> None:
    """Add the commands to `closedwon approvals`."""
    for name, verb in (("backtest", backtest), ("analytics", analytics), ("publish", publish)):
        approvals.command(name)(verb)


def _form(form: str) -> None:
    if form not in ("table", "csv", "json"):
        raise Invalid(f"{form!r} is no format.", mend="Write table, csv or json.")


def _start() -> Any:
    from closedwon.approvals.commands_workspace import start

    return start()


def day_of(text: str, name: str) -> Any:
    """The day of an option. Raises Invalid."""
    from datetime import date

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"--{name}: {text!r} is no day.", mend="Write 2026-12-31.") from error


def csv_lines(columns: tuple[str, ...], rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Rows as lines of CSV, the header first; nothing is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if row.get(name) is None else row[name] for name in columns})
        if out.tell() > 65_536:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def backtest(
    since: Since,
    until: Until,
    policy: Annotated[Path | None, typer.Option("--policy", help="A folder of approval policies; default: those in force.")] = None,
    kind: Kind = "",
    form: Form = "table",
) -> None:
    """What past requests would have needed, and for how long, beside what happened: one line for each."""
    _form(form)
    by = _start()
    from closedwon.approvals.actions.backtest import COLUMNS, summary
    from closedwon.approvals.actions.backtest import backtest as run
    from closedwon.approvals.commands import policies_in

    found = run(day_of(since, "from"), day_of(until, "to"), by=by, given=policies_in(policy) if policy else None, kind=kind)
    if form == "json":
        typer.echo(json.dumps([one.as_dict() for one in found], ensure_ascii=False, indent=1))
    elif form == "csv":
        for part in csv_lines(COLUMNS, (one.as_dict() for one in found)):
            sys.stdout.write(part)
    else:
        told = summary(found)
        typer.echo(
            f"{told['requests']} requests: {told['alone']} would need nobody, {told['then_alone']} did; {told['changed']} would need others than then."
        )
        if told["hours"] is not None or told["then_hours"] is not None:
            typer.echo(f"Business hours, median: {_said(told['hours'])} expected, {_said(told['then_hours'])} then.")
        for row in told["roles"]:
            typer.echo(f"  {row['role']:<20} asked {row['asked']}, then {row['then']}")


def analytics(
    since: Since,
    until: Until,
    by: Annotated[str, typer.Option("--by", help="role, region, step or month.")] = "role",
    kind: Kind = "",
    form: Form = "table",
) -> None:
    """How approvals went: how many needed nobody, how long steps took in business hours, rework, where requests wait."""
    _form(form)
    actor = _start()
    from closedwon.approvals.actions.analytics import STEP_COLUMNS, look_back

    found = look_back(day_of(since, "from"), day_of(until, "to"), by=actor, kind=kind, dimension=by)
    if form == "json":
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=1))
    elif form == "csv":
        for part in csv_lines(STEP_COLUMNS, found.steps):
            sys.stdout.write(part)
    else:
        whole = found.whole
        typer.echo(
            f"{whole['requests']} requests: {whole['alone']} needed nobody, {whole['rejected']} rejected, {whole['reworked']} changed after submission, {whole['waiting']} wait."
        )
        if found.bottleneck:
            typer.echo(f"Most business hours go by with {found.bottleneck['title']}: {found.bottleneck['all_hours']:,g} h.")
        typer.echo(f"  {by:<24} {'asked':>7} {'median h':>9} {'9 of 10 h':>9} {'late':>6} {'waiting':>8}")
        for row in found.steps:
            typer.echo(
                f"  {row['title'][:24]:<24} {row['asked']:>7} {_said(row['median_hours']):>9} {_said(row['slow_hours']):>9} {row['late']:>6} {row['waiting']:>8}"
            )


def _said(hours: float | None) -> str:
    return "–" if hours is None else f"{hours:g}"


def publish() -> None:
    """Publish what was decided into the tables approval_requests and approval_steps; the worker does so by itself every half hour."""
    _start()
    from closedwon.approvals.actions.history import publish_history

    typer.echo(", ".join(f"{count} {what}" for what, count in publish_history().items()))
