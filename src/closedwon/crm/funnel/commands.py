"""`closedwon funnel show | compare | rows | metrics`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

PeriodOption = Annotated[str, typer.Option("--period", help="FY27-Q2, 2017-Q4, 2017-10, 2017, all; by default the quarter of the as-of.")]
By = Annotated[
    str,
    typer.Option(
        "--by", help="segment, region, product, order_type, owner, manager, source, a column of deals or accounts, or a custom one."
    ),
]
AsOf = Annotated[str, typer.Option("--as-of", help="A day (its close), an instant, or now.")]
Org = Annotated[str, typer.Option("--org", help="as-was: the organisation of that day; as-is: today's.")]
CurrencyOption = Annotated[str, typer.Option("--currency", help="Show amounts in this currency; by default the company's.")]
Node = Annotated[str, typer.Option("--node", help="Only deals of this seat and those below it.")]
Form = Annotated[str, typer.Option("--format", help="table, csv or json.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    funnel = typer.Typer(help="The funnel measured: conversion, duration, win rates, velocity, slip.", no_args_is_help=True)
    funnel.command("show")(show)
    funnel.command("compare")(compare)
    funnel.command("rows")(rows)
    funnel.command("metrics")(metrics)
    app.add_typer(funnel, name="funnel")


def _start(form: str) -> Any:
    from closedwon.base.errors import Invalid

    if form not in ("table", "csv", "json"):
        raise Invalid(f"There is no format {form!r}.", mend="Use table, csv or json.")
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.people.acting import cli_actor

    return cli_actor()


def show(
    period: PeriodOption = "",
    by: By = "",
    as_of: AsOf = "now",
    org: Org = "as-was",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """Every metric of a period with its n, what is censored, and its interval; split by a dimension where one is named."""
    actor = _start(form)
    from closedwon.crm.funnel import actions

    found = actions.show(actor, period=period or None, as_of=as_of, by_dim=by, org=org, currency=currency, node=node)
    head = {"period": found.ask.period.label, "as_of": found.ask.day.isoformat(), "by": by, "currency": found.ask.currency}
    _print(found.rows(), form, head)


def compare(
    other: Annotated[str, typer.Option("--with", help="The other period.")],
    period: PeriodOption = "",
    by: By = "",
    as_of: AsOf = "now",
    org: Org = "as-was",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """Two periods: every metric in both, the change, and what each segment did to the change of the whole by its mix and its rate."""
    actor = _start(form)
    from closedwon.crm.funnel import actions

    found = actions.compare(actor, other=other, period=period or None, as_of=as_of, by_dim=by, org=org, currency=currency, node=node)
    head = {
        "period": found.ask.period.label,
        "with": found.other.label,
        "as_of": found.ask.day.isoformat(),
        "by": by,
        "currency": found.ask.currency,
    }
    _print(found.rows(), form, head)


def rows(
    metric: Annotated[str, typer.Argument(help="The metric, as in close_rate or stage_conversion:2-Scoping.")],
    period: PeriodOption = "",
    by: By = "",
    segment: Annotated[str, typer.Option("--segment", help="Only this segment.")] = "",
    outcome: Annotated[str, typer.Option("--outcome", help="Only this outcome, as in won, lost, open, forward, slipped.")] = "",
    as_of: AsOf = "now",
    take: Annotated[int, typer.Option("--take", help="How many.")] = 50,
    skip: Annotated[int, typer.Option("--skip", help="How many to pass over.")] = 0,
    form: Form = "table",
) -> None:
    """The deals behind a metric, largest first."""
    actor = _start(form)
    from closedwon.base.money import format_major
    from closedwon.crm.funnel import actions
    from closedwon.workspace import current

    found = actions.behind(
        actor, metric, segment=segment, outcome=outcome, skip=skip, take=take, period=period or None, as_of=as_of, by_dim=by
    )
    unit = current().settings.currency
    listed = [
        {
            "id": row["id"], "name": row.get("name") or "", "segment": row["segment"], "outcome": row["outcome"],
            "days": "" if row["days"] is None else row["days"], "amount": format_major(row["amount_minor"], unit),
            "amount_at_entry": format_major(row["entry_minor"], unit),
        }
        for row in found.rows
    ]  # fmt: skip
    _print(listed, form, {"metric": metric, "total": found.total})


def metrics(form: Form = "table") -> None:
    """Every metric with its formula and its population."""
    if form not in ("table", "csv", "json"):
        _start(form)
    from closedwon.crm.funnel.catalogue import METRICS

    listed = [{"metric": one.key, "unit": one.unit, "formula": one.formula, "population": one.population} for one in METRICS]
    _print(listed, form, {})


def _print(lines: Sequence[Mapping[str, Any]], form: str, head: Mapping[str, Any]) -> None:
    if form == "json":
        typer.echo(json.dumps({**head, "rows": lines}, ensure_ascii=False, indent=1))
    elif form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(
            out, list(lines[0]) if lines else ["metric", "segment", "value", "n", "censored", "low", "high"], lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows({key: _safe(value) for key, value in line.items()} for line in lines)
        typer.echo(out.getvalue().rstrip("\n"))
    else:
        typer.echo(", ".join(f"{key.replace('_', ' ')} {value}" for key, value in head.items() if value != ""))
        _table(lines)


def _safe(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay."""
    if isinstance(value, str) and value[:1] in ("=", "+", "@", "\t", "\r", "-"):
        try:
            float(value)
        except ValueError:
            return f"'{value}"
    return value


def _table(lines: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, header_style="bold", pad_edge=False)
    words = {"metric", "segment", "id", "name", "outcome", "unit", "formula", "population"}
    for name in lines[0] if lines else ("nothing",):
        shown.add_column(
            name.replace("_", " "), justify="left" if name in words else "right", no_wrap=name not in ("formula", "population", "name")
        )
    for line in lines:
        shown.add_row(*(str(value) for value in line.values()))
    screen = Console()
    (screen if screen.is_terminal else Console(width=240)).print(shown)
