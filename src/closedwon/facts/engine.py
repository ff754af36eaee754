"""Runs a rule's SQL: on in-memory DuckDB by default, on Spark where the workspace says so. Both give the same rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from closedwon.base.errors import Invalid, NotReady
from closedwon.base.rule import Rule
from closedwon.facts.arrow import SQL_TYPES, rows_to_table, schema
from closedwon.facts.dialects import duckdb_text, order_clause, spark_text
from closedwon.facts.duck import cursor, quoted
from closedwon.facts.source import Source, scan

Input: TypeAlias = pa.Table | Source | list[dict[str, Any]]


class Engine(Protocol):
    """Something that runs rules."""

    def run(self, rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
        """The rule's result over the inputs, in its declared columns and order."""


def _checked(rule: Rule, inputs: Mapping[str, Input]) -> dict[str, Input]:
    missing = set(rule.inputs) - set(inputs)
    if missing:
        raise Invalid(f"The rule {rule.name} needs the tables {', '.join(sorted(missing))}.")
    return {name: inputs[name] for name in rule.inputs}


class DuckEngine:
    """In-memory DuckDB in this process."""

    def run(self, rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
        """The rule's result over the inputs, in its declared columns and order."""
        with cursor() as con:
            self._bind(con, rule, inputs)
            return _as_declared(con.sql(self._select(rule)).to_arrow_table(), rule)

    def write(self, rule: Rule, inputs: Mapping[str, Input], store: Any, name: str, *, txn: str = "") -> int:
        """Stream the rule's result into a named table, in bounded memory; gives the version."""
        with cursor() as con:
            self._bind(con, rule, inputs)
            reader = con.sql(self._select(rule)).to_arrow_reader(200_000)
            return int(store.replace(name, reader, txn=txn))

    def _bind(self, con: Any, rule: Rule, inputs: Mapping[str, Input]) -> None:
        for name, given in _checked(rule, inputs).items():
            if isinstance(given, Source):
                con.execute(f"CREATE TEMP VIEW {quoted(name)} AS {scan(con, given)}")
            else:
                con.register(name, given if isinstance(given, pa.Table) else rows_to_table(given, rule.inputs[name]))

    def _select(self, rule: Rule) -> str:
        cells = ", ".join(f"CAST({quoted(c.name)} AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}" for c in rule.outputs)
        return f"SELECT {cells} FROM ({duckdb_text(rule)}){order_clause(rule)}"


class SparkEngine:
    """A Spark session: a cluster that `CLOSEDWON_SPARK_MASTER` names, else this machine."""

    def run(self, rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
        """The rule's result over the inputs, in its declared columns and order."""
        spark = _spark()
        for name, given in _checked(rule, inputs).items():
            self._bind(spark, name, given, rule)
        cells = ", ".join(f"CAST(`{c.name}` AS {_SPARK_TYPES[c.type]}) AS `{c.name}`" for c in rule.outputs)
        order = order_clause(rule).replace('"', "`")
        frame = spark.sql(f"SELECT {cells} FROM ({spark_text(rule)}){order}")
        return _as_declared(frame.toArrow(), rule)

    def _bind(self, spark: Any, name: str, given: Input, rule: Rule) -> None:
        if isinstance(given, Source) and given.files:
            frame = spark.read.option("mergeSchema", "true").parquet(*given.files)
            cells = [
                f"CAST({f'`{c.name}`' if c.name in given.physical else 'NULL'} AS {_SPARK_TYPES[c.type]}) AS `{c.name}`"
                for c in given.columns
            ]
            frame = frame.selectExpr(*cells)
        else:
            rows: Any = rows_to_table([], given.columns) if isinstance(given, Source) else given
            arrow = rows if isinstance(rows, pa.Table) else rows_to_table(rows, rule.inputs[name])
            frame = spark.createDataFrame(_plain_instants(arrow))
        frame.createOrReplaceTempView(name)


def _plain_instants(arrow: pa.Table) -> pa.Table:
    """The table with all-null columns typed as Spark reads them."""
    return arrow.cast(pa.schema([pa.field(f.name, f.type, True) for f in arrow.schema]))


_SPARK_TYPES = SQL_TYPES | {"text": "STRING", "instant": "TIMESTAMP"}


@lru_cache(maxsize=1)
def _spark() -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise NotReady(
            "This workspace runs on Spark, which is not installed.", mend="Install it with: pip install 'closedwon[spark]'"
        ) from error
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master(os.environ.get("CLOSEDWON_SPARK_MASTER", "local[2]")).appName("closedwon")
    for key, value in {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.decimalOperations.allowPrecisionLoss": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.executor.memory": "1g",
        "spark.executor.cores": "1",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _as_declared(result: pa.Table, rule: Rule) -> pa.Table:
    """The result cast to the declared columns; a name that is missing is an error in the rule."""
    missing = [c.name for c in rule.outputs if c.name not in result.column_names]
    if missing:
        raise Invalid(f"The rule {rule.name} gave no column {', '.join(missing)}.")
    target = schema(rule.outputs)
    return result.select([c.name for c in rule.outputs]).cast(pa.schema([pa.field(f.name, f.type, True) for f in target]))


@lru_cache(maxsize=2)
def engine_named(name: str) -> Engine:
    """The engine of that name: duckdb or spark."""
    return SparkEngine() if name == "spark" else DuckEngine()


def engine() -> Engine:
    """The engine of this process's workspace."""
    from closedwon.workspace import current

    return engine_named(current().settings.engine)


def run(rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
    """Run a rule on the workspace's engine."""
    return engine().run(rule, inputs)


def query(sql: str, inputs: Mapping[str, Input], columns: Any = ()) -> list[dict[str, Any]]:
    """Rows of a SELECT that the product itself put together from checked names, on DuckDB; bounded by its own LIMIT."""
    with cursor() as con:
        for name, given in inputs.items():
            if isinstance(given, Source):
                con.execute(f"CREATE TEMP VIEW {quoted(name)} AS {scan(con, given)}")
            else:
                con.register(name, given if isinstance(given, pa.Table) else rows_to_table(given, columns))
        return list(con.sql(sql).to_arrow_table().to_pylist())
