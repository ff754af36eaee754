"""Accuracy: the calls of past quarters held against what came, day by day before the end, seat by seat, within what the actor may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from closedwon.base.calendar import Period
from closedwon.base.errors import Invalid
from closedwon.base.money import format_major
from closedwon.base.rule import Rule
from closedwon.facts.engine import run
from closedwon.forecast import accuracy as rules
from closedwon.forecast import moments, pace_rules
from closedwon.forecast.actions.deals import DealPage, _cards
from closedwon.forecast.actions.rollups import When, seat_names, seat_notes, seen_by, visible_nodes
from closedwon.forecast.pace_policy import PacePolicy
from closedwon.forecast.reading import Ask, Ground, ask_for, calendar, ground, organisation, rates_of
from closedwon.forecast.rules import converted
from closedwon.people.actor import Actor
from closedwon.people.visibility import Scope, visible_deals
from closedwon.policies.actions import in_force, value_of
from closedwon.workspace import current

LEVELS = (*rules.LEVELS, "executive", "company")
COLUMNS = (
    "period", "seat", "name", "level", "category", "day_n", "day", "call", "rollup", "children", "run_rate", "machine", "actual", "error",
    "abs_error", "bias", "wape", "wape_rollup", "wape_children", "wape_run_rate", "wape_machine", "fva", "fva_children", "fva_run_rate",
    "fva_machine", "deals", "deals_won", "amount", "amount_won", "hit_rate", "hit_rate_value", "lines", "calls", "call_at", "called_by",
)  # fmt: skip
"""The columns of the contract, in order."""


@dataclass(frozen=True)
class Accuracy:
    """The answer: lines, their sums, what seats are in the habit of, and who calls late."""

    lines: Sequence[rules.Line]
    sums: Sequence[rules.Line]
    habits: Sequence[rules.Habit]
    late: Sequence[rules.Lateness]
    names: Mapping[str, str]
    notes_of: Mapping[str, str]
    levels: Mapping[str, str]
    parents: Mapping[str, str]
    ask: Ask
    periods: Sequence[Period]
    policy: PacePolicy
    notes: Sequence[str] = ()

    @property
    def currency(self) -> str:
        """The currency of every amount."""
        return self.ask.currency

    @property
    def has_calls(self) -> bool:
        """Whether there is any call to hold against what came."""
        return any(line.call is not None for line in self.lines)

    def rows(self, some: Sequence[rules.Line] | None = None) -> list[dict[str, Any]]:
        """The lines and then their sums, or some of them, as the contract has them: money in major units as text, empty where there is none."""
        return [self._row(line) for line in ((*self.lines, *self.sums) if some is None else some)]

    def _row(self, line: rules.Line) -> dict[str, Any]:
        def money(minor: int | None) -> str:
            return "" if minor is None else format_major(minor, self.currency)

        call = line.call
        scored = call or line.bases.get("rollup")
        bases = {name: line.bases.get(name) for name in rules.BASES}
        row: dict[str, Any] = {
            "period": line.period, "seat": line.seat, "name": self.names.get(line.seat, line.seat), "level": line.level, "category": line.category,
            "day_n": line.day_n, "day": line.day.isoformat() if line.day else "", "call": money(call.said if call else None),
            **{name: money(said.said if said else None) for name, said in bases.items()}, "actual": money(line.actual),
            "error": money(scored.error if scored else None), "abs_error": money(scored.off if scored else None),
            "bias": share(scored.bias if scored else None), "wape": share(scored.wape if scored else None),
            **{f"wape_{name}": share(said.wape if said else None) for name, said in bases.items()},
            **{
                "fva" if name == "rollup" else f"fva_{name}": share(said.value_added if said and call else None)
                for name, said in bases.items()
            },
            "deals": line.hits.deals, "deals_won": line.hits.won, "amount": money(line.hits.amount), "amount_won": money(line.hits.amount_won),
            "hit_rate": share(line.hits.rate), "hit_rate_value": share(line.hits.value_rate), "lines": line.lines, "calls": line.calls,
            "call_at": line.call_at.astimezone(UTC).isoformat() if line.call_at else "", "called_by": line.called_by,
        }  # fmt: skip
        return {name: row[name] for name in COLUMNS}


def share(value: float | None) -> str:
    """A share as text with four decimals; empty where there is none."""
    return "" if value is None else f"{value:.4f}"


def pace_policy() -> PacePolicy:
    """The pace policy in force, or what is shipped where none was ever applied."""
    version = in_force("forecast-pace")
    return PacePolicy(reference="shipped") if version is None else value_of(version)


def past_quarters(ask: Ask, count: int) -> list[Period]:
    """The last quarters that are over at the question's day, the oldest first."""
    fiscal, made = calendar(), []
    one = fiscal.period_of(ask.day, "quarter")
    if ask.day != one.last:
        one = fiscal.next(one, -1)
    for _ in range(count):
        made.append(one)
        one = fiscal.next(one, -1)
    return made[::-1]


