# ruff: noqa: INP001 - a script, no package
"""The tutorial, played: every command in its `console` blocks is run in an empty folder, and its output put in.

`python scripts/tutorial.py` writes the pages anew; a test holds them equal. A line that is only `…` stands for lines left out: as many
lines as stand before it and behind it are kept.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "tutorial" / "first-hour.md")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = "…"


def run(command: str, folder: Path) -> list[str]:
    """What a command prints, line by line, without trailing blanks."""
    starter = folder.parent / "bin"
    if not starter.exists():
        starter.mkdir()
        script = starter / "closedwon"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m closedwon "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("CLOSEDWON_", "DJANGO_"))}
    env = {
        **clean,
        "PATH": f"{starter}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "src"), clean.get("PYTHONPATH")))),
        "COLUMNS": "190",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }
    done = subprocess.run(  # noqa: S602 - the commands of our own page
        command, shell=True, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False
    )
    return [line.rstrip() for line in done.stdout.rstrip("\n").split("\n")] if done.stdout else []


def _shortened(lines: list[str], before: list[str]) -> list[str]:
    if LEFT_OUT not in before:
        return lines
    head = before.index(LEFT_OUT)
    tail = len(before) - head - 1
    return [*lines[:head], LEFT_OUT, *lines[len(lines) - tail :]]


def _block(text: str, folder: Path) -> str:
    made: list[str] = []
    lines = text.rstrip("\n").split("\n")
    at = 0
    while at < len(lines):
        start = at
        at += 1
        while at < len(lines) and lines[at].startswith("> "):
            at += 1
        command = lines[start:at]
        before = []
        while at < len(lines) and not lines[at].startswith("$ "):
            before.append(lines[at])
            at += 1
        given = "\n".join(line[2:] for line in command)
        made += [*command, *_shortened(run(given, folder), before)]
    return "\n".join(made)


def played(text: str) -> str:
    """The page with what its commands print now."""
    with tempfile.TemporaryDirectory(prefix="closedwon-tutorial-") as name:
        folder = Path(name) / "work"
        shutil.copytree(ROOT / "example" / "first-hour", folder / "example" / "first-hour")
        return BLOCK.sub(lambda found: f"```console\n{_block(found[1], folder)}\n```", text)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(played(page.read_text(encoding="utf-8")), encoding="utf-8")
