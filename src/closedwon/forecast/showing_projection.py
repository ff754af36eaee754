"""The projection in words and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from closedwon.forecast.actions.projection import Projection
from closedwon.forecast.actions.renewal_outlook import RenewalPart
from closedwon.forecast.projection.base import KeptCurve
from closedwon.ui import format as fmt
from closedwon.ui.charts import Bar, Chart, Waterfall
from closedwon.ui.context import View
from closedwon.ui.parts import Tile

SHOWN_AGES = (28, 56, 84, 112, 140, 182, 224, 280, 364)
DUES = {"past": "passed", "inside": "in these days", "soon after": "within a quarter after", "later": "later", "none": "none"}


def lead(found: Projection) -> str:
    """What the projection says, in one sentence."""
    unit, ask = found.ask.currency, found.ask
    when = f"{ask.type.label} of {ask.period.label}, as of the close of {fmt.day(ask.day, year=True)}"
    if found.refusal or found.median is None:
        return f"{when}."
    days = f"{found.days} day{'' if found.days == 1 else 's'} to go" if found.days else "the period is over"
    return f"{when}, {days}. In the middle {fmt.compact(found.median, unit)} {unit}; eight of ten outcomes lie between {fmt.compact(found.low, unit)} and {fmt.compact(found.high, unit)}."


def tiles(found: Projection, board_href: str) -> list[Tile]:
    """The numbers on top."""
    unit = found.ask.currency
    if found.ask.type.period_date == "renewal_due" and found.renewals is not None:
        return _renewal_tiles(found, found.renewals)
    gap = None if found.quota is None or found.median is None else found.quota - found.median
    interval = "" if found.low is None else f"{fmt.compact(found.low, unit)} to {fmt.compact(found.high, unit)}"
    return [
        Tile.money("Won so far", found.closed, unit, small="in the period"),
        Tile.money("Open deals", found.open, unit, small=f"expected of {found.deal_count:,} deals"),
        Tile.money("New business", found.new, unit, small="deals not born yet"),
        Tile.money("Expected", found.total, unit, small="these three; adds up over seats"),
        Tile.money("Projection", found.median, unit, small=interval, hint="The median of the drawn outcomes, and eight of ten of them"),
        Tile.money(
            "Quota", found.quota, unit, small="" if gap is None else f"gap to the projection {fmt.compact(gap, unit)}", href=board_href
        ),
    ]


def _renewal_tiles(found: Projection, part: RenewalPart) -> list[Tile]:
    unit = found.ask.currency
    interval = "" if part.low is None else f"{fmt.compact(part.low, unit)} to {fmt.compact(part.high, unit)}"
    return [
        Tile.money("Available to renew", part.atr, unit, small="contracts that end in the period"),
        Tile.money("Kept so far", part.kept, unit, small="renewed, or renewed by itself"),
        Tile.money("Given up so far", part.lost, unit, small="churned or downgraded"),
        Tile.money("Open contracts", part.expected_open, unit, small=f"expected of {part.count:,} contracts"),
        Tile.money("Projection", part.median, unit, small=interval, hint="The median of the drawn outcomes, and eight of ten of them"),
    ]


def steps(found: Projection) -> Waterfall:
    """From what was won to what is expected."""
    unit = found.ask.currency
    if found.renewals is not None and found.ask.type.period_date == "renewal_due":
        part = found.renewals
        rest = part.open - part.expected_open
        bars = [
            Bar("Available", part.atr, "total"), Bar("Given up", -part.lost, "lost"), Bar("Expected to go", -rest, "down"),
            Bar("Expected", part.atr - part.lost - rest, "total"),
        ]  # fmt: skip
        title = f"Of {fmt.compact(part.atr, unit)} available to renew, {fmt.compact(part.expected, unit)} are expected to go on"
        return Waterfall(title, bars, currency=unit, key="projection", width=620)
    bars = [
        Bar("Won so far", found.closed, "total"),
        Bar("Open deals", found.open, "won"),
        Bar("New business", found.new, "up"),
        Bar("Expected", found.total, "total"),
    ]
    share = f", {fmt.percent(found.closed / found.total)} of it won already" if found.total > 0 and 0 < found.closed <= found.total else ""
    return Waterfall(
        f"{found.ask.period.label} is expected to come to {fmt.compact(found.total, unit)}{share}",
        bars,
        currency=unit,
        key="projection",
        width=620,
    )


def outcomes(found: Projection) -> Chart | None:
    """How the drawn outcomes spread."""
    if found.outcome is None or found.low is None:
        return None
    unit, drawn = found.ask.currency, found.outcome
    total = int(drawn.bins.sum())
    middles = zip(drawn.edges[:-1].tolist(), drawn.edges[1:].tolist(), drawn.bins.tolist(), strict=True)
    rows = [{"x": fmt.compact((low + high) // 2, unit), "y": count / total} for low, high, count in middles]
    title = f"Eight of ten outcomes lie between {fmt.compact(found.low, unit)} and {fmt.compact(found.high, unit)}"
    return Chart(
        title, rows, f"Outcome, {unit}", "Share of outcomes", kind="bar", x_kind="text", y_kind="percent", key="outcomes",
        note=f"{total:,} outcomes drawn",
    )  # fmt: skip


def curve_chart(curve: KeptCurve) -> Chart:
    """A group's curve by age."""
    names = {"won": "won", "lost": "lost", "open": "open"}
    shown = [point for point in curve.points if point.age <= 364]
    rows = [{"x": point.age, "y": getattr(point, name), "series": label} for name, label in names.items() for point in shown]
    last = shown[-1] if shown else None
    title = (
        f"Of {'all' if curve.name == 'All deals' else curve.name} deals, {fmt.percent(last.won)} are won within {last.age} days"
        if last
        else curve.name
    )
    return Chart(
        title, rows, "Days since birth", "Share of deals", kind="line", x_kind="number", y_kind="percent", key="curve", series_label="Outcome",
        note=f"{curve.deals:,} deals",
    )  # fmt: skip


