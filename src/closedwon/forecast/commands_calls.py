"""`closedwon forecast call | calls | waiting | override | overrides | withdraw | lock | unlock`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Seat = Annotated[str, typer.Option("--seat", help="The seat; forecast show --by rep lists them.")]
PeriodOption = Annotated[str, typer.Option("--period", help="FY27-Q2, 2017-Q4, 2017-10; by default the running quarter.")]
TypeOption = Annotated[str, typer.Option("--type", help="A forecast type of the policy; by default the policy's default.")]
CurrencyOption = Annotated[str, typer.Option("--currency", help="The currency of the amounts; by default the company's.")]
AsOf = Annotated[str, typer.Option("--as-of", help="A day (its close), an instant, or now.")]
Note = Annotated[str, typer.Option("--note", help="Why, in a sentence.")]
Form = Annotated[str, typer.Option("--format", help="table, csv or json.")]
CALLED = ("commit", "most_likely", "best_case")


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("call")(call)
    forecast.command("calls")(calls)
    forecast.command("waiting")(waiting)
    forecast.command("override")(override)
    forecast.command("overrides")(overrides)
    forecast.command("withdraw")(withdraw)
    forecast.command("lock")(lock)
    forecast.command("unlock")(unlock)


def _begin(form: str = "table") -> Any:
    from closedwon.forecast.commands import _check, _start

    _check(form)
    return _start()


def call(
    seat: Seat,
    commit: Annotated[str, typer.Option("--commit", help="In major units, closed deals included.")],
    most_likely: Annotated[str, typer.Option("--most-likely", help="As likely to be too low as too high.")],
    best_case: Annotated[str, typer.Option("--best-case", help="With luck.")],
    period: PeriodOption = "",
    type_: TypeOption = "",
    currency: CurrencyOption = "",
    note: Note = "",
) -> None:
    """Call commit, most likely and best case for a seat; for a type that reduces, write what is lost."""
    actor = _begin()
    from closedwon.forecast.actions.calls import submit

    amounts = {"commit": commit, "most_likely": most_likely, "best_case": best_case}
    made = submit(by=actor, seat=seat, amounts=amounts, period=period or None, type=type_ or None, currency=currency, note=note)
    behalf = f", on behalf of {made.on_behalf_of}" if made.on_behalf_of else ""
    typer.echo(f"Called for {made.seat}, {made.period}{behalf}.")


def calls(
    seat: Annotated[str, typer.Option("--seat", help="One seat; by default every seat in sight.")] = "",
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    currency: CurrencyOption = "",
    history: Annotated[bool, typer.Option("--history", help="Every call instead of the last one of each seat.")] = False,
    form: Form = "table",
) -> None:
    """What stands at each seat: the deal roll-up, the calls below, its own call, and whether something below changed since."""
    actor = _begin(form)
    from closedwon.forecast.actions.calls import call_board
    from closedwon.forecast.commands import _table
    from closedwon.forecast.results import write
    from closedwon.forecast.showing_calls import call_lines

    board = call_board(by=actor, as_of=as_of, period=period or None, type=type_ or None, currency=currency)
    rows = call_lines(board, seat=seat, history=history)
    if form == "table":
        _table(rows, {"rollup", "below", "call", "delta", "moved"})
        return
    ask = board.book.ask
    typer.echo(write(rows, form, period=ask.period.label, type=ask.type.name, currency=ask.currency))


def waiting(period: PeriodOption = "", type_: TypeOption = "", form: Form = "table") -> None:
    """Who has not called this week, or called late."""
    actor = _begin(form)
    from closedwon.forecast.actions.weekly import waited
    from closedwon.forecast.commands import _table
    from closedwon.forecast.results import write

    rows = [
        {"seat": one.seat, "name": one.name, "holder": one.holder, "state": one.state, "due": one.due.isoformat(),
         "last_call": one.last.isoformat() if one.last else ""}
        for one in waited(by=actor, period=period or None, type=type_ or None)
    ]  # fmt: skip
    if form == "table":
        _table(rows, set())
        return
    typer.echo(write(rows, form))


def override(
    seat: Seat,
    field: Annotated[
        str, typer.Option("--field", help="category, amount or close_date of a deal; commit, most_likely or best_case of a seat.")
    ],
    value: Annotated[str, typer.Option("--value", help="A category, an amount in major units, or a day.")],
    note: Note,
    deal: Annotated[str, typer.Option("--deal", help="The deal.")] = "",
    about: Annotated[str, typer.Option("--about", help="The seat right below whose call it stands in the place of.")] = "",
    period: PeriodOption = "",
    type_: TypeOption = "",
    currency: CurrencyOption = "",
) -> None:
    """Put a value in the place of a deal's or a call below, for the forecast only; the fact stays what it is."""
    actor = _begin()
    from closedwon.forecast.actions.overrides import override as put

    made = put(
        by=actor, seat=seat, field=field, value=value, note=note, deal=deal, about=about, period=period or None, type=type_ or None,
        currency=currency,
    )  # fmt: skip
    typer.echo(
        f"Override {made.id}: {made.field} of {made.deal or made.about} is {made.value} instead of {made.fact or 'nothing'} for {made.period}."
    )


def overrides(
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    deal: Annotated[str, typer.Option("--deal", help="One deal.")] = "",
    form: Form = "table",
) -> None:
    """The overrides in force."""
    actor = _begin(form)
    from closedwon.forecast.actions.overrides import overrides as found
    from closedwon.forecast.commands import _table
    from closedwon.forecast.results import write

    rows = [
        {"id": str(one.id), "seat": one.seat, "deal": one.deal, "about": one.about, "field": one.field, "value": one.value, "fact": one.fact,
         "note": one.note, "author": one.author, "at": one.at.isoformat()}
        for one in found(by=actor, as_of=as_of, period=period or None, type=type_ or None, deal=deal)
    ]  # fmt: skip
    if form == "table":
        _table(rows, {"value"})
        return
    typer.echo(write(rows, form))


def withdraw(number: Annotated[int, typer.Argument(help="The override's number.")], note: Note = "") -> None:
    """End an override."""
    actor = _begin()
    from closedwon.forecast.actions.overrides import withdraw as end

    made = end(by=actor, number=number, note=note)
    typer.echo(f"Override {made.id} is withdrawn; {made.fact or 'the fact'} counts again.")


def lock(period: Annotated[str, typer.Argument(help="The period.")], note: Note = "") -> None:
    """Close a period's calls."""
    actor = _begin()
    from closedwon.forecast.actions.weekly import lock as close

    typer.echo(f"{close(by=actor, period=period, note=note).period} is locked.")


def unlock(period: Annotated[str, typer.Argument(help="The period.")], note: Note = "") -> None:
    """Open a period's calls again."""
    actor = _begin()
    from closedwon.forecast.actions.weekly import lock as close

    typer.echo(f"{close(by=actor, period=period, note=note, is_locked=False).period} is open.")
