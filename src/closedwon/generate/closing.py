"""What the close of a quarter needs: when orders were accepted, what the finance system has of them, and where the two differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from closedwon.generate.arrow import Writer, ids
from closedwon.generate.chain import EXPANSION, NEW, RENEWAL
from closedwon.generate.planting import Garden
from closedwon.generate.tables import Batch
from closedwon.generate.timeline import DAY, HOUR, Array, as_date

MINUTE = HOUR // 60
CLOSE = "forecast close"
FINANCE_KINDS = ("new", "expansion", "contraction", "debook")


def accepted_at(number: Array, booked_day: Array, signed: Array) -> Array:
    """When each order was accepted: during the afternoon and evening of its booking day, never before it was signed."""
    mixed = (number.astype(np.int64) * 2_654_435_761) % 1_000_003
    usual = booked_day * DAY + (16 + mixed % 8) * HOUR + (mixed // 8 % 60) * MINUTE
    return np.asarray(np.maximum(usual, signed + (5 + mixed % 40) * MINUTE))


def finance(batch: Batch, out: Writer, row: Array) -> None:
    """The new business of the last three finished quarters as finance has it; in the first batch some rows differ, each in its own way."""
    deals, now, world = batch.book.deals, batch.lives.now, batch.world
    kind, booked = deals["kind"][row], deals["booked_day"][row]
    net = now["net_arr"][row]
    quarter = world.fiscal.quarter(booked)
    wanted = np.isin(kind, (NEW, EXPANSION)) | ((kind == RENEWAL) & (net < 0))
    at = np.flatnonzero(wanted & (quarter >= world.quarter - 3) & (quarter < world.quarter))
    if not len(at):
        return
    chosen = row[at]
    values: dict[str, Any] = {
        "order_id": ids("ORD-", batch.deal0 + chosen), "line": np.ones(len(at), dtype=np.int64), "opportunity_id": batch.opportunities(chosen),
        "booked_on": booked[at], "amount_minor": net[at].astype(np.int64), "currency": batch.pool("currency", now["currency"][chosen]),
    }  # fmt: skip
    table = pa.table({"order_id": values["order_id"], "line": values["line"], "opportunity_id": values["opportunity_id"],
                      "booked_on": pa.array(values["booked_on"].astype(np.int32)).cast(pa.date32()), "amount_minor": values["amount_minor"],
                      "currency": values["currency"]})  # fmt: skip
    rows = table.to_pylist()
    if batch.deal0 == 0:
        last = [one for one, q in zip(rows, quarter[at].tolist(), strict=True) if q == world.quarter - 1]
        rows = _differ(batch, out, rows, last)
    out.add_rows("finance_bookings", rows)


def _differ(batch: Batch, out: Writer, rows: list[dict[str, Any]], last: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with one difference of every kind, each noted."""
    world = batch.world
    home = world.settings.currency
    own = [one for one in last if one["currency"] == home and one["amount_minor"] > 2_000_000]
    foreign = [one for one in last if one["currency"] not in (home, "JPY") and one["amount_minor"] > 1_000_000]
    if len(own) < 5 or not foreign:
        return rows
    rate = world.plan_rates[(world.quarter - 1 - world.first_quarter) // 4, world.currencies.index(foreign[0]["currency"])]
    notes = [
        ("finance misses an order", own[0], f"{own[0]['order_id']} is not in the finance system"),
        ("finance has another amount", own[1], "the first digits were swapped when it was typed in"),
        ("finance has an order twice", own[2], "posted again after an interface error"),
        ("finance dates an order into the next quarter", own[3], "dated three days into the next quarter"),
        ("finance took another rate", foreign[0], f"{foreign[0]['currency']} at the month's rate, 3 % above plan"),
    ]
    own[1]["amount_minor"] += 900_000
    foreign[0]["amount_minor"], foreign[0]["currency"] = round(foreign[0]["amount_minor"] * float(rate) * 1.03), home
    late = int(world.fiscal.start(np.array([world.quarter]))[0])
    own[3]["booked_on"] = as_date(late + 2)
    extra = [
        {**own[2], "line": 2},
        {
            "order_id": "FIN-000417",
            "line": 1,
            "opportunity_id": None,
            "booked_on": as_date(late - 9),
            "amount_minor": 1_850_000,
            "currency": home,
        },
    ]
    out.add_rows("truth_situations", [
        {"situation": situation, "family": "close", "table_name": "bookings" if one is own[0] else "finance_bookings", "id": one["order_id"], "detail": detail, "page": CLOSE}
        for situation, one, detail in [*notes, ("finance has an order that nobody booked", extra[1], "a credit note typed as an order")]
    ])  # fmt: skip
    return [one for one in rows if one is not own[0]] + extra


def held(batch: Batch, booked: Array, booked_day: Array) -> Array:
    """Two new customers of the last days, in the first batch, whose orders are not accepted yet: the booking check has them."""
    if batch.deal0 != 0:
        return np.zeros(0, dtype=np.int64)
    today = batch.world.today
    lately = booked & (batch.book.deals["kind"] == NEW) & (booked_day >= today - 14) & (booked_day < today - 1)
    return np.flatnonzero(lately & (batch.world.fiscal.quarter(booked_day) == batch.world.quarter))[:2]


def checks(batch: Batch, out: Writer) -> None:
    """The booking checks of the deals that are held: one at work, one sent back."""
    deals = batch.book.deals
    row = deals["held"]
    if not len(row):
        return
    stories = (
        ("in the booking check", "the order form is being compared with the quote", (("started", None),)),
        (
            "sent back by the booking check",
            "bill-to typo",
            (("started", None), ("rejected", "The bill-to address differs from the order form")),
        ),
    )
    numbers = batch.opportunities(row).to_pylist()
    rows, notes = [], []
    for deal, day, (situation, detail, steps) in zip(numbers, deals["booked_day"][row].tolist(), stories, strict=False):
        rows += [
            {"opportunity_id": deal, "at": min(int(day) * DAY + 24 * HOUR + step * HOUR, batch.world.horizon - HOUR + step), "status": status,
             "reason": reason, "user_id": batch.staff.id("finance")}
            for step, (status, reason) in enumerate(steps)
        ]  # fmt: skip
        notes.append(
            {"situation": situation, "family": "close", "table_name": "opportunities", "id": deal, "detail": detail, "page": CLOSE}
        )
    out.add_rows("booking_checks", rows)
    out.add_rows("truth_situations", notes)


def planted(g: Garden) -> None:
    """What finance knows of the planted orders: all of the last three finished quarters but those that came too late."""
    first, last = g.day("q-3"), g.day("q")
    for order in list(g.rows.get("bookings", [])):
        day = (order["booked_on"] - as_date(0)).days
        late = order["accepted_at"] >= (last + 1) * DAY + 16 * HOUR
        if order["kind"] in FINANCE_KINDS and first <= day < last and not late and order["kind"] != "debook":
            g.add("finance_bookings", order_id=order["order_id"], line=1, opportunity_id=order["opportunity_id"], booked_on=order["booked_on"],
                  amount_minor=order["net_arr_minor"], currency=order["currency"])  # fmt: skip
