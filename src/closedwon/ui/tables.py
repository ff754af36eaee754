"""Data tables: sorted, filtered, paged, totalled and exported from the address, whether the rows are here or behind a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, Literal, cast
from urllib.parse import urlencode

from django.http import HttpResponse
from django.template.loader import render_to_string

from closedwon.ui import cells, views

Kind = Literal["text", "money", "number", "percent", "ppm", "ratio", "date", "instant", "change", "flags", "status", "badge", "bool"]
NUMERIC = frozenset({"money", "number", "percent", "ppm", "ratio", "change"})
PAGE = 50
MOST = 100_000
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Col:
    """One column. `href` gives a cell's address (`drawer` opens it in the drawer, `swap` in place of the row, with `e` too); `value` computes what the cell shows from the row.

    `currency` is the key of the row's currency, or a code; `filter` offers the column's values as a chip; `hidden` columns wait in the
    column chooser; `total` adds the column up; `phone` says what a card shows: "title", "big", "line" (default) or "hide".
    """

    key: str
    label: str
    kind: Kind = "text"
    href: Callable[[Row], str | None] | None = None
    drawer: bool = False
    swap: bool = False
    value: Callable[[Row], Any] | None = None
    currency: str = ""
    places: int | None = None
    sort: bool = True
    filter: bool = False
    hidden: bool = False
    total: bool = False
    phone: str = "line"
    hint: str = ""
    sub: str = ""
    tone: Callable[[Row], str] | None = None

    @property
    def numeric(self) -> bool:
        """Whether it stands on the right."""
        return self.kind in NUMERIC

    def of(self, row: Row) -> Any:
        """The raw value of a row's cell."""
        return self.value(row) if self.value else row.get(self.key)


@dataclass(frozen=True)
class Query:
    """What a table is asked for: the way it is sorted and filtered, and which rows."""

    sort: str = ""
    descending: bool = False
    search: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    offset: int = 0
    limit: int = PAGE


@dataclass(frozen=True)
class Rows:
    """An answer to a Query: this page's rows, how many there are, totals of all of them, and the values that chips offer."""

    rows: Sequence[Row]
    count: int
    totals: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)


Source = Sequence[Row] | Callable[[Query], Rows]


