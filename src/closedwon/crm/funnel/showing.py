"""The funnel in words and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

from closedwon.crm.funnel.actions import Comparison, Shown
from closedwon.crm.funnel.catalogue import Metric
from closedwon.crm.funnel.comparing import Compared
from closedwon.crm.funnel.curves import Curve
from closedwon.crm.funnel.measuring import Measured
from closedwon.ui import format as fmt
from closedwon.ui.charts import Chart
from closedwon.ui.parts import Tile

HEADLINES = ("close_rate", "value_win_rate", "pipeline_created", "velocity", "cycle_won_mean", "asp_mean", "slip_rate")
"""What the sentence on top speaks of, besides the stages' conversions."""
UNITS = {"days": "days", "hours": "hours", "pushes": "a deal", "per_day": "a day", "count": "", "share": "", "money": "", "ratio": ""}


def value(number: float | None, metric: Metric, unit: str) -> str:
    """A number as people read it."""
    if number is None:
        return fmt.MISSING
    if metric.unit == "share":
        return fmt.percent(number)
    if metric.unit in ("money", "per_day"):
        return fmt.compact(round(number), unit)
    return fmt.number(number, {"days": 0 if number >= 20 else 1, "hours": 1, "count": 0, "pushes": 2}.get(metric.unit, 2))


def exact(number: float | None, metric: Metric, unit: str) -> str:
    """A number with every digit that is known."""
    if number is not None and metric.unit in ("money", "per_day"):
        return fmt.money(round(number), unit)
    return value(number, metric, unit)


def interval(one: Measured | None, unit: str) -> str:
    """Low to high."""
    if one is None or (one.low is None and one.high is None):
        return fmt.MISSING
    return f"{value(one.low, one.metric, unit)} – {value(one.high, one.metric, unit)}"


def change(line: Compared | None, unit: str) -> tuple[str, str]:
    """A change with its sign and arrow, and its tone."""
    if line is None or line.now is None or line.before is None or line.now.value is None or line.before.value is None:
        return fmt.MISSING, ""
    metric, by = line.now.metric, line.now.value - line.before.value
    text = f"{fmt.number(abs(by) * 100, 1)} pt" if metric.unit == "share" else value(abs(by), metric, unit)
    if abs(by) < 1e-9:
        return "no change", ""
    tone = "" if not notable(line) else ("up" if (by > 0) == metric.up_is_good else "down")
    return f"{'▲' if by > 0 else '▼'} {text}", tone


def score(line: Compared) -> float:
    """By how many standard errors a metric moved; 0 where an interval is missing."""
    ends = [one for one in (line.now, line.before) if one and one.value is not None and one.low is not None and one.high is not None]
    if len(ends) < 2:
        return 0.0
    spread = sqrt(sum(((one.high or 0) - (one.low or 0)) ** 2 for one in ends)) / (2 * 1.96)
    return abs((ends[0].value or 0) - (ends[1].value or 0)) / spread if spread > 0 else 0.0


def notable(line: Compared) -> bool:
    """Whether a metric moved by more than chance would explain; what reads low because it is young or naive never does."""
    metric = line.either.metric
    return not metric.naive and metric.key != "cohort_win_rate" and score(line) > 1.96


def sentence(made: Comparison) -> str:
    """What changed, in one sentence: the headline that moved most beyond chance, and which segment did most of it."""
    unit = made.ask.currency
    lines = [one for one in (made.of(key) for key in HEADLINES) if one]
    lines += [one for one in (made.of("stage_conversion", stage) for stage in made.now.stages) if one]
    moved = sorted((one for one in lines if notable(one)), key=score, reverse=True)
    if not lines:
        return f"There is nothing to compare {made.ask.period.label} with in {made.other.label}."
    if not moved:
        return f"Against {made.other.label} no headline moved by more than chance would explain."
    line = moved[0]
    metric, detail = line.either.metric, line.either.detail
    now, before = line.now, line.before
    if now is None or before is None:
        return ""
    way = "rose" if (now.value or 0) > (before.value or 0) else "fell"
    name = f"{metric.label} of {detail}" if detail else metric.label
    said = f"{name} {way} from {value(before.value, metric, unit)} in {made.other.label} to {value(now.value, metric, unit)}"
    more = len(moved) - 1
    rest = f"; {more} other headline{'s' if more > 1 else ''} moved beyond chance too" if more else ""
    return f"{said}{_most(made, line)}{rest}."


def _most(made: Comparison, line: Compared) -> str:
    """Which segment did most of a change."""
    if not made.ask.by.of or not line.change:
        return ""
    parts = [
        (one.either.segment, (one.mix or 0) + (one.rate or 0))
        for one in made.found
        if one.either.name == line.either.name and one.mix is not None and one.rest is None
    ]
    if not parts:
        return ""
    segment, part = max(parts, key=lambda pair: pair[1] * (1 if line.change and line.change > 0 else -1))
    share = float(part / line.change)
    return f", {fmt.percent(min(share, 9.99), 0)} of it {segment}" if share > 0 else ""


