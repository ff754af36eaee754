"""Starting Django for this process's workspace; commands that touch the database call it first."""

from __future__ import annotations

import os

from closedwon.workspace.settings import Workspace, current


def boot() -> Workspace:
    """Load the workspace in force and start Django over it (idempotent). Raises NotReady when none is given."""
    workspace = current()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closedwon.site.settings")
    import django

    django.setup()
    return workspace
