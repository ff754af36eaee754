"""Runs a rule's SQL: on in-memory DuckDB by default, on Spark where the workspace says so. Both give the same rows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from weakref import WeakSet

import pyarrow as pa
from pyarrow.dataset import dataset

from closedwon.base.errors import Invalid, NotReady
from closedwon.base.rule import Rule
from closedwon.base.tables import Column
from closedwon.facts.arrow import SQL_TYPES, TYPES, rows_to_table, schema
from closedwon.facts.dialects import duckdb_text, order_clause, spark_text
from closedwon.facts.duck import cursor, failures, quoted
from closedwon.facts.source import BATCH, Source, scan
from closedwon.facts.store import Store

Input: TypeAlias = pa.Table | Source | list[dict[str, Any]]


class Engine(Protocol):
    """Something that runs rules."""

    def run(self, rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
        """The rule's result over the inputs, in its declared columns and order."""

    def write(self, rule: Rule, inputs: Mapping[str, Input], store: Store, name: str, *, txn: str = "") -> int:
        """Stream the rule's result into a named table, in bounded memory; gives the version."""


def _checked(rule: Rule, inputs: Mapping[str, Input]) -> dict[str, Source | pa.Table]:
    """The inputs that the rule names, rows as Arrow tables with every declared column."""
    missing = set(rule.inputs) - set(inputs)
    if missing:
        raise Invalid(f"The rule {rule.name} needs the tables {', '.join(sorted(missing))}.")
    return {
        name: inputs[name] if isinstance(inputs[name], Source) else _whole(inputs[name], columns) for name, columns in rule.inputs.items()
    }


def _whole(given: Any, columns: tuple[Column, ...]) -> pa.Table:
    if not isinstance(given, pa.Table):
        return rows_to_table(given, columns)
    for column in columns:
        if column.name not in given.column_names:
            given = given.append_column(column.name, pa.nulls(given.num_rows, TYPES[column.type]))
    return given


