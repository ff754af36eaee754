"""What is asked of the funnel, and the facts and policies that the answer stands on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import pyarrow as pa
from django.utils import timezone

from closedwon.base.calendar import ALL as EVER
from closedwon.base.calendar import Calendar, Period
from closedwon.base.errors import Invalid, NotReady
from closedwon.base.policytext import load_text
from closedwon.base.rates import ratios
from closedwon.crm.funnel import rules
from closedwon.crm.funnel.counted import Counted
from closedwon.crm.funnel.policy import FunnelPolicy
from closedwon.crm.funnel.reading_leads import more_facts
from closedwon.crm.funnel.rules import Dimension, Shape
from closedwon.crm.policy import PipelinePolicy
from closedwon.facts.engine import query_rows, run
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, source
from closedwon.facts.store import store
from closedwon.people.actor import Actor
from closedwon.people.facts import facts_rows
from closedwon.people.visibility import Scope, closing_cutoff, closing_day, scope, seating_at, visible_deals
from closedwon.policies.actions import applied, in_force
from closedwon.policies.registry import kind
from closedwon.workspace import current

MICRO = timedelta(microseconds=1)
NAMED = {
    "segment": Dimension("segment", "both", "segment"), "region": Dimension("region", "both", "region"), "product": Dimension("product", "product", ""),
    "order_type": Dimension("order_type", "deal", "order_type"), "type": Dimension("order_type", "deal", "order_type"),
    "owner": Dimension("owner", "person", "label"), "manager": Dimension("manager", "person", "label"), "source": Dimension("source", "deal", "source"),
}  # fmt: skip
"""The dimensions that every company has."""
NOTHING = Dimension()
"""No split."""
FEEDS = ("deal_states", "accounts", "opportunities", "users", "positions", "position_holders", "hierarchy", "exchange_rates", "opportunity_splits",
         "opportunity_team", "account_team", "leads", "lead_changes", "campaigns")  # fmt: skip


@dataclass(frozen=True)
class Ask:
    """One question: the period, the moment, what to split by, the organisation, the currency, and the node in scope."""

    period: Period
    cutoff: datetime
    by: Dimension = NOTHING
    org: str = "as-was"
    currency: str = ""
    node: str = ""
    rates: str = "plan"

    @property
    def day(self) -> date:
        """The company's day that closes at the cutoff, or during which it falls."""
        return closing_day(self.cutoff)


@dataclass(frozen=True)
class Ground:
    """What an answer stands on: one release of the facts, the policies in force, and what may be seen."""

    basis: str
    seen: Scope
    release_id: int

    @property
    def release(self) -> Release | None:
        """The release of the facts."""
        found = latest()
        return found if found is not None and found.pk == self.release_id else Release.objects.filter(pk=self.release_id).first()


def funnel_policy() -> FunnelPolicy:
    """The funnel policy in force; the shipped one in a workspace that has none yet."""
    if in_force("funnel") is not None:
        found: FunnelPolicy = applied("funnel")
        return found
    shipped, _ = load_text(kind("funnel").default_text() or "", FunnelPolicy)
    if shipped is None:
        raise Invalid("The shipped funnel policy cannot be read.")
    return shipped


def pipeline_policy() -> PipelinePolicy:
    """The pipeline policy in force."""
    found: PipelinePolicy = applied("pipeline")
    return found


def calendar() -> Calendar:
    """The company's fiscal calendar."""
    return Calendar.from_settings(current().settings.calendar)


def ground(by: Actor, ask: Ask) -> Ground:
    """What the answer for somebody stands on. Raises NotReady before the first import."""
    release = latest()
    if release is None or "deal_states" not in release.tables:
        raise NotReady("There are no deals yet.", mend="Bring some in with: closedwon import FILE --mapping MAPPING")
    seen = scope(by, cutoff=ask.cutoff, org=ask.org, release=release)
    versions = {name: release.tables.get(name) for name in FEEDS}
    digests = [getattr(in_force(name), "digest", "") for name in ("pipeline", "funnel")]
    settings = current().settings
    text = f"{store().url} {sorted(versions.items())} {digests} {settings.time_zone} {settings.currency} {settings.calendar}"
    return Ground(hashlib.sha256(text.encode()).hexdigest()[:16], seen, release.pk)


