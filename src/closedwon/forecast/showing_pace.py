"""Accuracy, pacing and pipeline generation in words and pictures: titles that say what happened, rows of tables, how it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import accumulate
from typing import Any

from closedwon.base.calendar import Period
from closedwon.forecast import accuracy as rules
from closedwon.forecast import pacing as pace
from closedwon.forecast import showing
from closedwon.forecast.actions.accuracy import Accuracy
from closedwon.forecast.actions.generation import Generated
from closedwon.forecast.actions.pacing import Pacing
from closedwon.ui import format as fmt
from closedwon.ui.charts import Chart
from closedwon.ui.context import View

FORECASTERS = {"call": "Call", "rollup": "Roll-up", "run_rate": "Run-rate"}
LAST_SHOWN = 5
"""In the very last days everybody is close: pictures end before."""
VERDICTS = {"sandbags": ("sandbags", "warn"), "optimistic": ("optimistic", "warn")}
ORDER = ("company", "executive", "vp", "director", "manager", "rep")


def top_level(found: Accuracy) -> str:
    """The highest level that the answer has, among those with calls where there are any."""
    levels = {line.level for line in found.lines if line.call is not None or not found.has_calls}
    return next((level for level in ORDER if level in levels), "rep")


def level_line(found: Accuracy, level: str, category: str, day_n: int) -> rules.Line | None:
    """A level's line over all periods, on a day or the nearest one that was measured."""
    lines = [
        line for line in found.sums if line.seat == "all" and line.period == "all" and line.level == level and line.category == category
    ]
    return min(lines, key=lambda line: (abs(line.day_n - day_n), line.day_n), default=None)


def accuracy_lead(found: Accuracy) -> str:
    """Over what is looked at."""
    first, last = found.periods[0], found.periods[-1]
    span = first.label if first == last else f"{first.label} to {last.label}"
    return f"How close do we call? Each call of {span} against what was booked, on set days before the quarter’s end."


def _scored(line: rules.Line, name: str) -> rules.Said | None:
    return line.call if name == "call" else line.bases.get(name)


def closeness(found: Accuracy, category: str, level: str) -> Chart:
    """How far off each forecaster was, by day before the end."""
    days = [day for day in sorted({line.day_n for line in found.lines}, reverse=True) if day >= LAST_SHOWN] or [0]
    lines = {day: level_line(found, level, category, day) for day in days}
    rows = []
    for day in days:
        line = lines[day]
        for name, label in FORECASTERS.items():
            said = _scored(line, name) if line is not None and line.day_n == day else None
            if name != "call" or found.has_calls:
                rows.append({"x": f"{day} d", "y": said.wape if said else None, "series": label})
    at = level_line(found, level, category, 30)
    return Chart(
        _closeness_title(at), rows, "Days before the end", "Off on average (WAPE)", kind="line", x_kind="text", y_kind="percent", key="closeness",
        note=f"{level}, {showing.category(category).lower()}", series_label="Who said it",
    )  # fmt: skip


def _closeness_title(line: rules.Line | None) -> str:
    if line is None:
        return "Nothing to hold against what came"
    rollup = line.bases.get("rollup")
    if line.call is None:
        off = rollup.wape if rollup else None
        return f"{line.day_n} days before the end the roll-up of deals was off by {fmt.percent(off)}"
    added = rollup.value_added if rollup else None
    verb = "closer" if (added or 0) >= 0 else "further off"
    return f"{line.day_n} days before the end calls were off by {fmt.percent(line.call.wape)}, {fmt.percent(abs(added or 0))} {verb} than the deals alone"


def _who(found: Accuracy, seat: str) -> str:
    holder = found.notes_of.get(seat, "")
    return holder if holder and holder != "vacant" else found.names.get(seat, seat)


