"""What the funnel counts besides deals: leads and their follow-up, and what campaigns cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from closedwon.base.money import muldiv
from closedwon.crm.funnel import rules
from closedwon.facts.engine import query_rows, run
from closedwon.facts.releases import source
from closedwon.people.facts import facts_rows
from closedwon.people.visibility import visible_deals

if TYPE_CHECKING:
    from closedwon.crm.funnel.reading import Ask, Ground


def more_facts(on: Ground, ask: Ask) -> list[pa.Table]:
    """Counted outcomes of leads and follow-up; nothing where no leads were given."""
    release = on.release
    if release is None or "leads" not in release.tables:
        return []
    return [run(rules.leads_counted(_shape(ask)), given(on, ask))]


def _shape(ask: Ask) -> rules.Shape:
    from closedwon.crm.funnel import reading

    return reading.shape_of(ask, reading.funnel_policy())


def given(on: Ground, ask: Ask) -> dict[str, Any]:
    """The inputs of the rules of leads. Whoever does not see everything sees the leads of their people, and of deals in sight."""
    from closedwon.crm.funnel import reading

    release, policy = on.release, reading.funnel_policy()
    ids = visible_deals(on.seen, cutoff=ask.cutoff, release=release)
    owners = reading.owners_of(ask, release)
    start, end = reading.bounds(ask.period)
    made: dict[str, Any] = {name: source(name, release) for name in ("leads", "lead_changes")}
    if ask.by.of == "person":
        made["people"] = reading.people_rows(ask, release)
    return made | {
        "dead": [{"status": name} for name in sorted(set(policy.follow_up.dead))], "seers": [{"user_id": name} for name in sorted(on.seen.person_ids)],
        "visible": pa.table({"opportunity_id": pa.array(sorted(ids or ()), pa.string())}), "owners": [{"user_id": name} for name in sorted(owners or ())],
        "params": [{
            "cutoff": ask.cutoff, "day": ask.day, "start_at": start, "end_at": end, "every_lead": on.seen.everything, "every_owner": owners is None,
            "minutes": policy.follow_up.hours * 60,
        }],
    }  # fmt: skip


def leads_page(on: Ground, ask: Ask, page: dict[str, Any], outcomes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A page of the leads behind a measure, with source, status and owner."""
    release = on.release
    if release is None or "leads" not in release.tables:
        return []
    rows = run(rules.leads_behind(_shape(ask)), {**given(on, ask), "page": [page], "outcomes": outcomes}).to_pylist()
    wanted = pa.table({"id": pa.array([row["opportunity_id"] for row in rows], pa.string())})
    tables: dict[str, Any] = {name: source(name, release) for name in ("leads", "users")}
    told = query_rows(
        "SELECT l.id, l.source, l.status, u.name AS owner FROM leads l JOIN wanted w ON w.id = l.id LEFT JOIN users u ON u.id = l.owner_id",
        {**tables, "wanted": wanted},
    )
    known = {row["id"]: row for row in told}
    return [{**row, "entered": "", "id": row["opportunity_id"], **known.get(row["opportunity_id"], {})} for row in rows]


def campaign_costs(on: Ground, ask: Ask) -> dict[str, tuple[str, int]]:
    """Each campaign's name and cost in the question's currency."""
    from closedwon.crm.funnel import reading

    rates = {row["currency"]: (row["num"], row["den"]) for row in reading.rate_rows(ask, on.release)}
    made = {}
    for row in facts_rows("campaigns", release=on.release):
        num, den = rates.get(row["currency"] or ask.currency, (0, 1))
        made[row["id"]] = (row["name"] or row["id"], muldiv(row["cost_minor"] or 0, num, den))
    return made
