"""The verbs of approvals in a workspace: submit, revise, decide, recall, delegate, show, inbox, holders, tick."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import typer

from closedwon.approvals import commands_beside, commands_history
from closedwon.base.errors import Invalid

Number = Annotated[int, typer.Argument(help="The number of the request.")]
Order = Annotated[int, typer.Argument(help="The place of the step in the request, from 1.")]
Form = Annotated[str, typer.Option("--format", help="table or json.")]
Words = Annotated[str, typer.Option("--comment", help="What you say to it.")]


def register(approvals: typer.Typer) -> None:
    """Add the commands to `closedwon approvals`."""
    for name, verb in (
        ("submit", submit), ("revise", revise), ("decide", decide), ("recall", recall), ("comment", comment), ("override", override),
        ("delegate", delegate), ("undelegate", undelegate), ("away", away), ("back", back), ("show", show), ("inbox", inbox), ("list", list_),
        ("take", take), ("meet", meet), ("ask", ask), ("holders", holders), ("grant", grant), ("ungrant", ungrant), ("tick", tick),
    ):  # fmt: skip
        approvals.command(name)(verb)
    commands_beside.register(approvals)
    commands_history.register(approvals)


def start() -> Any:
    """Open the workspace; gives who acts."""
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.people.acting import cli_actor

    return cli_actor()


def _content(path: Path) -> Any:
    from closedwon.approvals.commands import text_of
    from closedwon.approvals.rules.reading import json_of

    given = json_of(text_of(path, "The request"), str(path))
    if not isinstance(given, dict):
        raise Invalid("The request is not an object.", mend='Write {"kind": "deal", "fields": {…}}.')
    return given


def _say(request: Any, form: str, by: Any) -> None:
    from closedwon.approvals.showing import request_json

    if form == "json":
        typer.echo(json.dumps(request_json(request, by=by), ensure_ascii=False, indent=1))
        return
    made = request_json(request, by=by)
    typer.echo(
        f"{made['id']}: {made['title']}, version {made['version']}: {made['state']}"
        + (f" ({made['auto_reason']})" if made["auto_reason"] else "")
    )
    for step in made["steps"]:
        who = ", ".join(ask["name"] for ask in step["asked"]) or "nobody"
        typer.echo(f"  {step['order']}. {step['title']}: {step['state']}  {who}  {step['reason']}")


def submit(
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="The request.")],
    key: Annotated[str, typer.Option("--key", help="The same key again gives the request that it made.")] = "",
    note: Annotated[str, typer.Option("--note", help="What you say to it.")] = "",
    form: Form = "table",
) -> None:
    """Submit a request; its steps are asked at once, or it is approved because it needs nobody."""
    by = start()
    from closedwon.approvals.actions.submitting import submit as run

    _say(run(_content(request), by=by, key=key, note=note), form, by)


def revise(
    number: Number,
    request: Annotated[Path, typer.Argument(metavar="REQUEST.json", help="The request as it is to be.")],
    note: Annotated[str, typer.Option("--note", help="What you say to it.")] = "",
    form: Form = "table",
) -> None:
    """Submit a new version; approvals hold where nothing that their approver looks at is worse."""
    by = start()
    from closedwon.approvals.actions.submitting import revise as run

    _say(run(number, _content(request), by=by, note=note), form, by)


def decide(
    number: Number,
    verb: Annotated[str, typer.Argument(help="approve, condition or reject.")],
    comment: Words = "",
    change: Annotated[str, typer.Option("--change", help="With reject: what must change.")] = "",
    condition: Annotated[str, typer.Option("--condition", help="With condition: what must be true.")] = "",
    formula: Annotated[str, typer.Option("--formula", help="With condition: the formula that says when it is met.")] = "",
    content_hash: Annotated[str, typer.Option("--hash", help="The content that you saw; default: as it is now.")] = "",
    key: Annotated[str, typer.Option("--key", help="The same key again gives the decision that it made.")] = "",
    form: Form = "table",
) -> None:
    """Decide on a request as the person of --as."""
    by = start()
    from closedwon.approvals.actions.common import need
    from closedwon.approvals.actions.deciding import decide as run

    seen = content_hash or need(number, by=by).content_hash
    run(
        number,
        verb,
        content_hash=seen,
        by=by,
        comment=comment,
        required_change=change,
        condition=condition,
        condition_formula=formula,
        strength="cli",
        key=key,
    )
    _say(need(number, by=by), form, by)


def recall(number: Number, reason: Annotated[str, typer.Option("--reason", help="Why.")] = "", form: Form = "table") -> None:
    """Take a request back."""
    by = start()
    from closedwon.approvals.actions.submitting import recall as run

    _say(run(number, by=by, reason=reason), form, by)


def comment(number: Number, text: Annotated[str, typer.Argument(help="Your words.")]) -> None:
    """Say something on a request."""
    by = start()
    from closedwon.approvals.actions.deciding import comment as run

    run(number, text, by=by)
    typer.echo("Said.")


def override(
    number: Number, step: Order, reason: Annotated[str, typer.Argument(help="Why this step is not needed.")], form: Form = "table"
) -> None:
    """Stand in for a step with a reason; for executives."""
    by = start()
    from closedwon.approvals.actions.common import need
    from closedwon.approvals.actions.deciding import override as run

    run(number, step, reason, content_hash=need(number, by=by).content_hash, by=by, strength="cli")
    _say(need(number, by=by), form, by)


def take(number: Number, step: Order) -> None:
    """Take a step of several possible approvers on oneself."""
    by = start()
    from closedwon.approvals.actions.deciding import take as run

    run(number, step, by=by)
    typer.echo("Taken.")


def meet(
    number: Number,
    decision: Annotated[int, typer.Argument(help="The number of the decision that set the condition.")],
    note: Annotated[str, typer.Option("--note", help="What you say to it.")] = "",
    form: Form = "table",
) -> None:
    """Say that a condition is met."""
    by = start()
    from closedwon.approvals.actions.common import need
    from closedwon.approvals.actions.deciding import meet as run

    run(number, decision, note, by=by)
    _say(need(number, by=by), form, by)


def ask(
    number: Number,
    person: Annotated[str, typer.Argument(help="An id or a mail address.")],
    reason: Annotated[str, typer.Option("--reason", help="Why this person is asked.")],
    form: Form = "table",
) -> None:
    """Ask somebody in addition."""
    by = start()
    from closedwon.approvals.actions.adding import add_adhoc
    from closedwon.approvals.actions.common import need

    add_adhoc(number, person, reason, by=by)
    _say(need(number, by=by), form, by)


def day_of(text: str, name: str) -> datetime:
    """The instant of an option. Raises Invalid."""
    from closedwon.workspace import current

    try:
        made = datetime.fromisoformat(text) if len(text) > 10 else datetime.combine(date.fromisoformat(text), time(), current().zone)
    except ValueError as error:
        raise Invalid(f"{text!r} is no day for --{name}.", mend="Write 2026-01-31.") from error
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def _amount(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation as error:
        raise Invalid(f"{text!r} is no amount.", mend="Write major units, such as 50000.") from error


From = Annotated[str, typer.Option("--from", help="The first day.")]
To = Annotated[str, typer.Option("--until", "--to", help="The first day after it.")]


def delegate(
    to: Annotated[str, typer.Argument(help="Who decides: an id or a mail address.")],
    since: From,
    until: To,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only requests of this kind; may be given several times.")] = None,
    limit: Annotated[str, typer.Option("--limit", help="Only up to this amount.")] = "",
    giver: Annotated[str, typer.Option("--for", help="Sales ops: in whose place.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
) -> None:
    """Let somebody decide in one's place; never in a loop, and never for what that person submitted."""
    by = start()
    from closedwon.approvals.actions.standing import delegate as run

    made = run(to, day_of(since, "from"), day_of(until, "to"), by=by, giver=giver, kinds=kind or (), limit=_amount(limit), reason=reason)
    typer.echo(f"{made.pk}: {made.giver} to {made.taker}, from {since} to {until}")


