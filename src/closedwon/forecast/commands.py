"""`closedwon forecast show | deals | inspect | why | refresh` and `closedwon pipeline waterfall | deals`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

AsOf = Annotated[str, typer.Option("--as-of", help="A day (its close), an instant, or now.")]
PeriodOption = Annotated[str, typer.Option("--period", help="FY27-Q2, 2017-Q4, 2017-10, 2017, all; by default the quarter of the as-of.")]
By = Annotated[str, typer.Option("--by", help="manager, rep, segment, region, product, type, source, industry or territory.")]
TypeOption = Annotated[str, typer.Option("--type", help="A forecast type of the policy; by default the policy's default.")]
Org = Annotated[str, typer.Option("--org", help="as-was: the organisation of that day; as-is: today's.")]
Rates = Annotated[str, typer.Option("--rates", help="plan: the plan rate at the period's start; as-reported: the market rate of the day.")]
CurrencyOption = Annotated[str, typer.Option("--currency", help="Show amounts in this currency; by default the company's.")]
Known = Annotated[str, typer.Option("--known-as-of", help="Only what was known by then.")]
Node = Annotated[str, typer.Option("--node", help="Only this node and what is below it.")]
Form = Annotated[str, typer.Option("--format", help="table, csv or json.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    from closedwon.forecast import (
        commands_calls,
        commands_closing,
        commands_optimize,
        commands_pace,
        commands_projection,
        commands_renewals,
        commands_scenarios,
        commands_summary,
    )

    forecast = typer.Typer(help="The weekly forecast.", no_args_is_help=True)
    forecast.command("show")(show)
    forecast.command("deals")(deals)
    forecast.command("inspect")(inspect)
    forecast.command("why")(why)
    forecast.command("refresh")(refresh)
    commands_projection.register(forecast)
    commands_pace.register(forecast)
    commands_optimize.register(forecast)
    commands_renewals.register(forecast)
    commands_closing.register(forecast)
    commands_scenarios.register(forecast)
    commands_summary.register(forecast)
    commands_calls.register(forecast)
    app.add_typer(forecast, name="forecast")
    pipeline = typer.Typer(help="What moved the pipeline.", no_args_is_help=True)
    pipeline.command("waterfall")(waterfall)
    pipeline.command("deals")(bar_deals)
    app.add_typer(pipeline, name="pipeline")


def _start() -> Any:
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.people.acting import cli_actor

    return cli_actor()


def _check(form: str) -> None:
    from closedwon.base.errors import Invalid

    if form not in ("table", "csv", "json"):
        raise Invalid(f"There is no format {form!r}.", mend="Use table, csv or json.")


def show(
    as_of: AsOf = "now",
    period: PeriodOption = "",
    by: By = "manager",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    known_as_of: Known = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """The forecast of a period as it stood, node by node; the last row is the total."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions import roll_up

    found = roll_up(
        by=actor, as_of=as_of, period=period or None, by_dim=by, type=type_ or None, org=org, rates=rates, currency=currency,
        known_as_of=known_as_of or None, node=node or None,
    )  # fmt: skip
    _print(found.rows(), form, found, as_of=found.day.isoformat())


