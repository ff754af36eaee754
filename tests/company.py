"""The example company, small, with every planted situation, imported once and reused by the tests over the whole path."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from closedwon.workspace import settings as workspaces

OPPORTUNITIES, REPS, YEARS = 500, 48, 3
LEFT_OUT = ("contenttypes", "auth", "sessions", "django_q", "sites")
"""Rows that Django makes itself, or that are of the moment."""

Row = dict[str, Any]


@dataclass
class Company:
    """The company in its workspace: the generated folder, who signs in as what, and the tables as plain rows."""

    workspace: workspaces.Workspace
    source: Path
    logins: dict[str, str]
    """Part (as in "manager" or "sales ops, EMEA only") to e-mail address."""
    read: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: str) -> list[Row]:
        """A generated table, `truth_*` too, as plain rows."""
        if table not in self.read:
            file = self.source / f"{table}.parquet"
            self.read[table] = pq.read_table(file).to_pylist() if file.exists() else []
        return self.read[table]

    @cached_property
    def situations(self) -> list[Row]:
        """Each planted situation: situation, family, table_name, id, detail, page."""
        return self.rows("truth_situations")

    def where(self, situation: str) -> list[str]:
        """The ids at which a situation is planted."""
        return [row["id"] for row in self.situations if row["situation"] == situation]

    def one(self, table: str, identity: str, key: str = "id") -> Row:
        """The first row of a table with an id."""
        return next(row for row in self.rows(table) if row[key] == identity)

    def user(self, part: str) -> Any:
        """The user who plays a part."""
        from closedwon.people.models import User

        return User.objects.get(email=self.logins[part])

    def client(self, part: str = "") -> Any:
        """A browser in which a part is signed in; without one, nobody is."""
        from django.test import Client

        made = Client(raise_request_exception=False)
        if part:
            made.force_login(self.user(part), backend="allauth.account.auth_backends.AuthenticationBackend")
        return made

    def page(self, part: str, address: str) -> str:
        """The text of a page as a part sees it; it must answer 200."""
        answer = self.client(part).get(address)
        assert answer.status_code == 200, f"{address} answered {answer.status_code} for {part}"
        return str(answer.content.decode())


def build(folder: Path) -> Company:
    """Generate the company, import it and give every part its login; the database takes the rows."""
    from closedwon.crm.actions import import_source
    from closedwon.generate.company import generate
    from closedwon.generate.settings import load
    from closedwon.people.acting import cli_actor
    from closedwon.site.commands import apply_defaults, workspace_text

    settings = load(opportunities=OPPORTUNITIES, reps=REPS, years=YEARS)
    source = folder / "source"
    generate(settings, source)
    text = workspace_text(settings.company, settings.currency, settings.time_zone, settings.fiscal_start_month, demo=True)
    key = workspaces.current().path / ".secret-key"
    (folder / "workspace").mkdir()
    shutil.copy(key, folder / "workspace")
    workspace = workspaces.use(workspaces.create(folder / "workspace", text))
    apply_defaults()
    import_source(source, by=cli_actor())
    made = Company(workspace, source, {})
    made.logins = _logins(made, settings.as_of)
    return made


def _logins(made: Company, today: Any) -> dict[str, str]:
    """One login for each part, as the demo gives them, and a few that the demo has no use for."""
    from closedwon.people import actions as people
    from closedwon.people.acting import cli_actor
    from closedwon.site.cast import Part, cast

    by = cli_actor()
    tables = {name: made.rows(name) for name in ("users", "positions", "position_holders", "hierarchy")}
    parts = cast(tables, today)
    parts += _more_parts(made, {part.person["id"] for part in parts if part.person}, Part)
    logins = {}
    for part in parts:
        who = part.person or {"id": "", "email": f"{part.name.replace(' ', '.')}@example.com", "name": part.name.capitalize()}
        user = people.add(who["email"], by=by, name=who["name"], person_id=who["id"], roles=part.roles, region=part.region)
        if "comp-admin" in part.roles:
            people.grant(user, "pay", by=by, reason="comp admin of the company")
        logins[part.name] = user.email
    people.refresh_identities(by=by)
    return logins


def _more_parts(made: Company, taken: set[str], part: Any) -> list[Any]:
    """Parts that the demo has no login for: beside the line of command, in the planted situations, and with nothing at all."""
    users = {row["id"]: row for row in made.rows("users") if row["active"]}
    engineers = [row for row in users.values() if row["role"] == "SE" and row["id"] not in taken]
    reps = [row for row in users.values() if row["role"] == "rep" and row["id"] not in taken]
    moved = made.where("re-org on day 38")[0]
    rows = [row for row in made.rows("hierarchy") if row["position_id"] == moved and row["kind"] == "sales"]
    sits = {row["position_id"]: row["user_id"] for row in made.rows("position_holders") if row["until"] is None}
    giver, taker = (users[sits[row["parent_id"]]] for row in sorted(rows, key=lambda row: row["since"])[-2:])
    halcyon = made.where("60/40 split across regions plus an overlay SE, changed after close")[0]
    sharer = users[
        next(row["user_id"] for row in made.rows("opportunity_splits") if row["opportunity_id"] == halcyon and row["share_ppm"] == 400_000)
    ]
    found = [
        part("overlay", ("overlay",), engineers[0]), part("partner manager", ("partner-manager",), reps[-1]),
        part("lost a team", ("manager",), giver), part("took a team", ("manager",), taker), part("rep of a split", ("rep",), sharer),
        part("sales ops nowhere", ("sales-ops",), None, "ATLANTIS"), part("manager without a seat", ("manager",)), part("no role", ()),
    ]  # fmt: skip
    return [one for one in found if not one.person or one.person["id"] not in taken]


def _models() -> list[Any]:
    """Every table of ours, those that others point to first."""
    from django.apps import apps
    from django.core.serializers import sort_dependencies

    return list(sort_dependencies([(app, None) for app in apps.get_app_configs() if app.label not in LEFT_OUT], allow_cycles=True))


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction whose rows are gone afterwards."""
    from django.db import transaction

    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def left_open() -> Iterator[None]:
    """The connection stays open: a test's end would close it, and with it the rows that a file of tests shares."""
    from django.db import connection

    connection.close = lambda: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        del connection.close


def rows_of_database() -> list[tuple[Any, list[Any]]]:
    """Every row of our tables, in an order in which they can be written again."""
    return [(model, list(model._base_manager.order_by("pk"))) for model in _models()]  # noqa: SLF001 - Django's own name for it


def write_again(kept: list[tuple[Any, list[Any]]]) -> None:
    """Write such rows into a database that has none of them."""
    for model, rows in kept:
        there = set(model._base_manager.values_list("pk", flat=True))  # noqa: SLF001
        model._base_manager.bulk_create([row for row in rows if row.pk not in there])  # noqa: SLF001
