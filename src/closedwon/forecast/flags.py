"""The inspection policy: which deals deserve a look, as named formulas with their numbers, labels and reasons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema, model_validator
from pydantic_core import InitErrorDetails

from closedwon.base.errors import Invalid, Problem
from closedwon.base.policytext import PolicyModel, Referenced
from closedwon.forecast import fields
from closedwon.forecast.policy import Slug
from closedwon.formula.field import FormulaText, detail, refuse
from closedwon.formula.formula import Formula, compile  # noqa: A004 - the language's own word
from closedwon.formula.text import Mistake, tokens
from closedwon.formula.types import Type
from closedwon.formula.values import decimal_of, exact_digits

Severity = Literal["high", "normal"]
NumberText = Annotated[int | Decimal | str, WithJsonSchema({"type": "string", "examples": ["3", "20%"]})]
CUSTOM = re.compile(r"x_[A-Za-z0-9_]{1,60}")
MOST_FLAGS = 60


@dataclass(frozen=True)
class Piece:
    """A part of a text: words as they stand, or a formula whose value stands there, with the word that is counted."""

    words: str = ""
    formula: str = ""
    noun: str = ""
    at: int = 0


def pieces(text: str) -> tuple[Piece, ...]:
    """The parts of a label or reason: `{formula}` shows a value, `{formula : day}` a number with its word. Raises Mistake."""
    made: list[Piece] = []
    at = 0
    while at < len(text):
        start = text.find("{", at)
        if start < 0:
            made.append(Piece(text[at:]))
            break
        if text.startswith("{{", start):
            made.append(Piece(text[at : start + 1]))
            at = start + 2
            continue
        end = _closing(text, start)
        inner, noun = text[start + 1 : end], ""
        if found := re.fullmatch(r"(.+?)\s+:\s*([a-z]+)\s*", inner, re.DOTALL):
            inner, noun = found[1], found[2]
        made += [Piece(text[at:start]), Piece("", inner, noun, start + 1)]
        at = end + 1
    return tuple(piece for piece in made if piece.words or piece.formula or piece.at)


def _closing(text: str, start: int) -> int:
    """Where the brace that opens at `start` closes, quotes left alone. Raises Mistake."""
    quote = ""
    for at in range(start + 1, len(text)):
        sign = text[at]
        if quote:
            quote = "" if sign == quote else quote
        elif sign == '"':
            quote = sign
        elif sign == "}":
            return at
    raise Mistake("the { is not closed", (start, start + 1), "Close it with }, or write {{ for the sign itself.")


@dataclass(frozen=True)
class Text:
    """A label or a reason made ready: its parts, formulas compiled; `problems` where it has mistakes."""

    parts: tuple[tuple[Piece, Formula | None], ...]
    problems: tuple[Problem, ...]

    def fill(self, row: Mapping[str, Any]) -> str:
        """The text for one deal."""
        return "".join(piece.words if formula is None else _value(piece, formula, row) for piece, formula in self.parts)


def _value(piece: Piece, formula: Formula, row: Mapping[str, Any]) -> str:
    outcome = formula.evaluate(row)
    if outcome.error:
        return "?"
    if formula.type.textual:
        return str(outcome.value or "")
    text = fields.shown(outcome.value, formula.type)
    return f"{text} {piece.noun}{'' if outcome.value in (1, -1) else 's'}" if piece.noun else text


def text_of(text: str, types: Mapping[str, Type]) -> Text:
    """A label or reason made ready against the types of the fields."""
    try:
        found = pieces(text)
    except Mistake as mistake:
        return Text((), (Problem(mistake.message, column=mistake.span[0] + 1, mend=mistake.mend),))
    parts, problems = [], []
    for piece in found:
        formula = compile(piece.formula, types) if piece.formula or piece.at else None
        wrong = formula.problems if formula else ()
        problems += [Problem(told.message, column=piece.at + (told.column or 1), mend=told.mend) for told in wrong]
        if formula and not formula.problems and piece.noun and not formula.type.numeric:
            problems.append(
                Problem(f"a {formula.type} cannot be counted in {piece.noun}s", column=piece.at + 1, mend="Leave the word out.")
            )
        parts.append((piece, formula))
    return Text(tuple(parts), tuple(problems))


class Flag(PolicyModel):
    """One inspection flag: a formula that says which open deals it marks."""

    name: Slug
    """The flag's own name, as commands and addresses write it."""
    label: str = Field(min_length=1, max_length=120)
    """What people read on the deal; {field} shows a value."""
    when: FormulaText
    """The formula: a deal has the flag where it gives yes. A blank counts as no."""
    severity: Severity = "normal"
    """high ones come first and stand in red."""
    active: bool = True
    """Off: kept, but no deal gets it."""
    why: str = Field("", max_length=600)
    """The reason as a sentence; {formula} shows a value, {number : day} counts."""
    help: str = Field("", max_length=600)
    """What to do about it, in words."""