def ask_for(
    *,
    period: str | Period | None = None,
    as_of: date | datetime | str | None = None,
    by_dim: str = "",
    org: str = "as-was",
    currency: str = "",
    node: str = "",
    rates: str = "plan",
) -> Ask:
    """The question from what a caller says, checked. Raises Invalid with the mend."""
    if org not in ("as-was", "as-is"):
        raise Invalid(f"{org!r} is no organisation.", mend="Use as-was, the organisation of that day, or as-is, today's.")
    if rates not in ("plan", "as-reported"):
        raise Invalid(f"{rates!r} is no kind of rate.", mend="Use plan or as-reported.")
    cutoff = _cutoff(as_of)
    found = (
        period
        if isinstance(period, Period)
        else calendar().period(period)
        if period
        else calendar().period_of(closing_day(cutoff), "quarter")
    )
    unit = (currency or current().settings.currency).upper()
    return Ask(found, cutoff, dimension(by_dim), org, unit, node, rates)


def _cutoff(when: date | datetime | str | None) -> datetime:
    """The exclusive instant that an as-of means; without one the last release of the facts."""
    if when is None or when in ("", "now"):
        release = latest()
        return release.at + MICRO if release is not None else timezone.now()
    if isinstance(when, str):
        try:
            when = date.fromisoformat(when) if len(when) <= 10 else datetime.fromisoformat(when)
        except ValueError as error:
            raise Invalid(
                f"{when!r} is not a day.", mend="Write a day such as 2017-10-02, an instant such as 2017-10-02T09:30:00+00:00, or now."
            ) from error
    if isinstance(when, datetime):
        local = when if when.tzinfo else when.replace(tzinfo=current().zone)
        return local.astimezone(UTC) + MICRO
    if not 2 <= when.year <= 9990:
        raise Invalid(f"{when} is out of range.", mend="Choose a day of this or the last centuries.")
    return closing_cutoff(when)


def dimensions() -> dict[str, Dimension]:
    """Everything that the funnel can be split by, by name: the named ones, the policy's, then columns of deals, of accounts, and custom ones."""
    release = latest()
    made = dict(NAMED)
    deals = {column.name for column in source("deal_states", release).columns if column.type in ("text", "bool", "int")}
    own = {column.name for column in source("opportunities", release).columns if column.name.startswith("x_")}
    accounts = {column.name for column in source("accounts", release).columns}
    plain = {
        name: Dimension(name, "deal", name) for name in sorted(deals) if not name.endswith(("_minor", "_ppm")) and name not in _NOT_SPLIT
    }
    of_accounts = {
        name: Dimension(name, "account", name) for name in sorted(accounts) if not name.startswith("x_") and name not in _NOT_SPLIT
    }
    custom = {name: Dimension(name, "own", name) for name in sorted(own)}
    account_custom = {name: Dimension(name, "account", name) for name in sorted(accounts) if name.startswith("x_")}
    for more in (custom, account_custom, plain, of_accounts):
        made |= {name: one for name, one in more.items() if name not in made and re.fullmatch(r"\w{1,80}", name)}
    for one in funnel_policy().dimensions:
        target = made.get(one.column) or made.get(f"x_{one.column}")
        if target is not None and one.name not in made:
            made[one.name] = replace(target, name=one.name)
    return made


_NOT_SPLIT = {"name", "opportunity_id", "stage", "is_closed", "is_won", "is_deleted", "is_reconstructed", "id", "next_step", "created_at", "deleted_at",
              "latitude", "longitude", "annual_revenue_minor", "domain"}  # fmt: skip


def dimension(name: str) -> Dimension:
    """The dimension of that name, a custom column with or without its x_. Raises Invalid with the names there are."""
    if not name:
        return Dimension()
    known = dimensions()
    found = known.get(name) or known.get(name.lower()) or known.get(f"x_{name.removeprefix('x_')}") or known.get(f"x_{name.lower()}")
    if found is None:
        raise Invalid(f"The funnel is not split by {name!r}.", mend=f"There are: {', '.join(sorted(known))}.")
    return replace(found, name=name)


