"""`closedwon formula table`: check, evaluate, lint, compile and convert decision tables, without a workspace."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from closedwon.base.errors import Invalid

table_app = typer.Typer(name="table", no_args_is_help=True, help="Decision tables: check, evaluate, lint, compile to SQL, convert.")

File = Annotated[Path, typer.Argument(help="A .toml (a table, or a policy that holds some), .csv, .xlsx or .dmn file.")]
At = Annotated[str, typer.Option("--at", help="Which table, where the file holds several: its place in TOML or its name.")]


@table_app.command("check")
def check_command(file: File, at: At = "") -> None:
    """Every mistake in the table, and every error that the linter finds; ends with an error when there is one."""
    from closedwon.formula.decisions.files import read_file
    from closedwon.formula.decisions.lint import lint

    table = read_file(file, at)
    errors = [found for found in lint(table) if found.level == "error"]
    for found in errors:
        typer.echo(f"{found.finding}: {found.message}", err=True)
    if errors:
        raise typer.Exit(1)
    typer.echo(f"{table.name}: right; {len(table.rows)} rows, {table.hit}")


@table_app.command("lint")
def lint_command(file: File, at: At = "") -> None:
    """Gaps, overlaps, rows that say nothing or never decide, cliffs and broken directions; ends with 1 when one is an error."""
    from closedwon.formula.decisions.files import read_file
    from closedwon.formula.decisions.lint import lint

    found = lint(read_file(file, at))
    for item in found:
        typer.echo(f"{item.level}: {item.finding}: {item.message}")
    errors = sum(item.level == "error" for item in found)
    typer.echo(f"{errors} errors, {len(found) - errors} warnings")
    if errors:
        raise typer.Exit(1)


@table_app.command("eval")
def eval_command(file: File, at: At = "", row: Annotated[str, typer.Option("--row", help="The record as a JSON object.")] = "{}") -> None:
    """What the table says of one record, which rows hit, and the error where the hit policy is broken (exit code 1)."""
    from closedwon.formula.decisions.files import read_file
    from closedwon.formula.decisions.records import outcome_of, record_of

    table = read_file(file, at)
    try:
        given = json.loads(row, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The row is not JSON: {str(error)[:200]}.", mend="""Write for example --row '{"discount": "12%"}'.""") from error
    if not isinstance(given, dict):
        raise Invalid("The row is not a JSON object.", mend="""Write for example --row '{"discount": "12%"}'.""")
    outcome = table.evaluate(record_of(table, given))
    typer.echo(json.dumps(outcome_of(table, outcome), ensure_ascii=False))
    if outcome.error:
        raise typer.Exit(1)


@table_app.command("sql")
def sql_command(
    file: File,
    at: At = "",
    source: Annotated[str, typer.Option("--source", help="The table that has the inputs as columns.")] = "rows",
    dialect: Annotated[str, typer.Option("--dialect", help="duckdb or spark.")] = "duckdb",
) -> None:
    """A SELECT that decides every row of a table."""
    from closedwon.formula.decisions.files import read_file
    from closedwon.formula.decisions.sql import select
    from closedwon.formula.sql.dialect import dialect_of

    typer.echo(select(read_file(file, at), source, dialect=dialect_of(dialect)))


@table_app.command("convert")
def convert_command(
    file: File,
    target: Annotated[Path, typer.Argument(help="Where to write it; .toml, .csv, .xlsx or .dmn says the format.")],
    at: At = "",
) -> None:
    """Write the table in another format; nothing of it is lost."""
    from closedwon.formula.decisions.files import read_file, write_bytes

    data = write_bytes(read_file(file, at), target.name)
    try:
        target.write_bytes(data)
    except OSError as error:
        raise Invalid(f"{target} cannot be written: {error.strerror}.") from error
    typer.echo(f"{target} written")
