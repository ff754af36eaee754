"""A restore, rehearsed: backup, restore elsewhere, the trail verifies and the numbers are the same; damage is found and nothing is left."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

CLI = [sys.executable, "-m", "closedwon"]


def run(*words, check=True, **env):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON", "DJANGO"))}
    clean |= {"PYTHONPATH": os.pathsep.join(sys.path), **env}
    done = subprocess.run([*CLI, *map(str, words)], env=clean, text=True, capture_output=True, timeout=120, check=False)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


NUMBERS = """
import json
from closedwon.workspace.boot import boot
boot()
from closedwon.facts.releases import latest
from closedwon.facts.store import store
from closedwon.policies.actions import in_force
print(json.dumps({
    "users": store().read("users").to_pylist() if latest() else [],
    "release": latest().tables if latest() else {},
    "pipeline": in_force("pipeline").digest,
}, default=str))
"""
FILL = """
from closedwon.workspace.boot import boot
boot()
import pyarrow as pa
from closedwon.facts.releases import publish
from closedwon.facts.store import store
at = store().replace("users", pa.table({"id": ["u1", "u2"], "name": ["Ann", "Bo"]}))
publish({"users": at})
from closedwon.audit.actions import record
record(by="test", verb="person.noted", subject="person:u1", person="u1", personal={"note": "x"})
"""


def script(text, workspace):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("CLOSEDWON", "DJANGO"))}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path), "CLOSEDWON_WORKSPACE": str(workspace)}
    done = subprocess.run([sys.executable, "-c", text], env=env, text=True, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ops")
    run("init", folder / "ws")
    script(FILL, folder / "ws")
    run("-w", folder / "ws", "backup", folder / "b.tar.gz")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("words", [("b2.zip",), ("b3.tar.gz", "--database", "json")])
def test_a_restored_workspace_has_the_same_numbers_and_a_trail_that_verifies(made, words):
    run("-w", made / "ws", "backup", made / words[0], *words[1:])
    into = made / f"restored-{words[0]}"
    said = run("restore", made / words[0], into).stdout
    assert "entries of the audit trail verified" in said
    assert json.loads(script(NUMBERS, into)) == json.loads(script(NUMBERS, made / "ws"))
    assert run("-w", into, "audit", "verify").stdout.startswith("The audit trail holds")
    assert (into / ".secret-key").read_text() == (made / "ws" / ".secret-key").read_text()
    assert (into / ".secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_restored_workspace_never_points_at_the_old_one(made, tmp_path):
    toml = made / "ws" / "closedwon.toml"
    before = toml.read_text()
    toml.write_text(f'database_url = "sqlite:///{made / "ws" / "closedwon.sqlite3"}"\nfacts_url = "{made / "ws" / "facts"}"\n{before}')
    try:
        run("-w", made / "ws", "backup", tmp_path / "b.zip")
    finally:
        toml.write_text(before)
    run("restore", tmp_path / "b.zip", tmp_path / "new")
    assert str(made) not in (tmp_path / "new" / "closedwon.toml").read_text()


def _rewritten(source: Path, target: Path, change) -> Path:
    with tarfile.open(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old:
            name, data = change(info.name, old.extractfile(info).read())
            if name:
                new.writestr(name, data)
    return target


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda n, d: (n, d[:-1] + bytes([d[-1] ^ 1]) if n == "policies/pipeline.toml" else d), "was changed or is damaged"),
        (lambda n, d: (None if n == "policies/pipeline.toml" else n, d), "is missing"),
        (lambda n, d: (None if n == "manifest.json" else n, d), "has no manifest"),
        (lambda n, d: ("../out.txt" if n == "policies/pipeline.toml" else n, d), "outside the folder"),
        (lambda n, d: (n, b"{" if n == "manifest.json" else d), "manifest"),
    ],
)
def test_damage_is_found_and_nothing_is_left(made, tmp_path, change, words):
    bad = _rewritten(made / "b.tar.gz", tmp_path / "bad.zip", change)
    done = run("restore", bad, tmp_path / "new", check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "new.part").exists()
    assert not (tmp_path / "out.txt").exists()


@pytest.mark.slow
def test_a_file_cut_off_a_full_folder_and_an_overwrite_are_refused(made, tmp_path):
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes((made / "b.tar.gz").read_bytes()[:3000])
    assert "cannot be read as a backup" in run("restore", cut, tmp_path / "new", check=False).stderr
    assert "is not empty" in run("restore", made / "b.tar.gz", made / "ws", check=False).stderr
    assert "exists already" in run("-w", made / "ws", "backup", made / "b.tar.gz", check=False).stderr
    assert (made / "b.tar.gz").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_upgrading_twice_does_nothing(made):
    assert "0 migration(s) applied, 0 new policies." in run("-w", made / "ws", "upgrade").stdout
