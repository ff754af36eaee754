"""`closedwon forecast optimize`."""

from __future__ import annotations

import json

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, PeriodOption, TypeOption, _check, _start, _table


def register(forecast: typer.Typer) -> None:
    """Add the command to `closedwon forecast`."""
    forecast.command("optimize")(optimize)


def optimize(
    as_of: AsOf = "now", period: PeriodOption = "", type_: TypeOption = "", currency: CurrencyOption = "", form: Form = "table"
) -> None:
    """What one point of conversion, one day less, or one more opportunity a week is worth in next quarter's bookings, by stage and group."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.optimize import optimize as worth
    from closedwon.forecast.results import write

    found = worth(by=actor, as_of=as_of, period=period or None, type=type_ or None, currency=currency)
    rows = found.rows()
    if found.refusal:
        typer.secho(found.refusal, fg="yellow", err=True)
    if form == "json":
        head = {
            "period": found.ask.period.label,
            "as_of": found.ask.day.isoformat(),
            "currency": found.ask.currency,
            "refusal": found.refusal,
        }
        typer.echo(json.dumps({**head, "rows": rows}, ensure_ascii=False, indent=1))
    elif form == "csv":
        typer.echo(write(rows, "csv") if rows else "stage,group,change,value,low,high")
    else:
        typer.echo(f"{found.ask.type.label}, {found.ask.period.label}, as of {found.ask.day}, {found.ask.currency}")
        _table(rows, {"value", "low", "high"})
