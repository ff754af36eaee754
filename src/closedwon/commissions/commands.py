"""`closedwon commissions`: the pure engine over files."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from closedwon.base.errors import Invalid, NotFound, Problem

if TYPE_CHECKING:
    from closedwon.commissions.policy import PlanBook
    from closedwon.commissions.rules.results import Result

commissions = typer.Typer(name="commissions", no_args_is_help=True, help="Compensation: what plans pay, line by line.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(commissions)


@commissions.command("calculate")
def calculate_command(
    plan: Annotated[
        list[Path], typer.Option("--plan", help="A plan, or a folder of plans; assignments name a plan by its file. May be repeated.")
    ],
    given: Annotated[
        Path, typer.Option("--input", help="A folder of transactions.csv, credits.csv, quotas.csv, assignments.csv, events.csv …")
    ],
    form: Annotated[str, typer.Option("--format", help="json, csv (lines), or statements (csv).")] = "json",
    period: Annotated[str, typer.Option("--period", help="Only lines and statements of this pay period, such as 2026-03.")] = "",
    payee: Annotated[list[str] | None, typer.Option("--payee", help="Only this person; may be repeated.")] = None,
    until: Annotated[
        str, typer.Option("--until", help="Reckon up to this day, exclusive; default: the end of the month of the last row.")
    ] = "",
    fiscal_start: Annotated[int, typer.Option("--fiscal-start", min=1, max=12, help="The month in which the fiscal year begins.")] = 1,
    calendar: Annotated[str, typer.Option("--calendar", help="months, 4-4-5, 4-5-4 or 5-4-4.")] = "months",
    currency: Annotated[str, typer.Option("--currency", help="The currency of rows without one; default: the first plan's.")] = "",
) -> None:
    """What plans pay for rows in files: lines with every step, and what each period comes to. Nothing is stored."""
    from closedwon.base.calendar import Calendar
    from closedwon.commissions.rules import calculate
    from closedwon.commissions.rules.inputs import read_folder

    if form not in ("json", "csv", "statements"):
        raise Invalid(f"{form!r} is no format.", mend="Write json, csv or statements.")
    plans = plans_in(plan)
    fiscal = Calendar(kind=calendar, start_month=fiscal_start)
    inputs = read_folder(given, currency or next(iter(plans.values())).version[-1].currency, fiscal, list(plans))
    result = calculate(plans, inputs, fiscal, until=_day(until), payees=payee)
    label = fiscal.period(period) if period else None
    lines = [one for one in result.lines if label is None or one.period_start == label.start]
    statements = [one for one in result.statements if label is None or one.period_start == label.start]
    if form == "json":
        typer.echo(json.dumps(_json(result, lines, statements), ensure_ascii=False, indent=1))
    else:
        typer.echo(_csv([one.as_dict() for one in (lines if form == "csv" else statements)]), nl=False)
    if result.problems:
        for problem in result.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1)


def plans_in(paths: list[Path]) -> dict[str, PlanBook]:
    """The plans of files and folders by their file's name. Raises NotFound and Invalid."""
    from closedwon.base.policytext import load_text
    from closedwon.commissions.policy import PlanBook

    made: dict[str, PlanBook] = {}
    problems: list[Problem] = []
    for path in paths:
        files = [one for one in sorted(path.glob("*.toml")) if not one.name.endswith(".cases.toml")] if path.is_dir() else [path]
        for file in files:
            try:
                text = file.read_text(encoding="utf-8-sig")
            except (OSError, UnicodeDecodeError) as error:
                raise NotFound(f"The plan {file} cannot be read.", mend="Check the path.") from error
            value, wrong = load_text(text, PlanBook, str(file))
            problems += wrong
            if value is not None:
                made[file.stem] = value
    if problems:
        raise Invalid(f"The plans have {len(problems)} mistake{'s' if len(problems) != 1 else ''}.", problems=problems)
    if not made:
        raise NotFound(f"There is no plan in {', '.join(map(str, paths))}.", mend="Plans are files named *.toml.")
    return made


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid(f"{text!r} is not a day.", mend="Write 2026-03-31.") from error


def _json(result: Result, lines: list[Any], statements: list[Any]) -> dict[str, Any]:
    return {
        "lines": [one.as_dict() for one in lines],
        "statements": [one.as_dict() for one in statements],
        "problems": [one.as_dict() for one in result.problems],
    }


def _csv(rows: list[dict[str, Any]]) -> str:
    from closedwon.commissions.rules.results import COLUMNS

    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0] if rows else COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
