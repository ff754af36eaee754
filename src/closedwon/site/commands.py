"""Making a workspace and running it: init, serve, worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from closedwon.base.errors import Invalid


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
