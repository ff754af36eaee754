"""Formulas and rows by the dozen: what the engines must agree on. One grammar of templates, drawn from by hypothesis or by a seed."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal

import pyarrow as pa
from hypothesis import strategies as st

from closedwon.formula.formula import Formula
from closedwon.formula.nodes import Node

TYPES = {
    "n": "number(9,2)", "k": "number(6,0)", "m": "money(12,2) USD", "p": "percent(6,4)", "w": "number(30,12)", "v": "number(38,18)", "y": "number(20,0)",
    "t": "text", "u": "text", "d": "date", "e": "date", "s": "datetime", "b": "yes/no",
    "c": {"type": "money", "currency": "USD", "stored": "minor", "digits": 14, "scale": 2}, "q": {"type": "percent", "stored": "ppm"},
    "lines": {"rows": {"net": "money(9,2) USD", "kind": "text", "ok": "yes/no", "big": "number(38,4)"}},
    "rates": {"keys": {"key": "text"}, "value": "percent", "rows": [["a", "0.1"], ["b", "0.25"], ["", "0.5"]]},
}  # fmt: skip
"""The fields of the formulas."""
COLUMNS = {
    "n": "DECIMAL(9,2)", "k": "DECIMAL(6,0)", "m": "DECIMAL(12,2)", "p": "DECIMAL(6,4)", "w": "DECIMAL(30,12)", "v": "DECIMAL(38,18)", "y": "DECIMAL(20,0)",
    "t": "VARCHAR", "u": "VARCHAR", "d": "DATE", "e": "DATE", "s": "TIMESTAMP", "b": "BOOLEAN", "c": "BIGINT", "q": "BIGINT",
    "lines": "STRUCT(net DECIMAL(9,2), kind VARCHAR, ok BOOLEAN, big DECIMAL(38,4))[]",
}  # fmt: skip
"""DuckDB's columns that hold them."""
START = {
    "number": ["n", "k", "m", "p", "w", "v", "y", "c", "q", "0", "1", "-2.5", "0.001", "45%", "1000000", "3", "7", "99999999999999999999"],
    "text": ["t", "u", '""', '"a"', '"Won"', '";"', '"1"', '"\'"', '"Straße"'],
    "date": ["d", "e", "DATE(2024, 2, 29)"],
    "moment": ["s"],
    "yes": ["b", "TRUE", "FALSE"],
    "time": ['TIMEVALUE("23:59:59.999")', "TIMEVALUE(s)"],
    "small": [str(value) for value in range(-3, 21)],
}
"""Formulas of one part, by kind."""
_ARITHMETIC = ["({number} + {number})", "({number} - {number})", "({number} * {number})", "({number} / {number})"]
_COMPARED = ["({0} = {0})", "({0} <> {0})", "({0} < {0})", "({0} > {0})", "({0} <= {0})", "({0} >= {0})"]
EXACT = {
    "number": [
        *_ARITHMETIC, *_ARITHMETIC, "(-{number})", *(f"{name}({{number}})" for name in ("ABS", "FLOOR", "CEILING", "MFLOOR", "MCEILING", "ROUND", "TRUNC")),
        *(f"{name}({{number}}, {{{kind}}})" for name in ("ROUND", "ROUNDUP", "TRUNC") for kind in ("small", "number")),
        "MIN({number}, {number})", "MAX({number}, {number})", "MOD({number}, {number})", "MROUND({number}, {number})", "IF({yes}, {number}, {number})", "IFS({yes}, {number}, {yes}, {number}, {number})",
        "BLANKVALUE({number}, {number})", "NULLVALUE({number}, {number})", "IFERROR({number}, {number})", "VALUE({text})", "LEN({text})", "FIND({text}, {text})", "FIND({text}, {text}, {small})",
        "CASE({text}, {text}, {number}, {text}, {number}, {number})", *(f"{name}({{{kind}}})" for name in ("YEAR", "MONTH", "DAY", "WEEKDAY", "DAYOFYEAR", "ISOWEEK", "ISOYEAR") for kind in ("date", "moment")),
        "({date} - {date})", "({moment} - {moment})", "({moment} - {date})", "({time} - {time})", "HOUR({time})", "MILLISECOND({time})", "UNIXTIMESTAMP({moment})", "({number} ^ 2)", "({number} ^ 3)", "LOOKUP(rates, {text})",
        *(f'MONTHS_BETWEEN({{date}}, {{date}}, "{basis}")' for basis in ("whole", "actual", "30/360")), *(f'PRORATE({{number}}, {{date}}, {{date}}, "{basis}")' for basis in ("actual/365", "30/360", "month")),
        "TIER_SLAB({number}, 0, 5%, 100, 7%, 1000, 10%)", "TIER_RANGE({number}, 0, 5%, 100, 7%)", "INTERPOLATE({number}, 0, 1, 100, 2, 1000, 2.5)",
        *(f"{name}({part})" for name in ("SUM", "MIN", "MAX", "AVG", "COUNT") for part in ("lines.net", "lines.net * n", "lines.net / n WHERE lines.ok", 'lines.net WHERE lines.kind = "a" || net > 5', "ROUND(net, 1)", "net WHERE 1 / net > 0", "big", "big / net", "net / big * n")),
    ],
    "text": [
        "({text} & {text})", "({text} & {text})", "LEFT({text}, {small})", "RIGHT({text}, {small})", "MID({text}, {small}, {small})", "SUBSTR({text}, {small}, {small})", "SUBSTR({text}, {small})", "UPPER({text})", "LOWER({text})",
        "INITCAP({text})", "TRIM({text})", "LPAD({text}, {small}, {text})", "RPAD({text}, {small})", "SUBSTITUTE({text}, {text}, {text})", "TEXT({number})", "TEXT({date})", "TEXT({moment})", "TEXT({time})", "TEXT({yes})",
        "IF({yes}, {text}, {text})", "BLANKVALUE({text}, {text})", "IFERROR({text}, {text})", "FORMATDURATION({number}, {yes})", "FORMATDURATION({moment}, {moment})",
    ],
    "date": ["DATE({number}, {number}, {number})", "DATE(2024, {small}, {small})", "({date} + {number})", "({date} - {number})", "DATEVALUE({text})", "DATEVALUE({moment})", "ADDMONTHS({date}, {small})", "ADDMONTHS({date}, {number})", "IF({yes}, {date}, {date})", "MAX({date}, {date})"],
    "moment": ["({moment} + {number})", "({moment} - {number})", "DATETIMEVALUE({text})", "DATETIMEVALUE({date})", "ADDMONTHS({moment}, {small})", "FROMUNIXTIME({number})", "IF({yes}, {moment}, {moment})"],
    "time": ["TIMEVALUE({text})", "TIMEVALUE({moment})", "({time} + {number})", "({time} - {number})"],
    "yes": [
        *(form.format(f"{{{kind}}}") for kind in ("number", "text", "date", "time") for form in _COMPARED), "({date} < {moment})", "({yes} && {yes})", "({yes} || {yes})", "({yes} = {yes})", "NOT({yes})",
        *(f"ISBLANK({{{kind}}})" for kind in ("number", "text", "date", "moment")), "ISNULL({number})", "ISNULL({text})", "CONTAINS({text}, {text})", "BEGINS({text}, {text})", "INCLUDES({text}, {text})",
        'REGEX({text}, "[a-b]+")', 'REGEX({text}, "^[A-Z][a-z]*$")', 'REGEX({text}, "\\\\\\\\d+(?:[.]\\\\\\\\d{1,3})?|\\\\\\\\s*")', 'REGEX({text}, "(")', 'LIKE({text}, "%a_")', 'LIKE({text}, "a%b%")', 'LIKE({text}, "\\\\\\\\%%")',
        "ISNUMBER({text})", "IN({number}, {number}, {number})", "IN({text}, {text}, NULL)", "IF({yes}, {yes}, {yes})", "IFERROR({yes}, {yes})",
    ],
    "small": ["{small}"],
}  # fmt: skip
"""Templates whose results are exact."""
APPROXIMATE = {
    "number": [*(f"{name}({{number}})" for name in ("SQRT", "EXP", "LN", "LOG", "SIN", "ATAN")), "({number} ^ -1)", "({number} ^ k)", "ATAN2({number}, {number})"],
}  # fmt: skip
"""Templates whose results are equal to 12 significant digits."""
_HOLE = re.compile(r"\{(\w+)\}")


