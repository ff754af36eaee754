"""Rules of inspection: open deals to what formulas may read of them, and those to the flags that formulas raise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from closedwon.base.rule import Rule
from closedwon.base.tables import Column, ColumnType, columns, table
from closedwon.forecast.fields import FIELDS
from closedwon.forecast.flags import CUSTOM, FlagBook
from closedwon.forecast.rules import RATES, STAGE_AGES, Shape, TypeRule
from closedwon.formula.formula import sql_of
from closedwon.formula.sql import literal, quoted

Custom = tuple[tuple[str, str, bool], ...]
"""Custom columns: name, declared type, and whether the deals have it."""
_KINDS: Mapping[str, ColumnType] = {"text": "text", "date": "date", "datetime": "instant", "yes/no": "bool"}
PARAMS = columns(
    "cutoff:instant day:date period_start:date period_end:date currency amount_days:int tracks_activity:bool tracks_contacts:bool "
    "tracks_next_step:bool"
)


def _kind(kind: str) -> ColumnType:
    return _KINDS.get(kind, "int")


MEASURED = (Column("opportunity_id", "text", nullable=False), *(Column(item.column, _kind(item.type)) for item in FIELDS))
"""A measured deal: a column for each field of a formula."""


def _custom_column(name: str, kind: str) -> Column:
    """Numbers stand as text, so that a formula tells what is none."""
    return Column(name, {"date": "date", "yes/no": "bool"}.get(kind, "text"))  # type: ignore[arg-type]


def _custom_cell(name: str, kind: str, *, there: bool) -> str:
    if not there:
        return f"CAST(NULL AS {'DATE' if kind == 'date' else 'BOOLEAN' if kind == 'yes/no' else 'VARCHAR'}) AS {quoted(name)}"
    text = f"NULLIF(TRIM(CAST(o.{quoted(name)} AS VARCHAR)), '')"
    if kind == "date":
        return f"TRY_CAST({text} AS DATE) AS {quoted(name)}"
    return f"LOWER({text}) IN ('true', 't', 'yes', 'y', '1') AS {quoted(name)}" if kind == "yes/no" else f"{text} AS {quoted(name)}"


ALWAYS = ("name", "category", "close_date")
"""Fields that are measured whether a formula reads them or not."""
EVERY = frozenset(item.name for item in FIELDS)


@dataclass(frozen=True, eq=False)
class MeasureRule(TypeRule):
    """The measures of which only the used fields are told, the rest left blank, so that the engine need not read them."""

    used: frozenset[str] = EVERY

    @cached_property
    def sql(self) -> str:
        """The text with its words filled in; around it the choice of fields."""
        text = super().sql
        if self.used >= EVERY:
            return text
        told = {item.column for item in FIELDS if item.name in self.used or item.name in ALWAYS} | {"opportunity_id"}
        blank = {item.column for item in FIELDS} - told
        kinds = {"text": "VARCHAR", "int": "BIGINT", "date": "DATE", "bool": "BOOLEAN"}
        cells = [f"CAST(NULL AS {kinds[c.type]}) AS {quoted(c.name)}" if c.name in blank else f"t.{quoted(c.name)}" for c in self.outputs]
        return f"SELECT {', '.join(cells)} FROM (\n{text}\n) AS t"


@lru_cache(maxsize=64)
def measures(measure: tuple[str, ...], custom: Custom = (), used: frozenset[str] = EVERY) -> Rule:
    """The given deals to a row each of what formulas may read, custom columns too; fields that are not used are blank."""
    if not all(CUSTOM.fullmatch(name) for name, _, _ in custom):
        raise ValueError(f"no such custom columns: {custom}")
    inputs = {
        name: table(name).columns for name in ("deal_states", "activities", "opportunity_contacts", "accounts", "users", "deal_approvals")
    }
    inputs |= {
        "subjects": columns("opportunity_id category"), "params": PARAMS, "stage_ages": STAGE_AGES.outputs, "rates": RATES,
        "stages": columns("stage place:int", ("stage",)), "quarters": columns("starts:date ends:date"),
    }  # fmt: skip
    there = any(found for _, _, found in custom)
    if there:
        inputs["opportunities"] = (*table("opportunities").columns, *(Column(name, "text") for name, _, found in custom if found))
    cells = "".join(f",\n  {_custom_cell(name, kind, there=found)}" for name, kind, found in custom)
    words = {
        "deal_amount": Shape(measure).words("day")["deal_amount"], "custom_cells": cells.lstrip("\n"),
        "custom_joins": "LEFT JOIN opportunities AS o ON o.id = k.opportunity_id" if there else "",
    }  # fmt: skip
    name = "_".join(("deal_measures", *measure, *(["custom"] if custom else [])))
    outputs = (*MEASURED, *(_custom_column(name, kind) for name, kind, _ in custom))
    return MeasureRule(name, "closedwon.forecast", "sql/deal_measures.sql", inputs, outputs, ("opportunity_id",), words=words, used=used)


@dataclass(frozen=True, eq=False)
class FlagRule(Rule):
    """Measured deals to their marks: one sign per active flag, 1 where it is raised, 0 where not, e where the formula has no value."""

    book: FlagBook = field(kw_only=True)

    @property
    def sql(self) -> str:  # type: ignore[override]
        """Every measured deal; the formulas are written around it, for each engine by their own printer."""
        return "SELECT * FROM measured"

    def around(self, dialect: str, text: str) -> str:
        """The formulas over the deals, and their results as marks."""
        name = (lambda one: f"`{one}`") if dialect == "spark" else quoted
        numbers = "".join(
            f", CAST('{value:f}' AS DECIMAL(38, {_scale(value)})) AS {name(key)}" for key, value in self.book.policy.constants.items()
        )
        told = sql_of(self.book.formulas, dialect, f"(SELECT *{numbers} FROM ({text}))", ("opportunity_id",))
        return f"SELECT * FROM (SELECT opportunity_id, {_marks(self.book.formulas, name)} AS marks FROM ({told})) WHERE marks <> {literal('0' * len(self.book.formulas))}"


def _scale(value: object) -> int:
    return len(f"{value:f}".partition(".")[2])


def _marks(names: Iterable[str], name: object) -> str:
    signs = [f"CASE WHEN {name(f'{one}_error')} IS NOT NULL THEN 'e' WHEN {name(one)} THEN '1' ELSE '0' END" for one in names]  # type: ignore[operator]
    return " || ".join(signs) or "''"


@lru_cache(maxsize=64)
def flags(book: FlagBook) -> Rule:
    """The rule of an inspection policy: only deals with a flag or an error are in its result."""
    custom = tuple(_custom_column(name, kind) for name, kind in book.policy.columns.items())
    return FlagRule(
        "flags",
        "closedwon.forecast",
        "",
        {"measured": (*MEASURED, *custom)},
        columns("opportunity_id marks"),
        ("opportunity_id",),
        book=book,
    )
