"""What the buttons of lists and grids do to a text: rows and columns come, go, move and are copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from closedwon.policies import tabletext
from closedwon.policies.forms import shape
from closedwon.policies.forms.nodes import parsed
from closedwon.policies.forms.shape import Schema, kind_of
from closedwon.policies.schema import resolved
from closedwon.policies.tomltext import Origins, written

VERBS = ("add", "del", "up", "down", "copy")


def pressed(schema: Schema, text: str, press: str) -> str:
    """The text after a button of a list or grid, as `add:stages`, `del:stages:2`, `up:types.0.rows:1`, `add:approvers.inputs`.

    `show:` changes nothing: the form is shown anew. Raises ValueError for a button that no page has.
    """
    verb, _, rest = press.partition(":")
    place, _, number = rest.partition(":")
    if verb == "show":
        return text
    at = int(number) if number.isdigit() else 0
    if verb not in VERBS or not place or (number and not number.isdigit()):
        raise ValueError(f"there is no button {press!r}")
    before = parsed(text)
    origins: Origins = {}
    after = _press(schema, schema, before, place.split("."), (verb, at, _keyed(before, place)), origins)
    return written(text, before, after, origins)


def _keyed(value: Any, place: str) -> str:
    """A place with the keys of mappings whose entries the form counts."""
    parts = []
    for part in place.split("."):
        if isinstance(value, dict) and part not in value and part.isdigit() and int(part) < len(value):
            parts.append(list(value)[int(part)])
        else:
            parts.append(part)
        try:
            value = value[int(parts[-1])] if isinstance(value, list) else value[parts[-1]]
        except (KeyError, IndexError, ValueError, TypeError):
            value = None
    return ".".join(parts)


def _press(schema: Schema, root: Schema, value: Any, parts: list[str], button: tuple[str, int, str], origins: Origins) -> Any:
    """The value with the button's change at the place that the parts lead to."""
    verb, at, place = button
    kind = shape.settled(kind_of(schema, root), value) if isinstance(value, dict) else kind_of(schema, root)
    if not parts:
        if kind in {"pairs", "named"}:
            return _pairs(value or {}, verb, at, {} if kind == "named" else "")
        rows = value if isinstance(value, list) else []
        origins[place] = tabletext.moved(list(range(len(rows))), verb, at, None) if verb != "copy" else _copied(len(rows), at)
        return tabletext.moved(rows, verb, at, {})
    if kind == "table":
        if parts[0] == "rows":
            count = len(value.get("rows", ())) if isinstance(value, dict) and isinstance(value.get("rows"), list) else 0
            origins[place] = tabletext.moved(list(range(count)), verb, at, None) if verb != "copy" else _copied(count, at)
        return tabletext.changed(value or {}, verb, parts[0], at)
    head, rest = parts[0], parts[1:]
    if kind == "union":
        chosen = shape.variant(schema, root, value)
        if chosen is None:
            raise ValueError(f"there is no list {place!r}")
        schema, kind = chosen, "object"
    if kind == "object":
        inner = resolved(schema["properties"][head], root) if head in schema["properties"] else None
        if inner is None or not isinstance(value, dict):
            raise ValueError(f"there is no list {place!r}")
        if head not in value and not rest and verb != "add":
            return value
        return {**value, head: _press(inner, root, value.get(head), rest, button, origins)}
    if kind in {"grid", "cards"} and head.isdigit() and isinstance(value, list) and int(head) < len(value):
        inner = shape.item_schema(schema, root)
        return [_press(inner, root, one, rest, button, origins) if n == int(head) else one for n, one in enumerate(value)]
    if kind == "named" and head.isdigit() and isinstance(value, dict) and int(head) < len(value):
        inner = shape.value_schema(schema, root)
        return {
            key: _press(inner, root, one, rest, button, origins) if n == int(head) else one for n, (key, one) in enumerate(value.items())
        }
    raise ValueError(f"there is no list {place!r}")


def _copied(count: int, at: int) -> list[int | None]:
    made: list[int | None] = list(range(count))
    if at < count:
        made.insert(at + 1, None)
    return made


def _pairs(value: Mapping[str, Any], verb: str, at: int, blank: Any) -> dict[str, Any]:
    pairs = list(value.items())
    if verb == "add":
        name = next(one for one in ("new", *(f"new-{n}" for n in range(2, 1000))) if one not in value)
        return {**value, name: blank}
    if verb == "copy" and at < len(pairs):
        name = next(one for one in (f"{pairs[at][0]}-{n}" for n in range(2, 1000)) if one not in value)
        return dict([*pairs[: at + 1], (name, pairs[at][1]), *pairs[at + 1 :]])
    if verb in {"up", "down"} and at < len(pairs):
        return dict(tabletext.moved(pairs, verb, at, None))
    return dict(pairs[:at] + pairs[at + 1 :]) if verb == "del" else dict(value)
