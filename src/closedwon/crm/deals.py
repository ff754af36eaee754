"""Looking at deals and accounts: bounded, paged, and only what the actor may see."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
from django.core.cache import cache

from closedwon.base.errors import Invalid, NotFound
from closedwon.base.money import PPB, digits
from closedwon.base.tables import Column
from closedwon.crm.policy import PipelinePolicy
from closedwon.facts.engine import query_rows
from closedwon.facts.models import Release
from closedwon.facts.releases import latest, source
from closedwon.people.actor import Actor
from closedwon.people.facts import facts_rows
from closedwon.people.visibility import closing_cutoff, closing_day, scope, visible_deals
from closedwon.policies.actions import applied
from closedwon.workspace import current

PAGE = 50
MOST = 10_000
MOST_DIGITS = 4
"""The most decimals that a currency has."""
SORTS = {
    "name": "lower(d.name)", "account": "lower(a.name)", "owner": "lower(u.name)", "stage": "s.place", "amount": "worth__",
    "close_date": "d.close_date", "created_at": "d.created_at", "order_type": "d.order_type", "category": "category",
}  # fmt: skip
"""What a list can be sorted by, and the SQL of it."""
FILTERS = ("stage", "category", "status", "order_type", "segment", "region", "owner_id", "account_id", "currency")


@dataclass(frozen=True)
class DealQuery:
    """What to list: filters by exact value or values (a custom column as x_name), a text to find, closing dates, sorting and page.

    An empty value stands for deals that have none.
    """

    where: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    find: str = ""
    closes_from: date | None = None
    closes_to: date | None = None
    sort: str = "close_date"
    descending: bool = False
    page: int = 1
    size: int = PAGE

    def __post_init__(self) -> None:
        unknown = [name for name in self.where if name not in FILTERS and not name.startswith("x_")]
        if unknown:
            raise Invalid(f"Deals cannot be filtered by {', '.join(unknown)}.", mend=f"There are: {', '.join(FILTERS)}, and x_ columns.")
        if self.sort not in SORTS:
            raise Invalid(f"Deals cannot be sorted by {self.sort!r}.", mend=f"There are: {', '.join(SORTS)}.")
        if not (1 <= self.size <= MOST and self.page >= 1):
            raise Invalid(f"A page has 1 to {MOST:,} rows.")


@dataclass(frozen=True)
class Page:
    """One page of a list, how many rows there are in all, and which page it is.

    `amount_minor` adds up every row where all are of one currency; `choices` are the values that filters offer.
    """

    rows: list[dict[str, Any]]
    total: int
    page: int
    size: int
    amount_minor: int | None = None
    choices: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.total // self.size))


def cutoff_of(as_of: date | datetime | None) -> datetime:
    """The instant before which things have happened: a day's close, an instant itself, or now."""
    if isinstance(as_of, datetime):
        return as_of.astimezone(UTC) + timedelta(microseconds=1)
    return closing_cutoff(as_of) if as_of is not None else datetime.now(UTC)


def stage_rows(policy: PipelinePolicy) -> list[dict[str, Any]]:
    """The policy's stages as a table: stage, place, status, category, probability_ppm."""
    return [
        {"stage": s.name, "place": at, "status": s.status, "category": s.default_category, "probability_ppm": s.probability}
        for at, s in enumerate(policy.stages, 1)
    ]


STAGES = (
    Column("stage", "text"),
    Column("place", "int"),
    Column("status", "text"),
    Column("category", "text"),
    Column("probability_ppm", "int"),
)


def deal_inputs(release: Release | None, *names: str) -> dict[str, Any]:
    """The named tables at a release, and the policy's stages, as an engine takes them."""
    made: dict[str, Any] = {name: source(name, release) for name in names}
    made["stages"] = _arrow(stage_rows(applied("pipeline")), STAGES)
    return made


def _arrow(rows: list[dict[str, Any]], columns: tuple[Column, ...]) -> pa.Table:
    from closedwon.facts.arrow import rows_to_table

    return rows_to_table(rows, columns)


def visible_condition(by: Actor, cutoff: datetime, release: Release | None, org: str = "as-was") -> tuple[str, dict[str, Any]]:
    """A condition and its table that leave only the deals that `by` may see, by the organisation as it was or as it is."""
    ids = visible_deals(scope(by, cutoff=cutoff, org=org, release=release), cutoff=cutoff, release=release)
    if ids is None:
        return "TRUE", {}
    return "d.opportunity_id IN (SELECT id FROM visible)", {"visible": _arrow([{"id": i} for i in sorted(ids)], (Column("id", "text"),))}


