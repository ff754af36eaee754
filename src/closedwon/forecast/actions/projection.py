"""The projection: what a period will come to, with an interval, for what the actor may see; and the mart that keeps it ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from closedwon.base.calendar import Period
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.releases import publish
from closedwon.facts.store import store
from closedwon.forecast.actions.renewal_outlook import JOINS, RenewalPart, renewal_part, together
from closedwon.forecast.actions.rollups import When, rolled, seen_by, visible_nodes
from closedwon.forecast.projection import reading
from closedwon.forecast.projection.base import Base, KeptCurve, base_of, read, written
from closedwon.forecast.projection.project import project
from closedwon.forecast.projection.simulate import Outcome, Parts, simulate
from closedwon.forecast.reading import Ask, Ground, ask_for, ground, organisation
from closedwon.forecast.results import Line
from closedwon.people.actor import Actor

LARGE = 300_000
"""With more deals than this a projection that is not kept ready is made by a job, not by a page."""
TABLE = "forecast_projections"


@dataclass(frozen=True)
class DealPart:
    """An open deal in a projection: its chance to be won in the days that count, what it is worth to the node, and what that comes to."""

    opportunity_id: str
    stage: str
    due: str
    chance: float
    value_minor: int
    expected_minor: int


@dataclass(frozen=True)
class Projection:
    """What a period comes to for a node, in minor units: won so far, open deals, new business.

    `total` is their expected sum, which adds up over nodes; median and the 80 % interval do not add up. With a `refusal` there is nothing
    but what was won. `curves`, `looks`, `season` and the factors are the company's and empty for those who do not see all of it.
    """

    node: str
    ask: Ask
    days: int
    refusal: str
    notes: Sequence[str]
    closed: int
    open: int = 0
    new: int = 0
    median: int | None = None
    low: int | None = None
    high: int | None = None
    quota: int | None = None
    deals: Sequence[DealPart] = ()
    deal_count: int = 0
    outcome: Outcome | None = None
    curves: Sequence[KeptCurve] = ()
    looks: Sequence[tuple[int, float, float]] = ()
    season: Sequence[float] = ()
    date_factors: Mapping[str, float] = field(default_factory=dict)
    size_factors: Sequence[float] = ()
    level: float = 1.0
    shock: float = 0.0
    observed: int = 0
    won_deals: int = 0
    birth_days: int = 0
    sees_all: bool = False
    """Whether it was asked by somebody who sees the whole company."""
    renewals: RenewalPart | None = None
    """What the contracts that end in the period will keep; None where none does, or where they cannot be added to the type's amounts."""
    joint: Outcome | None = None
    """The outcomes of both together, under one shared shock."""

    @property
    def total(self) -> int:
        """Won so far and what is expected."""
        return self.closed + self.open + self.new

    @property
    def joint_expected(self) -> int | None:
        """What is expected of new business and renewals together; None without renewals."""
        return None if self.joint is None or self.renewals is None else self.total + self.renewals.expected


def projection(
    *,
    by: Actor,
    as_of: When = None,
    period: str | Period | None = None,
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    node: str | None = None,
    take: int = 25,
) -> Projection:
    """The projection of a period within what the actor may see, for all of it or for one node."""
    on = ground()
    ask = ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency)
    return projected(on, ask, by, node, take)


def projected(on: Ground, ask: Ask, by: Actor, node: str | None, take: int = 25) -> Projection:
    """The projection of a question."""
    seen = seen_by(by, ask, on)
    nodes = visible_nodes(organisation(on, ask).tree, seen, node)
    line = _line(rolled(on, ask, seen, node=node), node)
    span = reading.span_of(ask)
    everyone = seen.everything and not node
    head = Projection(node or "", ask, span.days, "", _notes(ask, None), line["closed"], quota=line.quota, sees_all=seen.everything)
    if ask.type.period_date == "renewal_due":
        return _renewals_alone(on, head, None if everyone else nodes, take)
    if refusal := reading.unfit(ask):
        return replace(head, refusal=refusal, notes=())
    if not span.days:
        return replace(
            head, notes=("The period is over: nothing is still to come.",), median=line["closed"], low=line["closed"], high=line["closed"]
        )
    base = base_for(on, ask)
    head = replace(head, notes=_notes(ask, base), observed=base.observed, won_deals=base.won, birth_days=base.birth_days)
    if base.refusal:
        return replace(head, refusal=base.refusal)
    made = _drawn(on, head, base, ask, None if everyone else nodes, take)
    if not seen.everything:
        return made
    return replace(
        made, curves=base.curves, looks=base.looks, season=base.season, level=base.level, shock=base.shock, date_factors=base.date_factors,
        size_factors=base.size_factors,
    )  # fmt: skip


