"""A policy's fields as SQL over the table of past requests: declared columns where there is one, else the request's JSON. Pure.

Each cell is a column of the type that formulas and decision tables expect. What cannot be read as its type is told by a second expression.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from closedwon.base.tables import table
from closedwon.formula.sql.dialect import Dialect
from closedwon.formula.types import Type

COLUMNS = (
    "discount_ppm", "list_minor", "net_minor", "net_arr_minor", "term_months", "payment_terms", "payment_schedule", "free_months", "credits_minor",
    "last_discount_ppm", "renewal_base_minor", "renewal_net_minor", "price_lock", "order_type", "segment", "account_id",
)  # fmt: skip
"""The columns of the table that hold fields of a request."""
_KINDS = {"text": ("text", "picklist", "id"), "bool": ("yes/no",), "decimal": ("number", "quantity"), "date": ("date",)}


@dataclass(frozen=True)
class Cell:
    """A field's SQL, and the test for what cannot be read as its type (empty where everything can)."""

    value: str
    unreadable: str = ""


def column_of(name: str, kind: Type) -> str:
    """The declared column that holds a field, empty where it is in the request's JSON alone."""
    found = {"percent": f"{name}_ppm", "money": f"{name}_minor"}.get(kind.kind, name)
    column = table("approval_requests").column(found) if found in COLUMNS else None
    if column is None:
        return ""
    fits = kind.kind in ("percent", "money") if found != name else kind.kind in _KINDS.get(column.type, ())
    return found if fits else ""


class Cells:
    """Writes the cells of a policy's fields for one dialect. Amounts are converted where the request's currency is not the policy's."""

    def __init__(self, dialect: Dialect, currency: str) -> None:
        self.dialect = dialect
        self.currency = currency

    def decimal(self, kind: Type) -> str:
        """The column type of an exact number."""
        return f"DECIMAL({kind.whole + kind.scale},{kind.scale})"

    @property
    def foreign(self) -> str:
        """Whether a request has another currency than the policy."""
        return f"(currency <> {self.dialect.text(self.currency)} AND currency <> '')" if self.currency else "FALSE"

    def converted(self, value: str, kind: Type) -> str:
        """An amount in the policy's currency, at the request's plan rate, half away from zero."""
        if kind.kind != "money" or not self.currency:
            return value
        rate = "CAST(CAST(CASE WHEN rate_ppb > 0 THEN rate_ppb ELSE 1000000000 END AS DECIMAL(19,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(18,9))"
        return f"CASE WHEN {self.foreign} THEN TRY_CAST(ROUND(CAST({value} AS DECIMAL(19,{kind.scale})) * {rate}, {kind.scale}) AS {self.decimal(kind)}) ELSE {value} END"

    def column(self, name: str, kind: Type) -> Cell:
        """A field that a declared column holds."""
        own = self.dialect.name(name)
        if name.endswith("_ppm"):
            return Cell(f"TRY_CAST(CAST({own} AS DECIMAL(19,0)) * CAST('0.000001' AS DECIMAL(6,6)) AS {self.decimal(kind)})")
        if name.endswith("_minor"):
            parts = " ".join(f"WHEN {10**n} THEN CAST('{Decimal(1).scaleb(-n):f}' AS DECIMAL(4,4))" for n in range(1, 5))
            major = f"CASE units {parts} END"
            value = f"TRY_CAST(CASE WHEN units = 1 THEN CAST({own} AS DECIMAL(22,4)) ELSE CAST({own} AS DECIMAL(22,0)) * {major} END AS {self.decimal(kind)})"
            return Cell(self.converted(value, kind))
        if kind.numeric:
            return Cell(f"TRY_CAST({own} AS {self.decimal(kind)})")
        return Cell(f"NULLIF({own}, '')" if kind.textual else own)

    def told(self, text: str, kind: Type) -> Cell:
        """A field from its text in the JSON."""
        if kind.textual:
            return Cell(f"NULLIF({text}, '')")
        if kind.kind == "yes/no":
            value = f"CASE WHEN LOWER({text}) IN ('true', 'yes') THEN TRUE WHEN LOWER({text}) IN ('false', 'no') THEN FALSE END"
        elif kind.kind == "percent":
            share = f"TRY_CAST(CASE WHEN RIGHT({text}, 1) = '%' THEN SUBSTRING({text}, 1, LENGTH({text}) - 1) END AS DECIMAL(19,7))"
            value = f"TRY_CAST({share} * CAST('0.01' AS DECIMAL(2,2)) AS {self.decimal(kind)})"
        elif kind.numeric:
            value = f"TRY_CAST({text} AS {self.decimal(kind)})"
        else:
            value = f"TRY_CAST({text} AS {self.dialect.physical(kind)})"
        return Cell(self.converted(value, kind), f"NULLIF({text}, '') IS NOT NULL AND ({value}) IS NULL")

    def rows(self, given: str, kind: Type) -> Cell:
        """Lines from the JSON: a list of records, each part of its type. `given` is a list of records of texts."""
        parts = {name: self.told(f"l.{self.dialect.name(name.casefold())}", part) for name, part in kind.fields.items()}
        value = self.dialect.mapped(given, "l", self.dialect.record({name: f"({cell.value})" for name, cell in parts.items()}))
        wrong = " OR ".join(f"({cell.unreadable})" for cell in parts.values() if cell.unreadable)
        test = f"COALESCE({self.dialect.size}({self.dialect.filtered(given, 'l', wrong)}), 0) > 0" if wrong else ""
        return Cell(value, test)

    def json(self, path: str) -> str:
        """The text at a name of the request's JSON."""
        if self.dialect.spark:
            return f"get_json_object(fields, {self.dialect.text(f'$[{chr(39)}{path}{chr(39)}]')})"
        return f"json_extract_string(fields, {self.dialect.text('$.' + chr(34) + path + chr(34))})"

    def json_rows(self, path: str, kind: Type) -> str:
        """The lines at a name of the request's JSON, as records of texts."""
        names = [name.casefold() for name in kind.fields]
        if self.dialect.spark:
            shape = ", ".join(f"`{name}`: string" for name in names)
            return f"from_json({self.json(path)}, {self.dialect.text(f'array<struct<{shape}>>')})"
        shape = ", ".join(f'"{name}": "VARCHAR"' for name in names)
        return f"from_json({self.json(path)}, {self.dialect.text('[{' + shape + '}]')})"


def cells(types: Mapping[str, Type], names: list[str], dialect: Dialect, currency: str) -> dict[str, Cell]:
    """The cells of the named fields."""
    writer = Cells(dialect, currency)
    made: dict[str, Cell] = {}
    for name in names:
        kind = types[name]
        if kind.kind == "rows":
            made[name] = writer.rows(writer.json_rows(name.casefold(), kind), kind)
        elif column := column_of(name, kind):
            made[name] = writer.column(column, kind)
        else:
            made[name] = writer.told(writer.json(name.casefold()), kind)
    return made
