"""`closedwon forecast summarize | scorecard | summaries`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, Org, PeriodOption, Rates, TypeOption, _check, _start, _table

Seat = Annotated[str, typer.Option("--seat", help="Only this seat and what is below it; by default all that you may see.")]


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("summarize")(summarize)
    forecast.command("scorecard")(scorecard)
    forecast.command("summaries")(summaries)


def summarize(
    out: Annotated[Path, typer.Option("--out", help="The folder into which summary.html, .md, .pdf and .json are written.")] = Path(),
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    seat: Seat = "",
    slack: Annotated[bool, typer.Option("--slack", help="Write slack.json too, the message for a Slack webhook.")] = False,
) -> None:
    """The week on one page, as mail (HTML), Markdown and PDF, with every figure and its source as JSON; the run is kept and audited."""
    actor = _start()
    import json

    from closedwon.forecast.actions.summary import summary
    from closedwon.forecast.actions.summary_files import as_slack, write_into
    from closedwon.forecast.actions.summary_sending import keep_written

    words: dict[str, Any] = {
        "as_of": as_of,
        "period": period or None,
        "type": type_ or None,
        "org": org,
        "rates": rates,
        "currency": currency,
    }
    found = summary(by=actor, node=seat or None, **words)
    made = write_into(found, out)
    if slack:
        target = out / "slack.json"
        target.write_text(json.dumps(as_slack(found), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        made.append(target)
    keep_written(found, by=actor, node=seat)
    typer.echo(found.headline.plain)
    for target in made:
        typer.echo(str(target))


def scorecard(
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    org: Org = "as-was",
    rates: Rates = "plan",
    currency: CurrencyOption = "",
    seat: Seat = "",
    form: Form = "table",
) -> None:
    """Each manager's people: flags by money, overdue and pushed deals, late calls, coverage and pace."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.scorecard import scorecard as make
    from closedwon.forecast.results import write

    found = make(
        by=actor, as_of=as_of, period=period or None, type=type_ or None, org=org, rates=rates, currency=currency, node=seat or None
    )  # fmt: skip
    rows = found.as_rows()
    if form != "table":
        head = {"type": found.type, "period": found.period, "as_of": found.as_of.isoformat(), "currency": found.currency}
        typer.echo(write(rows, form, **head, notes=list(found.notes)))
        return
    for note in found.notes:
        typer.secho(note, fg="yellow", err=True)
    words = {"manager", "seat", "manager_name", "name", "who"}
    _table(
        [{key: value for key, value in row.items() if key not in ("manager", "seat")} for row in rows],
        set(rows[0]) - words if rows else set(),
    )


def summaries(
    take: Annotated[int, typer.Option("--take", help="How many, the latest first.")] = 20,
    again: Annotated[int, typer.Option("--again", help="Try this message again, by its number.")] = 0,
) -> None:
    """What was sent to whom, and how it ended; with --again a message is tried once more."""
    actor = _start()
    from closedwon.forecast.actions import summary_sending as sending

    if again:
        row = sending.send_again(again, by=actor)
        typer.echo(f"{row.channel} to {row.to}: {row.state}{f', {row.last_error}' if row.last_error else ''}")
        return
    rows: list[dict[str, Any]] = [
        {
            "message": str(row.pk), "what": row.run.get_kind_display(), "as_of": row.run.as_of.isoformat(), "channel": row.channel, "to": row.to,
            "state": row.state, "tries": str(row.attempts), "error": row.last_error,
        }
        for row in sending.sent(by=actor, take=take)
    ]  # fmt: skip
    if not rows:
        typer.echo("Nothing was sent yet.")
        return
    _table(rows, {"message", "tries"})
