"""The forecast policy: what each forecast type counts, what the categories are, and which deals deserve a look."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from closedwon.base.policytext import PolicyModel

Measure = Literal["amount", "net_arr", "renewal_base", "tcv", "services", "margin"]
PeriodDate = Literal["close", "renewal_due", "effective_start"]
FlagRule = Literal[
    "past_close_date", "no_activity", "pushed", "old_in_stage", "amount_cut", "closes_beyond_period", "single_threaded", "no_next_step"
]
Weight = Literal["high", "normal"]


def _slug(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,60}", value):
        raise ValueError("write a name in small letters, digits, - and _, beginning with a letter")
    return value


Slug = Annotated[str, AfterValidator(_slug)]


class Category(PolicyModel):
    """A forecast category: its name, the label that people read, the names that sources use for it, and what it means."""

    name: Slug
    label: str = Field(min_length=1, max_length=60)
    aliases: list[str] = []
    about: str = ""


class ForecastType(PolicyModel):
    """One way of counting: which deals, which amount with which sign, by which date, along which hierarchy, shared how."""

    name: Slug
    label: str = Field(min_length=1, max_length=60)
    about: str = ""
    order_types: list[str] = []
    """Which deals, by order type; blank counts all but the exceptions."""
    except_order_types: list[str] = []
    """All deals but those of these order types."""
    untyped: bool = True
    """Whether deals without an order type count too."""
    measure: list[Measure] = Field(min_length=1)
    """The amount: the first of these that a deal has."""
    sign: Literal[1, -1] = 1
    """-1 for amounts that reduce."""
    period_date: PeriodDate = "close"
    """The date that puts a deal into a period."""
    hierarchy: Slug = "sales"
    """The tree of seats along which it is added up."""
    split: Slug = "revenue"
    """The split type that shares deals, or owner."""
    quota_measure: str = ""
    """Which quotas it is held against."""
    quota_kinds: list[str] = ["ramped", "annual"]
    booking_kinds: list[str] = []
    rates: str = Field("plan", min_length=1)
    """The kind of exchange rate in force at the period's start."""

    @model_validator(mode="after")
    def _population(self) -> ForecastType:
        if self.order_types and self.except_order_types:
            raise ValueError(f"the type {self.name} names order types and exceptions; write one of them")
        return self


class Flag(PolicyModel):
    """One inspection flag: a named rule with its thresholds, how heavy it weighs, and the categories of deals that it looks at."""

    rule: FlagRule
    label: str = Field(min_length=1, max_length=80)
    weight: Weight = "normal"
    categories: list[Slug] = []
    days: int | None = Field(None, ge=1, le=3650)
    times: int | None = Field(None, ge=1, le=100)
    contacts: int | None = Field(None, ge=1, le=100)
    percent: str | None = Field(None, pattern=r"^\s*\d{1,3}(\.\d{1,4})?\s*%\s*$")
    least: int = Field(30, ge=1, le=100_000)

    @property
    def percent_ppm(self) -> int:
        """The percentage in parts per million, 0 where none is given."""
        from decimal import Decimal

        return int(Decimal(self.percent.replace("%", "").strip()) * 10_000) if self.percent else 0

    @model_validator(mode="after")
    def _thresholds(self) -> Flag:
        need = {"no_activity": "days", "pushed": "times", "old_in_stage": "percent", "amount_cut": "percent", "single_threaded": "contacts"}
        wanted = need.get(self.rule)
        if wanted and getattr(self, wanted) is None:
            raise ValueError(f"the flag {self.rule} needs {wanted}")
        return self


FIXED = ("commit", "best_case", "most_likely", "pipeline", "omitted", "closed")
"""Categories that every company has: the board and the commands name them."""


class ForecastPolicy(PolicyModel):
    """`forecast.toml`: categories from the surest to the least sure, forecast types, inspection flags, and what each number means."""

    default: Slug
    """The forecast type that pages and commands begin with."""
    categories: list[Category]
    """From the surest to the least sure; closed and omitted stand apart."""
    types: list[ForecastType] = Field(min_length=1)
    """The ways of counting."""
    flags: list[Flag] = []
    """What makes a deal deserve a look."""
    definitions: dict[str, str] = {}
    """What each number on the board means, in words."""

    @model_validator(mode="after")
    def _whole(self) -> ForecastPolicy:
        for what, names in (("category", [item.name for item in self.categories]), ("type", [item.name for item in self.types])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"the {what} {', '.join(twice)} stands twice")
        missing = [name for name in FIXED if name not in {item.name for item in self.categories}]
        if missing:
            raise ValueError(f"the categories {', '.join(missing)} are missing; every forecast has them")
        if self.default not in {item.name for item in self.types}:
            raise ValueError(f"the default type {self.default!r} is none of the types")
        known = {item.name for item in self.categories}
        for flag in self.flags:
            strange = [name for name in flag.categories if name not in known]
            if strange:
                raise ValueError(f"the flag {flag.rule} names the category {strange[0]!r}, which does not exist")
        return self

    def type(self, name: str | None) -> ForecastType | None:
        """The type of that name, the default for None; None where there is no such type."""
        return next((item for item in self.types if item.name == (name or self.default)), None)

    @property
    def open_categories(self) -> tuple[str, ...]:
        """The categories that open deals count in, from the surest to the least sure: neither closed nor omitted."""
        return tuple(item.name for item in self.categories if item.name not in ("closed", "omitted"))

    @property
    def aliases(self) -> dict[str, str]:
        """Every way in which a source may write a category, to the category."""
        made: dict[str, str] = {}
        for item in self.categories:
            for text in (item.name, item.label, *item.aliases):
                for way in _ways(text):
                    made.setdefault(way, item.name)
        return made


def _ways(text: str) -> set[str]:
    words = re.split(r"[\s_-]+", text.strip())
    joined = {sep.join(words) for sep in (" ", "_", "-", "")}
    titled = {sep.join(word[:1].upper() + word[1:] for word in words) for sep in (" ", "_", "-", "")}
    return {text, *joined, *titled, *(way.lower() for way in joined), *(way.upper() for way in joined)}
