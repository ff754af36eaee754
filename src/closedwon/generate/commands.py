"""`closedwon generate`: a company from a seed, without a workspace."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def generate(
        out: Annotated[Path, typer.Option("--out", help="The folder to write into, one Parquet file per table.")],
        opportunities: Annotated[int | None, typer.Option("--opportunities", help="How many deals.")] = None,
        reps: Annotated[int | None, typer.Option("--reps", help="How many quota-carrying seats.")] = None,
        years: Annotated[int | None, typer.Option("--years", help="How many fiscal years of history.")] = None,
        seed: Annotated[int | None, typer.Option("--seed", help="The same seed gives the same company.")] = None,
        settings: Annotated[Path | None, typer.Option("--settings", help="A TOML file that overrides the shipped settings.")] = None,
        as_of: Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="The company's today.")] = None,
    ) -> None:
        """Generate a company with known truth: facts in the named tables, and `truth_*` tables beside them."""
        from rich.console import Console
        from rich.progress import Progress

        from closedwon.generate.company import generate as make
        from closedwon.generate.settings import load

        chosen = load(settings, opportunities=opportunities, reps=reps, years=years, seed=seed, as_of=as_of.date() if as_of else None)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Generating", total=chosen.opportunities)
            rows = make(chosen, out, lambda done, total: bar.update(task, completed=done, total=total))
        for name, count in rows.items():
            if count:
                typer.echo(f"{name:26}{count:>12,}")
        typer.echo(
            f"{chosen.company} as of {chosen.as_of}: {sum(rows.values()):,} rows in {out}. Next: closedwon --workspace WS import {out}"
        )
