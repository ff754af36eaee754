"""`closedwon deals`: requests on deals and the deal desk."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from closedwon.base.errors import Invalid

deals = typer.Typer(name="deals", no_args_is_help=True, help="Requests on deals, and the deal desk.")
Number = Annotated[int, typer.Argument(help="The number of the request.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root."""
    app.add_typer(deals)


def _start() -> Any:
    from closedwon.workspace.boot import boot

    boot()
    from closedwon.people.acting import cli_actor

    return cli_actor()


def _say(found: Any) -> None:
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1))


@deals.command("begin")
def begin(deal: Annotated[str, typer.Argument(help="The id of the deal.")]) -> None:
    """Begin a request on a deal, with what the facts know."""
    by = _start()
    from closedwon.deals.actions import requests
    from closedwon.deals.showing import request_json

    _say(request_json(requests.begin(deal, by=by)))


@deals.command("write")
def write(number: Number, content: Annotated[Path, typer.Argument(metavar="CONTENT.json", help="What the draft says.")]) -> None:
    """Write the draft of a request."""
    by = _start()
    from closedwon.approvals.commands import text_of
    from closedwon.approvals.rules.reading import json_of, plain
    from closedwon.deals.actions import requests
    from closedwon.deals.showing import request_json

    given = json_of(text_of(content, "The draft"), str(content))
    if not isinstance(given, dict):
        raise Invalid("The draft is not an object.", mend='Write {"fields": {…}}.')
    _say(request_json(requests.save(number, plain(given), by=by)))


@deals.command("preview")
def preview(number: Number) -> None:
    """What the draft of a request would need."""
    by = _start()
    from closedwon.deals.actions import requests

    found = requests.find(number, by=by)
    _say(requests.preview(found, found.content, by=by).as_dict())


@deals.command("submit")
def submit(number: Number, note: Annotated[str, typer.Option("--note", help="What you say to those who decide.")] = "") -> None:
    """Submit the draft: a first version, or the next one."""
    by = _start()
    from closedwon.deals.actions import requests
    from closedwon.deals.showing import request_json

    _say(request_json(requests.submit(number, by=by, note=note)))


@deals.command("sign")
def sign(
    number: Number,
    paper: Annotated[str, typer.Argument(help="standard, or customer.")],
    at: Annotated[str, typer.Option("--at", help="When, in the company's time zone; default: now.")] = "",
) -> None:
    """Note that the customer signed; the booking check begins."""
    by = _start()
    from django.utils import timezone

    from closedwon.deals.actions import gate
    from closedwon.deals.showing import request_json
    from closedwon.workspace import current

    try:
        signed = datetime.fromisoformat(at) if at else timezone.now()
    except ValueError as error:
        raise Invalid(f"{at!r} is no instant.", mend="Write 2026-10-31T23:40.") from error
    _say(request_json(gate.sign(number, paper, signed if signed.tzinfo else signed.replace(tzinfo=current().zone), by=by)))


@deals.command("requests")
def listed() -> None:
    """The requests that one may see, newest first."""
    by = _start()
    from closedwon.deals.actions import requests

    for one in requests.visible(by).select_related("approval").order_by("-updated_at")[:500]:
        typer.echo(f"{one.number}  {one.approval.state if one.approval else 'draft':<11}  {one.title}")


@deals.command("cases")
def cases(state: Annotated[str, typer.Option("--state", help="open, waiting or solved.")] = "") -> None:
    """The cases of the deal desk that one may see, the most urgent first."""
    by = _start()
    from closedwon.deals.actions import desk

    for one in desk.cases(by=by, state=state)[:500]:
        typer.echo(f"{one.pk}  {one.state:<8}  due {one.respond_by:%Y-%m-%d %H:%M} UTC  {one.title}")


@deals.command("ask")
def ask(
    kind: Annotated[str, typer.Argument(help="The kind of case, such as terms.")],
    title: Annotated[str, typer.Argument(help="The question in a line.")],
    text: Annotated[str, typer.Argument(help="The question.")],
    deal: Annotated[str, typer.Option("--deal", help="The id of the deal.")] = "",
) -> None:
    """Ask the deal desk."""
    by = _start()
    from closedwon.deals.actions import desk

    typer.echo(f"{desk.open_case(kind, title, text, by=by, opportunity_id=deal).pk}")


@deals.command("answer")
def answer(
    number: Annotated[int, typer.Argument(help="The number of the case.")],
    text: Annotated[str, typer.Argument(help="What you say.")],
    solved: Annotated[bool, typer.Option("--solved", help="It is solved by this.")] = False,
    internal: Annotated[bool, typer.Option("--internal", help="For the desk alone.")] = False,
) -> None:
    """Answer a case."""
    by = _start()
    from closedwon.deals.actions import desk

    typer.echo(desk.say(number, text, by=by, solved=solved, internal=internal).state)


@deals.command("book")
def book(number: Number) -> None:
    """Book a signed order whose check is through."""
    by = _start()
    from closedwon.deals.actions import desk

    typer.echo(f"booked on {desk.book(number, by=by).booked_on}")
