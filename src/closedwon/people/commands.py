"""`closedwon people ...`: who may sign in, their roles and tokens, identities, corrections of seats."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from closedwon.base.errors import Invalid
from closedwon.workspace.boot import boot

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day on which it holds.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(app: typer.Typer) -> None:
    """Add `people` and its verbs."""
    people = typer.Typer(no_args_is_help=True, help="Who may sign in, roles, tokens, identities, seats.")
    for name, verb in (
        ("list", list_people),
        ("add", add),
        ("grant", grant),
        ("revoke", revoke),
        ("switch-off", switch_off),
        ("switch-on", switch_on),
        ("link", link),
        ("invite", invite),
        ("password", password),
        ("token", token),
        ("tokens", tokens),
        ("revoke-token", revoke_token),
        ("identities", identities),
        ("identity", identity),
        ("settle", settle),
        ("seats", seats),
        ("propose-seat", propose_seat),
        ("decide-seat", decide_seat),
    ):
        people.command(name)(verb)
    app.add_typer(people, name="people")


def _start() -> Any:
    boot()
    from closedwon.people.acting import cli_actor

    return cli_actor()


def _table(titles: list[str], rows: list[list[Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(cell) for cell in row))
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)


def _read_password() -> str:
    text = sys.stdin.readline().rstrip("\n")
    if not text:
        raise Invalid("No password came on standard input.", mend='Pipe it in, as in: printf %s "$PASSWORD" | closedwon people add ...')
    return text


def list_people(as_json: AsJson = False) -> None:
    """List who may sign in, and their roles."""
    by = _start()
    from closedwon.people import actions

    rows = actions.people(by=by)
    if as_json:
        data = [
            {
                "email": row.email,
                "name": row.name,
                "person_id": row.person_id,
                "active": row.is_active,
                "roles": [held.role for held in row.held],
            }
            for row in rows
        ]
        typer.echo(json.dumps(data, indent=2))
        return
    _table(
        ["email", "name", "person", "roles", "active", "last sign-in"],
        [
            [
                row.email,
                row.name,
                row.person_id,
                ", ".join(_words(held) for held in row.held),
                "yes" if row.is_active else "no",
                row.last_login,
            ]
            for row in rows
        ],
    )


def _words(held: Any) -> str:
    more = [held.region, f"until {held.until:%Y-%m-%d}" if held.until else ""]
    text = ", ".join(word for word in more if word)
    return f"{held.role} ({text})" if text else held.role


def add(
    email: Email,
    role: Annotated[list[str] | None, typer.Option(help="A role to grant; repeat it for more.")] = None,
    name: Annotated[str, typer.Option(help="The person's name; without it the imported one.")] = "",
    person: Annotated[str, typer.Option(help="The person's id in the table users; without it the one with this address.")] = "",
    region: Annotated[str, typer.Option(help="Limit sales-ops to this region.")] = "",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = False,
) -> None:
    """Let a person sign in; without a password an invitation link is printed."""
    by = _start()
    from closedwon.people import actions

    secret = _read_password() if password_stdin else None
    user = actions.add(email, by=by, name=name, person_id=person, password=secret, roles=role or [], region=region)
    typer.echo(f"{user.email} may sign in{f' as {user.person_id}' if user.person_id else ''}.")
    if secret is None:
        typer.echo(f"Pass this link on; it is good once and for three days:\n{actions.invitation(user, by=by)}")


def grant(
    email: Email,
    role: Annotated[str, typer.Argument(help="The role, or the right `pay`.")],
    region: Annotated[str, typer.Option(help="Limit sales-ops to this region.")] = "",
    until: Day = None,
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")] = "",
) -> None:
    """Grant a role or the right to see pay."""
    by = _start()
    from closedwon.people import actions

    made = actions.grant(actions.find(email, by=by), role, by=by, region=region, until=until.date() if until else None, reason=reason)
    typer.echo(f"{email} has {_words(made)}.")


def revoke(
    email: Email,
    role: Annotated[str, typer.Argument(help="The role to take away.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit trail.")] = "",
) -> None:
    """Take a role away."""
    by = _start()
    from closedwon.people import actions

    actions.revoke(actions.find(email, by=by), role, by=by, reason=reason)
    typer.echo(f"{email} no longer has {role}.")


def switch_off(email: Email) -> None:
    """End a person's sign-in and tokens."""
    _switch(email, False)


def switch_on(email: Email) -> None:
    """Let a person who was switched off sign in again."""
    _switch(email, True)


def _switch(email: str, active: bool) -> None:
    by = _start()
    from closedwon.people import actions

    actions.switch(actions.find(email, by=by), active, by=by)
    typer.echo(f"{email} is switched {'on' if active else 'off'}.")


def link(
    email: Annotated[str, typer.Argument(help="The address; without it everyone is linked by address.")] = "",
    person: Annotated[str, typer.Argument(help="The person's id in the table users; empty takes the link away.")] = "",
) -> None:
    """Say which imported person a user is."""
    by = _start()
    from closedwon.people import actions

    if not email:
        typer.echo(f"{actions.link_by_email(by=by)} linked.")
        return
    user = actions.link(actions.find(email, by=by), person, by=by)
    typer.echo(f"{user.email} is {user.person_id or 'nobody of the imported people'}.")


def invite(email: Email) -> None:
    """Print a link with which a person without a password sets one."""
    by = _start()
    from closedwon.people import actions

    typer.echo(actions.invitation(actions.find(email, by=by), by=by))


