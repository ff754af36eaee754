"""What was filled in → the same text with its comments.

Every input is named by its place in the policy (`stages.3.name`); a list of rows also posts `stages.row` once per row as
`new index:old index`, so that rows keep their comments wherever they move. A blank input is an absent key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from closedwon.base.policytext import MAX_TEXT
from closedwon.policies import tabletext
from closedwon.policies.forms import shape
from closedwon.policies.forms.nodes import parsed
from closedwon.policies.forms.shape import MOST_ROWS, Posted, Schema, joined, kind_of, scalar, show
from closedwon.policies.schema import resolved
from closedwon.policies.tomltext import MISSING, Origins, written


@dataclass
class _Reading:
    """One reading of a posted form; `only` is the place of the one field that the page showed."""

    root: Schema
    posted: Posted
    only: str = ""
    origins: Origins = field(default_factory=dict)

    def skips(self, place: str) -> bool:
        """Whether the page did not show the field."""
        shown = place == self.only or self.only.startswith(f"{place}.") or place.startswith(f"{self.only}.")
        return bool(self.only) and not shown


def filled(schema: Schema, text: str, posted: Posted, only: str = "") -> str:
    """The text with what was filled in. Raises tomllib.TOMLDecodeError, ValueError."""
    if len(text) > MAX_TEXT:
        raise ValueError("the text is too long to be a policy")
    before = parsed(text)
    reading = _Reading(schema, posted, only)
    after = _object(schema, reading, before, "")
    return written(text, before, after, reading.origins)


def _object(schema: Schema, reading: _Reading, before: Mapping[str, Any], path: str) -> dict[str, Any]:
    after = dict(before)  # keys that the schema does not know stay, for the check to tell
    for name, item in schema.get("properties", {}).items():
        place = joined(path, name)
        if reading.skips(place):
            continue
        value = _value(resolved(item, reading.root), reading, before.get(name, MISSING), place)
        if value is MISSING:
            after.pop(name, None)
        else:
            after[name] = value
    return after


def _value(schema: Schema, reading: _Reading, before: Any, path: str) -> Any:
    kind = shape.settled(kind_of(schema, reading.root), before)
    if kind in {"object", "union"}:
        read = _union if kind == "union" else _object
        made = read(schema, reading, before if before is not MISSING else {}, path)
        return made if made or before is not MISSING else MISSING
    if kind in {"grid", "cards"}:
        return _rows(shape.item_schema(schema, reading.root), reading, before, path)
    if kind == "named":
        return _named(shape.value_schema(schema, reading.root), reading, before, path)
    if kind == "pairs":
        return _pairs(shape.value_schema(schema, reading.root), reading, before, path)
    if kind == "table":
        return tabletext.read(before, path, reading.posted, reading.origins) if f"{path}.hit" in reading.posted else before
    if path not in reading.posted and kind != "choices":
        return before
    return _small(kind, schema, reading, before, path)


def _union(schema: Schema, reading: _Reading, before: Mapping[str, Any], path: str) -> dict[str, Any]:
    key = shape.discriminator(schema, reading.root)
    given = str(reading.posted.get(joined(path, key), show(before.get(key))))
    if not given:
        return {name: value for name, value in before.items() if name != key}
    chosen = shape.variant(schema, reading.root, {key: given})
    known = {name for _, one in shape.variants(schema, reading.root) for name in one.get("properties", {})}
    own = set((chosen or {}).get("properties", {}))
    kept = {name: value for name, value in before.items() if name in own or name not in known}  # fields of another variant go
    after = _object(chosen, reading, kept, path) if chosen else kept
    return (
        {key: given, **after}
        if before.get(key, MISSING) is MISSING
        else {**after, key: before[key] if show(before[key]) == given else given}
    )


def _small(kind: str, schema: Schema, reading: _Reading, before: Any, path: str) -> Any:
    if kind == "choices":
        return _many_choices(schema, reading, before, path)
    given = str(reading.posted.get(path, "")).replace("\r\n", "\n").strip()
    if kind == "toml":
        return _toml(given, before)
    if given == show(before).strip():
        return before
    if not given:
        return MISSING
    if kind in {"lines", "few", "several"}:
        return _lines(kind, shape.item_schema(schema, reading.root), reading.root, given)
    return _choice(given, schema) if kind == "choice" else scalar(kind, given)


def _lines(kind: str, inner: Schema, root: Schema, given: str) -> Any:
    lines = [line.strip() for line in given.split("\n") if line.strip()]
    if kind == "few":
        return lines if len(lines) > 1 else lines[0]
    if kind == "several":
        parts = [[part.strip() for part in line.split(",") if part.strip()] for line in lines]
        return [part[0] if len(part) == 1 else part for part in parts if part]
    return [scalar(kind_of(inner, root), line) for line in lines]


def _many_choices(schema: Schema, reading: _Reading, before: Any, path: str) -> Any:
    if f"{path}.some" not in reading.posted:
        return before
    chosen = [one for one in reading.posted.getlist(path) if one]
    if chosen == ([] if before is MISSING else [show(one) for one in before]):
        return before
    return [_choice(one, shape.item_schema(schema, reading.root)) for one in chosen] or MISSING


def _toml(given: str, before: Any) -> Any:
    if not given:
        return MISSING
    try:
        return parsed(f"value = {given}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return given if before is MISSING or given != before else before


def _choice(given: str, schema: Schema) -> Any:
    return next((value for value in shape.choices(schema) if show(value) == given), given)


def row_marks(posted: Posted, path: str) -> list[tuple[str, int | None]]:
    """The rows that a list posts, in their order: the index of their inputs, and the old index or None for a new one."""
    made = []
    for mark in posted.getlist(f"{path}.row")[: MOST_ROWS + 1]:
        at, _, was = str(mark).partition(":")
        if at.isdigit():
            made.append((at, int(was) if was.isdigit() else None))
    return made


def _item(inner: Schema, reading: _Reading, before: Any, path: str) -> Any:
    value = _value(inner, reading, before, path)
    return {} if value is MISSING else value


def _rows(inner: Schema, reading: _Reading, before: Any, path: str) -> Any:
    if f"{path}.some" not in reading.posted:
        if not reading.only or before is MISSING:
            return before
        return [one if reading.skips(joined(path, at)) else _item(inner, reading, one, joined(path, at)) for at, one in enumerate(before)]
    old = [] if before is MISSING else before
    made: list[Any] = []
    origin: list[int | None] = []
    for at, was in row_marks(reading.posted, path):
        known = was if was is not None and was < len(old) and was not in origin else None
        made.append(_item(inner, reading, old[known] if known is not None else MISSING, f"{path}.{at}"))
        origin.append(known)
    reading.origins[path] = origin
    return made if made or before is not MISSING else MISSING


def _named(inner: Schema, reading: _Reading, before: Any, path: str) -> Any:
    old = [] if before is MISSING else list(before.items())
    if f"{path}.some" not in reading.posted:
        made = {
            key: one if reading.skips(joined(path, at)) else _item(inner, reading, one, joined(path, at))
            for at, (key, one) in enumerate(old)
        }
        return made if reading.only and before is not MISSING else before
    made = {}
    origin: list[int | None] = []
    for at, was in row_marks(reading.posted, path):
        key, value = old[was] if was is not None and was < len(old) else ("", MISSING)
        name = _free(str(reading.posted.get(f"{path}.{at}.key", key)).strip(), made)
        if name:
            origin.append(was if value is not MISSING else None)
            made[name] = _item(inner, reading, value, f"{path}.{at}")
            renamed = {
                one: f"{path}.{name}{one.removeprefix(f'{path}.{at}')}" for one in reading.origins if one.startswith(f"{path}.{at}.")
            }
            reading.origins.update({new: reading.origins.pop(one) for one, new in renamed.items()})
    reading.origins[path] = origin
    return made if made or before is not MISSING else MISSING


def _pair(kind: str, given: str, like: Any) -> Any:
    return shape.any_value(given, like) if kind not in shape.SCALARS - {"any"} or given[:1] in {"[", "{"} else scalar(kind, given)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or one like it that no other entry has."""
    return name if name not in taken else next(one for one in (f"{name}-{n}" for n in range(2, MOST_ROWS + 3)) if one not in taken)


def _pairs(inner: Schema, reading: _Reading, before: Any, path: str) -> Any:
    if f"{path}.some" not in reading.posted:
        return before
    old = {} if before is MISSING else before
    made: dict[str, Any] = {}
    for at, _was in row_marks(reading.posted, path):
        key = _free(str(reading.posted.get(f"{path}.{at}.key", "")).strip(), made)
        value = str(reading.posted.get(f"{path}.{at}.value", "")).replace("\r\n", "\n").strip()
        if key:
            made[key] = (
                old[key] if key in old and shape.show_any(old[key]) == value else _pair(kind_of(inner, reading.root), value, old.get(key))
            )
    return made if made or before is not MISSING else MISSING
