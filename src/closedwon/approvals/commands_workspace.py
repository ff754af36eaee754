"""The verbs of approvals in a workspace."""

from __future__ import annotations

import typer


def register(approvals: typer.Typer) -> None:
    """Add the commands to `closedwon approvals`."""
    del approvals