def language(depth: int) -> st.SearchStrategy[str]:
    """Formulas of any kind, for hypothesis."""
    made = {kind: st.sampled_from(parts) for kind, parts in START.items()}
    for _ in range(depth):
        templates = {kind: [*parts, *APPROXIMATE.get(kind, [])] for kind, parts in EXACT.items()}
        made = {kind: st.one_of(made[kind], *(_filled(part, made) for part in templates[kind])) for kind in made}
    return st.one_of(*(made[kind] for kind in ("number", "text", "date", "moment", "yes", "time")))


def _filled(template, made):
    holes = _HOLE.findall(template)
    return st.tuples(*(made[kind] for kind in holes)).map(lambda found: _HOLE.sub("%s", template.replace("%", "%%")) % found)


def formula(chance: random.Random, depth: int = 3, kind: str = "") -> str:
    """A formula of a seed: ever another, deep and mixed."""
    kind = kind or chance.choice(["number", "number", "number", "text", "date", "moment", "yes", "time"])
    if depth == 0 or chance.random() < 0.15:
        return chance.choice(START[kind])
    return _HOLE.sub(lambda hole: formula(chance, depth - 1, hole[1]), chance.choice(EXACT[kind]))


TEXTS = [
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
    "${n} $1",
    "12.5\n",
    "it's",
    "ὈΔΥΣΣΕΎΣ",
    "ǆx ŉ",
    "a\tb",
    "\x0b 7",
    "ab" * 9,
]