def text_literal(value: str) -> str:
    """A text as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


SELECT = """
SELECT d.opportunity_id AS id, d.name, d.account_id, a.name AS account, d.owner_id, u.name AS owner, d.order_type, d.stage,
  COALESCE(s.status, 'open') AS status,
  COALESCE(CASE WHEN s.status IN ('won', 'lost') THEN s.category END, NULLIF(d.forecast_category, ''), s.category, 'unmapped') AS category,
  COALESCE(d.net_arr_minor, d.amount_minor) AS amount_minor, d.currency, d.close_date, d.created_at, d.segment, d.region, d.next_step
FROM deal_states d
LEFT JOIN accounts a ON a.id = d.account_id
LEFT JOIN users u ON u.id = d.owner_id
LEFT JOIN stages s ON s.stage = d.stage
"""
"""Deals with account, owner, effective status and category; a condition on `d` follows."""


def _is(name: str, value: str | Sequence[str]) -> str:
    """A condition that a column has one of the values; the empty value is for rows without one."""
    values = [value] if isinstance(value, str) else list(value)
    return f"COALESCE(CAST({_name(name)} AS VARCHAR), '') IN ({', '.join(map(text_literal, values)) or 'NULL'})"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def custom_columns(release: Release | None = None) -> list[str]:
    """The custom columns that deals carry."""
    return [column.name for column in source("opportunities", release or latest()).columns if column.name.startswith("x_")]


def deals(
    by: Actor,
    query: DealQuery,
    *,
    as_of: date | datetime | None = None,
    org: str = "as-was",
    release: Release | None = None,
    choices: Sequence[str] = (),
) -> Page:
    """The deals that `by` may see as they stood, filtered, sorted and paged; `choices` names columns whose values are wanted too."""
    release = release or latest()
    cutoff = cutoff_of(as_of)
    inputs = deal_inputs(release, "deal_states", "accounts", "users", "opportunities")
    allowed, extra = visible_condition(by, cutoff, release, org)
    inputs |= extra
    custom = custom_columns(release)
    at = f"TIMESTAMPTZ {text_literal(cutoff.isoformat())}"
    outer = [_is(name, value) for name, value in query.where.items()]
    for name in query.where:
        if name.startswith("x_") and name not in custom:
            raise Invalid(f"There is no custom column {name}.")
    if query.find:
        find = text_literal(query.find.lower())
        outer.append(
            f"(contains(lower(COALESCE(name, '')), {find}) OR contains(lower(COALESCE(account, '')), {find}) OR lower(id) = {find})"
        )
    if query.closes_from:
        outer.append(f"close_date >= DATE '{query.closes_from.isoformat()}'")
    if query.closes_to:
        outer.append(f"close_date < DATE '{query.closes_to.isoformat()}'")
    cells = "".join(f", o.{_name(name)}" for name in custom)
    select = SELECT.replace("d.next_step", f"d.next_step, s.place{cells}")
    join = "LEFT JOIN opportunities o ON o.id = d.opportunity_id" if custom else ""
    seen = f"{select} {join} WHERE d.valid_from < {at} AND d.valid_until >= {at} AND NOT d.is_deleted AND {allowed}"
    base = (
        f"SELECT seen__.*, CAST(seen__.amount_minor AS HUGEINT) * COALESCE(worth.weight, 1) AS worth__ FROM ({seen}) AS seen__ "
        f"LEFT JOIN (SELECT currency AS code__, weight FROM worth) AS worth ON worth.code__ = seen__.currency WHERE {' AND '.join(outer) or 'TRUE'}"
    )
    inputs["worth"] = _worth(closing_day(cutoff), release)
    order = SORTS[query.sort].replace("d.", "").replace("a.name", "account").replace("u.name", "owner").replace("s.place", "place")
    way = "DESC" if query.descending else "ASC"
    rows = query_rows(
        f"WITH found AS ({base}) SELECT * EXCLUDE (worth__), COUNT(*) OVER () AS total, SUM(amount_minor) OVER () AS sum__, "
        f"MIN(currency) OVER () = MAX(currency) OVER () AS same__ FROM found ORDER BY {order} {way} NULLS LAST, id "
        f"LIMIT {query.size} OFFSET {(query.page - 1) * query.size}",
        inputs,
    )
    first: dict[str, Any] = rows[0] if rows else {"total": 0, "sum__": None, "same__": False}
    amount = int(first["sum__"]) if first["same__"] and first["sum__"] is not None else None
    return Page(
        rows,
        first["total"],
        query.page,
        query.size,
        amount,
        _choices(seen, choices, inputs, (release.pk if release else 0, by.name, as_of, org)),
    )


def _worth(day: date, release: Release | None) -> pa.Table:
    """What a minor unit of each currency weighs in the company's, by the plan rate of a day: for sorting alone, so that currencies compare."""
    target = current().settings.currency
    rows = {target: PPB * 10 ** (MOST_DIGITS - digits(target))}
    for row in facts_rows("exchange_rates", release=release):
        holds = row["since"] <= day and (row["until"] is None or day < row["until"])
        if str(row["kind"]).startswith("plan") and row["to_currency"] == target and holds:
            rows[row["currency"]] = int(row["rate_ppb"]) * 10 ** (MOST_DIGITS - digits(row["currency"]))
    return _arrow(
        [{"currency": code, "weight": weight} for code, weight in sorted(rows.items())],
        (Column("currency", "text"), Column("weight", "int")),
    )