class DataTable:
    """A table on a page. `rows` is a list of mappings, or a function that answers a Query (for many rows).

    Call `answer()` first: it gives the export or the swapped fragment where the request asks for one, else None.
    """

    def __init__(
        self,
        request: Any,
        key: str,
        columns: Sequence[Col],
        rows: Source,
        *,
        title: str = "",
        note: str = "",
        unit: str = "",
        sort: str = "",
        page: int = PAGE,
        prefix: str = "",
        empty: tuple[str, str] = ("Nothing here", "No rows match."),
        row_href: Callable[[Row], str | None] | None = None,
        search: bool = True,
        exports: bool = True,
        name: str = "",
    ) -> None:
        self.request, self.key, self.columns, self.source = request, key, tuple(columns), rows
        self.title, self.note, self.unit, self.size, self.prefix = title, note, unit, page, prefix
        self.empty_title, self.empty_text = empty
        self.row_href, self.searchable, self.exports = row_href, search, exports
        self.id = "table-" + "".join(c if c.isalnum() else "-" for c in key)
        self.file_name = name or key.replace(":", "-")
        self.saved = views.of(request, key)
        chosen = self._get("view")
        self.view = next((one for one in self.saved if str(one.pk) == chosen), None)
        self._given = dict(self.view.parameters) if self.view else {}
        self._default_sort = sort
        self._answer: Rows | None = None

    def _get(self, name: str) -> str:
        value = self.request.GET.get(self.prefix + name)
        return value if value is not None else str(getattr(self, "_given", {}).get(name, ""))

    def _list(self, name: str) -> list[str]:
        found = self.request.GET.getlist(self.prefix + name)
        if not found:
            saved = self._given.get(name, [])
            found = [saved] if isinstance(saved, str) else list(saved)
        return [value for value in found if value != ""]

    # what the address asks for
    @property
    def query(self) -> Query:
        """What the address asks for, for the page in view."""
        sort = self._get("sort") or self._default_sort
        known = {column.key for column in self.columns if column.sort}
        key = sort.lstrip("-")
        page = self.page
        return Query(
            sort=key if key in known else "",
            descending=sort.startswith("-"),
            search=self._get("q").strip()[:200],
            filters={c.key: tuple(got) for c in self.columns if c.filter and (got := self._list(f"f.{c.key}"))},
            offset=(page - 1) * self.size,
            limit=self.size,
        )

    @property
    def page(self) -> int:
        """Which page is in view, from 1."""
        text = self._get("page")
        return max(1, int(text)) if text.isdigit() and len(text) < 8 else 1

    @property
    def shown(self) -> list[Col]:
        """The columns in view: those chosen in the address, else those not hidden."""
        chosen = [key for key in self._get("cols").split(",") if key]
        if not chosen:
            return [column for column in self.columns if not column.hidden]
        return [column for column in self.columns if column.key in chosen] or list(self.columns)

    @property
    def answered(self) -> Rows:
        """This page's rows, asked for once."""
        if self._answer is None:
            self._answer = self._ask(self.query)
        return self._answer

    def _ask(self, query: Query) -> Rows:
        return self.source(query) if callable(self.source) else within(self.columns, self.source, query)

    # what the template shows
    @property
    def count(self) -> int:
        """How many rows match."""
        return self.answered.count

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.count // self.size))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The rows of this page with their cells ready to show."""
        shown = self.shown
        return [
            {"cells": [cells.Cell.of(column, row) for column in shown], "href": self.row_href(row) if self.row_href else None, "row": row}
            for row in self.answered.rows
        ]

    @property
    def totals(self) -> list[Any] | None:
        """The cells of the line of totals, None where no column adds up."""
        if not any(column.total for column in self.shown) or not self.count:
            return None
        given = self.answered.totals
        return [cells.Cell.total(column, given.get(column.key)) if column.total else None for column in self.shown]

    @property
    def heads(self) -> list[dict[str, Any]]:
        """The header's cells: label, address that sorts, and how it is sorted now."""
        query = self.query
        made = []
        for column in self.shown:
            on = query.sort == column.key
            first = "-" if column.numeric else ""
            turned = ("" if query.descending else "-") if on else first
            order = ("descending" if query.descending else "ascending") if on else ""
            made.append({"col": column, "order": order, "href": self.url(sort=turned + column.key, page="") if column.sort else ""})
        return made

    @property
    def chips(self) -> list[dict[str, Any]]:
        """The filter chips: a column, its values with addresses that switch them, and how many are on."""
        made = []
        for column in (one for one in self.columns if one.filter):
            on = self.query.filters.get(column.key, ())
            values = [str(value) for value in self.answered.choices.get(column.key, ())]
            values += [value for value in on if value not in values]
            options = [
                {
                    "label": value or "(empty)",
                    "on": value in on,
                    "href": self.url(**{f"f.{column.key}": [v for v in on if v != value] if value in on else [*on, value], "page": ""}),
                }
                for value in values
            ]
            made.append({"col": column, "on": on, "options": options, "clear": self.url(**{f"f.{column.key}": "", "page": ""})})
        return made

    @property
    def choosable(self) -> list[dict[str, Any]]:
        """The column chooser: each column with the address that shows or hides it."""
        shown = [column.key for column in self.shown]
        return [
            {
                "label": column.label,
                "on": column.key in shown,
                "href": self.url(cols=",".join(k for k in self._order() if (k in shown) != (k == column.key))),
            }
            for column in self.columns[1:]
        ]

    def _order(self) -> list[str]:
        return [column.key for column in self.columns]

    @property
    def filtered(self) -> bool:
        """Whether anything but the default is asked for."""
        return bool(self.query.filters or self.query.search)

    @property
    def first(self) -> int:
        """The number of the first row in view."""
        return self.query.offset + 1 if self.count else 0

    @property
    def last(self) -> int:
        """The number of the last row in view."""
        return min(self.query.offset + self.size, self.count)

    @property
    def previous(self) -> str:
        """The address of the page before; empty on the first."""
        return self.url(page=str(self.page - 1)) if self.page > 1 else ""

    @property
    def next(self) -> str:
        """The address of the next page; empty on the last."""
        return self.url(page=str(self.page + 1)) if self.page < self.pages else ""

    @property
    def cleared(self) -> str:
        """The address without filters."""
        return self.url(q="", page="", view="", **{f"f.{column.key}": "" for column in self.columns if column.filter})

    @property
    def csv(self) -> str:
        """The address of the export as CSV."""
        return self.url(export="csv")

    @property
    def xlsx(self) -> str:
        """The address of the export as XLSX."""
        return self.url(export="xlsx")

    @property
    def hidden_fields(self) -> list[tuple[str, str]]:
        """The address's other parameters, for the search form."""
        skip = {self.prefix + "q", self.prefix + "page"}
        return [(key, value) for key, values in self.request.GET.lists() for value in values if key not in skip]

    @property
    def own_parameters(self) -> dict[str, Any]:
        """The parameters of this table alone, as a saved view keeps them."""
        names = ["sort", "q", "cols", *(f"f.{column.key}" for column in self.columns if column.filter)]
        return {name: got for name in names if (got := self._list(name))}

    def url(self, **changes: Any) -> str:
        """This page's address with some of the table's parameters changed; an empty value takes one away."""
        kept = {key: list(values) for key, values in self.request.GET.lists()}
        for name, value in changes.items():
            values = list(value) if isinstance(value, (list, tuple)) else [value]
            kept[self.prefix + name] = [one for one in values if one != ""]
        query = urlencode([(key, value) for key, values in kept.items() for value in values])
        return f"{self.request.path}?{query}" if query else f"{self.request.path}?"

    # answers
    def answer(self) -> HttpResponse | None:
        """The export, the saved view or the swapped fragment where the request asks for one, else None."""
        wanted = self.request.GET.get(self.prefix + "export")
        if wanted and self.exports:
            from closedwon.ui import export

            rows = iter(self.every())
            first = list(islice(rows, 1))  # asked before the answer begins, so that what is refused is refused with its own page
            return cast("HttpResponse", export.response(self.file_name, self.columns, chain(first, rows), wanted))
        if self.request.headers.get("HX-Target") == self.id and not self.request.headers.get("HX-History-Restore-Request"):
            return HttpResponse(render_to_string("cw/table.html", {"table": self}, request=self.request))
        return None

    def every(self) -> Iterable[Row]:
        """All rows that match, page after page, for exports."""
        query, size = self.query, 5000
        for offset in range(0, MOST * 100, size):
            part = self._ask(Query(query.sort, query.descending, query.search, query.filters, offset, size))
            yield from part.rows
            if offset + size >= part.count or not part.rows:
                return


