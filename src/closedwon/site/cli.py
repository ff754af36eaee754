"""The command line: `closedwon --workspace WS [--as EMAIL] VERB ...`; each field brings its own sub-commands."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from closedwon.base.errors import ClosedwonError
from closedwon.workspace.settings import VARIABLE

PURE = ("formula", "generate")
"""Rooms whose commands need no workspace and no database."""
FIELDS = ("facts", "audit", "people", "jobs", "policies", "crm", "forecast")

app = typer.Typer(name="closedwon", no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__, rich_markup_mode="rich")


@app.callback()
def _root(
    workspace: Annotated[Path | None, typer.Option("--workspace", "-w", envvar=VARIABLE, help="The workspace folder.")] = None,
    as_email: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Act with this person's rights.")] = "",
) -> None:
    """Sales operations in one place; every number can be reproduced and explained."""
    os.environ["CLOSEDWON_AS"] = as_email
    if workspace is not None:
        os.environ[VARIABLE] = str(workspace)


for _name in (*PURE, *FIELDS, "site"):
    if find_spec(f"closedwon.{_name}") and find_spec(f"closedwon.{_name}.commands"):
        import_module(f"closedwon.{_name}.commands").register(app)


def main() -> None:
    """Run the command line; a ClosedwonError prints its message and mend and ends with its exit code."""
    try:
        app()
    except ClosedwonError as error:
        typer.secho(str(error), fg="red", err=True)
        for problem in error.problems:
            typer.secho(f"  {problem}", err=True)
        sys.exit(error.exit_code)
