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
    [
        "list",
        "array_agg",
        "group_array",
        "array_unique_agg",
        "string_agg",
        "group_concat",
        "listagg",
        "list_aggregate",
        "median",
        "quantile",
        "quantile_cont",
        "quantile_disc",
        "percentile_cont",
        "percentile_disc",
        "approx_quantile",
        "approx_distinct",
        "approx_count_distinct",
        "mode",
        "histogram",
        "stddev",
        "variance",
        "first",
        "last",
        "arbitrary",
        "any_value",
        "arg_max",
        "arg_min",
        "max_by",
        "min_by",
        "strftime",
        "strptime",
        "date_diff",
        "datediff",
        "date_sub",
        "datesub",
        "months_between",
        "age",
        "time_to_str",
        "str_to_time",
        "format_datetime",
        "now",
        "today",
        "current_date",
        "current_timestamp",
        "current_time",
        "get_current_timestamp",
        "random",
        "rand",
        "uuid",
        "gen_random_uuid",
        "read_csv",
        "read_csv_auto",
        "read_parquet",
        "read_json",
        "parquet_scan",
        "glob",
        "getenv",
        "hash",
        "md5_number",
        "regexp_extract_all",
    ]
)
"""Functions on which the engines disagree, that are not the same twice, or that reach outside the given tables."""


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
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except sqlglot.ParseError as error:
        return [f"it cannot be parsed: {error}"]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        return ["it is not one SELECT"]
    found = [reason for node in statements[0].walk() if (reason := _problem(node))]
    return list(dict.fromkeys(found))


def _problem(node: exp.Expr) -> str:
    if isinstance(node, exp.Join) and (node.args.get("method") or "").upper() in {"ASOF", "POSITIONAL"}:
        return "ASOF and positional JOINs are not in Spark; use a window"
    if isinstance(node, exp.Div):
        return f"division gives a float: {node.sql(dialect='duckdb')}; use share, muldiv or //"
    if isinstance(node, exp.Avg):
        return "AVG gives a float; keep sum and count"
    if isinstance(node, exp.DateDiff | exp.TimestampDiff):
        return "date_diff counts differently per engine; subtract dates or use whole_months"
    if isinstance(node, exp.Array | exp.List | exp.Struct | exp.Map | exp.Lambda | exp.Unnest | exp.Pivot | exp.TableSample):
        return f"{node.key} is not the same on both engines"
    if isinstance(node, exp.Limit) and not (node.parent and node.parent.args.get("order")):
        return "LIMIT without ORDER BY takes any rows"
    if (
        isinstance(node, exp.Window)
        and isinstance(node.this, exp.RowNumber | exp.Lead | exp.Lag)
        and not (node.args.get("order") or node.args.get("alias"))
    ):
        return f"{node.this.sql_name()} needs an ORDER BY in its window"
    if isinstance(node, exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        if name in FORBIDDEN_FUNCTIONS:
            return f"{name} is not the same on both engines"
    return ""


@lru_cache(maxsize=256)
def duckdb_text(rule: Rule) -> str:
    """The rule's SELECT for DuckDB, kernels expanded, in its total order."""
    return _text(rule, "duckdb")


@lru_cache(maxsize=256)
def spark_text(rule: Rule) -> str:
    """The rule's SELECT for Spark."""
    return _text(rule, "spark", pretty=True)


def _text(rule: Rule, dialect: str, *, pretty: bool = False) -> str:
    found = problems(rule.sql) or _strangers(rule)
    if found:
        raise Invalid(f"The SQL of {rule.name} does not run alike on every engine: {'; '.join(found)}.")
    tree = expand(sqlglot.parse_one(rule.sql, dialect="duckdb"))
    if dialect == "spark":
        tree = tree.transform(_wide_as_decimal)
    return rule.around(dialect, tree.sql(dialect=dialect, pretty=pretty))


def _strangers(rule: Rule) -> list[str]:
    """Tables that the text reads and the rule does not declare; a file's name would be one."""
    tree = sqlglot.parse_one(rule.sql, dialect="duckdb")
    known = set(rule.inputs) | {cte.alias for cte in tree.find_all(exp.CTE)}
    read = {".".join(part.name for part in found.parts) for found in tree.find_all(exp.Table)}
    return [f"it reads {name}, which is not an input" for name in sorted(read - known)]


def _wide_as_decimal(node: exp.Expr) -> exp.Expr:
    """128-bit integers as DECIMAL(38, 0), which is what Spark has."""
    if isinstance(node, exp.DataType) and node.this == exp.DataType.Type.INT128:
        return exp.DataType.build("DECIMAL(38, 0)", dialect="spark")
    return node


def order_clause(rule: Rule) -> str:
    """ORDER BY of the rule's total order, nulls first on every engine; empty where the rule declares none."""
    return " ORDER BY " + ", ".join(f'"{name}" NULLS FIRST' for name in rule.order_by) if rule.order_by else ""
