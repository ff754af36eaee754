"""`closedwon forecast renewals | contracts`."""

from __future__ import annotations

from typing import Annotated

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, Node, Org, PeriodOption, Rates, _check, _start, _table


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("renewals")(renewals)
    forecast.command("contracts")(contracts)


def renewals(
    as_of: AsOf = "now",
    period: PeriodOption = "",
    by: Annotated[str, typer.Option("--by", help="all, segment, region or owner.")] = "all",
    ahead: Annotated[int, typer.Option("--ahead", help="How many following periods are told too.")] = 4,
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """What is available to renew in a period and the following ones: renewed early, on time, late or by itself, downgraded, churned, open."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.renewals import renewals as ask
    from closedwon.forecast.results import write

    found = ask(
        by=actor, as_of=as_of, period=period or None, by_dim=by, ahead=ahead, org=org, rates=rates, currency=currency, node=node or None
    )
    rows = found.rows()
    if form == "table":
        typer.echo(f"Available to renew, as of {found.ask.day}, {found.ask.currency}")
        left = {"period", "group", "as_of", "frozen_on", "currency"}
        _table(
            [{key: value for key, value in row.items() if key not in ("as_of", "currency", "base", "expansion")} for row in rows],
            set(rows[0]) - left,
        )
        return
    typer.echo(write(rows, form, as_of=found.ask.day.isoformat(), currency=found.ask.currency, by=by))


def contracts(
    part: Annotated[
        str, typer.Option("--part", help="atr, early, on_time, late, auto_renewed, downgraded, churned, open, open_at_risk, without_deal.")
    ] = "open_at_risk",
    as_of: AsOf = "now",
    period: PeriodOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    take: Annotated[int, typer.Option("--take", help="How many, the largest first.")] = 50,
    form: Form = "table",
) -> None:
    """The contracts behind a number of the renewals, each with its notice date and why it is at risk."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.renewals import contract_rows, contracts_behind
    from closedwon.forecast.results import write

    found = contracts_behind(
        by=actor, part=part, as_of=as_of, period=period or None, org=org, rates=rates, currency=currency, node=node or None, take=take
    )
    rows = contract_rows(found)
    if form == "table":
        _table(rows, {"atr", "kept", "downgraded", "uplift", "at_risk"})
        typer.echo(f"{len(rows)} of {found.count:,} contracts")
        return
    typer.echo(write(rows, form, period=found.ask.period.label, part=part, currency=found.ask.currency))
