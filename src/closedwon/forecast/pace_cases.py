"""What the cases of the pace policy come to: small numbers in, text out, so that a person can check them by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from closedwon.base.calendar import Period
from closedwon.forecast import accuracy, pacing, pipegen
from closedwon.forecast.pace_policy import PacePolicy
from closedwon.people.rules import Tree

Given = Mapping[str, Any]


def percent(value: float | None) -> str:
    """A share as a percentage with two decimals; none where there is none."""
    return "none" if value is None else f"{value * 100:.2f}%"


def _line(row: Given, number: int) -> accuracy.Line:
    came, call = int(row["came"]), row.get("call")
    off = abs(int(call) - came) if call is not None else 0
    bases = {
        name: accuracy.Said(int(row[name]), came, abs(int(row[name]) - came), off, abs(came))
        for name in accuracy.BASES
        if row.get(name) is not None
    }
    return accuracy.Line(
        str(row.get("period", number)), str(row.get("seat", number)), "manager", "commit", int(row.get("day", 30)), None,
        accuracy.Said(int(call), came, off, off, abs(came)) if call is not None else None, bases, came,
        accuracy.Hits(int(row.get("deals", 0)), int(row.get("won", 0)), int(row.get("amount", 0)), int(row.get("amount_won", 0))), 1,
        int(call is not None),
    )  # fmt: skip


def scored(_policy: PacePolicy, given: Given) -> dict[str, Any]:
    """Lines of calls, bases and what came, added up."""
    whole = accuracy.total([_line(row, number) for number, row in enumerate(given["lines"])])
    made: dict[str, Any] = {"lines": whole.lines, "calls": whole.calls}
    said = whole.call or whole.bases.get("rollup")
    if said is not None:
        made |= {"wape": percent(said.wape), "bias": percent(said.bias)}
    for name, base in whole.bases.items():
        made[f"wape of the {name}"] = percent(base.wape)
        if whole.call is not None:
            made[f"value added to the {name}"] = percent(base.value_added)
    if whole.hits.deals:
        made |= {"hit rate": percent(whole.hits.rate), "by value": percent(whole.hits.value_rate)}
    return made


def habit(policy: PacePolicy, given: Given) -> dict[str, Any]:
    """A seat's calls by quarter, and whether they are a habit."""
    lines = [_line({**row, "period": name}, number) for number, (name, row) in enumerate(given["quarters"].items())]
    found = accuracy.habit("seat", lines, policy.accuracy.habit / 1_000_000, policy.accuracy.habit_periods)
    if found is None:
        return {"habit": "too few quarters"}
    return {"habit": found.verdict or "none", "middle": percent(found.bias), "agreeing": f"{found.agreeing} of {found.periods}"}


def _period(span: list[str]) -> Period:
    first, end = (date.fromisoformat(text) for text in span)
    return Period(first, end, span[0], "quarter")


def paced(_policy: PacePolicy, given: Given) -> dict[str, Any]:
    """A quarter against the same day of earlier ones; the day's counterpart; or how evenly a quarter was booked."""
    of = given["pacing"]
    made: dict[str, Any] = {}
    if "day" in of:
        day = pacing.same_day(_period(of["period"]), date.fromisoformat(of["day"]), _period(of["other"]))
        made["same day"] = day.isoformat()
    if "past" in of:
        day = date.min
        past = [
            pacing.Point(
                "q", day, booked=row["booked"], open=row["open"], undated=row.get("undated", 0), final=row["final"], came=row["came"]
            )
            for row in of["past"]
        ]
        found = pacing.Pace(pacing.Point("now", day, booked=of["booked"], open=of["open"], quota=of.get("quota")), past)
        share, won = found.share, found.won_share
        made |= {
            "share booked by then": f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)}, {share.n})" if share else "none",
            "comes to": found.projected,
            "yield": f"{percent(won.value)} ({percent(won.low)} to {percent(won.high)}, {won.n})" if won else "none",
            "required coverage": "none" if found.required is None else f"{found.required:.2f}",
            "needed": found.needed, "spare": found.spare,
        }  # fmt: skip
    if "booked_on" in of:
        ends = [date.fromisoformat(text) for text in of["months"]]
        booked = {date.fromisoformat(day): amount for day, amount in of["booked_on"].items()}
        line = pacing.linearity(_period(of["period"]), booked, ends)
        if line is None:
            return {"linearity": "none"}
        gini = "none" if line.gini is None else f"{line.gini:.4f}"
        made |= {"months": " ".join(percent(value) for value in line.months), "last week": percent(line.last_week), "gini": gini}
    return {name: "none" if value is None else value for name, value in made.items()}


def generated(policy: PacePolicy, given: Given) -> dict[str, Any]:
    """Pipeline created against its target and the same day of earlier quarters."""
    of = given["created"]
    past = [pipegen.Made("q", date.min, row["created"], final=row["final"]) for row in of.get("past", ())]
    target = of.get("target")
    if target is None and "quota" in of:
        target = pipegen.times(int(of["quota"]), Decimal(policy.generation.times_quota))
    found = pipegen.Generation(pipegen.Made("now", date.min, of["created"], of.get("deals", 0)), past, target)
    made = {
        "target": target, "attained": percent(found.attained), "expected by now": found.expected, "ahead": found.ahead,
        "comes to": found.projected, "mean before": found.mean,
    }  # fmt: skip
    return {name: "none" if value is None else value for name, value in made.items()}


def tree_levels(parents: Mapping[str, str]) -> dict[str, str]:
    """Each seat's level, from each seat's parent."""
    tree = Tree.of({seat: parent or None for seat, parent in parents.items()})
    heights = accuracy.heights_of(tree)
    return {seat: accuracy.level_of(tree, heights, seat) for seat in tree.order}
