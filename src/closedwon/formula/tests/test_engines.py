"""Generated formulas over generated rows: the interpreter and DuckDB give the same value or both an error."""

import json
import math
import os
from datetime import date, datetime
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedwon.facts import duck
from closedwon.formula.formula import compile  # noqa: A004
from closedwon.formula.types import types_of

TYPES = {
    "n": "number(9,2)", "k": "number(6,0)", "m": "money(12,2) USD", "p": "percent(6,4)", "w": "number(30,12)", "v": "number(38,18)",
    "t": "text", "u": "text", "d": "date", "e": "date", "s": "datetime", "b": "yes/no",
    "lines": {"rows": {"net": "money(9,2) USD", "kind": "text", "ok": "yes/no"}},
    "rates": {"keys": {"key": "text"}, "value": "percent", "rows": [["a", "0.1"], ["b", "0.25"], ["", "0.5"]]},
}  # fmt: skip
SQL_TYPES = {
    "n": "DECIMAL(9,2)", "k": "DECIMAL(6,0)", "m": "DECIMAL(12,2)", "p": "DECIMAL(6,4)", "w": "DECIMAL(30,12)", "v": "DECIMAL(38,18)",
    "t": "VARCHAR", "u": "VARCHAR", "d": "DATE", "e": "DATE", "s": "TIMESTAMP", "b": "BOOLEAN",
    "lines": "STRUCT(net DECIMAL(9,2), kind VARCHAR, ok BOOLEAN)[]",
}  # fmt: skip

texts = st.one_of(
    st.sampled_from(
        [
            "",
            "a",
            "b",
            "Won",
            "12.5",
            "-3",
            "1e2",
            "2026-02-28",
            "2026-2-30",
            "2024-02-29 10:11:12",
            "10:30:00.5",
            "x;y",
            "Straße",
            "ab%_\\",
        ]
    ),
    st.text("abAB .;19-:", max_size=8),
)
dates = st.one_of(st.dates(date(1, 1, 1), date(9999, 12, 31)), st.dates(date(2023, 12, 25), date(2024, 3, 5)))


def decimals(digits, scale):
    edge = 10**digits - 1
    return st.one_of(st.integers(-edge, edge), st.integers(-200, 200)).map(lambda value: Decimal(value).scaleb(-scale))


def wide(digits, scale):
    import decimal

    context = decimal.Context(prec=60)
    edge = 10**digits - 1
    return st.one_of(st.integers(-edge, edge), st.integers(-(10**20), 10**20), st.integers(-200, 200)).map(
        lambda value: Decimal(value).scaleb(-scale, context)
    )


def maybe(strategy):
    return st.one_of(strategy, strategy, strategy, st.none())


ROW = st.fixed_dictionaries(
    {
        "n": maybe(decimals(9, 2)), "k": maybe(decimals(6, 0)), "m": maybe(decimals(12, 2)), "p": maybe(decimals(6, 4)),
        "w": maybe(wide(30, 12)), "v": maybe(wide(38, 18)), "t": maybe(texts), "u": maybe(texts), "d": maybe(dates), "e": maybe(dates),
        "s": maybe(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))), "b": maybe(st.booleans()),
        "lines": st.lists(st.fixed_dictionaries({"net": maybe(decimals(9, 2)), "kind": maybe(texts), "ok": maybe(st.booleans())}), max_size=3),
    }
)  # fmt: skip


def calls(name, *parts):
    return st.tuples(*parts).map(lambda found: f"{name}({', '.join(found)})")


def pair(left, signs, right):
    return st.tuples(left, st.sampled_from(signs), right).map(lambda found: f"({found[0]} {found[1]} {found[2]})")


