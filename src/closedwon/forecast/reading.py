"""What is asked of the forecast, the facts and policies that the answer stands on, and the answers kept ready."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.utils import timezone

from closedwon.base.calendar import Calendar, Period
from closedwon.base.errors import Invalid, NotReady
from closedwon.crm.policy import PipelinePolicy
from closedwon.facts.engine import run
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, source
from closedwon.facts.store import Source, store
from closedwon.forecast import inputs, rules
from closedwon.forecast.flags import FlagBook
from closedwon.forecast.policy import ForecastPolicy, ForecastType
from closedwon.people.visibility import closing_cutoff, closing_day
from closedwon.policies.actions import applied, in_force, value_of
from closedwon.workspace import current

ORGS = ("as-was", "as-is")
RATES = {"plan": "plan", "as-reported": "market"}
FEEDS = (
    "deal_states", "opportunity_splits", "users", "positions", "position_holders", "hierarchy", "exchange_rates", "bookings", "contracts",
    "accounts", "account_territories", "territories", "quotas", "targets", "contract_snapshots", "booking_checks",
)  # fmt: skip
MICRO = timedelta(microseconds=1)


@dataclass(frozen=True)
class Ask:
    """One question: which type, period, moment, grouping, organisation and rates. A cache holds it by its values, the type by its name."""

    type: ForecastType
    period: Period
    cutoff: datetime
    by: str = "manager"
    org: str = "as-was"
    rates: str = "plan"
    currency: str = ""
    known_cutoff: datetime | None = None

    def __hash__(self) -> int:
        return hash((self.type.name, self.period, self.cutoff, self.by, self.org, self.rates, self.currency, self.known_cutoff))

    @property
    def day(self) -> date:
        """The company's day that closes at the cutoff or during which it falls."""
        return closing_day(self.cutoff)

    @property
    def dimension(self) -> str:
        """The dimension of the rules' text; empty for groupings by seat."""
        return "" if self.by in ("manager", "rep") else self.by

    @property
    def shape(self) -> rules.Shape:
        """What goes into the rules' text."""
        return inputs.shape_of(self.type, self.dimension)


@dataclass(frozen=True, eq=False)
class Ground:
    """What an answer stands on: one release of the facts and the policies in force. Two with the same basis give the same answers."""

    release: Release | None
    pipeline: PipelinePolicy
    policy: ForecastPolicy
    basis: str
    book: FlagBook | None = None
    """The flags in force; they are no part of the basis, because no number depends on them."""

    def source(self, name: str) -> Source:
        """A table at the release."""
        return source(name, self.release)

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a small table at the release."""
        version = (self.release.tables if self.release else {}).get(name)
        return [] if version is None else _rows(store().url, name, version)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ground) and other.basis == self.basis

    def __hash__(self) -> int:
        return hash(self.basis)

    @property
    def people(self) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The tables that seats and trees are made of."""
        return {name: self.rows(name) for name in ("users", "positions", "position_holders", "hierarchy")}

    @property
    def now(self) -> datetime:
        """The moment up to which the facts tell: the last sync."""
        return _synced(self)

    def deals(self, ask: Ask) -> Any:
        """The states of every deal, as known now or at an earlier moment."""
        if ask.known_cutoff is None:
            return self.source("deal_states")
        return _known_states(self, ask.known_cutoff)


@lru_cache(maxsize=64)
def _rows(_url: str, name: str, version: int) -> list[dict[str, Any]]:
    return store().read(name, version=version).to_pylist()


@lru_cache(maxsize=2)
def _known_states(on: Ground, known_cutoff: datetime) -> Any:
    from closedwon.crm.rules import DEAL_STATES

    given = {name: on.source(name) for name in ("opportunities", "opportunity_changes")}
    return run(DEAL_STATES, {**given, "params": [{"known_cutoff": known_cutoff}]})


@lru_cache(maxsize=16)
def _synced(on: Ground) -> datetime:
    """When the facts came to stand as they do: the first release of the newest run of releases with the same ones."""
    at, want = timezone.now(), None
    for release in Release.objects.order_by("-id")[:500]:
        versions = {name: release.tables.get(name) for name in FEEDS}
        if want is None:
            want = {name: (on.release.tables if on.release else {}).get(name) for name in FEEDS}
        if versions == want:
            at = release.at + MICRO
        elif at is not None and on.release is not None and release.pk < on.release.pk:
            break
    return at


def ground() -> Ground:
    """The latest facts and the policies in force. Raises NotReady before the first import."""
    release = latest()
    if release is None or "deal_states" not in release.tables:
        raise NotReady("There are no deals yet.", mend="Bring some in with: closedwon import FILE --mapping MAPPING")
    versions = {name: release.tables.get(name) for name in FEEDS}
    digests = [getattr(in_force(name), "digest", "") for name in ("pipeline", "forecast")]
    settings = current().settings
    text = f"{store().url} {sorted(versions.items())} {digests} {settings.time_zone} {settings.currency} {settings.calendar}"
    basis = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Ground(release, applied("pipeline"), applied("forecast"), basis, book_in_force())