def accuracy(
    *,
    by: Actor,
    as_of: When = None,
    periods: str | int | None = None,
    days: Sequence[int] = (),
    category: str = "",
    level: str = "",
    node: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    callers_only: bool = False,
) -> Accuracy:
    """Calls against what came: `periods` is how many past quarters, or their labels with commas. Raises Invalid for what is none of it.

    A manager gets the own sub-tree, a rep the own seat. With `callers_only`, seats that never called have no lines.
    """
    on, policy = ground(), pace_policy()
    ask = ask_for(on, as_of=as_of, type=type, org=org, rates=rates, currency=currency)
    wanted = _periods(ask, periods or policy.accuracy.periods)
    if level and level not in LEVELS:
        raise Invalid(f"There is no level {level!r}.", mend=f"Use {', '.join(LEVELS)}.")
    if category and category not in rules.CATEGORIES:
        raise Invalid(f"Nobody calls {category!r}.", mend=f"Use {', '.join(rules.CATEGORIES)}.")
    if any(not 0 <= day <= 366 for day in days):
        raise Invalid("A day is how many days before the period's last day.", mend="Give days from 0 to 366, such as 90,30,7.")
    there = organisation(on, ask)
    nodes = visible_nodes(there.tree, seen_by(by, ask, on), node)
    calls = calls_of(on, ask, wanted)
    heights = rules.heights_of(there.tree)
    only = frozenset(call.seat for made in calls for call in made) if callers_only else None
    found = [line for line in _lines(on, ask, tuple(wanted), tuple(days or policy.accuracy.days), only, _version(on)) if line.seat in nodes]
    found = [line for line in found if (not category or line.category == category) and (not level or line.level == level)]
    seats = {line.seat for line in found}
    fitting = (_habit(found, seat, policy) for seat in sorted(seats))
    return Accuracy(
        found, rules.sums(found), [one for one in fitting if one], _late(wanted, calls, seats), seat_names(on, ask), seat_notes(on, ask),
        {seat: rules.level_of(there.tree, heights, seat) for seat in seats},
        {seat: there.tree.parents.get(seat) or "" for seat in seats}, ask, wanted, policy, _notes(found, wanted),
    )  # fmt: skip


def _periods(ask: Ask, asked: str | int) -> list[Period]:
    text = str(asked).strip()
    if text.isdigit() and len(text) <= 3:
        count = int(text)
        if not 1 <= count <= 40:
            raise Invalid(f"{count} quarters cannot be looked at.", mend="Ask for 1 to 40.")
        return past_quarters(ask, count)
    fiscal = calendar()
    found = {one.start: one for one in (fiscal.period(label) for label in text.split(",") if label.strip())}
    for one in found.values():
        if one.kind == "all" or one.last > ask.day:
            raise Invalid(
                f"{one.label} is not over by {ask.day}.",
                mend="Accuracy is about periods that are over; see also: closedwon forecast pacing",
            )
    return [found[start] for start in sorted(found)]


