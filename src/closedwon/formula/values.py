"""Values at the door: rows in, results out. Inside, an exact number is an integer at its type's scale, and a blank is None."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from closedwon.base.errors import Invalid
from closedwon.formula.functions_date import read_date, read_moment, read_time, show_moment, show_time
from closedwon.formula.nodes import Fault
from closedwon.formula.types import DATE, DATETIME, TEXT, WIDE, YESNO, Type, number

MOST_EXPONENT = 400
"""Of a value of a row; floats have up to 324 decimals."""


class BadValue(Invalid):
    """A value of a row that is not of its declared type."""

    title = "A value does not fit its type"


def decimal_of(value: object) -> Decimal:
    """The exact number that a value is. Raises BadValue."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise BadValue(f"{value!r} is not a number.")
    text = str(value).strip()
    try:
        made = Decimal(text[:-1]).scaleb(-2, WIDE) if text.endswith("%") else Decimal(text)
    except ArithmeticError as error:
        raise BadValue(f"{text[:60]!r} is not a number.") from error
    if not made.is_finite():
        raise BadValue(f"{text[:60]!r} is not a number.")
    if abs(int(made.as_tuple().exponent)) > MOST_EXPONENT:
        raise BadValue(f"{text[:60]!r} has more than 38 digits.")
    return made


def exact_digits(value: object) -> tuple[int, int, int]:
    """A number as integer, count of whole digits and count of decimals. Raises BadValue."""
    made = decimal_of(value)
    _, digits, exponent = made.as_tuple()
    scale = max(-int(exponent), 0)
    if len(digits) + max(int(exponent), 0) > 38 or scale > 38:
        raise BadValue(f"{value!r} has more than 38 digits.")
    unscaled = int(made.scaleb(scale, WIDE))
    return unscaled, max(len(str(abs(unscaled))) - scale, 0 if scale else 1), scale


def taken(value: Any, kind: Type, name: str) -> Any:
    """A row's value as the interpreter holds it. Raises BadValue with the mend."""
    if value is None or value == "":
        return None
    try:
        return _TAKE[kind.family](value, kind)
    except Fault as fault:
        raise BadValue(f"{name}: {value!r} is no {kind}; {fault.message}.") from fault
    except BadValue as error:
        raise BadValue(f"{name}: {error.message}", mend=error.mend) from error


def _number(value: Any, kind: Type) -> int:
    made = decimal_of(value)
    scaled = made.scaleb(kind.scale, WIDE)
    whole = scaled.to_integral_value(context=WIDE)
    if whole != scaled:
        raise BadValue(f"{value} has more than {kind.scale} decimals.", mend="Declare the field with more, or round it.")
    if abs(int(whole)) >= 10 ** (kind.whole + kind.scale):
        raise BadValue(f"{value} has more than {kind.whole} digits before the point.", mend="Declare the field with more.")
    return int(whole)


def _text(value: Any, _: Type) -> str:
    if not isinstance(value, str):
        raise BadValue(f"{value!r} is not a text.")
    return value


def _yes(value: Any, _: Type) -> bool:
    known = {"true": True, "false": False, "yes": True, "no": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() in known:
        return known[str(value).lower()]
    raise BadValue(f"{value!r} is neither yes nor no.", mend="Write true or false.")


def _date(value: Any, _: Type) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else read_date(str(value))


def _moment(value: Any, _: Type) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    try:
        made = datetime.fromisoformat(str(value))
    except ValueError:
        return read_moment(str(value))
    return made.astimezone(UTC).replace(tzinfo=None) if made.tzinfo else made


def _time(value: Any, _: Type) -> int:
    if isinstance(value, time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000 + value.microsecond // 1000
    return read_time(str(value))


def _rows(value: Any, kind: Type) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise BadValue("a row set is a list of rows.")
    return [{name: taken(row.get(name), part, name) for name, part in kind.fields.items()} for row in value]


_TAKE: dict[str, Any] = {
    "number": _number, "text": _text, "yes/no": _yes, "date": _date, "datetime": _moment, "time": _time, "rows": _rows,
    "table": lambda value, _kind: value, "blank": lambda _value, _kind: None,
}  # fmt: skip


def given_back(value: Any, kind: Type) -> Any:
    """A result for the outside: exact numbers as Decimal, times as time of day; yes/no is never blank."""
    if kind.kind == "yes/no":
        return bool(value)
    if value is None:
        return None
    if kind.numeric and isinstance(value, int):
        return plain(Decimal(value).scaleb(-kind.scale, WIDE))
    if kind.kind == "time":
        return time(value // 3_600_000, value // 60_000 % 60, value // 1000 % 60, value % 1000 * 1000)
    return value


def plain(value: Decimal) -> Decimal:
    """The number without trailing zeros and without an exponent."""
    made = value.normalize(WIDE)
    return made.quantize(Decimal(1), context=WIDE) if int(made.as_tuple().exponent) > 0 else made or Decimal(0)


def shown(value: Any, kind: Type) -> str:
    """A result as people read it; blank is an empty text."""
    if value is None:
        return ""
    if kind.numeric:
        return f"{plain(value):f}" if isinstance(value, Decimal) else f"{value:.15g}"
    if kind.kind == "yes/no":
        return "true" if value else "false"
    if isinstance(value, datetime):
        return show_moment(value)[:-1]
    if isinstance(value, time):
        return show_time(_time(value, kind))
    return str(value)


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def inferred(value: Any, name: str) -> dict[str, Type]:
    """The types of a row's values where no types are given; nested objects are relationships, lists are row sets."""
    if isinstance(value, Mapping):
        made: dict[str, Type] = {}
        for key, inner in value.items():
            made.update(inferred(inner, f"{name}.{key}" if name else str(key)))
        return made
    if isinstance(value, list):
        fields: dict[str, Type] = {}
        for row in value:
            for key, kind in inferred(row, "").items():
                known = fields.get(key)
                fields[key] = number(max(kind.whole, known.whole), max(kind.scale, known.scale)) if known and kind.numeric else kind
        return {name: Type("rows", fields=fields)}
    if isinstance(value, bool):
        return {name: YESNO}
    if isinstance(value, int | float | Decimal):
        _, whole, scale = exact_digits(value)
        return {name: number(max(whole, 12), scale)}
    if isinstance(value, str) and _DAY.fullmatch(value):
        return {name: DATE}
    if isinstance(value, str) and _DAY.match(value) and len(value) >= 19 and value[10] in "T ":
        return {name: DATETIME}
    return {name: TEXT if isinstance(value, str) else Type("blank")}


def flat(row: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """A row with relationships as dotted names."""
    made: dict[str, Any] = {}
    for key, value in row.items():
        path = f"{name}.{key}" if name else str(key)
        if isinstance(value, dict) or isinstance(value, Mapping):  # noqa: SIM101  the first is quick
            made.update(flat(value, path))
        else:
            made[path] = value
    return made
