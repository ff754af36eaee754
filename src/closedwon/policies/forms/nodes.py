"""Text → fields: the tree of nodes that a page shows as a form."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from closedwon.formula.field import names_of
from closedwon.policies import references, tabletext
from closedwon.policies.forms import shape
from closedwon.policies.forms.shape import SCALARS, Schema, kind_of, show
from closedwon.policies.schema import first_line, resolved
from closedwon.policies.tomltext import MISSING, item_of

Place = tuple[str | int, ...]
FEW = 6
"""So many fields of a card are always shown; the others wait while they are blank."""


@dataclass
class Node:
    """One field, group or list of a form. `path` names its inputs; `place` is where problems say that it stands."""

    kind: str
    path: str
    label: str
    help: str = ""
    required: bool = False
    value: Any = ""
    placeholder: str = ""
    options: list[tuple[str, str]] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    rows: list[Node] = field(default_factory=list)
    at: int = 0
    table: Any = None
    place: str = ""
    names: str = ""
    rename: bool = False

    @property
    def is_small(self) -> bool:
        """Whether it is one input."""
        return self.kind not in {"object", "union", "grid", "cards", "named", "pairs", "table"}

    @property
    def is_tall(self) -> bool:
        """Whether its input takes several lines."""
        return self.kind in {"lines", "toml", "formula", "few", "several"} or self.is_long

    @property
    def option_values(self) -> list[str]:
        """The values that may be chosen."""
        return [value for value, _ in self.options]

    @property
    def is_known(self) -> bool:
        """Whether its value is one of those that may be chosen."""
        return self.value in self.option_values

    @property
    def first(self) -> list[Node]:
        """The small fields that are shown at once: what must be there, what the text says, and the first few."""
        small = [one for one in self.children if one.is_small]
        chosen = [one for at, one in enumerate(small) if one.required or one.is_said or at < FEW]
        return chosen if len(small) - len(chosen) > 1 else small

    @property
    def more(self) -> list[Node]:
        """The small fields that wait below "More"."""
        first = {one.path for one in self.first}
        return [one for one in self.children if one.is_small and one.path not in first]

    @property
    def said(self) -> str:
        """Its value as people read it."""
        if isinstance(self.value, list):
            return ", ".join(self.value)
        return dict(self.options).get(self.value, self.value)

    @property
    def is_said(self) -> bool:
        """Whether the text says anything for it."""
        if self.is_small:
            return bool(self.value)
        if self.kind == "table":
            return bool(self.table and self.table.lines)
        return bool(self.rows) or (self.kind in {"object", "union", "row"} and any(one.is_said for one in self.children))

    @property
    def heads(self) -> list[tuple[int, Node]]:
        """The columns of a grid in which any row says something."""
        return [(at, head) for at, head in enumerate(self.children) if any(row.children[at].is_said for row in self.rows)]

    @property
    def said_rows(self) -> list[list[Node]]:
        """The cells of a grid's rows, in the columns of `heads`."""
        return [[row.children[at] for at, _ in self.heads] for row in self.rows]

    @property
    def slots(self) -> list[str]:
        """What is chosen, and a blank one to choose more."""
        return [*self.value, ""]

    @property
    def is_long(self) -> bool:
        """Whether a text needs more than one line."""
        return self.kind == "text" and ("\n" in self.value or len(self.value) > 60)

    @property
    def lines(self) -> int:
        """How many lines its input shows."""
        least = 1 if self.kind in {"formula", "few"} else 2
        return min(12, max(least, self.value.count("\n") + 1, len(self.value) // 60))

    @property
    def is_day(self) -> bool:
        """Whether the value is a day or blank, so that a date picker can hold it."""
        return not self.value or bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.value))