class DuckEngine:
    """In-memory DuckDB in this process."""

    def run(self, rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
        """The rule's result over the inputs, in its declared columns and order."""
        with self._bound(rule, inputs) as con:
            return _as_declared(con.sql(self._select(con, rule)).to_arrow_table(), rule)

    def write(self, rule: Rule, inputs: Mapping[str, Input], store: Store, name: str, *, txn: str = "") -> int:
        """Stream the rule's result into a named table, in bounded memory; gives the version."""
        with self._bound(rule, inputs) as con:
            return store.replace(name, con.sql(self._select(con, rule)).to_arrow_reader(BATCH), txn=txn)

    def write_parts(self, rule: Rule, parts: Iterable[Mapping[str, Input]], store: Store, name: str, *, note: str = "") -> int:
        """The same for inputs that come in parts: one part after the other, in one commit, so that memory is bounded by a part.

        The result is that of one piece where no row of a part needs a row of another one.
        """
        target = pa.schema([pa.field(f.name, f.type, True) for f in schema(rule.outputs)])
        stream = pa.RecordBatchReader.from_batches(target, self._batches(rule, parts))
        return store.replace(name, stream, note=note)

    def _batches(self, rule: Rule, parts: Iterable[Mapping[str, Input]]) -> Iterator[pa.RecordBatch]:
        for inputs in parts:
            with self._bound(rule, inputs) as con:
                yield from con.sql(self._select(con, rule)).to_arrow_reader(BATCH)

    def describe(self, rule: Rule, inputs: Mapping[str, Input]) -> dict[str, str]:
        """The columns that the rule's SQL gives, each with DuckDB's own type, before they are cast to the declared ones."""
        with self._bound(rule, inputs) as con:
            return self._types(con, rule)

    @contextmanager
    def _bound(self, rule: Rule, inputs: Mapping[str, Input]) -> Iterator[Any]:
        with cursor() as con, failures(rule.name):
            for name, given in _checked(rule, inputs).items():
                bind(con, name, given)
            yield con

    def _types(self, con: Any, rule: Rule) -> dict[str, str]:
        return {row[0]: row[1] for row in con.execute(f"DESCRIBE {duckdb_text(rule)}").fetchall()}

    def _select(self, con: Any, rule: Rule) -> str:
        if rule not in _sound:
            problems = output_problems(rule, self._types(con, rule))
            if problems:
                raise Invalid(f"The rule {rule.name} does not give what it declares: {'; '.join(problems)}.")
            _sound.add(rule)
        cells = ", ".join(f"CAST({quoted(c.name)} AS {SQL_TYPES[c.type]}) AS {quoted(c.name)}" for c in rule.outputs)
        return f"SELECT {cells} FROM ({duckdb_text(rule)}){order_clause(rule)}"


_sound: WeakSet[Rule] = WeakSet()
"""Rules whose output types were seen to be the declared ones."""


def output_problems(rule: Rule, types: Mapping[str, str]) -> list[str]:
    """Declared outputs that are missing, and whole numbers (money is one) that the SQL gives as a float or a decimal."""
    found = []
    for column in rule.outputs:
        kind = types.get(column.name)
        if kind is None:
            found.append(f"the column {column.name} is missing")
        elif column.type == "int" and kind.upper().startswith(("DOUBLE", "FLOAT", "DECIMAL", "REAL", "VARCHAR", "STRING")):
            found.append(f"{column.name} is a whole number but comes as {kind}")
    return found


def bind(con: Any, name: str, given: Source | pa.Table) -> None:
    """Make a table known to a cursor under this name."""
    if isinstance(given, Source):
        con.execute(f"CREATE TEMP VIEW {quoted(name)} AS {scan(con, given)}")
    else:
        con.register(name, given)


class SparkEngine:
    """A Spark session: a cluster that `CLOSEDWON_SPARK_MASTER` names, else this machine."""

    def run(self, rule: Rule, inputs: Mapping[str, Input]) -> pa.Table:
        """The rule's result over the inputs, in its declared columns and order."""
        return _as_declared(self._frame(rule, inputs).toArrow(), rule)

    def write(self, rule: Rule, inputs: Mapping[str, Input], store: Store, name: str, *, txn: str = "") -> int:
        """Have the cluster write the rule's result as Parquet, then stream it into a named table; gives the version."""
        with tempfile.TemporaryDirectory(prefix="closedwon-spark-", dir=os.environ.get("CLOSEDWON_SPILL")) as folder:
            self._frame(rule, inputs).write.mode("overwrite").parquet(f"{folder}/result")
            files = sorted(str(path) for path in Path(folder, "result").glob("*.parquet"))
            reader = dataset(files, schema(rule.outputs)).scanner(batch_size=BATCH).to_reader()
            return store.replace(name, reader, txn=txn)

    def _frame(self, rule: Rule, inputs: Mapping[str, Input]) -> Any:
        spark = _spark()
        for name, given in _checked(rule, inputs).items():
            self._bind(spark, name, given)
        text = spark_text(rule)
        if rule not in _sound_on_spark:
            problems = output_problems(rule, {f.name: f.dataType.simpleString() for f in spark.sql(text).schema})
            if problems:
                raise Invalid(f"The rule {rule.name} does not give what it declares on Spark: {'; '.join(problems)}.")
            _sound_on_spark.add(rule)
        cells = ", ".join(f"CAST(`{c.name}` AS {_SPARK_TYPES[c.type]}) AS `{c.name}`" for c in rule.outputs)
        return spark.sql(f"SELECT {cells} FROM ({text}){order_clause(rule).replace(chr(34), chr(96))}")

    def _bind(self, spark: Any, name: str, given: Source | pa.Table) -> None:
        if isinstance(given, Source) and given.files and given.remote is None:
            frame = spark.read.option("mergeSchema", "true").parquet(*given.files)
            kinds = {c.name: c.type for c in given.columns}
            cells = [
                f"CAST({f'`{of}`' if of in given.physical else 'NULL'} AS {_SPARK_TYPES[kinds[of]]}) AS `{shown}`"
                for shown, of in [*((c.name, c.name) for c in given.columns), *given.renamed]
            ]
            frame = frame.selectExpr(*cells)
            column, low, high = given.within or ("", None, None)
            frame = frame.where(frame[column] >= low) if low is not None else frame
            frame = frame.where(frame[column] < high) if high is not None else frame
        else:
            frame = spark.createDataFrame(_plain_instants(read(given) if isinstance(given, Source) else given))
        frame.createOrReplaceTempView(name)


_sound_on_spark: WeakSet[Rule] = WeakSet()


def ranges(source: Source, column: str, size: int) -> list[tuple[str | None, str | None]]:
    """Half-open ranges of a text column that hold `size` rows each and, with open ends, every text there is."""
    with cursor() as con:
        every = f"SELECT {quoted(column)} AS id, ROW_NUMBER() OVER (ORDER BY {quoted(column)}) AS place FROM ({scan(con, source)})"
        found = con.execute(f"SELECT id FROM ({every}) WHERE place % {int(size)} = 0 ORDER BY id").fetchall()
    ends = [None, *dict.fromkeys(row[0] for row in found), None]
    return list(pairwise(ends))


def read(source: Source) -> pa.Table:
    """All of a source as Arrow."""
    with cursor() as con:
        return con.sql(scan(con, source)).to_arrow_table()


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
        "spark.sql.variable.substitute": "false",
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


def write(rule: Rule, inputs: Mapping[str, Input], store: Store, name: str, *, txn: str = "") -> int:
    """Run a rule on the workspace's engine into a named table; gives the version."""
    return engine().write(rule, inputs, store, name, txn=txn)


def spark_rows(sql: str, inputs: Mapping[str, pa.Table] | None = None) -> list[tuple[Any, ...]]:
    """The rows of a SELECT that the product itself put together, on Spark, over tables by name; none by default."""
    spark = _spark()
    for name, given in (inputs or {}).items():
        spark.createDataFrame(given).createOrReplaceTempView(name)
    return [tuple(row) for row in spark.sql(sql).collect()]


def query_table(sql: str, inputs: Mapping[str, Input], columns: Any = ()) -> pa.Table:
    """The result of a SELECT that the product itself put together from checked names, on DuckDB, as Arrow."""
    with cursor() as con, failures("this query"):
        for name, given in inputs.items():
            bind(con, name, given if isinstance(given, Source | pa.Table) else rows_to_table(given, columns))
        return con.sql(sql).to_arrow_table()


def query_rows(sql: str, inputs: Mapping[str, Input], columns: Any = ()) -> list[dict[str, Any]]:
    """Rows of a SELECT that the product itself put together from checked names, on DuckDB; bounded by its own LIMIT."""
    return list(query_table(sql, inputs, columns).to_pylist())