def habit_words(found: Accuracy) -> list[str]:
    """Who sandbags, who is optimistic and who is late, in sentences, the largest first."""
    made = []
    for one in sorted((one for one in found.habits if one.verdict), key=lambda one: -abs(one.bias)):
        what = "sandbags: calls" if one.verdict == "sandbags" else "is optimistic: calls"
        side = "too low" if one.bias < 0 else "too high"
        seat = found.names.get(one.seat, one.seat)
        made.append(
            f"{_who(found, one.seat)} ({seat}) {what} {fmt.percent(abs(one.bias))} {side}, in {one.agreeing} of {one.periods} quarters."
        )
    return made + [
        f"{_who(found, week.seat)} ({found.names.get(week.seat, week.seat)}) is late in {week.late:,} of {week.weeks:,} weeks."
        for week in late_ones(found)
    ]


def late_ones(found: Accuracy) -> list[rules.Lateness]:
    """Seats that are late as a habit, the most often late first."""
    limit = found.policy.accuracy.late / 1_000_000
    kept = [one for one in found.late if one.weeks >= 4 and one.share >= limit]
    return sorted(kept, key=lambda one: (-one.share, one.seat))


def habit_chart(found: Accuracy) -> Chart | None:
    """Who calls too low and who too high: the seats furthest from zero."""
    named = sorted(found.habits, key=lambda one: -abs(one.bias))[:7]
    if not named:
        return None
    rows = [{"x": _who(found, one.seat), "y": round(one.bias, 4)} for one in sorted(named, key=lambda one: one.bias)]
    told = {verdict: [_who(found, one.seat) for one in named if one.verdict == verdict] for verdict in VERDICTS}
    parts = [
        f"{' and '.join(who)} {verb}"
        for who, verb in (
            (told["sandbags"], "sandbags" if len(told["sandbags"]) == 1 else "sandbag"),
            (told["optimistic"], "is optimistic" if len(told["optimistic"]) == 1 else "are optimistic"),
        )
        if who
    ]
    title = ", ".join(parts) if parts else "Nobody sandbags, nobody is too optimistic"
    return Chart(
        title, rows, "Seat", "Bias", kind="bar", x_kind="text", y_kind="percent", key="habits",
        note="the seven furthest from zero; below 0 is too low",
    )  # fmt: skip


def hit_chart(found: Accuracy, level: str) -> Chart:
    """How often deals in a category were won in the period, by day before the end."""
    days = sorted({line.day_n for line in found.lines}, reverse=True)
    rows = []
    for day in days:
        for category in rules.CATEGORIES:
            line = level_line(found, level, category, day)
            if line is not None and line.day_n == day:
                rows.append({"x": f"{day} d", "y": line.hits.rate, "series": showing.category(category)})
    at = level_line(found, level, "commit", 30)
    title = "No deal stood in commit"
    if at is not None and at.hits.deals:
        title = f"Of deals in commit {at.day_n} days before the end, {fmt.percent(at.hits.rate)} were won in the quarter"
    return Chart(
        title, rows, "Days before the end", "Share won in the period", kind="line", x_kind="text", y_kind="percent", key="hits",
        note="by number of deals", series_label="Category",
    )  # fmt: skip


def seat_rows(found: Accuracy, category: str) -> list[dict[str, Any]]:
    """Each seat with its habit, its error 30 days before the end, and its late weeks."""
    habits = {one.seat: one for one in found.habits}
    late = {one.seat: one for one in found.late}
    near = min({line.day_n for line in found.lines} or {30}, key=lambda day: (abs(day - 30), day))
    rows = []
    for line in found.sums:
        if line.seat == "all" or line.category != category or line.day_n != near:
            continue
        one, week, rollup = habits.get(line.seat), late.get(line.seat), line.bases.get("rollup")
        rows.append(
            {
                "id": line.seat, "seat": line.seat, "name": found.names.get(line.seat, line.seat), "holder": found.notes_of.get(line.seat, ""),
                "verdict": one.verdict or None if one else None, "bias": one.bias if one else None,
                "periods": one.periods if one else line.calls, "wape": line.call.wape if line.call else None,
                "rollup": rollup.wape if rollup else None, "fva": rollup.value_added if rollup and line.call else None,
                "late": week.share if week else None, "level": found.levels.get(line.seat, line.level),
            }
        )  # fmt: skip
    return rows


