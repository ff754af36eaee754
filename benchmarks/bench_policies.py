"""How long a collection of hundreds of policies takes to check, apply, read and list: `python benchmarks/bench_policies.py [--documents N]`.

The documents have a decision table, formulas and rows. Bars for 500: the list under 0.3 s, checking all under 5 s.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from closedwon.base.policytext import DocumentName, Percent, PolicyModel, Version
from closedwon.formula.decisions.field import TableField
from closedwon.formula.field import FormulaField
from closedwon.formula.formula import Formula
from closedwon.workspace import settings as workspace

BARS = {"list page": 0.3, "check of all": 5.0, "check of one": 0.3}
When = Annotated[Formula, FormulaField({"amount": "money USD", "discount": "percent"}, gives="yes/no")]


class Rule(PolicyModel):
    """A rule."""

    name: str
    when: When
    rate: Percent = 0


class Plan(Version):
    """A plan."""

    title: str
    after: Annotated[str, DocumentName("bench-plans")] | None = None
    rules: list[Rule] = []
    ladder: TableField


TEXT = """title = "Plan {n}"
since = 2026-01-01
reference = "benchmark"

[ladder]
table = "Ladder"
inputs = [{{ name = "discount", type = "percent" }}]
outputs = [{{ name = "ask", type = "text" }}]
rows = [
  ["<= 10%", "none"],
  ["(10%..20%]", "manager"],
  ["> 20%", "vp"],
]
"""
RULE = """
[[rules]]
name = "rule {n}"
when = 'amount > {n}000 AND discount > {n}%'
rate = "{n}%"
"""


def text(n: int) -> str:
    """A document of about two thousand signs."""
    return TEXT.format(n=n) + "".join(RULE.format(n=one + n % 7) for one in range(1, 16))


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Say how long it took, against its bar."""
    start = time.perf_counter()
    made = work()
    took = time.perf_counter() - start
    print(f"{name:<22} {took:7.3f} s{f'   bar {BARS[name]} s' if name in BARS else ''}")
    assert took < BARS.get(name, 1e9), name
    return made


def main() -> None:
    """Check, apply, read, list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=500)
    count = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as folder:
        workspace.use(workspace.create(Path(folder) / "ws", 'company = "Benchmark"\n'))
        from closedwon.workspace.boot import boot

        boot()
        from django.core.management import call_command

        from closedwon.people.actor import SYSTEM
        from closedwon.policies import actions, collection_pages
        from closedwon.policies.registry import PolicyKind, register

        call_command("migrate", verbosity=0)
        kind = PolicyKind("bench-plans", "bench-plans/*.toml", Plan, "Plans", "For the benchmark")
        register(kind)
        texts = {f"bench-plans/plan-{n}": text(n) for n in range(count)}
        timed("check of all", lambda: actions.check_all(texts))
        timed("apply of all", lambda: actions.apply_all(texts, by=SYSTEM))
        assert len(timed("read of all, cold", lambda: actions.applied_all("bench-plans"))) == count
        timed("read of all, warm", lambda: actions.applied_all("bench-plans"))
        collection_pages.rows_of(kind, SYSTEM)
        assert len(timed("list page", lambda: collection_pages.rows_of(kind, SYSTEM))) == count
        assert timed("check of one", lambda: actions.check("bench-plans/plan-1", text(2))) == []


if __name__ == "__main__":
    main()
