"""An independent walk, deal by deal, of roll-up and waterfall: plain Python over events, nothing of the rules is used."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

FAR = date(9999, 12, 31)
NAMES = [
    "begin",
    "new",
    "transferred_in",
    "pulled_in",
    "reopened",
    "increased",
    "decreased",
    "pushed_out",
    "won",
    "lost",
    "deleted",
    "transferred_out",
    "fx",
    "end",
]
STATUS = {"Won": "won", "Lost": "lost"}


@dataclass
class World:
    deals: list  # {id, created_at, deleted_at, ...the values now}
    events: dict  # id -> [(at, field, old, new)] in order
    users: list = field(default_factory=list)
    positions: list = field(default_factory=list)
    holders: list = field(default_factory=list)
    hierarchy: list = field(default_factory=list)
    splits: list = field(default_factory=list)
    rates: list = field(default_factory=list)  # {kind, currency, since, rate_ppb}
    stages: dict = field(default_factory=dict)  # name -> (status, category, probability)
    currency: str = "USD"
    units: dict = field(default_factory=lambda: defaultdict(lambda: 100))
    measure: tuple = ("amount_minor",)
    types: tuple | None = None


def nearest(value: Fraction) -> int:
    """Half away from zero."""
    whole = (abs(value) * 2 + 1) // 2
    return int(whole if value >= 0 else -whole)


def close_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def state(w: World, deal: dict, cutoff: datetime) -> dict | None:
    """The deal as it stood just before the cutoff; None if it did not exist yet."""
    if deal["created_at"] is not None and deal["created_at"] >= cutoff:
        return None
    now = dict(deal)
    seen = defaultdict(list)
    for at, name, old, new in w.events.get(deal["id"], ()):
        seen[name].append((at, old, new))
    for name, steps in seen.items():
        done = [new for at, _, new in steps if at < cutoff]
        now[name] = done[-1] if done else steps[0][1]
    now["gone"] = deal.get("deleted_at") is not None and deal["deleted_at"] < cutoff
    status, category, weight = w.stages.get(now["stage"], ("open", None, 0))
    now["status"] = status
    if category is None:
        now["category"] = "unmapped"
    else:
        now["category"] = now.get("forecast_category") or category
        if status == "open" and now["category"] not in ("commit", "best_case", "most_likely", "pipeline", "omitted"):
            now["category"] = "unmapped"
    now["weight"] = weight
    now["value"] = next((now[m] for m in w.measure if now.get(m) is not None), 0)
    now["typed"] = w.types is None or now.get("order_type") is None or now["order_type"] in w.types
    return now


def seat_of(w: World, user, day: date) -> str:
    if not w.positions:
        return user if any(u["id"] == user for u in w.users) else "unassigned"
    mine = [h for h in w.holders if h["user_id"] == user]
    if not mine:
        return "unassigned"

    def pick(at):
        on = [h for h in mine if h["since"] <= at < (h["until"] or FAR)]
        on.sort(key=lambda h: (h["is_interim"], -h["share_ppm"], h["since"], h["position_id"]))
        return on[0]["position_id"] if on else None

    at = day
    if pick(at):
        return pick(at)
    earlier = [h["until"] for h in mine if h["until"] and h["until"] <= day]
    if earlier:
        return pick(max(earlier) - timedelta(1))
    return pick(min(h["since"] for h in mine))


def way(w: World, seat: str, day: date) -> tuple:
    """Root to seat on that day."""
    out = [seat]
    while True:
        at = out[0]
        if not w.positions:
            up = next((u.get("manager_id") for u in w.users if u["id"] == at), None)
        else:
            rows = sorted((h for h in w.hierarchy if h["position_id"] == at), key=lambda h: h["since"])
            on = [h for h in rows if h["since"] <= day < (h["until"] or FAR)] or [h for h in rows if h["since"] <= day][-1:] or rows[:1]
            up = on[-1]["parent_id"] if on else None
        if not up:
            return tuple(out)
        out.insert(0, up)


def rate(w: World, currency: str, day: date, kind: str = "plan") -> Fraction:
    if currency == w.currency:
        return Fraction(1)
    rows = sorted((r for r in w.rates if r["currency"] == currency and r["kind"] == kind), key=lambda r: r["since"])
    on = [r for r in rows if r["since"] <= day][-1:] or rows[:1]
    return Fraction(on[0]["rate_ppb"] * w.units[w.currency], 10**9 * w.units[currency])


def shares(w: World, deal: dict, day: date, owner, mode: str, today: date, dim=None) -> dict:
    """(seat, way) -> (running total before, share), in the order of seats."""
    org_day = today if mode == "as-is" else day
    live = [
        s
        for s in w.splits
        if s["opportunity_id"] == deal["id"] and s["since"] <= day < (s["until"] or FAR) and s["split_type"] == "revenue"
    ]
    per = defaultdict(Fraction)
    for s in live:
        per[seat_of(w, s["user_id"], org_day)] += Fraction(s["share_ppm"], 10**6)
    if not live:
        per[seat_of(w, owner, org_day)] = Fraction(1)
    out, total = {}, Fraction(0)
    for seat in sorted(per):
        out[seat, way(w, seat, org_day)] = (total, per[seat])
        total += per[seat]
    return out


def part(amount: int, below: Fraction, share: Fraction) -> int:
    return nearest(amount * (below + share)) - nearest(amount * below)


def dated(s: dict, period: tuple | None) -> bool:
    return period is None or (s["close_date"] is not None and period[0] <= s["close_date"] < period[1])


def rollup(w: World, day: date, period: tuple | None, plan_day: date) -> dict:
    """node -> bucket -> amount, own plus everything below."""
    out = defaultdict(lambda: defaultdict(int))
    for deal in w.deals:
        s = state(w, deal, close_of(day))
        if s is None or s["gone"] or not s["typed"]:
            continue
        if s["status"] == "won" and dated(s, period):
            bucket = "closed"
        elif s["status"] != "open":
            continue
        elif s["category"] == "omitted":
            bucket = "omitted" if dated(s, period) else None
        elif s["close_date"] is None:
            bucket = "undated"
        else:
            bucket = s["category"] if dated(s, period) else None
        if bucket is None:
            continue
        worth = nearest(s["value"] * rate(w, s["currency"] or w.currency, plan_day))
        for (seat, path), (below, share) in shares(w, deal, day, s["owner_id"], "as-was", day).items():
            for node in path:
                out[node][bucket] += part(worth, below, share)
    return out


def waterfall(w: World, b: date, e: date, period: tuple | None, plan_day: date, *, org="as-was", reported=False, today=None) -> dict:
    """(node, parent) -> bucket -> amount."""
    out = defaultdict(lambda: dict.fromkeys(NAMES, 0))
    rb = lambda c: rate(w, c or w.currency, b, "market") if reported else rate(w, c or w.currency, plan_day)  # noqa: E731
    re = lambda c: rate(w, c or w.currency, e, "market") if reported else rate(w, c or w.currency, plan_day)  # noqa: E731
    for deal in w.deals:
        s0, s1 = state(w, deal, close_of(b)), state(w, deal, close_of(e))

        def inside(s):
            return (
                s is not None and not s["gone"] and s["typed"] and s["status"] == "open" and s["category"] != "omitted" and dated(s, period)
            )

        in0, in1 = inside(s0), inside(s1)
        u0 = shares(w, deal, b, s0["owner_id"], org, today) if in0 else {}
        u1 = shares(w, deal, e, s1["owner_id"], org, today) if s1 else {}
        v0 = nearest(s0["value"] * rb(s0["currency"])) if s0 else 0
        v0e = nearest(s0["value"] * re(s0["currency"])) if s0 else 0
        v1 = nearest(s1["value"] * re(s1["currency"])) if s1 else 0
        closed_here = s1 is not None and not s1["gone"] and s1["typed"] and s1["status"] in ("won", "lost") and dated(s1, period)
        for unit in {*u0, *u1}:
            add = dict.fromkeys(NAMES, 0)

            def moved(by):
                add["increased" if by > 0 else "decreased"] += abs(by)  # noqa: B023

            here0, here1 = in0 and unit in u0, in1 and unit in u1
            if here0:
                c0, p0 = u0[unit]
                add["begin"] = part(v0, c0, p0)
            if here1:
                c1, p1 = u1[unit]
                add["end"] = part(v1, c1, p1)
            if here0 and here1:
                kept = min(p0, p1)
                add["transferred_in"] = add["end"] - part(v1, c1, kept)
                add["transferred_out"] = add["begin"] - part(v0, c0, kept)
                add["fx"] = part(v0e, c0, kept) - part(v0, c0, kept)
                moved(part(v1, c1, kept) - part(v0e, c0, kept))
            elif here0:
                if s1 is None or s1["gone"]:
                    add["deleted"] = add["begin"]
                elif s1["status"] == "won":
                    add["won"] = part(v1, c0, p0)
                    add["fx"] = part(v0e, c0, p0) - add["begin"]
                    moved(add["won"] - part(v0e, c0, p0))
                elif s1["status"] == "lost":
                    add["lost"] = add["begin"]
                elif not in1:
                    add["pushed_out"] = add["begin"]
                else:
                    add["transferred_out"] = add["begin"]
            elif here1:
                if s0 is None or s0["gone"]:
                    add["new"] = add["end"]
                elif s0["status"] != "open":
                    add["reopened"] = add["end"]
                elif not in0:
                    add["pulled_in"] = add["end"]
                else:
                    add["transferred_in"] = add["end"]
            elif closed_here and not in0 and unit in u1:
                whole = part(v1, *u1[unit])
                if s0 is None:
                    add["new"] = add[s1["status"]] = whole
                elif s0["status"] == "open" and not s0["gone"] and s0["close_date"] is None and s1["status"] == "won":
                    add["pulled_in"] = add["won"] = whole
            if any(add.values()):
                above = ""
                for node in unit[1]:
                    for name in NAMES:
                        out[node, above][name] += add[name]
                    above = node
    return out