@lru_cache(maxsize=16)
def _lines(
    on: Ground, ask: Ask, periods: tuple[Period, ...], days: tuple[int, ...], only: frozenset[str] | None, _calls_version: int | None
) -> list[rules.Line]:
    """Every line, whoever asks: each period at each day before its end that lies in it."""
    asked = [
        (at, day_n, moments.moment(ask, period, period.last - timedelta(days=day_n))) for at, period in enumerate(periods) for day_n in days
    ]
    asked = [(at, day_n, look) for at, day_n, look in asked if look.day >= periods[at].start]
    cells = moments.cells(on, ask, [look for _, _, look in asked])
    fiscal = calendar()
    before = [fiscal.next(period, -1) for period in periods]
    spans = sorted({*periods, *before})
    booked = dict(zip(spans, moments.booked(on, ask, spans), strict=True))
    calls = calls_of(on, ask, periods)
    made: list[rules.Line] = []
    for (at, day_n, look), found in zip(asked, cells, strict=True):
        period = periods[at]
        seen = rules.Seen(
            period.label, day_n, look.day, (period.end - look.day).days - 1, look.cutoff, moments.place_of(on, ask, look).tree, found,
            booked[period], booked[before[at]], calls[at],
        )  # fmt: skip
        made += rules.lines(seen, only)
    return made


def calls_of(on: Ground, ask: Ask, periods: Sequence[Period]) -> list[list[rules.Call]]:
    """Each period's calls of the question's type made before its as-of, in its currency. A call names its type, or the measure of its quota."""
    return _calls_of(on, replace(ask, by="manager"), tuple(periods), _version(on))


def _version(on: Ground) -> int | None:
    """The version of the calls, which are no part of what makes two grounds alike."""
    return on.release.tables.get("forecast_calls") if on.release else None


@lru_cache(maxsize=32)
def _calls_of(on: Ground, ask: Ask, periods: tuple[Period, ...], _calls_version: int | None) -> list[list[rules.Call]]:
    names = {ask.type.name, ask.type.quota_measure or ask.type.name}
    place = {(one.start, one.end): at for at, one in enumerate(periods)}
    ratios = [{row["currency"]: row for row in rates_of(on, replace(ask, period=one), one.start)} for one in periods]
    made: list[list[rules.Call]] = [[] for _ in periods]
    spans: dict[str, Any] = {}
    for row in on.rows("forecast_calls"):
        if (
            row["type"] not in names
            or row["category"] not in rules.CATEGORIES
            or row["as_of_at"] >= ask.cutoff
            or row["amount_minor"] is None
        ):
            continue
        if row["period"] not in spans:
            spans[row["period"]] = _span(row["period"])
        at = place.get(spans[row["period"]])
        rate = ratios[at].get(row["currency"] or ask.currency) if at is not None else None
        if at is not None and rate is not None:
            amount = converted(row["amount_minor"], rate)
            made[at].append(
                rules.Call(row["position_id"], row["category"], row["as_of_at"], amount, row["user_id"] or "", row["on_behalf_of"] or "")
            )
    return made


def _span(label: str) -> tuple[date, date] | None:
    try:
        found = calendar().period(label)
    except Invalid:
        return None
    return found.start, found.end


def _habit(found: Sequence[rules.Line], seat: str, policy: PacePolicy) -> rules.Habit | None:
    of = policy.accuracy
    mine = (line for line in found if line.seat == seat and line.category == of.category)
    return rules.habit(seat, mine, of.habit / 1_000_000, of.habit_periods)


def _late(periods: Sequence[Period], calls: Sequence[Sequence[rules.Call]], seats: set[str]) -> list[rules.Lateness]:
    zone, rhythm = current().zone, _rhythm()

    def due(at: datetime) -> datetime:
        found: datetime = rhythm.deadline.due(at.astimezone(zone))
        return found

    inside = (
        call
        for period, made in zip(periods, calls, strict=True)
        for call in made
        if call.seat in seats and call.at.astimezone(zone).date() in period
    )
    return rules.lateness(inside, due)


