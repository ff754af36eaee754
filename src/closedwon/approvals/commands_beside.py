"""The verbs of approvals for what stands beside requests: files, and exceptions that outlive them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from closedwon.base.errors import Invalid

Number = Annotated[int, typer.Argument(help="The number of the request.")]
Form = Annotated[str, typer.Option("--format", help="table or json.")]


def register(approvals: typer.Typer) -> None:
    """Add the commands to `closedwon approvals`."""
    for name, verb in (
        ("attach", attach), ("fetch", fetch), ("except", except_), ("exceptions", exceptions), ("use", use), ("revoke", revoke),
    ):  # fmt: skip
        approvals.command(name)(verb)


def start() -> Any:
    """Open the workspace; gives who acts."""
    from closedwon.approvals.commands_workspace import start as opened

    return opened()


def attach(number: Number, file: Annotated[Path, typer.Argument(help="PDF, Office, picture or text, up to 20 MB.")]) -> None:
    """Add a file to a request."""
    by = start()
    from closedwon.approvals.actions.files import LARGEST
    from closedwon.approvals.actions.files import attach as run

    try:
        with file.open("rb") as source:
            data = source.read(LARGEST + 1)
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.", mend="Name a file that is there.") from error
    made = run(number, file.name, data, by=by)
    typer.echo(f"{made.pk}: {made.name}, {made.size:,} bytes, sha256 {made.sha256}")


def fetch(
    number: Annotated[int, typer.Argument(help="The number of the file, as show tells it.")],
    to: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")],
) -> None:
    """Take a file of a request out of the workspace; the trail keeps who took it."""
    by = start()
    from closedwon.approvals.actions.files import fetch as run

    if to.exists():
        raise Invalid(f"{to} is there already.", mend="Name a file that is not there yet.")
    row, data = run(number, by=by)
    try:
        to.write_bytes(data)
    except OSError as error:
        raise Invalid(f"{to} cannot be written: {error.strerror}.", mend="Name a place that can be written.") from error
    typer.echo(f"{to}: {row.name}, {row.size:,} bytes, sha256 {row.sha256}")


def _until(text: str) -> Any:
    from closedwon.approvals.commands_workspace import day_of

    return day_of(text, "until").date() if text else None


def except_(
    number: Number,
    scope: Annotated[str, typer.Argument(help="quote, customer or term.")],
    of: Annotated[str, typer.Argument(help="The id of the quote, customer or contract.")],
    what: Annotated[str, typer.Argument(help="What is allowed.")],
    until: Annotated[str, typer.Option("--until", help="The first day after it.")] = "",
    uses: Annotated[int | None, typer.Option("--uses", help="How often it may be used.")] = None,
) -> None:
    """Note an exception that an approved request grants."""
    by = start()
    from closedwon.approvals.actions.exemptions import except_ as run

    made = run(number, scope, of, what, by=by, until=_until(until), uses=uses)
    typer.echo(f"{made.pk}: {made.what}, for {made.scope} {made.subject_id}")


def exceptions(
    of: Annotated[
        list[str] | None, typer.Option("--of", help="Only of this quote, customer or contract; may be given several times.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Ended and used up ones too.")] = False,
    form: Form = "table",
) -> None:
    """The exceptions that hold."""
    by = start()
    from closedwon.approvals.actions.exemptions import exceptions as run
    from closedwon.approvals.showing import exemption_json

    rows = [exemption_json(row) for row in run(by=by, subject_ids=of or [], all_=every)]
    if form == "json":
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        left = "" if row["uses_left"] is None else f", {row['uses_left']} uses left"
        typer.echo(f"{row['id']}  {row['scope']} {row['subject_id']}  {row['what']}  until {row['until'] or 'no day'}{left}")
    if not rows:
        typer.echo("There are none.")


def use(
    number: Annotated[int, typer.Argument(help="The exception.")], what_for: Annotated[str, typer.Argument(help="What it is used for.")]
) -> None:
    """Use an exception once; the last use ends it."""
    by = start()
    from closedwon.approvals.actions.exemptions import use as run

    left = run(number, what_for, by=by).uses_left
    typer.echo("Used." if left is None else f"Used; {left} left.")


def revoke(number: Annotated[int, typer.Argument(help="The exception.")], why: Annotated[str, typer.Argument(help="Why it ends.")]) -> None:
    """Revoke an exception; for the deal desk and finance."""
    by = start()
    from closedwon.approvals.actions.exemptions import revoke as run

    typer.echo(f"Revoked: {run(number, why, by=by).what}")
