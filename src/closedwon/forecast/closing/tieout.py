"""CRM, orders and the finance file of a period held against each other: every difference has a cause, and the causes add up exactly. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from closedwon.base.money import muldiv

CRM_CAUSES = {
    "missing booking": "won in the CRM, no order",
    "rejected": "won in the CRM, the booking check sent it back",
    "booked in another period": "won in this period, its order was booked in another one",
    "won in another period": "booked in this period, won in another one",
    "not won": "booked, but the deal is not won in the CRM",
    "no deal": "an order without a deal",
    "other type": "booked on a deal that this forecast type does not count, such as a renewal made smaller",
    "debook": "orders taken back",
    "duplicate": "the same order twice",
    "currency": "deal and order are in different currencies",
    "amount": "deal and order differ in amount",
}
FINANCE_CAUSES = {
    "missing in finance": "booked, not in the finance file",
    "only in finance": "in the finance file, not booked",
    "duplicate in finance": "twice in the finance file",
    "another period in finance": "the finance file dates it outside of the period",
    "rate": "same order amount, another exchange rate",
    "amount in finance": "the finance file has another amount",
}


@dataclass(frozen=True)
class Difference:
    """One difference: which side it lies between (crm or finance), of which deal or order, by which cause, how much in minor units."""

    side: str
    cause: str
    amount_minor: int
    opportunity_id: str = ""
    order_id: str = ""
    name: str = ""
    detail: str = ""


@dataclass(frozen=True)
class TieOut:
    """The three totals in minor units and all differences: crm + Σ crm = booked, booked + Σ finance = finance."""

    crm: int
    booked: int
    finance: int | None
    differences: Sequence[Difference]

    def causes(self, side: str) -> dict[str, tuple[int, int]]:
        """Each cause of a side with its sum and how many."""
        made: dict[str, tuple[int, int]] = {}
        for one in self.differences:
            if one.side == side:
                total, count = made.get(one.cause, (0, 0))
                made[one.cause] = (total + one.amount_minor, count + 1)
        order = list(CRM_CAUSES if side == "crm" else FINANCE_CAUSES)
        return {cause: made[cause] for cause in sorted(made, key=order.index)}


Row = Mapping[str, Any]


def tie_out(
    period: str, won: Iterable[Row], orders: Iterable[Row], finance: Sequence[Row] | None, rates: Mapping[str, tuple[int, int]]
) -> TieOut:
    """The tie-out of a period: won deals and orders are rows of the rules, `finance` those of a file; `rates` lead to the asked currency."""
    deals = {row["opportunity_id"]: row for row in won if row["period"] == period}
    lines = list(orders)
    by_deal: dict[str, list[Row]] = defaultdict(list)
    for line in lines:
        by_deal[line["opportunity_id"] or f"order {line['order_id']}"].append(line)
    found: list[Difference] = []
    for key in sorted({*deals, *by_deal}):
        found += _of_deal(key, period, deals.get(key), by_deal.get(key, []))
    crm = sum(row["amount_minor"] for row in deals.values())
    here = [line for line in lines if line["period"] == period]
    booked = sum(line["amount_minor"] for line in here)
    if finance is None:
        return TieOut(crm, booked, None, found)
    total, more = _finance(here, finance, rates)
    return TieOut(crm, booked, total, [*found, *more])


def _of_deal(key: str, period: str, deal: Row | None, lines: Sequence[Row]) -> list[Difference]:
    """The differences of one deal: what its orders booked in the period less what it was won at there."""
    lines = sorted(lines, key=lambda row: (row["accepted_at"], row["order_id"], row["line"]))
    name = (deal or (lines[0] if lines else {})).get("name") or key
    who = "" if key.startswith("order ") else key

    def difference(cause: str, amount: int, line: Row | None = None, detail: str = "") -> list[Difference]:
        order = line["order_id"] if line else (lines[0]["order_id"] if lines else "")
        return [Difference("crm", cause, amount, who, order, name, detail)] if amount else []

    if deal is not None and not lines:
        if deal.get("check_status") == "rejected":
            return difference("rejected", -deal["amount_minor"], None, deal.get("check_reason") or "")
        return difference("missing booking", -deal["amount_minor"])
    made: list[Difference] = []
    real: list[Row] = []
    seen: dict[tuple[Any, ...], str] = {}
    for line in lines:
        same = (line["kind"], line["own_minor"], line["currency"], line["line"])
        inside = line["period"] == period
        if line["reverses"] or line["kind"] == "debook":
            made += (
                difference("debook", line["amount_minor"], line, f"takes back {line['reverses']}" if line["reverses"] else "")
                if inside
                else []
            )
        elif seen.setdefault(same, line["order_id"]) != line["order_id"] and line["kind"] != "contraction":
            made += difference("duplicate", line["amount_minor"], line, f"as {seen[same]}") if inside else []
        else:
            real.append(line)
    if deal is None:
        for line in real:
            if line["period"] == period:
                made += difference(_why(key, line), line["amount_minor"], line)
        return made
    whole = sum(line["amount_minor"] for line in real)
    if not real:
        return made + difference("missing booking", -deal["amount_minor"])
    for line in real:
        if line["period"] != period:
            made += difference("booked in another period", -line["amount_minor"], line, f"on {line['booked_on']}")
    other = any(line["currency"] != deal["currency"] for line in real)
    return made + difference("currency" if other else "amount", whole - deal["amount_minor"])


def _why(key: str, line: Row) -> str:
    """Why an order of the period has no deal that was won in it."""
    if key.startswith("order ") or line["deal_status"] is None:
        return "no deal"
    if not line["is_counted"]:
        return "other type"
    return "won in another period" if line["deal_status"] == "won" else "not won"


def _finance(lines: Sequence[Row], finance: Sequence[Row], rates: Mapping[str, tuple[int, int]]) -> tuple[int, list[Difference]]:
    """The finance file's total of the period, and its differences to the orders."""
    orders: dict[str, list[Row]] = defaultdict(list)
    for line in lines:
        orders[line["order_id"]].append(line)
    total, made = 0, []
    seen: set[str] = set()
    for row in finance:
        amount = _converted(row, rates)
        inside = row.get("inside", True)
        total += amount if inside else 0
        key = row["order_id"]
        mine = orders.get(key)
        told = {
            "order_id": key,
            "opportunity_id": (mine[0]["opportunity_id"] or "") if mine else row.get("opportunity_id") or "",
            "name": (mine[0]["name"] or "") if mine else "",
        }

        def difference(cause: str, minor: int, detail: str = "", told: Mapping[str, str] = told) -> None:
            if minor:
                made.append(Difference("finance", cause, minor, detail=detail, **told))

        if key in seen:
            difference("duplicate in finance", amount if inside else 0, "again in the file")
            continue
        seen.add(key)
        if mine is None:
            difference("only in finance", amount if inside else 0)
            continue
        booked = sum(line["amount_minor"] for line in mine)
        if not inside:
            difference("another period in finance", -booked, f"on {row.get('booked_on')}")
            continue
        own = sum(line["own_minor"] for line in mine)
        rate = row["currency"] != mine[0]["currency"] or (row["amount_minor"] == own and len({line["currency"] for line in mine}) == 1)
        difference(
            "rate" if rate else "amount in finance", amount - booked, f"{row['currency']} instead of {mine[0]['currency']}" if rate else ""
        )
    for key, mine in orders.items():
        if key not in seen:
            amount = sum(line["amount_minor"] for line in mine)
            if amount:
                made.append(
                    Difference("finance", "missing in finance", -amount, mine[0]["opportunity_id"] or "", key, mine[0]["name"] or "")
                )
    return total, sorted(made, key=lambda one: (one.order_id, one.cause))


