"""The weekly summary within what the actor may see: the week's numbers from the forecast's own answers, then the sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from closedwon.base.calendar import Period
from closedwon.facts.engine import run
from closedwon.forecast import rules
from closedwon.forecast.actions import projection as machines
from closedwon.forecast.actions.board import WEEK, year_before
from closedwon.forecast.actions.deals import _cards
from closedwon.forecast.actions.flags import all_marked, open_deals
from closedwon.forecast.actions.flows import fallen, nodes_of
from closedwon.forecast.actions.rollups import When, rolled, seat_names, seen_by, visible_nodes
from closedwon.forecast.reading import Ask, Ground, ask_for, ground, organisation, waterfall_inputs
from closedwon.forecast.results import Line
from closedwon.forecast.showing import plain_label
from closedwon.forecast.summary import rules as summary_rules
from closedwon.forecast.summary import week as weeks
from closedwon.forecast.summary.calls import CallBook
from closedwon.forecast.summary.policy import SummaryPolicy, due_day
from closedwon.forecast.summary.say import Say
from closedwon.forecast.summary.sentences import write
from closedwon.forecast.summary.text import Source, Summary
from closedwon.forecast.summary.week import CALLED, Week
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED, Tree
from closedwon.people.visibility import Scope, closing_cutoff
from closedwon.policies.actions import in_force, value_of
from closedwon.ui import format as fmt
from closedwon.workspace import current

FORECAST = ("commit", "most_likely", "best_case")
"""The categories of the forecast: what is open and not merely pipeline."""
MOST_MOVES = 60
ENDS = ("won", "lost", "deleted", "pushed_out", "transferred_out")
"""Bars through which a deal leaves: where one deal stands under several, these tell what became of it."""


def policy_in_force() -> SummaryPolicy:
    """The summary policy in force; the shipped numbers where none was ever applied."""
    version = in_force("summary")
    return SummaryPolicy(reference="none applied") if version is None else value_of(version)


def say(today: date | None = None) -> Say:
    """The company's way of writing amounts, shares and days; a year is written where it is not that of `today`."""
    year = today.year if today else None
    return Say(
        money=lambda minor, unit: fmt.compact(minor, unit, symbol=True), percent=lambda ppm: fmt.ppm(ppm, 0),
        day=lambda value: f"{value:%a} {fmt.day(value, year=value.year != year)}", ratio=lambda ppm: fmt.ratio(ppm / 1_000_000),
    )  # fmt: skip


def summary(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
) -> Summary:
    """The summary of a week within what the actor may see, for all of it or for one node."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    return write(week(on, ask, by, node), policy_in_force(), say(ask.day))


@dataclass(frozen=True)
class Sight:
    """What the reader sees of a question: the scope, the tree, the nodes in sight, the one at the head, and those at the top."""

    seen: Scope
    tree: Tree
    nodes: frozenset[str]
    node: str
    tops: tuple[str, ...]

    @property
    def head(self) -> str:
        """The one node at the head; empty where there are several."""
        return self.tops[0] if len(self.tops) == 1 else ""

    def under(self, place: str) -> str:
        """The node right below the head (or at the top) that a place lies under; the place itself where it is the head."""
        path = [one for one in self.tree.path(place) if one in self.nodes]
        if self.head:
            return path[1] if len(path) > 1 else self.head
        return path[0] if path else place

    @property
    def right_below(self) -> tuple[str, ...]:
        """The nodes right below the head, or those at the top."""
        return tuple(one for one in self.tree.children.get(self.head, ()) if one in self.nodes) if self.head else self.tops


def sight_of(on: Ground, ask: Ask, by: Actor, node: str | None) -> Sight:
    """What an actor sees of a question. Raises Refused where that is nothing, NotFound for a node out of sight."""
    seen = seen_by(by, ask, on)
    tree = organisation(on, ask).tree
    nodes = visible_nodes(tree, seen, node)
    roots = [one for one in tree.order if one in nodes and (tree.parents.get(one) or "") not in nodes and one != UNASSIGNED]
    busy = {line.node for line in rolled(on, ask, seen).lines if not line.parent and not line.is_empty}
    return Sight(seen, tree, nodes, node or "", (node,) if node else tuple(one for one in roots if one in busy) or tuple(roots))


def week(on: Ground, ask: Ask, by: Actor, node: str | None) -> Week:
    """The numbers of the week that ends at a question's day."""
    policy = policy_in_force()
    sight = sight_of(on, ask, by, node)
    before = replace(ask, cutoff=closing_cutoff(ask.day - WEEK))
    now, then = (_line(on, one, sight) for one in (ask, before))
    fall = fallen(on, before, ask, sight.seen, node=node)
    calls = CallBook.of(on, ask, sight)
    found = _machine(on, ask, by, node)
    sources = sources_of(on, ask, before, sight)
    is_open = ask.day < ask.period.last
    risks = _risks(on, ask, sight) if is_open else _Risks()
    late = calls.late()
    return Week(
        company=current().settings.company, scope=_scope(on, ask, sight), type=ask.type.label, period=ask.period.label, currency=ask.currency,
        day=ask.day, since=before.day, days_left=max(0, (ask.period.last - ask.day).days), sources=sources, quota=now.quota or None,
        closed=now["closed"], closed_before=then["closed"] if before.day >= ask.period.start else None,
        rollup={name: now.cumulative(name) for name in CALLED}, rollup_before={name: then.cumulative(name) for name in CALLED},
        open=now.open_in_period, open_commit=now["commit"], coverage_year=_coverage_year(on, ask, sight), call=calls.head(), called_by=len(sight.tops),
        calls_known=calls.known, below=_below(on, ask, sight, calls, found), machine=found, flow=fall.total.amounts,
        moves=_moves(on, before, ask, sight, fall.total.amounts), flagged=risks.flagged, forecasted=sum(now[name] for name in FORECAST),
        risks=risks.risks, largest=risks.largest, asks=risks.asks, due=due_day(ask.day, policy.tell.asks_due), late=late,
        expected=len(calls.callers), calls_due=calls.written(calls.due) if calls.due else "", alarms=fall.alarms if sight.seen.everything else (),
    )  # fmt: skip