def _choices(seen: str, names: Sequence[str], inputs: dict[str, Any], key: tuple[Any, ...]) -> dict[str, list[str]]:
    """The values of some columns, at most sixty each; kept for ten minutes, for a release, a person and an as-of."""
    if not names:
        return {}
    kept = "crm-choices-" + hashlib.sha256(repr((current().path, key, names)).encode()).hexdigest()
    if (known := cache.get(kept)) is not None:
        return dict(known)
    parts = [
        f"(SELECT {text_literal(name)} AS of, COALESCE(CAST({_name(name)} AS VARCHAR), '') AS one FROM seen GROUP BY 2 ORDER BY COUNT(*) DESC, 2 LIMIT 60)"
        for name in names
    ]
    rows = query_rows(f"WITH seen AS MATERIALIZED ({seen}) SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY 1, 2", inputs)
    made: dict[str, list[str]] = {name: [] for name in names}
    for row in rows:
        made[row["of"]].append(row["one"])
    cache.set(kept, made, 600)
    return made


def deal(by: Actor, deal_id: str, *, as_of: date | datetime | None = None, org: str = "as-was") -> dict[str, Any]:
    """One deal with its account, owner, splits, team, lines, contacts and every change. Raises NotFound where `by` may not see it."""
    release = latest()
    cutoff = cutoff_of(as_of)
    inputs = deal_inputs(
        release, "deal_states", "accounts", "users", "opportunities", "opportunity_changes", "opportunity_splits", "opportunity_team",
        "line_items", "products", "opportunity_contacts", "contacts", "activities", "bookings",
    )  # fmt: skip
    allowed, extra = visible_condition(by, cutoff, release, org)
    inputs |= extra
    at, key = f"TIMESTAMPTZ {text_literal(cutoff.isoformat())}", text_literal(deal_id)
    found = query_rows(f"{SELECT} WHERE d.opportunity_id = {key} AND {allowed} AND d.valid_from < {at} AND d.valid_until >= {at}", inputs)
    if not found:
        raise NotFound(f"There is no deal {deal_id}, or you may not see it.")
    made = found[0]
    own = query_rows(f"SELECT * FROM opportunities WHERE id = {key}", inputs)
    made["record"] = own[0] if own else {}
    made["custom"] = {k.removeprefix("x_").replace("_", " "): v for k, v in made["record"].items() if k.startswith("x_") and v is not None}
    made["changes"] = query_rows(
        f"SELECT c.at, c.field, COALESCE(o.name, c.old_value) AS old_value, COALESCE(n.name, c.new_value) AS new_value, "
        f"COALESCE(u.name, c.changed_by) AS changed_by, c.known_at, c.is_reconstructed FROM opportunity_changes c "
        f"LEFT JOIN users u ON u.id = c.changed_by LEFT JOIN users o ON c.field = 'owner_id' AND o.id = c.old_value "
        f"LEFT JOIN users n ON c.field = 'owner_id' AND n.id = c.new_value WHERE c.id = {key} AND c.at < {at} "
        f"AND c.field NOT IN ('is_closed', 'is_won') ORDER BY c.at DESC, c.seq DESC, c.field LIMIT 500",
        inputs,
    )
    made["splits"] = query_rows(
        f"SELECT u.name, s.user_id, s.split_type, s.share_ppm, s.is_overlay, s.since, s.until FROM opportunity_splits s "
        f"LEFT JOIN users u ON u.id = s.user_id WHERE s.opportunity_id = {key} ORDER BY s.since, s.is_overlay, s.user_id",
        inputs,
    )
    made["team"] = query_rows(
        f"SELECT u.name, t.user_id, t.role, t.since, t.until FROM opportunity_team t LEFT JOIN users u ON u.id = t.user_id "
        f"WHERE t.opportunity_id = {key} ORDER BY t.since, t.user_id",
        inputs,
    )
    made["lines"] = query_rows(
        f"SELECT p.name AS product, l.* EXCLUDE (source) FROM line_items l LEFT JOIN products p ON p.id = l.product_id "
        f"WHERE l.opportunity_id = {key} ORDER BY l.id",
        inputs,
    )
    made["contacts"] = query_rows(
        f"SELECT c.first_name, c.last_name, c.title, o.role, o.is_primary FROM opportunity_contacts o JOIN contacts c ON c.id = o.contact_id "
        f"WHERE o.opportunity_id = {key} ORDER BY o.is_primary DESC, c.last_name, c.first_name",
        inputs,
    )
    made["activities"] = query_rows(
        f"SELECT x.type, x.at, x.direction, x.outcome, u.name AS person FROM activities x LEFT JOIN users u ON u.id = x.user_id "
        f"WHERE x.opportunity_id = {key} AND x.at < {at} ORDER BY x.at DESC LIMIT 50",
        inputs,
    )
    made["bookings"] = query_rows(
        f"SELECT order_id, line, kind, booked_on, net_arr_minor, tcv_minor, currency, reverses FROM bookings "
        f"WHERE opportunity_id = {key} ORDER BY booked_on, order_id, line",
        inputs,
    )
    return made