def _line(found: Any, node: str | None) -> Line:
    return next((one for one in found.lines if one.node == node), found.total) if node else found.total


def _renewals_alone(on: Ground, head: Projection, places: frozenset[str] | None, take: int) -> Projection:
    """The projection of a type that counts renewals by the day they are due: contracts alone, whatever the age of their deals."""
    part, _, _ = renewal_part(on, head.ask, places, take)
    if part is None:
        return replace(head, refusal="No contract on record ends in this period.", notes=())
    if part.refusal:
        return replace(head, refusal=part.refusal, notes=())
    notes = (
        "Renewals come from contract ends and what is available to renew, with or without a deal; they count in the period they are due.",
    )
    return replace(
        head, notes=notes, closed=part.kept, open=part.expected_open, median=part.median, low=part.low, high=part.high, outcome=part.outcome,
        renewals=part, deal_count=part.count,
    )  # fmt: skip


def _with_renewals(on: Ground, made: Projection, base: Base, parts: Parts, places: frozenset[str] | None, take: int) -> Projection:
    """The projection with the renewals of the period beside it, and both together."""
    ask = made.ask
    if ask.type.measure[0] not in JOINS or ask.type.sign < 0 or ask.known_cutoff is not None:
        return made
    part, sums, open_contracts = renewal_part(on, ask, places, take)
    if part is None or part.refusal:
        return replace(made, renewals=part)
    joint = together(ask, parts, base.shock, base.give, made.closed, sums, open_contracts)
    left = [note for note in made.notes if not note.startswith("Renewals are left out")]
    return replace(made, renewals=part, joint=joint, notes=(*left, RENEWALS_BESIDE))


RENEWALS_BESIDE = "Renewals stand beside new business: they come from contract ends, not from the age of a deal."


def _drawn(on: Ground, head: Projection, base: Base, ask: Ask, places: frozenset[str] | None, take: int) -> Projection:
    parts, mine, _ = base.parts(places)
    setting = reading.policy_in_force()
    draws = np.random.Generator(np.random.Philox(key=[setting.seed, ask.day.toordinal()]))
    outcome = simulate(parts, base.shock, base.give, setting.setting, draws, head.closed)
    expected = parts.chance * parts.value
    order = np.lexsort((mine, -expected))[:take]
    deals = [
        DealPart(base.open_ids[mine[at]], base.open_stage[mine[at]], base.open_due[mine[at]], float(parts.chance[at]), round(parts.value[at]), round(expected[at]))
        for at in order
    ]  # fmt: skip
    made = replace(
        head, open=round(outcome.open_expected), new=round(outcome.new_expected), median=outcome.median, low=outcome.low,
        high=outcome.high, deals=deals, deal_count=len(mine), outcome=outcome,
    )  # fmt: skip
    return _with_renewals(on, made, base, parts, places, take)


def _notes(ask: Ask, base: Base | None) -> tuple[str, ...]:
    made = []
    policy = reading.policy_in_force()
    if reading.left_out(ask, policy):
        made.append("Renewals are left out: they come from contract ends, not from the age of a deal.")
    if base is not None and base.ageless:
        made.append(f"{base.ageless:,} open deals have no day of birth; they have no curve and are left out.")
    return tuple(made)


