"""Triggers that refuse to change or remove what was called, overridden, withdrawn or locked.

SQLite drops a table's triggers when a migration rebuilds it: a later migration that alters one of these tables installs them again.
"""

from __future__ import annotations

from typing import Any

TABLES = ("forecast_submittedcall", "forecast_override", "forecast_withdrawal", "forecast_periodlock")
WORDS = "what was called is append-only"


def _sqlite(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def _postgres(table: str) -> list[str]:
    return [
        f"CREATE OR REPLACE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION forecast_refuse()",
        f"CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION forecast_refuse()",
    ]


_REFUSE = (
    "CREATE OR REPLACE FUNCTION forecast_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
)


def install(connection: Any) -> None:
    """Make the triggers on this connection's database."""
    made = [_REFUSE] if connection.vendor == "postgresql" else []
    for table in TABLES:
        made += _postgres(table) if connection.vendor == "postgresql" else _sqlite(table)
    _run(connection, made)


def remove(connection: Any) -> None:
    """Drop them: for a migration back, and for a test database that is emptied."""
    if connection.vendor == "postgresql":
        _run(connection, [f"DROP TRIGGER IF EXISTS {table}_no_{what} ON {table}" for table in TABLES for what in ("change", "truncate")])
    else:
        _run(connection, [f"DROP TRIGGER IF EXISTS {table}_no_{what}" for table in TABLES for what in ("update", "delete")])


def _run(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
