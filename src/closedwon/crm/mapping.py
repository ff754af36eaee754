"""How a source's files become named tables: a mapping as text, and the values that its cells become.

A mapping is TOML with one `[[map]]` per table and file. A column is the source column's name, or a table with `from`, `value`, `template`,
`aliases`, `lookup`, `default`. Everything that an alias, a default or a lookup does is counted and reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator, model_validator

from closedwon.base.errors import ClosedwonError
from closedwon.base.money import LARGEST, to_minor
from closedwon.base.policytext import PolicyModel
from closedwon.base.tables import TABLES, Column, table

NULLS = frozenset({"", "null", "none", "n/a", "#n/a", "nan", "-"})
FIRST, LAST = date(1900, 1, 1), date(2200, 1, 1)


class Lookup(PolicyModel):
    """A value from another file: the `value` column of the row whose `key` column equals the cell."""

    file: str
    key: str
    value: str
    by: str = ""
    by_aliases: str = ""


class ColumnMap(PolicyModel):
    """How one column is filled."""

    from_: str = Field("", alias="from")
    value: str | None = None
    template: str = ""
    aliases: dict[str, str] | str = {}
    lookup: Lookup | None = None
    default: str | None = None
    empty: list[str] = []
    required: bool = False
    unit: str = Field("major", pattern="^(major|minor)$")


class TableMap(PolicyModel):
    """One table from one file; rows for which `where` does not hold are left out of it."""

    table: str
    from_: str = Field(alias="from")
    columns: dict[str, ColumnMap | str]
    where: dict[str, list[str] | str] = {}
    where_not: dict[str, list[str] | str] = {}
    distinct: str = ""
    complete: bool = False

    @model_validator(mode="after")
    def _known(self) -> TableMap:
        if self.table not in TABLES:
            raise ValueError(f"there is no table named {self.table!r}")
        wrong = [name for name in self.columns if table(self.table).column(name) is None and _money(self.table, name) is None]
        if wrong:
            raise ValueError(f"{self.table} has no column {', '.join(wrong)}; custom columns are named x_something")
        return self


class SourceMapping(PolicyModel):
    """A whole mapping."""

    name: str = "mapping"
    about: str = ""
    currency: str = Field("", pattern=r"^([A-Z]{3})?$")
    date_formats: list[str] = ["%Y-%m-%d"]
    time_zone: str = ""
    decimal_comma: bool = False
    aliases: dict[str, dict[str, str]] = {}
    map: list[TableMap] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value and value not in available_timezones():
            raise ValueError(f"unknown time zone {value!r}; use a name such as America/Los_Angeles")
        return value

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone of the source's times, None where it is the company's."""
        return ZoneInfo(self.time_zone) if self.time_zone else None


