"""A real worker, killed without warning in the middle of a job: nothing is lost, nothing is done twice."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

WORKER = """
import os, sys, time
from pathlib import Path
from closedwon.jobs.registry import job

HERE = Path(os.environ["TEST_FOLDER"])

@job("tests.slow", title="Slow")
def slow(running, rows):
    from django.db import transaction
    from closedwon.audit.actions import record
    from closedwon.audit.models import Entry

    HERE.joinpath(f"attempt-{running.attempt}").write_text(str(os.getpid()))
    for row in range(rows):
        running.progress(row + 1, rows, f"row {row + 1}")
        time.sleep(0.02)
    with transaction.atomic():
        if not Entry.objects.filter(subject=running.token).exists():
            record(by=running.by.name, verb="tests.done", subject=running.token)
        if running.attempt == 1:
            HERE.joinpath("in-transaction").touch()
            time.sleep(60)
    return {"rows": rows}

if sys.argv[1] == "start":
    from closedwon.workspace.boot import boot
    boot()
    from closedwon.jobs.actions import start
    from closedwon.people.actor import SYSTEM
    print(start("tests.slow", {"rows": 20}, by=SYSTEM, key="once").pk)
else:
    from closedwon.site.cli import main
    main()
"""


@pytest.fixture
def workspace(tmp_path):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON", "DJANGO"))}
    env |= {"TEST_FOLDER": str(tmp_path), "CLOSEDWON_WORKSPACE": str(tmp_path / "ws"), "PYTHONPATH": os.pathsep.join(sys.path)}
    env |= {"CLOSEDWON_DATABASE_URL": f"sqlite:///{tmp_path / 'ws' / 'closedwon.sqlite3'}"}
    (tmp_path / "run.py").write_text(WORKER)

    def run(*words, **more):
        return subprocess.Popen([sys.executable, str(tmp_path / "run.py"), *words], env=env, text=True, start_new_session=True, **more)

    made = run("init", str(tmp_path / "ws"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = made.communicate(timeout=60)
    assert made.returncode == 0, out
    started: list[subprocess.Popen] = []

    def start(*words, **more):
        started.append(run(*words, **more))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def ask(folder: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(folder / "ws" / "closedwon.sqlite3", timeout=20)) as database:
        return database.execute(sql).fetchall()


def wait_for(what, seconds=45):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_repeats_nothing(workspace, tmp_path):
    assert workspace("start", stdout=subprocess.DEVNULL).wait(60) == 0
    log = (tmp_path / "log").open("w")
    worker = workspace("worker", stdout=log, stderr=log)
    wait_for((tmp_path / "in-transaction").exists)
    assert ask(tmp_path, "SELECT status, attempts FROM jobs_job WHERE key = 'once'") == [("running", 1)]

    worker.kill()
    worker.wait(10)
    child = int((tmp_path / "attempt-1").read_text())
    wait_for(lambda: not Path(f"/proc/{child}").exists() or ") Z" in Path(f"/proc/{child}/stat").read_text())
    assert ask(tmp_path, "SELECT count(*) FROM audit_entry WHERE verb = 'tests.done'") == [(0,)]

    again = workspace("worker", stdout=log, stderr=log)
    wait_for(lambda: ask(tmp_path, "SELECT 1 FROM jobs_job WHERE key = 'once' AND status = 'done'"))
    assert ask(tmp_path, "SELECT attempts, done, total FROM jobs_job WHERE key = 'once'") == [(2, 20, 20)]
    assert ask(tmp_path, "SELECT count(*) FROM audit_entry WHERE verb = 'tests.done'") == [(1,)]
    assert not (tmp_path / "attempt-3").exists()
    again.terminate()
    assert again.wait(30) == 0
