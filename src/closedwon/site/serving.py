"""Running the site and the worker: each is one process that stops cleanly on SIGTERM and Ctrl-C."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
from typing import Any

from closedwon.base.errors import NotReady
from closedwon.workspace import Workspace

LOG = logging.getLogger("closedwon.worker")
LOOK_SECONDS = 20
"""How often the worker looks after jobs whose worker died."""


def check_migrations(workspace: Workspace) -> None:
    """Raise NotReady where the database is not of this version's shape; it names the command that mends it."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        raise NotReady(
            f"The database of {workspace.path} lacks {len(plan)} migration(s) of this version of closedwon.",
            mend=f"Back it up and apply them with: closedwon --workspace {workspace.path} upgrade",
        )
    unknown = set(executor.loader.applied_migrations) - set(executor.loader.graph.nodes)
    ours = sorted(".".join(key) for key in unknown if key[0] in {"people", "audit", "jobs", "policies", "facts", "crm", "forecast"})
    if ours:
        raise NotReady(
            f"The database was written by a newer closedwon ({ours[-1]}).", mend="Install that version, or restore an older backup."
        )


def serve_site(workspace: Workspace, host: str, port: int, threads: int) -> None:
    """Serve the site until it is told to stop."""
    os.environ.setdefault("CLOSEDWON_ENGINE_MEMORY", "350MB")  # pages read marts; the worker, which builds them, may take more
    os.environ.setdefault("CLOSEDWON_ENGINE_THREADS", "2")
    check_migrations(workspace)
    from django.core.wsgi import get_wsgi_application
    from django.db import connections
    from django.urls import get_resolver
    from waitress.server import create_server

    application = get_wsgi_application()
    _ = get_resolver().url_patterns  # every page is loaded before the first request
    connections.close_all()
    behind_https = workspace.settings.base_url.startswith("https://")
    proxy = os.environ.get("CLOSEDWON_TRUSTED_PROXY") or ("127.0.0.1" if behind_https else "")
    options: dict[str, Any] = {"threads": threads, "ident": None, "channel_timeout": 120, "max_request_body_size": 3 * 1024**3}
    if proxy:
        options |= {
            "trusted_proxy": proxy,
            "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto",
            "clear_untrusted_proxy_headers": True,
        }
    try:
        server = create_server(application, host=host, port=port, **options)
    except OSError as error:
        raise NotReady(f"Port {port} of {host} cannot be used: {error.strerror or error}.", mend="Choose another with --port.") from error
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        server.close()


def work(workspace: Workspace) -> None:
    """Run jobs and schedules until told to stop; a job that runs is finished first."""
    check_migrations(workspace)
    from django.db import connections
    from django_q.cluster import Cluster

    _look_after_jobs()
    connections.close_all()  # the cluster forks, and a connection belongs to one process
    os.register_at_fork(after_in_child=lambda: end_with_parent(signal.SIGKILL))
    cluster = Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        cluster.sentinel.join(LOOK_SECONDS)
        if cluster.sentinel.is_alive():
            _look_after_jobs()
            connections.close_all()
    if cluster.sentinel.exitcode:
        raise NotReady(
            "The worker's processes ended unexpectedly.", mend="Look at the log, then start it again; jobs are taken up where they were."
        )


def _look_after_jobs() -> None:
    """Take up what a worker that died left half done, and say that this one is alive; a busy database is asked again next time."""
    from django.db import OperationalError

    from closedwon.jobs.actions import recover

    try:
        recover()
    except OperationalError as error:
        LOG.warning("jobs were not looked after: %s", error)


def end_with_parent(by: int = signal.SIGTERM) -> None:
    """Ask the kernel to end this process when its parent ends, so that a killed program leaves none of its children at work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, by)
