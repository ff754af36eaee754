"""What every part of the generator shares: the settings as arrays, the calendar, money in five currencies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from closedwon.base.money import digits
from closedwon.generate import names
from closedwon.generate.settings import Settings
from closedwon.generate.timeline import DAY, HOUR, Array, Fiscal, day


@dataclass(frozen=True)
class World:
    """The settings and what follows from them alone."""

    settings: Settings

    @cached_property
    def fiscal(self) -> Fiscal:
        """The fiscal calendar."""
        return Fiscal(self.settings.fiscal_start_month)

    @cached_property
    def today(self) -> int:
        """The as-of day."""
        return day(self.settings.as_of)

    @cached_property
    def horizon(self) -> int:
        """The last instant, exclusive: the morning of the as-of day."""
        return self.today * DAY + 8 * HOUR

    @cached_property
    def quarter(self) -> int:
        """The running quarter."""
        return int(self.fiscal.quarter(np.array([self.today]))[0])

    @cached_property
    def first_quarter(self) -> int:
        """The first quarter of the history."""
        return self.quarter // 4 * 4 - 4 * (self.settings.years - 1)

    @cached_property
    def begin(self) -> int:
        """The first day of the history."""
        return int(self.fiscal.start(np.array([self.first_quarter]))[0])

    @cached_property
    def regions(self) -> list[str]:
        """Region names."""
        return list(self.settings.regions)

    @cached_property
    def segments(self) -> list[str]:
        """Segment names."""
        return list(self.settings.segments)

    @cached_property
    def countries(self) -> list[str]:
        """Country codes."""
        return list(self.settings.countries)

    @cached_property
    def currencies(self) -> list[str]:
        """Currency codes, the company's first."""
        return list(dict.fromkeys([self.settings.currency, *self.settings.countries.values()]))

    @cached_property
    def country_currency(self) -> Array:
        """The currency's number of each country."""
        return np.array([self.currencies.index(code) for code in self.settings.countries.values()], dtype=np.int8)

    @cached_property
    def scale(self) -> Array:
        """Minor units per major unit of each currency."""
        return np.array([10 ** digits(code) for code in self.currencies], dtype=np.int64)

    @cached_property
    def plan_rates(self) -> Array:
        """Plan rates in USD per unit by fiscal year (rows, from the first year) and currency."""
        years = self.settings.years + 2
        table = np.ones((years, len(self.currencies)))
        for number, code in enumerate(self.currencies):
            listed = self.settings.rates.plan.get(code, [1.0])
            table[:, number] = [listed[min(year, len(listed) - 1)] for year in range(years)]
        return table

    @cached_property
    def list_rates(self) -> Array:
        """One rate per currency at which prices were set."""
        return np.asarray(self.plan_rates[: self.settings.years].mean(axis=0))

    def rate_at(self, quarters: Array, currency: Array) -> Array:
        """The plan rate of each row's quarter and currency."""
        year = np.clip((quarters - self.first_quarter) // 4, 0, len(self.plan_rates) - 1)
        return np.asarray(self.plan_rates[year, currency])

    def minor(self, usd: Array, currency: Array) -> Array:
        """USD as round amounts in minor units: to the ten, in yen and rupees to the thousand."""
        major = usd / self.list_rates[currency]
        step = np.where(self.list_rates[currency] < 0.1, 1000, 10)
        return (np.round(major / step) * step).astype(np.int64) * self.scale[currency]

    def usd(self, minor: Array, currency: Array, quarters: Array) -> Array:
        """Minor units as USD at the plan rate of the quarter."""
        return minor / self.scale[currency] * self.rate_at(quarters, currency)

    def rng(self, *tag: int) -> np.random.Generator:
        """A random stream of its own for a part of the work."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.settings.seed, *tag])))

    def date(self, days_before: int) -> int:
        """The day so many days before the as-of day."""
        return self.today - days_before

    @cached_property
    def pools(self) -> dict[str, pa.Array]:
        """Texts to pick from by number."""
        return {
            "region": pa.array(self.regions), "segment": pa.array(self.segments), "currency": pa.array(self.currencies),
            "country": pa.array(self.countries), "industry": pa.array(names.INDUSTRIES), "source": pa.array(names.SOURCES),
            "stage": pa.array(names.STAGES), "category": pa.array(names.CATEGORIES), "order": pa.array(names.ORDER_TYPES),
            "lost": pa.array(names.LOSS_REASONS), "won": pa.array(names.WON_REASONS), "next": pa.array(names.NEXT_STEPS),
            "competitor": pa.array(names.COMPETITORS), "cause": pa.array(names.SLIP_CAUSES),
        }  # fmt: skip