def accounts(by: Actor, *, find: str = "", page: int = 1, size: int = PAGE, as_of: date | None = None, org: str = "as-was") -> Page:
    """Accounts with their open and won deals, of the deals that `by` may see; those who see everything see accounts without deals too.

    A parent is named where it is in sight itself.
    """
    release = latest()
    cutoff = cutoff_of(as_of)
    inputs = deal_inputs(release, "deal_states", "accounts", "users")
    allowed, extra = visible_condition(by, cutoff, release, org)
    inputs |= extra
    at = f"TIMESTAMPTZ {text_literal(cutoff.isoformat())}"
    seen = f"d.valid_from < {at} AND d.valid_until >= {at} AND NOT d.is_deleted AND {allowed}"
    join = "LEFT JOIN" if allowed == "TRUE" else "JOIN"
    name = f"WHERE contains(lower(COALESCE(a.name, '')), {text_literal(find.lower())})" if find else ""
    text = (
        f"WITH mine AS (SELECT d.account_id, COUNT(*) FILTER (COALESCE(s.status, 'open') = 'open') AS open_deals, "
        f"COUNT(*) FILTER (s.status = 'won') AS won_deals, MAX(d.close_date) FILTER (s.status = 'won') AS last_won "
        f"FROM deal_states d LEFT JOIN stages s ON s.stage = d.stage WHERE {seen} AND d.account_id IS NOT NULL GROUP BY 1) "
        f"SELECT a.id, a.name, a.industry, a.segment, a.region, a.country, a.employees, u.name AS owner, p.name AS parent, "
        f"COALESCE(m.open_deals, 0) AS open_deals, COALESCE(m.won_deals, 0) AS won_deals, m.last_won, COUNT(*) OVER () AS total "
        f"FROM accounts a {join} mine m ON m.account_id = a.id LEFT JOIN users u ON u.id = a.owner_id "
        f"LEFT JOIN accounts p ON p.id = a.parent_id{_in_sight('p', allowed)} {name} ORDER BY open_deals DESC, lower(a.name), a.id LIMIT {size} OFFSET {(page - 1) * size}"
    )
    rows = query_rows(text, inputs)
    return Page(rows, rows[0]["total"] if rows else 0, page, size)


def _in_sight(account: str, allowed: str) -> str:
    """A condition that somebody who does not see everything sees a deal of an account; `mine` holds the accounts of such deals."""
    return "" if allowed == "TRUE" else f" AND {account}.id IN (SELECT account_id FROM mine)"