def password(
    email: Email,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the new password from standard input.")] = False,
    drop_second_factor: Annotated[bool, typer.Option("--drop-second-factor", help="Take the second factor off.")] = False,
) -> None:
    """Set a password, or take the second factor off, for one who lost theirs."""
    by = _start()
    from closedwon.people import actions

    if not password_stdin and not drop_second_factor:
        raise Invalid("Nothing to do.", mend="Give --password-stdin, --drop-second-factor, or both.")
    secret = _read_password() if password_stdin else None
    actions.set_password(actions.find(email, by=by), secret, by=by, drop_second_factor=drop_second_factor)
    typer.echo(f"Done for {email}.")


def token(
    email: Annotated[str, typer.Argument(help="Whose token; with --as, your own.")] = "",
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scope: Annotated[list[str] | None, typer.Option(help="As in forecast:read or *:read; repeat it for more.")] = None,
    days: Annotated[int, typer.Option(help="Days until it ends.")] = 90,
) -> None:
    """Make an API token; it is printed this once."""
    by = _start()
    from closedwon.people import actions

    made, text = actions.make_token(name, scope or ["*:read"], by=by, days=days, user=actions.find(email, by=by) if email else None)
    typer.secho(f"Token {made.prefix} for {made.user.email}: {', '.join(made.scopes)}, until {made.expires_at:%Y-%m-%d}.", err=True)
    typer.echo(text)


def tokens(email: Annotated[str, typer.Argument(help="Whose tokens; all without it.")] = "") -> None:
    """List API tokens."""
    by = _start()
    from closedwon.people import actions

    rows = actions.tokens(by=by, user=actions.find(email, by=by) if email else None)
    _table(
        ["token", "name", "of", "scopes", "until", "last used", "holds"],
        [
            [row.prefix, row.name, row.user.email, ", ".join(row.scopes), row.expires_at, row.last_used_at, "yes" if row.in_force else "no"]
            for row in rows
        ],
    )


def revoke_token(prefix: Annotated[str, typer.Argument(help="The token's eight-letter name.")]) -> None:
    """End an API token now."""
    by = _start()
    from closedwon.people import actions

    actions.revoke_token(prefix, by=by)
    typer.echo(f"Token {prefix} opens nothing any more.")


def identities(
    person: Annotated[str, typer.Option(help="Only this person's.")] = "",
    refresh: Annotated[bool, typer.Option("--refresh", help="Take them from the imported people first.")] = False,
) -> None:
    """List which names in which systems are one person, and the conflicts."""
    by = _start()
    from closedwon.people import actions

    if refresh:
        found = actions.refresh_identities(by=by)
        typer.echo(f"{found.added} added, {found.unchanged} unchanged, {found.conflicts} new conflicts")
    _table(
        ["person", "kind", "value", "from"],
        [[row.person_id, row.kind, row.value, row.source] for row in actions.identities(by=by, person_id=person)],
    )
    clashes = actions.open_conflicts(by=by)
    if clashes:
        typer.secho(f"{len(clashes)} conflicts; settle each with: closedwon people settle NUMBER PERSON", fg="yellow")
        _table(
            ["number", "kind", "value", "holder", "claimed by"],
            [[row.pk, row.kind, row.value, row.holder_id, row.claimed_by] for row in clashes],
        )


def identity(
    kind: Annotated[str, typer.Argument(help="employee_no, crm_user, payee or subject.")],
    value: Annotated[str, typer.Argument(help="The name in that system.")],
    person: Annotated[str, typer.Argument(help="The person's id in the table users.")],
) -> None:
    """Say that a name in a system is a person: employee_no, crm_user, payee or subject."""
    by = _start()
    from closedwon.people import actions

    actions.add_identity(kind, value, person, by=by)
    typer.echo(f"{kind} {value} is {person}.")


def settle(
    number: Annotated[int, typer.Argument(help="The conflict's number.")],
    person: Annotated[str, typer.Argument(help="The person's id in the table users.")],
) -> None:
    """Decide which person a contested identity belongs to."""
    by = _start()
    from closedwon.people import actions

    row = actions.settle(number, person, by=by)
    typer.echo(f"{row.kind} {row.value} is {row.person_id}.")


def seats(state: Annotated[str, typer.Option(help="proposed, approved, rejected or withdrawn.")] = "") -> None:
    """List the corrections of seats."""
    by = _start()
    from closedwon.people import actions

    _table(
        ["number", "table", "row", "why", "state", "by", "decided by"],
        [
            [
                row.pk,
                row.table,
                " ".join(f"{key}={value}" for key, value in row.row.items()),
                row.why,
                row.state,
                row.proposed_by,
                row.decided_by,
            ]
            for row in actions.corrections(by=by, state=state)
        ],
    )


def propose_seat(
    table: Annotated[str, typer.Argument(help="hierarchy, position_holders or positions")],
    values: Annotated[list[str], typer.Argument(metavar="COLUMN=VALUE...", help="As in position_id=P1 parent_id=P9 since=2026-02-01")],
    why: Annotated[str, typer.Option(help="Why the imported row is wrong.")] = "",
) -> None:
    """Propose a correction of the hierarchy, of the holders or of the seats."""
    by = _start()
    from closedwon.people import actions

    wrong = [word for word in values if "=" not in word]
    if wrong:
        raise Invalid(f"{wrong[0]!r} is not COLUMN=VALUE.")
    made = actions.propose(table, dict(word.split("=", 1) for word in values), why, by=by)
    typer.echo(f"Proposed as number {made.pk}; another person approves it.")


def decide_seat(
    number: Annotated[int, typer.Argument(help="The correction's number.")],
    approve: Annotated[bool, typer.Option("--approve/--reject", help="Approve or reject it.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Approve or reject a correction that another person proposed."""
    by = _start()
    from closedwon.people import actions

    row = actions.decide(number, approve, by=by, note=note)
    typer.echo(f"Correction {row.pk} is {row.state}.")