def _converted(row: Row, rates: Mapping[str, tuple[int, int]]) -> int:
    num, den = rates.get(row["currency"], (1, 1))
    return muldiv(row["amount_minor"], num, den)


def restated(before: Iterable[Row], after: Iterable[Row], locked: Iterable[Row], now: Iterable[Row], period: str) -> list[Difference]:
    """What changed after a lock: won deals `before` and `after`, order lines `locked` and `now`; sums lead from one to the other exactly."""
    old = {row["opportunity_id"]: row for row in before if row["period"] == period}
    new = {row["opportunity_id"]: row for row in after}
    made = []
    for key in sorted({*old, *(one for one, row in new.items() if row["period"] == period)}):
        was, now_is = old.get(key), new.get(key)
        here = now_is if now_is is not None and now_is["period"] == period else None
        amount = (here["amount_minor"] if here else 0) - (was["amount_minor"] if was else 0)
        name = (now_is or was or {}).get("name") or key
        if amount:
            made.append(Difference("crm", _moved(was, here, now_is), amount, key, "", name))
    first = {(row["order_id"], row["line"]) for row in locked if row["period"] == period}
    for row in now:
        if row["period"] == period and (row["order_id"], row["line"]) not in first and row["amount_minor"]:
            cause = "debook" if row["reverses"] or row["kind"] == "debook" else "late order"
            detail = f"accepted {row['accepted_at']:%Y-%m-%d %H:%M} UTC"
            made.append(
                Difference("booked", cause, row["amount_minor"], row["opportunity_id"] or "", row["order_id"], row["name"] or "", detail)
            )
    return made


def _moved(was: Row | None, here: Row | None, anywhere: Row | None) -> str:
    if was is None:
        return "won after the lock"
    if here is None:
        return "moved to another period" if anywhere is not None else "not won any more"
    return "currency" if was["currency"] != here["currency"] else "amount"
