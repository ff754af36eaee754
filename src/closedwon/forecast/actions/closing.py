"""The quarter-end close room: where each signed deal stands, the flash by hour, the tie-out with the finance file, and what changed after the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid, Refused
from closedwon.base.money import format_major, to_minor
from closedwon.connectors.files.read import open_sheet
from closedwon.facts.engine import run
from closedwon.forecast import inputs
from closedwon.forecast.actions.rollups import When, seat_names, seen_by, visible_nodes
from closedwon.forecast.closing import rules
from closedwon.forecast.closing.flash import HOUR, Track, track
from closedwon.forecast.closing.tieout import Difference, TieOut, restated, tie_out
from closedwon.forecast.reading import MICRO, Ask, Ground, ask_for, books_orders, calendar, cutoff_of, ground, organisation, rates_of
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED
from closedwon.people.visibility import closing_cutoff
from closedwon.workspace import current

STATES = {"signed": "Signed", "in_check": "In booking check", "rejected": "Rejected", "booked": "Booked", "debooked": "Taken back"}
"""Where a signed deal stands, in its order."""
BACK = 4
"""How many earlier quarters the flash looks at."""
BEFORE, AFTER = 72, 48
"""The hours around the end of the quarter that the flash shows; with more hours to go it begins at the present one."""
LONGEST = 24 * 400
LARGEST_FILE = 200_000
"""How many rows a finance file may have."""


@dataclass(frozen=True)
class SignedDeal:
    """A deal won in the period: where its booking stands, and since when."""

    row: Mapping[str, Any]
    state: str
    order_ids: tuple[str, ...]
    booked_at: datetime | None
    booked_minor: int
    reason: str = ""
    late: str = ""
    """Why the booking is late: accepted after the end of the period, or after its lock."""


@dataclass(frozen=True)
class CloseRoom:
    """The close of a period within what the actor may see; the tie-out is for those who see the whole company."""

    ask: Ask
    deals: Sequence[SignedDeal]
    late: Sequence[Difference]
    tracks: Sequence[Track]
    tie: TieOut | None
    locked_at: datetime | None
    locked_by: str
    names: Mapping[str, str]
    finance: str = ""
    """Where the finance rows come from; empty where there are none."""
    books_orders: bool = True
    problems: Sequence[str] = ()

    def sums(self) -> dict[str, tuple[int, int]]:
        """Each state with its sum in minor units and how many deals."""
        made = dict.fromkeys(STATES, (0, 0))
        for one in self.deals:
            total, count = made[one.state]
            made[one.state] = (total + one.row["amount_minor"], count + 1)
        return made

    def rows(self) -> list[dict[str, Any]]:
        """As the contract has them: states, then the tie-out from CRM over its causes to booked and finance; amounts in major units."""
        unit, label = self.ask.currency, self.ask.period.label

        def row(section: str, item: str, amount: int, count: int | str, **more: str) -> dict[str, Any]:
            head = {"period": label, "section": section, "item": item, "amount": format_major(amount, unit), "count": count}
            return {**head, "deal": "", "order": "", "detail": "", **more, "currency": unit}

        made = [row("state", state, total, count) for state, (total, count) in self.sums().items()]
        made += [
            row("late", one.cause, one.amount_minor, 1, deal=one.opportunity_id, order=one.order_id, detail=one.detail) for one in self.late
        ]
        if self.tie is None:
            return made
        made.append(row("tie-out", "crm won", self.tie.crm, len(self.deals)))
        for side, to, total in (("crm", "booked", self.tie.booked), ("finance", "finance file", self.tie.finance)):
            if total is None:
                continue
            made += [row("tie-out", cause, amount, count, detail=f"to {to}") for cause, (amount, count) in self.tie.causes(side).items()]
            made.append(row("tie-out", to, total, ""))
        made += [
            row("difference", one.cause, one.amount_minor, 1, deal=one.opportunity_id, order=one.order_id, detail=one.detail or one.name)
            for one in self.tie.differences
        ]
        return made


def close_room(
    *,
    by: Actor,
    period: str | Period | None = None,
    as_of: When = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
    finance: Path | None = None,
) -> CloseRoom:
    """The close of a period as it stands at the as-of. Raises Refused for a finance file by those who do not see the whole company."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, rates=rates, currency=currency)
    if ask.period.kind == "all":
        raise Invalid("A close is of a period.", mend="Choose a quarter, such as FY27-Q3.")
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    everything = seen.everything and not node
    if finance is not None and not everything:
        raise Refused(f"{by.name} may not hold a finance file against the whole company.", mend="Ask finance or sales ops.")
    over = _periods(ask)
    won, orders = _facts(on, replace(ask, by="manager"), tuple(over))
    seats = organisation(on, ask).seat_of
    if not everything:
        won, orders = ([row for row in rows if seats.get(row["owner_id"] or "", UNASSIGNED) in nodes] for rows in (won, orders))
    lock = lock_of(on, ask.period, "bookings")
    has_orders = books_orders(on)
    given, told, problems = _finance(on, ask, finance) if everything else (None, "", [])
    tie = tie_out(ask.period.label, won, orders, given, _ratios(on, ask)) if everything and has_orders else None
    until = ask.cutoff - MICRO
    left = -(-(_end(ask.period) - until) // HOUR)
    before = BEFORE if left <= BEFORE else min(left, LONGEST)
    tracks = [
        track(one.label, _end(one), won, orders if has_orders else _as_orders(won), until if one is ask.period else on.now, before, AFTER)
        for one in over
        if one.start <= ask.period.start
    ]
    names = {row["id"]: row["name"] or row["id"] for row in on.rows("users")}
    return CloseRoom(
        ask, [_standing(row, orders, ask, lock, has_orders=has_orders) for row in won if row["period"] == ask.period.label],
        _late(orders, ask, lock), tracks, tie, lock[0] if lock else None, names.get(lock[1], lock[1]) if lock else "",
        {**names, **seat_names(on, ask)}, told, has_orders, problems,
    )  # fmt: skip


def _periods(ask: Ask) -> list[Period]:
    """The asked period, those before it that the flash shows, and the next one, into which bookings slip."""
    made = [calendar().next(ask.period, -step) for step in range(BACK, 0, -1)]
    return [*made, ask.period, calendar().next(ask.period)]


def _end(period: Period) -> datetime:
    return closing_cutoff(period.last)


@lru_cache(maxsize=16)
def _facts(on: Ground, ask: Ask, over: tuple[Period, ...]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Won deals and accepted order lines of some periods at the question's cutoff."""
    known = inputs.type_params(ask.type, ask.period, ask.currency)
    common = {
        "deal_states": on.deals(ask), "stages": inputs.stage_rows(on.pipeline), "order_types": inputs.order_type_rows(ask.type),
        "rates": rates_of(on, ask), "periods": [{"period": one.label, "starts": one.start, "ends": one.end} for one in over],
        "params": [
            {**{name: known[name] for name in ("currency", "sign", "named", "untyped")}, "cutoff": ask.cutoff, "every_kind": not ask.type.booking_kinds}
        ],
    }  # fmt: skip
    won = run(rules.won(ask.shape), {**common, "accounts": on.source("accounts"), "booking_checks": on.source("booking_checks")})
    kinds = [{"kind": kind} for kind in ask.type.booking_kinds]
    orders = run(rules.orders(ask.shape), {**common, "bookings": on.source("bookings"), "booking_kinds": kinds})
    return won.to_pylist(), orders.to_pylist()


def _ratios(on: Ground, ask: Ask) -> dict[str, tuple[int, int]]:
    return {row["currency"]: (row["num"], row["den"]) for row in rates_of(on, ask)}


def _as_orders(won: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Where there is no order system, a won deal is booked when it is won."""
    return [{**row, "accepted_at": row["signed_at"]} for row in won]


def lock_of(on: Ground, period: Period, field: str) -> tuple[datetime, str] | None:
    """When a period was locked and by whom; None where it is open."""
    found = next((row for row in on.rows("period_locks") if row["field"] == field and row["period"] == period.label), None)
    return (found["locked_at"], found["locked_by"] or "") if found else None


def _standing(
    row: Mapping[str, Any], orders: Sequence[Mapping[str, Any]], ask: Ask, lock: tuple[datetime, str] | None, *, has_orders: bool
) -> SignedDeal:
    if not has_orders:
        return SignedDeal(row, "booked", (), row["signed_at"], row["amount_minor"])
    mine = _by_deal(orders).get(row["opportunity_id"], [])
    real = [one for one in mine if not (one["reverses"] or one["kind"] == "debook")]
    if real:
        last = max(one["accepted_at"] for one in real)
        net = sum(one["amount_minor"] for one in mine)
        state = "debooked" if len(real) < len(mine) and net == 0 else "booked"
        return SignedDeal(
            row, state, tuple(sorted({one["order_id"] for one in real})), last, net, late=lateness(last, _end(ask.period), lock)
        )
    check = row["check_status"]
    state = "rejected" if check == "rejected" else "in_check" if check in ("started", "accepted") else "signed"
    return SignedDeal(row, state, (), None, 0, row["check_reason"] or "")


_INDEX: dict[int, tuple[Any, dict[str, list[Mapping[str, Any]]]]] = {}


def _by_deal(orders: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Orders by deal, kept for the list that was asked last."""
    kept = _INDEX.get(0)
    if kept is None or kept[0] is not orders:
        made: dict[str, list[Mapping[str, Any]]] = {}
        for one in orders:
            made.setdefault(one["opportunity_id"] or "", []).append(one)
        _INDEX[0] = (orders, made)
        return made
    return kept[1]


def lateness(accepted: datetime, end: datetime, lock: tuple[datetime, str] | None) -> str:
    """Why an order of a period is late; empty where it is not."""
    if lock is not None and accepted > lock[0]:
        return "after the lock"
    return "after the end" if accepted >= end else ""


def _late(orders: Sequence[Mapping[str, Any]], ask: Ask, lock: tuple[datetime, str] | None) -> list[Difference]:
    """Orders booked in the period but accepted after its end: the exceptions, those after the lock are restatements."""
    made = []
    for one in orders:
        if one["period"] == ask.period.label and (why := lateness(one["accepted_at"], _end(ask.period), lock)):
            at = one["accepted_at"].astimezone(current().zone)
            detail = f"booked on {one['booked_on']}, accepted {at:%Y-%m-%d %H:%M}"
            made.append(
                Difference("late", why, one["amount_minor"], one["opportunity_id"] or "", one["order_id"], one["name"] or "", detail)
            )
    return made


def _finance(on: Ground, ask: Ask, file: Path | None) -> tuple[list[dict[str, Any]] | None, str, list[str]]:
    """The finance rows: of a file, else of the table; whether each is dated in the period."""
    if file is not None:
        rows, problems = read_finance(file, ask.currency)
        return [{**row, "inside": _inside(row, ask.period)} for row in rows], file.name, problems
    rows = on.rows("finance_bookings") if ask.day > ask.period.last else []
    if not rows:
        return None, "", []
    near = calendar().next(ask.period, -1), calendar().next(ask.period)
    kept = [
        {**row, "currency": row["currency"] or ask.currency, "inside": _inside(row, ask.period)}
        for row in rows
        if row["booked_on"] is None or near[0].start <= row["booked_on"] < near[1].end
    ]
    return (kept, "the table finance_bookings", []) if any(row["inside"] for row in kept) else (None, "", [])


def _inside(row: Mapping[str, Any], period: Period) -> bool:
    return row["booked_on"] is None or period.start <= row["booked_on"] < period.end


def read_finance(file: Path, currency: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of a finance file: order_id, amount, and if given line, currency, booked_on, opportunity_id. Raises Invalid without the first two."""
    sheet = open_sheet(file)
    names = [name.strip().lower().replace(" ", "_") for name in sheet.header]
    for needed in ("order_id", "amount"):
        if needed not in names:
            raise Invalid(
                f"{file.name} has no column {needed}.",
                mend="It takes order_id and amount; currency, booked_on, line and opportunity_id may follow.",
            )
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, cells in sheet.rows:
        if len(rows) >= LARGEST_FILE:
            raise Invalid(f"{file.name} has more than {LARGEST_FILE:,} rows.", mend="Give the rows of one period.")
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False)}
        try:
            unit = (row.get("currency") or currency).upper()
            on = date.fromisoformat(row["booked_on"][:10]) if row.get("booked_on") else None
            minor = to_minor(row["amount"].replace(",", ""), unit)
        except (Invalid, ValueError) as error:
            problems.append(f"{file.name}, row {number}: {getattr(error, 'message', error)}")
            continue
        if not row["order_id"]:
            problems.append(f"{file.name}, row {number}: there is no order_id.")
            continue
        rows.append(
            {
                "order_id": row["order_id"],
                "amount_minor": minor,
                "currency": unit,
                "booked_on": on,
                "opportunity_id": row.get("opportunity_id", ""),
            }
        )
    return rows, [*problems, *(str(one) for one in sheet.problems)]


# after the lock


@dataclass(frozen=True)
class Restatement:
    """A locked period: what it came to at the lock and comes to now, in minor units, with every change after the lock."""

    period: str
    locked_at: datetime
    crm_then: int
    crm_now: int
    booked_then: int
    booked_now: int
    changes: Sequence[Difference]


def restatements(
    *,
    by: Actor,
    periods: int = BACK,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    currency: str = "",
) -> tuple[list[Restatement], Ask]:
    """What changed in locked periods after their lock: in the CRM as known then and now, and in the orders. The newest first."""
    if not 1 <= periods <= 40:
        raise Invalid(f"{periods} periods are out of range.", mend="Look at 1 to 40 locked periods.")
    on = ground()
    ask = ask_for(on, type=type, currency=currency)
    seen = seen_by(by, ask, on)
    nodes = None if seen.everything else visible_nodes(organisation(on, ask).tree, seen)
    locks = {row["period"]: row["locked_at"] for row in on.rows("period_locks") if row["field"] == "bookings"}
    chosen = sorted((calendar().period(label) for label in locks), key=lambda one: one.start, reverse=True)
    if period:
        wanted = period if isinstance(period, Period) else calendar().period(period)
        chosen = [one for one in chosen if one.label == wanted.label]
        if not chosen:
            raise Invalid(f"{wanted.label} is not locked.", mend="What is not locked is not restated, it only changes.")
    return [_restatement(on, replace(ask, period=one), locks[one.label], nodes) for one in chosen[:periods]], ask


def _restatement(on: Ground, ask: Ask, locked_at: datetime, nodes: frozenset[str] | None) -> Restatement:
    over = tuple(calendar().next(ask.period, step) for step in (-1, 0, 1, 2))
    then = cutoff_of(locked_at, on)
    sides = []
    for asked in (replace(ask, cutoff=then, known_cutoff=then), ask):
        won, orders = _facts(on, asked, over)
        if nodes is not None:
            seats = organisation(on, ask).seat_of
            won, orders = ([row for row in rows if seats.get(row["owner_id"] or "", UNASSIGNED) in nodes] for rows in (won, orders))
        sides.append((won, orders))
    label = ask.period.label
    changes = restated(sides[0][0], sides[1][0], sides[0][1], sides[1][1], label)
    sums = [[sum(row["amount_minor"] for row in rows if row["period"] == label) for rows in side] for side in sides]
    return Restatement(label, locked_at, sums[0][0], sums[1][0], sums[0][1], sums[1][1], changes)


def restatement_rows(found: Sequence[Restatement], unit: str) -> list[dict[str, Any]]:
    """As the contract has them: for each period what it came to at the lock, every change with its cause, and what it comes to now."""
    made = []
    for one in found:
        for side, then, now in (("crm", one.crm_then, one.crm_now), ("booked", one.booked_then, one.booked_now)):
            head = {"period": one.period, "locked_at": f"{one.locked_at:%Y-%m-%dT%H:%M:%SZ}", "side": side}
            made.append(
                {
                    **head,
                    "row": "at the lock",
                    "cause": "",
                    "amount": format_major(then, unit),
                    "deal": "",
                    "order": "",
                    "name": "",
                    "detail": "",
                }
            )
            made += [
                {
                    **head, "row": "change", "cause": change.cause, "amount": format_major(change.amount_minor, unit), "deal": change.opportunity_id,
                    "order": change.order_id, "name": change.name, "detail": change.detail,
                }
                for change in one.changes
                if change.side == side
            ]  # fmt: skip
            made.append(
                {**head, "row": "now", "cause": "", "amount": format_major(now, unit), "deal": "", "order": "", "name": "", "detail": ""}
            )
    return made


def flash_rows(tracks: Sequence[Track], hour: int | None = None) -> list[dict[str, Any]]:
    """Each quarter at the same hour: the given one, else the last that the asked quarter has reached, its end at the latest."""
    if not tracks:
        return []
    last = tracks[-1]
    reached = [at for at, amount in zip(last.hours, last.signed, strict=True) if amount is not None]
    chosen = hour if hour is not None else (min(0, reached[-1]) if reached else last.hours[0])
    made = []
    for one in tracks:
        at = one.hours.index(chosen) if chosen in one.hours else 0
        made.append({
            "period": one.period, "hour": one.hours[at], "at": one.ends_at + timedelta(hours=one.hours[at]), "signed": one.signed[at], "booked": one.booked[at],
            "final_signed": None if one.is_running else one.final_signed, "final_booked": None if one.is_running else one.final_booked,
        })  # fmt: skip
    return made
