"""Bringing a workspace to the installed version: backup, migrations, shipped policies that are new, and a look at every fact table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closedwon.workspace import Workspace


@dataclass(frozen=True)
class Upgraded:
    """What was done."""

    backup: Path | None
    migrations: tuple[str, ...]
    policies: tuple[str, ...]
    tables: int


def upgrade(workspace: Workspace, *, by: Any, keep: bool = True) -> Upgraded:
    """Upgrade; doing it again does nothing. The backup is written only where there is something to migrate."""
    by.need("admin", to="upgrade the workspace")
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.utils import timezone

    executor = MigrationExecutor(connection)
    plan = [f"{step.app_label}.{step.name}" for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    copy = None
    if plan and keep and "audit_entry" in connection.introspection.table_names():
        copy = _copy(workspace, f"before-upgrade-{timezone.now():%Y%m%d-%H%M%S}")
    call_command("migrate", interactive=False, verbosity=0)
    from closedwon.policies.actions import apply_defaults

    policies = [version.key for version in apply_defaults(by)]
    if plan:
        from closedwon.audit.actions import record

        record(by=by.name, channel=by.channel, verb="workspace.upgraded", subject="workspace", detail={"migrations": plan})
    return Upgraded(copy, tuple(plan), tuple(policies), _look_at_facts())


def _copy(workspace: Workspace, name: str) -> Path:
    """The database as it was, beside the workspace's other backups; facts are not touched by an upgrade."""
    from closedwon.site.backup import dump_database

    folder = workspace.path / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    return dump_database(folder, name)


def _look_at_facts() -> int:
    from closedwon.facts.store import store

    tables = store().tables()
    for name in tables:
        store().source(name)
    return len(tables)
