"""What a flag's formula may read of a deal: each field with its type, where it comes from and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from closedwon.base.money import digits, to_major
from closedwon.formula.types import Type, type_of

CUSTOM_TYPES = ("text", "number", "money", "percent", "date", "yes/no")
"""What a custom column may be declared as."""


@dataclass(frozen=True)
class Field:
    """A field: its name in formulas, its type, what it means, its group, and its column in the measured deals."""

    name: str
    type: str
    about: str
    group: str
    column: str

    def spec(self, currency: str = "", values: Sequence[str] = ()) -> dict[str, Any]:
        """Its type as a types file says it; the currency is that of the amounts, the values those of a picklist."""
        made: dict[str, Any] = {"type": self.type, "column": self.column}
        if self.type == "number":
            made |= {"digits": 9, "scale": 0}
        if self.type == "money":
            made |= {"stored": "minor", "currency": currency} if currency else {}
        if self.type == "percent":
            made |= {"stored": "ppm"}
        if values:
            made |= {"type": "picklist", "values": list(values)}
        return made


def _fields(group: str, text: str) -> list[Field]:
    made = []
    for line in text.strip().splitlines():
        name, kind, about = (part.strip() for part in line.split("|"))
        made.append(Field(name, kind, about, group, _column(name, kind)))
    return made


def _column(name: str, kind: str) -> str:
    plain = name.replace(".", "_").lower()
    return {"money": f"{plain}_minor", "percent": f"{plain}_ppm"}.get(kind, "TODAY()" if name == "TODAY()" else plain)


DEAL = _fields(
    "The deal as of the day",
    """
    name | text | The deal's name.
    amount | money | What the forecast type counts of it (net new ARR, else the amount), in the company's currency at the plan rate.
    amount_before | money | The most that it was in the last `amount_days` days, in the company's currency at the same rate.
    amount_cut | percent | How much of that is gone; exact in the deal's own currency, 0 where nothing is.
    currency | text | The currency of the deal.
    category | text | The column of the forecast that it stands in: commit, most_likely, best_case, pipeline, your own, omitted, undated or unmapped.
    forecast_category | text | The category as the CRM writes it.
    stage | text | The stage as the CRM writes it.
    stage_order | number | The place of the stage in the pipeline policy, from 1.
    probability | percent | The probability that the CRM gives it.
    close_date | date | When it is to close.
    start_date | date | When the service is to start.
    created_date | date | When it was made.
    order_type | text | New business, renewal, expansion and so on, as the CRM writes it.
    term_months | number | How many months are sold.
    next_step | text | What happens next, as written on the deal.
    source | text | Where it came from.
    region | text | The deal's region.
    segment | text | The deal's segment.
    product_family | text | What is sold.
    """,
)
PEOPLE = _fields(
    "Account and owner",
    """
    Account.Name | text | The customer's name.
    Account.Type | text | Customer, prospect, partner, as the CRM writes it.
    Account.Industry | text | The customer's industry.
    Account.Segment | text | The customer's segment.
    Account.Country | text | The customer's country.
    Account.Employees | number | How many people work there.
    Owner.Name | text | Who owns the deal.
    Owner.Active | yes/no | Whether the owner still has an active user; yes where the source does not say.
    """,
)
MEASURES = _fields(
    "Counted from its history",
    """
    days_since_activity | number | Days since something happened on it: an activity, the CRM's last activity, else its making. Blank where the company keeps no activities.
    days_in_stage | number | Days since it came into its stage. Blank where that is not known.
    stage_p50_days | number | The days within which half of all deals left that stage. Blank below `stage_visits` finished visits.
    stage_p75_days | number | The same for three quarters of them.
    stage_p90_days | number | The same for nine in ten.
    push_count | number | How often its close date moved into a later quarter; the CRM's own count where its history does not tell.
    pushed_days | number | By how many days in all.
    age_days | number | Days since it was made.
    contacts | number | How many contacts stand on it. Blank where the company keeps no contacts on deals.
    tracks_next_step | yes/no | Whether the company keeps next steps at all.
    """,
)
SIGN_OFF = _fields(
    "Sign-off",
    """
    needs_approval | yes/no | Whether the approval policies ask somebody for it as it stands now; no where nothing says so.
    approval_state | text | Where its sign-off stands: none, pending, conditional, approved, voided (approved, and worse since), rejected or recalled. Blank where none is needed or asked for.
    approved_date | date | When it was approved, in UTC. Blank where it is not.
    approved_amount | money | The net price that was approved, in the company's currency at the plan rate. Blank where it is not.
    approved_discount | percent | The discount that was approved. Blank where it is not.
    """,
)
PERIOD = _fields(
    "Day and period",
    """
    TODAY() | date | The day of the question: its as-of, else today, in the company's time zone.
    period_start | date | The first day of the period.
    period_end | date | The last day of the period.
    """,
)
FIELDS: tuple[Field, ...] = (*DEAL, *PEOPLE, *MEASURES, *SIGN_OFF, *PERIOD)
KNOWN = {field.name: field for field in FIELDS}


def types(custom: Mapping[str, str], currency: str = "", categories: Sequence[str] = (), stages: Sequence[str] = ()) -> dict[str, Type]:
    """The types of every field, with the custom columns as declared. Raises Invalid for a declared type that there is not.

    With `currency` the amounts are held in minor units, as in the measured deals; with `categories` and `stages` these are picklists.
    """
    choices = {"category": categories, "stage": stages}
    made = {field.name: type_of(field.spec(currency, choices.get(field.name, ())), field.name) for field in FIELDS}
    return made | {name: type_of({"type": kind, "column": name}, name) for name, kind in custom.items()}


def row_of(measured: Mapping[str, Any], custom: Mapping[str, str], currency: str) -> dict[str, Any]:
    """A measured deal as the values of its fields: amounts in major units, shares as fractions."""
    made: dict[str, Any] = {}
    for field in FIELDS:
        value = measured.get(field.column)
        if value is not None and field.type == "money":
            value = to_major(value, currency)
        elif value is not None and field.type == "percent":
            value = Decimal(value).scaleb(-6)
        made[field.name] = value
    return made | {name: measured.get(name) for name in custom}


def shown(value: Any, kind: Type) -> str:
    """A value as people read it in a label or a reason; blank is a dash."""
    if value is None:
        return "–"
    if kind.kind == "percent":
        return f"{Decimal(value).scaleb(2).normalize():f} %"
    if kind.numeric:
        places = digits(kind.currency) if kind.currency else 2
        exact = Decimal(value)
        text = f"{exact:,.{places}f}" if kind.kind == "money" and exact != exact.to_integral_value() else f"{exact:,f}"
        return f"{text} {kind.currency}".strip()
    if kind.kind == "yes/no":
        return "yes" if value else "no"
    return f"{value.day} {value:%b %Y}" if isinstance(value, date) else str(value)
