"""The whole company: batches of accounts, then everything that adds them up, then the planted situations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from closedwon.generate import approvals, names, orders, plans, planted, splits, tables, truth
from closedwon.generate.arrow import Writer
from closedwon.generate.chain import EXPANSION, Book, Columns, Market, build
from closedwon.generate.history import live
from closedwon.generate.settings import Settings
from closedwon.generate.staff import Staff
from closedwon.generate.timeline import DAY, Array
from closedwon.generate.world import World

BATCH = 40_000
"""Deals per batch: memory stays bounded whatever the company's size."""


@dataclass
class Totals:
    """Won value in USD by stint and quarter: until today, in truth, and what leaders call: in truth, new business alone, as it is shared.

    And new business that was accepted as pipeline, by source, pool and quarter.
    """

    world: World
    staff: Staff
    until_today: Array = field(init=False)
    in_truth: Array = field(init=False)
    called: Array = field(init=False)
    created: Array = field(init=False)
    accounts: int = 0
    deals: int = 0
    contracts: int = 0

    def __post_init__(self) -> None:
        self.quarters = np.arange(self.world.first_quarter, self.world.quarter + 5)
        self.until_today = np.zeros((len(self.staff.stint_seat), len(self.quarters)))
        self.in_truth = np.zeros_like(self.until_today)
        self.called = np.zeros_like(self.until_today)
        self.created = np.zeros((len(names.SOURCES), len(self.world.regions) * len(self.world.segments), len(self.quarters)))

    def add(self, deals: Columns, now: Columns, shared: tuple[Array, Array, Array]) -> None:
        """Count a batch; `shared` is which deals are shared, with which stint, and its share."""
        quarter = self.world.fiscal.quarter(deals["T"]) - self.world.first_quarter
        value = self.world.usd(now["final_net"], now["final_currency"], quarter + self.world.first_quarter)
        fits = (quarter >= 0) & (quarter < len(self.quarters)) & deals["won"] & (now["deleted"] > self.world.horizon)
        np.add.at(self.in_truth, (now["stint"][fits], quarter[fits]), value[fits])
        new = fits & (deals["kind"] <= EXPANSION)
        np.add.at(self.called, (now["stint"][new], quarter[new]), value[new])
        which, helper, share = shared
        kept = new[which]
        part = value[which[kept]] * share[kept] / 1_000_000
        np.add.at(self.called, (now["stint"][which[kept]], quarter[which[kept]]), -part)
        np.add.at(self.called, (helper[kept], quarter[which[kept]]), part)
        self._accept(deals, now)
        fits &= now["won"]
        np.add.at(self.until_today, (now["stint"][fits], quarter[fits]), value[fits])

    def _accept(self, deals: Columns, now: Columns) -> None:
        kept = np.flatnonzero(
            (deals["accepted"] < self.world.horizon) & (deals["kind"] <= EXPANSION) & (now["deleted"] > self.world.horizon)
        )
        quarter = self.world.fiscal.quarter(deals["accepted"][kept] // DAY)
        value = self.world.usd(now["net_arr"][kept], now["currency"][kept], quarter)
        inside = quarter >= self.world.first_quarter
        kept, quarter = kept[inside], quarter[inside] - self.world.first_quarter
        np.add.at(self.created, (deals["source"][kept], deals["pool"][kept], quarter), value[inside])


def generate(settings: Settings, out: Path, progress: object = None) -> dict[str, int]:
    """Write the company's tables into a folder; returns the rows per table. Same settings, same bytes."""
    world = World(settings)
    staff = Staff(world)
    writer = Writer(out, truth.TRUTH, truth.CUSTOM)
    market, totals = Market(world, staff), Totals(world, staff)
    plan = planted.Planted(world, staff)
    left = settings.opportunities - len(plan.deals)
    new_share = settings.shape.new_share
    batches = max(1, -(-left // BATCH))
    for number, size in enumerate(np.diff(np.linspace(0, left, batches + 1).astype(np.int64))):
        book, new_share = exact(market, number, int(size), new_share)
        _write_batch(world, staff, writer, totals, book, number)
        if callable(progress):
            progress(totals.deals, settings.opportunities)
    plans.write(world, staff, totals, writer)
    plan.write(writer)
    writer.close()
    return dict(sorted(writer.rows.items()))


def exact(market: Market, number: int, size: int, new_share: float) -> tuple[Book, float]:
    """A batch with exactly so many deals; surplus new logos that were not won are left out."""
    customers = max(3, round(market.world.settings.customers.initial_share * size))
    for attempt in range(12):
        book = build(market, market.world.rng(3, number, attempt), customers, max(8, round(new_share * size)))
        have = len(book.deals["T"])
        spare = np.flatnonzero((book.deals["kind"] == 0) & ~book.deals["won"])
        if size <= have <= size + len(spare) and have <= size * 1.04 + 40:
            return _without(book, market.world.rng(4, number).permutation(spare)[: have - size]), new_share
        new_share *= (size * 1.015 + 10) / have
    raise RuntimeError("the settings give no batch of the wanted size")


def _without(book: Book, drop: Array) -> Book:
    keep = np.ones(len(book.deals["T"]), dtype=bool)
    keep[drop] = False
    renumber = np.where(keep, np.cumsum(keep) - 1, -1)
    contracts = dict(book.contracts)
    for key in ("renewal", "by"):
        contracts[key] = np.where(contracts[key] >= 0, renumber[np.maximum(contracts[key], 0)], -1)
    return Book(book.accounts, {key: value[keep] for key, value in book.deals.items()}, contracts)


def _write_batch(world: World, staff: Staff, writer: Writer, totals: Totals, book: Book, number: int) -> None:
    currency = world.country_currency[book.accounts["country"]].astype(np.int64)
    deals = book.deals
    deals["currency"] = currency[deals["account"]]
    minor = orders.contract_values(world, book, currency)
    deals["base_minor"] = np.where(deals["base"] > 0, minor[np.maximum(deals["contract"], 0)], 0)
    lives = live(world, staff, world.rng(5, number), deals)
    batch = tables.Batch(world, staff, world.rng(6, number), book, lives, totals.accounts, totals.deals, totals.contracts, minor)
    batch.discount = approvals.discounts(batch)
    tables.write(batch, writer)
    shared = splits.write(batch, writer)
    orders.write(batch, writer)
    approvals.write(batch, writer, batch.discount)
    totals.add(deals, lives.now, shared)
    totals.accounts += len(book.accounts["pool"])
    totals.deals += len(deals["T"])
    totals.contracts += len(book.contracts["start"])
