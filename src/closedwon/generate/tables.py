"""One batch of deals as rows of the named tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from closedwon.generate import names
from closedwon.generate.arrow import Writer, ids, join, masked, pick
from closedwon.generate.chain import NEW, RENEWAL, SERVICES, Book
from closedwon.generate.history import Lives
from closedwon.generate.paths import Log, text_from, text_of_bool, text_of_day, text_of_int
from closedwon.generate.staff import Staff
from closedwon.generate.timeline import DAY, HOUR, NEVER, Array, as_date
from closedwon.generate.world import World

N_PARTNERS = 12
PRODUCT_IDS = [product[0] for product in names.PRODUCTS]
LEAD_STATES = pa.array(["new", "working", "disqualified", "converted"])
ORDER_NAMES = ["New Business", "Expansion", "Renewal", "Services"]


@dataclass
class Batch:
    """A batch of accounts and deals with the numbers of its first rows in the whole company."""

    world: World
    staff: Staff
    rng: np.random.Generator
    book: Book
    lives: Lives
    account0: int
    deal0: int
    contract0: int
    contract_minor: Array
    seed: int = 0
    discount: Array | None = None
    names: pa.Array = field(init=False)
    currency: Array = field(init=False)

    def __post_init__(self) -> None:
        country = self.book.accounts["country"]
        self.currency = self.world.country_currency[country].astype(np.int64)
        self.names = company_names(self.rng, self.account0 + np.arange(len(country)), country, self.world.countries)
        self.deal_ids = ids("OPP-", self.deal0 + np.arange(len(self.book.deals["T"])))
        self.users = pa.array(self.staff.user_ids)
        self.stint_users = self.users.take(pa.array(self.staff.stint_user))

    def accounts(self, numbers: Array) -> pa.Array:
        """Account ids of the batch's account numbers."""
        return ids("ACC-", np.where(numbers >= 0, numbers + self.account0, -1), 6)

    def opportunities(self, numbers: Array) -> pa.Array:
        """Opportunity ids of the batch's deal numbers."""
        return ids("OPP-", np.where(numbers >= 0, numbers + self.deal0, -1))

    def contracts(self, numbers: Array) -> pa.Array:
        """Contract ids of the batch's contract numbers."""
        return ids("CTR-", np.where(numbers >= 0, numbers + self.contract0, -1), 6)

    def pool(self, name: str, index: Array) -> pa.Array:
        """Texts of a shared pool."""
        return pick(self.world.pools[name], index)


