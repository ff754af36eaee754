"""`closedwon forecast close | flash | restatements`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, Node, PeriodOption, Rates, TypeOption, _check, _start, _table


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("close")(close)
    forecast.command("flash")(flash)
    forecast.command("restatements")(restatements)


def close(
    period: PeriodOption = "",
    finance: Annotated[
        Path | None, typer.Option("--finance", help="A CSV or Excel file with order_id and amount; currency, booked_on, line too.")
    ] = None,
    as_of: AsOf = "now",
    type_: TypeOption = "",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """The close of a period: signed, in booking check, rejected, booked; late bookings; CRM, orders and finance file tied out by cause."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.closing import close_room
    from closedwon.forecast.results import write

    found = close_room(
        by=actor, period=period or None, as_of=as_of, type=type_ or None, rates=rates, currency=currency, node=node or None, finance=finance
    )
    for text in found.problems:
        typer.secho(text, fg="yellow", err=True)
    rows = found.rows()
    if form == "table":
        locked = f"locked {found.locked_at:%Y-%m-%d %H:%M} UTC by {found.locked_by}" if found.locked_at else "not locked"
        typer.echo(f"{found.ask.period.label}, as of {found.ask.day}, {found.ask.currency}, {locked}")
        _table([{key: value for key, value in row.items() if key not in ("period", "currency")} for row in rows], {"amount", "count"})
        return
    typer.echo(write(rows, form, period=found.ask.period.label, as_of=found.ask.day.isoformat(), finance=found.finance))


def flash(
    period: PeriodOption = "",
    hour: Annotated[
        int | None, typer.Option("--hour", help="Hours from the end of the quarter, -72 to 48; by default the present one.")
    ] = None,
    as_of: AsOf = "now",
    type_: TypeOption = "",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """What was signed and booked by an hour before or after the end of the quarter, beside the same hour of the four quarters before."""
    _check(form)
    actor = _start()
    from closedwon.base.money import format_major
    from closedwon.forecast.actions.closing import close_room, flash_rows
    from closedwon.forecast.results import write

    found = close_room(by=actor, period=period or None, as_of=as_of, type=type_ or None, currency=currency, node=node or None)
    money = ("signed", "booked", "final_signed", "final_booked")
    rows = [
        {**row, "at": f"{row['at']:%Y-%m-%dT%H:%M:%SZ}", **{name: format_major(row[name], found.ask.currency) for name in money}}
        for row in flash_rows(found.tracks, hour)
    ]
    if form == "table":
        _table(rows, set(money))
        return
    typer.echo(write(rows, form, currency=found.ask.currency))


def restatements(
    period: PeriodOption = "",
    periods: Annotated[int, typer.Option("--periods", help="How many locked periods, the newest first.")] = 4,
    type_: TypeOption = "",
    currency: CurrencyOption = "",
    form: Form = "table",
) -> None:
    """What changed in locked periods after their lock, with the cause: at the lock, every change, now; for the CRM and for the orders."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.closing import restatement_rows
    from closedwon.forecast.actions.closing import restatements as look
    from closedwon.forecast.results import write

    found, ask = look(by=actor, period=period or None, periods=periods, type=type_ or None, currency=currency)
    rows = restatement_rows(found, ask.currency)
    if form == "table":
        _table(rows, {"amount"})
        return
    typer.echo(write(rows, form, currency=ask.currency, type=ask.type.name))
