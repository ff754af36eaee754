"""`closedwon formula`: check, evaluate, explain and compile formulas, without a workspace."""

from __future__ import annotations

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from closedwon.base.errors import Invalid, NotFound
from closedwon.formula.formula import BadFormula, Formula, compile, types_for  # noqa: A004
from closedwon.formula.types import Type, types_of
from closedwon.formula.values import shown

formula_app = typer.Typer(name="formula", no_args_is_help=True, help="Formulas: check, evaluate, explain, compile to SQL.")

Text = Annotated[str, typer.Argument(help="The formula.", show_default=False)]
Types = Annotated[Path | None, typer.Option("--types", help="A TOML file with the types of the fields.")]
Blank = Annotated[str, typer.Option("--blank", help="How a blank number counts: blank or zero.")]
Row = Annotated[str, typer.Option("--row", help="The record as a JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(formula_app)


def read_types(path: Path | None) -> dict[str, Type] | None:
    """The types of a file. Raises Invalid or NotFound."""
    if path is None:
        return None
    try:
        return types_of(tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except OSError as error:
        raise NotFound(f"{path} cannot be read.", mend="Give the path of a TOML file with types.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{path} is not TOML: {error}.", mend='Write for example amount = "money USD".') from error


def read_row(text: str) -> dict[str, Any]:
    """A row of a JSON text; numbers stay exact. Raises Invalid."""
    try:
        row = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"The row is not JSON: {str(error)[:200]}.", mend="""Write for example --row '{"amount": 120000}'.""") from error
    if not isinstance(row, dict):
        raise Invalid("The row is not a JSON object.", mend="""Write for example --row '{"amount": 120000}'.""")
    return row


def sound(formula: Formula) -> Formula:
    """The formula, where it has no mistakes; else they are shown with carets. Raises BadFormula."""
    if formula.problems:
        count = len(formula.problems)
        raise BadFormula(f"The formula has {'a mistake' if count == 1 else f'{count} mistakes'}.\n{formula.report()}")
    return formula


@formula_app.command("eval")
def evaluate(
    text: Text,
    row: Row = "{}",
    types: Types = None,
    blank: Blank = "blank",
    explain: Annotated[bool, typer.Option("--explain", help="Show the value of every part.")] = False,
) -> None:
    """Evaluate a formula for one record. A value that cannot be had is shown as an error, with exit code 1."""
    record = read_row(row)
    declared = read_types(types)
    formula = sound(compile(text, types_for(record) if declared is None else declared))
    outcome = formula.evaluate(record, blank=blank)
    if explain:
        typer.echo("\n".join(formula.explain(record, blank=blank).lines()))
    elif outcome.error is None:
        typer.echo(shown(outcome.value, formula.type))
    if outcome.error is not None:
        typer.echo(f"error: {outcome.error}", err=True)
        raise typer.Exit(1)


@formula_app.command()
def explain(text: Text, row: Row = "{}", types: Types = None, blank: Blank = "blank") -> None:
    """Show the value of every part of a formula for one record."""
    record = read_row(row)
    declared = read_types(types)
    formula = sound(compile(text, types_for(record) if declared is None else declared))
    typer.echo("\n".join(formula.explain(record, blank=blank).lines()))


@formula_app.command()
def check(
    text: Text,
    types: Types = None,
    gives: Annotated[str | None, typer.Option("--gives", help="The type that the result must have.")] = None,
) -> None:
    """Check a formula against the types of its fields and say what it gives."""
    formula = sound(compile(text, read_types(types) or {}, expects=gives))
    typer.echo(f"fine: gives {formula.type}" + (f", reads {', '.join(sorted(formula.fields))}" if formula.fields else ""))


@formula_app.command()
def sql(
    text: Text,
    types: Types = None,
    dialect: Annotated[str, typer.Option("--dialect", help="duckdb or spark.")] = "duckdb",
    blank: Blank = "blank",
    source: Annotated[str, typer.Option("--source", help="The table that has the fields as columns.")] = "rows",
    keep: Annotated[list[str] | None, typer.Option("--keep", help="A column to pass through.")] = None,
) -> None:
    """Compile a formula to a SELECT that gives `value` and `error` for every row of a table."""
    formula = sound(compile(text, read_types(types) or {}))
    try:
        typer.echo(formula.sql(dialect, blank=blank, source=source, keep=tuple(keep or ())))
    except BadFormula as refused:  # its message has the place and the caret already
        raise BadFormula(refused.message) from refused


@formula_app.command()
def functions() -> None:
    """Write the reference of the language and its functions as Markdown."""
    from closedwon.formula.reference import page

    typer.echo(page())
