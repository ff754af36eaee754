"""What adds the company up: people, quotas, targets, rates, weekly calls, locks, products, and the stated effects."""

from __future__ import annotations

from datetime import date
from typing import Any, Protocol

import numpy as np

from closedwon.generate import names, truth
from closedwon.generate.arrow import Writer
from closedwon.generate.staff import OPEN, Staff, leaders_of, reorg_day
from closedwon.generate.tables import N_PARTNERS, campaign_rows
from closedwon.generate.timeline import DAY, HOUR, Array, as_date
from closedwon.generate.world import World

Row = dict[str, Any]
MEASURE = "net_arr"
CALL_QUARTERS = 6


class Sums(Protocol):
    """Won USD by stint and quarter."""

    quarters: Array
    until_today: Array
    in_truth: Array
    called: Array
    created: Array


def write(world: World, staff: Staff, totals: Sums, out: Writer) -> None:
    """All tables that are small whatever the company's size."""
    out.add_rows("users", staff.users)
    out.add_rows("positions", [{key: value for key, value in seat.items() if key != "holder"} for seat in staff.seats])
    out.add_rows("position_holders", staff.holders)
    out.add_rows("hierarchy", staff.hierarchy)
    out.add_rows("assignments", staff.assignments)
    out.add_rows("campaigns", campaign_rows(world))
    _products(world, out)
    _partners(world, staff, out)
    quota = seat_quotas(world, staff, totals)
    out.add_rows("quotas", _quota_rows(world, staff, totals, quota))
    out.add_rows("targets", [*_targets(world, staff, totals), *_pipeline_targets(world, totals)])
    out.add_rows("exchange_rates", _rates(world))
    out.add_rows("forecast_calls", _calls(world, staff, totals))
    out.add_rows("period_locks", _locks(world, staff))
    out.add_rows("truth_effects", [
        {"feature": key, "effect_ppm": round(world.settings.win[key] * 1_000_000), "doc": doc} for key, doc in truth.EFFECTS.items()
    ])  # fmt: skip


