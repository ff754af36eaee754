"""Decision tables on both engines: every case of DMN 1.4 and generated tables decide alike on DuckDB, on Spark and in the interpreter."""

import random
import tomllib
from decimal import Decimal
from itertools import product
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from closedwon.facts.engine import spark_rows
from closedwon.facts.testing import spark_missing
from closedwon.formula.decisions import build, sql, values
from closedwon.formula.sql.dialect import dialect_of

CASES = tomllib.loads((Path(__file__).parent / "dmn.cases.toml").read_text())
COLUMNS = {
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "time": pa.string(),
    "duration": pa.int64(),
    "months": pa.int64(),
    "yesno": pa.bool_(),
    "text": pa.string(),
    "picklist": pa.string(),
}
WORDS = ["a", "b", "it's", "back\\slash", "new\nline", "ü", 'say "x"', "${n}"]


def cell(value, kind):
    """A value as the column of its kind holds it."""
    if value is None:
        return None
    if kind == "time":
        return value.strftime("%H:%M:%S")
    return int(value.total_seconds()) if kind == "duration" else value


def arrow(table, records):
    kinds = {column.name: column.kind for column in table.inputs}
    made = {"n": pa.array(range(len(records)), pa.int64())}
    for name, kind in kinds.items():
        made[name] = pa.array([cell(record.get(name), kind) for record in records], COLUMNS.get(kind, pa.decimal128(18, 6)))
    return pa.table(made)


def wanted(table, records):
    """Per record, the rows that decide with their outputs, or the error; a number for an aggregate."""
    made = []
    for at, record in enumerate(records):
        outcome = table.evaluate(record)
        names = [column.name for column in table.outputs]
        if not sql.is_single(table):
            made += [(at, number, *(row[name] for name in names)) for number, row in zip(outcome.rows, outcome.value or [], strict=True)]
        elif table.hit == "COLLECT":
            made.append((at, outcome.value))
        else:
            made.append((at, outcome.error is not None, *((outcome.value or {}).get(name) for name in names)))
    return made


def asked(table, source, engine):
    """The SELECT for `wanted`, in the engine's words."""
    said = dialect_of(engine)
    names = [said.name(column.name) for column in table.outputs]
    chosen = ["n", "hit_row", *names] if not sql.is_single(table) else ["n", names[0]]
    if sql.is_single(table) and table.hit != "COLLECT":
        chosen = ["n", "hit_error IS NOT NULL", *names]
    order = "n, hit_rank" if not sql.is_single(table) else "n"
    return f"SELECT {', '.join(chosen)} FROM ({sql.select(table, source, dialect=said)}) AS decided ORDER BY {order}"


def check(table, records, run):
    found = run(table, arrow(table, records))
    expected = wanted(table, records)
    assert len(found) == len(expected)
    for row, want in zip(found, expected, strict=True):
        assert tuple(row) == want, (table.name, records[want[0]])


def on_duckdb(table, given):
    con = duckdb.connect()
    con.register("given", given)
    return con.execute(asked(table, "given", "duckdb")).fetchall()


def on_spark(table, given):
    return spark_rows(asked(table, "given", "spark"), {"given": given})


def of_the_specification():
    for name, text in CASES["tables"].items():
        table = build(text)[0]
        kinds = {column.name: column.kind for column in table.inputs}
        given = [case["given"] for case in CASES["case"] if case["table"] == name]
        yield table, [{key: values.parse_value(value, kinds[key]) for key, value in one.items()} for one in given]


def generated(seed):
    chance = random.Random(seed)
    numbers = ["-", "0", "< 1", ">= 2", "[1..3)", "(1..2]", "not(> 1, 0)", "null", "not(null)", "0, 3"]
    shown = ['"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in WORDS]
    words = ["-", *shown, f"not({shown[2]})", "null", f"{shown[3]}, {shown[5]}"]
    hit = chance.choice(["UNIQUE", "ANY", "FIRST", "PRIORITY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"])
    rows = [[chance.choice(numbers), chance.choice(words), word] for word in (chance.choice(WORDS) for _ in range(chance.randint(1, 6)))]
    text = {
        "table": f"t{seed}",
        "hit": hit,
        "inputs": [{"name": "x y", "type": "number", "nullable": True}, {"name": 'w`"', "type": "text", "nullable": True}],
        "outputs": [{"name": "out", "type": "text", "values": WORDS}],
        "rows": rows,
    }
    table, problems = build(text)
    assert problems == [], problems
    sizes = [None, *map(Decimal, ["-1", "0", "0.5", "1", "2", "3"])]
    return table, [{"x y": size, 'w`"': word} for size, word in product(sizes, [None, *WORDS])]


def test_duckdb_decides_as_the_interpreter():
    for table, records in [*of_the_specification(), *map(generated, range(60))]:
        check(table, records, on_duckdb)


@pytest.mark.spark
@pytest.mark.skipif(bool(spark_missing()), reason=spark_missing() or "Spark is here")
def test_spark_decides_as_the_interpreter():
    for table, records in [*of_the_specification(), *map(generated, range(25))]:
        check(table, records, on_spark)
