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
        self.paths: list[str] = []

    def decimal(self, kind: Type) -> str:
        """The column type of an exact number."""
        return f"DECIMAL({kind.whole + kind.scale},{kind.scale})"

    @property
    def foreign(self) -> str:
        """Whether a request has another currency than the policy."""
        return f"(currency <> {self.dialect.text(self.currency)} AND currency <> '')" if self.currency else "FALSE"

    def converted(self, value: str, kind: Type) -> str:
        """An amount, a whole number at its type's scale, in the policy's currency, at the request's plan rate, half away from zero."""
        if kind.kind != "money" or not self.currency:
            return value
        rate = "CAST(CAST(CASE WHEN rate_ppb > 0 THEN rate_ppb ELSE 1000000000 END AS DECIMAL(19,0)) * CAST('0.000000001' AS DECIMAL(9,9)) AS DECIMAL(18,9))"
        exact = f"TRY_CAST(ROUND(CAST({value} AS DECIMAL(19,0)) * {rate}, 0) AS {self.dialect.physical(kind)})"
        return f"CASE WHEN {self.foreign} THEN {exact} ELSE {value} END"

    def column(self, name: str, kind: Type) -> Cell:
        """A field that a declared column holds; an exact number as a whole number at its type's scale."""
        own = self.dialect.name(name)
        if name.endswith("_ppm"):
            return Cell(self._moved(own, kind.scale - 6))
        if name.endswith("_minor"):
            arms = " ".join(f"WHEN {10**n} THEN {self._moved(own, kind.scale - n)}" for n in (2, 0, 3, 4, 1))
            return Cell(self.converted(f"CASE units {arms} END", kind))
        if kind.numeric:
            return Cell(self.whole(own, kind))
        return Cell(f"NULLIF({own}, '')" if kind.textual else own)

    def _moved(self, own: str, places: int) -> str:
        """A whole number with its point moved; where decimals are lost, as a decimal rounded half away from zero."""
        if places >= 0:
            return f"({own} * {10**places})" if places else own
        return f"CAST(ROUND(CAST({own} AS DECIMAL(19,0)) * CAST('{Decimal(1).scaleb(places):f}' AS DECIMAL({-places},{-places})), 0) AS BIGINT)"

    def whole(self, value: str, kind: Type) -> str:
        """A decimal or a text as a whole number at its type's scale, NULL where it is none or too large."""
        return self.dialect.unscaled(f"TRY_CAST({value} AS {self.decimal(kind)})", kind)

    def told(self, text: str, kind: Type, *, scaled: bool = True) -> Cell:
        """A field from its text in the JSON; within lines an exact number stays a decimal."""
        if kind.textual:
            return Cell(f"NULLIF({text}, '')")
        if kind.kind == "yes/no":
            value = f"CASE WHEN LOWER({text}) IN ('true', 'yes') THEN TRUE WHEN LOWER({text}) IN ('false', 'no') THEN FALSE END"
        elif kind.kind == "percent":
            share = f"TRY_CAST(CASE WHEN RIGHT({text}, 1) = '%' THEN SUBSTRING({text}, 1, LENGTH({text}) - 1) END AS DECIMAL(19,7))"
            value = f"{share} * CAST('0.01' AS DECIMAL(2,2))"
        else:
            value = text
        if not kind.numeric:
            value = value if kind.kind == "yes/no" else f"TRY_CAST({value} AS {self.dialect.physical(kind)})"
            return Cell(value, f"NULLIF({text}, '') IS NOT NULL AND ({value}) IS NULL")
        test = f"NULLIF({text}, '') IS NOT NULL AND TRY_CAST({value} AS {self.decimal(kind)}) IS NULL"
        made = self.converted(self.whole(value, kind), kind)
        return Cell(made if scaled else self.dialect.scaled(f"({made})", kind), test)

    def rows(self, given: str, kind: Type) -> Cell:
        """Lines from the JSON: a list of records, each part of its type. `given` is a list of records of texts."""
        parts = {name: self.told(f"l.{self.dialect.name(name.casefold())}", part, scaled=False) for name, part in kind.fields.items()}
        value = self.dialect.mapped(given, "l", self.dialect.record({name: f"({cell.value})" for name, cell in parts.items()}))
        wrong = " OR ".join(f"({cell.unreadable})" for cell in parts.values() if cell.unreadable)
        test = f"COALESCE({self.dialect.size}({self.dialect.filtered(given, 'l', wrong)}), 0) > 0" if wrong else ""
        return Cell(value, test)

    def json(self, path: str) -> str:
        """The text at a name of the request's JSON."""
        if self.dialect.spark:
            return f"get_json_object(fields, {self.dialect.text(f'$[{chr(39)}{path}{chr(39)}]')})"
        if path not in self.paths:
            self.paths.append(path)
        return f"told[{self.paths.index(path) + 1}]"

    def source(self, text: str) -> str:
        """The requests; on DuckDB with the texts that cells read from the JSON, taken out of it in one go."""
        if self.dialect.spark or not self.paths:
            return text
        paths = ", ".join(self.dialect.text("$." + chr(34) + path + chr(34)) for path in self.paths)
        return f"SELECT *, json_extract_string(fields, [{paths}]) AS told FROM ({text}) AS read"

    def json_rows(self, path: str, kind: Type) -> str:
        """The lines at a name of the request's JSON, as records of texts."""
        names = [name.casefold() for name in kind.fields]
        if self.dialect.spark:
            shape = ", ".join(f"`{name}`: string" for name in names)
            return f"from_json({self.json(path)}, {self.dialect.text(f'array<struct<{shape}>>')})"
        shape = ", ".join(f'"{name}": "VARCHAR"' for name in names)
        return f"from_json({self.json(path)}, {self.dialect.text('[{' + shape + '}]')})"


def cells(types: Mapping[str, Type], names: list[str], writer: Cells) -> dict[str, Cell]:
    """The cells of the named fields, over `writer.source` of the requests."""
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