def language(depth):
    small = st.integers(-3, 20).map(str)
    number = st.one_of(st.sampled_from(["n", "k", "m", "p", "w", "v"]), st.sampled_from(["0", "1", "-2.5", "0.001", "45%", "1000000", "3"]))
    text = st.one_of(st.sampled_from(["t", "u"]), st.sampled_from(['""', '"a"', '"Won"', '"%a_"', '"[a-b]+"', '";"', '"1"']))
    day = st.sampled_from(["d", "e", "DATE(2024, 2, 29)"])
    moment = st.just("s")
    yes = st.sampled_from(["b", "TRUE", "FALSE", "b"])
    time = st.sampled_from(['TIMEVALUE("23:59:59.999")', "TIMEVALUE(s)"])
    for _ in range(depth):
        n, x, d, m, y, c = number, text, day, moment, yes, time
        one = st.sampled_from(["ABS", "FLOOR", "CEILING", "MFLOOR", "MCEILING", "ROUND", "SQRT", "EXP", "LN", "LOG", "TRUNC"])
        number = st.one_of(
            n, pair(n, ["+", "-", "*", "/"], n), pair(n, ["+", "-", "*", "/"], n), st.tuples(one, n).map(lambda f: f"{f[0]}({f[1]})"), n.map(lambda f: f"(-{f})"),
            st.tuples(st.sampled_from(["ROUND", "ROUNDUP", "TRUNC"]), n, st.one_of(small, n)).map(lambda f: f"{f[0]}({f[1]}, {f[2]})"),
            st.tuples(st.sampled_from(["MIN", "MAX"]), n, n).map(lambda f: f"{f[0]}({f[1]}, {f[2]})"), calls("MOD", n, n), calls("MROUND", n, n), calls("IF", y, n, n),
            calls("BLANKVALUE", n, n), calls("IFERROR", n, n), calls("VALUE", x), calls("LEN", x), calls("FIND", x, x), calls("FIND", x, x, small), calls("CASE", x, x, n, x, n, n),
            st.tuples(st.sampled_from(["YEAR", "MONTH", "DAY", "WEEKDAY", "DAYOFYEAR", "ISOWEEK", "ISOYEAR"]), st.one_of(d, m)).map(lambda f: f"{f[0]}({f[1]})"),
            pair(d, ["-"], d), pair(m, ["-"], m), pair(m, ["-"], d), pair(c, ["-"], c), calls("HOUR", c), calls("MILLISECOND", c), calls("UNIXTIMESTAMP", m),
            pair(n, ["^"], st.sampled_from(["2", "3", "0", "-1", "k"])), calls("LOOKUP", st.just("rates"), x), calls("NULLVALUE", n, n),
            st.tuples(d, d, st.sampled_from(["whole", "actual", "30/360"])).map(lambda f: f'MONTHS_BETWEEN({f[0]}, {f[1]}, "{f[2]}")'),
            st.tuples(n, d, d, st.sampled_from(["actual/365", "actual/360", "30/360", "month"])).map(lambda f: f'PRORATE({f[0]}, {f[1]}, {f[2]}, "{f[3]}")'),
            n.map(lambda f: f"TIER_SLAB({f}, 0, 5%, 100, 7%, 1000, 10%)"), n.map(lambda f: f"TIER_RANGE({f}, 0, 5%, 100, 7%)"), n.map(lambda f: f"INTERPOLATE({f}, 0, 1, 100, 2, 1000, 2.5)"),
            st.tuples(st.sampled_from(["SUM", "MIN", "MAX", "AVG", "COUNT"]), st.sampled_from(["lines.net", "lines.net * n", "lines.net / n WHERE lines.ok", 'lines.net WHERE lines.kind = "a" || net > 5', "ROUND(net, 1)", "net WHERE 1 / net > 0"])).map(lambda f: f"{f[0]}({f[1]})"),
        )  # fmt: skip
        text = st.one_of(
            x, pair(x, ["&"], x), calls("LEFT", x, small), calls("RIGHT", x, small), calls("MID", x, small, small), calls("SUBSTR", x, small, small), calls("UPPER", x), calls("LOWER", x),
            calls("INITCAP", x), calls("TRIM", x), calls("LPAD", x, small, x), calls("RPAD", x, small), calls("SUBSTITUTE", x, x, x), calls("TEXT", n), calls("TEXT", st.one_of(d, m, c, y)),
            calls("IF", y, x, x), calls("BLANKVALUE", x, x), calls("IFERROR", x, x), calls("FORMATDURATION", n, y), calls("FORMATDURATION", m, m),
        )  # fmt: skip
        day = st.one_of(
            d,
            calls("DATE", n, n, n),
            calls("DATE", st.just("2024"), small, small),
            pair(d, ["+", "-"], n),
            calls("DATEVALUE", st.one_of(x, m)),
            calls("ADDMONTHS", d, st.one_of(small, n)),
            calls("IF", y, d, d),
            calls("MAX", d, d),
        )
        moment = st.one_of(
            m,
            pair(m, ["+", "-"], n),
            calls("DATETIMEVALUE", st.one_of(x, d)),
            calls("ADDMONTHS", m, small),
            calls("FROMUNIXTIME", n),
            calls("IF", y, m, m),
        )
        time = st.one_of(c, calls("TIMEVALUE", st.one_of(x, m)), pair(c, ["+", "-"], n))
        signs = ["=", "<>", "<", ">", "<=", ">="]
        yes = st.one_of(
            y, pair(n, signs, n), pair(x, signs, x), pair(d, signs, d), pair(d, signs, m), pair(c, signs, c), pair(y, ["&&", "||", "=", "<>"], y), calls("NOT", y), calls("ISBLANK", st.one_of(n, x, d, m)),
            calls("ISNULL", st.one_of(n, x)), calls("CONTAINS", x, x), calls("BEGINS", x, x), calls("INCLUDES", x, x), calls("REGEX", x, x), calls("LIKE", x, x), calls("ISNUMBER", x), calls("IN", n, n, n), calls("IN", x, x, st.just("NULL")), calls("IF", y, y, y), calls("IFERROR", y, y),
        )  # fmt: skip
    return st.one_of(number, text, day, moment, yes, time)