def tiles(made: Shown, compared: Comparison | None, link: Any) -> list[Tile]:
    """The numbers on top, each with its change against the period before."""
    shown = []
    for key in ("close_rate", "velocity", "pipeline_created", "cycle_won_median", "asp_median", "slip_rate"):
        one = made.of(key)
        if one is None:
            continue
        line = compared.of(key) if compared else None
        text, tone = change(line, made.ask.currency)
        small = f"{text} against {compared.other.label}" if compared and text != fmt.MISSING else f"of {one.n:,} deals"
        hint = f"{one.metric.formula}; n {one.n:,}, {interval(one, made.ask.currency)}"
        suffix = f" {UNITS[one.metric.unit]}" if UNITS[one.metric.unit] else ""
        shown.append(Tile(one.metric.label, value(one.value, one.metric, made.ask.currency) + suffix, small, tone, link(key), hint))
    return shown


def picture(made: Shown, compared: Comparison | None, link: Any) -> list[dict[str, Any]]:
    """The stages from top to bottom: how many came, how many of them go on, how long they stay."""
    unit = made.ask.currency
    widest = max([one.n for one in (made.of("stage_conversion", stage) for stage in made.stages) if one], default=1)
    drawn = []
    for stage in made.stages:
        moved, stays = made.of("stage_conversion", stage), made.of("stage_duration", stage)
        if moved is None:
            continue
        text, tone = change(compared.of("stage_conversion", stage), unit) if compared else (fmt.MISSING, "")
        days, days_tone = change(compared.of("stage_duration", stage), unit) if compared else (fmt.MISSING, "")
        naive = made.of("stage_conversion_naive", stage)
        drawn.append({
            "stage": stage, "n": moved.n, "width": f"{max(1.5, moved.n * 100 / widest):.1f}", "on": f"{100 * (moved.value or 0):.1f}",
            "conversion": value(moved.value, moved.metric, unit), "interval": interval(moved, unit), "censored": moved.censored,
            "naive": value(naive.value, naive.metric, unit) if naive else fmt.MISSING, "change": text, "tone": tone,
            "days": value(stays.value, stays.metric, unit) if stays else fmt.MISSING, "days_interval": interval(stays, unit),
            "days_change": days, "days_tone": days_tone, "href": link(f"stage_conversion:{stage}"), "days_href": link(f"stage_duration:{stage}"),
        })  # fmt: skip
    return drawn


def table_rows(found: Sequence[Measured], compared: Comparison | None, unit: str) -> list[dict[str, Any]]:
    """The lines of a table of metrics."""
    rows = []
    at = {(line.either.name, line.either.segment): line for line in compared.found} if compared else {}
    for one in found:
        line = at.get((one.name, one.segment))
        text, tone = change(line, unit)
        suffix = f" {UNITS[one.metric.unit]}" if UNITS[one.metric.unit] else ""
        rows.append({
            "name": one.name, "group": one.metric.group, "metric": f"{one.metric.label}{f' at {one.detail} days' if one.metric.key == 'win_rate_at' else f': {one.detail}' if one.detail else ''}",
            "segment": one.segment, "value": value(one.value, one.metric, unit) + (suffix if one.value is not None else ""), "interval": interval(one, unit),
            "n": one.n, "censored": one.censored, "before": value(line.before.value, one.metric, unit) if line and line.before else fmt.MISSING,
            "change": text, "tone": tone, "mix": parts(line.mix if line else None, one.metric, unit),
            "rate": parts(line.rate if line else None, one.metric, unit), "naive": one.metric.naive,
        })  # fmt: skip
    return rows


def parts(number: Any, metric: Metric, unit: str) -> str:
    """What a segment did to a change, with its sign."""
    if number is None:
        return fmt.MISSING
    sign = "+" if number > 0 else "−" if number < 0 else ""
    text = f"{fmt.number(abs(float(number)) * 100, 2)} pt" if metric.unit == "share" else value(abs(float(number)), metric, unit)
    return f"{sign}{text}"


def curve_chart(found: Curve, metric: Metric, unit: str, title: str) -> Chart:
    """A curve by day."""
    del unit
    names = {"stage_conversion": ("moved on", "lost"), "lead_conversion": ("converted", "given up")}.get(metric.key, ("won", "lost"))
    if metric.key in ("stage_duration", "cycle_median"):
        rows = [{"x": point.day, "y": 1 - point.share_first, "series": "still there"} for point in thinned(found)]
    else:
        rows = [
            {"x": p.day, "y": share, "series": name}
            for p in thinned(found)
            for share, name in ((p.share_first, names[0]), (p.share_other, names[1]))
        ]
    return Chart(title, rows, "Days", "Share", x_kind="number", y_kind="percent", key="curve", note="by days since the begin")


def thinned(found: Curve, most: int = 60) -> list[Any]:
    """Points of a curve, at most so many, the first and last among them."""
    points = [point for point in found.points if point.first or point.other or point is found.points[-1]]
    if len(points) <= most:
        return points
    at = sorted({round(n * (len(points) - 1) / (most - 1)) for n in range(most)})
    return [points[n] for n in at]
