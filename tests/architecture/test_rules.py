"""Every declared rule: its SQL is clean, its outputs are what it says on both engines, and Spark's text is a reviewed snapshot."""

import importlib
import pkgutil
from pathlib import Path

import pytest

import closedwon
from closedwon.base.rule import Rule
from closedwon.facts.dialects import problems, spark_text
from closedwon.facts.engine import DuckEngine, SparkEngine, output_problems
from closedwon.facts.testing import spark_missing

ROOT = Path(closedwon.__file__).parent


def declared():
    """Every rule that stands by name in one of our modules, not in a test."""
    found = {}
    for info in pkgutil.walk_packages(closedwon.__path__, "closedwon."):
        path = ROOT.joinpath(*info.name.split(".")[1:])
        source = path / "__init__.py" if info.ispkg else path.with_suffix(".py")
        if ".tests" in info.name or not source.exists() or "base.rule import Rule" not in source.read_text(encoding="utf-8"):
            continue
        for value in vars(importlib.import_module(info.name)).values():
            if isinstance(value, Rule):
                found[value.package, value.name] = value
    return [found[key] for key in sorted(found)]


RULES = declared()
each = pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])
MONEY = ("_minor", "_ppm", "_ppb")


def test_there_are_rules():
    assert RULES


@each
def test_a_rule_gives_what_it_declares(rule):
    assert problems(rule.sql) == []
    nothing = {name: [] for name in rule.inputs}
    assert output_problems(rule, DuckEngine().describe(rule, nothing)) == []
    assert [c.name for c in rule.outputs if c.name.endswith(MONEY) and c.type != "int"] == []
    assert set(rule.order_by) <= {column.name for column in rule.outputs}
    assert DuckEngine().run(rule, nothing).schema.names == [column.name for column in rule.outputs]


@each
def test_sparks_text_is_committed(rule):
    file = ROOT.joinpath(*rule.package.split(".")[1:], "tests", "snapshots", f"{rule.name}.spark.sql")
    assert file.exists(), f"call check_snapshot for {rule.name} in its field's tests"
    assert file.read_text(encoding="utf-8") == spark_text(rule) + "\n"


@pytest.mark.spark
@pytest.mark.skipif(spark_missing() != "", reason=spark_missing())
@each
def test_spark_takes_it(rule):
    nothing = {name: [] for name in rule.inputs}
    assert SparkEngine().run(rule, nothing).schema.equals(DuckEngine().run(rule, nothing).schema)
