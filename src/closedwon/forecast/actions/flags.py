"""Inspection flags on the company's own deals: what formulas read of them, which flags they have and why, and whom a change of the policy moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

import pyarrow as pa

from closedwon.base.calendar import ALL, Period
from closedwon.base.errors import NotFound, NotReady
from closedwon.base.tables import table
from closedwon.facts.arrow import rows_to_table
from closedwon.facts.engine import query_rows, query_table, run
from closedwon.forecast import flag_rules, inputs, rules
from closedwon.forecast.actions.rollups import When, seen_by, visible_nodes
from closedwon.forecast.flags import Flag, FlagBook
from closedwon.forecast.reading import Ask, Ground, ask_for, ground, organisation, rates_of, rollup_inputs
from closedwon.formula.formula import Step
from closedwon.formula.types import Type
from closedwon.formula.values import plain, shown
from closedwon.people.actor import Actor
from closedwon.people.rules import UNASSIGNED
from closedwon.people.visibility import closing_cutoff, need_deal
from closedwon.workspace import current

MOST = 100_000
"""The most deals that one question looks at."""
MOST_DAYS = 60
"""How far back the beginning of a flag is looked for."""
Deal = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Raised:
    """A flag on a deal: its name, how heavy it weighs; its label and reason are put together when they are read."""

    flag: Flag
    deal: str
    marked: Marked

    @property
    def name(self) -> str:
        """The flag's own name."""
        return self.flag.name

    @property
    def severity(self) -> str:
        """How heavy it weighs."""
        return self.flag.severity

    @property
    def help(self) -> str:
        """What to do about it."""
        return self.flag.help

    @cached_property
    def label(self) -> str:
        """What people read on the deal."""
        return self.marked.text(self.flag, "label", self.deal)

    @cached_property
    def reason(self) -> str:
        """Why it is raised, as a sentence."""
        return self.marked.text(self.flag, "why", self.deal) or self.label

    def as_dict(self) -> dict[str, str]:
        """The flag as the API gives it."""
        return {"name": self.name, "label": self.label, "severity": self.severity, "reason": self.reason}


