"""How one cell of a table is shown and exported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from closedwon.ui import format as fmt

if TYPE_CHECKING:
    from closedwon.ui.tables import Col, Row


@dataclass(frozen=True)
class Flag:
    """A short mark on a row: its words, its tone ("warn", "bad", "good" or ""), and the reason shown on hover and to screen readers.

    With `href` it opens that address in the drawer.
    """

    label: str
    tone: str = "warn"
    why: str = ""
    href: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell as the template shows it."""

    col: Any
    text: str
    href: str = ""
    tone: str = ""
    arrow: str = ""
    flags: tuple[Flag, ...] = ()
    sub: str = ""
    raw: Any = None

    @classmethod
    def of(cls, col: Col, row: Row) -> Cell:
        """The cell of a row."""
        value = col.of(row)
        href = (col.href(row) or "") if col.href else ""
        tone = col.tone(row) if col.tone else ""
        sub = str(row.get(col.sub) or "") if col.sub else ""
        unit = currency_of(col, row)
        if col.kind == "flags":
            flags = tuple(one if isinstance(one, Flag) else Flag(str(one)) for one in value or ())
            return cls(col, "", href, tone, flags=flags, raw=value)
        if col.kind == "status":
            label, found = value if isinstance(value, tuple) else (value, "")
            return cls(col, str(label or fmt.MISSING), href, found or tone, raw=value)
        if col.kind == "change":
            arrow, text, found = fmt.change(value, unit, short_form=False, places=col.places)
            return cls(col, text, href, found, arrow, raw=value)
        return cls(col, shown(col, value, unit), href, tone, sub=sub, raw=value)

    @classmethod
    def total(cls, col: Col, value: Any) -> Cell:
        """The cell of the line of totals."""
        if col.kind == "change":
            arrow, text, tone = fmt.change(value, _fixed(col), short_form=False, places=col.places)
            return cls(col, text, tone=tone, arrow=arrow, raw=value)
        return cls(col, shown(col, value, _fixed(col)), raw=value)


def _fixed(col: Col) -> str:
    return col.currency if len(col.currency) == 3 and col.currency.isupper() else ""


def currency_of(col: Col, row: Row) -> str:
    """The currency of a row's cell; empty is the company's."""
    return _fixed(col) or (str(row.get(col.currency) or "") if col.currency else "")


def shown(col: Col, value: Any, unit: str = "") -> str:
    """A value as text for people."""
    if value is None or value == "":
        return fmt.MISSING
    match col.kind:
        case "money":
            return fmt.money(value, unit, places=col.places)
        case "number":
            return fmt.number(value, col.places or 0)
        case "percent":
            return fmt.percent(value, 1 if col.places is None else col.places)
        case "ppm":
            return fmt.ppm(value, 1 if col.places is None else col.places)
        case "ratio":
            return fmt.ratio(value, 1 if col.places is None else col.places)
        case "date":
            return fmt.day(value)
        case "instant":
            return fmt.instant(value)
        case "bool":
            return "yes" if value else "no"
        case _:
            return plain(value)


def plain(value: Any) -> str:
    """A value as bare text, for search and filters."""
    if value is None:
        return ""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        return str(value[0])
    if isinstance(value, (list, tuple)):
        return ", ".join(one.label if isinstance(one, Flag) else str(one) for one in value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value)