def _line(on: Ground, ask: Ask, sight: Sight) -> Line:
    found = rolled(on, ask, sight.seen, node=sight.node or None)
    return next((one for one in found.lines if one.node == sight.node), found.total) if sight.node else found.total


def _scope(on: Ground, ask: Ask, sight: Sight) -> str:
    if sight.node:
        return seat_names(on, ask).get(sight.node, sight.node)
    if sight.seen.everything or not sight.tops:
        return current().settings.company
    names = seat_names(on, ask)
    return ", ".join(names.get(one, one) for one in sight.tops[:3]) + ("" if len(sight.tops) <= 3 else " and others")


def sources_of(on: Ground, ask: Ask, before: Ask, sight: Sight) -> dict[str, Source]:
    """Where each kind of figure is shown, with the filters that show it."""
    scope = _scope(on, ask, sight)
    text = f"{ask.type.label}, {ask.period.label}, {scope}"
    kept = {"scope": sight.node, "type": "" if ask.type.name == on.policy.default else ask.type.name}
    kept |= {"org": "" if ask.org == "as-was" else ask.org, "rates": "" if ask.rates == "plan" else ask.rates}
    kept |= {"currency": "" if ask.currency == current().settings.currency else ask.currency}

    def page(name: str, path: str, at: Ask = ask, words: str = text, **more: str) -> Source:
        given = {"period": at.period.label, "as_of": at.day.isoformat(), **kept, **more}
        return Source(name, words, at.day, f"{path}?{urlencode({key: value for key, value in given.items() if value})}")

    year = _year_ask(ask)
    since = f"{text}, since {fmt.day(before.day, year=before.day.year != ask.day.year)}"
    return {
        "board": page("Forecast board", "/forecast/"), "week": page("Forecast board, against a week before", "/forecast/"),
        "year": page("Forecast board a year before", "/forecast/", year, f"{ask.type.label}, {year.period.label}, {scope}"),
        "waterfall": page("Waterfall", "/forecast/waterfall", words=since, begin=before.day.isoformat()),
        "calls": page("Forecast calls", "/forecast/summary/calls"), "machine": page("Projection", "/forecast/projection"),
        "deals": page("Open deals of the board", "/forecast/"),
        "flags": page("Deal inspection", "/forecast/deals"), "policy": page("Weekly summary’s policy", "/policies/summary/", words=""),
    }  # fmt: skip


def _year_ask(ask: Ask) -> Ask:
    before = year_before(ask.period)
    if before == ask.period:
        return ask
    same = before.start + timedelta(days=(ask.day - ask.period.start).days)
    return replace(ask, period=before, cutoff=closing_cutoff(same))


def _coverage_year(on: Ground, ask: Ask, sight: Sight) -> float | None:
    year = _year_ask(ask)
    if year == ask:
        return None
    found = rolled(on, year, sight.seen, node=None)
    line = next((one for one in found.lines if one.node == sight.node), None) if sight.node else found.total
    return None if line is None or not line.open_in_period else line.coverage_of_rest


