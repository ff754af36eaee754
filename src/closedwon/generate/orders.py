"""Orders and contracts of one batch: what was booked, for how long, invoiced and paid."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from closedwon.generate import closing
from closedwon.generate.arrow import Writer, ids, masked, pick
from closedwon.generate.chain import EXPANSION, NEW, RENEWAL, SERVICES, Book, add_months
from closedwon.generate.tables import Batch
from closedwon.generate.timeline import DAY, HOUR, Array
from closedwon.generate.world import World


def contract_values(world: World, book: Book, currency: Array) -> Array:
    """ARR at the end of each contract in minor units: what it began with and the expansions won since."""
    contracts, deals = book.contracts, book.deals
    value = world.minor(contracts["arr"], currency[contracts["account"]])
    grown = np.flatnonzero((deals["kind"] == EXPANSION) & deals["won"] & (deals["T"] < world.today))
    np.add.at(value, deals["contract"][grown], world.minor(deals["arr"][grown], currency[deals["account"][grown]]))
    return value


def write(batch: Batch, out: Writer) -> None:
    """Bookings with their years and money events, and contracts."""
    _bookings(batch, out)
    _contracts(batch, out)


def _bookings(batch: Batch, out: Writer) -> None:
    deals, now, rng, world = batch.book.deals, batch.lives.now, batch.rng, batch.world
    row = np.flatnonzero(deals["booked"])
    kind = deals["kind"][row]
    net, base = now["net_arr"][row], now["base"][row]
    arr = np.where(kind == RENEWAL, base + net, net)
    code = np.select([kind == NEW, kind == EXPANSION, kind == SERVICES, net < 0], [0, 1, 2, 4], 3)
    order = ids("ORD-", batch.deal0 + row)
    booked = deals["booked_day"][row]
    accepted = closing.accepted_at(batch.deal0 + row, booked, now["end"][row])
    start = deals["start"][row].astype(np.int64)
    end = add_months(start, deals["term"][row])
    out.add("bookings", {
        "order_id": order, "line": np.ones(len(row), dtype=np.int64), "opportunity_id": batch.opportunities(row),
        "account_id": batch.accounts(deals["account"][row]), "sold_to": batch.accounts(deals["account"][row]), "bill_to": batch.accounts(deals["account"][row]),
        "kind": pick(pa.array(["new", "expansion", "services", "renewal", "contraction"]), code), "signed_at": now["end"][row], "booked_on": booked,
        "accepted_at": accepted, "effective_start": start, "effective_end": end - 1, "net_arr_minor": net, "renewal_base_minor": base,
        "first_year_minor": arr, "exit_arr_minor": arr, "tcv_minor": now["tcv"][row], "one_time_minor": now["services"][row],
        "currency": batch.pool("currency", now["currency"][row]), "owner_id": pick(batch.stint_users, now["stint"][row]),
        "payment_terms": pick(pa.array(["Net 30", "Net 45", "Net 60"]), rng.choice(3, len(row), p=[0.78, 0.14, 0.08])),
    })  # fmt: skip
    years = np.where(kind == SERVICES, 0, -(-deals["term"][row] // 12))
    which = np.repeat(np.arange(len(row)), years)
    year = np.arange(len(which)) - np.repeat(np.cumsum(years) - years, years)
    months = deals["term"][row]
    begins = add_months(start[which], 12 * year)
    stops = add_months(start[which], np.minimum(12 * (year + 1), months[which]))
    share = np.minimum(12, months[which] - 12 * year)
    out.add("booking_years", {
        "order_id": order.take(pa.array(which)), "line": np.ones(len(which), dtype=np.int64), "year_no": year + 1, "start_date": begins,
        "end_date": stops - 1, "amount_minor": arr[which] * share // 12,
    })  # fmt: skip
    for event, days in (("invoice", rng.integers(1, 8, len(row))), ("payment", rng.integers(32, 80, len(row)))):
        at = accepted + days * DAY
        there = np.flatnonzero(at < world.horizon)
        out.add("commission_events", {
            "order_id": order.take(pa.array(there)), "line": np.ones(len(there), dtype=np.int64), "event": pick(pa.array([event]),
            np.zeros(len(there), dtype=np.int64)), "at": at[there], "share_ppm": np.full(len(there), 1_000_000),
        })  # fmt: skip
    closing.finance(batch, out, row)
    closing.checks(batch, out)
    _churn(batch, out)


def _churn(batch: Batch, out: Writer) -> None:
    deals, now, world = batch.book.deals, batch.lives.now, batch.world
    due = deals["start"].astype(np.int64)
    row = np.flatnonzero((deals["kind"] == RENEWAL) & now["closed"] & ~now["won"] & (due < world.today) & (now["base"] > 0))
    base = now["base"][row]
    out.add("bookings", {
        "order_id": ids("CHN-", batch.deal0 + row), "line": np.ones(len(row), dtype=np.int64), "opportunity_id": batch.opportunities(row),
        "account_id": batch.accounts(deals["account"][row]), "kind": pick(pa.array(["churn"]), np.zeros(len(row), dtype=np.int64)), "booked_on": due[row],
        "accepted_at": due[row] * DAY + 20 * HOUR, "effective_start": due[row], "net_arr_minor": -base, "renewal_base_minor": base,
        "exit_arr_minor": np.zeros(len(row), dtype=np.int64), "currency": batch.pool("currency", now["currency"][row]),
        "owner_id": pick(batch.stint_users, now["stint"][row]),
    })  # fmt: skip


def _contracts(batch: Batch, out: Writer) -> None:
    contracts, now, rng = batch.book.contracts, batch.lives.now, batch.rng
    n = len(contracts["start"])
    renewal = contracts["renewal"]
    safe = np.maximum(renewal, 0)
    lost = (renewal >= 0) & now["closed"][safe] & ~now["won"][safe] if len(now["closed"]) else np.zeros(n, dtype=bool)
    out.add("contracts", {
        "id": batch.contracts(np.arange(n)), "account_id": batch.accounts(contracts["account"]), "start_date": contracts["start"].astype(np.int64),
        "end_date": contracts["end"].astype(np.int64) - 1, "notice_by": contracts["end"].astype(np.int64) - 60, "auto_renew": rng.random(n) < 0.3,
        "arr_at_end_minor": batch.contract_minor, "currency": batch.pool("currency", batch.currency[contracts["account"]]),
        "renewed_by": batch.contracts(contracts["next"]), "renewal_opportunity_id": batch.opportunities(renewal),
        "cancelled_at": masked(now["end"][safe], lost), "price_hold": rng.random(n) < 0.04,
    })  # fmt: skip
