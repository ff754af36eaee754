"""`closedwon forecast projection | backtest`."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, Node, Org, PeriodOption, Rates, TypeOption, _check, _start, _table


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("projection")(projection)
    forecast.command("backtest")(backtest)


def projection(
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    take: Annotated[int, typer.Option("--take", help="How many of the deals that matter most.")] = 10,
    form: Form = "table",
) -> None:
    """What a period will come to by the company's own curves: won so far, open deals, new business, median and 80 % interval."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.projection import projection as project
    from closedwon.forecast.projection.results import contract_rows, deal_rows, head_row

    found = project(
        by=actor,
        as_of=as_of,
        period=period or None,
        type=type_ or None,
        org=org,
        rates=rates,
        currency=currency,
        node=node or None,
        take=take,
    )
    for text in (*found.notes, *([found.refusal] if found.refusal else [])):
        typer.secho(text, fg="yellow", err=True)
    if form == "json":
        typer.echo(
            json.dumps({**head_row(found), "deals": deal_rows(found), "contracts": contract_rows(found)}, ensure_ascii=False, indent=1)
        )
        return
    if form == "csv":
        from closedwon.forecast.results import write

        typer.echo(write([{key: "" if value is None else value for key, value in head_row(found).items()}], "csv"))
        return
    head = {key: "–" if value is None else value for key, value in head_row(found).items()}
    typer.echo(f"{found.ask.type.label}, {found.ask.period.label}, as of {found.ask.day}, {found.ask.currency}")
    _table([{name: head[name] for name in ("closed", "open", "new", "expected", "median", "low", "high")}], set(head))
    if found.renewals is not None and found.renewals.median is not None:
        typer.echo("Renewals of the contracts that end in the period")
        shown = {name: head[f"renewals_{name}"] for name in ("kept", "open", "expected", "median", "low", "high")}
        _table([{"atr": head["atr"], **shown}], {"atr", *shown})
    if found.joint is not None:
        typer.echo("New business and renewals together")
        shown = {name: head[f"total_{name}"] for name in ("expected", "median", "low", "high")}
        _table([shown], set(shown))
    if found.deals:
        _table(deal_rows(found), {"value", "chance", "expected"})
        typer.echo(f"the {len(found.deals)} of {found.deal_count:,} open deals that matter most")
    if found.renewals is not None and found.renewals.contracts:
        _table(contract_rows(found), {"atr", "chance", "expected"})
        typer.echo(f"the {len(found.renewals.contracts)} of {found.renewals.count:,} open contracts that matter most")


def _days(text: str) -> list[date]:
    from closedwon.base.errors import Invalid

    try:
        return [date.fromisoformat(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise Invalid(
            f"{text!r} is no list of days.", mend="Write days with commas between them, such as 2017-03-31,2017-04-30."
        ) from error


def backtest(
    as_of: Annotated[str, typer.Option("--as-of", help="Past days with commas between them; each means its close.")],
    horizon_days: Annotated[int, typer.Option("--horizon-days", help="How many days ahead each look goes.")] = 90,
    type_: TypeOption = "",
    currency: CurrencyOption = "",
    form: Form = "table",
) -> None:
    """What the projection would have said on past days, from what was known then, beside what came, the run-rate, and open × win rate."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.backtest import backtest as look_back
    from closedwon.forecast.results import write

    found = look_back(by=actor, days=_days(as_of), horizon=horizon_days, type=type_ or None, currency=currency)
    for look in found.looks:
        if look.refusal:
            typer.secho(f"{look.day}: {look.refusal}", fg="yellow", err=True)
    if form == "json":
        typer.echo(json.dumps(found.rows(), indent=1))
        return
    plain: list[dict[str, Any]] = [{name: "" if value is None else value for name, value in row.items()} for row in found.rows()]
    if form == "csv":
        typer.echo(write(plain, "csv"))
        return
    _table(plain, set(plain[0]) - {"as_of"})
    for name, label in (("projection", "projection"), ("run_rate", "run-rate"), ("open_x_win_rate", "open × win rate")):
        wape, bias = found.wape(name), found.bias(name)
        if wape is not None and bias is not None:
            typer.echo(f"{label}: WAPE {wape:.1%}, bias {bias:+.1%}")
    inside, count = found.covered
    if count:
        typer.echo(f"what came lies in the 80 % interval on {inside} of {count} days")
