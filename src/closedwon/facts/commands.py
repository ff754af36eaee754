"""Commands that need an engine: `closedwon formula run-cases`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedwon.base.errors import Invalid, NotFound


def register(_app: typer.Typer) -> None:
    """Add the commands."""
    from closedwon.formula.commands import formula_app

    formula_app.command("run-cases")(run_cases)


def run_cases(
    file: Annotated[Path, typer.Argument(help="A file of formulas with cases, a JSON object per line.")],
    backend: Annotated[str, typer.Option("--backend", help="The engine beside the interpreter: duckdb or spark.")] = "duckdb",
) -> None:
    """Run formulas with expected results on the interpreter and on an engine, in both treatments of blanks. Exit code 1 below 99 %."""
    from closedwon.facts import duck
    from closedwon.facts.engine import spark_rows
    from closedwon.formula.cases import Run, read

    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise NotFound(f"{file} cannot be read.", mend="Give the path of a file of cases.") from error
    if backend not in {"duckdb", "spark"}:
        raise Invalid(f"There is no back end {backend!r}.", mend="Write duckdb or spark.")
    with duck.cursor() as cursor:
        run = Run(spark_rows if backend == "spark" else lambda sql: cursor.execute(sql).fetchall(), backend)
        for case in read(lines):
            run.case(case)
    for tally in run.tallies.values():
        for failure in tally.failures:
            typer.echo(failure)
    for tally in run.tallies.values():
        typer.echo(tally.line())
    if any(tally.passed * 100 < (tally.passed + tally.failed) * 99 for tally in run.tallies.values()):
        raise typer.Exit(1)
