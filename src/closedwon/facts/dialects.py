"""A rule's SQL made ready for an engine: kernels expanded into the tree, constructs checked, Spark's text written by sqlglot."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp

from closedwon.base import calendar, money, rates
from closedwon.base.errors import Invalid
from closedwon.base.rule import Rule

KERNELS: dict[str, tuple[tuple[str, ...], str]] = {
    "share": (("amount", "ppm"), money.SHARE_SQL),
    "muldiv": (("amount", "num", "den"), money.MULDIV_SQL),
    "minor_units": (("currency",), money.MINOR_UNITS_SQL),
    "convert_minor": (("amount", "from_currency", "to_currency", "rate_ppb"), rates.CONVERT_SQL),
    "whole_months": (("from_day", "to_day"), calendar.WHOLE_MONTHS_SQL),
}
FORBIDDEN_FUNCTIONS = frozenset(
    {
        "list",
        "array_agg",
        "list_aggregate",
        "median",
        "quantile",
        "mode",
        "strftime",
        "date_diff",
        "datediff",
        "datesub",
        "now",
        "random",
        "uuid",
    }
)
"""Functions on which the engines disagree, or that are not the same twice."""


@lru_cache(maxsize=1)
def _kernel_trees() -> dict[str, tuple[tuple[str, ...], exp.Expr]]:
    return {name: (names, sqlglot.parse_one(text, dialect="duckdb")) for name, (names, text) in KERNELS.items()}


def expand(tree: exp.Expr) -> exp.Expr:
    """The tree with every kernel call replaced by the kernel's own tree."""

    def replace(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Anonymous) or node.name.lower() not in KERNELS:
            return node
        names, body = _kernel_trees()[node.name.lower()]
        if len(node.expressions) != len(names):
            raise Invalid(f"{node.name} takes {len(names)} arguments: {', '.join(names)}.")
        given = dict(zip(names, (expand(argument.copy()) for argument in node.expressions), strict=True))

        def fill(part: exp.Expr) -> exp.Expr:
            if isinstance(part, exp.Column) and part.name in given and not part.table:
                return exp.Paren(this=given[part.name].copy())
            return part

        return exp.Paren(this=expand(body.copy()).transform(fill))

    return tree.transform(replace)


def problems(sql: str) -> list[str]:
    """What in the text the engines would not agree on; empty when it is clean."""
    found = []
    for node in sqlglot.parse_one(sql, dialect="duckdb").walk():
        if isinstance(node, exp.Join) and (node.args.get("method") or "").upper() == "ASOF":
            found.append("ASOF JOIN is not in Spark; use a window")
        elif isinstance(node, exp.Div):
            found.append(f"division gives a float: {node.sql(dialect='duckdb')}; use share, muldiv or //")
        elif isinstance(node, exp.Avg):
            found.append("AVG gives a float; keep sum and count")
        elif isinstance(node, exp.DateDiff | exp.TimestampDiff):
            found.append("date_diff counts differently per engine; subtract dates")
        elif isinstance(node, exp.Func):
            name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
            if name in FORBIDDEN_FUNCTIONS:
                found.append(f"{name} is not the same on both engines")
    return found


@lru_cache(maxsize=256)
def duckdb_text(rule: Rule) -> str:
    """The rule's SELECT for DuckDB, kernels expanded, in its total order."""
    return _text(rule, "duckdb")


@lru_cache(maxsize=256)
def spark_text(rule: Rule) -> str:
    """The rule's SELECT for Spark."""
    return _text(rule, "spark", pretty=True)


def _text(rule: Rule, dialect: str, *, pretty: bool = False) -> str:
    found = problems(rule.sql)
    if found:
        raise Invalid(f"The SQL of {rule.name} does not run alike on every engine: {'; '.join(found)}.")
    tree = expand(sqlglot.parse_one(rule.sql, dialect="duckdb"))
    if dialect == "spark":
        tree = tree.transform(_wide_as_decimal)
    return tree.sql(dialect=dialect, pretty=pretty)


def _wide_as_decimal(node: exp.Expr) -> exp.Expr:
    """128-bit integers as DECIMAL(38, 0), which is what Spark has."""
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.INT128:
        return exp.DataType.build("DECIMAL(38, 0)", dialect="spark")
    return node


def order_clause(rule: Rule) -> str:
    """ORDER BY of the rule's total order, nulls first on every engine; empty where the rule declares none."""
    return " ORDER BY " + ", ".join(f'"{name}" NULLS FIRST' for name in rule.order_by) if rule.order_by else ""