def some(names: Sequence[str], most: int = 30) -> str:
    """The first names of a list, for a message."""
    shown = ", ".join(name[:60] for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def _money(table_name: str, name: str) -> Column | None:
    """The minor-unit column that a money name stands for: `amount` is `amount_minor`."""
    return next((c for c in table(table_name).columns if c.name == f"{name}_minor"), None)


@dataclass
class Notices:
    """What a mapping did besides copying, counted, with the first row numbers."""

    counts: dict[str, list[int]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def add(self, text: str, row: int) -> None:
        """Count one more of it."""
        self.totals[text] = self.totals.get(text, 0) + 1
        self.counts.setdefault(text, []).append(row)


class BadCell(Exception):
    """A cell that does not fit its column."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column, self.message = column, message


@dataclass
class Reader:
    """A table's mapping made ready: `row` turns one row of text into typed values."""

    spec: TableMap
    mapping: SourceMapping
    header: list[str]
    zone: ZoneInfo
    company_currency: str
    lookups: Mapping[tuple[str, str, str], Mapping[str, str]]
    notices: Notices = field(default_factory=Notices)

    def __post_init__(self) -> None:
        self.at = {name: n for n, name in enumerate(self.header)}
        for name in (*self.spec.where, *self.spec.where_not, self.spec.distinct):
            self._need(name, "row")
        self.fills = [self._fill(name, spec) for name, spec in self.spec.columns.items()]
        self.seen: set[str] = set()

    def _fill(self, name: str, given: ColumnMap | str) -> tuple[str, Callable[[list[str], int], str | None], Column, bool, ColumnMap]:
        spec = ColumnMap.model_validate({"from": given}) if isinstance(given, str) else given
        money = _money(self.spec.table, name)
        column = money or table(self.spec.table).column(name)
        assert column is not None  # noqa: S101 - the model has checked it
        self._need(spec.from_, name)
        if spec.lookup:
            self._need(spec.lookup.by, name)
        for part in re.findall(r"{([^}]+)}", spec.template):
            self._need(part, name)
        return column.name, self._text(name, spec), column, money is not None and spec.unit == "major", spec

    def _need(self, source: str, name: str) -> None:
        if source and source not in self.at:
            from difflib import get_close_matches

            from closedwon.base.errors import Invalid

            near = get_close_matches(source, self.header, 1)
            raise Invalid(
                f"{self.spec.from_} has no column {source!r}, which {self.spec.table}.{name} wants.",
                mend=f"Did you mean {near[0]!r}?" if near else f"It has: {some(self.header)}.",
            )

    def _text(self, name: str, spec: ColumnMap) -> Callable[[list[str], int], str | None]:
        aliases = self.mapping.aliases.get(spec.aliases, {}) if isinstance(spec.aliases, str) else spec.aliases
        found = self.lookups.get((spec.lookup.file, spec.lookup.key, spec.lookup.value), {}) if spec.lookup else {}
        by_aliases = self.mapping.aliases.get(spec.lookup.by_aliases, {}) if spec.lookup else {}

        def read(cells: list[str], row: int) -> str | None:
            text: str | None = spec.value if spec.value is not None else cells[self.at[spec.from_]].strip() if spec.from_ else ""
            if spec.template:
                text = re.sub(r"{([^}]+)}", lambda m: cells[self.at[m[1]]].strip(), spec.template)
            if text is not None and (text.lower() in NULLS or text in spec.empty):
                text = None
            if text in aliases:
                self.notices.add(f"{spec.from_} {text!r} was read as {aliases[text]!r}", row)
                text = aliases[text]
            if spec.lookup and text is None:
                key = cells[self.at[spec.lookup.by or spec.from_]].strip()
                key = by_aliases.get(key, key)
                text = found.get(key)
                if text is None and key:
                    self.notices.add(f"{key!r} is not in {spec.lookup.file}", row)
            if text is None and spec.default is not None:
                text = spec.default
            if text is None and spec.required:
                raise BadCell(name, f"{spec.from_ or name} is empty")
            return text

        return read

    def wants(self, cells: list[str]) -> bool:
        """Whether the row belongs to the table."""
        for name, allowed in self.spec.where.items():
            if cells[self.at[name]].strip() not in ([allowed] if isinstance(allowed, str) else allowed):
                return False
        return all(
            cells[self.at[name]].strip() not in ([refused] if isinstance(refused, str) else refused)
            for name, refused in self.spec.where_not.items()
        )

    def row(self, cells: list[str], number: int) -> dict[str, Any] | None:
        """The row's typed values, None where it does not belong here. Raises BadCell for the first cell that does not fit."""
        if not self.wants(cells):
            return None
        if self.spec.distinct:
            key = cells[self.at[self.spec.distinct]].strip()
            if key in self.seen:
                return None
            self.seen.add(key)
        texts = {name: (read(cells, number), column, major) for name, read, column, major, _spec in self.fills}
        currency = (texts.get("currency", (None, None, False))[0] or self.mapping.currency or self.company_currency).upper()
        made: dict[str, Any] = {}
        for name, (text, column, major) in texts.items():
            if name == "currency" and text is not None and not re.fullmatch(r"[A-Za-z]{3}", text):
                raise BadCell(name, f"{text!r} is not a currency")
            made[name] = None if text is None else self._typed(text, column, currency, major=major)
        if self.spec.table.endswith("_changes"):
            self._change(made, currency)
        if any(name.endswith("_minor") for name in made) and table(self.spec.table).column("currency"):
            made["currency"] = currency
        return made

    def _change(self, made: dict[str, Any], currency: str) -> None:
        """An event's values as text in the form of the column that changed; a money field is kept in minor units."""
        name = str(made.get("field") or "")
        subject = self.spec.table.removesuffix("_changes").replace("opportunity", "opportunities")
        subject = subject if subject in TABLES else f"{subject}s"
        money = _money(subject, name)
        column = money or table(subject).column(name)
        if column is None:
            raise BadCell("field", f"{name!r} is not a field of {subject}")
        made["field"] = column.name
        for key in ("old_value", "new_value"):
            if made.get(key) is not None:
                value = self._typed(made[key], column, currency, major=money is not None)
                made[key] = (
                    value.isoformat() if hasattr(value, "isoformat") else str(value).lower() if isinstance(value, bool) else str(value)
                )

    def _typed(self, text: str, column: Column, currency: str, *, major: bool) -> Any:
        try:
            if major:
                return to_minor(self._plain_number(text), currency)
            return PARSERS[column.type](text, self)
        except (ValueError, InvalidOperation, OverflowError, ClosedwonError) as error:
            raise BadCell(
                column.name, getattr(error, "message", None) or f"{text[:60]!r} is not {'an amount' if major else _WORD[column.type]}"
            ) from error

    def _plain_number(self, text: str) -> str:
        bare = re.sub(r"[\s\u00a0'$€£¥₹]", "", text)
        bare = bare.replace(".", "").replace(",", ".") if self.mapping.decimal_comma else bare.replace(",", "")
        if not re.fullmatch(r"[+-]?\d{1,18}(\.\d+)?", bare):
            raise ValueError(text)
        return bare

    def day(self, text: str) -> date:
        """A date in one of the mapping's formats."""
        for form in self.mapping.date_formats:
            try:
                made = datetime.strptime(text, form).date()  # noqa: DTZ007 - a date has no zone
            except ValueError:
                continue
            if not FIRST <= made < LAST:
                raise ValueError(text)
            return made
        raise ValueError(text)

    def instant(self, text: str) -> datetime:
        """An instant in ISO form; without an offset, and for a bare date its start, in the source's time zone."""
        try:
            made = datetime.fromisoformat(text) if "T" in text or ":" in text else datetime.combine(self.day(text), time())
        except ValueError:
            made = datetime.combine(self.day(text), time())
        return (made if made.tzinfo else made.replace(tzinfo=self.zone)).astimezone(UTC)


def _whole(text: str, reader: Reader) -> int:
    number = Decimal(reader._plain_number(text))  # noqa: SLF001 - the same module
    if number != number.to_integral_value() or abs(number) > LARGEST:
        raise ValueError(text)
    return int(number)


def _yes(text: str, _reader: Reader) -> bool:
    word = text.lower()
    if word in {"true", "yes", "1", "y", "t"}:
        return True
    if word in {"false", "no", "0", "n", "f"}:
        return False
    raise ValueError(text)


PARSERS: dict[str, Callable[[str, Reader], Any]] = {
    "text": lambda text, _reader: text,
    "int": _whole,
    "bool": _yes,
    "date": lambda text, reader: reader.day(text),
    "instant": lambda text, reader: reader.instant(text),
    "decimal": lambda text, reader: Decimal(reader._plain_number(text)).quantize(Decimal("0.000001")),  # noqa: SLF001
    "number": lambda text, reader: float(reader._plain_number(text)),  # noqa: SLF001
}
_WORD = {
    "text": "text",
    "int": "a whole number",
    "bool": "yes or no",
    "date": "a date",
    "instant": "a date or time",
    "decimal": "a number",
    "number": "a number",
}
