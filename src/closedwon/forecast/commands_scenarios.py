"""`closedwon forecast scenario | scenarios`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from closedwon.forecast.commands import AsOf, CurrencyOption, Form, Node, PeriodOption, TypeOption, _check, _start, _table


def register(forecast: typer.Typer) -> None:
    """Add the commands to `closedwon forecast`."""
    forecast.command("scenario")(scenario)
    forecast.command("scenarios")(scenarios)


def scenario(
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Lose this deal or contract; may stand several times.")] = None,
    lose_biggest: Annotated[bool, typer.Option("--lose-biggest", help="Lose the biggest deal of the period.")] = False,
    delay: Annotated[list[str] | None, typer.Option("--delay", help="A deal comes on another day, as in OPP-1=2027-02-15.")] = None,
    probability: Annotated[list[str] | None, typer.Option("--probability", help="A deal's chance, as in OPP-1=40%.")] = None,
    conversion: Annotated[
        list[str] | None, typer.Option("--conversion", help="The rate of winning, as in 110%, or of a stage, as in 4-Proposal=90%.")
    ] = None,
    new_business: Annotated[str, typer.Option("--new-business", help="Deals not born yet, as in 80%.")] = "",
    coverage: Annotated[str, typer.Option("--coverage", help="Open pipeline of the same quality, as in 120%.")] = "",
    hire: Annotated[
        list[str] | None, typer.Option("--hire", help="People who start on a day, as in 3@2026-12-01; -1@DAY for one who leaves.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Run the stored scenario of this name.")] = "",
    save: Annotated[str, typer.Option("--save", help="Store it under this name.")] = "",
    shared: Annotated[bool, typer.Option("--shared", help="With --save: others may see it too.")] = False,
    as_of: AsOf = "now",
    period: PeriodOption = "",
    type_: TypeOption = "",
    currency: CurrencyOption = "",
    node: Node = "",
    form: Form = "table",
) -> None:
    """The quarter and the year with some things otherwise, beside the base: the difference by cause adds up."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions import scenarios as act
    from closedwon.forecast.results import write

    changes: list[dict[str, Any]] = [{"kind": "remove", "subject": "biggest"}] if lose_biggest else []
    changes += [{"kind": "remove", "subject": one} for one in remove or ()]
    changes += [{"kind": "delay", "subject": who, "on": what} for who, what in map(_pair, delay or ())]
    changes += [{"kind": "probability", "subject": who, "chance": what} for who, what in map(_pair, probability or ())]
    for one in conversion or ():
        stage, _, factor = one.rpartition("=")
        changes.append({"kind": "conversion", "subject": stage, "factor": factor})
    changes += [{"kind": kind, "factor": text} for kind, text in (("new_business", new_business), ("coverage", coverage)) if text]
    for one in hire or ():
        count, _, day = one.partition("@")
        changes.append({"kind": "hire", "count": count, "on": day})
    asked: dict[str, Any] = {"as_of": as_of, "period": period or None, "currency": currency, "node": node or None}
    if save:
        act.save(by=actor, name=save, changes=changes, shared=shared, type=type_ or None)
    if name:
        found = act.run_stored(act.named(name, by=actor).pk, by=actor, **asked)
    else:
        found = act.compare(by=actor, changes=changes, type=type_ or None, name=save, **asked)
    for text in (*found.notes, *([found.refusal] if found.refusal else [])):
        typer.secho(text, fg="yellow", err=True)
    rows = found.rows()
    if form == "table":
        if rows:
            _table(rows, {"expected", "median", "low", "high", "new_business", "renewals"})
        return
    typer.echo(write(rows, form, as_of=found.ask.day.isoformat(), type=found.ask.type.name, currency=found.ask.currency))


def _pair(text: str) -> tuple[str, str]:
    from closedwon.base.errors import Invalid

    who, _, what = text.rpartition("=")
    if not who or not what:
        raise Invalid(f"{text!r} names no deal with its change.", mend="Write it as OPP-1=2027-02-15 or OPP-1=40%.")
    return who, what


def scenarios(form: Form = "table") -> None:
    """The stored scenarios: one's own and those that are shared."""
    _check(form)
    actor = _start()
    from closedwon.forecast.actions.scenarios import scenarios as stored
    from closedwon.forecast.results import write

    rows = [
        {"name": one.name, "owner": one.owner, "shared": "yes" if one.is_shared else "no", "changes": len(one.changes), "note": one.note}
        for one in stored(by=actor)
    ]
    if form == "table":
        _table(rows, {"changes"})
        return
    typer.echo(write(rows, form))
