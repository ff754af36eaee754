"""SUM, MIN, MAX and COUNT over a row set as SQL: every row becomes a record of its test, value and error, then the list is taken together."""

from __future__ import annotations

from closedwon.formula.evaluate import OVERFLOW
from closedwon.formula.nodes import Node
from closedwon.formula.sql.core import MOST_LEVELS, Core, Sql, Steps
from closedwon.formula.types import MOST, number


class Rows(Core):
    """Aggregates."""

    def _agg(self, node: Node) -> Sql:
        op, of, test = node.data
        rows = self.write(node.args[0]).value
        if of is None and test is None:
            return Sql(self._counted(rows))
        lists = self.dialect
        found, error = self._records(rows, of, test)
        if test is not None:
            found = lists.filtered(found, "r", "r.t")
        if of is None:
            return Sql(self._counted(found), error)
        each = self.bind(lists.filtered(lists.mapped(found, "r", "r.v"), "v", "v IS NOT NULL"))
        if op == "COUNT":
            return Sql(self._counted(each), error)
        return self._sum_of(node, each, error) if op == "SUM" else Sql(lists.extreme(each, op), error)

    def _counted(self, rows: str) -> str:
        return f"CAST(COALESCE({self.dialect.size}({rows}), 0) AS BIGINT)"

    def _records(self, rows: str, of: Node | None, test: Node | None) -> tuple[str, str | None]:
        """The rows as records {t, v, e}, and the first error of one that counts."""
        self.steps = Steps(prefix="_in")
        where = self.write(test) if test else None
        inner = self.write(of) if of else None
        late = inner.error if inner else None
        error = self.errors(where.error if where else None, f"CASE WHEN {where.value} THEN {late} END" if where and late else late)
        parts = {"t": where and where.value, "v": inner and inner.value, "e": error}
        body = self.dialect.record({name: value for name, value in parts.items() if value})
        for level, columns in reversed(list(enumerate(self.levels(MOST_LEVELS // 2), 1))):
            body = self.dialect.let(f"_in{level}", self.dialect.record(columns), body)
            self.guard(body)
        self.steps = self.outer
        found = self.bind(self.dialect.mapped(rows, "x", body))
        return found, self.dialect.first(
            self.dialect.filtered(self.dialect.mapped(found, "r", "r.e"), "e", "e IS NOT NULL")
        ) if error else None

    def _sum_of(self, node: Node, each: str, error: str | None) -> Sql:
        """The sum; where it might not fit on the way, the halves of the numbers are added apart."""
        wide = self.dialect.mapped(each, "v", f"CAST(v AS {self.huge})")
        if node.data[1].digits + 9 <= MOST:
            return Sql(f"CAST(COALESCE({self.dialect.total(wide)}, 0) AS {self.physical(node.type)})", error)
        half = self.dialect.power(19)
        low = self.bind(f"COALESCE({self.dialect.total(self.dialect.mapped(wide, 'v', f'v % {half}'))}, 0)")
        cut = f"CAST(CASE WHEN v < {self.dialect.number(0)} THEN -1 ELSE 1 END * {self.dialect.over(self.dialect.absolute('v', number(MOST)), 19, MOST)} AS {self.huge})"
        high = self.bind(f"COALESCE({self.dialect.total(self.dialect.mapped(wide, 'v', cut))}, 0)")
        made = self.bind(self.dialect.tried(self.dialect.tried(high, "*", half), "+", low))
        return Sql(made, self.errors(error, self.fault(self.dialect.beyond(made), OVERFLOW)))