def curve_rows(curve: KeptCurve) -> list[dict[str, Any]]:
    """The curve at some ages of the first year, with the deals at risk."""
    return [vars(point) for point in curve.points if point.age in SHOWN_AGES]


def look_rows(found: Projection) -> list[dict[str, Any]]:
    """What the method would have expected earlier, and what came; the latest first."""
    return [
        {"day": date.fromordinal(day), "expected": round(expected), "came": round(came), "miss": (came - expected) / expected}
        for day, expected, came in found.looks
    ]


SIZE_WORDS = ("less than half the median of its group", "up to the median", "up to twice the median", "more than twice the median")
DUE_WORDS = {
    "past": "close date passed", "inside": "close date within these days", "soon after": "close date within a quarter after", "later": "close date later",
    "none": "no close date",
}  # fmt: skip


def factor_rows(found: Projection) -> list[dict[str, Any]]:
    """What changes a deal's rate of winning besides age, stage and group: close date, size, week of the quarter."""
    made = [{"what": DUE_WORDS[name], "factor": factor} for name, factor in found.date_factors.items()]
    made += [{"what": f"value {words}", "factor": factor} for words, factor in zip(SIZE_WORDS, found.size_factors, strict=False)]
    weeks = {0: "last week of the quarter", 1: "last week but one"}
    made += [{"what": word, "factor": found.season[at]} for at, word in weeks.items() if len(found.season) > at]
    return made


def correction_words(found: Projection) -> str:
    """What its own past misses do to the projection."""
    if not found.looks:
        return "There is no earlier day to look back to yet: the level stands as the curves have it, and the spread is the policy's."
    change = found.level - 1.0
    moved = (
        "leave the level as it is"
        if abs(change) < 0.005
        else f"{'raise' if change > 0 else 'lower'} the level by {fmt.percent(abs(change), 1)}"
    )
    return f"Past misses {moved}; what all deals share spreads by {fmt.percent(found.shock, 1)}."


def backtest_chart(looks: Sequence[Mapping[str, Any]], unit: str) -> Chart:
    """What was said and what came, over the days."""
    rows = []
    for name, label in (("actual", "came"), ("projection", "projection"), ("low", "low"), ("high", "high")):
        rows += [{"x": look["as_of"], "y": look[name], "series": label} for look in looks if look[name] is not None]
    return Chart("What was said, and what came", rows, "As of", f"Won in the days after, {unit}", currency=unit, key="backtest", height=280)


def month_ends(view: View, count: int, horizon: int) -> list[date]:
    """The last `count` ends of months whose horizon is over on the view's day, the earliest first."""
    from datetime import timedelta

    made: list[date] = []
    day = (view.day - timedelta(days=horizon - 1)).replace(day=1) - timedelta(days=1)
    while len(made) < count:
        made.append(day)
        day = day.replace(day=1) - timedelta(days=1)
    return made[::-1]


def week_ends(view: View, count: int, horizon: int) -> list[date]:
    """The same with Sundays, a week apart."""
    from datetime import timedelta

    day = view.day - timedelta(days=horizon)
    day -= timedelta(days=(day.weekday() + 1) % 7)
    return [day - timedelta(weeks=back) for back in range(count)][::-1]


def joint_rows(found: Projection) -> list[dict[str, Any]]:
    """New business, renewals and both together; none where no contract ends in the period."""
    part = found.renewals
    if part is None or part.median is None or found.joint is None:
        return []
    new = {
        "what": "New business",
        "done": found.closed,
        "open": found.open + found.new,
        "expected": found.total,
        "median": found.median,
        "low": found.low,
        "high": found.high,
    }
    both = {"what": "Both together", "done": found.closed + part.kept, "open": found.open + found.new + part.expected_open, "expected": found.joint_expected,
            "median": found.joint.median, "low": found.joint.low, "high": found.joint.high}  # fmt: skip
    return [new, renewal_row(part), both]


def renewal_row(part: RenewalPart) -> dict[str, Any]:
    """The renewals of a period as a row."""
    return {
        "what": "Renewals",
        "done": part.kept,
        "open": part.expected_open,
        "expected": part.expected,
        "median": part.median,
        "low": part.low,
        "high": part.high,
    }