def row(chance: random.Random) -> dict:
    """A row of a seed, with blanks and with the largest values of each type."""

    def number(digits, scale):
        edge = 10**digits - 1
        value = chance.choice(
            [
                chance.randint(-edge, edge),
                chance.randint(-200, 200),
                chance.choice([edge, -edge, 0, 1]),
                chance.randint(0, 10 ** (digits // 2)),
            ]
        )
        return Decimal(value).scaleb(-scale, Context(prec=60))

    def day():
        return date.fromordinal(chance.choice([chance.randint(1, 3_652_059), chance.randint(738_000, 739_500)]))

    def maybe(value):
        return None if chance.random() < 0.2 else value

    def text():
        return chance.choice(TEXTS) if chance.random() < 0.7 else "".join(chance.choice("abAB .;19-:") for _ in range(chance.randint(0, 8)))

    return {
        "n": maybe(number(9, 2)), "k": maybe(number(6, 0)), "m": maybe(number(12, 2)), "p": maybe(number(6, 4)), "w": maybe(number(30, 12)), "v": maybe(number(38, 18)), "y": maybe(number(20, 0)),
        "t": maybe(text()), "u": maybe(text()), "d": maybe(day()), "e": maybe(day()), "s": maybe(datetime.combine(day(), time.min) + timedelta(microseconds=chance.choice([0, chance.randrange(86_400_000_000)]))),
        "b": maybe(chance.random() < 0.5), "c": maybe(number(14, 2)), "q": maybe(number(7, 6)),
        "lines": [{"net": maybe(number(9, 2)), "kind": maybe(text()), "ok": maybe(chance.random() < 0.5), "big": maybe(number(38, 4))} for _ in range(chance.randint(0, 3))],
    }  # fmt: skip


def column(name: str, value):
    """A row's value as its column holds it: stored amounts and shares are whole numbers."""
    return None if value is None else int(value.scaleb({"c": 2, "q": 6}[name])) if name in {"c", "q"} else value


def approximate(node: Node) -> bool:
    """Whether a part of a formula is approximate, so that the engines may differ after 12 digits."""
    parts = [*node.args, *(part for part in (node.data[1:] if node.op == "agg" else ()) if part is not None)]
    return node.type.approx or any(approximate(part) for part in parts)


def same(left, right) -> bool:
    """Whether two results are the same; Spark gives a time as its milliseconds."""
    if isinstance(left, float) and right is not None:
        return math.isclose(left, float(right), rel_tol=1e-12, abs_tol=1e-15)
    if isinstance(left, time) and isinstance(right, int):
        return ((left.hour * 60 + left.minute) * 60 + left.second) * 1000 + left.microsecond // 1000 == right
    if isinstance(left, datetime) and isinstance(right, datetime) and right.tzinfo:
        return left == right.astimezone(UTC).replace(tzinfo=None)
    return type(left) is type(right) and left == right or left == right


ARROW = {
    **{name: pa.decimal128(*(int(part) for part in re.findall(r"\d+", kind))) for name, kind in COLUMNS.items() if kind.startswith("DECIMAL")},
    "t": pa.string(), "u": pa.string(), "d": pa.date32(), "e": pa.date32(), "s": pa.timestamp("us"), "b": pa.bool_(), "c": pa.int64(), "q": pa.int64(),
    "lines": pa.list_(pa.struct({"net": pa.decimal128(9, 2), "kind": pa.string(), "ok": pa.bool_(), "big": pa.decimal128(38, 4)})),
}  # fmt: skip


def table(rows: list[dict]) -> pa.Table:
    """Rows as columns, numbered in `_row`."""
    columns = {name: pa.array([column(name, row[name]) for row in rows], kind) for name, kind in ARROW.items()}
    return pa.table({"_row": pa.array(range(len(rows)), pa.int64()), **columns})


def disagreements(formulas: list[Formula], rows: list[dict], blank: str, found: list[tuple]) -> list[tuple]:
    """Where an engine's results, as `sql_of` gives them for formulas named 0, 1, ..., are not the interpreter's."""
    made = []
    for row, (_, *cells) in zip(rows, sorted(found, key=lambda one: one[0]), strict=True):
        for at, one in enumerate(formulas):
            value, error = cells[2 * at : 2 * at + 2]
            want = one.evaluate(row, blank=blank)
            if bool(want.error) != bool(error) or (not want.error and not same(want.value, value)):
                made.append((one.text, blank, {name: row[name] for name in one.fields if name in row}, want, value, error))
    return made
