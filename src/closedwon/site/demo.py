"""The example company as a workspace: made once, then served; one login for each role."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from closedwon.base.errors import Invalid, NotReady
from closedwon.site.cast import cast
from closedwon.site.serving import end_with_parent

Say = Callable[[str], Any]
LOGINS = ".demo-logins"
"""Written last: where it is, the demo is complete."""
SNAPSHOTS = 10
"""Days before the company's today that are kept as snapshots."""
WORDS = [
    "amber",
    "birch",
    "cedar",
    "coral",
    "delta",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "indigo",
    "juniper",
    "kestrel",
    "lagoon",
    "maple",
    "nectar",
    "orchid",
    "pepper",
    "quartz",
    "raven",
    "saffron",
]


@dataclass(frozen=True)
class Login:
    """Who signs in to the demo, and as what."""

    role: str
    email: str
    password: str
    name: str


def make(folder: Path, *, reset: bool, say: Say) -> list[Login]:
    """Make the demo's workspace, or take it as it is; gives its logins. What was begun and not finished is made anew."""
    folder = folder.resolve()
    done = folder / LOGINS
    if reset or ((folder / "closedwon.toml").exists() and not done.exists()):
        _throw_away(folder)
    if done.exists():
        _boot(folder)
        from closedwon.site.commands import apply_defaults, migrate

        migrate()
        apply_defaults()
        return [Login(**row) for row in json.loads(done.read_text())]
    start = time.monotonic()
    settings = _create(folder, say)
    _fill(folder, settings, say)
    logins = _logins(settings.as_of, say)
    _sign_off(say)
    handle = os.open(done, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        json.dump([asdict(row) for row in logins], out, indent=1)
    say(f"The example company is ready in {folder} ({time.monotonic() - start:.0f} s).")
    return logins


def _throw_away(folder: Path) -> None:
    from closedwon.workspace import load

    if not (folder / "closedwon.toml").exists():
        return
    if not load(folder).settings.demo:
        raise Invalid(f"{folder} is a workspace of its own, not a demo.", mend="Choose another folder with --dir.")
    shutil.rmtree(folder)


def _boot(folder: Path) -> None:
    from closedwon.workspace import load, use
    from closedwon.workspace.boot import boot

    use(load(folder))
    boot()


def _create(folder: Path, say: Say) -> Any:
    from closedwon.generate.settings import load as generator_settings
    from closedwon.site.commands import create_workspace, workspace_text

    settings = generator_settings()
    say(f"Making {settings.company} in {folder} ...")
    create_workspace(
        folder, workspace_text(settings.company, settings.currency, settings.time_zone, settings.fiscal_start_month, demo=True)
    )
    return settings


def _fill(folder: Path, settings: Any, say: Say) -> None:
    from closedwon.crm.actions import import_source, take_snapshot
    from closedwon.forecast.actions import refresh
    from closedwon.generate.company import generate
    from closedwon.people.acting import cli_actor

    by = cli_actor()
    source = folder / "source"
    rows = generate(settings, source)
    say(f"  generated {sum(rows.values()):,} rows")
    import_source(source, by=by)
    say("  imported them")
    for back in range(SNAPSHOTS, 0, -1):
        take_snapshot(settings.as_of - timedelta(days=back), by=by)
    say(f"  took the snapshots of {SNAPSHOTS} days")
    refresh()
    say("  made the forecast board ready")


def _sign_off(say: Say) -> None:
    from closedwon.deals.actions.planting import plant
    from closedwon.deals.actions.publishing import publish_standing

    say(f"  asked for sign-off on {plant()['requests']} deals")
    say(f"  published where the sign-off of {publish_standing()['deals']:,} deals stands")


def _logins(today: date, say: Say) -> list[Login]:
    from closedwon.people import actions as people
    from closedwon.people.acting import cli_actor
    from closedwon.people.facts import facts_rows

    by = cli_actor()
    tables = {name: facts_rows(name) for name in ("users", "positions", "position_holders", "hierarchy")}
    made = []
    for part in cast(tables, today):
        password = f"{secrets.choice(WORDS)}-{secrets.choice(WORDS)}-{secrets.token_hex(3)}"
        who = part.person or {"id": "", "email": f"{part.name.replace(' ', '.')}@example.com", "name": part.name.capitalize()}
        user = people.add(
            who["email"], by=by, name=who["name"], person_id=who["id"], password=password, roles=part.roles, region=part.region
        )
        if "comp-admin" in part.roles:
            people.grant(user, "pay", by=by, reason="comp admin of the demo")
        made.append(Login(part.name, user.email, password, user.name))
    people.refresh_identities(by=by)
    say(f"  {len(made)} logins, one for each role")
    return made


def run(folder: Path, logins: list[Login], *, host: str, port: int, say: Say, serve: bool) -> None:
    """Print the logins, run site and worker as children, and stop both on Ctrl-C or when one of them ends."""
    folder = folder.resolve()
    if serve:
        _free(host, port)
    wide = max(len(row.role) for row in logins), max(len(row.email) for row in logins)
    say("")
    say(f"  {'sign in as':{wide[0]}}  {'e-mail':{wide[1]}}  password")
    for row in logins:
        say(f"  {row.role:{wide[0]}}  {row.email:{wide[1]}}  {row.password}")
    say("")
    if not serve:
        return
    base = [sys.executable, "-m", "closedwon", "--workspace", str(folder)]
    serve_it = [*base, "serve", "--port", str(port), "--host", host]
    more: dict[str, Any] = {"preexec_fn": end_with_parent}
    with subprocess.Popen([*base, "worker"], **more) as worker, subprocess.Popen(serve_it, **more) as site:  # noqa: S603 - our own program
        children = [site, worker]

        def end(*_: Any) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, end)
        try:
            if _answers(port, site):
                say(f"\n  Open http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}/   (Ctrl-C stops it)\n")  # noqa: S104
            while all(child.poll() is None for child in children):
                time.sleep(0.3)
        except KeyboardInterrupt:
            say("Stopping ...")
        finally:
            _stop(children)


def _free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NotReady(f"Port {port} of {host} cannot be used: {error.strerror}.", mend="Choose another with --port.") from error


def _answers(port: int, site: subprocess.Popen[bytes]) -> bool:
    """Wait until the site takes connections, at most a minute."""
    for _ in range(300):
        if site.poll() is not None:
            return False
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.2)
    return False


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    for child in children:
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
