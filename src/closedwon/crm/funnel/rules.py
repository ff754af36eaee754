"""The rules of the funnel: states of deals before a cutoff to counted outcomes, and to the deals behind a number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib import resources

from closedwon.base.rule import Rule
from closedwon.base.tables import Column, columns, table

MEASURES = ("amount", "net_arr", "renewal_base", "tcv", "services")
"""What can be a deal's amount; of several the first that a deal has."""
STAGES = columns("stage status place:int is_pipeline:bool is_valued:bool", ("stage",))
ORDER_TYPES = columns("order_type", ("order_type",))
REASONS = columns("reason counts_as", ("reason",))
RATES = columns("currency num:int den:int", ("currency", "num", "den"))
PARAMS = columns(
    "cutoff:instant day:date start_at:instant end_at:instant start_day:date end_day:date seen_until:instant currency named:bool untyped:bool "
    "every_deal:bool every_owner:bool least_minor:int"
)
COUNTED = columns("measure segment stage outcome days:int amount_minor entry_minor n:int")
BEHIND = columns("opportunity_id segment stage outcome days:int amount_minor entry_minor total:int row_no:int")
FACTS = {"quarters": columns("starts:date ends:date"), "exits": columns("stage field", ("stage", "field"))}
"""What the facts read besides deals."""
PAGE = columns("measure every_segment:bool segment every_stage:bool stage every_outcome:bool priced:bool dated:bool skip:int take:int")
OUTCOMES = columns("outcome", ("outcome",))
_GIVEN: dict[str, tuple[Column, ...]] = {
    "stages": STAGES, "order_types": ORDER_TYPES, "left_out": columns("source", ("source",)), "reasons": REASONS, "rates": RATES,
    "visible": columns("opportunity_id"), "owners": columns("user_id"), "params": PARAMS,
}  # fmt: skip
_DAY = re.compile(r"local_day\(([^()]*)\)")


@dataclass(frozen=True)
class Dimension:
    """What deals are split by: `of` is where the column stands (nothing, deal, account, own, person), `column` its checked name."""

    name: str = ""
    of: str = ""
    column: str = ""

    @property
    def sql(self) -> str:
        """The segment of a deal as SQL; a deal without one is in `none`."""
        if not self.of:
            return "''"
        if self.of == "both":
            return f"COALESCE(NULLIF(s.{self.column}, ''), NULLIF(account.{self.column}, ''), 'none')"
        if self.of == "product":
            return "COALESCE(NULLIF(s.product_family, ''), NULLIF(s.product_id, ''), 'none')"
        alias = {"deal": "s", "account": "account", "own": "own", "person": "person"}[self.of]
        return f"COALESCE(NULLIF(CAST({alias}.\"{self.column}\" AS VARCHAR), ''), 'none')"

    @property
    def join(self) -> str:
        """The table that the segment is read from, as SQL."""
        return {
            "account": "LEFT JOIN accounts AS account ON account.id = s.account_id",
            "both": "LEFT JOIN accounts AS account ON account.id = s.account_id",
            "own": "LEFT JOIN opportunities AS own ON own.id = s.opportunity_id",
            "person": "LEFT JOIN people AS person ON person.user_id = s.owner_id",
        }.get(self.of, "")

    @property
    def of_lead(self) -> str:
        """The segment of a lead as SQL; nothing where leads know no such dimension."""
        if self.of == "person":
            return "COALESCE(NULLIF(person.label, ''), 'none')"
        return f"COALESCE(NULLIF(s.{self.column}, ''), 'none')" if self.column in ("source", "campaign_id") else "''"

    @property
    def lead_join(self) -> str:
        """The table that a lead's segment is read from, as SQL."""
        return self.join if self.of == "person" else ""

    @property
    def inputs(self) -> dict[str, tuple[Column, ...]]:
        """The tables that it reads."""
        custom = (Column(self.column, "text"),) if self.column.startswith("x_") else ()
        if self.of in ("account", "both"):
            return {"accounts": (*table("accounts").columns, *custom)}
        if self.of == "own":
            return {"opportunities": (*table("opportunities").columns, *custom)}
        return {"people": columns("user_id label")} if self.of == "person" else {}


