"""The command line as a process: making a workspace, serving it, and every failure without a traceback."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def closedwon(*words, **more):
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON_", "DJANGO_"))}
    env = {**inherited, **more.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "closedwon", *map(str, words)], capture_output=True, text=True, env=env, timeout=120, check=False, **more
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "ws"
    done = closedwon("init", folder, "--company", "Acme", "--currency", "EUR", "--time-zone", "Europe/Berlin", "--start-month", "2")
    assert done.returncode == 0, done.stderr
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_init_makes_a_whole_workspace(made):
    text = (made / "closedwon.toml").read_text()
    assert 'company = "Acme"' in text
    assert "start_month = 2" in text
    assert (made / "closedwon.sqlite3").exists()
    assert (made / ".secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["people", "list"], 6, "--workspace"),
        (["-w", "/nowhere", "people", "list"], 4, "closedwon init"),
        (["people"], 2, "Usage"),
        (["nonsense"], 2, "No such command"),
        (["init", "{ws}"], 2, "workspace already"),
        (["-w", "{ws}", "people", "revoke", "nobody@example.test", "rep"], 4, "no user"),
        (["-w", "{ws}", "--as", "nobody@example.test", "people", "list"], 4, "no user"),
        (["-w", "{ws}", "people", "add", "not-an-address"], 2, "not an e-mail address"),
    ],
)
def test_a_failure_says_what_and_how_to_mend_it(made, words, code, says):
    done = closedwon(*(word.replace("{ws}", str(made)) for word in words))
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_workspace_with_mistakes_names_each(tmp_path):
    (tmp_path / "closedwon.toml").write_text('currency = "usd"\ntime_zone = "Mars/Base"\ncolour = "red"\n')
    done = closedwon("-w", tmp_path, "people", "list")
    assert done.returncode == 2
    assert all(word in done.stderr for word in ("currency", "time_zone", "colour"))
    assert "Traceback" not in done.stderr


def test_serve_refuses_on_a_database_of_another_version(made, tmp_path):
    import shutil
    import sqlite3

    old = tmp_path / "old"
    shutil.copytree(made, old)
    with sqlite3.connect(old / "closedwon.sqlite3") as con:
        con.execute("DELETE FROM django_migrations WHERE app = 'people'")
    for verb in (["serve", "--port", free_port()], ["worker"]):
        done = closedwon("-w", old, *verb)
        assert done.returncode == 6
        assert "upgrade" in done.stderr


def test_serve_answers_and_stops_on_sigterm(made):
    port = free_port()
    site = subprocess.Popen([sys.executable, "-m", "closedwon", "-w", str(made), "serve", "--port", str(port)], stderr=subprocess.PIPE)
    try:
        for _ in range(300):
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/login/", timeout=30)
                break
            except urllib.error.URLError:
                time.sleep(0.2)
        assert page.status == 200
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/accounts/login/", headers={"Host": "evil.example"}))
        assert caught.value.code == 400
        busy = closedwon("-w", made, "serve", "--port", port)
        assert busy.returncode == 6
        assert "--port" in busy.stderr
    finally:
        site.send_signal(signal.SIGTERM)
        error = site.communicate(timeout=60)[1].decode()
    assert site.returncode == 0
    assert "Traceback" not in error


def children(pid):
    found = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [below for child in found for below in children(child)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_worker_ends_with_all_its_processes(made, how):
    worker = subprocess.Popen(
        [sys.executable, "-m", "closedwon", "-w", str(made), "worker"], stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for _ in range(600):
        if len(children(worker.pid)) >= 4:
            break
        time.sleep(0.1)
    below = children(worker.pid)
    assert len(below) >= 4
    time.sleep(1)
    worker.send_signal(how)
    error = worker.communicate(timeout=60)[1].decode()
    assert worker.returncode == (0 if how == signal.SIGTERM else -9)
    assert "Traceback" not in error
    for _ in range(200):
        if not any(alive(pid) for pid in below):
            break
        time.sleep(0.1)
    assert not [pid for pid in below if alive(pid)]