def seat_words(found: Accuracy, seat: str) -> str:
    """What a seat is in the habit of, in one sentence."""
    one = next((one for one in found.habits if one.seat == seat), None)
    if one is None:
        return f"Too few quarters with a call to speak of a habit; it takes {found.policy.accuracy.habit_periods}."
    parts = [f"{period} {fmt.percent(bias, sign=True)}" for period, bias in one.biases.items()]
    verdict = {"sandbags": "Calls too low as a habit", "optimistic": "Calls too high as a habit"}.get(one.verdict, "No habit")
    return f"{verdict}: {fmt.percent(one.bias, sign=True)} in the middle ({', '.join(parts)})."


def basis(found: Accuracy, view: View) -> list[tuple[str, str]]:
    """What the answer stands on."""
    return [
        ("As of", fmt.day(found.ask.day, year=True)),
        ("Quarters", ", ".join(one.label for one in found.periods)),
        ("Counts", found.ask.type.label),
        ("Organisation", "as it was on the day of each call" if view.org == "as-was" else "as it is today"),
    ]


def measured_accuracy(found: Accuracy, view: View) -> list[tuple[str, str]]:
    """How it is measured, as pairs."""
    days = ", ".join(str(day) for day in sorted({line.day_n for line in found.lines}, reverse=True))
    return [
        (
            "Formula",
            "WAPE = Σ |call − came| ÷ Σ |came|; bias = Σ (call − came) ÷ Σ |came|; value added = WAPE of the roll-up − WAPE of the call",
        ),
        (
            "Population",
            "The call in force at the close of each day; came is what was booked in the quarter, accepted orders of the type’s deals, "
            "by the seats that were below on that day",
        ),
        ("Days before the last day", days),
        ("Commit won", "Open deals in the category on that day, dated in the quarter: how many were won with a date in it, by the as-of"),
        *basis(found, view),
    ]


def curve(found: Pacing) -> Chart:
    """How this quarter runs against the earlier ones: what was booked of the final sum, week by week."""
    before = [found.total.lines[one.label].weeks for one in found.past if one.label in found.total.lines]
    now = found.total.lines.get(found.period.label)
    final = found.total.pace.projected
    done = max(1, round(found.elapsed * pace.WEEKS))
    rows: list[dict[str, Any]] = []
    for week in range(pace.WEEKS - 1):  # at the end every quarter is at the whole
        values = [line[week] for line in before]
        here = now.weeks[week] * found.total.pace.now.booked / final if now and final and week < done else None
        several = {"Mean": sum(values) / len(values), "Lowest": min(values), "Highest": max(values)} if values else {}
        for name, value in {found.period.label: here, **several}.items():
            rows.append({"x": str(week + 1), "y": None if value is None else round(value, 4), "series": name})
    return Chart(
        pacing_title(found), rows, "Thirteenth of the quarter", "Share booked", kind="line", x_kind="text", y_kind="percent", key="pace",
        note="by thirteenths of the quarter", series_label="Quarter",
    )  # fmt: skip


def pacing_title(found: Pacing) -> str:
    """Whether this quarter is ahead of the same day of earlier ones."""
    one, unit = found.total.pace, found.currency
    before = one.mean("booked")
    if before is None:
        return "There is no earlier quarter to compare with"
    gap = one.now.booked - before
    day = f"{fmt.percent(found.elapsed, 0)} into {found.period.label}"
    if not gap:
        return f"{day}, as much is booked as on the same day before"
    side = "more" if gap > 0 else "less"
    return f"{day}, {fmt.compact(abs(gap), unit)} {unit} {side} is booked than on the same day of the {len(one.past)} quarters before"