@dataclass(frozen=True)
class Shape:
    """What goes into the text of the rules: the measures of an amount, the dimension, and how far the company's day is from that of UTC."""

    measure: tuple[str, ...] = ("net_arr", "amount")
    dimension: Dimension = Dimension()
    minutes: int = 0

    def filled(self, text: str) -> str:
        """The text with its words filled in, all made here from checked names."""
        if any(name not in MEASURES for name in self.measure) or not self.measure:
            raise ValueError(f"no such measure: {self.measure}")
        amounts = [f"s.{name}_minor" for name in self.measure]
        words = {
            "deal_amount": f"COALESCE({', '.join(amounts)})" if len(amounts) > 1 else amounts[0],
            "deal_segment": self.dimension.sql, "lead_segment": self.dimension.of_lead, "lead_joins": self.dimension.lead_join, "deal_joins": self.dimension.join,
        }  # fmt: skip
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        shifted = f" + INTERVAL '{self.minutes}' MINUTE" if self.minutes else ""
        return _DAY.sub(lambda found: f"CAST({found[1]}{shifted} AS DATE)", text)


@dataclass(frozen=True, eq=False)
class FunnelRule(Rule):
    """A rule whose text stands in several files, with words that a shape gives."""

    before: tuple[str, ...] = ()
    shape: Shape = field(default=Shape())

    @cached_property
    def sql(self) -> str:
        """The text with its words filled in."""
        parts = [*self.before, self.file]
        return self.shape.filled("\n".join(resources.files(self.package).joinpath(name).read_text(encoding="utf-8") for name in parts))


def _inputs(shape: Shape, **more: tuple[Column, ...]) -> Mapping[str, tuple[Column, ...]]:
    return {"deal_states": table("deal_states").columns, **_GIVEN, **shape.dimension.inputs, **more}


@lru_cache(maxsize=64)
def counted(shape: Shape) -> Rule:
    """Deal states before a cutoff to counts of equal outcomes, per measure, segment and stage."""
    return FunnelRule(
        "funnel_counted", "closedwon.crm.funnel", "sql/counted.sql", _inputs(shape, **FACTS), COUNTED,
        ("measure", "segment", "stage", "outcome", "days", "amount_minor", "entry_minor"), before=("sql/lives.sql", "sql/facts.sql"), shape=shape,
    )  # fmt: skip


@lru_cache(maxsize=64)
def behind(shape: Shape) -> Rule:
    """Deal states before a cutoff to a page of the deals behind one measure."""
    return FunnelRule(
        "funnel_behind", "closedwon.crm.funnel", "sql/behind.sql", _inputs(shape, **FACTS, page=PAGE, outcomes=OUTCOMES), BEHIND,
        ("row_no",), before=("sql/lives.sql", "sql/facts.sql"), shape=shape,
    )  # fmt: skip


SIGNAL = columns(
    "opportunity_id is_won total:int order_type segment region product product_id source owner_id industry country employees:int amount_minor currency"
)


@lru_cache(maxsize=16)
def signal(shape: Shape) -> Rule:
    """Deal states before a cutoff to what was known of closed deals when they began."""
    inputs = _inputs(shape, accounts=table("accounts").columns, sample=columns("take:int"))
    return FunnelRule(
        "funnel_signal",
        "closedwon.crm.funnel",
        "sql/signal.sql",
        inputs,
        SIGNAL,
        ("opportunity_id",),
        before=("sql/lives.sql",),
        shape=shape,
    )


LEAD_PARAMS = columns("cutoff:instant day:date start_at:instant end_at:instant every_lead:bool every_owner:bool minutes:int")
_LEADS = {
    "leads": table("leads").columns, "lead_changes": table("lead_changes").columns, "dead": columns("status", ("status",)), "seers": columns("user_id"),
    "visible": columns("opportunity_id"), "owners": columns("user_id"), "params": LEAD_PARAMS,
}  # fmt: skip
LEAD_SPLITS = ("source", "campaign_id", "owner", "manager")
"""What leads can be split by."""


def _lead_rule(name: str, shape: Shape, outputs: tuple[Column, ...], order: tuple[str, ...], **more: tuple[Column, ...]) -> Rule:
    inputs = {**_LEADS, **({"people": columns("user_id label")} if shape.dimension.of == "person" else {}), **more}
    return FunnelRule(
        f"funnel_leads_{name}",
        "closedwon.crm.funnel",
        f"sql/leads_{name}.sql",
        inputs,
        outputs,
        order,
        before=("sql/leads.sql",),
        shape=shape,
    )


@lru_cache(maxsize=16)
def leads_counted(shape: Shape) -> Rule:
    """Leads before a cutoff to counts of equal outcomes: conversion in days, follow-up in hours."""
    return _lead_rule("counted", shape, COUNTED, ("measure", "segment", "stage", "outcome", "days", "amount_minor", "entry_minor"))


@lru_cache(maxsize=16)
def leads_behind(shape: Shape) -> Rule:
    """Leads before a cutoff to a page of those behind one measure."""
    return _lead_rule("behind", shape, BEHIND, ("row_no",), page=PAGE, outcomes=OUTCOMES)