@dataclass
class Form:
    """What the nodes are made with: the whole schema, the parsed text, the documents that may be named, and what formulas may name.

    `offers` collects the names of formulas for the page, each set once under the id that its nodes carry.
    """

    root: Schema
    given: Mapping[str, Any]
    documents: Callable[[str], list[str]] = field(default=lambda _kind: [])
    names: Callable[[Mapping[str, Any], Place], Mapping[str, str]] | None = None
    offers: dict[str, dict[str, str]] = field(default_factory=dict)

    def offered(self, schema: Schema, place: Place) -> str:
        """The id of the names that a formula at a place may use."""
        found = names_of(schema, self.given)
        if found is None:
            found = self._told(place)
        known = next((key for key, one in self.offers.items() if one == found), None)
        if known is None:
            known = f"n{len(self.offers)}"
            self.offers[known] = found
        return known

    def _told(self, place: Place) -> dict[str, str]:
        """What the kind tells of a place; nothing while the text is not far enough for it."""
        try:
            return dict(self.names(self.given, place)) if self.names else {}
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            return {}

    def options(self, schema: Schema, place: Place) -> list[tuple[str, str]]:
        """What a field that names a document, or a row of this one, may be."""
        if schema.get("format") == "document":
            return [(name, name) for name in self.documents(str(schema["x-kind"]))]
        return [(name, name) for name in references.rows(self.given, schema, place)]


def parsed(text: str) -> dict[str, Any]:
    """The text as plain values. Raises tomllib.TOMLDecodeError."""
    return tomllib.loads(text.removeprefix("\ufeff"), parse_float=Decimal)


def form(schema: Schema, text: str, made: Form | None = None) -> list[Node]:
    """The fields of a policy's text."""
    given = parsed(text)
    made = made or Form(schema, given)
    made.root, made.given = schema, given
    return _object(schema, made, given, "", ())


def _object(schema: Schema, form: Form, value: Mapping[str, Any], path: str, place: Place) -> list[Node]:
    must = schema.get("required", ())
    return [
        node_of(resolved(item, form.root), form, value.get(name, MISSING), shape.joined(path, name), (*place, name), required=name in must)
        for name, item in schema.get("properties", {}).items()
    ]


def node_of(schema: Schema, form: Form, value: Any, path: str, place: Place, *, required: bool, name: str = "") -> Node:
    """The node of one value."""
    kind = shape.settled(kind_of(schema, form.root), value)
    made = Node(kind, path, _label(schema, name or str(place[-1])), first_line(schema.get("description", "")), required)
    made.place = ".".join(map(str, place))
    made.value = show(value) if kind in SCALARS | {"lines", "few", "several"} else ""
    default = schema.get("default", MISSING)
    made.placeholder = (
        "" if default in (MISSING, None, "", [], {}, "0001-01-01") or isinstance(default, dict) else show(default).replace("\n", ", ")
    )
    _FILL.get(kind, _nothing)(made, schema, form, value, place)
    return made


def _label(schema: Schema, name: str) -> str:
    """The title that the model gives the field, else its key as words."""
    title = str(schema.get("title", ""))
    made_by_pydantic = title == name.replace("_", " ").title() or "properties" in schema or "$defs" in schema
    return title if title and not made_by_pydantic else shape.label_of(name)