def account(by: Actor, account_id: str, *, as_of: date | None = None, org: str = "as-was") -> dict[str, Any]:
    """One account, its family in sight, and the deals on it that `by` may see. Raises NotFound where they may see none, unless they see everything."""
    release, cutoff = latest(), cutoff_of(as_of)
    inputs = deal_inputs(release, "deal_states", "accounts", "users", "contacts", "contracts")
    allowed, extra = visible_condition(by, cutoff, release, org)
    inputs |= extra
    at, key = f"TIMESTAMPTZ {text_literal(cutoff.isoformat())}", text_literal(account_id)
    mine = (
        f"WITH mine AS (SELECT DISTINCT d.account_id FROM deal_states d WHERE d.valid_from < {at} AND d.valid_until >= {at} "
        f"AND NOT d.is_deleted AND {allowed} AND d.account_id IS NOT NULL)"
    )
    found = query_rows(
        f"{mine} SELECT a.*, u.name AS owner, p.id AS parent_in_sight, p.name AS parent FROM accounts a LEFT JOIN users u ON u.id = a.owner_id "
        f"LEFT JOIN accounts p ON p.id = a.parent_id{_in_sight('p', allowed)} WHERE a.id = {key}{_in_sight('a', allowed)}",
        inputs,
    )
    if not found:
        raise NotFound(f"There is no account {account_id}, or you may not see it.")
    made = found[0]
    made["parent_id"] = made.pop("parent_in_sight")
    mine_only = DealQuery(where={"account_id": account_id}, sort="close_date", descending=True, size=500)
    made["deals"] = deals(by, mine_only, as_of=as_of, org=org).rows
    made["contracts"] = query_rows(
        f"SELECT id, start_date, end_date, notice_by, auto_renew, arr_at_end_minor, currency, cancelled_at FROM contracts "
        f"WHERE account_id = {key} ORDER BY end_date DESC",
        inputs,
    )
    made["children"] = query_rows(
        f"{mine} SELECT a.id, a.name FROM accounts a WHERE a.parent_id = {key}{_in_sight('a', allowed)} ORDER BY a.name LIMIT 100", inputs
    )
    made["custom"] = {k.removeprefix("x_").replace("_", " "): v for k, v in made.items() if k.startswith("x_") and v is not None}
    return made


MOVES = ("stage", "forecast_category", "amount_minor", "close_date")


def moved(by: Actor, *, as_of: date | datetime | None = None, back: timedelta, limit: int) -> list[dict[str, Any]]:
    """The deals that `by` may see and that moved since a day before the as-of day, largest first, each with its changes as one."""
    release = latest()
    cutoff = cutoff_of(as_of)
    since = closing_cutoff(closing_day(cutoff) - back) - back
    inputs = deal_inputs(release, "deal_states", "opportunity_changes", "users")
    allowed, extra = visible_condition(by, cutoff, release)
    inputs |= extra
    at, start = f"TIMESTAMPTZ {text_literal(cutoff.isoformat())}", f"TIMESTAMPTZ {text_literal(since.isoformat())}"
    fields = ", ".join(map(text_literal, MOVES))
    rows = query_rows(
        f"WITH d AS (SELECT * FROM deal_states d WHERE d.valid_from < {at} AND d.valid_until >= {at} AND NOT d.is_deleted AND {allowed}), "
        f"c AS (SELECT c.* FROM opportunity_changes c WHERE c.at >= {start} AND c.at < {at} AND c.field IN ({fields})), "
        f"top AS (SELECT d.opportunity_id FROM d JOIN c ON c.id = d.opportunity_id GROUP BY 1 "
        f"ORDER BY MAX(abs(COALESCE(d.net_arr_minor, d.amount_minor, 0))) DESC, 1 LIMIT {limit}) "
        f"SELECT d.opportunity_id AS id, d.name, d.currency, c.at, c.field, c.old_value, c.new_value, COALESCE(u.name, c.changed_by) AS changed_by "
        f"FROM top t JOIN d ON d.opportunity_id = t.opportunity_id JOIN c ON c.id = d.opportunity_id LEFT JOIN users u ON u.id = c.changed_by "
        f"ORDER BY c.at DESC, c.seq DESC, c.field",
        inputs,
    )
    made: dict[str, dict[str, Any]] = {}
    for row in rows:
        item = made.setdefault(row["id"], {**row, "changes": []})
        item["changes"].append((row["field"], row["old_value"], row["new_value"]))
    return list(made.values())
