"""Making a workspace and running it: init, serve, worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from closedwon.base.errors import Invalid
from closedwon.workspace.settings import Workspace

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
"""Addresses that mean every one of this machine."""


def workspace_text(company: str, currency: str, time_zone: str, start_month: int, *, demo: bool = False) -> str:
    """The text of a new `closedwon.toml`."""
    import tomlkit

    text = tomlkit.document()
    text.add(tomlkit.comment("The settings of this workspace. Policies lie in policies/, facts in facts/; secrets never stand here."))
    text["company"] = company
    text["currency"] = currency
    text["time_zone"] = time_zone
    if demo:
        text["demo"] = True
    calendar = tomlkit.table()
    calendar["kind"] = "months"
    calendar["start_month"] = start_month
    text["calendar"] = calendar
    return tomlkit.dumps(text)


def register(app: typer.Typer) -> None:
    """Add the commands of the whole to the root."""
    app.command("init")(init)
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("demo")(demo)


def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one of this machine.")] = "127.0.0.1",
    threads: Annotated[int, typer.Option(min=1, max=64, help="Requests answered at once.")] = 8,
) -> None:
    """Serve the site. It refuses on a database of another version and names the command that mends it."""
    workspace = _boot_for(host)
    from closedwon.site.serving import serve_site

    typer.echo(
        f"closedwon serves {workspace.settings.company} at {workspace.settings.base_url or f'http://{host}:{port}/'} (Ctrl-C stops it)"
    )
    serve_site(workspace, host, port, threads)


def worker() -> None:
    """Run jobs and schedules; a running job is finished before the worker stops."""
    from closedwon.workspace.boot import boot

    workspace = boot()
    from closedwon.site.serving import work

    typer.echo(f"closedwon works for {workspace.settings.company} (Ctrl-C stops it after the running job)")
    work(workspace)


def demo(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    folder: Annotated[Path, typer.Option("--dir", help="The demo's workspace.")] = Path("demo"),
    reset: Annotated[bool, typer.Option("--reset", help="Throw the demo's workspace away and make it anew.")] = False,
    serve_it: Annotated[bool, typer.Option("--serve/--no-serve", help="Only make it, or serve it too.")] = True,
) -> None:
    """Make the example company, and serve its site and worker until Ctrl-C."""
    from closedwon.site.demo import make, run

    logins = make(folder, reset=reset, say=typer.echo)
    run(folder, logins, host=host, port=port, say=typer.echo, serve=serve_it)


def _boot_for(host: str) -> Workspace:
    """Start Django; a host that is not this machine alone may be asked for by its name."""
    from closedwon.workspace import current
    from closedwon.workspace.boot import boot

    named = [os.environ.get("CLOSEDWON_HOSTS", ""), *([host] if host not in EVERYWHERE else [])]
    if host in EVERYWHERE and not current().settings.base_url:
        if current().settings.demo:
            named.append("*")
        else:
            typer.secho(
                "Set base_url in closedwon.toml to the address under which people reach the site; until then it answers",
                fg="yellow",
                err=True,
            )
            typer.secho("only to this machine's name and to those in CLOSEDWON_HOSTS.", fg="yellow", err=True)
    os.environ["CLOSEDWON_HOSTS"] = ",".join(word for word in named if word)
    return boot()


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make; it must not be a workspace yet.")],
    company: Annotated[str, typer.Option(help="The company's name.")] = "My company",
    currency: Annotated[str, typer.Option(help="Its currency, as in USD.")] = "USD",
    time_zone: Annotated[str, typer.Option(help="Its time zone, as in Europe/Berlin; a date means the close of that day there.")] = "UTC",
    start_month: Annotated[int, typer.Option(min=1, max=12, help="The month in which the fiscal year starts.")] = 1,
) -> None:
    """Make a workspace: its folder, its database, and the shipped policies applied."""
    create_workspace(folder, workspace_text(company, currency, time_zone, start_month))
    typer.echo(f"{folder} is a workspace. Next:")
    typer.echo(f"  closedwon --workspace {folder} import DIR --mapping FILE   bring your pipeline in")
    typer.echo(f"  closedwon --workspace {folder} people add you@example.com --role admin")
    typer.echo(f"  closedwon --workspace {folder} serve                       open the site")


def create_workspace(folder: Path, text: str) -> None:
    """Make the folder, migrate its database and apply the shipped policies; what is there already stays."""
    from closedwon.workspace import settings as workspace

    if os.environ.get("DJANGO_SETTINGS_MODULE") and workspace._current is not None and workspace._current.path != folder.resolve():  # noqa: SLF001
        raise Invalid("This process serves another workspace already.", mend="Run init on its own.")
    workspace.use(workspace.create(folder, text))
    from closedwon.workspace.boot import boot

    boot()
    migrate()
    apply_defaults()


def migrate() -> None:
    """Bring the database to this version's shape."""
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def apply_defaults() -> None:
    """Apply the shipped policy of every kind that has none yet."""
    from closedwon.people.actor import SYSTEM

    try:
        from closedwon.policies.actions import apply_defaults as shipped
    except ImportError:
        return
    shipped(by=SYSTEM)
