"""One flag of an inspection policy's text changed, added or taken away; everything else and every comment stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import AoT

from closedwon.base.errors import Invalid

KEYS = ("name", "label", "when", "severity", "active", "why", "help")
USUAL = {"severity": "normal", "active": True, "why": "", "help": ""}


def _document(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except ParseError as error:
        raise Invalid(f"The text cannot be read: {error}.", mend="Mend it in the text editor first.") from error


def _flags(document: tomlkit.TOMLDocument) -> Any:
    if "flags" not in document or not isinstance(document["flags"], AoT):
        if document.get("flags"):
            raise Invalid("The flags do not stand as [[flags]] in the text.", mend="Write each as a table of its own.")
        document.pop("flags", None)
        document.append("flags", tomlkit.aot())
    return document["flags"]


def flags_in(text: str) -> list[dict[str, Any]]:
    """The flags as they stand, whether they are right or not."""
    found = _document(text).unwrap().get("flags", [])
    return [{**USUAL, **one} for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def place_of(text: str, name: str) -> int | None:
    """The place of the flag of that name, None where there is none."""
    return next((at for at, flag in enumerate(flags_in(text)) if flag.get("name") == name), None)


def with_flag(text: str, at: int | None, values: Mapping[str, Any]) -> str:
    """The text with a flag's values; `at` None adds one at the end. What is as usual and was not written stays unwritten."""
    document = _document(text)
    flags = _flags(document)
    if at is None:
        table = tomlkit.table()
        flags.append(table)
    else:
        table = flags[at]
    for key in KEYS:
        if key not in values or (key in table and table[key] == values[key]):
            continue
        if key in USUAL and values[key] == USUAL[key]:
            table.pop(key, None)
        else:
            table[key] = _written(values[key])
    return tomlkit.dumps(document)


def _written(value: Any) -> Any:
    """A text with quotes in it as a literal one, so that a formula reads as it is typed."""
    if not isinstance(value, str) or not set(value) & {'"', "\\", "\n"} or "'''" in value or value.endswith("'"):
        return value
    if "\n" not in value and "'" not in value:
        return tomlkit.string(value, literal=True)
    return tomlkit.string(value if value[:1] != "\n" else f"\n{value}", literal=True, multiline=True)


def without_flag(text: str, at: int) -> str:
    """The text without a flag."""
    document = _document(text)
    flags = _flags(document)
    del flags[at]
    return tomlkit.dumps(document)


def with_columns(text: str, columns: Mapping[str, str]) -> str:
    """The text with more custom columns declared."""
    if not columns:
        return text
    document = _document(text)
    if "columns" not in document:
        block = f"[columns]\n{''.join(f'{name} = {chr(34)}{kind}{chr(34)}{chr(10)}' for name, kind in columns.items())}\n"
        at = re.search(r"^\[\[flags\]\]", text, re.MULTILINE)
        return f"{text[: at.start()]}{block}{text[at.start() :]}" if at else f"{text.rstrip()}\n\n{block}"
    for name, kind in columns.items():
        document["columns"][name] = kind  # type: ignore[index]
    return tomlkit.dumps(document)


def numbers_in(text: str) -> dict[str, Any]:
    """The numbers that formulas call by name, as they stand."""
    found = _document(text).unwrap().get("numbers", {})
    return dict(found) if isinstance(found, Mapping) else {}


def with_numbers(text: str, values: Mapping[str, str]) -> str:
    """The text with other values of numbers that it has; a percentage and what is no number stay text, for the check to tell."""
    document = _document(text)
    known = numbers_in(text)
    for name, value in values.items():
        if name in known and value != str(known[name]):
            document["numbers"][name] = _number(value)  # type: ignore[index]
    return tomlkit.dumps(document)


def _number(value: str) -> Any:
    if re.fullmatch(r"[+-]?\d{1,18}", value):
        return int(value)
    return tomlkit.parse(f"n = {value}")["n"] if re.fullmatch(r"[+-]?\d{1,18}\.\d{1,12}", value) else value