def undelegate(number: Annotated[int, typer.Argument(help="The number of the delegation.")]) -> None:
    """End a delegation."""
    by = start()
    from closedwon.approvals.actions.standing import end_delegation

    end_delegation(number, by=by)
    typer.echo("Ended.")


def away(since: From, until: To, person: Annotated[str, typer.Option("--for", help="Sales ops: who is away.")] = "") -> None:
    """Note that somebody is out of office."""
    by = start()
    from closedwon.approvals.actions.standing import set_absence

    made = set_absence(day_of(since, "from"), day_of(until, "to"), by=by, person=person)
    typer.echo(f"{made.pk}: {made.person} is away from {since} to {until}")


def back(number: Annotated[int, typer.Argument(help="The number of the absence.")]) -> None:
    """Note that somebody is back."""
    by = start()
    from closedwon.approvals.actions.standing import end_absence

    end_absence(number, by=by)
    typer.echo("Back.")


def show(number: Number, form: Form = "table") -> None:
    """One request: its steps, who is asked, what was decided."""
    by = start()
    from closedwon.approvals.actions.common import need

    _say(need(number, by=by), form, by)


def inbox(form: Form = "table") -> None:
    """What waits for the person of --as."""
    by = start()
    from closedwon.approvals.actions.looking import inbox as run
    from closedwon.approvals.showing import inbox_json

    rows = [inbox_json(row) for row in run(by=by)]
    if form == "json":
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['title']}  due {row['due_at'] or '–'}  {'; '.join(row['reasons'])}")
    if not rows:
        typer.echo("Nothing waits for you.")