def is_at_hand(on: Ground, ask: Ask) -> bool:
    """Whether a projection is ready, or small enough to be made while a page waits."""
    if reading.unfit(ask) or not reading.span_of(ask).days or _key(on, ask) in _kept(on):
        return True
    version = (on.release.tables if on.release else {}).get("opportunities")
    return version is None or store().count("opportunities", version) <= LARGE


def base_for(on: Ground, ask: Ask) -> Base:
    """The company's projection: kept in the mart, else made and kept in this process."""
    plain = replace(ask, by="manager")
    text = _kept(on).get(_key(on, plain)) if plain.known_cutoff is None else None
    return _read(text) if text is not None else _base(on, plain, reading.basis_of(on))


@lru_cache(maxsize=8)
def _read(text: str) -> Base:
    return read(text)


@lru_cache(maxsize=32)
def _base(on: Ground, ask: Ask, _basis: str) -> Base:
    return compute_base(on, ask)


def compute_base(on: Ground, ask: Ask) -> Base:
    """The company's projection, made from the facts."""
    policy, span = reading.policy_in_force(), reading.span_of(ask)
    found = reading.rows(on, ask, policy)
    loaded = reading.loaded(found, policy)
    made = project(loaded, ask.day.toordinal(), span.skip, span.days, reading.phase_of, policy)
    return base_of(made, loaded, found["places"])


@dataclass(frozen=True)
class Machine:
    """The machine's number on the board: what each node and all below it still come to (these add up), and median and interval of the head.

    `total` is what everything in sight still comes to.
    """

    rest: Mapping[str, int]
    total: int
    median: int
    low: int
    high: int

    def of(self, line: Line) -> int:
        """What a line of the board is expected to come to."""
        return line["closed"] + (self.total if line.node == "total" else self.rest.get(line.node, 0))


def machine(*, by: Actor, node: str | None = None, **words: Any) -> Machine | None:
    """The projection for a board, where it is kept ready; None where it is not, or where there is none."""
    on = ground()
    ask = replace(ask_for(on, **words), by="manager")
    if reading.unfit(ask) or ask.period.kind == "all" or _key(on, ask) not in _kept(on):
        return None
    seen = seen_by(by, ask, on)
    tree = organisation(on, ask).tree
    sight = None if seen.everything else visible_nodes(tree, seen)
    inside = None if seen.everything and not node else visible_nodes(tree, seen, node)
    if _read(_kept(on)[_key(on, ask)]).refusal:
        return None
    rest, total = _sums(on, ask, sight)
    closed = _line(rolled(on, ask, seen, node=node), node)["closed"]
    median, low, high = _interval(on, ask, inside, closed)
    return Machine(rest, total, median, low, high)


@lru_cache(maxsize=64)
def _sums(on: Ground, ask: Ask, sight: frozenset[str] | None) -> tuple[Mapping[str, int], int]:
    tree = organisation(on, ask).tree
    exact: dict[str, float] = {}
    total = 0.0
    for place, (open_part, new_part) in base_for(on, ask).by_place().items():
        if sight is None or place in sight:
            total += open_part + new_part
            for above in tree.path(place):
                exact[above] = exact.get(above, 0.0) + open_part + new_part
    return {node: round(amount) for node, amount in exact.items()}, round(total)


@lru_cache(maxsize=256)
def _interval(on: Ground, ask: Ask, places: frozenset[str] | None, closed: int) -> tuple[int, int, int]:
    base, setting = base_for(on, ask), reading.policy_in_force()
    draws = np.random.Generator(np.random.Philox(key=[setting.seed, ask.day.toordinal()]))
    outcome = simulate(base.parts(places)[0], base.shock, base.give, setting.setting, draws, closed)
    return outcome.median, outcome.low, outcome.high


def _key(on: Ground, ask: Ask) -> tuple[str, ...]:
    return (reading.basis_of(on), ask.type.name, ask.period.label, ask.cutoff.isoformat(), ask.org, ask.rates, ask.currency)


def _kept(on: Ground) -> Mapping[tuple[str, ...], str]:
    version = (on.release.tables if on.release else {}).get(TABLE)
    return {} if version is None else _kept_at(store().url, version)