def stage_rows(pipeline: PipelinePolicy, policy: FunnelPolicy) -> list[dict[str, Any]]:
    """The stages with their place, and from which on a deal is pipeline and its value is taken. Raises Invalid for a stage that is not there."""
    opens = [stage.name for stage in pipeline.stages if stage.status == "open"]
    for name in (policy.pipeline_from, policy.value_from):
        if name and name not in opens:
            raise Invalid(
                f"The funnel policy names the stage {name}, which is no open stage of the pipeline.", mend=f"There are: {', '.join(opens)}."
            )
    first = {name: opens.index(name) if name else 0 for name in (policy.pipeline_from, policy.value_from)}
    rows = []
    for place, stage in enumerate(pipeline.stages, 1):
        at = opens.index(stage.name) if stage.status == "open" else -1
        counts = at >= first[policy.pipeline_from] if policy.pipeline_from else stage.default_category != "omitted"
        rows.append(
            {
                "stage": stage.name,
                "status": stage.status,
                "place": place,
                "is_pipeline": counts,
                "is_valued": at >= first[policy.value_from],
            }
        )
    return rows


def order_type_rows(policy: FunnelPolicy) -> list[dict[str, Any]]:
    """The order types that the policy names, or excepts."""
    return [{"order_type": name} for name in sorted({*policy.counts.order_types, *policy.counts.except_order_types})]


def reason_rows(policy: FunnelPolicy) -> list[dict[str, Any]]:
    """Reasons for a loss that count in another way."""
    counts = policy.counts
    made = {name.lower(): "nothing" for name in counts.except_loss_reasons} | {name.lower(): "no_decision" for name in counts.no_decision}
    return [{"reason": reason, "counts_as": how} for reason, how in sorted(made.items())]


def exit_rows(policy: FunnelPolicy) -> list[dict[str, Any]]:
    """Which fields each stage asks for when a deal leaves it."""
    return [{"stage": one.stage, "field": name} for one in policy.exits for name in dict.fromkeys(one.fields)]


def quarter_rows(period: Period, day: date) -> list[dict[str, Any]]:
    """Calendar quarters around a period: a push is a move of the close date into a later one."""
    first = max(2, (day.year - 12 if period.kind == "all" else period.start.year) - 6)
    last = min(9990, max(day.year, day.year if period.kind == "all" else period.end.year) + 6)
    plain = Calendar()
    return [{"starts": span.start, "ends": span.end} for year in range(first, last + 1) for span in plain.quarters(year)]