def _products(world: World, out: Writer) -> None:
    out.add_rows("products", [
        {"id": code, "code": code, "name": name, "family": family, "recurring": recurring, "active": code != "P-OLD"}
        for code, name, family, recurring, _ in names.PRODUCTS
    ])  # fmt: skip
    rows = []
    for year in range(world.settings.years):
        since = int(world.fiscal.start(np.array([world.first_quarter + 4 * year]))[0])
        until = None if year == world.settings.years - 1 else as_date(world.fiscal.start(np.array([world.first_quarter + 4 * year + 4]))[0])
        for code, _, _, _, price in names.PRODUCTS:
            for number, currency in enumerate(world.currencies):
                minor = int(world.minor(np.array([price * 1.03**year]), np.array([number]))[0])
                rows.append({"product_id": code, "price_list": "Standard", "currency": currency, "since": as_date(since), "until": until,
                             "list_price_minor": minor, "cost_minor": minor * 22 // 100})  # fmt: skip
    out.add_rows("price_book_entries", rows)


def _partners(world: World, staff: Staff, out: Writer) -> None:
    rng = world.rng(7)
    rows = []
    for number in range(1, N_PARTNERS + 1):
        name = f"{names.COMPANY_FIRST[int(rng.integers(0, len(names.COMPANY_FIRST)))]} Channel Partners"
        rows.append({"id": f"ACC-P{number:03d}", "name": name, "type": "Partner", "owner_id": staff.id("sales ops"), "currency": "USD", "country": "US",
                     "industry": "Software", "segment": world.segments[0], "region": world.regions[0],
                     "created_at": (world.begin - 300) * DAY})  # fmt: skip
    out.add_rows("accounts", rows)


def _seasons(world: World) -> Array:
    weights = np.array(world.settings.shape.quarter_weights)
    return np.asarray(weights / weights.sum())


def _seen_seasons(world: World, totals: Sums) -> Array:
    """The share of each quarter of the year, as the finished years had it."""
    done = totals.until_today[:, : 4 * (world.settings.years - 1)].sum(axis=0).reshape(-1, 4)
    share = (done / np.maximum(done.sum(axis=1, keepdims=True), 1.0)).mean(axis=0)
    return np.round(share / share.sum(), 3) if share.sum() > 0 else _seasons(world)


def seat_quotas(world: World, staff: Staff, totals: Sums) -> Array:
    """Own quota in USD of every seat (rows) and quarter; reps by segment and fiscal year, leaders from the sum below."""
    quarters = len(totals.quarters)
    table = np.zeros((len(staff.seats), quarters))
    street = _street(world, staff, totals)
    season = _seen_seasons(world, totals)
    opened = _opened(staff)
    for seat, row in enumerate(staff.seats):
        if row["kind"] != "rep":
            continue
        for index, quarter in enumerate(totals.quarters):
            start = int(world.fiscal.start(np.array([quarter]))[0])
            if opened.get(seat, OPEN) <= start:
                year = min((quarter - world.first_quarter) // 4, street.shape[1] - 1)
                table[seat, index] = street[world.segments.index(row["segment"]), year] * season[quarter % 4]
    _roll_up(world, staff, totals, table)
    return np.round(table, -3)


def _roll_up(world: World, staff: Staff, totals: Sums, table: Array) -> None:
    over = world.settings.quotas.over_assignment
    for level, share in zip(("Manager", "Director", "VP", "Chief"), over, strict=True):
        for seat in leaders_of(staff, level):
            for index, quarter in enumerate(totals.quarters):
                below = _children(world, staff, quarter).get(seat, ())
                table[seat, index] = sum(table[child, index] for child in below) / (1 + share)


_CACHE: dict[tuple[int, bool], dict[int, list[int]]] = {}


def _children(world: World, staff: Staff, quarter: int, moved: bool | None = None) -> dict[int, list[int]]:
    """Seats below each seat, as the tree stood in the quarter; `moved` says whether the re-org has been."""
    before = quarter < world.quarter if moved is None else not moved
    key = (id(staff), before)
    if key not in _CACHE:
        _CACHE.clear()
        below: dict[int, list[int]] = {}
        for seat, parent in staff.parent.items():
            below.setdefault(staff.moved[seat][0] if before and seat in staff.moved else parent, []).append(seat)
        _CACHE[key] = below
    return _CACHE[key]


def _opened(staff: Staff) -> dict[int, int]:
    first: dict[int, int] = {}
    for _, seat, since, _ in staff.stints:
        first[seat] = min(first.get(seat, OPEN), since)
    return first


def _street(world: World, staff: Staff, totals: Sums) -> Array:
    """The yearly quota of a ramped rep by segment and year: what the middle one reaches; the running year grows on the last."""
    years = world.settings.years
    street = np.zeros((len(world.segments), years))
    for year in range(years - 1):
        start = int(world.fiscal.start(np.array([world.first_quarter + 4 * year]))[0])
        won = totals.in_truth[:, 4 * year : 4 * year + 4].sum(axis=1)
        for number, name in enumerate(world.segments):
            ramp = int(world.settings.segments[name].ramp_months * 30.4)
            ramped = (
                (staff.stint_pool % len(world.segments) == number)
                & (staff.stint_since <= start - ramp)
                & (staff.stint_until >= start + 365)
            )
            own = won[ramped] if ramped.any() else won[staff.stint_pool % len(world.segments) == number]
            street[number, year] = max(np.median(own) if len(own) else 0, 20_000)
    for year in range(1, years - 1):
        street[:, year] = np.maximum(street[:, year], street[:, year - 1] * 0.9)
    street[:, years - 1] = street[:, years - 2] * world.settings.quotas.growth
    return np.round(street, -4)


def _quota_rows(world: World, staff: Staff, totals: Sums, table: Array) -> list[Row]:
    rows: list[Row] = []
    hired: dict[int, list[tuple[int, int]]] = {}
    for _, seat, since, until in staff.stints:
        hired.setdefault(seat, []).append((since, until))
    for index, quarter in enumerate(totals.quarters):
        if quarter >= world.quarter // 4 * 4 + 4:
            continue
        start, end = (int(day) for day in world.fiscal.start(np.array([quarter, quarter + 1])))
        year_start = int(world.fiscal.start(np.array([quarter // 4 * 4]))[0])
        for seat, row in enumerate(staff.seats):
            amount, kind = table[seat, index], "annual"
            if amount <= 0:
                continue
            if row["kind"] == "rep":
                share = _ramp_share(world, row["segment"], hired[seat], start)
                amount, kind = (amount * share, "ramped") if share < 1 else (amount, kind)
            rows.append({
                "scope_id": row["id"], "kind": kind, "measure": MEASURE, "period_start": as_date(start), "since": as_date(year_start), "until": None,
                "period_end": as_date(end), "amount_minor": int(round(amount, -3)) * 100, "currency": world.settings.currency, "status": "approved",
                "version": 1, "approved_at": (year_start - 10) * DAY + 18 * HOUR,
            })  # fmt: skip
    return rows


def _ramp_share(world: World, segment: str, stints: list[tuple[int, int]], start: int) -> float:
    since = next((since for since, until in stints if since <= start < until), None)
    if since is None:
        return 1.0
    months = (start - since) / 30.4
    ramp = world.settings.segments[segment].ramp_months
    return 1.0 if months >= ramp else max(0.25, round(months / ramp * 4) / 4)


def by_region(world: World, staff: Staff, values: Array) -> Array:
    """Stint rows added up by region."""
    region = staff.stint_pool // len(world.segments)
    return np.array([values[region == number].sum(axis=0) for number in range(len(world.regions))])


def _met(world: World, rng: np.random.Generator, fit: Array, company: Array, done: int) -> Array:
    """Plans that were met in every finished quarter but the missed one."""
    for index in range(done):
        if world.fiscal.label(world.first_quarter + index) != world.settings.shape.missed_quarter:
            fit[index] = min(fit[index], company[index] * rng.uniform(0.94, 1.0))
    return fit


def _targets(world: World, staff: Staff, totals: Sums) -> list[Row]:
    done = world.quarter - world.first_quarter
    regions = by_region(world, staff, totals.until_today)
    company = regions.sum(axis=0)
    season = _seasons(world)[totals.quarters % 4] * 4
    use = np.array(
        [q for q in range(done) if company[q] > 0 and world.fiscal.label(world.first_quarter + q) != world.settings.shape.missed_quarter]
    )
    slope, level = np.polyfit(use, np.log(company[use] / season[use]), 1) if len(use) > 2 else (0.0, np.log(max(company.mean(), 1.0)))
    fit = np.exp(level + slope * np.arange(len(totals.quarters))) * season
    fit = _met(world, world.rng(10), fit, company, done)
    share = regions[:, :done].sum(axis=1) / max(regions[:, :done].sum(), 1.0)
    rows = []
    for plan, factor in (("board", 0.93), ("operating", 0.99), ("stretch", 1.08)):
        for index, quarter in enumerate(totals.quarters):
            start, end = world.fiscal.start(np.array([quarter, quarter + 1]))
            for kind, scope, part in [("company", "company", 1.0), *(("region", name, share[k]) for k, name in enumerate(world.regions))]:
                rows.append({
                    "plan": plan, "version": 1, "measure": MEASURE, "scope_kind": kind, "scope_id": scope, "period_start": as_date(start),
                    "period_end": as_date(end), "amount_minor": int(round(fit[index] * factor * part, -4)) * 100, "currency": world.settings.currency,
                })  # fmt: skip
    return rows


def _pipeline_targets(world: World, totals: Sums) -> list[Row]:
    """What pipeline is to be created by quarter: a tenth more than the mean of the four quarters before, by source, segment and region."""
    done, pools = world.quarter - world.first_quarter, len(world.segments)
    grid = totals.created.reshape(len(names.SOURCES), len(world.regions), pools, -1)
    groups = [("source", names.SOURCES, grid.sum(axis=(1, 2))), ("region", world.regions, grid.sum(axis=(0, 2)))]
    groups.append(("segment", world.segments, grid.sum(axis=(0, 1))))
    rows = []
    for index in range(max(4, done - CALL_QUARTERS), done + 3):
        start, end = (as_date(day) for day in world.fiscal.start(np.array([world.first_quarter + index, world.first_quarter + index + 1])))
        seen = min(index, done)
        for kind, scopes, values in groups:
            base = values[:, seen - 4 : seen].mean(axis=1) * 1.1
            amounts = {name: int(round(part, -4)) * 100 for name, part in zip(scopes, base, strict=True)}
            if kind == "source":
                rows.append(_pipeline_target("company", "company", start, end, sum(amounts.values()), world))
            rows += [_pipeline_target(kind, name, start, end, amount, world) for name, amount in amounts.items()]
    return rows


def _pipeline_target(kind: str, scope: str, start: date, end: date, amount: int, world: World) -> Row:
    return {
        "plan": "operating", "version": 1, "measure": "pipeline_created", "scope_kind": kind, "scope_id": scope, "period_start": start,
        "period_end": end, "amount_minor": amount, "currency": world.settings.currency,
    }  # fmt: skip


def _rates(world: World) -> list[Row]:
    rows = []
    rng = world.rng(8)
    base = {"to_currency": world.settings.currency}
    for number, currency in enumerate(world.currencies):
        if currency == world.settings.currency:
            continue
        for year in range(len(world.plan_rates) - 1):
            since, until = world.fiscal.start(np.array([world.first_quarter + 4 * year, world.first_quarter + 4 * year + 4]))
            first = as_date(since if year else since - 1100)
            rows.append({**base, "kind": "plan", "currency": currency, "since": first, "until": as_date(until),
                         "rate_ppb": round(world.plan_rates[year, number] * 1e9)})  # fmt: skip
        drift = 0.0
        month = np.datetime64(as_date(world.begin), "M").astype(np.int64) - 12
        last = np.datetime64(as_date(world.today), "M").astype(np.int64)
        for current in range(month, last + 1):
            drift = 0.8 * drift + rng.normal(0, 0.012)
            year = int(np.clip((current - month - 12) // 12, 0, world.settings.years - 1))
            since, until = np.array([current, current + 1]).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
            rows.append({**base, "kind": "market", "currency": currency, "since": as_date(since), "until": None if current == last else as_date(until),
                         "rate_ppb": round(world.plan_rates[year, number] * (1 + drift) * 1e9)})  # fmt: skip
    return rows


def seat_sums(world: World, staff: Staff, values: Array, quarter: int, moved: bool | None = None) -> dict[int, float]:
    """USD of a quarter by leader seat, its whole sub-tree together."""
    index = quarter - world.first_quarter
    own = np.bincount(staff.stint_seat, values[:, index], len(staff.seats))
    below = _children(world, staff, quarter, moved)

    def total(seat: int) -> float:
        return float(own[seat]) + sum(total(child) for child in below.get(seat, ()))

    return {seat: total(seat) for seat in below}


def _calls(world: World, staff: Staff, totals: Sums) -> list[Row]:
    """The weekly calls of every leader in the last quarters, with their habits."""
    rng, people, special = world.rng(9), world.settings.people, staff.special
    bias = {special.get("sandbagger seat"): -people.sandbag, special.get("optimist seat"): people.optimism}
    ops, rows, changed = staff.id("sales ops"), [], reorg_day(world)
    for quarter in range(world.quarter - CALL_QUARTERS + 1, world.quarter + 1):
        sums = {moved: seat_sums(world, staff, totals.called, quarter, moved) for moved in (False, True)}
        start, end = (int(day) for day in world.fiscal.start(np.array([quarter, quarter + 1])))
        running = 1.15 if quarter == world.quarter else 1.0
        missed = 0.16 if world.fiscal.label(quarter) == world.settings.shape.missed_quarter else 0.0
        start_error = {seat: float(rng.normal(missed, 0.08)) for seat in sums[False]}
        mondays = [day for day in range(start, min(end, world.today)) if (day + 3) % 7 == 0]
        for week, monday in enumerate(mondays):
            for seat, final in sums[monday >= changed].items():
                late = seat == special.get("late seat")
                at = (monday + (2 if late else 0)) * DAY + (22 if late else 17) * HOUR + int(rng.integers(0, 5400)) * 1_000_000
                if at >= world.horizon:
                    continue
                absent = seat == special.get("absent seat") and world.date(30) <= monday
                error = 0.0 if seat in bias else start_error[seat] * (1 - week / 13)
                value = max(final, 0.0) * running * (1 + bias.get(seat, 0.0)) * float(np.exp(error + rng.normal(0, 0.012)))
                user = _leader_at(staff, seat, monday)
                for category, factor in (("commit", 0.97), ("most_likely", 1.0), ("best_case", 1.12)):
                    width = 1.0 + (factor - 1.0) * (1 - week / 13)
                    rows.append({
                        "position_id": staff.seats[seat]["id"], "type": MEASURE, "period": world.fiscal.label(quarter), "category": category, "as_of_at": at,
                        "amount_minor": int(round(value * width, -3)) * 100, "currency": world.settings.currency,
                        "user_id": ops if absent else user, "on_behalf_of": user if absent else None,
                        "note": "Submitted by sales operations while the leader is away" if absent else None,
                    })  # fmt: skip
    return rows


def _leader_at(staff: Staff, seat: int, day: int) -> str:
    if seat == staff.special.get("left leader seat") and day < staff.world.date(51):
        return staff.id("left leader")
    return str(staff.users[staff.seats[seat]["holder"]]["id"])


def _locks(world: World, staff: Staff) -> list[Row]:
    afters = {q: int(world.fiscal.start(np.array([q + 1]))[0]) for q in range(world.first_quarter, world.quarter)}
    return [
        {"field": name, "period": world.fiscal.label(q), "locked_at": (after + 1) * DAY + 16 * HOUR, "locked_by": staff.id("finance")}
        for q, after in afters.items()
        for name in ("bookings", "forecast")
    ]