def _machine(on: Ground, ask: Ask, by: Actor, node: str | None) -> weeks.Machine:
    if not machines.is_at_hand(on, ask):
        return weeks.Machine(refusal="It is not ready yet; open the projection page to have it made.")
    found = machines.projected(on, ask, by, node, 0)
    if found.refusal:
        return weeks.Machine(refusal=found.refusal)
    return weeks.Machine(found.median, found.low, found.high)


def _below(on: Ground, ask: Ask, sight: Sight, calls: CallBook, found: weeks.Machine) -> list[weeks.Call]:
    """The calls of the seats right below, each with what its deals add up to and what the machine expects of it."""
    nodes = [one for one in sight.right_below if calls.of_seat(one)] if sight.head else []
    if not nodes:
        return []
    lines = {line.node: line for line in rolled(on, ask, sight.seen, every_seat=True).lines}
    expected: Mapping[str, int] = {}
    if found.median is not None and ask.day < ask.period.last:
        expected, _ = machines._sums(on, replace(ask, by="manager"), None if sight.seen.everything else sight.nodes)  # noqa: SLF001 - the forecast's own
    made = []
    for node in nodes:
        call, line = calls.of_seat(node), lines.get(node)
        if call is not None:
            rollup = None if line is None else line.cumulative("most_likely")
            machine = None if line is None or not expected else line["closed"] + expected.get(node, 0)
            made.append(replace(call, rollup=rollup, machine=machine, quota=None if line is None else line.quota))
    return made


def _moves(on: Ground, before: Ask, ask: Ask, sight: Sight, total: Mapping[str, int]) -> list[weeks.Move]:
    given, paths = waterfall_inputs(on, before, ask)
    first = organisation(on, before).tree
    nodes = sight.nodes | (first.below({sight.node}) & nodes_of(first, sight.seen) if sight.node else frozenset())
    if sight.node:
        wanted = [place for place, path in paths.items() if sight.node in path and path[-1] in nodes]
    else:
        wanted = [place for place, path in paths.items() if sight.seen.everything or path[-1] in nodes]
    buckets = [name for name in rules.BUCKETS if name not in ("begin", "end", "fx") and total.get(name)]
    given |= {
        "wanted_places": [{"place": place} for place in sorted(wanted)], "wanted_buckets": [{"bucket": name} for name in buckets],
        "page": [{"dimension": None, "bucket": None, "skip": 0, "take": MOST_MOVES}],
    }  # fmt: skip
    rows: dict[str, Mapping[str, Any]] = {}
    for row in run(summary_rules.moves(ask.shape), given).to_pylist():
        held = rows.get(row["opportunity_id"])
        if held is None or (
            row["bucket"] in ENDS and held["bucket"] not in ENDS and abs(row["amount_minor"]) * 2 >= abs(held["amount_minor"])
        ):
            rows[row["opportunity_id"]] = row  # a deal that came in and was won in one week is told as won
    now = {row["opportunity_id"]: row for row in _cards(on, ask, list(rows))}
    then = {row["opportunity_id"]: row for row in _cards(on, before, list(rows))}
    given = {"deal_states": on.deals(ask), "subjects": [{"opportunity_id": deal} for deal in rows], "params": [{"cutoff": ask.cutoff}]}
    why = {row["opportunity_id"]: row for row in run(summary_rules.REASONS, given).to_pylist()} if rows else {}
    return [_move(ask, row, now.get(deal, {}), then.get(deal, {}), why.get(deal, {})) for deal, row in rows.items()]


def _move(ask: Ask, row: Mapping[str, Any], now: Mapping[str, Any], then: Mapping[str, Any], why: Mapping[str, Any]) -> weeks.Move:
    closes, closed = now.get("close_date"), then.get("close_date")
    inside = closes is not None and closes in ask.period
    return weeks.Move(
        row["opportunity_id"], now.get("name") or then.get("name") or row["opportunity_id"], now.get("account_name") or "", row["bucket"],
        abs(row["amount_minor"]), now.get("owner_name") or now.get("owner_id") or "", closed, closes,
        left_out=(row["bucket"] == "pushed_out" and inside) or (row["bucket"] == "pulled_in" and closed is not None and closed in ask.period),
        reason=why.get("loss_reason") or "", pushes=why.get("push_count") or 0,
    )  # fmt: skip