def constant(value, kind):
    if value is None:
        return f"CAST(NULL AS {kind})"
    if isinstance(value, list):
        parts = [
            f"{{'net': {constant(row['net'], 'DECIMAL(9,2)')}, 'kind': {constant(row['kind'], 'VARCHAR')}, 'ok': {constant(row['ok'], 'BOOLEAN')}}}"
            for row in value
        ]
        return f"CAST([{', '.join(parts)}] AS {kind})"
    shown = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"CAST({duck.literal(shown)} AS {kind})"


def same(left, right):
    if isinstance(left, float) and right is not None:
        return math.isclose(left, float(right), rel_tol=1e-12, abs_tol=1e-15)
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return left == right
    return left == right


def differences(formula, rows, blank, cursor):
    lines = [
        f"SELECT {at} AS _row, " + ", ".join(f'{constant(row[name], kind)} AS "{name}"' for name, kind in SQL_TYPES.items())
        for at, row in enumerate(rows)
    ]
    sql = formula.sql("duckdb", blank=blank, source="rows_", keep=("_row",))
    found = sorted(cursor.execute(f"WITH rows_ AS MATERIALIZED ({' UNION ALL '.join(lines)}) {sql}").fetchall(), key=lambda row: row[0])
    made = []
    for row, (_, value, error) in zip(rows, found, strict=True):
        want = formula.evaluate(row, blank=blank)
        if want.error != error and not (want.error and error) or not want.error and not same(want.value, value):
            made.append((formula.text, blank, row, want, value, error))
    return made


KNOWN = types_of(TYPES)


@settings(
    max_examples=int(os.environ.get("CLOSEDWON_FORMULA_EXAMPLES", "120")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(language(2), st.lists(ROW, min_size=3, max_size=3), st.sampled_from(["blank", "zero"]))
def test_interpreter_and_duckdb_agree(text, rows, blank):
    formula = compile(text, KNOWN)
    if formula.problems:  # products of too many decimals are refused at compile time
        assert all("decimals" in str(one) or "currenc" in str(one) for one in formula.problems), formula.report()
        return
    with duck.cursor() as cursor:
        assert differences(formula, rows, blank, cursor) == []
    json.dumps(formula.explain(rows[0], blank=blank).as_dict())
