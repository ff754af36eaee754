"""How a rule over many rows is declared: one SQL text, named input tables, output columns, a total order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources

from closedwon.base.tables import Column


@dataclass(frozen=True, eq=False)
class Rule:
    """A SELECT in DuckDB's dialect that takes named tables and gives one table.

    `package` and `file` name the text, e.g. ("closedwon.forecast", "sql/rollup.sql"). `inputs` maps each table name that the text
    reads to its columns; parameters come as one-row tables, never pasted into the text. `outputs` are the columns of the result in
    order, and `order_by` is a total order of them. The text may call the kernels `share(amount, ppm)` and
    `muldiv(amount, num, den)`; the engine expands them.
    """

    name: str
    package: str
    file: str
    inputs: Mapping[str, tuple[Column, ...]]
    outputs: tuple[Column, ...]
    order_by: tuple[str, ...] = field(default=())

    @cached_property
    def sql(self) -> str:
        """The text as it stands in the file."""
        return resources.files(self.package).joinpath(self.file).read_text(encoding="utf-8")

    def around(self, dialect: str, text: str) -> str:
        """The text for an engine, from what was made ready of `sql`; a rule with formulas writes theirs around it."""
        del dialect
        return text
