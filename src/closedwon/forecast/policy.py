"""The forecast policy: what each forecast type counts, and what the categories are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from closedwon.base.policytext import PolicyModel, Referenced

Measure = Literal["amount", "net_arr", "renewal_base", "tcv", "services", "margin"]
PeriodDate = Literal["close", "renewal_due", "effective_start"]


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

    def counts(self, order_type: str | None) -> bool:
        """Whether a deal of that order type is among those that the type counts."""
        if not order_type:
            return self.untyped
        return order_type in self.order_types if self.order_types else order_type not in self.except_order_types

    def measure_of(self, deal: Mapping[str, Any]) -> str:
        """The measure that is counted of a deal: the first that it has; empty where it has none."""
        return next((name for name in self.measure if deal.get(name) is not None), "")

    def date_of(self, deal: Mapping[str, Any]) -> Any:
        """The date that puts a deal into a period; None for an undated one."""
        first = {"renewal_due": "contract_end", "effective_start": "start_date"}.get(self.period_date)
        return (deal.get(first) if first else None) or deal.get("close_date")


FIXED = ("commit", "best_case", "most_likely", "pipeline", "omitted", "closed")
"""Categories that every company has: the board and the commands name them."""


class ForecastPolicy(Referenced):
    """`forecast.toml`: categories from the surest to the least sure, forecast types, and what each number means."""

    default: Slug
    """The forecast type that pages and commands begin with."""
    categories: list[Category]
    """From the surest to the least sure; closed and omitted stand apart."""
    types: list[ForecastType] = Field(min_length=1)
    """The ways of counting."""
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

    def category_of(self, raw: str | None, of_stage: str, status: str = "open") -> str:
        """The category of a deal: what it says itself, in any way of writing it, else what its stage says; unmapped where nobody knows it."""
        if status != "open":
            return {"won": "closed"}.get(status, "omitted")
        known = self.aliases.get(raw or "")
        return of_stage if not raw or known == "closed" else known or "unmapped"


def _ways(text: str) -> set[str]:
    words = re.split(r"[\s_-]+", text.strip())
    joined = {sep.join(words) for sep in (" ", "_", "-", "")}
    titled = {sep.join(word[:1].upper() + word[1:] for word in words) for sep in (" ", "_", "-", "")}
    return {text, *joined, *titled, *(way.lower() for way in joined), *(way.upper() for way in joined)}