@dataclass(frozen=True)
class _Risks:
    flagged: int = 0
    risks: Sequence[weeks.Risk] = ()
    largest: tuple[str, str, int] | None = None
    asks: Sequence[weeks.Ask] = ()


def _risks(on: Ground, ask: Ask, sight: Sight) -> _Risks:
    """The flags of the open forecast by money, the largest deal in commit, and what owners are asked to do."""
    if on.book is None:
        return _Risks()
    book, plain = on.book, replace(ask, by="manager")
    raised = all_marked(on, plain, book).raised
    rows = [row for row in open_deals(on, plain, None if sight.seen.everything and not sight.node else sight.nodes, tuple(book.policy.later)) if row["bucket"] in FORECAST]  # fmt: skip
    flagged = [row for row in rows if row["opportunity_id"] in raised]
    commit = max(
        (row for row in rows if row["bucket"] == "commit"), key=lambda row: (row["amount_minor"], row["opportunity_id"]), default=None
    )
    wanted = {row["opportunity_id"] for row in (*flagged, *([commit] if commit else []))}
    cards = {row["opportunity_id"]: row for row in _cards(on, ask, sorted(wanted))}
    heavy = [row for row in flagged if any(one.severity == "high" for one in raised[row["opportunity_id"]])]
    largest = None
    if commit is not None:
        card = cards.get(commit["opportunity_id"], {})
        largest = (commit["opportunity_id"], card.get("name") or commit["opportunity_id"], commit["amount_minor"])
    asks = [_ask(row, raised[row["opportunity_id"]][0], cards.get(row["opportunity_id"], {})) for row in _top(heavy, 40)]
    return _Risks(sum(row["amount_minor"] for row in heavy), _by_flag(on, ask, sight, flagged, raised, cards), largest, asks)


def _top(rows: Iterable[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: (-abs(row["amount_minor"]), row["opportunity_id"]))[:count]


def _ask(row: Mapping[str, Any], flag: Any, card: Mapping[str, Any]) -> weeks.Ask:
    owner = card.get("owner_name") or card.get("owner_id") or ""
    return weeks.Ask(row["opportunity_id"], card.get("name") or row["opportunity_id"], owner, row["amount_minor"], flag.label, flag.help)


def _by_flag(
    on: Ground, ask: Ask, sight: Sight, flagged: Sequence[Mapping[str, Any]], raised: Mapping[str, Any], cards: Mapping[str, Mapping[str, Any]]
) -> list[weeks.Risk]:  # fmt: skip
    seat_of, names = organisation(on, ask).seat_of, seat_names(on, ask)
    money: dict[str, int] = {}
    deals: dict[str, int] = {}
    only: dict[str, str] = {}
    teams: dict[str, dict[str, int]] = {}
    for row in flagged:
        owner = cards.get(row["opportunity_id"], {}).get("owner_id") or ""
        team = sight.under(seat_of.get(owner, UNASSIGNED))
        for one in raised[row["opportunity_id"]]:
            money[one.name] = money.get(one.name, 0) + row["amount_minor"]
            deals[one.name] = deals.get(one.name, 0) + 1
            only[one.name] = row["opportunity_id"]
            under = teams.setdefault(one.name, {})
            under[team] = under.get(team, 0) + row["amount_minor"]
    made = []
    for flag in on.book.policy.active if on.book else ():
        if money.get(flag.name):
            team, amount = max(teams[flag.name].items(), key=lambda item: (item[1], item[0]))
            alone = len(sight.nodes - {UNASSIGNED}) <= 1
            made.append(
                weeks.Risk(
                    flag.name, plain_label(flag.label), deals[flag.name], money[flag.name], "" if alone else names.get(team, team), amount,
                    heavy=flag.severity == "high", only=only[flag.name] if deals[flag.name] == 1 else "",
                )
            )  # fmt: skip
    return made


def calls_of_week(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
) -> list[dict[str, Any]]:
    """The calls behind the summary: each seat's in sight as it stands, with its change in the week, in the order of the tree."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    sight = sight_of(on, ask, by, node)
    book = CallBook.of(on, ask, sight)
    made = []
    for seat in sight.tree.order:
        call = book.of_seat(seat)
        if call is not None:
            row: dict[str, Any] = {"seat": seat, "name": call.name, "who": call.who, "note": call.note}
            for name in CALLED:
                now, then = call.now.get(name), call.before.get(name)
                row |= {name: now, f"{name}_change": None if now is None or then is None else now - then}
            made.append(row)
    return made


__all__ = ["calls_of_week", "policy_in_force", "say", "sight_of", "sources_of", "summary", "week"]