def _nothing(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    """Nothing more to say."""


def _choice(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    del form, value, place
    made.options = (
        [("yes", "yes"), ("no", "no")] if made.kind == "yesno" else [(show(v), shape.label_of(show(v))) for v in shape.choices(schema)]
    )


def _choices(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    inner = shape.item_schema(schema, form.root)
    made.options = [(show(v), shape.label_of(show(v))) for v in shape.choices(inner)] or form.options(inner, place)
    made.value = [show(one) for one in value] if value is not MISSING else []


def _named_one(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    del value
    made.options = form.options(schema, place)


def _formula(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    del value
    made.names = form.offered(schema, place)


def _object_node(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    made.children = _object(schema, form, value if value is not MISSING else {}, made.path, place)


def _union(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    """A choice between objects: the key that tells which, then the fields of the chosen one."""
    key = shape.discriminator(schema, form.root)
    given = value if value is not MISSING else {}
    chosen = shape.variant(schema, form.root, given)
    which = Node("variant", shape.joined(made.path, key), shape.label_of(key), "What kind it is", required=True, value=show(given.get(key)))
    which.options = [(name, shape.label_of(name)) for name, _ in shape.variants(schema, form.root)]
    which.place = ".".join(map(str, (*place, key)))
    rest = _object(chosen, form, given, made.path, place) if chosen else []
    made.help = made.help or first_line((chosen or {}).get("description", ""))
    made.children = [which, *(one for one in rest if one.path != which.path)]


def _rows(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    inner = shape.item_schema(schema, form.root)
    if made.kind == "grid":
        made.children = _object(inner, form, {}, made.path, (*place, -1))  # the heads of the columns
    for at, one in enumerate(value if value is not MISSING else []):
        made.rows.append(_row(made, inner, form, one, at, (*place, at), _title(one, at)))


def _named(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    inner = shape.value_schema(schema, form.root)
    for at, (key, one) in enumerate(value.items() if value is not MISSING else ()):
        row = _row(made, inner, form, one, at, (*place, key), key)
        row.value, row.rename = key, True
        made.rows.append(row)


def _row(made: Node, inner: Schema, form: Form, value: Any, at: int, place: Place, title: str) -> Node:
    row = Node("row", shape.joined(made.path, at), title, at=at, place=".".join(map(str, place)))
    whole = node_of(inner, form, value, row.path, place, required=True)
    row.children = [whole] if whole.kind in {"table", "toml"} else whole.children
    said = [
        one.said.replace("\n", ", ") for one in row.children if one.is_small and one.is_said and one.said != title and one.kind != "yesno"
    ]
    row.help = " · ".join(one if len(one) <= 40 else f"{one[:39]}…" for one in said[:3])
    return row


def _pairs(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    made.help = made.help or first_line(shape.value_schema(schema, form.root).get("description", ""))
    for at, (key, one) in enumerate(value.items() if value is not MISSING else ()):
        pair = Node("pair", shape.joined(made.path, at), key, value=shape.show_any(one), at=at, place=".".join(map(str, (*place, key))))
        made.rows.append(pair)


def _table(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    del schema, form, place
    made.table = tabletext.shown(value if value is not MISSING else {}, made.path)


def _toml(made: Node, schema: Schema, form: Form, value: Any, place: Place) -> None:
    del schema, form, place
    made.value = "" if value is MISSING else item_of(value, inline=True).as_string()


_FILL: dict[str, Callable[[Node, Schema, Form, Any, Place], None]] = {
    "choice": _choice, "yesno": _choice, "choices": _choices, "document": _named_one, "row": _named_one, "formula": _formula,
    "object": _object_node, "union": _union, "grid": _rows, "cards": _rows, "named": _named, "pairs": _pairs, "table": _table, "toml": _toml,
}  # fmt: skip


def _title(row: Mapping[str, Any], at: int) -> str:
    keys = ("label", "title", "name", "table", "id", "rule", "key", "since")
    named = next((show(row[key]) for key in keys if isinstance(row.get(key), str | int) or hasattr(row.get(key), "isoformat")), "")
    about = next((show(row[key]) for key in ("reason", "when", "reference", "type") if isinstance(row.get(key), str)), "")
    title = named or about or f"Row {at + 1}"
    return title if len(title) <= 90 else f"{title[:89]}…"


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """Every node of a form, without the heads of grids."""
    for node in nodes:
        yield node
        if node.kind not in {"grid", "cards"}:
            yield from walk(node.children)
        for row in node.rows:
            yield row
            yield from walk(row.children)


def trails(nodes: Iterable[Node], above: str = "") -> dict[str, tuple[str, str]]:
    """For the place of every node: the path of its inputs, and what people call it (`Rules › short term › When`)."""
    made: dict[str, tuple[str, str]] = {}
    for node in nodes:
        trail = f"{above} › {node.label}" if above else node.label
        made[node.place] = (node.path, trail)
        if node.kind not in {"grid", "cards"}:
            made |= trails(node.children, trail)
        for row in node.rows:
            made[row.place] = (row.path, f"{trail} › {row.label}")
            made |= trails(row.children, f"{trail} › {row.label}")
    return made
