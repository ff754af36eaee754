"""For tests of rules: run on DuckDB and on Spark, compare the rows, and keep Spark's text as a reviewed snapshot."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa

from closedwon.base.rule import Rule
from closedwon.facts.dialects import spark_text
from closedwon.facts.engine import DuckEngine, Input, SparkEngine


def spark_missing() -> str:
    """Why Spark cannot run here; empty when it can. Where CLOSEDWON_REQUIRE names spark, it may not be missing."""
    reason = "" if find_spec("pyspark") and shutil.which("java") else "Spark needs Java and the spark extra"
    if "spark" in os.environ.get("CLOSEDWON_REQUIRE", "").split():
        os.environ.setdefault("CLOSEDWON_SPARK_MASTER", "local-cluster[2,1,1024]")  # two executors, as on a real cluster
    if reason and "spark" in os.environ.get("CLOSEDWON_REQUIRE", "").split():
        raise RuntimeError(f"{reason}, and this run may not be without it")
    return reason


def run_both(rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
    """The rule's rows on DuckDB, after Spark has given the same ones."""
    here, there = DuckEngine().run(rule, inputs), SparkEngine().run(rule, inputs)
    assert here.schema.equals(there.schema), (here.schema, there.schema)  # noqa: S101 - this module is for tests
    left, right = here.to_pylist(), there.to_pylist()
    assert left == right, (  # noqa: S101
        next((a, b) for a, b in zip(left, right, strict=False) if a != b) if len(left) == len(right) else (len(left), len(right))
    )
    return here


def check_snapshot(rule: Rule, folder: Path) -> None:
    """Compare Spark's text of a rule with the committed one; CLOSEDWON_UPDATE_SNAPSHOTS=1 writes it anew."""
    file = folder / f"{rule.name}.spark.sql"
    text = spark_text(rule) + "\n"
    if os.environ.get("CLOSEDWON_UPDATE_SNAPSHOTS") == "1":
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, f"Spark's text of {rule.name} changed; look at the diff, then update the snapshot"  # noqa: S101