def waterfall(
    begin: Annotated[str, typer.Option("--from", help="The begin: the close of this day.")],
    end: Annotated[str, typer.Option("--to", help="The end: the close of this day, or now.")] = "now",
    period: PeriodOption = "",
    by: By = "manager",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    known_as_of: Known = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """What moved the open pipeline of a period between two days, to the cent."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions import waterfall as compare

    found = compare(
        by=actor, begin=begin, end=end, period=period or None, by_dim=by, type=type_ or None, org=org, rates=rates, currency=currency,
        known_as_of=known_as_of or None, node=node or None,
    )  # fmt: skip
    _print(found.rows(), form, found, begin=found.begin.isoformat(), end=found.end.isoformat())


def deals(
    bucket: Annotated[str, typer.Option("--bucket", help="closed, commit, best_case, most_likely, pipeline, omitted, undated.")] = "commit",
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    take: Annotated[int, typer.Option("--take", help="How many, the largest first.")] = 50,
    form: Form = "table",
) -> None:
    """The deals behind a number of the forecast, each with its flags."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions import deals_behind

    page = deals_behind(
        by=actor, buckets=[bucket], node=node or None, as_of=as_of, period=period or None, type=type_ or None, org=org, rates=rates,
        currency=currency, take=take,
    )  # fmt: skip
    _print_deals(page, form)


def inspect(
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    node: Node = "",
    flag: Annotated[str, typer.Option("--flag", help="Only deals with this flag, such as pushed.")] = "",
    take: Annotated[int, typer.Option("--take", help="How many, the most urgent first.")] = 50,
    form: Form = "table",
) -> None:
    """Open deals that deserve a look, the most urgent first, with the reasons."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions import inspection

    page = inspection(by=actor, node=node or None, as_of=as_of, period=period or None, type=type_ or None, flag=flag)
    from dataclasses import replace

    _print_deals(replace(page, rows=page.rows[:take]), form)


def why(
    deal: Annotated[str, typer.Argument(help="The deal's id, as inspect and deals list it.")],
    flag: Annotated[str, typer.Argument(help="The flag's name, such as pushed.")],
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
) -> None:
    """Why a deal has a flag: the formula, the value of every part, and since when."""
    actor = _start()
    from closedwon.forecast.actions import why as explain

    found = explain(by=actor, deal=deal, flag=flag, as_of=as_of, period=period or None, type=type_ or None)
    typer.echo(f"{found.name}: {found.label if found.raised else f'no {found.flag.name}'}")
    if found.raised:
        typer.echo(found.reason or found.label)
        typer.echo(f"since {found.since}" if found.since_is_exact else f"since {found.since} or longer")
    if found.error:
        typer.echo(f"it cannot be told: {found.error}")
    typer.echo(f"\n{found.flag.when}")
    for line in found.steps.lines():
        typer.echo(f"  {line}")


def bar_deals(
    begin: Annotated[str, typer.Option("--from", help="The begin: the close of this day.")],
    bucket: Annotated[str, typer.Option("--bucket", help="A column of the waterfall, such as pushed_out.")],
    end: Annotated[str, typer.Option("--to", help="The end: the close of this day, or now.")] = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    take: Annotated[int, typer.Option("--take", help="How many, the largest first.")] = 50,
    form: Form = "table",
) -> None:
    """The deals behind a bar of the waterfall."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions import bar_deals as behind

    page = behind(
        by=actor, begin=begin, end=end, bucket=bucket, node=node or None, period=period or None, type=type_ or None, org=org, rates=rates,
        currency=currency, take=take,
    )  # fmt: skip
    _print_deals(page, form)


def refresh() -> None:
    """Keep the board's numbers ready: this quarter and the next two, now and a week and a year ago."""
    actor = _start()
    from closedwon.jobs.actions import run_now

    done = run_now("forecast.refresh", {}, by=actor)
    typer.echo(f"The board's numbers are ready: {done.result}")


def _print_deals(page: Any, form: str) -> None:
    from closedwon.base.money import format_major
    from closedwon.forecast.results import write

    rows = [
        {
            "deal": row["opportunity_id"], "name": row.get("name") or "", "account": row.get("account_name") or row.get("account_id") or "",
            "owner": row.get("owner_name") or row.get("owner_id") or "", "stage": row.get("stage") or "",
            "category": row.get("category") or "", "close_date": str(row.get("close_date") or ""),
            "amount": format_major(row["amount_in_minor"], page.currency), "flags": "; ".join(flag.label for flag in row["flags"]),
        }
        for row in page.rows
    ]  # fmt: skip
    if form != "table":
        total = format_major(page.total_minor, page.currency)
        typer.echo(write(rows, form, count=page.count, total=total, currency=page.currency))
        return
    _table(rows, {"amount"})
    typer.echo(f"{len(rows)} of {page.count:,} deals, {format_major(page.total_minor, page.currency)} {page.currency} in all")


def _print(rows: list[dict[str, Any]], form: str, found: Any, **head: Any) -> None:
    from closedwon.forecast.results import write

    for text in (*found.alarms, *found.notes):
        typer.secho(text, fg="yellow", err=True)
    if form == "table":
        typer.echo(f"{found.type.label}, {found.period.label}, {', '.join(f'{k} {v}' for k, v in head.items())}, {found.currency}")
        _table([{key: value for key, value in row.items() if key != "node"} for row in rows], set(rows[0]) - {"node", "name", "parent"})
        return
    more = {"type": found.type.name, "period": found.period.label, "org": found.org, "rates": found.rates, "currency": found.currency}
    typer.echo(write(rows, form, **head, **more, alarms=list(found.alarms), notes=list(found.notes)))


def _table(rows: list[dict[str, Any]], numeric: set[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0] if rows else ("nothing",):
        shown.add_column(
            name.replace("_", " "),
            justify="right" if name in numeric else "left",
            no_wrap=name in numeric,
            min_width=12 if name == "name" else None,
        )
    for row in rows:
        shown.add_row(*(_grouped(value) if name in numeric else str(value) for name, value in row.items()))
    screen = Console()
    (screen if screen.is_terminal else Console(width=240)).print(shown)


def _grouped(text: str) -> str:
    whole, point, rest = str(text).partition(".")
    sign, size = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(size):,}{point}{rest}" if size.isdigit() else str(text)
