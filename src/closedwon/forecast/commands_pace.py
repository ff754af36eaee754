"""`closedwon forecast accuracy | pacing | generation`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, Node, Org, PeriodOption, Rates, TypeOption, _check, _start, _table


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("accuracy")(accuracy)
    forecast.command("pacing")(pacing)
    forecast.command("generation")(generation)


def _say(found: Any) -> None:
    for text in found.notes:
        typer.secho(text, fg="yellow", err=True)


def _whole_days(text: str) -> list[int]:
    from closedwon.base.errors import Invalid

    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise Invalid(f"{text!r} is no list of days.", mend="Write days before the period's last day, such as 90,30,7.") from error


def accuracy(
    periods: Annotated[str, typer.Option("--periods", help="How many past quarters, or their labels with commas.")] = "",
    days: Annotated[str, typer.Option("--days", help="Days before a period's last day, such as 90,30,7; by default the policy's.")] = "",
    as_of: AsOf = "now",
    type_: TypeOption = "",
    category: Annotated[str, typer.Option("--category", help="Only commit, most_likely or best_case.")] = "",
    level: Annotated[str, typer.Option("--level", help="Only rep, manager, director, vp, executive or company.")] = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """Calls of past quarters against what came, day by day before the end: WAPE, bias, forecast value added, commit hit rate."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.accuracy import accuracy as score

    found = score(
        by=actor, as_of=as_of, periods=periods or None, days=_whole_days(days), category=category, level=level, node=node or None,
        type=type_ or None, org=org, rates=rates, currency=currency, callers_only=form == "table",
    )  # fmt: skip
    _say(found)
    if form == "table":
        names = ("seat", "level", "category", "day_n", "bias", "wape", "wape_rollup", "wape_run_rate", "fva", "hit_rate", "calls")
        rows = [row for row in found.rows() if row["period"] == "all" and row["seat"] == "all"]
        _table([{name: row[name] for name in names} for row in rows], set(names) - {"seat", "level", "category"})
        for one in found.habits:
            if one.verdict:
                typer.echo(
                    f"{found.names.get(one.seat, one.seat)} ({found.notes_of.get(one.seat, '')}): {one.verdict}, {one.bias:+.1%} in the middle, "
                    f"{one.agreeing} of {one.periods} quarters"
                )
        for week in found.late:
            if week.share * 1_000_000 >= found.policy.accuracy.late:
                typer.echo(
                    f"{found.names.get(week.seat, week.seat)} ({found.notes_of.get(week.seat, '')}): late in {week.late} of {week.weeks} weeks"
                )
        return
    from closedwon.forecast.results import write

    head = {"type": found.ask.type.name, "as_of": found.ask.day.isoformat(), "currency": found.currency}
    typer.echo(write(found.rows(), form, **head, periods=[one.label for one in found.periods], notes=list(found.notes)))


def pacing(
    period: PeriodOption = "",
    as_of: AsOf = "now",
    by: Annotated[
        str, typer.Option("--by", help="manager, rep, segment, region, product, type, source, industry or territory.")
    ] = "manager",
    quarters: Annotated[int, typer.Option("--quarters", help="With how many quarters before; by default the policy's.")] = 0,
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """A quarter against the same day of earlier ones: booked, open, commit, coverage, linearity, and the coverage that the yield asks for."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.pacing import pacing as pace
    from closedwon.forecast.results import write

    found = pace(
        by=actor, period=period or None, as_of=as_of, by_dim=by, quarters=quarters, node=node or None, type=type_ or None, org=org, rates=rates,
        currency=currency,
    )  # fmt: skip
    _say(found)
    rows = found.rows()
    if form == "table":
        typer.echo(f"{found.ask.type.label}, {found.period.label} as of {found.ask.day}, {found.elapsed:.0%} of it over, {found.currency}")
        names = (
            "name",
            "kind",
            "period",
            "booked",
            "open",
            "commit",
            "quota",
            "coverage",
            "final",
            "share_booked",
            "yield",
            "required_coverage",
            "spare",
        )
        shown = [row for row in rows if row["kind"] == "now" or row["group"] == "total"]
        _table([{name: row[name] for name in names} for row in shown], set(names) - {"name", "kind", "period"})
        return
    head = {"type": found.ask.type.name, "period": found.period.label, "as_of": found.ask.day.isoformat(), "currency": found.currency}
    typer.echo(write(rows, form, **head, notes=list(found.notes)))


def generation(
    period: PeriodOption = "",
    as_of: AsOf = "now",
    by: Annotated[str, typer.Option("--by", help="source, segment, region, industry, product, type, owner or manager.")] = "source",
    quarters: Annotated[int, typer.Option("--quarters", help="With how many quarters before; by default the policy's.")] = 0,
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """Pipeline created against its target and the same day of earlier quarters, this quarter and the next."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.generation import generation as generate
    from closedwon.forecast.results import write

    found = generate(
        by=actor, period=period or None, as_of=as_of, by_dim=by, quarters=quarters, node=node or None, type=type_ or None, org=org, rates=rates,
        currency=currency,
    )  # fmt: skip
    _say(found)
    rows = found.rows()
    if form == "table":
        names = ("period", "name", "target", "created", "deals", "attained", "expected", "ahead", "projected", "closes_in", "closes_next")
        _table([{name: row[name] for name in names} for row in rows], set(names) - {"period", "name"})
        return
    head = {"type": found.ask.type.name, "period": found.ask.period.label, "as_of": found.ask.day.isoformat(), "currency": found.currency}
    typer.echo(write(rows, form, **head, by=by, notes=list(found.notes)))