class InspectionPolicy(Referenced):
    """`inspection.toml`: the flags of deal inspection, the numbers that their formulas use, and the custom columns that they read."""

    amount_days: int = Field(30, ge=1, le=3650)
    """How many days back `amount_before` and `amount_cut` look."""
    stage_visits: int = Field(30, ge=1, le=100_000)
    """How many finished visits of a stage it takes before `stage_p90_days` and its like are told."""
    later: list[Slug] = ["commit"]
    """Deals that close after the period are looked at too while they stand in these categories."""
    numbers: dict[str, NumberText] = {}
    """Numbers that formulas call by name: 3, 12.5 or "20%"."""
    columns: dict[str, str] = {}
    """Custom columns of deals and their types: x_champion = "text"; also number, money, percent, date, yes/no."""
    flags: list[Flag] = Field([], max_length=MOST_FLAGS)
    """In the order in which they are shown, within a severity."""

    @model_validator(mode="after")
    def _whole(self) -> InspectionPolicy:
        wrong = [*_doubles(self.flags), *self._misnamed()]
        if not wrong:
            wrong = [detail(("flags", at, key), told, text) for at, key, text, problems in self._texts() for told in problems]
        if wrong:
            refuse("inspection", wrong)
        return self

    def _misnamed(self) -> Iterator[InitErrorDetails]:
        for name, value in self.numbers.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or name.casefold() in _TAKEN:
                yield detail(
                    ("numbers", name),
                    Problem(f"{name!r} cannot name a number", mend="Use small letters, digits and _, and no field's name."),
                )
            try:
                exact_digits(value)
            except Invalid as error:
                yield detail(("numbers", name), Problem(error.message.rstrip("."), mend='Write 3, 12.5 or "20%".'))
        for name, kind in self.columns.items():
            if not CUSTOM.fullmatch(name):
                yield detail(("columns", name), Problem(f"{name!r} is no custom column", mend="Custom columns are named x_something."))
            if kind not in fields.CUSTOM_TYPES:
                yield detail(
                    ("columns", name), Problem(f"the type {kind!r} is unknown", mend=f"Write one of {', '.join(fields.CUSTOM_TYPES)}.")
                )

    def _texts(self) -> Iterator[tuple[int, str, str, Sequence[Problem]]]:
        known = self.types()
        for at, flag in enumerate(self.flags):
            yield at, "when", flag.when, compile(flag.when, known, expects="yes/no").problems
            yield at, "label", flag.label, text_of(flag.label, known).problems
            yield at, "why", flag.why, text_of(flag.why, known).problems

    def types(self, currency: str = "", categories: Sequence[str] = (), stages: Sequence[str] = ()) -> dict[str, Type]:
        """The types of the fields, custom columns and numbers that formulas may use."""
        return fields.types(self.columns, currency, categories, stages) | {
            name: _number_type(value) for name, value in self.numbers.items()
        }

    def flag(self, name: str) -> Flag | None:
        """The flag of that name, None where there is none."""
        return next((flag for flag in self.flags if flag.name == name), None)

    @property
    def active(self) -> tuple[Flag, ...]:
        """The flags that are on."""
        return tuple(flag for flag in self.flags if flag.active)

    @cached_property
    def constants(self) -> dict[str, Decimal]:
        """The numbers by name, exact."""
        return {name: decimal_of(value) for name, value in self.numbers.items()}


