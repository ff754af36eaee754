"""The verbs of the funnel: show it, compare two periods, and the deals behind a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid, NotFound
from closedwon.crm.funnel import reading, results, rules
from closedwon.crm.funnel.catalogue import BY_KEY, Metric, metric_of
from closedwon.crm.funnel.comparing import Compared, compared
from closedwon.crm.funnel.curves import Curve
from closedwon.crm.funnel.measuring import ALL, Measured, measured
from closedwon.crm.funnel.reading import Ask, Ground
from closedwon.crm.funnel.reading_leads import leads_page
from closedwon.facts.engine import run
from closedwon.people.actor import Actor


@dataclass(frozen=True)
class Shown:
    """The funnel of a period: every metric of all deals, then of each segment."""

    ask: Ask
    found: Sequence[Measured]
    segments: Sequence[str]
    stages: Sequence[str]
    notes: Sequence[str] = ()

    def of(self, key: str, detail: str = "", segment: str = ALL) -> Measured | None:
        """One metric of a segment."""
        name = BY_KEY[key].named(detail)
        return next((one for one in self.found if one.name == name and one.segment == segment), None)

    def each(self, key: str, detail: str = "") -> list[Measured]:
        """A metric of every segment that has it."""
        name = BY_KEY[key].named(detail)
        return [one for one in self.found if one.name == name and one.segment != ALL]

    def rows(self) -> list[dict[str, Any]]:
        """The lines as the contract has them."""
        return results.rows(self.found, self.ask.currency)


@dataclass(frozen=True)
class Comparison:
    """Two periods side by side."""

    ask: Ask
    other: Period
    found: Sequence[Compared]
    now: Shown
    before: Shown
    _at: Mapping[tuple[str, str], Compared] = field(default_factory=dict)

    def of(self, key: str, detail: str = "", segment: str = ALL) -> Compared | None:
        """One metric of a segment in both periods."""
        name = BY_KEY[key].named(detail)
        return next((one for one in self.found if one.either.name == name and one.either.segment == segment), None)

    def rows(self) -> list[dict[str, Any]]:
        """The lines as the contract has them."""
        return results.compared_rows(self.found, self.ask.currency)


@dataclass(frozen=True)
class Behind:
    """A page of the deals behind a number, and how many there are."""

    rows: list[dict[str, Any]]
    total: int
    metric: Metric
    detail: str


def show(by: Actor, **words: Any) -> Shown:
    """The funnel of a period within what the actor may see, split by a dimension where one is named."""
    ask = reading.ask_for(**words)
    return shown(reading.ground(by, ask), ask)


def shown(on: Ground, ask: Ask) -> Shown:
    """The funnel of a question."""
    found = reading.counted(on, ask)
    stages = reading.shown_stages(found)
    segments = found.segments if ask.by.of else []
    return Shown(ask, measured(found, reading.funnel_policy(), stages, segments), segments, stages)


def compare(by: Actor, *, other: str | Period, **words: Any) -> Comparison:
    """A period beside another one, both as they are known at the as-of, and what each segment did to the change."""
    ask = reading.ask_for(**words)
    with_period = other if isinstance(other, Period) else reading.calendar().period(other)
    on = reading.ground(by, ask)
    now, before = shown(on, ask), shown(on, replace(ask, period=with_period))
    return Comparison(ask, with_period, compared(now.found, before.found, bool(ask.by.of)), now, before)


def previous(period: Period) -> Period:
    """The period before one; a calendar period's is a calendar period. Raises Invalid for all time."""
    if period.kind == "all":
        raise Invalid("There is nothing before all time.", mend="Choose a quarter, a month or a year.")
    plain = period.label[:4]
    if plain.isdigit():  # 2017, 2017-Q4, 2017-10
        if period.kind == "year":
            return reading.calendar().period(str(int(plain) - 1))
        day = date.fromordinal(period.start.toordinal() - 1)
        label = f"{day.year}-Q{(day.month + 2) // 3}" if period.kind == "quarter" else f"{day.year}-{day.month:02d}"
        return reading.calendar().period(label)
    return reading.calendar().next(period, -1)


def behind(by: Actor, name: str, *, segment: str = "", outcome: str = "", skip: int = 0, take: int = 50, **words: Any) -> Behind:
    """The deals behind a metric (`close_rate`, `stage_conversion:2-Scoping`), largest first, with their names; only those that `by` may see."""
    found = metric_of(name)
    if found is None:
        raise NotFound(f"The funnel has no metric {name!r}.", mend=f"There are: {', '.join(BY_KEY)}.")
    metric, detail = found
    if not (0 <= skip <= 10_000_000 and 1 <= take <= 10_000):
        raise Invalid("A page has 1 to 10,000 rows.")
    ask = reading.ask_for(**words)
    on = reading.ground(by, ask)
    wanted = [outcome] if outcome else list(metric.within)
    if metric.within and outcome and outcome not in metric.within:
        return Behind([], 0, metric, detail)
    page = {
        "measure": metric.measure, "every_segment": not segment or segment == ALL, "segment": segment, "every_stage": not metric.staged or not detail,
        "stage": detail, "every_outcome": not wanted, "priced": metric.priced, "dated": metric.dated, "skip": skip, "take": take,
    }  # fmt: skip
    outcomes = [{"outcome": one} for one in wanted]
    if metric.measure in ("lead", "response"):
        leads = leads_page(on, ask, page, outcomes)
        return Behind(leads, leads[0]["total"] if leads else 0, metric, detail)
    rule = rules.behind(reading.shape_of(ask, reading.funnel_policy()))
    rows = run(rule, {**reading.given(on, ask), "page": [page], "outcomes": outcomes}).to_pylist()
    named = reading.names_of([row["opportunity_id"] for row in rows], on, ask.cutoff)
    made = [{**row, "entered": row["stage"], "id": row["opportunity_id"], **named.get(row["opportunity_id"], {})} for row in rows]
    return Behind(made, rows[0]["total"] if rows else 0, metric, detail)


CURVES = {
    "stage_conversion": (("forward",), ("lost",), ("open",)), "stage_conversion_naive": (("forward",), ("lost",), ("open",)),
    "stage_duration": (("left",), (), ("open",)), "stage_duration_naive": (("left",), (), ("open",)), "win_rate_at": (("won",), ("lost",), ("open",)),
    "cohort_win_rate": (("won",), ("lost",), ("open",)), "cycle_median": (("won", "lost"), (), ("open",)),
    "lead_conversion": (("converted",), ("dead",), ("open",)), "lead_response_median": (("in time", "late"), (), ("running", "unanswered")),
}  # fmt: skip
"""The ways out of each metric that is read from a curve: its own, those that compete, and those that are still there."""


def curve_of(by: Actor, name: str, *, segment: str = "", **words: Any) -> Curve | None:
    """The curve behind a metric, with those at risk; None where it has none."""
    found = metric_of(name)
    if found is None or found[0].key not in CURVES:
        return None
    ask = reading.ask_for(**words)
    counted = reading.counted(reading.ground(by, ask), ask)
    first, other, still = CURVES[found[0].key]
    part = counted.part(found[0].measure, segment if segment and segment != ALL else None, found[1] if found[0].staged else "")
    return part.curve(first, other, still)