def month_chart(found: Pacing) -> Chart:
    """In which month of the quarter bookings come."""
    rows = []
    for label in reversed([one.label for one in found.past]):
        line = found.total.lines.get(label)
        for number, value in enumerate(line.months if line else (), 1):
            rows.append({"x": label, "y": round(value, 4), "series": f"Month {number}"})
    lines = [found.total.lines[one.label] for one in found.past if one.label in found.total.lines]
    title = "Nothing was booked before"
    if lines:
        last = sum(line.months[-1] for line in lines) / len(lines)
        week = sum(line.last_week for line in lines) / len(lines)
        title = f"{fmt.percent(last, 0)} of a quarter comes in its last month, {fmt.percent(week, 0)} in its last week"
    return Chart(
        title, rows, "Quarter", "Share of bookings", kind="bar", x_kind="text", y_kind="percent", key="months",
        note="linearity; months 1 to 3", series_label="Month",
    )  # fmt: skip


def required_words(found: Pacing) -> str:
    """What coverage the yield asks for, in one sentence."""
    one, unit = found.total.pace, found.currency
    won = one.won_share
    if won is None or one.required is None:
        return "No earlier quarter had open pipeline on this day, so no coverage can be asked for."
    text = (
        f"Of the pipeline open on this day {fmt.percent(won.value)} was won in the quarter ({fmt.percent(won.low)} to {fmt.percent(won.high)}, "
        f"{won.n} quarters), so each unit of quota that is left takes {fmt.ratio(one.required)} open pipeline."
    )
    if one.spare is None:
        return text
    more = "spare" if one.spare >= 0 else "missing"
    return f"{text} {fmt.compact(abs(one.spare), unit)} {unit} {more}."


def pace_rows(found: Pacing) -> list[dict[str, Any]]:
    """Each group with its day now and the same day before."""
    rows = []
    for group in found.groups:
        one, won = group.pace, group.pace.won_share
        before = one.mean("booked")
        rows.append(
            {
                "id": group.key, "parent": group.parent or None, "name": group.name, "note": group.note, "booked": one.now.booked, "before": before,
                "change": None if before is None else one.now.booked - before, "open": one.now.open, "open_before": one.mean("open"),
                "commit": one.now.commit, "quota": one.now.quota, "coverage": one.now.coverage, "required": one.required,
                "won": won.value if won else None, "n": won.n if won else None, "low": won.low if won else None, "high": won.high if won else None,
                "spare": one.spare, "projected": one.projected, "undated": one.now.undated,
            }
        )  # fmt: skip
    return rows


def measured_pacing(found: Pacing) -> list[tuple[str, str]]:
    """How it is measured, as pairs."""
    days = "; ".join(f"{one.period} {fmt.day(one.day, year=True)}" for one in (found.total.pace.now, *found.total.pace.past))
    return [
        (
            "Formula",
            "Same day = the day at the same share of the quarter; yield = Σ won ÷ Σ open on that day; required coverage = 1 ÷ yield",
        ),
        (
            "Population",
            "Open: deals not omitted with a date in the quarter, and for the yield those without a date; booked: accepted orders of the type’s "
            "deals, or won deals where there are no orders; won: open on that day and won with a date in the quarter",
        ),
        ("Days", days),
        ("Range", "the lowest and the highest of the quarters; the middle figure is pooled, sum over sum"),
        ("Counts", found.ask.type.label),
    ]


