"""What hostile formulas cost until they are refused or are SQL: none may take more than 100 ms. And ten minutes of atheris on the language."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from closedwon.formula.tests.test_hostile import HOSTILE, used

BAR = 0.1
SECONDS = int(os.environ.get("CLOSEDWON_FUZZ_SECONDS", "600"))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(benchmark, name):
    spent = [benchmark.pedantic(used, args=(HOSTILE[name],), rounds=1, iterations=1), used(HOSTILE[name]), used(HOSTILE[name])]
    assert min(spent) < BAR


@pytest.mark.skipif(not find_spec("atheris"), reason="atheris is not installed: it needs Python below 3.13")
def test_atheris(benchmark, tmp_path):
    command = [
        sys.executable,
        Path(__file__).parent / "fuzz_formula.py",
        f"-max_total_time={SECONDS}",
        f"-artifact_prefix={tmp_path}/",
        "-timeout=5",
        "-rss_limit_mb=4096",
    ]
    told = benchmark.pedantic(lambda: subprocess.run(command, capture_output=True, text=True, check=False), rounds=1, iterations=1)
    assert told.returncode == 0, told.stdout[-3000:] + told.stderr[-3000:]