class Marked:
    """Measured deals with the marks of an inspection policy."""

    def __init__(self, book: FlagBook, measured: pa.Table) -> None:
        self.book = book
        self.measured = measured
        found = run(flag_rules.flags(book), {"measured": measured}) if book.policy.active else None
        self.marks: dict[str, str] = dict(zip(*(found.column(at).to_pylist() for at in (0, 1)), strict=True)) if found is not None else {}

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each deal in the measured table."""
        return {deal: at for at, deal in enumerate(self.measured.column("opportunity_id").to_pylist())}

    def row(self, deal: str) -> dict[str, Any]:
        """What formulas see of a deal."""
        return self.book.row(self.measured.slice(self.places[deal], 1).to_pylist()[0])

    def text(self, flag: Flag, key: str, deal: str) -> str:
        """The label or the reason of a flag on a deal."""
        found = self.book.texts[flag.name, key]
        needs = any(formula is not None for _, formula in found.parts)
        return found.fill(self.row(deal) if needs else {})

    def with_sign(self, name: str, sign: str = "1") -> set[str]:
        """The deals that have the flag; with `e`, those for which it cannot be told."""
        names = [flag.name for flag in self.book.policy.active]
        if name not in names:
            return set()
        at = names.index(name)
        return {deal for deal, marks in self.marks.items() if marks[at] == sign}

    @cached_property
    def raised(self) -> dict[str, tuple[Raised, ...]]:
        """The flags of each deal that has any, heavy ones first, within a severity in the order of the policy."""
        active = self.book.policy.active
        order = sorted(range(len(active)), key=lambda at: (active[at].severity != "high", at))
        which = {marks: [active[at] for at in order if marks[at] == "1"] for marks in set(self.marks.values())}
        return {deal: tuple(Raised(flag, deal, self) for flag in which[marks]) for deal, marks in self.marks.items() if which[marks]}


@lru_cache(maxsize=8)
def _stage_ages(on: Ground, least: int) -> pa.Table:
    given = {
        "deal_states": on.source("deal_states"), "stages": inputs.stage_rows(on.pipeline), "params": [{"cutoff": on.now, "least": least}],
    }  # fmt: skip
    return run(rules.STAGE_AGES, given)


@lru_cache(maxsize=8)
def _tracked(on: Ground) -> dict[str, bool]:
    """Which of activities, contacts and next steps the company keeps at all."""

    def any_row(name: str, where: str) -> bool:
        return bool(query_rows(f"SELECT 1 AS one FROM {name} WHERE {where} LIMIT 1", {name: on.source(name)}))

    return {
        "tracks_activity": any_row("activities", "opportunity_id IS NOT NULL") or any_row("deal_states", "last_activity_at IS NOT NULL"),
        "tracks_contacts": any_row("opportunity_contacts", "contact_id IS NOT NULL"),
        "tracks_next_step": any_row("deal_states", "next_step IS NOT NULL AND next_step <> ''"),
    }


@dataclass(frozen=True)
class Needs:
    """What of an inspection policy its measures depend on; formulas may change without measuring anew."""

    amount_days: int
    stage_visits: int
    columns: tuple[tuple[str, str], ...]
    later: tuple[str, ...]
    used: frozenset[str]

    @classmethod
    def of(cls, book: FlagBook) -> Needs:
        """The needs of a policy."""
        told = book.policy
        return cls(
            told.amount_days, told.stage_visits, tuple(sorted(told.columns.items())), tuple(told.later), book.used & flag_rules.EVERY
        )

    def reads(self, prefix: str) -> bool:
        """Whether a field of that beginning is used."""
        return any(name.startswith(prefix) for name in self.used)


def _measure_inputs(on: Ground, ask: Ask, needs: Needs, deals: Sequence[Deal]) -> dict[str, Any]:
    company = current().settings.currency
    wanted = {
        "activities": needs.reads("days_since_activity"), "opportunity_contacts": needs.reads("contacts"), "accounts": needs.reads("Account."),
        "users": needs.reads("Owner."), "deal_approvals": needs.reads("approv") or needs.reads("needs_approval"), "opportunities": bool(needs.columns),
    }  # fmt: skip
    return {
        "deal_states": on.deals(ask),
        **{name: on.source(name) if read else rows_to_table([], table(name).columns) for name, read in wanted.items()},
        "subjects": [{"opportunity_id": row["opportunity_id"], "category": row["bucket"]} for row in deals],
        "params": [
            {
                "cutoff": ask.cutoff, "day": ask.day, "period_start": ask.period.start, "period_end": ask.period.end, "currency": company,
                "amount_days": needs.amount_days, **_tracked(on),
            }
        ],
        "stage_ages": _stage_ages(on, needs.stage_visits), "quarters": inputs.quarter_rows(ask.day),
        "stages": [{"stage": stage.name, "place": at} for at, stage in enumerate(on.pipeline.stages, 1)],
        "rates": rates_of(on, replace(ask, currency=company)),
    }  # fmt: skip


def _rule(on: Ground, ask: Ask, needs: Needs) -> Any:
    there = {column.name for column in on.source("opportunities").columns}
    return flag_rules.measures(tuple(ask.type.measure), tuple((name, kind, name in there) for name, kind in needs.columns), needs.used)


def measured(on: Ground, ask: Ask, needs: Needs, deals: Sequence[Deal]) -> pa.Table:
    """What formulas may read of the given open deals; deals name their category as `bucket`."""
    return run(_rule(on, ask, needs), _measure_inputs(on, ask, needs, deals))


def flags_of(on: Ground, ask: Ask, deals: Sequence[Deal]) -> Mapping[str, tuple[Raised, ...]]:
    """The inspection flags of open deals, heavy ones first; deals name their category as `bucket`."""
    opens = [row for row in deals if row.get("bucket") not in (None, "closed", "booked")]
    if not opens or on.book is None or not on.book.policy.active:
        return {}
    return Marked(on.book, measured(on, ask, Needs.of(on.book), opens)).raised


def need_book(on: Ground) -> FlagBook:
    """The inspection policy in force. Raises NotReady where there is none."""
    if on.book is None:
        raise NotReady("No inspection policy is applied.", mend="Apply the shipped one with: closedwon policy apply --defaults")
    return on.book


def all_marked(on: Ground, ask: Ask, book: FlagBook) -> Marked:
    """Every open deal that a question is about, measured once and marked."""
    return _all_marked(on, replace(ask, by="manager"), book)


@lru_cache(maxsize=12)
def _all_marked(on: Ground, ask: Ask, book: FlagBook) -> Marked:
    return Marked(book, _all_measured(on, ask, Needs.of(book)))


@lru_cache(maxsize=6)
def _all_measured(on: Ground, ask: Ask, needs: Needs) -> pa.Table:
    return measured(on, ask, needs, open_deals(on, ask, None, needs.later))


@lru_cache(maxsize=32)
def open_deals(on: Ground, ask: Ask, nodes: frozenset[str] | None, later: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """Open deals of some nodes (None: all): dated before the period's end, undated, or in a category that has no business later."""
    there = organisation(on, ask)
    everywhere = replace(ask, period=ALL)
    buckets = [*on.policy.open_categories, "unmapped", "undated"]
    wanted = frozenset(there.tree.parents) | {UNASSIGNED} if nodes is None else nodes
    given = {
        **rollup_inputs(on, everywhere),
        "wanted_places": [{"place": name} for name in sorted(wanted)],
        "wanted_buckets": [{"bucket": name} for name in buckets],
        "page": [{"dimension": None, "bucket": None, "skip": 0, "take": MOST}],
    }
    found = run(rules.rollup_deals(ask.shape), given).to_pylist()
    if ask.period.kind == "all":
        return tuple(found)
    after = set(run(rules.rollup_deals(ask.shape), {**given, **_after(on, ask)}).column("opportunity_id").to_pylist())
    return tuple(row for row in found if row["opportunity_id"] not in after or row["bucket"] in later)


