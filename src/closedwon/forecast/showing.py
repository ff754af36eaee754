"""The forecast in words and pictures: labels, definitions, chart titles, the choice of types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from closedwon.base.errors import NotFound
from closedwon.forecast.actions.board import Board
from closedwon.forecast.policy import ForecastPolicy
from closedwon.forecast.reading import book_in_force
from closedwon.forecast.results import STEPS as SURE
from closedwon.forecast.results import Fall, Flow
from closedwon.forecast.rules import BUCKETS, SIGNS
from closedwon.policies.actions import applied
from closedwon.ui import format as fmt
from closedwon.ui.charts import Bar, Waterfall
from closedwon.ui.context import ORGS, RATES, View

STEPS = {"commit": "Commit", "most_likely": "Most likely", "best_case": "Best case"}
BARS = {
    "begin": "Begin", "new": "New", "transferred_in": "Transferred in", "pulled_in": "Pulled in", "reopened": "Reopened", "increased": "Increased",
    "decreased": "Decreased", "pushed_out": "Pushed out", "won": "Won", "lost": "Lost", "deleted": "Deleted", "transferred_out": "Transferred out",
    "fx": "Exchange", "end": "End",
}  # fmt: skip
BAR_WORDS = {
    "begin": "Open deals at the begin, not omitted, dated in the period.",
    "new": "Deals that did not exist at the begin, at their amount at the end; also those born and closed in between.",
    "transferred_in": "Deals that came from another seat, at their amount at the end; also what a split brought.",
    "pulled_in": "Deals that were open outside the period, undated or omitted at the begin and are in it now.",
    "reopened": "Deals that were won or lost at the begin and are open again.",
    "increased": "What the amounts of deals that stayed, or were won, grew by.",
    "decreased": "What the amounts of deals that stayed, or were won, shrank by.",
    "pushed_out": "Deals that are open but no longer dated in the period, or omitted, at their amount at the begin.",
    "won": "Deals that were won, at the amount they were won with.",
    "lost": "Deals that were lost, at their amount at the begin.",
    "deleted": "Deals that were deleted, at their amount at the begin.",
    "transferred_out": "Deals that went to another seat, at their amount at the begin; also what a split took.",
    "fx": "What the change of market rates did to the amounts that stayed.",
    "end": "Open deals at the end, not omitted, dated in the period.",
}
PHRASES = {
    "new": "new deals", "transferred_in": "deals from other seats", "pulled_in": "deals pulled in", "reopened": "reopened deals",
    "increased": "larger amounts", "decreased": "smaller amounts", "pushed_out": "pushed deals", "won": "won deals", "lost": "lost deals",
    "deleted": "deleted deals", "transferred_out": "deals to other seats", "fx": "exchange rates",
}  # fmt: skip


def policy() -> ForecastPolicy:
    """The forecast policy in force."""
    found: ForecastPolicy = applied("forecast")
    return found


def category(name: str | None) -> str:
    """A category's label."""
    known = {item.name: item.label for item in policy().categories}
    return known.get(name or "", (name or "").replace("_", " ").capitalize())


def label(bucket: str) -> str:
    """A number's name."""
    return {"gap": "Gap to quota", "machine": "Machine, stage-weighted", "total_open": "Open in all", "quota": "Quota"}.get(
        bucket, category(bucket)
    )


def definition(bucket: str, mode: str = "single") -> str:
    """What a number means. Raises NotFound for a number that the forecast does not have."""
    found = policy()
    if bucket not in found.definitions and bucket not in {item.name for item in found.categories}:
        raise NotFound(f"The forecast has no number {bucket!r}.")
    about = next((item.about for item in found.categories if item.name == bucket), "")
    adds = "Shown cumulatively: closed and every surer category are in it." if mode == "cumulative" and bucket in SURE[:-1] else ""
    return " ".join(
        part for part in (found.definitions.get(bucket, ""), about if bucket not in ("closed", "omitted") else "", adds) if part
    )


def open_buckets() -> list[str]:
    """The buckets of open deals, undated ones too."""
    return [*policy().open_categories, "unmapped", "undated"]