def zone_minutes(day: date) -> int:
    """How far the company's day is from UTC's: the largest offset of the year, so that a day's first instant is in it all year long."""
    zone = current().zone
    offsets = [datetime(day.year, month, 15, tzinfo=zone).utcoffset() or timedelta() for month in range(1, 13)]
    return int(max(offsets).total_seconds() // 60)


def shape_of(ask: Ask, policy: FunnelPolicy) -> Shape:
    """What of the question and the policy goes into the text of the rules."""
    return Shape(tuple(policy.measure), ask.by, zone_minutes(ask.day))


def given(on: Ground, ask: Ask) -> dict[str, Any]:
    """All inputs of the funnel's rules."""
    policy, pipeline, release = funnel_policy(), pipeline_policy(), on.release
    shape = shape_of(ask, policy)
    made: dict[str, Any] = {name: source(name, release) for name in ("deal_states", *shape.dimension.inputs) if name != "people"}
    if "people" in shape.dimension.inputs:
        made["people"] = people_rows(ask, release)
    ids = visible_deals(on.seen, cutoff=ask.cutoff, release=release)
    owners = owners_of(ask, release)
    start, end = bounds(ask.period)
    made |= {
        "stages": stage_rows(pipeline, policy), "order_types": order_type_rows(policy), "reasons": reason_rows(policy), "rates": rate_rows(ask, release),
        "left_out": [{"source": name.lower()} for name in sorted(set(policy.counts.except_sources))], "quarters": quarter_rows(ask.period, ask.day), "exits": exit_rows(policy),
        "visible": pa.table({"opportunity_id": pa.array(sorted(ids or ()), pa.string())}), "owners": [{"user_id": name} for name in sorted(owners or ())],
        "params": [{
            "cutoff": ask.cutoff, "day": ask.day, "start_at": start, "end_at": end, "start_day": ask.period.start, "end_day": ask.period.end,
            "seen_until": min(end, ask.cutoff), "currency": ask.currency, "named": bool(policy.counts.order_types), "untyped": policy.counts.untyped,
            "every_deal": ids is None, "every_owner": owners is None, "least_minor": 0,
        }],
    }  # fmt: skip
    return made


def bounds(period: Period) -> tuple[datetime, datetime]:
    """The instants between which a period lies."""
    if period.kind == "all":
        return datetime(2, 1, 1, tzinfo=UTC), datetime(9990, 1, 1, tzinfo=UTC)
    return closing_cutoff(period.start - timedelta(days=1)), closing_cutoff(period.last)


def rate_rows(ask: Ask, release: Release | None) -> list[dict[str, Any]]:
    """Exchange rates: at plan those in force at the period's start, as reported the market's of the as-of day. Raises Invalid without any."""
    company = current().settings.currency
    named = "plan" if ask.rates == "plan" else "market"
    day = ask.period.start if ask.rates == "plan" and ask.period.kind != "all" else ask.day
    made = ratios(facts_rows("exchange_rates", release=release), named, day, company, ask.currency)
    if ask.currency != company and len(made) == 1:
        raise Invalid(
            f"There is no {named} rate from {company} to {ask.currency}.",
            mend="Import one into exchange_rates, or choose another currency.",
        )
    return made


def owners_of(ask: Ask, release: Release | None) -> frozenset[str] | None:
    """The persons whose deals are in the question's scope; None is everybody."""
    if not ask.node:
        return None
    there = seating_at(_org_day(ask), release)
    return there.owners(there.below([ask.node]))


def _org_day(ask: Ask) -> date:
    return ask.day if ask.org == "as-was" else closing_day(None)


def people_rows(ask: Ask, release: Release | None) -> list[dict[str, Any]]:
    """Each person's name, or that of whoever sits above them: two of one name are told apart by their ids."""
    people = facts_rows("users", ("id", "name", "manager_id"), release=release)
    shown = {row["id"]: row["name"] or row["id"] for row in people}
    twice = {name for name in shown.values() if list(shown.values()).count(name) > 1} if len(set(shown.values())) < len(shown) else set()
    label = {person: f"{name} ({person})" if name in twice else name for person, name in shown.items()}
    if ask.by.name == "owner":
        return [{"user_id": person, "label": name} for person, name in sorted(label.items())]
    there = seating_at(_org_day(ask), release)
    sits: dict[str, list[str]] = {}
    for person, seats in there.holders.items():
        for seat in seats:
            sits.setdefault(seat, []).append(person)
    made = []
    for person in sorted(label):
        seat = there.owner_seat.get(person, "")
        path = there.tree.path(seat) if seat else ()
        above = [one for one in reversed(path) if one != seat]
        heads = sorted(sits.get(above[0], [])) if above else []
        made.append({"user_id": person, "label": label.get(heads[0], heads[0]) if heads else (above[0] if above else "none")})
    return made


@lru_cache(maxsize=48)
def counted(on: Ground, ask: Ask) -> Counted:
    """The counted outcomes of a question; kept in this process for a ground and a question."""
    found = run(rules.counted(shape_of(ask, funnel_policy())), given(on, ask))
    return Counted(pa.concat_tables([found, *more_facts(on, ask)]))


def open_stages() -> list[str]:
    """The open stages in order."""
    return [stage.name for stage in pipeline_policy().stages if stage.status == "open"]


def shown_stages(found: Counted) -> list[str]:
    """The open stages that anybody entered, in the policy's order, those that it does not know last."""
    known = open_stages()
    there = found.stages("stage") | found.stages("visit") | found.stages("exit")
    return [name for name in known if name in there] + sorted(there - set(known))


def names_of(ids: Sequence[str], on: Ground, cutoff: datetime) -> dict[str, dict[str, Any]]:
    """Name, account, owner, stage, currency and close date of deals, as they stood."""
    wanted = pa.table({"id": pa.array(list(ids), pa.string())})
    tables: dict[str, Any] = {name: source(name, on.release) for name in ("deal_states", "accounts", "users")}
    rows = query_rows(
        "SELECT d.opportunity_id AS id, d.name, d.account_id, a.name AS account, u.name AS owner, d.stage, d.close_date, d.created_at FROM deal_states d "
        "JOIN wanted w ON w.id = d.opportunity_id LEFT JOIN accounts a ON a.id = d.account_id LEFT JOIN users u ON u.id = d.owner_id "
        f"WHERE d.valid_from < TIMESTAMPTZ '{cutoff.isoformat()}' AND d.valid_until >= TIMESTAMPTZ '{cutoff.isoformat()}'",
        {**tables, "wanted": wanted},
    )
    return {row["id"]: row for row in rows}


__all__ = [
    "EVER",
    "Ask",
    "Ground",
    "ask_for",
    "bounds",
    "calendar",
    "counted",
    "dimension",
    "dimensions",
    "funnel_policy",
    "given",
    "ground",
]