_TAKEN = frozenset(name.casefold() for name in fields.KNOWN)


def _number_type(value: int | Decimal | str) -> Type:
    _, whole, scale = exact_digits(value)
    return Type("percent" if str(value).strip().endswith("%") else "number", whole=max(whole, 1), scale=scale)


def _doubles(flags: Sequence[Flag]) -> Iterator[InitErrorDetails]:
    seen: set[str] = set()
    for at, flag in enumerate(flags):
        if flag.name in seen:
            yield detail(("flags", at, "name"), Problem(f"the flag {flag.name!r} stands twice", mend="Give it a name of its own."))
        seen.add(flag.name)


def names_in(text: str) -> set[str]:
    """The names that a formula mentions, as far as it can be read."""
    try:
        return {token.text for token in tokens(text) if token.kind == "name"}
    except Mistake:
        return set(re.findall(r"[A-Za-z_][A-Za-z0-9_.]*", text))


@dataclass(frozen=True, eq=False)
class FlagBook:
    """An inspection policy made ready for a company: compiled formulas, labels and reasons. Two of one digest are the same."""

    policy: InspectionPolicy
    digest: str
    currency: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlagBook) and (other.digest, other.currency) == (self.digest, self.currency)

    def __hash__(self) -> int:
        return hash((self.digest, self.currency))

    @cached_property
    def types(self) -> dict[str, Type]:
        """The types of every name."""
        return self.policy.types(self.currency)

    @cached_property
    def formulas(self) -> dict[str, Formula]:
        """The formula of every active flag."""
        return {flag.name: compile(flag.when, self.types, expects="yes/no") for flag in self.policy.active}

    @cached_property
    def texts(self) -> dict[tuple[str, str], Text]:
        """The label and the reason of every flag."""
        return {(flag.name, key): text_of(getattr(flag, key), self.types) for flag in self.policy.flags for key in ("label", "why")}

    @cached_property
    def used(self) -> frozenset[str]:
        """The fields that the active flags read, in their formulas, labels and reasons."""
        made = {name for formula in self.formulas.values() for name in formula.fields}
        for flag in self.policy.active:
            for key in ("label", "why"):
                made |= {name for _, formula in self.texts[flag.name, key].parts if formula for name in formula.fields}
        return frozenset(made)

    def row(self, measured: Mapping[str, Any]) -> dict[str, Any]:
        """A measured deal as the values that formulas see, numbers of the policy too."""
        return fields.row_of(measured, self.policy.columns, self.currency) | self.policy.constants


def decide(policy: InspectionPolicy, given: Mapping[str, Any]) -> dict[str, Any]:
    """The steps of one deal, as cases test them: each active flag yes or no, `flags`, their `labels` and `reasons`.

    `given` names fields; `today` is the day, some day where it is not given. Raises Invalid for a name that is no field.
    """
    known = policy.types()
    values = {("TODAY()" if name == "today" else name): value for name, value in given.items()}
    folded = {name.casefold() for name in known}
    strange = sorted(name for name in values if name.casefold() not in folded)
    if strange:
        raise Invalid(f"There is no field {strange[0]!r}.", mend=f"There are: today, {', '.join(fields.KNOWN)}.")
    row = {**dict.fromkeys(known), "TODAY()": date(2000, 1, 1), "Owner.Active": True, **policy.constants, **values}
    made: dict[str, Any] = {}
    raised = []
    for flag in policy.active:
        outcome = compile(flag.when, known, expects="yes/no").evaluate(row)
        made[flag.name] = f"error: {outcome.error}" if outcome.error else bool(outcome.value)
        if made[flag.name] is True:
            raised.append(flag)
    made |= {"flags": [flag.name for flag in raised], "labels": [text_of(flag.label, known).fill(row) for flag in raised]}
    return made | {"reasons": [text_of(flag.why or flag.label, known).fill(row) for flag in raised]}