def book_in_force() -> FlagBook | None:
    """The inspection policy in force, made ready; None where none was ever applied."""
    version = in_force("inspection")
    return None if version is None else _book(value_of(version), version.digest, current().settings.currency)


_BOOKS: dict[tuple[str, str], FlagBook] = {}


def _book(policy: Any, digest: str, currency: str) -> FlagBook:
    """The same book for the same text, so that its formulas are compiled once."""
    key = (digest, currency)
    if key not in _BOOKS:
        if len(_BOOKS) > 16:
            _BOOKS.clear()
        _BOOKS[key] = FlagBook(policy, digest, currency)
    return _BOOKS[key]


def calendar() -> Calendar:
    """The company's fiscal calendar."""
    return Calendar.from_settings(current().settings.calendar)


def cutoff_of(when: date | datetime | str | None, on: Ground) -> datetime:
    """The exclusive instant that an as-of means: the close of a day, just after an instant, or the last sync for None or "now"."""
    if when is None or when in ("", "now"):
        return on.now
    if isinstance(when, str):
        try:
            when = date.fromisoformat(when) if len(when) <= 10 else datetime.fromisoformat(when)
        except ValueError as error:
            mend = "Write a day such as 2017-10-02, an instant such as 2017-10-02T09:30:00+00:00, or now."
            raise Invalid(f"{when!r} is not a day.", mend=mend) from error
    if isinstance(when, datetime):
        local = when if when.tzinfo else when.replace(tzinfo=current().zone)
        return local.astimezone(UTC) + MICRO
    if not 2 <= when.year <= 9990:
        raise Invalid(f"{when} is out of range.", mend="Choose a day of this or the last centuries.")
    return closing_cutoff(when)


def ask_for(
    on: Ground,
    *,
    as_of: date | datetime | str | None = None,
    period: str | Period | None = None,
    by_dim: str = "manager",
    type: str | None = None,  # noqa: A002 - the field's own word
    org: str = "as-was",
    rates: str = "plan",
    currency: str = "",
    known_as_of: date | datetime | str | None = None,
) -> Ask:
    """The question from what a caller says, checked. Raises Invalid with the mend."""
    if by_dim not in ("manager", "rep", *(name for name in rules.DIMENSIONS if name)):
        raise Invalid(
            f"Nothing is grouped by {by_dim!r}.", mend="Use manager, rep, segment, region, product, type, source, industry or territory."
        )
    if org not in ORGS:
        raise Invalid(f"{org!r} is no organisation.", mend="Use as-was, the organisation of that day, or as-is, today's.")
    if rates not in RATES:
        raise Invalid(f"{rates!r} is no kind of rate.", mend="Use plan or as-reported.")
    cutoff = cutoff_of(as_of, on)
    fiscal = calendar()
    found = period if isinstance(period, Period) else fiscal.period(period) if period else fiscal.period_of(closing_day(cutoff), "quarter")
    known = None if known_as_of in (None, "", "now") else cutoff_of(known_as_of, on)
    unit = (currency or current().settings.currency).upper()
    return Ask(inputs.the_type(on.policy, type), found, cutoff, by_dim, org, rates, unit, known)


def rates_of(on: Ground, ask: Ask, day: date | None = None) -> list[dict[str, Any]]:
    """Exchange rates of a question: at plan, those in force at the period's start; as reported, those of the day."""
    company = current().settings.currency
    kind = ask.type.rates if ask.rates == "plan" else RATES[ask.rates]
    at = day or ask.day
    if ask.rates == "plan" and ask.period.kind != "all":
        at = ask.period.start
    made = inputs.rate_rows(on.rows("exchange_rates"), kind, at, company, ask.currency)
    if ask.currency != company and len(made) == 1:
        raise Invalid(
            f"There is no {kind} rate from {company} to {ask.currency}.", mend="Import one into exchange_rates, or choose another currency."
        )
    return made


def organisation(on: Ground, ask: Ask) -> rules.Organisation:
    """Seats and tree of a question: of its day, or as they are today."""
    day = ask.day if ask.org == "as-was" else closing_day(on.now)
    return _organisation(on, day, ask.type.hierarchy)


@lru_cache(maxsize=128)
def _organisation(on: Ground, day: date, kind: str) -> rules.Organisation:
    return inputs.organisation(on.people, day, kind)


def policy_inputs(on: Ground, ask: Ask) -> dict[str, Any]:
    """The small tables that policies give to the rules."""
    return {
        "stages": inputs.stage_rows(on.pipeline),
        "categories": inputs.category_rows(on.policy),
        "order_types": inputs.order_type_rows(ask.type),
    }


def rollup_inputs(on: Ground, ask: Ask) -> dict[str, Any]:
    """All inputs of the roll-up's rules."""
    facts = {name: on.source(name) for name in ("opportunity_splits", *ask.shape.tables)}
    return {
        **facts,
        **policy_inputs(on, ask),
        "deal_states": on.deals(ask),
        "seats": inputs.seat_rows(organisation(on, ask)),
        "rates": rates_of(on, ask),
        "params": inputs.rollup_params(ask.type, ask.period, ask.currency, ask.cutoff, ask.day),
    }


