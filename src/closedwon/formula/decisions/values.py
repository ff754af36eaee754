"""Typed literals of decision tables: how a cell's text becomes a value, and how a value becomes text and SQL again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from closedwon.formula.sql.dialect import DUCKDB, Dialect

Kind = Literal["number", "money", "percent", "text", "picklist", "date", "datetime", "time", "duration", "months", "yesno"]
KINDS: tuple[Kind, ...] = ("number", "money", "percent", "text", "picklist", "date", "datetime", "time", "duration", "months", "yesno")
ORDERED = frozenset({"number", "money", "percent", "date", "datetime", "time", "duration", "months"})
"""Kinds whose values have an order, so that `<` and ranges make sense. `duration` is days and time; `months` is years and months."""

Value = Decimal | str | date | datetime | time | timedelta | int | bool
"""A percent is its fraction (30 % is 0.3); `months` is a count of months."""


@dataclass(frozen=True)
class BadLiteral(Exception):
    """A text that is not a value of the wanted kind; `mend` says how to write one."""

    text: str
    kind: Kind
    mend: str

    def __str__(self) -> str:
        return f"{self.text!r} is not a {self.kind}"


_HOW: dict[str, str] = {
    "number": "Write a number such as 12.5",
    "money": "Write an amount in major units such as 25000",
    "percent": "Write a percentage such as 30%",
    "text": 'Put text in double quotes, as in "US"',
    "picklist": 'Put the value in double quotes, as in "Enterprise"',
    "date": "Write a date as 2026-01-31",
    "datetime": "Write a date-time as 2026-01-31T17:00:00",
    "time": "Write a time as 17:00:00",
    "duration": "Write days and time as P3DT4H",
    "months": "Write years and months as P1Y6M",
    "yesno": "Write true or false",
}

NUMBER = re.compile(r"[+-]?(\d[\d_]*)?(\.\d+)?")
_DAYS = re.compile(r"(?P<sign>-?)P(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)(?:\.\d+)?S)?)?")
_MONTHS = re.compile(r"(?P<sign>-?)P(?:(?P<y>\d+)Y)?(?:(?P<m>\d+)M)?")


def parse_value(text: str, kind: Kind) -> Value:
    """The value that `text` (without quotes for text kinds) stands for. Raises BadLiteral with the mend."""
    bad = BadLiteral(text, kind, _HOW[kind])
    try:
        made: Value = _PARSERS[kind](text.strip(), bad)
        return made
    except (ValueError, ArithmeticError) as error:
        raise bad from error


def _number(text: str, bad: BadLiteral) -> Decimal:
    if len(text) > 40 or not NUMBER.fullmatch(text) or not any(c.isdigit() for c in text):
        raise bad
    return Decimal(text.replace("_", ""))


def _percent(text: str, bad: BadLiteral) -> Decimal:
    return _number(text[:-1].strip(), bad) / 100 if text.endswith("%") else _number(text, bad)


def _duration(text: str, bad: BadLiteral) -> timedelta:
    found = _DAYS.fullmatch(text)
    if not found or text.lstrip("-") in {"P", "PT"} or text.endswith("T"):
        raise bad
    parts = {name: int(found[name] or 0) for name in "dhms"}
    span = timedelta(days=parts["d"], hours=parts["h"], minutes=parts["m"], seconds=parts["s"])
    return -span if found["sign"] else span


def _months(text: str, bad: BadLiteral) -> int:
    found = _MONTHS.fullmatch(text)
    if not found or text.lstrip("-") == "P":
        raise bad
    count = int(found["y"] or 0) * 12 + int(found["m"] or 0)
    return -count if found["sign"] else count


def _yesno(text: str, bad: BadLiteral) -> bool:
    word = text.lower()
    if word not in {"true", "false", "yes", "no"}:
        raise bad
    return word in {"true", "yes"}


def _datetime(text: str, bad: BadLiteral) -> datetime:
    if "T" not in text and " " not in text:
        raise bad
    made = datetime.fromisoformat(text)
    if made.tzinfo is not None:
        raise BadLiteral(text, "datetime", "Write date-times without an offset; they are in the company's time zone")
    return made


def _date(text: str, bad: BadLiteral) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise bad
    return date.fromisoformat(text)


_PARSERS: dict[str, Any] = {
    "number": _number,
    "money": _number,
    "percent": _percent,
    "text": lambda text, _bad: text,
    "picklist": lambda text, _bad: text,
    "date": _date,
    "datetime": _datetime,
    "time": lambda text, _bad: time.fromisoformat(text),
    "duration": _duration,
    "months": _months,
    "yesno": _yesno,
}


def show(value: Value | None, kind: Kind) -> str:
    """The value as a cell would write it; null for none."""
    if value is None:
        return "null"
    if kind in {"text", "picklist"}:
        return '"' + str(value).replace('"', '""') + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{_plain(value * 100)}%" if kind == "percent" else _plain(value)
    if isinstance(value, timedelta):
        return _show_span(value)
    if kind == "months" and isinstance(value, int):
        sign, count = ("-" if value < 0 else ""), abs(value)
        return f"{sign}P" + (f"{count // 12}Y" if count >= 12 else "") + (f"{count % 12}M" if count % 12 or count < 12 else "")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def _show_span(span: timedelta) -> str:
    sign, span = ("-", -span) if span < timedelta(0) else ("", span)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    clock = "".join(f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count)
    return f"{sign}P" + (f"{span.days}D" if span.days or not clock else "") + (f"T{clock}" if clock else "")


def sql(value: Value | None, dialect: Dialect = DUCKDB) -> str:
    """The value as a SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Decimal):
        digits = max(0, -int(value.as_tuple().exponent))
        whole = max(1, len(f"{abs(int(value))}"))
        return f"CAST('{value:f}' AS DECIMAL({whole + digits}, {digits}))"
    if isinstance(value, timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"CAST('{value.isoformat(sep=' ')}' AS {dialect.moment})"
    if isinstance(value, date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if isinstance(value, time):
        return "'" + value.strftime("%H:%M:%S") + "'"
    return dialect.text(str(value))