def company_names(rng: np.random.Generator, numbers: Array, country: Array, countries: list[str]) -> pa.Array:
    """A name for each account number, two words first, three when those are used up."""
    first, second, middle = pa.array(names.COMPANY_FIRST), pa.array(names.COMPANY_SECOND), pa.array(names.COMPANY_MIDDLE)
    pairs = len(first) * len(second)
    stride = 7919
    while gcd(stride, pairs) > 1:
        stride += 2
    mixed = (numbers * stride + 4217) % pairs
    turn = numbers // pairs
    a, b = pick(first, mixed // len(second)), pick(second, mixed % len(second))
    word = pick(pa.array(["", *[f" {text}" for text in names.COMPANY_MIDDLE]]), np.where(turn > 0, (turn - 1) % len(middle) + 1, 0))
    forms = [f"{'' if not form else ' '}{form}" for code in countries for form in (names.LEGAL_FORMS[code] + [""] * 4)[:4]]
    form = pick(pa.array(forms), country.astype(np.int64) * 4 + rng.integers(0, 4, len(numbers)))
    extra = pc.if_else(pa.array(turn > len(middle)), join(" ", pa.array(turn // (len(middle) + 1)).cast(pa.string()), between=""), "")
    return join(a, word, join(" ", b, form, extra, between=""), between="")


def write(batch: Batch, out: Writer) -> None:
    """All tables that follow from one batch."""
    _accounts(batch, out)
    _contacts(batch, out)
    _deals(batch, out)
    _changes(batch, out)
    _lines(batch, out)
    _people_on_deals(batch, out)
    _account_team(batch, out)
    _leads(batch, out)
    _truth(batch, out)


def _accounts(batch: Batch, out: Writer) -> None:
    accounts, rng, world = batch.book.accounts, batch.rng, batch.world
    n = len(accounts["pool"])
    segment = accounts["pool"] % len(world.segments)
    limits = np.log(np.array([world.settings.segments[name].employees for name in world.segments], dtype=float))
    employees = np.exp(limits[segment, 0] + rng.random(n) * (limits[segment, 1] - limits[segment, 0])).astype(np.int64)
    employees = np.where(rng.random(n) < 0.03, -1, employees)
    city_rows: list[tuple[Any, ...]] = [(code, *city) for code in world.countries for city in names.CITIES[code]]
    starts = np.array([next(i for i, row in enumerate(city_rows) if row[0] == code) for code in world.countries])
    counts = np.array([len(names.CITIES[code]) for code in world.countries])
    city = starts[accounts["country"]] + (rng.random(n) * counts[accounts["country"]]).astype(np.int64)
    cities = [pa.array([row[index] for row in city_rows]) for index in range(1, 5)]
    holder = _holder_now(batch.staff, accounts["home"], world.today)
    parent = np.where((rng.random(n) < 0.06) & (np.arange(n) > 0), (np.arange(n) * rng.random(n)).astype(np.int64), -1)
    status = np.zeros(n, dtype=np.int64)
    contracts = batch.book.contracts
    status[contracts["account"]] = 2
    status[contracts["account"][contracts["end"] > world.today]] = 1
    _twins(batch, out, rng.random(n) < 0.004)
    domain = pc.replace_substring_regex(pc.utf8_lower(batch.names), "[^a-z]", "")
    tld = pick(pa.array([f".{names.DOMAINS[code]}" for code in world.countries]), accounts["country"])
    out.add("accounts", {
        "id": batch.accounts(np.arange(n)), "name": batch.names, "parent_id": batch.accounts(parent), "owner_id": batch.stint_users.take(pa.array(holder)),
        "type": pick(pa.array(["Prospect", "Customer", "Former Customer"]), status), "industry": batch.pool("industry", accounts["industry"]),
        "segment": batch.pool("segment", segment), "employees": employees, "region": batch.pool("region", accounts["pool"] // len(world.segments)),
        "annual_revenue_minor": world.minor(np.maximum(employees, 10) * 180_000.0, batch.currency), "currency": batch.pool("currency", batch.currency),
        "country": batch.pool("country", accounts["country"]), "city": pick(cities[0], city), "state": pick(cities[1], city),
        "latitude": pick(cities[2], city), "longitude": pick(cities[3], city), "postal_code": ids("", rng.integers(10_000, 99_999, n), 5),
        "domain": join(domain, tld, between=""), "created_at": accounts["created"].astype(np.int64) * DAY + 18 * HOUR,
    })  # fmt: skip


def _twins(batch: Batch, out: Writer, chosen: Array) -> None:
    """Accounts that somebody made twice, with another spelling and without a parent."""
    rows, truth = [], []
    for number in np.flatnonzero(chosen):
        name = str(batch.names[int(number)])
        variant = [name.upper(), name.replace(" ", ""), name[: name.index(" ") + 5], f"{name} (2)"][int(number) % 4]
        home = {
            "id": f"ACC-D{batch.account0 + int(number):06d}",
            "name": variant,
            "type": "Prospect",
            "owner_id": batch.staff.id("sales ops"),
        }
        country = batch.world.countries[int(batch.book.accounts["country"][number])]
        created = int(batch.book.accounts["created"][number] + 200) * DAY
        rows.append(
            {
                **home,
                "country": country,
                "currency": batch.world.settings.countries[country],
                "created_at": min(created, batch.world.horizon - DAY),
            }
        )
        truth.append(
            {
                "table_name": "accounts",
                "id": home["id"],
                "duplicate_of": f"ACC-{batch.account0 + int(number):06d}",
                "reason": "another spelling",
            }
        )
    if rows:
        out.add_rows("accounts", rows)
        out.add_rows("truth_duplicates", truth)


def _holder_now(staff: Staff, seat: Array, today: int) -> Array:
    found = staff.holder(seat, np.full(len(seat), today))
    last = np.searchsorted(staff.stint_seat, seat, side="right") - 1
    return np.where(found >= 0, found, last)


def _contacts(batch: Batch, out: Writer) -> None:
    rng, accounts = batch.rng, batch.book.accounts
    n = len(accounts["pool"])
    account = np.repeat(np.arange(n), 3)
    countries = batch.world.countries
    picks = []
    for lists in (names.FIRST_NAMES, names.LAST_NAMES):
        texts = [text for code in countries for text in lists[code]]
        count = np.array([len(lists[code]) for code in countries])
        start = np.cumsum(count) - count
        where = accounts["country"][account]
        picks.append(pick(pa.array(texts), start[where] + (rng.random(3 * n) * count[where]).astype(np.int64)))
    title = rng.integers(0, len(names.TITLES), 3 * n)
    number = ids("CON-", 3 * batch.account0 + np.arange(3 * n))
    mail = join(
        pc.replace_substring_regex(pc.utf8_lower(join(*picks, between=".")), "[^a-z.]", ""), pc.utf8_slice_codeunits(number, 4), between=""
    )
    out.add("contacts", {
        "id": number, "account_id": batch.accounts(account), "first_name": picks[0], "last_name": picks[1], "email": join(mail, "@example.com", between=""),
        "title": pick(pa.array(names.TITLES), title), "role": pick(pa.array(names.CONTACT_ROLES), title), "consent": pick(pa.array(["given", "none"]),
        (rng.random(3 * n) < 0.2).astype(np.int64)), "created_at": accounts["created"][account].astype(np.int64) * DAY + 19 * HOUR,
    })  # fmt: skip


def _held(batch: Batch, booked: Array, booked_day: Array) -> Array:
    """The deals whose orders the booking check has."""
    from closedwon.generate.closing import held

    return held(batch, booked, booked_day)


def _accepted(batch: Batch, booked_day: Array) -> Array:
    """When the order of each deal is accepted."""
    from closedwon.generate.closing import accepted_at

    return accepted_at(batch.deal0 + np.arange(len(booked_day)), booked_day, batch.lives.now["end"])


def _deals(batch: Batch, out: Writer) -> None:
    deals, now, rng, world = batch.book.deals, batch.lives.now, batch.rng, batch.world
    n = len(deals["T"])
    kind = deals["kind"].astype(np.int64)
    segment = deals["pool"] % len(world.segments)
    ended, won, closed = now["end"] < NEVER, now["won"], now["closed"]
    account_name = pick(batch.names, deals["account"])
    quarter = world.fiscal.quarter(deals["C"])
    low = int(quarter.min(initial=world.first_quarter))
    labels = pa.array([world.fiscal.label(q) for q in range(low, world.quarter + 2)])
    product = _main_product(rng, deals["kind"], n)
    deals["product"] = product
    last = _activities(batch, out)
    booked_day = now["end"] // DAY + (rng.random(n) < 0.15)
    booked_day = np.where(
        world.fiscal.quarter(booked_day % 10**6) == world.fiscal.quarter(now["end"] // DAY % 10**6), booked_day, now["end"] // DAY
    )
    deals["booked_day"] = booked_day
    booked = won & (booked_day < world.today)
    deals["held"] = _held(batch, booked, booked_day)
    booked[deals["held"]] = False
    deals["booked"] = booked
    stage_at = batch.lives.paths["stage"]
    accepted = np.where(stage_at.values[:, 0] >= 1, now["born"], stage_at.at[:, :3].min(axis=1))
    deals["accepted"] = accepted
    use = rng.integers(0, 4, n)
    renamed = now["born"] // DAY >= world.date(72)
    uses = pa.array(["Cost reduction", "Growth", "Compliance", "Consolidation"])
    out.add("opportunities", {
        "id": batch.deal_ids, "name": join(account_name, pick(pa.array(ORDER_NAMES), kind), pick(labels, quarter - low), between=" · "),
        "account_id": batch.accounts(deals["account"]), "owner_id": pick(batch.stint_users, now["stint"]), "order_type": batch.pool("order", kind),
        "stage": batch.pool("stage", now["stage"]), "forecast_category": batch.pool("category", now["category"]), "amount_minor": now["amount"],
        "net_arr_minor": now["net_arr"], "renewal_base_minor": masked(now["base"], kind == RENEWAL), "tcv_minor": now["tcv"],
        "services_minor": now["services"], "margin_minor": (now["amount"] * 78 // 100), "currency": batch.pool("currency", now["currency"]),
        "probability_ppm": np.array(names.STAGE_PROBABILITY)[now["stage"]], "close_date": now["close_date"], "start_date": deals["start"],
        "term_months": masked(deals["term"], kind != SERVICES), "created_at": now["born"], "sales_accepted_at": masked(accepted, accepted < NEVER),
        "closed_at": masked(now["end"], ended & closed), "booked_at": masked(_accepted(batch, booked_day), booked), "is_closed": closed, "is_won": won,
        "won_reason": batch.pool("won", np.where(won, rng.integers(0, 6, n), -1)),
        "loss_reason": batch.pool("lost", np.where(closed & ~won, np.minimum(rng.integers(0, 9, n), 7), -1)),
        "next_step": batch.pool("next", np.where(closed | (rng.random(n) < 0.12), -1, rng.integers(0, len(names.NEXT_STEPS), n))),
        "last_activity_at": masked(last, last > 0), "push_count": now["pushes"], "source": batch.pool("source", deals["source"]),
        "campaign_id": _campaign(batch, (deals["source"] == 1) | (deals["source"] == 2), now["born"]),
        "sdr_id": pick(batch.users, np.where(deals["source"] == 3, batch.staff.overlay["SDR"][rng.integers(0, len(batch.staff.overlay["SDR"]), n)], -1)),
        "contract_id": batch.contracts(deals["contract"]), "region": batch.pool("region", deals["pool"] // len(world.segments)),
        "segment": batch.pool("segment", segment), "product_family": pick(pa.array([p[2] for p in names.PRODUCTS]), product),
        "product_id": pick(pa.array(PRODUCT_IDS), product), "deleted_at": masked(now["deleted"], now["deleted"] < NEVER), "known_at": now["born"],
        "x_use_case": pick(uses, np.where(renamed, -1, use)), "x_primary_use_case": pick(uses, np.where(renamed, use, -1)),
    })  # fmt: skip


def _main_product(rng: np.random.Generator, kind: Array, n: int) -> Array:
    product = rng.choice(5, n, p=[0.42, 0.24, 0.14, 0.11, 0.09])
    return np.where(kind == SERVICES, 5 + (rng.random(n) < 0.25), product)


def _campaign(batch: Batch, has: Array, at: Array) -> pa.Array:
    """The campaign of the quarter, for deals and leads that came from marketing."""
    quarter = batch.world.fiscal.quarter(at // DAY)
    low = batch.world.first_quarter
    index = np.where(has & (quarter >= low), (quarter - low) * 3 + batch.rng.integers(0, 3, len(at)), -1)
    return pick(pa.array(campaign_ids(batch.world)), index)


def campaign_ids(world: World) -> list[str]:
    """Three campaigns a quarter."""
    return [f"CMP-{world.fiscal.label(q)}-{k}" for q in range(world.first_quarter, world.quarter + 1) for k in (1, 2, 3)]


def _activities(batch: Batch, out: Writer) -> Array:
    """Calls, meetings and mails; returns the last instant of each deal, 0 for none."""
    deals, now, rng = batch.book.deals, batch.lives.now, batch.rng
    n = len(deals["T"])
    stop = np.minimum(np.minimum(now["end"], batch.world.horizon), now["deleted"])
    share = rng.random((n, 7))
    share[:, 0] *= 0.3
    present = np.arange(7)[None, :] < deals["n_activities"][:, None]
    at = now["born"][:, None] + (share * (stop - now["born"])[:, None]).astype(np.int64) // 60_000_000 * 60_000_000
    row, column = np.nonzero(present)
    kind = rng.integers(0, 3, len(row))
    contact = deals["account"][row] * 3 + column % np.maximum(deals["n_contacts"][row], 1)
    number = batch.deal0 * 8 + row * 8 + column
    when = at[row, column]
    out.add("activities", {
        "id": ids("ACT-", number, 8), "type": pick(pa.array(["call", "meeting", "email"]), kind), "at": when,
        "ends_at": masked(when + (15 + rng.integers(0, 46, len(row))) * 60_000_000, kind < 2),
        "direction": pick(pa.array(["outbound", "inbound"]), (rng.random(len(row)) < 0.3).astype(np.int64)),
        "user_id": pick(batch.stint_users, now["stint"][row]), "account_id": batch.accounts(deals["account"][row]),
        "opportunity_id": batch.opportunities(row), "contact_id": ids("CON-", contact + 3 * batch.account0),
        "attendees": masked(2 + rng.integers(0, 5, len(row)), kind == 1), "outcome": pick(pa.array(["held", "no answer", "sent"]), kind),
    })  # fmt: skip
    return np.asarray(np.where(present, at, 0).max(axis=1, initial=0))


def _changes(batch: Batch, out: Writer) -> None:
    paths, world, rng = batch.lives.paths, batch.world, batch.rng
    log = Log()
    log.add("stage", paths["stage"], text_from(world.pools["stage"]))
    log.add("forecast_category", paths["forecast_category"], text_from(world.pools["category"]))
    log.add("close_date", paths["close_date"], text_of_day)
    for name in ("amount_minor", "net_arr_minor", "tcv_minor"):
        log.add(name, paths[name], text_of_int)
    log.add("currency", paths["currency"], text_from(world.pools["currency"]))
    log.add("owner_id", paths["owner_id"], text_from(batch.stint_users))
    log.add("is_closed", paths["is_closed"], text_of_bool)
    log.add("is_won", paths["is_won"], text_of_bool)
    owner = paths["owner_id"]
    late = np.where(rng.random(len(owner.at)) < 0.004, rng.integers(1, 30, len(owner.at)) * HOUR, 0)
    late = np.where(batch.lives.now["deleted"] < NEVER, 0, late)

    def author(rows: Array, at: Array) -> pa.Array:
        stint = np.where(at > owner.at[rows, 0], owner.values[rows, 1], owner.values[rows, 0])
        return pick(batch.stint_users, stint)

    out.add("opportunity_changes", log.table(batch.deal_ids, author, late, world.horizon))


def _lines(batch: Batch, out: Writer) -> None:
    deals, now, rng = batch.book.deals, batch.lives.now, batch.rng
    n = len(deals["T"])
    arr = now["amount"] - now["services"]
    second = (rng.random(n) < 0.35) & (arr > 0)
    part = np.where(second, arr * 7 // 10, arr)
    both = [
        (arr > 0, deals["product"], part),
        (second, (deals["product"] + 1) % 5, arr - part),
        (now["services"] > 0, np.full(n, 5), now["services"]),
    ]
    rows = np.concatenate([np.flatnonzero(has) for has, _, _ in both])
    product = np.concatenate([value[has] for has, value, _ in both])
    amount = np.concatenate([value[has] for has, _, value in both])
    number = np.concatenate([np.flatnonzero(has) * 3 + index for index, (has, _, _) in enumerate(both)])
    price = batch.world.minor(np.array([p[4] for p in names.PRODUCTS], dtype=float)[product], now["currency"][rows])
    discount = batch.discount[rows] if batch.discount is not None else np.zeros(len(rows), dtype=np.int64)
    paid = np.maximum(price * (1_000_000 - discount) // 1_000_000, 1)
    quantity = np.maximum(1, amount // paid).astype(np.int64)
    unit = amount // quantity
    recurring = product < 5
    out.add("line_items", {
        "id": ids("LIN-", batch.deal0 * 3 + number, 8), "opportunity_id": batch.opportunities(rows), "product_id": pick(pa.array(PRODUCT_IDS), product),
        "price_type": pick(pa.array(["one-time", "recurring"]), recurring.astype(np.int64)), "quantity": np.minimum(quantity, 2_000_000_000),
        "prior_quantity": pa.nulls(len(rows), pa.int64()), "unit_price_minor": unit, "discount_ppm": discount, "amount_minor": amount,
        "currency": batch.pool("currency", now["currency"][rows]), "start_date": masked(deals["start"][rows], recurring),
        "term_months": masked(deals["term"][rows], recurring),
    })  # fmt: skip


def _people_on_deals(batch: Batch, out: Writer) -> None:
    deals, rng = batch.book.deals, batch.rng
    row, column = np.nonzero(np.arange(3)[None, :] < deals["n_contacts"][:, None])
    contact = 3 * (deals["account"][row] + batch.account0) + column
    since = deals["C"].astype(np.int64)[row] + column * 4
    out.add("opportunity_contacts", {
        "opportunity_id": batch.opportunities(row), "contact_id": ids("CON-", contact), "since": np.minimum(since, batch.world.today - 1),
        "role": pick(pa.array(names.CONTACT_ROLES), (contact + column) % 8), "is_primary": column == 0,
    })  # fmt: skip
    rivals = np.flatnonzero(deals["competitor"])
    out.add("opportunity_competitors", {
        "opportunity_id": batch.opportunities(rivals), "competitor": batch.pool("competitor", rng.integers(0, 5, len(rivals))),
        "since": deals["C"][rivals].astype(np.int64), "is_primary": np.ones(len(rivals), dtype=bool),
    })  # fmt: skip
    partners = np.flatnonzero(deals["partner"])
    out.add("opportunity_partners", {
        "opportunity_id": batch.opportunities(partners), "partner_id": ids("ACC-P", rng.integers(1, N_PARTNERS + 1, len(partners)), 3),
        "since": deals["C"][partners].astype(np.int64), "kind": pick(pa.array(["sourced", "influenced", "resale"]), np.where(deals["source"][partners] == 0, 0,
        rng.integers(1, 3, len(partners)))), "is_primary": np.ones(len(partners), dtype=bool), "margin_ppm": rng.integers(8, 25, len(partners)) * 10_000,
    })  # fmt: skip


def _account_team(batch: Batch, out: Writer) -> None:
    """A success manager for every customer, from the first contract on."""
    contracts, managers = batch.book.contracts, batch.staff.overlay["CSM"]
    customer, first = np.unique(contracts["account"], return_index=True)
    since = np.minimum(contracts["start"][first].astype(np.int64), batch.world.today - 1)
    out.add("account_team", {
        "account_id": batch.accounts(customer), "user_id": pick(batch.users, managers[(customer + batch.account0) % len(managers)]), "since": since,
        "role": pick(pa.array(["Customer Success Manager"]), np.zeros(len(customer), dtype=np.int64)),
    })  # fmt: skip


def _leads(batch: Batch, out: Writer) -> None:
    deals, now, rng = batch.book.deals, batch.lives.now, batch.rng
    turned = np.flatnonzero((deals["kind"] == NEW) & np.isin(deals["source"], (1, 2, 3)))
    others = rng.integers(0, max(1, len(deals["T"])), int(len(turned) * 0.8))
    row = np.concatenate([turned, others])
    converted = np.r_[np.ones(len(turned), bool), np.zeros(len(others), bool)]
    at = now["born"][row] - rng.integers(1, 30 * 24, len(row)) * HOUR - np.where(converted, 0, DAY)
    status = np.where(converted, 3, rng.integers(0, 3, len(row)))
    answered = np.minimum(at + rng.integers(1, 72, len(row)) * HOUR // 2, np.where(converted, now["born"][row], batch.world.horizon - HOUR))
    lead = ids("LEA-", batch.deal0 * 2 + np.arange(len(row)))
    campaign = _campaign(batch, np.isin(deals["source"][row], (1, 2)), at)
    out.add("leads", {
        "id": lead, "created_at": at, "source": batch.pool("source", deals["source"][row]), "campaign_id": campaign,
        "owner_id": pick(batch.users, batch.staff.overlay["SDR"][rng.integers(0, len(batch.staff.overlay["SDR"]), len(row))]),
        "status": pick(LEAD_STATES, status), "converted_at": masked(now["born"][row], converted),
        "opportunity_id": batch.opportunities(np.where(converted, row, -1)), "account_id": batch.accounts(np.where(converted, deals["account"][row], -1)),
        "first_response_at": masked(answered, rng.random(len(row)) < 0.85),
    })  # fmt: skip
    last = np.where(converted, now["born"][row], np.minimum(answered + rng.integers(24, 900, len(row)) * HOUR, batch.world.horizon - HOUR))
    for has, when, old, new in ((status >= 1, answered, "new", 1), (status >= 2, last, "working", 0)):
        moved = np.flatnonzero(has)
        out.add("lead_changes", {
            "id": lead.take(pa.array(moved)), "at": when[moved], "field": pick(pa.array(["status"]), moved * 0), "seq": moved * 0 + (1 - new),
            "old_value": pick(pa.array([old]), moved * 0), "new_value": pick(LEAD_STATES, np.where(new, 1, status[moved])), "known_at": when[moved],
            "is_reconstructed": np.zeros(len(moved), dtype=bool),
        })  # fmt: skip
    member = np.flatnonzero(~pc.is_null(campaign).to_numpy(zero_copy_only=False))
    out.add("campaign_members", {
        "campaign_id": campaign.take(pa.array(member)), "lead_or_contact_id": lead.take(pa.array(member)), "at": at[member],
        "status": pick(pa.array(["responded", "attended"]), rng.integers(0, 2, len(member))),
    })  # fmt: skip


def _truth(batch: Batch, out: Writer) -> None:
    deals = batch.book.deals
    out.add("truth_opportunities", {
        "opportunity_id": batch.deal_ids, "win_probability_ppm": (deals["prob"] * 1_000_000).astype(np.int64), "will_win": deals["won"],
        "true_close_date": deals["T"].astype(np.int64), "slip_cause": batch.pool("cause", batch.lives.now["cause"]), "true_pushes": batch.lives.now["pushes"],
        "n_contacts": deals["n_contacts"], "n_activities": deals["n_activities"], "has_competitor": deals["competitor"], "has_partner": deals["partner"],
        "industry": batch.pool("industry", deals["industry"]), "talent_ppm": (batch.staff.stint_talent[deals["stint"]] * 1_000_000).astype(np.int64),
    })  # fmt: skip


def campaign_rows(world: World) -> list[dict[str, Any]]:
    """The campaigns."""
    rows = []
    for quarter in range(world.first_quarter, world.quarter + 1):
        first, last = world.fiscal.start(np.array([quarter, quarter + 1]))
        for number, (name, kind) in enumerate(
            (("Webinar series", "Webinar"), ("Field dinners", "Event"), ("Search and social", "Advertising")), 1
        ):
            rows.append({
                "id": f"CMP-{world.fiscal.label(quarter)}-{number}", "name": f"{name} {world.fiscal.label(quarter)}", "type": kind,
                "start_date": as_date(first), "end_date": as_date(last - 1), "cost_minor": 4_500_000 * number, "currency": world.settings.currency,
            })  # fmt: skip
    return rows