def list_(
    state: Annotated[str, typer.Option("--state", help="pending, approved, conditional, rejected or recalled.")] = "",
    kind: Annotated[str, typer.Option("--kind", help="The kind of request, such as deal.")] = "",
    form: Form = "table",
) -> None:
    """The requests that one may see, newest first."""
    by = start()
    from closedwon.approvals.actions.looking import requests

    rows = [
        {
            "id": one.pk,
            "title": one.title,
            "kind": one.kind,
            "state": one.state,
            "version": one.number,
            "submitted_at": one.submitted_at.isoformat(),
        }
        for one in requests(by=by, state=state, kind=kind)[:500]
    ]
    if form == "json":
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['state']:<11}  v{row['version']}  {row['title']}")


def holders() -> None:
    """Who holds which approver role."""
    by = start()
    from closedwon.approvals.actions.people import names
    from closedwon.approvals.actions.standing import holders as run

    rows = run(by=by)
    known = names({row.person for row in rows})
    for row in rows:
        typer.echo(
            f"{row.pk}  {row.role:<20} {known[row.person]:<30} {row.region or 'everywhere':<12} {row.limit if row.limit is not None else ''}"
        )


def grant(
    role: Annotated[str, typer.Argument(help="A role of the approval policies, such as deal-desk.")],
    person: Annotated[str, typer.Argument(help="An id or a mail address.")],
    region: Annotated[str, typer.Option("--region", help="Only for this region; default: every one.")] = "",
    limit: Annotated[str, typer.Option("--limit", help="Up to which amount the person approves alone.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
) -> None:
    """Make somebody a holder of an approver role."""
    by = start()
    from closedwon.approvals.actions.standing import grant_holder

    made = grant_holder(role, person, by=by, region=region, limit=_amount(limit), reason=reason)
    typer.echo(f"{made.pk}: {made.person} holds {made.role}")


def ungrant(number: Annotated[int, typer.Argument(help="The number of the holding.")]) -> None:
    """Take an approver role from somebody."""
    by = start()
    from closedwon.approvals.actions.standing import end_holder

    end_holder(number, by=by)
    typer.echo("Ended.")


def tick() -> None:
    """Run the clock once: reminders, escalations, ways round the absent."""
    start()
    from closedwon.approvals.actions.clock import tick as run

    typer.echo(", ".join(f"{count} {what}" for what, count in run().items()))
