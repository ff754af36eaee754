"""From counted outcomes to metrics, each with n, what is censored, and an interval. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, sqrt

from closedwon.crm.funnel import curves
from closedwon.crm.funnel.catalogue import BY_KEY, Metric
from closedwon.crm.funnel.counted import Counted, Part
from closedwon.crm.funnel.curves import Curve, Span
from closedwon.crm.funnel.policy import FunnelPolicy

ALL = "all"
"""The segment of all deals together."""


@dataclass(frozen=True)
class Measured:
    """A metric of a segment. Money is minor units, shares are between 0 and 1; `num` and `den` make the value where it is a ratio or a sum."""

    metric: Metric
    detail: str
    segment: str
    value: float | None
    n: int
    censored: int
    low: float | None
    high: float | None
    num: int = 0
    den: int = 0

    @property
    def name(self) -> str:
        """The metric's name with its stage or age."""
        return self.metric.named(self.detail)


class _Segment:
    """Makes the metrics of one segment."""

    def __init__(self, found: Counted, segment: str | None, policy: FunnelPolicy) -> None:
        self.found, self.segment, self.policy, self.z = found, segment, policy, policy.z
        self.closed, self.cohort, self.due = (self.part(name) for name in ("closed", "cohort", "due"))

    def part(self, measure: str, stage: str = "") -> Part:
        """The rows of a measure in this segment."""
        return self.found.part(measure, self.segment, stage)

    def made(
        self, key: str, value: float | None, n: int, censored: int, span: Span, detail: str = "", ratio: tuple[int, int] = (0, 0)
    ) -> Measured:
        """One metric."""
        return Measured(BY_KEY[key], detail, ALL if self.segment is None else self.segment, value, n, censored, *span, *ratio)

    def share(self, key: str, num: int, den: int, censored: int, detail: str = "") -> Iterator[Measured]:
        """A share of deals with Wilson's interval; nothing where there is no deal."""
        if den:
            yield self.made(key, num / den, den, censored, curves.wilson(num / den, den, self.z), detail, (num, den))

    def weighed(self, key: str, part: Part, of: Part, column: str, censored: int) -> Iterator[Measured]:
        """A share of amounts; its interval by the spread of a ratio of sums, as wide as Wilson's of as many equal deals."""
        num, den = of.total(column), part.total(column)
        if den <= 0:
            return
        share = num / den
        spread = share * share * (part.squares(column) - of.squares(column)) + (1 - share) ** 2 * of.squares(column)
        variance = spread / den / den
        worth = share * (1 - share) / variance if variance > 0 and 0 < share < 1 else den * den / max(1.0, part.squares(column))
        yield self.made(key, share, part.count, censored, curves.wilson(min(1.0, max(0.0, share)), max(1.0, worth), self.z), "", (num, den))

    def mean(self, key: str, part: Part, column: str, censored: int = 0, detail: str = "") -> Iterator[Measured]:
        """A mean with its interval by the standard error."""
        n = part.count
        if not n:
            return
        total = part.total(column)
        mean = total / n
        spread = max(0.0, part.squares(column) / n - mean * mean)
        half = self.z * sqrt(spread / (n - 1)) if n > 1 else None
        span: Span = (None, None) if half is None else (mean - half, mean + half)
        yield self.made(key, mean, n, censored, span, detail, (total, n))

    def middle(self, key: str, part: Part, column: str) -> Iterator[Measured]:
        """A median of numbers that are all known."""
        value, span = curves.middle(part.pairs(column), self.z)
        if value is not None:
            yield self.made(key, value, part.count, 0, span)

    def grown(self, key: str, found: Curve, detail: str = "") -> Iterator[Measured]:
        """The last share of a curve."""
        if found.points:
            at = len(found.points) - 1
            span = curves.share_span(found, at, self.z)
            yield self.made(key, found.points[at].share_first, found.entries, found.censored, span, detail)

    def half(self, key: str, found: Curve, detail: str = "") -> Iterator[Measured]:
        """The median of a curve with one way out; without a value where it does not come so far."""
        if found.points:
            value, span = curves.median(found, self.z)
            yield self.made(key, value, found.entries, found.censored, span, detail)

    def win_rates(self) -> Iterator[Measured]:
        """Closed-period, cohort and value win rates, and the curve at the policy's ages."""
        won, lost, none = (self.closed.of(name) for name in ("won", "lost", "no_decision"))
        due = self.due.count
        yield from self.share("close_rate", won.count, won.count + lost.count, due)
        yield from self.share("broad_win_rate", won.count, won.count + lost.count + none.count, due)
        yield from self.weighed("value_win_rate", self.closed, won, "entry", due)
        yield from self.share("cohort_win_rate", self.cohort.of("won").count, self.cohort.count, self.cohort.of("open").count)
        found = self.cohort.curve(("won",), ("lost",))
        for age in self.policy.ages:
            yield from self.at_age(found, age)

    def at_age(self, found: Curve, age: int) -> Iterator[Measured]:
        """The win-rate curve at an age; without a value where nobody was watched for so long."""
        if not found.points:
            return
        dropped = sum(point.censored for point in found.points if point.day < age)
        upto = [at for at, point in enumerate(found.points) if point.day <= age]
        if found.seen_until < age and found.points[-1].share_still > 1e-12:
            yield self.made("win_rate_at", None, found.entries, dropped, (None, None), str(age))
        elif not upto:
            yield self.made("win_rate_at", 0.0, found.entries, dropped, curves.wilson(0.0, found.entries, self.z), str(age))
        else:
            share = found.points[upto[-1]].share_first
            yield self.made("win_rate_at", share, found.entries, dropped, curves.share_span(found, upto[-1], self.z), str(age))

    def stages(self, names: Sequence[str]) -> Iterator[Measured]:
        """Conversion and duration of each stage, beside the naive ratios."""
        for name in names:
            moved, visits = self.part("stage", name), self.part("visit", name)
            yield from self.grown("stage_conversion", moved.curve(("forward",), ("lost",)), name)
            yield from self.share("stage_conversion_naive", moved.of("forward").count, moved.count, moved.of("open").count, name)
            yield from self.half("stage_duration", visits.curve(("left",)), name)
            yield from self.mean("stage_duration_naive", visits.of("left"), "days", visits.of("open").count, name)

    def velocity(self) -> Iterator[Measured]:
        """Velocity and its four parts, over the same deals."""
        won, n = self.closed.of("won").dated, self.closed.count
        if not n:
            return
        amount, days, count = won.total("amount"), won.total("days"), won.count
        if amount > 0 and days > 0:
            value = n * (self.closed.of("won").count / n) * (amount / count) / (days / count)
            variance = (
                won.squares("amount") / amount**2 + won.squares("days") / days**2 - 2 * won.squares("amount", "days") / (amount * days)
            )
            spread = exp(self.z * sqrt(max(0.0, variance) + 1 / count))
            yield self.made("velocity", value, n, 0, (value / spread, value * spread))
        yield self.made("velocity_deals", float(n), n, 0, curves.poisson(n, self.z), "", (n, n))
        yield from self.share("velocity_win_rate", self.closed.of("won").count, n, 0)
        yield from self.mean("velocity_price", won, "amount")
        yield from self.mean("velocity_cycle", won, "days")

    def pipeline(self) -> Iterator[Measured]:
        """What was created, what slipped, what was pushed."""
        made, slip, push, worked = (self.part(name) for name in ("made", "slip", "push", "worked"))
        if made.count:
            total, half = made.total("amount"), self.z * sqrt(made.squares("amount"))
            yield self.made(
                "pipeline_created", float(total), made.count, 0, (max(0.0, total - half), total + half), "", (total, made.count)
            )
            yield self.made(
                "pipeline_created_count", float(made.count), made.count, 0, curves.poisson(made.count, self.z), "", (made.count, made.count)
            )
        censored = slip.of("open").count
        yield from self.weighed("slip_rate", slip, slip.of("slipped"), "amount", censored)
        yield from self.share("slip_rate_count", slip.of("slipped").count, slip.count, censored)
        if worked.count:
            low, high = curves.poisson(push.count, self.z)
            ratio = (push.count, worked.count)
            yield self.made("push_rate", push.count / worked.count, worked.count, 0, (low / worked.count, high / worked.count), "", ratio)
        yield from self.mean("push_days", push, "days")

    def cycle(self) -> Iterator[Measured]:
        """How long deals took, and what they sold for."""
        won = self.closed.of("won")
        yield from self.mean("cycle_won_mean", won.dated, "days")
        yield from self.middle("cycle_won_median", won.dated, "days")
        yield from self.half("cycle_median", self.cohort.curve(("won", "lost")))
        priced = won.where(won.amount > 0)
        yield from self.mean("asp_mean", priced, "amount")
        yield from self.middle("asp_median", priced, "amount")

    def discipline(self, names: Sequence[str]) -> Iterator[Measured]:
        """Exit criteria kept."""
        for name in names:
            moves = self.part("exit", name)
            yield from self.share("exit_compliance", moves.of("kept").count, moves.count, 0, name)

    def leads(self) -> Iterator[Measured]:
        """Conversion of leads and follow-up."""
        lead, answers = self.part("lead"), self.part("response")
        yield from self.grown("lead_conversion", lead.curve(("converted",), ("dead",)))
        yield from self.share("lead_conversion_naive", lead.of("converted").count, lead.count, lead.of("open").count)
        running = answers.of("running").count
        yield from self.share("lead_response_in_time", answers.of("in time").count, answers.count - running, running)
        yield from self.half("lead_response_median", answers.curve(("in time", "late"), (), ("running", "unanswered")))


def measured(found: Counted, policy: FunnelPolicy, stages: Sequence[str], segments: Sequence[str] | None = None) -> list[Measured]:
    """Every metric of all deals together, then of each segment; what has no deal has no row. `stages` are the open stages in order."""
    wanted: list[str | None] = [None, *(found.segments if segments is None else segments)]
    made: list[Measured] = []
    for segment in wanted:
        one = _Segment(found, segment, policy)
        for part in (one.win_rates(), one.stages(stages), one.velocity(), one.pipeline(), one.cycle(), one.discipline(stages), one.leads()):
            made += part
    return made
