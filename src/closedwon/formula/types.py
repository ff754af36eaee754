"""The types of the language, and how a text such as `money USD` or `number(18,2)` names one.

A number knows how many whole digits and decimals it can have: so the compiler widens before anything can overflow, and both back ends
refuse the same values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Context
from difflib import get_close_matches
from typing import Any

from closedwon.base.errors import Invalid

MOST = 38
"""The most digits that a number has."""
WIDE = Context(prec=120, rounding=ROUND_HALF_UP)
"""Wide enough that moving the point never rounds."""
QUOTIENT_SCALE = 18
"""The decimals of a quotient."""
NUMERIC = frozenset({"number", "money", "percent", "quantity", "duration"})
TEXTUAL = frozenset({"text", "picklist", "id"})
NAMES = ("number", "money", "percent", "quantity", "date", "datetime", "time", "duration", "text", "picklist", "yes/no", "id")


@dataclass(frozen=True)
class Type:
    """What a value is. `whole` and `scale` are the digits before and after the point; `approx` marks results of LN, EXP and the like."""

    kind: str
    whole: int = 0
    scale: int = 0
    approx: bool = False
    currency: str = ""
    values: tuple[str, ...] = ()
    fields: Mapping[str, Type] = field(default_factory=dict, hash=False)
    keys: tuple[Type, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = field(default=(), hash=False)
    value: Type | None = None
    column: str = ""
    stored: str = ""

    @property
    def numeric(self) -> bool:
        """Whether one can reckon with it."""
        return self.kind in NUMERIC

    @property
    def textual(self) -> bool:
        """Whether it is a text, a picklist or an id."""
        return self.kind in TEXTUAL

    @property
    def family(self) -> str:
        """The group within which values can be compared."""
        return "number" if self.numeric else "text" if self.textual else self.kind

    def __str__(self) -> str:
        return f"{self.kind} {self.currency}" if self.currency else {"rows": "row set", "blank": "blank"}.get(self.kind, self.kind)


def number(whole: int, scale: int = 0, *, kind: str = "number", currency: str = "") -> Type:
    """An exact number with so many digits, at most 38 in all; decimals win over whole digits."""
    scale = min(max(scale, 0), MOST)
    return Type(kind, whole=min(max(whole, 0 if scale else 1), MOST - scale), scale=scale, currency=currency)


APPROX = Type("number", whole=20, scale=18, approx=True)
TEXT = Type("text")
YESNO = Type("yes/no")
DATE = Type("date")
DATETIME = Type("datetime")
TIME = Type("time")
BLANK = Type("blank")
INTEGER = number(18)
_DEFAULTS = {"number": (12, 6), "money": (14, 4), "percent": (9, 9), "quantity": (12, 6), "duration": (14, 4)}
_SHAPE = re.compile(r"^\s*([a-z/ -]+?)\s*(?:\(\s*(\d{1,2})\s*(?:,\s*(\d{1,2})\s*)?\))?\s*(?:\s([A-Z]{3}))?\s*$")
_ALIASES = {
    "currency": "money", "checkbox": "yes/no", "boolean": "yes/no", "bool": "yes/no", "yesno": "yes/no", "date-time": "datetime",
    "date time": "datetime", "double": "number", "integer": "number", "decimal": "number", "string": "text", "int": "number",
}  # fmt: skip


def unify(left: Type, right: Type) -> Type:
    """The type that holds the values of both; the kinds must be of one family or blank."""
    if left.kind == "blank":
        return right
    if right.kind == "blank":
        return left
    if left.numeric and right.numeric:
        kind = left.kind if left.kind == right.kind else "money" if "money" in {left.kind, right.kind} else "number"
        if left.approx or right.approx:
            return replace(APPROX, kind=kind, currency=left.currency or right.currency)
        return number(max(left.whole, right.whole), max(left.scale, right.scale), kind=kind, currency=left.currency or right.currency)
    if left.textual and right.textual:
        return left if left == right else TEXT
    return left


def type_of(given: object, name: str = "") -> Type:
    """The type that a text or a table of a types file names. Raises Invalid with the mend."""
    if isinstance(given, Type):
        return given
    if isinstance(given, str):
        return _named(given, name)
    refusal = Invalid(f"The type of {name} is not understood.", mend=f"Write one of {', '.join(NAMES)}.")
    if not isinstance(given, Mapping):
        raise refusal
    try:
        return _mapped(given, name)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise refusal from error


def _mapped(given: Mapping[str, Any], name: str) -> Type:
    if "rows" in given and "keys" not in given:
        inner = given["rows"]
        if not isinstance(inner, Mapping):
            raise Invalid(f"The row set {name} needs the types of its fields.", mend=f'{name} = {{ rows = {{ net = "money" }} }}')
        return Type(
            "rows", fields={str(key): type_of(value, f"{name}.{key}") for key, value in inner.items()}, column=given.get("column", "")
        )
    if "keys" in given:
        return _table(given, name)
    known = {"type", "values", "column", "stored", "digits", "scale", "currency"}
    if extra := sorted(set(given) - known):
        raise Invalid(f"The type of {name} has the unknown key {extra[0]}.", mend=f"Known are {', '.join(sorted(known))}.")
    made = _named(str(given.get("type", "number")), name)
    if given.get("currency"):
        made = replace(made, currency=str(given["currency"]))
    if "scale" in given or "digits" in given:
        scale = int(given.get("scale", made.scale))
        made = replace(made, scale=scale, whole=int(given.get("digits", made.whole + made.scale)) - scale)
        _bounded(made, name)
    if given.get("stored", "") not in {"", "minor", "ppm"}:
        raise Invalid(f"{name} is stored as {given['stored']!r}, which is unknown.", mend="Write minor or ppm, or leave it out.")
    values = tuple(str(value) for value in given.get("values", ()))
    return replace(made, values=values, column=str(given.get("column", "")), stored=str(given.get("stored", "")))


def _bounded(made: Type, name: str) -> None:
    if made.numeric and not (0 <= made.scale <= MOST and made.whole >= 0 and 1 <= made.whole + made.scale <= MOST):
        raise Invalid(f"The type of {name} has {made.whole + made.scale} digits and {made.scale} decimals.", mend="At most 38 in all.")


def _named(text: str, name: str) -> Type:
    found = _SHAPE.match(text)
    kind = _ALIASES.get(found[1].strip(), found[1].strip()) if found else ""
    if not found or kind not in NAMES:
        near = get_close_matches(text.split("(", maxsplit=1)[0].strip(), NAMES, 1, 0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Write one of {', '.join(NAMES)}."
        raise Invalid(f"The type {text!r} of {name} is unknown.", mend=hint)
    if kind not in NUMERIC:
        return Type(kind)
    whole, scale = _DEFAULTS[kind]
    if found[2]:
        scale = int(found[3] or 0)
        whole = int(found[2]) - scale
    made = Type(kind, whole=whole, scale=scale, currency=found[4] or "")
    _bounded(made, name)
    return made


def _table(given: Mapping[str, Any], name: str) -> Type:
    keys = tuple(type_of(value, f"{name}.{key}") for key, value in given["keys"].items())
    value = type_of(given.get("value", "text"), f"{name}.value")
    rows = tuple(tuple(row) for row in given.get("rows", ()))
    for at, row in enumerate(rows, 1):
        if len(row) != len(keys) + 1:
            raise Invalid(f"Row {at} of the table {name} has {len(row)} cells.", mend=f"It needs {len(keys)} keys and the value.")
    if len(rows) > 1000:
        raise Invalid(f"The table {name} has {len(rows)} rows.", mend="At most 1000; join a larger one before the formula.")
    return Type("table", keys=keys, value=value, rows=rows)


def types_of(given: Mapping[str, object]) -> dict[str, Type]:
    """The types of a types file: a mapping of names to types; nested tables are relationships, as in `[Account] Industry = "text"`."""
    made: dict[str, Type] = {}
    for name, value in given.items():
        if isinstance(value, Mapping) and not ({"type", "rows", "keys", "stored", "column"} & set(value)):
            made.update({f"{name}.{inner}": kind for inner, kind in types_of(value).items()})
        else:
            made[str(name)] = type_of(value, str(name))
    return made