def _rhythm() -> Any:
    from closedwon.forecast.rhythm import Caller, RhythmPolicy

    version = in_force("rhythm")
    return RhythmPolicy(reference="shipped", callers=[Caller()]) if version is None else value_of(version)


def _notes(found: Sequence[rules.Line], periods: Sequence[Period]) -> list[str]:
    if any(line.call is not None for line in found):
        return []
    told = f"Nobody whom you see called {periods[0].label}" + (f" to {periods[-1].label}" if len(periods) > 1 else "")
    return [f"{told}: what is shown is how close the roll-up, the run-rate and the machine were."]


def hit_deals(
    *,
    by: Actor,
    period: str,
    day_n: int,
    category: str = "commit",
    as_of: When = None,
    node: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    skip: int = 0,
    take: int = 50,
) -> DealPage:
    """The open deals that stood in a category on a day before a period's end, the largest first, and which of them were won in it."""
    on = ground()
    ask = ask_for(on, as_of=as_of, type=type, org=org, rates=rates, currency=currency)
    one = _periods(ask, period)[0]
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    look = moments.moment(ask, one, one.last - timedelta(days=day_n))
    tree = moments.place_of(on, ask, look).tree
    wanted = nodes if not node else frozenset(tree.below({node}) | {node}) & (nodes | {node})
    return moment_page(on, ask, look, wanted, [category], seen=seen, skip=skip, take=take)


def moment_page(
    on: Ground, ask: Ask, look: moments.Moment, nodes: frozenset[str], buckets: Sequence[str], *, seen: Scope, skip: int, take: int
) -> DealPage:
    """One page of the deals behind a number of one moment, each as it stood then and with what became of it.

    A seat may have had other deals then: who does not see every deal gets those that they may see at the question's as-of.
    """
    given = {
        **moments.deals_inputs(on, ask, look),
        "wanted_places": [{"place": name} for name in sorted(nodes)],
        "wanted_buckets": [{"bucket": name} for name in dict.fromkeys(buckets)],
    }
    found, count, total = seen_page(on, ask, seen, pace_rules.moment_deals(ask.shape), given, None, skip, take)
    cards = {row["opportunity_id"]: row for row in _cards(on, moments.at(ask, look), [row["opportunity_id"] for row in found])}
    rows = [
        {
            **cards.get(row["opportunity_id"], {}), "opportunity_id": row["opportunity_id"], "category": row["bucket"],
            "amount_in_minor": row["amount_minor"], "came_minor": row["came_minor"] if row["is_won"] else None, "is_won": row["is_won"],
            "flags": (),
        }
        for row in found
    ]  # fmt: skip
    return DealPage(rows, count, total, ask.currency)


EVERY_ROW = 10_000_000


def seen_page(
    on: Ground, ask: Ask, seen: Scope, rule: Rule, given: Mapping[str, Any], dimension: str | None, skip: int, take: int
) -> tuple[list[dict[str, Any]], int, int]:
    """One page of a rule's deals, of those that a scope opens: the rows, how many there are, and what they add up to."""
    skip, take = max(0, skip), max(0, min(take, 1000))
    opened = visible_deals(seen, cutoff=ask.cutoff, release=on.release)
    window = {"skip": skip, "take": take} if opened is None else {"skip": 0, "take": EVERY_ROW}
    found = run(rule, {**given, "page": [{"dimension": dimension, "bucket": None, **window}]}).to_pylist()
    if opened is None:
        return found, *((found[0]["total_count"], found[0]["total_minor"]) if found else (0, 0))
    kept = [row for row in found if row["opportunity_id"] in opened]
    return kept[skip : skip + take], len(kept), sum(row["amount_minor"] for row in kept)


def asked_of(as_of: When) -> Ask:
    """The plain question of an as-of: the default type and currency."""
    return ask_for(ground(), as_of=as_of)
