"""Which deals there are: new logos, and for every customer the chain of contracts, expansions and renewals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedwon.generate.staff import Staff
from closedwon.generate.timeline import Array
from closedwon.generate.world import World

NEW, EXPANSION, RENEWAL, SERVICES = range(4)
Columns = dict[str, Array]


@dataclass
class Book:
    """One batch of accounts with their deals and contracts, as columns."""

    accounts: Columns
    deals: Columns
    contracts: Columns


class Market:
    """Draws deals and outcomes by the settings."""

    def __init__(self, world: World, staff: Staff) -> None:
        self.world, self.staff = world, staff
        settings = world.settings
        self.kinds = [settings.segments[name] for name in world.segments]
        self.size, self.spread, self.cycle, self.base, self.renew = (
            np.array([getattr(kind, name) for kind in self.kinds]) for name in ("size", "spread", "cycle", "win", "renew")
        )
        regions = np.array([settings.regions[name].weight for name in world.regions])
        self.pool_weight = (regions[:, None] * np.array([kind.deal_weight for kind in self.kinds])[None, :]).ravel()
        self.pool_weight /= self.pool_weight.sum()
        quarters = np.arange(world.first_quarter - 1, world.quarter + 5)
        weight = np.array(settings.shape.quarter_weights)[quarters % 4] * (1 + settings.shape.quarterly_growth) ** np.arange(len(quarters))
        weight[0] *= 0.5
        self.quarters, self.quarter_weight = quarters, weight / weight.sum()
        self.missed = world.fiscal.number(settings.shape.missed_quarter)

    def close_day(self, rng: np.random.Generator, quarter: Array) -> Array:
        """A day in each quarter with the month and last-week shares of the settings; weekends move to Friday."""
        n, shape, fiscal = len(quarter), self.world.settings.shape, self.world.fiscal
        cuts = np.cumsum([*shape.month_shares, shape.last_week_share])
        part = np.searchsorted(cuts / cuts[-1], rng.random(n), side="right").clip(0, 3)
        first = fiscal.month_start(quarter, np.minimum(part, 2))
        end = fiscal.month_start(quarter, np.minimum(part, 2) + 1)
        first = np.where(part == 3, end - 7, first)
        end = np.where(part == 2, end - 7, end)
        skew = np.where(part == 3, rng.random(n) ** 0.6, rng.random(n))
        days = (first + skew * (end - first)).astype(np.int64)
        weekday = (days + 3) % 7
        back = days - np.maximum(weekday - 4, 0)
        start = fiscal.month_start(quarter, np.minimum(part, 2))
        return np.asarray(np.where(back >= start, back, days))

    def countries(self, rng: np.random.Generator, pool: Array) -> Array:
        """A country for each account by its region's shares."""
        out = np.zeros(len(pool), dtype=np.int8)
        region = pool // len(self.kinds)
        draw = rng.random(len(pool))
        for number, name in enumerate(self.world.regions):
            shares = self.world.settings.regions[name].countries
            cuts = np.cumsum(list(shares.values()))
            index = np.array([self.world.countries.index(code) for code in shares], dtype=np.int8)
            mine = region == number
            out[mine] = index[np.searchsorted(cuts / cuts[-1], draw[mine], side="right").clip(0, len(index) - 1)]
        return out

    def features(self, rng: np.random.Generator, n: int) -> Columns:
        """What can be seen of a deal: source, contacts, competitor, partner, activity."""
        source = rng.choice(5, n, p=[0.17, 0.27, 0.12, 0.18, 0.26]).astype(np.int8)
        partner = (source == 0) | (rng.random(n) < 0.08)
        return {
            "source": source, "n_contacts": rng.choice(4, n, p=[0.14, 0.32, 0.30, 0.24]).astype(np.int8), "competitor": rng.random(n) < 0.36,
            "partner": partner, "n_activities": np.minimum(rng.poisson(2.9, n), 7).astype(np.int8),
        }  # fmt: skip

    def pushes(self, rng: np.random.Generator, n: int) -> Array:
        """How many quarters each deal will be pushed; such deals also live longer."""
        shares = np.array(self.world.settings.shape.push_shares)
        return rng.choice(4, n, p=shares / shares.sum())

    def odds(self, deals: Columns, base: Array, z: Array) -> Array:
        """The true probability of winning from the stated features."""
        win = self.world.settings.win
        source = np.array([win["source_partner"], win["source_inbound"], win["source_event"], win["source_sdr"], win["source_outbound"]])
        talent = np.log(self.staff.stint_talent[deals["stint"]])
        logit = base + source[deals["source"]] + win["size"] * z + win["talent"] * talent
        logit += win["multi_threaded"] * (deals["n_contacts"] >= 3) + win["single_threaded"] * (deals["n_contacts"] <= 1)
        logit += (
            win["competitor"] * deals["competitor"] + win["partner"] * deals["partner"] + win["active_start"] * (deals["n_activities"] >= 4)
        )
        logit += win["industry_fit"] * (deals["industry"] <= 1)
        return np.asarray(1 / (1 + np.exp(-logit)))

    def new_logos(self, rng: np.random.Generator, n: int) -> Columns:
        """New-logo deals that exist by today, with their outcome."""
        world = self.world
        parts: list[Columns] = []
        have = 0
        while have < n:
            m = int((n - have) * 1.5) + 64
            pool = rng.choice(len(self.pool_weight), m, p=self.pool_weight)
            segment = pool % len(self.kinds)
            quarter = rng.choice(self.quarters, m, p=self.quarter_weight)
            closes = self.close_day(rng, quarter)
            pushes = self.pushes(rng, m)
            cycle = np.maximum(7, self.cycle[segment] * np.exp(rng.normal(0, 0.5, m)) * (0.7 + 0.5 * pushes))
            created = (closes - cycle).astype(np.int64)
            z = rng.normal(0, 1, m)
            part = {
                "pushes": pushes,
                "pool": pool,
                "T": closes,
                "C": created,
                "z": z,
                "arr": self.size[segment] * np.exp(self.spread[segment] * z),
                **self.features(rng, m),
            }
            part["industry"] = rng.choice(8, m, p=[0.22, 0.16, 0.16, 0.12, 0.12, 0.08, 0.07, 0.07]).astype(np.int8)
            keep = np.flatnonzero(created < world.today - 1)[: n - have]
            parts.append({key: value[keep] for key, value in part.items()})
            have += len(keep)
        deals = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        deals["stint"] = self.staff.draw(deals["pool"], deals["C"], rng.random(n))
        self._not_before_hire(deals)
        deals["prob"] = self.odds(deals, self.base[deals["pool"] % len(self.kinds)], deals.pop("z"))
        deals["won"] = rng.random(n) < deals["prob"]
        deals["plan"] = self.lose_early(rng, deals)
        deals["frozen"] = self.miss(rng, deals, np.full(n, world.today + 9999))
        services = rng.random(n) < 0.12
        deals["services"] = np.where(services, deals["arr"] * rng.uniform(0.05, 0.2, n), 0.0)
        deals["term"] = self.terms(rng, n)
        return deals

    def _not_before_hire(self, deals: Columns) -> None:
        hired = self.staff.stint_since[deals["stint"]] + 1
        deals["C"] = np.where(hired < np.minimum(deals["T"] - 5, self.world.today - 2), np.maximum(deals["C"], hired), deals["C"])

    def lose_early(self, rng: np.random.Generator, deals: Columns) -> Array:
        """Lost deals end before their time; returns the day for which each deal was planned."""
        n = len(deals["T"])
        cycle = deals["T"] - deals["C"]
        planned = np.where(
            deals["won"], deals["T"], deals["C"] + np.minimum((cycle * rng.uniform(0.95, 2.3, n)).astype(np.int64), cycle + 200)
        )
        ended = deals["C"] + np.maximum(4, (cycle * rng.uniform(0.35, 1.35, n)).astype(np.int64))
        deals["T"] = np.where(deals["won"], deals["T"], ended)
        return planned

    def miss(self, rng: np.random.Generator, deals: Columns, latest: Array) -> Array:
        """The missed quarter: in one region, won deals of that quarter close a quarter later; returns which."""
        shape = self.world.settings.shape
        region = self.world.regions.index(shape.missed_region) if shape.missed_region in self.world.regions else -1
        hit = (self.world.fiscal.quarter(deals["T"]) == self.missed) & deals["won"] & (deals["pool"] // len(self.kinds) == region)
        hit &= rng.random(len(hit)) < shape.missed_slip_share
        later = self.close_day(rng, np.full(len(hit), self.missed + 1))
        hit &= later < latest
        deals["T"] = np.where(hit, later, deals["T"])
        deals["plan"] = np.where(hit, later, deals["plan"])
        return np.asarray(hit)

    def terms(self, rng: np.random.Generator, n: int) -> Array:
        """Contract terms in months."""
        terms = self.world.settings.customers.terms
        return rng.choice(list(terms), n, p=np.array(list(terms.values())) / sum(terms.values())).astype(np.int64)


def add_months(days: Array, months: Array) -> Array:
    """The first of the month so many months after each day's month."""
    return (
        (days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + months)
        .astype("datetime64[M]")
        .astype("datetime64[D]")
        .astype(np.int64)
    )


def _initial(market: Market, rng: np.random.Generator, n: int) -> tuple[Columns, Columns]:
    """Customers from before the history and their running contracts."""
    world = market.world
    pool = rng.choice(len(market.pool_weight), n, p=market.pool_weight)
    segment = pool % len(market.kinds)
    term = market.terms(rng, n)
    begin = np.full(n, world.begin)
    start = add_months(begin, -(rng.random(n) * term).astype(np.int64) - 1)
    accounts: Columns = {"pool": pool, "industry": rng.choice(8, n).astype(np.int8), "created": start - rng.integers(60, 900, n)}
    arr = market.size[segment] * np.exp(market.spread[segment] * rng.normal(0, 1, n)) * world.settings.customers.initial_size
    contracts = {"account": np.arange(n), "start": start, "end": add_months(start, term), "arr": arr, "term": term, "by": np.full(n, -1)}
    accounts["home"] = market.staff.stint_seat[market.staff.draw(pool, begin, rng.random(n))]
    return accounts, contracts


def build(market: Market, rng: np.random.Generator, n_customers: int, n_new: int) -> Book:
    """A batch: customers from before, new logos, and what follows from both."""
    world, staff = market.world, market.staff
    accounts, contracts = _initial(market, rng, n_customers)
    deals = market.new_logos(rng, n_new)
    deals["kind"] = np.full(n_new, NEW, dtype=np.int8)
    deals["base"], deals["contract"] = np.zeros(n_new), np.full(n_new, -1)
    deals["account"] = n_customers + _second_tries(rng, deals)
    total = int(deals["account"].max(initial=n_customers - 1)) + 1
    first = np.full(total - n_customers, -1)
    first[deals["account"][::-1] - n_customers] = np.arange(n_new)[::-1]
    for key, value in (("pool", deals["pool"]), ("industry", deals["industry"]), ("home", staff.stint_seat[deals["stint"]])):
        accounts[key] = np.concatenate([accounts[key], value[first]])
    accounts["created"] = np.concatenate([accounts["created"], deals["C"][first] - rng.integers(0, 400, len(first))])
    accounts["country"] = market.countries(rng, accounts["pool"])
    deals["industry"] = accounts["industry"][deals["account"]]
    deals["start"] = add_months(deals["T"], np.ones(n_new, dtype=np.int64))
    won = np.flatnonzero(deals["won"] & (deals["T"] < world.today))
    fresh = {
        "account": deals["account"][won],
        "start": deals["start"][won],
        "arr": deals["arr"][won],
        "term": deals["term"][won],
        "by": won,
    }
    fresh["end"] = add_months(fresh["start"], fresh["term"])
    contracts = {key: np.concatenate([contracts[key], fresh[key]]) for key in contracts}
    return _follow(market, rng, accounts, deals, contracts)


def _second_tries(rng: np.random.Generator, deals: Columns) -> Array:
    """Account numbers: some lost deals are followed by another deal at the same account."""
    n = len(deals["C"])
    order = np.lexsort((deals["C"], deals["pool"]))
    lost = ~deals["won"][order] & (deals["T"][order] < np.r_[deals["C"][order][1:], 0])
    linked = np.r_[False, (lost & (rng.random(n) < 0.6))[:-1] & (np.diff(deals["pool"][order]) == 0)]
    number = np.cumsum(~linked) - 1
    out = np.empty(n, dtype=np.int64)
    out[order] = number
    return out


def _follow(market: Market, rng: np.random.Generator, accounts: Columns, deals: Columns, contracts: Columns) -> Book:
    """Expansions during each contract, its renewal, the next contract, and so on until today."""
    every_deal, every_contract = [deals], []
    offset_deal, offset_contract = len(deals["T"]), 0
    current = contracts
    while len(current["start"]):
        more, grown = _expansions(market, rng, accounts, current, offset_contract)
        every_deal.append(more)
        offset_deal += len(more["T"])
        renewals, following, closed = _renewals(market, rng, accounts, {**current, "arr_end": grown}, offset_contract, offset_deal)
        every_deal.append(renewals)
        every_contract.append({**current, "arr_end": grown, **closed})
        offset_deal += len(renewals["T"])
        offset_contract += len(current["start"])
        current = following
    keys = list(deals)
    return Book(
        accounts,
        {key: np.concatenate([part[key] for part in every_deal]) for key in keys},
        {key: np.concatenate([part[key] for part in every_contract]) for key in every_contract[0]},
    )


def _customer_deal(market: Market, rng: np.random.Generator, accounts: Columns, account: Array, created: Array) -> Columns:
    """The owner and features of a deal with a customer: the account's own seat if it is filled."""
    n = len(account)
    pool = accounts["pool"][account]
    own = market.staff.holder(accounts["home"][account], created)
    drawn = market.staff.draw(pool, created, rng.random(n))
    return {
        "account": account, "pool": pool, "industry": accounts["industry"][account], "C": created, "stint": np.where(own >= 0, own, drawn),
        "frozen": np.zeros(n, dtype=bool), **market.features(rng, n),
    }  # fmt: skip


def _expansions(market: Market, rng: np.random.Generator, accounts: Columns, current: Columns, offset: int) -> tuple[Columns, Array]:
    world, rules = market.world, market.world.settings.customers
    last = np.minimum(current["end"], world.today + 150)
    first = np.maximum(current["start"], world.begin - 60)
    years = np.maximum(0, last - first) / 365.0
    count = rng.poisson(years * rules.expansions_per_year)
    which = np.repeat(np.arange(len(count)), count)
    n = len(which)
    rough = first[which] + (rng.random(n) * (last - first)[which]).astype(np.int64)
    closes = market.close_day(rng, world.fiscal.quarter(rough))
    account = current["account"][which]
    segment = accounts["pool"][account] % len(market.kinds)
    pushes = market.pushes(rng, n)
    created = closes - np.maximum(6, (0.45 + 0.32 * pushes) * market.cycle[segment] * np.exp(rng.normal(0, 0.5, n))).astype(np.int64)
    keep = (created < world.today - 1) & (closes > current["start"][which] + 20) & (closes < current["end"][which] - 15)
    which, closes, account, created, pushes = which[keep], closes[keep], account[keep], created[keep], pushes[keep]
    n = len(which)
    deals = _customer_deal(market, rng, accounts, account, created)
    z = rng.normal(0, 1, n)
    logit = np.log(rules.expansion_win / (1 - rules.expansion_win))
    deals["prob"] = market.odds(deals, np.full(n, logit), z)
    won = rng.random(n) < deals["prob"]
    deals |= {"T": closes, "won": won, "pushes": pushes}
    deals["plan"] = market.lose_early(rng, deals)
    deals["frozen"] = market.miss(rng, deals, current["end"][which] - 15)
    value = current["arr"][which] * rules.expansion_size * np.exp(rng.normal(-0.1, 0.45, n))
    services = rng.random(n) < 0.14
    deals |= {"kind": np.where(services, SERVICES, EXPANSION).astype(np.int8), "base": np.zeros(n)}
    deals |= {"arr": np.where(services, 0.0, value), "services": np.where(services, value * 0.6, 0.0), "contract": which + offset}
    deals |= {
        "term": np.maximum(1, (current["end"][which] - deals["T"]) // 30),
        "start": add_months(deals["T"], np.ones(n, dtype=np.int64)),
    }
    done = won & (deals["T"] < world.today)
    return deals, current["arr"] + np.bincount(which[done], deals["arr"][done], len(count))


def _renewals(
    market: Market, rng: np.random.Generator, accounts: Columns, current: Columns, offset: int, offset_deal: int
) -> tuple[Columns, Columns, Columns]:
    world, rules = market.world, market.world.settings.customers
    size = len(current["end"])
    lead = 100 + (accounts["pool"][current["account"]] % len(market.kinds)) * 30 + rng.integers(-15, 15, size)
    created = current["end"] - lead
    which = np.flatnonzero((created < world.today - 1) & (current["end"] > world.begin + 30))
    n = len(which)
    account, due, base = current["account"][which], current["end"][which], current["arr_end"][which]
    deals = _customer_deal(market, rng, accounts, account, np.maximum(created[which], current["start"][which] + 5))
    segment = deals["pool"] % len(market.kinds)
    timing = rng.random(n)
    shift = np.where(timing < 0.12, -rng.integers(35, 75, n), np.where(timing > 0.90, rng.integers(3, 30, n), -rng.integers(0, 25, n)))
    deals["T"] = np.maximum(due + shift, deals["C"] + 6)
    deals |= {"plan": deals["T"], "pushes": np.zeros(n, dtype=np.int64)}
    deals["prob"] = np.clip(market.renew[segment] + 0.03 * (deals["n_contacts"] - 1.5) - 0.03 * deals["competitor"], 0.02, 0.995)
    deals["won"] = rng.random(n) < deals["prob"]
    fate = rng.random(n)
    cut = rng.uniform(0.3, 1.7, n) * rules.contraction_size
    up = rng.uniform(0.3, 1.7, n) * rules.upsell_size
    factor = np.where(
        fate < rules.contraction_share, 1 - cut, np.where(fate > 1 - rules.upsell_share, 1 + rules.uplift + up, 1 + rules.uplift)
    )
    deals |= {"arr": base * factor, "base": base, "kind": np.full(n, RENEWAL, dtype=np.int8), "services": np.zeros(n)}
    deals |= {"contract": which + offset, "term": np.where(rng.random(n) < 0.85, 12, market.terms(rng, n)), "start": due}
    go = np.flatnonzero(deals["won"] & (deals["T"] < world.today))
    following = {"account": account[go], "start": due[go], "arr": deals["arr"][go], "term": deals["term"][go], "by": go + offset_deal}
    following["end"] = add_months(due[go], deals["term"][go])
    closed = {"renewal": np.full(size, -1), "next": np.full(size, -1)}
    closed["renewal"][which] = np.arange(n) + offset_deal
    closed["next"][which[go]] = np.arange(len(go)) + offset + size
    return deals, following, closed
