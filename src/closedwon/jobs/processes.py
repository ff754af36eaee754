"""Telling a living process from a dead one, also after its number was given to another."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def mark() -> str:
    """This process's own name: machine, boot, number and start."""
    return f"{_machine()}|{os.getpid()}|{_started(os.getpid())}"


def is_dead(process: str) -> bool | None:
    """Whether the process of that name is gone; None where it cannot be told from here."""
    machine, _, rest = process.partition("|")
    pid, _, started = rest.partition("|")
    if machine != _machine() or not pid.isdigit() or not started:
        return None
    return _started(int(pid)) != started


def _machine() -> str:
    file = Path("/proc/sys/kernel/random/boot_id")
    boot = file.read_text().strip()[:8] if file.exists() else ""
    return f"{socket.gethostname()}/{boot}"


def _started(pid: int) -> str:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
