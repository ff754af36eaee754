"""The generator's settings: TOML text, validated; a file overrides single keys of the shipped text."""

from __future__ import annotations

import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from closedwon.base.errors import Invalid, NotFound, Problem


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(_Part):
    """How deals spread over time and how they move."""

    quarter_weights: list[float] = Field(min_length=4, max_length=4)
    quarterly_growth: float
    month_shares: list[float] = Field(min_length=3, max_length=3)
    last_week_share: float
    push_shares: list[float] = Field(min_length=4, max_length=4)
    pull_in_share: float
    commit_if_won: float
    commit_if_lost: float
    past_due_share: float
    reopen_share: float
    delete_share: float
    regress_share: float
    owner_move_share: float
    currency_change_share: float
    split_share: float
    new_share: float = Field(gt=0, lt=1)
    missed_quarter: str
    missed_region: str
    missed_slip_share: float


class Region(_Part):
    """A sales region and where its accounts are."""

    weight: float
    countries: dict[str, float]


class Segment(_Part):
    """A customer segment: its seats, sizes, cycles and odds."""

    weight: float
    deal_weight: float
    size: float
    spread: float
    cycle: float
    win: float
    renew: float
    ramp_months: int
    employees: tuple[int, int]


class Customers(_Part):
    """What happens after the first order."""

    initial_share: float
    initial_size: float
    expansions_per_year: float
    expansion_size: float
    expansion_win: float
    contraction_share: float
    contraction_size: float
    uplift: float
    upsell_share: float
    upsell_size: float
    terms: dict[int, float]


class People(_Part):
    """The sales organisation."""

    tenure_days: float
    vacancy_days: tuple[int, int]
    talent_spread: float
    reps_per_manager: int
    managers_per_director: int
    reorg_day: int
    sandbag: float
    optimism: float


class Quotas(_Part):
    """How quotas are handed down."""

    over_assignment: tuple[float, float, float, float]
    growth: float


class Rates(_Part):
    """Exchange rates: plan rates by fiscal year."""

    plan: dict[str, list[float]]


class Settings(_Part):
    """Everything that decides the company, besides the code."""

    company: str
    as_of: date
    time_zone: str
    currency: str
    fiscal_start_month: int = Field(ge=1, le=12)
    opportunities: int = Field(ge=200)
    reps: int = Field(ge=12)
    years: int = Field(ge=2, le=20)
    seed: int = Field(ge=0)
    shape: Shape
    regions: dict[str, Region]
    countries: dict[str, str]
    segments: dict[str, Segment]
    win: dict[str, float]
    customers: Customers
    people: People
    quotas: Quotas
    rates: Rates


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _merged(base[key], over[key])
        if isinstance(base.get(key), dict) and isinstance(over.get(key), dict)
        else over.get(key, base.get(key))
        for key in {**base, **over}
    }


def load(file: Path | None = None, **given: Any) -> Settings:
    """The shipped settings, overridden by a file and then by what is given. Raises Invalid with every mistake."""
    values = tomllib.loads(resources.files("closedwon.generate").joinpath("default.toml").read_text(encoding="utf-8"))
    name = str(file or "settings")
    if file is not None:
        if not file.exists():
            raise NotFound(f"There is no settings file {file}.", mend="See example/company/company.toml for its form.")
        try:
            values = _merged(values, tomllib.loads(file.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Invalid(f"{file} is not valid TOML: {error}.") from error
    values.update({key: value for key, value in given.items() if value is not None})
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        places = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]
        problems = [Problem(f"{place}: {message}", name, field=place) for place, message in places]
        raise Invalid(f"The generator's settings have {len(problems)} mistake(s).", problems=problems) from error
