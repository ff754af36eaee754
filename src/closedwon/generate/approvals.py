"""Past requests for approval of one batch: eighteen months of discounts and terms, who was asked, and how long each step took.

Their ladder was stricter before the running fiscal year (10, 20, 30, 40 % instead of 15, 25, 35, 45 %), so a back-test has something to say.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from closedwon.generate.arrow import Writer, ids, masked, pick
from closedwon.generate.chain import RENEWAL, SERVICES
from closedwon.generate.staff import OPEN, Staff
from closedwon.generate.tables import Batch
from closedwon.generate.timeline import DAY, HOUR, NEVER, Array
from closedwon.generate.world import World

DAYS = 548
"""How far back requests go."""
MINUTE = HOUR // 60
HOURS_A_DAY = 9
ZONES = {"EMEA": "Europe/Amsterdam", "APJ": "Asia/Tokyo"}
"""Where regions work; others work in New York."""
DISCOUNTS = [0, 2, 3, 5, 7, 8, 10, 12, 14, 15, 16, 18, 20, 22, 24, 25, 28, 30, 32, 35, 38, 40, 45, 48, 52]
SMALL = [55, 4, 4, 8, 4, 4, 9, 3, 2, 4, 1, 1, 3, 1, 1, 1, 0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0, 0]
LARGE = [28, 3, 3, 8, 4, 4, 12, 5, 4, 8, 2, 3, 6, 2, 2, 4, 2, 2, 1, 1.5, 0.6, 0.8, 0.5, 0.2, 0.2]
TERMS = ["Net 30", "Net 45", "Net 60", "Net 90"]
WORDS = {
    "executive_summary": "Land with one team, grow to the whole site.", "compelling_event": "Their contract ends with the quarter.",
    "what_we_get": "A public case study.", "competitor": "A larger vendor offers less for less.", "plan_to_raise_price": "5 % a year from year two.",
}  # fmt: skip


@dataclass(frozen=True)
class Rung:
    """A role that may be asked: its place in the sequence, its clock, and the median hours that it takes."""

    role: str
    title: str
    side: str
    group: int
    sla: int
    hours: float


RUNGS = (
    Rung("manager", "Sales manager", "sales", 1, 8, 2.6), Rung("deal-desk", "Deal desk", "finance", 2, 8, 3.6), Rung("vp", "VP of sales", "sales", 3, 16, 7.0),
    Rung("legal", "Legal", "legal", 3, 24, 13.0), Rung("finance", "Finance", "finance", 4, 16, 5.2), Rung("cro", "Chief revenue officer", "sales", 5, 24, 8.5),
    Rung("cfo", "Chief financial officer", "finance", 5, 24, 10.5),
)  # fmt: skip


class Clock:
    """Business time of a zone: Monday to Friday, nine to six. Instants become business minutes and back, exactly."""

    def __init__(self, zone: str, first: int, last: int) -> None:
        self.first = first
        days = np.arange(first, last)
        self.works = (days + 3) % 7 < 5
        where = ZoneInfo(zone)
        start = datetime(1970, 1, 1, 9)  # noqa: DTZ001 - the zone is put on each day
        self.opens = np.array([int((start + timedelta(days=int(one))).replace(tzinfo=where).timestamp()) * 1_000_000 for one in days])
        self.before: Array = np.cumsum(self.works) - self.works
        self.workdays = np.flatnonzero(self.works)

    def minutes(self, at: Array) -> Array:
        """Business microseconds until an instant, from the first day on."""
        place = np.searchsorted(self.opens, at, side="right") - 1
        own = np.where(self.works[place], np.clip(at - self.opens[place], 0, HOURS_A_DAY * HOUR), 0)
        return np.asarray(self.before[place] * HOURS_A_DAY * HOUR + own)

    def after(self, at: Array, span: Array) -> Array:
        """The instant at which so much business time has passed."""
        wanted = self.minutes(at) + span
        place = np.clip(-(-wanted // (HOURS_A_DAY * HOUR)) - 1, 0, len(self.workdays) - 1)  # beyond the last day: some time after it
        return np.asarray(self.opens[self.workdays[place]] + wanted - place * HOURS_A_DAY * HOUR)


@lru_cache(maxsize=8)
def _clocks(regions: tuple[str, ...], first: int, last: int) -> tuple[Clock, ...]:
    return tuple(Clock(ZONES.get(region, "America/New_York"), first, last) for region in regions)


def discounts(batch: Batch) -> Array:
    """The discount of each deal in parts per million: none for many, heaped at round numbers, deeper for large customers."""
    deals, world = batch.book.deals, batch.world
    rng = world.rng(21, batch.deal0)
    large = deals["pool"] % len(world.segments) == len(world.segments) - 1
    uniform = rng.random(len(large))
    steps = [np.cumsum(weights) / np.sum(weights) for weights in (SMALL, LARGE)]
    drawn = np.where(large, np.searchsorted(steps[1], uniform), np.searchsorted(steps[0], uniform))
    percent = np.array(DISCOUNTS)[np.minimum(drawn, len(DISCOUNTS) - 1)]
    gentle = (deals["kind"] == RENEWAL) | (deals["kind"] == SERVICES)
    return np.where(gentle, np.minimum(percent, 20) // 2 // 5 * 5, percent).astype(np.int64) * 10_000


@dataclass
class Asked:
    """The requests of a batch as arrays."""

    row: Array
    submitted: Array
    discount: Array
    whole: Array
    free: Array
    terms: Array
    legal: Array
    region: Array
    asks: Array
    again: Array


def write(batch: Batch, out: Writer, discount: Array) -> None:
    """The requests of the last eighteen months and their steps."""
    world = batch.world
    rng = world.rng(22, batch.deal0)
    asked = _asked(batch, rng, discount)
    clocks = _clocks(tuple(world.regions), world.today - DAYS - 40, world.today + 60)
    steps, ended, state = _played(batch, rng, asked, clocks)
    done = np.flatnonzero(ended < world.horizon)
    _requests(batch, out, asked, ended, state, done, clocks)
    _steps(batch, out, asked, steps, state, done, clocks)


def _asked(batch: Batch, rng: np.random.Generator, discount: Array) -> Asked:
    deals, now, world = batch.book.deals, batch.lives.now, batch.world
    stage = batch.lives.paths["stage"]
    came = np.where((stage.values[:, 1:] >= 3) & (stage.values[:, 1:] <= 6) & (stage.at < NEVER), stage.at, NEVER).min(axis=1)
    n = len(came)
    submitted = came + (rng.random(n) * 30 * HOUR).astype(np.int64)
    submitted = submitted // MINUTE * MINUTE
    free = np.where(rng.random(n) < 0.05, rng.integers(1, 5, n), 0)
    terms = rng.choice(4, n, p=[0.89, 0.055, 0.04, 0.015])
    legal = rng.random(n) < 0.045
    wants = (discount > 0) | (free > 0) | (terms > 0) | legal
    fits = (submitted >= (world.today - DAYS) * DAY) & (submitted < np.minimum(now["end"], now["deleted"])) & (deals["kind"] != SERVICES)
    fits &= (wants | (rng.random(n) < 0.7)) & (rng.random(n) >= 0.04) & (now["amount"] > 0)
    row = np.flatnonzero(fits)
    free, terms, legal, discount, submitted = free[row], terms[row], legal[row], discount[row], submitted[row]
    term = np.maximum(deals["term"][row], 1)
    whole = 1_000_000 - (1_000_000 - discount) * (term - np.minimum(free, term)) // term
    running = int(world.fiscal.start(np.array([world.quarter // 4 * 4]))[0])
    ease = np.where(submitted // DAY >= running, 50_000, 0)
    below = (now["net_arr"][row] < 0) & (deals["kind"][row] == RENEWAL)
    asks = np.stack([
        whole >= 100_000 + ease, (whole >= 200_000 + ease) | (term < 12) | below | (free >= 3), whole >= 300_000 + ease, legal,
        (terms > 0) | (free >= 3), whole >= 400_000 + ease, (whole >= 400_000 + ease) | (terms == 3),
    ], axis=1)  # fmt: skip
    region = deals["pool"][row] // len(world.segments)
    again = asks.any(axis=1) & (rng.random(len(row)) < 0.13)
    return Asked(row, submitted, discount, whole, free, terms, legal, region, asks, again)


def _played(batch: Batch, rng: np.random.Generator, asked: Asked, clocks: tuple[Clock, ...]) -> tuple[list[dict[str, Array]], Array, Array]:
    """Every step from when until when; when the request was decided, and how: 0 approved, 1 rejected, 2 recalled."""
    n = len(asked.row)
    late = np.where(batch.world.fiscal.quarter(asked.submitted // DAY + 7) > batch.world.fiscal.quarter(asked.submitted // DAY), 1.7, 1.0)
    region = np.array([{"EMEA": 1.15, "APJ": 1.35}.get(name, 1.0) for name in batch.world.regions])[asked.region]
    none = ~asked.asks.any(axis=1)
    drawn = rng.random(n)
    state = np.where(none, 0, np.where(drawn < 0.07, 1, np.where(drawn < 0.095, 2, 0)))
    begun = asked.submitted.copy()
    rework = np.where(asked.again, (4 + rng.random(n) * 20) * HOUR, 0).astype(np.int64) // MINUTE * MINUTE
    begun = _after(clocks, asked.region, begun, rework)
    steps: list[dict[str, Array]] = []
    stopped = np.zeros(n, dtype=bool)
    for group in sorted({rung.group for rung in RUNGS}):
        ended = begun.copy()
        for number, rung in enumerate(RUNGS):
            if rung.group != group:
                continue
            span = rung.hours * np.exp(rng.normal(0, 0.75, n)) * late * region
            span = np.maximum((span * HOUR).astype(np.int64) // MINUTE, 2) * MINUTE
            asks = asked.asks[:, number] & ~stopped
            done = _after(clocks, asked.region, begun, span)
            steps.append({"rung": np.full(n, number), "asks": asks, "opened": begun, "done": done})
            ended = np.where(asks, np.maximum(ended, done), ended)
        here = (ended > begun) & ~stopped
        begun = ended
        stopped |= here & (state > 0)
    return steps, np.where(none, asked.submitted, begun), state


def _after(clocks: tuple[Clock, ...], region: Array, at: Array, span: Array) -> Array:
    made = at.copy()
    for number, clock in enumerate(clocks):
        own = region == number
        made[own] = np.where(span[own] > 0, clock.after(at[own], span[own]), at[own])
    return made


def _minutes(clocks: tuple[Clock, ...], region: Array, since: Array, until: Array) -> Array:
    made = np.zeros(len(since), dtype=np.int64)
    for number, clock in enumerate(clocks):
        own = region == number
        made[own] = (clock.minutes(until[own]) - clock.minutes(since[own])) // MINUTE
    return made


def _requests(batch: Batch, out: Writer, asked: Asked, ended: Array, state: Array, done: Array, clocks: tuple[Clock, ...]) -> None:
    deals, now, world = batch.book.deals, batch.lives.now, batch.world
    row = asked.row[done]
    currency = now["currency"][row]
    net = now["tcv"][row]
    listed = net * 1_000_000 // (1_000_000 - asked.discount[done])
    base = np.where(deals["kind"][row] == RENEWAL, now["base"][row], 0)
    asks = asked.asks[done]
    none = ~asks.any(axis=1)
    rates = (world.rate_at(world.fiscal.quarter(asked.submitted[done] // DAY), currency) * 1e9).round().astype(np.int64)
    own = {
        "discount_ppm": asked.discount[done], "list_minor": listed, "net_minor": net, "net_arr_minor": now["net_arr"][row],
        "term_months": deals["term"][row], "payment_terms": pick(pa.array(TERMS), asked.terms[done]), "free_months": asked.free[done],
        "renewal_base_minor": masked(base, base > 0), "renewal_net_minor": masked(base + now["net_arr"][row], base > 0),
        "order_type": batch.pool("order", deals["kind"][row]), "segment": batch.pool("segment", deals["pool"][row] % len(world.segments)),
        "account_id": batch.accounts(deals["account"][row]),
    }  # fmt: skip
    regions = batch.pool("region", asked.region[done])
    told = _json(world, own, regions, batch.opportunities(row), currency, asked, done)
    owners = pick(batch.stint_users, batch.lives.paths["owner_id"].at_instant(now["born"])[row])
    out.add("approval_requests", {
        "id": ids("AR-", batch.deal0 + row), "number": ids("R-", batch.deal0 + row), "kind": pick(pa.array(["deal"]), row * 0), "subject_id": batch.opportunities(row),
        "title": batch.names.take(pa.array(deals["account"][row])), "submitter_id": owners, "owner_id": owners, "region": regions,
        "currency": batch.pool("currency", currency), "amount_minor": net, "rate_ppb": rates,
        "state": pick(pa.array(["approved", "rejected", "recalled"]), state[done]),
        "auto_reason": pick(pa.array(["Within what the rep decides alone"]), np.where(none, 0, -1)),
        "submitted_on": _local(world, asked.submitted[done]), "submitted_at": asked.submitted[done], "closed_at": ended[done], "versions": 1 + asked.again[done],
        "content_hash": [hashlib.sha256(text.encode()).hexdigest() for text in told],
        "asked_roles": [";".join(rung.role for rung, asks_ in zip(RUNGS, marks, strict=True) if asks_) for marks in asks],
        "minutes": _minutes(clocks, asked.region[done], asked.submitted[done], ended[done]), "fields": told, "known_at": ended[done], **own,
    })  # fmt: skip


def _json(world: World, own: dict[str, Any], regions: Any, deals: Any, currency: Array, asked: Asked, done: Array) -> list[str]:
    """The fields of each request as JSON: names in order, values as texts."""
    columns = {name: values.tolist() if isinstance(values, np.ndarray) else values.to_pylist() for name, values in own.items()}
    made = []
    scales, places = world.scale[currency], np.log10(world.scale[currency]).round().astype(int)
    for at, (region, deal) in enumerate(zip(regions.to_pylist(), deals.to_pylist(), strict=True)):
        fields = {"opportunity_id": deal, "region": region}
        for name, values in columns.items():
            value = values[at]
            if value is None or (name == "free_months" and value == 0):
                continue
            if name.endswith("_minor"):
                whole, rest = divmod(abs(value), int(scales[at]))
                digits = f".{rest:0{places[at]}}".rstrip("0") if rest else ""
                fields[name.removesuffix("_minor")] = f"{'-' if value < 0 else ''}{whole}{digits}"
            else:
                fields[name.removesuffix("_ppm")] = f"{value // 10_000}%" if name.endswith("_ppm") else str(value)
        if asked.legal[done[at]]:
            fields["special_terms"] = "Liability capped at 24 months of fees."
        if asked.whole[done[at]] >= 200_000:
            fields |= WORDS
        made.append(json.dumps(dict(sorted(fields.items())), separators=(",", ":")))
    return made


def _steps(
    batch: Batch, out: Writer, asked: Asked, steps: list[dict[str, Array]], state: Array, done: Array, clocks: tuple[Clock, ...]
) -> None:
    """The steps that were opened, in the order of their groups; of a request that changed, the first step of the first version too."""
    kept = np.zeros(len(asked.row), dtype=bool)
    kept[done] = True
    order = np.zeros(len(asked.row), dtype=np.int64)
    managers = _managers(batch.staff, batch.lives.paths["owner_id"].at_instant(batch.lives.now["born"])[asked.row], asked.submitted // DAY)
    for step in steps:
        rung = RUNGS[int(step["rung"][0]) if len(step["rung"]) else 0]
        own = np.flatnonzero(step["asks"] & kept)
        fresh = own[asked.again[own] & (order[own] == 0)]
        refused = np.where(order[own] == 0, state[own], 0)
        order[own] += 1
        person = managers if rung.role == "manager" else np.full(len(managers), -1)
        if len(fresh):
            first = np.ones(len(fresh), dtype=np.int64)
            _rows(
                batch,
                out,
                asked,
                rung,
                fresh,
                clocks,
                (first, first, asked.submitted[fresh], step["done"][fresh], person[fresh], first * 3),
            )
        if len(own):
            given = (1 + asked.again[own], order[own], step["opened"][own], step["done"][own], person[own], refused)
            _rows(batch, out, asked, rung, own, clocks, given)


def _rows(batch: Batch, out: Writer, asked: Asked, rung: Rung, own: Array, clocks: tuple[Clock, ...], given: tuple[Array, ...]) -> None:
    """Rows of one role: version, order, opened, ended, person, and how each ended: 0 approved, 1 rejected, 2 skipped, 3 replaced."""
    version, order, opened, ended, person, how = given
    region, decided = asked.region[own], how < 2
    due = _after(clocks, region, opened, np.full(len(own), rung.sla * HOUR))
    via = "manager" if rung.role == "manager" else "holder"
    words = {"kind": "deal", "role": rung.role, "roles": rung.role, "title": rung.title, "side": rung.side, "via": via}
    out.add("approval_steps", {
        "request_id": ids("AR-", batch.deal0 + asked.row[own]), "version": version, "step": order,
        **{name: pick(pa.array([word]), own * 0) for name, word in words.items()}, "group_no": np.full(len(own), rung.group),
        "region": batch.pool("region", region), "state": pick(pa.array(["approved", "rejected", "skipped", "replaced"]), how.astype(np.int64)),
        "person_id": pick(batch.users, np.where(decided, person, -1)), "opened_at": opened, "due_at": due, "done_at": masked(ended, decided),
        "sla_hours": np.full(len(own), rung.sla), "minutes": masked(_minutes(clocks, region, opened, ended), decided),
        "submitted_on": _local(batch.world, asked.submitted[own]),
    })  # fmt: skip


def _local(world: World, at: Array) -> pa.Array:
    """The company's day of each instant."""
    zone = ZoneInfo(world.settings.time_zone)
    return pa.array([datetime.fromtimestamp(int(one) / 1e6, zone).date() for one in at], pa.date32())


def _managers(staff: Staff, stints: Array, days: Array) -> Array:
    """Who sat above the owner's seat on the day; -1 where nobody did."""
    seats = staff.stint_seat[stints]
    parents = np.array([staff.parent.get(int(seat), -1) for seat in seats], dtype=np.int64)
    numbers = {user["id"]: number for number, user in enumerate(staff.users)}
    names = {seat["id"]: number for number, seat in enumerate(staff.seats)}
    held: dict[int, list[tuple[int, int, int]]] = {}
    for row in staff.holders:
        until = OPEN if row["until"] is None else _day(row["until"])
        held.setdefault(names[row["position_id"]], []).append((_day(row["since"]), until, numbers[row["user_id"]]))
    made = np.full(len(stints), -1, dtype=np.int64)
    for parent in np.unique(parents):
        own = parents == parent
        for since, until, user in held.get(int(parent), []):
            made[own & (days >= since) & (days < until)] = user
    return made


def _day(value: Any) -> int:
    return int(value.toordinal()) - 719163