def _order_key(value: Any) -> tuple[int, Any]:
    """Missing values come last when ascending; text sorts without case."""
    if value is None or value == "":
        return (2, "")
    if isinstance(value, str):
        return (1, value.casefold())
    if isinstance(value, (list, tuple)):
        return (0, len(value))
    return (0, value)


def within(columns: Sequence[Col], rows: Sequence[Row], query: Query) -> Rows:
    """Answer a Query from rows that are here: filter, search, sort, add up, cut."""
    by_key = {column.key: column for column in columns}
    choices = {c.key: sorted({cells.plain(c.of(row)) for row in rows})[:200] for c in columns if c.filter}
    found: list[Row] = list(rows)
    for key, wanted in query.filters.items():
        column = by_key[key]
        found = [row for row in found if cells.plain(column.of(row)) in wanted]
    if query.search:
        needle = query.search.casefold()
        found = [row for row in found if any(needle in cells.plain(column.of(row)).casefold() for column in columns)]
    if query.sort:
        column = by_key[query.sort]
        full = [row for row in found if column.of(row) not in (None, "")]
        bare = [row for row in found if column.of(row) in (None, "")]
        full.sort(key=lambda row: _order_key(column.of(row)), reverse=query.descending)
        found = full + bare
    totals = {c.key: _sum(c, found) for c in columns if c.total}
    return Rows(found[query.offset : query.offset + query.limit], len(found), totals, choices)


def _sum(column: Col, rows: Iterable[Row]) -> Any:
    """The column's sum; None where nothing is known or amounts are of several currencies."""
    found = [row for row in rows if column.of(row) is not None]
    if column.kind == "money" and column.currency and len({row.get(column.currency, column.currency) for row in found}) > 1:
        return None
    return sum(column.of(row) for row in found) if found else None
