"""Tree tables: a hierarchy with figures, opened and closed in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse

from closedwon.ui import cells
from closedwon.ui.tables import Col

Row = Mapping[str, Any]


@dataclass
class TreeTable:
    """A hierarchy: each row has an `id`, its `parent` (empty at the top) and optionally a `note` beside the name.

    `columns[0]` is the name. `open_levels` says how many levels are open at first.
    """

    key: str
    columns: Sequence[Col]
    rows: Sequence[Row]
    title: str = ""
    note: str = ""
    unit: str = ""
    open_levels: int = 2
    request: Any = None
    totals: Row | None = None
    row_href: Callable[[Row], str | None] | None = None
    empty_title: str = "Nothing here"
    empty_text: str = "There is no hierarchy yet."
    name: str = ""
    _lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The element's id."""
        return "tree-" + "".join(c if c.isalnum() else "-" for c in self.key)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The rows from the top down, each after its parent, with level, whether it opens, and whether it is in view at first."""
        if not self._lines:
            children: dict[str, list[Row]] = {}
            known = {str(row["id"]) for row in self.rows}
            for row in self.rows:
                parent = str(row.get("parent") or "")
                children.setdefault(parent if parent in known and parent != str(row["id"]) else "", []).append(row)
            self._walk(children)
        return self._lines

    def _walk(self, children: dict[str, list[Row]]) -> None:
        """Depth first without recursion, so that a deep or looped hierarchy cannot break the page."""
        waiting: list[tuple[Row, int, str | None]] = [(row, 1, None) for row in reversed(children.get("", []))]
        seen: set[str] = set()
        while waiting:
            row, level, parent = waiting.pop()
            own = str(row["id"])
            if own in seen:
                continue
            seen.add(own)
            below = children.get(own, [])
            self._lines.append(
                {
                    "row": row,
                    "id": own,
                    "parent": parent or "",
                    "level": level,
                    "pad": min(level, 8) - 1,
                    "opens": bool(below),
                    "open": level < self.open_levels,
                    "hidden": level > self.open_levels,
                    "name": cells.Cell.of(self.columns[0], row),
                    "note": row.get("note") or "",
                    "cells": [cells.Cell.of(column, row) for column in self.columns[1:]],
                    "href": self.row_href(row) if self.row_href else None,
                }
            )
            waiting += [(child, level + 1, own) for child in reversed(below)]

    @property
    def sums(self) -> list[Any] | None:
        """The cells of the total's row, if there is one."""
        return [cells.Cell.of(column, self.totals) for column in self.columns] if self.totals else None

    @property
    def csv(self) -> str:
        """The address of the export as CSV; empty without a request."""
        return self._export("csv")

    @property
    def xlsx(self) -> str:
        """The address of the export as XLSX; empty without a request."""
        return self._export("xlsx")

    def _export(self, form: str) -> str:
        if self.request is None:
            return ""
        query = self.request.GET.copy()
        query["export"] = f"{self.key}.{form}"
        return f"{self.request.path}?{query.urlencode()}"

    def answer(self) -> HttpResponse | None:
        """The export where the request asks for it, else None."""
        wanted = self.request.GET.get("export", "") if self.request is not None else ""
        if not wanted.startswith(f"{self.key}."):
            return None
        from closedwon.ui import export

        rows = [line["row"] for line in self.lines]
        parent = Col("parent", "Parent")
        return export.response(
            self.name or self.key.replace(":", "-"), [Col("id", "Id"), parent, *self.columns], rows, wanted.rpartition(".")[2]
        )
