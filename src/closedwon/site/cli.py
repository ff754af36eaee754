"""The command line: `closedwon --workspace WS [--as EMAIL] VERB ...`; each field brings its own sub-commands."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from closedwon import __version__
from closedwon.base.errors import ClosedwonError
from closedwon.workspace.settings import VARIABLE

PURE = ("formula", "generate", "approvals", "commissions")
"""Rooms whose commands need no workspace and no database."""
FIELDS = ("facts", "audit", "people", "jobs", "policies", "crm", "deals", "forecast")

MANY = 50
"""Problems that are printed before the rest is only counted."""

app = typer.Typer(name="closedwon", no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__, rich_markup_mode="rich")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"closedwon {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", envvar=VARIABLE, help="The workspace folder.")] = None,
    version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version, help="Say which version this is.")] = False,  # noqa: ARG001
    as_email: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Act with this person's rights.")] = "",
) -> None:
    """Sales operations in one place; every number can be reproduced and explained."""
    os.environ["CLOSEDWON_AS"] = as_email
    if workspace is not None:
        os.environ[VARIABLE] = str(workspace)


for _name in (*PURE, *FIELDS, "site"):
    if find_spec(f"closedwon.{_name}") and find_spec(f"closedwon.{_name}.commands"):
        import_module(f"closedwon.{_name}.commands").register(app)
import_module("closedwon.site.ops_commands").register(app)


def main() -> None:
    """Run the command line; a ClosedwonError prints its message and mend and ends with its exit code."""
    try:
        app()
    except ClosedwonError as error:
        typer.secho(error.message, fg="red", err=True)
        for problem in error.problems[:MANY]:
            typer.secho(f"  {problem}", err=True)
        if len(error.problems) > MANY:
            typer.secho(f"  ... and {len(error.problems) - MANY} more", err=True)
        if error.mend:
            typer.secho(error.mend, err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # the last door: say what happened, and how to see more
        if os.environ.get("CLOSEDWON_DEBUG") == "1":
            raise
        _last_word(error)


def _last_word(error: Exception) -> NoReturn:
    names = {f"{item.__module__}.{item.__name__}" for item in type(error).__mro__}
    if names & {"django.db.utils.OperationalError", "django.db.utils.ProgrammingError"}:
        typer.secho(f"The database did not answer as it should: {str(error).strip().splitlines()[0]}", fg="red", err=True)
        typer.secho("If it is of another version: closedwon upgrade.", err=True)
        sys.exit(6)
    text = str(error).strip().splitlines()
    typer.secho(f"closedwon failed: {type(error).__name__}{': ' + text[0] if text else ''}", fg="red", err=True)
    typer.secho("That is a fault of closedwon. With CLOSEDWON_DEBUG=1 the same command shows where; please report it.", err=True)
    sys.exit(70)