def buckets_of(bucket: str, mode: str) -> list[str]:
    """The buckets that a number adds up; empty for one that is no sum of deals."""
    if bucket in ("quota", "gap", "coverage", "quota_below"):
        return []
    if bucket in SURE[:-1] and mode == "cumulative":
        return ["closed", *SURE[: SURE.index(bucket) + 1]]
    if bucket == "machine":
        return ["closed", *policy().open_categories, "unmapped"]
    if bucket == "total_open":
        return open_buckets()
    return ["closed"] if bucket == "booked" else [bucket]


def facts(view: View, kind: str | None) -> list[tuple[str, str]]:
    """What a number stands on, as pairs."""
    found = policy().type(kind)
    return [
        ("As of", fmt.day(view.as_of, year=True) if view.as_of else "now"),
        (
            "Period",
            "all time"
            if view.period.kind == "all"
            else f"{view.period.label}, {fmt.day(view.period.start)} to {fmt.day(view.period.last)}",
        ),
        ("Counts", found.label if found else kind or ""),
        ("Organisation", ORGS[view.org]),
        ("Rates", RATES[view.rates]),
    ]


def types(path: str) -> list[dict[str, Any]]:
    """The forecast types with the address that chooses each."""
    parts = urlsplit(path)
    given = dict(parse_qsl(parts.query))
    found = policy()
    on = given.get("type") or found.default
    made = []
    for item in found.types:
        query = {key: value for key, value in given.items() if key != "type"} | ({} if item.name == found.default else {"type": item.name})
        made.append(
            {
                "label": item.label,
                "about": item.about,
                "on": item.name == on,
                "href": f"{parts.path}?{urlencode(query)}" if query else parts.path,
            }
        )
    return made


def lead(made: Board) -> str:
    """Where in the period the board stands, and for whom."""
    period, day = made.now.period, made.now.day
    who = made.head.name if made.node else "Everything you may see"
    if period.kind == "all":
        return f"{who}, all periods together."
    weeks = -(-period.days // 7)
    if day < period.start:
        return f"{who}. {period.label} begins on {fmt.day(period.start)}."
    if day >= period.end:
        return f"{who}. {period.label} ended on {fmt.day(period.last)}."
    return f"{who}. Week {(period.day_of(day) - 1) // 7 + 1} of {weeks} of {period.label}, {period.days - period.day_of(day)} days left."


def chart(total: Flow, made: Fall, href: Callable[[str], str], width: int = 760) -> Waterfall:
    """The waterfall's picture: the title says what happened; bars that are nothing are left out."""
    bars = []
    for name in BUCKETS:
        amount = total[name] * SIGNS[name]
        if name in ("begin", "end"):
            bars.append(Bar(BARS[name], amount, "total", href(name)))
        elif amount:
            bars.append(Bar(BARS[name], amount, "won" if name == "won" else "up" if amount > 0 else "down", href(name)))
    note = f"{fmt.day(made.begin)} to {fmt.day(made.end)}"
    return Waterfall(title(total, made), bars, currency=made.currency, note=note, key="waterfall", width=width)


def title(total: Flow, made: Fall) -> str:
    """What happened between the two days, in one sentence."""
    moved = total["end"] - total["begin"]
    days = (made.end - made.begin).days
    span = "in a week" if days == 7 else "in a day" if days == 1 else f"in {days} days"
    steps = {name: abs(total[name]) for name in PHRASES if total[name]}
    what = "Open pipeline" if made.period.kind == "all" else f"The pipeline of {made.period.label}"
    if not steps:
        return f"{what} did not move {span}"
    down = {name: size for name, size in steps.items() if (SIGNS[name] < 0) == (moved < 0)} or steps
    most = max(down, key=lambda name: down[name])
    if not moved:
        return f"{what} is where it was, with {PHRASES[most]} made up for"
    return f"{what} {'grew by' if moved > 0 else 'shrank by'} {fmt.compact(abs(moved), made.currency)} {span}, mostly {PHRASES[most]}"


def flag_counts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """Each flag of the policy with its label and how many deals have it."""
    counts: dict[str, int] = {}
    for row in rows:
        for item in row["flags"]:
            counts[item.name] = counts.get(item.name, 0) + 1
    book = book_in_force()
    return [(flag.name, plain_label(flag.label), counts[flag.name]) for flag in (book.policy.active if book else ()) if flag.name in counts]


def plain_label(label: str) -> str:
    """A flag's label without the values that stand in it."""
    from closedwon.forecast.flags import pieces

    return re.sub(r"\s+", " ", "".join(piece.words for piece in pieces(label))).strip(" ×,:–-") or label