def _after(on: Ground, ask: Ask) -> dict[str, Any]:
    """The same question for what is dated after the period."""
    rest = replace(ask, period=Period(ask.period.end, ALL.end, "later", "quarter"))
    return {
        "params": inputs.rollup_params(rest.type, rest.period, rest.currency, rest.cutoff, rest.day),
        "wanted_buckets": [{"bucket": name} for name in (*on.policy.open_categories, "unmapped")],
    }


def _read(value: Any, kind: Type) -> str:
    """A value as people read it."""
    if kind.kind == "percent" and isinstance(value, Decimal):
        return f"{plain(value * 100):f} %"
    return shown(value, kind) or "blank"


@dataclass(frozen=True)
class Seen:
    """A value that a formula saw: the name, the value as people read it, and what the name means."""

    name: str
    value: str
    about: str


@dataclass(frozen=True)
class Why:
    """Why a deal has a flag, or has not: the formula, what it saw, the value of every part, and since when."""

    flag: Flag
    deal: str
    name: str
    raised: bool
    label: str
    reason: str
    error: str
    saw: tuple[Seen, ...]
    steps: Step
    since: date | None
    since_is_exact: bool
    day: date


def why(
    *, by: Actor, deal: str, flag: str, as_of: When = None, period: str | Period | None = None, type: str | None = None,  # noqa: A002
    org: str = "as-was", rates: str = "plan", currency: str = "",
) -> Why:  # fmt: skip
    """Why a deal has a flag. Raises NotFound for a flag that there is not, or a deal that is not open or out of sight."""
    on = ground()
    book = need_book(on)
    ask = replace(ask_for(on, as_of=as_of, period=period, type=type, org=org, rates=rates, currency=currency), by="manager")
    seen_by(by, ask, on)
    need_deal(by, deal, cutoff=ask.cutoff, release=on.release)
    found = book.policy.flag(flag)
    if found is None or not found.active:
        names = ", ".join(one.name for one in book.policy.active)
        raise NotFound(f"There is no flag {flag!r}.", mend=f"There are: {names}." if names else "The inspection policy has none.")
    alone = _Alone(on, ask, book, deal)
    marked = alone.marked(ask)
    if marked is None:
        raise NotFound(f"The deal {deal} is not open on that day.", mend="Only open deals have flags.")
    row, formula = marked.row(deal), book.formulas[flag]
    outcome = formula.evaluate(row)
    raised = outcome.error is None and bool(outcome.value)
    since, exact = alone.since(flag) if raised else (None, True)
    from closedwon.forecast.fields import KNOWN

    about = {name: item.about for name, item in KNOWN.items()}
    saw = tuple(
        Seen(
            name,
            _read(row.get(name), kind),
            about.get(name, "A custom column." if name.startswith("x_") else "A number of the policy."),
        )
        for name, kind in formula.fields.items()
    )
    label, reason = marked.text(found, "label", deal), marked.text(found, "why", deal)
    return Why(
        found, deal, str(row.get("name") or deal), raised, label, reason if raised else "", outcome.error or "", saw, formula.explain(row),
        since, exact, ask.day,
    )  # fmt: skip