def books_orders(on: Ground) -> bool:
    """Whether booked actuals come from accepted orders rather than from won deals."""
    told = on.pipeline.bookings.source
    return told == "orders" or (told == "auto" and _has_orders(on))


@lru_cache(maxsize=16)
def _has_orders(on: Ground) -> bool:
    version = (on.release.tables if on.release else {}).get("bookings")
    return version is not None and store().count("bookings", version) > 0


def cells(on: Ground, ask: Ask) -> list[dict[str, Any]]:
    """The question's cells: kept ready by the refresh, else asked of the facts and kept in this process."""
    ready = _ready(on).get(_key(ask)) if ask.known_cutoff is None else None
    if ready is not None:
        return ready
    return _cells(on, _plain(ask))


def _plain(ask: Ask) -> Ask:
    """The question as the facts are asked: by seat or by a dimension."""
    return replace(ask, by=ask.dimension or "manager")


@lru_cache(maxsize=256)
def _cells(on: Ground, ask: Ask) -> list[dict[str, Any]]:
    return compute_cells(on, ask)


def compute_cells(on: Ground, ask: Ask) -> list[dict[str, Any]]:
    """The question's cells, asked of the facts."""
    given = rollup_inputs(on, ask)
    made = run(rules.rollup(ask.shape), given).to_pylist()
    if books_orders(on):
        orders = {**given, "bookings": on.source("bookings"), "booking_kinds": [{"kind": kind} for kind in ask.type.booking_kinds]}
        found = run(rules.booked(ask.shape), orders).to_pylist()
        made += [{**row, "bucket": "booked", "weighted_minor": 0} for row in found]
    else:
        made += [{**row, "bucket": "booked", "weighted_minor": 0} for row in made if row["bucket"] == "closed"]
    return made


def moved(on: Ground, begin: Ask, end: Ask) -> tuple[list[dict[str, Any]], Mapping[str, tuple[str, ...]]]:
    """The movements between two questions that differ in their cutoff alone, and each place's way down the tree."""
    return _moved(on, _plain(begin), _plain(end))


@lru_cache(maxsize=64)
def _moved(on: Ground, begin: Ask, end: Ask) -> tuple[list[dict[str, Any]], Mapping[str, tuple[str, ...]]]:
    given, paths = waterfall_inputs(on, begin, end)
    return run(rules.waterfall(end.shape), given).to_pylist(), paths


def waterfall_inputs(on: Ground, begin: Ask, end: Ask) -> tuple[dict[str, Any], Mapping[str, tuple[str, ...]]]:
    """All inputs of the waterfall's rules, and each place's way down the tree."""
    found = rules.places(organisation(on, begin), organisation(on, end))
    day = end.day if end.period.kind == "all" else None
    given = {name: on.source(name) for name in ("opportunity_splits", *end.shape.tables)}
    given |= policy_inputs(on, end) | {
        "deal_states": on.deals(end),
        "seats": list(found.rows),
        "begin_rates": rates_of(on, begin, day if end.rates == "plan" else None),
        "end_rates": rates_of(on, end, day if end.rates == "plan" else None),
        "params": inputs.waterfall_params(end.type, end.period, end.currency, (begin.cutoff, begin.day), (end.cutoff, end.day)),
    }
    return given, found.paths


def _key(ask: Ask) -> tuple[str, ...]:
    return (ask.type.name, ask.period.label, ask.cutoff.isoformat(), ask.org, ask.rates, ask.currency, ask.dimension)


def mart_rows(on: Ground, ask: Ask, made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cells as rows of the mart `forecast_cells`; a question without cells leaves one empty row, so that it is known to be answered."""
    head = {
        "basis": on.basis, "type": ask.type.name, "period": ask.period.label, "as_of_at": ask.cutoff, "org": ask.org, "rates": ask.rates,
        "currency": ask.currency, "dimension": ask.dimension,
    }  # fmt: skip
    rows = [
        {**head, "place": c["place"], "bucket": c["bucket"], "amount_minor": c["amount_minor"], "weighted_minor": c["weighted_minor"]}
        for c in made
    ]
    return rows or [{**head, "place": "", "bucket": "", "amount_minor": 0, "weighted_minor": 0}]


def _ready(on: Ground) -> Mapping[tuple[str, ...], list[dict[str, Any]]]:
    version = (on.release.tables if on.release else {}).get("forecast_cells")
    return {} if version is None else _ready_at(store().url, version, on.basis)


@lru_cache(maxsize=4)
def _ready_at(_url: str, version: int, basis: str) -> Mapping[tuple[str, ...], list[dict[str, Any]]]:
    made: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in store().read("forecast_cells", version=version).to_pylist():
        if row["basis"] == basis:
            key = (row["type"], row["period"], row["as_of_at"].isoformat(), row["org"], row["rates"], row["currency"], row["dimension"])
            into = made.setdefault(key, [])
            if row["bucket"]:
                into.append(row)
    return made


def ready_count(on: Ground) -> int:
    """How many questions the mart answers on this ground."""
    return len(_ready(on))
