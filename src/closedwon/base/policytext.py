"""How policy text becomes values: TOML with exact decimals, unknown keys refused, every mistake with its file and line."""

from __future__ import annotations

import hashlib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from closedwon.base.errors import Invalid, Problem
from closedwon.base.money import to_minor
from closedwon.base.tomlplaces import line_of

MAX_TEXT = 2_000_000


class PolicyModel(BaseModel):
    """A frozen value of policy text; unknown keys are refused. A text below a field is its help in forms, editors and schemas."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


class Referenced(PolicyModel):
    """What is asked of every policy: where it comes from (a contract, a handbook, a decision, a mail)."""

    reference: str = Field(min_length=1)
    """Where it comes from: a contract, a handbook, a decision, a mail."""


class Version(Referenced):
    """A version of a rule: from which day it holds, until the next one, and where it comes from."""

    since: date = date.min
    """From which day it holds, until the next version."""


Dated = TypeVar("Dated", bound=Version)


def in_order(versions: Sequence[Dated]) -> Sequence[Dated]:
    """The versions, if each begins later than the one before; a validator of pydantic models. Raises ValueError."""
    for before, after in itertools.pairwise(versions):
        if after.since <= before.since:
            raise ValueError(f"the version since {after.since} does not begin after the one since {before.since}")
    return versions


def version_on(versions: Sequence[Dated], day: date) -> Dated | None:
    """The version that holds on a day: the last that begins on or before it; None where none does yet."""
    return next((version for version in reversed(versions) if version.since <= day), None)


def _ppm(value: Any) -> int:
    """A percentage as people write it ("25%", "12.5 %") as parts per million."""
    if isinstance(value, str) and (found := re.fullmatch(r"\s*([+-]?\d{1,6}(?:\.\d{1,4})?)\s*%\s*", value)):
        return int(Decimal(found[1]) * 10_000)
    raise ValueError('write a percentage in quotes, such as "25%" or "12.5%"')


Percent = Annotated[int, BeforeValidator(_ppm)]
"""A percentage in text, held as parts per million."""


@dataclass(frozen=True)
class Amount:
    """Money from text: minor units and their currency."""

    minor: int
    currency: str


def _amount(value: Any) -> Amount:
    """Money as people write it ("25,000 USD", "EUR 19.90")."""
    if isinstance(value, Amount):
        return value
    number, code = r"([+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+-]?\d+(?:\.\d+)?)", r"([A-Z]{3})"
    if isinstance(value, str):
        behind = re.fullmatch(rf"\s*{number}\s*{code}\s*", value)
        before = re.fullmatch(rf"\s*{code}\s*{number}\s*", value)
        digits, currency = behind.groups() if behind else (before.groups()[::-1] if before else ("", ""))
        try:
            if digits:
                return Amount(to_minor(digits.replace(",", ""), currency), currency)
        except Invalid as error:
            raise ValueError(str(error)) from error
    raise ValueError('write money in quotes with its currency, such as "25,000 USD" or "EUR 19.90"')


Money = Annotated[Amount, BeforeValidator(_amount)]
"""Money in text, with its currency."""


@dataclass(frozen=True)
class DocumentName:
    """Says that a text names a document of a collection of policies, as in `Annotated[str, DocumentName("approvals")]`."""

    kind: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """The text with the kind that it names, so that forms offer its documents."""
        return {**handler(schema), "format": "document", "x-kind": self.kind}


@dataclass(frozen=True)
class RowName:
    """Says that a text names a row of a list in the same document: `Annotated[str, RowName("steps")]`, or by another key than `name`.

    The path of a list within the same row of a list above is written with stars: `RowName("version.*.role")`.
    """

    rows: str
    key: str = "name"

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """The text with the list that it names a row of, so that forms offer them."""
        return {**handler(schema), "format": "row", "x-rows": self.rows, "x-key": self.key}


Model = TypeVar("Model", bound=BaseModel)


def load_text(text: str, model: type[Model], file: str | None = None) -> tuple[Model | None, list[Problem]]:
    """The value that the text stands for, or every problem in it with its line and the mend."""
    if len(text) > MAX_TEXT:
        return None, [Problem("the text is too long to be a policy", file, mend=f"Keep it under {MAX_TEXT} characters")]
    text = text.removeprefix("\ufeff")
    try:
        given = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line, column = (int(found[1]), int(found[2])) if found else (None, None)
        return None, [Problem(f"this is not TOML: {re.sub(r' [(]at line.*', '', str(error))}", file, line, column)]
    try:
        return model.model_validate(given, context={"given": given}), []
    except ValidationError as error:
        return None, [_problem(item, text, file, model) for item in error.errors()]


def _problem(item: Any, text: str, file: str | None, model: type[BaseModel]) -> Problem:
    where = [part for part in item["loc"] if part != "[key]"]
    message, mend = str(item["msg"]).removeprefix("Value error, "), item.get("ctx", {}).get("mend") or None
    if item["type"] == "extra_forbidden":
        message = f"unknown key {where[-1]!r}"
        mend = _nearest(str(where[-1]), model)
    elif item["type"] == "missing":
        message = f"{where[-1]!r} is missing"
    elif item["type"] == "string_too_short" and not item.get("input"):
        message = f"{where[-1]!r} is empty"
    line, column = within(text, line_of(text, where), item.get("ctx", {}))
    return Problem(message, file, line, column, field=".".join(map(str, where)), mend=mend)


def within(text: str, line: int | None, told: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """The line and column of a mistake inside a formula that begins on or below a line of the text; without column where it cannot be told."""
    formula, column = told.get("formula"), told.get("column")
    if not formula or not column or not line:
        return line, None
    start = text.find("=", sum(map(len, text.splitlines(keepends=True)[: line - 1]))) + 1
    inner = sum(map(len, formula.splitlines(keepends=True)[: int(told.get("line", 1)) - 1])) + int(column) - 1
    at = text.find(formula, start)
    if at < 0 or text.count("\n", start, at) > 1:  # written with backslashes
        at, inner = text.find(_escaped(formula), start), len(_escaped(formula[:inner]))
    if at < 0 or text.count("\n", start, at) > 1:
        return line, None
    return text.count("\n", 0, at + inner) + 1, at + inner - text.rfind("\n", 0, at + inner)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def excerpt(text: str, problem: Problem) -> str:
    """The line of a text that a problem stands on, and a caret below its column; empty where it has none."""
    lines = text.splitlines()
    if not problem.line or not problem.column or problem.line > len(lines):
        return ""
    line, at = lines[problem.line - 1], problem.column - 1
    low = max(0, at - 60, len(line) - len(line.lstrip()))
    low = min(low, at)
    return f"{line[low : low + 100]}\n{' ' * (at - low)}^"


def _nearest(key: str, model: type[BaseModel]) -> str | None:
    from difflib import get_close_matches

    names = {name for part in _models(model) for name in part.model_fields}
    near = get_close_matches(key, names, 1)
    return f"Did you mean {near[0]!r}?" if near else None


def _models(model: type[BaseModel], seen: set[type] | None = None) -> Iterator[type[BaseModel]]:
    seen = seen if seen is not None else set()
    if model in seen:
        return
    seen.add(model)
    yield model
    for field in model.model_fields.values():
        for part in _classes(field.annotation):
            yield from _models(part, seen)


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _classes(part)


def digest(text: str) -> str:
    """The sha256 of a policy's text with its line ends made plain."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def changes(before: Any, after: Any, path: str = "") -> list[str]:
    """What differs between two parsed texts, in words, one line each."""
    if isinstance(before, dict) and isinstance(after, dict):
        made = []
        for key in [*before, *(key for key in after if key not in before)]:
            inner = f"{path}.{key}" if path else str(key)
            if key not in after:
                made.append(f"{inner} is removed (was {_short(before[key])})")
            elif key not in before:
                made.append(f"{inner} is added: {_short(after[key])}")
            else:
                made += changes(before[key], after[key], inner)
        return made
    if isinstance(before, list) and isinstance(after, list) and all(isinstance(item, dict) for item in [*before, *after]):
        return changes(_keyed(before), _keyed(after), path)
    return [] if before == after else [f"{path} goes from {_short(before)} to {_short(after)}"]


def _keyed(items: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("name", "id", "key", "table", "since")
    keyed = {str(next((item[n] for n in names if n in item), at + 1)): item for at, item in enumerate(items)}
    return keyed if len(keyed) == len(items) else {str(at + 1): item for at, item in enumerate(items)}


def _short(value: Any) -> str:
    text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    return text if len(text) <= 80 else text[:77] + "…"