class _Alone:
    """One deal with its own rows, taken out of the facts once, to look at on many days."""

    def __init__(self, on: Ground, ask: Ask, book: FlagBook, deal: str) -> None:
        self.on, self.ask, self.book, self.deal = on, ask, book, deal
        needs = Needs.of(book)
        self.rule = _rule(on, ask, needs)
        given = _measure_inputs(on, ask, needs, [])
        self.measure_inputs = given | {
            name: self._own(given[name], "opportunity_id") for name in ("deal_states", "activities", "opportunity_contacts")
        }
        states = self.measure_inputs["deal_states"].to_pylist()
        accounts, owners = {row["account_id"] for row in states}, {row["owner_id"] for row in states}
        self.measure_inputs |= {
            "accounts": self._among("accounts", accounts), "users": self._among("users", owners), "opportunities": self._own(given["opportunities"], "id"),
        }  # fmt: skip

    def _own(self, source: Any, column: str) -> pa.Table:
        return query_table(f"SELECT * FROM it WHERE {column} = (SELECT id FROM mine)", {"it": source, "mine": _ids([self.deal])})

    def _among(self, name: str, ids: set[str | None]) -> pa.Table:
        wanted = _ids([one for one in ids if one])
        return query_table("SELECT * FROM it WHERE id IN (SELECT id FROM mine)", {"it": self.on.source(name), "mine": wanted})

    @cached_property
    def splits(self) -> pa.Table:
        """The deal's own splits."""
        return self._own(self.on.source("opportunity_splits"), "opportunity_id")

    def bucket(self, ask: Ask) -> str | None:
        """The column of the forecast that the deal stands in, None where it is not open."""
        everywhere = replace(ask, period=ALL)
        tree = organisation(self.on, everywhere).tree
        given = {
            **rollup_inputs(self.on, everywhere), "deal_states": self.measure_inputs["deal_states"], "opportunity_splits": self.splits,
            "wanted_places": [{"place": name} for name in sorted({*tree.parents, UNASSIGNED})],
            "wanted_buckets": [{"bucket": name} for name in (*self.on.policy.open_categories, "unmapped", "undated", "omitted")],
            "page": [{"dimension": None, "bucket": None, "skip": 0, "take": 2}],
        }  # fmt: skip
        found = run(rules.rollup_deals(ask.shape), given).to_pylist()
        return found[0]["bucket"] if found else None

    def marked(self, ask: Ask) -> Marked | None:
        """The deal with its marks, None where it is not open."""
        bucket = self.bucket(ask)
        if bucket is None:
            return None
        param = {**self.measure_inputs["params"][0], "cutoff": ask.cutoff, "day": ask.day}
        subjects = [{"opportunity_id": self.deal, "category": bucket}]
        return Marked(self.book, run(self.rule, {**self.measure_inputs, "params": [param], "subjects": subjects}))

    def since(self, flag: str) -> tuple[date, bool]:
        """The first day of the unbroken run of days on which the deal has had the flag; whether that is all of it."""
        first = self.ask.day
        for back in range(1, MOST_DAYS + 1):
            day = self.ask.day - timedelta(days=back)
            found = self.marked(replace(self.ask, cutoff=closing_cutoff(day)))
            if found is None or self.deal not in found.with_sign(flag):
                return first, True
            first = day
        return first, False


def _ids(ids: Sequence[str]) -> pa.Table:
    return rows_to_table([{"id": one} for one in ids], (table("users").columns[0],))


@dataclass(frozen=True)
class FlagMove:
    """What a change of the policy does to one flag: how many open deals have it before and after, which gain and lose it, which fail."""

    name: str
    label: str
    before: int | None
    after: int | None
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    failing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moves:
    """What a change of the policy does to the open deals of a period, as far as the actor sees them."""

    period: str
    deals: int
    flags: tuple[FlagMove, ...]
    flagged_before: int
    flagged_after: int
    new: Marked | None
    old: Marked | None


def moves(old: FlagBook | None, new: FlagBook | None, *, by: Actor, as_of: When = None, period: str | Period | None = None) -> Moves:
    """Whom a change from one inspection policy to another moves. Raises NotReady without facts, Refused for who sees no deals."""
    on = ground()
    ask = replace(ask_for(on, as_of=as_of, period=period), by="manager")
    nodes = visible_nodes(organisation(on, ask).tree, seen_by(by, ask, on))
    seen: set[str] = set()
    marked: list[Marked | None] = []
    for book in (old, new):
        marked.append(None if book is None else all_marked(on, ask, book))
        if book is not None:
            seen |= {row["opportunity_id"] for row in open_deals(on, ask, nodes, tuple(book.policy.later))}
    before, after = marked
    books = [book for book in (new, old) if book is not None]
    names = dict.fromkeys(flag.name for book in books for flag in book.policy.flags)
    made = [_move(name, before, after, seen) for name in names]
    counts = [len(seen & set(one.raised)) if one else 0 for one in (before, after)]
    return Moves(ask.period.label, len(seen), tuple(made), counts[0], counts[1], after, before)


def _move(name: str, before: Marked | None, after: Marked | None, seen: set[str]) -> FlagMove:
    sides = [one for one in (after, before) if one is not None and one.book.policy.flag(name)]
    flag = sides[0].book.policy.flag(name)
    had = before.with_sign(name) & seen if before else set()
    has = after.with_sign(name) & seen if after else set()
    failing = after.with_sign(name, "e") & seen if after else set()
    return FlagMove(
        name, flag.label if flag else name, len(had) if before and before.book.policy.flag(name) else None,
        len(has) if after and after.book.policy.flag(name) else None, tuple(sorted(has - had)), tuple(sorted(had - has)), tuple(sorted(failing)),
    )  # fmt: skip