def created_chart(found: Generated) -> Chart:
    """Pipeline created so far, week by week, against earlier quarters."""
    period, target = found.ask.period, found.total.made.target
    now = _running(period, found.total.by_day)
    before = [_running(one, found.history[one.label]) for one in found.past if one.label in found.history]
    whole = sum(line[-1] for line in before)
    done = pace.part_of(period, max(period.start, min(found.ask.day, period.last)))
    rows: list[dict[str, Any]] = []
    for week in range(pace.WEEKS):
        so_far = sum(line[week] for line in before)
        told = {
            period.label: now[week] if week <= done and found.ask.day >= period.start else None,
            "Mean before": so_far // len(before) if before else None,
            "Target’s pace": target * so_far // whole if target is not None and whole else None,
        }
        rows += [{"x": str(week + 1), "y": value, "series": name} for name, value in told.items()]
    return Chart(
        generation_title(found), rows, "Thirteenth of the quarter", "Created", kind="line", x_kind="text", y_kind="money", currency=found.currency,
        key="created", note="running sums by thirteenths of the quarter", series_label="Quarter",
    )  # fmt: skip


def _running(period: Period, days: Mapping[date, int]) -> list[int]:
    """What was created by the end of each thirteenth of a period."""
    made = [0] * pace.WEEKS
    for day, amount in days.items():
        made[pace.part_of(period, day)] += amount
    return list(accumulate(made))


def generation_title(found: Generated) -> str:
    """Whether enough pipeline is created."""
    one, unit = found.total.made, found.currency
    start = f"{fmt.compact(one.now.created, unit)} {unit} of pipeline created in {found.ask.period.label}"
    if one.ahead is not None:
        side = "ahead of" if one.ahead >= 0 else "behind"
        return f"{start}, {fmt.compact(abs(one.ahead), unit)} {side} the pace of the target"
    if one.mean is not None:
        gap = one.now.created - one.mean
        return f"{start}, {fmt.compact(abs(gap), unit)} {'more' if gap >= 0 else 'less'} than on the same day before"
    return start


def generation_rows(groups: Sequence[Any]) -> list[dict[str, Any]]:
    """Each group's generation."""
    return [
        {
            "id": group.key, "name": group.name, "note": group.note, "target": group.made.target, "created": group.made.now.created,
            "deals": group.made.now.deals, "attained": group.made.attained, "expected": group.made.expected, "ahead": group.made.ahead,
            "projected": group.made.projected, "closes_in": group.made.now.closes_in, "closes_next": group.made.now.closes_next,
            "later": group.made.now.closes_later + group.made.now.undated, "mean": group.made.mean, "from": group.made.target_from,
        }
        for group in groups
    ]  # fmt: skip


def coming_rows(found: Generated) -> list[dict[str, Any]]:
    """The next quarter's targets, and what this quarter has created for it so far."""
    here = {group.key: group.made.now.closes_next for group in found.groups}
    return [
        {
            "id": group.key, "name": group.name, "note": group.note, "target": group.made.target, "created": group.made.now.created,
            "early": here.get(group.key, 0), "share": here.get(group.key, 0) / group.made.target if group.made.target else None,
            "from": group.made.target_from,
        }
        for group in found.coming
    ]  # fmt: skip


def measured_generation(found: Generated, tracked: bool) -> list[tuple[str, str]]:
    """How it is measured, as pairs."""
    born = "the day it was accepted as pipeline" if tracked else "the day it was created"
    share = found.total.made.share
    by_now = (
        f"; they had created {fmt.percent(share.value)} by this day ({fmt.percent(share.low)} to {fmt.percent(share.high)}, {share.n})"
        if share
        else ""
    )
    return [
        ("Formula", "Pace of the target = target × Σ created by this day ÷ Σ created in all, of the quarters before" + by_now),
        (
            "Population",
            f"Deals of the type with an amount above 0, not omitted and not deleted, each once on {born}, at its amount and close date at the close "
            "of that day, with the seat of its owner",
        ),
        ("Target", "The table targets (measure pipeline_created), else the policy’s share of the company’s, else so many times the quota"),
        ("As of", fmt.day(found.ask.day, year=True)),
        ("Counts", found.ask.type.label),
    ]