@lru_cache(maxsize=2)
def _kept_at(_url: str, version: int) -> Mapping[tuple[str, ...], str]:
    rows = store().read(TABLE, version=version).to_pylist()
    return {
        (row["basis"], row["type"], row["period"], row["as_of_at"].isoformat(), row["org"], row["rates"], row["currency"]): row["body"]
        for row in rows
    }


def default_asks(on: Ground) -> list[Ask]:
    """The questions that pages ask by default: each type that can be projected, this quarter and the next two."""
    from closedwon.forecast.reading import calendar

    made = []
    for kind in on.policy.types:
        ask = ask_for(on, type=kind.name)
        if not reading.unfit(ask):
            made += [ask, *(replace(ask, period=calendar().next(ask.period, step)) for step in (1, 2))]
    return made


def keep(asks: Sequence[Ask], heard: Callable[[int, int, str], None] = lambda *_: None) -> dict[str, Any]:
    """Make projections and keep them in the mart beside what is there on the same ground; does nothing where all are kept already."""
    on = ground()
    kept = {key: body for key, body in _kept(on).items() if key[0] == reading.basis_of(on)}
    wanted = {_key(on, ask): ask for ask in asks if reading.span_of(ask).days}
    missing = [(key, ask) for key, ask in wanted.items() if key not in kept]
    if not missing:
        return {"projections": 0, "already": True}
    for at, (key, ask) in enumerate(missing):
        heard(at, len(missing), f"{ask.type.label}, {ask.period.label}")
        kept[key] = written(compute_base(on, ask))
    rows = [_row(key, body) for key, body in kept.items()]
    version = store().replace(TABLE, rows_to_table(rows, table(TABLE).columns))
    publish({TABLE: version}, note="forecast: projections")
    heard(len(missing), len(missing), "done")
    return {"projections": len(missing)}


def keep_default(heard: Callable[[int, int, str], None] = lambda *_: None) -> dict[str, Any]:
    """Keep the projections ready that pages ask for by default."""
    return keep(default_asks(ground()), heard)


def _row(key: tuple[str, ...], body: str) -> dict[str, Any]:
    from datetime import datetime

    basis, kind, period, at, org, rates, currency = key
    return {
        "basis": basis, "type": kind, "period": period, "as_of_at": datetime.fromisoformat(at), "org": org, "rates": rates,
        "currency": currency, "body": body,
    }  # fmt: skip


def waiting(*, by: Actor, node: str | None = None, **words: Any) -> Any:
    """The job that makes a projection which is neither ready nor small; None where the projection is at hand."""
    on = ground()
    ask = ask_for(on, **words)
    visible_nodes(organisation(on, ask).tree, seen_by(by, ask, on), node)
    if is_at_hand(on, ask):
        return None
    from closedwon.jobs.actions import start

    params = {
        "as_of": None if ask.cutoff >= on.now else ask.day.isoformat(), "period": ask.period.label, "type": ask.type.name, "org": ask.org,
        "rates": ask.rates, "currency": ask.currency,
    }  # fmt: skip
    return start(
        "forecast.project", params, by=by, key=f"project {' '.join(_key(on, ask))}"[:200], title=f"Projection of {ask.period.label}"
    )


def with_cards(found: Projection) -> list[tuple[DealPart, Mapping[str, Any]]]:
    """The projection's deals with their names and owners."""
    from closedwon.facts.engine import run
    from closedwon.forecast import inputs, rules

    on = ground()
    given = {
        "deal_states": on.deals(found.ask), "accounts": on.source("accounts"), "users": on.source("users"),
        "stages": inputs.stage_rows(on.pipeline), "subjects": [{"opportunity_id": one.opportunity_id} for one in found.deals],
        "params": [{"cutoff": found.ask.cutoff}],
    }  # fmt: skip
    cards = {row["opportunity_id"]: row for row in run(rules.CARDS, given).to_pylist()}
    return [(one, cards.get(one.opportunity_id, {})) for one in found.deals]
